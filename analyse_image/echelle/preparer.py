"""Le manifeste et le cache du labo 5, préparés par plusieurs processus : mêmes octets que par un seul.

    python -m echelle.preparer CATALOGUE SORTIE [--ouvriers 2]

CATALOGUE contient articles.csv et images/ ; SORTIE reçoit `photos.csv` et le dossier `cache`. Interrompu, relancé :
les fragments déjà écrits sont gardés.
"""

import argparse
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from outils import cache, catalogue, hm
from outils.fichiers import ecriture_atomique

LABOS = str(Path(__file__).resolve().parents[1])


def ouvriers_locaux(n):
    """`n` processus neufs (rien de ce que celui-ci a chargé), à employer dans un `with` ; `.map` comme en Python."""
    if LABOS not in sys.path:  # ils le reçoivent ; un chemin relatif y aurait perdu son sens
        sys.path.append(LABOS)
    return ProcessPoolExecutor(n, multiprocessing.get_context("spawn"))


def fusionner_rares(manifeste, minimum=None):
    """Rend le manifeste où les classes de moins de `minimum` photos ont pris le nom « Accessories ».

    Par défaut, 200, ou un vingtième des photos d'un petit catalogue.
    """
    minimum = minimum or min(200, len(manifeste) // 20)
    effectifs = manifeste.groupby("classe")["classe"].transform("size")
    return manifeste.assign(classe=manifeste["classe"].mask(effectifs < minimum, "Accessories"))


def preparer(dossier, sortie, executer=None, cote=28, par_fragment=500):
    """Écrit `photos.csv` et `cache/` dans `sortie` ; rend (manifeste, bilan du cache).

    `executer(fonction, *listes)`, de la forme de `map`, fait les fragments ; par défaut, ce processus et ses fils.
    """
    manifeste, _ = hm.manifeste_hm(dossier)
    # Les couleurs d'un même modèle vont du même côté.
    manifeste = catalogue.repartir(fusionner_rares(manifeste), groupe="produit")
    with ecriture_atomique(Path(sortie) / "photos.csv") as provisoire:
        manifeste.to_csv(provisoire, index=False, lineterminator="\n")
    bilan = cache.ecrire_cache(
        manifeste, Path(sortie) / "cache", cote, par_fragment=par_fragment, executer=executer
    )
    return manifeste, bilan


def principal():
    analyse = argparse.ArgumentParser("python -m echelle.preparer")
    analyse.add_argument("catalogue")
    analyse.add_argument("sortie")
    analyse.add_argument("--ouvriers", type=int, default=os.cpu_count())
    analyse.add_argument("--cote", type=int, default=28)
    choix = analyse.parse_args()
    with ouvriers_locaux(choix.ouvriers) as ouvriers:
        _, bilan = preparer(choix.catalogue, choix.sortie, ouvriers.map, choix.cote)
    print(
        f"{bilan['photos']} photos, {len(bilan['illisibles'])} illisible(s), {bilan['octets']} octets"
    )


if __name__ == "__main__":
    principal()
