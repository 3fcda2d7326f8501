"""Labo 5 : lire de grandes photos, la façon publiée et la nôtre, même passage.

    python mesures/hm.py [--photos 600] [--dossier DOSSIER]

De vraies photos (celles du labo 4, CC0), agrandies à 1166×1750 pixels et recompressées au poids de celles d'H&M
(28,7 Go pour 105 100 : au plus 273 Ko en moyenne, les tables y étant comptées), dans un dossier provisoire effacé
à la fin. La façon publiée : `image_dataset_from_directory` (180×180, lots de 32), qui décode les photos entières à
chaque époque. La nôtre : le cache d'`outils.cache`, lu mélangé, par lots de 32, du disque à chaque époque.

Mesuré : images lues par seconde, après une première époque (la lecture du cache est répétée jusqu'à 10 000
images) ; fichiers déjà dans la mémoire du système pour tous : sur un disque froid, le cache, 97 Ko par photo, ne
peut pas aller plus vite que le disque. La dernière ligne lit le cache sans `tf.data`.
Résultats ajoutés à `mesures/hm.csv`.
"""

import argparse
import io
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ICI = Path(__file__).resolve().parent
sys.path.insert(0, str(ICI.parent / "analyse_image"))
os.environ["TQDM_DISABLE"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from PIL import Image  # noqa: E402
from resultats import ajouter_resultats  # noqa: E402

from outils import cache, jeux  # noqa: E402

COTE, LOT, A_LIRE, OCTETS = 180, 32, 10_000, 273_000
TAILLE = (1166, 1750)


def agrandir(source, cible):
    """Écrit `source` agrandie, en JPEG de la plus grande qualité qui tient dans le poids d'une photo d'H&M."""
    with Image.open(source) as image:
        grande = image.convert("RGB").resize(TAILLE, Image.Resampling.BICUBIC)
    for qualite in (97, 95, 92, 88, 80):
        tampon = io.BytesIO()
        grande.save(tampon, "JPEG", quality=qualite)
        if tampon.tell() <= OCTETS * 1.15:
            break
    cible.parent.mkdir(parents=True, exist_ok=True)
    cible.write_bytes(tampon.getvalue())


def vitesse(parcourir, n):
    """Images par seconde de `parcourir()`, qui rend un nombre d'images, après un premier passage."""
    parcourir()
    lues, debut = 0, time.perf_counter()
    while lues < n:
        lues += parcourir()
    return round(lues / (time.perf_counter() - debut), 1)


def mesurer(photos, provisoire):
    """Rend le tableau des vitesses de lire."""
    chemins = [
        provisoire / "classes" / article / f"{i}.jpg" for i, (_, article) in enumerate(photos)
    ]
    with ThreadPoolExecutor() as fils:
        list(fils.map(agrandir, [source for source, _ in photos], chemins))
    octets = np.mean([chemin.stat().st_size for chemin in chemins])
    publie = keras.utils.image_dataset_from_directory(
        provisoire / "classes", image_size=(COTE, COTE), batch_size=LOT, seed=123, verbose=False
    )
    vitesses = {"publiée : décoder en entier": vitesse(lambda: sum(len(y) for _, y in publie), 1)}
    numeros = {str(i): 0 for i in range(len(chemins))}
    manifeste = pd.DataFrame({"id": list(numeros), "chemin": chemins})
    debut = time.perf_counter()
    bilan = cache.ecrire_cache(manifeste, provisoire / "cache", COTE)
    print(f"cache écrit en {time.perf_counter() - debut:.0f} s, {bilan['octets'] / 1e6:.0f} Mo")
    lu = cache.lire_cache(provisoire / "cache", numeros, melanger=True, lot=LOT)
    vitesses["cache relu du disque"] = vitesse(lambda: sum(len(y) for _, y in lu), A_LIRE)
    fragments, places = cache.ouvrir(provisoire / "cache")
    hasard = np.random.default_rng(13)

    def sans_tf():
        ordre = hasard.permutation(len(chemins))
        for i in range(0, len(ordre), LOT):
            np.stack([fragments[f][r] for f, r in (places[str(j)] for j in ordre[i : i + LOT])])
        return len(ordre)

    vitesses["cache relu du disque, sans tf.data"] = vitesse(sans_tf, A_LIRE)
    tableau = pd.DataFrame({"façon": vitesses.keys(), "images/s, 2e époque": vitesses.values()})
    tableau.insert(1, "photos", len(chemins))
    tableau.insert(2, "ko par photo d'origine", round(octets / 1000, 1))
    return tableau.assign(source="photos CC0 agrandies", charge=round(os.getloadavg()[0], 1))


def principal():
    analyseur = argparse.ArgumentParser()
    analyseur.add_argument("--photos", type=int, default=600)
    analyseur.add_argument("--dossier", help="où écrire le dossier provisoire")
    choix = analyseur.parse_args()
    vetements = jeux.trouver("vetements")
    if vetements is None:
        sys.exit("Les photos du labo 4 ne sont pas là : exécutez d'abord trois_categories.ipynb.")
    with tempfile.TemporaryDirectory(prefix="hm-", dir=choix.dossier) as provisoire:
        tableau = mesurer(jeux.photos_vetements(vetements, choix.photos), Path(provisoire))
    ajouter_resultats(tableau, ICI / "hm.csv")
    vite = tableau["images/s, 2e époque"]
    print(tableau.assign(fois=(vite / vite[0]).round(1)).to_string(index=False))


if __name__ == "__main__":
    principal()
