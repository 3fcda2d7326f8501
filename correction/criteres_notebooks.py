"""Critères d'une remise : ses deux notebooks à leur place, lisibles, exécutés en ordre et sans erreur ; ses données."""

import functools

from correction.registre import registre
from correction.remise import NOMS

critere, CRITERES = registre()


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


for _role in NOMS:
    critere(f"fichier_{_role}", f"analyse_image/{NOMS[_role]}")(
        functools.partial(_fichier, role=_role)
    )


def _liste(fichiers):
    total = sum(t for _, t in fichiers) / 1e6
    noms = ", ".join(n.rsplit("/", 1)[-1] for n, _ in fichiers[:4])
    return f"{noms}{'…' if len(fichiers) > 4 else ''} ({total:.0f} Mo)" if total >= 1 else noms


@critere("donnees_absentes", "aucun fichier de données : un .gitignore les écarte")
def donnees_absentes(r):
    donnees = r.faits["donnees"]
    if r.faits["vide"]:
        return 0, "remise vide", "toute la remise"
    if donnees["rendus"]:
        verbe = "suivis par Git" if donnees["git"] else "dans la remise"
        trouve = f"{len(donnees['rendus'])} fichier(s) {verbe} : {_liste(donnees['rendus'])}"
        return 0, trouve, donnees["rendus"][0][0]
    if donnees["historique"]:
        efface = f"effacés, mais encore dans l'historique Git : {_liste(donnees['historique'])}"
        return 0.5, efface, "historique Git"
    ou = "dépôt et historique Git" if donnees["git"] else "toute la remise"
    return 1, "aucun fichier de données", ou


def _pour_chaque_notebook(suffixe, attendu):
    """Le même critère pour les deux notebooks."""

    def inscrire(fonction):
        for role in NOMS:
            juger = functools.partial(_du_role, role=role, fonction=fonction)
            critere(f"{role}_{suffixe}", attendu)(juger)
        return fonction

    return inscrire


def _du_role(r, role, fonction):
    notebook = r.labo[role]
    if notebook is None:
        return 0, "notebook absent", NOMS[role]
    part, trouve, *ou = fonction(notebook)
    if notebook["recupere"] and fonction is not lisible:
        trouve += " (contenu récupéré d'un fichier abîmé)"
    return part, trouve, ou[0] if ou else notebook["chemin"]


@_pour_chaque_notebook("lisible", "un notebook que Jupyter ouvre")
def lisible(n):
    if not n["lisible"]:
        return 0, n["probleme"]
    if not n["execution"]["total"]:
        return 0, "aucune cellule de code"
    return 1, f"{n['nombre']} cellule{'s' if n['nombre'] > 1 else ''} de code"


@_pour_chaque_notebook("execution", "toutes les cellules exécutées, sorties gardées")
def execution(n):
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
def ordre(n):
    e = n["execution"]
    if not e["faites"]:
        return 0, "jamais exécuté"
    return (1, "dans l'ordre") if e["ordre"] else (0, "cellules exécutées dans le désordre")


@_pour_chaque_notebook("erreurs", "aucune erreur affichée")
def erreurs(n):
    e = n["execution"]
    if not e["faites"]:
        return 0, "jamais exécuté"
    if not e["erreurs"]:
        return 1, "aucune erreur"
    cellule, nom, valeur = e["erreurs"][-1]
    trouve = f"{len(e['erreurs'])} erreur(s), dont {nom} : {valeur[:100]}"
    return 0, trouve, f"{n['chemin']}, cellule de code {cellule}"
