"""Labo 5 : préparer et lire un catalogue de grandes photos, la façon publiée et la nôtre, même passage.

    python mesures/hm.py [--photos 600] [--dossier DOSSIER]

Dessine des photos de 1166×1750 pixels, du poids des vraies (28,7 Go pour 105 100, 273 Ko en moyenne), dans
la vraie arborescence (`articles.csv`, `images/0XX/0XXXXXXXXX.jpg`), dans un dossier provisoire, hors du
dépôt, effacé à la fin. La façon publiée : copier chaque photo dans le dossier de sa classe, puis
`image_dataset_from_directory` (180×180, lots de 32), qui décode les photos entières à chaque époque. La
nôtre : un manifeste, un cache écrit une fois, puis lu, mélangé, par lots de 32 : relu du disque à chaque
époque, ou gardé décodé en mémoire après la première (97 Ko par photo : 3,7 Go pour les 38 072 photos que les
auteurs gardent, 10,2 Go pour les 105 100).

Mesuré : secondes et octets écrits pour préparer ; images lues par seconde, après une première époque (la
lecture du cache est répétée jusqu'à 20 000 images : une époque de 600 durerait moins d'un dixième de
seconde). Fichiers déjà dans la mémoire du système pour tous. « Part du disque » : octets écrits, rapportés
à ceux des photos d'origine, que la façon publiée recopie en entier. Dernière ligne : le poids qu'aurait le
cache de vraies photos (celles du labo 4, CC0, si elles sont là). Résultats ajoutés à `mesures/hm.csv`,
puis extrapolés à 105 100 photos.
"""

import argparse
import datetime
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

