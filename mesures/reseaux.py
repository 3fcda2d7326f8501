"""Réseaux de la série : chaque fonction rend un réseau Keras non compilé.

Entrée commune : images (n, 28, 28, 1), float32 entre 0 et 1, vêtement clair sur fond noir.
Sortie commune : (n, 10) probabilités. `compile` et `fit` restent dans les labos, qui les enseignent.
"""

from keras import Input, Model, Sequential, layers, ops

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


def cinq_convolutions(largeur=32):
    """Notre réseau à cinq convolutions (279 722 paramètres pour `largeur=32`), celui des études de frontiere.ipynb.

    Une seule convolution à pleine taille, où elle coûte le plus. Le maximum 2×2 vient avant la normalisation, qui
    a quatre fois moins à faire. La moyenne globale remplace `Flatten` (Lin, Chen et Yan, « Network in Network »,
    2014) : le réseau est plus petit, et dépend moins de la position du vêtement.
    """
    couches = [Input(shape=FORME_ENTREE)]
    for etage, filtres in enumerate([(largeur,), (2 * largeur,) * 2, (4 * largeur,) * 2]):
        for i, n in enumerate(filtres, start=1):
            couches.append(layers.Conv2D(n, 3, padding="same", use_bias=False))
            if etage < 2 and i == len(filtres):
                couches.append(layers.MaxPooling2D(2))
            couches += [layers.BatchNormalization(momentum=0.9), layers.ReLU()]
    couches += [
        layers.GlobalAveragePooling2D(),
        layers.Dense(NOMBRE_CLASSES, activation="softmax"),
    ]
    return Sequential(couches, name="cinq_convolutions")


def avec_miroir(reseau):
    """Copie qui répond la moyenne de `reseau` sur l'image et sur son miroir : mêmes poids, deux passages."""
    copie = type(reseau).from_config(
        reseau.get_config()
    )  # sans l'optimiseur, trois fois plus lourd
    copie.set_weights(reseau.get_weights())
    image = Input(shape=FORME_ENTREE)
    reponses = copie(image), copie(ops.flip(image, axis=2))
    return Model(image, layers.Average()(reponses), name=f"{reseau.name}_avec_miroir")
