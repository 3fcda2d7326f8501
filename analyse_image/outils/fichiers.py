"""Les fichiers : où ils sont, comment on les refuse, les écrit et les télécharge sans rien perdre."""

import errno
import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

RACINE = Path(__file__).resolve().parents[2]


# --- Refuser ---------------------------------------------------------------------------------------


class Refus(ValueError):
    """Une entrée inutilisable : le message dit laquelle, ce qui est trouvé, attendu, et que faire."""

    def __init__(self, sujet, trouve, attendu, remede):
        super().__init__(sujet, trouve, attendu, remede)
        self.sujet, self.trouve, self.attendu, self.remede = sujet, trouve, attendu, remede

    def __str__(self):
        return (
            f"{self.sujet}\n  Trouvé  : {self.trouve}\n  Attendu : {self.attendu}\n"
            f"  Remède  : {self.remede}"
        )


class DonneesInvalides(Refus):
    """Un fichier ou un dossier de données abîmé, incomplet, ou qui n'est pas le bon."""


def refuser_fichier(chemin, trouve, attendu, remede, erreur=DonneesInvalides):
    """Lève `erreur` à propos de `chemin`, nommé sans chemin personnel."""
    raise erreur(f"« {nom_court(chemin)} » est inutilisable.", trouve, attendu, remede)


# --- Les dossiers ----------------------------------------------------------------------------------


def nom_court(chemin):
    """Chemin (texte) à montrer : relatif au dépôt s'il est dedans, sinon à votre dossier personnel."""
    chemin = Path(chemin).absolute()
    for base, debut in ((RACINE, ""), (Path.home(), "~/")):
        if chemin.is_relative_to(base) and chemin != base:
            return debut + chemin.relative_to(base).as_posix()
    return str(chemin)


def chemin_relatif(chemin):
    """Chemin relatif au dossier courant : les sorties d'un labo ne portent pas de chemin personnel."""
    try:
        return Path(os.path.relpath(chemin))
    except ValueError:  # sous Windows, un autre disque
        return Path(chemin)


_DEJA_DIT = set()


def _dire_une_fois(phrase):
    if phrase not in _DEJA_DIT:
        _DEJA_DIT.add(phrase)
        print(phrase, flush=True)


def dossier_datas():
    """Dossier des données : `LABO_DATAS` si cette variable d'environnement existe, sinon `datas/`.

    `labo.py` rend `LABO_DATAS` absolu. Ouvert autrement, un notebook le lit à partir du dossier courant
    s'il y est, sinon à partir de la racine du dépôt, et l'affiche.
    """
    choisi = Path(os.environ.get("LABO_DATAS") or RACINE / "datas").expanduser()
    if choisi.is_absolute():
        return choisi
    dossier = choisi.absolute() if choisi.is_dir() else RACINE / choisi
    _dire_une_fois(f"LABO_DATAS=« {choisi} » est relatif : données dans « {nom_court(dossier)} ».")
    return dossier


def _dossiers_de_secours():
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    bases = (Path(base or Path.home() / ".cache"), Path(tempfile.gettempdir()))
    return [b / "labos-images" for b in bases]


def dossiers_datas():
    """Les dossiers (qui existent) où chercher des données, dans l'ordre.

    `dossier_datas()`, celui de l'énoncé (`analyse_image/datas/`) et, si le premier est en lecture seule,
    ceux où `dossier_inscriptible` écrit à sa place.
    """
    principal = dossier_datas()
    dossiers = [principal, RACINE / "analyse_image" / "datas"]
    if not _peut_ecrire(principal):
        dossiers += _dossiers_de_secours()
    return [d for d in dict.fromkeys(dossiers) if os.path.isdir(d)]


def _peut_ecrire(dossier):
    # os.access dit oui à root et sur un partage monté en lecture seule : on essaie.
    # os.path.exists : faux, sans erreur, là où l'on n'a pas le droit de regarder.
    while not os.path.exists(dossier) and dossier != dossier.parent:
        dossier = dossier.parent
    try:
        with tempfile.TemporaryFile(dir=dossier):
            return True
    except OSError:
        return False


