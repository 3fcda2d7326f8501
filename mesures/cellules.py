"""Exécute des cellules choisies d'un labo : ce qui est mesuré, ou essayé, est le code du labo lui-même."""

import json
import os
import sys
from pathlib import Path

LABOS = Path(__file__).resolve().parent.parent / "analyse_image"
sys.path.insert(0, str(LABOS))


def definir(labo, *identifiants, **noms):
    """Exécute les cellules de ces identifiants ; rend leurs noms (fonctions, tableaux).

    `labo` : le notebook, sans « .ipynb » ; `noms` : ce que les cellules omises auraient défini.
    """
    contenu = json.loads((LABOS / f"{labo}.ipynb").read_text(encoding="utf-8"))
    sources = {c["id"]: "".join(c["source"]) for c in contenu["cells"]}
    for identifiant in identifiants:
        exec(compile(sources[identifiant], identifiant, "exec"), noms)
    return noms


def executer_cellules(notebook, identifiants, noms=None):
    """Comme `definir`, en mode complet, sans écran, dans le dossier des labos : pour mesurer."""
    os.environ["MPLBACKEND"] = "Agg"
    os.environ.pop("LABO_RAPIDE", None)
    os.chdir(LABOS)
    # La première cellule des labos importe os ; elle n'est jamais exécutée ici.
    return definir(Path(notebook).stem, *identifiants, **{"os": os, **(noms or {})})
