"""La page : dans un vrai navigateur, et sans navigateur avec AppTest.

Le navigateur est Chromium (paquet « chromium » de Debian) ou Chrome, s'il est installé ; sinon ces
tests-là sont sautés. Rien n'est téléchargé.
"""

import http.server
import os
import re
import subprocess
import threading

import pytest
from navigateur import ouvrir_navigateur
from serveurs import arreter, attendre, demarrer, port_libre
from streamlit.testing.v1 import AppTest

from commandes import servir
from outils.fichiers import RACINE

PAGE = RACINE / "analyse_image" / "service" / "page.py"
PHOTO = RACINE / "images" / "pantalon.jpg"


@pytest.fixture(scope="module")
def adresse(tmp_path_factory):
    processus, adresse = demarrer(tmp_path_factory.mktemp("service") / "journal.txt")
    yield adresse
    arreter(processus)


# --- Sans navigateur -------------------------------------------------------------------------


def cliquer(page, nom):
    next(bouton for bouton in page.button if bouton.label == nom).click().run()
    assert not page.exception


@pytest.fixture
def page(monkeypatch):
    def ouvrir(adresse):
        monkeypatch.setenv("SERVICE_ADRESSE", adresse)
        page = AppTest.from_file(PAGE, default_timeout=120).run()
        assert not page.exception
        exemples = ["pantalon", "baskets", "sac"]
        assert [bouton.label for bouton in page.button] == exemples  # pas de photo : rien à prédire
        page.file_uploader[0].set_value(("photo.jpg", PHOTO.read_bytes(), "image/jpeg")).run()
        cliquer(page, "Prédire")
        return page

    return ouvrir


def test_la_page_montre_le_resultat(page, adresse):
    essai = page(adresse)
    resultat = essai.success[0].value
    assert re.fullmatch(r"Résultat de la prédiction: Un pantalon \(\d\d,\d\s%\)", resultat)
    assert len(essai.error) == 0
    cliquer(essai, "sac")  # une autre photo efface la réponse
    assert len(essai.success) == 0
    cliquer(essai, "Prédire")
    assert essai.success[0].value.startswith("Résultat de la prédiction: Un sac")


AUTRES = {
    "refus": '{"erreur": {"code": 503, "message": "Service saturé."}}',
    "page": "<html>Bonjour</html>",
    "objet": '{"classe": "un chat", "score": 0.9}',
    "liste": "[1, 2]",
    "erreur": '{"erreur": "inconnue"}',
    "types": '{"classe": "a", "probabilite": "b", "probabilites": 1, "modele": 2}',
}


class Autre(http.server.BaseHTTPRequestHandler):
    """Un serveur qui n'est pas notre service : il rend le texte d'`AUTRES` que nomme l'adresse."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        corps = AUTRES[self.path.split("/")[1]]
        self.send_response(503 if "erreur" in corps else 200)
        self.end_headers()
        self.wfile.write(corps.encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def autre():
    serveur = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Autre)
    threading.Thread(target=serveur.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serveur.server_port}"
    serveur.shutdown()


def test_service_eteint(page):
    message = page(f"http://127.0.0.1:{port_libre()}").error[0].value
    assert "ne répond pas" in message
    assert "démarré" in message


def test_service_trop_lent(page, adresse, monkeypatch):
    import requests

    def trop_lent(*_, **__):
        raise requests.ReadTimeout

    monkeypatch.setattr(requests, "post", trop_lent)
    assert "trop de temps" in page(adresse).error[0].value


def test_service_qui_refuse(page, autre):
    assert page(f"{autre}/refus").error[0].value == "Service saturé."


@pytest.mark.parametrize("nom", sorted(AUTRES.keys() - {"refus"}))
def test_adresse_qui_n_est_pas_celle_du_service(page, autre, nom):
    assert "n'est pas notre service" in page(f"{autre}/{nom}").error[0].value


# --- Dans Chromium ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def serveur_de_page(tmp_path_factory):
    """La page telle que « labo.py servir » la lance, avec un service qu'on peut arrêter."""
    journal = tmp_path_factory.mktemp("page") / "journal.txt"
    processus, service = demarrer(journal)
    port = port_libre()
    _, commande, reglages = servir.commandes_du_service("", int(service.rsplit(":", 1)[1]), port)
    with journal.with_name("page.txt").open("wb") as sortie:
        page = subprocess.Popen(commande, env=os.environ | reglages, stdout=sortie, stderr=sortie)
    adresse = f"http://localhost:{port}"
    attendre(page, f"{adresse}/_stcore/health")
    yield adresse, processus
    arreter(page)
    arreter(processus)