def dossier_inscriptible(voulu=None):
    """`voulu` (par défaut `dossier_datas()`) si l'on peut y écrire, sinon un dossier de cache personnel.

    Le dossier de remplacement est annoncé à l'écran : un `LABO_DATAS` partagé en lecture seule suffit.
    """
    voulu = Path(voulu or dossier_datas())
    choix = [voulu, *_dossiers_de_secours()]
    dossier = next((d for d in choix if _peut_ecrire(d)), voulu)
    try:
        dossier.mkdir(parents=True, exist_ok=True)
    except OSError as erreur:
        raise _ecriture_impossible(dossier, erreur) from erreur
    if dossier != voulu:
        _dire_une_fois(
            f"« {nom_court(voulu)} » est en lecture seule : on écrit dans « {nom_court(dossier)} »."
        )
    return dossier


# --- Ce que l'on trouve dans un dossier de données ------------------------------------------------


def est_parasite(nom):
    """Vrai si `nom` (d'un fichier ou d'un dossier, sans chemin) n'est pas une donnée.

    Ce sont les fichiers cachés et ce que les systèmes laissent derrière eux : `.DS_Store`, `._photo.jpg`,
    `Thumbs.db`, `desktop.ini`, `photo.jpg:Zone.Identifier`, `.ipynb_checkpoints`, `__MACOSX`.
    """
    return (
        nom.startswith(".")
        or nom.lower() in ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx")
        or nom.endswith("Zone.Identifier")
    )


def fichiers_sous(dossier):
    """Les fichiers de `dossier` et de ses sous-dossiers (chemins triés), sans les parasites."""
    chemins = []
    for racine, sous_dossiers, noms in os.walk(dossier):
        sous_dossiers[:] = [nom for nom in sous_dossiers if not est_parasite(nom)]
        chemins += [Path(racine, nom) for nom in noms if not est_parasite(nom)]
    return sorted(chemins)


# --- Écrire ----------------------------------------------------------------------------------------


def _ecriture_impossible(chemin, erreur):
    return type(erreur)(
        f"Impossible d'écrire « {chemin.name} » dans « {nom_court(chemin.parent)} » "
        f"({erreur.strerror or erreur}). Donnez-vous le droit d'y écrire, libérez de la place, ou choisissez "
        "un autre dossier (variable d'environnement LABO_DATAS pour les données)."
    )


@contextmanager
def ecriture_atomique(chemin):
    """Donne un chemin provisoire voisin de `chemin`, renommé à la fin si tout s'est bien passé.

    En cas d'exception ou d'interruption, le fichier provisoire disparaît et l'ancien reste intact.
    Lève `OSError`, avec un message en français, si le dossier n'est pas inscriptible ou le disque plein.
    """
    chemin = Path(chemin)
    provisoire = None
    try:
        chemin.parent.mkdir(parents=True, exist_ok=True)
        # Le nom finit comme l'original : Keras exige « .weights.h5 », numpy « .npz ».
        descripteur, nom = tempfile.mkstemp(
            prefix=".provisoire-", suffix=f"-{chemin.name}", dir=chemin.parent
        )
        os.close(descripteur)
        provisoire = Path(nom)
        yield provisoire
        # mkstemp crée le fichier lisible par son seul auteur ; on rend les droits habituels.
        masque = os.umask(0)
        os.umask(masque)
        provisoire.chmod(0o666 & ~masque)
        os.replace(provisoire, chemin)
    except OSError as erreur:
        if erreur.errno is None:  # un message déjà mis en français, ou d'une autre bibliothèque
            raise
        raise _ecriture_impossible(chemin, erreur) from erreur
    finally:
        if provisoire:
            provisoire.unlink(missing_ok=True)


def _occupe(dossier):
    return dossier.exists() and (not dossier.is_dir() or any(dossier.iterdir()))


