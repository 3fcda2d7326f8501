"""Le démarrage : muet sur ce qui n'est pas une erreur, fidèle sur le reste."""

import os
import subprocess
import sys

from outils.demarrage import BAVARDAGE
from outils.fichiers import RACINE


def executer(code):
    environnement = {c: v for c, v in os.environ.items() if not c.startswith("TF_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=RACINE / "analyse_image",
        env=environnement,
        capture_output=True,
        text=True,
    )


def test_tensorflow_demarre_sans_bavardage_et_calcule():
    essai = executer(
        "from outils.demarrage import demarrer; demarrer(7)\n"
        "import keras, numpy, random\n"
        "print(float(keras.ops.sum(keras.ops.ones(3))), numpy.random.rand(), random.random())"
    )
    assert essai.returncode == 0
    assert essai.stderr == ""
    versions, calcul = essai.stdout.splitlines()
    assert "TensorFlow" in versions and "mode rapide" in versions
    numpy_, python_ = calcul.split()[1:]
    temoin = executer(
        "import numpy, random; numpy.random.seed(7); random.seed(7); print(numpy.random.rand(), random.random())"
    )
    assert temoin.stdout.split() == [numpy_, python_], "la graine doit valoir pour NumPy et Python"


def test_une_vraie_erreur_est_montree():
    essai = executer(
        "import os; from outils.demarrage import sans_bavardage\n"
        "with sans_bavardage():\n"
        "    os.write(2, b'I0000 00:00 port.cc] bavardage\\nE0000 00:00 disque.cc] disque plein\\n')\n"
    )
    assert essai.stderr == "E0000 00:00 disque.cc] disque plein\n"


def test_si_l_import_echoue_tout_est_rendu():
    essai = executer(
        "import os; from outils.demarrage import sans_bavardage\n"
        "with sans_bavardage():\n"
        "    os.write(2, b'I0000 00:00 port.cc] indice utile\\n'); raise ImportError('bibliotheque absente')\n"
    )
    assert essai.returncode == 1
    assert "indice utile" in essai.stderr and "bibliotheque absente" in essai.stderr


def test_les_alertes_de_carte_graphique_absente_sont_du_bavardage():
    assert BAVARDAGE.search("E0000 00:00:1 52 cuda_platform.cc:52] failed call to cuInit: INTERNAL")
    assert BAVARDAGE.search(
        "2026-08-01 10:00:00.1: E external/local_xla/xla/cuda_platform.cc:51] failed call to cuInit"
    )
    assert not BAVARDAGE.search(
        "2026-08-01 10:00:00.1: E tensorflow/core/fichier.cc:1] disque plein"
    )
    assert not BAVARDAGE.search("E0000 00:00:1 52 allocator.cc:1] out of memory")
    assert not BAVARDAGE.search("Traceback (most recent call last):")
