"""Le service tel qu'il tourne : un vrai processus, des photos ordinaires et des envois hostiles."""

import asyncio
import base64
import io
import json
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
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
from starlette.requests import ClientDisconnect

from outils.fichiers import RACINE
from outils.preparation import analyser_photo
from service import atelier
from service.portier import Portier, Refus, journal
from service.reseau import ReseauExporte

DELAI = 12  # secondes laissées à un envoi, dans ces tests : assez pour une machine chargée
PANTALON = (RACINE / "images" / "pantalon.jpg").read_bytes()
MO = 2**20
PLEINE = PANTALON + bytes(2 * MO)  # une photo de deux mégaoctets


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

    def ligne(self, reponse):
        """La ligne du journal qui note cette réponse : elle y vient juste après le départ de la réponse."""
        numero = reponse.headers["x-request-id"]
        for _ in range(3000):
            for ligne in self.journal.read_text("utf-8").splitlines():
                if f'"id": "{numero}"' in ligne:
                    return json.loads(ligne)
            time.sleep(0.02)
        raise AssertionError(f"rien au journal sous le numéro {numero}")

    def envoyer(self, octets, nom="photo.jpg", champ="file"):
        return self.client.post("/predict/", files={champ: (nom, octets, "image/jpeg")})


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    journal = tmp_path_factory.mktemp("service") / "journal.txt"
    processus, adresse = demarrer(journal, SERVICE_DELAI=str(DELAI), SERVICE_ATTENTE="300")
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


def test_la_reponse_est_celle_du_reseau_sur_la_preparation_des_labos(service):
    reseau = ReseauExporte.lire(RACINE / "modele" / "reference")
    for nom in ("baskets.jpg", "manteau.png", "sac.png"):
        octets = (RACINE / "images" / nom).read_bytes()
        attendues = reseau.probabilites(analyser_photo(octets).entree)
        probabilites = service.envoyer(octets).json()["probabilites"]
        assert np.abs(np.array(list(probabilites.values())) - attendues).max() < 1e-4


def test_un_reseau_qui_hesite_le_dit(monkeypatch):
    reseau = ReseauExporte.lire(RACINE / "modele" / "reference")
    monkeypatch.setattr(reseau, "probabilites", lambda entree: np.full(10, 0.1))
    (phrase,) = atelier.classer(reseau, PANTALON)["avertissements"]
    assert "aucune des 10 classes" in phrase


def test_accueil_sante_et_modele(service):
    assert "Bienvenue" in service.client.get("/").json()["message"]
    assert service.client.get("/health/live").json() == {"etat": "vivant"}
    sante = service.client.get("/health").json()
    assert sante == service.client.get("/health/ready").json()
    assert sante["etat"] == "prêt"
    assert sante["classes"][1] == "Un pantalon"
    modele = service.client.get("/modele").json()
    assert modele["classes"] == sante["classes"]
    assert {nom: modele[nom] for nom in ("nom", "version")} == sante["modele"]
    assert modele["entree"]["forme"] == [28, 28, 1]
    for chemin in ("/", "/health"):
        reponse = service.client.head(chemin)
        assert (reponse.status_code, reponse.content) == (200, b"")


def test_la_documentation_est_en_francais_avec_un_exemple_par_erreur(service):
    document = service.client.get("/openapi.json").json()
    predire = document["paths"]["/predict/"]["post"]
    assert predire["summary"] == "Classer une photo"
    erreurs = {"400", "408", "413", "415", "422", "500", "503"}
    assert {"200"} | erreurs == set(predire["responses"])
    exemples = {}
    for code in erreurs:
        contenu = predire["responses"][code]["content"]["application/json"]
        assert contenu["schema"] == {"$ref": "#/components/schemas/Erreur"}
        exemples[code] = contenu["example"]["erreur"]["message"]
        assert contenu["example"]["erreur"]["code"] == int(code)
    assert len(set(exemples.values())) == len(erreurs)
    schemas = document["components"]["schemas"]
    assert schemas["Prediction"]["properties"]["classe"]["examples"] == ["Un pantalon"]
    assert schemas["Detail"]["properties"]["code"]["type"] == "integer"


def test_la_documentation_se_lit_sans_internet(service):
    page = service.client.get("/docs").text
    assert re.findall(r"(?:src|href)=.https?:", page) == []
    for fichier in re.findall(r'(?:src|href)="(/[^"]+)"', page):
        assert service.client.get(fichier).status_code == 200


