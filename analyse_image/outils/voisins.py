"""Produits semblables : un index de vecteurs, ses plus proches voisins, et l'index sur le disque.

Un vecteur par image (la sortie d'une couche d'un réseau), ramené à la longueur 1. La recherche exacte de
scikit-learn suffit à des dizaines de milliers d'images ; bien au-delà, il en faut une approchée.
"""

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
from sklearn.neighbors import NearestNeighbors

from outils.fichiers import ecriture_atomique, refuser_fichier


def normaliser(vecteurs):
    """Rend les vecteurs (n, d), ou les images (n, …) aplaties, à la longueur 1 : float32 (n, d).

    Un vecteur nul reste nul. Lève `ValueError` si une valeur n'est pas un nombre fini.
    """
    vecteurs = np.asarray(vecteurs, dtype=np.float32)
    vecteurs = vecteurs.reshape(len(vecteurs), np.prod(vecteurs.shape[1:], dtype=int))
    if not np.isfinite(vecteurs).all():
        raise ValueError("Un vecteur contient une valeur infinie ou qui n'est pas un nombre.")
    longueurs = np.linalg.norm(vecteurs, axis=1, keepdims=True)
    # Un vecteur déjà de longueur 1 ne change pas d'un bit : un index relu est le même.
    return vecteurs / np.where((longueurs == 0) | (np.abs(longueurs - 1) < 1e-6), 1, longueurs)


class Index:
    """Des images, par leur identifiant (n,) et leur vecteur (n, d), et la recherche des plus semblables."""

    def __init__(self, vecteurs, identifiants):
        self.vecteurs = normaliser(vecteurs)
        self.identifiants = np.asarray(identifiants).astype(str)
        n, m = len(self.vecteurs), len(self.identifiants)
        if n != m or not n:
            raise ValueError(
                f"{n} vecteurs pour {m} identifiants : il en faut autant, et au moins un."
            )
        self._recherche = NearestNeighbors(metric="cosine", algorithm="brute").fit(self.vecteurs)

    def voisins(self, requetes, k=10):
        """Les `k` images les plus semblables à chaque requête (m, d), la plus semblable d'abord.

        Rend (rangs, cosinus) : entiers (m, k), positions dans l'index ; float32 (m, k), de −1 à 1.
        """
        requetes = normaliser(requetes)
        (n, d), recu = self.vecteurs.shape, requetes.shape[1]
        if recu != d:
            origine = "ils viennent de deux réseaux différents."
            raise ValueError(f"Requêtes de dimension {recu}, index de dimension {d} : {origine}")
        if not 1 <= k <= n:
            raise ValueError(f"k = {k} : il faut un nombre de 1 à {n}.")
        distances, rangs = self._recherche.kneighbors(requetes, k)
        return rangs, (1 - distances).astype(np.float32)


def _fichiers(chemin):
    return Path(f"{chemin}.npz"), Path(f"{chemin}.json")


def ecrire_index(index, chemin, **details):
    """Écrit `chemin`.npz (vecteurs, identifiants) et `chemin`.json (dimension, somme, `details`) ; les rend."""
    fichiers = _fichiers(chemin)
    images, dimension = index.vecteurs.shape
    with ecriture_atomique(fichiers[0]) as npz, ecriture_atomique(fichiers[1]) as fiche:
        np.savez(npz, vecteurs=index.vecteurs, identifiants=index.identifiants)
        somme = hashlib.sha256(npz.read_bytes()).hexdigest()
        contenu = {"images": images, "dimension": dimension, "sha256": somme, **details}
        texte = json.dumps(contenu, ensure_ascii=False, indent=1) + "\n"
        fiche.write_text(texte, encoding="utf-8")
    return fichiers


def lire_index(chemin):
    """Rend (index, fiche) écrits par `ecrire_index`, sans jamais exécuter ce que contient le fichier.

    Lève `DonneesInvalides` si l'un des deux fichiers manque, est abîmé, ou n'est pas celui de l'autre.
    """
    npz, fiche = _fichiers(chemin)
    try:
        contenu = json.loads(fiche.read_text(encoding="utf-8"))
        if contenu["sha256"] != hashlib.sha256(npz.read_bytes()).hexdigest():
            raise ValueError("il n'est pas celui que décrit le .json")
        with np.load(npz, allow_pickle=False) as fichier:
            return Index(fichier["vecteurs"], fichier["identifiants"]), contenu
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as erreur:
        absents = [c.name for c in (npz, fiche) if not c.is_file()]
        trouve = f"il manque {' et '.join(absents)}" if absents else str(erreur)
        attendu = "un index et sa fiche .json, écrits ensemble"
        refuser_fichier(npz, trouve, attendu, "réécrivez l'index avec ecrire_index.")