@contextmanager
def dossier_atomique(dossier):
    """Donne un dossier provisoire voisin de `dossier`, renommé à la fin si tout s'est bien passé.

    `dossier` n'existe pas, ou est vide ; il n'apparaît que complet. Si un autre programme l'a rempli
    entre-temps, c'est le sien qui reste. Lève `FileExistsError` s'il a déjà un contenu au départ.
    """
    dossier = Path(dossier)
    if _occupe(dossier):
        raise FileExistsError(f"« {nom_court(dossier)} » existe déjà : rien n'a été touché.")
    try:
        dossier.parent.mkdir(parents=True, exist_ok=True)
        provisoire = Path(tempfile.mkdtemp(prefix=".provisoire-", dir=dossier.parent))
    except OSError as erreur:
        raise _ecriture_impossible(dossier, erreur) from erreur
    try:
        yield provisoire
        provisoire.chmod(0o755)  # mkdtemp le réserve à son auteur
        try:
            if dossier.is_dir():
                dossier.rmdir()  # refuse un dossier qui n'est pas vide
            os.replace(provisoire, dossier)
        except OSError:
            if not _occupe(dossier):
                raise
    except OSError as erreur:
        if erreur.errno is None:
            raise
        raise _ecriture_impossible(dossier, erreur) from erreur
    finally:
        shutil.rmtree(provisoire, ignore_errors=True)


# --- Un seul programme à la fois -------------------------------------------------------------------


@contextmanager
def verrou(chemin):
    """Réserve `chemin` à ce programme ; un autre noyau qui le prépare est attendu, et c'est affiché.

    Le verrou disparaît avec le programme qui le tient, même tué. Lève `OSError`, avec un message en
    français, si le dossier n'est pas inscriptible.
    """
    import filelock

    chemin = Path(chemin)
    # 0o666 : dans un dossier partagé, les autres comptes doivent pouvoir attendre leur tour.
    serrure = filelock.FileLock(chemin.with_name(f".{chemin.name}.verrou"), mode=0o666)
    try:
        chemin.parent.mkdir(parents=True, exist_ok=True)
        try:
            serrure.acquire(timeout=0)
        except filelock.Timeout:
            _dire_une_fois(f"Un autre programme prépare « {nom_court(chemin)} » : on l'attend.")
            serrure.acquire(poll_interval=0.1)
    except NotImplementedError:
        pass  # un partage sans verrou : chacun pour soi
    except OSError as erreur:
        raise _ecriture_impossible(chemin, erreur) from erreur
    try:
        yield
    finally:
        serrure.release()


# --- Télécharger -----------------------------------------------------------------------------------


def _suite(adresse, partie, delai):
    """Complète `partie` depuis `adresse`, en reprenant où elle en est si le serveur le permet."""
    import requests
    from tqdm.auto import tqdm

    deja = partie.stat().st_size if partie.exists() else 0
    # « identity » : les octets du fichier, que le serveur ne doit pas recompresser.
    entetes = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={deja}-"} if deja else {})
    with requests.get(adresse, headers=entetes, stream=True, timeout=delai) as reponse:
        portee = re.fullmatch(
            r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", reponse.headers.get("Content-Range", "")
        )
        debut, total = portee.groups() if portee else (None, None)
        if reponse.status_code == 416 and total == str(deja):
            return  # tout était déjà là
        if deja and (reponse.status_code == 416 or debut not in (None, str(deja))):
            partie.unlink()  # ce n'était pas le début de ce fichier
            return _suite(adresse, partie, delai)
        reponse.raise_for_status()
        if reponse.status_code != 206:
            deja = 0  # ce serveur ne sait pas reprendre
        reste = reponse.headers.get("Content-Length")
        attendu = deja + int(reste) if reste else None
        nom = partie.name.removesuffix(".partie")
        barre = tqdm(total=attendu, initial=deja, unit="o", unit_scale=True, desc=nom)
        with barre, open(partie, "ab" if deja else "wb") as fichier:
            for morceau in reponse.raw.stream(2**16, decode_content=False):
                fichier.write(morceau)
                barre.update(len(morceau))
    if attendu is not None and partie.stat().st_size != attendu:
        raise requests.RequestException(f"{partie.stat().st_size} octets reçus sur {attendu}")


