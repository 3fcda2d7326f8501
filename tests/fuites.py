"""Les solutions d'un labo qui se lisent aussi ailleurs, dans ce que l'étudiant reçoit."""

import ast
import re
import textwrap

from correction.etudiante import MARQUEUR
from correction.lecture.syntaxe import arbre

FUITE_MIN = 12  # nœuds : plus petit, c'est une tournure que tout le monde écrit


def solutions(source):
    """Textes des solutions d'une cellule résolue."""
    trouvees, ouverte = [], None
    for ligne in source.split("\n"):
        marqueur = MARQUEUR.match(ligne)
        if marqueur and marqueur[3] == "SOLUTION":
            if marqueur[2] == "BEGIN":
                ouverte = []
            elif ouverte is not None:
                trouvees.append(textwrap.dedent("\n".join(ouverte)))
                ouverte = None
        elif ouverte is not None:
            ouverte.append(ligne)
    return trouvees


def fuites(notebooks, distribues):
    """[(notebook, fichier, extrait)] : solutions qui se lisent aussi, telles quelles, dans un fichier distribué.

    `notebooks` : {nom: notebook résolu} ; `distribues` : {nom: code}. Une instruction ou une expression d'au moins
    `FUITE_MIN` nœuds suffit ; les noms de variables ne comptent pas, les blancs non plus, ni les lignes que le labo
    donne lui-même (à remettre en ordre).
    """
    ailleurs = {nom: set(_formes(code)) for nom, code in distribues.items()}
    trouvees = []
    for nom, notebook in notebooks.items():
        textes = (c["source"] for c in notebook["cells"] if c.get("cell_type") == "markdown")
        lignes = (ligne.strip() for texte in textes for ligne in "".join(texte).split("\n"))
        donnees = {forme for ligne in lignes for forme in _formes(ligne)}
        for cellule in notebook["cells"]:
            for solution in solutions("".join(cellule["source"])):
                formes = _formes(solution)
                for fichier, connues in ailleurs.items():
                    communes = [formes[f] for f in formes if f in connues - donnees]
                    if communes:
                        trouvees.append((nom, fichier, max(communes, key=len)))
    return trouvees


def _formes(code):
    """{forme sans noms de variables: texte} des instructions et expressions assez grandes d'un code."""
    module, _ = arbre(code)
    formes = {}
    for noeud in ast.walk(module) if module else ():
        if isinstance(noeud, (ast.expr, ast.stmt)):
            noms = [n for n in ast.walk(noeud) if isinstance(n, (ast.Name, ast.arg))]
            taille = sum(1 for n in ast.walk(noeud) if not isinstance(n, ast.expr_context))
            if taille >= FUITE_MIN:
                texte = ast.unparse(noeud)
                forme = re.sub(
                    "|".join(rf"\b{n}\b" for n in {_nom(n) for n in noms}) or "$^", "v", texte
                )
                formes[forme] = texte
    return formes


def _nom(noeud):
    return noeud.id if isinstance(noeud, ast.Name) else noeud.arg
