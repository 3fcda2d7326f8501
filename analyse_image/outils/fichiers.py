"""Les fichiers : où ils sont, comment on les refuse, les écrit et les télécharge sans rien perdre."""

import os
import shutil
import tempfile
import uuid
import zipfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

RACINE = Path(__file__).resolve().parents[2]


# --- Refuser, prévenir -----------------------------------------------------------------------------


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


def refuser_fichier(chemin, trouve, attendu, remede):
    """Lève `DonneesInvalides` à propos de `chemin`, nommé sans chemin personnel."""
    raise DonneesInvalides(f"« {nom_court(chemin)} » est inutilisable.", trouve, attendu, remede)


@contextmanager
def _ecriture_en_francais(chemin):
    """Met en français une erreur du système (droits, disque plein) pendant l'écriture de `chemin`."""
    try:
        yield
    except OSError as erreur:
        if erreur.errno is None:  # déjà en français, ou d'une autre bibliothèque
            raise
        raise type(erreur)(
            f"Impossible d'écrire « {chemin.name} » dans « {nom_court(chemin.parent)} » ({erreur.strerror}). "
            "Donnez-vous le droit d'y écrire, libérez de la place, ou choisissez un autre dossier "
            "(variable d'environnement LABO_DATAS pour les données)."
        ) from erreur


def annoncer_dessins(absent, raison, jumeau, remede):
    """Affiche que des dessins remplacent les vraies données."""
    print(
        f"⚠ DONNÉES DESSINÉES, pas {absent} : {raison}.\n"
        f"  Le labo continue sur {jumeau}, dessiné par le code : tout fonctionne,\n"
        "  mais aucun score obtenu ici ne vaut pour de vraies images.\n"
        f"  Remède : {remede}",
        flush=True,
    )


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


@cache
def _dire_une_fois(phrase):
    print(phrase, flush=True)


def dossier_datas():
    """Dossier des données : `LABO_DATAS` si cette variable d'environnement existe, sinon `datas/`.

    Relatif, il est cherché dans le dossier courant, puis à la racine du dépôt, et c'est affiché.
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
    """Les dossiers (qui existent) où chercher des données, celui de l'énoncé compris, dans l'ordre."""
    principal = dossier_datas()
    dossiers = [principal, RACINE / "analyse_image" / "datas"]
    if not _peut_ecrire(principal):
        dossiers += _dossiers_de_secours()
    return [d for d in dict.fromkeys(dossiers) if os.path.isdir(d)]


def _peut_ecrire(dossier):
    # On essaie : os.access dit oui à root, et sur un partage monté en lecture seule.
    while not os.path.exists(dossier) and dossier != dossier.parent:
        dossier = dossier.parent
    try:
        with tempfile.TemporaryFile(dir=dossier):
            return True
    except OSError:
        return False


def dossier_inscriptible(voulu=None):
    """`voulu` (par défaut `dossier_datas()`) si l'on peut y écrire, sinon un dossier personnel, affiché."""
    voulu = Path(voulu or dossier_datas())
    choix = [voulu, *_dossiers_de_secours()]
    dossier = next((d for d in choix if _peut_ecrire(d)), voulu)
    with _ecriture_en_francais(dossier):
        dossier.mkdir(parents=True, exist_ok=True)
    if dossier != voulu:
        la, ici = nom_court(voulu), nom_court(dossier)
        _dire_une_fois(f"« {la} » est en lecture seule : on écrit dans « {ici} ».")
    return dossier


# --- Ce que l'on trouve dans un dossier de données ------------------------------------------------


def est_parasite(nom):
    """Vrai si `nom` (sans chemin) est caché, ou laissé là par un système : ce n'est pas une donnée."""
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


def noms_du_zip(chemin):
    """Les noms des membres d'une archive zip ; aucun si elle est illisible."""
    try:
        with zipfile.ZipFile(chemin) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return []


# --- Écrire ----------------------------------------------------------------------------------------


def _provisoire(chemin):
    # Le nom finit comme l'original : Keras exige « .weights.h5 », numpy « .npz ».
    return chemin.with_name(f".provisoire-{uuid.uuid4().hex[:8]}-{chemin.name}")


@contextmanager
def ecriture_atomique(chemin):
    """Donne un chemin provisoire voisin de `chemin`, renommé à la fin si tout s'est bien passé.

    Sinon, il disparaît et l'ancien reste intact. Lève `OSError`, en français, si l'on ne peut pas écrire.
    """
    chemin = Path(chemin)
    provisoire = _provisoire(chemin)
    with _ecriture_en_francais(chemin):
        chemin.parent.mkdir(parents=True, exist_ok=True)
        provisoire.touch()
        try:
            yield provisoire
            os.replace(provisoire, chemin)
        finally:
            provisoire.unlink(missing_ok=True)


def _occupe(dossier):
    return dossier.exists() and (not dossier.is_dir() or any(dossier.iterdir()))


