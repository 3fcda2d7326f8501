"""Exécuter des labos sans navigateur : lire le notebook, le faire tourner, ranger le résultat."""

import os
import re
import tempfile
import time
from pathlib import Path

import nbclient
import nbformat

import labo
from labo import Probleme, annoncer

PLACE_NOTEBOOK = 2_000_000  # octets : un notebook exécuté en fait moins
NOYAU = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def lire_notebook(source):
    """Le notebook d'un fichier, sans ses sorties : celles d'une autre exécution ne disent rien de celle-ci."""
    try:
        notebook = nbformat.read(source, as_version=4)
    except (ValueError, nbformat.ValidationError) as erreur:
        raise Probleme(
            f"{source.name} n'est pas un notebook lisible ({erreur}).",
            f"récupérez-le, par exemple avec « git checkout -- {source.name} ».",
        ) from erreur
    for cellule in notebook.cells:
        if cellule.cell_type == "code":
            cellule.update(outputs=[], execution_count=None)
    return notebook


# --- Exécuter --------------------------------------------------------------------------------


def etapes(cellules):
    """Position de chaque cellule de code → « cellule 3/12 · le dernier titre Markdown qui la précède »."""
    titre, trouvees = "", {}
    for position, cellule in enumerate(cellules):
        if cellule.cell_type == "markdown":
            titre = ([titre] + re.findall(r"^#+ +(.+)$", cellule.source, re.MULTILINE))[-1].strip()
        elif cellule.cell_type == "code":
            trouvees[position] = titre
    noms = enumerate(trouvees.items(), start=1)
    return {p: f"cellule {rang}/{len(trouvees)} · {titre}" for rang, (p, titre) in noms}


def executer_notebook(notebook, dossier, env):
    """Exécute un notebook dans un noyau neuf, à partir de `dossier` ; rend None, ou l'échec (texte)."""
    debut, courante, noms = time.monotonic(), {}, etapes(notebook.cells)

    def suivre(cell, cell_index):
        minutes, secondes = divmod(int(time.monotonic() - debut), 60)
        courante.update(source=cell.source, nom=noms[cell_index])
        annoncer(f"  [{minutes:02d}:{secondes:02d}] {noms[cell_index]}")

    client = nbclient.NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(dossier)}},
        on_cell_execute=suivre,
        record_timing=False,
        coalesce_streams=True,
    )
    try:
        client.execute(env=env)
    except nbclient.exceptions.CellExecutionError as erreur:
        raison = f"{erreur.ename}: {erreur.evalue}"
    except nbclient.exceptions.DeadKernelError:
        raison = "le noyau Python s'est arrêté, le plus souvent faute de mémoire."
    else:
        return None
    return f"{courante['nom']}\n\n{courante['source']}\n\n{raison}" if courante else raison


# --- Ranger le résultat ----------------------------------------------------------------------


def nettoyer(notebook):
    """Ôte d'un notebook exécuté ce qui dépend de la machine ou ne vit que dans une session."""
    notebook.metadata.clear()
    notebook.metadata.update(kernelspec=NOYAU, language_info={"name": "python"})
    for cellule in notebook.cells:
        if cellule.cell_type == "code":
            cellule.metadata.pop("execution", None)
            # Un widget sans son noyau s'affiche comme une erreur.
            widget = "application/vnd.jupyter.widget-view+json"
            cellule.outputs = [s for s in cellule.outputs if widget not in s.get("data", {})]


def lignes_retenues(notebook):
    """Lignes de sortie à rappeler à la fin : données employées, scores, verdicts."""
    motif = r"⚠|Données|Erreur ?:|Précision ?:|Modèle sauvegardé !|Selon moi l'image est"
    sorties = [s for c in notebook.cells if c.cell_type == "code" for s in c.outputs]
    textes = [s.get("text") or s.get("data", {}).get("text/plain", "") for s in sorties]
    return [ligne for texte in textes for ligne in texte.splitlines() if re.match(motif, ligne)]


def dossier_de_sortie(voulu):
    """`voulu` si l'on peut y écrire un notebook, sinon un dossier temporaire, et on le dit."""
    try:
        voulu.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=voulu) as essai:
            essai.write(bytes(PLACE_NOTEBOOK))
            essai.flush()
        return voulu
    except OSError as erreur:
        secours = Path(tempfile.mkdtemp(prefix="labos-sortie-"))
        annoncer(
            f"Impossible d'écrire dans « {voulu} » ({labo.en_francais(erreur)}) : "
            f"le résultat ira dans « {secours} »."
        )
        return secours


def ranger(notebook, dossier, nom):
    """Écrit un notebook exécuté dans `dossier`, ou ailleurs s'il n'y a plus de place ; rend son chemin."""
    nettoyer(notebook)
    contenu = nbformat.writes(notebook).encode()
    try:
        labo.ecrire(dossier / nom, contenu)
    except OSError:  # le disque s'est rempli pendant l'exécution
        dossier = dossier_de_sortie(dossier)
        labo.ecrire(dossier / nom, contenu)
    return dossier / nom


# --- La commande -----------------------------------------------------------------------------


def executer(noms, rapide=False, dossier=None, sur_place=False):
    """Exécute des labos à la suite ; s'arrête au premier qui échoue et rend alors 1."""
    if rapide and sur_place:
        raise Probleme(
            "--rapide et --sur-place : les scores du mode rapide ne valent rien.",
            "ôtez l'un des deux.",
        )
    sources = [labo.trouver_labo(nom) for nom in noms or ("classification", "test_model")]
    notebooks = {source: lire_notebook(source) for source in sources}
    # Avant d'y passer des minutes, on s'assure que les résultats pourront être écrits.
    sortie = dossier_de_sortie(Path(dossier or labo.RACINE / "sortie").resolve())
    lieux = {s.parent: dossier_de_sortie(s.parent) if sur_place else sortie for s in sources}
    env, bilan = dict(os.environ), []
    with tempfile.TemporaryDirectory(prefix="labos-") as propre:
        if rapide:
            # En mode rapide, les labos écrivent dans le dossier temporaire : chacun le sien.
            env.update(LABO_RAPIDE="1", TMPDIR=propre, TEMP=propre, TMP=propre)
        for source, notebook in notebooks.items():
            annoncer(f"\n{source.name}")
            debut = time.monotonic()
            echec = executer_notebook(notebook, source.parent, env)
            # Un notebook fourni n'est remplacé que par une exécution réussie.
            rangement = ranger(notebook, sortie if echec else lieux[source.parent], source.name)
            duree, lieu = time.monotonic() - debut, labo.nom_court(rangement)
            bilan += [f"\n{source.name} : {duree:.0f} s, résultat dans {lieu}"]
            bilan += [f"  {ligne}" for ligne in lignes_retenues(notebook)]
            if echec:
                break
    annoncer("\n".join(bilan))
    if echec:
        annoncer(f"\nÉCHEC de {source.name}, {echec}")
    return 1 if echec else 0
