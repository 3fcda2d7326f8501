"""Les jeux de photos : un tableau qui dit d'où ils viennent, et une seule façon de les obtenir."""

import gzip
import os
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tqdm.auto import tqdm

from outils.dessins import ecrire_chiens, ecrire_vetements
from outils.fichiers import (
    DonneesInvalides,
    annoncer_dessins,
    chemin_relatif,
    dossier_atomique,
    dossier_inscriptible,
    dossiers_datas,
    est_parasite,
    fichiers_sous,
    noms_du_zip,
    refuser_fichier,
    telecharger,
    verrou,
)

RACES = {  # dossier de Stanford Dogs → classe
    "n02085620-Chihuahua": "chihuahua",
    "n02108089-boxer": "boxer",
    "n02109961-Eskimo_dog": "esquimau",
}

RANGES = "vetements_en_"  # début du nom des dossiers qu'écrit `arranger`

ILLISIBLE = (  # ce que lève la lecture d'une archive coupée, chiffrée ou d'un autre format
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile),
    *(zlib.error, EOFError, RuntimeError),
)


@dataclass(frozen=True)
class Jeu:
    """Un jeu de photos : où il est, d'où il vient, comment reconnaître ses fichiers."""

    source: str  # ce que les labos affichent
    remede: str  # comment l'avoir : où le prendre, où le poser
    places: tuple[str, ...]  # motifs des dossiers de `datas/` où il peut être
    reperes: tuple[tuple[str, ...], ...]  # l'un de ces groupes de fichiers ou de dossiers y est
    adresses: tuple[str, ...] = ()
    somme: str | None = None  # de l'archive téléchargée
    archives: tuple[str, ...] = ()  # noms possibles d'une archive ; le premier, si on la télécharge
    membre: str = ""  # motif d'un membre utile ; son groupe est le chemin où il est écrit
    minimum: dict = field(default_factory=dict)  # dossier → photos, au moins
    octets_max: int = 2**30  # une fois extrait
    dessins: str = "jumeau dessiné"  # la source affichée quand il manque
    jumeau: Callable | None = None  # rend le dossier de ces dessins


_VETEMENTS = "clothing-dataset-small"
_GITHUB = f"https://codeload.github.com/alexeygrigorev/{_VETEMENTS}/zip"
JEUX = {
    "chiens": Jeu(
        # Khosla, Jayadevaprakash, Yao et Fei-Fei, « Novel Dataset for Fine-Grained Image Categorization »,
        # CVPR 2011. Ces photos viennent d'ImageNet ; trois des 120 races suffisent.
        source="Stanford Dogs",
        remede="connectez-vous à Internet et relancez, hors du mode rapide, ou posez dans « datas/ » "
        "images.tar (757 Mo), pris sur la page de Stanford Dogs",
        places=("stanford-dogs", "chiens", "stanford-dogs*", "Images", "*/Images", "*/*/Images"),
        reperes=tuple((race,) for race in RACES),
        adresses=("http://vision.stanford.edu/aditya86/ImageNetDogs/images.tar",),
        somme="sha256:a443fc2f9a851aa1a7b8e4fa4af94b8459fce2c9f5a2f4dd4669cf9673a4ec58",
        archives=(
            "images.tar",
            "images.tar.gz",
            "images.tgz",
            "stanford-dogs*.zip",
            "archive*.zip",
        ),
        membre=rf"(?:[^/]+/){{1,3}}((?:{'|'.join(RACES)})/n\d{{8}}_\d{{1,6}}\.jpg)",
        minimum=dict.fromkeys(RACES, 100),  # elles en ont environ 150
        octets_max=500 * 2**20,  # elles en font une vingtaine de millions
        dessins="chiens dessinés",
        jumeau=lambda: dessiner("jumeau_chiens_180", lambda d: ecrire_chiens(d, list(RACES), 180)),
    ),
    "vetements": Jeu(
        source="clothing-dataset-small (CC0)",
        remede="connectez-vous à Internet et relancez, hors du mode rapide, ou posez dans « datas/ » "
        f"l'archive zip de github.com/alexeygrigorev/{_VETEMENTS}",
        places=(_VETEMENTS, "vetements", f"{_VETEMENTS}*", f"{_VETEMENTS}*/{_VETEMENTS}*"),
        reperes=(("train",), ("apprentissage",)),
        # La version mesurée ici, puis la dernière. GitHub refait ses archives : pas de somme stable.
        adresses=(
            f"{_GITHUB}/36364be1969242c019705255cd87aed00c73a939",
            f"{_GITHUB}/refs/heads/master",
        ),
        archives=(f"{_VETEMENTS}.zip", f"{_VETEMENTS}*.zip"),
        membre=r"[^/]+/((?:train|validation|test)/[a-z-]{2,20}/[\w-]{1,80}\.jpg)",
        minimum={"train": 3_068, "validation": 341, "test": 372},
        dessins="vêtements dessinés",
        jumeau=lambda: dessiner("jumeau_vetements_300", lambda d: ecrire_vetements(d, 300)),
    ),
    "catalogue": Jeu(
        source="Fashion Product Images (Kaggle)",
        remede="décompressez dans « datas/ » le jeu de Kaggle, en entier (il faut un compte)",
        places=(".", "*", "*/*"),
        reperes=(("images", "styles"), ("images", "styles.csv")),
    ),
    "hm": Jeu(
        source="H&M (Kaggle)",
        remede="posez dans « datas/ » articles.csv et images/ du concours (il faut un compte Kaggle)",
        places=(".", "*", "*/*"),
        reperes=(("articles.csv", "images"),),
    ),
}


