"""Des vêtements dessinés par le code : le jumeau hors ligne des jeux de données.

Chaque vêtement est une liste de tracés (polygones et lignes) en coordonnées sans unité ; le même
dessin sert à l'imagette 28×28 de Fashion-MNIST et à la « photo de catalogue » en couleurs.
Aucune donnée réelle n'entre ici : un résultat obtenu sur ces dessins ne dit rien des vraies photos.

Régénérer les images d'exemple, depuis le dossier `analyse_image/` :

    python -m outils.garde_robe ../images
"""

import io
import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFilter
from tqdm.auto import tqdm

from outils.fichiers import dossier_atomique, ecriture_atomique

# Les matières d'un tracé : chacune reçoit un gris (imagette) ou une couleur (photo).
TISSU, ACCENT, METAL, PLI = range(4)


class Trait(NamedTuple):
    """Un tracé : surface pleine (`epaisseur` nulle) ou ligne, dans une matière.

    `points` : (k, 2) flottants, x vers la droite et y vers le bas. `ton` multiplie la clarté de la
    matière (0,5 : deux fois plus sombre sur la photo).
    """

    points: np.ndarray
    matiere: int = TISSU
    ton: float = 1.0
    epaisseur: float = 0.0


class Motif(NamedTuple):
    """Le motif du tissu : genre (voir `_champ_motif`), répétitions sur le côté, angle, phase."""

    genre: str = "chine"
    frequence: float = 8.0
    angle: float = 0.0
    phase: float = 0.0
    contraste: float = 0.0


# --- Courbes ------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _matrice_courbe(coins, fermee, pas):
    """Matrice (m, k) qui fait passer une spline d'Hermite par k points, anguleuse aux `coins`."""
    k = len(coins)
    identite = np.eye(k)
    t = np.arange(pas)[:, None] / pas
    h00, h10 = 2 * t**3 - 3 * t**2 + 1, t**3 - 2 * t**2 + t
    h01, h11 = 3 * t**2 - 2 * t**3, t**3 - t**2
    morceaux = []
    for i in range(k if fermee else k - 1):
        j = (i + 1) % k
        corde = identite[j] - identite[i]
        libre_i = coins[i] or (not fermee and i == 0)
        libre_j = coins[j] or (not fermee and j == k - 1)
        depart = corde if libre_i else (identite[j] - identite[i - 1]) / 2
        arrivee = corde if libre_j else (identite[(j + 1) % k] - identite[i]) / 2
        if libre_i and libre_j:  # un segment droit n'a besoin que de son origine
            morceaux.append(identite[i : i + 1])
        else:
            morceaux.append(h00 * identite[i] + h10 * depart + h01 * identite[j] + h11 * arrivee)
    if not fermee:
        morceaux.append(identite[-1:])
    return np.concatenate(morceaux)


def _courbe(points, fermee=True, pas=5):
    """Courbe lisse (m, 2) par des points (x, y), ou (x, y, 1) pour un angle vif."""
    coins = tuple(len(p) == 3 for p in points)
    return _matrice_courbe(coins, fermee, pas) @ np.array([p[:2] for p in points])


def _miroir(points):
    """Les mêmes points vus dans un miroir vertical, parcourus en sens inverse."""
    return [(-p[0], *p[1:]) for p in reversed(points)]


def _ruban(points, largeur, largeur_fin=None):
    """Bande (m, 2) d'épaisseur donnée le long d'une courbe ouverte : anse, lanière, bride."""
    axe = _courbe(points, fermee=False)
    tangente = np.empty_like(axe)
    tangente[1:-1] = axe[2:] - axe[:-2]
    tangente[0], tangente[-1] = axe[1] - axe[0], axe[-1] - axe[-2]
    normale = np.stack([-tangente[:, 1], tangente[:, 0]], axis=1)
    normale /= np.sqrt((normale**2).sum(axis=1, keepdims=True)) + 1e-9
    demi = np.linspace(largeur, largeur if largeur_fin is None else largeur_fin, len(axe)) / 2
    return np.concatenate([axe + normale * demi[:, None], (axe - normale * demi[:, None])[::-1]])


def _disque(x, y, rayon, cotes=10):
    angle = np.linspace(0, 2 * np.pi, cotes, endpoint=False)
    return np.stack([x + rayon * np.cos(angle), y + rayon * np.sin(angle)], axis=1)


def _ligne(points, epaisseur=0.008, matiere=TISSU, ton=0.72):
    return Trait(_courbe(points, fermee=False), matiere, ton, epaisseur)


# --- Les hauts : T-shirt, pull, robe, manteau, chemise --------------------------------------------
#
# Ici et plus bas, chaque vêtement est une fonction de `h`, où `h(a, b)` tire un nombre entre a et b ;
# elle renvoie ses tracés, du fond vers le devant, et son motif.


def _manche(epaule, aisselle, longueur, angle, largeur, poignet, ton):
    """Les deux manches, et les deux coins du poignet droit (dehors, dedans).

    `angle` : écart à la verticale, en radians ; `largeur` au milieu, `poignet` au bout.
    """
    sx, sy = np.sin(angle), np.cos(angle)
    axe = np.array([sx, sy])
    dehors_axe = np.array([sy, -sx])
    depart = np.array([epaule[0] - 0.02, epaule[1] + 0.03])
    bout, milieu = depart + longueur * axe, depart + 0.5 * longueur * axe
    dehors = (*(bout + poignet / 2 * dehors_axe), 1)
    dedans = (*(bout - poignet / 2 * dehors_axe), 1)
    contour = [(epaule[0] - 0.07, epaule[1] - 0.02), (epaule[0] + 0.005, epaule[1] + 0.012)]
    contour += [tuple(milieu + largeur * 0.5 * dehors_axe), dehors, dedans]
    if longueur > 0.5:
        contour.append(tuple(milieu - largeur * 0.5 * dehors_axe))
    contour += [(aisselle[0] - 0.01, aisselle[1]), (aisselle[0] - 0.05, aisselle[1] * 0.65)]
    return [Trait(_courbe(c), TISSU, ton) for c in (contour, _miroir(contour))], dehors, dedans


def _poignets(dehors, dedans, hauteur, matiere, ton):
    """Bords-côtes au bout des deux manches."""
    ax, ay = dehors[0] - dedans[0], dehors[1] - dedans[1]
    norme = (ax * ax + ay * ay) ** 0.5
    nx, ny = -ay / norme * -hauteur, ax / norme * -hauteur
    coin = [
        (dehors[0], dehors[1], 1),
        (dedans[0], dedans[1], 1),
        (dedans[0] + nx, dedans[1] + ny, 1),
        (dehors[0] + nx, dehors[1] + ny, 1),
    ]
    return [Trait(_courbe(coin), matiere, ton), Trait(_courbe(_miroir(coin)), matiere, ton)]


def _corps(cotes, col, profondeur, pointu=False, ourlet_rond=0.01, dos=0.62):
    """Le dos visible dans l'encolure, puis le devant. `cotes` : côté droit, épaule à ourlet."""
    droite = [(col, 0.0, 1), *cotes]
    bas = cotes[-1][1]
    if pointu:
        encolure = [(0.0, profondeur, 1)]
    else:
        encolure = [
            (-col * 0.72, profondeur * 0.72),
            (0.0, profondeur),
            (col * 0.72, profondeur * 0.72),
        ]
    contour = [*droite, (0.0, bas + ourlet_rond), *_miroir(droite), *encolure]
    traits = []
    if dos is not None:
        fond = [(-col, 0.0, 1), (0.0, 0.022), (col, 0.0, 1), (col, profondeur * 0.6, 1)]
        fond += [(0.0, profondeur + 0.01, 1), (-col, profondeur * 0.6, 1)]
        traits.append(Trait(_courbe(fond), TISSU, dos))
    traits.append(Trait(_courbe(contour)))
    return traits


def _bord_encolure(col, profondeur, pointu, matiere=TISSU, ton=0.8, epaisseur=0.022):
    points = [(-col + 0.004, 0.004, 1)]
    points += [(0.0, profondeur, 1)] if pointu else [(-col * 0.72, profondeur * 0.72)]
    points += [] if pointu else [(0.0, profondeur), (col * 0.72, profondeur * 0.72)]
    points.append((col - 0.004, 0.004, 1))
    return Trait(_courbe(points, fermee=False), matiere, ton, epaisseur)


def _emmanchures(epaule, aisselle, bas=None, ton=0.7, ombre=0.72):
    """Coutures des manches ; jusqu'à `bas`, l'ombre que les manches portent sur les côtés."""
    couture = [(epaule[0] - 0.03, epaule[1] + 0.0), (epaule[0] - 0.05, aisselle[1] * 0.65)]
    couture.append(aisselle)
    traits = [_ligne(c, 0.012, TISSU, ton) for c in (couture, _miroir(couture))]
    if bas:
        cote = [(aisselle[0] - 0.01, aisselle[1] - 0.04), (aisselle[0] - 0.012, bas)]
        traits += [_ligne(c, 0.03, PLI, ombre) for c in (cote, _miroir(cote))]
    return traits


def _plis(h, nombre, x, haut, bas):
    """Ombres molles des plis du tissu."""
    traits = []
    for _ in range(nombre):
        x0, y0 = h(-x, x), h(haut, bas)
        longueur = h(0.2, 0.4)
        milieu, fin = min(y0 + longueur / 2, bas), min(y0 + longueur, bas)
        points = [(x0, y0), (x0 + h(-0.03, 0.03), milieu), (x0 + h(-0.06, 0.06), fin)]
        traits.append(_ligne(points, h(0.012, 0.03), PLI, h(0.8, 0.92)))
    return traits


def _chine(h):
    """Tissu presque uni : le grain seul."""
    return Motif("chine", contraste=h(0.0, 0.05))


def _motif_tissu(h, poids_uni=0.55, genres=("rayures", "carreaux", "pois", "fleurs", "chine")):
    if h(0, 1) < poids_uni:
        return _chine(h)
    genre = genres[int(h(0, len(genres)))]
    angle = (0.0 if h(0, 1) < 0.75 else np.pi / 2) + h(-0.04, 0.04)
    return _chine(h) if genre == "chine" else Motif(genre, h(5, 12), angle, h(0, 1), h(0.15, 0.6))


def _imprime(h, matiere=ACCENT):
    """Un dessin sur la poitrine : bandeau de texte, disque, anneau ou losange."""
    genre, y, ton = int(h(0, 4)), h(0.27, 0.4), h(0.5, 1.1)
    if genre == 0:
        traits = []
        for i in range(int(h(1, 3.99))):
            demi = h(0.06, 0.15)
            yi = y + i * 0.055
            points = [(-demi, yi, 1), (demi, yi, 1), (demi, yi + 0.033, 1), (-demi, yi + 0.033, 1)]
            traits.append(Trait(_courbe(points), matiere, ton))
        return traits
    r = h(0.06, 0.13)
    if genre == 1:
        return [Trait(_disque(0, y, r, 16), matiere, ton)]
    if genre == 2:
        return [Trait(_disque(0, y, r, 16), matiere, ton), Trait(_disque(0, y, r * 0.65, 16))]
    points = [(0, y - r, 1), (r, y, 1), (0, y + r, 1), (-r, y, 1)]
    return [Trait(_courbe(points), matiere, ton)]