def _raison(erreur):
    import requests

    if isinstance(erreur, requests.HTTPError):
        return f"erreur HTTP {erreur.response.status_code}"
    if isinstance(erreur, requests.Timeout):
        return "pas de réponse à temps"
    if isinstance(erreur, requests.ConnectionError):
        return "pas de connexion"
    return str(erreur) if type(erreur) is requests.RequestException else type(erreur).__name__


def _essayer(adresse, chemin, somme, delai):
    """Télécharge `chemin` d'une seule adresse ; rend None, ou la raison de l'échec."""
    import pooch
    import requests
    import urllib3

    partie = chemin.with_name(f"{chemin.name}.partie")

    def recevoir(adresse, sortie, _):
        _suite(adresse, partie, delai)
        os.replace(partie, sortie)  # pooch vérifie la somme, puis donne son nom au fichier

    repris = partie.exists()
    try:
        pooch.retrieve(adresse, somme, chemin.name, chemin.parent, downloader=recevoir)
        return None
    except ValueError:  # de pooch : la somme n'est pas la bonne
        # Le début venait peut-être d'un autre fichier : une fois, tout redemander.
        return _essayer(adresse, chemin, somme, delai) if repris else "contenu non conforme, effacé"
    except (requests.RequestException, urllib3.exceptions.HTTPError) as erreur:
        return _raison(erreur)
    except OSError as erreur:
        if erreur.errno == errno.ENOSPC:  # ne pas laisser le disque plein
            partie.unlink(missing_ok=True)
        raise _ecriture_impossible(chemin, erreur) from erreur


def telecharger(adresses, chemin, somme=None, delai=10):
    """Télécharge `chemin` d'une des `adresses`, essayées dans l'ordre, avec une barre ; rend `chemin`.

    Déjà là et conforme à `somme` (« sha256:… » ou « md5:… »), il n'est pas redemandé. Une interruption
    laisse `<nom>.partie`, que l'appel suivant complète ; un contenu non conforme est effacé. Le fichier ne
    prend son nom qu'entier et vérifié. Si un autre noyau le télécharge déjà, on l'attend.
    `delai` : secondes sans réponse avant de renoncer à une adresse.
    Lève `ConnectionError` avec la raison de chaque échec, `OSError` si l'on ne peut pas écrire.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")
    chemin, adresses, raisons = Path(chemin), list(adresses), []
    if not adresses:
        raise ConnectionError(f"{chemin.name} n'est pas téléchargé (aucune adresse, mode rapide)")
    with verrou(chemin):
        for adresse in adresses:
            raison = _essayer(adresse, chemin, somme, delai)
            if raison is None:
                return chemin
            raisons.append(f"{urlsplit(adresse).netloc} : {raison}")
            if not somme and len(adresses) > 1:  # rien ne dirait que deux moitiés vont ensemble
                chemin.with_name(f"{chemin.name}.partie").unlink(missing_ok=True)
    raise ConnectionError(f"téléchargement de {chemin.name} impossible ({' ; '.join(raisons)})")


# --- Dire sur quelles données on travaille ---------------------------------------------------------


def annoncer_dessins(absent, raison, jumeau, remede):
    """Affiche que des dessins remplacent les vraies données (un avertissement se perdrait dans les fils)."""
    print(
        f"⚠ DONNÉES DESSINÉES, pas {absent} : {raison}.\n"
        f"  Le labo continue sur {jumeau}, dessiné par le code : tout fonctionne,\n"
        "  mais aucun score obtenu ici ne vaut pour de vraies images.\n"
        f"  Remède : {remede}",
        flush=True,
    )
