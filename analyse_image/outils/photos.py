"""Ouvrir n'importe quelle photo sans danger, ou la refuser en disant pourquoi et que faire."""

import difflib
import io
import os
import warnings
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import PIL
from PIL import Image, ImageOps, UnidentifiedImageError, features

from outils.fichiers import Refus, est_parasite, nom_court

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "DIB", "TIFF", "HEIF")
OCTETS_MAX = 30 * 2**20
PIXELS_MAX = 60_000_000
COTE_MIN, RAPPORT_MAX = 8, 20
COTE_UTILE = 1024  # au-delà, les pixels ne servent plus à rien pour une entrée de 28 × 28

try:  # une extension, que tous n'ont pas
    import pillow_heif

    pillow_heif.register_heif_opener()
except ImportError:
    pass

# Les remarques de Pillow, en anglais, sur des photos que nous savons ouvrir ou refuser nous-mêmes. Une fois
# pour toutes : `warnings.catch_warnings` dans un fil peut couper les avertissements de tout le programme.
for _genre in (UserWarning, Image.DecompressionBombWarning):
    warnings.filterwarnings("ignore", category=_genre, module=r"PIL\.")


class PhotoIllisible(Refus):
    """La photo ne peut pas devenir une entrée : le message dit laquelle, pourquoi et que faire."""


class PhotoDemesuree(PhotoIllisible):
    """La photo a trop de pixels : elle n'est pas décodée."""


def refuser_photo(nom, trouve, attendu, remede, erreur=PhotoIllisible):
    """Lève `erreur` à propos de la photo `nom`."""
    raise erreur(f"« {nom} » n'est pas une photo utilisable.", trouve, attendu, remede)


# --- Ce qu'on trouve sous une extension d'image ----------------------------------------------------

_EN_JPEG, _CAPTURE = "exportez-la en JPEG", "faites-en une capture d'écran"
_ANNEXE = "fiche annexe de macOS (AppleDouble), sans image"
_BRUTE = "photo brute (RAW) d'un appareil photo"
_JPEG_XL = "image JPEG XL, que Pillow ne sait pas lire"
_HEIC = "photo HEIC (format des iPhone), que ce poste ne sait pas lire"
_AVIF = f"image AVIF, que Pillow {PIL.__version__} ne sait pas lire sur ce poste"
_ZIP = "c'est une archive ZIP ou un document de bureautique, pas une image"
_POUR_HEIC = f"{_EN_JPEG}, ou installez l'extension : pip install pillow-heif"
_POUR_AVIF = f"{_EN_JPEG}, ou mettez Pillow à jour : pip install -U pillow"
_MARQUES_HEIC = (b"ftyphei", b"ftyphev", b"ftypmif", b"ftypmsf")
_BOITES_VIDEO = (b"ftyp", b"moov", b"mdat", b"wide")  # après les autres « ftyp »

_SIGNATURES = (  # position, débuts possibles, ce que c'est, remède
    (0, b"\x00\x05\x16\x07", _ANNEXE, "ouvrez le fichier de même nom, sans « ._ » devant"),
    (0, (b"\xff\x0a", b"\0\0\0\x0cJXL "), _JPEG_XL, _EN_JPEG),
    (4, _MARQUES_HEIC, _HEIC, _POUR_HEIC),
    (4, b"ftypavi", _AVIF, _POUR_AVIF),
    (4, b"ftypcrx", _BRUTE, _EN_JPEG),
    (0, b"FUJIFILMCCD-RAW", _BRUTE, _EN_JPEG),
    (4, _BOITES_VIDEO, "c'est une vidéo (MOV, MP4), pas une image", _CAPTURE),
    (0, b"%PDF", "c'est un document PDF, pas une image", "exportez la page en PNG"),
    (0, b"PK\x03\x04", _ZIP, "extrayez-en l'image"),
    (0, b"8BPS", "c'est un document Photoshop, pas une image", "exportez-le en PNG ou JPEG"),
    (0, b"\x1f\x8b", "c'est une archive gzip, pas une image", "décompressez-la"),
)
# Ces photos brutes se présentent comme un TIFF, dont Pillow ne lirait qu'une vignette.
_BRUTES_EN_TIFF = {".cr2", ".nef", ".nrw", ".arw", ".sr2", ".dng", ".pef", ".orf", ".rw2"}
_ETIQUETTES_DNG = b"\x12\xc6\x01\x00\x04\x00\x00\x00", b"\xc6\x12\x00\x01\x00\x00\x00\x04"


