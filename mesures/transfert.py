"""Labo 6 : mesuré avec ses propres cellules, hors du labo.

    python mesures/transfert.py [essai | essai:graine …]

Sans argument : `vêtements riches`, les caractéristiques riches du labo et une régression logistique (2 minutes).
Les autres essais se demandent par leur nom ; aucun n'a encore été mesuré ici, leurs durées sont des estimations
pour une graine, sur 2 cœurs :

- `notre 224`, `notre 224 augmenté` : le réseau publié (116 803 paramètres), à sa taille, sans et avec
  augmentation, 20 époques (10 minutes) ;
- `vêtements` : huit blocs de MobileNet affinés sur les dix sortes de vêtements, avec augmentation, 8 époques
  (4 minutes) ;
- `affiné VGG16`, `affiné ResNet50`, `affiné InceptionV3` : leur dernier étage affiné sur les chiens, avec
  augmentation (10 minutes ou plus ; il faut leurs poids, sinon l'essai est passé).

La graine (0 si elle n'est pas dite) choisit le découpage (chiens) ou le tirage (vêtements). Les résultats s'ajoutent
à mesures/transfert.csv ; une ligne déjà mesurée n'est pas refaite : une suite d'essais interrompue reprend.
"""

import argparse
import time
from pathlib import Path

import pandas as pd
from cellules import executer_cellules
from resultats import ajouter_resultats, deja_mesure
from sklearn.metrics import f1_score

from outils.transfert import PoidsAbsents

RESULTATS = Path(__file__).resolve().parent / "transfert.csv"
GROS = ("VGG16", "ResNet50", "InceptionV3")
EPOQUES_NOTRE, EPOQUES_VETEMENTS, TAUX_GROS = 20, 8, 1e-4
PUBLIE = {"conv_1_filters": 64, "conv_2_filters": 64, "conv_3_filters": 128, "dense_units": 32}
PUBLIE |= {"dropout": 0.5, "optimizer": "Adam", "learning_rate": 1e-3}
CHIENS = ("imports", "parametres", "donnees", "charger", "decouper", "augmenter", "flux")
AFFINAGE = ("base-gelee", "charger-base", "extraire", "tete", "regression")
AFFINAGE += ("degeler-apres", "monter-descendre", "affiner")


def lire_labo(*cellules):
    return executer_cellules("transfer_learning.ipynb", cellules)


def notre_reseau(augmentee, graine):
    """Vraies et prédites du réseau publié à 224 pixels, sur le découpage `graine`."""
    labo = lire_labo(*CHIENS, "notre-reseau", "entrainer-notre")
    decoupe = labo["decouper"](graine)
    images, y = labo["X"], labo["y"]
    reseau, _ = labo["entrainer_notre"](images, decoupe, PUBLIE, augmentee, EPOQUES_NOTRE, graine)
    x = images[decoupe[2]].astype("float32")
    return y[decoupe[2]], reseau.predict(x, batch_size=32, verbose=0).argmax(axis=1)


def lire_vetements():
    """Le labo, ses photos de vêtements lues, et la préparation de MobileNet."""
    labo = lire_labo(*CHIENS, *AFFINAGE, "vetements", "base-riche", "riches")
    labo["preparer"] = labo["transfert"].FAMILLES["MobileNet"].preparer
    return labo


def vetements(graine):
    """Huit blocs affinés avec augmentation ; réponse moyenne sur la photo et son miroir."""
    labo = lire_vetements()
    V, y, decoupe = labo["V"], labo["y_v"], labo["DECOUPE_V"]
    options = {"taux": 1e-3, "coupe": "conv_pw_5_relu", "graine": graine}
    F, epoques = labo["extraire"](V), EPOQUES_VETEMENTS
    reseau = labo["affiner"]("MobileNet", F, V, y, decoupe, True, epoques, **options)
    test = decoupe[2]
    vues = [labo["calculer"](reseau, labo["preparer"], x) for x in (V[test], V[test][:, :, ::-1])]
    return y[test], sum(vues).argmax(axis=1)


def vetements_riches(_graine):
    """Caractéristiques riches et régression logistique."""
    labo = lire_vetements()
    y, (rangs, valides, test) = labo["y_v"], labo["DECOUPE_V"]
    traits = [labo["riches"](cote) for cote in labo["TAILLES_V"]]
    traits = labo["np"].concatenate(traits, axis=1)
    echelle, modele = labo["regression"](traits, y, rangs, valides, (3e-3, 1e-2, 3e-2))
    return y[test], modele.predict(echelle.transform(traits[test]))


def affine(nom, graine):
    """Le dernier étage d'un gros réseau, affiné avec augmentation ; `PoidsAbsents` s'il manque."""
    labo = lire_labo(*CHIENS, *AFFINAGE)
    labo["BASES"][nom] = labo["transfert"].charger_base(nom)
    X, y, decoupe = labo["X"], labo["y"], labo["decouper"](graine)
    F, epoques = labo["extraire"](X, nom), labo["EPOQUES_AFFINAGE"]
    reseau = labo["affiner"](nom, F, X, y, decoupe, True, epoques, TAUX_GROS, graine=graine)
    preparer = labo["transfert"].FAMILLES[nom].preparer
    return y[decoupe[2]], labo["calculer"](reseau, preparer, X[decoupe[2]]).argmax(axis=1)


ESSAIS = {
    "vêtements riches": vetements_riches,
    "vêtements": vetements,
    "notre 224": lambda graine: notre_reseau(False, graine),
    "notre 224 augmenté": lambda graine: notre_reseau(True, graine),
    **{f"affiné {nom}": lambda graine, nom=nom: affine(nom, graine) for nom in GROS},
}


def mesurer(essai, graine):
    """Une ligne de résultats."""
    debut = time.perf_counter()
    vraies, predites = ESSAIS[essai](graine)
    return {
        "essai": essai,
        "graine": graine,
        "précision": round(float((vraies == predites).mean()), 4),
        "F1 macro": round(float(f1_score(vraies, predites, average="macro")), 4),
        "minutes": round((time.perf_counter() - debut) / 60, 1),
    }


def principal():
    lecteur = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    lecteur.add_argument("essais", nargs="*", default=["vêtements riches"], metavar="essai")
    for demande in lecteur.parse_args().essais:
        essai, _, graine = demande.partition(":")
        if essai not in ESSAIS or not (graine or "0").isdecimal():
            lecteur.error(f"essai inconnu : « {demande} » ; attendu : {', '.join(ESSAIS)}")
        graine = int(graine or 0)
        if deja_mesure({"essai": essai, "graine": graine}, RESULTATS):
            continue
        try:
            ligne = mesurer(essai, graine)
        except PoidsAbsents as absents:
            print(f"{essai} : essai passé.\n{absents}", flush=True)
            continue
        ajouter_resultats([ligne], RESULTATS)
    print(pd.read_csv(RESULTATS).to_string(index=False))


if __name__ == "__main__":
    principal()
