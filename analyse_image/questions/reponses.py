"""Poser une question : ce que partagent les vérifications de tous les labos.

Bibliothèque standard et numpy seulement. Ajouter une question : dans le fichier de son labo, une fonction
décorée par `@question("q8")`, qui reçoit les noms du notebook et lève `Faux("…")` si la réponse n'est pas
bonne ; elle rend la phrase affichée quand elle l'est. On ne demande pas l'égalité au corrigé : deux
entraînements ne donnent pas les mêmes nombres. La correction relit les mêmes critères.
"""

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


def arrondis(valeurs, decimales=3):
    """Ces nombres, arrondis, en une liste courte à lire."""
    return [round(float(valeur), decimales) for valeur in np.ravel(valeurs)]


def manifeste(**colonnes):
    """Un petit manifeste (DataFrame) pour essayer la fonction d'un étudiant."""
    import pandas as pd  # le notebook qui pose la question l'a déjà importé

    return pd.DataFrame(colonnes)


def manifeste_de(**effectifs):
    """Un manifeste de ces effectifs : colonnes chemin et classe."""
    classes = np.repeat(list(effectifs), list(effectifs.values()))
    return manifeste(chemin=[f"{i:02d}.jpg" for i in range(len(classes))], classe=classes)


GRAINES = (1, 1, 2)


def verifier_tirage(tirages, attendus, annonce):
    """Lève `Faux` si ces tirages, de graines `GRAINES`, n'ont pas ces effectifs ou n'en suivent pas la graine."""
    comptes = tirages[0]["classe"].value_counts().to_dict()
    if comptes != attendus:
        raise Faux(annonce.format(comptes))
    chemins = [sorted(tirage["chemin"]) for tirage in tirages]
    if len(set(chemins[0])) < sum(attendus.values()):
        raise Faux("une ligne est tirée deux fois ; attendu : un tirage sans remise.")
    if chemins[0] != chemins[1]:
        raise Faux("deux tirages de même graine diffèrent : donnez la graine au tirage.")
    if chemins[0] == chemins[2]:
        raise Faux("la graine ne change rien ; attendu : un tirage au sort, pas les premières.")
