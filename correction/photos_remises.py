"""Les photos d'une remise, celles que son code nomme, et ce que le réseau en dit."""

import re

from correction.fournis import somme
from correction.inventaire import nom_relatif, simplifier

IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".avif", ".tif", ".tiff", ".jfif")
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
# Mots qu'un nom de photo emploie, classe par classe.
MOTS = (
    "shirt tee haut",
    "pantalon pants trouser jean",
    "pull sweater",
    "robe dress",
    "manteau coat",
    "sandal",
    "chemise",
    "basket sneaker",
    "sac bag",
    "botte bottine boot",
)


def lire_photos(inventaire, racine, sommes, faits_test):
    """Photos remises, chemins d'images écrits dans le code, et réponses attendues d'après leurs noms."""
    fichiers = _fichiers(inventaire, racine, sommes)
    if not faits_test:
        return {"fichiers": fichiers, "chemins": [], "reponses": []}
    dossier = faits_test["chemin"].rpartition("/")[0]
    noms = {f[0].lower() for f in fichiers}
    bases = {n.rsplit("/", 1)[-1] for n in noms}
    chemins = [
        [e["chemin"], e["cellule"], _place(e["chemin"], dossier, noms, bases)]
        for e in faits_test["code"]["evenements"]
        if e["genre"] == "chemin_image"
    ]
    # La photo d'une réponse est la dernière que le code a nommée avant elle, dans l'ordre d'exécution.
    lues = {cellule: rang for rang, cellule in enumerate(faits_test["code"]["ordre"])}
    reponses = []
    for cellule, reponse in faits_test["sorties"]["reponses"] or _reponses_libres(faits_test):
        avant = [c[0] for c in chemins if lues[c[1]] <= lues[cellule]]
        photo = avant[-1] if avant else ""
        reponses.append([cellule, reponse, photo, _juste(photo, reponse)])
    uniques = {c[0]: c for c in chemins}
    return {
        "fichiers": fichiers,
        "chemins": list(uniques.values())[:60],
        "reponses": reponses[:60],
    }


def _fichiers(inventaire, racine, sommes):
    """[[chemin, octets, empreinte, fournie par le dépôt ?]] des photos remises."""
    trouvees = []
    for chemin in inventaire:
        taille = chemin.stat().st_size
        if chemin.suffix.lower() not in IMAGES or taille > 60_000_000 or len(trouvees) >= 500:
            continue
        if est_une_image(chemin):
            empreinte = somme(chemin)
            trouvees.append([nom_relatif(chemin, racine), taille, empreinte, empreinte in sommes])
    return trouvees


def est_une_image(chemin):
    """Vrai si le fichier commence comme une image : son extension ne suffit pas."""
    with open(chemin, "rb") as fichier:
        debut = fichier.read(32)
    return debut.startswith(SIGNATURES) or debut[4:8] == b"ftyp"


def _reponses_libres(faits):
    """Réponses dites autrement que « Selon moi… » : un nom de classe affiché par une cellule qui prédit."""
    predit = {e["cellule"] for e in faits["code"]["evenements"] if e["genre"] == "predict"}
    return [[rang, nom] for rang, nom in faits["classes_affichees"] if rang in predit]


def _place(chemin, dossier, noms, bases):
    """« présente », « ailleurs » ou « absente » : une photo écrite dans le code est-elle dans la remise ?"""
    propre = chemin.replace("\\", "/")
    base = propre.rsplit("/", 1)[-1].lower()
    if not re.match(r"^([A-Za-z]:|/)", propre):
        for depart in (dossier, ""):
            parties = []
            for morceau in f"{depart}/{propre}".split("/"):
                if morceau == "..":
                    parties = parties[:-1]
                elif morceau not in ("", "."):
                    parties.append(morceau)
            if "/".join(parties).lower() in noms:
                return "présente"
    return "ailleurs" if base in bases else "absente"


def classe_du_nom(chemin):
    """Numéro de la classe que le nom d'une photo annonce, ou None."""
    base = simplifier(chemin.replace("\\", "/").rsplit("/", 1)[-1])
    trouvees = [classe for classe, mots in enumerate(MOTS) if any(m in base for m in mots.split())]
    return trouvees[0] if len(trouvees) == 1 else None


def _juste(chemin, reponse):
    attendue = classe_du_nom(chemin)
    return None if attendue is None else attendue == classe_du_nom(reponse)
