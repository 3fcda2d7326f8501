"""L'effet d'un appel : fonction du notebook déroulée, couche ou réseau composé, fonction connue, ou rien de connu."""

from correction.lecture import appels_donnees, appels_python, appels_reseaux
from correction.lecture.valeurs import Valeur, chemin_de, est, nom_de, union

CONNUES = appels_python.CONNUES | appels_donnees.CONNUES | appels_reseaux.CONNUES
OUVERTURES = {
    "imread",
    "load_img",
    "load_and_preprocess_image",
    "preparer_photo",
    "analyser_photo",
    "ouvrir_photo",
}


def appeler(lecteur, fonction, args, nommes, n):
    """Valeur de `fonction(*args, **nommes)` ; note au passage les événements de cet appel."""
    genre = fonction.genre if isinstance(fonction, Valeur) else "inconnu"
    if genre == "fonction":
        return lecteur.derouler(fonction, args, nommes)
    if genre == "couche":
        return _composer(fonction, [fonction.infos["couche"]], args, fonction.traits)
    if genre == "reseau":
        return _appliquer_reseau(lecteur, fonction, args, n)
    if genre == "methode":
        return _appel_nomme(
            lecteur, fonction.infos["nom"], fonction.infos["objet"], args, nommes, n
        )
    if genre == "nom":
        base, _, nom = fonction.infos["nom"].rpartition(".")
        return _appel_nomme(
            lecteur, nom, Valeur("nom", nom=base) if base else None, args, nommes, n
        )
    return Valeur(traits=union(fonction, *args, *nommes.values()))


def _composer(fonction, couches, args, traits=frozenset()):
    """Tenseur où `couches` suivent celles de l'entrée."""
    entree = args[0] if args else None
    avant = entree.infos["couches"] if est(entree, "tenseur") else []
    return Valeur("tenseur", union(entree) | traits, couches=[*avant, *couches])


def _appliquer_reseau(lecteur, reseau, args, n):
    couches = reseau.infos["couches"]
    if args and est(args[0], "tenseur"):
        return _composer(reseau, couches, args)
    if "augmente" in reseau.traits and not any("Conv" in nom for nom, _ in couches):
        return Valeur(traits=union(*args) | {"augmente"})
    lecteur.noter("predict", n, reseau=nom_de(reseau), traits=sorted(union(*args)))
    return Valeur(traits=union(*args))


def _appel_nomme(lecteur, nom, objet, args, nommes, n):
    """Appel d'une fonction qui n'est pas du notebook, connue par son nom."""
    for argument in (*args, *nommes.values()):
        if est(argument, "fonction") and nom != "map":
            lecteur.derouler(argument, [Valeur(traits=union(objet, *args))] * 2, {})
    if nom in CONNUES:
        resultat = CONNUES[nom](lecteur, objet, args, nommes, n)
        if resultat is not NotImplemented:
            return resultat
    if nom in appels_reseaux.COUCHES:
        return appels_reseaux.couche(nom, args, nommes)
    if nom.startswith("Random") and nom[6:7].isupper():
        return Valeur("couche", {"augmente"}, couche=[nom, {}])
    if nom in OUVERTURES or (nom == "open" and "Image" in nom_de(objet)):
        lecteur.noter("image_ouverte", n, chemin=chemin_de(args))
        if "target_size" in nommes:  # load_img réduit en ouvrant
            lecteur.noter("redimension", n)
        return Valeur(traits={"photo"})
    if nom in ("resize", "thumbnail") or nom.startswith("resize_"):
        lecteur.noter("redimension", n)
    if nom in ("invert", "bitwise_not"):
        lecteur.noter("inversion", n)
    return Valeur(traits=union(objet, *args, *nommes.values()), nom=nom)