ICI = Path(__file__).resolve().parent
sys.path.insert(0, str(ICI.parent / "analyse_image"))
os.environ["TQDM_DISABLE"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import pandas as pd  # noqa: E402
import tensorflow as tf  # noqa: E402
from resultats import ajouter_resultats  # noqa: E402

from outils import cache, catalogue, garde_robe, hm, jeux  # noqa: E402

PHOTOS_REELLES, OCTETS_REELS = 105_100, 28.7e9
COTE, LOT, A_LIRE = 180, 32, 20_000


def chronometrer(fonction, *arguments):
    """Rend (ce que rend la fonction, secondes)."""
    debut = time.perf_counter()
    resultat = fonction(*arguments)
    return resultat, time.perf_counter() - debut


def parcourir(jeu):
    """Lit tous les lots d'un jeu ; rend le nombre d'images."""
    return sum(int(images.shape[0]) for images, _ in jeu)


def copier(manifeste, dossier):
    """La façon publiée : une copie de chaque photo dans le dossier de sa classe ; rend les octets écrits."""
    octets = 0
    for chemin, classe in zip(manifeste["path"], manifeste["class"], strict=True):
        cible = dossier / classe
        cible.mkdir(parents=True, exist_ok=True)
        octets += os.path.getsize(shutil.copy(chemin, cible))
    return octets


def decodage_reduit(manifeste):
    """Sans copie ni cache : chaque photo décodée quatre fois plus petite, puis ramenée à 180×180."""

    def lire(chemin, numero):
        photo = tf.io.decode_jpeg(tf.io.read_file(chemin), channels=3, ratio=4)
        return tf.image.resize(photo, (COTE, COTE), method="area"), numero

    chemins = manifeste["path"].astype(str).tolist()
    jeu = tf.data.Dataset.from_tensor_slices((chemins, list(range(len(chemins)))))
    return jeu.map(lire, num_parallel_calls=tf.data.AUTOTUNE).batch(LOT).prefetch(tf.data.AUTOTUNE)


def vitesse(jeu, n, repetitions=1):
    """Images par seconde, après une première époque qui ne compte pas."""
    parcourir(jeu)
    lues, secondes = chronometrer(parcourir, jeu.repeat(repetitions))
    assert lues == n * repetitions, (lues, n)
    return lues / secondes


def octets_sur_vraies_photos(dossier):
    """Poids moyen, en cache, d'une vraie photo (labo 4) ; None si elles ne sont pas là."""
    vetements = jeux.trouver("vetements")
    if vetements is None:
        return None
    photos, _ = catalogue.manifeste_dossiers(vetements)
    bilan = cache.ecrire_cache(photos.assign(id=photos["path"])[:1_000], dossier, COTE)
    return bilan["octets"] / bilan["photos"]


def mesurer(n, provisoire):
    """Rend le tableau des façons de faire."""
    source = provisoire / "hm"
    _, secondes = chronometrer(
        garde_robe.ecrire_hm, source, hm.ARTICLES_PUBLIES, n, 1166, 13, 360, 3.5, 90
    )
    print(f"{n} articles dessinés en {secondes:.0f} s", flush=True)
    manifeste, _ = hm.manifeste_hm(source)
    etats = catalogue.checkFileIsGood(
        source / "images"
    )  # image_dataset_from_directory s'y arrêterait
    bonnes = set(etats.query("state == 'bon'")["path"])
    manifeste = hm.fusionner_rares(manifeste[manifeste["path"].isin(bonnes)])
    n, octets = len(manifeste), sum(map(os.path.getsize, manifeste["path"]))

    ecrits, secondes = chronometrer(copier, manifeste, provisoire / "classes")
    publie = keras.utils.image_dataset_from_directory(
        provisoire / "classes", image_size=(COTE, COTE), batch_size=LOT, seed=123, verbose=False
    )
    lignes = [("publiée : copier, décoder en entier", secondes, ecrits, vitesse(publie, n))]
    reduit = vitesse(decodage_reduit(manifeste), n)
    lignes.append(("décodage réduit, sans copie ni cache", 0.0, 0, reduit))
    bilan, secondes = chronometrer(cache.ecrire_cache, manifeste, provisoire / "cache", COTE)
    assert bilan["photos"] == n
    numeros = dict(zip(manifeste["id"], manifeste["class"].map(hm.CLASSES.index), strict=True))
    for nom, en_memoire in (("relu du disque", False), ("gardé en mémoire", True)):
        lu = cache.lire_cache(
            provisoire / "cache", numeros, melanger=True, lot=LOT, en_memoire=en_memoire
        )
        rapide = vitesse(lu, n, -(-A_LIRE // n))
        lignes.append((f"la nôtre : cache {nom}", secondes, bilan["octets"], rapide))
    colonnes = ["façon", "secondes de préparation", "octets écrits", "images/s, 2e époque"]
    tableau = pd.DataFrame(lignes, columns=colonnes)
    tableau.insert(1, "photos", n)
    tableau.insert(2, "ko par photo d'origine", round(octets / n / 1000, 1))
    tableau["part du disque"] = (tableau["octets écrits"] / octets).round(4)
    return tableau


def principal():
    analyseur = argparse.ArgumentParser()
    analyseur.add_argument("--photos", type=int, default=600)
    analyseur.add_argument("--dossier", help="où écrire le dossier provisoire")
    choix = analyseur.parse_args()
    with tempfile.TemporaryDirectory(prefix="hm-", dir=choix.dossier) as provisoire:
        tableau = mesurer(choix.photos, Path(provisoire))
        vraies = octets_sur_vraies_photos(Path(provisoire) / "vraies")
    vite = tableau["images/s, 2e époque"]
    facteur = PHOTOS_REELLES / tableau["photos"]
    total = {
        "façon": tableau["façon"],
        "préparation (min)": (tableau["secondes de préparation"] * facteur / 60).round(1),
        "disque (Go)": (tableau["part du disque"] * OCTETS_REELS / 1e9).round(2),
        "une époque (s)": (PHOTOS_REELLES / vite).round(0),
        "fois plus vite": (vite / vite[0]).round(1),
    }
    tableau["secondes de préparation"] = tableau["secondes de préparation"].round(2)
    tableau["images/s, 2e époque"] = vite.round(1)
    tableau["date"] = datetime.date.today().isoformat()
    tableau["machine"] = f"{os.cpu_count()} cœurs"
    print(tableau.to_string(index=False))
    print(f"\nExtrapolé à {PHOTOS_REELLES} photos ({OCTETS_REELS / 1e9} Go) :")
    print(pd.DataFrame(total).to_string(index=False))
    if vraies:
        part = vraies / (OCTETS_REELS / PHOTOS_REELLES)
        print(
            f"\nSur 1 000 vraies photos (CC0, fonds chargés), le cache pèse {vraies / 1000:.1f} Ko par photo : "
            f"{part:.1%} d'une photo de H&M."
        )
    ajouter_resultats(tableau, ICI / "hm.csv")


if __name__ == "__main__":
    principal()