def _t_shirt(h):
    taille = h(0.20, 0.25)
    epaule, aisselle = (h(0.24, 0.28), h(0.07, 0.11)), (h(0.21, 0.24), h(0.29, 0.35))
    col, profondeur, pointu = h(0.10, 0.15), h(0.06, 0.13), h(0, 1) < 0.2
    ourlet = taille + h(-0.01, 0.03)
    traits = []
    if h(0, 1) < 0.14:  # débardeur : pas de manches, encolure profonde
        col, profondeur = h(0.10, 0.13), h(0.16, 0.24)
        bretelle = col + h(0.04, 0.07)
        cotes = [(bretelle, 0.005, 1), (bretelle + 0.005, 0.18), (*aisselle, 1)]
        cotes += [(taille, 0.65), (ourlet, 1.0, 1)]
        traits += _corps(cotes, col, profondeur, dos=None if h(0, 1) < 0.6 else 0.7)
    else:
        manches, dehors, dedans = _manche(
            epaule, aisselle, h(0.20, 0.32), h(0.4, 0.75), h(0.13, 0.16), h(0.14, 0.18), h(0.9, 1.0)
        )
        traits += manches
        cotes = [epaule, aisselle, (taille, 0.65), (ourlet, 1.0, 1)]
        traits += _corps(cotes, col, profondeur, pointu)
        traits += _emmanchures(epaule, aisselle)
        traits += _poignets(dehors, dedans, 0.02, TISSU, 0.86)
    traits.append(_bord_encolure(col, profondeur, pointu))
    traits += _plis(h, 2, taille * 0.8, 0.4, 0.95)
    motif = _motif_tissu(h, 0.7)
    if motif.genre == "chine" and h(0, 1) < 0.5:
        traits += _imprime(h)
    traits.append(_ligne([(-ourlet + 0.01, 0.965), (0, 0.975), (ourlet - 0.01, 0.965)], 0.006))
    return traits, motif


def _pull(h):
    taille = h(0.20, 0.24)
    epaule, aisselle = (h(0.22, 0.27), h(0.07, 0.12)), (h(0.20, 0.23), h(0.29, 0.36))
    col, profondeur, pointu = h(0.09, 0.13), h(0.04, 0.08), h(0, 1) < 0.15
    if pointu:
        profondeur = h(0.12, 0.2)
    traits, dehors, dedans = _manche(
        epaule, aisselle, h(0.78, 0.86), h(0.09, 0.18), h(0.11, 0.14), h(0.085, 0.11), h(0.88, 1.0)
    )
    bas = h(0.88, 1.0)
    ourlet = taille - h(0, 0.02)
    cotes = [epaule, aisselle, (taille, bas * 0.7), (taille, bas - 0.07), (ourlet, bas, 1)]
    traits += _corps(cotes, col, profondeur, pointu)
    matiere, ton = (ACCENT, 1.0) if h(0, 1) < 0.15 else (TISSU, h(0.78, 0.9))
    traits += _poignets(dehors, dedans, h(0.05, 0.07), matiere, ton)
    cote = [(-ourlet - 0.005, bas - 0.06, 1), (0, bas - 0.055), (ourlet + 0.005, bas - 0.06, 1)]
    cote += [(ourlet, bas, 1), (0, bas + 0.01), (-ourlet, bas, 1)]
    traits.append(Trait(_courbe(cote), matiere, ton))
    traits += _emmanchures(epaule, aisselle, bas - 0.1, ombre=h(0.75, 0.95))
    if h(0, 1) < 0.18:  # col roulé
        roule = [(-col, -0.04, 1), (0, -0.045), (col, -0.04, 1), (col + 0.01, 0.03, 1)]
        roule += [(0, 0.06), (-col - 0.01, 0.03, 1)]
        traits.append(Trait(_courbe(roule), matiere, ton))
    else:
        traits.append(_bord_encolure(col, profondeur, pointu, matiere, ton, 0.032))
    traits += _plis(h, 2, taille * 0.8, 0.35, 0.85)
    motif = _motif_tissu(h, 0.65, ("rayures", "rayures", "chine", "fleurs"))
    if motif.genre == "rayures":
        motif = motif._replace(angle=0.0, frequence=h(3, 9))
    elif h(0, 1) < 0.3:
        traits += _imprime(h)
    return traits, motif


def _robe(h):
    evasee = h(0, 1) < 0.5
    epaule, aisselle = (h(0.13, 0.16), h(0.045, 0.07)), (h(0.12, 0.145), h(0.19, 0.24))
    taille, y_taille = h(0.10, 0.135), h(0.36, 0.46)
    ourlet = h(0.19, 0.28) if evasee else h(0.13, 0.17)
    hanche = taille * 0.45 + ourlet * 0.55 + (0.0 if evasee else 0.01)
    col, profondeur, pointu = h(0.06, 0.09), h(0.05, 0.12), h(0, 1) < 0.35
    traits = []
    manches = h(0, 1)
    if manches < 0.45:
        bretelle = col + h(0.02, 0.05)
        cotes = [(bretelle, 0.005, 1), (bretelle, 0.11), (*aisselle, 1)]
    else:
        longue = manches > 0.75
        longueur = h(0.42, 0.6) if longue else h(0.12, 0.2)
        angle = h(0.07, 0.14) if longue else h(0.3, 0.6)
        traits += _manche(epaule, aisselle, longueur, angle, 0.085, h(0.07, 0.09), h(0.88, 1.0))[0]
        cotes = [epaule, aisselle]
    cotes += [(taille, y_taille), (hanche, (y_taille + 1) / 2 - 0.05), (ourlet, 1.0, 1)]
    traits += _corps(cotes, col, profondeur, pointu, dos=None if h(0, 1) < 0.35 else 0.65)
    if manches >= 0.45:
        traits += _emmanchures(epaule, aisselle)
    ceinture = h(0, 1)
    if ceinture < 0.5:
        points = [(-taille + 0.004, y_taille), (0, y_taille + 0.01), (taille - 0.004, y_taille)]
        if ceinture < 0.2:
            traits.append(_ligne(points, 0.03, ACCENT, 0.9))
        else:
            traits.append(_ligne(points, 0.01, TISSU, 0.65))
    for x in (-0.6, 0.0, 0.6) if evasee else (h(-0.4, 0.4),):  # plis de la jupe, en éventail
        points = [(x * taille * 0.8, y_taille + 0.06), (x * hanche, 0.7), (x * ourlet * 1.05, 0.98)]
        traits.append(_ligne(points, h(0.01, 0.02), PLI, h(0.75, 0.9)))
    return traits, _motif_tissu(h, 0.7, ("fleurs", "pois", "rayures", "carreaux"))


def _pied_de_col(col, profondeur):
    """L'intérieur du col, vu entre ses deux pointes."""
    points = [(-col * 0.8, -0.028, 1), (0, -0.036), (col * 0.8, -0.028, 1)]
    points += [(col * 0.75, profondeur * 0.5), (0, profondeur, 1), (-col * 0.75, profondeur * 0.5)]
    return Trait(_courbe(points), TISSU, 0.45)


def _boutons(x, y_debut, y_fin, nombre, rayon, matiere=ACCENT, ton=0.9):
    ys = np.linspace(y_debut, y_fin, nombre)
    return [Trait(_disque(x, y, rayon), matiere, ton) for y in ys]


def _manteau(h):
    taille = h(0.19, 0.23)
    epaule, aisselle = (h(0.21, 0.25), h(0.09, 0.14)), (h(0.19, 0.22), h(0.30, 0.37))
    col = h(0.09, 0.12)
    traits, dehors, dedans = _manche(
        epaule, aisselle, h(0.76, 0.84), h(0.06, 0.14), h(0.12, 0.15), h(0.10, 0.125), h(0.84, 0.97)
    )
    bas = h(0.93, 1.02)
    ourlet = taille + h(0.0, 0.025)
    cotes = [epaule, aisselle, (taille, 0.62), (ourlet, bas, 1)]
    v = h(0.14, 0.32)
    traits += _corps(cotes, col, v, pointu=True, dos=0.5)
    traits += _emmanchures(epaule, aisselle, bas - 0.05, 0.6, h(0.6, 0.8))
    traits += _poignets(dehors, dedans, h(0.03, 0.06), TISSU, 0.8)
    # L'ouverture : fermeture à glissière, boutons ou entrebâillement
    ouverture = h(0, 1)
    if ouverture < 0.4:
        traits.append(_ligne([(0, v * 0.5), (0, bas)], 0.03, TISSU, 0.6))
        traits.append(_ligne([(0, v * 0.5), (0, bas)], 0.014, METAL, h(0.75, 1.0)))
    elif ouverture < 0.8:
        traits.append(_ligne([(0.035, v), (0.035, bas)], 0.014, TISSU, 0.5))
        rayon, nombre = h(0.014, 0.02), int(h(3, 5.99))
        traits += _boutons(0.0, v + 0.04, bas - 0.2, nombre, rayon)
    else:
        e = h(0.02, 0.05)
        fente = [(0, v, 1), (e, bas + 0.02, 1), (-e, bas + 0.02, 1)]
        traits.append(Trait(_courbe(fente), TISSU, 0.35))
    style = h(0, 1)
    if style < 0.55:  # col à revers
        traits.append(_pied_de_col(col, v))
        revers = [(col * 0.75, -0.03, 1), (col + 0.035, 0.035, 1), (col + 0.05, v * 0.55, 1)]
        revers += [(0.006, v + 0.04, 1), (0.0, v, 1)]
        for cote in (revers, _miroir(revers)):
            traits.append(Trait(_courbe(cote), TISSU, 0.8))
            traits.append(Trait(_courbe([*cote, cote[0]], fermee=False), TISSU, 0.55, 0.009))
    else:  # col montant, ou capuche posée sur les épaules
        hauteur, large = h(0.04, 0.08), col + h(0.0, 0.03)
        contour = [(-large, 0.06, 1), (-col * 0.85, -hauteur), (0, -hauteur - 0.01)]
        contour += [(col * 0.85, -hauteur), (large, 0.06, 1), (0.04, v * 0.8), (0.0, v * 0.85, 1)]
        contour.append((-0.04, v * 0.8))
        traits.append(Trait(_courbe(contour), TISSU, 0.75))
        creux = [(-col * 0.7, -hauteur * 0.5), (0, -hauteur * 0.7), (col * 0.7, -hauteur * 0.5)]
        creux += [(col * 0.4, v * 0.45), (0, v * 0.65), (-col * 0.4, v * 0.45)]
        traits.append(Trait(_courbe(creux), TISSU, 0.45))
    y = h(0.60, 0.70)
    poche = [(0.07, y, 1), (0.16, y + 0.02, 1), (0.16, y + 0.055, 1), (0.07, y + 0.035, 1)]
    for cote in (poche, _miroir(poche)):
        traits.append(Trait(_courbe(cote), TISSU, 0.68))
    traits += _plis(h, 2, taille * 0.8, 0.35, 0.9)
    motif = _motif_tissu(h, 0.75, ("carreaux", "rayures", "rayures"))
    if motif.genre == "rayures":  # doudoune matelassée
        motif = Motif("matelasse", h(6, 11), 0.0, motif.phase, h(0.08, 0.2))
    return traits, motif


