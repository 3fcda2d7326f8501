"""Un labo montre en entier ce qu'il enseigne : ses cellules « outil » et `outils/` ont le même texte."""

import ast
import inspect
from pathlib import Path

import nbformat
import pytest

import outils
from outils import preparation

LABOS = Path(outils.__file__).parents[1]
NOTEBOOKS = sorted(LABOS.glob("*.ipynb"))
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def definitions(texte):
    """Les (nom, texte) des fonctions et des classes définies au premier niveau, décorateurs compris.

    Les marques de solution (« ### BEGIN SOLUTION ») ne comptent pas.
    """
    lignes = [x for x in texte.splitlines() if not x.lstrip().startswith("### ")]
    for noeud in ast.parse("\n".join(lignes)).body:
        if isinstance(noeud, DEFINITIONS):
            debut = min([noeud.lineno, *(d.lineno for d in noeud.decorator_list)])
            yield noeud.name, "\n".join(lignes[debut - 1 : noeud.end_lineno])


def tous_les_outils():
    """Nom → textes de ce que définit `outils/` sous ce nom."""
    trouves = {}
    for piece in sorted(Path(outils.__file__).parent.glob("*.py")):
        for nom, texte in definitions(piece.read_text(encoding="utf-8")):
            trouves.setdefault(nom, []).append(texte)
    return trouves


def ecarts(notebook, fournis):
    """Ce qui ne va pas dans les cellules « outil » d'un notebook : une phrase par faute."""
    fautes = []
    for cellule in notebook.cells:
        if "outil" not in cellule.metadata.get("tags", ()):
            continue
        trouvees = dict(definitions(cellule.source))
        if not trouvees:
            fautes.append(f"{cellule.id} : ni fonction ni classe")
        for nom, texte in trouvees.items():
            if nom not in fournis:
                fautes.append(f"{cellule.id} : {nom} n'existe pas dans outils/")
            elif texte not in fournis[nom]:
                fautes.append(f"{cellule.id} : {nom} diffère de celle d'outils/")
    return fautes


@pytest.mark.parametrize("chemin", NOTEBOOKS, ids=lambda chemin: chemin.stem)
def test_les_cellules_outil_sont_celles_d_outils(chemin):
    assert ecarts(nbformat.read(chemin, as_version=4), tous_les_outils()) == []


def test_les_quatre_fonctions_de_l_enonce_sont_ecrites_en_entier_dans_le_labo_2():
    notebook = nbformat.read(LABOS / "test_model.ipynb", as_version=4)
    marquees = [c.source for c in notebook.cells if "outil" in c.metadata.get("tags", ())]
    noms = {nom for source in marquees for nom, _ in definitions(source)}
    assert noms >= {
        "load_and_preprocess_image",
        "resize_with_aspect_ratio",
        "create_centered_image",
        "normalize_pixels",
    }


@pytest.mark.parametrize(
    ("changer", "faute"),
    [
        (lambda texte: texte, None),
        (lambda texte: f"\n\n{texte}\n\n", None),
        (lambda texte: texte.replace("255", "256"), "diffère"),
        (lambda texte: texte.replace("comme F", "comme  F"), "diffère"),  # jusqu'à la docstring
        (lambda texte: texte.replace("normalize_pixels", "nul_ne_la_connait"), "n'existe pas"),
        (lambda texte: "normalize_pixels(3)", "ni fonction ni classe"),
    ],
)
def test_une_derive_est_vue(changer, faute):
    source = changer(inspect.getsource(preparation.normalize_pixels))
    cellule = nbformat.v4.new_code_cell(source, metadata={"tags": ["outil"]})
    fautes = ecarts(nbformat.v4.new_notebook(cells=[cellule]), tous_les_outils())
    assert len(fautes) == (faute is not None)
    assert faute is None or faute in fautes[0]
