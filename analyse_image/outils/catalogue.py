"""Un catalogue de produits : de ses fiches et de ses photos au manifeste, sans rien déplacer.

Un **manifeste** est un tableau pandas, une ligne par photo : `chemin` ; `id`, celui du produit (texte) ; `classe` ;
`article`, le type précis (« Jeans », « skirt ») ; `jeu` (« train », « validation » ou « test »), vide avant
`repartir`. Ce qui ne donne pas de ligne est compté : les **anomalies**, un tableau (`chemin`, `motif`, `détail`).
"""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from outils import dessins, jeux
from outils.fichiers import (
    DonneesInvalides,
    dossiers_datas,
    est_parasite,
    fichiers_sous,
    nom_court,
    refuser_fichier,
)
from outils.lecture import EXTENSIONS, parasites
from outils.tableaux import annoncer_autre_forme, lire_entete, trouver_csv

CLASSES = ("bottomwear", "shoes", "topwear")
COLONNES = ["chemin", "id", "classe", "article", "jeu"]
ANOMALIES = ["chemin", "motif", "détail"]

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
HORS_SUJET = "hors des trois classes"
JEUX_PUBLIES = {"apprentissage": None, "test": "test", "train": None, "validation": "test"}
PLAN = "images/<id>.jpg, et styles/<id>.json ou styles.csv"
FICHE_MAX = 2 * 2**20  # octets ; les vraies fiches en font une dizaine de milliers
CLES = ("masterCategory", "subCategory", "articleType")


class Anomalie(ValueError):
    """Une fiche inutilisable : (raison, détail). Comptée et listée, jamais fatale."""


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
        comptes = anomalies["motif"].value_counts()
        premiere = anomalies[anomalies["motif"] == comptes.index[0]].iloc[0]
        trouve = ", ".join(f"{n} « {raison} »" for raison, n in comptes.items())
        trouve += f" ; d'abord {premiere['chemin']} ({premiere['détail']})"
    remede = "décompressez le jeu en entier, sans renommer ni modifier ses fichiers, puis relancez."
    sujet = f"« {nom_court(dossier)} » ne donne aucune photo utilisable."
    raise DonneesInvalides(sujet, trouve, attendu, remede)


# --- Du catalogue au manifeste --------------------------------------------------------------------


def lister(dossier, nom, suffixes):
    """Les fichiers (chemins triés) de `dossier/nom` ; lève `DonneesInvalides` si ce sous-dossier manque."""
    if not (Path(dossier) / nom).is_dir():
        remede = "décompressez le jeu de Kaggle en entier, puis relancez."
        refuser_fichier(dossier, f"un dossier sans « {nom} »", PLAN, remede)
    chemins = sorted((Path(dossier) / nom).iterdir(), key=lambda c: (len(c.name), c.name))
    return [c for c in chemins if c.suffix.lower() in suffixes and not est_parasite(c.name)]


def lire_fiche(chemin):
    """Rend (id, rayon, sous-rayon, article) d'une fiche JSON ; lève `Anomalie` si elle est inutilisable."""
    try:
        with open(chemin, "rb") as fichier:
            donnees = json.loads(fichier.read(FICHE_MAX))["data"]
        return [str(donnees["id"]), *(str(donnees[cle]["typeName"]) for cle in CLES)]
    except (KeyError, TypeError) as erreur:
        raise Anomalie("clé manquante", str(erreur)) from erreur
    except (OSError, ValueError, RecursionError) as erreur:
        raise Anomalie("JSON illisible", str(erreur)[:80]) from erreur


def classer(fiche, images):
    """Rend (chemin, id, classe, article, None) ; `images` : chemins par identifiant. Lève `Anomalie`."""
    # Un tableur a pu écrire l'identifiant « 1163.0 ».
    numero, rayon, sous_rayon, article = (re.sub(r"\.0+$", "", texte) for texte in fiche)
    if not re.fullmatch("[0-9]{1,12}", numero):
        raise Anomalie("identifiant invalide", numero[:60])
    if (rayon, sous_rayon) not in CATEGORIES:
        motif = HORS_SUJET if rayon in RAYONS else "catégorie inconnue"
        raise Anomalie(motif, f"{rayon} / {sous_rayon}"[:80])
    if numero not in images:
        raise Anomalie("image absente", f"{numero}.jpg")
    return images[numero], numero, CATEGORIES[rayon, sous_rayon], article, None


def etablir(dossier, fiches, lire):
    """Rend (manifeste, anomalies) ; `lire(fiche)` rend les quatre textes d'une des `fiches`."""
    images = {chemin.stem: str(chemin) for chemin in lister(dossier, "images", EXTENSIONS)}
    lignes, anomalies = {}, parasites(dossier)
    for fiche in tqdm(fiches, "fiches"):
        try:
            ligne = classer(lire(fiche), images)
            if lignes.setdefault(ligne[1], ligne) is not ligne:
                raise Anomalie("identifiant en double", ligne[1])
        except Anomalie as anomalie:
            anomalies.append((Path(fiche).name, *anomalie.args))
    return tableau(lignes.values()), tableau(anomalies, ANOMALIES)