def _chemise(h):
    longue = h(0, 1) < 0.72
    taille = h(0.19, 0.23)
    epaule, aisselle = (h(0.21, 0.25), h(0.08, 0.12)), (h(0.19, 0.22), h(0.28, 0.35))
    col, v = h(0.08, 0.11), h(0.07, 0.13)
    if longue:
        longueur, angle, poignet = h(0.76, 0.84), h(0.06, 0.14), h(0.08, 0.10)
    else:
        longueur, angle, poignet = h(0.26, 0.34), h(0.3, 0.55), h(0.14, 0.17)
    traits, dehors, dedans = _manche(
        epaule, aisselle, longueur, angle, h(0.12, 0.15), poignet, h(0.88, 1.0)
    )
    rond = h(0.0, 0.05)
    ourlet = taille + h(-0.01, 0.02)
    cotes = [epaule, aisselle, (taille, 0.62), (ourlet, 0.96, 1)]
    traits += _corps(cotes, col, v, pointu=True, ourlet_rond=rond, dos=0.6)
    traits += _emmanchures(epaule, aisselle, 0.9 if longue else None, 0.72, h(0.65, 0.85))
    traits += _poignets(dehors, dedans, 0.055 if longue else 0.025, TISSU, 0.86)
    patte = h(0.018, 0.026)
    bande = [(-patte, v, 1), (patte, v, 1), (patte, 0.96 + rond, 1), (-patte, 0.96 + rond, 1)]
    traits.append(Trait(_courbe(bande), TISSU, h(0.84, 1.1)))
    for x in (-patte, patte):
        traits.append(_ligne([(x, v), (x, 0.955 + rond * 0.9)], 0.01, TISSU, 0.5))
    traits += _boutons(0.0, v + 0.05, 0.88, int(h(5, 7.99)), h(0.013, 0.017))
    traits.append(_pied_de_col(col, v))
    pointe = h(0.10, 0.15)
    rabat = [(col * 0.8, -0.025, 1), (col + 0.02, 0.03, 1), (col * 0.95, pointe + 0.03, 1)]
    rabat += [(0.003, v, 1), (col * 0.55, 0.03)]
    for cote in (rabat, _miroir(rabat)):
        traits.append(Trait(_courbe(cote), TISSU, 0.9))
        traits.append(Trait(_courbe([*cote, cote[0]], fermee=False), TISSU, 0.5, 0.01))
    if h(0, 1) < 0.45:
        poche = [(0.075, 0.31, 1), (0.155, 0.31, 1), (0.155, 0.40, 1), (0.115, 0.42, 1)]
        poche += [(0.075, 0.40, 1), (0.075, 0.31, 1)]
        traits.append(_ligne(poche, 0.007, TISSU, 0.66))
    traits += _plis(h, 2, taille * 0.8, 0.4, 0.9)
    motif = _motif_tissu(h, 0.5, ("carreaux", "carreaux", "rayures", "fleurs", "pois"))
    if motif.genre == "rayures":
        motif = motif._replace(angle=np.pi / 2 if h(0, 1) < 0.7 else 0.0)
    return traits, motif


# --- Le pantalon ----------------------------------------------------------------------------------


def _pantalon(h):
    ceinture, hanche = h(0.135, 0.165), h(0.165, 0.205)
    fourche = h(0.27, 0.34)
    bas_int, bas_ext = h(0.03, 0.08), 0.0
    cheville = h(0.075, 0.14)
    bas_ext = bas_int + cheville
    genou_ext = (hanche + bas_ext) / 2 + h(-0.01, 0.01)
    genou_int = bas_int * h(0.4, 0.7) + 0.005
    penche = h(-0.025, 0.025)
    droite = [
        (ceinture, 0.0, 1),
        (hanche, 0.2),
        (genou_ext, 0.6),
        (bas_ext, 1.0, 1),
        (bas_int, 1.005, 1),
        (genou_int, 0.62),
        (0.004, fourche, 1),
    ]
    gauche = [(x, y + penche if y > 0.9 else y, *c) for x, y, *c in _miroir(droite)][1:]
    traits = [Trait(_courbe([*droite, *gauche]))]
    taille = [(-ceinture, 0.0, 1), (0, 0.012), (ceinture, 0.0, 1)]
    taille += [(ceinture + 0.008, 0.045, 1), (0, 0.058), (-ceinture - 0.008, 0.045, 1)]
    traits.append(Trait(_courbe(taille), TISSU, h(0.75, 0.95)))
    for x in (-0.6, 0.6):
        x *= ceinture
        traits.append(_ligne([(x, 0.0), (x, 0.055)], 0.012, TISSU, 0.6))
    traits.append(_ligne([(0, 0.05), (0.004, fourche)], 0.008, TISSU, 0.6))
    traits.append(_ligne([(0.035, 0.06), (0.033, 0.17), (0.004, 0.21)], 0.006, TISSU, 0.7))
    for s in (-1, 1):
        poche = [(s * ceinture * 0.6, 0.055), (s * ceinture * 0.8, 0.11), (s * hanche * 0.96, 0.13)]
        traits.append(_ligne(poche, 0.007, TISSU, 0.62))
        jambe = [(s * (hanche + 0.01) / 2, fourche + 0.05), (s * (genou_int + genou_ext) / 2, 0.62)]
        jambe.append((s * (bas_int + bas_ext) / 2, 0.98))
        if h(0, 1) < 0.7:  # pli marqué ou délavage
            traits.append(_ligne(jambe, h(0.012, 0.035), PLI, h(0.85, 1.2)))
        ourlet = [(s * bas_int, 0.97 + penche * (s < 0)), (s * bas_ext, 0.965 + penche * (s < 0))]
        traits.append(_ligne(ourlet, 0.007))
    traits.append(Trait(_disque(0.006, 0.03, 0.011), METAL, 0.9))
    return traits, _motif_tissu(h, 0.88, ("fleurs", "chine", "carreaux"))


# --- Les chaussures : vues de côté, la pointe à gauche --------------------------------------------


def _baskets(h):
    haut = h(-0.03, 0.05) if h(0, 1) < 0.85 else h(-0.14, -0.07)  # basse ou montante
    pointe, semelle = h(0.25, 0.30), h(0.05, 0.085)
    base = 0.385
    dessus = [
        (0.0, base + 0.01, 1),
        (0.015, pointe + 0.015),
        (0.10, pointe - 0.035),
        (0.28, 0.19 + h(-0.015, 0.015)),
        (0.44, 0.09 + haut * 0.5),
        (0.55, 0.0 + haut, 1),
        (0.60, 0.005 + haut, 1),
        (0.66, 0.075 + haut),
        (0.77, 0.11 + haut),
        (0.88, 0.085 + haut),
        (0.945, 0.025 + haut, 1),
        (0.975, 0.06 + haut * 0.8),
        (0.955, 0.22),
        (0.985, base + 0.01, 1),
    ]
    interieur = [(0.60, 0.01 + haut, 1), (0.70, 0.055 + haut), (0.84, 0.06 + haut)]
    interieur += [(0.945, 0.03 + haut, 1), (0.9, 0.12 + haut), (0.77, 0.14 + haut)]
    interieur.append((0.66, 0.11 + haut))
    traits = [Trait(_courbe(interieur), TISSU, 0.45), Trait(_courbe(dessus))]
    bout = [(0.0, base + 0.01, 1), (0.015, pointe + 0.015), (0.10, pointe - 0.035)]
    bout += [(0.17, pointe - 0.06, 1), (0.235, 0.29), (0.25, base, 1)]
    contrefort = [(0.985, base + 0.01, 1), (0.955, 0.22), (0.975, 0.06 + haut * 0.8)]
    contrefort += [(0.945, 0.025 + haut, 1), (0.87, 0.09 + haut, 1), (0.84, 0.2), (0.74, base, 1)]
    oeillets = [(0.28, 0.19, 1), (0.44, 0.09 + haut * 0.5), (0.55, haut, 1), (0.6, 0.005 + haut, 1)]
    oeillets += [(0.63, 0.06 + haut, 1), (0.48, 0.18 + haut * 0.5), (0.32, 0.25, 1)]
    traits.append(Trait(_courbe(bout), TISSU, h(0.7, 1.1)))
    traits.append(Trait(_courbe(contrefort), ACCENT if h(0, 1) < 0.3 else TISSU, h(0.65, 1.0)))
    traits.append(Trait(_courbe(oeillets), TISSU, h(0.65, 0.95)))
    nombre = int(h(3, 5.99))
    for i in range(nombre):  # lacets
        t = (i + 0.6) / nombre
        x, y = 0.29 + 0.25 * t, 0.185 - (0.185 - haut) * t
        traits.append(_ligne([(x, y), (x + 0.055, y + 0.05)], 0.017, ACCENT, 1.05))
    style = h(0, 1)
    if style < 0.4:  # virgule ou bandes sur le flanc
        virgule = [(0.42, 0.26, 1), (0.55, 0.305), (0.84, 0.17, 1), (0.58, 0.345), (0.44, 0.33)]
        traits.append(Trait(_courbe(virgule), ACCENT, 1.0))
    elif style < 0.75:
        for i in range(3):
            x = 0.45 + 0.075 * i
            ligne = [(x + 0.07, 0.16), (x, base - 0.04)]
            traits.append(_ligne(ligne, 0.026, ACCENT, 1.0))
    bas = base + semelle
    dessous = [(-0.008, base - 0.04, 1), (0.3, base - 0.012), (0.7, base - 0.025)]
    dessous += [(0.99, base - 0.045, 1), (1.0, bas - 0.03), (0.975, bas, 1), (0.25, bas)]
    dessous += [(0.06, bas - 0.012), (-0.005, bas - 0.05)]
    traits.append(Trait(_courbe(dessous), ACCENT, h(0.85, 1.05)))
    usure = [(0.0, bas - 0.04), (0.08, bas - 0.024), (0.25, bas - 0.014), (0.975, bas - 0.014, 1)]
    usure += [(0.972, bas + 0.002, 1), (0.25, bas + 0.002), (0.06, bas - 0.008)]
    traits.append(Trait(_courbe(usure), TISSU, 0.55))
    traits.append(_ligne([(0.0, base), (0.4, base + 0.015), (0.99, base - 0.01)], 0.007, ACCENT))
    return traits, _chine(h)


