"""Exécuter de nouveau les notebooks d'une remise, en mode rapide, dans une copie et sous limites.

Ce n'est PAS un bac à sable : voir « --executer » dans README.md. Ce fichier est aussi le programme de
l'enfant : python -m correction.execution ORDRE.json RESULTAT.json JOURNAL
"""

import ast
import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from correction import limites, notebook
from correction.lecture_code import arbre

RACINE = Path(__file__).resolve().parents[1]
DUREE_CELLULE = 90
DUREE_NOTEBOOK = 300
MEMOIRE = 5 * limites.GO  # résidente, tout l'arbre de processus ; une cellule seule : RLIMIT_AS
ADRESSAGE = 9 * limites.GO
FICHIER_MAX = 1_000_000_000
REPRISES = 2  # fois où l'on recommence sans la cellule qui a tué le noyau
# Appels qui bloquent ou tuent un noyau : la cellule est sautée, et c'est dit.
TUEURS = {
    "input": "attend une saisie au clavier (input)",
    "exit": "arrête le noyau (exit)",
    "quit": "arrête le noyau (quit)",
    "_exit": "tue le noyau (os._exit)",
    "abort": "tue le noyau (os.abort)",
    "kill": "tue un processus (kill)",
    "askopenfilename": "ouvre une fenêtre (tkinter)",
    "Tk": "ouvre une fenêtre (tkinter)",
    "mainloop": "ouvre une fenêtre (tkinter)",
    "mount": "monte Google Drive (Colab)",
}
# Exécuté par chaque noyau à son démarrage : un fit court, sur peu d'images, des affichages sans fenêtre.
MODE_RAPIDE = """
def _mode_rapide():
    import os, sys
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    try:
        import keras
    except Exception:
        return
    def court(x, n=1000):
        if isinstance(x, (list, tuple)):
            return type(x)(court(a, n) for a in x)
        return x[:n] if hasattr(x, "shape") and len(getattr(x, "shape", ())) and x.shape[0] is not None else x
    classe = keras.Model
    fit, evaluer = classe.fit, classe.evaluate
    def fit_rapide(self, x=None, y=None, *a, **k):
        noms = ("batch_size", "epochs", "verbose", "callbacks", "validation_split", "validation_data")
        k = {**dict(zip(noms, a)), **k}
        k["epochs"] = min(int(k.get("epochs") or 1), 1)
        k.pop("initial_epoch", None)
        lots = not hasattr(x, "shape")
        if lots:
            k["steps_per_epoch"] = min(int(k.get("steps_per_epoch") or 3), 3)
        else:
            k.pop("steps_per_epoch", None)
            x, y = court(x), court(y) if y is not None else None
        v = k.get("validation_data")
        if isinstance(v, (tuple, list)):
            k["validation_data"] = court(v, 500)
            k.pop("validation_steps", None)
        elif v is not None:
            k["validation_steps"] = min(int(k.get("validation_steps") or 2), 2)
        return fit(self, x, y, **k)
    def evaluer_rapide(self, x=None, y=None, *a, **k):
        if hasattr(x, "shape"):
            x, y = court(x, 2000), court(y, 2000) if y is not None else None
        return evaluer(self, x, y, *a, **k)
    classe.fit, classe.evaluate = fit_rapide, evaluer_rapide
_mode_rapide()
del _mode_rapide
"""


