"""Un vrai navigateur pour les tests : Chromium ou Chrome, s'il est installé ; rien n'est téléchargé."""

import shutil
from contextlib import contextmanager

import pytest

NOMS = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
NAVIGATEUR = next((chemin for nom in NOMS if (chemin := shutil.which(nom))), None)


@contextmanager
def ouvrir_navigateur():
    """Le navigateur (playwright), fermé à la fin ; le test est sauté s'il n'y en a pas."""
    if NAVIGATEUR is None:
        pytest.skip("ni Chromium ni Chrome sur cette machine (Debian : apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        navigateur = playwright.chromium.launch(executable_path=NAVIGATEUR, args=["--no-sandbox"])
        yield navigateur
        navigateur.close()
