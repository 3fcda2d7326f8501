"""Le service : une photo de vêtement entre, sa classe et ses probabilités sortent.

    uvicorn service.api:app --app-dir analyse_image

Ni TensorFlow ni Keras : le réseau écrit par `service.exporter.exporter_modele`, et la préparation des labos.
Réglages, par variables d'environnement : SERVICE_MODELE (dossier du modèle), SERVICE_TRAVAUX (photos traitées
à la fois), SERVICE_ORIGINES (sites admis par CORS), et SERVICE_DELAI (voir portier.py).
"""

import asyncio
import base64
import ctypes
import io
import json
import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import numpy as np
from fastapi import FastAPI, File, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from PIL import Image, PngImagePlugin
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser

from outils import preparation
from service.portier import DEMANDE_MAX, MO, Portier, Refus, erreur, journal
from service.reseau import ReseauExporte

TRAVAUX = int(os.environ.get("SERVICE_TRAVAUX", "2"))
PLACES = 32 + TRAVAUX  # photos en cours ; au-delà, « saturé » plutôt qu'une longue attente
PIXELS_MAX, PASSES_MAX = 25_000_000, 100  # un JPEG progressif a une dizaine de passes
PIXELS_GRANDE, UNE_GRANDE = 4_000_000, threading.Lock()  # un PNG décodé tient jusqu'à 200 Mo
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


class Prediction(BaseModel):
    classe: str = Field(examples=["Un pantalon"])
    probabilite: float = Field(ge=0, le=1, examples=[0.9985])
    probabilites: dict[str, float] = Field(examples=[{"Un pantalon": 0.9985, "Une robe": 0.0015}])
    image: str = Field(description="La photo, à l'endroit, 512 pixels au plus : JPEG en base64.")
    entree: str = Field(description="Ce que voit le réseau : PNG en base64.")
    avertissements: list[str] = Field(description="Ce qui peut tromper le réseau, et le remède.")
    modele: dict[str, str] = Field(
        examples=[{"nom": "reference", "version": "2026-11-21-55249d2b"}]
    )


class Erreur(BaseModel):
    erreur: dict[str, int | str] = Field(examples=[{"code": 415, "message": "Ni JPEG ni PNG."}])


PHRASES = {400: "Demande vide ou mal formée", 408: "Trop lent", 413: "Trop d'octets ou de pixels"}
PHRASES |= {
    415: "Ni JPEG ni PNG",
    422: "Photo abîmée ou champ absent",
    503: "En démarrage ou saturé",
}
REPONSES = {code: {"model": Erreur, "description": phrase} for code, phrase in PHRASES.items()}
Photo = Annotated[UploadFile, File(description="La photo d'un vêtement : JPEG ou PNG.")]


@asynccontextmanager
async def vivre(app):
    """Charge le réseau avant la première demande ; à l'arrêt, laisse finir les photos commencées."""
    journal.handlers, journal.propagate = [logging.StreamHandler(sys.stdout)], False
    journal.setLevel(logging.INFO)
    logging.getLogger("uvicorn.access").disabled = True  # nos lignes disent davantage
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # citerait ce qu'on reçoit
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(-3, 4 * MO)  # M_MMAP_THRESHOLD et M_TRIM_THRESHOLD : rendre au système
        libc.mallopt(-1, 8 * MO)  # la mémoire des grandes photos
    PngImagePlugin.MAX_TEXT_MEMORY, MultiPartParser.spool_max_size = 4 * MO, DEMANDE_MAX
    dossier = Path(__file__).resolve().parents[1]
    en_ligne = (dossier / "Procfile").is_file()  # le modèle est alors à côté
    defaut = dossier / "modele" if en_ligne else dossier.parent / "modele" / "reference"
    reseau = ReseauExporte.lire(os.environ.get("SERVICE_MODELE") or defaut)
    damier = Image.fromarray(np.indices((64, 64)).sum(axis=0).astype(np.uint8))
    preparation.preparer(damier, reseau.entree)  # refuse de démarrer sur un contrat intenable
    with ThreadPoolExecutor(TRAVAUX, "photo") as app.state.fils:
        app.state.reseau = reseau
        yield
        app.state.reseau = None


app = FastAPI(
    title="Quel vêtement est-ce ?",
    summary="Envoyez une photo de vêtement, recevez sa classe et ses probabilités.",
    description=f"JPEG ou PNG, {DEMANDE_MAX // MO} Mo et {PIXELS_MAX // 10**6} millions de pixels au "
    'plus. Toute erreur répond `{"erreur": {"code", "message"}}`, en français.',
    lifespan=vivre,
    redirect_slashes=False,
)
app.state.reseau, app.state.places = None, PLACES
app.add_middleware(Portier)
if "SERVICE_ORIGINES" in os.environ:
    origines = os.environ["SERVICE_ORIGINES"].split()
    app.add_middleware(CORSMiddleware, allow_origins=origines, allow_methods=["GET", "POST"])


