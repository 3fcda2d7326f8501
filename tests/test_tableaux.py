"""Un CSV tel qu'on le reçoit : trouvé sous son nom, refusé s'il est déguisé ou s'il se décale."""

import zipfile
from pathlib import Path

import pytest

from outils import tableaux
from outils.fichiers import DonneesInvalides


def _zip(chemin):
    with zipfile.ZipFile(chemin, "w") as archive:
        archive.writestr("dossier/x.csv", "a,b\n1,2\n")


def _dossier(chemin, *noms):
    chemin.mkdir()
    for nom in noms:
        (chemin / nom).write_text("a,b\n1,2\n")


FORMES = {
    "x.csv": (_zip, "une archive zip qui porte le nom d'un CSV", "renommez-la « x.zip »"),
    "x.csv.zip": (_zip, "zip qui contient « x.csv »", "décompressez-la"),
    "archive.zip": (_zip, "zip qui contient « x.csv »", "décompressez-la"),
    "x (1).csv": (Path.touch, "une copie", "renommez-la « x.csv »"),
    "x - Copie.csv": (Path.touch, "une copie", "renommez-la « x.csv »"),
    "x.csv/": (_dossier, "un dossier qui porte le nom", "renommez ce dossier"),
    "archive": (lambda c: _dossier(c, "x.csv"), "un dossier qui contient", "sortez-en ce fichier"),
}


@pytest.mark.parametrize("nom", FORMES)
def test_un_csv_sous_une_autre_forme_est_nomme_avec_son_remede(tmp_path, nom):
    ecrire, trouve, remede = FORMES[nom]
    assert tableaux.trouver_csv("x.csv", [tmp_path]) is None
    ecrire(tmp_path / nom)
    with pytest.raises(DonneesInvalides) as erreur:
        tableaux.trouver_csv("x.csv", [tmp_path])
    assert nom.strip("/") in erreur.value.sujet
    assert trouve in erreur.value.trouve and remede in erreur.value.remede


def test_un_csv_qui_est_la_suffit_quoi_qu_il_y_ait_a_cote(tmp_path):
    _zip(tmp_path / "archive.zip")
    _dossier(tmp_path / "jumeau", "x.csv")  # un dessin n'est jamais pris pour le fichier
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    assert tableaux.trouver_csv("x.csv", [tmp_path]) == tmp_path / "x.csv"
    (tmp_path / "archive.zip").unlink()
    (tmp_path / "x.csv").unlink()
    assert tableaux.trouver_csv("x.csv", [tmp_path]) is None


@pytest.mark.parametrize(
    ("texte", "attendu"),
    [
        ("a,b\n1,2,\n3,4,\n", "3 valeurs à la ligne 2, la dernière vide"),
        ("a,b\n1,2\n3,4,5\n", "3 valeurs à la ligne 3"),
        ("a,b\n7,8,9\n", "3 valeurs à la ligne 2"),
        ("a,b\n1,2\n", None),
        ('a,b\n1,"2,5"\n', None),
        ('"a","b"\n"1",5,6\n"2",7,8\n', None),  # R : des numéros de ligne sans nom de colonne
        ('"","a"\n"1",5\n"2",7\n', None),  # R : leur colonne s'appelle « »
    ],
)
def test_une_valeur_de_trop_est_refusee_en_nommant_la_ligne(tmp_path, texte, attendu):
    (tmp_path / "x.csv").write_text(texte)
    if attendu is None:
        return tableaux.verifier_colonnes(tmp_path / "x.csv", "…")
    with pytest.raises(DonneesInvalides, match=attendu):
        tableaux.verifier_colonnes(tmp_path / "x.csv", "…")


@pytest.mark.parametrize(
    ("texte", "attendu"),
    [
        ("", "0 octet"),
        ("<!DOCTYPE html>", "page web"),
        ("a;b\n1;2\n", "« ; »"),
        ("7,8\n", "pas de ligne d'en-tête"),
        ("a,c\n", "il manque b"),
    ],
)
def test_ce_qui_n_est_pas_le_bon_csv_est_nomme(tmp_path, texte, attendu):
    (tmp_path / "x.csv").write_text(texte)
    with pytest.raises(DonneesInvalides, match=attendu):
        tableaux.lire_entete(tmp_path / "x.csv", ["a", "b"], "…")


def test_l_entete_d_un_tableur_ou_de_r_se_lit(tmp_path):
    (tmp_path / "x.csv").write_text('"","a","b"\n"1",2,3\n', encoding="utf-8-sig")
    assert tableaux.lire_entete(tmp_path / "x.csv", ["a", "b"], "…") == ["", "a", "b"]
