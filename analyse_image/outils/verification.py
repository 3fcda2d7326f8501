"""Vérifier une réponse tout de suite : `verifier("q1")` dit ce qui est trouvé et ce qui est attendu.

Bibliothèque standard et numpy seulement. `verifier` ne lève jamais d'exception et ne demande pas l'égalité
au corrigé : deux entraînements ne donnent pas les mêmes nombres. La correction relit les mêmes critères.

Ajouter une question : une fonction décorée par `@question("q8")`, qui reçoit les noms du notebook et lève
`Faux("…")` si la réponse n'est pas bonne ; elle rend la phrase affichée quand elle l'est.
"""

import sys
import textwrap

import numpy as np

QUESTIONS = {}


class Faux(Exception):
    """La réponse n'est pas (encore) bonne : le message dit ce qui est trouvé et attendu."""


class Noms(dict):
    """Les variables du notebook ; une variable absente donne un message, pas un KeyError."""

    def __missing__(self, nom):
        raise Faux(
            f"la variable « {nom} » n'existe pas encore : exécutez d'abord la cellule qui la crée."
        )


def question(cle):
    """Inscrit une fonction comme vérification de la question `cle`."""

    def inscrire(fonction):
        QUESTIONS[cle] = fonction
        return fonction

    return inscrire


def verifier(cle):
    """Affiche « ✅ cle : … » si la réponse à la question est bonne, sinon « ❌ cle : … » et un indice."""
    try:
        noms = Noms(sys._getframe(1).f_globals)
        if cle not in QUESTIONS:
            raise Faux(f"question inconnue ; connues : {', '.join(sorted(QUESTIONS))}.")
        reponse = f"✅ {cle} : {QUESTIONS[cle](noms)}"
    except Faux as probleme:
        reponse = f"❌ {cle} : {probleme}"
    except Exception as erreur:  # une réponse inattendue ne doit jamais arrêter le notebook
        forme = f"{type(erreur).__name__} : {erreur}"
        reponse = f"❌ {cle} : votre réponse n'a pas la forme attendue ({forme})."
    # Coupée entre les mots : une sortie de Jupyter coupe n'importe où.
    print(textwrap.fill(reponse, 90, break_long_words=False, break_on_hyphens=False))


def verifier_tableau(nom, valeur, forme=None, bornes=None, type_=None):
    """Lève `Faux` si `valeur` n'est pas un tableau de cette forme (None : libre), dans ces bornes."""
    if not hasattr(valeur, "shape"):
        raise Faux(f"{nom} est un objet {type(valeur).__name__} ; attendu : un tableau numpy.")
    tableau = np.asarray(valeur)
    if forme is not None:
        libre = tuple("n" if d is None else d for d in forme)
        attendue = f"({', '.join(map(str, libre))}{',' if len(libre) == 1 else ''})"
        if len(tableau.shape) != len(forme) or any(
            d not in (None, t) for d, t in zip(forme, tableau.shape, strict=True)
        ):
            raise Faux(f"{nom} a la forme {tableau.shape} ; attendu : {attendue}.")
    if type_ is not None and tableau.dtype != type_:
        raise Faux(f"{nom} est de type {tableau.dtype} ; attendu : {np.dtype(type_)}.")
    if bornes is not None and tableau.size:
        bas, haut = tableau.min(), tableau.max()
        if not (bas >= bornes[0] and haut <= bornes[1]):
            raise Faux(
                f"{nom} va de {bas:.4g} à {haut:.4g} ; attendu : des valeurs dans [{bornes[0]}, {bornes[1]}]."
            )
    return tableau


# --- Labo 0 -----------------------------------------------------------------------------------

# Ce que doit rendre la fonction de l'étudiant : des résultats écrits d'avance, pas une formule à recopier.
IMAGE_ESSAI = np.array([[2, 0, 1, 3, 1], [0, 1, 2, 0, 4], [1, 3, 0, 1, 2], [2, 1, 1, 0, 3]])
CONVOLUTIONS = (
    ([[1, 0, 2], [0, 3, 1]], 1, [[9, 12, 7], [13, 2, 15], [5, 8, 7]]),
    ([[1, 2], [0, 3]], 1, [[5, 8, 7, 17], [11, 5, 5, 14], [10, 6, 2, 14]]),
    ([[1, 2], [0, 3]], 2, [[5, 7], [10, 2]]),
)
CARTE_ESSAI = np.array([[1, 5, 2, 0], [4, 0, 3, 1], [2, 6, 1, 7], [0, 1, 2, 3]])
RESUMES = (
    (np.max, 2, [[5, 5, 3], [6, 6, 7], [6, 6, 7]]),
    (np.min, 2, [[0, 0, 0], [0, 0, 1], [0, 1, 1]]),
    (np.sum, 3, [[24, 25], [19, 24]]),
)


