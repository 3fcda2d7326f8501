"""Servir un modèle : le service et sa page, lancés et arrêtés ensemble."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import labo
from labo import LABOS, RACINE, Probleme, annoncer


def premier_port_libre(port):
    """Le premier port libre de cette machine à partir de `port`."""
    for essai in range(port, port + 50):
        with socket.socket() as prise:
            if prise.connect_ex(("127.0.0.1", essai)) != 0:
                return essai
    raise Probleme(f"Aucun port libre entre {port} et {port + 49}.", "arrêtez un serveur.")


def commandes_du_service(modele, port, port_page):
    """Rend (commande du service, commande de la page, réglages d'environnement)."""
    service = [sys.executable, "-m", "uvicorn", "service.api:app", "--app-dir", LABOS]
    service += ["--http", "h11", "--port", port, "--timeout-graceful-shutdown", "5"]
    page = [sys.executable, "-m", "streamlit", "run", LABOS / "service" / "page.py"]
    page += ["--server.port", port_page, "--server.address", "localhost"]
    if os.environ.get("CODESPACES") == "true":  # la page y est vue sous une autre adresse
        page += ["--server.enableCORS", "false", "--server.enableXsrfProtection", "false"]
    reglages = {"SERVICE_MODELE": str(modele), "SERVICE_ADRESSE": f"http://127.0.0.1:{port}"}
    return [str(mot) for mot in service], [str(mot) for mot in page], reglages


def servir(dossier):
    """Lance le service et la page jusqu'à Ctrl+C ; rend le code de retour du premier qui s'arrête."""
    modele = Path(dossier).resolve() if dossier else RACINE / "modele" / "reference"
    nom = labo.nom_court(modele)
    if not (modele / "modele.tflite").is_file():
        raise Probleme(
            f"Pas de modèle exporté (modele.tflite) dans « {nom} ».",
            "exportez-le avec la section 1 de analyse_image/deploiement.ipynb, "
            "ou lancez « servir » sans rien : modele/reference.",
        )
    port, port_page = premier_port_libre(8000), premier_port_libre(8501)
    service, page, reglages = commandes_du_service(modele, port, port_page)
    annoncer(f"Modèle : {nom}. Pour tout arrêter : Ctrl+C ici.")
    annoncer(f"  service : http://localhost:{port}/docs\n  page    : http://localhost:{port_page}")
    # Service et page ne se parlent que sur cette machine : aucun serveur mandataire n'a à s'en mêler.
    env = {nom: v for nom, v in os.environ.items() if not nom.lower().endswith("_proxy")}
    env.update(reglages)
    labo.sans_mandataire(env)
    processus = [subprocess.Popen(service, env=env)]
    try:
        processus.append(subprocess.Popen(page, env=env, stdout=subprocess.DEVNULL))
        while all(p.poll() is None for p in processus):
            time.sleep(0.2)
        return next(p.returncode for p in processus if p.returncode is not None)
    except KeyboardInterrupt:
        annoncer("Service et page arrêtés.")
        return 0
    finally:
        for p in processus:
            p.terminate()
        for p in processus:
            p.wait()
