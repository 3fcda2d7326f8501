"""Un vrai navigateur pour les tests : Chromium ou Chrome, s'il est installé ; rien n'est téléchargé."""

import shutil
import tarfile
from contextlib import contextmanager

import pytest

from outils.fichiers import dossier_inscriptible, telecharger

NOMS = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
NAVIGATEUR = next((chemin for nom in NOMS if (chemin := shutil.which(nom))), None)


@contextmanager
def ouvrir_navigateur(*options):
    """Le navigateur (playwright), fermé à la fin ; le test est sauté s'il n'y en a pas."""
    if NAVIGATEUR is None:
        pytest.skip("ni Chromium ni Chrome sur cette machine (Debian : apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        navigateur = playwright.chromium.launch(
            executable_path=NAVIGATEUR, args=["--no-sandbox", *options]
        )
        yield navigateur
        navigateur.close()


AXE = "axe-core-4.14.1.tgz"
SOMME_AXE = "sha256:e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"


def graves(onglet):
    """Ce qu'axe-core trouve de grave dans la page ouverte : [(règle, élément)]."""
    adresse = f"https://registry.npmjs.org/axe-core/-/{AXE}"
    try:
        paquet = telecharger([adresse], dossier_inscriptible() / AXE, SOMME_AXE)
    except ConnectionError as erreur:
        pytest.skip(f"axe-core n'a pas pu être téléchargé : {erreur}")
    with tarfile.open(paquet) as archive:
        onglet.evaluate(archive.extractfile("package/axe.min.js").read().decode())
    return onglet.evaluate(
        """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
          .filter((v) => ["serious", "critical"].includes(v.impact))
          .flatMap((v) => v.nodes.map((n) => [v.id, n.html]))"""
    )
