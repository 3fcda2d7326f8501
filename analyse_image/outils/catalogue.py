"""Un catalogue de produits : de ses fiches et de ses photos au manifeste, sans rien déplacer.

Un **manifeste** est un tableau pandas, une ligne par photo :

- `path` : chemin de la photo ; `id` : identifiant du produit (texte) ;
- `class` : « bottomwear », « shoes » ou « topwear » ; `article` : le type précis (« Jeans », « skirt ») ;
- `split` : « train », « validation » ou « test », vide tant que `repartir` n'a rien décidé.

Préparer des données, c'est choisir des lignes de ce tableau ; les fichiers restent où ils sont.
"""

import csv
import hashlib
import json
import os
import re
import shutil
import tempfile
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from outils.donnees import DonneesDessinees, DonneesInvalides, dossier_datas
from outils.fichiers import RACINE, dossier_atomique
from outils.photos import OCTETS_MAX, PhotoIllisible, ouvrir_photo
from outils.preparation import couleurs_carrees

CLASSES = ("bottomwear", "shoes", "topwear")
JEUX = ("train", "validation", "test")
COLONNES = ["path", "id", "class", "article", "split"]

# « Fashion Product Images » (Kaggle) : masterCategory, subCategory → classe.
CATEGORIES = {
    ("Apparel", "Bottomwear"): "bottomwear",
    ("Footwear", "Shoes"): "shoes",
    ("Apparel", "Topwear"): "topwear",
}
RAYONS = {  # les sept masterCategory du jeu ; une autre est une anomalie
    *("Accessories", "Apparel", "Footwear", "Free Items"),
    *("Home", "Personal Care", "Sporting Goods"),
}
# « clothing-dataset-small » : dossier → classe. « hat » et « dress » (haut et bas à la fois) n'en ont pas.
VETEMENTS = {
    **dict.fromkeys(("pants", "shorts", "skirt"), "bottomwear"),
    "shoes": "shoes",
    **dict.fromkeys(("t-shirt", "longsleeve", "shirt", "outwear"), "topwear"),
}
HORS_SUJET = "hors des trois classes"
FICHE_MAX = 2 * 2**20  # octets ; les vraies fiches en font une dizaine de milliers


def _tableau(lignes, colonnes):
    return pd.DataFrame(lignes, columns=colonnes, dtype="object")


# --- Du catalogue au manifeste --------------------------------------------------------------------


class _Anomalie(ValueError):
    """Une fiche inutilisable : (raison, détail). Comptée et listée, jamais fatale."""


def _lire_json(chemin):
    """Rend (id, masterCategory, subCategory, articleType), quatre textes ; lève `_Anomalie`."""
    try:
        with open(chemin, "rb") as fichier:
            octets = fichier.read(65_536)  # demander 2 Mo d'emblée les réserverait à chaque fiche
            if len(octets) == 65_536:
                octets += fichier.read(FICHE_MAX)
        if len(octets) > FICHE_MAX:
            raise _Anomalie("JSON illisible", f"plus de {FICHE_MAX // 2**20} Mo")
        fiche = json.loads(octets)
    except (OSError, ValueError, RecursionError) as erreur:
        if isinstance(erreur, _Anomalie):
            raise
        raise _Anomalie("JSON illisible", str(erreur)[:120]) from erreur
    valeurs = []
    for cles in (
        ("data", "id"),
        ("data", "masterCategory", "typeName"),
        ("data", "subCategory", "typeName"),
        ("data", "articleType", "typeName"),
    ):
        valeur = fiche
        for cle in cles:
            valeur = valeur.get(cle) if isinstance(valeur, dict) else None
        if not isinstance(valeur, (str, int)) or valeur == "":
            raise _Anomalie("clé manquante", ".".join(cles))
        valeurs.append(str(valeur))
    return valeurs


