"""Garde les résultats d'une mesure : chaque passage s'ajoute aux précédents."""

import pandas as pd


def ajouter_resultats(tableau, resultats):
    """Ajoute les lignes de `tableau` au CSV `resultats` (Path), créé s'il n'existe pas."""
    # Importé ici : chaque mesure met d'abord analyse_image/ sur le chemin de Python.
    from outils.fichiers import ecriture_atomique

    if resultats.is_file():
        tableau = pd.concat([pd.read_csv(resultats), tableau])
    with ecriture_atomique(resultats) as chemin:
        tableau.to_csv(chemin, index=False)
