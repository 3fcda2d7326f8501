"""Ce qu'une photo coûtera à décoder, lu dans ses en-têtes : un petit fichier peut demander un long travail."""

import io
import re
import sys
from dataclasses import dataclass

from PIL import Image

from outils.photos import COTE_UTILE

BLOCS_MAX = 10_000  # une vraie photo en a moins de deux mille ; Pillow les lit un par un, lentement
PNG = b"\x89PNG\r\n\x1a\n"
_MARQUEUR_JPEG = re.compile(rb"\xff([\xc0-\xcf\xd9-\xfe])")  # suivi d'une longueur
_PASSE, _FIN = b"\xda", b"\xd9"


@dataclass(frozen=True)
class Poids:
    """`travail` : valeurs à décoder (pixels × canaux × passes). `memoire` : octets nécessaires, au plus."""

    travail: int
    memoire: int


DEMESURE = Poids(sys.maxsize, sys.maxsize)


def peser_photo(octets):
    """Le `Poids` d'une photo, sans la décoder ; nul si elle n'est pas lisible : `ouvrir_photo` le dira.

    Un JPEG progressif garde toute l'image en mémoire (deux octets par valeur) et la parcourt à chaque passe ;
    un JPEG ordinaire se décode déjà réduit. Tout autre format : quatre octets par pixel, et une copie. Seule
    compte la première image d'un GIF, d'un WebP ou d'un PNG animés : les autres ne sont pas décodées.
    """
    jpeg = octets.startswith(b"\xff\xd8")
    passes = _passes_jpeg(octets) if jpeg else 1
    if passes is None or (octets.startswith(PNG) and _trop_de_blocs_png(octets)):
        return DEMESURE
    try:
        image = Image.open(io.BytesIO(octets))
    except Image.DecompressionBombError:
        return DEMESURE
    except (OSError, SyntaxError, ValueError, EOFError):
        return Poids(0, 0)
    valeurs = image.width * image.height * len(image.getbands())
    image.draft(None, (COTE_UTILE, COTE_UTILE))  # sans effet sur ce qui n'est pas un JPEG
    memoire = 8 * image.width * image.height + (2 * valeurs if passes > 1 else 0)
    return Poids(valeurs * passes, memoire)


def _passes_jpeg(octets):
    """Nombre de passes d'un JPEG, de son début à sa fin ; None s'il a trop de segments."""
    position, passes = 2, 0
    for _ in range(BLOCS_MAX):
        marqueur = _MARQUEUR_JPEG.search(octets, position)
        if marqueur is None or marqueur[1] == _FIN:  # la seconde image d'un MPO ne compte pas
            return passes
        passes += marqueur[1] == _PASSE
        fin = marqueur.end()
        position = fin + int.from_bytes(octets[fin : fin + 2], "big")
    return None


def _trop_de_blocs_png(octets):
    position = len(PNG)
    for _ in range(BLOCS_MAX):
        if position >= len(octets):
            return False
        position += 12 + int.from_bytes(octets[position : position + 4], "big")
    return True
