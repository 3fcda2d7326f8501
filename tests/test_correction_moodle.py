"""Correction : Moodle et GitHub, aller et retour ; l'identité est l'identifiant, chaque entrée est dite."""

import csv
import io
import os
import shutil
import sys
import tarfile
import zipfile

import pytest
import remises

from correction import archives, faits, soumissions
from correction.classe import noter

MOODLE = "{}_{}_assignsubmission_file{}"


def minuscule(dossier, nom="analyse_image/classification.ipynb"):
    """Une remise d'une cellule : ces tests portent sur les noms."""
    remises.ecrire(dossier / nom, remises.notebook([("x = 1", [])]))
    return dossier


@pytest.fixture
def moodle(tmp_path):
    """Le dossier d'une classe de Moodle : homonymes, copies anonymes, anciens et nouveaux noms, texte en ligne."""
    classe = tmp_path / "classe"
    for nom, numero, fin in (
        ("Zoé Côté", 101, ""),
        ("Jean Roy", 102, "_"),
        ("Jean Roy", 103, ""),
        ("Participant", 1, "_"),
        ("Participant", 2, "_"),
        ("Groupe A-Lou_Ann", 104, ""),
    ):
        minuscule(classe / MOODLE.format(nom, numero, fin))
    remises.ecrire(
        classe / "Zoé Côté_101_assignsubmission_onlinetext" / "onlinetext.html", "<p>Bonjour</p>"
    )
    return classe


FEUILLE = (
    "Identifiant,Nom complet,Adresse de courriel,Numéro d'identification,Statut,Note,Note maximale,"
    '"La note peut être modifiée",Feedback par commentaires\r\n'
)


def ecrire_feuille(dossier, numeros=(101, 102, 103, 1, 2, 104, 999)):
    lignes = [
        f'Participant {n},"Nom, {n}",e{n}@exemple.org,ID{n},Remis,,"20,00",Oui,\r\n'
        for n in numeros
    ]
    return remises.ecrire(dossier / "Notes-Labo-77.csv", "\ufeff" + FEUILLE + "".join(lignes))


def test_l_identite_est_l_identifiant_jamais_le_nom(moodle, tmp_path):
    trouvees = soumissions.trouver(moodle, tmp_path / "t").soumissions
    assert {(s.nom, s.identifiant, len(s.sources)) for s in trouvees} == {
        ("Zoé Côté", "101", 2),
        ("Jean Roy (102)", "102", 1),
        ("Jean Roy (103)", "103", 1),
        ("Participant (1)", "1", 1),
        ("Participant (2)", "2", 1),
        ("Groupe A-Lou_Ann", "104", 1),
    }
    assert len({s.cle for s in trouvees}) == 6
    # La clé, donc la fiche, ne dépend pas de l'ordre d'arrivée des homonymes.
    assert {s.cle for s in trouvees if "Roy" in s.nom} == {"jean-roy-102", "jean-roy-103"}


def zipper(dossier, chemin):
    with zipfile.ZipFile(chemin, "w") as archive:
        for fichier in sorted(f for f in dossier.rglob("*") if f.is_file()):
            archive.write(fichier, fichier.relative_to(dossier).as_posix())
    return chemin


def test_le_zip_d_une_classe_est_une_classe(moodle, tmp_path):
    zip_de_classe = zipper(moodle, tmp_path / "CS101-Labo-77.zip")
    attendues = {
        (s.cle, s.identifiant) for s in soumissions.trouver(moodle, tmp_path / "a").soumissions
    }
    (tmp_path / "dossier").mkdir()
    shutil.copy(zip_de_classe, tmp_path / "dossier")
    ecrire_feuille(tmp_path / "dossier")
    for source, travail in ((zip_de_classe, "b"), (tmp_path / "dossier", "c")):
        classe = soumissions.trouver(source, tmp_path / travail)
        assert {(s.cle, s.identifiant) for s in classe.soumissions} == attendues
    assert classe.feuille.name == "Notes-Labo-77.csv" and classe.ecartees == []


