"""Les fichiers : où ils sont, comment on les refuse, les écrit et les télécharge sans rien perdre."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

RACINE = Path(__file__).resolve().parents[2]


# --- Refuser ---------------------------------------------------------------------------------------


class Refus(ValueError):
    """Une entrée inutilisable : le message dit laquelle, ce qui est trouvé, attendu, et que faire."""

    def __init__(self, sujet, trouve="", attendu="", remede=""):
        super().__init__(sujet, trouve, attendu, remede)
        self.sujet, self.trouve, self.attendu, self.remede = sujet, trouve, attendu, remede

    def __str__(self):
        if not self.remede:  # TODO : à ôter quand tous les refus ont leurs trois parties
            return self.sujet
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


def dossier_datas():
    """Dossier des données : `LABO_DATAS` si cette variable d'environnement existe, sinon `datas/`.

    `labo.py` rend `LABO_DATAS` absolu. Ouvert autrement, un notebook le lit à partir du dossier courant
    s'il y est, sinon à partir de la racine du dépôt.
    """
    choisi = Path(os.environ.get("LABO_DATAS") or RACINE / "datas").expanduser()
    if choisi.is_absolute():
        return choisi
    return choisi.absolute() if choisi.is_dir() else RACINE / choisi


def _peut_ecrire(dossier):
    # os.access dit oui à root et sur un partage monté en lecture seule : on essaie.
    try:
        dossier.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=dossier):
            return True
    except OSError:
        return False


def dossier_inscriptible(voulu=None):
    """`voulu` (par défaut `dossier_datas()`) si l'on peut y écrire, sinon un dossier de cache personnel.

    Le dossier de remplacement est annoncé à l'écran : un `LABO_DATAS` partagé en lecture seule suffit.
    """
    voulu = Path(voulu or dossier_datas())
    if _peut_ecrire(voulu):
        return voulu
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    personnel = Path(base or Path.home() / ".cache") / "labos-images"
    if not _peut_ecrire(personnel):
        personnel = Path(tempfile.gettempdir()) / "labos-images"
        personnel.mkdir(parents=True, exist_ok=True)
    print(
        f"« {nom_court(voulu)} » est en lecture seule : on écrit dans « {nom_court(personnel)} »."
    )
    return personnel


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


# --- Télécharger -----------------------------------------------------------------------------------


def _suite(adresse, partie, delai):
    """Complète `partie` depuis `adresse`, en reprenant où elle en est si le serveur le permet."""
    import requests
    from tqdm.auto import tqdm

    deja = partie.stat().st_size if partie.exists() else 0
    entetes = {"Range": f"bytes={deja}-"} if deja else {}
    with requests.get(adresse, headers=entetes, stream=True, timeout=delai) as reponse:
        if reponse.status_code == 416:  # rien après ce que nous avons : reprise impossible
            partie.unlink()
            raise requests.RequestException("reprise impossible, recommencez")
        reponse.raise_for_status()
        if reponse.status_code != 206:
            deja = 0  # ce serveur ne sait pas reprendre
        reste = reponse.headers.get("Content-Length")
        attendu = deja + int(reste) if reste else None
        nom = partie.name.removesuffix(".partie")
        barre = tqdm(total=attendu, initial=deja, unit="o", unit_scale=True, desc=nom)
        with barre, open(partie, "ab" if deja else "wb") as fichier:
            for morceau in reponse.iter_content(2**16):
                fichier.write(morceau)
                barre.update(len(morceau))
    if attendu is not None and partie.stat().st_size != attendu:
        raise requests.RequestException(f"{partie.stat().st_size} octets reçus sur {attendu}")


def telecharger(adresses, chemin, somme=None, delai=10):
    """Télécharge `chemin` d'une des `adresses`, essayées dans l'ordre, avec une barre ; rend `chemin`.

    Déjà là et conforme à `somme` (« sha256:… » ou « md5:… »), il n'est pas redemandé. Une interruption
    laisse `<nom>.partie`, que l'appel suivant complète ; un contenu non conforme est effacé. Le fichier ne
    prend son nom qu'entier et vérifié. `delai` : secondes sans réponse avant de renoncer à une adresse.
    Lève `ConnectionError` avec la raison de chaque échec.
    """
    import pooch
    import requests

    chemin = Path(chemin)
    partie = chemin.with_name(f"{chemin.name}.partie")
    pooch.get_logger().setLevel("WARNING")

    def recevoir(adresse, sortie, _):
        _suite(adresse, partie, delai)
        os.replace(partie, sortie)  # pooch vérifie la somme, puis donne son nom au fichier

    raisons = []
    for adresse in adresses:
        try:
            return Path(
                pooch.retrieve(adresse, somme, chemin.name, chemin.parent, downloader=recevoir)
            )
        except ValueError:
            raison = "contenu non conforme, effacé"
        except requests.RequestException as erreur:
            raison = (
                str(erreur) if type(erreur) is requests.RequestException else type(erreur).__name__
            )
        raisons.append(f"{adresse.split('/')[2]} : {raison}")
    raison = " ; ".join(raisons) or "aucune adresse donnée, comme en mode rapide"
    raise ConnectionError(f"téléchargement de {chemin.name} impossible ({raison})")


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
