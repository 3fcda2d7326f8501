"""Les jeux de photos : trouvés comme on les range, extraits sans danger, et un dessin n'est jamais une photo."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from processus import contenu, ensemble

from outils import dessins, jeux
from outils.fichiers import DonneesInvalides

RACES = list(jeux.RACES)


@pytest.fixture(scope="module")
def photo():
    tampon = io.BytesIO()
    dessins.dessiner_chien(0, 120).save(tampon, "JPEG")
    return tampon.getvalue()


@pytest.fixture
def changer(monkeypatch):
    """Change des champs d'un jeu du tableau : changer("chiens", octets_max=…)."""

    def changer(nom, **champs):
        monkeypatch.setitem(jeux.JEUX, nom, replace(jeux.JEUX[nom], **champs))

    return changer


def ajouter(archive, nom, octets=b"photo", **champs):
    membre = tarfile.TarInfo(nom)
    membre.size = len(octets)
    for champ, valeur in champs.items():
        setattr(membre, champ, valeur)
    archive.addfile(membre, io.BytesIO(octets))


@pytest.fixture
def archive(tmp_path, changer, photo):
    """Une petite archive de la forme de celle de Stanford, avec des membres hostiles."""
    changer("chiens", minimum=dict.fromkeys(RACES, 3), somme=None)
    chemin = tmp_path / "serveur" / "images.tar"
    chemin.parent.mkdir()
    with tarfile.open(chemin, "w") as sortie:
        ajouter(sortie, "Images/n02085936-Maltese_dog/n02085936_1.jpg")
        for race in RACES:
            for i in range(4):
                nom = f"Images/{race}/{race.split('-')[0]}_{i}.jpg"
                ajouter(sortie, nom, photo, mode=0o4777)
        ajouter(sortie, f"Images/{RACES[0]}/../../../evasion.jpg")
        ajouter(sortie, f"/Images/{RACES[0]}/n02085620_90.jpg")
        ajouter(sortie, f"Images/{RACES[0]}/n02085620_91.jpg.sh")
        for rang, genre in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)):
            nom = f"Images/{RACES[0]}/n02085620_{92 + rang}.jpg"
            ajouter(sortie, nom, b"", type=genre, linkname="/etc/passwd")
    return chemin


def extraire(archive, destination):
    return jeux.extraire(archive, destination, jeux.JEUX["chiens"])


# --- L'extraction -----------------------------------------------------------------------------


def test_seules_les_trois_races_sortent_de_l_archive(archive, tmp_path):
    assert extraire(archive, tmp_path / "photos") == dict.fromkeys(RACES, 4)
    sortis = {c.relative_to(tmp_path / "photos").as_posix() for c in tmp_path.rglob("photos/*/*")}
    assert sortis == {f"{r}/{r.split('-')[0]}_{i}.jpg" for r in RACES for i in range(4)}
    assert not any(c.is_symlink() for c in tmp_path.rglob("*"))
    assert not list(tmp_path.rglob("evasion.jpg"))
    # Les droits viennent de nous, pas de l'archive (ici : exécutable, et au nom de son auteur).
    assert not any(c.stat().st_mode & 0o7111 for c in tmp_path.rglob("photos/*/*.jpg"))


def test_l_archive_comprimee_ou_celle_de_kaggle_convient_aussi(archive, tmp_path, photo):
    archive.write_bytes(gzip.compress(archive.read_bytes()))  # toujours nommée images.tar
    assert extraire(archive, tmp_path / "photos") == dict.fromkeys(RACES, 4)
    zippee = tmp_path / "stanford-dogs-dataset.zip"
    with zipfile.ZipFile(zippee, "w") as sortie:
        for race in RACES:
            for i in range(3):
                sortie.writestr(f"images/Images/{race}/{race.split('-')[0]}_{i}.jpg", photo)
        sortie.writestr(f"../../../../{RACES[0]}/n02085620_91.jpg", b"dehors")
    assert extraire(zippee, tmp_path / "autres") == dict.fromkeys(RACES, 3)