def manifeste_json(dossier):
    """Rend (manifeste, anomalies) d'après `styles/<id>.json` ; lève `DonneesInvalides` s'il ne reste rien."""
    fiches = lister(dossier, "styles", [".json"])
    return non_vide(*etablir(dossier, fiches, lire_fiche), dossier, PLAN)


def _lire_csv(chemin):
    """Rend {origine: les quatre textes d'une ligne}. Lève `DonneesInvalides`.

    La dernière colonne (le nom du produit) contient parfois des virgules sans guillemets : on ne
    lit que les colonnes qui la précèdent.
    """
    attendues = ("id", *CLES)
    entete = lire_entete(chemin, attendues, "reprenez le fichier styles.csv du jeu de Kaggle.")
    rangs, produits = [entete.index(nom) for nom in attendues], {}
    with open(chemin, encoding="utf-8-sig", errors="replace") as fichier:
        next(fichier)
        for numero, ligne in enumerate(fichier, start=2):
            valeurs = ligne.split(",", max(rangs) + 1) + [""] * len(entete)
            valeurs = [valeurs[rang].strip().strip('"') for rang in rangs]
            produits[f"styles.csv, ligne {numero}"] = valeurs
    return produits


def manifeste_csv(dossier):
    """Rend (manifeste, anomalies) d'après `styles.csv` : le même tableau que `manifeste_json`."""
    chemin = trouver_csv("styles.csv", [Path(dossier)] if Path(dossier).is_dir() else [])
    if not chemin:
        lister(dossier, "styles.csv", ())  # le refuse
    produits = _lire_csv(chemin)
    return non_vide(*etablir(dossier, produits, produits.get), dossier, PLAN)


def manifeste_classes(dossier, classes):
    """Rend le manifeste d'un dossier `<article>/<photo>` ; `jeu` est vide.

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


# --- Répartir -------------------------------------------------------------------------------------


def couper(groupes, validation, test, hasard):
    """Rend {groupe: jeu} : les groupes d'une classe, tirés au sort vers les trois jeux."""
    if min(validation, test) < 0 or validation + test >= 1:
        trouve = f"validation {validation}, test {test}"
        raise ValueError(f"Parts impossibles : {trouve} ; attendu : positives, de somme < 1.")
    ordre = hasard.permutation(groupes.to_numpy())
    coupes = np.round(np.cumsum([validation, test]) * len(ordre)).astype(int)
    parts = zip(("validation", "test", "train"), np.split(ordre, coupes), strict=True)
    return {groupe: jeu for jeu, part in parts for groupe in part}


def repartir(manifeste, validation=0.15, test=0.15, graine=13, groupe=None):
    """Rend le manifeste, `jeu` rempli : mêmes parts de chaque classe, un `groupe` du même côté."""
    # Un test déjà désigné reste tel quel : ses copies, ailleurs, sont retirées.
    groupe = groupe or ("pixels" if "pixels" in manifeste else "chemin")
    publie = manifeste["jeu"] == "test"
    libres = manifeste[~manifeste[groupe].isin(manifeste.loc[publie, groupe])]
    libres = libres.sort_values("chemin").drop_duplicates(groupe)
    hasard, cotes = np.random.default_rng(graine), {}
    for _, de_la_classe in libres.groupby("classe"):
        cotes |= couper(de_la_classe[groupe], validation, 0 if publie.any() else test, hasard)
    jeux_tires = manifeste[groupe].map(cotes).mask(publie, "test")
    return manifeste.assign(jeu=jeux_tires).dropna(subset="jeu")


# --- Où sont les données --------------------------------------------------------------------------


def obtenir_catalogue(en_ligne=True, n=None, dans=None):
    """Rend (dossier, source) d'un catalogue (images/, et styles/ ou styles.csv) ; la source est affichée.

    Dans l'ordre : le jeu de Kaggle s'il est dans les données ; les photos de vêtements CC0, déjà là ou (si
    `en_ligne`) téléchargées, `n` au plus, rangées comme lui dans `dans` ; des dessins. Lève `DonneesInvalides`.
    """
    if jeux.trouver("catalogue"):
        return jeux.obtenir("catalogue")
    annoncer_autre_forme("styles.csv", dossiers_datas())
    return jeux.arranger("catalogue", dessins.ecrire_catalogue, en_ligne, n, dans)


def obtenir_vetements(en_ligne=True):
    """Rend (manifeste, source) des photos de vêtements, `classe` étant l'article : dix classes.

    Déjà là ou, si `en_ligne`, téléchargées ; sinon des dessins. La source est affichée. Les jeux publiés
    « validation » et « test » deviennent le test ; l'apprentissage attend `repartir`.
    """
    dossier, source = jeux.obtenir("vetements", en_ligne)
    photos = ((*chemin.parts[-3:-1], chemin) for chemin in fichiers_sous(dossier))
    manifeste = tableau(
        (str(chemin), chemin.stem, article, article, JEUX_PUBLIES[jeu])
        for jeu, article, chemin in photos
        if jeu in JEUX_PUBLIES and article in dessins.ARTICLES
    )
    return non_vide(manifeste, (), dossier, "train/<article>/<photo>")[0], source
