"""De la photo à l'entrée du réseau : le seul endroit où cela se fait.

Vers 28×28 en gris, deux chemins : celui de l'énoncé, `load_and_preprocess_image`, et le chemin conseillé,
`preparer_photo`, qui imite la fabrication de Fashion-MNIST (Xiao, Rasul et Vollgraf, 2017) : vêtement détouré,
rogné, plus long côté à 28 pixels, clair sur fond noir. En couleurs (labo 4), un seul : `preparer_couleur`.
"""

import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageFilter

from outils.photos import COTE_MIN, COTE_UTILE, ouvrir_photo, refuser_photo, sur_blanc
from outils.visage import trouver_visage

# --- Le chemin de l'énoncé ---------------------------------------------------------------------------


def load_and_preprocess_image(image_path, target_size=28, content_size=20):
    """Prépare une photo comme l'énoncé : float32 (1, target_size, target_size, 1) dans 0–1."""
    image = Image.open(image_path)
    gris = image.convert("L")
    reduite = resize_with_aspect_ratio(gris, content_size)
    centree = create_centered_image(reduite, target_size)
    return normalize_pixels(centree).reshape(1, target_size, target_size, 1)


def resize_with_aspect_ratio(image, target_dimension):
    """Image PIL réduite : plus long côté à `target_dimension` pixels, l'autre à 1 au moins, accentuée."""
    echelle = target_dimension / max(image.size)
    taille = [max(1, round(cote * echelle)) for cote in image.size]
    return image.resize(taille, Image.Resampling.LANCZOS).filter(ImageFilter.SHARPEN)


