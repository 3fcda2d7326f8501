"""Devant le service : recevoir chaque demande en entier, sans laisser entrer l'énorme ni le trop lent, et la noter.

Le journal a une ligne JSON par demande, sans rien de la photo. SERVICE_DELAI : secondes pour tout recevoir.
"""

import asyncio
import json
import logging
import os
import time

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

MO = 2**20
DEMANDE_MAX = 8 * MO  # une demande
OCTETS_EN_COURS = 64 * MO  # toutes les demandes reçues et pas encore traitées
# Une demande trop lourde est lue jusque-là, pour que le client entende le refus.
OCTETS_JETES = 128 * MO
DELAI = float(os.environ.get("SERVICE_DELAI", "20"))
journal = logging.getLogger("service")


class Refus(Exception):
    """Une demande à laquelle on répond par une erreur : code HTTP et phrase en français."""

    def __init__(self, code, message):
        self.code, self.message = code, message


def erreur(code, message, entetes=None):
    """La réponse JSON d'un refus, toujours de la même forme."""
    entetes = {**(entetes or {}), **({"Retry-After": "2"} if code == 503 else {})}
    return JSONResponse({"erreur": {"code": code, "message": message}}, code, entetes)


class Portier:
    """Application ASGI qui en enveloppe une autre : elle ne lui donne que des demandes entières et petites."""

    def __init__(self, app):
        self.app = app
        self.octets = 0  # reçus et pas encore traités, toutes demandes confondues

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        debut, corps, note = time.perf_counter(), bytearray(), {"code": 503}
        scope.setdefault("state", {})["note"] = note
        entiere = iter([corps])

        async def rejouer():
            if (tout := next(entiere, None)) is None:
                return await receive()
            return {"type": "http.request", "body": bytes(tout)}

        async def envoyer(message):
            note["code"] = message.get("status", note["code"])
            await send(message)

        try:
            await self.recevoir(Request(scope, receive), corps)
            note["octets"] = len(corps)
            await self.app(scope, rejouer, envoyer)
        except Refus as refus:
            fin = {"Connection": "close"}  # il reste peut-être des octets à lire
            await erreur(refus.code, refus.message, fin)(scope, receive, envoyer)
        except ClientDisconnect:
            note["code"] = 499  # parti avant la fin : personne à qui répondre
        finally:
            self.octets -= len(corps)
            ligne = {"t": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "methode": scope["method"]}
            ligne |= {"chemin": scope["path"][:100]} | note
            journal.info(json.dumps(ligne | {"ms": round(1e3 * (time.perf_counter() - debut), 1)}))

    async def recevoir(self, requete, corps):
        """Lit la demande dans `corps` ; lève `Refus` si elle est trop grosse, trop lente ou de trop."""
        recus, annonces = 0, int(requete.headers.get("content-length", 0))
        trop = Refus(413, f"Envoi trop lourd : {DEMANDE_MAX // MO} Mo au plus. Réduisez la photo.")
        if annonces > DEMANDE_MAX and "expect" in requete.headers:  # il attend notre avis
            raise trop
        try:
            async with asyncio.timeout(DELAI):
                async for morceau in requete.stream():
                    recus += len(morceau)
                    if max(recus, annonces) <= DEMANDE_MAX:
                        corps += morceau
                        self.octets += len(morceau)
                    if self.octets > OCTETS_EN_COURS:
                        raise Refus(503, "Service saturé : trop d'envois. Réessayez bientôt.")
                    if recus > OCTETS_JETES:
                        raise trop
        except TimeoutError:
            raise Refus(408, f"Envoi trop lent : plus de {DELAI:g} s. Réduisez la photo.") from None
        if max(recus, annonces) > DEMANDE_MAX:
            raise trop