@pytest.mark.parametrize(
    ("abimer", "attendu"),
    [
        (lambda o: o[: len(o) // 2], "coupé|abîmée"),
        (lambda o: gzip.compress(o)[: len(gzip.compress(o)) // 2], "abîmée"),
        (lambda o: gzip.compress(o)[:900] + b"\xff" * 64 + gzip.compress(o)[964:], "abîmée"),
        (lambda o: b"<html>bonjour</html>" * 100, "abîmée"),
        (lambda o: b"", "abîmée"),
        (lambda o: o.replace(b"Images/n02108089", b"Images/x02108089"), "n02108089-boxer 0 photos"),
    ],
)
def test_une_mauvaise_archive_ne_laisse_rien(archive, tmp_path, abimer, attendu):
    archive.write_bytes(abimer(archive.read_bytes()))
    with pytest.raises(DonneesInvalides, match=attendu) as erreur:
        extraire(archive, tmp_path / "photos")
    assert "images.tar" in erreur.value.sujet and "images.tar" in erreur.value.remede
    assert "dossier" not in erreur.value.remede  # jamais « supprimez ce dossier »
    assert contenu(tmp_path) == ["serveur"]


def test_une_archive_demesuree_est_refusee(archive, tmp_path, changer):
    changer("chiens", octets_max=2_000)
    with pytest.raises(DonneesInvalides, match="démesurée"):
        extraire(archive, tmp_path / "photos")
    assert not (tmp_path / "photos").exists()


# --- Trouver ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nom", "place", "repere"),
    [
        ("chiens", "stanford-dogs", RACES[0]),
        ("chiens", "chiens", RACES[1]),
        ("chiens", "Images", RACES[2]),
        ("chiens", "stanford-dogs/Images", RACES[0]),
        ("chiens", "archive/images/Images", RACES[0]),
        ("vetements", "vetements", "apprentissage"),
        ("vetements", "clothing-dataset-small-master", "train"),
        ("catalogue", ".", "images styles.csv"),
        ("catalogue", "fashion-product-images-small", "images styles.csv"),
        ("catalogue", "fashion-dataset/fashion-dataset", "images styles"),
        ("hm", "h-and-m", "images articles.csv"),
    ],
)
def test_un_jeu_est_trouve_comme_on_le_range(datas, nom, place, repere):
    assert jeux.trouver(nom) is None
    pieges = (datas / autre / place for autre in ("jumeau_x", "__MACOSX", ".ipynb_checkpoints"))
    for racine in (*pieges, datas / place):
        for sous_dossier in repere.split():
            (racine / sous_dossier).mkdir(parents=True)
    assert jeux.trouver(nom).resolve() == (datas / place).resolve()


# --- Obtenir ----------------------------------------------------------------------------------


@pytest.fixture
def serveur(archive, changer):
    """Sert l'archive, sait reprendre (`Range`), et peut couper la première réponse en deux."""
    etat = {"couper": False, "demandes": []}

    class Gestionnaire(BaseHTTPRequestHandler):
        def do_GET(self):
            octets = archive.read_bytes()
            debut = int((self.headers["Range"] or "bytes=0-")[6:-1])
            etat["demandes"].append(debut)
            if self.path != "/images.tar":
                return self.send_error(404)
            self.send_response(206 if debut else 200)
            self.send_header("Content-Length", str(len(octets) - debut))
            self.end_headers()
            fin = len(octets) // 2 if etat["couper"] else len(octets)
            etat["couper"] = False
            self.wfile.write(octets[debut:fin])

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Gestionnaire) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        adresse = f"http://127.0.0.1:{http.server_port}/images.tar"
        changer("chiens", adresses=(adresse.replace("images", "absente"), adresse))
        yield etat
        http.shutdown()


def test_les_chiens_sont_telecharges_puis_retrouves(serveur, datas, changer, capsys):
    dossier, source = jeux.obtenir("chiens")
    assert source == "Stanford Dogs" and "Données : Stanford Dogs" in capsys.readouterr().out
    assert {d.name: len(list(d.iterdir())) for d in dossier.iterdir()} == dict.fromkeys(RACES, 4)
    assert contenu(datas) == ["stanford-dogs"]  # ni archive ni reste
    changer("chiens", adresses=())
    assert jeux.obtenir("chiens") == (dossier, source)  # la seconde fois, rien à télécharger


def test_un_telechargement_coupe_est_complete_au_prochain_appel(serveur, archive, datas, changer):
    somme = f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"
    jumeau, adresses = datas / "jumeau_x", jeux.JEUX["chiens"].adresses[1:]
    changer("chiens", adresses=adresses, somme=somme, jumeau=lambda: jumeau)
    serveur["couper"] = True
    assert jeux.obtenir("chiens") == (jumeau, "chiens dessinés")
    deja = (datas / "images.tar.partie").stat().st_size
    assert jeux.obtenir("chiens")[1] == "Stanford Dogs"
    assert serveur["demandes"] == [0, deja] and deja > 0
    assert contenu(datas) == ["stanford-dogs"]


def test_une_archive_posee_a_la_main_sert_et_reste(archive, datas):
    archive.rename(datas / "images.tar")
    dossier, source = jeux.obtenir("chiens", en_ligne=False)
    assert source == "Stanford Dogs" and len(list(dossier.glob("*/*.jpg"))) == 12
    assert (datas / "images.tar").is_file()


def test_archive_zip_sert_si_elle_contient_ce_jeu(archive, datas, photo, changer):
    changer("chiens", jumeau=lambda: datas / "jumeau_x")
    for dossier, source in (("Autre", "chiens dessinés"), ("Images", "Stanford Dogs")):
        with zipfile.ZipFile(datas / "archive.zip", "w") as sortie:
            for race in RACES if dossier == "Images" else ["autre"]:
                for i in range(3):
                    sortie.writestr(f"{dossier}/{race}/{race.split('-')[0]}_{i}.jpg", photo)
        assert jeux.obtenir("chiens", en_ligne=False)[1] == source


def test_une_archive_posee_et_coupee_est_nommee_et_reste(archive, datas):
    (datas / "images.tar").write_bytes(archive.read_bytes()[:3_000])
    with pytest.raises(DonneesInvalides, match="images.tar"):
        jeux.obtenir("chiens", en_ligne=False)
    assert contenu(datas) == ["images.tar"]


def test_un_dossier_qui_prend_la_place_est_nomme_et_reste(archive, datas):
    (datas / "stanford-dogs").mkdir()
    archive.rename(datas / "stanford-dogs" / "README.txt")
    (datas / "images.tar").write_bytes(b"")
    with pytest.raises(DonneesInvalides, match=r"contient README.txt") as erreur:
        jeux.obtenir("chiens", en_ligne=False)
    assert "renommez" in erreur.value.remede and (datas / "stanford-dogs" / "README.txt").is_file()


# --- Le jumeau --------------------------------------------------------------------------------


def test_sans_reseau_les_chiens_dessines_sont_annonces(datas, changer, capsys):
    def neuf():
        return jeux.dessiner("jumeau_9", lambda d: dessins.ecrire_chiens(d, RACES, 9))

    changer("chiens", adresses=("http://127.0.0.1:9/rien.tar",), jumeau=neuf)
    dossier, source = jeux.obtenir("chiens")
    assert source == "chiens dessinés"
    sortie = capsys.readouterr().out
    assert "DONNÉES DESSINÉES, pas Stanford Dogs" in sortie and "pas de connexion" in sortie
    assert {d.name: len(list(d.iterdir())) for d in dossier.iterdir()} == dict.fromkeys(RACES, 3)
    assert jeux.trouver("chiens") is None  # un dessin n'est jamais pris pour une photo
    assert jeux.obtenir("chiens")[0] == dossier


def test_les_vraies_photos_arrivees_pendant_le_dessin_l_emportent(datas, changer, capsys):
    def arrivent():
        (datas / "stanford-dogs" / RACES[0]).mkdir(parents=True)
        return datas / "jumeau"

    changer("chiens", jumeau=arrivent)
    assert jeux.obtenir("chiens", en_ligne=False)[1] == "Stanford Dogs"
    assert "DESSINÉES" not in capsys.readouterr().out


# --- Deux noyaux à la fois --------------------------------------------------------------------

PETIT = """
import sys
from dataclasses import replace
from outils import dessins, jeux
jeux.JEUX["chiens"] = replace(
    jeux.JEUX["chiens"], minimum=dict.fromkeys(jeux.RACES, 3), somme=None, adresses=tuple(sys.argv[1:]),
    jumeau=lambda: jeux.dessiner("jumeau_30", lambda d: dessins.ecrire_chiens(d, list(jeux.RACES), 30)),
)
dossier, source = jeux.obtenir("chiens")
print(source, len(list(dossier.glob("*/*.jpg"))))
"""


def test_deux_noyaux_dessinent_le_meme_jumeau(datas):
    for sortie in ensemble(2, PETIT):
        assert "DONNÉES DESSINÉES" in sortie and sortie.endswith("chiens dessinés 30\n")
    assert contenu(datas) == ["jumeau_30"]


def test_deux_noyaux_telechargent_le_meme_jeu(serveur, datas):
    adresse = jeux.JEUX["chiens"].adresses[1]
    for sortie in ensemble(2, PETIT, adresse):
        assert "DESSINÉES" not in sortie and sortie.endswith("Stanford Dogs 12\n")
    assert serveur["demandes"] == [0] and contenu(datas) == ["stanford-dogs"]
