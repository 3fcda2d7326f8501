"""Du fait au point : chaque critère dit ce qui est trouvé, ce qui est attendu et où regarder.

`CRITERES[clé](remise)` rend (part entre 0 et 1, trouvé, où) ; (None, …) : sans objet, non compté.
Rien n'est lu ni exécuté ici : tout vient des faits.
"""

import tomllib
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

from correction.remarques import (
    NOMS,
    mauvaises_evaluations,
    piege_augmentation,
    pourcent,
    remarques,
)

BAREME = Path(__file__).with_name("bareme.toml")
RESEAU_1 = [
    "Conv2D 32 3×3 relu",
    "MaxPooling2D",
    "Dropout 0.2",
    "Flatten",
    "Dense 128 relu",
    "Dense 10 softmax",
]
RESEAU_4 = [
    "Conv2D 32 3×3 relu", "BatchNormalization", "Conv2D 32 3×3 relu", "BatchNormalization", "MaxPooling2D",
    "Dropout 0.25", "Conv2D 64 3×3 relu", "BatchNormalization", "Dropout 0.25", "Conv2D 128 3×3 relu",
    "BatchNormalization", "MaxPooling2D", "Dropout 0.25", "Flatten", "Dense 512 relu", "BatchNormalization",
    "Dropout 0.5", "Dense 128 relu", "BatchNormalization", "Dropout 0.5", "Dense 10 softmax",
]  # fmt: skip


class BaremeInvalide(ValueError):
    """Le barème a une faute : le message dit laquelle et quoi faire."""


@dataclass
class Constat:
    """Un critère appliqué à une remise."""

    cle: str
    titre: str
    maximum: float
    part: float | None
    trouve: str
    attendu: str
    ou: str
    bonus: bool = False

    @property
    def points(self):
        return 0.0 if self.part is None else round(self.part * self.maximum, 2)


@dataclass
class Bulletin:
    """La note d'une remise, ses constats et ses remarques pédagogiques [(titre, texte)]."""

    nom: str
    cle: str
    note: float
    note_sur: float
    constats: list
    remarques: list
    signalements: list = field(default_factory=list)


