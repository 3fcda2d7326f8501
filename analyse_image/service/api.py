"""Le service : une photo de vêtement entre, sa classe et ses probabilités sortent.

    uvicorn service.api:app --app-dir analyse_image --http h11

Ni TensorFlow ni Keras : le réseau écrit par `service.exporter.exporter_modele`, et la préparation des labos.
Réglages, par variables d'environnement : SERVICE_MODELE (dossier du modèle), SERVICE_ORIGINES (sites admis par
CORS), SERVICE_TRAVAUX et SERVICE_ATTENTE (voir atelier.py), SERVICE_DELAI (voir portier.py).
"""

import asyncio
import ctypes
import json
import logging
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
from fastapi import File, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline
from PIL import Image, PngImagePlugin
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser

from service import atelier
from service.portier import DEMANDE_MAX, MO, Portier, Refus, erreur, journal
from service.reponses import Modele, Prediction, Sante, erreurs
from service.reseau import ReseauExporte, preparer

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
    preparer(damier, reseau.entree)  # refuse de démarrer sur un contrat intenable
    app.state.ordinaires = atelier.File("ordinaires", atelier.TRAVAUX, atelier.PLACES)
    app.state.lourdes = atelier.File("lourdes", 1, atelier.PLACES_LOURDES)
    app.state.reseau = reseau
    yield
    app.state.reseau = None
    app.state.ordinaires.fermer()
    app.state.lourdes.fermer()


app = FastAPIOffline(  # FastAPI, dont /docs marche sans Internet
    title="Quel vêtement est-ce ?",
    summary="Envoyez une photo de vêtement, recevez sa classe et ses probabilités.",
    description=f"JPEG ou PNG, {DEMANDE_MAX // MO} Mo et {atelier.PIXELS_MAX // 10**6} millions de pixels au "
    'plus. Toute erreur répond `{"erreur": {"code", "message"}}`, en français ; `X-Request-ID` est son numéro '
    "dans le journal.",
    lifespan=vivre,
    redirect_slashes=False,
    redoc_url=None,
)
app.state.reseau = None
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


def pret(requete):
    """Le réseau chargé ; 503 s'il ne l'est pas (démarrage, arrêt)."""
    if requete.app.state.reseau is None:
        raise Refus(503, "Le modèle n'est pas chargé : le service démarre ou s'arrête.")
    return requete.app.state.reseau


@app.get("/", summary="Bienvenue")
async def accueil() -> dict[str, str]:
    phrase = "Bienvenue ! Envoyez une photo de vêtement à /predict/ (POST, champ « file »)."
    return {"message": phrase, "mode d'emploi": "/docs", "santé": "/health"}


@app.get("/health/live", summary="Vivant ?")
async def vivant() -> dict[str, str]:
    return {"etat": "vivant"}


@app.get("/health/ready", summary="Prêt ?", response_model=Sante, responses=erreurs(503))
@app.get("/health", summary="Prêt ?", response_model=Sante, responses=erreurs(503))
async def sante(requete: Request):
    reseau = pret(requete)
    return {"etat": "prêt", "classes": reseau.classes, "modele": reseau.identite}


@app.get("/modele", summary="Quel modèle ?", response_model=Modele, responses=erreurs(503))
async def modele(requete: Request):
    reseau = pret(requete)
    return reseau.identite | {"classes": reseau.classes, "entree": reseau.entree}


@app.get("/metrics", summary="Mesures, au format Prometheus", response_class=Response)
async def mesures():
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@app.post(
    "/predict/",
    summary="Classer une photo",
    response_model=Prediction,
    responses=erreurs(400, 408, 413, 415, 422, 500, 503),
)
async def predire(requete: Request, file: Photo):
    etat, reseau = requete.app.state, pret(requete)
    if len((await requete.form()).getlist("file")) > 1:
        raise Refus(422, "Une photo à la fois : un seul champ « file ».")
    octets = await file.read()
    await file.close()  # sa mémoire est rendue
    poids = await asyncio.to_thread(atelier.juger, octets)
    file_d_attente = etat.ordinaires if atelier.est_ordinaire(poids) else etat.lourdes
    reponse = await file_d_attente.faire(requete, atelier.classer, reseau, octets, poids)
    requete.state.note["classe"] = reponse["classe"]
    return Response(json.dumps(reponse, ensure_ascii=False), media_type="application/json")
