"""Labo 8 : préparer et entraîner, par un ouvrier d'un cœur, puis par deux.

    python mesures/passage_echelle.py [--etudes preparation vitesse]

De vraies photos : celles du labo 4 (CC0), rangées comme le catalogue H&M.
- preparation : 120 d'entre elles agrandies à deux millions de pixels, cinq fois chacune,
  réduites à 180×180 par un processus, puis par deux, déjà démarrés. Le meilleur de trois passages, qui alternent.
- vitesse : le réseau du labo 3 (28×28), par un ouvrier tenu sur un cœur (`taskset`), puis par deux, un cœur chacun,
  à trois tailles de lot. La meilleure époque de deux passages, sans la première, où XLA compile.
« cœurs des autres » : ce que les autres programmes de la machine ont pris pendant la mesure ; « charge » : ce qui y
attendait, juste avant. Résultats ajoutés à `mesures/passage_echelle.csv`. Linux seulement (`taskset`).
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ICI = Path(__file__).resolve().parent
sys.path.insert(0, str(ICI.parent / "analyse_image"))
os.environ.update(KERAS_BACKEND="jax", TQDM_DISABLE="1", TF_CPP_MIN_LOG_LEVEL="3")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from PIL import Image  # noqa: E402
from resultats import ajouter_resultats  # noqa: E402

from echelle import entrainer, lanceur, preparer  # noqa: E402
from outils import cache, dessins, jeux  # noqa: E402

GRANDES, FOIS, EPOQUES = 120, 5, 4


def options(dossier, **autres):
    mots = {"cache": dossier / "cache", "manifeste": dossier / "photos.csv", **autres}
    return [mot for nom, valeur in mots.items() for mot in (f"--{nom}", str(valeur))]


def coeurs_secondes():
    """(secondes de processeur de toute la machine, de nous et de nos ouvriers terminés) depuis le démarrage."""
    mots = Path("/proc/stat").read_text().splitlines()[0].split()
    utilisees = sum(map(int, mots[1:4])) / os.sysconf("SC_CLK_TCK")
    nous = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return np.array([utilisees, sum(n.ru_utime + n.ru_stime for n in nous)])


def agrandir(source, cible):
    with Image.open(source) as photo:
        photo.convert("RGB").resize((1166, 1750)).save(cible, quality=95)


def mesurer_preparation(dossier, photos):
    (dossier / "grandes").mkdir()
    chemins = [dossier / "grandes" / f"{i}.jpg" for i in range(GRANDES)]
    with ThreadPoolExecutor() as fils:
        list(fils.map(agrandir, [source for source, _ in photos[:GRANDES]], chemins))
    lignes = [(f"{i}-{fois}", chemin) for i, chemin in enumerate(chemins) for fois in range(FOIS)]
    manifeste = pd.DataFrame(lignes, columns=["id", "chemin"])
    secondes = {1: [], 2: []}
    for passage in range(3):
        for n, durees in secondes.items():
            avant, depart = coeurs_secondes(), time.perf_counter()
            with preparer.ouvriers_locaux(n) as ouvriers:
                list(ouvriers.map(time.sleep, [1] * n))  # tous sont prêts
                debut = time.perf_counter()
                cache.ecrire_cache(
                    manifeste, dossier / f"grandes-{passage}-{n}", 180, 20, ouvriers.map
                )
                fin = time.perf_counter()
            toutes, nous = (coeurs_secondes() - avant) / (time.perf_counter() - depart)
            durees.append((fin - debut, toutes - nous))
            print(passage, n, f"{len(manifeste) / (fin - debut):.1f} photos/s", flush=True)
    for n, durees in secondes.items():
        duree, autres = min(durees)
        yield {
            "étude": "préparation",
            "ouvriers": n,
            "images/s": round(len(manifeste) / duree, 1),
            "cœurs des autres": round(autres, 2),
            "photos": len(manifeste),
        }


def mesurer_vitesse(dossier, photos):
    facons = [(lot, ouvriers) for lot in (64, 256, 1024) for ouvriers in (1, 2)]
    epoques = {facon: [] for facon in facons}
    for passage in range(2):
        for lot, ouvriers in facons:
            sortie = dossier / f"vitesse-{passage}-{lot}-{ouvriers}"
            arguments = options(dossier, sortie=sortie, epoques=EPOQUES, lot=lot)
            avant, debut = coeurs_secondes(), time.perf_counter()
            lanceur.lancer_ouvriers(
                ouvriers,
                arguments,
                dossier / "journaux",
                reprises=0,
                prefixe=lambda rang: ["taskset", "-c", str(rang)],
            )
            toutes, nous = (coeurs_secondes() - avant) / (time.perf_counter() - debut)
            bilan = json.loads((sortie / entrainer.BILAN).read_text(encoding="utf-8"))
            vues, epoque = bilan["pas"] * lot, int(np.argmin(bilan["secondes_par_epoque"][1:])) + 1
            secondes = bilan["secondes_par_epoque"][epoque]
            ligne = {
                "étude": "vitesse",
                "lot": lot,
                "ouvriers": ouvriers,
                "images/s": round(vues / secondes, 1),
                "ms par pas": round(1e3 * secondes / bilan["pas"], 1),
                "ms de cœur par image": round(
                    1e3 * ouvriers * bilan["secondes_cpu_par_epoque"][epoque] / vues, 3
                ),
                "cœurs des autres": round(toutes - nous, 2),
                "photos": vues,
            }
            epoques[lot, ouvriers].append(ligne)
            print(passage, ligne, flush=True)
    for lignes in epoques.values():
        yield max(lignes, key=lambda ligne: ligne["images/s"])


ETUDES = {"preparation": mesurer_preparation, "vitesse": mesurer_vitesse}


def principal():
    analyse = argparse.ArgumentParser()
    analyse.add_argument("--etudes", nargs="+", choices=ETUDES, default=list(ETUDES))
    choix = analyse.parse_args()
    vetements, charge = jeux.trouver("vetements"), os.getloadavg()[0]
    if vetements is None:
        sys.exit("Les photos du labo 4 ne sont pas là : exécutez d'abord trois_categories.ipynb.")
    photos = jeux.photos_vetements(vetements)
    with tempfile.TemporaryDirectory(prefix="echelle-") as provisoire:
        dossier = Path(provisoire)
        dessins.ecrire_hm(photos, dossier / "catalogue")
        preparer.preparer(dossier / "catalogue", dossier)
        lignes = [ligne for etude in choix.etudes for ligne in ETUDES[etude](dossier, photos)]
    table = pd.DataFrame(lignes).assign(charge=round(charge, 1))
    ajouter_resultats(table, ICI / "passage_echelle.csv")
    print(table.to_string(index=False))


if __name__ == "__main__":
    principal()
