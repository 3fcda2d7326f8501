"""Les notebooks d'une remise : leurs faits, et lequel est le labo 1, lequel le labo 2."""

import functools
import re

from correction import RACINE, notebook, sorties
from correction.fournis import empreinte_cellule
from correction.inventaire import simplifier
from correction.lecture import analyse
from correction.remise import NOMS


def role_du_nom(chemin):
    nom = simplifier(chemin.stem)
    if "classif" in nom:
        return "classification"
    return "test_model" if "test" in nom and "mod" in nom or nom in ("test", "tests") else None


def _scores(faits):
    """Combien le contenu ressemble à chacun des deux notebooks de l'énoncé."""
    evenements = faits["code"]["evenements"]
    genres = {e["genre"] for e in evenements}
    convolutions = any(c[0] == "Conv2D" for r in faits["code"]["reseaux"] for c in r["couches"])
    chemins = " ".join(e["chemin"] for e in evenements if e["genre"] == "lecture_csv")
    classification = {"fit": 4, "decoupe": 2, "sauvegarde": 1, "evaluate": 1, "lecture_csv": 1}
    score_1 = 2 * convolutions + sum(n for g, n in classification.items() if g in genres)
    # D'autres cours remettent d'autres notebooks : il faut un signe que celui-ci parle d'images de vêtements.
    if not (convolutions or re.search(r"fashion|mnist|zalando|obtenir_csv", chemins, re.I)):
        score_1 = 0
    test = {"chargement": 3, "image_ouverte": 2, "predict": 1}
    score_2 = sum(n for g, n in test.items() if g in genres)
    score_2 += 2 * any(e["genre"] == "predict" and "photo" in e["traits"] for e in evenements)
    score_2 += 2 * bool(faits["sorties"]["reponses"])
    fonctions = {e["nom"] for e in evenements if e["genre"] in ("fonction", "import")}
    score_2 += 2 * any("preprocess_image" in f or "centered_image" in f for f in fonctions)
    return score_1, score_2


def lire_notebook(chemin, relatif, distribuees=()):
    """Faits d'un notebook (ou d'un .py), code et sorties compris.

    `distribuees` : empreintes des cellules du dépôt étudiant ; `distribue` : rien d'autre, et rien d'exécuté.
    """
    en_python = chemin.suffix.lower() == ".py"
    lu = notebook.lire_python(chemin) if en_python else notebook.lire(chemin)
    cellules = lu["cellules"]
    # Une cellule dont rien n'a tourné n'affiche rien qui compte.
    rien = [_rien_n_a_tourne(c) for c in cellules]
    affichees = [{**c, "texte": ""} if r else c for c, r in zip(cellules, rien, strict=True)]
    code = _lire_code(cellules)
    appels = [
        (e["cellule"], e["question"])
        for e in code["evenements"]
        if e["genre"] == "verifier" and e["propre"]
    ]
    faits = {
        "chemin": relatif.as_posix(),
        "lisible": lu["lisible"],
        "probleme": lu["probleme"],
        "recupere": not lu["lisible"] and bool(cellules),
        "nombre": len(cellules),
        "debuts": [_premiere_ligne(c["source"]) for c in cellules],
        "execution": notebook.etat_execution(cellules),
        "sources": [c["source"][:3_000] for c in cellules],
        "textes": lu["textes"][:300],
        "figures": sorted({f for c in cellules for f in c["figures"]})[:200],
        "sorties": sorties.lire_sorties(affichees),
        "code": code,
        "questions": sorties.lire_questions(affichees, appels),
        "classes_affichees": sorties.classes_affichees(affichees),
    }
    faits["serie"] = any(
        e["genre"] == "import" and e["nom"].split(".")[0] == "outils"
        for e in faits["code"]["evenements"]
    )
    propres = [c for c in cellules if notebook.du_code(c["source"])]
    faits["distribue"] = (
        bool(propres)
        and not faits["execution"]["faites"]
        and all(empreinte_cellule(c["source"]) in distribuees for c in propres)
    )
    faits["total"] = faits["execution"]["total"]
    faits["scores"] = _scores(faits)
    faits["nom_juste"] = relatif.name in NOMS.values()
    faits["dossier_juste"] = relatif.parent.name == "analyse_image"
    faits["role_du_nom"] = role_du_nom(chemin)
    return faits


def _rien_n_a_tourne(cellule):
    """Vrai si une cellule échoue dès sa première ligne ; une interruption au clavier laisse ce qui a tourné."""
    ligne = cellule["ligne_erreur"]
    interrompue = any(nom == "KeyboardInterrupt" for nom, _ in cellule["erreurs"])
    return ligne is not None and ligne <= 1 and not interrompue


def _lire_code(cellules):
    """Ce que fait le code ; `propre` : l'événement ou le réseau a tourné sans erreur dans ce notebook."""
    code = analyse.analyser([c["source"] for c in cellules], [c["numero"] for c in cellules])
    for trouve in (*code["evenements"], *code["reseaux"]):
        cellule = cellules[trouve["cellule"] - 1]
        trouve["propre"] = notebook.a_tourne(cellule, trouve["ligne"])
    return code


def _premiere_ligne(source):
    """Première ligne de code d'une cellule, ou son premier commentaire."""
    lignes = [ligne.strip() for ligne in source.splitlines() if ligne.strip()]
    code = [ligne for ligne in lignes if not ligne.startswith(("#", "%%"))]
    return (code or lignes or [""])[0][:60]


def _contenu(faits):
    """Rôle que dit le contenu : « classification », « test_model », « deux » ou None."""
    classification, test = faits["scores"]
    if classification >= 5 and test >= 6:
        return "deux"
    if classification >= max(2, test):
        return "classification"
    return "test_model" if test >= 5 else None


def attribuer(notebooks):
    """{rôle: notebook ou None} : le contenu décide, puis le nom, l'exécution et le dossier."""
    # Nos autres labos entraînent aussi des réseaux : ils ne sont ni l'un ni l'autre.
    notebooks = [n for n in notebooks if n["chemin"].rsplit("/", 1)[-1] not in autres_labos()]
    choix = {}
    for role in NOMS:

        def rang(n, role=role):
            nomme = n["role_du_nom"] == role
            exact = nomme and n["nom_juste"] and n["dossier_juste"]
            return (
                _contenu(n) in (role, "deux") or (exact and not n["lisible"]),
                nomme,
                n["execution"]["faites"] > 0,
                exact,
                nomme and n["nom_juste"],
                n["lisible"],
                n["scores"][role == "test_model"],
                -n["chemin"].count("/"),
                n["chemin"],
            )

        candidats = [
            n
            for n in notebooks
            if _contenu(n) == role or (_contenu(n) in (None, "deux") and n["role_du_nom"] == role)
        ]
        # À défaut, un notebook qui fait les deux labos, quel que soit son nom.
        candidats = candidats or [n for n in notebooks if _contenu(n) == "deux"]
        choix[role] = max(candidats, key=rang) if candidats else None
    return choix


@functools.cache
def noms_des_labos():
    """Noms des notebooks de la série."""
    return {c.name for c in (RACINE / "analyse_image").glob("*.ipynb")}


def autres_labos():
    """Noms des notebooks de la série qui ne sont pas les deux labos corrigés."""
    return noms_des_labos() - set(NOMS.values())