def raison_de_sauter(source):
    """Pourquoi une cellule ne sera pas exécutée, ou None."""
    if re.match(r"\s*%%(bash|sh|cmd|script|writefile|perl|ruby|javascript|js)\b", source):
        return "lance un autre programme (" + source.split()[0] + ")"
    if re.search(
        r"^\s*[!%](pip|conda|apt|apt-get|sudo|git|kaggle|wget|curl|rm|shutdown|kill|unzip)\b",
        source,
        re.MULTILINE,
    ) and (all(re.match(r"\s*([!%#]|$)", ligne) for ligne in source.splitlines())):
        return "installe, télécharge ou efface (commande système)"
    module, _ = arbre(source)
    for noeud in ast.walk(module) if module else ():
        if isinstance(noeud, ast.Call):
            nom = (
                noeud.func.attr
                if isinstance(noeud.func, ast.Attribute)
                else getattr(noeud.func, "id", "")
            )
            base = getattr(getattr(noeud.func, "value", None), "id", "")
            if nom in ("kill", "mount", "abort") and base not in ("os", "drive"):
                continue
            if nom in TUEURS or (base == "sys" and nom == "exit"):
                return TUEURS.get(nom, "arrête le noyau (sys.exit)")
            if nom == "upload" and base == "files":
                return "attend un envoi de fichier (Colab)"
        if (
            isinstance(noeud, ast.While)
            and isinstance(noeud.test, ast.Constant)
            and noeud.test.value
        ):
            sorties = (ast.Break, ast.Return, ast.Raise)
            if not any(isinstance(n, sorties) for n in ast.walk(noeud)):
                return "boucle sans fin (while True)"
    return None


# --- Dans l'enfant ----------------------------------------------------------------------------


def _notebook_a_executer(chemin, sautees):
    """Notebook nbformat 4 fait des seules cellules de code, remis en état ; rend aussi les raisons."""
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
        cellules.append(new_code_cell(source))
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.from_dict(new_notebook(cells=cellules, metadata=metadata)), raisons


def executer_un(chemin, journal, echeance, duree_cellule=DUREE_CELLULE):
    """Exécute un notebook (au plus `REPRISES` fois de plus) et rend ce qui s'est passé."""
    import nbclient

    sautees, restes = {}, set()
    for essai in range(REPRISES + 1):
        nb, raisons = _notebook_a_executer(chemin, sautees)
        courante = {"rang": 0}

        def suivre(cell, cell_index, courante=courante):
            courante["rang"] = cell_index + 1
            with contextlib.suppress(OSError):
                os.utime(journal)

        restant = max(1, min(DUREE_NOTEBOOK, echeance - time.monotonic()))
        fin = time.monotonic() + restant
        client = nbclient.NotebookClient(
            nb, timeout=1, startup_timeout=120, kernel_name="python3", allow_errors=True, interrupt_on_timeout=True,
            resources={"metadata": {"path": str(chemin.parent)}}, on_cell_execute=suivre, record_timing=False,
            timeout_func=lambda cell, fin=fin: max(1, int(min(duree_cellule, fin - time.monotonic()))),
            km=_noyau(), extra_arguments=["--log-level=CRITICAL"],
        )  # fmt: skip
        mort = ""
        try:
            _derouler(client, restes)
        except nbclient.exceptions.DeadKernelError:
            mort = "tue le noyau Python"
        except nbclient.exceptions.CellTimeoutError:
            mort = f"ne finit pas en {duree_cellule} s et ne s'interrompt pas"
        except (RuntimeError, OSError, ValueError) as erreur:
            mort = f"arrête l'exécution ({type(erreur).__name__})"
        if (
            not mort
            or essai == REPRISES
            or not courante["rang"]
            or time.monotonic() > echeance - 20
        ):
            break
        sautees[courante["rang"]] = mort
    resultat = _bilan(nb, raisons, duree_cellule)
    if restes:
        noms = ", ".join(sorted(restes))
        resultat["remarques"].append(
            f"Programmes laissés en marche par le notebook, arrêtés : {noms}."
        )
    if mort:
        resultat["remarques"].append(
            f"Cellule de code {courante['rang']} : {mort}. La suite n'a pas été exécutée."
        )
        resultat["complet"] = False
    return resultat


def _noyau():
    """Gestionnaire d'un noyau python3 joint par des sockets de fichiers : il marche sans aucun réseau."""
    from jupyter_client.manager import AsyncKernelManager

    if os.name != "posix":
        return AsyncKernelManager(kernel_name="python3")
    # Un chemin court : le système borne à une centaine de caractères celui d'une socket.
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
    ]
    from correction.faits import _questions

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
        "questions": _questions(cellules),
        "remarques": remarques,
        "complet": faites == len(cellules),
    }