@question("q1")
def labo0_q1(noms):
    for filtre, pas, attendue in CONVOLUTIONS:
        filtre, attendue = np.array(filtre), np.array(attendue)
        trouvee = noms["convoluer"](IMAGE_ESSAI, filtre, pas)
        verifier_tableau("convoluer(…)", trouvee, attendue.shape)
        fausses = np.argwhere(trouvee != attendue)
        if len(fausses):
            i, j = fausses[0]
            raise Faux(
                f"image {IMAGE_ESSAI.tolist()}, filtre {filtre.tolist()}, pas {pas} : {len(fausses)} case(s) "
                f"fausse(s) sur {attendue.size} ; case ({i}, {j}) : {trouvee[i, j]}, attendu : {attendue[i, j]}."
            )
    return "juste, aussi sur des images et des filtres d'autres tailles."


@question("ordre0")
def labo0_ordre0(noms):
    for resumer, cote, attendue in RESUMES:
        trouvee = noms["sous_echantillonner"](CARTE_ESSAI, resumer, cote)
        verifier_tableau("sous_echantillonner(…)", trouvee, np.shape(attendue))
        if not np.allclose(trouvee, attendue):
            raise Faux(
                f"carte {CARTE_ESSAI.tolist()}, {resumer.__name__}, carrés de {cote} : {trouvee.tolist()} ; "
                f"attendu : {attendue}."
            )
    return "les six lignes sont dans un ordre qui marche."


# --- Labo 1 -----------------------------------------------------------------------------------


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
    ordre = np.random.RandomState(13).permutation(n)[:n_validation]
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
        raise Faux(f"{nom} vaut {evaluation!r} ; attendu : [erreur, précision].")
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
    images = np.random.default_rng(0).random((20, 28, 28, 1), dtype="float32")
    ecart = np.abs(
        np.asarray(modele.predict(images, verbose=0)) - origine.predict(images, verbose=0)
    ).max()
    if ecart > 1e-5:
        raise Faux(
            f"sur des images au hasard, les réponses s'écartent de {ecart:.2g} : les poids sont-ils chargés ?"
        )
    return "mêmes réponses que le réseau d'origine, sur des images jamais vues."


# --- Labo 2 -----------------------------------------------------------------------------------


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
            f"les pixels 0, 51, 204, 255 deviennent {np.round(x.ravel(), 3).tolist()} ; "
            "attendu : 1, 0.8, 0.2, 0."
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
            f"{np.round(rendue, 3).tolist()} au lieu de {np.round(reponse, 3).tolist()}."
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


# --- Labo 3 -----------------------------------------------------------------------------------


@question("labo3-q1")
def labo3_q1(noms):
    historique = noms["historique_apprentissage"].history
    erreurs, epoque = np.asarray(historique["val_loss"]), noms["epoque"]
    meilleure = int(erreurs.argmin()) + 1
    if isinstance(epoque, bool) or not isinstance(epoque, int | np.integer):
        raise Faux(
            f"epoque vaut {epoque!r}, de type {type(epoque).__name__} ; attendu : un entier."
        )
    if epoque == meilleure - 1:
        raise Faux(f"{epoque} est son rang à partir de 0 ; la première époque porte le numéro 1.")
    if epoque != meilleure:
        raise Faux(
            f"époque {epoque} ; attendu : celle où val_loss est la plus basse ({erreurs.min():.4f})."
        )
    return f"l'époque {epoque}, erreur {erreurs.min():.4f} sur la validation."


