"""Ouvrir les archives d'une remise sans leur faire confiance : ni liens, ni sorties du dossier, ni bombes."""

import contextlib
import functools
import lzma
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from correction.inventaire import FICHIERS_MAX, IGNORES, NOTEBOOKS, fichiers
from correction.moodle import MOODLE

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
ARCHIVES_REFUSEES = (".rar", ".7z")  # ouvertes si bsdtar est installé
REFUSEE = "« {} » : format non ouvert ici ; installez bsdtar (libarchive-tools) ou demandez un zip"
REMISE_MAX = 1_500_000_000  # par remise, une fois décompressée
ARCHIVES_MAX = 20  # par remise, imbriquées comprises


ABIMEES = (
    ValueError,
    EOFError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    subprocess.SubprocessError,
)


class ArchiveRefusee(ValueError):
    """Archive abîmée, dangereuse ou démesurée ; le message dit ce qui est trouvé."""


def est_archive(nom):
    """Vrai si ce nom est celui d'une archive qui s'ouvre ici."""
    bas = nom.lower()
    return bas.endswith(ARCHIVES) or (bas.endswith(ARCHIVES_REFUSEES) and bool(_bsdtar()))


def _refusee(nom):
    return nom.lower().endswith(ARCHIVES_REFUSEES) and not est_archive(nom)


@functools.cache
def _bsdtar():
    """Programme qui lit .rar et .7z : bsdtar ; sous macOS et Windows, c'est leur tar."""
    return shutil.which("bsdtar") or (
        shutil.which("tar") if sys.platform in ("darwin", "win32") else None
    )


def noms(chemin):
    """Noms des membres d'une archive (liste, vide si elle est illisible)."""
    try:
        with _ouvrir(chemin) as archive:
            return [nom for nom, *_ in _membres(archive)]
    except (OSError, *ABIMEES):
        return []


@contextlib.contextmanager
def _ouvrir(chemin):
    if str(chemin).lower().endswith(ARCHIVES_REFUSEES):
        yield _Bsdtar(chemin)
        return
    with (zipfile.ZipFile if zipfile.is_zipfile(chemin) else tarfile.open)(chemin) as archive:
        yield archive