def _texte(sortie):
    return sortie.get("text", "") or sortie.get("data", {}).get("text/plain", "")


def principal(ordre, resultat, journal):
    limites.se_limiter(memoire=ADRESSAGE, fichier=FICHIER_MAX, secondes=2 * DUREE_NOTEBOOK * 2)
    demande = json.loads(Path(ordre).read_text(encoding="utf-8"))
    echeance = time.monotonic() + demande["duree"]
    bilans = {}
    for role, chemin in demande["notebooks"].items():
        chemin = Path(chemin)
        bilans[role] = executer_un(chemin, journal, echeance, demande["cellule"])
        # Écrit après chaque notebook : si le second fait tout arrêter, le premier est gardé.
        Path(resultat).write_text(json.dumps(bilans), encoding="utf-8")


# --- Du côté de qui corrige -------------------------------------------------------------------


def _preparer_copie(faits, copie, csvs):
    """Copie la remise (sans données ni .git), y met données, outils officiels et réglages ; rend les notebooks."""
    from correction import soumissions

    ou = {}
    for numero, racine in enumerate(map(Path, faits["racines"])):
        for chemin in soumissions.fichiers(racine)[0]:
            if chemin.stat().st_size > 100_000_000 or re.search(
                r"ubyte", chemin.name, re.IGNORECASE
            ):
                continue
            cible = copie / str(numero) / chemin.relative_to(racine)
            cible.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(chemin, cible)
            ou[str(chemin)] = cible
    notebooks = {}
    for role, n in faits["notebooks"].items():
        if (
            n
            and n.get("absolu") in ou
            and n["execution"]["total"]
            and ou[n["absolu"]] not in notebooks.values()
        ):
            notebooks[role] = ou[n["absolu"]]
    base, premier = copie / "0", {}
    for role, n in notebooks.items():
        # L'énoncé lit datas/ à côté du notebook ou un cran plus haut.
        voisins = {n.parent / "datas", n.parent.parent / "datas"}
        for dossier in {base / "datas", *(d for d in voisins if d.is_relative_to(copie))}:
            for csv in csvs:
                for cible in (dossier / csv.name, dossier / "zalando" / csv.name):
                    cible.parent.mkdir(parents=True, exist_ok=True)
                    _poser(csv, cible, premier)
        if faits["notebooks"][role]["serie"]:
            # Nos labos : les outils et la vérification du dépôt, pas ceux de la remise.
            shutil.rmtree(n.parent / "outils", ignore_errors=True)
            shutil.copytree(
                RACINE / "analyse_image" / "outils",
                n.parent / "outils",
                ignore=shutil.ignore_patterns("__pycache__"),
            )
            for nom in ("mesures", "images", "modele"):
                _completer(RACINE / nom, n.parent.parent / nom)
    return notebooks


def _poser(csv, cible, premier):
    """Met un CSV à une place : une seule vraie copie par remise (155 Mo), des liens vers elle ensuite."""
    cible.unlink(missing_ok=True)
    if csv.name in premier:
        with contextlib.suppress(OSError):
            os.link(premier[csv.name], cible)
            return
    shutil.copyfile(csv, cible)
    premier[csv.name] = cible


def _completer(source, cible):
    """Ajoute à `cible` ce qui y manque de `source`."""
    for chemin in source.rglob("*"):
        if chemin.is_file() and chemin.stat().st_size < 5_000_000:
            arrivee = cible / chemin.relative_to(source)
            if not arrivee.exists():
                arrivee.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(chemin, arrivee)


