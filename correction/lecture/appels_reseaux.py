"""Ce que font les fonctions de Keras : construire un réseau couche par couche, l'entraîner, le sauver."""

import re

from correction.lecture.valeurs import Valeur, chemin_de, constante, est, nom_de, repertoire, union

COUCHES = {
    nom: reglages.split()
    for nom, _, reglages in (
        ligne.partition(":")
        for ligne in """Conv2D: filters kernel_size
Convolution2D: filters kernel_size
SeparableConv2D: filters kernel_size
Conv1D: filters kernel_size
DepthwiseConv2D: kernel_size
MaxPooling2D: pool_size
MaxPool2D: pool_size
AveragePooling2D: pool_size
AvgPool2D: pool_size
Dense: units activation
Dropout: rate
SpatialDropout2D: rate
Activation: activation
InputLayer: shape
Rescaling: scale
Reshape: target_shape""".splitlines()
    )
}
SANS_REGLAGE = (
    "GlobalAveragePooling2D GlobalMaxPooling2D Flatten BatchNormalization ReLU LeakyReLU Softmax ZeroPadding2D"
    " LayerNormalization GaussianNoise MaxPooling1D Normalization Resizing Add Concatenate Lambda"
)
COUCHES |= dict.fromkeys(SANS_REGLAGE.split(), ())
REGLAGES = {
    "filters",
    "kernel_size",
    "units",
    "rate",
    "pool_size",
    "activation",
    "padding",
    "scale",
    "strides",
}
ALIAS = {"Convolution2D": "Conv2D", "MaxPool2D": "MaxPooling2D", "AvgPool2D": "AveragePooling2D"}
MUETTES = {"InputLayer", "Rescaling", "Reshape", "Normalization", "Resizing"}
ARGUMENTS_DE_FIT = [
    "x",
    "y",
    "batch_size",
    "epochs",
    "verbose",
    "callbacks",
    "validation_split",
    "validation_data",
]
REGLAGES_DE_FIT = {
    "epochs",
    "batch_size",
    "validation_data",
    "steps_per_epoch",
    "verbose",
    "callbacks",
}
appel, CONNUES = repertoire()


def couche(nom, args, nommes):
    """Valeur « couche » : [nom, réglages constants]."""
    reglages = dict(zip(COUCHES[nom], args, strict=False))
    reglages.update({k: v for k, v in nommes.items() if k in REGLAGES})
    simples = {}
    for cle, contenu in reglages.items():
        if isinstance(contenu, list) and len(set(map(str, contenu))) == 1:
            contenu = contenu[0]  # (3, 3) → 3
        if isinstance(contenu, Valeur):
            contenu = nom_de(contenu).rsplit(".", 1)[-1] if contenu.genre == "nom" else None
        simples[cle] = contenu if constante(contenu) else None
    traits = {"divise"} if nom == "Rescaling" else set()
    return Valeur("couche", traits, couche=[ALIAS.get(nom, nom), simples])


def nouveau_reseau(lecteur, couches, traits=()):
    plates = []
    for element in couches:
        if not isinstance(element, Valeur):
            continue
        if element.genre == "couche":
            plates.append(element.infos["couche"])
        elif element.genre in ("tenseur", "reseau"):
            plates += element.infos["couches"]
        traits = {*traits, *(element.traits & {"augmente", "divise"})}
    reseau = Valeur(
        "reseau", traits, couches=plates[:500], cellule=lecteur.cellule, ligne=lecteur.ligne
    )
    lecteur.reseaux.append(reseau)
    return reseau


def couches_utiles(couches):
    """Couches qui comptent, activations à part rattachées à la couche précédente."""
    utiles = []
    for nom, infos in couches:
        if nom in MUETTES or nom.startswith("Random"):
            continue
        if nom in ("Activation", "ReLU", "Softmax"):
            if utiles and not utiles[-1][1].get("activation"):
                fonction = infos.get("activation") or nom.lower()
                utiles[-1] = [utiles[-1][0], {**utiles[-1][1], "activation": fonction}]
            continue
        utiles.append([nom, infos])
    return utiles


@appel("Input")
def entree(lecteur, objet, args, nommes, n):
    return Valeur("tenseur", couches=[["InputLayer", {}]])


@appel("Sequential")
def reseau_sequentiel(lecteur, objet, args, nommes, n):
    couches = args[0] if args else nommes.get("layers", [])
    return nouveau_reseau(lecteur, couches if isinstance(couches, list) else [])


@appel("Model")
def reseau_fonctionnel(lecteur, objet, args, nommes, n):
    sorties = nommes.get("outputs", args[1] if len(args) > 1 else None)
    if isinstance(sorties, list):
        sorties = sorties[-1] if sorties else None
    return nouveau_reseau(lecteur, [sorties])


@appel("clone_model")
def cloner(lecteur, objet, args, nommes, n):
    return nouveau_reseau(lecteur, args[:1])


@appel("add")
def ajouter_couche(lecteur, objet, args, nommes, n):
    if est(objet, "reseau") and args:
        ajout = nouveau_reseau(lecteur, args[:1])
        lecteur.reseaux.pop()
        objet.infos["couches"] += ajout.infos["couches"][: 500 - len(objet.infos["couches"])]
        objet.traits |= ajout.traits
        return None
    return NotImplemented


