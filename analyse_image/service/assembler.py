"""Assemble un dossier à mettre en ligne : le service, sa préparation, un modèle exporté, rien d'autre.

    python analyse_image/service/assembler.py DOSSIER [MODELE]

DOSSIER n'existe pas encore, ou est vide. MODELE : un dossier exporté (modele/reference par défaut).
"""

import shutil
import sys
from pathlib import Path

ICI = Path(__file__).resolve().parent
sys.path.insert(0, str(ICI.parent))

from outils.fichiers import RACINE, dossier_atomique  # noqa: E402
from outils.visage import fichier_du_reseau  # noqa: E402
from service.reseau import ReseauExporte  # noqa: E402

A_LA_RACINE = (
    "requirements.txt",
    "requirements-page.txt",
    "versions.txt",
    "Procfile",
    "Dockerfile",
    ".python-version",
)
SERVICE = (
    *("api.py", "portier.py", "atelier.py", "poids.py", "reponses.py", "reseau.py"),
    *("page.py", "page.html"),
)
OUTILS = (
    "__init__",
    "fichiers",
    "photos",
    "visage",
    "preparation",
    "json_keras",
    "modele",
)
FICHIERS = {
    "service": [ICI / nom for nom in SERVICE],
    "images": [RACINE / "images" / nom for nom in ("pantalon.jpg", "baskets.jpg", "sac.png")],
    ".streamlit": [ICI / ".streamlit" / "config.toml"],
    "outils": [ICI.parent / "outils" / f"{nom}.py" for nom in OUTILS],
}
LISEZ_MOI = """---
title: Quel vêtement est-ce ?
sdk: docker
app_port: 7860
---
Classe une photo de vêtement. API : `/docs`. Modèle : {nom}, version {version}.
Visages : BlazeFace (MediaPipe, Google), licence Apache 2.0, `outils/visage.tflite`.
"""


def assembler(dossier, modele=RACINE / "modele" / "reference"):
    """Écrit `dossier` d'un coup (rien à moitié) et le rend. Lève `ModeleInvalide` ou `OSError`."""
    reseau = ReseauExporte.lire(modele)
    exporte = [Path(modele) / nom for nom in ("modele.tflite", "modele.fiche.json")]
    with dossier_atomique(dossier) as provisoire:
        for nom in A_LA_RACINE:
            shutil.copy(ICI / nom, provisoire)
        for sous_dossier, fichiers in {**FICHIERS, "modele": exporte}.items():
            (provisoire / sous_dossier).mkdir()
            for fichier in fichiers:
                shutil.copy(fichier, provisoire / sous_dossier)
        # Le service n'installe pas le paquet du visage, qui demanderait TensorFlow : le réseau seul le suit.
        shutil.copy(fichier_du_reseau(), provisoire / "outils" / "visage.tflite")
        texte = LISEZ_MOI.format(**reseau.identite)
        (provisoire / "README.md").write_text(texte, encoding="utf-8")
    return Path(dossier)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    print("Dossier à mettre en ligne :", assembler(*sys.argv[1:]))
