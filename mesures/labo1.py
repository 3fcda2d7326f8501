"""Labo 1 : le code de l'énoncé et le nôtre, mêmes données, même machine, plusieurs graines.

    python mesures/labo1.py [graine …]        (par défaut 1 2 3 ; environ 15 minutes par graine)

Ce qui est mesuré est le code du labo lui-même : ses cellules sont lues dans classification.ipynb.
Les résultats s'ajoutent à mesures/labo1.csv ; une ligne déjà mesurée n'est pas refaite, si bien
qu'une interruption ne coûte que l'entraînement en cours.

« à la suite » : les 50 époques augmentées de l'énoncé, sur le réseau des dix premières ; une sur deux est vide.

Les lignes « 3 convolutions » d'avant le 27 novembre 2026 : normalisation d'inertie 0,99 au lieu de 0,9. L'apprentissage
est le même (seules changent les moyennes dont se sert la validation, qui se rejoignent à la fin).
"""

import contextlib
import io
import sys
import time
import warnings
from pathlib import Path

import pandas as pd
from cellules import executer_cellules
from resultats import ajouter_resultats, deja_mesure

RESULTATS = Path(__file__).resolve().parent / "labo1.csv"
CELLULES = (
    *("imports", "parametres", "lire", "premiere-image", "decoupe", "donnees-test", "echelle"),
    *("reseau", "generateur", "deformer", "augmenter", "trois", "entrainer", "quatre"),
)
EPOQUES_SANS, EPOQUES_AVEC = 36, 30  # sans ou avec augmentation : à peu près le même calcul


def dix_epoques(labo, reseau):
    """Comme l'énoncé : Adam, lots de 256, dix époques."""
    reseau.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    images = labo["X_apprentissage"], labo["y_apprentissage"]
    reseau.fit(*images, batch_size=256, epochs=10, verbose=0)


def cinquante_a_la_suite(labo, reseau):
    """Les 50 époques augmentées, telles que publiées : pas comptés à la main, validation déformée."""
    flux = {
        jeu: labo["generateur_images"].flow(labo[f"X_{jeu}"], labo[f"y_{jeu}"], batch_size=256)
        for jeu in ("apprentissage", "validation")
    }
    with warnings.catch_warnings(action="ignore"):  # « Your input ran out of data »
        reseau.fit(
            flux["apprentissage"],
            steps_per_epoch=48_000 // 256,
            epochs=50,
            validation_data=flux["validation"],
            validation_steps=12_000 // 256,
            verbose=0,
        )


def neuf(labo, nom):
    """Un réseau neuf : « 1 convolution », « 3 convolutions » ou « 4 convolutions »."""
    if nom == "3 convolutions":
        return labo["creer_trois_convolutions"]()
    modele = {"1": "reseauNeurone1Convolution", "4": "reseauNeurones4Convolution"}[nom[0]]
    return labo["keras"].models.clone_model(labo[modele])


def essais(labo):
    """(réseau, augmentation, images, époques) de nos entraînements."""
    return [
        ("3 convolutions", "oui", 48_000, labo["EPOQUES_GARDE"]),
        ("3 convolutions", "non", 6_000, EPOQUES_SANS),
        ("3 convolutions", "oui", 6_000, EPOQUES_AVEC),
        ("1 convolution", "non", 48_000, 10),
        ("1 convolution", "oui", 48_000, 9),
        ("3 convolutions", "non", 48_000, EPOQUES_SANS),
        ("3 convolutions", "oui", 48_000, EPOQUES_AVEC),
    ]


def mesurer(labo, cle, modele, entrainer):
    """Entraîne et ajoute au CSV les durées et les précisions, sous la clé (dict) `cle`."""
    print(*cle.values(), flush=True)
    debut, debut_cpu = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        entrainer()
    durees = {
        "secondes": round(time.perf_counter() - debut, 1),
        "secondes_cpu": round(time.process_time() - debut_cpu, 1),
    }
    precisions = {
        jeu: round(
            modele.evaluate(labo[f"X_{jeu}"], labo[f"y_{jeu}"], batch_size=1000, verbose=0)[1], 4
        )
        for jeu in ("apprentissage", "validation", "test")
    }
    ajouter_resultats([cle | durees | precisions], RESULTATS)


def mesurer_tout(graines):
    labo = executer_cellules("classification.ipynb", CELLULES)
    for graine in graines:
        for reseau, augmentation, images, epoques in essais(labo):
            valeurs = (reseau, "labo", augmentation, images, epoques, graine)
            cle = dict(zip(COLONNES, valeurs, strict=True))
            if deja_mesure(cle, RESULTATS):
                continue
            labo["keras"].utils.set_random_seed(graine)
            modele = neuf(labo, reseau)
            options = (images, epoques, augmentation == "oui", graine)
            mesurer(labo, cle, modele, lambda m=modele, o=options: labo["entrainer"](m, *o))
        for reseau in ("1 convolution", "4 convolutions"):
            dix, suite = (
                dict(zip(COLONNES, (reseau, "énoncé", quoi, 48_000, n, graine), strict=True))
                for quoi, n in (("non", 10), ("à la suite", 50))
            )
            # Les 50 époques de l'énoncé, et son réseau à quatre convolutions, sont longs : une seule graine.
            longue = graine == graines[0] and not deja_mesure(suite, RESULTATS)
            if not longue and (deja_mesure(dix, RESULTATS) or reseau[0] == "4"):
                continue
            labo["keras"].utils.set_random_seed(graine)
            modele = neuf(labo, reseau)
            mesurer(labo, dix, modele, lambda m=modele: dix_epoques(labo, m))
            if longue:
                mesurer(labo, suite, modele, lambda m=modele: cinquante_a_la_suite(labo, m))


COLONNES = ("réseau", "code", "augmentation", "images", "époques", "graine")

if __name__ == "__main__":
    mesurer_tout([int(g) for g in sys.argv[1:]] or [1, 2, 3])
    groupes = pd.read_csv(RESULTATS).groupby(list(COLONNES[:5]), sort=False)
    resume = groupes.agg(
        graines=("graine", "count"),
        calcul=("secondes_cpu", "mean"),
        test=("test", "mean"),
        min=("test", "min"),
        max=("test", "max"),
    )
    print(resume.round({"calcul": 0, "test": 4}).reset_index().to_string(index=False))