@appel("compile")
def compiler(lecteur, objet, args, nommes, n):
    def dire(x):
        if isinstance(x, str):
            return x
        return nom_de(x) if isinstance(x, Valeur) else str(x)[:40]

    optimiseur = nommes.get("optimizer", args[0] if args else "")
    perte = nommes.get("loss", args[1] if len(args) > 1 else "")
    if isinstance(objet, Valeur) and objet.genre == "nom" and objet.infos["nom"] == "re":
        return NotImplemented
    lecteur.noter(
        "compile", n, optimiseur=dire(optimiseur), perte=dire(perte), reseau=nom_de(objet)
    )
    return None


@appel("fit")
def entrainer(lecteur, objet, args, nommes, n):
    traits_objet = union(objet)
    if est(objet, "inconnu") and traits_objet & {"divise", "generateur"}:
        return Valeur(traits=traits_objet)  # scaler.fit, generateur.fit
    if not (REGLAGES_DE_FIT & set(nommes) or est(objet, "reseau")):
        return Valeur(traits=traits_objet)
    tout = dict(zip(ARGUMENTS_DE_FIT, args, strict=False)) | nommes
    x, validation = tout.get("x", tout.get("generator")), tout.get("validation_data")
    epoques = tout.get("epochs", 1)
    donnes, valides = union(x), union(validation)
    du_reseau = objet.traits if est(objet, "reseau") else frozenset()
    recus = donnes | du_reseau
    lecteur.noter(
        "fit",
        n,
        reseau=nom_de(objet),
        numero=lecteur.numero(objet),
        epoques=epoques if isinstance(epoques, (int, float)) else None,
        augmente="augmente" in recus,
        divise="divise" in recus,
        connu=bool(donnes),
        deux_fois="deux_fois" in donnes | valides,
        validation_brute=bool(valides) and "divise" not in valides | du_reseau,
        validation_augmentee="augmente" in valides,
        validation=bool(valides & {"csv", "validation"}) or "validation_split" in tout,
        sur_test="test" in valides,
        pas=tout.get("steps_per_epoch") is not None,
        generateur="generateur" in donnes,
    )
    return Valeur(traits={"historique"})


@appel("fit_generator")
def entrainer_generateur(lecteur, objet, args, nommes, n):
    noms = ("x", "steps_per_epoch", "epochs", "verbose", "callbacks", "validation_data")
    return entrainer(
        lecteur, objet, [], {"epochs": 1} | dict(zip(noms, args, strict=False)) | nommes, n
    )


@appel("evaluate", "evaluate_generator")
def evaluer(lecteur, objet, args, nommes, n):
    traits = union(args[0] if args else nommes.get("x"))
    divise = "divise" in traits or (est(objet, "reseau") and "divise" in objet.traits)
    lecteur.noter(
        "evaluate",
        n,
        reseau=nom_de(objet),
        numero=lecteur.numero(objet),
        traits=sorted(traits),
        connu=bool(traits),
        divise=divise,
        deux_fois="deux_fois" in traits,
    )
    return Valeur(traits={"evaluation"})


@appel("predict", "predict_classes")
def predire(lecteur, objet, args, nommes, n):
    lecteur.noter("predict", n, reseau=nom_de(objet), traits=sorted(union(*args[:1])))
    return Valeur(traits=union(*args[:1]) | {"prediction"})


@appel("load_weights")
def charger_poids(lecteur, objet, args, nommes, n):
    lecteur.noter("chargement", n, chemin=chemin_de(args))
    return None


@appel("load_model", "model_from_json", "charger_modele")
def charger(lecteur, objet, args, nommes, n):
    lecteur.noter("chargement", n, chemin=chemin_de(args))
    return Valeur("reseau", couches=[], cellule=lecteur.cellule, ligne=lecteur.ligne)


def noter_sauvegarde(lecteur, n, quoi, objet, **plus):
    lecteur.noter(
        "sauvegarde", n, quoi=quoi, **plus, reseau=nom_de(objet), numero=lecteur.numero(objet)
    )


@appel("to_json")
def sauver_json(lecteur, objet, args, nommes, n):
    noter_sauvegarde(lecteur, n, "json", objet)
    return Valeur()


@appel("save_weights")
def sauver_poids(lecteur, objet, args, nommes, n):
    noter_sauvegarde(lecteur, n, "poids", objet, chemin=chemin_de(args))
    return None


@appel("save")
def sauver(lecteur, objet, args, nommes, n):
    if isinstance(objet, Valeur) and (
        objet.genre == "reseau" or re.search(r"\.(keras|h5)$", chemin_de(args))
    ):
        noter_sauvegarde(lecteur, n, "entier", objet, chemin=chemin_de(args))
        return None
    return NotImplemented


@appel("save_model")
def sauver_modele(lecteur, objet, args, nommes, n):
    return sauver(lecteur, args[0] if args else None, args[1:], nommes, n)


@appel("sauvegarder_modele")
def sauvegarder_modele(lecteur, objet, args, nommes, n):
    reseau = args[0] if args else None
    for quoi in ("json", "poids"):
        noter_sauvegarde(lecteur, n, quoi, reseau)
    return Valeur()
