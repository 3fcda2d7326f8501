"""Publier sans serveur : les labos en un site, un réseau en une page."""

import sys
from pathlib import Path

ICI = Path(__file__).resolve().parent
RACINE = ICI.parent
# La préparation et les modèles d'`analyse_image/` servent aussi ici.
if str(RACINE / "analyse_image") not in sys.path:
    sys.path.insert(0, str(RACINE / "analyse_image"))
