"""La page publiée : le réseau y répond comme en Python, dans un vrai navigateur, et sans réseau."""

import functools
import http.server
import json
import re
import shutil
import struct
import threading
import zlib

import numpy as np
import pytest
from navigateur import graves, ouvrir_navigateur

from outils import preparation
from outils.fichiers import RACINE, Refus, dossier_datas
from outils.modele import ModeleInvalide
from publication.page import publier as publication
from service.reseau import ReseauExporte, preparer

REFERENCE = RACINE / "modele" / "reference"
PANTALON = RACINE / "images" / "pantalon.jpg"
PHOTOS = sorted((dossier_datas() / "vetements").rglob("*.jpg"))[::11][:300]
PHOTOS = PHOTOS or sorted((RACINE / "images").glob("*.jpg"))


# --- Sans navigateur -------------------------------------------------------------------------


def test_un_dossier_sans_modele_est_refuse(tmp_path):
    with pytest.raises(ModeleInvalide, match="Aucun modèle à publier"):
        publication.publier(tmp_path, tmp_path / "page")
    assert list(tmp_path.iterdir()) == []


def test_un_reseau_que_la_page_ne_sait_pas_nourrir_est_refuse(tmp_path):
    for nom in ("modele.tflite", "modele.fiche.json"):
        shutil.copy(REFERENCE / nom, tmp_path)
    fiche = json.loads((tmp_path / "modele.fiche.json").read_text("utf-8"))
    fiche["entree"]["preparation"] = "ma_preparation"
    (tmp_path / "modele.fiche.json").write_text(json.dumps(fiche), "utf-8")
    with pytest.raises(Refus, match="ne sait pas préparer"):
        publication.publier(tmp_path, tmp_path / "page")


def test_rien_dans_la_page_ne_s_execute_hors_de_ses_fichiers():
    page = (publication.WEB / "index.html").read_text("utf-8")
    politique = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    regles = dict(regle.split(" ", 1) for regle in politique.split("; "))
    assert regles["default-src"] == "'none'"
    assert regles["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert "unsafe-inline" not in politique and "http" not in politique
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", page) == []


# --- Dans Chromium ---------------------------------------------------------------------------


class Fichiers(http.server.SimpleHTTPRequestHandler):
    """Sert la page, et /photos/N."""

    def translate_path(self, chemin):
        numero = re.fullmatch(r"/photos/(\d+)", chemin)
        return str(PHOTOS[int(numero[1])]) if numero else super().translate_path(chemin)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def dossier(tmp_path_factory):
    """La page du réseau de référence, dont une classe a un nom qui ressemble à du HTML."""
    modele, page = tmp_path_factory.mktemp("modele"), tmp_path_factory.mktemp("page")
    shutil.copy(REFERENCE / "modele.tflite", modele)
    fiche = json.loads((REFERENCE / "modele.fiche.json").read_text("utf-8"))
    fiche["classes"][1] = "Un <b>pantalon"
    (modele / "modele.fiche.json").write_text(json.dumps(fiche), "utf-8")
    try:
        bilan = publication.publier(modele, page)
    except ConnectionError as erreur:
        pytest.skip(f"LiteRT.js n'a pas pu être téléchargé : {erreur}")
    assert bilan["transfert"] <= 5e6
    for exemple in ("pantalon.jpg", "robe.jpg"):
        (page / "exemples").mkdir(exist_ok=True)
        shutil.copy(RACINE / "images" / exemple, page / "exemples")
    return page


@pytest.fixture(scope="module")
def serveur(dossier):
    serveur = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Fichiers, directory=str(dossier))
    )
    threading.Thread(target=serveur.serve_forever, daemon=True).start()
    yield serveur
    serveur.shutdown()
    serveur.server_close()


@pytest.fixture(scope="module")
def navigateur():
    with ouvrir_navigateur() as navigateur:
        yield navigateur


@pytest.fixture
def onglet(navigateur, serveur):
    contexte = navigateur.new_context(
        locale="fr-FR", viewport={"width": 375, "height": 812}, has_touch=True, is_mobile=True
    )
    onglet = contexte.new_page()
    onglet.set_default_timeout(120_000)
    onglet.erreurs, onglet.plaintes, onglet.demandes = [], [], []
    onglet.on("pageerror", lambda erreur: onglet.erreurs.append(str(erreur)))
    onglet.on("console", lambda message: onglet.plaintes.append(message.text))
    onglet.on("request", lambda demande: onglet.demandes.append(demande.url))
    onglet.adresse = f"http://127.0.0.1:{serveur.server_port}/"
    onglet.goto(onglet.adresse)
    onglet.locator("body[data-pret]").wait_for()
    yield onglet
    contexte.close()


