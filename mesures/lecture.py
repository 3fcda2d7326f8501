"""Lire Fashion-MNIST : ce que coûtent les différentes façons, chacune dans un processus neuf.

python mesures/lecture.py
"""

import os
import subprocess
import sys
from pathlib import Path

LABOS = Path(__file__).resolve().parent.parent / "analyse_image"
FACONS = {
    "énoncé : pd.read_csv (int64)": "X = pd.read_csv(chemins[0]).to_numpy()[:, 1:]",
    "labo : pd.read_csv(dtype='uint8')": "X = pd.read_csv(chemins[0], dtype='uint8').to_numpy()[:, 1:]",
    "charger_fashion_mnist(), vérifiés": "(X, y), _ = donnees.charger_fashion_mnist()",
}
PROGRAMME = """
import contextlib, io, os, resource, time
import pandas as pd
from outils import donnees, fichiers, tableaux
chemins = [tableaux.trouver_csv(nom, fichiers.dossiers_datas()) for nom in donnees.CSV]
avant, debut = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
{facon}
print(time.perf_counter() - debut, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - avant) / 1024, X.nbytes / 1e6)
"""

if __name__ == "__main__":
    os.chdir(LABOS)
    preparer = "from outils import donnees; donnees.obtenir_csv()"
    subprocess.run([sys.executable, "-c", preparer], check=True, stdout=subprocess.DEVNULL)
    print(f"{'façon':36s} {'secondes':>9s} {'mémoire (pointe)':>17s} {'tableau':>9s}")
    for nom, facon in FACONS.items():
        commande = [sys.executable, "-c", PROGRAMME.format(facon=facon)]
        sortie = subprocess.run(commande, check=True, capture_output=True, text=True).stdout
        secondes, pointe, tableau = map(float, sortie.split())
        print(f"{nom:36s} {secondes:9.2f} {pointe:14.0f} Mo {tableau:6.0f} Mo")
