"""Ce que le dépôt étudiant fournit, reconnu par son empreinte : cela ne rapporte rien."""

import functools
import hashlib
import json

from correction.etudiante import fichiers_distribues, version_etudiante


def somme(chemin):
    """SHA-256 d'un fichier, lu par blocs."""
    with open(chemin, "rb") as fichier:
        return hashlib.file_digest(fichier, "sha256").hexdigest()


def empreinte_cellule(source):
    """Empreinte d'une cellule de code, aux espaces de fin de ligne près."""
    lignes = [ligne.rstrip() for ligne in source.strip().splitlines()]
    return hashlib.sha256("\n".join(lignes).encode("utf-8", "replace")).hexdigest()[:20]


def empreinte_poids(tableaux):
    """Empreinte des poids d'un réseau (tableaux flottants), quel que soit leur ordre ou leur fichier."""
    sommes = sorted(
        hashlib.sha256(t.tobytes()).hexdigest() for t in tableaux if t.dtype.kind == "f"
    )
    return hashlib.sha256("".join(sommes).encode()).hexdigest()


@functools.cache
def sources_distribuees():
    """Cellules de code des labos distribués (textes)."""
    vides = (version_etudiante(n, nom) for nom, n in _labos().items())
    return tuple(_source(c) for n in vides for c in n["cells"] if c["cell_type"] == "code")


@functools.cache
def communs():
    """(codes, textes) que deux remises honnêtes peuvent partager : les labos distribués, et leur corrigé."""
    cellules = [c for n in _labos().values() for c in n["cells"]]
    codes = [_source(c) for c in cellules if c["cell_type"] == "code"]
    textes = [_source(c) for c in cellules if c["cell_type"] != "code"]
    return (*sources_distribuees(), *codes), tuple(textes)


@functools.cache
def _labos():
    return {
        f.name: json.loads(f.read_text(encoding="utf-8"))
        for f in fichiers_distribues()
        if f.suffix == ".ipynb"
    }


def _source(cellule):
    return "".join(cellule["source"])


@functools.cache
def connus():
    """{"sommes": fichiers distribués, "cellules": cellules de code distribuées}, en listes d'empreintes."""
    sommes = {somme(f) for f in fichiers_distribues() if f.suffix != ".ipynb"}
    cellules = {empreinte_cellule(source) for source in sources_distribuees()}
    return {"sommes": sorted(sommes), "cellules": sorted(cellules)}
