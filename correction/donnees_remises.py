"""Les fichiers de données qu'une remise contient, ou que son historique Git garde."""

import re

from correction.inventaire import nom_relatif

NOM_DE_DONNEES = re.compile(
    r"ubyte|fashion[-_ ]?mnist.*\.(csv|zip|gz|npz|npy|parquet)$|\.npz$|\.npy$|\.idx\d?$",
    re.IGNORECASE,
)


def _est_une_donnee(nom, taille, chemin=None):
    base = nom.rsplit("/", 1)[-1].lower()
    if base.endswith((".h5", ".hdf5", ".keras", ".ipynb", ".json", ".py", ".md", ".txt")):
        return False
    if NOM_DE_DONNEES.search(base):
        return True
    if base.endswith((".csv", ".zip", ".gz", ".tar", ".7z", ".rar")) and taille > 5_000_000:
        return True
    if base.endswith(".csv") and chemin and taille > 10_000:
        with open(chemin, "rb") as fichier:
            return fichier.readline(20_000).count(b",") == 784
    return False


def lire_donnees(inventaire, racine, git):
    """Fichiers de données remis (suivis par git si c'est un clone) et ceux que garde l'historique."""
    presents = {nom_relatif(c, racine): c for c in inventaire}
    suivis = set(git["suivis"]) if git else set(presents)
    rendus = {}
    for nom, chemin in presents.items():
        taille = chemin.stat().st_size
        if nom in suivis and _est_une_donnee(nom, taille, chemin):
            rendus[nom] = taille
    passes = {}
    for nom, taille in git["historique"] if git else ():
        if _est_une_donnee(nom, taille):
            # Un fichier suivi mais absent du disque (extraction partielle) est remis quand même.
            (rendus if nom in suivis else passes).setdefault(nom, taille)
    passes = {nom: taille for nom, taille in passes.items() if nom not in rendus}
    return {
        "git": git is not None,
        "rendus": [list(r) for r in rendus.items()][:50],
        "historique": [list(p) for p in passes.items()][:50],
    }
