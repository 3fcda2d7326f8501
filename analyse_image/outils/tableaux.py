"""Un CSV tel qu'on le reçoit : le trouver sous son nom, refuser ce qui n'en est pas un ou se décale."""

import csv
import re
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path

from outils.fichiers import est_parasite, nom_court, noms_du_zip, refuser_fichier


def _est_zip(chemin):
    with open(chemin, "rb") as fichier:
        return fichier.read(4) == b"PK\x03\x04"


def _autre_forme(chemin, nom):
    """(ce que c'est, que faire) si `chemin` est le CSV `nom` sous une forme inutilisable, sinon None."""
    copie = rf"{re.escape(Path(nom).stem)}( ?\(\d+\)| - cop[iy].*| cop[iy].*)\.csv"
    if chemin.is_dir():
        if (chemin / nom).is_file() and not chemin.name.startswith("jumeau"):
            remede = "sortez-en ce fichier (si le dossier porte le même nom, renommez-le d'abord)."
            return f"un dossier qui contient « {nom} »", remede
        if chemin.name == nom:
            return "un dossier qui porte le nom d'un CSV", "renommez ce dossier, puis relancez."
    elif chemin.name == nom and _est_zip(chemin):
        remede = f"renommez-la « {chemin.stem}.zip », puis décompressez-la."
        return "une archive zip qui porte le nom d'un CSV", remede
    elif chemin.suffix.lower() == ".zip":
        if any(Path(membre).name == nom for membre in noms_du_zip(chemin)):
            return f"une archive zip qui contient « {nom} »", "décompressez-la à côté."
    elif re.fullmatch(copie, chemin.name, re.IGNORECASE):
        return "une copie renommée par le navigateur ou le système", f"renommez-la « {nom} »."
    return None


def trouver_csv(nom, dossiers):
    """Chemin du fichier `nom` dans le premier des `dossiers` qui l'a, ou None.

    Lève `DonneesInvalides` s'il n'est là que sous une autre forme (archive zip, copie « X (1).csv », dossier).
    """
    for dossier in dossiers:
        chemin = Path(dossier) / nom
        if chemin.is_file() and not _est_zip(chemin):
            return chemin
    for dossier in dossiers:
        for chemin in sorted(Path(dossier).glob("*")):
            if not est_parasite(chemin.name) and (forme := _autre_forme(chemin, nom)):
                refuser_fichier(chemin, forme[0], f"« {nom} », décompressé", forme[1])
    return None


def annoncer_autre_forme(nom, dossiers):
    """Affiche ce qui, dans ces dossiers ou juste dessous, donnerait le CSV `nom` : une archive, une copie…"""
    for dossier in dossiers:
        for chemin in sorted([*Path(dossier).glob("*"), *Path(dossier).glob("*/*")]):
            if chemin.is_file() and (forme := _autre_forme(chemin, nom)):
                print(f"⚠ « {nom_court(chemin)} » est {forme[0]} : {forme[1]}", flush=True)


def _deguisement(debut):
    """Ce qu'est un fichier qui commence ainsi (octets), s'il n'est pas du CSV, sinon ""."""
    if not debut:
        return "un fichier vide (0 octet)"
    if debut.startswith(b"version https://git-lfs"):
        return "un pointeur Git LFS, pas les données"
    if debut.lstrip().startswith(b"<"):
        return "une page web (sans doute une page de connexion)"
    if b";" in debut and b"," not in debut:
        return "des colonnes séparées par « ; » (fichier réenregistré par un tableur)"
    if debut.split(b",")[0].strip().strip(b'"').isdigit():
        return "pas de ligne d'en-tête (la première ligne contient des nombres)"
    return ""


def lire_entete(chemin, colonnes, remede):
    """Rend les noms de colonnes d'un CSV ; lève `DonneesInvalides` s'il n'en est pas un ou s'il en manque."""
    chemin = Path(chemin)
    suite = colonnes if len(colonnes) < 9 else (*colonnes[:2], "…", colonnes[-1])
    attendu = f"un CSV dont la première ligne a les colonnes {', '.join(suite)}"
    with open(chemin, "rb") as fichier:
        debut = fichier.readline(20_000)
    trouve = _deguisement(debut)
    noms = [nom.strip().strip('"') for nom in debut.decode("utf-8-sig", "replace").split(",")]
    absentes = [nom for nom in colonnes if nom not in noms]
    if absentes and not trouve:
        reste = f" et {len(absentes) - 3} autres" if len(absentes) > 3 else ""
        trouve = f"{len(noms)} colonnes, il manque {', '.join(absentes[:3])}{reste}"
    if trouve:
        refuser_fichier(chemin, trouve, attendu, remede)
    return noms


def _sont_numerotees(lignes):
    """Vrai si elles commencent par 0, 1, 2… ou 1, 2, 3… : des numéros de ligne, que pandas prend pour index."""
    premiers = [ligne[0] for ligne in lignes if ligne]
    numeros = [str(i) for i in range(len(lignes) + 1)]
    return len(lignes) > 1 and premiers in (numeros[:-1], numeros[1:])


def verifier_colonnes(chemin, remede, lignes=None):
    """Refuse un CSV dont une ligne a plus de valeurs que l'en-tête n'a de noms : tout se décalerait.

    `lignes` : n'en regarder que les premières. Des numéros de ligne sans nom de colonne (R, pandas) sont admis.
    Lève `DonneesInvalides`, qui nomme la ligne.
    """
    with (
        suppress(csv.Error),  # ce n'est pas du CSV : qui le lira le dira
        open(chemin, encoding="utf-8-sig", errors="replace", newline="") as fichier,
    ):
        lecteur = csv.reader(fichier)
        colonnes = len(next(lecteur, []))
        suite = islice(lecteur, lignes)
        debut = list(islice(suite, 12))  # des étiquettes de 0 à 9 ne feraient pas illusion
        if all(len(valeurs) == colonnes + 1 for valeurs in debut) and _sont_numerotees(debut):
            colonnes += 1
        for numero, valeurs in enumerate(chain(debut, suite), start=2):
            if len(valeurs) > colonnes:
                trouve = f"{len(valeurs)} valeurs à la ligne {numero}"
                if not valeurs[-1]:
                    trouve += ", la dernière vide (une virgule de trop)"
                refuser_fichier(chemin, trouve, f"{colonnes} valeurs, une par colonne", remede)