class _Bsdtar:
    """Une archive lue par bsdtar, membre par membre et par un tube : il n'écrit rien lui-même."""

    def __init__(self, chemin):
        self.chemin = str(chemin)

    def noms(self):
        liste = subprocess.run(
            [_bsdtar(), "-tf", self.chemin],
            capture_output=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
        if liste.returncode:
            raise ValueError("archive illisible")
        return [n for n in liste.stdout.decode("utf-8", "replace").splitlines() if n[-1:] != "/"]

    @contextlib.contextmanager
    def ouvrir(self, nom):
        programme = [_bsdtar(), "-xOf", self.chemin, "--", nom]
        with subprocess.Popen(
            programme, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        ) as lecture:
            try:
                yield lecture.stdout
            finally:
                lecture.kill()


def _nom_zip(info):
    """Nom d'un membre : les zips de Windows et de macOS n'annoncent pas toujours leur encodage."""
    nom = info.filename
    if not info.flag_bits & 0x800:
        octets = info.orig_filename.encode("cp437", errors="replace")
        for codage in ("utf-8", "cp850", "cp1252"):
            try:
                nom = octets.decode(codage)
                break
            except UnicodeDecodeError:
                continue
    return nom.replace("\\", "/").split("\0")[0]


def _chemin_sur(nom):
    """Chemin relatif sans sortie possible du dossier d'extraction, ou None si le nom est dangereux."""
    morceaux = PurePosixPath(nom).parts
    if not morceaux or nom.startswith("/") or re.match(r"^[A-Za-z]:", nom) or ".." in morceaux:
        return None
    # Caractères refusés par Windows ou trompeurs dans un rapport.
    propres = [re.sub(r'[<>:"|?*\x00-\x1f]', "_", m).rstrip(". ") or "_" for m in morceaux]
    return Path(*[m[:120] for m in propres])


def _membres(archive):
    """(nom, taille annoncée, ouvrir, lien ?) de chaque fichier d'une archive ouverte."""
    if isinstance(archive, _Bsdtar):
        for nom in archive.noms():
            yield nom, 0, lambda n=nom: archive.ouvrir(n), False
        return
    if isinstance(archive, zipfile.ZipFile):
        for info in archive.infolist():
            if not info.is_dir() and not info.filename.endswith("\\"):
                lien = stat.S_ISLNK(info.external_attr >> 16)
                yield _nom_zip(info), info.file_size, lambda i=info: archive.open(i), lien
        return
    for info in archive:
        if not info.isdir():
            yield info.name, info.size, lambda i=info: archive.extractfile(i), not info.isfile()


def extraire(chemin, destination, budget=None):
    """Extrait une archive zip ou tar dans `destination` ; rend les remarques (liste de phrases).

    Refuse liens, chemins absolus ou remontants ; borne le nombre et la taille des fichiers, mesurée
    à la décompression et non lue dans l'en-tête. Les archives imbriquées sont extraites de même.
    Lève `ArchiveRefusee`.
    """
    budget = (
        budget
        if budget is not None
        else {"octets": REMISE_MAX, "fichiers": FICHIERS_MAX, "archives": ARCHIVES_MAX}
    )
    budget["archives"] -= 1
    if budget["archives"] < 0:
        return [f"« {Path(chemin).name} » : trop d'archives imbriquées, non ouverte"]
    remarques, imbriquees = [], []
    try:
        with _ouvrir(chemin) as archive:
            for nom, taille, lire, lien in _membres(archive):
                relatif = _chemin_sur(nom)
                if relatif is None or lien:
                    nature = "lien" if lien else "chemin hors du dossier"
                    remarques.append(f"fichier refusé dans l'archive : « {nom[:80]} » ({nature})")
                    continue
                if IGNORES & set(relatif.parts[:-1]):
                    continue
                budget["fichiers"] -= 1
                if budget["fichiers"] < 0 or taille > budget["octets"]:
                    raise ArchiveRefusee(
                        f"archive démesurée : plus de {FICHIERS_MAX} fichiers ou de {_go(REMISE_MAX)}"
                    )
                cible = Path(destination) / relatif
                _copier_membre(lire, cible, budget)
                if est_archive(cible.name):
                    imbriquees.append(cible)
    except ArchiveRefusee:
        raise
    except RuntimeError as erreur:  # zipfile : archive chiffrée
        raise ArchiveRefusee("archive protégée par un mot de passe") from erreur
    except (OSError, *ABIMEES) as erreur:
        raise ArchiveRefusee(f"archive illisible ou abîmée ({type(erreur).__name__})") from erreur
    for archive in imbriquees:
        if archive.stat().st_size < 200_000_000 and not re.search(
            r"ubyte|fashion|mnist", archive.name, re.I
        ):
            try:
                remarques += extraire(archive, archive.with_name(archive.name + ".contenu"), budget)
            except ArchiveRefusee as erreur:
                remarques.append(f"« {archive.name} » : {erreur}")
    return remarques


def _go(octets):
    return f"{octets / 1e9:.1f} Go".replace(".", ",")


def _copier_membre(lire, cible, budget):
    cible.parent.mkdir(parents=True, exist_ok=True)
    if cible.exists():
        return  # deux membres du même nom : le premier est gardé
    with lire() as source, open(cible, "wb") as sortie:
        while bloc := source.read(1 << 20):
            budget["octets"] -= len(bloc)
            if budget["octets"] < 0:
                raise ArchiveRefusee(
                    f"archive démesurée : plus de {_go(REMISE_MAX)} une fois décompressée"
                )
            sortie.write(bloc)


def deballer(sources, destination):
    """Rend (racines, remarques, ouvertes) : dossiers où lire une remise, phrases, archives extraites.

    Les archives sont extraites dans `destination` ; les originaux ne sont pas touchés.
    """
    racines, remarques, ouvertes = [], [], []
    for numero, source in enumerate(map(Path, sources)):
        cible = Path(destination) / str(numero)
        if source.is_dir() and not source.is_symlink():
            presents = fichiers(source)[0]
            if not any(c.name.lower().endswith(NOTEBOOKS) for c in presents):
                ouvertes += [c for c in presents if est_archive(c.name)][:ARCHIVES_MAX]
                for rang, archive in enumerate(ouvertes):
                    racines += _extraire_ou_dire(archive, cible / str(rang), remarques)
                remarques += [REFUSEE.format(c.name) for c in presents if _refusee(c.name)]
            racines.append(source)
        elif est_archive(source.name):
            racines += _extraire_ou_dire(source, cible, remarques)
        elif _refusee(source.name):
            remarques.append(REFUSEE.format(source.name))
        else:
            cible.mkdir(parents=True, exist_ok=True)
            moodle = MOODLE.match(source.name)
            nom = moodle["reste"] if moodle and moodle["reste"] else source.name
            shutil.copy(source, cible / nom)
            racines.append(cible)
    return racines, remarques, ouvertes


def _extraire_ou_dire(archive, cible, remarques):
    try:
        remarques += extraire(archive, cible)
    except ArchiveRefusee as erreur:
        remarques.append(f"« {archive.name} » : {erreur}")
    return [cible] if cible.exists() else []
