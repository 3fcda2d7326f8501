"""Le parcours de l'étudiant : du CSV à sa photo, d'un labo à l'autre."""

import os
import subprocess
import sys

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from processus import ANALYSE, dans_un_noyau, sources_jusqu_a

from mesures.cellules import definir
from outils import donnees
from outils.donnees import CLASSES
from outils.fichiers import RACINE
from outils.modele import charger_modele, lire_fiche
from outils.preparation import analyser_photo


def test_le_labo_2_classe_une_photo_avec_le_modele_ecrit_par_le_labo_1(tmp_path):
    # Le même noyau, vidé : seuls les fichiers passent de l'un à l'autre. Leur suite est exécutée par nbval.
    sources = [*sources_jusqu_a("classification", "recharger"), "%reset -f"]
    sources += sources_jusqu_a("test_model", "dix-lignes")
    env = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(tmp_path))}
    affiche = dans_un_noyau(sources, ANALYSE, env)
    for ligne in ("Erreur: ", "Précision: ", "Modèle sauvegardé !", "Selon moi l'image est : "):
        assert ligne in affiche
    assert "Modèle : le vôtre (labo 1)" in affiche
    for cle in (*(f"q{n}" for n in range(2, 8)), "ordre1", "ordre2"):
        assert f"✅ {cle} : " in affiche


def test_le_savedmodel_du_labo_3_repond_comme_le_reseau(tmp_path):
    # Une couche qui se croit à l'entraînement (RandomFlip, par défaut) ferait changer ses réponses.
    noms = definir("deux_convolutions", "reseau", keras=keras, layers=keras.layers)
    reseau = noms["creer_deux_convolutions"](filtres=(4, 8), neurones=(16, 16))
    noms |= {"reseau": reseau, "DOSSIER": tmp_path, "evaluation": (0, 0.5), "donnees": donnees}
    definir("deux_convolutions", "exporter", **noms)
    servi = tf.saved_model.load(str(tmp_path / "saved_model"))
    images = np.random.default_rng(1).random((20, 28, 28, 1), "float32")
    attendues = reseau.predict(images, verbose=0)
    np.testing.assert_allclose(servi.serve(images), attendues, atol=1e-5)
    np.testing.assert_allclose(charger_modele(tmp_path)(images), attendues, atol=1e-5)


def test_le_labo_0_se_passe_de_tensorflow_et_de_pandas():
    # Capytale, JupyterLite : NumPy, matplotlib et le dossier outils/, rien d'autre.
    cellules = nbformat.read(RACINE / "analyse_image" / "convolution.ipynb", as_version=4).cells
    sources = [c.source for c in cellules if c.cell_type == "code"]
    programme = """
import sys
absents = ("tensorflow", "keras", "pandas", "seaborn", "sklearn", "ipywidgets", "cv2", "requests")
sys.modules.update(dict.fromkeys(absents))
from IPython.core.inputtransformer2 import TransformerManager
noms = {}
for source in SOURCES:
    exec(TransformerManager().transform_cell(source), noms)
"""
    essai = subprocess.run(
        [sys.executable, "-c", programme.replace("SOURCES", repr(sources))],
        cwd=RACINE / "analyse_image",
        env={**os.environ, "MPLBACKEND": "Agg"},
        capture_output=True,
        encoding="utf-8",
    )
    assert essai.returncode == 0, essai.stderr
    assert "✅ q1 : " in essai.stdout and "TensorFlow n'est pas installé ici" in essai.stdout


@pytest.fixture(scope="module")
def reference():
    return charger_modele(RACINE / "modele" / "reference")


EXEMPLES = {  # photo fournie → classe : les formats que l'on rencontre sur le web
    **{"t-shirt.png": 0, "t-shirt-blanc.jpg": 0, "pantalon.jpg": 1, "pull.webp": 2, "robe.jpg": 3},
    **{"manteau.png": 4, "sandales.jpg": 5, "chemise.gif": 6, "baskets.jpg": 7},
    **{"sac.png": 8, "sac-fond-noir.webp": 8, "bottes.jpg": 9},
}


@pytest.mark.parametrize("fichier", EXEMPLES)
def test_le_modele_de_reference_reconnait_les_photos_fournies(reference, fichier):
    entree = analyser_photo(RACINE / "images" / fichier).entree
    assert CLASSES[int(reference(entree)[0].numpy().argmax())] == CLASSES[EXEMPLES[fichier]]


def test_les_photos_fournies_ont_les_formats_du_web():
    modes = {}
    for fichier in EXEMPLES:
        assert (RACINE / "images" / fichier).stat().st_size < 40_000
        with Image.open(RACINE / "images" / fichier) as image:
            modes[fichier] = (image.format, image.mode)
            if fichier == "baskets.jpg":  # comme un téléphone tenu de travers
                assert image.getexif()[0x0112] == 6
    assert modes["t-shirt.png"] == ("PNG", "RGBA") and modes["sac.png"] == ("PNG", "P")
    assert modes["chemise.gif"][0] == "GIF" and modes["pull.webp"][0] == "WEBP"


def test_la_fiche_de_reference_decrit_le_modele_fourni():
    fiche = lire_fiche(RACINE / "modele" / "reference")
    assert fiche["classes"] == list(CLASSES)
    assert fiche["mesures"]["precision_test"] >= 0.935