def _fiches_csv(chemin):
    """Donne (n° de ligne, les quatre textes) ; un texte manquant vaut "".

    La dernière colonne (le nom du produit) contient parfois des virgules sans guillemets : on ne
    lit que les colonnes qui la précèdent, et rien n'est perdu. Lève `DonneesInvalides`.
    """
    attendues = ("id", "masterCategory", "subCategory", "articleType")
    with open(chemin, encoding="utf-8-sig", errors="replace", newline="") as fichier:
        lignes = csv.reader(fichier, quoting=csv.QUOTE_NONE)
        entete = [nom.strip().strip('"') for nom in next(lignes, [])]
        absentes = [nom for nom in attendues if nom not in entete]
        if absentes:
            raise DonneesInvalides(
                f"Fichier « {Path(chemin).name} » inutilisable.\n"
                f"  Trouvé  : les colonnes {', '.join(entete[:12]) or '(aucune)'}\n"
                f"  Attendu : au moins {', '.join(attendues)}\n"
                "  Remède  : reprenez le fichier styles.csv du jeu de Kaggle."
            )
        rangs = [entete.index(nom) for nom in attendues]
        while True:
            try:
                valeurs = next(lignes, None)
            except csv.Error:  # une ligne démesurée ou un octet nul
                valeurs = []
            if valeurs is None:
                return
            yield (
                lignes.line_num,
                [valeurs[r].strip().strip('"') if r < len(valeurs) else "" for r in rangs],
            )


def _produit(valeurs, images, deja_vus):
    """Rend (id, classe, article) si le produit est utilisable ; lève `_Anomalie` sinon."""
    produit, rayon, sous_rayon, article = valeurs
    if "" in valeurs[:3]:
        raise _Anomalie("clé manquante", ", ".join(v or "(vide)" for v in valeurs))
    if not re.fullmatch(r"[0-9]{1,12}", produit):  # l'identifiant devient un nom de fichier
        raise _Anomalie("identifiant invalide", produit[:60])
    if produit in deja_vus:
        raise _Anomalie("identifiant en double", produit)
    if rayon not in RAYONS:
        raise _Anomalie("catégorie inconnue", f"{rayon} / {sous_rayon}"[:120])
    classe = CATEGORIES.get((rayon, sous_rayon))
    if classe is None:
        raise _Anomalie(HORS_SUJET, f"{rayon} / {sous_rayon}"[:120])
    if f"{produit}.jpg" not in images:
        raise _Anomalie("image absente", f"{produit}.jpg")
    deja_vus.add(produit)
    return produit, classe, article


def _manifeste(dossier, fiches):
    """`fiches` : suite de (origine, fonction qui rend les quatre textes) → (manifeste, anomalies)."""
    dossier_images = Path(dossier) / "images"
    if not dossier_images.is_dir():
        raise DonneesInvalides(
            f"Le dossier « {Path(dossier).name} » n'a pas de sous-dossier « images ».\n"
            "  Attendu : images/<id>.jpg, et styles/<id>.json ou styles.csv.\n"
            "  Remède  : décompressez le jeu de Kaggle en entier, puis relancez."
        )
    images = {entree.name for entree in os.scandir(dossier_images)}
    lignes, anomalies, deja_vus = [], [], set()
    for origine, lire in fiches:
        try:
            produit, classe, article = _produit(lire(), images, deja_vus)
            chemin = str(dossier_images / f"{produit}.jpg")
            lignes.append((chemin, produit, classe, article, None))
        except _Anomalie as anomalie:
            anomalies.append((origine, *anomalie.args))
    manifeste = _tableau(lignes, COLONNES)
    manifeste = manifeste.sort_values("id", key=lambda ids: ids.astype(int), ignore_index=True)
    return manifeste, _tableau(anomalies, ["path", "reason", "detail"])


def manifeste_json(dossier):
    """Rend (manifeste, anomalies) d'après `styles/<id>.json`, en une passe.

    `anomalies` : tableau (path, reason, detail) des fiches écartées ; une fiche abîmée n'arrête rien.
    Lève `DonneesInvalides` si `images/` ou `styles/` manque.
    """
    styles = Path(dossier) / "styles"
    if not styles.is_dir():
        raise DonneesInvalides(
            f"Le dossier « {Path(dossier).name} » n'a pas de sous-dossier « styles ».\n"
            "  Remède  : décompressez le jeu complet, ou lisez styles.csv (`manifeste_csv`)."
        )
    noms = sorted(entree.name for entree in os.scandir(styles) if entree.name.endswith(".json"))
    suite = ((nom, lambda nom=nom: _lire_json(styles / nom)) for nom in tqdm(noms, "fiches JSON"))
    return _manifeste(dossier, suite)


