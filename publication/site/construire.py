"""Construit le site : sources, Sphinx, puis les quelques mots que le thème ne sait dire qu'en anglais."""

import shutil
import tempfile
import time
from pathlib import Path

from outils.fichiers import Refus, nom_court
from publication.dossier import remplacer, taille
from publication.site.sources import ecrire_sources

ICI = Path(__file__).resolve().parent
# Furo n'a pas de traduction pour ces textes-là, ou n'en admet pas.
EN_FRANCAIS = {
    "Toggle site navigation sidebar": "Menu des pages",
    "Toggle table of contents sidebar": "Sommaire de la page",
    "Toggle Light / Dark / Auto color theme": "Thème clair, sombre ou du système",
    "Light mode": "Clair",
    "Dark mode": "Sombre",
    "Auto light/dark, in light mode": "Système, clair",
    "Auto light/dark, in dark mode": "Système, sombre",
    "Skip to content": "Aller au contenu",
    "Back to top": "Haut de page",
    "Made with ": "Fait avec ",
    "</a> and ": "</a> et ",
    "@pradyunsg</a>'s": "@pradyunsg</a>,",
    ">Home<": ">Accueil<",
    ">On this page<": ">Sur cette page<",
    ">Contents<": ">Sommaire<",
    ">Expand<": ">Déplier<",
}
# Ce qu'il faut à un lecteur d'écran ou au clavier, et que ni Furo ni Sphinx n'écrivent.
ACCESSIBLE = {
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Pages du site">',
    '<aside class="toc-drawer': '<aside aria-label="Sommaire" class="toc-drawer',
    '<div class="output text_html">': '<div class="output text_html" tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    "<pre>": '<pre tabindex="0">',  # un contenu large se fait défiler
}


def construire(sortie, labos=None, page=None):
    """Écrit le site dans le dossier `sortie` et rend un bilan {pages, octets, secondes}.

    `labos` : les noms de ceux à garder, tous par défaut. `page` : le dossier d'une page publiée, qui devient la
    démonstration du site. Lève `Refus` si Sphinx n'y arrive pas.
    """
    from sphinx.cmd.build import build_main

    debut = time.perf_counter()
    with remplacer(sortie) as dossier, tempfile.TemporaryDirectory() as provisoire:
        sources, doctrees = Path(provisoire, "sources"), Path(provisoire, "doctrees")
        sources.mkdir()
        ecrire_sources(sources, labos, demonstration=page is not None)
        options = ["-q", "-b", "html", "-c", str(ICI), "-d", str(doctrees)]
        if build_main([*options, str(sources), str(dossier)]) != 0:
            raise Refus(
                "Le site n'a pas pu être construit.",
                "un échec de Sphinx (son message est ci-dessus)",
                "des notebooks et des pages lisibles",
                "corrigez la page que nomme ce message, puis relancez",
            )
        for inutile in (".buildinfo", "objects.inv"):
            (dossier / inutile).unlink(missing_ok=True)
        shutil.copytree(sources / "telecharger", dossier / "telecharger")
        if page is not None:
            shutil.copytree(page, dossier / "demonstration")
        pages = sorted(dossier.rglob("*.html"))
        for page in pages:
            mettre_au_point(page)
        bilan = {"pages": len(pages), "octets": taille(dossier)}
    return bilan | {"secondes": time.perf_counter() - debut}


def mettre_au_point(page):
    """Remplace, dans un fichier HTML, les textes anglais du thème, et ajoute ce que demande l'accessibilité."""
    texte = page.read_text(encoding="utf-8")
    for avant, apres in (EN_FRANCAIS | ACCESSIBLE).items():
        texte = texte.replace(avant, apres)
    page.write_text(texte, encoding="utf-8")


def dire(bilan, sortie):
    """Le bilan, en deux lignes."""
    return (
        f"Site : {nom_court(sortie)}, {bilan['pages']} pages, {bilan['octets'] / 1e6:.1f} Mo, "
        f"en {bilan['secondes']:.0f} s.\nÀ lire : ouvrez {nom_court(Path(sortie) / 'index.html')}."
    )
