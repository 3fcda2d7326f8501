"""Lire un notebook remis : cellules, exécution, ordre, erreurs, textes affichés. Jamais d'exception."""

import json
import re
import unicodedata
import zlib

TAILLE_MAX = 80_000_000
TEXTE_MAX = 400_000  # caractères de sortie gardés par cellule
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\].*?(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")
ERREUR_DE_VSCODE = "application/vnd.code.notebook.error"
TRACEBACK = re.compile(
    r"^Traceback \(most recent call last\)|^-{30,}\s*\n\w+\s+Traceback", re.MULTILINE
)
FIN_DE_TRACE = re.compile(r"^(\w*(?:Error|Exception|Interrupt|Exit))\b:?[ ]?(.*)$", re.MULTILINE)
LIGNE_FAUTIVE = re.compile(
    r"Cell In ?\[\d+\], line (\d+)|<cell line: (\d+)>|^-+> ?(\d+)\b", re.MULTILINE
)
FIGURES = ("image/png", "image/jpeg", "image/svg+xml", "png", "jpeg", "svg")
CONFLIT = re.compile(
    r"^<{7}[^\n]*\n(.*?)(?:^\|{7}[^\n]*\n.*?)?^={7}[^\n]*\n(.*?)^>{7}[^\n]*\n?",
    re.MULTILINE | re.DOTALL,
)


def nettoyer_texte(texte):
    """Texte affiché, sans couleurs ANSI ; les retours en arrière des barres deviennent des lignes."""
    texte = ANSI.sub("", texte[: 4 * TEXTE_MAX])
    texte = re.sub(r"[\b\r]+", "\n", texte)
    return unicodedata.normalize("NFC", texte)[-TEXTE_MAX:]


def _texte(valeur):
    """Une source ou une sortie est une chaîne ou une liste de chaînes ; le reste est ignoré."""
    if isinstance(valeur, str):
        return valeur
    if isinstance(valeur, list):
        return "".join(v for v in valeur if isinstance(v, str))
    return ""


def _decoder(octets):
    if octets[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return octets.decode("utf-16", errors="replace")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        return octets.decode("cp1252", errors="replace")


def _recuperer(texte):
    """Contenu d'un notebook au JSON abîmé, ou None : un côté d'un conflit Git, ou le début non tronqué."""
    for cote in (r"\1", r"\2"):
        essai = CONFLIT.sub(cote, texte)
        # Les deux côtés d'un conflit laissent souvent une virgule de trop.
        for candidat in (essai, re.sub(r",(\s*[\]}])", r"\1", essai)):
            try:
                return json.loads(candidat)
            except (ValueError, RecursionError):
                continue
    debut = texte.find('"cells"')
    debut = texte.find("[", debut) + 1 if debut >= 0 else 0
    cellules, decodeur = [], json.JSONDecoder()
    while debut > 0:
        correspondance = re.compile(r"[\s,]*").match(texte, debut)
        try:
            cellule, debut = decodeur.raw_decode(texte, correspondance.end())
        except (ValueError, RecursionError):
            break
        if isinstance(cellule, dict):
            cellules.append(cellule)
    return {"cells": cellules, "nbformat": 4} if cellules else None


def lire(chemin):
    """Rend les faits d'un notebook : dict `lisible`, `probleme`, `cellules`, `textes` (hors du code).

    Chaque cellule de code : `source`, `numero` (execution_count ou None), `texte` affiché, `erreurs`
    [[nom, valeur]], `figures` (empreintes), `sorties` (nombre), `id`. nbformat 3 et 4 sont compris.
    """
    faits = {"lisible": False, "probleme": "", "cellules": [], "textes": []}
    try:
        if chemin.stat().st_size > TAILLE_MAX:
            faits["probleme"] = f"notebook de {chemin.stat().st_size / 1e6:.0f} Mo, non lu"
            return faits
        octets = chemin.read_bytes()
    except OSError as erreur:
        faits["probleme"] = f"fichier illisible ({erreur.strerror})"
        return faits
    texte = _decoder(octets)
    try:
        contenu = json.loads(texte)
        faits["lisible"] = isinstance(contenu, dict) and (
            "cells" in contenu or "worksheets" in contenu
        )
        if not faits["lisible"]:
            faits["probleme"] = "du JSON, mais pas un notebook (aucune liste de cellules)"
    except (ValueError, RecursionError) as erreur:
        faits["probleme"] = _dire_json(texte, erreur)
        contenu = _recuperer(texte)
    if not isinstance(contenu, dict):
        return faits
    cellules = contenu.get("cells")
    if not isinstance(cellules, list):
        feuilles = contenu.get("worksheets")
        feuilles = feuilles if isinstance(feuilles, list) else []
        cellules = [c for f in feuilles if isinstance(f, dict) for c in f.get("cells") or []]
    for cellule in cellules:
        if not isinstance(cellule, dict):
            continue
        source = _texte(cellule.get("source", cellule.get("input", "")))
        if cellule.get("cell_type") == "code":
            faits["cellules"].append(_lire_cellule(cellule, source))
        else:
            faits["textes"].append(source[:5_000])
    return faits


def lire_python(chemin):
    """Un fichier Python, vu comme un notebook d'une cellule jamais exécutée."""
    source = chemin.read_bytes()[:500_000].decode("utf-8", "replace")
    cellule = _lire_cellule({}, source)
    probleme = "un fichier Python, pas un notebook"
    return {"lisible": False, "probleme": probleme, "cellules": [cellule], "textes": []}


def _dire_json(texte, erreur):
    if not texte.strip():
        return "fichier vide"
    if re.search(r"^<{7} ", texte, re.MULTILINE):
        return (
            "marqueurs de conflit Git (« <<<<<<< ») laissés dans le fichier : le JSON est invalide"
        )
    if texte.lstrip().startswith("version https://git-lfs"):
        return "un pointeur Git LFS, pas le notebook"
    if texte.lstrip().startswith("<"):
        return "une page web, pas un notebook"
    ligne = getattr(erreur, "lineno", "?")
    return f"JSON invalide à la ligne {ligne} (fichier tronqué ou modifié à la main)"


def _lire_cellule(cellule, source):
    numero = cellule.get("execution_count", cellule.get("prompt_number"))
    textes, erreurs, figures = [], [], []
    sorties = cellule.get("outputs")
    sorties = [s for s in sorties if isinstance(s, dict)] if isinstance(sorties, list) else []
    for sortie in sorties:
        if erreur := _erreur(sortie):
            erreurs.append(erreur)
            continue
        donnees = sortie.get("data") if isinstance(sortie.get("data"), dict) else sortie
        textes.append(_texte(sortie.get("text")) or _texte(donnees.get("text/plain")))
        figures += [zlib.crc32(_texte(donnees[k]).encode()) for k in FIGURES if k in donnees]
    return {
        "id": str(cellule.get("id", ""))[:80],
        "source": source[:300_000],
        "numero": numero if isinstance(numero, int) and not isinstance(numero, bool) else None,
        "texte": nettoyer_texte("\n".join(textes)),
        "erreurs": [[nom, valeur] for nom, valeur, _ in erreurs],
        "ligne_erreur": min((ligne for *_, ligne in erreurs), default=None),
        "figures": figures,
        "sorties": len(sorties),
    }


def _erreur(sortie):
    """(nom, message, ligne de la cellule ou 0) d'une sortie qui montre une erreur, sinon None."""
    if sortie.get("output_type") in ("error", "pyerr"):
        nom, valeur = str(sortie.get("ename", "Erreur"))[:100], str(sortie.get("evalue", ""))[:300]
        trace = sortie.get("traceback")
        trace = "\n".join(map(str, trace)) if isinstance(trace, list) else ""
        return nom, valeur, _ligne_fautive(nom, ANSI.sub("", trace[:50_000]))
    donnees = sortie.get("data") if isinstance(sortie.get("data"), dict) else sortie
    if ERREUR_DE_VSCODE in donnees:
        return "Erreur", _texte(donnees[ERREUR_DE_VSCODE])[:300], 0
    for texte in (sortie.get("text"), donnees.get("text/plain"), donnees.get("text/html")):
        texte = ANSI.sub("", _texte(texte)[:TEXTE_MAX])
        # Python dit « Exception ignored in » de ce qui n'arrête rien.
        if TRACEBACK.search(texte) and "Exception ignored in" not in texte:
            noms = FIN_DE_TRACE.findall(texte)
            nom, valeur = noms[-1] if noms else ("Traceback", "")
            return nom, valeur[:300], _ligne_fautive(nom, texte)
    return None


def _ligne_fautive(nom, trace):
    """Ligne de la cellule où l'erreur est née ; 0 si on ne sait pas, ou si rien n'a pu tourner."""
    trouvee = LIGNE_FAUTIVE.search(trace)
    if not trouvee or nom in ("SyntaxError", "IndentationError", "TabError"):
        return 0
    return int(next(g for g in trouvee.groups() if g))


def executee(cellule):
    """Vrai si une cellule porte un numéro ou une sortie."""
    return cellule["numero"] is not None or cellule["sorties"] > 0


def a_tourne(cellule, ligne):
    """Vrai si l'instruction qui finit à cette ligne a tourné sans erreur, d'après ce que la cellule garde."""
    erreur = cellule["ligne_erreur"]
    return executee(cellule) and (erreur is None or ligne < erreur)


def du_code(source):
    """Vrai si la cellule contient autre chose que du blanc et des commentaires."""
    return any(ligne.strip() and not ligne.strip().startswith("#") for ligne in source.splitlines())


def etat_execution(cellules):
    """Faits d'exécution : `etat` (« jamais », « partielle », « entière », « vide »), `ordre`, `erreurs`…

    Une cellule est exécutée si elle porte un numéro ou une sortie ; les cellules vides ne comptent pas.
    """
    code = [c for c in cellules if du_code(c["source"])]
    faites = [c for c in code if executee(c)]
    numeros = [c["numero"] for c in code if c["numero"] is not None]
    rang = {id(c): i for i, c in enumerate(cellules, start=1)}
    if not code:
        etat = "vide"
    elif not faites:
        etat = "jamais"
    else:
        etat = "entière" if len(faites) == len(code) else "partielle"
    return {
        "etat": etat,
        "faites": len(faites),
        "propres": sum(not c["erreurs"] for c in faites),
        "total": len(code),
        "manquantes": [rang[id(c)] for c in code if not executee(c)][:20],
        "numerotees": len(numeros),
        "ordre": numeros == sorted(numeros),
        "doubles": len(set(numeros)) < len(numeros),
        "erreurs": [[rang[id(c)], *e] for c in cellules for e in c["erreurs"]][:20],
        "sorties": sum(bool(c["texte"].strip() or c["figures"]) for c in code),
    }
