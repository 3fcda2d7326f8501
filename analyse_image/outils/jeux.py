"""Les jeux de photos : un tableau qui dit d'où ils viennent, et une seule façon de les obtenir."""

import gzip
import lzma
import os
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tqdm.auto import tqdm

from outils.fichiers import (
    DonneesInvalides,
    annoncer_dessins,
    chemin_relatif,
    dossier_atomique,
    dossier_inscriptible,
    dossiers_datas,
    est_parasite,
    refuser_fichier,
    telecharger,
    verrou,
)
from outils.garde_robe import ecrire_catalogue, ecrire_chiens

PHOTO_MAX = 30 * 2**20  # octets d'une photo
MEMBRES_MAX = 200_000  # d'une archive
ARCHIVE_MAX = 4 * 2**30  # octets parcourus dans une archive

RACES = {  # dossier de Stanford Dogs → classe
    "n02085620-Chihuahua": "chihuahua",
    "n02108089-boxer": "boxer",
    "n02109961-Eskimo_dog": "esquimau",
}

ABIMEE = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile),
    *(zlib.error, lzma.LZMAError, EOFError),
)


@dataclass(frozen=True)
class Jeu:
    """Un jeu de photos : où il est, d'où il vient, comment reconnaître ses fichiers.

    `places` : motifs des dossiers de `datas/` où on le trouve ; `reperes` : il suffit qu'un de ces groupes
    de fichiers ou de dossiers y soit. Sans `adresses` ni `archives`, il ne s'obtient qu'à la main.
    """

    source: str  # ce que les labos affichent
    licence: str
    remede: str  # comment l'avoir : où le prendre, où le poser
    places: tuple[str, ...]
    reperes: tuple[tuple[str, ...], ...]
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
        licence="usage de recherche",
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
        licence="CC0",
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
        dessins="catalogue dessiné",
        jumeau=lambda: dessiner("jumeau_catalogue_300", lambda d: ecrire_catalogue(d, 300)),
    ),
    "catalogue": Jeu(
        source="Fashion Product Images (Kaggle)",
        licence="licence MIT, selon sa page",
        remede="décompressez dans « datas/ » le jeu de Kaggle, en entier (il faut un compte)",
        places=(".", "*", "*/*"),
        reperes=(("images", "styles"), ("images", "styles.csv")),
        dessins="catalogue dessiné",
        jumeau=lambda: dessiner("jumeau_catalogue_900", lambda d: ecrire_catalogue(d, 900)),
    ),
    "hm": Jeu(
        source="H&M (Kaggle)",
        licence="règles du concours",
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
                # Un jumeau dessiné n'est jamais pris pour le vrai jeu.
                parties = dossier.relative_to(datas).parts
                if any(est_parasite(p) or p.startswith("jumeau") for p in parties):
                    continue
                if any(all(os.path.exists(dossier / r) for r in g) for g in jeu.reperes):
                    return chemin_relatif(dossier)
    return None


def _est_du_jeu(archive, jeu):
    if not archive.name.startswith("archive"):  # Kaggle appelle tout « archive.zip »
        return True
    try:
        with zipfile.ZipFile(archive) as contenu:
            return any(re.fullmatch(jeu.membre, nom) for nom in contenu.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _archive_posee(jeu):
    for datas in dossiers_datas():
        for motif in jeu.archives:
            for chemin in sorted(datas.glob(motif)):
                if chemin.is_file() and _est_du_jeu(chemin, jeu):
                    return chemin
    return None


# --- Extraire -------------------------------------------------------------------------------------


def _membres(archive):
    """Donne (nom, taille, lire(octets au plus)) des fichiers ordinaires d'une archive zip ou tar."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as contenu:
            for membre in tqdm(contenu.infolist(), "extraction"):
                if not membre.is_dir() and (membre.external_attr >> 16) & 0o170000 in (0, 0o100000):
                    with contenu.open(membre) as fichier:
                        yield membre.filename, membre.file_size, fichier.read
        return
    with tarfile.open(archive, "r:*") as contenu:  # comprimée ou non
        for membre in tqdm(contenu, "extraction", unit=" fichiers"):
            if membre.offset_data + membre.size > ARCHIVE_MAX:
                raise ValueError(f"plus de {ARCHIVE_MAX // 2**30} Go")
            # type exact : un lien, un périphérique ou un fichier à trous n'est pas une photo
            if membre.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
                yield membre.name, membre.size, contenu.extractfile(membre).read


def extraire(archive, destination, jeu):
    """Extrait d'une archive (zip, tar, tar.gz…) les photos de `jeu`, dans `destination`, qui n'existe pas.

    Rien d'autre n'est écrit : ni lien, ni fichier spécial, ni chemin choisi par l'archive ; membres et octets
    sont limités ; le dossier n'apparaît que complet. Rend les photos par dossier (dict).
    Lève `DonneesInvalides`, qui nomme l'archive, si elle est abîmée, démesurée, ou n'est pas la bonne.
    """
    archive, motif = Path(archive), re.compile(jeu.membre)
    attendu = f"l'archive de {jeu.source}, entière"
    remede = f"supprimez « {archive.name} », puis {jeu.remede}."
    comptes, total = Counter(dict.fromkeys(jeu.minimum, 0)), 0
    try:
        with dossier_atomique(destination) as provisoire:
            for rang, (nom, taille, lire) in enumerate(_membres(archive)):
                if rang == MEMBRES_MAX:
                    raise ValueError(f"démesurée, plus de {MEMBRES_MAX} fichiers")
                trouve = motif.fullmatch(nom)
                if not trouve:
                    continue
                octets = lire(PHOTO_MAX + 1)  # la taille annoncée peut mentir : on compte
                total += len(octets)
                if len(octets) > PHOTO_MAX or total > jeu.octets_max:
                    raise ValueError(f"démesurée (« {nom} »)")
                if len(octets) != taille:
                    raise ValueError(f"« {nom} » est coupé")
                cible = provisoire / trouve.group(1)
                comptes[PurePosixPath(trouve.group(1)).parts[0]] += not cible.exists()
                cible.parent.mkdir(parents=True, exist_ok=True)
                cible.write_bytes(octets)
            if any(comptes[dossier] < n for dossier, n in jeu.minimum.items()):
                manque = ", ".join(f"{d} {comptes[d]} photos" for d in jeu.minimum)
                attendu = ", ".join(f"{d} au moins {n}" for d, n in jeu.minimum.items())
                raise ValueError(f"pas la bonne, ou incomplète : {manque}")
    except ABIMEE as erreur:
        trouve = f"une archive abîmée, coupée ou d'un autre format ({erreur})"
        refuser_fichier(archive, trouve, attendu, remede)
    except (ValueError, NotImplementedError, RuntimeError) as erreur:  # chiffrée, autre compression
        refuser_fichier(archive, f"une archive inutilisable : {erreur}", attendu, remede)
    return dict(comptes)


# --- Obtenir --------------------------------------------------------------------------------------


def dessiner(nom, ecrire, dans=None):
    """Rend le dossier du jumeau dessiné `nom`, écrit par `ecrire(dossier)` s'il n'est pas déjà là.

    `dans` : où l'écrire, par défaut le dossier des données. Si un autre noyau l'écrit déjà, on l'attend.
    """
    for datas in [Path(dans)] if dans else dossiers_datas():
        if (datas / nom).is_dir() and any((datas / nom).iterdir()):
            return chemin_relatif(datas / nom)
    dossier = dossier_inscriptible(dans) / nom
    with verrou(dossier):
        if not dossier.is_dir() or not any(dossier.iterdir()):
            ecrire(dossier)
    return chemin_relatif(dossier)


def _preparer(nom, en_ligne):
    """Rend le dossier du jeu `nom`, extrait d'une archive posée dans les données, sinon téléchargée."""
    jeu = JEUX[nom]
    if not _archive_posee(jeu) and not (en_ligne and jeu.adresses):
        raise ConnectionError(
            "rien n'est téléchargé en mode rapide" if jeu.adresses else "il faut le poser à la main"
        )
    destination = dossier_inscriptible() / jeu.places[0]
    with verrou(destination):
        if dossier := trouver(nom):  # un autre noyau vient de finir
            return dossier
        if destination.is_dir() and (contenu := sorted(e.name for e in destination.iterdir())):
            refuser_fichier(
                destination,
                f"un dossier qui contient {', '.join(contenu[:4])}{'…' if len(contenu) > 4 else ''}",
                f"{' ou '.join(groupe[0] for groupe in jeu.reperes)}, tel que publié",
                "renommez ce dossier, puis relancez : le labo fera le sien.",
            )
        posee = _archive_posee(jeu)
        archive = posee or telecharger(
            jeu.adresses if en_ligne else (), destination.with_name(jeu.archives[0]), jeu.somme
        )
        try:
            extraire(archive, destination, jeu)
        except DonneesInvalides as erreur:
            if posee:
                raise
            archive.unlink()  # la garder bloquerait la suite
            raise ConnectionError(f"{archive.name} : {erreur.trouve}") from erreur
        if not posee:
            archive.unlink()
        return trouver(nom)


def obtenir(nom, en_ligne=True, jumeau=None):
    """Rend (dossier, source) du jeu `nom` (une clé de `JEUX`), et affiche sur quelles données on travaille.

    Dans l'ordre : le jeu déjà dans les données, une archive posée à côté, le téléchargement (si `en_ligne`),
    sinon un jumeau dessiné, annoncé à l'écran. `jumeau()` : rend le dossier d'un autre jumeau que celui du
    tableau. Lève `DonneesInvalides` si ce qui est posé est abîmé, `OSError` si l'on ne peut pas écrire.
    """
    jeu, dossier = JEUX[nom], trouver(nom)
    if dossier is None:
        try:
            dossier = _preparer(nom, en_ligne)
        except ConnectionError as erreur:
            dessins = (jumeau or jeu.jumeau)()
            dossier = trouver(nom)  # arrivé entre-temps, par un autre noyau
            if dossier is None:
                annoncer_dessins(jeu.source, erreur, f"« {dessins.name} »", f"{jeu.remede}.")
                return dessins, jeu.dessins
    print(f"Données : {jeu.source}", flush=True)
    return dossier, jeu.source