def test_le_zip_d_une_classe_ou_chacun_remet_un_zip(tmp_path):
    travail = remises.remise(tmp_path / "labo")
    classe = tmp_path / "classe"
    for numero in (1, 2):
        dossier = classe / MOODLE.format("Ana", numero, "")
        dossier.mkdir(parents=True)
        zipper(travail, dossier / "mon labo.zip")
    trouvees = soumissions.trouver(zipper(classe, tmp_path / "c.zip"), tmp_path / "t").soumissions
    assert [s.identifiant for s in trouvees] == ["1", "2"]
    f = faits.etablir(trouvees[0].__dict__, tmp_path / "t" / "x")
    assert (
        f["notebooks"]["classification"]["dossier_juste"] and f["modeles"][0]["exact"] == "modele"
    )
    assert f["donnees"]["rendus"] == [] and f["photos"]["fichiers"]


def test_aller_et_retour_avec_moodle(moodle, tmp_path):
    ecrire_feuille(moodle)
    sortie = tmp_path / "rapport"
    bulletins = {b.identifiant: b for b in noter(moodle, sortie=sortie)}
    with zipfile.ZipFile(sortie / "retours-moodle.zip") as archive:
        assert sorted(archive.namelist()) == sorted(
            f"{nom}_assignfeedback_file/fiche.html"
            for nom in (
                "Zoé Côté_101",
                "Jean Roy_102",
                "Jean Roy_103",
                "Participant_1",
                "Participant_2",
                "Groupe A-Lou_Ann_104",
            )
        )
        assert (
            "Jean Roy (103)" in archive.read("Jean Roy_103_assignfeedback_file/fiche.html").decode()
        )
    texte = (sortie / "feuille-moodle.csv").read_bytes().decode("utf-8")
    lignes = list(csv.DictReader(io.StringIO(texte)))
    assert texte.startswith("Identifiant,") and len(lignes) == 7
    for ligne in lignes[:-1]:
        numero = ligne["Identifiant"].removeprefix("Participant ")
        assert float(ligne["Note"].replace(",", ".")) == pytest.approx(bulletins[numero].note / 5)
        assert ligne["Feedback par commentaires"] and ligne["Nom complet"] == f"Nom, {numero}"
    assert lignes[-1]["Note"] == ""  # n'a rien remis
    notes = (sortie / "notes.csv").read_text(encoding="utf-8-sig").splitlines()
    assert notes[0].startswith("Nom;Adresse de courriel;Numéro d'identification;Note (/100);")
    assert any(ligne.startswith("Zoé Côté;e101@exemple.org;ID101;") for ligne in notes)


def test_corriger_trois_fois_donne_les_memes_octets(moodle, tmp_path):
    ecrire_feuille(moodle)
    zip_de_classe = zipper(moodle, tmp_path / "classe.zip")
    (tmp_path / "d").mkdir()
    shutil.move(zip_de_classe, tmp_path / "d")
    lus = []
    for options in ({}, {"recommencer": True}, {}):
        noter(tmp_path / "d", sortie=tmp_path / "rapport", **options)
        produits = [f for f in sorted((tmp_path / "rapport").rglob("*")) if f.is_file()]
        lus.append({f.name: f.read_bytes() for f in produits if ".etat" not in f.parts})
    assert lus[0] == lus[1] == lus[2]


def test_une_remise_sans_ligne_dans_la_feuille_est_dite(moodle, tmp_path):
    ecrire_feuille(moodle, (101, 102, 103, 1, 2))
    noter(moodle, sortie=tmp_path / "r")
    html = (tmp_path / "r" / "rapport.html").read_text(encoding="utf-8")
    assert "« 104 » : aucune ligne dans la feuille" in html


# --- Chaque entrée, une ligne ----------------------------------------------------------------------