@question("labo3-q2")
def labo3_q2(noms):
    matrice = verifier_tableau("matrice", noms["matrice"], (10, 10))
    justes = np.diag(matrice)
    # Une classe jamais répondue n'a pas de précision : 0/0.
    attendus = {
        "rappels": justes / np.maximum(matrice.sum(axis=1), 1),
        "precisions": justes / np.maximum(matrice.sum(axis=0), 1),
    }
    trouves = {nom: np.nan_to_num(verifier_tableau(nom, noms[nom], (10,))) for nom in attendus}
    echange = zip(trouves.values(), reversed(attendus.values()), strict=True)
    if all(np.allclose(a, b, atol=1e-3) for a, b in echange):
        raise Faux("les deux sont échangés : les lignes de la matrice sont les vraies classes.")
    for nom, valeurs in attendus.items():
        i = int(np.abs(trouves[nom] - valeurs).argmax())
        if abs(trouves[nom][i] - valeurs[i]) > 1e-3:
            quoi = "ligne (vraies)" if nom == "rappels" else "colonne (réponses)"
            raise Faux(
                f"{nom}[{i}] vaut {trouves[nom][i]:.3f} ; attendu : {justes[i]} réponses justes sur le total de "
                f"la {quoi} {i}."
            )
    return "rappel par ligne, précision par colonne."


@question("labo3-q3")
def labo3_q3(noms):
    images = np.asarray(noms["X_validation"][:500])
    sortie = verifier_tableau(
        "ma_piste(images)", np.asarray(noms["ma_piste"](images)), images.shape, (0, 1), "float32"
    )
    changees = np.abs(sortie - images).reshape(len(images), -1).max(axis=1) > 0.01
    if changees.mean() < 0.2:
        raise Faux(f"{changees.mean():.0%} des images changent ; attendu : au moins une sur cinq.")
    vraies = np.asarray(noms["y_validation"][:500])
    avant, apres = (
        float((np.asarray(noms["publie"](x, training=False)).argmax(axis=1) == vraies).mean())
        for x in (images, sortie)
    )
    if apres < avant / 2:
        raise Faux(
            f"le réseau publié ne reconnaît plus que {apres:.0%} des images (avant : {avant:.0%}) ; déformez moins : "
            "une image augmentée doit rester reconnaissable."
        )
    return f"{changees.mean():.0%} des images changent, {apres:.0%} restent reconnues ({avant:.0%} avant)."


@question("labo3-q4")
def labo3_q4(noms):
    petit = noms["petit"]
    if tuple(petit.input_shape) != (None, 28, 28, 1) or tuple(petit.output_shape) != (None, 10):
        raise Faux(
            f"entrée {petit.input_shape}, sortie {petit.output_shape} ; attendu : (None, 28, 28, 1), (None, 10)."
        )
    if petit.count_params() > 100_000:
        raise Faux(f"{petit.count_params()} paramètres ; attendu : 100 000 au plus.")
    X, y = noms["X_validation"], noms["y_validation"]
    reponses = np.asarray(petit.predict(X, batch_size=1000, verbose=0)).argmax(axis=1)
    precision = float((reponses == np.asarray(y)).mean())
    if precision < 0.3:
        raise Faux(f"précision {precision:.1%} sur la validation : l'avez-vous entraîné ?")
    return f"{petit.count_params()} paramètres, {precision:.1%} sur la validation."


# --- Labo 5 -----------------------------------------------------------------------------------


@question("labo5-q1")
def labo5_q1(noms):
    essais = (108775015, "0108775015", 12345678, "0959461001")
    for article in essais:
        numero = str(article).zfill(10)
        attendu, trouve = f"images/{numero[:3]}/{numero}.jpg", noms["chemin_de"](article)
        if str(trouve) != attendu:
            raise Faux(f"chemin_de({article!r}) donne {trouve!r} ; attendu : {attendu!r}.")
    return "dix chiffres, zéros de tête compris, dans le dossier des trois premiers."


@question("labo5-q2")
def labo5_q2(noms):
    trouves = {str(nom): int(n) for nom, n in dict(noms["effectifs_retenus"]).items()}
    if len(trouves) != 9:
        raise Faux(f"{len(trouves)} classes ; attendu : les neuf de hm.PHOTOS_PUBLIEES.")
    total = sum(trouves.values())
    if total == 37_454:
        raise Faux(
            "37454 photos : vous avez aussi réduit Underwear et Shoes, que les auteurs ont gardées."
        )
    if total != 38_072 or max(trouves.values()) != 5_462:
        raise Faux(
            f"{total} photos ; attendu : 38072 (les quatre classes de hm.REDUITES ramenées à 5000)."
        )
    return "38072 photos : 7614 (20 %, arrondi vers le bas) pour valider, 30458 pour apprendre."


