"""Labo 2 : la photo et le modèle rechargé."""

import numpy as np

from questions.labo1 import ReseauConstant
from questions.reponses import Faux, arrondis, question, verifier_tableau


@question("q6")
def labo2_q6(noms):
    from PIL import Image

    gris = Image.fromarray(np.array([[0, 51], [204, 255]], "uint8"))
    x = np.asarray(noms["normalize_pixels"](gris))
    if x.size != 4:
        raise Faux(f"pour une image de 4 pixels, {x.size} valeur(s) ; attendu : 4.")
    if x.dtype != np.float32:
        raise Faux(f"normalize_pixels rend du {x.dtype} ; attendu : float32.")
    if np.allclose(x.ravel(), [0, 0.2, 0.8, 1], atol=1e-3):
        raise Faux("le fond reste clair ; attendu : blanc (255) → 0, noir (0) → 1.")
    if not np.allclose(x.ravel(), [1, 0.8, 0.2, 0], atol=1e-3):
        raise Faux(
            f"les pixels 0, 51, 204, 255 deviennent {arrondis(x)} ; attendu : 1, 0.8, 0.2, 0."
        )
    return "blanc → 0, noir → 1, float32."


def _image_d_essai():
    """Un fichier PNG en mémoire : un rectangle noir de 40×80 sur un fond blanc de 120×100, et son nom."""
    import io

    from PIL import Image

    tableau = np.full((100, 120), 255, "uint8")
    tableau[10:90, 40:80] = 0
    fichier = io.BytesIO()
    Image.fromarray(tableau).save(fichier, "PNG")
    fichier.seek(0)
    return fichier


@question("ordre2")
def labo2_ordre2(noms):
    entree = verifier_tableau(
        "load_and_preprocess_image(…)",
        noms["load_and_preprocess_image"](_image_d_essai()),
        (1, 28, 28, 1),
        (0, 1),
        "float32",
    )[0, ..., 0]
    lignes, colonnes = (
        np.flatnonzero(entree.max(axis=1) > 0.5),
        np.flatnonzero(entree.max(axis=0) > 0.5),
    )
    if not len(lignes):
        raise Faux("le vêtement a disparu : une image toute noire.")
    if np.median(entree) > 0.5:
        raise Faux("le fond est clair ; attendu : un vêtement clair sur fond noir.")
    if not (12 <= len(lignes) <= 16 and 5 <= len(colonnes) <= 9 and 4 <= lignes[0] <= 8):
        raise Faux(
            f"un rectangle de 40×80 sur une image de 120×100 occupe {len(colonnes)}×{len(lignes)} pixels à partir de "
            f"la ligne {lignes[0]} ; attendu : environ 7×13, au milieu (réduire à 20, puis centrer dans 28)."
        )
    return "ouvrir en gris, réduire, centrer, normaliser : une entrée (1, 28, 28, 1)."


@question("q7")
def labo2_q7(noms):
    reponse = np.array([0.02, 0.05, 0.03, 0.4, 0.1, 0.07, 0.13, 0.01, 0.09, 0.1], "float32")
    entree = np.zeros((1, 28, 28, 1), "float32")
    rendue = verifier_tableau(
        "predire(un réseau d'essai, image)",
        noms["predire"](ReseauConstant(reponse), entree),
        (10,),
        (0, 1),
    )
    if not np.allclose(rendue, reponse, atol=1e-5):
        raise Faux(
            "predire ne rend pas la réponse du réseau donné : "
            f"{arrondis(rendue)} au lieu de {arrondis(reponse)}."
        )
    if hasattr(noms["probabilities"], "numpy"):
        raise Faux(
            "probabilities est un tenseur ; attendu : un tableau numpy, par exemple celui de predict."
        )
    probabilites = verifier_tableau("probabilities", noms["probabilities"], (10,), (0, 1))
    ici = np.asarray(noms["modele"].predict(np.asarray(noms["image_array"]), verbose=0))[0]
    if not np.allclose(probabilites, ici, atol=1e-4):
        raise Faux("probabilities n'est pas la réponse de « modele » à image_array.")
    if int(noms["predicted_class"]) != int(ici.argmax()):
        raise Faux(
            f"predicted_class vaut {noms['predicted_class']} ; attendu : le rang de la plus grande probabilité."
        )
    return "dix probabilités, celles du réseau donné."
