"""Ce que la lecture du code sait d'une valeur, et le répertoire des fonctions qu'elle connaît."""

TOURS_MAX = 64


class Valeur:
    """Une valeur non constante : `genre`, `traits` (ce qu'on sait d'elle) et `infos`."""

    def __init__(self, genre="inconnu", traits=(), **infos):
        self.genre, self.traits, self.infos = genre, frozenset(traits), infos


def constante(valeur):
    return not isinstance(valeur, (Valeur, list, dict))


def union(*valeurs):
    """Traits de toutes ces valeurs, contenus des listes et dictionnaires compris."""
    traits = set()
    for valeur in valeurs:
        if isinstance(valeur, Valeur):
            traits |= valeur.traits
        elif isinstance(valeur, list):
            traits |= union(*valeur)
        elif isinstance(valeur, dict):
            traits |= union(*valeur.values())
    return traits


def est(valeur, genre):
    return isinstance(valeur, Valeur) and valeur.genre == genre


def nom_de(valeur):
    """Nom sous lequel une valeur est connue du notebook, ou « ? »."""
    nom = valeur.infos.get("nom") if isinstance(valeur, Valeur) else None
    return nom if isinstance(nom, str) else "?"


def chemin_de(args):
    """Premier argument d'un appel, si c'est un texte."""
    return args[0][:300] if args and isinstance(args[0], str) else ""


def repertoire():
    """(décorateur, dictionnaire) : les fonctions connues, rangées sous les noms qu'elles portent dans le code.

    Chacune reçoit (lecteur, objet, args, nommes, noeud) et rend une valeur, ou `NotImplemented`.
    """
    connues = {}

    def appel(*noms):
        def inscrire(fonction):
            connues.update(dict.fromkeys(noms, fonction))
            return fonction

        return inscrire

    return appel, connues
