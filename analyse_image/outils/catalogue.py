"""Un catalogue de produits : de ses fiches et de ses photos au manifeste, sans rien déplacer.

Un **manifeste** est un tableau pandas, une ligne par photo ; ses colonnes ont les noms anglais de l'énoncé :

- `path` : chemin de la photo ; `id` : identifiant du produit (texte) ;
- `class` : « bottomwear », « shoes » ou « topwear » ; `article` : le type précis (« Jeans », « skirt ») ;
- `split` : « train », « validation » ou « test », vide tant que `repartir` n'a rien décidé.

Préparer des données, c'est choisir des lignes de ce tableau ; les fichiers restent où ils sont. Ce qui ne
donne pas de ligne est compté : les **anomalies** sont un tableau (`path`, `reason`, `detail`).
"""

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from outils import jeux
from outils.fichiers import (
    DonneesInvalides,
    dossiers_datas,
    est_parasite,
    fichiers_sous,
    nom_court,
    refuser_fichier,
)
from outils.garde_robe import ecrire_catalogue
from outils.lecture import (  # noqa: F401 : les labos appellent d'ici ce qui porte sur les photos
    EXTENSIONS,
    JEUX,
    PARASITE,
    checkFileIsGood,
    ecrire_arborescence,
    empreintes,
    etat_photo,
    lire_images,
    parasites,
)
from outils.tableaux import annoncer_autre_forme, lire_entete, trouver_csv

CLASSES = ("bottomwear", "shoes", "topwear")
COLONNES = ["path", "id", "class", "article", "split"]
ANOMALIES = ["path", "reason", "detail"]

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
JEUX_PUBLIES = {"apprentissage": None, "test": "test", "train": None, "validation": "test"}
PLAN = "images/<id>.jpg, et styles/<id>.json ou styles.csv"
FICHE_MAX = 2 * 2**20  # octets ; les vraies fiches en font une dizaine de milliers
CLES = [f"data.{cle}.typeName" for cle in ("masterCategory", "subCategory", "articleType")]


# --- Ce que tout manifeste partage ----------------------------------------------------------------


def tableau(lignes, colonnes=COLONNES):
    """Un tableau de textes, même vide."""
    return pd.DataFrame(lignes, columns=colonnes, dtype="object")


def non_vide(manifeste, anomalies, dossier, attendu):
    """Rend (manifeste, anomalies) ; lève `DonneesInvalides`, avec les raisons, s'il n'y a pas de ligne."""
    if len(manifeste):
        return manifeste, anomalies
    trouve = "ni fiche ni photo"
    if len(anomalies):
        comptes = anomalies["reason"].value_counts()
        premiere = anomalies[anomalies["reason"] == comptes.index[0]].iloc[0]
        trouve = ", ".join(f"{n} « {raison} »" for raison, n in comptes.items())
        trouve += f" ; d'abord {premiere['path']} ({premiere['detail']})"
    remede = "décompressez le jeu en entier, sans renommer ni modifier ses fichiers, puis relancez."
    sujet = f"« {nom_court(dossier)} » ne donne aucune photo utilisable."
    raise DonneesInvalides(sujet, trouve, attendu, remede)


# --- Du catalogue au manifeste --------------------------------------------------------------------


class _Anomalie(ValueError):
    """Une fiche inutilisable : (raison, détail). Comptée et listée, jamais fatale."""


def _lire_json(chemin):
    """Rend (id, masterCategory, subCategory, articleType), quatre textes ; lève `_Anomalie`."""
    try:
        if chemin.stat().st_size > FICHE_MAX:
            raise ValueError(f"plus de {FICHE_MAX // 2**20} Mo")
        fiche = json.loads(chemin.read_bytes())
    except (OSError, ValueError, RecursionError) as erreur:
        raise _Anomalie("JSON illisible", str(erreur)[:120]) from erreur
    valeurs = []
    for cle in ("data.id", *CLES):
        valeur = fiche
        for nom in cle.split("."):
            valeur = valeur.get(nom) if isinstance(valeur, dict) else None
        if not isinstance(valeur, (str, int, float)) or valeur == "":
            raise _Anomalie("clé manquante", cle)
        valeurs.append(str(valeur))
    return valeurs


def _lire_csv(chemin):
    """Rend {origine: les quatre textes d'une ligne} ; un texte manquant vaut "".

    La dernière colonne (le nom du produit) contient parfois des virgules sans guillemets : on ne
    lit que les colonnes qui la précèdent. Lève `DonneesInvalides`.
    """
    attendues = ("id", "masterCategory", "subCategory", "articleType")
    entete = lire_entete(chemin, attendues, "reprenez le fichier styles.csv du jeu de Kaggle.")
    rangs, produits = [entete.index(nom) for nom in attendues], {}
    with open(chemin, encoding="utf-8-sig", errors="replace") as fichier:
        next(fichier)
        for numero, ligne in enumerate(fichier, start=2):
            valeurs = ligne.split(",", max(rangs) + 1) + [""] * len(entete)
            valeurs = [valeurs[rang].strip().strip('"') for rang in rangs]
            produits[f"styles.csv, ligne {numero}"] = valeurs
    return produits


