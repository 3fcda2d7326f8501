"""Trois races de chiens : seules leurs photos sortent de l'archive, et un dessin n'est jamais une photo."""

import io
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import requests
from PIL import Image

from outils import catalogue, chiens, garde_robe
from outils.donnees import DonneesDessinees, DonneesInvalides

RACES = list(chiens.RACES)


def ajouter(archive, nom, octets=b"photo", **champs):
    membre = tarfile.TarInfo(nom)
    membre.size = len(octets)
    for champ, valeur in champs.items():
        setattr(membre, champ, valeur)
    archive.addfile(membre, io.BytesIO(octets))


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Une petite archive de la forme de celle de Stanford, avec des membres hostiles."""
    monkeypatch.setattr(chiens, "PHOTOS_PAR_RACE", 3)
    chemin = tmp_path / "serveur" / "images.tar"
    chemin.parent.mkdir()
    photo = io.BytesIO()
    garde_robe.dessiner_chien(0, 40).save(photo, "JPEG")
    with tarfile.open(chemin, "w") as sortie:
        ajouter(sortie, "Images/n02085936-Maltese_dog/n02085936_1.jpg")
        for race in RACES:
            for i in range(4):
                nom = f"Images/{race}/{race.split('-')[0]}_{i}.jpg"
                ajouter(sortie, nom, photo.getvalue(), mode=0o4777)
        ajouter(sortie, f"Images/{RACES[0]}/../../../evasion.jpg")
        ajouter(sortie, f"/Images/{RACES[0]}/n02085620_90.jpg")
        ajouter(sortie, f"Images/{RACES[0]}/n02085620_91.jpg.sh")
        for rang, genre in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)):
            nom = f"Images/{RACES[0]}/n02085620_{92 + rang}.jpg"
            ajouter(sortie, nom, b"", type=genre, linkname="/etc/passwd")
    return chemin


@pytest.fixture
def datas(tmp_path, monkeypatch):
    monkeypatch.setenv("LABO_DATAS", str(tmp_path / "datas"))
    monkeypatch.setattr(chiens, "RACINE", tmp_path / "ailleurs")
    return tmp_path / "datas"


def test_seules_les_trois_races_sortent_de_l_archive(archive, tmp_path):
    comptes = chiens.extraire_chiens(archive, tmp_path / "photos")
    assert comptes == dict.fromkeys(RACES, 4)
    sortis = {c.relative_to(tmp_path / "photos").as_posix() for c in tmp_path.rglob("photos/*/*")}
    assert sortis == {f"{r}/{r.split('-')[0]}_{i}.jpg" for r in RACES for i in range(4)}
    assert not any(c.is_symlink() for c in tmp_path.rglob("*"))
    assert not list(tmp_path.rglob("evasion.jpg"))
    # Les droits viennent de nous, pas de l'archive (ici : exécutable, et au nom de son auteur).
    assert not any(c.stat().st_mode & 0o7111 for c in tmp_path.rglob("photos/*/*.jpg"))


@pytest.mark.parametrize(
    ("abimer", "attendu"),
    [
        (lambda o: o[: len(o) // 2], "abîmée"),
        (lambda o: b"<html>bonjour</html>" * 100, "abîmée"),
        (lambda o: b"", "abîmée"),
        (lambda o: o.replace(b"Images/n02108089", b"Images/x02108089"), "abîmée|il en manque"),
    ],
)
def test_une_mauvaise_archive_ne_laisse_rien(archive, tmp_path, abimer, attendu):
    archive.write_bytes(abimer(archive.read_bytes()))
    with pytest.raises(DonneesInvalides, match=attendu):
        chiens.extraire_chiens(archive, tmp_path / "photos")
    assert [c.name for c in tmp_path.iterdir()] == ["serveur"]


def test_un_membre_demesure_est_refuse_avant_d_etre_lu(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(chiens, "OCTETS_MAX", 200)
    with pytest.raises(DonneesInvalides, match="démesurée"):
        chiens.extraire_chiens(archive, tmp_path / "photos")
    assert not (tmp_path / "photos").exists()


# --- Le téléchargement ------------------------------------------------------------------------


@pytest.fixture
def serveur(archive):
    """Sert l'archive, sait reprendre (`Range`), et peut couper la première réponse en deux."""
    etat = {"couper": False, "demandes": []}

    class Gestionnaire(BaseHTTPRequestHandler):
        def do_GET(self):
            octets = archive.read_bytes()
            debut = int((self.headers["Range"] or "bytes=0-")[6:-1])
            etat["demandes"].append(debut)
            if self.path != "/images.tar":
                return self.send_error(404)
            if debut >= len(octets):
                return self.send_error(416)
            self.send_response(206 if debut else 200)
            self.send_header("Content-Length", str(len(octets) - debut))
            self.end_headers()
            fin = len(octets) // 2 if etat["couper"] else None
            etat["couper"] = False
            self.wfile.write(octets[debut:fin])

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Gestionnaire) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        etat["adresse"] = f"http://127.0.0.1:{http.server_port}/images.tar"
        yield etat
        http.shutdown()


