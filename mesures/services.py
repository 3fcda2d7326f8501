"""Le service : écrit comme on l'écrit d'abord, corrigé de deux mots, et le nôtre ; mêmes réseaux, mêmes photos.

    python mesures/services.py [--secondes 4] [--tours 2]

Deux versions n'existent que pour cette mesure, avec FastAPI et Keras : l'évidente, `model.predict` dans une fonction
`async`, qui bloque tout le service ; la directe, `model(x)` dans une fonction ordinaire, que FastAPI mène dans un
fil : ce qu'elle coûte encore est TensorFlow. Chaque version est un processus neuf, servi par uvicorn ; un client
léger (une connexion par fil, demandes préparées d'avance) tourne sur la même machine, ce qui compte pour toutes.

Trois cas : le réseau à une convolution et la recette de l'énoncé (28×28) ; le réseau en couleurs du labo 4
(64×64) ; le réseau de référence avec `analyser_photo`, dont le détourage coûte autant à toutes. Les poids des
deux premiers sont tirés au sort : ils ne changent rien à la vitesse. Les versions alternent, `--tours` fois ;
on garde la médiane. Mémoire : le plus haut atteint (VmHWM sous Linux). « processeur ms » : temps de calcul du
service par demande, qui dépend bien moins que le débit de ce que la machine fait par ailleurs ;
« charge » est ce qu'elle faisait juste avant (0 : rien).
Écrit `mesures/services.csv`.
"""