@contextmanager
def dossier_atomique(dossier):
    """Donne un dossier provisoire voisin de `dossier`, renommé à la fin si tout s'est bien passé.

    `dossier` n'existe pas, ou est vide (sinon, `FileExistsError`) ; il n'apparaît que complet. Si un autre programme
    l'a rempli entre-temps, c'est le sien qui reste.
    """
    dossier = Path(dossier)
    if _occupe(dossier):
        raise FileExistsError(f"« {nom_court(dossier)} » existe déjà : rien n'a été touché.")
    provisoire = _provisoire(dossier)
    with _ecriture_en_francais(dossier):
        provisoire.mkdir(parents=True)
        try:
            yield provisoire
            if dossier.is_dir() and not _occupe(dossier):
                dossier.rmdir()  # Windows ne remplace pas un dossier, même vide
            os.replace(provisoire, dossier)
        except OSError:
            if not _occupe(dossier):
                raise
        finally:
            shutil.rmtree(provisoire, ignore_errors=True)


@contextmanager
def verrou(chemin):
    """Réserve `chemin` à ce programme ; un autre noyau qui le prépare est attendu, et c'est affiché.

    Le verrou disparaît avec le programme qui le tient, même tué. Lève `OSError` si l'on ne peut pas écrire.
    """
    import filelock

    chemin = Path(chemin)
    # 0o666 : dans un dossier partagé, les autres comptes doivent pouvoir attendre leur tour.
    serrure = filelock.FileLock(chemin.with_name(f".{chemin.name}.verrou"), mode=0o666)
    with _ecriture_en_francais(chemin):
        chemin.parent.mkdir(parents=True, exist_ok=True)
        try:
            serrure.acquire(timeout=0)
        except filelock.Timeout:
            _dire_une_fois(f"Un autre programme prépare « {nom_court(chemin)} » : on l'attend.")
            serrure.acquire(poll_interval=0.1)
        except NotImplementedError:
            pass  # un partage sans verrou : chacun pour soi
    try:
        yield
    finally:
        serrure.release()


# --- Télécharger -----------------------------------------------------------------------------------


def _recevoir(adresse, partie, delai):
    """Complète `partie` depuis `adresse`, ou la refait si ce serveur ne sait pas reprendre."""
    import requests
    from tqdm.auto import tqdm

    deja = partie.stat().st_size if partie.exists() else 0
    entetes = {"Accept-Encoding": "identity"}  # les octets du fichier, que rien ne recompresse
    if deja:
        entetes["Range"] = f"bytes={deja}-"
    with requests.get(adresse, headers=entetes, stream=True, timeout=delai) as reponse:
        if reponse.status_code == 416:
            return  # rien après ce que l'on a : la somme dira si tout y est
        reponse.raise_for_status()
        deja = deja if reponse.status_code == 206 else 0
        reste = int(reponse.headers.get("Content-Length", 0))
        total = deja + reste or None
        barre = {"desc": partie.stem, "initial": deja, "unit": "o", "unit_scale": True}
        with (
            open(partie, "ab" if deja else "wb") as fichier,
            tqdm.wrapattr(fichier, "write", total, bytes=False, **barre) as sortie,
        ):
            shutil.copyfileobj(reponse.raw, sortie)


def _essayer(adresse, partie, somme, delai):
    """Télécharge `partie` d'une seule adresse ; rend "", ou la raison de l'échec."""
    import pooch
    import requests
    import urllib3

    essais = 2 if partie.exists() else 1  # ce début vient peut-être d'un autre fichier
    try:
        for _ in range(essais):
            _recevoir(adresse, partie, delai)
            if pooch.hashes.hash_matches(partie, somme):
                return ""
            partie.unlink()
        return "contenu non conforme, effacé"
    except requests.HTTPError as erreur:
        return f"erreur HTTP {erreur.response.status_code}"
    except requests.Timeout:
        return "pas de réponse à temps"
    except (requests.RequestException, urllib3.exceptions.HTTPError):
        return "pas de connexion, ou coupée"
    except OSError:  # ne pas laisser le disque plein
        partie.unlink(missing_ok=True)
        raise


def telecharger(adresses, chemin, somme=None, delai=10):
    """Télécharge `chemin` d'une des `adresses`, essayées dans l'ordre, avec une barre ; rend `chemin`.

    Conforme à `somme` (« sha256:… », « md5:… »), il n'est pas redemandé ; interrompu, l'appel suivant le complète.
    `delai` : secondes sans réponse avant de renoncer. Lève `ConnectionError` avec les raisons, ou `OSError`.
    """
    import pooch

    chemin, raisons = Path(chemin), []
    if not adresses:
        raise ConnectionError(f"{chemin.name} n'est pas téléchargé (aucune adresse, mode rapide)")
    partie = chemin.with_name(f"{chemin.name}.partie")
    with verrou(chemin), _ecriture_en_francais(chemin):
        if chemin.is_file() and pooch.hashes.hash_matches(chemin, somme):
            return chemin
        for adresse in adresses:
            if not somme:  # rien ne dirait que la suite va avec ce début
                partie.unlink(missing_ok=True)
            raison = _essayer(adresse, partie, somme, delai)
            if not raison:
                os.replace(partie, chemin)
                return chemin
            raisons.append(f"{urlsplit(adresse).netloc} : {raison}")
    raise ConnectionError(f"téléchargement de {chemin.name} impossible ({' ; '.join(raisons)})")