def _bottes(h):
    tige = h(0.0, 0.22)  # ordonnée du haut de la tige
    plate = h(0, 1) < 0.55
    talon = h(0.02, 0.05) if plate else h(0.10, 0.22)
    fin = h(0.26, 0.32) if plate else h(0.09, 0.16)  # largeur du talon
    avant, arriere = h(0.40, 0.48), h(0.88, 0.93)
    b = 0.86  # ordonnée du dessous du pied, à la pointe
    sol = [(0.01, b), (0.2, b + 0.012), (0.42, b - talon * 0.3), (0.64, b - talon * 0.85)]
    sol.append((arriere + 0.02, b - talon, 1))
    bombe = h(0.09, 0.13)  # hauteur de la pointe
    contour = [(-0.005, b - bombe * 0.45), (0.06, b - bombe), (0.2, b - bombe * 1.35)]
    contour += [(0.33, b - bombe * 1.9 - talon * 0.3), (avant - 0.015, 0.47 - talon * 0.3)]
    contour += [(avant, 0.27), (avant - 0.02, tige, 1), (0.67, tige + 0.012)]
    contour += [(arriere - 0.02, tige + h(-0.02, 0.02), 1), (arriere - 0.02, 0.35)]
    contour += [(arriere + 0.025, 0.66 - talon * 0.4), *reversed(sol)]
    traits = [Trait(_courbe(contour))]
    ouverture = [(avant - 0.01, tige + 0.006), (0.67, tige - 0.018)]
    ouverture += [(arriere - 0.03, tige + 0.006), (0.67, tige + 0.03)]
    traits.append(Trait(_courbe(ouverture), TISSU, 0.5))
    style = h(0, 1)
    if style < 0.35:  # élastique sur le côté
        elastique = [(0.58, tige + 0.02, 1), (0.77, tige + 0.02, 1), (0.73, 0.42), (0.68, 0.52)]
        traits.append(Trait(_courbe([*elastique, (0.62, 0.42)]), TISSU, 0.55))
    elif style < 0.7:  # lacets
        haut, bas = np.array([avant, tige + 0.05]), np.array([avant - 0.08, 0.55])
        traits.append(_ligne([(avant + 0.12, tige), (avant + 0.10, 0.4), (0.40, 0.66)], 0.01))
        for t in np.linspace(0, 1, 5):
            x, y = haut + (bas - haut) * t
            traits.append(_ligne([(x, y), (x + 0.12, y + 0.035)], 0.02, ACCENT))
    else:  # bride et boucle
        bride = [(avant - 0.01, 0.40), (0.66, 0.47), (arriere - 0.01, 0.44)]
        traits.append(Trait(_ruban(bride, 0.05), TISSU, 0.7))
        traits.append(Trait(_disque(0.64, 0.468, 0.028), METAL))
    traits.append(_ligne([(0.27, b - bombe * 1.6), (0.38, 0.72), (0.42, b - talon * 0.3)], 0.01))
    traits.append(_ligne([(0.80, tige + 0.03), (0.82, 0.45), (0.80, b - talon)], 0.01))
    traits.append(_ligne([(0.48, 0.58), (0.6, 0.63), (0.74, 0.6)], 0.025, PLI, 0.85))
    e = h(0.025, 0.055)  # semelle
    dessous = [(arriere + 0.02, b - talon + e, 1), (0.64, b - talon * 0.85 + e)]
    dessous += [(0.42, b - talon * 0.3 + e), (0.2, b + e), (0.03, b + e - 0.012)]
    semelle = [(-0.012, b - 0.012), *sol[1:], *dessous]
    traits.append(Trait(_courbe(semelle), ACCENT if plate else TISSU, 0.7))
    bas = b + e + 0.008
    bloc = [(arriere + 0.022, b - talon + 0.004, 1), (arriere + 0.012, bas, 1)]
    bloc += [(arriere + 0.012 - fin, bas, 1), (arriere - fin * 1.4, b - talon * 0.9 + e * 0.4, 1)]
    traits.append(Trait(_courbe(bloc), ACCENT if plate else TISSU, 0.6))
    return traits, _chine(h)


def _sandales(h):
    style = h(0, 1)
    largeur = h(0.035, 0.065)
    traits = []
    if style < 0.4:  # plate
        e = h(0.03, 0.06)
        semelle = [(0.0, 0.30 - e), (0.25, 0.315 - e), (0.6, 0.29 - e), (0.99, 0.27 - e, 1)]
        semelle += [(1.0, 0.31, 1), (0.6, 0.33), (0.25, 0.345), (0.02, 0.335)]
        talon_y, milieu_y, avant_y, hauteur = 0.27 - e, 0.29 - e, 0.30 - e, h(0.16, 0.26)
        traits.append(Trait(_courbe(semelle), ACCENT, h(0.5, 0.9)))
    elif style < 0.62:  # compensée
        haut = h(0.14, 0.24)
        semelle = [(0.0, 0.36), (0.2, 0.37), (0.5, 0.36 - haut * 0.45), (0.95, 0.36 - haut, 1)]
        semelle += [(1.0, 0.36 - haut * 0.6), (0.96, 0.45, 1), (0.4, 0.45), (0.05, 0.44)]
        talon_y, milieu_y, avant_y, hauteur = 0.36 - haut, 0.36 - haut * 0.5, 0.37, h(0.18, 0.28)
        traits.append(Trait(_courbe(semelle), ACCENT, h(0.5, 0.95)))
        traits.append(_ligne([(0.03, 0.41), (0.4, 0.415), (0.97, 0.40)], 0.008, ACCENT, 0.5))
    else:  # talon haut
        haut = h(0.34, 0.52)
        e = h(0.03, 0.045)
        semelle = [(0.0, 0.79), (0.22, 0.80), (0.45, 0.78 - haut * 0.35), (0.72, 0.78 - haut * 0.9)]
        semelle += [(0.95, 0.76 - haut, 1), (0.96, 0.80 - haut, 1), (0.72, 0.78 - haut * 0.9 + e)]
        semelle += [(0.45, 0.79 - haut * 0.33 + e), (0.22, 0.80 + e), (0.02, 0.80 + e * 0.6)]
        traits.append(Trait(_courbe(semelle), TISSU, 0.75))
        aiguille = [(0.96, 0.77 - haut, 1), (0.93, 0.80 - haut * 0.4), (0.925, 0.83, 1)]
        aiguille += [(0.885, 0.83, 1), (0.86, 0.80 - haut * 0.4), (0.80, 0.80 - haut * 0.93, 1)]
        traits.append(Trait(_courbe(aiguille), TISSU, 0.7))
        talon_y, milieu_y, avant_y, hauteur = 0.77 - haut, 0.78 - haut * 0.5, 0.80, h(0.2, 0.34)
    ton = h(0.8, 1.0)
    cou = talon_y - hauteur  # ordonnée de la bride de cheville
    dessus = avant_y - h(0.10, 0.14)
    if h(0, 1) < 0.5:  # large bande sur les orteils
        bande = [(0.09, avant_y + 0.01, 1), (0.15, dessus + 0.03), (0.24, dessus)]
        bande += [(0.33, dessus - 0.005, 1), (0.40, dessus * 0.5 + milieu_y * 0.5)]
        bande += [(0.42, milieu_y * 0.7 + avant_y * 0.3 + 0.015, 1), (0.24, avant_y + 0.012)]
        traits.append(Trait(_courbe(bande), TISSU, ton))
        traits.append(_ligne([(0.21, dessus + 0.015), (0.20, avant_y)], 0.012, TISSU, ton * 0.65))
    else:  # deux lanières
        lien = [(0.07, avant_y), (0.15, dessus + 0.02), (0.26, dessus), (0.34, milieu_y + 0.02)]
        traits.append(Trait(_ruban(lien, largeur * 1.3), TISSU, ton))
        lien = [(0.20, avant_y), (0.28, dessus - 0.03), (0.40, milieu_y - 0.1), (0.48, milieu_y)]
        traits.append(Trait(_ruban(lien, largeur), TISSU, ton * 0.9))
    # L'arrière du pied, la bride de cheville et sa boucle
    montant = [(0.93, talon_y + 0.01), (0.95, talon_y - hauteur * 0.5), (0.91, cou + 0.02)]
    traits.append(Trait(_ruban(montant, largeur * 1.5, largeur), TISSU, ton * 0.85))
    bride = [(0.92, cou + 0.03), (0.77, cou - 0.015), (0.62, cou + 0.03), (0.60, cou + 0.06)]
    bride += [(0.74, cou + 0.075), (0.91, cou + 0.05)]
    traits.append(Trait(_ruban(bride, largeur * 0.8), TISSU, ton))
    traits.append(Trait(_disque(0.67, cou + 0.02, largeur * 0.5, 8), METAL))
    if h(0, 1) < 0.5:
        lien = [(0.62, cou + 0.04), (0.48, (cou + milieu_y) / 2 - 0.02), (0.31, dessus + 0.01)]
    else:
        y = milieu_y * 0.6 + talon_y * 0.4
        lien = [(0.62, cou + 0.04), (0.66, (cou + milieu_y) / 2), (0.72, y)]
    traits.append(Trait(_ruban(lien, largeur * 0.8), TISSU, ton * 0.95))
    return traits, _chine(h)


# --- Le sac ---------------------------------------------------------------------------------------


