"""Labo 8 : un ouvrier ou deux sur deux cœurs, et le taux d'apprentissage quand le lot grandit.

    python mesures/passage_echelle.py [--articles 2000] [--etudes vitesse taux]

Dessine un catalogue de la forme de celui de H&M dans un dossier provisoire, en fait le cache (28×28), puis :
- vitesse : un ouvrier sur deux cœurs, un ouvrier tenu sur un seul cœur (`taskset`), deux ouvriers d'un cœur
  chacun. Images par seconde de la meilleure époque (celle que les autres programmes ont le moins gênée), temps
  de cœur par image (le plus petit, ouvriers additionnés), et cœurs pris par d'autres pendant ce temps ;
- taux : précision de validation après six époques, lot de 64 ou de 256, taux gardé, doublé, quadruplé. Sur des
  dessins : l'écart entre les lignes compte, pas leur niveau.
Résultats ajoutés à `mesures/passage_echelle.csv`. Linux seulement (`taskset`).
"""

import argparse
import datetime
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

ICI = Path(__file__).resolve().parent
sys.path.insert(0, str(ICI.parent / "analyse_image"))
os.environ.update(KERAS_BACKEND="jax", TQDM_DISABLE="1", TF_CPP_MIN_LOG_LEVEL="3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from resultats import ajouter_resultats  # noqa: E402

from echelle import entrainer, lanceur, preparer  # noqa: E402
from outils import dessins, jeux  # noqa: E402
from outils.cache import lire_cache  # noqa: E402

LARGEUR, EPOQUES_VITESSE, PASSAGES, EPOQUES_TAUX = 120, 4, 2, 6


def options(dossier, **autres):
    mots = {"cache": dossier / "cache", "manifeste": dossier / "photos.csv", **autres}
    return [mot for nom, valeur in mots.items() for mot in (f"--{nom}", str(valeur))]


def coeurs_secondes():
    """(secondes de processeur de toute la machine, de nos ouvriers terminés) depuis le démarrage."""
    mots = Path("/proc/stat").read_text().splitlines()[0].split()
    utilisees = sum(map(int, mots[1:4])) / os.sysconf("SC_CLK_TCK")
    nous = resource.getrusage(resource.RUSAGE_CHILDREN)
    return np.array([utilisees, nous.ru_utime + nous.ru_stime])


def mesurer_vitesse(dossier):
    """Une ligne par lot et par façon : la meilleure époque de tous les passages, qui alternent."""
    facons = [(lot, *facon) for lot in (64, 256) for facon in ((1, 2), (1, 1), (2, 2))]
    epoques = {facon: [] for facon in facons}
    for passage in range(PASSAGES):
        for facon in facons:
            lot, ouvriers, coeurs = facon
            sortie = dossier / f"vitesse-{passage}-{lot}-{ouvriers}-{coeurs}"
            arguments = options(dossier, sortie=sortie, epoques=EPOQUES_VITESSE, lot=lot)

            def un_coeur(rang):
                return ["taskset", "-c", str(rang)]

            tenu = None if (ouvriers, coeurs) == (1, 2) else un_coeur
            avant, debut = coeurs_secondes(), time.perf_counter()
            lanceur.lancer_ouvriers(ouvriers, arguments, dossier / "journaux", 0, prefixe=tenu)
            toutes, nous = (coeurs_secondes() - avant) / (time.perf_counter() - debut)
            bilan = json.loads((sortie / entrainer.BILAN).read_text(encoding="utf-8"))
            photos = bilan["pas"] * lot
            durees = zip(
                bilan["secondes_par_epoque"], bilan["secondes_cpu_par_epoque"], strict=True
            )
            for secondes, cpu in list(durees)[1:]:  # à la première, XLA compile
                mesure = {
                    "images/s": photos / secondes,
                    "ms par pas": 1e3 * lot * secondes / photos,
                }
                mesure["ms de cœur par image"] = 1e3 * ouvriers * cpu / photos
                epoques[facon].append(mesure | {"cœurs pris par d'autres": toutes - nous})
            print(passage, facon, pd.DataFrame(epoques[facon]).round(2).tail(1).to_dict("records"))
    for facon, mesures in epoques.items():
        table = pd.DataFrame(mesures)
        ligne = dict(zip(("lot", "ouvriers", "cœurs"), facon, strict=True)) | {"étude": "vitesse"}
        ligne |= table.loc[table["images/s"].idxmax()].round(2).to_dict()
        # Le travail fait dépend bien moins de ce que font les autres ; ils ne peuvent que l'alourdir.
        ligne["ms de cœur par image"] = round(table["ms de cœur par image"].min(), 3)
        yield ligne


def mesurer_taux(dossier):
    """Une ligne par lot, taux et graine."""
    for lot, taux in ((64, 3e-4), (256, 3e-4), (256, 6e-4), (256, 1.2e-3)):
        for graine in (13, 14):
            arguments = options(dossier, sortie="", epoques=EPOQUES_TAUX, lot=lot, taux=taux)
            choix = entrainer.analyseur().parse_args([*arguments, "--graine", str(graine)])
            keras.utils.set_random_seed(graine)
            classes, etiquettes = entrainer.lire_etiquettes(choix.manifeste)
            reseau = entrainer.creer_reseau(28, len(classes))
            epoques = [
                entrainer.lots_de_l_epoque(choix, etiquettes, e, 0) for e in range(EPOQUES_TAUX)
            ]
            entrainer.compiler(reseau, choix, len(epoques[0]))
            for lots in epoques:
                reseau.fit(lots, verbose=0, shuffle=False)
            _, validation = entrainer.lire_etiquettes(choix.manifeste, "validation")
            lots = lire_cache(choix.cache, validation, lot=100)
            lots = lots.map(lambda photos, numeros: (entrainer.normaliser(photos), numeros))
            precision = reseau.evaluate(lots, verbose=0)[1]
            ligne = {"étude": "taux", "lot": lot, "taux": taux, "graine": graine}
            print(ligne | {"validation": round(precision, 4)}, flush=True)
            yield ligne | {"validation": round(precision, 4)}


ETUDES = {"vitesse": mesurer_vitesse, "taux": mesurer_taux}


def principal():
    analyse = argparse.ArgumentParser()
    analyse.add_argument("--articles", type=int, default=2_000)
    analyse.add_argument("--etudes", nargs="+", choices=ETUDES, default=list(ETUDES))
    choix = analyse.parse_args()
    with tempfile.TemporaryDirectory(prefix="echelle-") as provisoire:
        dossier = Path(provisoire)
        dessins.ecrire_vetements(dossier / "vetements", choix.articles)
        dessins.ecrire_hm(jeux.photos_vetements(dossier / "vetements"), dossier / "catalogue")
        preparer.preparer(dossier / "catalogue", dossier)
        lignes = [ligne for etude in choix.etudes for ligne in ETUDES[etude](dossier)]
    table = pd.DataFrame(lignes).assign(
        articles=choix.articles,
        date=datetime.date.today().isoformat(),
        machine=f"{os.cpu_count()} cœurs",
    )
    ajouter_resultats(table, ICI / "passage_echelle.csv")
    print(table.to_string(index=False))


if __name__ == "__main__":
    principal()
