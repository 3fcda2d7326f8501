"""Critères des étapes de l'énoncé, lues dans le code : données, réseau, entraînement, photo."""

from dataclasses import dataclass
from typing import Any

from correction.architectures import RESEAU_1, RESEAU_4, comparer, ressemblance
from correction.registre import Critere, registre
from correction.remise import mauvaises_evaluations, piege_augmentation, validation_plate

LABO_1, LABO_2 = "classification", "test_model"
critere, CRITERES = registre()
AUTRES_OPTIMISEURS = {
    "sgd",
    "rmsprop",
    "adagrad",
    "adadelta",
    "ftrl",
    "lion",
}  # l'énoncé demande Adam


@dataclass
class Etape:
    """Une étape : les événements qui la montrent, et ce qu'on en dit."""

    role: str
    genres: tuple
    attendu: str
    oui: str
    non: str
    garder: Any = None  # (événement) → bool : lesquels comptent
    part: Any = None  # (remise) → part, au lieu de tout

    def juger(self, r):
        trouves = [
            e for e in r.evenements(self.role, *self.genres) if not self.garder or self.garder(e)
        ]
        if not trouves:
            return absente(r, self.role, self.non, *self.genres)
        part = self.part(r) if self.part else 1.0
        return part, self.oui.format(len(trouves)), r.ou(self.role, trouves[0])


def absente(r, role, non, *genres):
    """Constat d'une étape qui n'est pas faite, ou qui est écrite mais n'a pas tourné."""
    if ecrits := r.ecrits(role, *genres):
        return 0, "écrit, mais pas exécuté sans erreur", r.ou(role, ecrits[0])
    return 0, non if r.labo[role] else "notebook absent", r.ou(role)


def _part_evaluation(r):
    return r.seuils["mauvaise_evaluation"] if mauvaises_evaluations(r) else 1.0


def _etiquettes(e):
    return e["genre"] == "one_hot" or "sparse" in e["perte"].lower()


# clé → où, quels événements, ce qui est attendu, ce qu'on dit s'ils y sont, ce qu'on dit sinon.
ETAPES = {
    "lecture": Etape(
        LABO_1,
        ("lecture_csv",),
        "les deux CSV lus (pd.read_csv)",
        "données lues",
        "aucune lecture",
    ),
    "un_parmi_dix": Etape(
        LABO_1,
        ("one_hot", "compile"),
        "to_categorical sur les étiquettes, ou une perte « sparse »",
        "étiquettes converties",
        "étiquettes non converties",
        garder=_etiquettes,
    ),
    "evaluation": Etape(
        LABO_1,
        ("evaluate",),
        "evaluate sur X_test",
        "{} évaluation(s)",
        "aucun evaluate",
        part=_part_evaluation,
    ),
    "rechargement": Etape(
        LABO_2,
        ("chargement",),
        "model_from_json et load_weights",
        "modèle rechargé",
        "aucun rechargement",
    ),
}
CRITERES.update((cle, Critere(etape.juger, etape.attendu)) for cle, etape in ETAPES.items())


@critere("decoupe", "train_test_split(X, y, test_size=0.2, random_state=13)")
def decoupe(r):
    decoupes = r.evenements(LABO_1, "decoupe")
    if not decoupes:
        fits = r.evenements(LABO_1, "fit")
        valides = [e for e in fits if e["validation"] and not e["sur_test"]]
        if valides:
            return 0.5, "une validation, mais pas train_test_split", r.ou(LABO_1, valides[0])
        return absente(r, LABO_1, "aucun train_test_split", "decoupe")
    meilleure = max(decoupes, key=lambda e: _part_decoupe(r, e)[0])
    part, taille = _part_decoupe(r, meilleure)
    dits = ["non donné" if v is None else v for v in (taille, meilleure["random_state"])]
    return part, "test_size : {} ; random_state : {}".format(*dits), r.ou(LABO_1, meilleure)


def _part_decoupe(r, e):
    """(part, taille de la validation) d'un train_test_split."""
    taille = e["test_size"]
    if taille is None and isinstance(e["train_size"], (int, float)):
        taille = 1 - e["train_size"] if e["train_size"] <= 1 else 60_000 - e["train_size"]
    attendues = (r.seuils["test_size"], round(60_000 * r.seuils["test_size"]))
    bonne = isinstance(taille, (int, float)) and any(abs(taille - a) < 1e-6 for a in attendues)
    graine = e["random_state"] == r.seuils["random_state"]
    return min(1, 0.4 + 0.3 * bonne + 0.3 * graine), taille