def manifeste_csv(dossier):
    """Rend (manifeste, anomalies) d'après `styles.csv` : le même tableau que `manifeste_json`."""
    chemin = Path(dossier) / "styles.csv"
    if not chemin.is_file():
        raise DonneesInvalides(f"Il n'y a pas de fichier styles.csv dans « {Path(dossier).name} ».")
    suite = (
        (f"styles.csv, ligne {numero}", lambda valeurs=valeurs: valeurs)
        for numero, valeurs in _fiches_csv(chemin)
    )
    return _manifeste(dossier, suite)


def manifeste_dossiers(dossier, classes=VETEMENTS):
    """Rend (manifeste, anomalies) d'un dossier `<jeu>/<article>/<photo>`.

    Les jeux « validation » et « test » deviennent le test, laissé tel que publié ; l'apprentissage
    (« train », « apprentissage ») attend `repartir`.
    """
    lignes, anomalies = [], []
    for chemin in sorted(Path(dossier).glob("*/*/*")):
        jeu, article = chemin.parts[-3:-1]
        if jeu not in ("train", "apprentissage", "validation", "test") or not chemin.is_file():
            continue
        if article not in classes:
            anomalies.append((str(chemin), HORS_SUJET, article))
            continue
        split = None if jeu in ("train", "apprentissage") else "test"
        lignes.append((str(chemin), chemin.stem, classes[article], article, split))
    return _tableau(lignes, COLONNES), _tableau(anomalies, ["path", "reason", "detail"])


# --- Les photos -----------------------------------------------------------------------------------


def _en_parallele(fonction, chemins, titre):
    """`[fonction(chemin) …]`, sur plusieurs fils (le décodage d'image libère Python), avec une barre."""
    with ThreadPoolExecutor(min(8, 2 * (os.cpu_count() or 1))) as fils:
        return list(tqdm(fils.map(fonction, chemins), titre, total=len(chemins)))


def _etat(chemin):
    try:
        ouvrir_photo(chemin)
        return str(chemin), "bon", ""
    except PhotoIllisible as erreur:
        return str(chemin), "mauvais", erreur.trouve


def checkFileIsGood(directory):
    """Vérifie que chaque fichier de `directory` est une image qu'on peut décoder en entier.

    Rend un tableau (path, state, reason) : `state` vaut « bon » ou « mauvais », `reason` dit pourquoi.
    N'efface et n'arrête rien. Lève `NotADirectoryError` si le dossier n'existe pas.
    """
    if not Path(directory).is_dir():
        raise NotADirectoryError(
            f"« {directory} » n'est pas un dossier : donnez celui des photos à vérifier."
        )
    chemins = sorted(c for c in Path(directory).rglob("*") if c.is_file() or c.is_symlink())
    return _tableau(_en_parallele(_etat, chemins, "vérification"), ["path", "state", "reason"])


def _empreinte(chemin):
    try:
        photo = ouvrir_photo(chemin)
    except PhotoIllisible:
        return None
    forme = repr((photo.mode, photo.size)).encode()
    return hashlib.blake2b(photo.tobytes(), digest_size=16, key=forme).hexdigest()


def empreintes(chemins):
    """Une empreinte (texte) par photo, ou None si elle est illisible.

    Deux photos ont la même si, et seulement si, leurs pixels sont les mêmes, quels que soient le nom, la
    date ou les métadonnées du fichier.
    """
    return _en_parallele(_empreinte, list(chemins), "empreintes")


def lire_images(chemins, cote=64):
    """Lit des photos en couleurs : uint8 (n, cote, cote, 3) dans 0–255. Lève `PhotoIllisible`."""
    chemins = list(chemins)
    images = np.empty((len(chemins), cote, cote, 3), "uint8")

    def lire(numero):
        images[numero] = couleurs_carrees(chemins[numero], cote)

    _en_parallele(lire, range(len(chemins)), f"lecture en {cote}×{cote}")
    return images


# --- Répartir, équilibrer, ranger -----------------------------------------------------------------


def equilibrer(manifeste, graine=13):
    """Tire au sort, dans chaque classe, autant de lignes que la classe la moins fournie en compte.

    Le tirage ne dépend que de la graine et de l'ensemble des lignes, pas de leur ordre.
    """
    ordonne = manifeste.sort_values("path")
    minimum = int(ordonne["class"].value_counts().min()) if len(ordonne) else 0
    tirage = ordonne.groupby("class").sample(n=minimum, random_state=graine)
    return tirage.sort_index()


