"""Labo 6 : mesuré avec ses propres cellules, hors du labo.

    python mesures/transfert.py [essai | essai:graine …]

Sans argument : `recherche`, 24 essais des sept réglages du réseau à soi (mesures/transfert_recherche.csv, 10 minutes).
Les autres, pour un découpage (la graine, 0 si elle n'est pas dite), s'ajoutent à mesures/transfert.csv :

- `notre`, `notre augmenté`, `notre réglé` : le réseau de 116 803 paramètres à 64 pixels, sans puis avec augmentation,
  et le meilleur de la recherche avec augmentation (une à deux minutes) ;
- `notre 224`, `notre 224 augmenté` : à la taille publiée, 30 époques (10 minutes) ;
- `affiné RÉSEAU`, `affiné RÉSEAU augmenté` : son dernier étage, à 1e-4 (EfficientNetLite0 : 2 minutes ; VGG16,
  ResNet50, InceptionV3 : 10 minutes ou plus ; sans leurs poids, l'essai est passé).

Une ligne déjà mesurée n'est pas refaite : une suite d'essais interrompue reprend.
"""

import argparse
import time
from pathlib import Path

import keras
import optuna
import pandas as pd
from cellules import executer_cellules
from resultats import ajouter_resultats, deja_mesure

from outils.transfert import FAMILLES, PoidsAbsents

RESULTATS = Path(__file__).resolve().parent / "transfert.csv"
RECHERCHE = RESULTATS.with_name("transfert_recherche.csv")
ESSAIS_RECHERCHE, EPOQUES_224 = 24, 30
CHIENS = ("imports", "bibliotheques", "parametres", "donnees", "charger", "decouper", "traitements")
CHIENS += ("blanchir", "notre-reseau", "entrainer", "objectif")
AFFINAGE = (
    "bases",
    "bases-absentes",
    "calculer",
    "geler",
    "regression",
    "degeler-apres",
    "affiner",
)

_CHOIX = optuna.distributions.CategoricalDistribution
ETENDUES = {"conv_1_filters": _CHOIX([16, 32, 64]), "conv_2_filters": _CHOIX([16, 32, 64])}
ETENDUES |= {"conv_3_filters": _CHOIX([32, 64, 128]), "dense_units": _CHOIX([16, 32, 64, 128])}
ETENDUES["dropout"] = optuna.distributions.FloatDistribution(0.0, 0.6)
ETENDUES["optimizer"] = _CHOIX(["Adam", "RMSprop", "SGD"])
ETENDUES["learning_rate"] = optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True)


def lire_labo(*cellules):
    return executer_cellules("transfer_learning.ipynb", cellules)


def deja_essayes(etude):
    """Rend à l'étude les essais que RECHERCHE garde d'un passage interrompu."""
    lignes = pd.read_csv(RECHERCHE).to_dict("records") if RECHERCHE.is_file() else []
    for ligne in lignes:
        reglages = {nom: ligne[nom] for nom in ETENDUES}
        essai = optuna.trial.create_trial(
            params=reglages, distributions=ETENDUES, value=ligne["erreur"]
        )
        etude.add_trial(essai)
    return len(lignes)


def chercher():
    """Une ligne par essai, dans RECHERCHE."""
    labo = lire_labo(*CHIENS)
    etude = optuna.create_study()
    faits = deja_essayes(etude)
    etude.sampler = optuna.samplers.TPESampler(seed=13 + faits)  # une suite, pas une redite

    def noter(_, essai):
        ligne = {"essai": essai.number, "erreur": round(essai.value, 4)}
        secondes = round(essai.duration.total_seconds())
        ajouter_resultats([ligne | essai.params | {"secondes": secondes}], RECHERCHE)

    etude.optimize(labo["objectif"], n_trials=ESSAIS_RECHERCHE - faits, callbacks=[noter])


def notre(essai, graine):
    """(précision de validation, de test) du réseau à soi, à la fin de l'apprentissage."""
    labo = lire_labo(*CHIENS)
    epoques = labo["EPOQUES_AUGMENTEES" if essai != "notre" else "EPOQUES_NOTRE"]
    if "224" in essai:
        labo["X_notre"], epoques = labo["X"].astype("float32"), EPOQUES_224
    options, reglages = {}, {}
    if essai == "notre réglé":
        r = pd.read_csv(RECHERCHE).sort_values("erreur").iloc[0]
        options = {"filtres": [int(r[f"conv_{i}_filters"]) for i in (1, 2, 3)]}
        options |= {"neurones": int(r["dense_units"]), "abandon": r["dropout"]}
        reglages = {"taux": r["learning_rate"], "optimiseur": r["optimizer"]}
    keras.utils.set_random_seed(graine)
    couches = labo["augmentations"]() if essai not in ("notre", "notre 224") else []
    reseau, decoupe = labo["creer_notre"](augmenter=couches, **options), labo["decouper"](graine)
    labo["entrainer"](reseau, decoupe, epoques, **reglages)
    predites = reseau.predict(labo["X_notre"], verbose=0).argmax(axis=1)
    return [(predites == labo["y"])[rangs].mean() for rangs in decoupe[1:]]


def affine(essai, graine):
    """(précision de validation, de test) d'un dernier étage affiné ; `PoidsAbsents` s'il manque des poids."""
    nom = essai.split()[1]
    labo = lire_labo(*CHIENS, *AFFINAGE)
    labo["BASES"][nom] = labo["transfert"].charger_base(nom)
    labo["F"][nom] = labo["calculer"](nom, labo["X"])
    couches = labo["augmentations"]() if essai.endswith("augmenté") else ()
    decoupe = labo["decouper"](graine)
    predites = labo["affiner"](nom, decoupe, 1e-4, couches)
    return [(predites == labo["y"])[rangs].mean() for rangs in decoupe[1:]]


NOTRES = ("notre", "notre augmenté", "notre réglé", "notre 224", "notre 224 augmenté")
ESSAIS = {nom: notre for nom in NOTRES}
ESSAIS |= {f"affiné {nom}{fin}": affine for nom in FAMILLES for fin in ("", " augmenté")}


def mesurer(essai, graine):
    """Une ligne de résultats."""
    debut = time.perf_counter()
    validation, test = ESSAIS[essai](essai, graine)
    scores = {"validation": round(float(validation), 4), "précision": round(float(test), 4)}
    minutes = round((time.perf_counter() - debut) / 60, 1)
    return {"essai": essai, "graine": graine, **scores, "minutes": minutes}


def principal():
    lecteur = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    lecteur.add_argument("essais", nargs="*", default=["recherche"], metavar="essai")
    for demande in lecteur.parse_args().essais:
        essai, _, graine = demande.partition(":")
        if essai == "recherche":
            if not deja_mesure({"essai": ESSAIS_RECHERCHE - 1}, RECHERCHE):
                chercher()
            continue
        if essai not in ESSAIS or not (graine or "0").isdecimal():
            lecteur.error(
                f"essai inconnu : « {demande} » ; attendu : recherche, {', '.join(ESSAIS)}"
            )
        graine = int(graine or 0)
        if deja_mesure({"essai": essai, "graine": graine}, RESULTATS):
            continue
        try:
            ligne = mesurer(essai, graine)
        except PoidsAbsents as absents:
            print(f"{essai} : essai passé.\n{absents}", flush=True)
            continue
        ajouter_resultats([ligne], RESULTATS)
    for resultats in (RECHERCHE, RESULTATS):
        if resultats.is_file():
            print(pd.read_csv(resultats).to_string(index=False))


if __name__ == "__main__":
    principal()
