"""Labo 6 : l'apprentissage par transfert."""

import numpy as np

from questions.reponses import Faux, question, verifier_tableau


@question("labo6-q1")
def labo6_q1(noms):
    # Une ligne par niveau, de 100 à 200 : le centile 2 est 102, le centile 98 est 198.
    terne = (
        np.arange(100, 201, dtype="uint8").reshape(-1, 1, 1).repeat(10, axis=1).repeat(3, axis=2)
    )
    avant = terne.copy()
    etiree = verifier_tableau("etirer(image)", noms["etirer"](terne), (101, 10, 3), None, "uint8")
    if not np.array_equal(terne, avant):
        raise Faux("l'image donnée a été modifiée ; attendu : une nouvelle image.")
    attendus = {100: 0, 102: 0, 126: 64, 150: 127, 174: 191, 198: 255, 200: 255}
    ecart = max(np.abs(etiree[n - 100].astype(int) - v).max() for n, v in attendus.items())
    if ecart > 2:
        raise Faux(
            f"un pixel s'écarte de {ecart:.0f} niveaux de la droite attendue (valeurs de {etiree.min()} à "
            f"{etiree.max()}) ; attendu : centile 2 → 0, centile 98 → 255, coupé au-delà (np.clip)."
        )
    return "les centiles 2 et 98 deviennent 0 et 255."


@question("labo6-q2")
def labo6_q2(noms):
    images = np.array([0, 51, 127, 255], "uint8").reshape(1, 2, 2, 1).repeat(3, axis=3)
    x = verifier_tableau("preparer_tf(images)", noms["preparer_tf"](images), (1, 2, 2, 3))
    if x.dtype != np.float32:
        raise Faux(f"type {x.dtype} ; attendu : float32.")
    ecart = np.abs(x[0, ..., 0].ravel() - [-1, -0.6, -0.004, 1]).max()
    if ecart > 1e-3:
        raise Faux(f"0 devient {x.min():.3f} et 255 devient {x.max():.3f} ; attendu : −1 et 1.")
    return "de −1 à 1, float32 : la convention de MobileNet et d'InceptionV3."


@question("labo6-q3")
def labo6_q3(noms):
    f1 = noms["f1_macro"]
    vraies, predites = np.array([0, 0, 0, 0, 1, 1, 2, 2]), np.array([0, 0, 0, 1, 1, 1, 2, 0])
    attendu = (6 / 8 + 4 / 5 + 2 / 3) / 3
    trouve = float(f1(vraies, predites))
    if abs(trouve - np.mean(vraies == predites)) < 1e-9:
        raise Faux(
            "c'est la précision, pas le F1 : il faut un score par classe, puis leur moyenne."
        )
    if abs(trouve - attendu) > 1e-6:
        raise Faux(f"sur un petit exemple, trouvé {trouve:.4f} ; attendu : {attendu:.4f}.")
    absente = float(f1(np.array([0, 1]), np.array([0, 1])))
    if abs(absente - 2 / 3) > 1e-6:
        raise Faux(
            f"avec une classe absente, trouvé {absente:.4f} ; attendu : 0.6667 (elle vaut 0)."
        )
    return "la moyenne des F1 des trois classes."