@critere("echelle", "les pixels divisés par 255, pour l'apprentissage, la validation et le test")
def echelle(r):
    echelles = r.evenements(LABO_1, "echelle")
    fits = [e for e in r.evenements(LABO_1, "fit") if e["connu"]]
    evaluations = [e for e in r.evenements(LABO_1, "evaluate") if e["connu"]]
    divises = [e for e in fits if e["divise"]]
    if not echelles and not divises:
        return absente(r, LABO_1, "aucune division par 255", "echelle")
    ou = r.ou(LABO_1, (echelles or divises)[0])
    if fits and not divises:
        return 0.5, "une division par 255, mais pas sur ce que reçoit fit", ou
    doubles = [e for e in (*fits, *evaluations) if e["deux_fois"]]
    if doubles:
        return 0.5, "des pixels divisés deux fois par 255", r.ou(LABO_1, doubles[0])
    brutes = [e for e in divises if e["validation_brute"]]
    if brutes:
        trouve = "X_validation n'est pas divisé par 255 comme l'apprentissage"
        return 0.5, trouve, r.ou(LABO_1, brutes[0])
    if plate := validation_plate(r):
        trouve = "la validation reste à 10 % : elle n'est pas à l'échelle de l'apprentissage"
        return 0.5, trouve, r.ou(LABO_1, plate)
    if evaluations and not any(e["divise"] for e in evaluations):
        return 0.7, "X_test n'est pas divisé par 255 comme l'apprentissage", ou
    autres = {e["par"] for e in echelles} - {255, "Scaler", "normalize"}
    if autres and not any(e["par"] == 255 for e in echelles):
        return 0.7, f"division par {autres.pop()}", ou
    return 1, "pixels ramenés à 0–1", ou


def _reseau(r, attendues):
    notebook = r.labo[LABO_1]
    lus = notebook["code"]["reseaux"] if notebook else []
    reseaux = [x for x in lus if len(x["couches"]) > 2]
    if not reseaux:
        return absente(r, LABO_1, "aucun réseau reconnu")
    propres = [x for x in reseaux if x["propre"]]
    if not propres:
        return 0, "réseau écrit, mais pas exécuté sans erreur", r.ou(LABO_1, reseaux[0])
    meilleur = max(propres, key=lambda x: ressemblance(x["couches"], attendues))
    trouve = f"« {meilleur['nom']} » : {comparer(meilleur['couches'], attendues)}"
    return ressemblance(meilleur["couches"], attendues), trouve, r.ou(LABO_1, meilleur)


def _entraine(r, attendues):
    """Vrai si un réseau qui ressemble à l'attendu a été entraîné, ou s'il y en a un qu'on ne reconnaît pas."""
    reseaux = r.labo[LABO_1]["code"]["reseaux"]
    numeros = {e["numero"] for e in r.evenements(LABO_1, "fit")}
    couches = [reseaux[n]["couches"] for n in numeros if n is not None]
    return None in numeros or any(c and ressemblance(c, attendues) >= 0.5 for c in couches)


@critere("reseau_1", " → ".join(RESEAU_1))
def reseau_1(r):
    return _reseau(r, RESEAU_1)


@critere(
    "reseau_4", "Conv 32, 32, 64, 128 avec normalisations et dropout, Dense 512, 128, 10 ; entraîné"
)
def reseau_4(r):
    part, trouve, ou = _reseau(r, RESEAU_4)
    if part < 0.5:
        return 0, "partie facultative non faite", ou
    if not _entraine(r, RESEAU_4):
        return 0, f"{trouve} ; jamais entraîné", ou
    return part, trouve, ou


@critere("compilation", "compile(entropie croisée catégorielle, Adam, accuracy)")
def compilation(r):
    compiles = r.evenements(LABO_1, "compile")
    if not compiles:
        return absente(r, LABO_1, "aucun compile", "compile")
    e = compiles[0]
    bonne = any(
        "crossentropy" in c["perte"].lower() or c["perte"] in ("?", "None") for c in compiles
    )
    adam = any(_optimiseur(c) not in AUTRES_OPTIMISEURS for c in compiles)
    perte = "entropie croisée" if bonne else f"perte « {e['perte'][:40]} »"
    nom = e["optimiseur"].rsplit(".", 1)[-1][:30]
    trouve = perte + (f" ; optimiseur {nom}" if nom.isidentifier() else "")
    return (1 if bonne else 0.5) - (0 if adam else 0.25), trouve, r.ou(LABO_1, e)


def _optimiseur(e):
    return e["optimiseur"].rsplit(".", 1)[-1].lower()


