"""Fabrique de remises d'étudiants, pour les tests et les mesures : l'énoncé d'origine et ses accidents."""

import ast
import json
import shutil
from pathlib import Path

import h5py

RACINE = Path(__file__).resolve().parents[1]
REFERENCE = RACINE / "modele" / "reference"
PRECISION_REFERENCE = 0.9303

# Les cellules de l'énoncé d'origine, écrites pour Keras 2 et adaptées par les étudiants à Keras 3.
IMPORTS = """import numpy as np
import pandas as pnd
import keras
from keras.models import Sequential
from keras.layers import Conv2D, MaxPooling2D, Dense, Dropout, Flatten, BatchNormalization
from sklearn.model_selection import train_test_split
from keras.utils import to_categorical
import matplotlib.pyplot as plt
%matplotlib inline"""
DONNEES = """observations_entrainement = pnd.read_csv('../datas/fashion-mnist_train.csv')
observations_test = pnd.read_csv('../datas/fashion-mnist_test.csv')
X = np.array(observations_entrainement.iloc[:, 1:])
y = to_categorical(np.array(observations_entrainement.iloc[:, 0]))"""
PARTIES = "X_apprentissage, X_validation, y_apprentissage, y_validation"
DECOUPE = f"{PARTIES} = train_test_split(X, y, test_size=0.2, random_state=13)"
ECHELLE = """LARGEUR_IMAGE = 28
LONGUEUR_IMAGE = 28
X_apprentissage = X_apprentissage.reshape(X_apprentissage.shape[0], LARGEUR_IMAGE, LONGUEUR_IMAGE, 1)
X_apprentissage = X_apprentissage.astype('float32')
X_apprentissage /= 255
X_validation = X_validation.reshape(X_validation.shape[0], LARGEUR_IMAGE, LONGUEUR_IMAGE, 1)
X_validation = X_validation.astype('float32')
X_validation /= 255
X_test = np.array(observations_test.iloc[:, 1:])
y_test = to_categorical(np.array(observations_test.iloc[:, 0]))
X_test = X_test.reshape(X_test.shape[0], LARGEUR_IMAGE, LONGUEUR_IMAGE, 1)
X_test = X_test.astype('float32')
X_test /= 255"""
RESEAU_1 = """dimentionImage = (LARGEUR_IMAGE, LONGUEUR_IMAGE, 1)
reseauNeurone1Convolution = Sequential()
reseauNeurone1Convolution.add(Conv2D(32, kernel_size=(3, 3), activation='relu', input_shape=dimentionImage))
reseauNeurone1Convolution.add(MaxPooling2D(pool_size=(2, 2)))
reseauNeurone1Convolution.add(Dropout(0.2))
reseauNeurone1Convolution.add(Flatten())
reseauNeurone1Convolution.add(Dense(128, activation='relu'))
reseauNeurone1Convolution.add(Dense(10, activation='softmax'))
reseauNeurone1Convolution.compile(loss=keras.losses.categorical_crossentropy,
              optimizer=keras.optimizers.Adam(),
              metrics=['accuracy'])"""
ENTRAINER_1 = """historique_apprentissage = reseauNeurone1Convolution.fit(X_apprentissage, y_apprentissage,
          batch_size=256, epochs=10, verbose=1, validation_data=(X_validation, y_validation))"""
EVALUER_1 = """evaluation = reseauNeurone1Convolution.evaluate(X_test, y_test, verbose=0)
print('Erreur:', evaluation[0])
print('Précision:', evaluation[1])"""
COURBES = """plt.plot(historique_apprentissage.history['accuracy'])
plt.plot(historique_apprentissage.history['val_accuracy'])
plt.legend(['Apprentissage', 'Test'], loc='upper left')
plt.show()"""
AUGMENTER = """from keras.src.legacy.preprocessing.image import ImageDataGenerator
generateur_images = ImageDataGenerator(rotation_range=8, width_shift_range=0.08, shear_range=0.3,
                                       height_shift_range=0.08, zoom_range=0.08)
nouvelles_images_apprentissage = generateur_images.flow(X_apprentissage, y_apprentissage, batch_size=256)
nouvelles_images_validation = generateur_images.flow(X_validation, y_validation, batch_size=256)
historique_apprentissage = reseauNeurone1Convolution.fit(nouvelles_images_apprentissage,
    steps_per_epoch=48000//256, epochs=50, validation_data=nouvelles_images_validation,
    validation_steps=12000//256, verbose=1)"""
