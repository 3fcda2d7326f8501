"""Le barème : `bareme.toml` ou celui qu'on donne, lu et vérifié."""

import tomllib
from pathlib import Path

from correction.criteres import CRITERES

ENONCES = ("auto", "publié", "série")
BAREME = Path(__file__).with_name("bareme.toml")


class BaremeInvalide(ValueError):
    """Le barème a une faute : le message dit laquelle et quoi faire."""


def lire_bareme(chemin=BAREME):
    """Barème (dict) lu et vérifié ; lève `BaremeInvalide` avec un message en français."""
    try:
        bareme = tomllib.loads(Path(chemin).read_text(encoding="utf-8-sig"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as erreur:
        raise BaremeInvalide(f"Barème « {chemin} » illisible : {erreur}") from erreur
    # Un seuil absent prend la valeur du barème fourni.
    seuils = tomllib.loads(BAREME.read_text(encoding="utf-8"))["seuils"]
    inconnus = set(bareme.get("seuils", {})) - set(seuils)
    if inconnus:
        raise BaremeInvalide(f"Barème « {chemin} » : seuil inconnu « {inconnus.pop()} ».")
    bareme["seuils"] = {**seuils, **bareme.get("seuils", {})}
    for section in ("criteres", "questions"):
        for cle, reglage in bareme.setdefault(section, {}).items():
            if section == "criteres" and cle not in CRITERES:
                raise BaremeInvalide(
                    f"Barème « {chemin} » : critère inconnu « {cle} ». Connus : {', '.join(CRITERES)}."
                )
            points = reglage.get("points") if isinstance(reglage, dict) else None
            if not isinstance(points, (int, float)) or isinstance(points, bool) or points < 0:
                raise BaremeInvalide(
                    f"Barème « {chemin} » : « {cle} » doit avoir des points, un nombre positif ou nul."
                )
    if not isinstance(bareme.setdefault("note_sur", 100), (int, float)) or bareme["note_sur"] <= 0:
        raise BaremeInvalide(f"Barème « {chemin} » : note_sur doit être un nombre positif.")
    bareme.setdefault("arrondi", 0)
    if bareme.setdefault("enonce", "auto") not in ENONCES:
        raise BaremeInvalide(
            f"Barème « {chemin} » : enonce doit être « {' », « '.join(ENONCES)} »."
        )
    return bareme
