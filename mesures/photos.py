"""Photos réelles : la préparation et le réseau de l'énoncé, et les nôtres, dans le même passage.

    python mesures/photos.py [DOSSIER…] [--choisir] [--publie DOSSIER_DU_MODELE]

Un DOSSIER peut être rangé de trois façons : un sous-dossier par classe (`<classe>/<photo>`) ; des fichiers dont
le nom commence par la classe (`pantalon-2.jpg`) ; une table `styles.csv` et ses `images/<id>.jpg` (le catalogue
de Kaggle). Une classe est un nom de « clothing-dataset-small » (t-shirt, longsleeve…), l'un des dix noms
français, ou un numéro de 0 à 9 ; le reste est ignoré, et compté.

Sans DOSSIER : les photos de `LABO_DATAS` gardées pour mesurer, `vetements/validation` et la moitié de `catalogue`.
`--choisir` prend les autres, celles sur lesquelles la préparation et le réseau ont été choisis, et n'écrit rien.
Écrit `mesures/photos.csv`, une ligne par jeu, préparation et réseau ; `photos_confusion.csv` ;
`photos_avertissements.csv`, ce que vaut chaque avertissement ; `photos_inconnus.csv`, la courbe qui sépare les
chapeaux, shorts et jupes des dix classes, par la probabilité et par les voisins (`inconnus.py`).
"""

import argparse
import datetime
import hashlib
import os
import re
import sys
import tempfile
import time
import unicodedata
import warnings
from pathlib import Path

