"""Combien de temps prend la correction d'une classe : 36 remises, lues seulement, puis exécutées de nouveau.

python mesures/correction.py [--executer] [--sans-modeles] [NOMBRE]

Les remises sont fabriquées par tests/remises.py : l'énoncé d'origine (réseau à une ou à quatre convolutions), nos
labos résolus, et tous les cinq une remise qui finit mal (boucle sans fin, noyau tué, fichier abîmé).
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

RACINE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(RACINE), str(RACINE / "analyse_image"), str(RACINE / "tests")]
import remises  # noqa: E402
from resultats import ajouter_resultats  # noqa: E402

from correction.classe import noter  # noqa: E402
from mesures import reseaux  # noqa: E402

RESULTATS = Path(__file__).with_suffix(".csv")
MAUVAIS = (
    remises.notebook([("n = 1\nwhile n:\n    n += 1", []), *remises.cellules_classification()]),
    remises.notebook([("import ctypes\nctypes.string_at(0)", [])]),
    '{"cells": [',
)


def fabriquer_modeles(dossier):
    """Les deux réseaux de l'énoncé, non entraînés : leur mesure coûte autant."""
    for nom in ("une_convolution", "quatre_convolutions"):
        modele = getattr(reseaux, nom)()
        (dossier / nom).mkdir()
        (dossier / nom / "modele.json").write_text(modele.to_json(), encoding="utf-8")
        modele.save_weights(dossier / nom / "modele.weights.h5")


def fabriquer_classe(dossier, nombre, modeles):
    """`nombre` remises ; une sur six n'a pas de modèle, un réseau sur trois a quatre convolutions."""
    for rang in range(nombre):
        remise = dossier / f"etudiant-{rang:02d}"
        if rang % 10 == 0:
            remises.labos_resolus(remise)
        else:
            mauvais = MAUVAIS[rang // 5 % len(MAUVAIS)] if rang % 5 == 4 else None
            remises.remise(remise, mauvais, modele=False, graine=rang)
        if rang % 6 != 5:
            nom = "quatre_convolutions" if rang % 3 == 0 else "une_convolution"
            shutil.copytree(modeles / nom, remise / "modele")


def mesurer(nombre, executer, avec_modeles=True):
    with tempfile.TemporaryDirectory() as provisoire:
        provisoire = Path(provisoire)
        (provisoire / "classe").mkdir()
        fabriquer_modeles(provisoire)
        fabriquer_classe(provisoire / "classe", nombre, provisoire)
        if not avec_modeles:
            for fichier in (provisoire / "classe").rglob("modele.*"):
                fichier.unlink()
        modeles = len(list((provisoire / "classe").rglob("modele.json")))
        debut, avant = time.perf_counter(), os.times()
        bulletins = noter(provisoire / "classe", sortie=provisoire / "rapport", executer=executer)
        secondes, apres = time.perf_counter() - debut, os.times()
    # Le temps de processeur, enfants compris, ne dépend pas de ce que fait d'autre la machine.
    calcul = sum(apres[:4]) - sum(avant[:4])
    non_lues = sum("Ouvrez-la à la main" in texte for b in bulletins for _, texte in b.remarques)
    return {
        "mode": "exécution" if executer else "lecture",
        "remises": nombre,
        "modeles": modeles,
        "secondes": round(secondes),
        "secondes_cpu": round(calcul),
        "non_lues": non_lues,
    }


if __name__ == "__main__":
    nombres = [int(a) for a in sys.argv[1:] if a.isdigit()]
    ligne = mesurer(
        nombres[0] if nombres else 36, "--executer" in sys.argv, "--sans-modeles" not in sys.argv
    )
    ajouter_resultats([ligne], RESULTATS)
    print(RESULTATS.read_text(encoding="utf-8"))
