"""L'énoncé publié, cellule par cellule : ce que toute la classe a le droit d'avoir en commun."""

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

CELLULES = (
    IMPORTS,
    DONNEES,
    DECOUPE,
    ECHELLE,
    RESEAU_1,
    ENTRAINER_1,
    EVALUER_1,
    COURBES,
    AUGMENTER,
    SAUVER,
    RESEAU_4,
    FONCTIONS,
    RECHARGER,
    PREDIRE,
)