SAUVER = """model_json = reseauNeurone1Convolution.to_json()
with open("../modele/modele.json", "w") as json_file:
    json_file.write(model_json)
reseauNeurone1Convolution.save_weights("../modele/modele.weights.h5")
print("Modèle sauvegardé !")"""
RESEAU_4 = """reseauNeurones4Convolution = Sequential()
for filtres, fin in ((32, []), (32, [MaxPooling2D(pool_size=(2, 2)), Dropout(0.25)]), (64, [Dropout(0.25)]),
                     (128, [MaxPooling2D(pool_size=(2, 2)), Dropout(0.25)])):
    reseauNeurones4Convolution.add(Conv2D(filtres, kernel_size=(3, 3), activation='relu'))
    reseauNeurones4Convolution.add(BatchNormalization())
    for couche in fin:
        reseauNeurones4Convolution.add(couche)
reseauNeurones4Convolution.add(Flatten())
for n in (512, 128):
    reseauNeurones4Convolution.add(Dense(n, activation='relu'))
    reseauNeurones4Convolution.add(BatchNormalization())
    reseauNeurones4Convolution.add(Dropout(0.5))
reseauNeurones4Convolution.add(Dense(10, activation='softmax'))
reseauNeurones4Convolution.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
historique_apprentissage = reseauNeurones4Convolution.fit(X_apprentissage, y_apprentissage, batch_size=256,
    epochs=10, validation_data=(X_validation, y_validation))
evaluation = reseauNeurones4Convolution.evaluate(X_test, y_test, verbose=0)
print('Erreur:', evaluation[0])
print('Précision:', evaluation[1])"""
FONCTIONS = """from keras.models import model_from_json
from PIL import Image, ImageFilter
import numpy as np

def resize_with_aspect_ratio(image, content_size):
    largeur, hauteur = image.size
    facteur = content_size / max(largeur, hauteur)
    image = image.resize((max(1, int(largeur * facteur)), max(1, int(hauteur * facteur))), Image.LANCZOS)
    return image.filter(ImageFilter.SHARPEN)

def create_centered_image(image, target_size):
    fond = Image.new('L', (target_size, target_size), 255)
    fond.paste(image, ((target_size - image.width) // 2, (target_size - image.height) // 2))
    return fond

def normalize_pixels(image):
    return ((255 - np.array(image)) / 255).astype('float32')

def load_and_preprocess_image(image_path, target_size=28, content_size=20):
    image = Image.open(image_path).convert('L')
    image = create_centered_image(resize_with_aspect_ratio(image, content_size), target_size)
    return normalize_pixels(image).reshape(1, target_size, target_size, 1)"""
RECHARGER = """fichier_json = open('../modele/modele.json', 'r')
modele = model_from_json(fichier_json.read())
fichier_json.close()
modele.load_weights('../modele/modele.weights.h5')"""
PREDIRE = """classes = ["Un T-shirt/haut", "Un pantalon", "Un pull", "Une robe", "Un manteau", "Des sandales",
           "Une chemise", "Des baskets", "Un sac", "Des bottes de cheville"]
img = load_and_preprocess_image('../images/mon_pantalon.png')
prediction = modele.predict(img)
print("Selon moi l'image est : " + classes[np.argmax(prediction[0])])"""

EPOQUES = "".join(
    f"Epoch {i}/10\n\x1b[1m188/188\x1b[0m \x1b[32m━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m9s\x1b[0m 45ms/step - "
    f"accuracy: 0.8{i:02d}0 - loss: 0.41{i:02d} - val_accuracy: 0.88{i:02d} - val_loss: 0.32{i:02d}\n"
    for i in range(1, 11)
)
EPUISEES = "UserWarning: Your input ran out of data; interrupting training.\n"


def flux(texte):
    return {"output_type": "stream", "name": "stdout", "text": texte.splitlines(keepends=True)}


def figure():
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {"image/png": "iVBORw0KGgo=", "text/plain": ["<Figure>"]},
    }


def erreur(nom="NameError", valeur="name 'x' is not defined"):
    return {
        "output_type": "error",
        "ename": nom,
        "evalue": valeur,
        "traceback": [f"\x1b[31m{nom}\x1b[0m: {valeur}"],
    }


def cellules_classification(precision=PRECISION_REFERENCE):
    """[(source, sorties)] de classification.ipynb, tel que l'énoncé le publie."""
    mesure = [flux(f"Erreur: 0.2593\nPrécision: {precision}\n")]
    return [
        (IMPORTS, []),
        (DONNEES, []),
        (DECOUPE, []),
        (ECHELLE, []),
        (RESEAU_1, []),
        (ENTRAINER_1, [flux(EPOQUES)]),
        (EVALUER_1, mesure),
        (COURBES, [figure()]),
        (AUGMENTER, [flux("Epoch 50/50\n")]),
        (EVALUER_1, mesure),
        (SAUVER, [flux("Modèle sauvegardé !\n")]),
        (RESEAU_4, [flux("Erreur: 0.19\nPrécision: 0.93\n")]),
    ]


def cellules_test():
    """[(source, sorties)] de test_model.ipynb."""
    return [
        (FONCTIONS, []),
        (RECHARGER, []),
        (PREDIRE, [flux("1/1 ━━ 0s\nSelon moi l'image est : Un pantalon\n")]),
    ]