def repartir(manifeste, validation=0.15, test=0.15, graine=13, groupe=None):
    """Rend le manifeste avec `split` rempli : même proportion de chaque classe dans les trois jeux.

    `groupe` : une colonne ; les lignes de même valeur vont du même côté. Par défaut, la colonne `pixels`
    si elle est là (voir `empreintes`) : les copies d'une photo ne se séparent pas.
    Les lignes dont `split` vaut déjà « test » le gardent, aucune autre ne l'y rejoint, et les copies
    de ces photos sont retirées de l'apprentissage. Lève `ValueError` si les parts ne conviennent pas.
    """
    if min(validation, test) < 0 or validation + test >= 1:
        raise ValueError(
            f"Parts impossibles : validation {validation}, test {test}. "
            "Attendu : deux nombres positifs dont la somme est inférieure à 1."
        )
    resultat = manifeste.copy()
    cle = groupe or ("pixels" if "pixels" in resultat else "path")
    deja_test = resultat["split"] == "test"
    if deja_test.any():
        test = 0
        resultat = resultat[deja_test | ~resultat[cle].isin(resultat.loc[deja_test, cle])].copy()
        deja_test = resultat["split"] == "test"
    groupes = resultat[~deja_test].sort_values("path").drop_duplicates(cle)
    hasard = np.random.default_rng(graine)
    cote = {}
    for _, groupe in groupes.groupby("class"):
        ordre = hasard.permutation(groupe[cle].to_numpy())
        coupes = np.round(np.cumsum([validation, test]) * len(ordre)).astype(int)
        for jeu, part in zip(("validation", "test", "train"), np.split(ordre, coupes), strict=True):
            cote.update(dict.fromkeys(part, jeu))
    resultat.loc[~deja_test, "split"] = resultat.loc[~deja_test, cle].map(cote)
    return resultat


def ecrire_arborescence(manifeste, dossier, copier=False):
    """Range les photos dans `dossier/<split>/<class>/`, par lien physique (ou copie) ; rend leur nombre.

    Un lien physique ne prend pas de place : c'est un second nom du même fichier. Les originaux restent
    où ils sont. Lève `FileExistsError` si `dossier` existe et n'est pas vide : rien n'est jamais effacé.
    """
    dossier = Path(dossier)
    if dossier.exists() and (not dossier.is_dir() or any(dossier.iterdir())):
        raise FileExistsError(
            f"« {dossier.name} » existe déjà et n'est pas vide : rien n'a été touché.\n"
            "  Remède : donnez un autre nom de dossier, ou videz celui-ci vous-même."
        )
    inconnus = set(manifeste["split"]) - set(JEUX)
    if inconnus:
        raise ValueError("Certaines lignes n'ont pas de jeu : appelez d'abord `repartir`.")
    with dossier_atomique(dossier) as provisoire:
        for ligne in manifeste.to_dict("records"):
            source = Path(ligne["path"])
            cible = provisoire / ligne["split"] / ligne["class"] / source.name
            cible.parent.mkdir(parents=True, exist_ok=True)
            if cible.exists():  # deux photos du même nom, venues de dossiers différents
                cible = cible.with_name(f"{source.parent.name}-{source.name}")
            try:
                if copier:
                    raise OSError
                os.link(source, cible)
            except OSError:  # copie demandée, autre disque, ou système sans liens physiques
                shutil.copyfile(source, cible)
    return len(manifeste)


# --- Où sont les données --------------------------------------------------------------------------

NOM_VETEMENTS = "clothing-dataset-small"
# La version (commit) mesurée ici, puis, à défaut, la dernière.
ARCHIVES = (
    f"https://codeload.github.com/alexeygrigorev/{NOM_VETEMENTS}/zip/"
    "36364be1969242c019705255cd87aed00c73a939",
    f"https://codeload.github.com/alexeygrigorev/{NOM_VETEMENTS}/zip/refs/heads/master",
)
PHOTOS_VETEMENTS = {"train": 3_068, "validation": 341, "test": 372}
# SHA-256 de la liste des noms « jeu/article/photo » de train et de validation : GitHub refait ses
# archives à la demande, seul leur contenu est stable.
NOMS_VETEMENTS = "51117a900ac13b6770f3b25f970b73d694853a797464c3579d3becefbf51b351"
ARCHIVE_MAX = 1_000 * 2**20  # octets décompressés
MEMBRE = re.compile(r"[^/]+/((?:train|validation|test)/[a-z-]{2,20}/[\w-]{1,80}\.jpg)")


