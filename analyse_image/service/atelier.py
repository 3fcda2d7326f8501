"""Le travail du service : juger une photo avant de la décoder, la classer, ne jamais faire trop à la fois.

SERVICE_TRAVAUX : photos ordinaires traitées à la fois. Les lourdes le sont une par une, à part : elles ne font
attendre qu'elles-mêmes. SERVICE_ATTENTE : secondes laissées à une photo, moins que le délai d'arrêt.
"""

import asyncio
import base64
import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
from PIL import Image
from prometheus_client import Gauge
from starlette.requests import ClientDisconnect

from outils import photos
from outils.preparation import avertir_du_doute
from service.poids import PNG, Poids, peser_photo
from service.portier import MO, Refus
from service.reseau import preparer

TRAVAUX = int(os.environ.get("SERVICE_TRAVAUX", "2"))
# Au-delà, « saturé » plutôt que cinq secondes d'attente : du bruit, le pire à détourer, prend 0,4 s.
PLACES, PLACES_LOURDES = 20 + TRAVAUX, 8
ATTENTE = float(os.environ.get("SERVICE_ATTENTE", "8"))
JPEG = b"\xff\xd8\xff"
PIXELS_MAX = 25_000_000
MAXIMUM = Poids(travail=1_200_000_000, memoire=96 * MO)  # un PNG de 12 Mpx
ORDINAIRE = Poids(travail=120_000_000, memoire=24 * MO)  # un JPEG de téléphone, un PNG de 3 Mpx
PETITE, UNE_GRANDE = 8 * MO, threading.Lock()  # au-delà, une seule se décode à la fois
occupees = Gauge("service_places_occupees", "Photos en cours ou en attente", ["file"])


def juger(octets):
    """Le `Poids` d'une photo ; lève `Refus` si ce n'en est pas une, ou si elle est trop lourde à décoder."""
    if not octets:
        raise Refus(400, "Fichier vide (0 octet). Copiez de nouveau la photo.")
    if not octets.startswith((JPEG, PNG)):
        raise Refus(415, "Ni un JPEG ni un PNG, quel que soit son nom. Convertissez l'image.")
    poids = peser_photo(octets)
    if poids.travail > MAXIMUM.travail or poids.memoire > MAXIMUM.memoire:
        raise Refus(
            413, "Photo trop longue à décoder. Réduisez-la, ou enregistrez-la en JPEG ordinaire."
        )
    return poids


def est_ordinaire(poids):
    return poids.travail <= ORDINAIRE.travail and poids.memoire <= ORDINAIRE.memoire


def en_base64(image, format_):
    tampon = io.BytesIO()
    image.save(tampon, format_)
    return base64.b64encode(tampon.getvalue()).decode()


def classer(reseau, octets, poids=None):
    """Tout ce qui calcule, hors de la boucle d'événements : octets d'une photo → réponse (dict)."""
    poids = poids or juger(octets)
    try:
        with UNE_GRANDE if poids.memoire > PETITE else nullcontext():
            photo = photos.ouvrir_photo(octets, ("JPEG", "PNG"), PIXELS_MAX)
        prete = preparer(photo, reseau.entree)
    except photos.PhotoIllisible as e:
        raise Refus(413 if isinstance(e, photos.PhotoDemesuree) else 422, str(e)) from None
    probabilites = [round(float(p), 6) for p in reseau.probabilites(prete.entree)]
    rang = int(np.argmax(probabilites))
    vue = (prete.entree[0] * (255 / reseau.blanc)).round().astype(np.uint8).squeeze()
    photo.thumbnail((512, 512))
    return {
        "classe": reseau.classes[rang],
        "probabilite": probabilites[rang],
        "probabilites": dict(zip(reseau.classes, probabilites, strict=True)),
        "image": en_base64(photos.sur_blanc(photo), "JPEG"),
        "entree": en_base64(Image.fromarray(vue), "PNG"),
        "avertissements": prete.avertissements + avertir_du_doute(probabilites),
        "modele": reseau.identite,
    }


class File:
    """Des travaux l'un après l'autre, ou `fils` à la fois ; `places` en tout, attente comprise."""

    def __init__(self, nom, fils, places):
        self.places, self.fils = places, ThreadPoolExecutor(fils, nom)
        self.occupees = occupees.labels(nom)
        self.occupees.set(0)

    async def faire(self, requete, fonction, *arguments):
        """Le résultat de `fonction`, abandonnée si elle n'a pas commencé quand le client part ou se lasse."""
        if self.places == 0:
            raise Refus(503, "Service saturé : trop de photos à la fois. Réessayez bientôt.")
        self.places -= 1
        self.occupees.inc()
        travail = asyncio.get_running_loop().run_in_executor(self.fils, fonction, *arguments)
        depart = asyncio.create_task(_depart(requete))
        try:
            await asyncio.wait({travail, depart}, timeout=ATTENTE, return_when="FIRST_COMPLETED")
            if travail.done():
                return travail.result()
            if depart.done():
                raise ClientDisconnect
            raise Refus(503, "Service saturé : trop d'attente. Réessayez bientôt.")
        finally:
            self.places += 1
            self.occupees.dec()
            depart.cancel()
            travail.cancel()

    def fermer(self):
        self.fils.shutdown(cancel_futures=True)


async def _depart(requete):
    """Revient quand le client ferme sa connexion."""
    while (await requete.receive())["type"] != "http.disconnect":
        pass
