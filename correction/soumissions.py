"""Trouver les remises d'un dossier : un sous-dossier, une archive ou un notebook par étudiant."""

import re
from dataclasses import dataclass
from pathlib import Path

from correction.archives import ARCHIVES, ARCHIVES_REFUSEES
from correction.inventaire import IGNORES, fichiers, simplifier
from correction.moodle import MOODLE


@dataclass
class Soumission:
    """Une remise : le nom de l'étudiant, un identifiant de fichier sûr, et ses fichiers ou dossiers."""

    nom: str
    cle: str
    sources: list


def trouver(dossier):
    """Liste des remises de `dossier` : un sous-dossier, une archive ou un notebook par étudiant.

    Admet un dossier de clones, une arborescence GitHub Classroom, un zip de Moodle ou son contenu,
    et une seule remise. Lève `ValueError` (en français) s'il n'y a rien à corriger.
    """
    dossier = Path(dossier)
    if not dossier.exists():
        raise ValueError(f"« {dossier} » n'existe pas. Attendu : un dossier de remises.")
    if dossier.is_file():
        return _nommer({dossier.stem: [dossier]})
    entrees = sorted(
        (
            e
            for e in dossier.iterdir()
            # Un dossier qui porte .etat est un rapport déjà écrit.
            if not e.name.startswith(".") and e.name not in IGNORES and not (e / ".etat").exists()
        ),
        key=lambda e: e.name.lower(),
    )
    if _est_une_remise(dossier, entrees):
        return _nommer({dossier.resolve().name: [dossier]})
    groupes = {}
    for entree in entrees:
        if entree.is_symlink():
            continue
        moodle = MOODLE.match(entree.name)
        if moodle:
            groupes.setdefault(moodle["nom"], []).append(entree)
        elif entree.is_dir():
            groupes.setdefault(entree.name, []).append(entree)
        elif entree.name.lower().endswith((*ARCHIVES, *ARCHIVES_REFUSEES, ".ipynb")):
            groupes.setdefault(re.sub(r"\.tar$", "", entree.stem), []).append(entree)
    if not groupes:
        raise ValueError(
            f"« {dossier} » ne contient aucune remise. Attendu : un sous-dossier ou une archive zip par étudiant."
        )
    return _nommer(groupes)


def _est_une_remise(dossier, entrees):
    """Vrai si `dossier` est lui-même la remise d'un étudiant, et non un dossier de remises."""
    noms = {simplifier(e.name) for e in entrees if e.is_dir()}
    if (dossier / ".git").exists() or "analyse image" in noms:
        return True
    notebooks = [e for e in entrees if e.suffix.lower() == ".ipynb" and not MOODLE.match(e.name)]
    return bool(notebooks) and not any(e.is_dir() and _a_un_notebook(e) for e in entrees)


def _a_un_notebook(dossier):
    return any(c.suffix.lower() == ".ipynb" for c in fichiers(dossier)[0])


def _nommer(groupes):
    soumissions, prises = [], set()
    for nom, sources in groupes.items():
        cle = base = re.sub(r"\s+", "-", simplifier(nom))[:60] or "remise"
        numero = 2
        while cle in prises:
            cle, numero = f"{base}-{numero}", numero + 1
        prises.add(cle)
        soumissions.append(Soumission(nom, cle, [str(s) for s in sources]))
    return soumissions
