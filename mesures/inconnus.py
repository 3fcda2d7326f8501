"""« Aucune des dix » : un objet ressemble-t-il à ce que le réseau a appris, ou à tout autre chose ?

Un réseau doit choisir parmi ses classes. Ses résumés (l'avant-dernière couche), eux, se comparent : à ceux des
images apprises, et à ceux d'inconnus que l'on fabrique en coupant des vêtements connus.
"""

import numpy as np
from PIL import Image, ImageOps


def couper(image, debut, fin):
    """Bande d'un vêtement, uint8 (28, 28), entre deux fractions de sa hauteur, agrandie à 28 pixels."""
    lignes, colonnes = image.any(axis=1).nonzero()[0], image.any(axis=0).nonzero()[0]
    haut, hauteur = lignes[0], lignes[-1] + 1 - lignes[0]
    bande = slice(haut + int(debut * hauteur), haut + max(int(fin * hauteur), 1))
    morceau = image[bande, colonnes[0] : colonnes[-1] + 1]
    return np.asarray(ImageOps.pad(Image.fromarray(morceau), (28, 28)))


def varier_les_tons(images, graine=13):
    """uint8 (n, 28, 28) → float32 (n, 28, 28, 1) dans 0–1, plus ou moins claires et contrastées, comme des photos."""
    hasard, taille = np.random.default_rng(graine), (len(images), 1, 1)
    vetement = images > 12
    moyennes = images.sum(axis=(1, 2)) / np.maximum(vetement.sum(axis=(1, 2)), 1)
    ecarts = (images - moyennes[:, None, None]) / 255
    tons = hasard.uniform(0.45, 0.85, taille) + hasard.uniform(0.3, 1, taille) * ecarts
    return (np.clip(tons, 0.05, 1) * vetement)[..., None].astype(np.float32)


def resumer(reseau, images):
    """Résumés de longueur 1, (n, longueur), d'images (n, 28, 28, 1) dans 0–1 : la moyenne avec leurs miroirs."""
    resumes = sum(
        reseau.predict(x, batch_size=1000, verbose=0) for x in (images, images[:, :, ::-1])
    )
    return resumes / np.linalg.norm(resumes, axis=1, keepdims=True)


def familiarite(resumes, connus, inconnus, k=20):
    """Ressemblance au k-ième voisin connu, moins la moitié de celle au k-ième inconnu : (n,). Haut : familier."""
    proches = [np.sort(resumes @ banque.T, axis=1)[:, -k] for banque in (connus, inconnus)]
    return proches[0] - proches[1] / 2


def dessiner_inconnus(images, classes, graine=13):
    """Shorts et jupes dessinés, uint8 (n, 28, 28) : le haut des pantalons (1), le bas des robes (3)."""
    hasard = np.random.default_rng(graine)
    shorts = [couper(image, 0, hasard.uniform(0.3, 0.6)) for image in images[classes == 1]]
    jupes = [couper(image, hasard.uniform(0.35, 0.6), 1) for image in images[classes == 3]]
    return np.array(shorts + jupes)
