"""Entraîne le réseau de référence pour les photos, sur Fashion-MNIST seulement, et l'écrit.

    python mesures/reference.py                 60 000 images, puis modele/reference/
    python mesures/reference.py --validation    54 000 images, mesure sur les 6 000 autres, n'écrit rien

Aucune photo ne sert à l'entraînement. Les images de Fashion-MNIST sont déformées pour ressembler à ce
que `outils.preparation.preparer_photo` tire d'une photo : manches écartées, chaussures par paires et
sous tous les angles, plis, détourage troué ou débordant, tons changés.
"""

import argparse
import math
import os
import sys
import time
from pathlib import Path

RACINE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(RACINE / "analyse_image"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from outils import donnees, modele, reseaux  # noqa: E402

GRAINE = 13
EPOQUES = 16
LOT = 128
PAS_MAX = 4e-3  # taux d'apprentissage au sommet du cycle
LISSAGE = 0.05  # des étiquettes
PART_NETTE = 0.35  # part des images laissées telles quelles, au retournement et à un pixel près
CENTRE = 13.5

# --- Tirages et déformations, par lot : images float32 (n, 28, 28, 1), paramètres (n,) ---------------


def uniforme(n, bas, haut):
    return tf.random.uniform((n,), bas, haut)


def normale(n, ecart):
    return tf.clip_by_value(tf.random.normal((n,), 0, ecart), -2.5 * ecart, 2.5 * ecart)


def pile(n, probabilite):
    """1.0 avec la probabilité donnée, sinon 0.0."""
    return tf.cast(uniforme(n, 0, 1) < probabilite, tf.float32)


def c(v):
    """(n,) → (n, 1, 1, 1), pour multiplier des images."""
    return tf.reshape(v, (-1, 1, 1, 1))


def choisir(quand, oui, non):
    return tf.where(c(quand) > 0, oui, non)


def champ(n, hauteur, largeur, taille=28):
    """Bruit lisse (n, taille, taille, 1), d'écart-type 1 environ."""
    bruit = tf.random.normal((n, hauteur, largeur, 1))
    return tf.image.resize(bruit, (taille, taille), method="bilinear")


def projeter(x, a, b, tx, d, e, ty, bord="CONSTANT"):
    """Le pixel (u, v) de sortie est lu en (a·u + b·v + tx, d·u + e·v + ty)."""
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x,
        transforms=tf.stack([a, b, tx, d, e, ty, zero, zero], axis=1),
        output_shape=[28, 28],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=bord,
    )


def affine(x, angle, echelle_x, echelle_y, cisaillement=0.0, dx=0.0, dy=0.0):
    """Tourne, étire et déplace chaque image autour de son centre."""
    cos, sin = tf.cos(angle), tf.sin(angle)
    a, b = cos / echelle_x, (cos * cisaillement - sin) / echelle_y
    d, e = sin / echelle_x, (cos + sin * cisaillement) / echelle_y
    tx = CENTRE - a * (CENTRE + dx) - b * (CENTRE + dy)
    ty = CENTRE - d * (CENTRE + dx) - e * (CENTRE + dy)
    return projeter(x, a, b, tx, d, e, ty)


def tourner_autour(x, angle, px, py):
    cos, sin = tf.cos(angle), tf.sin(angle)
    return projeter(x, cos, sin, px - cos * px - sin * py, -sin, cos, py + sin * px - cos * py)


def recadrer(x):
    """Comme la préparation : rogne, plus long côté à 28 pixels, centre."""
    plein = x[..., 0] > 0.06

    def bornes(traits):
        entiers = tf.cast(traits, tf.int32)
        debut, fin = tf.argmax(entiers, 1), 27 - tf.argmax(entiers[:, ::-1], 1)
        return tf.cast(debut, tf.float32), tf.cast(fin, tf.float32)

    (y0, y1), (x0, x1) = bornes(tf.reduce_any(plein, 2)), bornes(tf.reduce_any(plein, 1))
    pas = tf.maximum(tf.maximum(y1 - y0, x1 - x0) + 1, 8) / 28
    zero = tf.zeros_like(pas)
    return projeter(
        x, pas, zero, (x0 + x1) / 2 - CENTRE * pas, zero, pas, (y0 + y1) / 2 - CENTRE * pas
    )