@question("labo5-q3")
def labo5_q3(noms):
    hasard = np.random.default_rng(0)
    a, b = hasard.normal(size=(4, 6)), hasard.normal(size=(5, 6)) * 10
    trouve = verifier_tableau("cosinus(a, b)", noms["cosinus"](a, b), (4, 5))
    produits = a @ b.T
    attendu = produits / np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    if np.allclose(trouve, produits):
        raise Faux(
            "ce sont les produits scalaires : divisez chacun par les longueurs des deux vecteurs."
        )
    if not np.allclose(trouve, attendu, atol=1e-4):
        raise Faux(f"cosinus(a, b)[0, 0] vaut {trouve[0, 0]:.4f} ; attendu : {attendu[0, 0]:.4f}.")
    return "de −1 à 1, quelle que soit la longueur des vecteurs."


@question("labo5-q4")
def labo5_q4(noms):
    voisines = np.array([[1, 1, 2, 2], [0, 0, 0, 0], [3, 1, 1, 1]])
    trouve = verifier_tableau(
        "precision_a_k(…)", noms["precision_a_k"](voisines, np.array([1, 0, 3])), (3,)
    )
    if not np.allclose(trouve, [0.5, 1, 0.25]):
        raise Faux(
            f"pour des voisins de classes {voisines.tolist()} et des requêtes de classes [1, 0, 3] : "
            f"{np.asarray(trouve).tolist()} ; attendu : [0.5, 1.0, 0.25], une part par requête."
        )
    return "une part par requête, de 0 à 1."


# --- Labo 6 -----------------------------------------------------------------------------------


@question("labo6-q1")
def labo6_q1(noms):
    hasard = np.random.default_rng(0)
    terne = hasard.integers(90, 150, (32, 32, 3)).astype("uint8")
    avant = terne.copy()
    etiree = verifier_tableau("etirer(image)", noms["etirer"](terne), (32, 32, 3), None, "uint8")
    if not np.array_equal(terne, avant):
        raise Faux("l'image donnée a été modifiée ; attendu : une nouvelle image.")
    sombre, clair = np.percentile(terne, (2, 98))
    attendue = np.clip((terne - sombre) / (clair - sombre) * 255, 0, 255)
    ecart = np.abs(etiree - attendue).max()
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
    ecart = np.abs(x - (images.astype("float32") / 127.5 - 1)).max()
    if ecart > 1e-3:
        raise Faux(
            f"0 devient {x.min():.3f} et 255 devient {x.max():.3f} ; attendu : −1 et 1 (diviser par 127,5, ôter 1)."
        )
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


# --- Labo 8 -----------------------------------------------------------------------------------


@question("labo8-q1")
def labo8_q1(noms):
    for lot, ouvriers in ((64, 1), (64, 2), (96, 3), (256, 8)):
        parts = [tuple(noms["ma_part"](lot, ouvriers, rang)) for rang in range(ouvriers)]
        photos = [i for debut, fin in parts for i in range(debut, fin)]
        if photos != list(range(lot)):
            raise Faux(
                f"lot de {lot}, {ouvriers} ouvrier(s) : {parts[:3]} ; attendu : des parts qui se suivent, de 0 "
                f"à {lot}, sans trou ni photo lue deux fois."
            )
        if len({fin - debut for debut, fin in parts}) > 1:
            raise Faux(f"{parts} : les parts ne sont pas égales, des ouvriers attendraient.")
    return "chaque photo est lue une fois, et tous ont autant de travail."


@question("labo8-q2")
def labo8_q2(noms):
    for parametres, ouvriers in ((1_000_000, 1), (1_000_000, 2), (250_000, 8)):
        trouve = noms["octets_echanges"](parametres, ouvriers)
        attendu = 2 * (ouvriers - 1) / ouvriers * 4 * parametres
        if abs(trouve - attendu) > 1e-6 * max(1, attendu):
            raise Faux(
                f"{parametres} paramètres, {ouvriers} ouvrier(s) : {trouve:.0f} octets ; attendu : {attendu:.0f}, "
                "soit 2 (n - 1) / n fois quatre octets par paramètre."
            )
    return "presque deux fois les gradients, et rien du tout pour un ouvrier seul."


@question("labo8-q3")
def labo8_q3(noms):
    for heures, ouvriers, prix in ((2, 1, 0.1), (0.5, 64, 3)):
        trouve, attendu = noms["euros"](heures, ouvriers, prix), heures * ouvriers * prix
        if abs(trouve - attendu) > 1e-9:
            raise Faux(
                f"{heures} h de {ouvriers} machine(s) à {prix} € : {trouve} € ; attendu : {attendu} €."
            )
    return "deux fois plus de machines ne coûtent pas plus cher si elles finissent deux fois plus vite."