ICI = Path(__file__).resolve().parent
sys.path.insert(0, str(ICI.parent / "analyse_image"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import inconnus  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import reseaux  # noqa: E402
from sklearn.metrics import roc_auc_score, roc_curve  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

from outils import donnees, modele, preparation  # noqa: E402
from outils.fichiers import ecriture_atomique, est_parasite  # noqa: E402
from outils.jeux import trouver  # noqa: E402
from outils.photos import PhotoIllisible  # noqa: E402

# Ce que chaque dossier de « clothing-dataset-small » peut être dans Fashion-MNIST. « shoes » mêle
# sandales, baskets et bottes ; hat, shorts et skirt n'ont pas de classe.
CORRESPONDANCE = {
    "t-shirt": (0,),
    "pants": (1,),
    "longsleeve": (2,),
    "dress": (3,),
    "outwear": (4,),
    "shirt": (6,),
    "shoes": (5, 7, 9),
}
INCONNUS = ("hat", "shorts", "skirt")
ASSEZ = 20  # inconnus, en deçà desquels une aire ne dit rien
# Les articles du catalogue, quand ils sont sans conteste l'une des dix classes.
ARTICLES = dict.fromkeys(("Jeans", "Trousers", "Track Pants"), "pants")
ARTICLES |= {"Tshirts": "t-shirt", "Shirts": "shirt", "Jackets": "outwear"}
ARTICLES |= dict.fromkeys(("Sweaters", "Sweatshirts"), "longsleeve")
ARTICLES |= dict.fromkeys(("Sandals", "Flip Flops"), "sandales")
ARTICLES |= dict.fromkeys(("Casual Shoes", "Sports Shoes"), "baskets")
ARTICLES |= dict.fromkeys(
    ("Handbags", "Backpacks", "Clutches", "Duffel Bag", "Rucksacks", "Laptop Bag"), "sac"
)


def cle(nom):
    """« Un T-shirt/haut », « un t-shirt haut », « T-shirt_haut » → « tshirthaut »."""
    sans_accent = unicodedata.normalize("NFKD", nom).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]", "", re.sub(r"^(une?|des)[^a-z0-9]+", "", sans_accent))


NOMS = {str(i): (i,) for i in range(10)}
NOMS |= {cle(nom): (i,) for i, nom in enumerate(donnees.CLASSES)}
NOMS |= {cle(nom): classes for nom, classes in CORRESPONDANCE.items()}
NOMS |= {"bottes": (9,)}


def classes_admises(nom):
    """Numéros de classe justes pour un nom de dossier ou d'article ; () s'il n'a pas de classe."""
    return NOMS.get(cle(nom), ())


def classe_du_fichier(chemin):
    """« pantalon-2.jpg » → « pantalon » ; le nom entier si aucune classe ne le commence."""
    debuts = [n for n in NOMS if cle(chemin.stem).startswith(n) and not n.isdigit()]
    return max(debuts, key=len, default=chemin.stem)


def lister(dossier, moitie=None):
    """Rend [(nom de classe, chemin)…], connus ou non. `moitie` (0 ou 1) : celle du catalogue."""
    if not dossier.is_dir():
        sys.exit(
            f"Dossier introuvable : « {dossier} ».\n  Attendu : {__doc__.split('Une classe')[0]}"
        )
    if (dossier / "styles.csv").is_file():
        fiches = pd.read_csv(dossier / "styles.csv", dtype=str, on_bad_lines="skip")
        photos = [
            (ARTICLES.get(article, article), dossier / "images" / f"{numero}.jpg")
            for numero, article in zip(fiches["id"], fiches["articleType"], strict=True)
            if moitie is None or int(hashlib.sha256(numero.encode()).hexdigest(), 16) % 2 == moitie
        ]
        return [(nom, chemin) for nom, chemin in photos if chemin.is_file()]
    fichiers = [p for p in sorted(dossier.rglob("*")) if p.is_file() and not est_parasite(p.name)]
    return [(classe_du_fichier(p) if p.parent == dossier else p.parent.name, p) for p in fichiers]


def preparer(photos, fonction):
    """`Preparation` de chaque photo (None : refusée) et secondes par photo."""
    preparees, debut = [], time.perf_counter()
    for chemin in photos:
        try:
            preparees.append(fonction(chemin))
        except (PhotoIllisible, OSError) as erreur:
            preparees.append(None)
            print(f"  refusée : {erreur}")
    return preparees, (time.perf_counter() - debut) / max(len(photos), 1)


def reseau_publie(dossier=None):
    """Le réseau de l'énoncé : lu dans `dossier`, sinon entraîné comme publié et gardé."""
    cache = Path(dossier) if dossier else Path(tempfile.gettempdir()) / "labo_reseau_publie"
    if dossier or modele.modele_present(cache):
        return modele.charger_modele(cache)
    (X, y), _ = donnees.charger_fashion_mnist()
    X_apprentissage, _, y_apprentissage, _ = train_test_split(
        X[..., np.newaxis] / np.float32(255), y, test_size=0.2, random_state=13
    )
    keras.utils.set_random_seed(13)
    reseau = reseaux.une_convolution()
    reseau.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    print("Entraînement du réseau de l'énoncé (10 époques, une fois pour toutes)…", flush=True)
    reseau.fit(X_apprentissage, y_apprentissage, batch_size=256, epochs=10, verbose=0)
    modele.sauvegarder_modele(reseau, cache, donnees.CLASSES)
    return reseau


def probabilites(reseau, preparees):
    """(n, 10) ; des `nan` pour une photo refusée."""
    p = np.full((len(preparees), 10), np.nan, np.float32)
    lisibles = [i for i, preparee in enumerate(preparees) if preparee is not None]
    if lisibles:
        entrees = np.concatenate([preparees[i].entree for i in lisibles])
        p[lisibles] = reseau.predict(entrees, verbose=0)
    return p


def mesurer(jeu, photos, les_reseaux):
    """Lignes de `photos.csv`, `photos_confusion.csv` et `photos_avertissements.csv` pour un jeu."""
    connues = [(nom, chemin) for nom, chemin in photos if classes_admises(nom)]
    autres = [chemin for nom, chemin in photos if nom.lower() in INCONNUS]
    autres = autres if len(autres) >= ASSEZ else []
    print(f"{jeu} : {len(connues)} photos d'une des dix classes sur {len(photos)}", flush=True)
    noms = np.array([nom for nom, _ in connues])
    classes = list(dict.fromkeys(noms))
    chemins = {"énoncé": recette_de_l_enonce, "conseillé": preparation.analyser_photo}
    lignes, confusions, calibrage, courbe = [], [], [], []
    for nom_chemin, fonction in chemins.items():
        prets, secondes = preparer([chemin for _, chemin in connues], fonction)
        pretes_autres, _ = preparer(autres, fonction)
        portes = np.array([p is not None and p.porte for p in prets])
        for nom_reseau, reseau in les_reseaux.items():
            p = probabilites(reseau, prets)
            predites = np.where(np.isnan(p[:, 0]), -1, p.argmax(axis=1))
            justes = np.array(
                [i in classes_admises(n) for i, n in zip(predites, noms, strict=True)]
            )
            taux = {classe: justes[noms == classe].mean() for classe in classes}
            aire = np.nan
            if autres:
                notes = np.concatenate([p, probabilites(reseau, pretes_autres)]).max(axis=1)
                est_inconnue = np.repeat([0, 1], [len(p), len(autres)])
                aire = roc_auc_score(est_inconnue, -np.nan_to_num(notes))
            entete = {"jeu": jeu, "préparation": nom_chemin, "réseau": nom_reseau}
            ligne = {"photos": len(connues), "macro": np.mean(list(taux.values()))}
            ligne |= {"micro": justes.mean()}
            if nom_chemin == "conseillé" and portes.any():
                ligne |= {"sans visage": justes[~portes].mean(), "porté": justes[portes].mean()}
            lignes.append(entete | ligne | {"s/photo": secondes, "aire inconnus": aire} | taux)
            for classe in classes:
                vues = predites[noms == classe]
                comptes = {n: int((vues == i).sum()) for i, n in enumerate(donnees.CLASSES)}
                confusions.append(
                    entete | {"vraie": classe} | comptes | {"refusées": int((vues < 0).sum())}
                )
        if nom_chemin == "conseillé":  # avec le dernier réseau, celui de référence
            calibrage = [{"jeu": jeu} | ligne for ligne in calibrer(prets, p, justes)]
            if autres:
                lues = [preparee for preparee in prets + pretes_autres if preparee is not None]
                voisins = familiarites(reseau, lues)
                est_inconnue = np.arange(len(lues)) >= sum(p is not None for p in prets)
                probables = probabilites(reseau, lues).max(axis=1)
                for methode, notes in (("probabilité", probables), ("voisins", voisins)):
                    courbe += [{"jeu": jeu} | x for x in separer(methode, est_inconnue, -notes)]
    return lignes, confusions, calibrage, courbe


def familiarites(reseau, preparees, n=6_000):
    """Note (n,) de chaque photo : ressemble-t-elle aux images de Fashion-MNIST, ou à des inconnus dessinés ?"""
    (X, y), _ = donnees.charger_fashion_mnist()
    X, y = X[:n], y[:n]
    corps = reseau.get_layer("sept_convolutions")
    corps = keras.Model(corps.inputs[0], corps.layers[-2].output)
    banques = X, inconnus.dessiner_inconnus(X, y)
    banques = [inconnus.resumer(corps, inconnus.varier_les_tons(b)) for b in banques]
    resumes = inconnus.resumer(corps, np.concatenate([p.entree for p in preparees]))
    return inconnus.familiarite(resumes, *banques)


def separer(methode, est_inconnue, notes):
    """Points d'une courbe ROC : part des inconnus signalés, selon la part de connus signalés à tort."""
    a_tort, signales, _ = roc_curve(est_inconnue, notes)
    aire = roc_auc_score(est_inconnue, notes)
    for part in np.linspace(0, 1, 21):
        yield {
            "méthode": methode,
            "aire": aire,
            "connus signalés": part,
            "inconnus signalés": np.interp(part, a_tort, signales),
        }


def recette_de_l_enonce(chemin):
    return preparation.Preparation(preparation.load_and_preprocess_image(chemin))


def calibrer(preparees, probables, justes):
    """Pour chaque avertissement, et pour l'ensemble : part de réponses justes avec et sans."""
    messages = [
        [] if preparee is None else preparee.avertissements + preparation.avertir_du_doute(p)
        for preparee, p in zip(preparees, probables, strict=True)
    ]
    sortes = [{re.split(r" [(:]|[,.:]", m)[0] for m in liste} for liste in messages]
    for sorte in ["tous", *sorted(set().union(*sortes))]:
        avec = np.array([bool(s) if sorte == "tous" else sorte in s for s in sortes])
        yield {
            "avertissement": sorte,
            "photos": int(avec.sum()),
            "justes avec": justes[avec].mean() if avec.any() else np.nan,
            "justes sans": justes[~avec].mean() if (~avec).any() else np.nan,
            "des justes en ont un": avec[justes].mean(),
        }


def jeux_par_defaut(choisir):
    """Les photos de `LABO_DATAS` : pour mesurer, ou pour choisir."""
    vetements, catalogue = trouver("vetements"), trouver("catalogue")
    jeux = {}
    if vetements:
        dossier = vetements / ("apprentissage" if choisir else "validation")
        jeux["téléphone"] = lister(dossier)
    if catalogue and (catalogue / "styles.csv").is_file():
        jeux["catalogue"] = lister(catalogue, moitie=0 if choisir else 1)
    return jeux


def ecrire(lignes, nom, contexte):
    with ecriture_atomique(ICI / nom) as provisoire:
        pd.DataFrame(lignes).round(4).assign(**contexte).to_csv(provisoire, index=False)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(
        description="Énoncé contre chemin conseillé, sur de vraies photos."
    )
    arguments.add_argument("dossiers", nargs="*", type=Path, help="par défaut, ceux de LABO_DATAS")
    arguments.add_argument(
        "--choisir", action="store_true", help="les photos qui servent à choisir"
    )
    arguments.add_argument("--publie", help="dossier du modèle de l'énoncé, s'il est déjà entraîné")
    options = arguments.parse_args()
    jeux = {d.resolve().name: lister(d) for d in options.dossiers}
    jeux = jeux or jeux_par_defaut(options.choisir)
    if not any(classes_admises(nom) for photos in jeux.values() for nom, _ in photos):
        sys.exit("Aucune photo d'une des dix classes.\n  Attendu : " + __doc__.split("\n\n")[2])
    warnings.simplefilter("ignore", preparation.PhotoDouteuse)
    les_reseaux = {
        "énoncé": reseau_publie(options.publie),
        "référence": modele.charger_modele(ICI.parent / "modele" / "reference"),
    }
    mesures = [mesurer(jeu, photos, les_reseaux) for jeu, photos in jeux.items()]
    lignes, confusions, calibrage, courbe = (
        sum(partie, []) for partie in zip(*mesures, strict=True)
    )
    colonnes = ["jeu", "préparation", "réseau", "photos", "macro", "micro", "sans visage", "porté"]
    colonnes += ["s/photo", "aire inconnus"]
    print("\n" + pd.DataFrame(lignes).reindex(columns=colonnes).round(3).to_string(index=False))
    print("\n" + pd.DataFrame(calibrage).round(3).to_string(index=False))
    if courbe:
        aires = pd.DataFrame(courbe).groupby(["jeu", "méthode"])["aire"].first().round(3)
        print("\nInconnus (chapeaux, shorts, jupes) contre les dix, aire :\n" + aires.to_string())
    if not (options.dossiers or options.choisir):
        contexte = {
            "date": datetime.date.today().isoformat(),
            "machine": f"{os.cpu_count()} cœurs",
            "charge": round(os.getloadavg()[1], 1) if hasattr(os, "getloadavg") else None,
        }
        ecrire(lignes, "photos.csv", contexte)
        ecrire(confusions, "photos_confusion.csv", contexte)
        ecrire(calibrage, "photos_avertissements.csv", contexte)
        ecrire(courbe, "photos_inconnus.csv", contexte)
        print("\nÉcrits : mesures/photos*.csv")