def test_chaque_demande_a_son_numero_et_se_compte(service):
    def comptes():
        texte = service.client.get("/metrics").text
        return {
            ligne.rsplit(" ", 1)[0]: float(ligne.rsplit(" ", 1)[1])
            for ligne in texte.splitlines()
            if ligne.startswith("service_")
        }

    servies = 'service_demandes_total{chemin="/predict/",code="200"}'
    avant = comptes()[servies]
    reponses = [service.envoyer(PANTALON) for _ in range(3)]
    assert len({reponse.headers["x-request-id"] for reponse in reponses}) == 3
    assert [service.ligne(reponse)["code"] for reponse in reponses] == [200] * 3
    apres = comptes()
    assert apres[servies] == avant + 3
    assert apres['service_duree_seconds_count{chemin="/predict/"}'] >= avant + 3
    assert apres['service_places_occupees{file="ordinaires"}'] == 0
    entete = {"X-Request-ID": "hebergeur-42"}
    reponse = service.client.get("/adresse/inventee", headers=entete)
    assert reponse.headers["x-request-id"] == "hebergeur-42"
    assert 'service_demandes_total{chemin="autre",code="404"}' in comptes()
    entete = {"X-Request-ID": "<script>" * 50}
    assert "script" not in service.client.get("/", headers=entete).headers["x-request-id"]


def test_une_panne_est_un_500_note_sous_son_numero(caplog, monkeypatch):
    async def en_panne(scope, receive, send):
        raise ZeroDivisionError("un défaut du programme")

    async def demander():
        transport = httpx.ASGITransport(Portier(en_panne))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.get("/")

    monkeypatch.setattr(journal, "propagate", True)
    with caplog.at_level("INFO", "service"):
        reponse = asyncio.run(demander())
    numero = reponse.headers["x-request-id"]
    assert numero in verifier_erreur(reponse, 500)
    assert "défaut" not in reponse.text
    ligne = json.loads(caplog.messages[-1])
    assert (ligne["id"], ligne["code"]) == (numero, 500)
    assert "ZeroDivisionError" in ligne["trace"]


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


def aux_passes(jpeg, nombre):
    """Ce JPEG progressif, sa dernière passe répétée : à peine plus gros, et très long à décoder."""
    debuts = [trouvee.start() for trouvee in re.finditer(b"\xff\xda", jpeg)]
    return jpeg[:-2] + jpeg[debuts[-1] : -2] * (nombre - len(debuts)) + jpeg[-2:]


def qui_se_dit_grand(jpeg, cote):
    """Ce JPEG progressif, dont l'en-tête annonce `cote` × `cote` pixels."""
    taille = jpeg.index(b"\xff\xc2") + 5
    return jpeg[:taille] + struct.pack(">HH", cote, cote) + jpeg[taille + 4 :]


def progressif(cote, mode="RGB"):
    return en_octets(grande(cote, mode), "JPEG", progressive=True, quality=30)


def grande(cote, mode="RGB"):
    return pantalon(mode).resize((cote, cote), Image.Resampling.NEAREST)


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
    yield "JPEG aux mille passes", 413, qui_se_dit_grand(aux_passes(progressif(40), 1000), 4000)
    yield "JPEG aux mille segments", 413, jpeg[:2] + b"\xff\xfe\0\2" * 20_000 + jpeg[2:]
    yield "PNG aux mille blocs", 413, bombe_png(500, avant=morceau_png(b"abCd", b"") * 20_000)
    yield "CMJN progressif de 25 Mpx", 413, qui_se_dit_grand(progressif(40, "CMYK"), 5000)
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
    yield "deux photos", 422, MULTIPART, PARTIE % (b"a", b"x") + PARTIE % (b"b", b"y") + b"--b--"
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


def test_un_entete_demesure_n_est_pas_garde(service):
    avant = service.memoire()
    prise = socket.create_connection(("127.0.0.1", service.port), timeout=60)
    with prise, pytest.raises(OSError):  # le service raccroche
        prise.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Grand: ")
        for _ in range(30):
            prise.sendall(b"a" * MO)
    assert service.memoire() - avant < 5 * MO


