"""Labo 0 : la convolution à la main."""

import numpy as np

from questions.reponses import Faux, question, verifier_tableau

# Ce que doit rendre la fonction de l'étudiant : des résultats écrits d'avance, pas une formule à recopier.
IMAGE_ESSAI = np.array([[2, 0, 1, 3, 1], [0, 1, 2, 0, 4], [1, 3, 0, 1, 2], [2, 1, 1, 0, 3]])
CONVOLUTIONS = (
    ([[1, 0, 2], [0, 3, 1]], 1, [[9, 12, 7], [13, 2, 15], [5, 8, 7]]),
    ([[1, 2], [0, 3]], 1, [[5, 8, 7, 17], [11, 5, 5, 14], [10, 6, 2, 14]]),
    ([[1, 2], [0, 3]], 2, [[5, 7], [10, 2]]),
)
CARTE_ESSAI = np.array([[1, 5, 2, 0], [4, 0, 3, 1], [2, 6, 1, 7], [0, 1, 2, 3]])
# Ce que dit NumPy des fautes attendues → ce qu'en dit `verifier`.
PRODUIT = "« @ » est le produit de matrices ; attendu : « * », case par case."
FAUTES = {
    "setting an array element": "une case reçoit tout un tableau ; attendu : un nombre, la somme.",
    "matmul": PRODUIT,
    "not aligned": PRODUIT,  # np.dot
    "broadcast": "la fenêtre n'a pas la taille du filtre : hauteur × largeur, pas toujours 3×3.",
}
RESUMES = (
    (np.max, 2, [[5, 5, 3], [6, 6, 7], [6, 6, 7]]),
    (np.min, 2, [[0, 0, 0], [0, 0, 1], [0, 1, 1]]),
    (np.sum, 3, [[24, 25], [19, 24]]),
)


@question("q1")
def labo0_q1(noms):
    for filtre, pas, attendue in CONVOLUTIONS:
        filtre, attendue = np.array(filtre), np.array(attendue)
        try:
            trouvee = noms["convoluer"](IMAGE_ESSAI, filtre, pas)
        except ValueError as erreur:
            fautes = [phrase for mots, phrase in FAUTES.items() if mots in str(erreur)]
            if not fautes:
                raise
            raise Faux(fautes[0]) from None
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