def lire_bareme(chemin=BAREME):
    """Barème (dict) lu et vérifié ; lève `BaremeInvalide` avec un message en français."""
    try:
        bareme = tomllib.loads(Path(chemin).read_text(encoding="utf-8-sig"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as erreur:
        raise BaremeInvalide(f"Barème « {chemin} » illisible : {erreur}") from erreur
    # Un seuil absent prend la valeur du barème fourni.
    seuils = tomllib.loads(BAREME.read_text(encoding="utf-8"))["seuils"]
    inconnus = set(bareme.get("seuils", {})) - set(seuils)
    if inconnus:
        raise BaremeInvalide(f"Barème « {chemin} » : seuil inconnu « {inconnus.pop()} ».")
    bareme["seuils"] = {**seuils, **bareme.get("seuils", {})}
    for section in ("criteres", "questions"):
        for cle, reglage in bareme.setdefault(section, {}).items():
            if section == "criteres" and cle not in CRITERES:
                raise BaremeInvalide(
                    f"Barème « {chemin} » : critère inconnu « {cle} ». Connus : {', '.join(CRITERES)}."
                )
            points = reglage.get("points") if isinstance(reglage, dict) else None
            if not isinstance(points, (int, float)) or isinstance(points, bool) or points < 0:
                raise BaremeInvalide(
                    f"Barème « {chemin} » : « {cle} » doit avoir des points, un nombre positif ou nul."
                )
    if not isinstance(bareme.setdefault("note_sur", 100), (int, float)) or bareme["note_sur"] <= 0:
        raise BaremeInvalide(f"Barème « {chemin} » : note_sur doit être un nombre positif.")
    bareme.setdefault("arrondi", 0)
    return bareme


# --- Accès aux faits --------------------------------------------------------------------------


class Remise:
    """Les faits d'une remise et les seuils, sous des noms commodes pour les critères."""

    def __init__(self, faits, seuils):
        self.faits, self.seuils = faits, seuils
        self.labo = faits["notebooks"]
        self.modele = faits.get("modele") or {}
        self.execution = faits.get("execution") or {}
        self.serie = bool(faits["questions"]) or any(n and n["serie"] for n in self.labo.values())

    def evenements(self, role, *genres):
        notebook = self.labo[role]
        return (
            [e for e in notebook["code"]["evenements"] if e["genre"] in genres] if notebook else []
        )

    def partout(self, *genres):
        """Événements des deux notebooks, une seule fois si tout est dans le même."""
        roles = ["classification"] if self.faits["un_seul_notebook"] else list(self.labo)
        return [e for role in roles for e in self.evenements(role, *genres)]

    def ou(self, role, evenement=None):
        notebook = self.labo[role]
        chemin = notebook["chemin"] if notebook else NOMS[role]
        return f"{chemin}, cellule de code {evenement['cellule']}" if evenement else chemin

    def precisions(self):
        notebook = self.labo["classification"]
        return notebook["sorties"]["precisions"] if notebook else []


CRITERES, ATTENDUS = {}, {}


def critere(cle, attendu):
    def inscrire(fonction):
        CRITERES[cle], ATTENDUS[cle] = fonction, attendu
        return fonction

    return inscrire


# --- La remise --------------------------------------------------------------------------------


def _fichier(r, role):
    notebook = r.labo[role]
    if notebook is None:
        autres = r.faits["autres_notebooks"]
        suite = f" (autres notebooks : {', '.join(autres[:3])})" if autres else ""
        return 0, f"aucun notebook reconnu{suite}", "toute la remise"
    chemin = notebook["chemin"]
    if chemin.endswith(".py"):
        return r.seuils["en_python"], f"« {chemin} », un fichier Python", chemin
    if r.faits["un_seul_notebook"] and notebook["role_du_nom"] != role:
        return r.seuils["mauvais_nom"], f"dans « {chemin} », avec l'autre labo", chemin
    ecarts = []
    if notebook["role_du_nom"] not in (role, None):
        ecarts.append("noms des deux notebooks échangés")
    elif not (notebook["nom_juste"] and notebook["role_du_nom"] == role):
        ecarts.append("autre nom")
    if not notebook["dossier_juste"]:
        ecarts.append("autre dossier")
    suite = f" ({', '.join(ecarts)})" if ecarts else ""
    return (r.seuils["mauvais_nom"] if ecarts else 1), f"« {chemin} »{suite}", chemin


@critere("fichier_classification", "analyse_image/classification.ipynb")
def _(r):
    return _fichier(r, "classification")


@critere("fichier_test_model", "analyse_image/test_model.ipynb")
def _(r):
    return _fichier(r, "test_model")


def _liste(fichiers):
    total = sum(t for _, t in fichiers) / 1e6
    noms = ", ".join(n.rsplit("/", 1)[-1] for n, _ in fichiers[:4])
    return f"{noms}{'…' if len(fichiers) > 4 else ''} ({total:.0f} Mo)" if total >= 1 else noms


@critere("donnees_absentes", "aucun fichier de données : un .gitignore les écarte")
def _(r):
    donnees = r.faits["donnees"]
    if r.faits["vide"]:
        return 0, "remise vide", "toute la remise"
    if donnees["rendus"]:
        verbe = "suivis par Git" if donnees["git"] else "dans la remise"
        return (
            0,
            f"{len(donnees['rendus'])} fichier(s) {verbe} : {_liste(donnees['rendus'])}",
            donnees["rendus"][0][0],
        )
    if donnees["historique"]:
        return (
            0.5,
            f"effacés, mais encore dans l'historique Git : {_liste(donnees['historique'])}",
            "historique Git",
        )
    return (
        1,
        "aucun fichier de données",
        "dépôt et historique Git" if donnees["git"] else "toute la remise",
    )


# --- Exécution --------------------------------------------------------------------------------


def _pour_chaque_notebook(suffixe, attendu):
    """Le même critère pour les deux notebooks."""

    def inscrire(fonction):
        for role in NOMS:

            def du_role(r, role=role):
                notebook = r.labo[role]
                if notebook is None:
                    return 0, "notebook absent", NOMS[role]
                part, trouve, *ou = fonction(notebook)
                recupere = (
                    " (contenu récupéré d'un fichier abîmé)"
                    if notebook["recupere"] and suffixe != "lisible"
                    else ""
                )
                return part, trouve + recupere, ou[0] if ou else notebook["chemin"]

            critere(f"{role}_{suffixe}", attendu)(du_role)
        return fonction

    return inscrire


@_pour_chaque_notebook("lisible", "un notebook que Jupyter ouvre")
def _(n):
    if not n["lisible"]:
        return 0, n["probleme"]
    if not n["execution"]["total"]:
        return 0, "aucune cellule de code"
    return 1, f"{n['nombre']} cellule{'s' if n['nombre'] > 1 else ''} de code"


@_pour_chaque_notebook("execution", "toutes les cellules exécutées, sorties gardées")
def _(n):
    e = n["execution"]
    if e["etat"] == "vide":
        return 0, "aucune cellule de code"
    if e["etat"] == "jamais":
        return 0, f"jamais exécuté (0 cellule sur {e['total']})"
    if not e["sorties"]:
        return 0.5, f"{e['faites']} cellules exécutées sur {e['total']}, mais aucune sortie gardée"
    if e["etat"] == "partielle":
        manquantes = ", ".join(map(str, e["manquantes"][:6]))
        trouve = f"{e['faites']} cellules exécutées sur {e['total']} ; pas celle(s) n° {manquantes}"
        return (
            e["faites"] / e["total"],
            trouve,
            f"{n['chemin']}, cellule de code {e['manquantes'][0]}",
        )
    return 1, f"{e['faites']} cellules exécutées sur {e['total']}"


@_pour_chaque_notebook("ordre", "des numéros [1], [2], [3]… croissants de haut en bas")
def _(n):
    e = n["execution"]
    if not e["faites"]:
        return 0, "jamais exécuté"
    return (1, "dans l'ordre") if e["ordre"] else (0, "cellules exécutées dans le désordre")


@_pour_chaque_notebook("erreurs", "aucune erreur affichée")
def _(n):
    e = n["execution"]
    if not e["faites"]:
        return 0, "jamais exécuté"
    if not e["erreurs"]:
        return 1, "aucune erreur"
    cellule, nom, valeur = e["erreurs"][-1]
    trouve = f"{len(e['erreurs'])} erreur(s), dont {nom} : {valeur[:100]}"
    return 0, trouve, f"{n['chemin']}, cellule de code {cellule}"


# --- Les étapes, dans le code -------------------------------------------------------------------


def _etape(r, role, evenements, oui, non, part=1.0):
    if evenements:
        return part, oui, r.ou(role, evenements[0])
    return 0, non if r.labo[role] else "notebook absent", r.ou(role)


@critere("lecture", "les deux CSV lus (pd.read_csv)")
def _(r):
    return _etape(
        r,
        "classification",
        r.evenements("classification", "lecture_csv"),
        "données lues",
        "aucune lecture",
    )


@critere("un_parmi_dix", "to_categorical sur les étiquettes, ou une perte « sparse »")
def _(r):
    trouves = r.evenements("classification", "one_hot")
    eparse = [
        e for e in r.evenements("classification", "compile") if "sparse" in e["perte"].lower()
    ]
    return _etape(
        r, "classification", trouves or eparse, "étiquettes converties", "étiquettes non converties"
    )


@critere("decoupe", "train_test_split(X, y, test_size=0.2, random_state=13)")
def _(r):
    decoupes = r.evenements("classification", "decoupe")
    if not decoupes:
        part = [
            e
            for e in r.evenements("classification", "fit")
            if e["validation"] and not e["sur_test"]
        ]
        if part:
            return 0.5, "une validation, mais pas train_test_split", r.ou("classification", part[0])
        return _etape(r, "classification", [], "", "aucun train_test_split")

    def note(e):
        taille = e["test_size"]
        if taille is None and isinstance(e["train_size"], (int, float)):
            taille = 1 - e["train_size"] if e["train_size"] <= 1 else 60_000 - e["train_size"]
        attendues = (r.seuils["test_size"], round(60_000 * r.seuils["test_size"]))
        bonne = isinstance(taille, (int, float)) and any(abs(taille - a) < 1e-6 for a in attendues)
        graine = e["random_state"] == r.seuils["random_state"]
        return (0.4 + 0.3 * bonne + 0.3 * graine, taille, e["random_state"])

    meilleure = max(decoupes, key=lambda e: note(e)[0])
    part, taille, graine = note(meilleure)
    dire = lambda v: "non donné" if v is None else v  # noqa: E731
    trouve = f"test_size : {dire(taille)} ; random_state : {dire(graine)}"
    return min(1, part), trouve, r.ou("classification", meilleure)


@critere("echelle", "les pixels divisés par 255, pour l'apprentissage, la validation et le test")
def _(r):
    echelles = r.evenements("classification", "echelle")
    fits = [e for e in r.evenements("classification", "fit") if e["connu"]]
    evaluations = [e for e in r.evenements("classification", "evaluate") if e["connu"]]
    rescaling = any(e["divise"] for e in fits)
    if not echelles and not rescaling:
        return _etape(r, "classification", [], "", "aucune division par 255")
    ou = r.ou("classification", echelles[0] if echelles else fits[0])
    if fits and not any(e["divise"] for e in fits):
        return 0.5, "une division par 255, mais pas sur ce que reçoit fit", ou
    if evaluations and not any(e["divise"] for e in evaluations):
        return 0.7, "X_test n'est pas divisé par 255 comme l'apprentissage", ou
    autres = {e["par"] for e in echelles} - {255, "Scaler", "normalize"}
    if autres and not any(e["par"] == 255 for e in echelles):
        return 0.7, f"division par {autres.pop()}", ou
    return 1, "pixels ramenés à 0–1", ou


def ecrire_couche(couche):
    """Une couche lue dans le code, écrite comme dans `RESEAU_1` : « Conv2D 32 3×3 relu »."""
    nom, infos = couche
    mots = [nom]
    for cle in ("filters", "kernel_size", "units", "rate", "activation"):
        valeur = infos.get(cle)
        if valeur is None:
            continue
        if cle == "kernel_size" and isinstance(valeur, (int, float)):
            valeur = f"{valeur}×{valeur}"
        if cle == "activation" and valeur == "linear":
            continue
        mots.append(str(valeur))
    return " ".join(mots)


def ressemblance(couches, attendues):
    """Entre 0 et 1 : part des couches attendues retrouvées, dans l'ordre, avec leurs réglages."""
    ecrites = [ecrire_couche(c) for c in couches]
    communes = sum(
        b.size
        for b in SequenceMatcher(None, ecrites, attendues, autojunk=False).get_matching_blocks()
    )
    types = SequenceMatcher(
        None, [e.split()[0] for e in ecrites], [a.split()[0] for a in attendues], autojunk=False
    )
    presque = sum(b.size for b in types.get_matching_blocks())
    taille = max(len(ecrites), len(attendues))
    return (communes + 0.5 * max(0, presque - communes)) / taille


def _reseau(r, attendues):
    notebook = r.labo["classification"]
    reseaux = [x for x in notebook["code"]["reseaux"] if len(x["couches"]) > 2] if notebook else []
    if not reseaux:
        return 0, "aucun réseau reconnu" if notebook else "notebook absent", r.ou("classification")
    meilleur = max(reseaux, key=lambda x: ressemblance(x["couches"], attendues))
    part = ressemblance(meilleur["couches"], attendues)
    ecrites = [ecrire_couche(c) for c in meilleur["couches"]]
    if ecrites == attendues:
        trouve = "toutes les couches de l'énoncé"
    else:
        manquent = [a for a in attendues if a not in ecrites]
        en_trop = [e for e in ecrites if e not in attendues]
        trouve = f"{len(ecrites)} couches"
        trouve += f" ; il manque {', '.join(dict.fromkeys(manquent))}" if manquent else ""
        trouve += (
            f" ; en plus ou différentes : {', '.join(dict.fromkeys(en_trop[:5]))}"
            if en_trop
            else ""
        )
        trouve += "" if manquent or en_trop else " ; ordre différent"
    return (
        part,
        f"« {meilleur['nom']} » : {trouve}",
        f"{notebook['chemin']}, cellule de code {meilleur['cellule']}",
    )


@critere("reseau_1", " → ".join(RESEAU_1))
def _(r):
    return _reseau(r, RESEAU_1)


@critere("reseau_4", "Conv 32, 32, 64, 128 avec normalisations et dropout, Dense 512, 128, 10")
def _(r):
    part, trouve, ou = _reseau(r, RESEAU_4)
    return (
        (part if part >= 0.5 else 0),
        trouve if part >= 0.5 else "partie facultative non faite",
        ou,
    )


@critere("compilation", "compile(entropie croisée catégorielle, Adam, accuracy)")
def _(r):
    compiles = r.evenements("classification", "compile")
    if not compiles:
        return _etape(r, "classification", [], "", "aucun compile")
    e = compiles[0]
    bonne = any(
        "crossentropy" in c["perte"].lower() or c["perte"] in ("?", "None") for c in compiles
    )
    perte = "entropie croisée" if bonne else f"perte « {e['perte'][:40]} »"
    optimiseur = e["optimiseur"].rsplit(".", 1)[-1][:30]
    return (
        (1 if bonne else 0.5),
        perte + (f" ; optimiseur {optimiseur}" if optimiseur.isidentifier() else ""),
        r.ou("classification", e),
    )


def _epoques(r, augmente, attendu):
    fits = [e for e in r.evenements("classification", "fit") if e["augmente"] == augmente]
    if not fits:
        manque = (
            "aucun entraînement sur images augmentées" if augmente else "aucun entraînement (fit)"
        )
        return _etape(r, "classification", [], "", manque)
    connues = [e for e in fits if e["epoques"] is not None]
    if not connues:
        affichees = [b for _, _, b in r.labo["classification"]["sorties"]["epoques"]]
        if attendu in affichees:
            return 1, f"{attendu} époques (d'après les sorties)", r.ou("classification", fits[0])
        return 0.5, "nombre d'époques illisible dans le code", r.ou("classification", fits[0])
    meilleur = max(connues, key=lambda e: (min(e["epoques"], attendu), -e["epoques"]))
    return (
        min(1, meilleur["epoques"] / attendu),
        f"{meilleur['epoques']} époques",
        r.ou("classification", meilleur),
    )


@critere("epoques", "10 époques sur les images d'origine")
def _(r):
    return _epoques(r, False, r.seuils["epoques"])


@critere("epoques_augmentees", "50 époques sur images augmentées (30 dans nos labos)")
def _(r):
    return _epoques(
        r, True, r.seuils["epoques_augmentees_serie" if r.serie else "epoques_augmentees"]
    )


@critere("augmentation", "des images déformées données à fit")
def _(r):
    fits = [e for e in r.evenements("classification", "fit") if e["augmente"]]
    part = r.seuils["piege_augmentation"] if piege_augmentation(r) else 1
    if not fits and r.evenements("classification", "generateur"):
        return 0.5, "un générateur, mais aucun entraînement avec lui", r.ou("classification")
    return _etape(
        r, "classification", fits, "entraînement sur images augmentées", "aucune augmentation", part
    )


@critere("evaluation", "evaluate sur X_test")
def _(r):
    evaluations = r.evenements("classification", "evaluate")
    part = r.seuils["mauvaise_evaluation"] if mauvaises_evaluations(r) else 1
    return _etape(
        r,
        "classification",
        evaluations,
        f"{len(evaluations)} évaluation(s)",
        "aucun evaluate",
        part,
    )


@critere("sauvegarde", "to_json et save_weights")
def _(r):
    quoi = {e["quoi"]: e for e in r.evenements("classification", "sauvegarde")}
    if {"json", "poids"} <= set(quoi):
        return 1, "architecture et poids", r.ou("classification", quoi["json"])
    if "entier" in quoi:
        return (
            0.75,
            "modèle entier (save), au lieu du JSON et des poids",
            r.ou("classification", quoi["entier"]),
        )
    if quoi:
        seul = "l'architecture" if "json" in quoi else "les poids"
        return 0.5, f"seulement {seul}", r.ou("classification", next(iter(quoi.values())))
    return _etape(r, "classification", [], "", "aucune sauvegarde")


@critere("rechargement", "model_from_json et load_weights")
def _(r):
    return _etape(
        r,
        "test_model",
        r.evenements("test_model", "chargement"),
        "modèle rechargé",
        "aucun rechargement",
    )


@critere(
    "preparation", "une photo ouverte, réduite à 28×28, inversée (clair sur noir), mise à l'échelle"
)
def _(r):
    ouvertes = r.evenements("test_model", "image_ouverte")
    if not ouvertes:
        return _etape(r, "test_model", [], "", "aucune image ouverte")
    importees = {e["nom"].rsplit(".", 1)[-1] for e in r.evenements("test_model", "import")}
    complete = bool(importees & {"load_and_preprocess_image", "preparation", "preparer_photo"})
    etapes = {
        "réduite": bool(r.evenements("test_model", "redimension")) or complete,
        "inversée": bool(r.evenements("test_model", "inversion")) or complete,
        "mise à l'échelle": bool(r.evenements("test_model", "echelle")) or complete,
    }
    oubliees = [nom for nom, fait in etapes.items() if not fait]
    trouve = (
        "photo préparée" if not oubliees else f"photo ouverte, mais pas {' ni '.join(oubliees)}"
    )
    return 1 - 0.25 * len(oubliees), trouve, r.ou("test_model", ouvertes[0])


@critere("prediction", "Selon moi l'image est : …")
def _(r):
    predictions = r.evenements("test_model", "predict")
    notebook = r.labo["test_model"]
    if notebook and r.faits["photos"]["reponses"]:
        cellule, reponse, *_ = r.faits["photos"]["reponses"][0]
        return 1, f"« {reponse} »", f"{notebook['chemin']}, cellule de code {cellule}"
    oui = "une prédiction dans le code, mais aucune réponse affichée"
    return _etape(r, "test_model", predictions, oui, "aucune prédiction", 0.5)


# --- Résultats, modèle, photos --------------------------------------------------------------------


@critere("precision_affichee", "une précision mesurée sur le test (Précision: 0,9082)")
def _(r):
    precisions = r.precisions()
    if not precisions:
        return (
            0,
            "aucune précision affichée" if r.labo["classification"] else "notebook absent",
            r.ou("classification"),
        )
    valeurs = ", ".join(f"{v:.4f}".replace(".", ",") for _, v in precisions[:4])
    return 1, valeurs, f"{r.ou('classification')}, cellule de code {precisions[0][0]}"


@critere("modele_fichiers", "modele/modele.json et modele/modele.weights.h5")
def _(r):
    modeles = r.faits["modeles"]
    complets = [m for m in modeles if m["entier"] or m["poids"]]
    if not modeles:
        seuls = (
            f" ({', '.join(r.faits['poids_seuls'])} sans architecture)"
            if r.faits["poids_seuls"]
            else ""
        )
        return 0, f"aucun modèle{seuls}", "modele/"
    if not complets:
        return 0.3, f"« {modeles[0]['montre']} » : les poids manquent", modeles[0]["montre"]
    if complets[0]["exact"]:
        return 1, complets[0]["montre"], "modele/"
    return (
        r.seuils["mauvais_nom"],
        f"« {complets[0]['montre']} » (autre nom ou autre dossier)",
        complets[0]["montre"],
    )


def _sans_modele(r):
    return 0, "aucun modèle à charger" if not r.faits["modeles"] else "poids absents", "modele/"


@critere("modele_charge", "l'architecture et les poids se rechargent : (28, 28, 1) → 10")
def _(r):
    m = r.modele
    if not m:
        return _sans_modele(r)
    if not m["charge"]:
        return 0, m["probleme"], m.get("montre", "modele/")
    formes = f"entrée {tuple(m['entree'])}, {m['sortie']} sorties, {m['parametres']} paramètres"
    if m.get("mesure") is None:
        return (
            0.5,
            f"{formes} ; {m.get('probleme', 'forme inattendue')}",
            m.get("montre", "modele/"),
        )
    return 1, formes, m.get("montre", "modele/")


@critere("modele_precision", "au moins 88 % des 10 000 images de test")
def _(r):
    m = r.modele
    if not m or m.get("mesure") is None:
        return (0, "non mesurable", "modele/") if m else _sans_modele(r)
    haut, bas = r.seuils["precision_pleine"], r.seuils["precision_nulle"]
    part = (m["mesure"] - bas) / (haut - bas) if haut > bas else float(m["mesure"] >= haut)
    jeu = " (images dessinées)" if m.get("jumeau") else ""
    return (
        min(1, max(0, part)),
        f"{pourcent(m['mesure'])} sur {m['images']} images{jeu}, entrées {m['echelle']}",
        m["montre"],
    )


@critere("modele_coherent", "la précision affichée est celle du modèle remis")
def _(r):
    m = r.modele
    if not m or m.get("mesure") is None:
        return (0, "non mesurable", "modele/") if m else _sans_modele(r)
    if m.get("jumeau"):
        return None, "Fashion-MNIST n'est pas disponible ici : non comparé", "modele/"
    if not r.precisions():
        return 0, "aucune précision affichée à comparer", r.ou("classification")
    cellule, valeur = min(r.precisions(), key=lambda p: abs(p[1] - m["mesure"]))
    ecart = abs(valeur - m["mesure"])
    part = (
        1 if ecart <= r.seuils["ecart_admis"] else 0.5 if ecart <= r.seuils["ecart_tolere"] else 0
    )
    trouve = f"affichée {pourcent(valeur)}, mesurée {pourcent(m['mesure'])}"
    return part, trouve, f"{r.ou('classification')}, cellule de code {cellule}"


@critere("photo_presente", "au moins une photo personnelle, à l'endroit que dit le code")
def _(r):
    photos = r.faits["photos"]
    if not photos["fichiers"]:
        return 0, "aucune photo dans la remise", "images/"
    siennes = [f for f in photos["fichiers"] if not f[3]]
    if not siennes:
        return r.seuils["photo_fournie"], "seulement les images d'exemple du dépôt", "images/"
    absentes = [c for c in photos["chemins"] if c[2] == "absente"]
    if not r.serie and photos["chemins"] and len(absentes) == len(photos["chemins"]):
        trouve = f"{len(siennes)} photo(s), mais pas « {absentes[0][0]} » qu'emploie le code"
        return 0.5, trouve, f"{r.ou('test_model')}, cellule de code {absentes[0][1]}"
    return 1, f"{len(siennes)} photo(s), dont « {siennes[0][0]} »", siennes[0][0]


@critere("photo_predite", "une réponse affichée pour la photo")
def _(r):
    reponses = r.faits["photos"]["reponses"]
    if not reponses:
        return _sans_reponse(r)
    justes = [x for x in reponses if x[3]]
    cellule, reponse, chemin, juste = (justes or reponses)[0]
    nom = chemin.replace("\\", "/").rsplit("/", 1)[-1]
    verdict = {
        True: ", classe attendue",
        False: ", ce n'est pas la classe que dit le nom",
        None: "",
    }[juste]
    return (
        1,
        f"« {reponse} »{f' pour « {nom} »' if nom else ''}{verdict}",
        f"{r.ou('test_model')}, cellule de code {cellule}",
    )


def _sans_reponse(r):
    notebook = r.labo["test_model"]
    if notebook is None:
        return 0, "notebook absent", NOMS["test_model"]
    affiche = notebook["execution"]["sorties"] and r.evenements("test_model", "predict")
    return (0.5, "une prédiction, mais pas de réponse en clair", r.ou("test_model")) if affiche else (
        0, "aucune photo classée", r.ou("test_model"))  # fmt: skip


# --- La note ----------------------------------------------------------------------------------


def _questions(r, bareme):
    """Constats des questions `verifier(…)` : de la nouvelle exécution si elle a eu lieu, sinon des sorties."""
    for cle, reglage in bareme["questions"].items():
        labo = reglage.get("labo", "classification")
        etat, ou = r.faits["questions"].get(cle, ["sans réponse", labo])
        source = "sorties remises"
        refaites = r.execution.get(labo, {}).get("questions")
        if refaites is not None:
            etat, source = refaites.get(cle, "sans réponse"), "nouvelle exécution"
        yield Constat(
            cle, reglage.get("titre", cle), reglage["points"], float(etat == "juste") if r.serie else None, etat,
            "✅ affiché par verifier", f"{ou} ({source})",
        )  # fmt: skip


def noter(faits, bareme):
    """Bulletin d'une remise d'après ses faits."""
    r = Remise(faits, bareme["seuils"])
    constats = []
    for cle, reglage in bareme["criteres"].items():
        part, trouve, ou = CRITERES[cle](r)
        constats.append(
            Constat(
                cle,
                reglage.get("titre", cle),
                reglage["points"],
                part,
                trouve,
                ATTENDUS[cle],
                ou,
                reglage.get("bonus", False),
            )
        )
    constats += _questions(r, bareme)
    comptes = [c for c in constats if c.part is not None]
    maximum = sum(c.maximum for c in comptes if not c.bonus)
    total = min(maximum, sum(c.points for c in comptes))
    note = bareme["note_sur"] * total / maximum if maximum else 0.0
    if bareme["arrondi"]:
        note = round(note / bareme["arrondi"]) * bareme["arrondi"]
    return Bulletin(
        faits["nom"], faits["cle"], round(note, 2), bareme["note_sur"], constats, remarques(r)
    )


def signaler(tous):
    """{clé: [phrases]} : poids, sorties d'entraînement, photos ou code identiques entre remises (un indice)."""
    groupes = {}

    def ranger(nature, valeur, cle):
        groupes.setdefault((nature, valeur), set()).add(cle)

    for faits in tous:
        cle = faits["cle"]
        if empreinte := (faits.get("modele") or {}).get("empreinte"):
            ranger("poids du modèle identiques", empreinte, cle)
        notebook = faits["notebooks"]["classification"]
        if notebook and len(notebook["sorties"]["trace"]) >= 3:
            ranger("sorties d'entraînement identiques", tuple(notebook["sorties"]["trace"]), cle)
        for photo in faits["photos"]["fichiers"]:
            if not photo[3] and photo[1] > 1_000:
                ranger("photo identique", photo[2], cle)
    noms = {f["cle"]: f["nom"] for f in tous}
    photos = {p[2]: p[0] for f in tous for p in f["photos"]["fichiers"]}
    signalements = {f["cle"]: [] for f in tous}
    for (nature, valeur), cles in groupes.items():
        if len(cles) < 2:
            continue
        # Une photo chez presque tout le monde vient sans doute de l'énoncé.
        if nature == "photo identique" and len(cles) > max(3, len(tous) / 3):
            continue
        detail = f" (« {photos[valeur]} »)" if nature == "photo identique" else ""
        for cle in cles:
            autres = ", ".join(sorted(noms[c] for c in cles if c != cle)[:6])
            signalements[cle].append(f"{nature}{detail} : {autres}")
    return signalements
