"""Le dossier publié : écrit d'un coup, remplacé sans rien effacer qui ne soit de nous."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from outils.fichiers import Refus, nom_court

MARQUE = (
    ".nojekyll"  # GitHub Pages publie alors aussi les dossiers en « _ » ; et c'est notre marque
)


@contextmanager
def remplacer(dossier):
    """Donne un dossier provisoire ; à la fin, il prend la place de `dossier`, s'il est de nous ou vide.

    Lève `Refus` si `dossier` contient autre chose que ce que nous y avons publié.
    """
    dossier = Path(dossier).absolute()
    autre = dossier.is_file() or (dossier.is_dir() and any(dossier.iterdir()))
    if autre and not (dossier / MARQUE).is_file():
        raise Refus(
            f"« {nom_court(dossier)} » n'est pas un dossier publié par cette commande.",
            "d'autres fichiers, que l'on ne veut pas effacer",
            "un dossier absent, vide, ou déjà publié",
            "choisissez un autre dossier avec --sortie",
        )
    dossier.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".publication-", dir=dossier.parent) as provisoire:
        neuf, ancien = Path(provisoire, "neuf"), Path(provisoire, "ancien")
        neuf.mkdir()
        yield neuf
        (neuf / MARQUE).touch()
        if dossier.exists():
            os.replace(dossier, ancien)
        shutil.move(neuf, dossier)


def taille(dossier):
    """Octets de tous les fichiers de `dossier`."""
    return sum(f.stat().st_size for f in Path(dossier).rglob("*") if f.is_file())
