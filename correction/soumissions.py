"""Trouver les remises dans un dossier, et lire ce qu'elles contiennent sans leur faire confiance."""

import os
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
ARCHIVES_REFUSEES = (".rar", ".7z")
REFUSEE = "« {} » : format non ouvert ; demandez un zip ou un dépôt Git"
IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".avif", ".tif", ".tiff", ".jfif")
# Dossiers qui ne sont pas le travail de l'étudiant : outils, caches, environnements.
IGNORES = {
    ".git", ".venv", "venv", "env", "node_modules", "__pycache__", "site-packages", "__MACOSX",
    ".ipynb_checkpoints", ".idea", ".vscode", ".devcontainer", ".github", ".pytest_cache",
}  # fmt: skip
FICHIERS_MAX = 20_000
OCTETS_MAX = 1_500_000_000  # par remise, une fois décompressée
ARCHIVES_MAX = 20  # par remise, imbriquées comprises
MOODLE = re.compile(r"^(?P<nom>.+?)_\d+_assignsubmission_\w+?_(?P<reste>.*)$")


@dataclass
class Soumission:
    """Une remise : le nom de l'étudiant, un identifiant de fichier sûr, et ses fichiers ou dossiers."""

    nom: str
    cle: str
    sources: list


class ArchiveRefusee(ValueError):
    """Archive abîmée, dangereuse ou démesurée ; le message dit ce qui est trouvé."""


def simplifier(texte):
    """Minuscules sans accent ni ponctuation : « Classification (1) » → « classification 1 »."""
    plat = unicodedata.normalize("NFKD", texte).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", " ", plat).strip()


def est_archive(nom):
    return nom.lower().endswith(ARCHIVES)


def trouver(dossier):
    """Liste des remises de `dossier` : un sous-dossier, une archive ou un notebook par étudiant.

    Admet un dossier de clones, une arborescence GitHub Classroom, un zip de Moodle ou son contenu,
    et une seule remise. Lève `ValueError` (en français) s'il n'y a rien à corriger.
    """
    dossier = Path(dossier)
    if not dossier.exists():
        raise ValueError(f"« {dossier} » n'existe pas. Attendu : un dossier de remises.")
    if dossier.is_file():
        return _nommer({dossier.stem: [dossier]})
    entrees = sorted(
        (
            e
            for e in dossier.iterdir()
            # Un dossier qui porte .etat est un rapport déjà écrit.
            if not e.name.startswith(".") and e.name not in IGNORES and not (e / ".etat").exists()
        ),
        key=lambda e: e.name.lower(),
    )
    if _est_une_remise(dossier, entrees):
        return _nommer({dossier.resolve().name: [dossier]})
    groupes = {}
    for entree in entrees:
        if entree.is_symlink():
            continue
        moodle = MOODLE.match(entree.name)
        if moodle:
            groupes.setdefault(moodle["nom"], []).append(entree)
        elif entree.is_dir():
            groupes.setdefault(entree.name, []).append(entree)
        elif entree.name.lower().endswith((*ARCHIVES, *ARCHIVES_REFUSEES, ".ipynb")):
            groupes.setdefault(re.sub(r"\.tar$", "", entree.stem), []).append(entree)
    if not groupes:
        raise ValueError(
            f"« {dossier} » ne contient aucune remise. Attendu : un sous-dossier ou une archive zip par étudiant."
        )
    return _nommer(groupes)


def _est_une_remise(dossier, entrees):
    """Vrai si `dossier` est lui-même la remise d'un étudiant, et non un dossier de remises."""
    noms = {simplifier(e.name) for e in entrees if e.is_dir()}
    if (dossier / ".git").exists() or "analyse image" in noms:
        return True
    notebooks = [e for e in entrees if e.suffix.lower() == ".ipynb" and not MOODLE.match(e.name)]
    return bool(notebooks) and not any(e.is_dir() and _a_un_notebook(e) for e in entrees)


def _a_un_notebook(dossier):
    return any(c.suffix.lower() == ".ipynb" for c in fichiers(dossier)[0])


def _nommer(groupes):
    soumissions, prises = [], set()
    for nom, sources in groupes.items():
        cle = base = re.sub(r"\s+", "-", simplifier(nom))[:60] or "remise"
        numero = 2
        while cle in prises:
            cle, numero = f"{base}-{numero}", numero + 1
        prises.add(cle)
        soumissions.append(Soumission(nom, cle, [str(s) for s in sources]))
    return soumissions


# --- Archives ---------------------------------------------------------------------------------


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
    """(nom, taille, ouvrir, lien ?) de chaque fichier d'une archive zip ou tar ouverte."""
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
        else {"octets": OCTETS_MAX, "fichiers": FICHIERS_MAX, "archives": ARCHIVES_MAX}
    )
    budget["archives"] -= 1
    if budget["archives"] < 0:
        return [f"« {Path(chemin).name} » : trop d'archives imbriquées, non ouverte"]
    remarques, imbriquees = [], []
    try:
        ouvrir = zipfile.ZipFile if zipfile.is_zipfile(chemin) else tarfile.open
        with ouvrir(chemin) as archive:
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
                        f"archive démesurée : plus de {FICHIERS_MAX} fichiers ou de {OCTETS_MAX / 1e9:.1f} Go"
                    )
                cible = Path(destination) / relatif
                _copier_membre(lire, cible, budget)
                if est_archive(cible.name):
                    imbriquees.append(cible)
    except ArchiveRefusee:
        raise
    except RuntimeError as erreur:  # zipfile : archive chiffrée
        raise ArchiveRefusee("archive protégée par un mot de passe") from erreur
    except (
        OSError,
        ValueError,
        EOFError,
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        NotImplementedError,
    ) as erreur:
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


