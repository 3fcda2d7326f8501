"""Labo 3 : surapprentissage et mesures."""

import numpy as np

from questions.reponses import Faux, question, verifier_tableau


@question("labo3-q1")
def labo3_q1(noms):
    historique = noms["historique_apprentissage"].history
    erreurs, epoque = np.asarray(historique["val_loss"]), noms["epoque"]
    meilleure = int(erreurs.argmin()) + 1
    if isinstance(epoque, bool) or not isinstance(epoque, int | np.integer):
        raise Faux(
            f"epoque vaut {epoque!r}, de type {type(epoque).__name__} ; attendu : un entier."
        )
    if epoque == meilleure - 1:
        raise Faux(f"{epoque} est son rang à partir de 0 ; la première époque porte le numéro 1.")
    if epoque != meilleure:
        raise Faux(
            f"époque {epoque} ; attendu : celle où val_loss est la plus basse ({erreurs.min():.4f})."
        )
    return f"l'époque {epoque}, erreur {erreurs.min():.4f} sur la validation."


@question("labo3-q2")
def labo3_q2(noms):
    matrice = verifier_tableau("matrice", noms["matrice"], (10, 10))
    justes = np.diag(matrice)
    totaux = {"rappels": matrice.sum(axis=1), "precisions": matrice.sum(axis=0)}
    # Une classe jamais répondue n'a pas de précision : 0/0.
    trouves = {nom: np.nan_to_num(verifier_tableau(nom, noms[nom], (10,))) for nom in totaux}

    def manques(nom, total):
        """Une part du total doit redonner le nombre de réponses justes, au millième du total près."""
        return np.abs(trouves[nom] * total - justes) > 1e-3 * total

    echanges = zip(trouves, reversed(totaux.values()), strict=True)
    inverses = not any(manques(nom, total).any() for nom, total in echanges)
    for nom, total in totaux.items():
        for i in np.flatnonzero(manques(nom, total))[:1]:
            if inverses:
                raise Faux(
                    "les deux sont échangés : les lignes de la matrice sont les vraies classes."
                )
            quoi = "ligne (vraies)" if nom == "rappels" else "colonne (réponses)"
            raise Faux(
                f"{nom}[{i}] vaut {trouves[nom][i]:.3f} ; attendu : {justes[i]} réponses justes sur le total de "
                f"la {quoi} {i}."
            )
    return "rappel par ligne, précision par colonne."


@question("labo3-q3")
def labo3_q3(noms):
    images = np.asarray(noms["X_validation"][:500])
    sortie = verifier_tableau(
        "ma_piste(images)", np.asarray(noms["ma_piste"](images)), images.shape, (0, 1), "float32"
    )
    changees = np.abs(sortie - images).reshape(len(images), -1).max(axis=1) > 0.01
    if changees.mean() < 0.2:
        raise Faux(f"{changees.mean():.0%} des images changent ; attendu : au moins une sur cinq.")
    vraies = np.asarray(noms["y_validation"][:500])
    avant, apres = (
        float((np.asarray(noms["reseau"](x, training=False)).argmax(axis=1) == vraies).mean())
        for x in (images, sortie)
    )
    if apres < avant / 2:
        raise Faux(
            f"le réseau entraîné ne reconnaît plus que {apres:.0%} des images (avant : {avant:.0%}) ; déformez moins : "
            "une image augmentée doit rester reconnaissable."
        )
    return f"{changees.mean():.0%} des images changent, {apres:.0%} restent reconnues ({avant:.0%} avant)."


@question("labo3-q4")
def labo3_q4(noms):
    petit = noms["petit"]
    if tuple(petit.input_shape) != (None, 28, 28, 1) or tuple(petit.output_shape) != (None, 10):
        raise Faux(
            f"entrée {petit.input_shape}, sortie {petit.output_shape} ; attendu : (None, 28, 28, 1), (None, 10)."
        )
    if petit.count_params() > 100_000:
        raise Faux(f"{petit.count_params()} paramètres ; attendu : 100 000 au plus.")
    X, y = noms["X_validation"], noms["y_validation"]
    reponses = np.asarray(petit.predict(X, batch_size=1000, verbose=0)).argmax(axis=1)
    precision = float((reponses == np.asarray(y)).mean())
    if precision < 0.3:
        raise Faux(f"précision {precision:.1%} sur la validation : l'avez-vous entraîné ?")
    return f"{petit.count_params()} paramètres, {precision:.1%} sur la validation."
