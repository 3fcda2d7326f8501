"""Labo 4 : le réseau du labo, plusieurs graines, ce que valent moins de photos, et des photos de boutique.

    python mesures/trois_categories.py [essai | essai:graine …]

Par défaut, tous les essais, sauf `boutique` ; 5 minutes environ par essai et par graine.

Essais : `labo` (toutes les photos, flux équilibré) ; `jeter` (classes égalisées en jetant des photos, comme
le code publié) ; `moitie` et `quart` (une photo d'apprentissage sur deux, sur quatre) ; `boutique` : comme `labo`,
sur le jeu de Kaggle, qui doit être dans `datas/` (ou `LABO_DATAS`). Ce qui est mesuré est le code du labo : ses
cellules sont lues dans trois_categories.ipynb. Les lignes s'ajoutent à mesures/trois_categories.csv.
"""

import argparse
import time
from pathlib import Path

import pandas as pd
from cellules import executer_cellules
from resultats import ajouter_resultats, deja_mesure

RESULTATS = Path(__file__).resolve().parent / "trois_categories.csv"
CELLULES = (
    *("imports", "parametres", "donnees", "fiche", "lire-fiche", "classer", "essai-fiche"),
    *("etablir", "manifeste-json", "manifeste", "etat-photo", "check-source", "check"),
    *("doublons", "equilibrer", "couper", "repartir-source", "repartir", "charger"),
    *("transformer", "augmenter", "flux", "reseau", "compiler", "predire"),
)
ESSAIS = {"labo": (1, 2, 3), "jeter": (1,), "moitie": (1,), "quart": (1,), "boutique": (1,)}


def lire_labo():
    """Les noms (fonctions, tableaux) des cellules utiles du labo, et le test."""
    labo = executer_cellules("trois_categories.ipynb", CELLULES)
    labo["X_test"], labo["y_test"] = labo["charger"]("test")
    return labo


def choisir(labo, essai):
    """Les photos d'apprentissage d'un essai : (X, y)."""
    apprentissage = labo["photos"].query("jeu == 'train'").reset_index(drop=True)
    if essai == "jeter":
        rangs = labo["equilibrer"](apprentissage, graine=13).index
    else:
        part = {"moitie": 0.5, "quart": 0.25}.get(essai, 1)
        rangs = apprentissage.groupby("classe").sample(frac=part, random_state=13).index
    return labo["X_apprentissage"][rangs], labo["y_apprentissage"][rangs]


def mesurer(labo, essai, graine):
    """Entraîne et rend une ligne de résultats."""
    keras, np, macro = labo["keras"], labo["np"], labo["macro"]
    keras.utils.set_random_seed(graine)
    X, y = choisir(labo, essai)
    labo["modele"] = labo["creer_reseau"]()
    labo["compiler"](labo["modele"], labo["PAS"])
    debut, debut_cpu = time.perf_counter(), time.process_time()
    labo["modele"].fit(
        labo["flux_equilibre"](X, y, graine),
        steps_per_epoch=labo["PAS_PAR_EPOQUE"],
        epochs=labo["PAS"] // labo["PAS_PAR_EPOQUE"],
        shuffle=False,
        verbose=0,
    )
    ligne = {
        "essai": essai,
        "graine": graine,
        "photos": len(X),
        "pas": labo["PAS"],
        "secondes": round(time.perf_counter() - debut),
        "secondes_cpu": round(time.process_time() - debut_cpu),
    }
    validation = (labo["X_validation"] * 255).round().astype("uint8")
    for jeu, images, vraies in (
        ("validation", validation, labo["y_validation"]),
        ("test", labo["X_test"], labo["y_test"]),
    ):
        for miroir in (False, True):
            p = labo["predire"](images, miroir)
            suffixe = f"{jeu}_miroir" if miroir else jeu
            ligne[f"macro_{suffixe}"] = round(float(macro(vraies, p)), 4)
            ligne[f"précision_{suffixe}"] = round(float(np.mean(p.argmax(axis=1) == vraies)), 4)
    return ligne


def principal():
    lecteur = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    lecteur.add_argument("essais", nargs="*", default=list(ESSAIS)[:-1], metavar="essai")
    demandes = [demande.partition(":") for demande in lecteur.parse_args().essais]
    if inconnus := {essai for essai, _, _ in demandes} - set(ESSAIS):
        lecteur.error(f"essai inconnu : {', '.join(inconnus)} ; attendu : {', '.join(ESSAIS)}")
    labo = lire_labo()
    if ("Kaggle" in labo["SOURCE"]) != (demandes[0][0] == "boutique"):
        lecteur.error(f"les données trouvées sont {labo['SOURCE']} : ce n'est pas cet essai")
    for essai, _, voulue in demandes:
        for graine in [int(voulue)] if voulue else ESSAIS[essai]:
            cle = {"essai": essai, "graine": graine, "pas": labo["PAS"]}
            if not deja_mesure(cle, RESULTATS):
                ligne = mesurer(labo, essai, graine)
                print(ligne, flush=True)
                ajouter_resultats([ligne], RESULTATS)
    print(pd.read_csv(RESULTATS).drop(columns=["date", "machine"]).to_string(index=False))


if __name__ == "__main__":
    principal()
