"""Chemins du dépôt et écriture sans fichier à moitié écrit."""

import os
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