def _est_brute(octets, nom):
    if octets[:4] not in (b"II*\0", b"MM\0*"):
        return False
    dng = any(etiquette in octets[:4096] for etiquette in _ETIQUETTES_DNG)
    return octets[8:10] == b"CR" or dng or Path(nom).suffix.lower() in _BRUTES_EN_TIFF


def _refuser_inconnu(octets, nom, annonces):
    """Les octets ne sont pas d'un format admis : dit ce que c'est vraisemblablement."""
    attendu = f"une image {annonces}"
    for position, debuts, trouve, remede in _SIGNATURES:
        if octets.startswith(debuts, position):
            refuser_photo(nom, trouve, attendu, remede)
    texte = octets[:512].decode("utf-8", "replace").lstrip("\ufeff \t\r\n").lower()
    if "<svg" in texte:
        refuser_photo(nom, "dessin vectoriel SVG", attendu, "exportez-le en PNG")
    if texte.startswith(("<!doctype html", "<html", "<head")):
        remede = "dans le navigateur, clic droit sur l'image, puis « Enregistrer l'image sous… »"
        refuser_photo(nom, "c'est une page web, pas une image", attendu, remede)
    if "\0" in texte or "\ufffd" in texte[:-1]:  # le dernier caractère peut être coupé
        trouve = "format d'image non reconnu, ou début du fichier abîmé"
    else:
        trouve = "c'est du texte, pas une image (extension trompeuse ?)"
    refuser_photo(nom, trouve, attendu, "téléchargez de nouveau l'image, ou convertissez-la en PNG")


# --- Des octets, d'où qu'ils viennent --------------------------------------------------------------


@cache
def formats_lisibles(formats=FORMATS):
    """Ceux de ces formats que le Pillow installé sait lire (AVIF : à partir de la version 11.3)."""
    Image.init()
    connus = [f for f in formats if f in Image.OPEN]
    return tuple(f for f in connus if f not in ("AVIF", "WEBP") or features.check(f.lower()))


@cache
def _annonces(formats):
    return ", ".join(f for f in formats_lisibles(formats) if f != "DIB").replace("WEBP", "WebP")


def _lire_octets(source):
    """Rend (octets, nom) d'un chemin, d'octets ou d'un fichier ouvert ; lève `PhotoIllisible`."""
    attendu = f"une image ({_annonces(FORMATS)}) de {OCTETS_MAX // 2**20} Mo au plus"
    if isinstance(source, (bytes, bytearray, memoryview)):
        octets, nom = bytes(source), "image reçue"
    elif hasattr(source, "read"):
        octets, nom = source.read(OCTETS_MAX + 1), _nom(source, "name")
    elif isinstance(source, (str, os.PathLike)):
        octets, nom = _lire_chemin(Path(source), attendu)
    else:
        raise TypeError(
            "Photo attendue : chemin, octets, fichier ouvert ou image PIL ; "
            f"reçu : {type(source).__name__}."
        )
    if not octets:
        remede = "téléchargez ou copiez de nouveau l'image"
        refuser_photo(nom, "fichier vide (0 octet)", attendu, remede)
    if len(octets) > OCTETS_MAX:
        remede = "réduisez l'image ou enregistrez-la en JPEG"
        refuser_photo(nom, "fichier trop lourd", attendu, remede)
    return octets, nom


def _nom(source, attribut):
    """Nom du fichier d'où vient `source`, si elle en garde un."""
    return Path(str(getattr(source, attribut, "") or "image reçue")).name


