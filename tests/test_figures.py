"""Ce que les labos montrent : la bonne image sous la bonne étiquette."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from outils.figures import afficher_images

CLASSES = ["bottomwear", "shoes", "topwear"]
# Neuf images unies : la valeur de l'image dit sa classe.
Y = np.array([2, 0, 1, 1, 2, 0, 0, 1, 2])
X = np.repeat((0.2 + 0.3 * Y)[:, None, None, None], 8, axis=1).repeat(8, axis=2).repeat(3, axis=3)
X = X.astype("float32")


@pytest.fixture
def montrees(monkeypatch):
    """Ce qui est affiché : liste de (valeur de l'image entre 0 et 1, titre)."""
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.close("all")

    def lire():
        axes = [axe for axe in plt.gcf().axes if axe.images]
        tableaux = [np.asarray(axe.images[0].get_array()) for axe in axes]
        valeurs = [t.max() / (255 if t.dtype == np.uint8 else 1) for t in tableaux]
        return [
            (round(float(v), 1), a.get_title("left")) for v, a in zip(valeurs, axes, strict=True)
        ]

    yield lire
    plt.close("all")


def attendues(n, noms=CLASSES):
    return [(round(0.2 + 0.3 * int(y), 1), noms[y]) for y in Y[:n]]


def par_tf_data(echelle=1.0, un_parmi_trois=False):
    import tensorflow as tf

    y = np.eye(3)[Y] if un_parmi_trois else Y
    return tf.data.Dataset.from_tensor_slices((X * echelle, y)).batch(4)


def par_keras():
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    flux = ImageDataGenerator().flow(X, np.eye(3)[Y], batch_size=2, shuffle=False)
    flux.class_indices = {"topwear": 2, "bottomwear": 0, "shoes": 1}
    return flux


@pytest.mark.parametrize(
    "source",
    [
        lambda: (X, Y),
        lambda: ((X * 255).astype("uint8"), np.eye(3)[Y]),
        par_tf_data,
        lambda: par_tf_data(255.0, True),
    ],
    ids=("tableaux", "octets", "tf.data", "tf.data 0–255"),
)
def test_chaque_image_est_sous_son_etiquette(montrees, source):
    afficher_images(source(), n_images=5, classes=CLASSES)
    assert montrees() == attendues(5)


def test_un_generateur_de_keras_donne_lui_meme_ses_classes(montrees):
    afficher_images(par_keras())
    assert montrees() == attendues(5)


def test_sans_noms_les_numeros(montrees):
    afficher_images((X, Y), n_images=3)
    assert montrees() == attendues(3, ["0", "1", "2"])


def test_un_jeu_vide_est_dit():
    with pytest.raises(ValueError, match="le jeu est vide"):
        afficher_images((X[:0], Y[:0]))