def _epoques(r, augmente, attendu):
    fits = [e for e in r.evenements(LABO_1, "fit") if e["augmente"] == augmente]
    if not fits and (interrompu := _interrompu(r, augmente, attendu)):
        return interrompu
    if not fits:
        sur = " sur images augmentées" if augmente else " (fit)"
        return absente(r, LABO_1, f"aucun entraînement{sur}", "fit")
    connues = [e for e in fits if e["epoques"] is not None]
    if not connues:
        affichees = [b for _, _, b in r.sorties(LABO_1, "epoques")]
        if attendu in affichees:
            return 1, f"{attendu} époques (d'après les sorties)", r.ou(LABO_1, fits[0])
        return 0.5, "nombre d'époques illisible dans le code", r.ou(LABO_1, fits[0])
    meilleur = max(connues, key=lambda e: (min(e["epoques"], attendu), -e["epoques"]))
    part = min(1, meilleur["epoques"] / attendu)
    return part, f"{meilleur['epoques']} époques", r.ou(LABO_1, meilleur)


def _interrompu(r, augmente, attendu):
    """Constat d'un entraînement arrêté en chemin : les époques que sa cellule affiche, ou None."""
    affichees = {cellule: faites for cellule, faites, _ in r.sorties(LABO_1, "epoques")}
    for e in r.ecrits(LABO_1, "fit"):
        if e["augmente"] == augmente and affichees.get(e["cellule"], 0) > 1:
            faites = affichees[e["cellule"]] - 1  # la dernière n'a pas fini
            part = min(1, faites / attendu)
            return part, f"{faites} époques, puis arrêté", r.ou(LABO_1, e)
    return None


@critere("epoques", "10 époques sur les images d'origine")
def epoques(r):
    return _epoques(r, False, r.seuils["epoques"])


@critere("epoques_augmentees", "50 époques sur images augmentées (15 dans nos labos)")
def epoques_augmentees(r):
    seuil = "epoques_augmentees_serie" if r.serie else "epoques_augmentees"
    return _epoques(r, True, r.seuils[seuil])


@critere("augmentation", "des images déformées données à fit")
def augmentation(r):
    fits = [e for e in r.evenements(LABO_1, "fit") if e["augmente"]]
    if fits:
        part = r.seuils["piege_augmentation"] if piege_augmentation(r) else 1
        return part, "entraînement sur images augmentées", r.ou(LABO_1, fits[0])
    if r.evenements(LABO_1, "generateur"):
        return 0.5, "un générateur, mais aucun entraînement avec lui", r.ou(LABO_1)
    return absente(r, LABO_1, "aucune augmentation", "generateur")


@critere("sauvegarde", "to_json et save_weights")
def sauvegarde(r):
    quoi = {e["quoi"]: e for e in r.evenements(LABO_1, "sauvegarde")}
    if {"json", "poids"} <= set(quoi):
        return 1, "architecture et poids", r.ou(LABO_1, quoi["json"])
    if "entier" in quoi:
        entier = "modèle entier (save), au lieu du JSON et des poids"
        return 0.75, entier, r.ou(LABO_1, quoi["entier"])
    if quoi:
        seul = "l'architecture" if "json" in quoi else "les poids"
        return 0.5, f"seulement {seul}", r.ou(LABO_1, next(iter(quoi.values())))
    return absente(r, LABO_1, "aucune sauvegarde", "sauvegarde")


@critere(
    "preparation", "une photo ouverte, réduite à 28×28, inversée (clair sur noir), mise à l'échelle"
)
def preparation(r):
    ouvertes = r.evenements(LABO_2, "image_ouverte")
    if not ouvertes:
        return absente(r, LABO_2, "aucune image ouverte", "image_ouverte")
    importees = {e["nom"].rsplit(".", 1)[-1] for e in r.evenements(LABO_2, "import")}
    complete = importees & {"load_and_preprocess_image", "preparation", "preparer_photo"}
    etapes = {"redimension": "réduite", "inversion": "inversée", "echelle": "mise à l'échelle"}
    oubliees = [
        nom for genre, nom in etapes.items() if not (complete or r.evenements(LABO_2, genre))
    ]
    trouve = f"photo ouverte, mais pas {' ni '.join(oubliees)}" if oubliees else "photo préparée"
    return 1 - 0.25 * len(oubliees), trouve, r.ou(LABO_2, ouvertes[0])


@critere("prediction", "Selon moi l'image est : …")
def prediction(r):
    predictions = r.evenements(LABO_2, "predict")
    if r.labo[LABO_2] and r.faits["photos"]["reponses"]:
        cellule, reponse, *_ = r.faits["photos"]["reponses"][0]
        return 1, f"« {reponse} »", r.ou(LABO_2, {"cellule": cellule})
    if predictions:
        oui = "une prédiction dans le code, mais aucune réponse affichée"
        return 0.5, oui, r.ou(LABO_2, predictions[0])
    return absente(r, LABO_2, "aucune prédiction", "predict")
