"""Ce que disent les sorties d'un notebook : précisions, époques, réponses, questions."""

import re

from outils.donnees import CLASSES

NOMS_CLASSES = re.compile("|".join(map(re.escape, CLASSES)))
NOMBRE = r"(?:np\.float\d*\()?(\d+(?:[.,]\d+)?(?:e-?\d+)?)\)?\s*(%?)"
PRECISION = re.compile(
    rf"(?:pr[ée]cision|exactitude|justesse|accuracy|\bacc\b|score)[^\n\d%:=]{{0,60}}[:=]?\s*{NOMBRE}",
    re.IGNORECASE,
)
PROGRESSION = re.compile(
    rf"(?<![a-z_])(?:acc|accuracy|categorical_accuracy):\s*{NOMBRE}", re.IGNORECASE
)
VALIDATION = re.compile(rf"val_(?:acc|accuracy|categorical_accuracy):\s*{NOMBRE}", re.IGNORECASE)
EPOQUE = re.compile(r"\bEpoch\s+(\d+)\s*/\s*(\d+)", re.IGNORECASE)
LISTE = re.compile(rf"[\[(]\s*{NOMBRE}\s*,\s*{NOMBRE}\s*[\])]")


def _valeur(texte, pourcent):
    try:
        valeur = float(texte.replace(",", "."))
    except ValueError:
        return None
    if pourcent or 1 < valeur <= 100:
        valeur /= 100
    return round(valeur, 6) if 0 < valeur <= 1 else None


def _nombres(motif, texte):
    return [v for v in (_valeur(*m) for m in motif.findall(texte)) if v is not None]


def lire_sorties(cellules):
    """Ce que les sorties affichent : précisions (hors lignes d'époque), époques, alertes, réponses.

    `courbes` : [[cellule, meilleure précision de validation, meilleure d'apprentissage]].
    """
    faits = {
        "precisions": [],
        "epoques": [],
        "epuisees": False,
        "trace": [],
        "reponses": [],
        "courbes": [],
    }
    for rang, cellule in enumerate(cellules, start=1):
        texte, source = cellule["texte"], cellule["source"]
        faits["epuisees"] |= "ran out of data" in texte
        epoques = [(int(a), int(b)) for a, b in EPOQUE.findall(texte)]
        if epoques:
            faits["epoques"].append([rang, max(a for a, _ in epoques), max(b for _, b in epoques)])
        if valides := _nombres(VALIDATION, texte):
            faits["courbes"].append(
                [rang, max(valides), max(_nombres(PROGRESSION, texte), default=0)]
            )
        faits["trace"] += re.findall(r"val_loss: (\d+\.\d+)", texte)[:200]
        for phrase in re.findall(r"Selon moi[^\n:]*:\s*([^\n]{1,60})", texte, re.IGNORECASE):
            faits["reponses"].append([rang, phrase.strip()])
        for ligne in texte.splitlines():
            if len(ligne) > 2_000 or "val_" in ligne or EPOQUE.search(ligne):
                continue
            trouve = PRECISION.search(ligne)
            if "evaluate" in source:
                # Tout dans une cellule : les lignes de l'entraînement ne sont pas celles de l'évaluation.
                if not epoques or re.match(r"\s*(313/313|10000/10000)\b", ligne):
                    trouve = trouve or PROGRESSION.search(ligne)
                elif "step" in ligne or "loss" in ligne.lower():
                    trouve = None
                if paire := LISTE.search(ligne):
                    valeur = _valeur(paire[3], paire[4])
                    faits["precisions"] += [[rang, valeur]] if valeur else []
                    continue
            # Une ligne de progression n'est une mesure que dans une cellule qui évalue.
            if trouve and ("step" not in ligne or "evaluate" in source):
                valeur = _valeur(trouve[1], trouve[2])
                faits["precisions"] += [[rang, valeur]] if valeur else []
    faits["precisions"] = faits["precisions"][:200]
    faits["trace"] = faits["trace"][:400]
    return faits


def lire_questions(cellules, appels):
    """{question: « juste » | « faux » | « sans réponse »} d'après la sortie des cellules qui appellent `verifier`.

    `appels` : [(rang de la cellule, question)], lus dans le code ; un ❌ l'emporte sur un ✅ de la même cellule.
    """
    etats = {}
    for rang, nom in appels:
        signes = {
            signe
            for signe, question in re.findall(
                r"(✅|❌)\s*([\w-]{1,30})\s*[:—]", cellules[rang - 1]["texte"]
            )
            if question == nom
        }
        etats[nom] = "faux" if "❌" in signes else "juste" if signes else "sans réponse"
    return etats


def classes_affichees(cellules):
    """[[cellule, nom de classe]] ; une cellule qui en affiche plus de trois énumère, elle ne répond pas."""
    trouvees = []
    for rang, cellule in enumerate(cellules, start=1):
        noms = list(dict.fromkeys(NOMS_CLASSES.findall(cellule["texte"])))
        trouvees += [[rang, nom] for nom in noms] if len(noms) <= 3 else []
    return trouvees[:40]
