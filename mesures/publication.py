"""Mesure la page publiée du réseau de référence, dans Chromium, sur un seul cœur.

    python mesures/publication.py [DOSSIER]     DOSSIER : des photos, pour comparer les réponses à celles de Python

Octets transférés à la première visite, temps jusqu'à « prêt » (cinq visites, cache vide), temps par photo, écart avec
Python. Chaque passage s'ajoute à publication.csv, et le tableau s'affiche.
"""

import functools
import http.server
import io
import os
import shutil
import statistics
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from playwright.sync_api import sync_playwright
from resultats import ajouter_resultats

RACINE = Path(__file__).resolve().parent.parent
# En tête : sinon, « publication » serait ce fichier.
sys.path.insert(0, str(RACINE))

from publication.page.publier import publier  # noqa: E402
from service.reseau import ReseauExporte, preparer  # noqa: E402

REFERENCE = RACINE / "modele" / "reference"
RESULTATS = Path(__file__).with_suffix(".csv")
VISITES, PHOTOS_MAX = 5, 300
CLASSER = """async (noms) => {
  const { classer } = await import("./page.js");
  const reponses = [];
  for (const nom of noms) {
    const photo = await (await fetch(`photos/${nom}`)).blob();
    const debut = performance.now();
    const { probabilites } = await classer(photo);
    reponses.push([performance.now() - debut, probabilites]);
  }
  return reponses;
}"""


class Compteur(http.server.SimpleHTTPRequestHandler):
    """Sert un dossier et compte les octets envoyés."""

    envoyes = 0

    def copyfile(self, source, sortie):
        Compteur.envoyes += os.fstat(source.fileno()).st_size
        super().copyfile(source, sortie)

    def log_message(self, *_):
        pass


def servir(dossier):
    serveur = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Compteur, directory=str(dossier))
    )
    threading.Thread(target=serveur.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{serveur.server_port}/"


def visiter(navigateur, adresse):
    """Une première visite : (onglet prêt, secondes, octets)."""
    Compteur.envoyes = 0
    onglet = navigateur.new_context(service_workers="block").new_page()
    onglet.goto(adresse)
    onglet.locator("body[data-pret]").wait_for(timeout=120_000)
    secondes = onglet.evaluate("performance.getEntriesByName('pret')[0].startTime") / 1000
    return onglet, secondes, Compteur.envoyes


def mesurer(photos):
    """Une ligne de mesures (dict)."""
    reseau = ReseauExporte.lire(REFERENCE)
    contrat = {**reseau.entree, "preparation": "load_and_preprocess_image"}
    with tempfile.TemporaryDirectory() as provisoire, sync_playwright() as playwright:
        page = Path(provisoire, "page")
        bilan = publier(REFERENCE, page)
        (page / "photos").mkdir()
        for rang, photo in enumerate(photos):
            shutil.copy(photo, page / "photos" / str(rang))
        grande = np.random.default_rng(13).integers(0, 255, (30, 40, 3), np.uint8)
        octets = io.BytesIO()
        Image.fromarray(grande).resize((4000, 3000)).save(octets, "JPEG")
        (page / "photos" / "grande").write_bytes(octets.getvalue())
        chemin = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # un cœur, serveur compris
        navigateur = playwright.chromium.launch(executable_path=chemin, args=["--no-sandbox"])
        visites = [visiter(navigateur, servir(page)) for _ in range(VISITES)]
        onglet, _, transfert = visites[-1]
        reponses = onglet.evaluate(CLASSER, [str(rang) for rang in range(len(photos))])
        grandes = onglet.evaluate(CLASSER, ["grande"] * 5)
        navigateur.close()
    attendues = [reseau.probabilites(preparer(p, contrat).entree) for p in photos]
    obtenues = np.array([probabilites for _, probabilites in reponses])
    return {
        "photos": len(photos),
        "première visite Mo": round(transfert / 1e6, 2),
        "dossier Mo": round(bilan["octets"] / 1e6, 1),
        "prêt s": round(statistics.median(secondes for _, secondes, _ in visites), 2),
        "photo ms": round(statistics.median(ms for ms, _ in reponses), 1),
        "photo 12 Mpx ms": round(statistics.median(ms for ms, _ in grandes)),
        "même classe": float(np.mean(obtenues.argmax(1) == np.argmax(attendues, axis=1))),
        "écart max": float(f"{np.abs(obtenues - attendues).max():.1e}"),
    }


def principal(arguments):
    dossier = Path(arguments[0]) if arguments else RACINE / "images"
    toutes = sorted(p for p in dossier.rglob("*") if p.suffix in (".jpg", ".jpeg"))
    ligne = mesurer(toutes[:: max(1, len(toutes) // PHOTOS_MAX)][:PHOTOS_MAX])
    ajouter_resultats([ligne], RESULTATS)
    print(pd.read_csv(RESULTATS).to_string(index=False))


if __name__ == "__main__":
    principal(sys.argv[1:])
