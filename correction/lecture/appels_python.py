"""Ce que font les fonctions de Python : listes, boucles, dictionnaires, variables d'environnement."""

from correction.lecture.valeurs import TOURS_MAX, Valeur, est, repertoire, union

appel, CONNUES = repertoire()


@appel("append")
def ajouter(lecteur, objet, args, nommes, n):
    if isinstance(objet, list) and len(objet) < 500:
        objet += args[:1]
    return None


@appel("extend")
def prolonger(lecteur, objet, args, nommes, n):
    if isinstance(objet, list) and args and isinstance(args[0], list) and len(objet) < 500:
        objet += list(args[0])
    return None


@appel("map", "apply")
def appliquer(lecteur, objet, args, nommes, n):
    if args and est(args[0], "fonction"):
        if objet is None and len(args) == 2 and isinstance(args[1], list):
            return [lecteur.derouler(args[0], [element], {}) for element in args[1][:TOURS_MAX]]
        entree = Valeur(traits=union(objet, *args[1:]))
        return Valeur(traits=union(objet, lecteur.derouler(args[0], [entree, entree], {})))
    return NotImplemented


@appel("zip")
def apparier(lecteur, objet, args, nommes, n):
    if objet is None and args and all(isinstance(a, list) for a in args):
        return [list(t) for t in zip(*args, strict=False)]
    return NotImplemented


@appel("enumerate")
def numeroter(lecteur, objet, args, nommes, n):
    if objet is None and args and isinstance(args[0], list):
        return [[i, v] for i, v in enumerate(args[0])]
    return NotImplemented


@appel("range")
def intervalle(lecteur, objet, args, nommes, n):
    if args and all(isinstance(a, int) for a in args) and len(args) <= 3:
        try:
            return list(range(*args))[: TOURS_MAX + 1]
        except ValueError:
            return Valeur()
    return NotImplemented


@appel("items")
def paires(lecteur, objet, args, nommes, n):
    return [[k, v] for k, v in objet.items()] if isinstance(objet, dict) else NotImplemented


@appel("values")
def contenus(lecteur, objet, args, nommes, n):
    return list(objet.values()) if isinstance(objet, dict) else NotImplemented


@appel("len")
def longueur(lecteur, objet, args, nommes, n):
    return len(args[0]) if args and isinstance(args[0], list) else Valeur()


@appel("dict")
def dictionnaire(lecteur, objet, args, nommes, n):
    return dict(nommes) if objet is None else NotImplemented


@appel("get")
def obtenir(lecteur, objet, args, nommes, n):
    if isinstance(objet, Valeur) and str(objet.infos.get("nom", "")).endswith("environ"):
        return args[1] if len(args) > 1 else None
    return NotImplemented


@appel("getenv")
def variable_d_environnement(lecteur, objet, args, nommes, n):
    return args[1] if len(args) > 1 else None
