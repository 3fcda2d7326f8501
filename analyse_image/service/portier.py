"""Devant le service : recevoir chaque demande en entier, sans laisser entrer l'énorme ni le trop lent, et la noter.

Le journal a une ligne JSON par demande, sans rien de la photo ; son numéro est celui que le client reçoit dans
`X-Request-ID`. SERVICE_DELAI : secondes pour tout recevoir.
"""

import asyncio
import json
import logging
import os
import re
import time
import traceback
import uuid

from prometheus_client import Counter, Histogram
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

MO = 2**20
DEMANDE_MAX = 8 * MO  # une demande
OCTETS_EN_COURS = 32 * MO  # toutes les demandes reçues et pas encore traitées
# Une demande trop lourde est lue jusque-là, pour que le client entende le refus.
OCTETS_JETES = 128 * MO
DELAI = float(os.environ.get("SERVICE_DELAI", "20"))
PROGRES, PANNE = 64 * 1024, 1.0  # sans 64 Ko de plus en une seconde, un envoi peut céder sa place
NUMERO = re.compile(r"[\w.-]{1,64}", re.ASCII)  # celui d'un hébergeur, s'il en donne un
journal = logging.getLogger("service")
demandes = Counter("service_demandes", "Demandes, par adresse et par code", ["chemin", "code"])
durees = Histogram("service_duree_seconds", "Durée des demandes, en secondes", ["chemin"])


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
        self.receptions = {}  # délai d'une demande pas encore entière → (son dernier progrès, sa note)

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        debut, corps, note = time.perf_counter(), bytearray(), {"code": 503, "octets": 0}
        propose = Request(scope).headers.get("x-request-id", "")
        note["id"] = propose if NUMERO.fullmatch(propose) else uuid.uuid4().hex[:12]
        methode = scope["method"]
        # « HEAD » est un « GET » dont uvicorn n'envoie pas le corps.
        scope = scope | {"method": "GET" if methode == "HEAD" else methode}
        scope["state"] = {**scope.get("state", {}), "note": note}
        entier, commencee = False, False

        async def rejouer():
            nonlocal entier
            if entier:
                return await receive()  # ne rend la main que si le client s'en va
            entier, tout = True, bytes(corps)
            corps.clear()
            return {"type": "http.request", "body": tout}

        async def envoyer(message):
            nonlocal commencee
            if message["type"] == "http.response.start":
                note["code"], commencee = message["status"], True
                message["headers"] = [*message["headers"], (b"x-request-id", note["id"].encode())]
            await send(message)

        async def refuser(code, message):
            if not commencee:
                fin = {"Connection": "close"}  # il reste peut-être des octets à lire
                await erreur(code, message, fin)(scope, receive, envoyer)

        try:
            await self.recevoir(Request(scope, receive), corps, note)
            await self.app(scope, rejouer, envoyer)
        except Refus as refus:
            await refuser(refus.code, refus.message)
        except ClientDisconnect:
            note["code"] = 499  # parti avant la fin : personne à qui répondre
        except asyncio.CancelledError:  # le délai d'arrêt d'uvicorn est écoulé
            await refuser(503, "Le service s'arrête. Réessayez bientôt.")
        except Exception:
            note |= {"code": 500, "trace": traceback.format_exc()}
            await refuser(500, f"Panne du service, notée sous le numéro {note['id']}.")
        finally:
            self.octets -= note["octets"]
            duree = time.perf_counter() - debut
            chemin = getattr(scope.get("route"), "path", "autre")
            demandes.labels(chemin, note["code"]).inc()
            durees.labels(chemin).observe(duree)
            ligne = {"t": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "methode": methode}
            ligne |= {"chemin": scope["path"][:100]} | note | {"ms": round(1e3 * duree, 1)}
            journal.info(json.dumps(ligne))

    async def recevoir(self, requete, corps, note):
        """Lit la demande dans `corps` ; lève `Refus` si elle est trop grosse, trop lente ou de trop."""
        recus, annonces = 0, int(requete.headers.get("content-length", 0))
        trop = Refus(413, f"Envoi trop lourd : {DEMANDE_MAX // MO} Mo au plus. Réduisez la photo.")
        if annonces > DEMANDE_MAX and "expect" in requete.headers:  # il attend notre avis
            raise trop
        progres = 0
        try:
            async with asyncio.timeout(DELAI) as delai:
                self.receptions[delai] = time.monotonic(), note
                async for morceau in requete.stream():
                    recus += len(morceau)
                    if max(recus, annonces) <= DEMANDE_MAX:
                        corps += morceau
                        note["octets"] += len(morceau)
                        self.octets += len(morceau)
                    if recus - progres > PROGRES:
                        progres = recus
                        self.receptions[delai] = time.monotonic(), note
                    if self.octets > OCTETS_EN_COURS:
                        self.couper_un_envoi_en_panne()
                    if recus > OCTETS_JETES:
                        raise trop
        except TimeoutError:
            cause = f"plus de {DELAI:g} s" if delai in self.receptions else "d'autres attendent"
            raise Refus(408, f"Envoi trop lent : {cause}. Réduisez la photo.") from None
        finally:
            self.receptions.pop(delai, None)
        if max(recus, annonces) > DEMANDE_MAX:
            raise trop

    def couper_un_envoi_en_panne(self):
        """Fait de la place aux suivants ; lève `Refus` si personne n'est en panne : c'est la vraie saturation."""
        limite = time.monotonic() - PANNE
        pannes = [(note["octets"], d) for d, (vu, note) in self.receptions.items() if vu < limite]
        if not pannes:
            raise Refus(503, "Service saturé : trop d'envois. Réessayez bientôt.")
        _, delai = max(pannes, key=lambda panne: panne[0])
        del self.receptions[delai]
        delai.reschedule(asyncio.get_running_loop().time())