def test_un_telechargement_coupe_reprend_la_ou_il_s_est_arrete(serveur, archive, tmp_path):
    recu = tmp_path / "recu" / "images.tar"
    serveur["couper"] = True
    with pytest.raises((requests.RequestException, DonneesInvalides)):
        chiens.telecharger(serveur["adresse"], recu)
    assert not recu.exists()  # jamais sous son nom tant qu'il est incomplet
    deja = recu.with_name("images.tar.partie").stat().st_size
    assert 0 < deja <= archive.stat().st_size // 2
    chiens.telecharger(serveur["adresse"], recu)
    assert serveur["demandes"] == [0, deja]
    assert recu.read_bytes() == archive.read_bytes()
    assert [c.name for c in recu.parent.iterdir()] == ["images.tar"]


def test_les_chiens_sont_telecharges_puis_retrouves(serveur, datas):
    absente = serveur["adresse"].replace("images", "absente")
    manifeste, source = chiens.obtenir_chiens((absente, serveur["adresse"]))
    assert source == "Stanford Dogs"
    assert manifeste["class"].value_counts().to_dict() == dict.fromkeys(chiens.CLASSES, 4)
    assert list(manifeste.columns) == catalogue.COLONNES and manifeste["split"].isna().all()
    assert [c.name for c in datas.iterdir()] == [chiens.NOM]  # ni archive ni reste
    assert chiens.obtenir_chiens(())[0].equals(manifeste)  # la seconde fois, rien à télécharger


def test_une_archive_posee_a_la_main_sert_et_reste(archive, datas):
    datas.mkdir()
    archive.rename(datas / chiens.NOM_ARCHIVE)
    manifeste, source = chiens.obtenir_chiens(())
    assert source == "Stanford Dogs" and len(manifeste) == 12
    assert (datas / chiens.NOM_ARCHIVE).is_file()


def test_un_dossier_incomplet_est_dit(datas):
    (datas / chiens.NOM / RACES[0]).mkdir(parents=True)
    (datas / chiens.NOM / RACES[0] / "a.jpg").write_bytes(b"")
    with pytest.raises(DonneesInvalides, match="n'a pas de photo de : boxer, esquimau"):
        chiens.obtenir_chiens(())


# --- Le jumeau --------------------------------------------------------------------------------


def test_sans_reseau_les_chiens_dessines_sont_annonces(datas):
    with pytest.warns(DonneesDessinees, match="CHIENS DESSINÉS"):
        manifeste, source = chiens.obtenir_chiens(("http://127.0.0.1:9/rien.tar",), n_dessins=9)
    assert source == "chiens dessinés"
    assert manifeste["class"].value_counts().to_dict() == dict.fromkeys(chiens.CLASSES, 3)
    assert Image.open(manifeste["path"][0]).size == (224, 224)
    assert chiens.trouver_chiens() is None  # un dessin n'est jamais pris pour une photo


def test_les_dessins_sont_reproductibles_et_tous_differents():
    un, bis = (np.asarray(garde_robe.dessiner_chien(1, 64, 7)) for _ in range(2))
    assert np.array_equal(un, bis)
    tous = {garde_robe.dessiner_chien(r, 64, g).tobytes() for r in range(3) for g in range(5)}
    assert len(tous) == 15


# --- Les vêtements, par article ---------------------------------------------------------------


def test_les_vetements_ont_dix_classes_et_un_test_designe(tmp_path, monkeypatch):
    dossier = tmp_path / "datas" / catalogue.NOM_VETEMENTS
    articles = [*catalogue.VETEMENTS, "dress", "hat"]
    for jeu in ("train", "validation"):
        for article in articles:
            (dossier / jeu / article).mkdir(parents=True)
            (dossier / jeu / article / "a.jpg").write_bytes(b"")
    monkeypatch.setenv("LABO_DATAS", str(tmp_path / "datas"))
    monkeypatch.setattr(catalogue, "RACINE", tmp_path / "ailleurs")
    manifeste, source = catalogue.obtenir_vetements(())
    assert "CC0" in source
    assert sorted(set(manifeste["class"])) == sorted(articles) and len(articles) == 10
    assert (manifeste["split"] == "test").sum() == 10
    designes = manifeste.loc[manifeste["split"] == "test", "path"]
    assert all(Path(chemin).parts[-3] == "validation" for chemin in designes)


def test_sans_reseau_les_vetements_dessines_sont_annonces(tmp_path, monkeypatch):
    monkeypatch.setenv("LABO_DATAS", str(tmp_path / "datas"))
    monkeypatch.setattr(catalogue, "RACINE", tmp_path / "ailleurs")
    with pytest.warns(DonneesDessinees, match="VÊTEMENTS DESSINÉS"):
        manifeste, source = catalogue.obtenir_vetements(("http://127.0.0.1:9/rien.zip",))
    assert source == "catalogue dessiné"
    assert manifeste["class"].nunique() >= 3
    assert set(manifeste["split"].dropna()) == {"test"}
    restants = catalogue.repartir(manifeste, validation=0.2, test=0)
    assert set(restants["split"]) == set(catalogue.JEUX)
