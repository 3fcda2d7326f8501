"""L'optimiseur Muon et la normalisation en une passe, tels que les écrit la frontière (labo 3)."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from mesures.cellules import definir

NOMS = {"keras": keras, "layers": layers, "np": np, "ops": ops, "tf": tf}
LABO = definir("frontiere", "orthogonaliser", "muon", "normaliser", **NOMS)
Muon, orthogonaliser = LABO["Muon"], LABO["orthogonaliser"]


def reseau():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(6, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )


@pytest.mark.parametrize("forme", [(40, 12), (12, 40), (12, 12)])
def test_orthogonaliser_egalise_les_directions_et_les_garde(forme):
    hasard = np.random.default_rng(0)
    u, _, v = np.linalg.svd(hasard.normal(size=forme), full_matrices=False)
    matrice = (u * np.geomspace(1, 0.05, 12)) @ v
    rendue = np.asarray(orthogonaliser(matrice.astype("float32")))
    assert rendue.shape == forme
    obtenues = np.diag(u.T @ rendue @ v.T)  # ce que devient chaque direction
    assert obtenues.min() > 0.4 and obtenues.max() < 1.3
    np.testing.assert_allclose(rendue, (u * obtenues) @ v, atol=1e-3)


def test_apprend_avec_fit_et_garde_la_longueur_des_noyaux():
    hasard = np.random.default_rng(0)
    y = hasard.integers(0, 2, 256)
    X = hasard.normal(size=(256, 8, 8, 1)).astype("float32")
    X[y == 1, :, ::2] += 1.5  # des raies
    modele = reseau()
    modele.compile(Muon(4e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    modele.fit(X, y, epochs=8, batch_size=32, verbose=0)
    assert modele.evaluate(X, y, verbose=0)[1] > 0.9
    noyau = modele.layers[0].get_weights()[0]
    # À chaque pas, la longueur redevient √6 ; le dernier pas l'a changée d'au plus 0,05 × 1,3 × √6.
    assert np.linalg.norm(noyau) == pytest.approx(6**0.5, rel=0.1)


def test_hors_des_noyaux_c_est_adamw():
    gradients = [np.ones(v.shape, "float32") for v in reseau().trainable_variables]
    poids = []
    for optimiseur in (
        Muon(1e-2, weight_decay=0.1),
        keras.optimizers.AdamW(1e-2, weight_decay=0.1),
    ):
        modele = reseau()
        optimiseur.apply(
            [keras.ops.convert_to_tensor(g) for g in gradients], modele.trainable_variables
        )
        poids.append([np.asarray(v) for v in modele.trainable_variables])
    for muon, adamw in zip(*poids, strict=True):
        assert np.allclose(muon, adamw) == (muon.ndim != 4)


def test_la_normalisation_en_une_passe_est_celle_de_keras():
    hasard = np.random.default_rng(0)
    images = tf.constant(3 + 2 * hasard.normal(size=(64, 8, 8, 5)), "float32")
    retour = tf.constant(hasard.normal(size=images.shape), "float32")
    resultats = []
    for classe in (layers.BatchNormalization, LABO["EnUnePasse"]):
        couche = classe(momentum=0.9)
        couche.build(images.shape)
        couche.gamma.assign(np.linspace(0.5, 2, 5))
        with tf.GradientTape() as bande:
            bande.watch(images)
            sorties = couche(images, training=True)
        gradients = bande.gradient(
            sorties, [images, couche.gamma.value, couche.beta.value], output_gradients=retour
        )
        resultats.append([sorties, *gradients, *couche.weights, couche(images)])
    for celle_de_keras, la_notre in zip(*resultats, strict=True):
        np.testing.assert_allclose(la_notre, celle_de_keras, rtol=2e-3, atol=2e-3)
