"""Labo 6 : ce qui est trop long pour le labo, mesuré avec ses propres cellules.

    python mesures/transfert.py [essai | essai:graine …]

Par défaut, tous les essais, dans cet ordre ; durées estimées sur 2 cœurs :

- `notre 224` : le réseau publié (116 803 paramètres), à sa taille, sans augmentation (5 minutes par graine) ;
- `notre 224 augmenté` : le même, avec augmentation (6 minutes par graine) ;
- `vêtements` : huit étages de MobileNet affinés sur les dix sortes de vêtements, avec augmentation, 8 époques
  (4 minutes par graine) ;
- `vêtements riches` : les caractéristiques riches du labo, régression logistique (2 minutes) ;
- `affiné VGG16`, `affiné ResNet50`, `affiné InceptionV3` : leur dernier étage affiné sur les chiens, avec
  augmentation (5 à 15 minutes par graine ; il faut leurs poids, sinon l'essai est passé).

La graine choisit le découpage (chiens) ou le tirage (vêtements). Les résultats s'ajoutent à
mesures/transfert.csv ; une ligne déjà mesurée n'est pas refaite.
"""

import datetime
import os
import sys
import time
from pathlib import Path

import pandas as pd
from cellules import executer_cellules

RESULTATS = Path(__file__).resolve().parent / "transfert.csv"
COMMUNES = ("imports", "parametres")
GROS = ("VGG16", "ResNet50", "InceptionV3")
ESSAIS = {
    "notre 224": (0, 1, 2),
    "notre 224 augmenté": (0, 1, 2),
    "vêtements": (0, 1, 2),
    "vêtements riches": (0,),
    **{f"affiné {nom}": (0,) for nom in GROS},
}
EPOQUES_NOTRE, EPOQUES_VETEMENTS = 20, 8
PUBLIE = {"conv_1_filters": 64, "conv_2_filters": 64, "conv_3_filters": 128, "dense_units": 32}
PUBLIE |= {"dropout": 0.5, "optimizer": "Adam", "learning_rate": 1e-3}


def bilan(labo, vraies, predites):
    """Précision et F1 macro."""
    f1 = labo["f1_score"](vraies, predites, average="macro")
    return round(float((vraies == predites).mean()), 4), round(float(f1), 4)


def notre_reseau(augmentee, graine):
    """Le réseau publié à 224 pixels, sur le découpage `graine`."""
    cellules = (*COMMUNES, "donnees", "charger", "decouper", "notre-reseau", "augmenter", "flux")
    labo = executer_cellules("transfer_learning.ipynb", (*cellules, "entrainer-notre"))
    decoupe = labo["decouper"](graine)
    images, y = labo["X"], labo["y"]
    reseau, _ = labo["entrainer_notre"](images, decoupe, PUBLIE, augmentee, EPOQUES_NOTRE, graine)
    x = images[decoupe[2]].astype("float32")
    return bilan(labo, y[decoupe[2]], reseau.predict(x, batch_size=32, verbose=0).argmax(axis=1))


def lire_vetements():
    cellules = (*COMMUNES, "donnees", "charger", "charger-base", "extraire", "augmenter", "flux")
    cellules += ("tete", "regression", "monter-descendre", "affiner")
    cellules += ("vetements", "base-riche", "riches")
    return executer_cellules("transfer_learning.ipynb", cellules)


def vetements(graine):
    """Huit étages affinés avec augmentation ; réponse moyenne sur la photo et son miroir."""
    labo = lire_vetements()
    preparer = labo["transfert"].FAMILLES["MobileNet"].preparer
    V, y, decoupe = labo["V"], labo["y_v"], labo["DECOUPE_V"]
    reseau = labo["affiner"](
        "MobileNet", labo["extraire"](V), V, y, decoupe, True, EPOQUES_VETEMENTS,
        taux=1e-3, coupe="conv_pw_5_relu", graine=graine,
    )  # fmt: skip
    test = decoupe[2]
    vues = [labo["calculer"](reseau, preparer, x) for x in (V[test], V[test][:, :, ::-1])]
    return bilan(labo, y[test], sum(vues).argmax(axis=1))


def vetements_riches(_graine):
    """Caractéristiques riches et régression logistique."""
    labo = lire_vetements()
    labo["preparer"] = labo["transfert"].FAMILLES["MobileNet"].preparer
    y, (rangs, valides, test) = labo["y_v"], labo["DECOUPE_V"]
    traits = labo["np"].concatenate([labo["riches"](cote) for cote in (160, 224)], axis=1)
    echelle, modele = labo["regression"](traits, y, rangs, valides, (3e-3, 1e-2, 3e-2))
    return bilan(labo, y[test], modele.predict(echelle.transform(traits[test])))


def affine(nom, graine):
    """Le dernier étage d'un gros réseau, affiné avec augmentation ; `PoidsAbsents` s'il manque."""
    cellules = (
        *COMMUNES,
        "donnees",
        "charger",
        "decouper",
        "charger-base",
        "extraire",
        "augmenter",
    )
    cellules += ("flux", "tete", "regression", "monter-descendre", "affiner")
    labo = executer_cellules("transfer_learning.ipynb", cellules)
    labo["BASES"][nom] = labo["transfert"].charger_base(nom)
    X, y, decoupe = labo["X"], labo["y"], labo["decouper"](graine)
    F = labo["extraire"](X, nom)
    reseau = labo["affiner"](
        nom, F, X, y, decoupe, True, labo["EPOQUES_AFFINAGE"], 1e-4, graine=graine
    )
    preparer = labo["transfert"].FAMILLES[nom].preparer
    return bilan(
        labo, y[decoupe[2]], labo["calculer"](reseau, preparer, X[decoupe[2]]).argmax(axis=1)
    )


def mesurer(essai, graine):
    """Une ligne de résultats."""
    faire = {
        "notre 224": lambda: notre_reseau(False, graine),
        "notre 224 augmenté": lambda: notre_reseau(True, graine),
        "vêtements": lambda: vetements(graine),
        "vêtements riches": lambda: vetements_riches(graine),
        **{f"affiné {nom}": lambda nom=nom: affine(nom, graine) for nom in GROS},
    }[essai]
    debut = time.perf_counter()
    precision, f1 = faire()
    return {
        "essai": essai,
        "graine": graine,
        "précision": precision,
        "F1 macro": f1,
        "minutes": round((time.perf_counter() - debut) / 60, 1),
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cœurs",
    }


def principal():
    for demande in sys.argv[1:] or ESSAIS:
        essai, _, voulue = demande.partition(":")
        for graine in [int(voulue)] if voulue else ESSAIS[essai]:
            fait = pd.read_csv(RESULTATS) if RESULTATS.is_file() else pd.DataFrame()
            if len(fait) and ((fait["essai"] == essai) & (fait["graine"] == graine)).any():
                continue
            try:
                ligne = mesurer(essai, graine)
            except FileNotFoundError as absents:  # les poids d'un gros réseau
                print(f"{essai} : essai passé.\n{absents}", flush=True)
                continue
            print(ligne, flush=True)
            from outils.fichiers import ecriture_atomique

            with ecriture_atomique(RESULTATS) as chemin:
                pd.concat([fait, pd.DataFrame([ligne])]).to_csv(chemin, index=False)
    print(pd.read_csv(RESULTATS).to_string(index=False))


if __name__ == "__main__":
    principal()
