"""Labo 1 : le code de l'énoncé et le nôtre, mêmes données, même machine, plusieurs graines.

    python mesures/labo1.py [graine …]        (par défaut 1 2 3 ; environ 10 minutes par graine)

Ce qui est mesuré est le code du labo lui-même : ses cellules sont lues dans classification.ipynb.
Les résultats s'ajoutent à mesures/labo1.csv ; une ligne déjà mesurée n'est pas refaite, si bien
qu'une interruption ne coûte que l'entraînement en cours.
"""

import contextlib
import datetime
import io
import os
import sys
import time
from pathlib import Path

import pandas as pd
from cellules import executer_cellules

RESULTATS = Path(__file__).resolve().parent / "labo1.csv"
CELLULES = (
    *("imports", "parametres", "obtenir", "lire", "one-hot", "decoupe", "echelle"),
    *("reseau", "compiler", "piege", "augmenter", "trois", "entrainer-fonction"),
)


def enonce_augmente(labo, reseau, graine):
    """Les 50 époques augmentées, telles que publiées : pas comptés à la main, validation déformée."""
    labo["compiler"](reseau)
    generateur, lot = labo["generateur"], 256
    reseau.fit(
        generateur.flow(labo["X_apprentissage"], labo["y_apprentissage"], batch_size=lot),
        steps_per_epoch=48_000 // lot,
        epochs=50,
        validation_data=generateur.flow(labo["X_validation"], labo["y_validation"], batch_size=lot),
        validation_steps=12_000 // lot,
        verbose=0,
    )


def enonce_simple(labo, reseau, graine):
    labo["compiler"](reseau)
    validation = (labo["X_validation"], labo["y_validation"])
    reseau.fit(
        labo["X_apprentissage"],
        labo["y_apprentissage"],
        batch_size=256,
        epochs=10,
        validation_data=validation,
        verbose=0,
    )


def notre(augmente, epoques):
    return lambda labo, reseau, graine: labo["entrainer"](reseau, augmente, epoques, graine)


def essais(labo):
    """(réseau, code, augmentation, images, époques, fonction) : les lignes du tableau."""
    sans, avec = labo["EPOQUES_SANS"], labo["EPOQUES_AVEC"]
    return [
        ("3 convolutions", "labo", "non", 48_000, sans, notre(False, sans)),
        ("3 convolutions", "labo", "oui", 48_000, avec, notre(True, avec)),
        ("3 convolutions", "labo", "non", 6_000, sans, notre(False, sans)),
        ("3 convolutions", "labo", "oui", 6_000, avec, notre(True, avec)),
        ("1 convolution", "énoncé", "non", 48_000, 10, enonce_simple),
        ("1 convolution", "énoncé", "oui", 48_000, 50, enonce_augmente),
        ("1 convolution", "labo", "non", 48_000, 10, notre(False, 10)),
        ("1 convolution", "labo", "oui", 48_000, 9, notre(True, 9)),
    ]


def mesurer_un(labo, creer, graine, images, entrainer):
    """Entraîne sur les `images` premières images ; rend les durées et les précisions."""
    complet = {nom: labo[nom] for nom in ("X_apprentissage", "y_apprentissage")}
    labo.update({nom: tableau[:images] for nom, tableau in complet.items()})
    labo["keras"].utils.set_random_seed(graine)
    modele = creer()
    debut, debut_cpu = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        entrainer(labo, modele, graine)
    durees = {
        "secondes": time.perf_counter() - debut,
        "secondes_cpu": time.process_time() - debut_cpu,
    }
    precisions = {
        jeu: modele.evaluate(labo[f"X_{jeu}"], labo[f"y_{jeu}"], batch_size=1000, verbose=0)[1]
        for jeu in ("apprentissage", "validation", "test")
    }
    labo.update(complet)
    return {n: round(v, 1) for n, v in durees.items()} | {
        n: round(v, 4) for n, v in precisions.items()
    }


def mesurer(graines):
    labo = executer_cellules("classification.ipynb", CELLULES)
    creer = {
        "1 convolution": labo["creer_une_convolution"],
        "3 convolutions": labo["creer_trois_convolutions"],
    }
    lignes = pd.read_csv(RESULTATS).to_dict("records") if RESULTATS.exists() else []
    for reseau, code, augmentation, images, epoques, entrainer in essais(labo):
        for graine in graines:
            cle = {
                "réseau": reseau,
                "code": code,
                "augmentation": augmentation,
                "images": images,
                "époques": epoques,
                "graine": graine,
            }
            # Les 50 époques de l'énoncé sont longues : une seule graine.
            superflu = entrainer is enonce_augmente and graine != graines[0]
            if superflu or any(cle.items() <= ligne.items() for ligne in lignes):
                continue
            print(*cle.values(), flush=True)
            mesures = mesurer_un(labo, creer[reseau], graine, images, entrainer)
            provenance = {
                "date": datetime.date.today().isoformat(),
                "machine": f"{os.cpu_count()} cœurs",
            }
            lignes.append(cle | mesures | provenance)
            provisoire = RESULTATS.with_suffix(".provisoire")
            pd.DataFrame(lignes).to_csv(provisoire, index=False)
            provisoire.replace(RESULTATS)
    return pd.DataFrame(lignes)


def tableau(lignes):
    groupes = lignes.groupby(["code", "réseau", "images", "augmentation", "époques"], sort=False)
    resume = groupes.agg(
        graines=("graine", "count"),
        calcul=("secondes_cpu", "mean"),
        test=("test", "mean"),
        min=("test", "min"),
        max=("test", "max"),
    )
    return resume.round({"calcul": 0, "test": 4}).reset_index()


if __name__ == "__main__":
    resultats = mesurer([int(g) for g in sys.argv[1:]] or [1, 2, 3])
    print(tableau(resultats).to_string(index=False))
    complets = resultats[resultats["images"] == 48_000]
    moyenne = complets.groupby(["code", "réseau", "augmentation"])[["secondes_cpu", "test"]].mean()
    # Secondes de processeur : elles ne dépendent pas de ce que fait d'autre la machine.
    simple, augmente = (moyenne.loc[("énoncé", "1 convolution", a)] for a in ("non", "oui"))
    notre_ = moyenne.loc[("labo", "3 convolutions", "oui")]
    rapport = (simple + augmente)["secondes_cpu"] / (simple + notre_)["secondes_cpu"]
    print(
        f"\nÉnoncé (10 + 50 époques augmentées) : précision {augmente['test']:.4f} ; labo (10 + 30 époques, "
        f"trois convolutions) : {notre_['test']:.4f}. "
        f"Écart {notre_['test'] - augmente['test']:+.4f}, calcul divisé par {rapport:.2f}."
    )
