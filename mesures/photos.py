"""Photos réelles : la préparation et le réseau de l'énoncé, et les nôtres, dans le même passage.

    python mesures/photos.py [dossier] [--publie DOSSIER_DU_MODELE]

`dossier` contient une photo par fichier, rangée par classe : `<classe>/<photo>`. Un nom de classe est l'un
de ceux du jeu « clothing-dataset-small » (t-shirt, longsleeve, pants, dress, outwear, shirt, shoes), l'un
des dix noms français, ou un numéro de 0 à 9 ; les autres dossiers sont ignorés, et nommés. Par défaut :
le dossier `validation` des photos de vêtements, si elles sont dans les données (`LABO_DATAS`).

Le réseau de l'énoncé (une convolution, 10 époques sans augmentation) est entraîné au premier passage,
puis gardé dans le dossier temporaire de la machine. Écrit `mesures/photos.csv` (une ligne par chemin,
réseau et date) et `mesures/photos_confusion.csv`.
"""

import argparse
import datetime
import os
import re
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

ICI = Path(__file__).resolve().parent
sys.path.insert(0, str(ICI.parent / "analyse_image"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import reseaux  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

from outils import donnees, modele, preparation  # noqa: E402
from outils.fichiers import ecriture_atomique  # noqa: E402
from outils.jeux import trouver  # noqa: E402

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


def cle(nom):
    """« Un T-shirt/haut », « un t-shirt haut », « T-shirt_haut » → « tshirthaut »."""
    sans_accent = unicodedata.normalize("NFKD", nom).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]", "", re.sub(r"^(une?|des)[^a-z0-9]+", "", sans_accent))


def classes_admises(dossier):
    """Numéros de classe justes pour un nom de dossier ; () s'il n'a pas de classe."""
    if dossier.lower() in CORRESPONDANCE:
        return CORRESPONDANCE[dossier.lower()]
    noms = {str(i): (i,) for i in range(10)}
    noms |= {cle(nom): (i,) for i, nom in enumerate(donnees.CLASSES)}
    noms["tshirt"] = (0,)
    return noms.get(cle(dossier), ())


def lister(dossier):
    """Rend [(classe, chemin)…] et les noms des dossiers ignorés."""
    if not dossier.is_dir():
        sys.exit(f"Dossier introuvable : « {dossier} ».\n  Attendu : un dossier <classe>/<photo>.")
    classes = sorted(d for d in dossier.iterdir() if d.is_dir())
    ignores = [d.name for d in classes if not classes_admises(d.name)]
    photos = [
        (d.name, p)
        for d in classes
        if d.name not in ignores
        for p in sorted(d.iterdir())
        if p.is_file()
    ]
    if not photos:
        sys.exit(
            f"Aucune photo utilisable dans « {dossier} » (dossiers ignorés : {', '.join(ignores) or 'aucun'}).\n"
            f"  Attendu : <classe>/<photo>, classe parmi {', '.join(CORRESPONDANCE)}, "
            "les dix noms français ou 0 à 9."
        )
    return photos, ignores


def preparer(photos, fonction):
    """Entrées (n, 28, 28, 1) et secondes par photo ; une photo refusée donne une entrée `nan`."""
    entrees, refus = np.full((len(photos), 28, 28, 1), np.nan, np.float32), 0
    debut = time.perf_counter()
    for i, (_, chemin) in enumerate(photos):
        try:
            entrees[i] = fonction(chemin)[0]
        except (preparation.PhotoIllisible, OSError) as erreur:
            refus += 1
            print(f"  refusée : {erreur}")
    return entrees, (time.perf_counter() - debut) / len(photos)


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


def juger(reseau, entrees):
    """Classe prédite (n,), ou −1 si la photo a été refusée."""
    lisibles = ~np.isnan(entrees[:, 0, 0, 0])
    predites = np.full(len(entrees), -1)
    predites[lisibles] = reseau.predict(entrees[lisibles], verbose=0).argmax(axis=1)
    return predites


def aire_inconnus(reseau, connues, inconnues):
    """Aire sous la courbe ROC : la plus grande probabilité sépare-t-elle connus et inconnus ? (0,5 : non)"""
    if inconnues is None:
        return np.nan
    entrees = np.concatenate([connues, inconnues])
    lisibles = ~np.isnan(entrees[:, 0, 0, 0])
    confiance = reseau.predict(entrees[lisibles], verbose=0).max(axis=1)
    est_connue = np.repeat([1, 0], [len(connues), len(inconnues)])[lisibles]
    return roc_auc_score(est_connue, confiance)


def mesurer(dossier, publie=None):
    """Rend le tableau des taux (une ligne par chemin et réseau) et les matrices de confusion."""
    photos, ignores = lister(dossier)
    print(
        f"{len(photos)} photos de « {dossier} » ; dossiers ignorés : {', '.join(ignores) or 'aucun'}"
    )
    noms = np.array([classe for classe, _ in photos])
    classes = list(dict.fromkeys(noms))
    chemins = {
        "énoncé": preparation.load_and_preprocess_image,
        "conseillé": lambda chemin: preparation.analyser_photo(chemin).entree,
    }
    prets = {nom: preparer(photos, fonction) for nom, fonction in chemins.items()}
    les_reseaux = {
        "énoncé": reseau_publie(publie),
        "référence": modele.charger_modele(ICI.parent / "modele" / "reference"),
    }
    inconnues = [(d, p) for d in INCONNUS for p in sorted(dossier.glob(f"{d}/*")) if p.is_file()]
    lignes, confusions = [], []
    for chemin, (entrees, secondes) in prets.items():
        autres = preparer(inconnues, chemins[chemin])[0] if inconnues else None
        for nom_reseau, reseau in les_reseaux.items():
            predites = juger(reseau, entrees)
            justes = np.array(
                [p in classes_admises(n) for p, n in zip(predites, noms, strict=True)]
            )
            taux = {classe: justes[noms == classe].mean() for classe in classes}
            entete = {"préparation": chemin, "réseau": nom_reseau}
            lignes.append(
                entete
                | {"macro": np.mean(list(taux.values())), "micro": justes.mean()}
                | taux
                | {"s/photo": secondes, "aire inconnus": aire_inconnus(reseau, entrees, autres)}
            )
            for classe in classes:
                comptes = {
                    nom: int((predites[noms == classe] == i).sum())
                    for i, nom in enumerate(donnees.CLASSES)
                }
                refusees = int((predites[noms == classe] < 0).sum())
                confusions.append(entete | {"vraie": classe} | comptes | {"refusées": refusees})
    return pd.DataFrame(lignes), pd.DataFrame(confusions), len(photos)


def ecrire(tableau, chemin):
    with ecriture_atomique(chemin) as provisoire:
        tableau.to_csv(provisoire, index=False)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(
        description="Énoncé contre chemin conseillé, sur de vraies photos."
    )
    vetements = trouver("vetements")
    arguments.add_argument(
        "dossier",
        nargs="?" if vetements else None,
        type=Path,
        default=vetements and vetements / "validation",
    )
    arguments.add_argument("--publie", help="dossier du modèle de l'énoncé, s'il est déjà entraîné")
    options = arguments.parse_args()
    tableau, confusions, nombre = mesurer(options.dossier, options.publie)
    print("\n" + tableau.round(3).to_string(index=False))
    contexte = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cœurs",
        "photos": f"{options.dossier.resolve().name} ({nombre})",
    }
    ecrire(tableau.round(4).assign(**contexte), ICI / "photos.csv")
    ecrire(confusions.assign(**contexte), ICI / "photos_confusion.csv")
    print("\nÉcrits : mesures/photos.csv et mesures/photos_confusion.csv")
    publiee, notre = tableau["macro"].iloc[0], tableau["macro"].iloc[-1]
    print(f"Macro, chacun avec son réseau : énoncé {publiee:.3f} ; chemin conseillé {notre:.3f}.")
