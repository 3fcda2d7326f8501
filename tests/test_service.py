"""Le service tel qu'il tourne : un vrai processus, des photos ordinaires et des envois hostiles."""

import asyncio
import base64
import io
import json
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image
from serveurs import arreter, demarrer

from outils.fichiers import RACINE

DELAI = 12  # secondes laissées à un envoi, dans ces tests : assez pour une machine chargée
PANTALON = (RACINE / "images" / "pantalon.jpg").read_bytes()
MO = 2**20


class Service:
    def __init__(self, processus, adresse, journal):
        self.processus, self.adresse, self.journal = processus, adresse, journal
        self.client = httpx.Client(base_url=adresse, timeout=120)
        self.port = int(adresse.rsplit(":", 1)[1])
        for _ in range(30):
            self.envoyer(PANTALON)
        self.memoire_avant = self.memoire()

    def memoire(self):
        return psutil.Process(self.processus.pid).memory_info().rss

    def envoyer(self, octets, nom="photo.jpg", champ="file"):
        return self.client.post("/predict/", files={champ: (nom, octets, "image/jpeg")})


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    journal = tmp_path_factory.mktemp("service") / "journal.txt"
    processus, adresse = demarrer(journal, SERVICE_DELAI=str(DELAI))
    try:
        assert processus.poll() is None, journal.read_text("utf-8")
        yield Service(processus, adresse, journal)
    finally:
        arreter(processus)


def en_octets(image, format_, **options):
    tampon = io.BytesIO()
    image.save(tampon, format_, **options)
    return tampon.getvalue()


def pantalon(mode="RGB"):
    return Image.open(io.BytesIO(PANTALON)).convert(mode)


def morceau_png(genre, donnees):
    return (
        struct.pack(">I", len(donnees))
        + genre
        + donnees
        + struct.pack(">I", zlib.crc32(genre + donnees))
    )


