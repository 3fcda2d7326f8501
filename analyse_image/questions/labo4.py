"""Labo 4 : un catalogue de produits."""

import numpy as np

from questions.reponses import Faux, question


def _manifeste(**colonnes):
    import pandas as pd  # le notebook qui pose la question l'a déjà importé

    return pd.DataFrame(colonnes)


@question("labo4-q1")
def labo4_q1(noms):
    effectifs = {"bottomwear": 7, "shoes": 3, "topwear": 20}
    classes = np.repeat(list(effectifs), list(effectifs.values()))
    manifeste = _manifeste(**{"path": [f"{i:02d}.jpg" for i in range(30)], "class": classes})
    avant, equilibrer = manifeste.copy(), noms["equilibrer"]
    tirages = [equilibrer(manifeste, graine) for graine in (1, 1, 2)]
    if not manifeste.equals(avant):
        raise Faux("le manifeste donné a été modifié ; attendu : un nouveau tableau.")
    comptes = tirages[0]["class"].value_counts().to_dict()
    if comptes != dict.fromkeys(effectifs, 3):
        raise Faux(f"sur des classes de 7, 3 et 20 lignes : {comptes} ; attendu : 3 de chacune.")
    chemins = [sorted(tirage["path"]) for tirage in tirages]
    if len(set(chemins[0])) < 9:
        raise Faux("une ligne est tirée deux fois ; attendu : un tirage sans remise.")
    if chemins[0] != chemins[1]:
        raise Faux("deux tirages de même graine diffèrent : donnez la graine au tirage.")
    if chemins[0] == chemins[2]:
        raise Faux("la graine ne change rien au tirage ; attendu : un tirage au sort.")
    return "autant de lignes par classe, et la même graine redonne le même tirage."


@question("labo4-q2")
def labo4_q2(noms):
    jeux = ["train", "train", "test", "train", "validation", "test", "test"]
    manifeste = _manifeste(pixels=list("aabbbcd"), split=jeux)
    trouve = noms["partages"](manifeste)
    if trouve == 2:
        raise Faux("« a » a deux exemplaires, mais dans le même jeu : ce n'est pas une fuite.")
    if trouve == 3:
        raise Faux("vous comptez des lignes ; attendu : le nombre de photos, ici une (« b »).")
    if trouve != 1:
        raise Faux(
            f"sur un petit exemple, trouvé {trouve!r} ; attendu : 1 (« b », dans trois jeux)."
        )
    if (sans := noms["partages"](manifeste[:2])) != 0:
        raise Faux(f"quand rien n'est partagé, trouvé {sans!r} ; attendu : 0.")
    return "une photo partagée se compte une fois, ses exemplaires d'un même jeu pas du tout."
