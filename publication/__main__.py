"""Publier sans serveur.

python3 labo.py site [--sortie DOSSIER]               les labos, en un site (sortie/site)
python3 labo.py publier [MODELE] [--sortie DOSSIER]   un réseau, en une page (sortie/page)
"""

import argparse
import sys
import tempfile
from pathlib import Path

from outils.fichiers import RACINE, Refus
from outils.modele import dossier_du_modele, modele_present
from publication.page.publier import dire as dire_la_page
from publication.page.publier import publier


def modele_par_defaut():
    """Le modèle de l'étudiant s'il y en a un, sinon celui de référence."""
    sien = dossier_du_modele()
    return sien if modele_present(sien) else RACINE / "modele" / "reference"


def construire_site(sortie):
    """Le site, et sa démonstration : le réseau de référence. Hors ligne, il s'en passe, et c'est dit."""
    from publication.site.construire import construire, dire  # Sphinx n'est installé que pour lui

    with tempfile.TemporaryDirectory() as provisoire:
        page = Path(provisoire, "page")
        try:
            publier(RACINE / "modele" / "reference", page)
        except ConnectionError as erreur:
            print(f"⚠ Site sans sa démonstration : {erreur}.")
            page = None
        print(dire(construire(sortie, page=page), sortie))


def principal(arguments):
    """Exécute une commande ; rend le code de retour."""
    analyseur = argparse.ArgumentParser(usage=__doc__)
    commandes = analyseur.add_subparsers(dest="commande", required=True)
    site = commandes.add_parser("site")
    site.add_argument("--sortie", type=Path, default=RACINE / "sortie" / "site")
    page = commandes.add_parser("publier")
    page.add_argument("modele", nargs="?", type=Path)
    page.add_argument("--sortie", type=Path, default=RACINE / "sortie" / "page")
    choix = analyseur.parse_args(arguments)
    try:
        if choix.commande == "site":
            construire_site(choix.sortie)
        else:
            modele = choix.modele or modele_par_defaut()
            print(dire_la_page(publier(modele, choix.sortie), modele, choix.sortie))
    except (Refus, ConnectionError) as refus:
        print(f"\n{refus}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(principal(sys.argv[1:]))
