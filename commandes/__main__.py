"""python -m commandes executer | servir … : labo.py s'en sert, avec les bibliothèques de .venv/."""

import os
import sys

import labo
from commandes.executer import executer
from commandes.servir import servir


def obeir(arguments):
    """Exécute une commande, déjà comprise de labo.py, et rend son code de retour."""
    os.environ.pop("PYTHONPATH", None)  # il a mené jusqu'ici ; le noyau d'un labo n'en hérite pas
    choix = labo.lire_arguments(arguments)
    if choix.commande == "servir":
        return servir(choix.modele)
    return executer(choix.labos, choix.rapide, choix.sortie, choix.sur_place)


if __name__ == "__main__":
    sys.exit(labo.principal(obeir))
