"""Les faits d'une remise sous des noms commodes, et les deux pièges qu'ils montrent."""

NOMS = {"classification": "classification.ipynb", "test_model": "test_model.ipynb"}


def pourcent(valeur):
    return f"{100 * valeur:.2f} %".replace(".", ",")


def ou_cellule(notebook, rang):
    """« labo.ipynb, cellule de code 5 « X = … » » : le numéro ne suffit pas quand on insère des cellules."""
    debut = notebook["debuts"][rang - 1]
    return f"{notebook['chemin']}, cellule de code {rang}" + (f" « {debut} »" if debut else "")


class Remise:
    """Les faits d'une remise, les seuils du barème, et l'énoncé suivi (`serie` : celui de nos labos)."""

    def __init__(self, faits, seuils, enonce="auto"):
        self.faits, self.seuils = faits, seuils
        self.labo = faits["notebooks"]
        self.modele = faits.get("modele") or {}
        self.execution = faits.get("execution") or {}
        nos_labos = bool(faits["questions"]) or any(n and n["serie"] for n in self.labo.values())
        self.serie = nos_labos if enonce == "auto" else enonce == "série"

    def ecrits(self, role, *genres):
        """Événements écrits dans le code, exécutés ou non."""
        notebook = self.labo[role]
        lus = notebook["code"]["evenements"] if notebook else []
        return [e for e in lus if e["genre"] in genres]

    def evenements(self, role, *genres):
        """Événements qui ont tourné sans erreur dans ce notebook : les seuls qui valent des points."""
        return [e for e in self.ecrits(role, *genres) if e["propre"]]

    def ou(self, role, evenement=None):
        """Où regarder : le notebook, et la cellule de l'événement."""
        notebook = self.labo[role]
        if not notebook:
            return NOMS[role]
        return ou_cellule(notebook, evenement["cellule"]) if evenement else notebook["chemin"]

    def sorties(self, role, quoi):
        """Ce que disent les sorties d'un notebook : voir `sorties.lire_sorties`."""
        notebook = self.labo[role]
        return notebook["sorties"][quoi] if notebook else []

    def precisions(self):
        return self.sorties("classification", "precisions")


def piege_augmentation(r):
    """Vrai si une époque augmentée sur deux est vide (`steps_per_epoch` d'un lot trop court)."""
    notebook = r.labo["classification"]
    if not notebook:
        return False
    # Nos labos montrent le piège exprès, sans rien afficher de l'alerte.
    return notebook["sorties"]["epuisees"] or (
        not r.serie and any(e["pas"] and e["generateur"] for e in r.ecrits("classification", "fit"))
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


def validation_plate(r):
    """Événement (cellule) d'un entraînement qui apprend mais dont la validation reste au hasard, ou None."""
    for cellule, valide, apprise in r.sorties("classification", "courbes"):
        if valide <= 0.2 and apprise >= 0.5:
            return {"cellule": cellule}
    return None
