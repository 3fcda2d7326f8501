"""L'énoncé collé tel quel, ses cellules dans l'ordre, dans ce dépôt ; puis notre labo 2 ouvre son modèle."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
import remises
from processus import dans_un_noyau, sources_jusqu_a

from outils.donnees import COLONNES

# Les cellules de l'énoncé, récrites d'après lui (tests/remises.py tient les autres). Deux époques suffisent ici.
IMPORTS = """import pandas as pnd
import numpy as np
from matplotlib import pyplot as plt
from sklearn.model_selection import train_test_split
import tensorflow as tf
import keras

tf.config.set_visible_devices([], 'GPU')
LONGUEUR_IMAGE = 28
LARGEUR_IMAGE = 28
observations_entrainement = pnd.read_csv('datas/fashion-mnist_train.csv')"""
PREMIERE = """X = np.array(observations_entrainement.iloc[:, 1:])
premiereImage = X[0]
premiereImage = premiereImage.reshape([LONGUEUR_IMAGE, LARGEUR_IMAGE])
plt.imshow(premiereImage)
plt.show()"""
DECOUPE = (
    "y = keras.utils.to_categorical(np.array(observations_entrainement.iloc[:,0]))\n"
    + remises.DECOUPE
)
TEST = """observations_test = pnd.read_csv('datas/fashion-mnist_test.csv')
X_test = np.array(observations_test.iloc[:, 1:])
y_test = tf.keras.utils.to_categorical(np.array(observations_test.iloc[:, 0]))"""
ECHELLE, _, ECHELLE_TEST = remises.ECHELLE.partition(
    "X_test = np.array(observations_test.iloc[:, 1:])\n"
)
ECHELLE_TEST = ECHELLE_TEST.partition("\n")[2]  # sans y_test, déjà dans TEST
COUCHES = """from keras.models import Sequential
from keras.layers import Dense, Dropout, Flatten, Input
from keras.layers import Conv2D, MaxPooling2D"""
RESEAU_4 = "from keras.layers import BatchNormalization\n" + remises.RESEAU_4
CLASSES = remises.PREDIRE.partition("img = ")[0]
RECHARGER = "from keras.models import model_from_json\n" + remises.RECHARGER
PREDIRE = """image_array = load_and_preprocess_image("../images/pantalon.jpg")

probabilities = modele.predict(image_array)[0]
predicted_class = np.argmax(probabilities)
print(f"Selon moi l'image est : {classes[predicted_class]}\\n")
for i, class_name in enumerate(classes):
    print(f"{class_name}: {probabilities[i] * 100:.2f}%")"""


def comme_l_enonce(source):
    """Ses chemins, partis de analyse_image/ ; peu d'époques."""
    source = source.replace("../modele/", "modele/").replace("../datas/", "datas/")
    source = source.replace("epochs=10", "epochs=2").replace("epochs=50", "epochs=2")
    return source.replace("48000", "len(X_apprentissage)").replace("12000", "len(X_validation)")


@pytest.fixture(scope="module")
def depot(tmp_path_factory):
    """Un clone du dépôt où l'on a suivi l'énoncé : `datas/` et `modele/` sont dans analyse_image/."""
    racine = tmp_path_factory.mktemp("enonce")
    labos = racine / "analyse_image"
    shutil.copytree(
        remises.RACINE / "analyse_image",
        labos,
        ignore=shutil.ignore_patterns("datas", "modele", "__pycache__", "*.ipynb"),
    )
    for nom in ("images", "mesures"):
        shutil.copytree(remises.RACINE / nom, racine / nom)
    shutil.copytree(remises.RACINE / "modele" / "reference", racine / "modele" / "reference")
    (labos / "modele").mkdir()
    (labos / "datas").mkdir()
    hasard = np.random.default_rng(0)
    for nom, n in (("train", 320), ("test", 100)):
        y = np.arange(n) % 10  # dix classes faciles : plus ou moins claires
        pixels = hasard.integers(0, 20, (n, 784)) + 22 * y[:, None]
        table = pd.DataFrame(np.column_stack([y, pixels]), columns=COLONNES)
        table.to_csv(labos / "datas" / f"fashion-mnist_{nom}.csv", index=False)
    return racine


def test_les_cellules_de_l_enonce_tournent_et_le_labo_2_ouvre_leur_modele(depot, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(depot))  # pas de modèle d'un labo 1 en mode rapide
    entrainer = [IMPORTS, PREMIERE, DECOUPE, ECHELLE, TEST]
    entrainer += [ECHELLE_TEST, COUCHES, remises.RESEAU_1, remises.ENTRAINER_1, remises.EVALUER_1]
    entrainer += [remises.COURBES, remises.AUGMENTER, remises.EVALUER_1, remises.SAUVER, RESEAU_4]
    reconnaitre = [RECHARGER, CLASSES, remises.FONCTIONS, PREDIRE]
    # Le même noyau, vidé : du premier notebook au second, puis au labo 2, seuls les fichiers passent.
    enonce = map(comme_l_enonce, [*entrainer, "%reset -f", *reconnaitre, "%reset -f"])
    sources = [*enonce, *sources_jusqu_a("test_model", "predire")]
    affiche = dans_un_noyau(sources, depot / "analyse_image", dict(os.environ))
    assert affiche.count("Précision:") == 3 and "Modèle sauvegardé !" in affiche
    assert "Selon moi l'image est : " in affiche and "Des bottes de cheville: " in affiche
    assert "Modèle : le vôtre (énoncé, analyse_image/modele)" in affiche
    assert "✅ q7 : " in affiche
