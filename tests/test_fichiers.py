"""Les fichiers : refusés clairement, téléchargés sans rien perdre, partagés entre deux programmes."""

import hashlib
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from processus import contenu, ensemble, lancer

from outils import fichiers

CONTENU = bytes(range(256)) * 1_000
SOMME = f"sha256:{hashlib.sha256(CONTENU).hexdigest()}"


# --- Les dossiers -----------------------------------------------------------------------------


def test_labo_datas_relatif_est_dit_et_lu_du_dossier_courant(tmp_path, monkeypatch, capsys):
    fichiers._dire_une_fois.cache_clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABO_DATAS", "mes_donnees")
    assert fichiers.dossier_datas() == fichiers.RACINE / "mes_donnees"  # nulle part : dans le dépôt
    (tmp_path / "mes_donnees").mkdir()
    assert fichiers.dossier_datas() == tmp_path / "mes_donnees"
    assert "LABO_DATAS=« mes_donnees » est relatif" in capsys.readouterr().out


def test_le_dossier_de_l_enonce_est_regarde_apres_le_notre(tmp_path, monkeypatch):
    monkeypatch.setattr(fichiers, "RACINE", tmp_path)
    monkeypatch.setenv("LABO_DATAS", str(tmp_path / "datas"))
    enonce = tmp_path / "analyse_image" / "datas"
    enonce.mkdir(parents=True)
    assert fichiers.dossiers_datas() == [enonce]
    (tmp_path / "datas").mkdir()
    assert fichiers.dossiers_datas() == [tmp_path / "datas", enonce]


@pytest.mark.parametrize(
    ("nom", "parasite"),
    [
        *((nom, True) for nom in (".DS_Store", "._x.jpg", "Thumbs.db", "desktop.ini", "__MACOSX")),
        *((nom, True) for nom in (".ipynb_checkpoints", "x.jpg:Zone.Identifier", "THUMBS.DB")),
        *((nom, False) for nom in ("x.jpg", "Thumbs", "0108775015.JPG", "n02108089-boxer")),
    ],
)
def test_ce_qui_n_est_pas_une_donnee(nom, parasite):
    assert fichiers.est_parasite(nom) is parasite


def test_les_parasites_sont_sautes_a_toute_profondeur(tmp_path):
    for nom in ("a/.ipynb_checkpoints/x.jpg", "a/b/x.jpg", "a/b/._x.jpg", "__MACOSX/a/x.jpg"):
        (tmp_path / nom).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / nom).touch()
    assert fichiers.fichiers_sous(tmp_path) == [tmp_path / "a/b/x.jpg"]


# --- Télécharger ------------------------------------------------------------------------------


