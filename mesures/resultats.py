"""Garde les résultats d'une mesure : chaque passage s'ajoute aux précédents, avec sa date et sa machine."""

import datetime
import os

import cellules  # noqa: F401 – met analyse_image/ sur le chemin de Python
import pandas as pd

from outils.fichiers import ecriture_atomique


def ajouter_resultats(lignes, resultats):
    """Ajoute des lignes (DataFrame ou liste de dicts) au CSV `resultats` (Path), créé s'il n'existe pas.

    La date, la machine et sa charge (processus en attente, sur cinq minutes) sont ajoutées si elles manquent.
    """
    tableau = pd.DataFrame(lignes)
    provenance = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cœurs",
        "charge": round(os.getloadavg()[1], 1) if hasattr(os, "getloadavg") else None,
    }
    tableau = tableau.assign(**{c: v for c, v in provenance.items() if c not in tableau})
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