def _produit(valeurs, images, deja_vus):
    """Rend (nom de la photo, id, classe, article, None) ; lève `_Anomalie` si le produit est inutilisable."""
    identifiant, rayon, sous_rayon, article = valeurs
    if "" in valeurs[:3]:
        raise _Anomalie("clé manquante", ", ".join(v or "(vide)" for v in valeurs))
    # L'identifiant devient un nom de fichier ; un tableur a pu l'écrire « 1163.0 ».
    correspondance = re.fullmatch(r"([0-9]{1,12})(\.0+)?", identifiant)
    if not correspondance:
        raise _Anomalie("identifiant invalide", identifiant[:60])
    produit = correspondance.group(1)
    if produit in deja_vus:
        raise _Anomalie("identifiant en double", produit)
    if rayon not in RAYONS:
        raise _Anomalie("catégorie inconnue", f"{rayon} / {sous_rayon}"[:120])
    classe = CATEGORIES.get((rayon, sous_rayon))
    if classe is None:
        raise _Anomalie(HORS_SUJET, f"{rayon} / {sous_rayon}"[:120])
    if produit not in images:
        raise _Anomalie("image absente", f"{produit}.jpg")
    deja_vus.add(produit)
    return images[produit], produit, classe, article, None


def _exiger(present, dossier, nom):
    if not present:
        remede = "décompressez le jeu de Kaggle en entier, puis relancez."
        refuser_fichier(dossier, f"un dossier sans « {nom} »", PLAN, remede)


def _manifeste(dossier, origines, lire):
    """Rend (manifeste, anomalies) ; `lire(origine)` rend les quatre textes d'une fiche."""
    _exiger((dossier / "images").is_dir(), dossier, "images")
    noms = [n for n in sorted(os.listdir(dossier / "images")) if n.lower().endswith(EXTENSIONS)]
    images = {os.path.splitext(nom)[0]: nom for nom in noms}
    lignes, anomalies, deja_vus = [], parasites(dossier), set()
    for origine in origines:
        try:
            nom, *reste = _produit(lire(origine), images, deja_vus)
            lignes.append((str(dossier / "images" / nom), *reste))
        except _Anomalie as anomalie:
            anomalies.append((origine, *anomalie.args))
    manifeste = tableau(lignes)
    manifeste = manifeste.sort_values("id", key=lambda ids: ids.astype(int), ignore_index=True)
    return non_vide(manifeste, tableau(anomalies, ANOMALIES), dossier, PLAN)


def manifeste_json(dossier):
    """Rend (manifeste, anomalies) d'après `styles/<id>.json`, en une passe ; une fiche abîmée n'arrête rien.

    Lève `DonneesInvalides` si `images/` ou `styles/` manque, ou s'il ne reste aucune photo.
    """
    dossier = Path(dossier)
    _exiger((dossier / "styles").is_dir(), dossier, "styles")
    noms = sorted(os.listdir(dossier / "styles"))
    noms = [nom for nom in noms if nom.endswith(".json") and not est_parasite(nom)]
    return _manifeste(
        dossier, tqdm(noms, "fiches JSON"), lambda nom: _lire_json(dossier / "styles" / nom)
    )


def manifeste_csv(dossier):
    """Rend (manifeste, anomalies) d'après `styles.csv` : le même tableau que `manifeste_json`."""
    dossier = Path(dossier)
    chemin = trouver_csv("styles.csv", [dossier] if dossier.is_dir() else [])
    _exiger(chemin, dossier, "styles.csv")
    produits = _lire_csv(chemin)
    return _manifeste(dossier, produits, produits.get)


def manifeste_dossiers(dossier, classes=VETEMENTS):
    """Rend (manifeste, anomalies) d'un dossier `<jeu>/<article>/<photo>`.

    Les jeux « validation » et « test » deviennent le test, laissé tel que publié ; l'apprentissage
    (« train », « apprentissage ») attend `repartir`. Lève `DonneesInvalides` s'il ne reste aucune photo.
    """
    lignes, anomalies = [], parasites(dossier)
    for jeu, split in JEUX_PUBLIES.items():
        for chemin in fichiers_sous(Path(dossier) / jeu):
            article = chemin.parent.name
            if article in classes:
                lignes.append((str(chemin), chemin.stem, classes[article], article, split))
            else:
                anomalies.append((str(chemin), HORS_SUJET, article))
    attendu = f"train/<article>/<photo>, l'article étant {', '.join(classes)}"
    return non_vide(tableau(lignes), tableau(anomalies, ANOMALIES), dossier, attendu)


