"""Trois races de chiens (Stanford Dogs) : obtenir leurs photos, et seulement elles.

Source : Khosla, Jayadevaprakash, Yao et Fei-Fei, « Novel Dataset for Fine-Grained Image Categorization »,
CVPR 2011 (usage de recherche). Ces photos viennent d'ImageNet.
"""

import re
import tarfile
import warnings
from pathlib import Path

import pandas as pd
from tqdm.auto import tqdm

from outils.catalogue import COLONNES, _relatif
from outils.donnees import DonneesDessinees, DonneesInvalides, dossier_datas
from outils.fichiers import RACINE, dossier_atomique
from outils.photos import OCTETS_MAX

NOM = "stanford-dogs"
RACES = {  # dossier de l'archive → classe
    "n02085620-Chihuahua": "chihuahua",
    "n02108089-boxer": "boxer",
    "n02109961-Eskimo_dog": "esquimau",
}
CLASSES = tuple(sorted(RACES.values()))
ARCHIVES = ("http://vision.stanford.edu/aditya86/ImageNetDogs/images.tar",)
NOM_ARCHIVE = "images.tar"  # 757 Mo, 120 races ; on peut aussi la poser soi-même dans datas/
PHOTOS_PAR_RACE = 100  # au moins : les trois races publiées en ont environ 150
ARCHIVE_MAX = 500 * 2**20  # octets extraits ; les trois races en font une vingtaine de millions
MEMBRE = re.compile(rf"(?:\./)?Images/({'|'.join(RACES)})/(n\d{{8}}_\d{{1,6}}\.jpg)")


def extraire_chiens(archive, destination):
    """Extrait de l'archive tar les trois races, dans `destination`, qui ne doit pas exister.

    Rien d'autre n'est écrit : ni lien, ni fichier spécial, ni chemin choisi par l'archive ; octets limités ;
    le dossier n'apparaît que complet. Lève `DonneesInvalides` si l'archive est abîmée ou n'est pas la bonne.
    """
    comptes, total = dict.fromkeys(RACES, 0), 0
    try:
        with dossier_atomique(destination) as provisoire, tarfile.open(archive, "r:") as contenu:
            for membre in tqdm(contenu, "extraction", unit=" fichiers"):
                correspondance = MEMBRE.fullmatch(membre.name)
                # type exact : un lien, un périphérique ou un fichier à trous n'est pas une photo
                if not correspondance or membre.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                    continue
                total += membre.size
                if membre.size > OCTETS_MAX or total > ARCHIVE_MAX:
                    raise DonneesInvalides(
                        f"L'archive reçue est démesurée (« {membre.name} », {membre.size} octets)."
                    )
                race, nom = correspondance.groups()
                octets = contenu.extractfile(membre).read()
                if len(octets) != membre.size:
                    raise tarfile.ReadError(f"« {nom} » est coupé")
                (provisoire / race).mkdir(exist_ok=True)
                (provisoire / race / nom).write_bytes(octets)
                comptes[race] += 1
            if min(comptes.values()) < PHOTOS_PAR_RACE:
                raise DonneesInvalides(
                    f"L'archive n'est pas celle de Stanford Dogs, ou il en manque : {comptes} photos, "
                    f"attendu au moins {PHOTOS_PAR_RACE} de chaque."
                )
    except (tarfile.TarError, EOFError, ValueError) as erreur:
        if isinstance(erreur, DonneesInvalides):
            raise
        raise DonneesInvalides(f"L'archive reçue est abîmée ({erreur}).") from erreur
    return comptes


def telecharger(adresse, chemin, delai=10):
    """Télécharge `adresse` dans `chemin`, avec une barre ; une interruption reprend où elle s'est arrêtée.

    Le fichier incomplet s'appelle `<nom>.partie` et ne prend son nom qu'à la bonne taille.
    Lève `requests.RequestException`, ou `DonneesInvalides` si la taille n'est pas celle annoncée.
    """
    import requests

    chemin = Path(chemin)
    partie = chemin.with_name(f"{chemin.name}.partie")
    partie.parent.mkdir(parents=True, exist_ok=True)
    deja = partie.stat().st_size if partie.exists() else 0
    entetes = {"Range": f"bytes={deja}-"} if deja else {}
    with requests.get(adresse, headers=entetes, stream=True, timeout=delai) as reponse:
        if reponse.status_code == 416:  # rien après ce que nous avons : reprise impossible
            partie.unlink()
            raise DonneesInvalides(f"« {partie.name} » n'était pas le début du fichier : effacé.")
        reponse.raise_for_status()
        if reponse.status_code != 206:
            deja = 0  # ce serveur ne sait pas reprendre
        attendu = deja + int(reponse.headers["Content-Length"])
        barre = tqdm(total=attendu, initial=deja, unit="o", unit_scale=True, desc=chemin.name)
        with barre, open(partie, "ab" if deja else "wb") as fichier:
            for morceau in reponse.iter_content(2**14):
                fichier.write(morceau)
                barre.update(len(morceau))
    if partie.stat().st_size != attendu:
        raise DonneesInvalides(
            f"« {chemin.name} » : {partie.stat().st_size} octets reçus sur {attendu} ; relancez pour finir."
        )
    partie.replace(chemin)


