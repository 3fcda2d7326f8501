"""Préparer un catalogue de produits : la façon publiée et la nôtre, mêmes fichiers, même passage.

    python mesures/catalogue.py [--produits 44000] [--dossier DOSSIER]

Écrit un catalogue de la forme de « Fashion Product Images » (`images/<id>.jpg`, `styles/<id>.json`,
`styles.csv`) dans un dossier provisoire, hors du dépôt, et l'efface à la fin. Les fiches ont le poids des
vraies (une dizaine de milliers d'octets) et leurs proportions (44 446 produits : 15 402 hauts, 2 694 bas,
7 344 chaussures) ; les photos, qu'aucune des deux façons n'ouvre, sont une même petite image.

La façon publiée : lire chaque fiche, **déplacer** sa photo dans le dossier de sa classe, **effacer** des
photos au hasard jusqu'à l'équilibre, puis déplacer encore vers train, validation et test. La nôtre : un
manifeste, équilibré et réparti ; puis, si l'on y tient, les mêmes dossiers par liens physiques.
Les deux lisent le catalogue une fois avant la mesure (cache du système chaud). Résultats ajoutés à
`mesures/catalogue.csv`.
"""

import argparse
import datetime
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

ICI = Path(__file__).resolve().parent
sys.path.insert(0, str(ICI.parent / "analyse_image"))
os.environ["TQDM_DISABLE"] = "1"

import pandas as pd  # noqa: E402
from cellules import executer_cellules  # noqa: E402
from resultats import ajouter_resultats  # noqa: E402

from outils import catalogue, dessins  # noqa: E402

# Part de chaque dessin : hauts 34,7 %, bas 6,1 %, chaussures 16,5 %, le reste hors sujet.
PARTS = {"t-shirt": 0.347, "pants": 0.061, "shoes": 0.165, "dress": 0.1, "hat": 0.327}


# L'équilibre est celui du labo : la solution de sa première question.
equilibrer = executer_cellules(
    "trois_categories.ipynb", ["equilibrer"], {"pd": pd, "verifier": str}
)["equilibrer"]


def generer(dossier, n):
    """Écrit `n` produits ; les classes suivent `PARTS`."""
    hasard = random.Random(13)
    classes = hasard.choices(list(PARTS), list(PARTS.values()), k=n)
    for nom in ("images", "styles"):
        (dossier / nom).mkdir(parents=True)
    photo = dossier / "modele.jpg"
    dessins.dessiner_photo(0, 64).save(photo, quality=60)
    octets = photo.read_bytes()
    photo.unlink()
    lignes = [f"id,{','.join(dessins.CLES)},productDisplayName"]
    for i, article in enumerate(classes):
        types = (*dessins.ARTICLES[article][2:], article)
        fiche = {"id": 1_000 + i, "productDescriptors": "x" * 9_000}
        fiche |= {c: {"typeName": v} for c, v in zip(dessins.CLES, types, strict=True)}
        texte = json.dumps({"data": fiche})
        (dossier / "styles" / f"{1_000 + i}.json").write_text(texte, encoding="utf-8")
        (dossier / "images" / f"{1_000 + i}.jpg").write_bytes(octets)
        lignes.append(",".join(map(str, (1_000 + i, *types, article))))
    (dossier / "styles.csv").write_text("\n".join(lignes) + "\n", encoding="utf-8")


def publiee(dossier):
    """La façon publiée, sur une copie du catalogue ; rend le nombre de photos rangées."""
    images, rangees = dossier / "images", dossier / "classes"
    sous_rayons = {"Topwear": "topwear", "Bottomwear": "bottomwear", "Shoes": "shoes"}
    for classe in sous_rayons.values():
        (rangees / classe).mkdir(parents=True)
    for nom in os.listdir(dossier / "styles"):
        with open(dossier / "styles" / nom, encoding="utf-8") as fichier:
            donnees = json.load(fichier)["data"]
        classe = sous_rayons.get(donnees["subCategory"]["typeName"])
        if classe:
            shutil.move(str(images / f"{donnees['id']}.jpg"), str(rangees / classe))
    minimum = min(len(os.listdir(rangees / classe)) for classe in sous_rayons.values())
    for classe in sous_rayons.values():
        presentes = os.listdir(rangees / classe)
        for nom in random.sample(presentes, len(presentes) - minimum):
            os.remove(rangees / classe / nom)
    total = 0
    for classe in sous_rayons.values():
        noms = os.listdir(rangees / classe)
        random.shuffle(noms)
        for i, nom in enumerate(noms):
            jeu = (
                "test" if i < 0.2 * len(noms) else "validation" if i < 0.3 * len(noms) else "train"
            )
            (dossier / jeu / classe).mkdir(parents=True, exist_ok=True)
            shutil.move(str(rangees / classe / nom), str(dossier / jeu / classe))
            total += 1
    return total


def manifeste(lire):
    """Notre façon : rend une fonction dossier → nombre de photos retenues."""

    def preparer(dossier):
        tableau, _ = lire(dossier)
        return len(catalogue.repartir(equilibrer(tableau), 0.1, 0.2))

    return preparer


def avec_dossiers(dossier):
    """Notre façon, et les mêmes dossiers train|validation|test écrits par liens physiques."""
    tableau, _ = catalogue.manifeste_json(dossier)
    tableau = catalogue.repartir(equilibrer(tableau), 0.1, 0.2)
    for ligne in tableau.itertuples():
        cible = dossier / "ranges" / ligne.jeu / ligne.classe / Path(ligne.chemin).name
        cible.parent.mkdir(parents=True, exist_ok=True)
        os.link(os.path.realpath(ligne.chemin), cible)
    return len(tableau)


def principal():
    analyseur = argparse.ArgumentParser()
    analyseur.add_argument("--produits", type=int, default=44_000)
    analyseur.add_argument("--dossier")
    choix = analyseur.parse_args()
    facons = {
        "manifeste, styles.csv": manifeste(catalogue.manifeste_csv),
        "manifeste, fiches JSON": manifeste(catalogue.manifeste_json),
        "manifeste JSON + dossiers (liens)": avec_dossiers,
        "publiée : déplacer, effacer au hasard": publiee,  # la dernière : elle détruit le catalogue
    }
    lignes = []
    with tempfile.TemporaryDirectory(prefix="catalogue-", dir=choix.dossier) as provisoire:
        dossier = Path(provisoire) / "catalogue"
        print(f"Écriture de {choix.produits} produits…", flush=True)
        generer(dossier, choix.produits)
        octets = sum(e.stat().st_size for e in os.scandir(dossier / "styles"))
        for fiche in (dossier / "styles").iterdir():
            fiche.read_bytes()  # cache chaud pour tous
        for nom, facon in facons.items():
            debut = time.perf_counter()
            gardees = facon(dossier)
            secondes = time.perf_counter() - debut
            reste = sum(1 for _ in os.scandir(dossier / "images"))
            lignes.append(
                (nom, choix.produits, round(secondes, 2), gardees, choix.produits - reste)
            )
    colonnes = ["façon", "produits", "secondes", "photos gardées", "photos déplacées ou effacées"]
    tableau = pd.DataFrame(lignes, columns=colonnes)
    tableau["ko par fiche"] = round(octets / choix.produits / 1000, 1)
    tableau["date"] = datetime.date.today().isoformat()
    tableau["machine"] = f"{os.cpu_count()} cœurs"
    print(tableau.to_string(index=False))
    ajouter_resultats(tableau, ICI / "catalogue.csv")


if __name__ == "__main__":
    principal()