def test_memes_reponses_qu_en_python(onglet):
    reseau = ReseauExporte.lire(REFERENCE)
    contrat = {**reseau.entree, "preparation": "load_and_preprocess_image"}
    python = [reseau.probabilites(preparer(photo, contrat).entree) for photo in PHOTOS]
    javascript = onglet.evaluate(
        """async (n) => {
          const { classer } = await import("./page.js");
          const reponses = [];
          for (let i = 0; i < n; i++) {
            const photo = await (await fetch(`photos/${i}`)).blob();
            reponses.push((await classer(photo)).probabilites);
          }
          return reponses;
        }""",
        len(PHOTOS),
    )
    ecarts = np.abs(np.array(javascript) - np.array(python)).max(axis=1)
    memes = np.argmax(javascript, axis=1) == np.argmax(python, axis=1)
    assert memes.mean() >= 0.99
    assert ecarts.max() <= 0.02


def test_memes_couleurs_qu_en_python(onglet, tmp_path):
    photos = PHOTOS[:10]
    attendues = np.array([preparation.couleurs_carrees(photo, 64) for photo in photos], int)
    obtenues = onglet.evaluate(
        """async (n) => {
          const { preparer } = await import("./preparation.js");
          const images = [];
          for (let i = 0; i < n; i++) {
            const bitmap = await createImageBitmap(await (await fetch(`photos/${i}`)).blob());
            images.push(Array.from(preparer(bitmap, { cote: 64, canaux: 3, cote_utile: 1024 }).pixels));
          }
          return images;
        }""",
        len(photos),
    )
    assert np.abs(np.array(obtenues).reshape(attendues.shape) - attendues).max() <= 3


def test_on_choisit_on_lit_et_rien_ne_part(onglet):
    assert graves(onglet) == []
    onglet.locator("#fichier").set_input_files(PANTALON)
    onglet.get_by_role("heading", name=re.compile(r"^Un <b>pantalon \(\d+,\d %\)")).wait_for()
    lignes = onglet.get_by_role("table", name="Probabilités").get_by_role("row").all_inner_texts()
    assert len(lignes) == 10
    assert lignes[0].startswith("Un <b>pantalon")
    assert onglet.locator("#vue").evaluate("vue => vue.width") == 28
    assert onglet.evaluate("document.documentElement.scrollWidth") <= 375
    assert {url for url in onglet.demandes if not url.startswith(onglet.adresse)} == set()
    assert [p for p in onglet.plaintes if "Content Security Policy" in p] == []
    assert onglet.erreurs == []


def test_au_clavier(onglet):
    onglet.keyboard.press("Tab")
    assert onglet.evaluate("document.activeElement.id") == "fichier"
    onglet.keyboard.press("Tab")
    assert onglet.evaluate("document.activeElement.id") == "appareil"
    assert onglet.locator("#appareil").get_attribute("capture") == "environment"


def image_annoncee(largeur, hauteur):
    """Un PNG dont l'en-tête annonce cette taille, et qui ne contient rien."""
    entete = b"IHDR" + struct.pack(">IIBBBBB", largeur, hauteur, 8, 2, 0, 0, 0)
    somme = struct.pack(">I", zlib.crc32(entete))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + entete + somme


MAUVAIS = [
    (b"Bonjour, je suis un texte.", "n'est pas une image JPEG, PNG, WebP ou GIF"),
    (image_annoncee(20_000, 10_000), "a 200 millions de pixels"),
    (image_annoncee(4, 4), "trop petite (4 × 4 pixels)"),
    (image_annoncee(3000, 20), "filiforme"),
    (image_annoncee(400, 400), "tronquée ou abîmée"),
    (PANTALON.read_bytes()[:3], "n'est pas une image"),
]


def test_un_mauvais_fichier_a_sa_phrase(onglet):
    for octets, phrase in MAUVAIS:
        fichier = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": octets}
        onglet.locator("#fichier").set_input_files(fichier)
        onglet.get_by_role("alert").filter(has_text=phrase).wait_for()
        assert onglet.locator("#resultat").is_hidden()


def test_un_fichier_trop_lourd_a_sa_phrase(onglet):
    message = onglet.evaluate(
        """async () => (await import("./page.js")).classer(new Blob([new Uint8Array(2 ** 26)]))
          .then(() => "classé", (erreur) => erreur.message)"""
    )
    assert "pèse 64 Mo" in message


def test_apres_une_visite_la_page_s_ouvre_sans_reseau(onglet, serveur):
    onglet.locator("body[data-gardee]").wait_for()
    serveur.shutdown()  # le dernier test de ce fichier : le serveur ne revient pas
    serveur.server_close()
    onglet.reload()
    onglet.locator("body[data-pret]").wait_for()
    onglet.locator("#fichier").set_input_files(PANTALON)
    onglet.get_by_role("heading", name=re.compile("pantalon")).wait_for()
