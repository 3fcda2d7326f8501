"""Labo 1 : le premier réseau."""

import numpy as np

from questions.reponses import Faux, question, verifier_tableau


class Tenseur(np.ndarray):
    """Un tableau qui a, comme un tenseur de TensorFlow, une méthode `numpy`."""

    def numpy(self):
        return np.asarray(self)


class ReseauConstant:
    """Un réseau d'essai : la même réponse à toutes les images."""

    def __init__(self, reponse):
        self.reponse = np.asarray(reponse, "float32")

    def predict(self, x, **_):
        return np.tile(self.reponse, (len(x), 1))

    def __call__(self, x, **_):
        return self.predict(x).view(Tenseur)

    def evaluate(self, x, y, return_dict=False, **_):
        erreur, precision = mesurer(self, x, y)
        return {"loss": erreur, "accuracy": precision} if return_dict else [erreur, precision]


def mesurer(reseau, x, y):
    """(entropie croisée, précision) de `reseau` sur les images x et les étiquettes « un parmi dix » y."""
    p = np.asarray(reseau.predict(x, batch_size=1000, verbose=0), "float64")
    vraies = np.asarray(y).argmax(axis=1)
    bonnes = np.clip(p[np.arange(len(p)), vraies], 1e-7, 1)
    return float(-np.log(bonnes).mean()), float((p.argmax(axis=1) == vraies).mean())