def test_des_envois_en_panne_ne_genent_personne(service):
    debut = b"POST /predict/ HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n"
    debut += b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"

    async def en_panne(octets):
        lecteur, ecrivain = await asyncio.open_connection("127.0.0.1", service.port)
        ecrivain.write(debut + b"x" * octets)
        reponse = await lecteur.read()
        ecrivain.close()
        return reponse

    async def tous():
        grandes = [asyncio.create_task(en_panne(7_900_000)) for _ in range(4)]
        petites = [asyncio.create_task(en_panne(1000)) for _ in range(100)]
        # Après une seconde sans rien envoyer, on peut céder sa place : le temps que tous en soient là.
        for _ in range(20):
            await asyncio.sleep(1)
            if (await asyncio.to_thread(service.envoyer, PLEINE)).status_code == 200:
                break
        servies = [await asyncio.to_thread(service.envoyer, PLEINE) for _ in range(5)]
        encore = sum(not panne.done() for panne in petites)
        return servies, encore, await asyncio.gather(*grandes, *petites)

    servies, encore, reponses = asyncio.run(tous())
    assert [r.status_code for r in servies] == [200] * 5
    assert encore  # les photos ont été servies pendant la panne
    assert all(r.startswith(b"HTTP/1.1 408 ") and b'{"erreur"' in r for r in reponses)
    assert any(b"d'autres attendent" in r for r in reponses[:4])


def test_la_saturation_se_dit(service):
    lourde = en_octets(grande(1700), "PNG", compress_level=1)
    with ThreadPoolExecutor(60) as fils:
        reponses = list(fils.map(service.envoyer, [lourde] * 60))
    assert {r.status_code for r in reponses} == {200, 503}
    for reponse in reponses:
        if reponse.status_code == 503:
            assert "saturé" in verifier_erreur(reponse, 503)
            assert reponse.headers["retry-after"]
    assert service.envoyer(PANTALON).status_code == 200


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="lit /proc, propre à Linux")
def test_un_siege_ne_prend_ni_la_memoire_ni_le_tour_des_autres(service):
    rgba = grande(3540, "RGBA")
    rgba.putpixel((0, 0), (0, 0, 0, 0))  # une transparence, et à tourner : le cas le plus gourmand
    exif = Image.Exif()
    exif[0x0112] = 6
    lourdes = [
        progressif(3140, "CMYK"),
        aux_passes(progressif(1990), 99),
        en_octets(rgba, "PNG", compress_level=1, exif=exif),
        en_octets(grande(1024).resize((1000, 12_500)).convert("CMYK"), "JPEG"),
    ]

    async def tous():
        attaques = [asyncio.create_task(asyncio.to_thread(service.envoyer, x)) for x in lourdes * 2]
        await asyncio.to_thread(attendre_les_lourdes, service.adresse, 4)
        servies = [await asyncio.to_thread(service.envoyer, PANTALON)]
        servies.append(await asyncio.to_thread(service.client.get, "/health"))
        encore = sum(not attaque.done() for attaque in attaques)
        return servies, encore, await asyncio.gather(*attaques)

    servies, encore, reponses = asyncio.run(tous())
    assert [r.status_code for r in servies] == [200] * 2
    assert encore >= 2  # servies avant celles qui étaient là d'abord
    assert [r.status_code for r in reponses] == [200] * 8
    etat = (Path("/proc") / str(service.processus.pid) / "status").read_text()
    assert int(etat.split("VmHWM:")[1].split()[0]) < 300 * 1024  # ko, depuis le début de ces tests


def attendre_les_lourdes(adresse, nombre):
    """Attend que `nombre` photos lourdes soient en cours ou en attente."""
    for _ in range(3000):
        mesures = httpx.get(f"{adresse}/metrics", timeout=120).text
        occupees = re.search(r'service_places_occupees\{file="lourdes"\} (\d+)', mesures)
        if int(occupees[1]) >= nombre:
            return
        time.sleep(0.02)
    raise AssertionError("les photos lourdes ne sont pas arrivées")


@pytest.mark.parametrize("cause", ["départ", "attente"])
def test_un_travail_abandonne_n_est_pas_fait(monkeypatch, cause):
    class Demande:
        async def receive(self):
            await asyncio.sleep(0.1 if cause == "départ" else 3600)
            return {"type": "http.disconnect"}

    monkeypatch.setattr(atelier, "ATTENTE", 0.1 if cause == "attente" else 3600)
    verrou, faits = threading.Event(), []
    file = atelier.File("essai", 1, 2)
    file.fils.submit(verrou.wait)  # un premier travail occupe le seul fil
    with pytest.raises(ClientDisconnect if cause == "départ" else Refus):
        asyncio.run(file.faire(Demande(), faits.append, "fait"))
    verrou.set()
    file.fermer()
    assert (faits, file.places) == ([], 2)


