"""Les mesures : elles exécutent les cellules des labos, et gardent leurs résultats ligne après ligne."""

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


@pytest.mark.parametrize(
    ("mesure", "labo", "listes"),
    [
        ("labo1", "classification", ["CELLULES"]),
        ("entrainement", "deux_convolutions", ["CELLULES"]),
        ("entrainement", "frontiere", ["FRONTIERE"]),
        ("trois_categories", "trois_categories", ["CELLULES"]),
        ("transfert", "transfer_learning", ["CHIENS", "AFFINAGE"]),
    ],
)
def test_les_cellules_mesurees_existent(mesure, labo, listes, monkeypatch):
    module = importlib.import_module(mesure)
    contenu = (RACINE / "analyse_image" / f"{labo}.ipynb").read_text(encoding="utf-8")
    presentes = {cellule["id"] for cellule in json.loads(contenu)["cells"]}
    assert {nom for liste in listes for nom in getattr(module, liste)} <= presentes


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
