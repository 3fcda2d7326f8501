"""Réseaux de la série : chaque fonction rend un réseau Keras non compilé.

Entrée commune : images (n, 28, 28, 1), float32 entre 0 et 1, vêtement clair sur fond noir.
Sortie commune : (n, 10) probabilités. `compile` et `fit` restent dans les labos, qui les enseignent.
"""

from keras import Input, Sequential, layers

FORME_ENTREE = (28, 28, 1)
NOMBRE_CLASSES = 10


def une_convolution():
    """Réseau publié à une convolution (693 962 paramètres)."""
    return Sequential(
        [
            Input(shape=FORME_ENTREE),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(NOMBRE_CLASSES, activation="softmax"),
        ],
        name="une_convolution",
    )


def quatre_convolutions():
    """Réseau publié à quatre convolutions (1 221 546 paramètres)."""
    return Sequential(
        [
            Input(shape=FORME_ENTREE),
            layers.Conv2D(32, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Conv2D(64, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.25),
            layers.Conv2D(128, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(128, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(NOMBRE_CLASSES, activation="softmax"),
        ],
        name="quatre_convolutions",
    )


def reseau_photos(largeur=32):
    """Réseau de référence pour les photos (289 066 paramètres pour `largeur=32`).

    Trois étages de deux convolutions « convolution, normalisation, ReLU » ; la moyenne globale
    remplace `Flatten` : le réseau dépend moins de la position du vêtement, et il est plus petit.
    """
    couches = [Input(shape=FORME_ENTREE)]
    for etage in range(3):
        for _ in range(2):
            couches += [
                layers.Conv2D(largeur * 2**etage, 3, padding="same", use_bias=False),
                layers.BatchNormalization(),
                layers.ReLU(),
            ]
        if etage < 2:
            couches.append(layers.MaxPooling2D(2))
    couches += [
        layers.GlobalAveragePooling2D(),
        layers.Dense(NOMBRE_CLASSES, activation="softmax"),
    ]
    return Sequential(couches, name="reseau_photos")
