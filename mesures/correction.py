"""Combien de temps prend la correction d'une classe : 30 remises, lues seulement, puis exécutées de nouveau.

python mesures/correction.py [--executer] [NOMBRE]

Les remises sont fabriquées par tests/remises.py : l'énoncé d'origine (réseau à une ou à quatre convolutions), nos
labos résolus, et tous les cinq une remise qui finit mal (boucle sans fin, noyau tué, fichier abîmé, modèle absent).
"""

import csv
import datetime
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

RACINE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(RACINE), str(RACINE / "analyse_image"), str(RACINE / "tests")]
import remises  # noqa: E402

from correction.classe import noter  # noqa: E402

RESULTATS = Path(__file__).with_suffix(".csv")
COLONNES = [
    "date",
    "machine",
    "coeurs",
    "mode",
    "remises",
    "secondes",
    "secondes_cpu",
    "non_lues",
]
MAUVAISES = (
    lambda d: remises.remise(
        d,
        remises.notebook([("n = 1\nwhile n:\n    n += 1", []), *remises.cellules_classification()]),
    ),
    lambda d: remises.remise(d, remises.notebook([("import ctypes\nctypes.string_at(0)", [])])),
    lambda d: remises.remise(d, '{"cells": ['),
    lambda d: remises.remise(d, modele=False, image=False),
)


def fabriquer_modeles(dossier):
    """Les deux réseaux de l'énoncé, non entraînés : leur mesure coûte autant."""
    import reseaux

    for nom in ("une_convolution", "quatre_convolutions"):
        modele = getattr(reseaux, nom)()
        (dossier / nom).mkdir()
        (dossier / nom / "modele.json").write_text(modele.to_json(), encoding="utf-8")
        modele.save_weights(dossier / nom / "modele.weights.h5")


def fabriquer_classe(dossier, nombre, modeles):
    for rang in range(nombre):
        remise = dossier / f"etudiant-{rang:02d}"
        if rang % 5 == 4:
            MAUVAISES[(rang // 5) % len(MAUVAISES)](remise)
        elif rang % 10 == 0:
            remises.copier_modele(remises.labos_resolus(remise))
        else:
            remises.remise(remise, graine=rang)
            source = modeles / ("quatre_convolutions" if rang % 3 == 0 else "une_convolution")
            for fichier in source.iterdir():
                shutil.copyfile(fichier, remise / "modele" / fichier.name)


def mesurer(nombre, executer):
    with tempfile.TemporaryDirectory() as provisoire:
        provisoire = Path(provisoire)
        (provisoire / "classe").mkdir()
        fabriquer_modeles(provisoire)
        fabriquer_classe(provisoire / "classe", nombre, provisoire)
        debut, avant = time.perf_counter(), os.times()
        bulletins = noter(provisoire / "classe", sortie=provisoire / "rapport", executer=executer)
        secondes, apres = time.perf_counter() - debut, os.times()
    # Le temps de processeur, enfants compris, ne dépend pas de ce que fait d'autre la machine.
    calcul = sum(apres[:4]) - sum(avant[:4])
    non_lues = sum("Ouvrez-la à la main" in texte for b in bulletins for _, texte in b.remarques)
    return {
        "date": datetime.date.today().isoformat(),
        "machine": platform.machine(),
        "coeurs": os.cpu_count(),
        "mode": "exécution" if executer else "lecture",
        "remises": nombre,
        "secondes": f"{secondes:.0f}",
        "secondes_cpu": f"{calcul:.0f}",
        "non_lues": non_lues,
    }


if __name__ == "__main__":
    nombres = [int(a) for a in sys.argv[1:] if a.isdigit()]
    ligne = mesurer(nombres[0] if nombres else 30, "--executer" in sys.argv)
    nouveau = not RESULTATS.exists()
    with open(RESULTATS, "a", encoding="utf-8", newline="") as fichier:
        ecrire = csv.DictWriter(fichier, COLONNES, lineterminator="\n")
        if nouveau:
            ecrire.writeheader()
        ecrire.writerow(ligne)
    print(RESULTATS.read_text(encoding="utf-8"))
