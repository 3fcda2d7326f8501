"""Le démarrage : muet sur ce qui n'est pas une erreur, fidèle sur le reste, maître de ses réglages."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import conftest
from commandes.executer import executer_notebook
from outils.demarrage import BAVARDAGE, importer_keras
from outils.fichiers import RACINE, Refus


def executer(code, **variables):
    environnement = {c: v for c, v in os.environ.items() if not c.startswith("TF_")} | variables
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=RACINE / "analyse_image",
        env=environnement,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def vieux_keras(tmp_path):
    """Les réglages d'une autre époque : variables d'environnement et `keras.json`."""
    reglages = {"backend": "theano", "image_data_format": "channels_first"}
    reglages |= {"floatx": "float16", "epsilon": 1e-3}
    (tmp_path / "keras.json").write_text(json.dumps(reglages))
    return {"KERAS_BACKEND": "torch", "KERAS_HOME": str(tmp_path)}


def test_tensorflow_demarre_sans_bavardage_et_calcule(vieux_keras):
    essai = executer(
        "from outils.demarrage import demarrer; demarrer(7)\n"
        "import keras, numpy, random\n"
        "c = keras.config\n"
        "assert (c.backend(), c.image_data_format()) == ('tensorflow', 'channels_last')\n"
        "print(float(keras.ops.sum(keras.ops.ones(3))), numpy.random.rand(), random.random())\n"
        "assert (c.floatx(), c.epsilon(), keras.layers.Dense(1).compute_dtype) == ('float32', 1e-7, 'float32')",
        **vieux_keras,
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


def test_les_tests_aussi_ignorent_un_vieux_keras_json(vieux_keras, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")  # labo.py l'a choisi
    import keras

    monkeypatch.setenv("KERAS_HOME", vieux_keras["KERAS_HOME"])

    keras.config.set_image_data_format("channels_first")  # comme l'aurait fait ce fichier
    try:
        conftest.corriger_keras()
        assert keras.config.image_data_format() == "channels_last"
    finally:
        keras.config.set_image_data_format("channels_last")  # les tests suivants


def test_keras_deja_importe_avec_un_autre_moteur(monkeypatch):
    jax = SimpleNamespace(config=SimpleNamespace(backend=lambda: "jax"))
    monkeypatch.setitem(sys.modules, "keras", jax)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(Refus, match="(?s)jax.*tensorflow.*redémarrez le noyau"):
        importer_keras()


def executer_cellules(*codes, **variables):
    """Exécute des cellules dans un noyau parti de la racine du dépôt, comme ceux de VS Code ; les rend."""
    notebook = new_notebook(cells=[new_code_cell(code) for code in codes])
    assert executer_notebook(notebook, RACINE, os.environ | variables) is None
    return notebook.cells


# Sur une machine sans écran : une fenêtre, matplotlib déjà importé ou non ; un moteur qu'il ne connaît plus.
@pytest.mark.parametrize(
    ("moteur", "avant"), [("TkAgg", ""), ("TkAgg", "import matplotlib.pyplot"), ("Qt4Agg", "")]
)
def test_les_figures_s_affichent_dans_le_notebook(moteur, avant, tmp_path):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfigure.dpi: 600\n")
    *_, figure = executer_cellules(
        "%cd -q analyse_image",
        avant,
        "from outils.demarrage import regler_figures\nregler_figures()",
        "import matplotlib.pyplot as plt\nassert plt.rcParams['figure.dpi'] < 600\nplt.plot([1, 2]);",
        MPLBACKEND=moteur,
        MATPLOTLIBRC=str(tmp_path),
    )
    assert "image/png" in figure.outputs[0].data


def test_chaque_labo_trouve_outils_meme_parti_de_la_racine():
    racine = f"import os, sys\nos.chdir({str(RACINE)!r})\nsys.modules.pop('outils', None)"
    ici = f"import os, outils\nassert os.path.samefile('.', {str(RACINE / 'analyse_image')!r})"
    # Ce test ne porte pas sur TensorFlow, que `demarrer` importerait.
    codes = ["%cd -q analyse_image", "from outils import demarrage\ndemarrage.demarrer = dict"]
    for chemin in sorted((RACINE / "analyse_image").glob("*.ipynb")):
        cellules = nbformat.read(chemin, as_version=4).cells
        premiere = next(c.source for c in cellules if c.cell_type == "code")
        codes += [racine, premiere, ici]
    executer_cellules(*codes)


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
