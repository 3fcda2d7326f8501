"""Mesurer les modèles d'une classe, chacun dans un processus limité qui peut mourir seul."""

import functools
from pathlib import Path

import h5py
import numpy as np

from correction import RACINE, files, limites
from correction.fournis import empreinte_poids

DEMARRAGE = 60  # secondes accordées à l'import de TensorFlow sur une machine chargée
MEMOIRE = 6 * limites.GO
# Pour moins de modèles, importer TensorFlow une fois de plus coûte plus qu'il ne fait gagner.
PAR_PROCESSUS = 10


@functools.cache
def poids_fournis():
    """Empreintes des réseaux que le dépôt fournit."""
    empreintes = set()
    for fichier in (RACINE / "modele" / "reference").glob("*.weights.h5"):
        tableaux = []

        def ajouter(_, objet, tableaux=tableaux):
            if isinstance(objet, h5py.Dataset):
                tableaux.append(objet[()])

        with h5py.File(fichier) as h5:
            h5["layers"].visititems(ajouter)
        empreintes.add(empreinte_poids(tableaux))
    return empreintes


def examiner_tous(taches, travail, X_test, y_test, avancer=None, duree=60, ouvriers=2):
    """Examine des modèles dans `ouvriers` processus limités, au plus ; rend {clé: résultat}."""
    images = Path(travail) / "images-test.npz"
    np.savez(images, X_test=X_test, y_test=y_test)
    return files.traiter(
        "correction.modeles",
        taches,
        Path(travail),
        lambda tache, raison: {
            "cle": tache["cle"],
            "charge": False,
            "probleme": f"modèle non chargé, {raison}",
        },
        min(ouvriers, 1 + len(taches) // PAR_PROCESSUS),
        duree + DEMARRAGE,
        MEMOIRE,
        [images],
        avancer,
    )
