"""Corriger des remises, préparer la version étudiante.

python -m correction noter DOSSIER [--bareme bareme.toml] [--executer] [--sortie rapport/] [--recommencer]
python -m correction version-etudiante --sortie DOSSIER

Lancez ces commandes à la racine du dépôt, dans son environnement (.venv). Voir correction/README.md.
"""

import argparse
import signal
import sys
from pathlib import Path

from correction import bac_a_sable, etudiante, rapport
from correction.classe import noter
from correction.note import a_revoir


class Analyseur(argparse.ArgumentParser):
    """Aide et erreurs en français : l'aide est le texte en tête de ce fichier."""

    def format_help(self):
        return __doc__

    def error(self, message):
        self.exit(2, f"Commande incomprise.\n\n{self.format_help()}")


def principal(arguments=None):
    """Exécute une commande et rend le code de retour du programme."""
    for flux in (sys.stdout, sys.stderr):
        if hasattr(flux, "reconfigure"):
            flux.reconfigure(errors="replace")
    analyseur = Analyseur()
    commandes = analyseur.add_subparsers(dest="commande", required=True, parser_class=Analyseur)
    corriger = commandes.add_parser("noter")
    corriger.add_argument("dossier")
    corriger.add_argument("--bareme")
    corriger.add_argument("--sortie", default="rapport")
    corriger.add_argument("--executer", action="store_true")
    corriger.add_argument("--recommencer", action="store_true")
    corriger.add_argument("--processus", type=int, dest="ouvriers")
    distribuer = commandes.add_parser("version-etudiante")
    distribuer.add_argument("--sortie", required=True)
    choix = vars(analyseur.parse_args(arguments))
    executer = {"noter": _noter, "version-etudiante": _version_etudiante}[choix.pop("commande")]
    try:
        executer(**choix)
    except (ValueError, OSError) as erreur:
        print(f"\n{erreur}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrompu. La même commande reprendra où elle en était.", file=sys.stderr)
        return 130
    return 0


def _accord():
    """Sans bac à sable : dit ce qui est ouvert et demande un oui ; lève `ValueError` sans lui."""
    print(bac_a_sable.OUVERT)
    try:
        reponse = input("Exécuter quand même ? (oui/non) ")
    except EOFError:
        reponse = ""
    if reponse.strip().lower() not in ("oui", "o"):
        raise ValueError("Rien n'a été exécuté. La même commande sans --executer lit et note.")


def _noter(sortie, **choix):
    if choix["executer"] and not bac_a_sable.disponible():
        _accord()
    bulletins = noter(sortie=sortie, **choix)
    largeur = max(len(b.nom) for b in bulletins)
    for b in bulletins:
        print(f"{b.nom:{largeur}s}  {rapport.fr(b.note):>6s} / {rapport.fr(b.note_sur)}")
    if titres := a_revoir(bulletins):
        print(f"\nÀ revoir dans la grille (manqué par plus de 80 %) : {', '.join(titres)}")
    print(f"\nRapport : {Path(sortie) / 'rapport.html'} (notes.csv et etudiants/ à côté)")
    for nom in ("feuille-moodle.csv", "retours-moodle.zip", "retours-github.sh"):
        if (Path(sortie) / nom).is_file():
            print(f"À renvoyer : {Path(sortie) / nom}")


def _version_etudiante(sortie):
    for nom in etudiante.produire(sortie):
        print(nom)
    print(f"\nVersion étudiante prête à pousser : {sortie}")


if __name__ == "__main__":
    # Arrêter ce programme arrête aussi ceux qu'il a lancés, de quelque façon qu'on le demande.
    for nom in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, nom):
            signal.signal(getattr(signal, nom), signal.default_int_handler)
    sys.exit(principal())