def _verifier_noms(noms):
    """Lève `DonneesInvalides` si les photos ne sont pas celles du jeu publié."""
    comptes = {jeu: sum(nom.startswith(f"{jeu}/") for nom in noms) for jeu in PHOTOS_VETEMENTS}
    liste = "\n".join(sorted(nom for nom in noms if not nom.startswith("test/")))
    if comptes != PHOTOS_VETEMENTS or hashlib.sha256(liste.encode()).hexdigest() != NOMS_VETEMENTS:
        raise DonneesInvalides(
            f"L'archive reçue n'est pas « {NOM_VETEMENTS} » : {comptes} photos, "
            f"attendu {PHOTOS_VETEMENTS} et les mêmes noms."
        )


def extraire_vetements(archive, destination):
    """Extrait l'archive zip des photos dans `destination`, qui ne doit pas exister, et la vérifie.

    Seuls sont écrits les membres `*/<jeu>/<article>/<nom>.jpg`, sous un nom contrôlé, dans la limite
    de la taille admise ; le dossier n'apparaît que complet. Lève `DonneesInvalides`.
    """
    try:
        with dossier_atomique(destination) as provisoire, zipfile.ZipFile(archive) as contenu:
            membres = {}
            for membre in contenu.infolist():
                correspondance = MEMBRE.fullmatch(membre.filename)
                if correspondance:
                    membres[correspondance.group(1)] = membre
            _verifier_noms(membres)
            total = 0
            for nom, membre in tqdm(membres.items(), "extraction"):
                with contenu.open(membre) as fichier:  # la taille annoncée peut mentir : on compte
                    octets = fichier.read(OCTETS_MAX + 1)
                total += len(octets)
                if len(octets) > OCTETS_MAX or total > ARCHIVE_MAX:
                    raise DonneesInvalides(f"L'archive reçue est démesurée (« {nom} »).")
                cible = provisoire / nom
                cible.parent.mkdir(parents=True, exist_ok=True)
                cible.write_bytes(octets)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as erreur:
        raise DonneesInvalides(f"L'archive reçue est abîmée ou chiffrée ({erreur}).") from erreur


def telecharger_vetements(destination, archives=ARCHIVES):
    """Télécharge et vérifie les 3 781 photos, puis les range dans `destination`.

    Lève `ConnectionError` avec les raisons si aucune archive ne convient.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    destination = Path(destination)
    destination.parent.mkdir(parents=True, exist_ok=True)
    raisons = []
    for adresse in archives:
        with tempfile.TemporaryDirectory(prefix=".provisoire-", dir=destination.parent) as dossier:
            try:
                recue = pooch.retrieve(
                    adresse,
                    known_hash=None,
                    fname="archive.zip",
                    path=dossier,
                    downloader=pooch.HTTPDownloader(progressbar=True, timeout=10),
                )
                return extraire_vetements(recue, destination)
            except (requests.RequestException, ValueError) as erreur:
                raisons.append(
                    str(erreur) if isinstance(erreur, ValueError) else type(erreur).__name__
                )
    raison = " ; ".join(raisons) or "aucune adresse donnée, comme en mode rapide"
    raise ConnectionError(f"photos non téléchargées ({raison})")


def _relatif(chemin):
    """Chemin relatif au dossier courant : les sorties d'un labo ne portent pas de chemin personnel."""
    try:
        return Path(os.path.relpath(chemin))
    except ValueError:  # sous Windows, un autre disque
        return Path(chemin)


def trouver_kaggle():
    """Dossier du jeu « Fashion Product Images » dans `datas/` (images/ et styles/ ou styles.csv), ou None.

    La version réduite de Kaggle n'a que styles.csv ; l'archive complète emboîte ses dossiers.
    """
    datas = dossier_datas()
    for motif in ("images", "*/images", "*/*/images"):
        for images in sorted(datas.glob(motif)):
            dossier = images.parent
            if not dossier.name.startswith(NOM_JUMEAU) and (
                (dossier / "styles").is_dir() or (dossier / "styles.csv").is_file()
            ):
                return _relatif(dossier)
    return None


