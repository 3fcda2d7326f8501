"""Les réseaux publiés et les nôtres : précision, minutes de calcul, paramètres ; et chaque piste, seule.

    python mesures/entrainement.py [étude …] [--graines 1 2 3] [--minutes 60] [--essai NOM]

Études : « frontière » (jeu complet, mesuré sur le test ; le réseau publié y laisse aussi ses trente époques dans
mesures/surapprentissage.csv), « augmentation », « taux », « taille » et « tri » (12 000 images, 12 époques, mesurées
sur la validation).
Par défaut, toutes ; avec `--essai`, le seul essai de ce nom dans l'étude. Le code mesuré est celui des cellules de
deux_convolutions.ipynb et de frontiere.ipynb.
Les résultats s'ajoutent à mesures/entrainement.csv ; une ligne déjà mesurée n'est pas refaite, si bien qu'une
interruption ne coûte que l'entraînement en cours ; avec `--minutes`, plus aucun ne commence passé ce délai.

« élève » : il faut d'abord son maître, dont les réponses restent dans sortie/, par exemple avec
`frontière --graines 13 --essai "7 conv, 3700 lots, bf16"`.

Les lignes « miroir » et « taille » datent d'un réseau à deux convolutions qui retournait, en tête, une image sur deux ;
celles de « première recette », de nos entraînements par lots de 128, d'abord sur des images réduites à 16 puis à 20
pixels ; celles de « deuxième recette », de six convolutions, puis d'un élève trop pressé.

`mesures/frontiere_essais.csv` : ce qui a été essayé autour de notre recette, 50 000 images et la validation.
Le jeu de test ne sert à aucun choix, sauf un : la première répartition, 3 700 lots au maître et 1 900 à l'élève, a été
abandonnée après une graine (« deuxième recette »). Les époques des autres réseaux ont été fixées sur la validation.
"""

import argparse
import os
import tempfile
import time
from functools import partial
from pathlib import Path

RESULTATS = Path(__file__).resolve().parent / "entrainement.csv"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import reseaux  # noqa: E402
from cellules import executer_cellules  # noqa: E402
from resultats import ajouter_resultats, deja_mesure  # noqa: E402
from sklearn.metrics import precision_recall_fscore_support  # noqa: E402

from outils.fichiers import ecriture_atomique  # noqa: E402

CELLULES = ("imports", "parametres", "donnees", "reseau", "augmentations", "bruits")
FRONTIERE = (
    *("imports", "parametres", "sept", "augmentations", "effacer", "enchainer", "phases", "cycle"),
    *("orthogonaliser", "muon", "etape", "choisir-images", "lisser", "trier"),
    *("normaliser", "bf16", "moyenner", "adoucir"),
)
IMAGES_PISTES, EPOQUES_PISTES, LARGEUR_PISTES, LOT_PISTES = 12_000, 12, 16, 128
LOTS, LOTS_ELEVE = (600, 2_400, 3_700), (800, 2_400, 5_000)
# Le maître : l'essai le plus long sans maître, de cette graine ; ses réponses, moyennes de dix passages.
GRAINE_MAITRE, MAITRE = 13, RESULTATS.parents[1] / "sortie" / "maitre.npy"


def flux(labo, X, y, lot, augmenter, graine):
    """Lots mélangés à chaque époque : images déformées, étiquettes « un parmi dix »."""
    tf = labo["tf"]
    lots = tf.data.Dataset.from_tensor_slices((X, labo["keras"].utils.to_categorical(y, 10)))
    lots = lots.shuffle(len(X), seed=graine).batch(lot)
    if augmenter:
        lots = lots.map(lambda x, y: (augmenter(x), y), num_parallel_calls=tf.data.AUTOTUNE)
    return lots.prefetch(2)


def entrainer(labo, reseau, X, y, epoques, augmenter, planifier, graine):
    """La recette des pistes : AdamW, un taux planifié, étiquettes lissées de 5 %."""
    keras = labo["keras"]
    pas = -(-len(X) // LOT_PISTES) * epoques
    reseau.compile(
        keras.optimizers.AdamW(planifier(pas), weight_decay=0.05),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.05),
    )
    lots = flux(labo, X, y, LOT_PISTES, augmenter, graine)
    reseau.fit(lots, epochs=epoques, shuffle=False, verbose=0)


