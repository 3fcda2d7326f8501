"""Côté enseignant : corriger un dossier de remises, préparer la version étudiante (voir README.md)."""

import sys
from pathlib import Path

RACINE = Path(__file__).resolve().parents[1]
# Les modules d'`analyse_image/outils` servent aussi ici.
if str(RACINE / "analyse_image") not in sys.path:
    sys.path.insert(0, str(RACINE / "analyse_image"))