def test_chaque_entree_du_dossier_est_notee_ou_dite(tmp_path):
    classe = tmp_path / "classe"
    minuscule(classe / "ana")
    remises.ecrire(classe / "bob.ipynb.json", remises.notebook([("x = 1", [])]))
    remises.ecrire(classe / "eve" / "classification.ipynb.txt", remises.notebook([("x = 1", [])]))
    for suffixe, mode in ((".tar.bz2", "w:bz2"), (".tar.xz", "w:xz")):
        with tarfile.open(classe / f"archive{suffixe}", mode) as archive:
            archive.add(classe / "ana", "ana")
    remises.ecrire(classe / "dan.7z", b"7z\xbc\xaf")
    remises.ecrire(classe / "lettre.docx", b"PK")
    os.symlink(classe / "ana", classe / "lien")
    trouvee = soumissions.trouver(classe, tmp_path / "t")
    assert {s.nom for s in trouvee.soumissions} == {"ana", "bob", "eve", "archive", "dan"}
    assert dict(trouvee.ecartees) == {
        "lettre.docx": "document seul : ni dossier, ni archive, ni notebook",
        "lien": "lien non suivi",
    }
    for s in trouvee.soumissions:
        f = faits.etablir(s.__dict__, tmp_path / "t" / s.cle)
        if s.nom != "dan":
            assert not f["vide"], s.nom
            assert f["notebooks"]["classification"] or f["autres_notebooks"], s.nom


@pytest.mark.skipif(os.name == "nt", reason="programme POSIX")
def test_rar_et_7z_s_ouvrent_avec_bsdtar(tmp_path, monkeypatch):
    """Un faux bsdtar, qui lit un tar : seuls les appels et les précautions sont à nous."""
    faux = tmp_path / "bin" / "bsdtar"
    faux.parent.mkdir()
    faux.write_text(
        f"#!{sys.executable}\nimport sys, tarfile\n"
        "a = tarfile.open(sys.argv[2])\n"
        "if sys.argv[1] == '-tf': print('\\n'.join(a.getnames()))\n"
        "else: sys.stdout.buffer.write(a.extractfile(sys.argv[4]).read())\n"
    )
    faux.chmod(0o755)
    monkeypatch.setenv("PATH", f"{faux.parent}{os.pathsep}{os.environ['PATH']}")
    archives._bsdtar.cache_clear()
    try:
        minuscule(tmp_path / "ana")
        (tmp_path / "piege").write_text("x")
        with tarfile.open(tmp_path / "ana.rar", "w") as archive:
            archive.add(tmp_path / "ana" / "analyse_image" / "classification.ipynb", "c.ipynb")
            archive.add(tmp_path / "piege", "../evade.txt")
        remarques = archives.extraire(tmp_path / "ana.rar", tmp_path / "s" / "t")
        assert [f.name for f in (tmp_path / "s").rglob("*") if f.is_file()] == ["c.ipynb"]
        assert "chemin hors du dossier" in remarques[0]
    finally:
        archives._bsdtar.cache_clear()


@pytest.mark.parametrize("nom", ["notes.txt", "rapport.pdf"])
def test_un_fichier_donne_pour_un_dossier_est_une_erreur(tmp_path, nom):
    (tmp_path / nom).write_text("x")
    with pytest.raises(ValueError, match="est un fichier. Attendu : un dossier de remises"):
        soumissions.trouver(tmp_path / nom, tmp_path)


# --- GitHub ---------------------------------------------------------------------------------------


def test_des_clones_de_github_ont_leur_commande_de_retour(tmp_path):
    for nom, adresse in (
        ("ana", "https://github.com/cours/labo-ana.git"),
        ("bob", "git@github.com:cours/labo-bob"),
        ("eve", "https://github.com/x/$(touch pris)"),
    ):
        minuscule(tmp_path / "classe" / nom)
        remises.ecrire(
            tmp_path / "classe" / nom / ".git" / "config", f'[remote "origin"]\n\turl = {adresse}\n'
        )
    noter(tmp_path / "classe", sortie=tmp_path / "r")
    script = (tmp_path / "r" / "retours-github.sh").read_text(encoding="utf-8")
    assert script.count("gh issue create") == 2 and "touch" not in script
    assert "--repo cours/labo-ana --title Correction --body-file etudiants/ana.md" in script