def bombe_png(cote, avant=b""):
    """Un petit PNG parfaitement valable de `cote` × `cote` pixels noirs."""
    lignes, zip_ = b"\0" * (1 + (cote + 7) // 8), zlib.compressobj(1)
    donnees = b"".join(zip_.compress(lignes * 500) for _ in range(cote // 500)) + zip_.flush()
    entete = morceau_png(b"IHDR", struct.pack(">IIBBBBB", cote, cote, 1, 0, 0, 0, 0))
    image = morceau_png(b"IDAT", donnees) + morceau_png(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + entete + avant + image


def verifier_erreur(reponse, code):
    assert reponse.status_code == code, reponse.text[:300]
    assert reponse.headers["content-type"] == "application/json"
    (contenu,) = reponse.json().values()
    assert list(reponse.json()) == ["erreur"]
    assert contenu["code"] == code
    assert len(contenu["message"]) > 10
    return contenu["message"]


# --- Ce que le service rend --------------------------------------------------------------------


def test_une_photo_ordinaire(service):
    reponse = service.envoyer(PANTALON)
    assert reponse.status_code == 200
    contenu = reponse.json()
    probabilites = contenu["probabilites"]
    assert contenu["classe"] == "Un pantalon" == max(probabilites, key=probabilites.get)
    assert contenu["probabilite"] == probabilites["Un pantalon"] > 0.5
    assert len(probabilites) == 10
    assert sum(probabilites.values()) == pytest.approx(1, abs=1e-4)
    photo = Image.open(io.BytesIO(base64.b64decode(contenu["image"])))
    assert (photo.format, photo.size) == ("JPEG", (360, 360))
    ecart = np.abs(np.asarray(photo.convert("RGB"), int) - np.asarray(pantalon(), int)).mean()
    assert ecart < 3
    assert Image.open(io.BytesIO(base64.b64decode(contenu["entree"]))).size == (28, 28)
    assert contenu["avertissements"] == []
    assert contenu["modele"]["nom"] == "reference"
    assert contenu["modele"]["version"]


def test_la_reponse_est_celle_du_reseau_keras_sur_la_meme_preparation(service):
    from outils.modele import charger_modele
    from outils.preparation import analyser_photo

    reseau = charger_modele(RACINE / "modele" / "reference")
    for nom in ("baskets.jpg", "manteau.png", "sac.png"):
        octets = (RACINE / "images" / nom).read_bytes()
        attendues = reseau(analyser_photo(octets).entree).numpy()[0]
        probabilites = service.envoyer(octets).json()["probabilites"]
        assert np.abs(np.array(list(probabilites.values())) - attendues).max() < 1e-4


def test_accueil_et_sante(service):
    assert "Bienvenue" in service.client.get("/").json()["message"]
    sante = service.client.get("/health").json()
    assert sante["etat"] == "prêt"
    assert sante["classes"][1] == "Un pantalon"
    assert sante["modele"]["nom"] == "reference"


def test_la_documentation_est_en_francais_avec_des_exemples(service):
    document = service.client.get("/openapi.json").json()
    predire = document["paths"]["/predict/"]["post"]
    assert predire["summary"] == "Classer une photo"
    assert {"200", "400", "408", "413", "415", "422", "503"} == set(predire["responses"])
    schemas = document["components"]["schemas"]
    assert schemas["Prediction"]["properties"]["classe"]["examples"] == ["Un pantalon"]
    assert schemas["Erreur"]["properties"]["erreur"]["examples"][0]["code"] == 415
    assert service.client.get("/docs").status_code == 200


def test_les_autres_sites_ne_sont_pas_admis_par_defaut(service):
    reponse = service.client.get("/health", headers={"Origin": "https://ailleurs.example"})
    assert "access-control-allow-origin" not in reponse.headers


def exotiques():
    plein = pantalon()
    gris = np.asarray(pantalon("L"))
    yield "gris", en_octets(pantalon("L"), "PNG")
    yield "16 bits", en_octets(Image.fromarray(gris.astype(np.uint16) * 257), "PNG")
    yield "CMJN", en_octets(plein.convert("CMYK"), "JPEG")
    yield "palette", en_octets(plein.quantize(64), "PNG")
    yield "progressif", en_octets(plein, "JPEG", progressive=True)
    rvba = np.dstack([np.asarray(plein), np.where(gris < 235, 255, 0).astype(np.uint8)])
    rvba[rvba[..., 3] == 0, :3] = 0  # sous la transparence, du noir
    yield "transparent sur noir caché", en_octets(Image.fromarray(rvba), "PNG")
    exif = Image.Exif()
    exif[0x0112] = 6  # « tourner d'un quart de tour à droite pour regarder »
    couchee = plein.transpose(Image.Transpose.ROTATE_90)
    yield "couchée, redressée par l'EXIF", en_octets(couchee, "JPEG", exif=exif, quality=95)
    yield "MPO", en_octets(plein, "MPO", save_all=True, append_images=[plein])
    yield "grande", en_octets(plein.resize((4000, 4000)), "JPEG", quality=80)


@pytest.mark.parametrize(
    ("nom", "octets"), [*exotiques()], ids=lambda v: v if type(v) is str else ""
)
def test_les_formes_rares_mais_legitimes_donnent_la_meme_classe(service, nom, octets):
    reponse = service.envoyer(octets, "IMG_0001.HEIC")  # le nom et le type annoncés ne comptent pas
    assert reponse.status_code == 200, reponse.text
    assert reponse.json()["classe"] == "Un pantalon"


# --- Les envois hostiles ---------------------------------------------------------------------


def texte_comprime():
    """Un PNG dont les textes se décompressent en 400 Mo."""
    texte = morceau_png(b"zTXt", b"note\0\0" + zlib.compress(b"a" * MO, 9))
    return bombe_png(500, avant=texte * 400)


def jpeg_aux_mille_passes():
    """Un JPEG progressif dont une passe est répétée : minuscule, et très long à décoder."""
    image = en_octets(Image.new("RGB", (4000, 4000), "navy"), "JPEG", progressive=True)
    debuts = [i for i in range(len(image) - 1) if image[i : i + 2] == b"\xff\xda"]
    passe = image[debuts[-1] : image.rindex(b"\xff\xd9")]
    return image[: debuts[-1]] + passe * 1000 + b"\xff\xd9"


def hostiles():
    petite = pantalon().resize((40, 40))
    jpeg, png = PANTALON, en_octets(pantalon(), "PNG")
    yield "vide", 400, b""
    yield "texte renommé", 415, b"Bonjour, je suis une photo. " * 50
    yield "SVG", 415, b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9"/></svg>'
    yield "page web", 415, b"<!DOCTYPE html><html></html>"
    for format_ in ("GIF", "WEBP", "BMP", "TIFF"):
        yield format_, 415, en_octets(petite, format_)
    yield "JPEG coupé", 422, jpeg[:5000]
    yield "JPEG coupé tôt", 422, jpeg[:200]
    yield "PNG coupé", 422, png[: len(png) // 2]
    yield "PNG coupé tôt", 422, png[:30]
    yield "JPEG réduit à sa signature", 422, b"\xff\xd8\xff"
    yield "PNG réduit à sa signature", 422, png[:8]
    yield "PNG au milieu brouillé", 422, png[:4000] + bytes(4000) + png[8000:]
    yield "textes comprimés", 422, texte_comprime()
    yield "JPEG aux mille passes", 422, jpeg_aux_mille_passes()
    yield "13000 × 13000", 413, bombe_png(13_000)
    yield "30000 × 30000", 413, bombe_png(30_000)
    yield "1 × 1", 422, en_octets(Image.new("RGB", (1, 1)), "PNG")
    yield "filiforme", 422, en_octets(Image.new("RGB", (9000, 10)), "PNG")
    yield "unie", 422, en_octets(Image.new("RGB", (300, 300), "teal"), "JPEG")
    yield "toute transparente", 422, en_octets(Image.new("RGBA", (300, 300)), "PNG")
    yield "8 Mo et un octet", 413, jpeg + bytes(8 * MO + 1 - len(jpeg))


@pytest.mark.parametrize(
    ("nom", "code", "octets"), [*hostiles()], ids=lambda v: v if type(v) is str else ""
)
def test_un_fichier_hostile_recoit_une_explication(service, nom, code, octets):
    message = verifier_erreur(service.envoyer(octets, "secret-de-famille.jpg"), code)
    assert "secret" not in message
    assert "Traceback" not in message


MULTIPART = {"content-type": "multipart/form-data; boundary=b"}
PARTIE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n'


def formulaires():
    json_ = {"content-type": "application/json"}
    deux_mille = b"".join(PARTIE % (b"a.jpg", b"x") for _ in range(2000)) + b"--b--\r\n"
    yield "demande vide", 400, {}, b""
    yield "JSON", 422, json_, b'{"file": "photo.jpg"}'
    yield "photo nue, sans formulaire", 422, {"content-type": "image/jpeg"}, PANTALON
    yield "sans type", 422, {}, PANTALON
    yield "sans frontière", 400, {"content-type": "multipart/form-data"}, PANTALON
    yield "autre champ", 422, MULTIPART, PARTIE.replace(b'"file"', b'"photo"') % (b"a", PANTALON)
    yield "formulaire coupé", 422, MULTIPART, PARTIE % (b"a.jpg", PANTALON)
    yield (
        "champ de texte",
        422,
        MULTIPART,
        PARTIE.replace(b'; filename="%s"', b"") % b"x" + b"--b--",
    )
    yield "nom de 60 000 caractères", 400, MULTIPART, PARTIE % (b"a" * 60_000, PANTALON)
    yield "2 000 fichiers", 400, MULTIPART, deux_mille
    yield "octets au hasard", 400, MULTIPART, np.random.default_rng(0).bytes(200_000)
    yield "retours à la ligne", 422, MULTIPART, b"\r\n--" * MO


@pytest.mark.parametrize(
    ("nom", "code", "entetes", "corps"), [*formulaires()], ids=lambda v: v if type(v) is str else ""
)
def test_une_demande_mal_formee_recoit_une_explication(service, nom, code, entetes, corps):
    reponse = service.client.post("/predict/", content=corps, headers=entetes)
    if nom in ("formulaire coupé", "retours à la ligne", "nom de 60 000 caractères"):
        assert reponse.status_code in (400, 422)
        code = reponse.status_code
    verifier_erreur(reponse, code)


@pytest.mark.parametrize(
    ("methode", "chemin", "code"),
    [("GET", "/predict/", 405), ("DELETE", "/", 405), ("GET", "/admin", 404), ("POST", "/x", 404)],
)
def test_une_mauvaise_adresse_recoit_une_explication(service, methode, chemin, code):
    verifier_erreur(service.client.request(methode, chemin, content=b"x"), code)


@pytest.mark.parametrize("annonce", [True, False], ids=["annoncés", "par morceaux"])
def test_cent_megaoctets(service, annonce):
    contenu = (bytes(MO) for _ in range(100))
    entetes = {**MULTIPART, **({"content-length": str(100 * MO)} if annonce else {})}
    avant = service.memoire()
    verifier_erreur(service.client.post("/predict/", content=contenu, headers=entetes), 413)
    assert service.memoire() - avant < 30 * MO


def test_curl_n_envoie_pas_une_photo_trop_lourde(service):
    # « Expect: 100-continue » : le client attend l'avis du service avant d'envoyer.
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as prise:
        prise.sendall(
            b"POST /predict/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Content-Length: 500000000\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n"
        )
        assert b" 413 " in prise.recv(4096).split(b"\r\n")[0]


def test_deux_cents_envois_en_panne_ne_genent_personne(service):
    debut = b"POST /predict/ HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n"
    debut += b"Content-Type: multipart/form-data; boundary=b\r\n\r\n" + b"x" * 1000

    async def en_panne():
        lecteur, ecrivain = await asyncio.open_connection("127.0.0.1", service.port)
        ecrivain.write(debut)
        reponse = await lecteur.read()
        ecrivain.close()
        return reponse

    async def tous():
        pannes = [asyncio.create_task(en_panne()) for _ in range(200)]
        await asyncio.sleep(0.5)
        servies = [await asyncio.to_thread(service.envoyer, PANTALON) for _ in range(10)]
        encore = sum(not panne.done() for panne in pannes)
        return servies, encore, await asyncio.gather(*pannes)

    servies, encore, reponses = asyncio.run(tous())
    assert [r.status_code for r in servies] == [200] * 10
    assert encore == 200  # les dix photos ont été servies pendant la panne
    assert all(r.startswith(b"HTTP/1.1 408 ") and b'{"erreur"' in r for r in reponses)


def test_la_saturation_se_dit(service):
    lourde = en_octets(pantalon().resize((3000, 3000)), "JPEG")
    with ThreadPoolExecutor(100) as fils:
        reponses = list(
            fils.map(
                lambda _: httpx.post(
                    f"{service.adresse}/predict/", files={"file": lourde}, timeout=300
                ),
                range(100),
            )
        )
    codes = {r.status_code for r in reponses}
    assert codes == {200, 503}
    for reponse in reponses:
        if reponse.status_code == 503:
            assert "saturé" in verifier_erreur(reponse, 503)
            assert reponse.headers["retry-after"]
    assert service.envoyer(PANTALON).status_code == 200


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="lit /proc, propre à Linux")
def test_de_grandes_photos_tiennent_dans_un_petit_hebergement(service):
    grande = pantalon("RGBA").resize((4990, 4990), Image.Resampling.NEAREST)
    grande.putpixel((0, 0), (0, 0, 0, 0))  # une transparence : le cas le plus gourmand
    octets = en_octets(grande, "PNG", compress_level=1)
    with ThreadPoolExecutor(4) as fils:
        reponses = list(fils.map(service.envoyer, [octets] * 4))
    assert [r.status_code for r in reponses] == [200] * 4
    etat = (Path("/proc") / str(service.processus.pid) / "status").read_text()
    assert int(etat.split("VmHWM:")[1].split()[0]) < 512 * 1024  # ko : l'offre gratuite de Render


def test_schemathesis_ne_trouve_rien(service, tmp_path):
    commande = [sys.executable, "-m", "schemathesis.cli", "run", f"{service.adresse}/openapi.json"]
    commande += ["--max-examples=50", "--seed=13", "--checks=all", "--no-color"]
    commande += ["--request-timeout=60"]
    # Une photo valable ne s'invente pas : les octets tirés au hasard sont refusés, à raison.
    commande += ["--exclude-checks=positive_data_acceptance"]
    reponse = subprocess.run(
        commande, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=600
    )
    assert reponse.returncode == 0, reponse.stdout[-3000:] + reponse.stderr[-1000:]


def test_le_journal_a_une_ligne_json_par_demande_et_rien_de_la_photo(service):
    service.envoyer(PANTALON, "secret-de-famille.jpg")
    texte = service.journal.read_text("utf-8")
    lignes = [json.loads(ligne) for ligne in texte.splitlines() if ligne.startswith("{")]
    derniere = lignes[-1]
    assert (derniere["methode"], derniere["chemin"], derniere["code"]) == ("POST", "/predict/", 200)
    assert derniere["classe"] == "Un pantalon"
    assert derniere["ms"] > 0
    assert "secret" not in texte
    assert "Traceback" not in texte
    debuts = ("{", "INFO", "WARNING:  Invalid HTTP request received.")
    autres = [ligne for ligne in texte.splitlines() if not ligne.startswith(debuts)]
    assert autres == []


def test_la_memoire_est_rendue(service):
    for _ in range(5):
        service.envoyer(PANTALON)
    assert service.memoire() - service.memoire_avant < 50 * MO


def test_un_site_nomme_dans_les_reglages_est_admis(tmp_path):
    site = "https://ecole.example"
    processus, adresse = demarrer(tmp_path / "journal.txt", SERVICE_ORIGINES=site)
    try:
        reponse = httpx.get(f"{adresse}/health", headers={"Origin": site})
        assert reponse.headers["access-control-allow-origin"] == site
        reponse = httpx.get(f"{adresse}/health", headers={"Origin": "https://ailleurs.example"})
        assert "access-control-allow-origin" not in reponse.headers
    finally:
        arreter(processus)


# --- Démarrer, s'arrêter -----------------------------------------------------------------------


def test_l_arret_laisse_finir_la_photo_commencee(tmp_path):
    journal = tmp_path / "journal.txt"
    processus, adresse = demarrer(journal)
    corps = PARTIE % (b"a.jpg", PANTALON) + b"--b--\r\n"
    entetes = "POST /predict/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
    entetes += f"Content-Length: {len(corps)}\r\nContent-Type: {MULTIPART['content-type']}\r\n\r\n"
    try:
        port = int(adresse.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as prise:
            prise.sendall(entetes.encode())
            assert b" 100 " in prise.recv(4096)  # le service s'en occupe : il attend la photo
            processus.send_signal(signal.SIGTERM)
            while "Shutting down" not in journal.read_text("utf-8"):
                assert processus.poll() is None
                time.sleep(0.01)
            prise.sendall(corps)
            with prise.makefile("rb") as reponse:
                assert b" 200 " in reponse.readline()
                assert "Un pantalon" in reponse.read().decode("utf-8")
        processus.wait(60)
    finally:
        arreter(processus)


def test_il_refuse_de_demarrer_sur_un_modele_depareille(tmp_path):
    for nom in ("modele.tflite", "modele.fiche.json"):
        (tmp_path / nom).write_bytes((RACINE / "modele" / "reference" / nom).read_bytes())
    fiche = json.loads((tmp_path / "modele.fiche.json").read_text("utf-8"))
    fiche["classes"].pop()
    (tmp_path / "modele.fiche.json").write_text(json.dumps(fiche), encoding="utf-8")
    processus, _ = demarrer(tmp_path / "journal.txt", SERVICE_MODELE=str(tmp_path))
    assert processus.wait(120) != 0
    texte = (tmp_path / "journal.txt").read_text("utf-8")
    assert "Le réseau rend 10 nombres" in texte
    assert "9 classes" in texte
