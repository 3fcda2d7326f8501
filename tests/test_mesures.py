"""Les mesures : elles exécutent les cellules des labos, et gardent leurs résultats ligne après ligne."""

import ast
import builtins
import importlib
import json
import sys

import pandas as pd
import pytest

from outils.fichiers import RACINE

MESURES = RACINE / "mesures"


@pytest.fixture(autouse=True)
def chemin(monkeypatch):
    monkeypatch.syspath_prepend(str(MESURES))


def noms_definis(arbre):
    """Les noms qu'un code définit : affectés, importés, arguments, fonctions, classes."""
    for noeud in ast.walk(arbre):
        if isinstance(noeud, ast.Name) and not isinstance(noeud.ctx, ast.Load):
            yield noeud.id
        elif isinstance(noeud, ast.alias):
            yield (noeud.asname or noeud.name).split(".")[0]
        elif isinstance(noeud, ast.arg):
            yield noeud.arg
        else:  # fonction, classe, « except … as », « case … as »
            yield getattr(noeud, "name", None)


@pytest.mark.parametrize(
    ("mesure", "listes"),
    [
        ("labo1", [("classification", "CELLULES")]),
        ("entrainement", [("deux_convolutions", "CELLULES"), ("frontiere", "FRONTIERE")]),
        ("trois_categories", [("trois_categories", "CELLULES")]),
        ("transfert", [("transfer_learning", "CHIENS"), ("transfer_learning", "AFFINAGE")]),
    ],
)
def test_les_cellules_mesurees_existent_et_se_suffisent(mesure, listes):
    module = importlib.import_module(mesure)
    # La première cellule, que les mesures remplacent, importe os ; « modele » est celui que l'on mesure.
    connus = {*dir(builtins), "os", "modele"}
    for labo, liste in listes:
        contenu = (RACINE / "analyse_image" / f"{labo}.ipynb").read_text(encoding="utf-8")
        sources = {c["id"]: "".join(c["source"]) for c in json.loads(contenu)["cells"]}
        arbres = [ast.parse(sources[nom]) for nom in getattr(module, liste)]
        connus |= {nom for arbre in arbres for nom in noms_definis(arbre)}
        employes = {n.id for a in arbres for n in ast.walk(a) if isinstance(n, ast.Name)}
        assert employes <= connus, employes - connus


def test_les_resultats_s_ajoutent_avec_leur_provenance(tmp_path):
    import resultats

    fichier = tmp_path / "essai.csv"
    assert not resultats.deja_mesure({"graine": 1}, fichier)
    resultats.ajouter_resultats([{"graine": 1, "test": 0.9}], fichier)
    resultats.ajouter_resultats(pd.DataFrame([{"graine": 2, "date": "hier"}]), fichier)
    lu = pd.read_csv(fichier)
    assert lu["graine"].tolist() == [1, 2] and lu["date"].iloc[1] == "hier"
    assert lu["machine"].str.contains("cœurs").all()
    assert resultats.deja_mesure({"graine": 1, "test": 0.9}, fichier)
    assert not resultats.deja_mesure({"graine": 3}, fichier)


def test_une_demande_inconnue_est_refusee_en_francais(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["transfert.py", "rien"])
    with pytest.raises(SystemExit, match="2"):
        importlib.import_module("transfert").principal()
    assert "essai inconnu : « rien »" in capsys.readouterr().err