# --- Trouver --------------------------------------------------------------------------------------


def trouver(nom):
    """Dossier (relatif au dossier courant) du jeu `nom` s'il est déjà dans les données, ou None."""
    jeu = JEUX[nom]
    for datas in dossiers_datas():
        for place in jeu.places:
            for dossier in [datas] if place == "." else sorted(datas.glob(f"{place}/")):
                # Ni un jumeau dessiné, ni des photos rangées autrement, ne sont pris pour le vrai jeu.
                parties = dossier.relative_to(datas).parts
                if any(est_parasite(p) or p.startswith(("jumeau", RANGES)) for p in parties):
                    continue
                if any(all(os.path.exists(dossier / r) for r in g) for g in jeu.reperes):
                    return chemin_relatif(dossier)
    return None


def _archive_posee(jeu):
    motif = re.compile(jeu.membre)
    archives = (a for d in dossiers_datas() for nom in jeu.archives for a in sorted(d.glob(nom)))
    for archive in archives:
        # Kaggle appelle tout « archive.zip » : on regarde dedans.
        nommee = not archive.name.startswith("archive")
        if nommee or any(map(motif.fullmatch, noms_du_zip(archive))):
            return archive
    return None


# --- Extraire -------------------------------------------------------------------------------------


def _membres(archive):
    """Donne (nom, fichier ouvert) des fichiers ordinaires d'une archive zip ou tar."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as contenu:
            for membre in tqdm(contenu.infolist(), "extraction"):
                yield membre.filename, contenu.open(membre)
    else:
        with tarfile.open(archive) as contenu:  # comprimée ou non
            for membre in tqdm(contenu, "extraction", unit=" fichiers"):
                if membre.isfile():  # ni lien, ni périphérique
                    yield membre.name, contenu.extractfile(membre)


def extraire(archive, destination, jeu):
    """Extrait d'une archive les photos de `jeu`, dans `destination`, qui n'existe pas ; rend leurs comptes par dossier.

    Rien d'autre n'est écrit : ni lien, ni fichier spécial, ni chemin choisi par l'archive, ni plus de
    `jeu.octets_max` octets. Lève `DonneesInvalides` si elle est abîmée, démesurée, ou n'est pas la bonne.
    """
    archive, motif = Path(archive), re.compile(jeu.membre)
    comptes, reste = Counter(), jeu.octets_max
    try:
        with dossier_atomique(destination) as provisoire:
            for nom, fichier in _membres(archive):
                if not (photo := motif.fullmatch(nom)):
                    continue
                octets = fichier.read(reste + 1)  # la taille annoncée peut mentir : on compte
                reste -= len(octets)
                if reste < 0:
                    raise ValueError(f"démesurée (plus de {jeu.octets_max >> 20} Mo)")
                cible = provisoire / photo[1]
                cible.parent.mkdir(parents=True, exist_ok=True)
                cible.write_bytes(octets)
                comptes[photo[1].split("/")[0]] += 1
            if any(comptes[dossier] < n for dossier, n in jeu.minimum.items()):
                trouvees = [f"{d} {comptes[d]} photos sur {n}" for d, n in jeu.minimum.items()]
                raise ValueError(f"qui n'est pas la bonne, ou incomplète : {', '.join(trouvees)}")
            return dict(comptes)
    except ILLISIBLE as erreur:
        faute = f"abîmée, coupée ou d'un autre format ({erreur})"
    except ValueError as erreur:
        faute = str(erreur)
    remede = f"supprimez « {archive.name} », puis {jeu.remede}."
    refuser_fichier(archive, f"une archive {faute}", f"l'archive de {jeu.source}, entière", remede)


# --- Obtenir --------------------------------------------------------------------------------------


def dessiner(nom, ecrire, dans=None):
    """Rend le dossier `nom` (un jumeau dessiné), écrit par `ecrire(dossier)` s'il n'est pas déjà là.

    `dans` : où l'écrire, par défaut le dossier des données. Si un autre noyau l'écrit déjà, on l'attend.
    """
    for datas in [Path(dans)] if dans else dossiers_datas():
        if (datas / nom).is_dir():
            return chemin_relatif(datas / nom)
    dossier = dossier_inscriptible(dans) / nom
    with verrou(dossier):
        if not dossier.is_dir():
            ecrire(dossier)
    return chemin_relatif(dossier)


def _preparer(nom, en_ligne):
    """Rend le dossier du jeu `nom`, extrait d'une archive posée dans les données, sinon téléchargée."""
    jeu = JEUX[nom]
    if not jeu.archives:
        raise ConnectionError("il faut le poser à la main")
    if not (en_ligne or _archive_posee(jeu)):
        raise ConnectionError("rien n'est téléchargé en mode rapide")
    destination = dossier_inscriptible() / jeu.places[0]
    with verrou(destination):
        if dossier := trouver(nom):  # un autre noyau vient de finir
            return dossier
        if destination.is_dir() and (contenu := sorted(e.name for e in destination.iterdir())):
            refuser_fichier(
                destination,
                f"un dossier qui contient {', '.join(contenu[:4])}",
                f"{' ou '.join(groupe[0] for groupe in jeu.reperes)}, tel que publié",
                "renommez ce dossier, puis relancez : le labo fera le sien.",
            )
        if posee := _archive_posee(jeu):
            extraire(posee, destination, jeu)
            return trouver(nom)
        archive = telecharger(jeu.adresses, destination.with_name(jeu.archives[0]), jeu.somme)
        try:
            extraire(archive, destination, jeu)
        except DonneesInvalides as erreur:
            archive.unlink()  # la garder bloquerait la suite
            raise ConnectionError(f"{archive.name} : {erreur.trouve}") from erreur
        archive.unlink()
        return trouver(nom)


