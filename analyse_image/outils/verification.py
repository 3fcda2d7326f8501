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
COUCHES_ATTENDUES = ["Conv2D", "MaxPooling2D", "Dropout", "Flatten", "Dense", "Dense"]


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


# --- Labo 1 -----------------------------------------------------------------------------------


@question("q1")
def labo1_q1(noms):
    carte = verifier_tableau("carte", noms["carte"], (3, 3))
    image, filtre = np.asarray(noms["image"]), np.asarray(noms["filtre"])
    attendue = np.array(
        [[(image[i : i + 3, j : j + 3] * filtre).sum() for j in range(3)] for i in range(3)]
    )
    fausses = int((carte != attendue).sum())
    if fausses:
        i, j = np.argwhere(carte != attendue)[0]
        raise Faux(
            f"{fausses} case(s) fausse(s) sur 9 ; la fenêtre {3 * i + j + 1} donne {carte[i, j]}. "
            "Multipliez la fenêtre et le filtre case par case, puis additionnez les neuf produits."
        )
    return "les neuf sommes sont justes."


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
    ordre = np.random.RandomState(13).permutation(n)[:n_validation][:50]
    validation = np.asarray(parts["X_validation"]).reshape(n_validation, -1)
    if not np.array_equal(
        validation[:50], np.asarray(noms["X"])[ordre].reshape(-1, validation.shape[1])
    ):
        raise Faux(
            "les tailles sont justes, mais ce ne sont pas les images attendues : random_state=13 ?"
        )
    if not np.array_equal(np.asarray(parts["y_validation"])[:50], np.asarray(noms["y"])[ordre]):
        raise Faux(
            "les étiquettes ne suivent pas leurs images : donnez X et y au même train_test_split."
        )
    return "80 % pour apprendre, 20 % pour valider, les mêmes images pour toute la classe."


@question("q3")
def labo1_q3(noms):
    for nom in ("X_apprentissage", "X_validation", "X_test"):
        tableau = verifier_tableau(nom, noms[nom], (None, 28, 28, 1), (0, 1), "float32")
        if len(tableau) and tableau.max() < 0.5:
            raise Faux(
                f"{nom} ne dépasse pas {tableau.max():.4g} : divisé deux fois par 255 ? Relancez depuis 2.4."
            )
    return "trois tableaux (n, 28, 28, 1), float32, valeurs dans [0, 1]."


@question("q4")
def labo1_q4(noms):
    modele = noms["modele"]
    couches = [c.__class__.__name__ for c in modele.layers]
    if couches != COUCHES_ATTENDUES:
        raise Faux(
            f"couches trouvées : {', '.join(couches)} ; attendu : {', '.join(COUCHES_ATTENDUES)}."
        )
    if tuple(modele.output_shape) != (None, 10):
        raise Faux(
            f"sortie {modele.output_shape} ; attendu : (None, 10), une probabilité par classe."
        )
    if modele.count_params() != 693_962:
        raise Faux(
            f"{modele.count_params()} paramètres ; attendu : 693962 (32 filtres 3×3, maximum 2×2, 128 neurones)."
        )
    fin = getattr(modele.layers[-1].activation, "__name__", "?")
    if fin != "softmax":
        raise Faux(f"la dernière activation est « {fin} » ; attendu : softmax.")
    return "les six couches attendues, 693962 paramètres."


@question("q5")
def labo1_q5(noms):
    evaluation = noms["evaluation"]
    if len(evaluation) != 2:
        raise Faux(
            f"evaluation contient {len(evaluation)} valeurs ; attendu : l'erreur puis la précision."
        )
    erreur, precision = map(float, evaluation)
    if not (erreur >= 0 and 0 <= precision <= 1):
        raise Faux(
            f"erreur {erreur:.4g}, précision {precision:.4g} ; attendu : dans cet ordre, précision dans [0, 1]."
        )
    ici = noms["modele"].evaluate(noms["X_test"], noms["y_test"], batch_size=1000, verbose=0)
    if abs(float(ici[1]) - precision) > 0.002:
        raise Faux(
            f"précision {precision:.4f}, mais « modele » obtient {float(ici[1]):.4f} sur X_test : "
            "évaluez bien ce réseau, sur le test."
        )
    return "c'est bien la mesure de « modele » sur le test."


# --- Labo 2 -----------------------------------------------------------------------------------


@question("q6")
def labo2_q6(noms):
    entree = verifier_tableau("entree", noms["entree"], (28, 28), (0, 1), "float32")
    bord = np.concatenate([entree[0], entree[-1], entree[:, 0], entree[:, -1]])
    if np.median(bord) > 0.5:
        raise Faux("le fond est clair ; attendu : un vêtement clair sur fond noir (255 − pixel).")
    if entree.max() < 0.2:
        raise Faux("l'image est toute noire : le vêtement a disparu.")
    return "une image (28, 28), valeurs dans [0, 1], fond noir."


@question("q7")
def labo2_q7(noms):
    probabilites = verifier_tableau("probabilites", noms["probabilites"], (10,), (0, 1))
    if abs(float(probabilites.sum()) - 1) > 1e-3:
        raise Faux(
            f"la somme vaut {probabilites.sum():.4f} ; attendu : 1, ce sont dix probabilités."
        )
    return "dix probabilités, de somme 1."


# --- Labo 3 -----------------------------------------------------------------------------------


@question("labo3-q1")
def labo3_q1(noms):
    historique = noms["historique_apprentissage"].history
    erreurs, epoque = np.asarray(historique["val_loss"]), noms["epoque"]
    meilleure = int(erreurs.argmin()) + 1
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
