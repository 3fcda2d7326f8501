"""Exécute des cellules choisies d'un labo : ce qui est mesuré est le code du labo lui-même."""

import json
import os
import sys
from pathlib import Path

LABOS = Path(__file__).resolve().parent.parent / "analyse_image"
sys.path.insert(0, str(LABOS))


def executer_cellules(notebook, identifiants, noms=None):
    """Exécute, en mode complet, les cellules de ces identifiants ; rend leurs noms (fonctions, tableaux).

    `noms` : ce que les cellules omises auraient défini.
    """
    contenu = json.loads((LABOS / notebook).read_text(encoding="utf-8"))
    sources = {c["id"]: "".join(c["source"]) for c in contenu["cells"]}
    os.environ["MPLBACKEND"] = "Agg"
    os.environ.pop("LABO_RAPIDE", None)
    os.chdir(LABOS)
    labo = dict(noms or {})
    for identifiant in identifiants:
        exec(compile(sources[identifiant], identifiant, "exec"), labo)
    return labo
