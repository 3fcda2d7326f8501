"""Ce qu'un dépôt Git remis suit, et ce que garde son historique."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path


def etat_git(racine):
    """Fichiers suivis par git et gros objets de l'historique, ou None si `racine` n'est pas un clone.

    Le dépôt est hostile : sa configuration peut lancer des programmes. On ne la lit pas ; un dépôt
    neuf emprunte seulement ses objets, ses références et son index.
    """
    git = Path(racine) / ".git"
    if not (git / "objects").is_dir() or git.is_symlink() or not shutil.which("git"):
        return None
    with tempfile.TemporaryDirectory(prefix="correction-git-") as neuf:
        env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
        }

        def appeler(*arguments, entree=None, **variables):
            reponse = subprocess.run(
                ["git", *arguments],
                cwd=neuf,
                env={**env, **variables},
                input=entree,
                capture_output=True,
                timeout=30,
            )
            return reponse.stdout.decode("utf-8", "replace") if reponse.returncode == 0 else ""

        try:
            appeler("init", "-q", "--bare", neuf)
            for nom in ("HEAD", "packed-refs", "index", "shallow"):
                if (git / nom).is_file() and (git / nom).stat().st_size < 50_000_000:
                    shutil.copy(git / nom, neuf)
            if (git / "refs").is_dir():
                shutil.copytree(git / "refs", Path(neuf) / "refs", dirs_exist_ok=True)
            variables = {"GIT_DIR": neuf, "GIT_OBJECT_DIRECTORY": str((git / "objects").resolve())}
            suivis = [
                n for n in appeler("ls-files", "-z", "--cached", **variables).split("\0") if n
            ]
            objets = appeler("rev-list", "--objects", "--all", **variables)
            tailles = appeler(
                "cat-file",
                "--batch-check=%(objecttype) %(objectsize) %(rest)",
                entree=objets.encode(),
                **variables,
            )
        except (OSError, subprocess.TimeoutExpired, shutil.Error):
            return None
    historique = []
    for ligne in tailles.splitlines():
        genre, _, reste = ligne.partition(" ")
        taille, _, nom = reste.partition(" ")
        if genre == "blob" and taille.isdigit() and nom:
            historique.append([nom, int(taille)])
    if not suivis and not historique:
        return None
    return {"suivis": suivis, "historique": historique}


def depot_github(racine):
    """« COMPTE/DEPOT » d'après l'adresse d'origine d'un clone, ou « » ; sa configuration n'est que lue."""
    config = Path(racine) / ".git" / "config"
    if config.is_symlink() or not config.is_file() or config.stat().st_size > 100_000:
        return ""
    texte = config.read_text(encoding="utf-8", errors="replace")
    trouve = re.search(
        r"^\s*url\s*=.*github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?\s*$", texte, re.M
    )
    return trouve[1] if trouve and not trouve[1].startswith("-") else ""
