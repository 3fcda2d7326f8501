"""Labo 8 : un ouvrier ou deux sur deux cœurs, et le taux d'apprentissage quand le lot grandit.

    python mesures/passage_echelle.py [--articles 2000] [--etudes vitesse taux]

Dessine un catalogue de la forme de celui de H&M dans un dossier provisoire, en fait le cache (28×28), puis :
- vitesse : images par seconde (médiane des époques, sans la première, où XLA compile) d'un ouvrier sur deux
  cœurs, d'un ouvrier tenu sur un seul cœur (`taskset`), et de deux ouvriers d'un cœur chacun ;
- taux : précision de validation après six époques, lot de 64 ou de 256, taux gardé, doublé, quadruplé. Sur des
  dessins : l'écart entre les lignes compte, pas leur niveau.
Résultats ajoutés à `mesures/passage_echelle.csv`. Linux seulement (`taskset`).
"""

import argparse
import datetime
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

ICI = Path(__file__).resolve().parent
sys.path.insert(0, str(ICI.parent / "analyse_image"))
os.environ.update(KERAS_BACKEND="jax", TQDM_DISABLE="1", TF_CPP_MIN_LOG_LEVEL="3")

import keras  # noqa: E402
import pandas as pd  # noqa: E402

from echelle import entrainer, lanceur, preparer  # noqa: E402
from outils import garde_robe  # noqa: E402
from outils.cache import lire_cache  # noqa: E402
from outils.fichiers import ecriture_atomique  # noqa: E402

LARGEUR, EPOQUES_VITESSE, EPOQUES_TAUX = 120, 3, 6


def options(dossier, **autres):
    mots = {"cache": dossier / "cache", "manifeste": dossier / "photos.csv", **autres}
    return [mot for nom, valeur in mots.items() for mot in (f"--{nom}", str(valeur))]


def mesurer_vitesse(dossier):
    """Une ligne par façon et par lot."""
    for lot in (64, 256):
        for ouvriers, coeurs in ((1, 2), (1, 1), (2, 2)):
            sortie = dossier / f"vitesse-{lot}-{ouvriers}-{coeurs}"
            arguments = options(dossier, sortie=sortie, epoques=EPOQUES_VITESSE, lot=lot)

            def un_coeur(rang):
                return ["taskset", "-c", str(rang)]

            tenu = None if (ouvriers, coeurs) == (1, 2) else un_coeur
            lanceur.lancer(ouvriers, arguments, dossier / "journaux", 0, prefixe=tenu)
            bilan = json.loads((sortie / entrainer.BILAN).read_text(encoding="utf-8"))
            par_epoque = statistics.median(bilan["secondes_par_epoque"][1:])
            vitesse = bilan["pas"] * lot / par_epoque
            ligne = {"étude": "vitesse", "ouvriers": ouvriers, "cœurs": coeurs, "lot": lot}
            ligne |= {"images/s": round(vitesse, 1), "ms par pas": round(1e3 * lot / vitesse, 1)}
            # Processus qui attendaient un cœur, les nôtres compris : au repos, 2 environ.
            ligne["charge"] = round(os.getloadavg()[0], 1)
            print(ligne, flush=True)
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


def main():
    analyse = argparse.ArgumentParser()
    analyse.add_argument("--articles", type=int, default=2_000)
    analyse.add_argument("--etudes", nargs="+", choices=ETUDES, default=list(ETUDES))
    choix = analyse.parse_args()
    with tempfile.TemporaryDirectory(prefix="echelle-") as provisoire:
        dossier = Path(provisoire)
        garde_robe.ecrire_hm(dossier / "catalogue", choix.articles, LARGEUR)
        preparer.preparer(dossier / "catalogue", dossier)
        lignes = [ligne for etude in choix.etudes for ligne in ETUDES[etude](dossier)]
    table = pd.DataFrame(lignes).assign(
        articles=choix.articles,
        date=datetime.date.today().isoformat(),
        machine=f"{os.cpu_count()} cœurs",
    )
    fichier = ICI / "passage_echelle.csv"
    if fichier.exists():
        table = pd.concat([pd.read_csv(fichier), table])
    with ecriture_atomique(fichier) as provisoire:
        table.to_csv(provisoire, index=False, lineterminator="\n")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