def notebook(cellules, executer=True, **autres):
    """Notebook nbformat 4 (dict) : cellules numérotées dans l'ordre si `executer`."""
    return {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": rang if executer else None,
                "metadata": {},
                "outputs": sorties if executer else [],
                "source": source.splitlines(keepends=True),
            }
            for rang, (source, sorties) in enumerate(cellules, start=1)
        ],
        "metadata": {
            "kernelspec": {"name": "mon_env", "display_name": "mon_env", "language": "python"}
        },
        "nbformat": 4,
        "nbformat_minor": 2,
        **autres,
    }


# --- Ce qui finit mal -------------------------------------------------------------------------

TRACE = (
    "Traceback (most recent call last)\nCell In[1], line {ligne}\n"
    "----> {ligne} import pandas\n\n{nom}: {valeur}"
)


def traceback(genre="error", nom="ModuleNotFoundError", valeur="No module named 'pandas'", ligne=1):
    """Une erreur, telle que la gardent Jupyter (`error`), un export (`display_data`), VS Code ou une console."""
    texte = TRACE.format(ligne=ligne, nom=nom, valeur=valeur)
    if genre == "error":
        return {**erreur(nom, valeur), "traceback": texte.splitlines()}
    if genre == "stream":
        return {**flux(texte), "name": "stderr"}
    donnees = {
        "display_data": {"text/plain": texte},
        "html": {"text/html": f"<pre>{texte}</pre>".replace("<pre>", "<pre>\n")},
        "vscode": {"application/vnd.code.notebook.error": f'{{"name": "{nom}"}}'},
    }[genre]
    return {"output_type": "display_data", "metadata": {}, "data": donnees}


def en_erreur(contenu, genre="error"):
    """Le même notebook, une erreur dans chaque cellule, ses sorties gardées."""
    cellules = [{**c, "outputs": [*c["outputs"], traceback(genre)]} for c in contenu["cells"]]
    return {**contenu, "cells": cellules}


def en_miettes(cellules):
    """[(source, sorties)] où chaque instruction a sa cellule ; les sorties vont à la dernière."""
    miettes = []
    for source, sorties in cellules:
        propre = source.replace("%matplotlib inline", "")
        instructions = [ast.unparse(i) for i in ast.parse(propre).body]
        miettes += [(i, []) for i in instructions[:-1]] + [(instructions[-1], sorties)]
    return miettes


def a_l_envers(contenu):
    """Le même notebook, enregistré de bas en haut ; les numéros gardent l'ordre de l'exécution."""
    return {**contenu, "cells": contenu["cells"][::-1]}


def ecrire(chemin, contenu):
    """Écrit un notebook (dict), du texte ou des octets ; rend le chemin."""
    chemin.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(contenu, dict):
        contenu = json.dumps(contenu, ensure_ascii=False, indent=1)
    chemin.write_bytes(contenu if isinstance(contenu, bytes) else contenu.encode("utf-8"))
    return chemin


def photo(chemin, graine=0):
    """Une photo « personnelle » : un pantalon dessiné, différent de ceux que le dépôt fournit."""
    from outils import garde_robe

    chemin.parent.mkdir(parents=True, exist_ok=True)
    garde_robe.dessiner_photo(1, 96, graine=1000 + graine).save(chemin)


def remise(dossier, classification=None, test=None, modele=True, image=True, graine=0):
    """Une remise parfaite de l'énoncé d'origine dans `dossier`, ou ses variantes ; rend le dossier."""
    dossier = Path(dossier)
    labos = dossier / "analyse_image"
    ecrire(
        labos / "classification.ipynb",
        notebook(cellules_classification()) if classification is None else classification,
    )
    ecrire(labos / "test_model.ipynb", notebook(cellules_test()) if test is None else test)
    if modele:
        copier_modele(dossier)
    if image:
        photo(dossier / "images" / "mon_pantalon.png", graine)
    return dossier


def labos_resolus(dossier, transformer=lambda notebook, nom: notebook):
    """Les deux premiers labos de ce dépôt, rendus comme par un étudiant ; rend le dossier."""
    dossier = Path(dossier)
    for nom in ("classification.ipynb", "test_model.ipynb"):
        contenu = json.loads((RACINE / "analyse_image" / nom).read_text(encoding="utf-8"))
        ecrire(dossier / "analyse_image" / nom, transformer(contenu, nom))
    shutil.copytree(RACINE / "images", dossier / "images")
    photo(dossier / "images" / "ma_photo.png")
    shutil.copytree(RACINE / "analyse_image" / "outils", dossier / "analyse_image" / "outils",
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    return dossier


def copier_modele(dossier, fourni=False):
    """Un modèle d'étudiant dans `modele/` : la référence à un poids près, ou la référence même (`fourni`)."""
    (dossier / "modele").mkdir(exist_ok=True)
    for nom in ("modele.json", "modele.weights.h5"):
        shutil.copyfile(REFERENCE / nom, dossier / "modele" / nom)
    if not fourni:
        with h5py.File(dossier / "modele" / "modele.weights.h5", "r+") as h5:
            tableaux = []
            h5.visititems(
                lambda nom, objet: tableaux.append(objet) if hasattr(objet, "dtype") else None
            )
            tableaux[0][...] *= 1.0001
    return dossier