def create_centered_image(image, canvas_size):
    """Image PIL en gris posée au centre d'un carré blanc de `canvas_size` pixels de côté."""
    carre = Image.new("L", (canvas_size, canvas_size), 255)
    carre.paste(image, ((canvas_size - image.width) // 2, (canvas_size - image.height) // 2))
    return carre


def normalize_pixels(image):
    """Image PIL en gris → float32 (hauteur, largeur) dans 0–1, comme Fashion-MNIST."""
    pixels = np.asarray(image, dtype=np.float32)
    return (255 - pixels) / 255


# --- Le chemin des photos en couleurs -------------------------------------------------------------------


def couleurs_carrees(source, cote=64, cote_utile=COTE_UTILE):
    """Photo en couleurs mise au carré (les proportions changent) : uint8 (cote, cote, 3) dans 0–255.

    Paramètres et erreurs : voir `ouvrir_photo`. `cote_utile=cote` décode bien plus vite, à un niveau ou deux près.
    """
    photo = sur_blanc(ouvrir_photo(source, cote_utile=cote_utile))
    return np.asarray(photo.resize((cote, cote), Image.Resampling.BOX))


def preparer_couleur(source, cote=64):
    """Photo → entrée d'un réseau en couleurs : float32 (1, cote, cote, 3) dans 0–1 (labo 4)."""
    return (couleurs_carrees(source, cote).astype(np.float32) / 255)[None]


# --- Le chemin conseillé -------------------------------------------------------------------------------

COTE_ENTREE = 28
COTE_DETOURAGE = 192
SEUIL_BAS, SEUIL_HAUT = 0.03, 0.95  # part de premier plan en deçà et au-delà de laquelle on avertit
DOUTE = 0.38  # probabilité de la réponse en deçà de laquelle on avertit


class PhotoDouteuse(UserWarning):
    """La photo donne une entrée, mais probablement trompeuse : le message dit pourquoi et que faire."""


@dataclass
class Preparation:
    """Résultat d'`analyser_photo`.

    `entree` : float32 (1, 28, 28, 1) dans 0–1. `etapes` : nom → image PIL, dans l'ordre.
    `avertissements` : phrases en français, cause puis remède. `premier_plan` : part de la photo, 0–1.
    `porte` : un visage a été trouvé, quelqu'un porte le vêtement.
    """

    entree: np.ndarray
    etapes: dict = field(default_factory=dict)
    avertissements: list = field(default_factory=list)
    premier_plan: float = 0.0
    porte: bool = False


def preparer_photo(source):
    """Prépare une photo : float32 (1, 28, 28, 1) dans 0–1, vêtement clair sur fond noir.

    `source` : chemin, octets, fichier ouvert ou image PIL. Une photo trompeuse donne un avertissement
    `PhotoDouteuse` ; une photo inutilisable lève `PhotoIllisible`.
    """
    preparation = analyser_photo(source)
    for message in preparation.avertissements:
        warnings.warn(message, PhotoDouteuse, stacklevel=2)
    return preparation.entree


def analyser_photo(source):
    """Comme `preparer_photo`, mais rend la `Preparation` : entrée, étapes, avertissements."""
    photo = ouvrir_photo(source)
    vue = photo.copy()
    vue.thumbnail((COTE_DETOURAGE, COTE_DETOURAGE), Image.Resampling.BOX)
    _refuser_unie(*_couches(vue), source)
    visage = trouver_visage(photo)
    boite = (0, 0, *photo.size) if visage is None else _autour_du_buste(photo, visage)
    for _ in range(2):  # un petit vêtement se détoure mieux de près
        vue = photo.crop(boite)
        vue.thumbnail((COTE_DETOURAGE, COTE_DETOURAGE), Image.Resampling.BOX)
        rvb, alpha = _couches(vue)
        if visage is None:
            saillance, masque = _separer(rvb, alpha)
        else:
            saillance, masque = _separer_du_corps(rvb, alpha, _dans_la_vue(visage, boite, vue))
        agrandi = (boite[2] - boite[0]) * (boite[3] - boite[1]) / (photo.width * photo.height)
        plus_pres = None if visage else _resserrer(boite, masque)
        if plus_pres is None:
            break
        boite = plus_pres
    part = float(masque.mean()) * agrandi
    avertissements = _avertir(rvb, masque, part)
    if not masque.any() or part > SEUIL_HAUT:
        masque = np.ones_like(masque)  # manqué : la photo entière vaut mieux qu'une entrée vide
    entree = _vers_entree(rvb, masque)
    etapes = {
        "photo": photo,
        "ce qui ressort": Image.fromarray(np.round(saillance * 255).astype(np.uint8)),
        "vêtement détouré": Image.fromarray(np.where(masque[..., None], rvb, 255).astype(np.uint8)),
        "entrée du réseau": Image.fromarray(np.round(entree[0, ..., 0] * 255).astype(np.uint8)),
    }
    return Preparation(entree, etapes, avertissements, part, visage is not None)


def _couches(vue):
    """Rend (rvb uint8 (h, l, 3), alpha uint8 (h, l) ou None) d'une image PIL."""
    alpha = None if vue.mode == "RGB" else np.asarray(vue.getchannel("A"))
    return np.asarray(sur_blanc(vue)), alpha


def _autour_du_buste(photo, visage):
    """Boîte (x0, y0, x1, y1) qui va du visage aux genoux, bras compris, dans la photo."""
    x, y, largeur, hauteur = visage
    milieu, menton = x + largeur / 2, y + hauteur
    coins = (milieu - 3.5 * largeur, y - largeur, milieu + 3.5 * largeur, menton + 7 * largeur)
    return tuple(
        round(min(max(v, 0), limite)) for v, limite in zip(coins, 2 * photo.size, strict=True)
    )


def _dans_la_vue(visage, boite, vue):
    """Le visage (x, y, largeur, hauteur), en pixels de la vue tirée de cette boîte de la photo."""
    echelle = vue.width / (boite[2] - boite[0])
    x, y, *taille = visage
    return [v * echelle for v in (x - boite[0], y - boite[1], *taille)]


def _separer_du_corps(rvb, alpha, visage):
    """Rend (saillance, masque) du haut que porte quelqu'un : GrabCut, amorcé par le buste sous le visage.

    Sont du fond : la tête, la peau (de la couleur du visage) et ce qui est sous les hanches. Les distances
    se comptent en largeurs de visage, depuis le menton.
    """
    x, y, largeur, hauteur = visage
    v, u = np.mgrid[: rvb.shape[0], : rvb.shape[1]]
    v, u = (v - y - hauteur) / largeur, np.abs(u - x - largeur / 2) / largeur
    lab = _vers_lab(rvb)
    peau = np.median(lab[(u < 0.25) & (v > -0.7) & (v < -0.15)], axis=0)
    chair = np.linalg.norm((lab - peau) * (0.4, 1, 1), axis=2) < 10  # la clarté dépend de l'ombre
    buste = (u < 0.8) & (v > 0.5) & (v < 2.2)
    etat = np.full(rvb.shape[:2], cv2.GC_PR_BGD, np.uint8)
    etat[(u < 1.8) & (v > 0.2) & (v < 3.2)] = cv2.GC_PR_FGD
    etat[buste] = cv2.GC_FGD
    ventre = buste & (v > 1.2)
    if chair[ventre].mean() < 0.5:  # sinon, c'est le vêtement qui est couleur chair
        etat[chair & ~ventre] = cv2.GC_BGD
    etat[(v < -0.35) | ((v < 0) & (u < 0.8)) | (v > 4.6)] = cv2.GC_BGD
    if alpha is not None:
        etat[alpha <= alpha.max() / 2] = cv2.GC_BGD
    saillance = np.choose(etat, (0, 1, 0.25, 0.75)).astype(np.float32)
    return saillance, _nettoyer(_couper(rvb, etat))


def _separer(rvb, alpha):
    """Rend (saillance 0–1, masque booléen) : la transparence si elle détoure, sinon le contraste au fond."""
    if alpha is not None:
        opaque = alpha > alpha.max() / 2  # une image à demi transparente garde son détourage
        x, y, w, h = cv2.boundingRect(opaque.astype(np.uint8))
        # Une photo rectangulaire à coins arrondis n'est pas un détourage.
        if opaque.mean() < 0.97 and opaque[y : y + h, x : x + w].mean() < 0.97:
            return alpha.astype(np.float32) / 255, _nettoyer(opaque)
    # Une marge de la couleur du bord : un vêtement qui frôle le bord ne passe pas pour du fond.
    marge = round(0.06 * max(rvb.shape))
    large = cv2.copyMakeBorder(rvb, marge, marge, marge, marge, cv2.BORDER_REPLICATE)
    masque = _sur_fond_uni(large)
    if masque is None:
        saillance = _saillance(large)
        masque = _detourer(large, saillance)
    else:
        saillance = masque.astype(np.float32)
    sans_marge = slice(marge, -marge), slice(marge, -marge)
    return saillance[sans_marge], _nettoyer(masque[sans_marge])


def _sur_fond_uni(rvb):
    """Masque booléen de ce qui n'est pas un fond uni tenant au bord, ou None si le fond n'est pas uni.

    Plus sûr que GrabCut pour un vêtement blanc sur blanc ou noir sur noir.
    """
    lab = _vers_lab(rvb)
    couleur = np.median(_bord(lab, 2), axis=0)
    ecart = np.linalg.norm(lab - couleur, axis=2)
    ecart_au_bord = _bord(ecart, 2)
    unis = ecart_au_bord[ecart_au_bord < 3]
    if len(unis) < 0.75 * len(ecart_au_bord):
        return None
    proche = ecart < max(2.5, 2.5 * np.percentile(unis, 90))
    fond = _tenant_au_bord(proche)
    if fond.all():
        return ~fond
    if np.percentile(ecart[~fond], 60) > 20:  # vêtement bien contrasté
        # Une anse, un bras écarté : le fond se voit à travers ; mais pas les points d'une trame.
        fond |= _sans_points(proche, 5)
    return _sans_points(~fond, 3)


def _sans_points(region, cote):
    """La région booléenne sans ce qui est plus petit qu'un carré de `cote` pixels."""
    carre = np.ones((cote, cote), np.uint8)
    return cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_OPEN, carre) > 0


def _vers_lab(rvb):
    return cv2.cvtColor((rvb / 255).astype(np.float32), cv2.COLOR_RGB2LAB)


def _bord(image, epaisseur):
    """Pixels du pourtour de l'image, les uns à la suite des autres."""
    pourtour = np.ones(image.shape[:2], dtype=bool)
    pourtour[epaisseur:-epaisseur, epaisseur:-epaisseur] = False
    return image[pourtour]


def _tenant_au_bord(region):
    """La partie d'une région booléenne reliée au bord de l'image."""
    _, etiquettes = cv2.connectedComponents(region.astype(np.uint8), connectivity=4)
    au_bord = np.unique(_bord(etiquettes, 1))
    return region & np.isin(etiquettes, au_bord[au_bord > 0])


def _resserrer(boite, masque):
    """Boîte (x0, y0, x1, y1) plus serrée autour d'un vêtement qui tient dans moins de la moitié, ou None."""
    if not masque.any():
        return None
    x, y, w, h = cv2.boundingRect(masque.astype(np.uint8))
    if max(w, h) >= 0.5 * max(masque.shape):
        return None
    gauche, haut, droite, bas = boite
    pixel = max(droite - gauche, bas - haut) / max(masque.shape)
    marge = 0.3 * max(w, h)
    coins = (x - marge, y - marge, x + w + marge, y + h + marge)
    x0, y0, x1, y1 = (round(v * pixel) for v in coins)
    x0, y0 = gauche + max(x0, 0), haut + max(y0, 0)
    x1, y1 = min(gauche + x1, droite), min(haut + y1, bas)
    return (x0, y0, x1, y1) if min(x1 - x0, y1 - y0) >= COTE_MIN else None


def _refuser_unie(rvb, alpha, source):
    nom = Path(source).name if isinstance(source, (str, os.PathLike)) else "image reçue"
    if alpha is not None and not alpha.any():
        remede = "exportez-la avec un fond"
        refuser_photo(nom, "image entièrement transparente", "un vêtement visible", remede)
    couches = rvb if alpha is None else np.dstack([rvb, alpha])
    if np.ptp(couches.astype(int), axis=(0, 1)).max() <= 6:
        remede = "choisissez une autre image"
        refuser_photo(nom, "image d'une seule couleur", "un vêtement sur un fond", remede)


def _saillance(rvb, cote=20, portee_couleur=7.0, portee_lieu=0.25, lissage=10.0):
    """Ce qui ressort du fond : float32 (h, l) dans 0–1, par contraste avec ce qui tient au bord.

    D'après Zhu, Liang, Wei et Sun, « Saliency Optimization from Robust Background Detection », 2014 : une région
    est du fond si elle touche beaucoup le bord pour sa taille. Leurs superpixels sont ici les cases d'une grille.
    """
    h0, w0 = rvb.shape[:2]
    echelle = cote / max(h0, w0)
    h, w = max(3, round(h0 * echelle)), max(3, round(w0 * echelle))
    lab = _vers_lab(rvb)
    couleurs = cv2.resize(lab, (w, h), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    y, x = np.divmod(np.arange(h * w), w)
    dy, dx = np.abs(y[:, None] - y), np.abs(x[:, None] - x)
    pas = np.maximum(dx, dy)
    bord = (y == 0) | (y == h - 1) | (x == 0) | (x == w - 1)
    ecarts = np.linalg.norm(couleurs[:, None] - couleurs, axis=2)
    bruit = np.median(np.where(pas == 1, ecarts, np.inf).min(axis=1))
    ecarts_nets = np.maximum(ecarts - bruit, 0)

    # Distance de couleur le long du meilleur chemin ; les cases du bord se touchent toutes.
    distance = np.where((pas == 1) | (bord[:, None] & bord), ecarts_nets, np.inf).astype(np.float32)
    np.fill_diagonal(distance, 0)
    for k in range(h * w):  # Floyd et Warshall
        np.minimum(distance, distance[:, k, None] + distance[k], out=distance)
    parente = np.exp(-(distance**2) / (2 * portee_couleur**2))
    attache = parente[:, bord].sum(axis=1) / np.sqrt(parente.sum(axis=1))
    fond = 1 - np.exp(-(attache**2) / 2)

    proximite = np.exp(-(dy**2 + dx**2) / max(h, w) ** 2 / (2 * portee_lieu**2))
    contraste = _etaler((ecarts * proximite * fond).sum(axis=1))

    # Moindres carrés : proche de 0 sur le fond, de 1 sur ce qui contraste, lisse entre voisins semblables.
    poids = np.where(pas <= 2, np.exp(-(ecarts_nets**2) / (2 * lissage**2)), 0) + 0.1 * (pas == 1)
    np.fill_diagonal(poids, 0)
    pour = np.where(contraste > contraste.mean(), contraste, 0)
    contre = 5 * np.where(fond > 0.01, fond, 0)
    laplacien = np.diag(poids.sum(axis=1) + pour + contre + 1e-6) - poids
    carte = np.linalg.solve(laplacien, pour).reshape(h, w).astype(np.float32)
    carte = cv2.resize(_etaler(carte, 90), (w0, h0), interpolation=cv2.INTER_LINEAR)
    return np.clip(carte, 0, 1)


def _etaler(valeurs, centile=100):
    """Ramène à 0–1, en écrêtant au-delà du centile, sauf si si peu ressort que le centile est du fond."""
    bas, haut, pic = valeurs.min(), np.percentile(valeurs, centile), valeurs.max()
    if haut - bas < 0.1 * (pic - bas):
        haut = pic
    return np.clip((valeurs - bas) / max(haut - bas, 1e-6), 0, 1)


def _detourer(rvb, saillance):
    """Masque booléen (h, l) du vêtement : GrabCut, amorcé par la saillance."""
    seuil, _ = cv2.threshold((saillance * 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    etat = np.where(saillance > seuil / 255, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    etat[saillance < 0.05] = cv2.GC_BGD
    etat[saillance > 0.95] = cv2.GC_FGD
    return _couper(rvb, etat)


def _couper(rvb, etat):
    """Masque booléen (h, l) : GrabCut, à partir d'un état uint8 par pixel."""
    avant = etat % 2 == 1
    if min(avant.sum(), (~avant).sum()) > 30:
        cv2.setRNGSeed(0)  # GrabCut tire au sort : même photo, même entrée
        bgr = cv2.cvtColor(rvb, cv2.COLOR_RGB2BGR)
        cv2.grabCut(bgr, etat, None, None, None, 2, cv2.GC_INIT_WITH_MASK)
    return etat % 2 == 1


def _nettoyer(masque):
    """Garde les grands morceaux (25 % du plus grand au moins) et bouche les petits trous."""
    n, etiquettes, stats, _ = cv2.connectedComponentsWithStats(masque.astype(np.uint8))
    if n == 1:
        return masque
    aires = stats[1:, cv2.CC_STAT_AREA]
    masque = np.isin(etiquettes, 1 + np.flatnonzero(aires >= 0.25 * aires.max()))
    trous = (~masque).astype(np.uint8)
    _, etiquettes, stats, _ = cv2.connectedComponentsWithStats(trous, connectivity=4)
    petits = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < 0.02 * masque.sum())
    return masque | np.isin(etiquettes, petits[petits > 0])


def _avertir(rvb, masque, part):
    """Ce qui rend la photo trompeuse, cause puis remède ; les seuils viennent de photos réelles."""
    if part < SEUIL_BAS:
        return [
            f"Presque rien ne ressort du fond ({part:.1%} de la photo) : vêtement trop petit, ou de la "
            "couleur du fond. Recadrez autour du vêtement, ou photographiez-le sur un fond qui contraste."
        ]
    if part > SEUIL_HAUT:
        return [
            f"Presque tout est premier plan ({part:.0%} de la photo) : aucun fond ne se distingue. "
            "Reculez, pour que le fond entoure le vêtement."
        ]
    messages = []
    au_bord = _bord(masque, 1).mean()
    if au_bord > 0.2:
        messages.append(
            f"Vêtement coupé, ou détourage manqué : le premier plan tient {au_bord:.0%} du bord de la "
            "photo. Reculez, ou prenez une image où le vêtement est entier."
        )
    if _contraste_au_contour(_vers_lab(rvb), masque) < 9:
        messages.append(
            "Vêtement presque de la couleur du fond : le contour est incertain. "
            "Changez de fond, ou éclairez le vêtement de côté."
        )
    return messages


def avertir_du_doute(probabilites):
    """Une phrase, dans une liste, si la plus grande des probabilités (n,) est trop basse ; sinon []."""
    p = max(probabilites)
    if p >= DOUTE:
        return []
    return [
        f"Le réseau hésite ({p:.0%}) : la photo le trompe, ou ce n'est aucune des {len(probabilites)} classes. "
        "Prenez un seul vêtement, entier et à plat, sur un fond uni."
    ]


def _contraste_au_contour(lab, masque):
    """Écart de couleur Lab entre les deux côtés du contour."""
    plein, carre = masque.astype(np.uint8), np.ones((7, 7), np.uint8)
    dehors = (cv2.dilate(plein, carre) > 0) & ~masque
    dedans = masque & (cv2.erode(plein, carre) == 0)
    if not (dehors.any() and dedans.any()):
        return np.inf
    return float(np.linalg.norm(lab[dehors].mean(axis=0) - lab[dedans].mean(axis=0)))


def _vers_entree(rvb, masque):
    """Rogne, inverse les tons, réduit à 28 pixels de plus long côté : (1, 28, 28, 1) dans 0–1.

    Comme dans Fashion-MNIST, un vêtement sombre est clair ; le blanc reste visible sur le noir.
    """
    tons = 1 - cv2.cvtColor(rvb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    median = np.median(tons[masque])
    tons = np.clip(0.45 + 0.35 * median + (tons - median), 0.1, 1) * masque
    x, y, w, h = cv2.boundingRect(masque.astype(np.uint8))
    echelle = COTE_ENTREE / max(w, h)
    largeur, hauteur = max(1, round(w * echelle)), max(1, round(h * echelle))
    reduite = cv2.resize(
        tons[y : y + h, x : x + w], (largeur, hauteur), interpolation=cv2.INTER_AREA
    )
    entree = np.zeros((COTE_ENTREE, COTE_ENTREE), np.float32)
    haut, gauche = (COTE_ENTREE - hauteur) // 2, (COTE_ENTREE - largeur) // 2
    entree[haut : haut + hauteur, gauche : gauche + largeur] = reduite
    return np.clip(entree, 0, 1).reshape(1, COTE_ENTREE, COTE_ENTREE, 1)
