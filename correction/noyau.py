"""Exécuter les notebooks d'une copie dans des noyaux Jupyter : le programme de l'enfant.

python -m correction.noyau ORDRE.json RESULTAT.json JOURNAL
"""

import ast
import contextlib
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

from correction import RACINE, limites, notebook
from correction.cellules_sautees import raison_de_sauter
from correction.lecture.syntaxe import arbre

EXPORTER = (Path(__file__).with_name("gabarits") / "exporter.py").read_text(encoding="utf-8")

ADRESSAGE = 9 * limites.GO  # d'une cellule seule (RLIMIT_AS)
FICHIER_MAX = 1_000_000_000
REPRISES = 2  # fois où l'on recommence sans la cellule qui a tué le noyau


def _notebook_a_executer(chemin, sautees, valeurs, questions):
    """Notebook nbformat 4 fait des seules cellules de code, remis en état ; rend aussi les raisons.

    Après chaque cellule qui appelle `verifier`, une cellule de plus met de côté, sous `valeurs`, les variables
    que la question regarde (`questions`). `metadata["rang"]` : le rang de la cellule d'origine.
    """
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    cellules, raisons = [], {}
    for rang, cellule in enumerate(notebook.lire(chemin)["cellules"], start=1):
        source = cellule["source"]
        raison = sautees.get(rang) or raison_de_sauter(source)
        if raison:
            raisons[rang] = raison
            source = "pass"
        source = re.sub(
            r"^(\s*)[!%](?:pip|conda|apt|apt-get|sudo|rm)\b.*$",
            r"\1pass",
            source,
            flags=re.MULTILINE,
        )
        cellules.append(new_code_cell(source, metadata={"rang": rang}))
        for cle in _questions(source):
            if cle in questions:
                dossier, labos = str(Path(valeurs) / cle), str(RACINE / "analyse_image")
                arguments = f"{dossier!r}, {questions[cle]!r}, globals(), {labos!r}"
                mettre = f"{EXPORTER}\n\n_mettre_de_cote({arguments})\ndel _mettre_de_cote"
                cellules.append(new_code_cell(mettre, metadata={"rang": rang, "cachee": True}))
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.from_dict(new_notebook(cells=cellules, metadata=metadata)), raisons


def _questions(source):
    """Questions que pose une cellule, d'après ses appels (ni ses commentaires, ni ses textes)."""
    module, _ = arbre(source)
    appels = [n for n in ast.walk(module) if isinstance(n, ast.Call)] if module else []
    noms = [(getattr(a.func, "attr", getattr(a.func, "id", "")), a.args) for a in appels]
    return [
        a.value
        for nom, args in noms
        for a in args
        if nom == "verifier" and isinstance(a, ast.Constant) and isinstance(a.value, str)
    ]


def executer_un(chemin, journal, duree, duree_cellule, valeurs, questions):
    """Exécute un notebook en `duree` secondes au plus et rend ce qui s'est passé.

    Une cellule qui tue le noyau est sautée à l'essai suivant (`REPRISES` au plus).
    """
    echeance = time.monotonic() + duree
    sautees, restes = {}, set()
    for essai in range(REPRISES + 1):
        nb, raisons = _notebook_a_executer(chemin, sautees, valeurs, questions)
        mort, rang = _essayer(nb, chemin.parent, journal, echeance, duree_cellule, restes)
        if not mort or not rang or essai == REPRISES or time.monotonic() > echeance - 20:
            break
        sautees[rang] = mort
    resultat = _bilan(nb, raisons, duree_cellule)
    if restes:
        noms = ", ".join(sorted(restes))
        resultat["remarques"].append(
            f"Programmes laissés en marche par le notebook, arrêtés : {noms}."
        )
    if mort:
        resultat["remarques"].append(
            f"Cellule de code {rang} : {mort}. La suite n'a pas été exécutée."
        )
        resultat["complet"] = False
    return resultat