def _sac(h):
    style = h(0, 1)  # cabas, puis rabat, puis arrondi
    large, hauteur = h(0.40, 0.48), h(0.48, 0.70)
    bas_large = large + h(-0.06, 0.06)
    if style < 0.35:
        large, hauteur = h(0.30, 0.46), h(0.55, 0.85)
        bas_large = large + h(-0.07, 0.02)
    if style > 0.75:
        contour = [(large * 0.55, 0.0), (large * 0.95, hauteur * 0.25), (bas_large, hauteur * 0.7)]
        contour += [(bas_large * 0.85, hauteur * 0.98), (0, hauteur)]
    else:
        r = h(0.015, 0.05)
        contour = [(large - r, 0.0, 1), (large - r * 0.3, r * 0.3, 1), (large, r, 1)]
        contour += [(bas_large, hauteur - r, 1), (bas_large - r * 0.3, hauteur - r * 0.3, 1)]
        contour += [(bas_large - r, hauteur, 1), (0, hauteur + 0.006)]
    corps = Trait(_courbe([*contour, *_miroir(contour[:-1])]))
    traits = []
    anse, e = h(0, 1), h(0.025, 0.045)
    if anse < 0.65:
        ecart, haut = large * h(0.35, 0.6), h(0.18, 0.42)
        arche = [(-ecart, 0.06), (-ecart * 0.85, -haut * 0.6), (0, -haut)]
        arche += [(ecart * 0.85, -haut * 0.6), (ecart, 0.06)]
        if style < 0.5:
            traits.append(Trait(_ruban([(x * 0.88, y - 0.04) for x, y in arche], e), TISSU, 0.55))
        traits += [corps, Trait(_ruban(arche, e), TISSU, 0.75)]
    elif anse < 0.9:  # bandoulière qui retombe sur les côtés
        for s in (-1, 1):
            tombe = [(s * large * 0.8, hauteur * 0.2), (s * (large + 0.05), hauteur * 0.14)]
            tombe += [(s * (bas_large + 0.06), hauteur * 0.6), (s * bas_large * 0.9, hauteur * 0.8)]
            traits.append(Trait(_ruban(tombe, e), TISSU, 0.65))
        traits.append(corps)
    else:
        traits.append(corps)
    if 0.35 <= style <= 0.75:
        y = hauteur * h(0.4, 0.65)
        rabat = [(large - r, 0.0, 1), (large - r * 0.3, r * 0.3, 1), (large, r, 1)]
        rabat += [(large * 0.97, y * 0.7, 1), (large * 0.78, y * 0.97), (0, y)]
        traits.append(Trait(_courbe([*rabat, *_miroir(rabat[:-1])]), TISSU, h(0.8, 0.95)))
        bord = [*rabat[2:], *_miroir(rabat[2:-1])]
        traits.append(_ligne(bord, 0.012, TISSU, 0.55))
        d = 0.035
        fermoir = [(-d, y - d, 1), (d, y - d, 1), (d, y + d, 1), (-d, y + d, 1)]
        traits.append(Trait(_courbe(fermoir), METAL))
        traits.append(Trait(_disque(0, y, 0.014), TISSU, 0.6))
    else:
        glissiere = [(-large * 0.75, 0.05), (0, 0.06), (large * 0.75, 0.05)]
        traits.append(_ligne(glissiere, 0.014, METAL, 0.9))
        x, y0, y1 = large * 0.6, hauteur * 0.45, hauteur * 0.86
        if h(0, 1) < 0.6:
            poche = [(-x, y0, 1), (x, y0, 1), (x, y1 - 0.04, 1), (x - 0.04, y1, 1)]
            poche += [(-x + 0.04, y1, 1), (-x, y1 - 0.04, 1), (-x, y0, 1)]
        else:
            poche = [(-bas_large * 0.96, hauteur * 0.72), (bas_large * 0.96, hauteur * 0.72)]
        traits.append(_ligne(poche, 0.011, TISSU, 0.62))
    if anse < 0.65:
        for s in (-1, 1):
            traits.append(Trait(_disque(s * ecart, 0.06, e * 0.8), METAL))
    traits += _plis(h, 2, large * 0.6, hauteur * 0.3, hauteur * 0.9)
    return traits, _motif_tissu(h, 0.8, ("fleurs", "carreaux", "pois", "rayures"))


# --- Ce que Fashion-MNIST n'a pas, et que le catalogue H&M contient --------------------------------


def _culotte(h):
    taille, cote, fourche = h(0.38, 0.46), h(0.06, 0.2), h(0.055, 0.09)
    bas = h(0.52, 0.66)
    droite = [(taille, 0.0, 1), (taille + 0.015, cote, 1), (h(0.16, 0.22), bas * 0.72)]
    droite.append((fourche, bas, 1))
    traits = [Trait(_courbe([*droite, *_miroir(droite)]))]
    traits.append(_ligne([(-taille, 0.025), (0, 0.04), (taille, 0.025)], h(0.015, 0.045), ACCENT))
    for s in (-1, 1):
        couture = [(s * 0.19, bas * 0.7), (s * (fourche - 0.01), bas - 0.02)]
        traits.append(_ligne(couture, 0.008))
    return traits, _motif_tissu(h, 0.5)


def _soutien_gorge(h):
    large, haut, bas = h(0.4, 0.48), h(-0.3, -0.16), h(0.3, 0.38)
    traits = []
    for s in (-1, 1):
        bonnet = [(s * 0.02, bas * 0.55, 1), (s * 0.14, 0.02), (s * 0.22, -0.02, 1)]
        bonnet += [(s * large, bas * 0.55, 1), (s * large, bas * 0.85, 1), (s * 0.2, bas)]
        traits.append(Trait(_courbe([*bonnet, (s * 0.02, bas * 0.8, 1)])))
        bretelle = [(s * 0.22, 0.0), (s * h(0.16, 0.26), haut)]
        traits.append(Trait(_ruban(bretelle, h(0.02, 0.05)), TISSU, 0.85))
    traits.append(_ligne([(-large, bas * 0.8), (0, bas * 0.74), (large, bas * 0.8)], 0.02))
    return traits, _motif_tissu(h, 0.5)


def _maillot(h):
    taille, hanche, bretelle = h(0.15, 0.19), h(0.2, 0.25), h(0.1, 0.15)
    droite = [(bretelle + 0.03, 0.0, 1), (bretelle + 0.05, 0.2), (taille, 0.42), (hanche, 0.72, 1)]
    droite += [(0.1, 0.9), (0.05, 1.0, 1)]
    traits = _corps(droite, bretelle, h(0.14, 0.3), h(0, 1) < 0.5, dos=None)
    traits += _plis(h, 1, taille, 0.4, 0.8)
    return traits, _motif_tissu(h, 0.4)


def _chaussettes(h):
    tige, pied, large = h(0.3, 0.75), h(0.3, 0.4), h(0.075, 0.1)
    traits = []
    for dx, ton in ((-0.17, 0.88), (0.1, 1.0)):
        contour = [
            (dx - large, 0.0, 1),
            (dx + large, 0.0, 1),
            (dx + large, tige),
            (dx + large, tige + 0.12),
        ]
        contour += [
            (dx + large * 0.3, tige + 0.19),
            (dx - pied, tige + 0.19),
            (dx - pied - 0.05, tige + 0.11),
        ]
        contour += [(dx - pied, tige + 0.03), (dx - large, tige - 0.02)]
        traits.append(Trait(_courbe(contour), TISSU, ton))
        bord = [
            (dx - large, 0.0, 1),
            (dx + large, 0.0, 1),
            (dx + large, 0.06, 1),
            (dx - large, 0.06, 1),
        ]
        traits.append(Trait(_courbe(bord), ACCENT if h(0, 1) < 0.3 else TISSU, 0.8))
    return traits, _motif_tissu(h, 0.45, ("rayures", "pois", "carreaux"))


def _bonnet(h):
    large, haut, bord = h(0.36, 0.42), h(0.5, 0.62), h(0.12, 0.18)
    dome = [(-large, 0.0, 1), (-large * 0.85, -haut * 0.6), (0, -haut), (large * 0.85, -haut * 0.6)]
    traits = [Trait(_courbe([*dome, (large, 0.0, 1)]))]
    revers = [
        (-large - 0.015, 0.0, 1),
        (large + 0.015, 0.0, 1),
        (large, bord, 1),
        (-large, bord, 1),
    ]
    traits.append(Trait(_courbe(revers), TISSU, 0.82))
    if h(0, 1) < 0.5:
        traits.append(Trait(_disque(0, -haut, h(0.08, 0.12), 16), ACCENT))
    return traits, _motif_tissu(h, 0.5, ("rayures", "chine"))


def _jupe(h):
    taille, ourlet = h(0.2, 0.25), h(0.28, 0.5)
    longueur = h(0.55, 0.95)
    droite = [
        (taille, 0.0, 1),
        ((taille + ourlet) / 2 + 0.03, longueur * 0.5),
        (ourlet, longueur, 1),
    ]
    traits = [Trait(_courbe([*droite, (0, longueur + 0.02), *_miroir(droite)]))]
    traits.append(_ligne([(-taille, 0.03), (0, 0.04), (taille, 0.03)], 0.05, TISSU, 0.8))
    for x in (-0.6, 0.0, 0.6):
        traits.append(_ligne([(x * taille, 0.1), (x * ourlet, longueur - 0.02)], 0.02, PLI, 0.8))
    return traits, _motif_tissu(h, 0.5)


_DESSINS = (  # les dix classes de Fashion-MNIST, dans leur ordre
    _t_shirt,
    _pantalon,
    _pull,
    _robe,
    _manteau,
    _sandales,
    _chemise,
    _baskets,
    _sac,
    _bottes,
)
_DESSINS_HM = {  # les autres, par leur nom
    "culotte": _culotte,
    "soutien-gorge": _soutien_gorge,
    "maillot": _maillot,
    "chaussettes": _chaussettes,
    "bonnet": _bonnet,
    "jupe": _jupe,
}


# --- Du dessin aux pixels -------------------------------------------------------------------------


def _cadrer(traits, cote, marge=0.0, decalage=(0.0, 0.0)):
    """Coordonnées en pixels de chaque tracé : le plus long côté occupe `cote` moins les marges."""
    tous = np.concatenate([t.points for t in traits])
    bas, haut = tous.min(axis=0), tous.max(axis=0)
    echelle = cote * (1 - 2 * marge) / (haut - bas).max()
    origine = cote / 2 * (1 + np.array(decalage)) - (bas + haut) / 2 * echelle
    # Arrondi : le dernier bit d'un calcul, qui varie d'un processeur à l'autre, ne compte plus
    plat = (tous * echelle + origine).round(3).ravel().tolist()
    coordonnees, debut = [], 0
    for t in traits:
        fin = debut + t.points.size
        coordonnees.append(plat[debut:fin])
        debut = fin
    return coordonnees, echelle


def _peindre(image, traits, coordonnees, echelle, encre, bord=None):
    """Peint les tracés dans l'ordre ; `encre(trait)` donne la valeur, ou None pour passer.

    `bord(trait)` : valeur du liseré d'un pixel autour des surfaces, si on en veut un.
    """
    dessin = ImageDraw.Draw(image)
    for trait, points in zip(traits, coordonnees, strict=True):
        valeur = encre(trait)
        if valeur is None:
            continue
        if trait.epaisseur:
            dessin.line(points, valeur, max(1, round(trait.epaisseur * echelle)))
        else:
            dessin.polygon(points, valeur, bord(trait) if bord else None)


def _clarte(base, ton):
    """Clarté 0–255 d'une matière assombrie par `ton`.

    Sur un tissu presque noir, assombrir ne se verrait pas : le détail devient alors plus clair,
    comme une couture qui accroche la lumière.
    """
    if base < 75 and ton < 1:
        return base + (1 - ton) * 80
    return min(250.0, base * ton)


