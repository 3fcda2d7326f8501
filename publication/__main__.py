"""Publier sans serveur.

python3 labo.py site [--sortie DOSSIER]               les labos, en un site (sortie/site)
python3 labo.py publier [MODELE] [--sortie DOSSIER]   un réseau, en une page (sortie/page)
"""

import argparse
import sys
from pathlib import Path

from outils.fichiers import RACINE, Refus
from publication.site.construire import construire, dire


def principal(arguments):
    """Exécute une commande ; rend le code de retour."""
    analyseur = argparse.ArgumentParser(usage=__doc__)
    commandes = analyseur.add_subparsers(dest="commande", required=True)
    site = commandes.add_parser("site")
    site.add_argument("--sortie", type=Path, default=RACINE / "sortie" / "site")
    choix = analyseur.parse_args(arguments)
    try:
        if choix.commande == "site":
            print(dire(construire(choix.sortie), choix.sortie))
    except (Refus, ConnectionError) as refus:
        print(f"\n{refus}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(principal(sys.argv[1:]))