class Gestionnaire(BaseHTTPRequestHandler):
    """Sert `CONTENU` à toute adresse ; le premier mot du chemin dit ce que le serveur a de particulier."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        genre = self.path.split("/")[1]
        debut = int((self.headers["Range"] or "bytes=0-")[6:-1])
        self.server.demandes.append((genre, debut, self.headers["Accept-Encoding"]))
        if genre == "absent":
            return self.send_error(404)
        if genre == "lent":
            time.sleep(2)
        contenu = {"page": b"<html>Bienvenue</html>"}.get(genre, CONTENU)
        if genre in ("sans-reprise", "sans-taille", "morceaux"):
            debut = 0
        if debut >= len(contenu):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(contenu)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        corps = contenu[debut:]
        self.send_response(206 if debut else 200)
        if debut:
            decale = debut + 1 if genre == "decale" else debut
            self.send_header("Content-Range", f"bytes {decale}-{len(contenu) - 1}/{len(contenu)}")
        if genre == "encode":
            self.send_header("Content-Encoding", "gzip")
        if genre == "morceaux":
            self.send_header("Transfer-Encoding", "chunked")
            corps = b"%x\r\n%s\r\n0\r\n\r\n" % (len(corps), corps)
        elif genre != "sans-taille":
            self.send_header("Content-Length", str(len(corps)))
        if genre in ("coupe", "sans-taille"):
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if genre == "doux":  # le temps que deux programmes se rencontrent
            for i in range(0, len(corps), 2**15):
                self.wfile.write(corps[i : i + 2**15])
                time.sleep(0.1)
            return None
        self.wfile.write(corps[: len(corps) // 2] if genre == "coupe" else corps)
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def serveur():
    with ThreadingHTTPServer(("127.0.0.1", 0), Gestionnaire) as http:
        http.demandes, http.daemon_threads = [], True
        Thread(target=http.serve_forever, daemon=True).start()
        http.adresse = f"http://127.0.0.1:{http.server_port}"
        yield http
        http.shutdown()


@pytest.fixture
def cible(tmp_path):
    return tmp_path / "recu" / "x.tar"


def partie(cible, octets):
    cible.parent.mkdir()
    cible.with_name("x.tar.partie").write_bytes(octets)


@pytest.mark.parametrize("genre", ["simple", "sans-reprise", "sans-taille", "morceaux", "encode"])
@pytest.mark.parametrize("deja", [0, 1_000])
def test_quel_que_soit_le_serveur_le_fichier_est_entier(serveur, cible, genre, deja):
    if deja:
        partie(cible, CONTENU[:deja])
    assert fichiers.telecharger([f"{serveur.adresse}/{genre}/x"], cible, SOMME) == cible
    assert cible.read_bytes() == CONTENU
    assert contenu(cible.parent) == ["x.tar"]
    assert serveur.demandes == [(genre, deja, "identity")]
    fichiers.telecharger([f"{serveur.adresse}/{genre}/x"], cible, SOMME)
    assert len(serveur.demandes) == 1  # déjà là et conforme : pas redemandé


@pytest.mark.parametrize(
    ("octets", "genre"),
    [
        (CONTENU, "simple"),  # tué après le dernier octet : le serveur n'a plus rien à donner
        (CONTENU + b"encore", "simple"),  # plus long que le fichier
        (b"autre chose" * 50, "simple"),  # le début d'un autre fichier
        (CONTENU[:500], "decale"),  # le serveur reprend ailleurs qu'on ne le demande
    ],
)
def test_un_debut_qui_n_en_est_pas_un_ne_gache_rien(serveur, cible, octets, genre):
    partie(cible, octets)
    fichiers.telecharger([f"{serveur.adresse}/{genre}/x"], cible, SOMME)
    assert cible.read_bytes() == CONTENU
    assert contenu(cible.parent) == ["x.tar"]


def test_une_coupure_se_reprend_et_un_contenu_non_conforme_s_efface(serveur, cible):
    with pytest.raises(ConnectionError, match="x.tar impossible"):
        fichiers.telecharger([f"{serveur.adresse}/coupe/x"], cible, SOMME)
    assert contenu(cible.parent) == ["x.tar.partie"]
    deja = cible.with_name("x.tar.partie").stat().st_size
    adresses = [f"{serveur.adresse}/{genre}/x" for genre in ("absent", "simple")]
    fichiers.telecharger(adresses, cible, SOMME)
    assert [d[:2] for d in serveur.demandes] == [("coupe", 0), ("absent", deja), ("simple", deja)]
    cible.unlink()
    with pytest.raises(ConnectionError, match="non conforme") as erreur:
        fichiers.telecharger([f"{serveur.adresse}/{g}/x" for g in ("page", "absent")], cible, SOMME)
    assert "erreur HTTP 404" in str(erreur.value)
    assert not contenu(cible.parent)


def test_sans_somme_deux_adresses_ne_se_melangent_pas(serveur, cible):
    with pytest.raises(ConnectionError):
        fichiers.telecharger([f"{serveur.adresse}/{g}/x" for g in ("coupe", "absent")], cible)
    fichiers.telecharger([f"{serveur.adresse}/simple/x"], cible)
    assert serveur.demandes[-1][1] == 0 and cible.read_bytes() == CONTENU


def test_un_serveur_muet_ou_ferme_est_nomme(serveur, cible):
    muet = f"{serveur.adresse}/lent/x"
    with pytest.raises(ConnectionError, match="pas de réponse à temps.*pas de connexion"):
        fichiers.telecharger([muet, "http://127.0.0.1:9/x"], cible, SOMME, delai=0.2)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="il faut /dev/full (Linux)")
def test_un_disque_plein_se_dit_en_francais_et_ne_laisse_rien(serveur, cible):
    cible.parent.mkdir()
    cible.with_name("x.tar.partie").symlink_to("/dev/full")
    with pytest.raises(OSError, match="Impossible d'écrire « x.tar »") as erreur:
        fichiers.telecharger([f"{serveur.adresse}/simple/x"], cible, SOMME)
    assert not isinstance(erreur.value, ConnectionError)
    assert not contenu(cible.parent)


# --- Deux programmes à la fois ----------------------------------------------------------------


def test_deux_programmes_telechargent_le_meme_fichier(serveur, cible):
    code = (
        "import sys; from outils.fichiers import telecharger;"
        "telecharger([sys.argv[1]], sys.argv[2], sys.argv[3])"
    )
    adresse = f"{serveur.adresse}/doux/x"
    ensemble(3, code, adresse, cible, SOMME)
    assert cible.read_bytes() == CONTENU
    assert contenu(cible.parent) == ["x.tar"]
    assert len(serveur.demandes) == 1  # les autres l'ont attendu


def test_le_verrou_d_un_programme_tue_se_libere(tmp_path):
    code = (
        "import sys, time; from outils.fichiers import verrou\n"
        "with verrou(sys.argv[1]): print('pris', flush=True); time.sleep(600)"
    )
    tenant = lancer(code, tmp_path / "x")
    assert tenant.stdout.readline() == "pris\n"
    attente = lancer(code, tmp_path / "x")
    assert "on l'attend" in attente.stdout.readline()
    tenant.kill()
    assert attente.stdout.readline() == "pris\n"
    attente.kill()
    for essai in (tenant, attente):
        essai.communicate()
    with fichiers.verrou(tmp_path / "x"):
        pass  # libre, alors que ceux qui l'ont tenu sont morts sans le rendre


def test_ecrire_dans_un_dossier_interdit_se_dit_en_francais(tmp_path):
    (tmp_path / "fichier").touch()  # un fichier là où il faudrait un dossier
    for ecrire in (fichiers.verrou, fichiers.ecriture_atomique, fichiers.dossier_atomique):
        with pytest.raises(OSError, match="Impossible d'écrire"), ecrire(tmp_path / "fichier/x"):
            pass