@app.exception_handler(Refus)
async def refuser(requete, refus):
    return erreur(refus.code, refus.message)


@app.exception_handler(RequestValidationError)
async def refuser_formulaire(requete, e):
    code = 422 if requete.state.note["octets"] else 400
    return erreur(code, "Il manque la photo : un fichier, dans le champ « file » d'un formulaire.")


@app.exception_handler(HTTPException)
async def refuser_adresse(requete, e):
    phrases = {400: "Formulaire mal formé", 404: "Adresse inconnue", 405: "Méthode non admise ici"}
    phrase = f"{phrases.get(e.status_code, 'Demande refusée')}. Le mode d'emploi est dans /docs."
    return erreur(e.status_code, phrase, e.headers)


@app.exception_handler(Exception)
async def avouer(requete, e):  # la trace va au journal d'uvicorn, jamais au client
    return erreur(503, "Panne du service, notée. Réessayez, puis prévenez qui s'en occupe.")


def pret(requete):
    """Le réseau chargé ; 503 s'il ne l'est pas (démarrage, arrêt)."""
    if requete.app.state.reseau is None:
        raise Refus(503, "Le modèle n'est pas chargé : le service démarre ou s'arrête.")
    return requete.app.state.reseau


def en_base64(image, format_):
    tampon = io.BytesIO()
    image.save(tampon, format_)
    return base64.b64encode(tampon.getvalue()).decode()


def classer(reseau, octets):
    """Tout ce qui calcule, hors de la boucle d'événements : octets d'une photo → réponse (dict)."""
    if not octets:
        raise Refus(400, "Fichier vide (0 octet). Copiez de nouveau la photo.")
    if not octets.startswith((JPEG, PNG)):
        raise Refus(415, "Ni un JPEG ni un PNG, quel que soit son nom. Convertissez l'image.")
    if octets.startswith(JPEG) and octets.count(b"\xff\xda") > PASSES_MAX:
        raise Refus(422, "JPEG anormal : trop de passes. Enregistrez de nouveau la photo.")
    pixels = int.from_bytes(octets[16:20], "big") * int.from_bytes(octets[20:24], "big")
    seule = UNE_GRANDE if octets.startswith(PNG) and pixels > PIXELS_GRANDE else nullcontext()
    try:
        with seule:
            photo = preparation.ouvrir_photo(octets, ("JPEG", "PNG"), PIXELS_MAX)
        prete = preparation.preparer(photo, reseau.entree)
    except preparation.PhotoIllisible as e:
        raise Refus(413 if isinstance(e, preparation.PhotoDemesuree) else 422, str(e)) from None
    probabilites = [round(float(p), 6) for p in reseau.probabilites(prete.entree)]
    rang = int(np.argmax(probabilites))
    vue = (prete.entree[0] * (255 / reseau.blanc)).round().astype(np.uint8).squeeze()
    photo.thumbnail((512, 512))
    return {
        "classe": reseau.classes[rang],
        "probabilite": probabilites[rang],
        "probabilites": dict(zip(reseau.classes, probabilites, strict=True)),
        "image": en_base64(preparation.sur_blanc(photo), "JPEG"),
        "entree": en_base64(Image.fromarray(vue), "PNG"),
        "avertissements": prete.avertissements,
        "modele": reseau.identite,
    }


@app.get("/", summary="Bienvenue")
async def accueil() -> dict[str, str]:
    phrase = "Bienvenue ! Envoyez une photo de vêtement à /predict/ (POST, champ « file »)."
    return {"message": phrase, "mode d'emploi": "/docs", "santé": "/health"}


@app.get("/health", summary="Prêt ?", responses={503: REPONSES[503]})
async def sante(requete: Request) -> dict[str, str | list[str] | dict[str, str]]:
    reseau = pret(requete)
    return {"etat": "prêt", "classes": reseau.classes, "modele": reseau.identite}


@app.post("/predict/", summary="Classer une photo", response_model=Prediction, responses=REPONSES)
async def predire(requete: Request, file: Photo):
    etat, reseau = requete.app.state, pret(requete)
    if etat.places == 0:
        raise Refus(503, "Service saturé : trop de photos à la fois. Réessayez bientôt.")
    etat.places -= 1
    try:
        boucle, octets = asyncio.get_running_loop(), await file.read()
        reponse = await boucle.run_in_executor(etat.fils, classer, reseau, octets)
    finally:
        etat.places += 1
    requete.state.note["classe"] = reponse["classe"]
    return Response(json.dumps(reponse, ensure_ascii=False), media_type="application/json")