@question("q2")
def labo1_q2(noms):
    n = len(noms["X"])
    parts = {
        k: noms[k] for k in ("X_apprentissage", "X_validation", "y_apprentissage", "y_validation")
    }
    tailles = {k: len(v) for k, v in parts.items()}
    n_validation = -(-n // 5)  # 20 %, arrondi vers le haut
    attendues = (n - n_validation, n_validation) * 2
    if tuple(tailles.values()) != attendues:
        raise Faux(
            f"{', '.join(f'{k} : {t}' for k, t in tailles.items())} ; attendu : {attendues[0]} images pour "
            f"l'apprentissage et {attendues[1]} pour la validation (test_size=0.2)."
        )
    # train_test_split tire une permutation des lignes ; les premières vont à la validation.
    X, y = np.asarray(noms["X"]).reshape(n, -1), np.asarray(noms["y"])
    ordre = np.random.RandomState(13).permutation(n)
    ordre, reste = ordre[:n_validation], ordre[n_validation:]
    validation = np.asarray(parts["X_validation"]).reshape(n_validation, -1)
    if not np.array_equal(validation[:50], X[ordre[:50]]):
        par_classe = np.asarray(parts["y_validation"]).sum(axis=0)
        if np.array_equal(validation, X[-n_validation:]):
            raise Faux("la validation est la fin du fichier, sans tirage : ôtez shuffle=False.")
        if np.abs(par_classe - y.sum(axis=0) * n_validation / n).max() < 1:
            raise Faux("chaque classe est coupée à 20 % exactement : ôtez stratify.")
        raise Faux(
            "les tailles sont justes, mais ce ne sont pas les images attendues : random_state=13 ?"
        )
    if not np.array_equal(np.asarray(parts["y_validation"]), y[ordre]):
        raise Faux(
            "les étiquettes ne suivent pas leurs images : donnez X et y au même train_test_split."
        )
    apprentissage = np.asarray(parts["X_apprentissage"]).reshape(len(reste), -1)
    if not (
        np.array_equal(apprentissage, X[reste])
        and np.array_equal(np.asarray(parts["y_apprentissage"]), y[reste])
    ):
        raise Faux(
            "X_apprentissage et y_apprentissage ne sont pas le reste des images ; attendu : "
            "les quatre tableaux que rend un seul train_test_split."
        )
    return "80 % pour apprendre, 20 % pour valider, les mêmes images pour toute la classe."


@question("q3")
def labo1_q3(noms):
    pixels = np.zeros((3, 784), "int64")
    pixels[1, 28], pixels[2, 783] = 255, 51  # début de la deuxième ligne ; dernière case
    avant = pixels.copy()
    x = verifier_tableau(
        "mettre_a_l_echelle(pixels)",
        noms["mettre_a_l_echelle"](pixels),
        (3, 28, 28, 1),
        (0, 1),
        "float32",
    )
    if not np.array_equal(pixels, avant):
        raise Faux("le tableau donné a été modifié ; attendu : un nouveau tableau.")
    for case, attendu in (((1, 1, 0, 0), 1), ((2, 27, 27, 0), 0.2)):
        if abs(x[case] - attendu) > 1e-6:
            raise Faux(f"la case {case} vaut {x[case]:.4g} ; attendu : {attendu}.")
    for nom in ("X_apprentissage", "X_validation", "X_test"):
        tableau = verifier_tableau(nom, noms[nom], (None, 28, 28, 1), (0, 1), "float32")
        if len(tableau) and tableau.max() < 0.5:
            raise Faux(
                f"{nom} ne dépasse pas {tableau.max():.4g} : divisé deux fois par 255 ? Relancez depuis la question 2."
            )
    return "trois tableaux (n, 28, 28, 1), float32, valeurs dans [0, 1]."


COUCHES = (  # (couche, réglages attendus)
    ("Conv2D", {"filters": 32, "kernel_size": (3, 3), "activation": "relu"}),
    ("MaxPooling2D", {"pool_size": (2, 2)}),
    ("Dropout", {"rate": 0.2}),
    ("Flatten", {}),
    ("Dense", {"units": 128, "activation": "relu"}),
    ("Dense", {"units": 10, "activation": "softmax"}),
)


@question("q4")
def labo1_q4(noms):
    reseau = noms["reseauNeurone1Convolution"]
    if not hasattr(reseau, "layers"):
        raise Faux(f"c'est un objet {type(reseau).__name__} ; attendu : un réseau Sequential.")
    trouvees = [c.__class__.__name__ for c in reseau.layers]
    attendues = [nom for nom, _ in COUCHES]
    if trouvees != attendues:
        raise Faux(
            f"couches trouvées : {', '.join(trouvees) or 'aucune'} ; attendu : {', '.join(attendues)}."
        )
    if not getattr(reseau, "built", True):
        raise Faux(
            "le réseau ne connaît pas la taille des images : commencez par Input(shape=dimentionImage)."
        )
    for rang, (couche, (nom, reglages)) in enumerate(
        zip(reseau.layers, COUCHES, strict=True), start=1
    ):
        for reglage, attendu in reglages.items():
            trouve = getattr(couche, reglage, None)
            trouve = getattr(trouve, "__name__", trouve)  # une activation est une fonction
            if trouve != attendu:
                trouve = "aucune" if trouve == "linear" else trouve
                raise Faux(f"couche {rang} ({nom}), {reglage} : {trouve} ; attendu : {attendu}.")
    if reseau.count_params() != 693_962:
        raise Faux(
            f"{reseau.count_params()} paramètres ; attendu : 693962 (images 28×28×1, sans bordure ni pas)."
        )
    return "les six couches et leurs réglages, 693962 paramètres."


def _erreur_et_precision(nom, evaluation):
    if isinstance(evaluation, dict):
        raise Faux(
            f"{nom} est un dictionnaire ; attendu : une liste [erreur, précision], sans return_dict."
        )
    if not hasattr(evaluation, "__len__") or len(evaluation) != 2:
        trouve = f"{np.size(evaluation)} valeur(s), de type {type(evaluation).__name__}"
        raise Faux(f"{nom} : {trouve} ; attendu : [erreur, précision].")
    erreur, precision = map(float, evaluation)
    if not (erreur >= 0 and 0 <= precision <= 1):
        raise Faux(
            f"{nom} : erreur {erreur:.4g}, précision {precision:.4g} ; attendu : dans cet ordre, précision dans [0, 1]."
        )
    return erreur, precision


@question("q5")
def labo1_q5(noms):
    X_test, y_test = noms["X_test"], noms["y_test"]
    essai = ReseauConstant([0.55, *[0.05] * 9])  # toujours « Un T-shirt/haut »
    for nom, reseau, trouvee in (
        ("evaluer(un réseau d'essai)", essai, noms["evaluer"](essai)),
        ("evaluation", noms["reseauNeurone1Convolution"], noms["evaluation"]),
    ):
        trouvees, ici = _erreur_et_precision(nom, trouvee), mesurer(reseau, X_test, y_test)
        for quoi, a, b in zip(("erreur", "précision"), trouvees, ici, strict=True):
            if abs(a - b) > 0.002:
                raise Faux(
                    f"{nom} : {quoi} {a:.4f}, mais ce réseau obtient {b:.4f} sur X_test : "
                    "évaluez bien le réseau donné, sur le test."
                )
    return "c'est bien la mesure du réseau donné, sur le test."


@question("ordre1")
def labo1_ordre1(noms):
    modele, origine = noms["modele"], noms["reseauNeurone1Convolution"]
    if modele is origine:
        raise Faux(
            "modele est le réseau d'origine lui-même ; attendu : un réseau relu des fichiers."
        )
    tailles = [r.count_params() if hasattr(r, "count_params") else 0 for r in (modele, origine)]
    if tailles[0] != tailles[1]:
        raise Faux(
            f"les fichiers relus contiennent un autre réseau ({tailles[0]} paramètres, au lieu de {tailles[1]}), "
            "celui de la section 6 ? Relancez la cellule qui les écrit, cette question, puis la section 6."
        )
    images = np.random.default_rng(0).random((20, 28, 28, 1), dtype="float32")
    ecart = np.abs(
        np.asarray(modele.predict(images, verbose=0)) - origine.predict(images, verbose=0)
    ).max()
    if ecart > 1e-5:
        raise Faux(
            f"sur des images au hasard, les réponses s'écartent de {ecart:.2g} : les poids sont-ils chargés ?"
        )
    return "mêmes réponses que le réseau d'origine, sur des images jamais vues."
