"""Quelques cellules d'un labo, exécutées seules pour être essayées."""

import nbformat

from outils.fichiers import RACINE


def executer_cellules(labo, *identifiants, **noms):
    """Les noms (dict) que définissent ces cellules ; `noms` : ce dont elles ont besoin."""
    cellules = nbformat.read(RACINE / "analyse_image" / f"{labo}.ipynb", as_version=4).cells
    sources = {cellule.id: cellule.source for cellule in cellules}
    for identifiant in identifiants:
        exec(sources[identifiant], noms)
    return noms