@pytest.fixture
def onglet(serveur_de_page):
    fausse_camera = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with ouvrir_navigateur(*fausse_camera) as navigateur:
        onglet = navigateur.new_page(locale="fr-FR", viewport={"width": 1280, "height": 900})
        onglet.set_default_timeout(120_000)
        onglet.goto(serveur_de_page[0])
        onglet.get_by_role("heading", name="Quel vêtement est-ce ?").wait_for()
        yield onglet


def choisir(onglet, photo):
    onglet.locator("input[type=file]").set_input_files(photo)
    onglet.get_by_role("img", name="Votre photo").wait_for()


@pytest.mark.parametrize(
    "ecran",
    [{"width": 1280, "height": 900}, {"width": 390, "height": 844}],
    ids=["ordinateur", "téléphone"],
)
def test_dans_chromium_on_choisit_on_predit_on_lit(onglet, ecran):
    onglet.set_viewport_size(ecran)
    choisir(onglet, PHOTO)
    onglet.get_by_role("button", name="Prédire").click()
    onglet.get_by_text(re.compile(r"^Résultat de la prédiction: Un pantalon")).wait_for()
    table = onglet.get_by_role("table", name="Probabilités")
    lignes = table.get_by_role("row").all_inner_texts()
    assert len(lignes) == 10
    assert lignes[0].startswith("Un pantalon")
    image = onglet.get_by_role("img", name="Ce que voit le réseau")
    assert image.evaluate("image => image.naturalWidth") == 28
    assert table.evaluate("table => table.getBoundingClientRect().bottom") <= ecran["height"]
    assert onglet.evaluate("scrollY + document.querySelector('section').scrollTop") == 0
    largeur = onglet.evaluate("document.documentElement.scrollWidth")
    assert largeur <= ecran["width"]  # rien ne déborde sur le côté


def test_dans_chromium_une_photo_trop_lourde_se_dit(onglet, tmp_path):
    lourde = tmp_path / "lourde.jpg"
    lourde.write_bytes(PHOTO.read_bytes() + bytes(9 * 2**20))
    onglet.locator("input[type=file]").set_input_files(lourde)
    phrase = onglet.get_by_text("Photo trop lourde : 8 Mo au plus")
    phrase.wait_for()
    assert phrase.bounding_box()["width"] > 100  # Streamlit la réduit à un point
    assert not onglet.get_by_text("Error").is_visible()
    vide = tmp_path / "sept.txt"
    vide.write_bytes(b"bonjour")
    onglet.locator("input[type=file]").set_input_files(vide)
    onglet.get_by_text("7 octets").wait_for()


def test_dans_chromium_on_prend_une_photo(onglet):
    onglet.get_by_text("L'appareil photo").click()
    onglet.wait_for_function("document.querySelector('video')?.currentTime > 0.5")
    onglet.get_by_role("button", name="Prendre la photo").click()
    onglet.get_by_role("img", name="Votre photo").wait_for()
    onglet.get_by_role("button", name="Reprendre la photo").wait_for()
    onglet.get_by_role("button", name="Prédire").wait_for()


def test_dans_chromium_la_page_est_en_francais_et_s_emploie_au_clavier(onglet):
    onglet.get_by_role("button", name="Choisir une photo").wait_for()
    assert onglet.locator("html").get_attribute("lang") == "fr"
    choisir(onglet, PHOTO)
    onglet.get_by_role("button", name="Retirer pantalon.jpg").wait_for()
    bouton = onglet.get_by_role("button", name="Prédire")
    for _ in range(15):
        onglet.keyboard.press("Tab")
        if bouton.evaluate("bouton => bouton === document.activeElement"):
            break
    onglet.keyboard.press("Enter")
    onglet.get_by_text("Résultat de la prédiction").wait_for()
    visible = onglet.locator("body").inner_text()
    anglais = re.findall(r"\b(upload|browse|file|drag|drop|remove|limit|deploy)\b", visible, re.I)
    assert anglais == []


def test_dans_chromium_un_service_eteint_se_dit(onglet, serveur_de_page):
    choisir(onglet, PHOTO)
    arreter(serveur_de_page[1])  # le dernier test de ce fichier : le service ne revient pas
    onglet.get_by_role("button", name="Prédire").click()
    onglet.get_by_text("Le service ne répond pas").wait_for()
