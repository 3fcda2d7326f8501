"""Beaucoup de photos à la fois : vérifiées, comparées, mesurées, lues, rangées."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm.auto import tqdm

from outils.fichiers import est_parasite, fichiers_sous
from outils.photos import PhotoIllisible, formats_lisibles, ouvrir_photo
from outils.preparation import couleurs_carrees

JEUX = ("train", "validation", "test")
EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp")
PARASITE = "fichier du système, pas une donnée"  # .DS_Store, Thumbs.db…


def parasites(dossier):
    """Les (chemin, `PARASITE`, "") des fichiers et dossiers que le système a laissés sous `dossier`."""
    trouves = []
    for racine, sous_dossiers, noms in os.walk(dossier):
        laisses = {nom for nom in (*sous_dossiers, *noms) if est_parasite(nom)}
        trouves += [(os.path.join(racine, nom), PARASITE, "") for nom in laisses]
        sous_dossiers[:] = set(sous_dossiers) - laisses
    return sorted(trouves)


def en_parallele(fonction, valeurs, titre):
    """`[fonction(valeur) …]`, sur plusieurs fils (le décodage d'image libère Python), avec une barre."""
    with ThreadPoolExecutor(min(8, 2 * (os.cpu_count() or 1))) as fils:
        return list(tqdm(fils.map(fonction, valeurs), titre, total=len(valeurs)))


def etat_photo(chemin):
    """Rend (chemin, « bon », "") ou (chemin, « mauvais », motif)."""
    try:
        ouvrir_photo(chemin)
        return str(chemin), "bon", ""
    except PhotoIllisible as erreur:
        return str(chemin), "mauvais", erreur.trouve


def checkFileIsGood(directory):
    """Tableau (chemin, état, motif) : chaque fichier, « bon », ou « mauvais » et pourquoi. N'efface rien.

    Lève `NotADirectoryError` si le dossier n'existe pas.
    """
    if not Path(directory).is_dir():
        raise NotADirectoryError(f"« {directory} » n'est pas un dossier.")
    etats = [(chemin, "mauvais", motif) for chemin, motif, _ in parasites(directory)]
    etats += en_parallele(etat_photo, fichiers_sous(directory), "vérification")
    return pd.DataFrame(sorted(etats), columns=["chemin", "état", "motif"], dtype="object")


def _empreinte(chemin):
    try:
        photo = ouvrir_photo(chemin)
    except PhotoIllisible:
        return None
    forme = repr((photo.mode, photo.size)).encode()
    return hashlib.blake2b(photo.tobytes(), digest_size=16, key=forme).hexdigest()


def empreintes(chemins):
    """Une empreinte (texte) par photo, la même si les pixels sont les mêmes ; None si elle est illisible."""
    return en_parallele(_empreinte, list(chemins), "empreintes")


def lire_images(chemins, cote=64):
    """Lit des photos en couleurs : uint8 (n, cote, cote, 3) dans 0–255. Lève `PhotoIllisible`."""
    chemins = list(chemins)
    images = np.empty((len(chemins), cote, cote, 3), "uint8")

    def lire(numero):
        images[numero] = couleurs_carrees(chemins[numero], cote)

    en_parallele(lire, range(len(chemins)), f"lecture en {cote}×{cote}")
    return images


def mesurer_photos(chemins):
    """Tableau (chemin, largeur, hauteur, octets), d'après les en-têtes ; dimensions manquantes si illisible."""
    lignes = []
    for chemin in chemins:
        try:
            with Image.open(chemin, formats=formats_lisibles()) as image:
                taille = image.size
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            taille = (None, None)
        lignes.append((str(chemin), *taille, os.path.getsize(chemin)))
    return pd.DataFrame(lignes, columns=["chemin", "largeur", "hauteur", "octets"])
