"""Les fichiers d'une remise : ni lien suivi, ni dossier d'outils."""

import os
import re
import unicodedata
from pathlib import Path

# Dossiers qui ne sont pas le travail de l'étudiant : outils, caches, environnements.
IGNORES = """
.git .venv venv env node_modules __pycache__ site-packages __MACOSX .ipynb_checkpoints .idea .vscode .devcontainer
.github .pytest_cache
"""
IGNORES = set(IGNORES.split())
FICHIERS_MAX = 20_000
# Un navigateur ou un téléphone ajoute volontiers une extension à un notebook.
NOTEBOOKS = (".ipynb", ".ipynb.json", ".ipynb.txt")


def simplifier(texte):
    """Minuscules sans accent ni ponctuation : « Classification (1) » → « classification 1 »."""
    plat = unicodedata.normalize("NFKD", texte).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", " ", plat).strip()


def nom_relatif(chemin, racine):
    """Chemin (texte) d'un fichier remis, à partir de la racine de sa remise."""
    return chemin.relative_to(racine).as_posix() if chemin.is_relative_to(racine) else chemin.name


def fichiers(racine):
    """(chemins des fichiers ordinaires sous `racine`, remarques) ; ni lien suivi, ni dossier d'outils."""
    trouves, remarques = [], []
    for dossier, sous_dossiers, noms in os.walk(racine):
        garde = []
        for nom in sorted(sous_dossiers):
            chemin = Path(dossier, nom)
            if chemin.is_symlink():
                remarques.append(f"lien non suivi : « {nom} »")
            elif nom not in IGNORES and not (chemin / "pyvenv.cfg").exists():
                garde.append(nom)
        sous_dossiers[:] = garde
        for nom in sorted(noms):
            chemin = Path(dossier, nom)
            if chemin.is_symlink():
                remarques.append(f"lien non suivi : « {nom} »")
            elif not os.access(chemin, os.R_OK):
                remarques.append(f"fichier illisible (droits) : « {nom} »")
            elif chemin.is_file():
                trouves.append(chemin)
            if len(trouves) >= FICHIERS_MAX:
                return trouves, [
                    *remarques,
                    f"plus de {FICHIERS_MAX} fichiers : la suite n'est pas lue",
                ]
    return trouves, remarques


def racine_logique(racine):
    """Descend dans les emballages : un dossier qui n'en contient qu'un autre (zip de GitHub, Moodle)."""
    racine = Path(racine)
    for _ in range(6):
        try:
            entrees = [e for e in racine.iterdir() if not e.name.startswith((".", "__MACOSX"))]
        except OSError:
            break
        if (racine / ".git").exists():
            break
        seul = len(entrees) == 1 and entrees[0].is_dir() and not entrees[0].is_symlink()
        if not seul or simplifier(entrees[0].name) in (
            "analyse image",
            "modele",
            "datas",
            "images",
        ):
            break
        racine = entrees[0]
    return racine
