"""Trouver les remises d'un dossier, et dire pourquoi ses autres entrées n'en sont pas."""

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from correction import archives
from correction.inventaire import IGNORES, NOTEBOOKS, fichiers, racine_logique, simplifier
from correction.moodle import MOODLE, est_une_feuille

CLASSE_MAX = {"octets": 30_000_000_000, "fichiers": 300_000, "archives": 1}


@dataclass
class Soumission:
    """Une remise : le nom de l'étudiant, un identifiant de fichier sûr, et ses fichiers ou dossiers.

    `identifiant` et `nom_moodle` : ce que Moodle a mis dans le nom du dossier, « » ailleurs.
    """

    nom: str
    cle: str
    sources: list
    identifiant: str = ""
    nom_moodle: str = ""


@dataclass
class Classe:
    """Un dossier de remises : les remises, les entrées écartées [(nom, raison)], la feuille de Moodle ou None."""

    soumissions: list
    ecartees: list
    feuille: Path | None = None


def trouver(dossier, travail):
    """La `Classe` de `dossier` : un sous-dossier, une archive ou un notebook par étudiant.

    Admet un dossier de clones, une arborescence GitHub Classroom, le zip de Moodle d'une classe (ou un
    dossier qui le contient), et une seule remise ; un zip de classe est extrait dans `travail`.
    Lève `ValueError` (en français) s'il n'y a rien à corriger.
    """
    dossier = Path(dossier)
    if not dossier.exists():
        raise ValueError(f"« {dossier} » n'existe pas. Attendu : un dossier de remises.")
    if dossier.is_file():
        return _depuis_un_fichier(dossier, Path(travail))
    entrees = sorted(dossier.iterdir(), key=lambda e: (e.name.lower(), e.name))
    visibles = [e for e in entrees if not e.name.startswith(".") and e.name not in IGNORES]
    if _est_une_remise(dossier, visibles):
        return Classe(_nommer({("", dossier.resolve().name): [dossier]}), [])
    groupes, ecartees, feuille = {}, [], None
    for rang, entree in enumerate(visibles):
        if entree.is_file() and _zip_de_classe(entree):
            dedans = trouver(_extraire_classe(entree, Path(travail) / f"classe-{rang}"), travail)
            for s in dedans.soumissions:
                groupes.setdefault((s.identifiant, s.nom_moodle or s.nom), []).extend(s.sources)
            ecartees += dedans.ecartees
            feuille = feuille or dedans.feuille
        elif not entree.is_symlink() and entree.is_file() and est_une_feuille(entree):
            feuille = entree
        elif raison := _raison_d_ecarter(entree):
            ecartees.append((entree.name, raison))
        else:
            groupes.setdefault(_identite(entree), []).append(entree)
    groupes = _par_identifiant(groupes)
    if not groupes:
        details = "".join(f"\n  - {nom} : {raison}" for nom, raison in ecartees[:20])
        raise ValueError(
            f"« {dossier} » ne contient aucune remise. Attendu : un sous-dossier ou une archive zip "
            f"par étudiant.{details}"
        )
    return Classe(_nommer(groupes), ecartees, feuille)


def _depuis_un_fichier(fichier, travail):
    if archives.est_archive(fichier.name):
        return trouver(_extraire_classe(fichier, travail / "classe" / fichier.stem), travail)
    if fichier.name.lower().endswith(NOTEBOOKS):
        return Classe(_nommer({_identite(fichier): [fichier]}), [])
    raise ValueError(
        f"« {fichier.name} » est un fichier. Attendu : un dossier de remises, ou le zip d'une classe."
    )


def _raison_d_ecarter(entree):
    """Pourquoi une entrée n'est pas une remise, ou None."""
    if entree.is_symlink():
        return "lien non suivi"
    if entree.is_dir():
        return "rapport déjà écrit" if (entree / ".etat").exists() else None
    connus = (*archives.ARCHIVES, *archives.ARCHIVES_REFUSEES, *NOTEBOOKS)
    if MOODLE.match(entree.name) or entree.name.lower().endswith(connus):
        return None
    return "document seul : ni dossier, ni archive, ni notebook"


def _zip_de_classe(archive):
    """Vrai si un zip contient des remises nommées par Moodle."""
    return archive.suffix.lower() == ".zip" and any(
        MOODLE.match(nom.split("/")[0]) for nom in archives.noms(archive)
    )


def _extraire_classe(archive, destination):
    """Extrait le zip d'une classe, aux dates de l'archive : une remise inchangée reste reconnue."""
    # Les archives qu'elle contient seront ouvertes remise par remise, chacune dans ses limites.
    archives.extraire(archive, destination, dict(CLASSE_MAX))
    date = archive.stat().st_mtime_ns
    for chemin in destination.rglob("*"):
        os.utime(chemin, ns=(date, date))
    return racine_logique(destination)


def _est_une_remise(dossier, entrees):
    """Vrai si `dossier` est lui-même la remise d'un étudiant, et non un dossier de remises."""
    noms = {simplifier(e.name) for e in entrees if e.is_dir()}
    if (dossier / ".git").exists() or "analyse image" in noms:
        return True
    notebooks = [
        e for e in entrees if e.name.lower().endswith(NOTEBOOKS) and not MOODLE.match(e.name)
    ]
    return bool(notebooks) and not any(e.is_dir() and _a_un_notebook(e) for e in entrees)


def _a_un_notebook(dossier):
    return any(c.name.lower().endswith(NOTEBOOKS) for c in fichiers(dossier)[0])


def _identite(entree):
    """(identifiant de Moodle ou « », nom) : deux entrées de même identité sont une même remise."""
    if trouve := MOODLE.match(entree.name):
        return trouve["id"], trouve["nom"]
    if entree.is_dir():
        return "", entree.name
    suffixes = (*archives.ARCHIVES, *archives.ARCHIVES_REFUSEES, *NOTEBOOKS)
    suffixe = max((s for s in suffixes if entree.name.lower().endswith(s)), key=len, default="")
    return "", entree.name[: len(entree.name) - len(suffixe)]


def _par_identifiant(groupes):
    """Groupes où un identifiant de Moodle n'a qu'un nom, le premier rencontré."""
    noms, fusion = {}, {}
    for (identifiant, nom), sources in groupes.items():
        nom = noms.setdefault(identifiant, nom) if identifiant else nom
        fusion.setdefault((identifiant, nom), []).extend(sources)
    return fusion


def _nommer(groupes):
    """Les remises, de clés toutes différentes : l'identifiant distingue les homonymes."""
    homonymes = Counter(nom for _, nom in groupes)
    bases = Counter(_base(nom) for _, nom in groupes)
    soumissions, prises = [], set()
    for (identifiant, nom), sources in groupes.items():
        cle = _base(nom)
        if identifiant and bases[cle] > 1:
            cle = f"{cle}-{identifiant}"
        base, numero = cle, 2
        while cle in prises:
            cle, numero = f"{base}-{numero}", numero + 1
        prises.add(cle)
        anonyme = simplifier(nom) == "participant"  # copies anonymes : Participant_12345
        distinguer = identifiant and (anonyme or homonymes[nom] > 1)
        montre = f"{nom} ({identifiant})" if distinguer else nom
        soumissions.append(
            Soumission(
                montre, cle, [str(s) for s in sources], identifiant, nom if identifiant else ""
            )
        )
    return sorted(soumissions, key=lambda s: (simplifier(s.nom), s.cle))


def _base(nom):
    return re.sub(r"\s+", "-", simplifier(nom))[:60] or "remise"