def _lire_chemin(chemin, attendu):
    nom = chemin.name or str(chemin)
    if str(chemin).startswith(("http:", "https:")):
        remede = "téléchargez l'image, puis donnez son chemin"
        refuser_photo(nom, "c'est une adresse web", attendu, remede)
    # os.path, lui, répond aussi à un nom trop long ou à un caractère nul.
    if os.path.isdir(chemin):
        images = ", ".join(_images_de(chemin)[:5])
        trouve = f"c'est un dossier ({'il contient : ' + images if images else 'sans image'})"
        refuser_photo(nom, trouve, attendu, "donnez le chemin d'une image")
    if not os.path.exists(chemin):
        _refuser_absente(chemin, nom, attendu)
    try:
        with chemin.open("rb") as fichier:
            return fichier.read(OCTETS_MAX + 1), nom
    except OSError as erreur:
        trouve = f"fichier impossible à lire ({erreur.strerror})"
        refuser_photo(nom, trouve, attendu, "vérifiez ses droits")


def _images_de(dossier):
    suffixes = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff", ".heic"}
    try:
        fichiers = [f for f in dossier.iterdir() if f.suffix.lower() in suffixes and f.is_file()]
    except OSError:  # macOS protège le bureau et les téléchargements
        return []
    return sorted(f.name for f in fichiers if not est_parasite(f.name))


def _refuser_absente(chemin, nom, attendu):
    """Rien à ce chemin : propose les noms proches, s'il y en a."""
    parent = chemin.parent
    if not os.path.isdir(parent):
        trouve = f"fichier introuvable, car le dossier « {nom_court(parent)} » n'existe pas"
        remede = f"corrigez le chemin (dossier courant : « {Path.cwd().name} »)"
        refuser_photo(nom, trouve, attendu, remede)
    images = _images_de(parent)
    minuscules = {image.lower(): image for image in images}
    proches = difflib.get_close_matches(nom.lower(), minuscules, n=3, cutoff=0.7)
    if proches:
        remede = f"vouliez-vous dire {' ou '.join(f'« {minuscules[p]} »' for p in proches)} ?"
    elif images:
        remede = f"choisissez parmi : {', '.join(images[:5])}"
    else:
        remede = "copiez l'image dans ce dossier ou corrigez le chemin"
    trouve = f"fichier introuvable dans le dossier « {parent.resolve().name} »"
    if os.path.islink(chemin):
        cible = chemin.readlink().name
        trouve = f"fichier introuvable : lien rompu vers « {cible} », qui n'existe pas"
    refuser_photo(nom, trouve, attendu, remede)


def _decoder(octets, nom, formats, pixels_max, cote_utile):
    """Décode des octets en image PIL droite ; refuse avant décodage ce qui est démesuré."""
    annonces = _annonces(formats)
    if _est_brute(octets, nom):
        refuser_photo(nom, _BRUTE, f"une image {annonces}", _EN_JPEG)
    try:
        img = Image.open(io.BytesIO(octets), formats=formats_lisibles(formats))
    except Image.DecompressionBombError:
        _refuser_demesuree(nom, "image démesurée, décodage refusé", pixels_max)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        _refuser_inconnu(octets, nom, annonces)
    _verifier_taille(img.size, nom, pixels_max)
    if img.format in ("JPEG", "MPO"):
        img.draft(None, (cote_utile, cote_utile))  # décodage réduit : 12 Mpx en peu de temps
    return _charger(img, nom)


def _refuser_demesuree(nom, trouve, pixels_max):
    attendu = f"{pixels_max // 10**6} millions de pixels au plus"
    refuser_photo(nom, trouve, attendu, "réduisez l'image avant de la donner", PhotoDemesuree)


def _verifier_taille(taille, nom, pixels_max):
    largeur, hauteur = taille
    trouve = f"{largeur} × {hauteur} pixels, "
    if largeur * hauteur > pixels_max:
        _refuser_demesuree(nom, trouve + "image démesurée", pixels_max)
    if max(taille) > RAPPORT_MAX * min(taille):
        attendu = f"un côté au plus {RAPPORT_MAX} fois plus long que l'autre"
        remede = "recadrez l'image autour du vêtement"
        refuser_photo(nom, trouve + "image filiforme", attendu, remede)
    if min(taille) < COTE_MIN:
        attendu = f"{COTE_MIN} pixels au moins de chaque côté"
        remede = "prenez l'image d'origine plutôt qu'une vignette"
        refuser_photo(nom, trouve + "trop petit pour reconnaître un vêtement", attendu, remede)