def publies(labo, graine):
    """Les trois réseaux publiés, entraînés comme publié ; le deuxième garde sa meilleure époque."""
    X, y = (labo[nom] for nom in ("X_apprentissage", "y_apprentissage"))

    def dix_epoques(reseau):
        reseau.compile("adam", "sparse_categorical_crossentropy")
        reseau.fit(X[:48_000], y[:48_000], batch_size=256, epochs=10, verbose=0)

    def meilleure_epoque(reseau):
        keras = labo["keras"]
        reseau.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        with tempfile.TemporaryDirectory() as dossier:
            poids = f"{dossier}/meilleure.weights.h5"
            garder = keras.callbacks.ModelCheckpoint(
                poids, monitor="val_loss", save_best_only=True, save_weights_only=True
            )
            validation = (labo["X_validation"], labo["y_validation"])
            h = reseau.fit(
                X, y, 32, 30, 0, [garder], validation_data=validation, validation_batch_size=1000
            ).history
            reseau.load_weights(poids)
        lignes = pd.DataFrame(h).round(4).assign(graine=graine, époque=range(1, 31))
        ajouter_resultats(lignes, RESULTATS.with_name("surapprentissage.csv"))
        return {"époque gardée": 1 + h["val_loss"].index(min(h["val_loss"])), "époques": 30}

    return {
        "1 conv (publié)": (reseaux.une_convolution, dix_epoques, 48_000, 10),
        "2 conv + 2 FC (publié), 30 époques": (
            labo["creer_deux_convolutions"],
            meilleure_epoque,
            50_000,
            30,
        ),
        "4 conv (publié)": (reseaux.quatre_convolutions, dix_epoques, 48_000, 10),
    }


def notres(labo, graine):
    """Les nôtres, sur les 60 000 images : rien n'y est plus à choisir. En bfloat16 si le processeur en a."""
    sept = partial(labo["sept_convolutions"], normaliser=labo["EnUnePasse"])
    X, cibles = labo["X"], labo["lisser"](labo["y"])

    def entrainer(pas, bf16, eleve=False):
        def lancer(reseau):
            labo["calculer_en_bf16"](bf16)
            vises = labo["adoucir"](np.load(MAITRE), labo["y"]) if eleve else cibles
            labo["entrainer_en_triant"](reseau, X, vises, pas, graine=graine)
            if (pas, graine, eleve) == (LOTS[-1], GRAINE_MAITRE, False):
                with ecriture_atomique(MAITRE) as chemin, chemin.open("wb") as fichier:
                    np.save(fichier, labo["predire"](reseau, X, 10))
            labo["calculer_en_bf16"](False)

        return lancer

    essais = {}
    for suffixe, bf16 in (("", False), (", bf16", True))[: 1 + labo["BF16"]]:
        essais |= {f"7 conv, {n} lots{suffixe}": entrainer(n, bf16) for n in LOTS}
        if MAITRE.is_file():
            essais |= {
                f"7 conv, {n} lots, élève{suffixe}": entrainer(n, bf16, True) for n in LOTS_ELEVE
            }
    return {nom: (sept, lancer, 60_000, None) for nom, lancer in essais.items()}


def pistes(labo, etude, graine):
    """Une chose change à la fois, autour de notre recette."""
    cinq, deux = reseaux.cinq_convolutions, labo["creer_deux_convolutions"]
    petit = lambda: cinq(LARGEUR_PISTES)  # noqa: E731
    cosinus = labo["keras"].optimizers.schedules.CosineDecay
    X, y = (labo[nom][:IMAGES_PISTES] for nom in ("X_apprentissage", "y_apprentissage"))

    def avec(augmenter=labo["retourner"], planifier=labo["un_cycle"]):
        return lambda reseau: entrainer(
            labo, reseau, X, y, EPOQUES_PISTES, augmenter, planifier, graine
        )

    if etude == "augmentation":
        noms = "retourner decaler effacer bruit_gaussien poivre_et_sel histogramme augmenter"
        essais = {nom: (petit, avec(labo[nom])) for nom in noms.split()}
        essais = {"aucune": (petit, avec(None))} | essais
    elif etude == "taux":
        plans = {
            "constant 0,001": lambda pas: 1e-3,
            "constant 0,004": lambda pas: 4e-3,
            "cosinus depuis 0,004": lambda pas: cosinus(4e-3, pas),
            "un cycle, sommet 0,004": labo["un_cycle"],
        }
        essais = {nom: (petit, avec(planifier=plan)) for nom, plan in plans.items()}
    elif etude == "tri":
        pas = IMAGES_PISTES * EPOQUES_PISTES // LOT_PISTES

        def trier(part, creer=lambda: None):  # l'optimiseur n'est créé qu'avec son réseau
            return lambda reseau: labo["entrainer_en_triant"](
                *(reseau, X, labo["lisser"](y), pas, part, graine),
                lot=LOT_PISTES,
                avec=creer(),
            )

        essais = {f"écarter {part:.0%}": (petit, trier(part)) for part in (0, 0.5, 0.7, 0.85)}
        adamw = partial(labo["keras"].optimizers.AdamW, labo["un_cycle"](pas), weight_decay=0.05)
        essais |= {"écarter 70%, AdamW seul": (petit, trier(0.7, adamw))}
    else:
        essais = {
            f"2 conv + 2 FC, {neurones} neurones": (
                lambda neurones=neurones: deux(neurones=(neurones, 128)),
                avec(),
            )
            for neurones in (480, 128, 64, 32)
        }
        essais |= {f"5 conv, largeur {n}": (lambda n=n: cinq(n), avec()) for n in (32, 24, 16, 8)}
    return {nom: (*quoi, IMAGES_PISTES, EPOQUES_PISTES) for nom, quoi in essais.items()}


