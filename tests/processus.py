"""De vrais processus Python dans `analyse_image/` : plusieurs ensemble, ou un noyau de notebook."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nbformat.v4 import new_code_cell, new_notebook

from commandes import executer

ANALYSE = Path(__file__).resolve().parents[1] / "analyse_image"


def lancer(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ANALYSE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def ensemble(n, code, *arguments):
    """Ce qu'affichent `n` processus du même code, lancés en même temps ; échoue si l'un échoue."""
    essais = [lancer(code, *arguments) for _ in range(n)]
    # Lus tous à la fois, sans limite de temps : l'un attend l'autre, et la machine peut être chargée.
    with ThreadPoolExecutor(n) as fils:
        sorties = list(fils.map(subprocess.Popen.communicate, essais))
    for essai, (_, erreur) in zip(essais, sorties, strict=True):
        assert essai.returncode == 0, erreur[-3_000:]
    return [sortie for sortie, _ in sorties]


def sources_jusqu_a(nom, derniere):
    """Les sources des cellules de code d'un labo, jusqu'à celle nommée `derniere`."""
    cellules = executer.lire_notebook(ANALYSE / f"{nom}.ipynb").cells
    rang = next(i for i, c in enumerate(cellules) if c.id == derniere)
    return [c.source for c in cellules[: rang + 1] if c.cell_type == "code"]


def dans_un_noyau(sources, dossier, env):
    """Ce qu'affichent ces cellules, exécutées dans un noyau neuf à partir de `dossier` ; échoue si l'une échoue."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    assert executer.executer_notebook(notebook, dossier, env) is None
    return "".join(s.get("text", "") for c in notebook.cells for s in c.outputs)


def contenu(dossier):
    """Noms triés de ce que contient un dossier, sans les témoins de verrou (vides et cachés)."""
    return sorted(c.name for c in dossier.iterdir() if not c.name.endswith(".verrou"))