def _champ_motif(u, v, motif, bruit):
    """Facteur de clarté du motif en chaque point : même forme que `u`, autour de 1.

    `u`, `v` : coordonnées de 0 à 1 ; `bruit` : bruit blanc de même forme, pour le tissu chiné.
    """
    if motif.genre == "chine":
        return 1 + motif.contraste * bruit
    c, s = np.cos(motif.angle), np.sin(motif.angle)
    a = motif.frequence * (v * c - u * s) + motif.phase
    b = motif.frequence * (u * c + v * s) + motif.phase
    if motif.genre == "rayures":
        champ = np.clip(3 * np.sin(2 * np.pi * a), -1, 1)
    elif motif.genre == "matelasse":
        champ = 1 - 2 * np.abs(2 * (a % 1) - 1) ** 3
    elif motif.genre == "carreaux":
        champ = np.clip(2 * np.sin(2 * np.pi * a), -1, 1) / 2
        champ = champ + np.clip(2 * np.sin(2 * np.pi * b), -1, 1) / 2
    else:  # pois ou fleurs à cinq pétales, en quinconce
        b = b + 0.5 * (np.floor(a) % 2)
        x, y = b % 1 - 0.5, a % 1 - 0.5
        rayon = 0.28
        if motif.genre == "fleurs":
            rayon = 0.32 + 0.12 * np.cos(5 * np.arctan2(y, x))
        champ = np.clip(8 * (rayon - np.hypot(x, y)), -0.3, 1)
    return 1 + motif.contraste * champ


def _choisir(classe):
    """Rend (dessin, teintes) d'une classe : son indice, ou un nom de `_DESSINS_HM` ; `ValueError` sinon."""
    if isinstance(classe, str) and classe in _DESSINS_HM:
        return _DESSINS_HM[classe], tuple(_COULEURS)
    if isinstance(classe, (int, np.integer)) and 0 <= classe < len(_DESSINS):
        return _DESSINS[classe], _TEINTES[classe]
    indices = ", ".join(f"{i} {f.__name__.strip('_')}" for i, f in enumerate(_DESSINS))
    raise ValueError(
        f"Classe inconnue : {classe!r}. Donnez un indice ({indices}) ou un nom : {', '.join(_DESSINS_HM)}."
    )


def jumeau_fashion_mnist(n, graine=13):
    """Dessine `n` imagettes comme Fashion-MNIST : `(X, y)`, classes équilibrées et mélangées.

    `X` : uint8 (n, 28, 28), 0–255, vêtement clair sur fond noir (0) ; `y` : uint8 (n,), 0–9.
    La même graine redonne les mêmes pixels.
    """
    if n < 1:
        raise ValueError(f"n = {n} : demandez au moins une image.")
    alea = random.Random(graine)
    h = alea.uniform
    rng = np.random.default_rng(graine)
    y = rng.permutation(np.arange(n) % 10).astype(np.uint8)
    X = np.empty((n, 28, 28), np.uint8)
    grille = (np.arange(28) + 0.5) / 28
    v, u = np.meshgrid(grille, grille, indexing="ij")
    for i in range(n):
        traits, motif = _DESSINS[y[i]](h)
        # Fashion-MNIST est un négatif : un tissu sombre sur la photo y est clair.
        clartes = (min(215.0, max(8.0, alea.gauss(75, 55))), h(0, 235), h(10, 200))
        clartes = (*clartes, clartes[TISSU])

        def encre(trait, clartes=clartes, rapport=1.0):
            return 255 - int(_clarte(clartes[trait.matiere], trait.ton * rapport))

        def bord(trait, encre=encre):
            return encre(trait, rapport=0.55)

        image = Image.new("L", (112, 112), 0)
        marge = h(0.0, 0.03)
        decalage = (h(-1, 1) * (marge + 0.015), h(-1, 1) * (marge + 0.015))
        coordonnees, echelle = _cadrer(traits, 112, marge, decalage)
        _peindre(image, traits, coordonnees, echelle, encre, bord)
        imagette = np.asarray(image.reduce(4), dtype=np.float32)
        bruit = rng.standard_normal((28, 28), dtype=np.float32)
        lumiere = 1 + h(-0.12, 0.12) * (u - 0.5) + h(-0.15, 0.15) * (v - 0.5) + 0.015 * bruit
        X[i] = np.clip(imagette * _champ_motif(u, v, motif, bruit) * lumiere, 0, 255)
    return X, y


# Les couleurs du catalogue, et celles du tissu selon la classe.
_COULEURS = {
    "rouge": (178, 44, 48),
    "marine": (36, 52, 92),
    "jean": (62, 92, 138),
    "ciel": (120, 150, 190),
    "sapin": (34, 92, 72),
    "prune": (98, 44, 92),
    "camel": (160, 108, 62),
    "anthracite": (62, 64, 70),
    "noir": (34, 34, 38),
    "cognac": (138, 74, 38),
    "canard": (18, 104, 122),
    "kaki": (100, 98, 62),
    "corail": (208, 92, 76),
    "blanc": (242, 240, 235),
    "creme": (232, 220, 196),
    "or": (212, 172, 84),
    "argent": (176, 180, 186),
}
_TEINTES = (
    ("rouge", "marine", "canard", "sapin", "corail"),
    ("jean", "marine", "kaki", "anthracite"),
    ("sapin", "prune", "marine", "rouge"),
    ("corail", "prune", "canard", "rouge"),
    ("camel", "anthracite", "marine", "kaki"),
    ("cognac", "rouge", "noir", "camel"),
    ("ciel", "jean", "canard", "prune"),
    ("marine", "rouge", "anthracite", "canard"),
    ("cognac", "rouge", "sapin", "noir"),
    ("cognac", "noir", "anthracite", "camel"),
)