def telecharger_chiens(destination, archives=ARCHIVES):
    """Range les trois races dans `destination`, d'après `datas/images.tar`, téléchargée si elle manque.

    L'archive téléchargée est effacée après l'extraction ; celle que vous avez posée reste.
    Lève `ConnectionError` avec les raisons si aucune adresse ne convient.
    """
    import requests

    destination = Path(destination)
    archive = destination.with_name(NOM_ARCHIVE)
    if archive.is_file():
        extraire_chiens(archive, destination)
        return
    raisons = []
    for adresse in archives:
        try:
            telecharger(adresse, archive)
            extraire_chiens(archive, destination)
            archive.unlink()
            return
        except DonneesInvalides as erreur:
            archive.unlink(missing_ok=True)  # mauvaise archive : la garder bloquerait la suite
            raisons.append(str(erreur))
        except (requests.RequestException, OSError, KeyError) as erreur:
            raisons.append(type(erreur).__name__)
    raison = " ; ".join(raisons) or "aucune adresse donnée, comme en mode rapide"
    raise ConnectionError(f"photos de chiens non téléchargées ({raison})")


def trouver_chiens():
    """Dossier des photos de chiens déjà là (`datas/`, ou `shared/` à côté du dépôt), ou None."""
    for dossier in (dossier_datas() / NOM, RACINE.parent / "shared" / "chiens"):
        if dossier.is_dir():
            return _relatif(dossier)
    return None


def manifeste_chiens(dossier):
    """Manifeste (voir `catalogue`) d'un dossier `<race>/<photo>.jpg` ; `split` est vide."""
    lignes = [
        (str(chemin), chemin.stem, RACES[chemin.parent.name], chemin.parent.name, None)
        for chemin in sorted(Path(dossier).glob("*/*.jpg"))
        if chemin.parent.name in RACES
    ]
    manifeste = pd.DataFrame(lignes, columns=COLONNES, dtype="object")
    absentes = set(CLASSES) - set(manifeste["class"])
    if absentes:
        raise DonneesInvalides(
            f"Le dossier « {Path(dossier).name} » n'a pas de photo de : {', '.join(sorted(absentes))}.\n"
            f"  Attendu : trois dossiers, {', '.join(RACES)}.\n"
            "  Remède  : supprimez ce dossier, puis relancez : le labo le refait."
        )
    return manifeste


def obtenir_chiens(archives=ARCHIVES, n_dessins=180):
    """Rend (manifeste, source) des photos des trois races.

    Dans l'ordre : les photos déjà là, l'archive de Stanford (posée dans `datas/` ou téléchargée d'une des
    `archives`), sinon `n_dessins` chiens dessinés, annoncés par `DonneesDessinees`.
    """
    dossier = trouver_chiens()
    if dossier is None:
        try:
            telecharger_chiens(dossier_datas() / NOM, archives)
            dossier = trouver_chiens()
        except OSError as erreur:
            from outils.garde_robe import ecrire_chiens

            warnings.warn(
                f"\n⚠ CHIENS DESSINÉS, pas de vraies photos : {erreur}.\n"
                "  Le labo continue sur des chiens dessinés par le code : tout fonctionne, mais aucun score "
                "obtenu ici ne vaut pour de vraies photos.\n"
                f"  Remède : connectez-vous à Internet et relancez, hors du mode rapide (qui ne télécharge "
                f"rien), ou posez {NOM_ARCHIVE} de Stanford Dogs dans « datas/ ».",
                DonneesDessinees,
                stacklevel=2,
            )
            jumeau = dossier_datas() / f"jumeau_chiens_{n_dessins}"
            if not jumeau.is_dir():
                ecrire_chiens(jumeau, list(RACES), n_dessins)
            return manifeste_chiens(_relatif(jumeau)), "chiens dessinés"
    return manifeste_chiens(dossier), "Stanford Dogs"
