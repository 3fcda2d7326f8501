"""Entraîne le réseau de référence pour les photos, sur Fashion-MNIST seulement, et l'écrit.

    python mesures/reference.py                 60 000 images, puis modele/reference/
    python mesures/reference.py --validation    54 000 images, mesure sur les 6 000 autres, n'écrit rien

Aucune photo ne sert à l'entraînement. Les images de Fashion-MNIST sont déformées pour ressembler à ce
que `outils.preparation.preparer_photo` tire d'une photo : manches écartées, chaussures par paires et
sous tous les angles, perspective, plis, détourage troué ou débordant, tons changés. Une vue manque à
Fashion-MNIST, la paire vue d'en haut : elle est dessinée.

`mesures/reference_essais.csv` : ce qui a été essayé ; précision macro sur les photos qui servent à choisir, le réseau
entier appris de nouveau, ou sa dernière couche seule. Deux lignes, « plafond », apprennent de ces photos mêmes : ce
qu'on aurait en s'en servant.
"""

import argparse
import math
import os
import sys
import time
from functools import partial
from pathlib import Path

RACINE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(RACINE / "analyse_image"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import reseaux  # noqa: E402
import tensorflow as tf  # noqa: E402
from cellules import definir  # noqa: E402
from tqdm.auto import tqdm  # noqa: E402

from outils import donnees, modele  # noqa: E402
from service.exporter import exporter_modele  # noqa: E402

# Le réseau, l'optimiseur et le calcul en bfloat16 sont ceux de frontiere.ipynb, qui les explique.
CELLULES = (
    *("imports", "sept", "cycle", "orthogonaliser", "muon"),
    *("etape", "lisser", "normaliser", "bf16"),
)
GRAINE = 13
# Deux dernières époques, sur des images nettes seulement, gagnent sur le jeu de test et perdent sur les
# photos ; la moyenne des poids d'avant et d'après garde presque tout des deux (Wortsman et al., « Robust
# fine-tuning of zero-shot models », 2022).
EPOQUES, FINITION = 11, 2
LOT = 256
# Part des images laissées telles quelles, au retournement et à un pixel près, au début et à la fin : les
# déformations d'abord, les images nettes à la fin.
PARTS_NETTES = 0.25, 0.85
PART_DESSUS = 0.25  # des souliers déformés, remplacés par une paire vue d'en haut
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


def projeter(x, a, b, tx, d, e, ty, evase=0.0):
    """Le pixel (u, v) de sortie est lu en (a·u + b·v + tx, d·u + e·v + ty) ; `evase` > 0 élargit le bas."""
    zero = tf.zeros_like(a)
    k = zero + evase
    coefficients = [a, b + k, tx - CENTRE * k, d, e + k, ty - CENTRE * k, zero, k / CENTRE]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x,
        transforms=tf.stack(coefficients, axis=1) / (1 - k)[:, None],
        output_shape=[28, 28],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def affine(x, angle, echelle_x, echelle_y, cisaillement=0.0, dx=0.0, dy=0.0, evase=0.0):
    """Tourne, étire et déplace chaque image autour de son centre ; perspective : le bas plus large, ou le haut."""
    cos, sin = tf.cos(angle), tf.sin(angle)
    a, b = cos / echelle_x, (cos * cisaillement - sin) / echelle_y
    d, e = sin / echelle_x, (cos + sin * cisaillement) / echelle_y
    tx = CENTRE - a * (CENTRE + dx) - b * (CENTRE + dy)
    ty = CENTRE - d * (CENTRE + dx) - e * (CENTRE + dy)
    return projeter(x, a, b, tx, d, e, ty, evase)


def tourner_autour(x, angle, px, py):
    cos, sin = tf.cos(angle), tf.sin(angle)
    return projeter(x, cos, sin, px - cos * px - sin * py, -sin, cos, py + sin * px - cos * py)


def boite(x):
    """Premières et dernières ligne et colonne qui ne sont pas du fond : y0, y1, x0, x1, chacune (n,)."""
    plein = x[..., 0] > 0.06
    bornes = []
    for axe in (2, 1):
        traits = tf.cast(tf.reduce_any(plein, axe), tf.int32)
        bornes += [tf.argmax(traits, 1), 27 - tf.argmax(traits[:, ::-1], 1)]
    return [tf.cast(b, tf.float32) for b in bornes]


def recadrer(x):
    """Comme la préparation : rogne, plus long côté à 28 pixels, centre."""
    y0, y1, x0, x1 = boite(x)
    pas = tf.maximum(tf.maximum(y1 - y0, x1 - x0) + 1, 8) / 28
    zero = tf.zeros_like(pas)
    return projeter(
        x, pas, zero, (x0 + x1) / 2 - CENTRE * pas, zero, pas, (y0 + y1) / 2 - CENTRE * pas
    )


# --- Ce qu'une photo fait subir à un vêtement ----------------------------------------------------------

SOULIERS, HAUTS, PANTALON, ROBE, SAC = (5, 7, 9), (0, 2, 4, 6), 1, 3, 8
# Poids des images déformées, par classe, choisis sur les photos d'apprentissage. Sans eux, une forme abîmée
# devient un sac ou une chemise, les deux classes les plus diverses de Fashion-MNIST.
POIDS = (1.3, 1.3, 2.6, 1.2, 0.85, 1.3, 0.7, 1.3, 0.3, 1.3)


def est(y, *classes):
    return tf.reduce_any(y[:, None] == tf.constant(classes, y.dtype), axis=1)


def ecarter_manches(x, y, echelle=0.72):
    """Pantin : torse et manches (ou jambes) séparés, les manches tournées autour des épaules."""
    n = tf.shape(x)[0]
    haut, pantalon = tf.cast(est(y, *HAUTS), tf.float32), tf.cast(est(y, PANTALON), tf.float32)
    robe = tf.cast(est(y, ROBE), tf.float32)
    k = tf.fill((n,), echelle)  # la place d'écarter les manches
    x = affine(x, tf.zeros_like(k), k, k)
    demi_torse = uniforme(n, 4, 7) * (1 - pantalon) * k
    epaule = CENTRE + k * (uniforme(n, 2, 6) - CENTRE)
    angle = (
        uniforme(n, 0, 1.2) * haut
        + uniforme(n, 0, 0.5) * robe
        + uniforme(n, -0.05, 0.15) * pantalon
    )
    angle *= pile(n, 0.85)
    u = tf.range(28.0)[None] - CENTRE
    gauche, droite, torse = (
        tf.cast(m, tf.float32)[:, None, :, None]
        for m in (
            u < 0.5 - demi_torse[:, None],
            u > demi_torse[:, None] - 0.5,
            tf.abs(u) <= demi_torse[:, None] + 0.5,
        )
    )
    a, b = angle + haut * normale(n, 0.15), -angle + haut * normale(n, 0.15)
    manches = tf.maximum(
        tourner_autour(x * gauche, a, CENTRE - demi_torse, epaule),
        tourner_autour(x * droite, b, CENTRE + demi_torse, epaule),
    )
    return tf.maximum(manches, x * torse)


def en_paire(x):
    """Deux chaussures côte à côte, sous un angle quelconque."""
    n = tf.shape(x)[0]
    angle, echelle, ecart = (
        uniforme(n, -math.pi, math.pi),
        uniforme(n, 0.55, 0.75),
        uniforme(n, 3, 6.5),
    )
    dx, dy = -tf.sin(angle) * ecart, tf.cos(angle) * ecart
    autre = choisir(pile(n, 0.6), x[:, ::-1], x)
    haut, cisaillement = echelle * tf.exp(normale(n, 0.2)), normale(n, 0.08)
    premiere = affine(x, angle + normale(n, 0.15), echelle, haut, cisaillement, -dx, -dy)
    seconde = affine(autre, angle + normale(n, 0.2), echelle, haut, cisaillement, dx, dy)
    return tf.maximum(premiere, seconde)


def vue_d_en_haut(y):
    """Une paire vue d'en haut, dessinée : sandales (5) à brides, autres souliers fermés. (n, 28, 28, 1)."""
    n = tf.shape(y)[0]
    grille = (tf.range(56.0) - 27.5) / 28
    angle, longueur = uniforme(n, -0.2, 0.2), uniforme(n, 0.8, 0.98)
    largeur = longueur * uniforme(n, 0.3, 0.46)
    v = grille[None, :, None, None]
    u = grille[None, None, :, None] + c(largeur * uniforme(n, 0.8, 1.25))
    cos, sin = c(tf.cos(angle)), c(tf.sin(angle))
    long = (sin * u + cos * v) / c(longueur)  # -1 : la pointe, 1 : le talon
    bord = c(largeur) * tf.maximum(1 - long**2, 0) ** c(uniforme(n, 0.3, 0.6))
    bord *= 1 - c(uniforme(n, 0, 0.25)) * tf.exp(-(((long - 0.2) / 0.3) ** 2))  # la cambrure
    travers = tf.abs(cos * u - sin * v) / tf.maximum(bord, 0.01)  # 0 : le milieu, 1 : le bord

    debut, demi = c(uniforme(n, 0.2, 0.5)), c(uniforme(n, 0.3, 0.55))
    ouverture = ((long - debut) / demi) ** 2 + (travers / c(uniforme(n, 0.5, 0.85))) ** 2 < 1
    lacets = (tf.sin(c(uniforme(n, 18, 28)) * long) > 0) & (travers < 0.45) & (long < debut - demi)
    ferme = ~(ouverture | (lacets & (c(pile(n, 0.5)) > 0)))
    demi_bride = c(uniforme(n, 0.06, 0.18))
    brides = tf.abs(long - c(uniforme(n, -0.6, -0.2))) < demi_bride
    brides |= tf.abs(long - c(uniforme(n, 0.1, 0.7))) < demi_bride
    tong = tf.abs(travers - tf.clip_by_value(1.3 * (long + 0.55), 0, 1)) < 0.22
    tong &= tf.abs(long + 0.15) < 0.45
    dessus = tf.where(c(est(y, 5)), choisir(pile(n, 0.5), brides, tong), ferme)

    pied = tf.where(dessus, c(uniforme(n, 0.2, 0.95)), c(uniforme(n, 0.1, 0.95)))
    pied = tf.maximum(pied - 0.12 * tf.cast(travers > 0.82, tf.float32), 0.07)
    pied = tf.where((travers < 1) & (tf.abs(long) < 1), pied, 0.0)
    pied = tf.nn.avg_pool2d(pied, 2, 2, "SAME")
    paire = tf.maximum(pied, affine(pied[:, :, ::-1], normale(n, 0.05), 1.0, 1.0))
    return choisir(pile(n, 0.4), paire[:, ::-1], paire)


def deformer(x, y):
    """La pose et le cadrage : manches, angle, perspective, paire, détourage troué, vêtement coupé."""
    n = tf.shape(x)[0]
    soulier = tf.cast(est(y, *SOULIERS), tf.float32)
    articule = pile(n, 0.6) * (1 - soulier) * (1 - tf.cast(est(y, SAC), tf.float32))
    x = choisir(articule, ecarter_manches(x, y), x)
    dessus = pile(n, PART_DESSUS) * soulier
    x = choisir(dessus, vue_d_en_haut(y), x)
    angle = normale(n, 0.1) + pile(n, 0.2) * soulier * uniforme(n, -math.pi, math.pi)
    echelle, allongement = 0.8 + 0.2 * articule, tf.exp(normale(n, 0.12))
    evase = normale(n, 0.12) + tf.cast(est(y, ROBE), tf.float32) * uniforme(n, 0, 0.2)
    largeur, hauteur = echelle * allongement, echelle / allongement
    seul = affine(x, angle, largeur, hauteur, normale(n, 0.08), evase=evase)
    x = choisir(pile(n, 0.3) * soulier * (1 - dessus), en_paire(x), seul)
    trou = champ(n, 6, 6) > c(uniforme(n, 1.2, 2.2))
    x = recadrer(tf.where(trou & (c(pile(n, 0.2)) > 0), 0.0, x))
    k, sens = tf.exp(uniforme(n, 0, 0.35)), uniforme(n, 0, 2 * math.pi)
    recul = CENTRE * (k - 1) + 1
    zero = tf.zeros_like(k)
    coupe = affine(x, zero, k, k, 0.0, recul * tf.cos(sens), recul * tf.sin(sens))
    return choisir(pile(n, 0.15), recadrer(coupe), x)


def changer_tons(x):
    """La matière et la lumière : tons, ombres, texture ; puis restes de fond, flou ou accentuation."""
    n = tf.shape(x)[0]
    vetement = tf.clip_by_value(x * 12, 0, 1)
    t = choisir(pile(n, 0.2), 1.05 - x, x)
    t = tf.clip_by_value(t, 0.02, 1) ** c(tf.exp(normale(n, 0.25)))
    aire = tf.maximum(tf.reduce_sum(vetement, axis=[1, 2, 3]), 1)
    moyenne = tf.reduce_sum(t * vetement, axis=[1, 2, 3]) / aire
    t = c(uniforme(n, 0.45, 0.85)) + c(uniforme(n, 0.25, 1)) * (t - c(moyenne))
    t *= 1 + c(uniforme(n, 0, 0.2)) * champ(n, 4, 4)
    t += c(pile(n, 0.5) * uniforme(n, 0, 0.1)) * champ(n, 14, 14)
    x = choisir(pile(n, 0.85), tf.clip_by_value(t, 0.04, 1) * vetement, x)
    reste = (champ(n, 5, 5) > c(uniforme(n, 0.9, 2.2))) & (vetement < 0.3) & (c(pile(n, 0.15)) > 0)
    ton_du_reste = c(uniforme(n, 0.15, 0.9)) * (1 + 0.2 * champ(n, 7, 7))
    x = tf.where(reste, tf.clip_by_value(ton_du_reste, 0.05, 1), x)
    x += c(pile(n, 0.5) * uniforme(n, 0, 1)) * (tf.nn.avg_pool2d(x, 3, 1, "SAME") - x)
    nettete = c(pile(n, 0.3) * uniforme(n, 0, 1)) * tf.cast(x > 0.03, tf.float32)
    return tf.clip_by_value(x - nettete * (tf.nn.avg_pool2d(x, 3, 1, "SAME") - x), 0, 1)


def augmenter(x, y, part_nette):
    """Rend les images augmentées et leur poids : float32 (n, 28, 28, 1), (n,)."""
    n = tf.shape(x)[0]
    x = choisir(pile(n, 0.5), x[:, :, ::-1], x)
    k = tf.cast(part_nette * tf.cast(n, tf.float32), tf.int32)
    nettes = tf.roll(x[:k], tf.random.uniform((2,), -1, 2, tf.int32), axis=[1, 2])
    deformees = changer_tons(deformer(x[k:], y[k:]))
    poids = tf.concat([tf.ones((k,)), tf.gather(tf.constant(POIDS), y[k:])], 0)
    return tf.concat([nettes, deformees], 0), poids


# --- Entraînement --------------------------------------------------------------------------------------


def lots(X, y, cibles, epoques, parts_nettes):
    """tf.data de tous les pas : (images augmentées, cibles, poids), mélangées à chaque époque."""
    pas = epoques * (len(X) // LOT)
    debut, fin = parts_nettes

    def preparer(numero, lot):
        images, etiquettes, cibles = lot
        images = tf.cast(images, tf.float32)[..., None] / 255
        avancement = tf.cast(numero, tf.float32) / pas
        part_nette = debut + (fin - debut) * avancement
        images, poids = augmenter(images, tf.cast(etiquettes, tf.int32), part_nette)
        return images, cibles, poids

    melange = tf.data.Dataset.from_tensor_slices((X, y, cibles)).shuffle(len(X), seed=GRAINE)
    suite = melange.batch(LOT, drop_remainder=True).repeat(epoques).enumerate()
    return suite.map(preparer, num_parallel_calls=2).prefetch(4)


def ajuster(labo, reseau, suite, plan):
    """Entraîne sur tous les lots d'une suite, avec un plan de taux donné."""
    etape = tf.function(partial(labo["apprendre"], reseau, labo["Muon"](plan, weight_decay=0.05)))
    for lot in tqdm(suite, unit=" lots"):
        etape(*lot)


def entrainer(X, y, epoques=EPOQUES):
    """Rend le réseau entraîné, qui moyenne l'image et son miroir, et les secondes (montre, processeur)."""
    labo = definir("frontiere", *CELLULES, os=os, Path=Path)
    keras.utils.set_random_seed(GRAINE)
    debut = np.array([time.perf_counter(), time.process_time()])
    labo["calculer_en_bf16"](labo["BF16"])
    reseau, cibles = labo["sept_convolutions"](normaliser=labo["EnUnePasse"]), labo["lisser"](y)
    suite = lots(X, y, cibles, epoques, PARTS_NETTES)
    ajuster(labo, reseau, suite, labo["un_cycle"](len(suite)))
    avant, suite = reseau.get_weights(), lots(X, y, cibles, FINITION, (1.0, 1.0))
    ajuster(labo, reseau, suite, keras.optimizers.schedules.CosineDecay(5e-4, len(suite)))
    labo["calculer_en_bf16"](False)
    # Les normalisations de Keras : celles du labo, plus rapides, n'existent que dans ses cellules.
    ordinaire = keras.Sequential(labo["sept_convolutions"]().layers, name="sept_convolutions")
    ordinaire.set_weights([(a + b) / 2 for a, b in zip(avant, reseau.get_weights(), strict=True)])
    secondes = np.array([time.perf_counter(), time.process_time()]) - debut
    return reseaux.avec_miroir(ordinaire), secondes


def precision(reseau, X, y):
    entrees = X[..., np.newaxis] / np.float32(255)
    return float((reseau.predict(entrees, batch_size=500, verbose=0).argmax(axis=1) == y).mean())


def principal():
    arguments = argparse.ArgumentParser(description="Entraîne et écrit le réseau de référence.")
    arguments.add_argument("--validation", action="store_true", help="54 000 images, n'écrit rien")
    arguments.add_argument("--epoques", type=int, default=EPOQUES)
    arguments.add_argument("--sortie", type=Path, default=RACINE / "modele" / "reference")
    options = arguments.parse_args()
    (X, y), (X_test, y_test) = donnees.charger_fashion_mnist()
    if options.validation:
        ordre = np.random.default_rng(0).permutation(len(X))
        retenues = ordre[-len(X) // 10 :]
        X_mesure, y_mesure, jeu = X[retenues], y[retenues], "validation"
        X, y = X[ordre[: -len(X) // 10]], y[ordre[: -len(X) // 10]]
    else:
        X_mesure, y_mesure, jeu = X_test, y_test, "test"
    reseau, secondes = entrainer(X, y, options.epoques)
    minutes, minutes_cpu = (round(float(s) / 60, 1) for s in secondes)
    mesure = precision(reseau, X_mesure, y_mesure)
    print(
        f"\n{'images':>8} {'époques':>8} {'paramètres':>11} {'minutes':>8} {'calcul':>8}  précision ({jeu})"
    )
    print(
        f"{len(X):>8} {options.epoques:>5}+{FINITION:<2} {reseau.count_params():>11} {minutes:>8} "
        f"{minutes_cpu:>8}  {mesure:.4f}"
    )
    if not options.validation:
        details = {
            "precision_test": round(mesure, 4),
            "minutes": minutes,
            "minutes_processeur": minutes_cpu,
        }
        modele.sauvegarder_modele(reseau, options.sortie, donnees.CLASSES, **details)
        exporter_modele(reseau, options.sortie)  # pour le service et la page
        print(f"Modèle sauvegardé ! ({options.sortie})")


if __name__ == "__main__":
    principal()