def dessiner_photo(classe, taille=400, graine=0, fond=(255, 255, 255), teinte=None):
    """Dessine une « photo de catalogue » en couleurs : image PIL carrée de `taille` pixels.

    `classe` : indice 0–9, ou un nom de `_DESSINS_HM`. `fond` : couleur RVB (image RGB,
    ombre douce), ou None (image RGBA, fond transparent). `teinte` : couleur RVB du tissu, sinon tirée au sort.
    Lève `ValueError` si la classe est inconnue ou la taille inférieure à 16.
    """
    if taille < 16:
        raise ValueError(f"taille = {taille} : il faut au moins 16 pixels.")
    alea = random.Random(graine)
    dessin, teintes = _choisir(classe)
    traits, motif = dessin(alea.uniform)
    tissu = teinte or _COULEURS[alea.choice(teintes)]
    accent = _COULEURS[alea.choice(("blanc", "creme") if sum(tissu) < 420 else ("noir", "cognac"))]
    couleurs = (tissu, accent, _COULEURS[alea.choice(("or", "argent"))])

    grand = 3 * taille
    coordonnees, echelle = _cadrer(traits, grand, marge=0.07)

    def encre(trait):
        if trait.matiere == PLI:
            return None
        couleur = couleurs[trait.matiere]
        clarte = sum(couleur) / 3
        ecart = _clarte(clarte, trait.ton) - clarte
        # Éclaircir va vers le blanc : multiplier saturerait la couleur
        facteur, ajout = (1, ecart) if ecart > 0 else (1 + ecart / clarte, 0)
        return (*(int(min(255, max(0, c * facteur + ajout))) for c in couleur), 255)

    dessin = Image.new("RGBA", (grand, grand), (*tissu, 0))
    _peindre(dessin, traits, coordonnees, echelle, encre)
    dessin = dessin.resize((taille, taille), Image.Resampling.BOX)
    rgba = np.asarray(dessin, dtype=np.float32)
    rgb, alpha = rgba[..., :3], rgba[..., 3:] / 255

    # Le motif ne touche que le tissu
    masque = Image.new("L", (grand, grand), 0)
    _peindre(
        masque,
        traits,
        coordonnees,
        echelle,
        lambda t: None if t.matiere == PLI else 255 * (t.matiere == TISSU),
    )
    masque = np.asarray(masque.resize((taille, taille), Image.Resampling.BOX), dtype=np.float32)
    grille = (np.arange(taille) + 0.5) / taille
    v, u = np.meshgrid(grille, grille, indexing="ij")
    bruit = np.random.default_rng(graine).standard_normal((taille, taille)).astype(np.float32)
    champ = _champ_motif(u, v, motif._replace(contraste=min(motif.contraste, 0.35)), bruit)
    facteur = 1 + (champ - 1) * masque / 255 + 0.008 * bruit

    # Le relief : chaque pièce s'assombrit vers son bord, chaque pli creuse le tissu
    relief = Image.new("L", (grand, grand), 255)
    pinceau = ImageDraw.Draw(relief)
    for trait, points in zip(traits, coordonnees, strict=True):
        if trait.matiere == PLI:
            largeur = max(1, round(trait.epaisseur * echelle))
            pinceau.line(points, int(255 * min(1.0, trait.ton)), largeur)
        elif not trait.epaisseur:
            pinceau.polygon(points, 255)
            pinceau.line([*points, *points[:2]], 130, max(1, round(0.02 * echelle)))
    relief = relief.resize((taille, taille), Image.Resampling.BOX)
    relief = relief.filter(ImageFilter.GaussianBlur(taille * 0.014))
    facteur *= np.asarray(relief, dtype=np.float32) / 255
    facteur *= 1.12 - 0.14 * u - 0.10 * v  # lumière venue d'en haut à gauche
    rgb = np.clip(rgb * facteur[..., None], 0, 255)

    if fond is None:
        return Image.fromarray(np.concatenate([rgb, alpha * 255], axis=-1).round().astype(np.uint8))
    ombre = Image.fromarray((alpha[..., 0] * 255).astype(np.uint8))
    ombre = ombre.filter(ImageFilter.GaussianBlur(taille * 0.015))
    ombre = np.roll(np.asarray(ombre, dtype=np.float32), taille // 80, axis=(0, 1)) / 255
    arriere = np.array(fond, dtype=np.float32) * (1 - 0.22 * ombre[..., None])
    return Image.fromarray((rgb * alpha + arriere * (1 - alpha)).round().astype(np.uint8))


# --- Le catalogue de produits ---------------------------------------------------------------------

# Pour chaque dessin : (masterCategory, subCategory, articleType), tels que les nomme Kaggle.
_RAYONS = (
    ("Apparel", "Topwear", "Tshirts"),
    ("Apparel", "Bottomwear", "Trousers"),
    ("Apparel", "Topwear", "Sweaters"),
    ("Apparel", "Dress", "Dresses"),
    ("Apparel", "Topwear", "Jackets"),
    ("Footwear", "Sandal", "Sandals"),
    ("Apparel", "Topwear", "Shirts"),
    ("Footwear", "Shoes", "Casual Shoes"),
    ("Accessories", "Bags", "Handbags"),
    ("Footwear", "Shoes", "Formal Shoes"),
)
_COLONNES_STYLES = (
    *("id", "gender", "masterCategory", "subCategory", "articleType"),
    *("baseColour", "season", "year", "usage", "productDisplayName"),
)


def fiche_produit(produit, classe, remplissage=0):
    """La fiche d'un produit, de la forme des `styles/<id>.json` de Kaggle ; rend (fiche, ligne de CSV).

    `remplissage` : longueur de la description, pour approcher le poids d'une vraie fiche.
    """
    rayon, sous_rayon, article = _RAYONS[classe]
    nom = (
        f"Dessin {article}, modele {produit}"  # une virgule sans guillemets, comme dans le vrai CSV
    )
    images = {
        f"{cote}X{cote}": f"http://exemple.invalid/{produit}_{cote}.jpg" for cote in (96, 360)
    }
    donnees = {
        "id": produit,
        "price": 100 + produit % 900,
        "productDisplayName": nom,
        "brandName": "Garde-robe",
        "gender": "Unisex",
        "baseColour": "Blue",
        "season": "Summer",
        "year": "2026",
        "usage": "Casual",
        "styleImages": {"default": {"imageURL": images["360X360"], "resolutions": images}},
        "masterCategory": {"id": 1 + classe, "typeName": rayon, "active": True},
        "subCategory": {"id": 20 + classe, "typeName": sous_rayon, "active": True},
        "articleType": {"id": 60 + classe, "typeName": article, "active": True},
        "productDescriptors": {"description": {"value": "<p>" + "dessin " * (remplissage // 7)}},
    }
    fiche = {"notification": {}, "meta": {"code": 200}, "data": donnees}
    ligne = (produit, "Unisex", rayon, sous_rayon, article, "Blue", "Summer", 2026, "Casual", nom)
    return fiche, ligne


def ecrire_catalogue(dossier, n=900, graine=13):
    """Dessine un catalogue de `n` produits : `images/<id>.jpg`, `styles/<id>.json`, `styles.csv`.

    Deux produits sur cent ont un défaut du vrai jeu, à tour de rôle : JSON coupé, clé absente, photo
    absente, rayon inconnu, photo tronquée, photo d'un autre produit. `dossier` ne doit pas exister :
    il n'apparaît que complet. Lève `FileExistsError` sinon.
    """
    with dossier_atomique(dossier) as provisoire:
        for nom in ("images", "styles"):
            (provisoire / nom).mkdir()
        lignes = [_COLONNES_STYLES]
        for i in range(n):
            produit, classe = 1_000 + 3 * i, (7 * i + i // 10) % 10
            fiche, ligne = fiche_produit(produit, classe)
            defaut = (i // 50) % 6 if i % 50 == 49 else None
            photo = dessiner_photo(classe, 96, graine * 100_003 + i)
            tampon = io.BytesIO()
            photo.save(tampon, "JPEG", quality=88)
            octets = tampon.getvalue()
            if defaut == 1:
                del fiche["data"]["subCategory"]
            elif defaut == 3:
                fiche["data"]["masterCategory"]["typeName"] = "Jouets"
            texte = json.dumps(fiche)
            if defaut == 0:
                texte = texte[: len(texte) // 2]
            elif defaut == 4:
                octets = octets[: len(octets) // 2]
            elif defaut == 5:  # deux produits de la même classe, la même photo
                octets = (provisoire / "images" / f"{produit - 93}.jpg").read_bytes()
            (provisoire / "styles" / f"{produit}.json").write_text(texte, encoding="utf-8")
            if defaut != 2:
                (provisoire / "images" / f"{produit}.jpg").write_bytes(octets)
            lignes.append(ligne)
        texte = "".join(",".join(map(str, ligne)) + "\n" for ligne in lignes)
        (provisoire / "styles.csv").write_text(texte, encoding="utf-8")


# --- Le catalogue H&M -----------------------------------------------------------------------------

# product_group_name → ses dessins, avec des poids : (type de produit, dessin, poids). Comme dans le vrai
# catalogue, certaines classes se ressemblent (maillots et sous-vêtements, pyjamas et hauts).
_HM = {
    "Garment Upper body": (
        ("T-shirt", 0, 3),
        ("Sweater", 2, 3),
        ("Jacket", 4, 2),
        ("Shirt", 6, 2),
    ),
    "Garment Lower body": (("Trousers", 1, 5), ("Skirt", "jupe", 2)),
    "Garment Full body": (("Dress", 3, 1),),
    "Accessories": (("Bag", 8, 2), ("Hat/beanie", "bonnet", 3)),
    "Underwear": (("Bra", "soutien-gorge", 1), ("Underwear bottom", "culotte", 1)),
    "Shoes": (("Sneakers", 7, 2), ("Boots", 9, 2), ("Sandals", 5, 2)),
    "Swimwear": (
        ("Bikini top", "soutien-gorge", 1),
        ("Swimwear bottom", "culotte", 1),
        ("Swimsuit", "maillot", 2),
    ),
    "Socks & Tights": (("Socks", "chaussettes", 4), ("Leggings/Tights", 1, 1)),
    "Nightwear": (("Pyjama set", 6, 2), ("Night gown", 3, 2), ("Pyjama bottom", 1, 2)),
    "Unknown": (("Unknown", 2, 1), ("Unknown", 8, 1)),
    "Underwear/nightwear": (("Nipple covers", "soutien-gorge", 1),),
    "Cosmetic": (("Fine cosmetics", 8, 1),),
    "Bags": (("Backpack", 8, 1),),
    "Items": (("Wood balls", "bonnet", 1),),
    "Furniture": (("Side table", 8, 1),),
    "Garment and Shoe care": (("Washing bag", 8, 1),),
    "Stationery": (("Marker pen", 8, 1),),
    "Interior textile": (("Blanket", "jupe", 1),),
    "Fun": (("Toy", "bonnet", 1),),
}
_COULEURS_HM = {  # couleur du tissu → (colour_group_code, colour_group_name)
    "rouge": (42, "Red"),
    "marine": (73, "Dark Blue"),
    "jean": (72, "Blue"),
    "ciel": (71, "Light Blue"),
    "sapin": (93, "Dark Green"),
    "prune": (63, "Dark Purple"),
    "camel": (13, "Dark Beige"),
    "anthracite": (8, "Dark Grey"),
    "noir": (9, "Black"),
    "cognac": (15, "Brown"),
    "canard": (83, "Dark Turquoise"),
    "kaki": (19, "Greenish Khaki"),
    "corail": (32, "Dark Orange"),
    "blanc": (10, "White"),
    "creme": (11, "Off White"),
    "or": (5, "Gold"),
    "argent": (6, "Silver"),
}
_INTIMES = ("noir", "blanc", "creme", "ciel", "prune", "rouge")  # sous-vêtements, le plus souvent
_COLONNES_HM = (
    *("article_id", "product_code", "prod_name", "product_type_no", "product_type_name"),
    *("product_group_name", "graphical_appearance_no", "graphical_appearance_name"),
    *("colour_group_code", "colour_group_name", "perceived_colour_value_id"),
    *("perceived_colour_value_name", "perceived_colour_master_id", "perceived_colour_master_name"),
    *("department_no", "department_name", "index_code", "index_name", "index_group_no"),
    *("index_group_name", "section_no", "section_name", "garment_group_no"),
    *("garment_group_name", "detail_desc"),
)


def repartir_au_prorata(effectifs, n):
    """Réduit des effectifs (dict) à `n` en tout, au prorata, un au moins par nom (`n` ≥ leur nombre)."""
    total = sum(effectifs.values())
    parts = {nom: max(1, int(n * e / total)) for nom, e in effectifs.items()}
    while ecart := n - sum(parts.values()):  # les arrondis, sur la plus grande
        parts[max(parts, key=parts.get)] += 1 if ecart > 0 else -1
    return parts


def _modeles_hm(effectifs, n, graine):
    """Donne les `n` articles (dict) du catalogue dessiné, par modèle : mêmes sept premiers chiffres et
    même coupe, de une à quatre couleurs."""
    alea = random.Random(graine)
    groupes = repartir_au_prorata(effectifs, n)
    modeles = []
    for groupe, reste in groupes.items():
        types, poids = _HM[groupe], [p for _, _, p in _HM[groupe]]
        while reste:
            variantes = min(reste, alea.choice((1, 1, 2, 2, 3, 4)))
            modeles.append((groupe, alea.choices(types, poids)[0], variantes))
            reste -= variantes
    alea.shuffle(modeles)  # dans le vrai catalogue, les classes ne se suivent pas
    numeros = sorted(alea.sample(range(108_775, 959_461), len(modeles)))
    for numero, (groupe, (genre, dessin, _), variantes) in zip(numeros, modeles, strict=True):
        coupe = alea.randrange(2**31)
        couleurs = tuple(_COULEURS_HM)
        if groupe == "Underwear" and alea.random() < 0.8:
            couleurs = _INTIMES
        for i, couleur in enumerate(alea.sample(couleurs, variantes), start=1):
            yield {
                "article_id": f"{numero:07d}{i:03d}",
                "groupe": groupe,
                "genre": genre,
                "dessin": dessin,
                "coupe": coupe,
                "couleur": couleur,
            }


def _ligne_hm(article):
    """Les 25 valeurs d'un article, dans l'ordre des colonnes ; les codes sont inventés."""
    numero, genre, groupe = article["article_id"], article["genre"], article["groupe"]
    code, couleur = _COULEURS_HM[article["couleur"]]
    rang = list(_HM).index(groupe)
    rayon = 1_000 + (int(numero[:7]) * 7) % 9_000
    valeurs = (
        numero,
        numero[:7],
        f"{genre} no {int(numero[:7]) % 997}",
        50 + rang * 10,
        genre,
        groupe,
    )
    valeurs += (1_010_016, "Solid", f"{code:02d}", couleur, 1 + code % 7, f"Tone {1 + code % 7}")
    valeurs += (1 + code % 20, couleur.split()[-1], rayon, f"Department {rayon}")
    valeurs += ("ABCDFGHIJS"[rang % 10], "Ladieswear", 1 + rang % 5, "Ladieswear")
    valeurs += (1 + rang, f"Section {1 + rang}", 1_001 + rang, f"Group {1_001 + rang}")
    return (*valeurs, f"{genre}, {couleur.lower()}, drawn by a program.")


@lru_cache(maxsize=4)
def _grain(largeur, hauteur, force):
    """Le grain d'un capteur, le même pour toutes les photos d'une taille : int16 (h, l, 3)."""
    bruit = np.random.default_rng(0).standard_normal((hauteur, largeur, 3), dtype=np.float32)
    return (force * bruit).round().astype(np.int16)


def dessiner_photo_hm(article, largeur, hauteur, finesse=360, grain=0.0):
    """Photo d'un article en image PIL RGB (hauteur, largeur) : le vêtement, au milieu d'un fond clair.

    `finesse` : côté, en pixels, du dessin avant agrandissement (un grand dessin coûte cher). `grain` :
    écart-type du bruit ajouté, qui donne à une grande photo le poids d'une vraie.
    """
    alea = random.Random(f"{article['article_id']}")
    fond = (alea.randrange(225, 250),) * 3
    cote = int(min(largeur, hauteur) * alea.uniform(0.75, 0.98))
    teinte = _COULEURS[article["couleur"]]
    dessin = dessiner_photo(article["dessin"], min(cote, finesse), article["coupe"], fond, teinte)
    if cote > finesse:
        dessin = dessin.resize((cote, cote), Image.Resampling.BICUBIC)
    photo = Image.new("RGB", (largeur, hauteur), fond)
    x, y = (largeur - cote) * alea.random(), (hauteur - cote) * alea.uniform(0.3, 0.7)
    photo.paste(dessin, (int(x), int(y)))
    if grain:
        pixels = np.asarray(photo).astype(np.int16) + _grain(largeur, hauteur, grain)
        photo = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return photo


def ecrire_hm(
    dossier, effectifs, n=6_000, largeur=240, graine=13, finesse=360, grain=0.0, qualite=88
):
    """Dessine un catalogue de la forme de celui de H&M : `articles.csv` (25 colonnes) et
    `images/0XX/0XXXXXXXXX.jpg`.

    `effectifs` : articles par `product_group_name` du vrai catalogue, suivis au prorata. Les photos font
    `largeur` pixels sur 1,5 fois plus (une sur trente a d'autres dimensions). Défauts du vrai jeu :
    quatre articles sur mille sans photo et autant sans `detail_desc` ; et, pour apprendre, trois photos
    sans article et deux photos abîmées. `dossier` ne doit pas exister : il n'apparaît que complet.
    """
    articles = list(_modeles_hm(effectifs, n, graine))
    alea = random.Random(graine)
    sans_photo = set(alea.sample(range(n), max(1, round(0.0042 * n))))
    sans_texte = set(alea.sample(range(n), max(1, round(0.0039 * n))))
    # Les deux photos abîmées : une coupée au milieu, une page web enregistrée sous le nom d'une photo.
    coupee, page = alea.sample(sorted(set(range(n)) - sans_photo), 2)
    tailles = [(1.0, 1.5)] * 29 + [(1.5, 1.0)]

    def ecrire(rang):
        article, tirage = articles[rang], random.Random(f"{graine}-{rang}")
        x, y = tirage.choice(tailles)
        photo = dessiner_photo_hm(article, int(x * largeur), int(y * largeur), finesse, grain)
        tampon = io.BytesIO()
        photo.save(tampon, "JPEG", quality=qualite)
        octets = tampon.getvalue()
        if rang == coupee:
            octets = octets[: len(octets) // 2]
        elif rang == page:
            octets = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
        numero = article["article_id"]
        return f"images/{numero[:3]}/{numero}.jpg", octets

    with dossier_atomique(dossier) as provisoire:
        for prefixe in {a["article_id"][:3] for a in articles} | {"960"}:
            (provisoire / "images" / prefixe).mkdir(parents=True)
        rangs = [rang for rang in range(n) if rang not in sans_photo]
        with ThreadPoolExecutor(
            2
        ) as fils:  # Pillow libère Python pendant qu'il dessine ou comprime
            for chemin, octets in tqdm(fils.map(ecrire, rangs), "dessin des photos", len(rangs)):
                (provisoire / chemin).write_bytes(octets)
        for i in range(3):
            (provisoire / "images" / "960" / f"09600000{i:02d}.jpg").write_bytes(octets)
        lignes = [_ligne_hm(article) for article in articles]
        tableau = pd.DataFrame(lignes, columns=_COLONNES_HM)
        tableau.loc[sorted(sans_texte), "detail_desc"] = None
        tableau.to_csv(provisoire / "articles.csv", index=False, lineterminator="\n")


# --- Trois races de chiens ------------------------------------------------------------------------

# Pour chaque race : robes possibles, museau, oreilles (dressées, tombantes), largeur du museau.
_CHIENS = (
    (((196, 154, 106), (222, 196, 160), (120, 84, 60)), (60, 44, 40), "grandes", 0.16),  # chihuahua
    (((172, 112, 62), (150, 92, 50), (196, 140, 84)), (34, 28, 28), "tombantes", 0.30),  # boxer
    (
        ((238, 236, 230), (214, 214, 218), (120, 122, 130)),
        (70, 66, 66),
        "courtes",
        0.22,
    ),  # esquimau
)


def dessiner_chien(race, taille=224, graine=0):
    """Dessine la tête d'un chien de face : image PIL RGB carrée. `race` : 0 chihuahua, 1 boxer, 2 esquimau."""
    h = random.Random(f"{race} {graine}").uniform
    robes, museau, oreilles, largeur = _CHIENS[race]
    robe = robes[int(h(0, len(robes)))]
    ombre = h(0.6, 0.8)
    sombre = tuple(int(c * ombre) for c in robe)
    grand, r = 2 * taille, h(0.5, 0.8) * taille  # r : rayon de la tête, deux fois trop grand
    cx, cy = (grand * h(0.4, 0.6) for _ in range(2))
    image = Image.new("RGB", (grand, grand), tuple(int(h(40, 220)) for _ in range(3)))
    pinceau = ImageDraw.Draw(image)
    for _ in range(12):  # un fond qui n'est pas uni
        x, y, d = h(0, grand), h(0, grand), h(0.05, 0.3) * grand
        pinceau.ellipse((x, y, x + d, y + d * h(0.3, 1)), tuple(int(h(40, 220)) for _ in range(3)))

    def ovale(x, y, a, b, couleur):
        x, y, a, b = cx + x * r, cy + y * r, a * r, b * r
        pinceau.ellipse((x - a, y - b, x + a, y + b), couleur)

    for cote in (-1, 1):
        if oreilles == "tombantes":
            ovale(cote * 0.78, -0.25, 0.2, h(0.42, 0.55), sombre)
        else:
            haut = -h(1.5, 1.8) if oreilles == "grandes" else -h(1.1, 1.25)
            points = [(0.2, -0.6), (0.75 if oreilles == "grandes" else 0.5, haut), (0.85, -0.3)]
            pinceau.polygon([(cx + cote * x * r, cy + y * r) for x, y in points], sombre)
    if oreilles == "courtes":  # la collerette de poils
        ovale(0, 0.25, 1.05, 0.95, tuple(int(c * 0.94) for c in robe))
    ovale(0, 0, 0.8, 0.85 if oreilles != "tombantes" else 0.78, robe)
    ovale(0, 0.4, 2 * largeur, largeur * 1.3, museau if oreilles == "tombantes" else sombre)
    ovale(0, 0.28, 0.13, 0.09, (20, 18, 18))
    for cote in (-1, 1):
        ovale(
            cote * 0.35, -0.12, *((0.14, 0.14) if oreilles == "grandes" else (0.09, 0.09)), museau
        )
    image = image.rotate(h(-20, 20), Image.Resampling.BILINEAR, fillcolor=image.getpixel((0, 0)))
    image = np.asarray(image.resize((taille, taille), Image.Resampling.BOX), dtype=np.float32)
    grain = np.random.default_rng(graine).normal(0, 10, image.shape)
    return Image.fromarray((image * h(0.7, 1.15) + grain).clip(0, 255).astype(np.uint8))


def ecrire_chiens(dossier, races, n=180, graine=13):
    """Dessine `n` chiens dans `dossier/<race>/*.jpg` ; `races` : les trois dossiers, dans l'ordre du dessin.

    `dossier` n'apparaît que complet ; lève `OSError` s'il a un contenu.
    """
    with dossier_atomique(dossier) as provisoire:
        for i in range(n):
            chemin = provisoire / races[i % 3] / f"dessin_{i:04d}.jpg"
            chemin.parent.mkdir(exist_ok=True)
            dessiner_chien(i % 3, graine=graine * 100_003 + i).save(chemin, quality=88)


# --- Les images d'exemple -------------------------------------------------------------------------


class Exemple(NamedTuple):
    """Une image d'exemple : nom du fichier, classe attendue, et comment la dessiner."""

    fichier: str
    classe: int
    graine: int
    fond: tuple | None = (255, 255, 255)
    teinte: str | None = None


# Les formats que l'on rencontre sur le web, chacun une fois ou deux.
EXEMPLES = (
    Exemple("t-shirt.png", 0, 26, fond=None),  # transparence (RGBA)
    Exemple("t-shirt-blanc.jpg", 0, 7, fond=(236, 236, 238), teinte="blanc"),  # blanc sur blanc
    Exemple("pantalon.jpg", 1, 45, teinte="jean"),
    Exemple("pull.webp", 2, 68),
    Exemple("robe.jpg", 3, 8, fond=(150, 152, 156)),  # fond gris
    Exemple("manteau.png", 4, 151, fond=(28, 30, 36), teinte="creme"),  # fond sombre
    Exemple("sandales.jpg", 5, 62),
    Exemple("chemise.gif", 6, 72, teinte="ciel"),  # palette
    Exemple("baskets.jpg", 7, 55),  # pixels couchés, orientation EXIF
    Exemple("sac.png", 8, 48, fond=None),  # palette et transparence
    Exemple("sac-fond-noir.webp", 8, 65, fond=(12, 12, 12), teinte="or"),
    Exemple("bottes.jpg", 9, 68),
)


def dessiner_exemple(exemple, taille=360):
    """L'image PIL d'un `Exemple`, avant toute compression : RGB, ou RGBA sans fond."""
    teinte = _COULEURS[exemple.teinte] if exemple.teinte else None
    return dessiner_photo(exemple.classe, taille, exemple.graine, exemple.fond, teinte)


def ecrire_exemples(dossier):
    """Écrit dans `dossier` les images de `EXEMPLES` ; renvoie la liste de leurs chemins."""
    chemins = []
    for exemple in EXEMPLES:
        # Sans perte, une grande image pèserait plus lourd qu'une photo du web
        image = dessiner_exemple(exemple, 224 if exemple.fichier.endswith(".png") else 360)
        options = {"quality": 88}
        if exemple.fichier.endswith(".png"):
            options = {"optimize": True}
        if exemple.fichier == "sac.png" or exemple.fichier.endswith(".gif"):
            image = image.quantize(128, Image.Quantize.FASTOCTREE)
            options = {}
        if exemple.fichier == "baskets.jpg":  # comme un téléphone tenu de travers
            image = image.transpose(Image.Transpose.ROTATE_90)
            options["exif"] = exif = Image.Exif()
            exif[0x0112] = 6  # balise Orientation : tourner d'un quart de tour à droite
        chemin = Path(dossier) / exemple.fichier
        with ecriture_atomique(chemin) as provisoire:
            image.save(provisoire, **options)
        chemins.append(chemin)
    return chemins


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage : python -m outils.garde_robe DOSSIER (par exemple ../images)")
    for chemin in ecrire_exemples(sys.argv[1]):
        print(f"{chemin} : {chemin.stat().st_size / 1000:.1f} ko")