def _environnement(copie, maison):
    """Environnement de l'enfant : maison et dossier temporaire dans la copie, ni secret, ni mandataire réseau."""
    garde = {
        "PATH",
        "LANG",
        "LC_ALL",
        "SYSTEMROOT",
        "LD_LIBRARY_PATH",
        "VIRTUAL_ENV",
        "PATHEXT",
        "WINDIR",
        "COMSPEC",
    }
    env = {k: v for k, v in os.environ.items() if k in garde}
    profil = maison / ".ipython" / "profile_default" / "startup"
    profil.mkdir(parents=True, exist_ok=True)
    (profil / "00-rapide.py").write_text(MODE_RAPIDE, encoding="utf-8")
    provisoire = maison / "tmp"
    provisoire.mkdir(exist_ok=True)
    env.update(
        HOME=str(maison), USERPROFILE=str(maison), TMPDIR=str(provisoire), TEMP=str(provisoire), TMP=str(provisoire),
        IPYTHONDIR=str(maison / ".ipython"), LABO_RAPIDE="1",
        PYTHONPATH=str(RACINE), PYTHONUTF8="1", PYTHONDONTWRITEBYTECODE="1", MPLCONFIGDIR=str(maison / "mpl"),
        KERAS_HOME=str(maison / "keras"), TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1",
        OMP_NUM_THREADS="1", TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1",
        HTTP_PROXY="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9",
        https_proxy="http://127.0.0.1:9", PIP_NO_INDEX="1", JUPYTER_PREFER_ENV_PATH="1", MPLBACKEND="agg",
        LABO_DATAS=str(copie / "0" / "datas"),
    )  # fmt: skip
    return env


def executer(faits, travail, csvs, proteges=(), duree_cellule=DUREE_CELLULE):
    """Exécute les notebooks d'une remise dans une copie ; rend {rôle: bilan}. Ne lève rien.

    `csvs` : les deux CSV de Fashion-MNIST, copiés près des notebooks ;
    `proteges` : dossiers à rendre non modifiables là où le système le permet (remises, rapport, dépôt).
    """
    # Un chemin court (les sockets du noyau) mais profond : « ../.. » reste dans le dossier de travail.
    copie = Path(travail) / "x" / "y" / "z"
    maison = copie / "m"
    try:
        maison.mkdir(parents=True, exist_ok=True)
        notebooks = _preparer_copie(faits, copie, csvs)
        if not notebooks:
            return {}
        ordre, resultat, journal = (
            Path(travail) / nom for nom in ("ordre.json", "resultat.json", "journal")
        )
        duree = DUREE_NOTEBOOK * len(notebooks)
        ordre.write_text(
            json.dumps(
                {
                    "duree": duree,
                    "cellule": duree_cellule,
                    "notebooks": {k: str(v) for k, v in notebooks.items()},
                }
            ),
            encoding="utf-8",
        )
        journal.touch()
        env = _environnement(copie, maison)
        with tempfile.TemporaryDirectory(prefix="n-", ignore_cleanup_errors=True) as court:
            fin = limites.lancer(
            [*limites.proteger([Path(p).resolve() for p in proteges if Path(p).exists()] + [RACINE]),
             sys.executable, "-m", "correction.execution", ordre, resultat, journal],
            duree=duree + 60, silence=DUREE_CELLULE + 150, signal_de_vie=journal, memoire=MEMOIRE,
            env={**env, "JUPYTER_RUNTIME_DIR": court}, dossier=copie,
        )  # fmt: skip
        bilans = {}
        with contextlib.suppress(OSError, ValueError):
            bilans = json.loads(resultat.read_text(encoding="utf-8"))
    except OSError as erreur:
        return {
            "classification": {
                "remarques": [f"copie impossible : {erreur}"],
                "questions": None,
                "complet": False,
            }
        }
    for role in notebooks:
        if role not in bilans:
            raison = fin.raison or f"le programme s'est arrêté (code {fin.code})"
            bilans[role] = {
                "remarques": [f"Exécution interrompue, {raison}."],
                "questions": {},
                "complet": False,
                "erreurs": [],
            }
    if not fin.raison and fin.orphelins:
        noms = ", ".join(sorted(set(fin.orphelins)))
        next(iter(bilans.values()))["remarques"].append(
            f"Programmes laissés en marche, arrêtés : {noms}."
        )
    shutil.rmtree(copie, ignore_errors=True)
    return bilans


if __name__ == "__main__":
    principal(*sys.argv[1:4])
