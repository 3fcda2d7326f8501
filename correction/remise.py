"""Les faits d'une remise sous des noms commodes, et les deux pièges qu'ils montrent."""

NOMS = {"classification": "classification.ipynb", "test_model": "test_model.ipynb"}


def pourcent(valeur):
    return f"{100 * valeur:.2f} %".replace(".", ",")


class Remise:
    """Les faits d'une remise et les seuils du barème."""

    def __init__(self, faits, seuils):
        self.faits, self.seuils = faits, seuils
        self.labo = faits["notebooks"]
        self.modele = faits.get("modele") or {}
        self.execution = faits.get("execution") or {}
        self.serie = bool(faits["questions"]) or any(n and n["serie"] for n in self.labo.values())

    def evenements(self, role, *genres):
        notebook = self.labo[role]
        lus = notebook["code"]["evenements"] if notebook else []
        return [e for e in lus if e["genre"] in genres]

    def ou(self, role, evenement=None):
        """Où regarder : le notebook, et la cellule de l'événement."""
        notebook = self.labo[role]
        chemin = notebook["chemin"] if notebook else NOMS[role]
        return f"{chemin}, cellule de code {evenement['cellule']}" if evenement else chemin

    def precisions(self):
        notebook = self.labo["classification"]
        return notebook["sorties"]["precisions"] if notebook else []


def piege_augmentation(r):
    """Vrai si une époque augmentée sur deux est vide (`steps_per_epoch` d'un lot trop court)."""
    notebook = r.labo["classification"]
    if not notebook:
        return False
    # Nos labos montrent le piège exprès, sans rien afficher de l'alerte.
    return notebook["sorties"]["epuisees"] or (
        not r.serie
        and any(e["pas"] and e["generateur"] for e in r.evenements("classification", "fit"))
    )


def mauvaises_evaluations(r):
    """[(événement, réseau évalué, réseau entraîné)] : après un entraînement, seul un autre réseau est évalué."""
    fautes, entraine, evaluations = [], None, []
    fin = {"genre": "fit", "numero": -1}
    for e in [*r.evenements("classification", "fit", "evaluate"), fin]:
        if e["genre"] == "evaluate":
            evaluations.append(e)
            continue
        if entraine and evaluations and e["numero"] != entraine["numero"]:
            numeros = {x["numero"] for x in evaluations}
            if entraine["numero"] not in numeros and None not in numeros:
                fautes.append((evaluations[0], evaluations[0]["reseau"], entraine["reseau"]))
        if entraine is None or e["numero"] != entraine["numero"]:
            evaluations = []
        entraine = e if e["numero"] is not None else None
    return fautes