def _copier_membre(lire, cible, budget):
    cible.parent.mkdir(parents=True, exist_ok=True)
    if cible.exists():
        return  # deux membres du même nom : le premier est gardé
    with lire() as source, open(cible, "wb") as sortie:
        while bloc := source.read(1 << 20):
            budget["octets"] -= len(bloc)
            if budget["octets"] < 0:
                raise ArchiveRefusee(
                    f"archive démesurée : plus de {OCTETS_MAX / 1e9:.1f} Go une fois décompressée"
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
            if not any(c.suffix.lower() == ".ipynb" for c in presents):
                ouvertes += [c for c in presents if est_archive(c.name)][:ARCHIVES_MAX]
                for rang, archive in enumerate(ouvertes):
                    racines += _extraire_ou_dire(archive, cible / str(rang), remarques)
                remarques += [
                    REFUSEE.format(c.name)
                    for c in presents
                    if c.suffix.lower() in ARCHIVES_REFUSEES
                ]
            racines.append(source)
        elif est_archive(source.name):
            racines += _extraire_ou_dire(source, cible, remarques)
        elif source.suffix.lower() in ARCHIVES_REFUSEES:
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


# --- Inventaire -------------------------------------------------------------------------------


def fichiers(racine):
    """(chemins des fichiers ordinaires sous `racine`, remarques) ; ni lien suivi, ni dossier d'outils."""
    trouves, remarques = [], []
    for dossier, sous_dossiers, noms in os.walk(racine):
        garde = []
        for nom in sorted(sous_dossiers):
            chemin = Path(dossier, nom)
            if chemin.is_symlink():
                remarques.append(f"lien non suivi : « {nom} »")
            elif nom not in IGNORES and not (chemin / "pyvenv.cfg").exists():
                garde.append(nom)
        sous_dossiers[:] = garde
        for nom in sorted(noms):
            chemin = Path(dossier, nom)
            if chemin.is_symlink():
                remarques.append(f"lien non suivi : « {nom} »")
            elif not os.access(chemin, os.R_OK):
                remarques.append(f"fichier illisible (droits) : « {nom} »")
            elif chemin.is_file():
                trouves.append(chemin)
            if len(trouves) >= FICHIERS_MAX:
                return trouves, [
                    *remarques,
                    f"plus de {FICHIERS_MAX} fichiers : la suite n'est pas lue",
                ]
    return trouves, remarques


def racine_logique(racine):
    """Descend dans les emballages : un dossier qui n'en contient qu'un autre (zip de GitHub, Moodle)."""
    racine = Path(racine)
    for _ in range(6):
        try:
            entrees = [e for e in racine.iterdir() if not e.name.startswith((".", "__MACOSX"))]
        except OSError:
            break
        if (racine / ".git").exists():
            break
        seul = len(entrees) == 1 and entrees[0].is_dir() and not entrees[0].is_symlink()
        if not seul or simplifier(entrees[0].name) in (
            "analyse image",
            "modele",
            "datas",
            "images",
        ):
            break
        racine = entrees[0]
    return racine


# --- Git : ce qui est suivi, ce que garde l'historique ----------------------------------------


def etat_git(racine):
    """Fichiers suivis par git et gros objets de l'historique, ou None si `racine` n'est pas un clone.

    Le dépôt est hostile : sa configuration peut lancer des programmes. On ne la lit pas ; un dépôt
    neuf emprunte seulement ses objets, ses références et son index.
    """
    git = Path(racine) / ".git"
    if not (git / "objects").is_dir() or git.is_symlink() or not shutil.which("git"):
        return None
    with tempfile.TemporaryDirectory(prefix="correction-git-") as neuf:
        env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0",
        }  # fmt: skip

        def appeler(*arguments, entree=None, **variables):
            reponse = subprocess.run(
                ["git", *arguments],
                cwd=neuf,
                env={**env, **variables},
                input=entree,
                capture_output=True,
                timeout=30,
            )
            return reponse.stdout.decode("utf-8", "replace") if reponse.returncode == 0 else ""

        try:
            appeler("init", "-q", "--bare", neuf)
            for nom in ("HEAD", "packed-refs", "index", "shallow"):
                if (git / nom).is_file() and (git / nom).stat().st_size < 50_000_000:
                    shutil.copy(git / nom, neuf)
            if (git / "refs").is_dir():
                shutil.copytree(git / "refs", Path(neuf) / "refs", dirs_exist_ok=True)
            variables = {"GIT_DIR": neuf, "GIT_OBJECT_DIRECTORY": str((git / "objects").resolve())}
            suivis = [
                n for n in appeler("ls-files", "-z", "--cached", **variables).split("\0") if n
            ]
            objets = appeler("rev-list", "--objects", "--all", **variables)
            tailles = appeler(
                "cat-file",
                "--batch-check=%(objecttype) %(objectsize) %(rest)",
                entree=objets.encode(),
                **variables,
            )
        except (OSError, subprocess.TimeoutExpired, shutil.Error):
            return None
    historique = []
    for ligne in tailles.splitlines():
        genre, _, reste = ligne.partition(" ")
        taille, _, nom = reste.partition(" ")
        if genre == "blob" and taille.isdigit() and nom:
            historique.append([nom, int(taille)])
    if not suivis and not historique:
        return None
    return {"suivis": suivis, "historique": historique}
