"""Labo 5 : produits semblables, précision à 10 par classe, y compris pour des classes jamais apprises.

    python mesures/voisins.py [dix:GRAINE | huit:GRAINE | photos:GRAINE …]

Par défaut : `dix:1 huit:13 photos:13`. `dix` : les dix classes de Fashion-MNIST (60 000 images en galerie,
10 000 requêtes) ; `huit` : le même réseau, appris sans les robes ni les bottes, mêmes galerie et requêtes ;
`photos` : les photos de vêtements du labo 4 (apprentissage en galerie, validation en requêtes, 96×96), avec
le réseau soigné du labo, appris sans les robes ni les chapeaux, et MobileNet (α = 0,25), appris sur ImageNet,
si ses poids sont là ou téléchargeables. Les classes ôtées et les durées ont été fixées d'avance.

Le code mesuré est celui des cellules de preparation_hm.ipynb. Une ligne par espace et par classe s'ajoute à
`mesures/voisins.csv` (`apprise` : la classe n'a pas été ôtée ; les pixels et ImageNet, qui n'ont appris
aucune des deux, ont la même marque, pour comparer) ; un essai déjà mesuré n'est pas refait.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from cellules import executer_cellules
from resultats import ajouter_resultats, deja_mesure

from outils import jeux, transfert

RESULTATS = Path(__file__).resolve().parent / "voisins.csv"
CELLULES = (
    *("imports", "parametres", "reseau-publie", "reseau-soigne", "precision-a-k", "precisions"),
    *("fashion", "entrainer-fashion"),
)
OTEES_FASHION = (3, 9)  # Une robe, Des bottes de cheville
OTEES_PHOTOS = ("dress", "hat")
COTE, EPOQUES, LOT = 96, 15, 32


def lignes(labo, espaces, y_galerie, y_requetes, otees, **communs):
    """Une ligne par espace et par classe. `espaces` : nom → (galerie, requêtes)."""
    for espace, (galerie, requetes) in espaces.items():
        justes = labo["precisions"](galerie, y_galerie, requetes, y_requetes)
        print(f"{communs['essai']:10s} {espace:12s} {justes.mean():.4f}", flush=True)
        for classe in sorted(set(y_requetes.tolist())):
            siennes = y_requetes == classe
            yield {
                **communs,
                "espace": espace,
                "dimension": int(np.prod(galerie.shape[1:])),
                "classe": classe,
                "apprise": bool(classe not in otees),
                "requetes": int(siennes.sum()),
                "galerie": len(galerie),
                "precision_10": round(float(justes[siennes].mean()), 4),
            }


def mesurer_fashion(labo, essai, graine, otees):
    X, y = labo["X"], labo["y"]
    gardees = ~np.isin(y, otees)
    debut, debut_cpu = time.perf_counter(), time.process_time()
    reseau = labo["entrainer_fashion"](X[gardees], y[gardees], labo["EPOQUES_FASHION"], graine)
    secondes, secondes_cpu = time.perf_counter() - debut, time.process_time() - debut_cpu
    empreintes, requetes = (labo["plonger_fashion"](reseau, x) for x in (X, labo["X_test"]))
    noms = np.array(labo["donnees"].CLASSES)
    espaces = {"pixels": (X, labo["X_test"]), "empreintes": (empreintes, requetes)}
    return lignes(
        *(labo, espaces, noms[y], noms[labo["y_test_fashion"]], set(noms[list(otees)])),
        jeu="Fashion-MNIST",
        essai=f"{essai}:{graine}",
        secondes=round(secondes),
        secondes_cpu=round(secondes_cpu),
    )


def mobilenet(keras, X):
    """Empreintes (n, 256) de MobileNet, ou None si ses poids manquent."""
    try:
        reseau = transfert.charger_base("MobileNet")
    except transfert.PoidsAbsents as absents:
        print(f"MobileNet n'est pas mesuré.\n{absents}")
        return None
    agrandir = keras.layers.Resizing(224, 224)
    lots = (agrandir(X[i : i + 64].astype("float32") / 127.5 - 1) for i in range(0, len(X), 64))
    return np.concatenate([reseau(lot, training=False).numpy() for lot in lots])


def mesurer_photos(labo, essai, graine):
    keras, catalogue = labo["keras"], labo["catalogue"]
    dossier = jeux.trouver("vetements")
    if dossier is None:
        sys.exit("Les photos du labo 4 ne sont pas là : exécutez d'abord trois_categories.ipynb.")
    articles = [d.name for d in sorted((dossier / "validation").iterdir())]
    photos, _ = catalogue.manifeste_dossiers(dossier, dict.fromkeys(articles, "vêtement"))
    X = catalogue.lire_images(photos["path"], COTE)
    y, galerie = photos["article"].to_numpy(), photos["split"].isna().to_numpy()
    apprises = [nom for nom in articles if nom not in OTEES_PHOTOS]
    choix = galerie & np.isin(y, apprises)
    keras.utils.set_random_seed(graine)
    reseau = labo["creer_soigne"](COTE, len(apprises))
    erreur = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    reseau.compile(keras.optimizers.AdamW(1e-3, weight_decay=0.01), erreur)
    numeros = np.array([apprises.index(nom) for nom in y[choix]])
    debut, debut_cpu = time.perf_counter(), time.process_time()
    reseau.fit(X[choix], numeros, batch_size=LOT, epochs=EPOQUES, verbose=0)
    secondes, secondes_cpu = time.perf_counter() - debut, time.process_time() - debut_cpu
    encodeur = keras.Model(reseau.inputs[0], reseau.get_layer("empreinte").output)
    vecteurs = {
        "pixels": X[:, ::3, ::3],
        "empreintes": encodeur.predict(X, batch_size=64, verbose=0),
        "ImageNet": mobilenet(keras, X),
    }
    espaces = {n: (v[galerie], v[~galerie]) for n, v in vecteurs.items() if v is not None}
    return lignes(
        *(labo, espaces, y[galerie], y[~galerie], OTEES_PHOTOS),
        jeu="photos (CC0)",
        essai=f"{essai}:{graine}",
        secondes=round(secondes),
        secondes_cpu=round(secondes_cpu),
    )


def principal():
    lecteur = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    lecteur.add_argument("essais", nargs="*", default=["dix:1", "huit:13", "photos:13"])
    essais = lecteur.parse_args().essais
    labo = executer_cellules("preparation_hm.ipynb", CELLULES)
    for essai in essais:
        nom, _, graine = essai.partition(":")
        if deja_mesure({"essai": essai}, RESULTATS):
            continue
        if nom == "photos":
            nouvelles = mesurer_photos(labo, nom, int(graine))
        else:
            otees = {"dix": (), "huit": OTEES_FASHION}[nom]
            nouvelles = mesurer_fashion(labo, nom, int(graine), otees)
        ajouter_resultats(nouvelles, RESULTATS)
    resume = pd.read_csv(RESULTATS).groupby(["essai", "espace", "apprise"], sort=False)
    print(resume["precision_10"].agg(["size", "mean", "min", "max"]).round(3).to_string())


if __name__ == "__main__":
    principal()
