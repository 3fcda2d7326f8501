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


def deja_mesure(cle, resultats):
    """Vrai si une ligne du CSV `resultats` (Path) a toutes les valeurs de `cle` (dict colonne: valeur)."""
    if not resultats.is_file():
        return False
    lignes = pd.read_csv(resultats).to_dict("records")
    return any(cle.items() <= ligne.items() for ligne in lignes)
