"""Lancer et arrêter un vrai service, pour les tests qui lui parlent."""

import os
import subprocess
import sys
import time

import httpx

from echelle.lanceur import port_libre
from outils.fichiers import RACINE


def demarrer(journal, **reglages):
    """Lance le service sur un port libre ; rend (processus, adresse) quand il est prêt."""
    port = port_libre()
    commande = [sys.executable, "-m", "uvicorn", "service.api:app", "--app-dir", "analyse_image"]
    commande += ["--http", "h11", "--port", str(port), "--timeout-graceful-shutdown", "60"]
    with open(journal, "wb") as sortie:
        processus = subprocess.Popen(
            commande, cwd=RACINE, env=os.environ | reglages, stdout=sortie, stderr=subprocess.STDOUT
        )
    adresse = f"http://127.0.0.1:{port}"
    attendre(processus, f"{adresse}/health")
    return processus, adresse


def attendre(processus, adresse):
    """Revient quand `adresse` répond 200, quand le processus s'est arrêté, ou après cinq minutes."""
    fin = time.monotonic() + 300
    while time.monotonic() < fin and processus.poll() is None:
        try:
            if httpx.get(adresse).status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.1)


def arreter(processus):
    processus.terminate()
    try:
        processus.wait(60)
    finally:
        processus.kill()
