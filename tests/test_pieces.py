"""Les pièces de `outils/` : chacune ne s'appuie que sur celles d'en dessous, sans rond."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import outils

PIECES = Path(outils.__file__).parent


def importees(piece):
    """Les pièces qu'un fichier importe, y compris à l'intérieur d'une fonction."""
    for noeud in ast.walk(ast.parse(piece.read_text(encoding="utf-8"))):
        if isinstance(noeud, ast.ImportFrom) and noeud.module == "outils":
            yield from (nom.name for nom in noeud.names)
        elif isinstance(noeud, ast.ImportFrom) and (noeud.module or "").startswith("outils."):
            yield noeud.module.split(".")[1]


def test_les_pieces_ne_s_importent_pas_en_rond():
    graphe = {piece.stem: set(importees(piece)) for piece in PIECES.glob("*.py")}
    assert len(list(TopologicalSorter(graphe).static_order())) == len(graphe)  # lève CycleError
    assert graphe["fichiers"] == set()
    for pieces, admises in (
        (("dessins", "tableaux"), {"fichiers"}),
        (("donnees", "jeux"), {"fichiers", "dessins", "tableaux"}),
    ):
        for piece in pieces:
            assert graphe[piece] <= admises, piece
