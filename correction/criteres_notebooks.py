"""Critères d'une remise : ses deux notebooks à leur place, lisibles, exécutés en ordre et sans erreur ; ses données."""

import functools

from correction.registre import registre
from correction.remise import NOMS, ou_cellule

critere, CRITERES = registre()


def _fichier(r, role):
    notebook = r.labo[role]
    if notebook is None:
        autres = r.faits["autres_notebooks"]
        suite = f" (autres notebooks : {', '.join(autres[:3])})" if autres else ""
        return 0, f"aucun notebook reconnu{suite}", "toute la remise"
    chemin = notebook["chemin"]
    if not notebook["execution"]["total"]:
        return 0, f"« {chemin} », sans aucune cellule de code", chemin
    if notebook["distribue"]:
        return 0, f"« {chemin} », le notebook distribué, inchangé", chemin
    if chemin.endswith(".py"):
        return r.seuils["en_python"], f"« {chemin} », un fichier Python", chemin
    if r.faits["un_seul_notebook"] and notebook["role_du_nom"] != role:
        return r.seuils["mauvais_nom"], f"dans « {chemin} », avec l'autre labo", chemin
    ecarts = []
    if not r.serie and _tous_nommes_classification(r):
        pass  # l'énoncé publié nomme aussi son second notebook « classification.ipynb »
    elif notebook["role_du_nom"] not in (role, None):
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


def _tous_nommes_classification(r):
    premier, second = r.labo["classification"], r.labo["test_model"]
    noms = [n["role_du_nom"] for n in (premier, second) if n]
    return len(noms) == 2 and noms[1] == "classification" and noms[0] != "test_model"


def _sans_ubyte(fichiers):
    return [f for f in fichiers if "ubyte" not in f[0].lower()]


def _liste(fichiers):
    total = sum(t for _, t in fichiers) / 1e6
    noms = ", ".join(n.rsplit("/", 1)[-1] for n, _ in fichiers[:4])
    return f"{noms}{'…' if len(fichiers) > 4 else ''} ({total:.0f} Mo)" if total >= 1 else noms


@critere("donnees_absentes", "aucun fichier de données : un .gitignore les écarte")
def donnees_absentes(r):
    donnees = r.faits["donnees"]
    if r.faits["vide"] or not any(r.labo.values()):
        return 0, "remise vide" if r.faits["vide"] else "aucun notebook", "toute la remise"
    rendus, historique = donnees["rendus"], donnees["historique"]
    if not r.serie:  # l'énoncé publié demande d'écarter les CSV et ne dit rien des fichiers ubyte
        rendus, historique = _sans_ubyte(rendus), _sans_ubyte(historique)
    if rendus:
        verbe = "suivis par Git" if donnees["git"] else "dans la remise"
        trouve = f"{len(rendus)} fichier(s) {verbe} : {_liste(rendus)}"
        return 0, trouve, rendus[0][0]
    if historique:
        efface = f"effacés, mais encore dans l'historique Git : {_liste(historique)}"
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
    e = n["execution"]
    if not n["lisible"]:
        return 0, n["probleme"]
    if not e["total"]:
        return 0, "aucune cellule de code"
    if n["distribue"]:
        return 0, "le notebook distribué, inchangé"
    if e["faites"] and not e["propres"]:
        return 0, "toutes les cellules exécutées finissent en erreur"
    return 1, _cellules(n["nombre"], "de code")


@_pour_chaque_notebook("execution", "toutes les cellules exécutées sans erreur, sorties gardées")
def execution(n):
    e = n["execution"]
    if e["etat"] == "vide":
        return 0, "aucune cellule de code"
    if e["etat"] == "jamais":
        return 0, f"jamais exécuté (0 cellule sur {e['total']})"
    part, ou = e["propres"] / e["total"], n["chemin"]
    trouve = f"{_cellules(e['faites'], 'exécutée')} sur {e['total']}"
    if e["propres"] < e["faites"]:
        trouve += f", dont {e['faites'] - e['propres']} en erreur"
    if e["etat"] == "partielle":
        trouve += f" ; pas celle(s) n° {', '.join(map(str, e['manquantes'][:6]))}"
        ou = ou_cellule(n, e["manquantes"][0])
    if not e["sorties"]:
        return part / 2, f"{trouve}, mais aucune sortie gardée", ou
    return part, trouve, ou


@_pour_chaque_notebook("ordre", "des numéros [1], [2], [3]… croissants de haut en bas")
def ordre(n):
    e = n["execution"]
    if not e["propres"]:
        return 0, "jamais exécuté sans erreur" if e["faites"] else "jamais exécuté"
    if not e["numerotees"]:
        return 0, "aucun numéro d'exécution : l'ordre ne se lit pas"
    if not e["ordre"]:
        return 0, "cellules exécutées dans le désordre"
    return e["faites"] / e["total"], _en_tout("dans l'ordre", e)


@_pour_chaque_notebook("erreurs", "aucune erreur affichée")
def erreurs(n):
    e = n["execution"]
    if not e["faites"]:
        return 0, "jamais exécuté"
    if not e["erreurs"]:
        return e["faites"] / e["total"], _en_tout("aucune erreur", e)
    cellule, nom, valeur = e["erreurs"][-1]
    trouve = f"{len(e['erreurs'])} erreur(s), dont {nom} : {valeur[:100]}"
    return 0, trouve, ou_cellule(n, cellule)


def _cellules(nombre, suite):
    """« 3 cellules exécutées », « 1 cellule de code »."""
    pluriel = "s" if nombre > 1 else ""
    accord = pluriel if suite.endswith("e") and suite != "de code" else ""
    return f"{nombre} cellule{pluriel} {suite}{accord}"


def _en_tout(dit, e):
    """Le constat, avec ce qui n'a pas tourné."""
    return (
        dit if e["faites"] == e["total"] else f"{dit}, sur {e['faites']} cellules de {e['total']}"
    )