def _essayer(nb, dossier, journal, echeance, duree_cellule, restes):
    """Exécute `nb` ; rend (ce qui a tué le noyau ou « », rang de la cellule en cours)."""
    import nbclient

    rang = 0

    def suivre(cell, cell_index):
        nonlocal rang
        rang = cell["metadata"]["rang"]
        with contextlib.suppress(OSError):
            os.utime(journal)

    client = nbclient.NotebookClient(
        nb,
        timeout=1,
        timeout_func=lambda cell: max(1, int(min(duree_cellule, echeance - time.monotonic()))),
        startup_timeout=120,
        kernel_name="python3",
        km=_noyau(),
        extra_arguments=["--log-level=CRITICAL"],
        allow_errors=True,
        interrupt_on_timeout=True,
        record_timing=False,
        resources={"metadata": {"path": str(dossier)}},
        on_cell_execute=suivre,
    )
    try:
        _derouler(client, restes)
    except nbclient.exceptions.DeadKernelError:
        return "tue le noyau Python", rang
    except nbclient.exceptions.CellTimeoutError:
        return f"ne finit pas en {duree_cellule} s et ne s'interrompt pas", rang
    except (RuntimeError, OSError, ValueError) as erreur:
        return f"arrête l'exécution ({type(erreur).__name__})", rang
    return "", rang


def _noyau():
    """Gestionnaire d'un noyau python3 joint par des sockets de fichiers : il marche sans aucun réseau."""
    from jupyter_client.manager import AsyncKernelManager

    if os.name != "posix":
        return AsyncKernelManager(kernel_name="python3")
    # Un chemin court : le système borne à une centaine de caractères celui d'une socket.
    os.makedirs(os.environ["JUPYTER_RUNTIME_DIR"], exist_ok=True)
    dossier = tempfile.mkdtemp(prefix="n-", dir=os.environ["JUPYTER_RUNTIME_DIR"])
    fichier, prefixe = os.path.join(dossier, "n.json"), os.path.join(dossier, "n")
    return AsyncKernelManager(
        kernel_name="python3", transport="ipc", connection_file=fichier, ip=prefixe
    )


def _derouler(client, restes):
    """`client.execute()`, puis arrêt de tout ce que le notebook a lancé ; les noms vont dans `restes`."""
    import psutil

    try:
        client.execute(env=dict(os.environ))
    finally:
        for p in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                # Le noyau et le compagnon de multiprocessing ne sont pas des restes du notebook.
                commande = " ".join(p.cmdline())
                if commande and "ipykernel" not in commande and "resource_tracker" not in commande:
                    restes.add(p.name())
                p.kill()


def _bilan(nb, raisons, duree_cellule):
    cellules = [
        {
            "source": c.source,
            "numero": c.get("execution_count"),
            "texte": notebook.nettoyer_texte("\n".join(_texte(s) for s in c.outputs)),
            "erreurs": [[s.ename, s.evalue] for s in c.outputs if s.output_type == "error"],
        }
        for c in nb.cells
        if not c["metadata"].get("cachee")
    ]

    erreurs = [[rang, *e] for rang, c in enumerate(cellules, start=1) for e in c["erreurs"]]
    # Une cellule trop longue reçoit l'interruption qu'un étudiant donnerait au clavier.
    delai = ["Delai", f"plus de {duree_cellule} s, interrompue"]
    erreurs = [[e[0], *delai] if e[1] == "KeyboardInterrupt" else e for e in erreurs]
    faites = sum(c["numero"] is not None for c in cellules)
    remarques = [
        f"Cellule de code {rang} non exécutée : {raison}." for rang, raison in raisons.items()
    ]
    remarques += [
        f"Cellule de code {rang} : {nom} : {str(valeur)[:150]}" for rang, nom, valeur in erreurs[:6]
    ]
    return {
        "cellules": len(cellules),
        "faites": faites - len(raisons),
        "sautees": len(raisons),
        "erreurs": erreurs[:20],
        "remarques": remarques,
        "complet": faites == len(cellules),
    }


def _texte(sortie):
    return sortie.get("text", "") or sortie.get("data", {}).get("text/plain", "")


def principal(ordre, resultat, journal):
    """Exécute les notebooks d'un ordre {durees, notebooks} et écrit leurs bilans."""
    demande = json.loads(Path(ordre).read_text(encoding="utf-8"))
    duree = demande["duree_notebook"]
    limites.se_limiter(memoire=ADRESSAGE, fichier=FICHIER_MAX, secondes=4 * duree)
    bilans = {}
    for role, chemin in demande["notebooks"].items():
        bilans[role] = executer_un(
            Path(chemin),
            journal,
            duree,
            demande["duree_cellule"],
            Path(demande["valeurs"]) / role,
            demande["questions"],
        )
        # Écrit après chaque notebook : si le second fait tout arrêter, le premier est gardé.
        Path(resultat).write_text(json.dumps(bilans), encoding="utf-8")


if __name__ == "__main__":
    principal(*sys.argv[1:4])