def _charger(img, nom, sur_place=True):
    """Décode les pixels et remet l'image droite ; refuse une image incomplète.

    `sur_place` : sans copie (100 Mo de moins pour 25 mégapixels), ce qui change l'image reçue.
    """
    try:
        img.load()
        return ImageOps.exif_transpose(img, in_place=sur_place) or img
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, MemoryError):
        trouve = f"image {img.format or ''} tronquée ou abîmée"
        remede = "téléchargez ou copiez de nouveau l'image"
        refuser_photo(nom, trouve, "un fichier complet", remede)


def _vers_8_bits(img):
    """Ramène les modes I;16, I et F à L sans écrêter : l'échelle suit la profondeur réellement employée."""
    if img.mode.startswith("I;16"):  # une table : huit fois moins de mémoire que des réels
        valeurs = np.asarray(img)
        echelle = next(m for m in (1, 255, 4095, 65535) if valeurs.max() <= m)
        table = np.round(np.arange(65536) * (255 / echelle)).clip(0, 255).astype(np.uint8)
        return Image.fromarray(table[valeurs])
    valeurs = np.nan_to_num(np.asarray(img, dtype=np.float64), posinf=0, neginf=0)
    bas, haut = valeurs.min(), valeurs.max()
    if bas < 0 or haut > 65535:
        valeurs = (valeurs - bas) / (haut - bas)
    elif haut > 1:
        valeurs = valeurs / next(m for m in (255, 4095, 65535) if haut <= m)
    return Image.fromarray(np.round(valeurs * 255).astype(np.uint8))


def _vers_rvb(img):
    """Rend l'image en RGB, ou en RGBA si elle porte une transparence."""
    if img.mode.startswith("I") or img.mode == "F":
        return _vers_8_bits(img).convert("RGB")
    if img.mode == "LAB":
        lab = np.asarray(img).astype(np.uint8)
        lab[..., 1:] ^= 0x80  # Pillow : a et b signés ; OpenCV : décalés de 128
        return Image.fromarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))
    mode = "RGBA" if img.has_transparency_data else "RGB"
    return img if img.mode == mode else img.convert(mode)


def sur_blanc(photo):
    """Image PIL RGB : une photo RGBA est posée sur du blanc."""
    if photo.mode == "RGB":
        return photo
    blanc = Image.new("RGBA", photo.size, "white")
    blanc.alpha_composite(photo)
    return blanc.convert("RGB")


def ouvrir_photo(source, formats=FORMATS, pixels_max=PIXELS_MAX, cote_utile=COTE_UTILE):
    """Ouvre une photo, droite (EXIF), en image PIL RGB ou RGBA de 1 024 pixels de côté au plus.

    `source` : chemin, octets, fichier ouvert en binaire, ou image PIL ; d'un GIF, la première image. Un JPEG est
    décodé deux, quatre ou huit fois plus petit tant que chaque côté garde `cote_utile` pixels. Lève
    `PhotoIllisible` si la photo manque, est vide, tronquée, d'un format non admis, filiforme, ou démesurée
    (`PhotoDemesuree` : plus de `pixels_max`, vérifiés avant décodage).
    """
    if isinstance(source, Image.Image):
        nom = _nom(source, "filename")
        _verifier_taille(source.size, nom, pixels_max)
        img = _charger(source, nom, sur_place=False)
    else:
        octets, nom = _lire_octets(source)
        img = _decoder(octets, nom, formats, pixels_max, cote_utile)
    img = _vers_rvb(img)
    if max(img.size) > COTE_UTILE:
        facteur = COTE_UTILE / max(img.size)
        taille = [max(1, round(c * facteur)) for c in img.size]
        img = img.resize(taille, Image.Resampling.BOX, reducing_gap=2)
    return img
