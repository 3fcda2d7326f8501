"""Labo 5 : le catalogue H&M."""

import numpy as np

from questions.reponses import Faux, question, verifier_tableau


@question("labo5-q1")
def labo5_q1(noms):
    essais = {
        108775015: "images/010/0108775015.jpg",
        "0108775015": "images/010/0108775015.jpg",
        12345678: "images/001/0012345678.jpg",
        "0959461001": "images/095/0959461001.jpg",
    }
    for article, attendu in essais.items():
        trouve = noms["chemin_de"](article)
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