def trouver_vetements():
    """Dossier des photos de vêtements déjà là (`datas/`, ou `shared/` à côté du dépôt), ou None."""
    for dossier in (dossier_datas() / NOM_VETEMENTS, RACINE.parent / "shared" / "vetements"):
        if dossier.is_dir():
            return _relatif(dossier)
    return None


NOM_JUMEAU = "jumeau_catalogue"


def obtenir_jumeau(dossier=None, n=900):
    """Dossier du catalogue dessiné (vraie forme : images/, styles/, styles.csv), écrit s'il manquait."""
    from outils.garde_robe import ecrire_catalogue

    dossier = Path(dossier or dossier_datas()) / f"{NOM_JUMEAU}_{n}"
    if not dossier.is_dir():
        ecrire_catalogue(dossier, n)
    return _relatif(dossier)


def obtenir_photos(archives=ARCHIVES, jumeau=None):
    """Rend (manifeste, anomalies, source) des photos à classer.

    Dans l'ordre : le jeu de Kaggle s'il est dans `datas/` ; les photos de vêtements CC0, déjà là ou
    téléchargées d'une des `archives` ; sinon le catalogue dessiné (`jumeau`, s'il l'est déjà), annoncé par
    `DonneesDessinees`.
    """
    kaggle = trouver_kaggle()
    if kaggle:
        lire = manifeste_json if (kaggle / "styles").is_dir() else manifeste_csv
        return *lire(kaggle), "Fashion Product Images (Kaggle)"
    vetements = trouver_vetements()
    if vetements is None:
        try:
            telecharger_vetements(dossier_datas() / NOM_VETEMENTS, archives)
            vetements = trouver_vetements()
        except OSError as erreur:
            warnings.warn(
                f"\n⚠ DONNÉES DESSINÉES, pas de vraies photos : {erreur}.\n"
                "  Le labo continue sur un catalogue dessiné par le code : tout fonctionne, mais aucun "
                "score obtenu ici ne vaut pour de vraies photos.\n"
                "  Remède : connectez-vous à Internet et relancez, hors du mode rapide (qui ne télécharge rien).",
                DonneesDessinees,
                stacklevel=2,
            )
            return *manifeste_json(jumeau or obtenir_jumeau()), "catalogue dessiné"
    return *manifeste_dossiers(vetements), "clothing-dataset-small (CC0)"


def obtenir_vetements(archives=ARCHIVES):
    """Rend (manifeste, source) des photos de vêtements, `class` étant l'article : dix classes.

    Déjà là ou téléchargées d'une des `archives` ; sinon le catalogue dessiné, annoncé par `DonneesDessinees`.
    """
    dossier = trouver_vetements()
    if dossier is None:
        try:
            telecharger_vetements(dossier_datas() / NOM_VETEMENTS, archives)
            dossier = trouver_vetements()
        except OSError as erreur:
            warnings.warn(
                f"\n⚠ VÊTEMENTS DESSINÉS, pas de vraies photos : {erreur}.\n"
                "  Tout fonctionne, mais aucun score obtenu ici ne vaut pour de vraies photos.\n"
                "  Remède : connectez-vous à Internet et relancez, hors du mode rapide (qui ne télécharge rien).",
                DonneesDessinees,
                stacklevel=2,
            )
            manifeste = manifeste_json(obtenir_jumeau(n=300))[0]
            manifeste = manifeste[[_etat(chemin)[1] == "bon" for chemin in manifeste["path"]]]
            manifeste = manifeste.assign(**{"class": manifeste["article"]})
            # Comme dans le vrai jeu, un test déjà désigné : une photo sur cinq.
            manifeste = repartir(manifeste, validation=0, test=0.2).replace(
                {"split": {"train": None}}
            )
            return manifeste.reset_index(drop=True), "catalogue dessiné"
    articles = dict.fromkeys([*VETEMENTS, "dress", "hat"])
    return manifeste_dossiers(dossier, {a: a for a in articles})[0], "clothing-dataset-small (CC0)"
