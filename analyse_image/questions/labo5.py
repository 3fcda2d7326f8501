"""Labo 5 : le catalogue H&M."""

import numpy as np

from questions.reponses import (
    GRAINES,
    Faux,
    manifeste_de,
    question,
    verifier_tableau,
    verifier_tirage,
)


@question("labo5-q1")
def labo5_q1(noms):
    manifeste = manifeste_de(Shoes=6, Fun=2, Accessories=5, Bags=3)
    avant = manifeste.copy()
    trouve = noms["fusionner"](manifeste, 3)
    if not manifeste.equals(avant):
        raise Faux("le manifeste donné a été modifié ; attendu : un nouveau tableau.")
    if len(trouve) != 16:
        raise Faux(f"{len(trouve)} lignes sur 16 ; attendu : toutes, fusionner n'écarte rien.")
    comptes = trouve["classe"].value_counts().to_dict()
    if "Bags" not in comptes:
        raise Faux("« Bags » a 3 photos pour un minimum de 3 : elle reste (moins de, pas au plus).")
    if comptes != {"Accessories": 7, "Shoes": 6, "Bags": 3}:
        raise Faux(f"Shoes 6, Accessories 5, Bags 3, Fun 2, minimum 3 : {comptes}.")
    return "les petites classes rejoignent Accessories, sans perdre une photo."


@question("labo5-q2")
def labo5_q2(noms):
    manifeste, reduire = manifeste_de(Shoes=12, Fun=2, Bags=5), noms["sous_echantillonner"]
    tirages = [reduire(manifeste, 5, graine=graine) for graine in GRAINES]
    annonce = "Shoes 12, Bags 5, Fun 2, maximum 5 : {} ; attendu : 5, 5 et 2."
    verifier_tirage(tirages, {"Shoes": 5, "Bags": 5, "Fun": 2}, annonce)
    return "au plus le maximum, tiré au sort ; les petites classes restent entières."


@question("labo5-q3")
def labo5_q3(noms):
    numeros = np.array([0] * 6 + [1] * 3 + [2] * 3)
    trouve = dict(noms["poids_de_classe"](numeros))
    if sorted(trouve) != [0, 1, 2]:
        raise Faux(f"classes {sorted(trouve)} ; attendu : 0, 1 et 2.")
    poids = np.array([float(trouve[classe]) for classe in range(3)])
    if poids[0] > poids[1]:
        raise Faux("la classe la plus fournie pèse le plus : c'est l'inverse.")
    if not np.allclose(poids / poids[0], [1, 2, 2]):
        raise Faux(
            f"effectifs 6, 3, 3 : poids {poids.round(3).tolist()} ; deux fois moins, 2 fois plus."
        )
    if not np.allclose(poids[numeros].mean(), 1):
        raise Faux(f"moyenne sur les photos : {poids[numeros].mean():.3f} ; attendu : 1.")
    return "deux fois plus rare, deux fois plus lourd ; 1 en moyenne."


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