def manifeste_classes(dossier, classes):
    """Rend le manifeste d'un dossier `<article>/<photo>` ; `split` est vide.

    `classes` : dossier → classe ; les autres dossiers sont laissés. Lève `DonneesInvalides` si l'un n'a pas de photo.
    """
    photos = {}
    for article in classes:
        fichiers = fichiers_sous(Path(dossier) / article)
        photos[article] = [chemin for chemin in fichiers if chemin.suffix.lower() in EXTENSIONS]
    if absents := [article for article in classes if not photos[article]]:
        refuser_fichier(
            dossier,
            f"pas de photo dans {', '.join(absents)}",
            f"les dossiers {', '.join(classes)}",
            "ajoutez ce qui manque, de la même archive, ou renommez ce dossier : le labo fera le sien.",
        )
    return tableau([(str(c), c.stem, classes[a], a, None) for a in classes for c in photos[a]])


# --- Répartir, équilibrer -------------------------------------------------------------------------


def equilibrer(manifeste, graine=13):
    """Tire au sort, dans chaque classe, autant de lignes que la classe la moins fournie en compte.

    Le tirage ne dépend que de la graine et de l'ensemble des lignes, pas de leur ordre.
    """
    classes = manifeste.sort_values("path").groupby("class")
    return classes.sample(n=classes.size().min(), random_state=graine).sort_index()


def repartir(manifeste, validation=0.15, test=0.15, graine=13, groupe=None):
    """Rend le manifeste avec `split` rempli : même proportion de chaque classe dans les trois jeux.

    `groupe` : une colonne dont les lignes de même valeur vont du même côté ; par défaut `pixels`, si elle est
    là (voir `empreintes`). S'il y a déjà des lignes « test », aucune autre ne les rejoint, et leurs copies
    sont retirées. Lève `ValueError` si les parts ne conviennent pas.
    """
    if min(validation, test) < 0 or validation + test >= 1:
        raise ValueError(
            f"Parts impossibles : validation {validation}, test {test}. "
            "Attendu : deux nombres positifs dont la somme est inférieure à 1."
        )
    cle = groupe or ("pixels" if "pixels" in manifeste else "path")
    deja_test = manifeste["split"] == "test"
    copies = manifeste[cle].isin(manifeste.loc[deja_test, cle]) & ~deja_test
    groupes = manifeste[~deja_test & ~copies].sort_values("path").drop_duplicates(cle)
    test = 0 if deja_test.any() else test
    hasard, cote = np.random.default_rng(graine), {}
    for _, de_la_classe in groupes.groupby("class"):
        ordre = hasard.permutation(de_la_classe[cle].to_numpy())
        coupes = np.round(np.cumsum([validation, test]) * len(ordre)).astype(int)
        for jeu, part in zip(("validation", "test", "train"), np.split(ordre, coupes), strict=True):
            cote.update(dict.fromkeys(part, jeu))
    split = manifeste[cle].map(cote).where(~deja_test, "test")
    return manifeste.assign(split=split)[~copies]


# --- Où sont les données --------------------------------------------------------------------------


def obtenir_jumeau(dossier=None, n=900):
    """Dossier du catalogue dessiné (vraie forme : images/, styles/, styles.csv), écrit s'il manquait."""
    return jeux.dessiner(f"jumeau_catalogue_{n}", lambda d: ecrire_catalogue(d, n), dossier)


def obtenir_photos(en_ligne=True, jumeau=None):
    """Rend (manifeste, anomalies, source) des photos à classer ; la source est affichée.

    Dans l'ordre : le jeu de Kaggle s'il est dans les données ; les photos de vêtements CC0, déjà là ou (si
    `en_ligne`) téléchargées ; sinon le catalogue dessiné, `jumeau` s'il l'est déjà. Lève `DonneesInvalides`.
    """
    if jeux.trouver("catalogue"):
        nom, lire = "catalogue", manifeste_csv
    else:
        nom, lire = "vetements", manifeste_dossiers
        annoncer_autre_forme("styles.csv", dossiers_datas())
    dossier, source = jeux.obtenir(nom, en_ligne, lambda: jumeau or obtenir_jumeau())
    if (dossier / "styles").is_dir():
        lire = manifeste_json
    return *lire(dossier), source


def obtenir_vetements(en_ligne=True):
    """Rend (manifeste, source) des photos de vêtements, `class` étant l'article : dix classes.

    Déjà là ou, si `en_ligne`, téléchargées ; sinon le catalogue dessiné. La source est affichée.
    """
    dossier, source = jeux.obtenir("vetements", en_ligne)
    if not (dossier / "styles").is_dir():
        articles = {article: article for article in (*VETEMENTS, "dress", "hat")}
        return manifeste_dossiers(dossier, articles)[0], source
    manifeste = manifeste_json(dossier)[0]
    manifeste = manifeste[[etat_photo(chemin)[1] == "bon" for chemin in manifeste["path"]]]
    manifeste = manifeste.assign(**{"class": manifeste["article"]})
    # Comme dans le vrai jeu, un test déjà désigné : une photo sur cinq.
    manifeste = repartir(manifeste, validation=0, test=0.2).replace({"split": {"train": None}})
    return manifeste.reset_index(drop=True), source