import argparse
import base64
import datetime
import io
import itertools
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ICI = Path(__file__).resolve().parent
RACINE = ICI.parent
sys.path.append(str(RACINE / "analyse_image"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

CAS = {
    "28×28 gris, recette de l'énoncé": "load_and_preprocess_image",
    "64×64 couleurs": "preparer_couleur",
    "28×28 gris, analyser_photo": "preparer_photo",
}
CONCURRENCES = (1, 8)
VERSIONS = ("évidente", "directe", "la nôtre")


def evidente():
    """`model.predict` dans une fonction `async`."""
    from fastapi import UploadFile

    app, predire = squelette(lambda modele, x: modele.predict(x))

    @app.post("/predict/")
    async def predict(file: UploadFile):
        return predire(await file.read())

    return app


def directe():
    """`model(x)` dans une fonction ordinaire."""
    from fastapi import UploadFile

    app, predire = squelette(lambda modele, x: modele(x, training=False).numpy())

    @app.post("/predict/")
    def predict(file: UploadFile):
        return predire(file.file.read())

    return app


def squelette(appeler):
    """(application, réponse aux octets d'une photo) ; MODELE et PREPARATION de l'environnement."""
    import numpy as np
    from fastapi import FastAPI
    from PIL import Image

    from outils import preparation
    from outils.modele import charger_modele, lire_fiche

    app = FastAPI()
    modele = charger_modele(os.environ["MODELE"])
    classes = lire_fiche(os.environ["MODELE"])["classes"]

    def preparer(contenu):
        if os.environ["PREPARATION"] == "preparer_photo":
            return preparation.analyser_photo(contenu).entree
        if os.environ["PREPARATION"] == "load_and_preprocess_image":
            return preparation.load_and_preprocess_image(io.BytesIO(contenu))
        image = Image.open(io.BytesIO(contenu)).convert("RGB").resize((64, 64))
        return np.expand_dims(np.array(image) / 255, 0)

    @app.get("/")
    def accueil():
        return {"message": "Bienvenue"}

    def predire(contenu):
        probabilites = appeler(modele, preparer(contenu))[0]
        return {
            "classe": classes[int(probabilites.argmax())],
            "probabilite": float(probabilites.max()),
            "image": base64.b64encode(contenu).decode(),
        }

    return app, predire


def ecrire_modeles(dossier):
    """Un dossier par cas, avec le réseau Keras et son export ; rend {cas: chemin}."""
    import keras
    import reseaux
    from keras import layers

    from outils.donnees import CLASSES
    from outils.modele import (
        ENTREE_COULEUR,
        ENTREE_GRISE,
        charger_modele,
        sauvegarder_modele,
    )
    from service.exporter import exporter_modele

    couches = [layers.Input((64, 64, 3)), layers.Rescaling(2.0, offset=-1.0)]  # labo 4
    for rang, filtres in enumerate((24, 40, 80, 80, 128, 128)):
        couches.append(layers.Conv2D(filtres, 3, padding="same", use_bias=False))
        couches += [layers.BatchNormalization(), layers.ReLU()]
        if rang in (0, 1, 3):
            couches.append(layers.MaxPooling2D(2))
    couches += [layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]
    couleurs = (keras.Sequential(couches), ("bottomwear", "shoes", "topwear"), ENTREE_COULEUR)
    enonce = ENTREE_GRISE | {"preparation": "load_and_preprocess_image"}
    reference = charger_modele(RACINE / "modele" / "reference")
    reseaux_ = (
        (reseaux.une_convolution(), CLASSES, enonce),
        couleurs,
        (reference, CLASSES, ENTREE_GRISE),
    )
    chemins = {}
    for cas, (reseau, classes, entree) in zip(CAS, reseaux_, strict=True):
        chemins[cas] = dossier / CAS[cas]
        sauvegarder_modele(reseau, chemins[cas], classes, entree=entree)
        exporter_modele(reseau, chemins[cas])
    return chemins


def demarrer(version, cas, modele):
    """Lance un service ; rend (processus, port, secondes jusqu'à la première réponse)."""
    with socket.socket() as prise:
        prise.bind(("127.0.0.1", 0))
        port = prise.getsockname()[1]
    commande = [
        sys.executable,
        "-m",
        "uvicorn",
        "--http",
        "h11",
        "--port",
        str(port),
        "--log-level",
        "error",
    ]
    if version != "la nôtre":
        commande += [f"services:{version.replace('é', 'e')}", "--factory", "--app-dir", str(ICI)]
    else:
        commande += ["service.api:app", "--app-dir", str(RACINE / "analyse_image")]
    env = os.environ | {
        "PREPARATION": CAS[cas],
        "MODELE": str(modele),
        "SERVICE_MODELE": str(modele),
    }
    debut = time.perf_counter()
    processus = subprocess.Popen(
        commande, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while processus.poll() is None:
        try:
            demander(
                socket.create_connection(("127.0.0.1", port)), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
            )
            return processus, port, time.perf_counter() - debut
        except OSError:
            time.sleep(0.02)
    raise SystemExit(
        f"La version {version} s'est arrêtée au démarrage (code {processus.returncode})."
    )


def demander(prise, demande):
    """Envoie une demande et lit toute la réponse ; lève si ce n'est pas 200."""
    prise.sendall(demande)
    recu = b""
    while b"\r\n\r\n" not in recu:
        recu += lire(prise)
    entete, _, corps = recu.partition(b"\r\n\r\n")
    if b" 200 " not in entete[:20]:
        raise SystemExit(f"Réponse inattendue : {recu[:300]!r}")
    longueur = int(entete.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(corps) < longueur:
        corps += lire(prise)


def lire(prise):
    morceau = prise.recv(2**18)
    if not morceau:
        raise OSError("connexion fermée")
    return morceau


def preparer_demandes():
    photos = [p for p in sorted((RACINE / "images").iterdir()) if p.suffix in (".jpg", ".png")]
    demandes = []
    for photo in photos:
        corps = b'--b\r\nContent-Disposition: form-data; name="file"; filename="p"\r\n\r\n'
        corps += photo.read_bytes() + b"\r\n--b--\r\n"
        entete = "POST /predict/ HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        demandes.append(f"{entete}Content-Length: {len(corps)}\r\n\r\n".encode() + corps)
    return demandes


def charger(port, demandes, concurrence, secondes):
    """Envoie sans relâche depuis `concurrence` fils ; rend (demandes par seconde, durées en ms)."""
    fin = time.perf_counter() + secondes

    def fil(rang):
        durees = []
        with socket.create_connection(("127.0.0.1", port)) as prise:
            for demande in itertools.islice(itertools.cycle(demandes), rang, None):
                debut = time.perf_counter()
                if debut > fin:
                    return durees
                demander(prise, demande)
                durees.append(1e3 * (time.perf_counter() - debut))

    debut = time.perf_counter()
    with ThreadPoolExecutor(concurrence) as fils:
        durees = [d for lot in fils.map(fil, range(concurrence)) for d in lot]
    return len(durees) / (time.perf_counter() - debut), durees


def memoire(processus):
    """Plus haute mémoire atteinte, en Mo (mémoire actuelle, hors de Linux)."""
    import psutil

    etat = Path(f"/proc/{processus.pid}/status")
    if etat.exists():
        return int(etat.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return psutil.Process(processus.pid).memory_info().rss / 2**20


def processeur(processus):
    """Secondes de processeur consommées : ce qui ne dépend pas des autres programmes de la machine."""
    import psutil

    return sum(psutil.Process(processus.pid).cpu_times()[:2])


def principal():
    import pandas as pd
    from resultats import ajouter_resultats

    analyseur = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    analyseur.add_argument("--secondes", type=float, default=4)
    analyseur.add_argument("--tours", type=int, default=2)
    choix = analyseur.parse_args()
    demandes, lignes = preparer_demandes(), []
    charge = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    with tempfile.TemporaryDirectory() as provisoire:
        modeles = ecrire_modeles(Path(provisoire))
        for cas, _, version in itertools.product(CAS, range(choix.tours), VERSIONS):
            processus, port, demarrage = demarrer(version, cas, modeles[cas])
            try:
                charger(port, demandes, 8, 1)  # tour de chauffe
                for n in CONCURRENCES:
                    avant = processeur(processus)
                    debit, durees = charger(port, demandes, n, choix.secondes)
                    calcul = 1e3 * (processeur(processus) - avant) / len(durees)
                    p50, p99 = statistics.quantiles(durees, n=100, method="inclusive")[49::49]
                    lignes.append(
                        (cas, version, n, debit, p50, p99, calcul, memoire(processus), demarrage)
                    )
                    print(f"{cas} · {version} · {n} à la fois : {debit:.0f}/s", flush=True)
            finally:
                processus.terminate()
                processus.wait()
    mesures = ["demandes/s", "p50 ms", "p99 ms", "processeur ms", "mémoire Mo", "démarrage s"]
    tableau = pd.DataFrame(lignes, columns=["cas", "version", "à la fois", *mesures])
    tableau = tableau.groupby(["cas", "version", "à la fois"], sort=False).median().reset_index()
    tableau = tableau.round(dict.fromkeys(mesures, 1))
    tableau["date"] = datetime.date.today().isoformat()
    tableau["machine"] = f"{os.cpu_count()} cœurs"
    tableau["charge"] = round(charge, 1)
    print(tableau.to_string(index=False))
    versions = tableau.set_index(["cas", "à la fois"]).groupby("version")
    compares = ["demandes/s", "processeur ms", "mémoire Mo"]
    evidente_ = versions.get_group("évidente")[compares]
    for version in ("directe", "la nôtre"):
        rapports = versions.get_group(version)[compares] / evidente_
        print(f"\n{version} / l'évidente :\n{rapports.round(3).to_string()}")
    ajouter_resultats(tableau, ICI / "services.csv")


if __name__ == "__main__":
    principal()