def evaluer(labo, reseau, etude):
    """Précision, précision moyennée sur les retournements, puis (frontière) mesures macro sur le test."""
    jeu = "test" if etude == "frontière" else "validation"
    X, y = labo[f"X_{jeu}"], labo[f"y_{jeu}"]
    probabilites = reseau.predict(X, batch_size=1000, verbose=0)
    justes = {
        jeu: (probabilites.argmax(axis=1) == y).mean(),
        f"{jeu}, 2 passages": (labo["predire"](reseau, X, 2).argmax(axis=1) == y).mean(),
    }
    if etude == "frontière":
        justes[f"{jeu}, 10 passages"] = (labo["predire"](reseau, X, 10).argmax(axis=1) == y).mean()
        precision, rappel, f1, _ = precision_recall_fscore_support(
            y, probabilites.argmax(axis=1), average="macro"
        )
        justes |= {"precision macro": precision, "rappel macro": rappel, "F1 macro": f1}
    return {nom: round(float(valeur), 4) for nom, valeur in justes.items()}


def mesurer(etudes, graines, minutes, seul=None):
    """Les essais de ces études qui manquent au CSV ; `seul` : le nom du seul essai à mesurer."""
    labo = executer_cellules("deux_convolutions.ipynb", CELLULES)
    labo = executer_cellules("frontiere.ipynb", FRONTIERE, labo)
    limite = time.monotonic() + 60 * minutes
    for graine in graines:
        for etude in etudes:
            if etude == "frontière":
                essais = publies(labo, graine) | notres(labo, graine)
            else:
                essais = pistes(labo, etude, graine)
            if seul and seul not in essais:
                raise SystemExit(f"« {seul} » n'est pas un essai ; attendu : {', '.join(essais)}")
            for nom, (creer, entrainer, images, epoques) in essais.items():
                cle = {"étude": etude, "essai": nom, "graine": graine}
                if seul not in (None, nom) or deja_mesure(cle, RESULTATS):
                    continue
                if time.monotonic() > limite:
                    return
                print(*cle.values(), flush=True)
                labo["keras"].utils.set_random_seed(graine)
                reseau = creer()
                debut, debut_cpu = time.perf_counter(), time.process_time()
                retour = entrainer(reseau)
                ligne = cle | {
                    "paramètres": reseau.count_params(),
                    "images": images,
                    "époques": epoques,
                    "minutes": round((time.perf_counter() - debut) / 60, 2),
                    "minutes cpu": round((time.process_time() - debut_cpu) / 60, 2),
                }
                ligne |= (retour if isinstance(retour, dict) else {}) | evaluer(labo, reseau, etude)
                ajouter_resultats([ligne], RESULTATS)


def tableau(lignes):
    """Moyenne, minimum et maximum sur les graines, par essai."""
    lignes = lignes.assign(précision=lignes["test"].fillna(lignes["validation"]))
    resume = lignes.groupby(["étude", "essai"], sort=False).agg(
        graines=("graine", "count"),
        paramètres=("paramètres", "first"),
        minutes=("minutes", "mean"),
        calcul=("minutes cpu", "mean"),
        précision=("précision", "mean"),
        min=("précision", "min"),
        max=("précision", "max"),
        passages_2=("test, 2 passages", "mean"),
        passages_10=("test, 10 passages", "mean"),
    )
    return resume.round({"minutes": 1, "calcul": 1}).round(4).reset_index()


if __name__ == "__main__":
    toutes = ["frontière", "augmentation", "taux", "taille", "tri"]
    arguments = argparse.ArgumentParser(description="Mesure les entraînements du labo 3.")
    arguments.add_argument(
        "etudes", nargs="*", default=toutes, metavar="étude", help="|".join(toutes)
    )
    arguments.add_argument("--graines", nargs="*", type=int, default=[1, 2, 3])
    arguments.add_argument("--minutes", type=float, default=float("inf"))
    arguments.add_argument("--essai", metavar="NOM", help="un seul essai de l'étude")
    options = arguments.parse_args()
    if inconnues := set(options.etudes) - set(toutes):
        arguments.error(f"étude inconnue : {', '.join(inconnues)} ; attendu : {', '.join(toutes)}")
    mesurer(options.etudes, options.graines, options.minutes, options.essai)
    print(tableau(pd.read_csv(RESULTATS)).to_string(index=False))
