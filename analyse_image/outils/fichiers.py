"""Chemins du dépôt et écriture sans fichier à moitié écrit."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

RACINE = Path(__file__).resolve().parents[2]


@contextmanager
def ecriture_atomique(chemin):
    """Donne un chemin provisoire voisin de `chemin`, renommé à la fin si tout s'est bien passé.

    En cas d'exception ou d'interruption, le fichier provisoire disparaît et l'ancien reste intact.
    Lève `OSError`, avec un message en français, si le dossier n'est pas inscriptible.
    """
    chemin = Path(chemin)
    try:
        chemin.parent.mkdir(parents=True, exist_ok=True)
        # Le nom finit comme l'original : Keras exige « .weights.h5 », numpy « .npz ».
        descripteur, nom = tempfile.mkstemp(
            prefix=".provisoire-", suffix=f"-{chemin.name}", dir=chemin.parent
        )
        os.close(descripteur)
    except OSError as erreur:
        raise type(erreur)(
            f"Impossible d'écrire « {chemin.name} » dans le dossier « {chemin.parent} » "
            f"({erreur.strerror}). Donnez-vous le droit d'y écrire, libérez de la place, ou choisissez "
            "un autre dossier (variable d'environnement LABO_DATAS pour les données)."
        ) from erreur
    provisoire = Path(nom)
    try:
        yield provisoire
        # mkstemp crée le fichier lisible par son seul auteur ; on rend les droits habituels.
        masque = os.umask(0)
        os.umask(masque)
        provisoire.chmod(0o666 & ~masque)
        os.replace(provisoire, chemin)
    finally:
        provisoire.unlink(missing_ok=True)


@contextmanager
def dossier_atomique(dossier):
    """Donne un dossier provisoire voisin de `dossier`, renommé à la fin si tout s'est bien passé.

    `dossier` n'existe pas, ou est vide ; il n'apparaît que complet. Lève `OSError` s'il a un contenu.
    """
    dossier = Path(dossier)
    dossier.parent.mkdir(parents=True, exist_ok=True)
    provisoire = Path(tempfile.mkdtemp(prefix=".provisoire-", dir=dossier.parent))
    try:
        yield provisoire
        provisoire.chmod(0o755)  # mkdtemp le réserve à son auteur
        if dossier.exists():
            dossier.rmdir()  # refuse un dossier qui n'est pas vide
        os.replace(provisoire, dossier)
    finally:
        shutil.rmtree(provisoire, ignore_errors=True)
