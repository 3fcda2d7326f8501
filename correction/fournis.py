"""Ce que le dépôt fournit, reconnu par son empreinte : images d'exemple et modèle de référence."""

import functools
import hashlib

from correction import RACINE


def somme(chemin):
    """SHA-256 d'un fichier, lu par blocs."""
    with open(chemin, "rb") as fichier:
        return hashlib.file_digest(fichier, "sha256").hexdigest()


@functools.cache
def sommes_fournies():
    fournis = [*(RACINE / "images").glob("*"), *(RACINE / "modele" / "reference").glob("*")]
    return {somme(c) for c in fournis if c.is_file()}