def test_schemathesis_ne_trouve_rien(service, tmp_path):
    commande = [sys.executable, "-m", "schemathesis.cli", "run", f"{service.adresse}/openapi.json"]
    commande += ["--max-examples=15", "--seed=13", "--checks=all", "--no-color"]
    commande += ["--request-timeout=60"]
    # Une photo valable ne s'invente pas : les octets tirés au hasard sont refusés, à raison.
    commande += ["--exclude-checks=positive_data_acceptance"]
    reponse = subprocess.run(
        commande, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=600
    )
    assert reponse.returncode == 0, reponse.stdout[-3000:] + reponse.stderr[-1000:]


def test_le_journal_a_une_ligne_json_par_demande_et_rien_de_la_photo(service):
    ligne = service.ligne(service.envoyer(PANTALON, "secret-de-famille.jpg"))
    assert (ligne["methode"], ligne["chemin"], ligne["code"]) == ("POST", "/predict/", 200)
    assert ligne["classe"] == "Un pantalon"
    assert ligne["ms"] > 0
    texte = service.journal.read_text("utf-8")
    lignes = [json.loads(ligne) for ligne in texte.splitlines() if ligne.startswith("{")]
    assert len({ligne["id"] for ligne in lignes}) == len(lignes)
    assert "secret" not in texte
    assert "Traceback" not in texte
    debuts = ("{", "INFO", "WARNING:  Invalid HTTP request received.")
    autres = [ligne for ligne in texte.splitlines() if not ligne.startswith(debuts)]
    assert autres == []


def test_la_memoire_est_rendue(service):
    for _ in range(5):
        service.envoyer(PANTALON)
    assert service.memoire() - service.memoire_avant < 50 * MO


def envoyer_a_l_arret(adresse, octets):
    """Le code de la réponse ; une demande que le service a commencé à lire doit en avoir une."""
    try:
        return httpx.post(f"{adresse}/predict/", files={"file": octets}, timeout=120).status_code
    except (httpx.ConnectError, httpx.ReadError):
        return "arrivé trop tard"


def test_l_arret_repond_a_chacun_et_laisse_finir_la_photo_commencee(tmp_path):
    journal, site = tmp_path / "journal.txt", "https://ecole.example"
    processus, adresse = demarrer(journal, SERVICE_ORIGINES=site)
    corps = PARTIE % (b"a.jpg", PANTALON) + b"--b--\r\n"
    entetes = "POST /predict/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
    entetes += f"Content-Length: {len(corps)}\r\nContent-Type: {MULTIPART['content-type']}\r\n\r\n"
    lourde = aux_passes(progressif(1990), 99)
    try:
        for origine, admise in ((site, site), ("https://ailleurs.example", None)):
            reponse = httpx.get(f"{adresse}/health", headers={"Origin": origine})
            assert reponse.headers.get("access-control-allow-origin") == admise
        port = int(adresse.rsplit(":", 1)[1])
        with (
            ThreadPoolExecutor(4) as fils,
            socket.create_connection(("127.0.0.1", port), timeout=60) as prise,
        ):
            envois = [fils.submit(envoyer_a_l_arret, adresse, lourde) for _ in range(4)]
            attendre_les_lourdes(adresse, 1)
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
            assert {envoi.result() for envoi in envois} <= {200, 503, "arrivé trop tard"}
        processus.wait(60)
    finally:
        arreter(processus)


def test_une_demande_coupee_par_l_arret_recoit_un_503():
    envois = []

    async def jamais():
        await asyncio.sleep(3600)

    async def envoyer(message):
        envois.append(message)

    async def couper():
        scope = {"type": "http", "method": "POST", "path": "/predict/", "headers": []}
        demande = asyncio.create_task(Portier(None)(scope, jamais, envoyer))
        await asyncio.sleep(0.1)
        demande.cancel()  # ce que fait uvicorn après --timeout-graceful-shutdown
        await demande

    asyncio.run(couper())
    assert [message.get("status") for message in envois] == [503, None]


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