def obtenir(nom, en_ligne=True):
    """Rend (dossier, source) du jeu `nom` (une clé de `JEUX`), et affiche sur quelles données on travaille.

    Dans l'ordre : déjà dans les données, une archive posée à côté, le téléchargement (si `en_ligne`), sinon un jumeau
    dessiné, annoncé. Lève `DonneesInvalides` si ce qui est posé est abîmé, `OSError` si l'on ne peut pas écrire.
    """
    jeu, dossier = JEUX[nom], trouver(nom)
    if dossier is None:
        try:
            dossier = _preparer(nom, en_ligne)
        except ConnectionError as erreur:
            dessins = jeu.jumeau()
            dossier = trouver(nom)  # arrivé entre-temps, par un autre noyau
            if dossier is None:
                annoncer_dessins(jeu.source, erreur, f"« {dessins.name} »", f"{jeu.remede}.")
                return dessins, jeu.dessins
    print(f"Données : {jeu.source}", flush=True)
    return dossier, jeu.source


# --- Les vêtements, rangés comme un autre jeu -----------------------------------------------------


def photos_vetements(dossier, n=None):
    """Les (chemin, article) des photos de vêtements, tous jeux mélangés, dans l'ordre des noms ; `n` au plus."""
    chemins = (c for c in fichiers_sous(dossier) if c.suffix == ".jpg")
    chemins = sorted(chemins, key=lambda c: (c.name, c.parent.name))
    return [(chemin, chemin.parent.name) for chemin in chemins[:n]]


def arranger(forme, ecrire, en_ligne=True, n=None, dans=None):
    """Rend (dossier, source) des photos de vêtements rangées comme un autre jeu, sans les copier.

    `ecrire(photos_vetements, dossier)` écrit cette `forme` à côté des données ou dans `dans` ; déjà là, elle sert.
    """
    vetements, source = obtenir("vetements", en_ligne)
    debut = "jumeau_en_" if source == JEUX["vetements"].dessins else RANGES
    nom = f"{debut}{forme}_{n or 'entier'}"
    return dessiner(nom, lambda d: ecrire(photos_vetements(vetements, n), d), dans), source
