"""Labo 4 : un catalogue de produits."""

from questions.reponses import GRAINES, Faux, manifeste, manifeste_de, question, verifier_tirage


@question("labo4-q1")
def labo4_q1(noms):
    exemple = manifeste_de(bottomwear=7, shoes=3, topwear=20)
    avant, equilibrer = exemple.copy(), noms["equilibrer"]
    tirages = [equilibrer(exemple, graine) for graine in GRAINES]
    if not exemple.equals(avant):
        raise Faux("le manifeste donné a été modifié ; attendu : un nouveau tableau.")
    attendus = {"bottomwear": 3, "shoes": 3, "topwear": 3}
    annonce = "sur des classes de 7, 3 et 20 lignes : {} ; attendu : 3 de chacune."
    verifier_tirage(tirages, attendus, annonce)
    return "autant de lignes par classe, et la même graine redonne le même tirage."


@question("labo4-q2")
def labo4_q2(noms):
    jeux = ["train", "train", "test", "train", "validation", "test", "test"]
    exemple = manifeste(pixels=list("aabbbcd"), jeu=jeux)
    trouve = noms["partages"](exemple)
    if trouve == 2:
        raise Faux("« a » a deux exemplaires, mais dans le même jeu : ce n'est pas une fuite.")
    if trouve == 3:
        raise Faux("vous comptez des lignes ; attendu : le nombre de photos, ici une (« b »).")
    if trouve != 1:
        raise Faux(
            f"sur un petit exemple, trouvé {trouve!r} ; attendu : 1 (« b », dans trois jeux)."
        )
    if (sans := noms["partages"](exemple[:2])) != 0:
        raise Faux(f"quand rien n'est partagé, trouvé {sans!r} ; attendu : 0.")
    return "une photo partagée se compte une fois, ses exemplaires d'un même jeu pas du tout."
