"""De vrais processus Python, lancés ensemble dans `analyse_image/` comme autant de noyaux de notebook."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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


def contenu(dossier):
    """Noms triés de ce que contient un dossier, sans les témoins de verrou (vides et cachés)."""
    return sorted(c.name for c in dossier.iterdir() if not c.name.endswith(".verrou"))
