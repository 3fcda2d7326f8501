"""Vérifie ma remise avant de l'envoyer : python .github/classroom/verifier_remise.py [fichiers|notebooks|questions]

Bibliothèque standard seulement, rien n'est exécuté. La note de l'enseignant tient compte de bien plus.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

RACINE = Path(__file__).resolve().parents[2]
NOTEBOOKS = tuple(
    f"analyse_image/{nom}.ipynb" for nom in ("convolution", "classification", "test_model")
)


def cellules(nom):
    notebook = json.loads((RACINE / nom).read_text(encoding="utf-8-sig"))
    return [
        c for c in notebook["cells"] if c["cell_type"] == "code" and "".join(c["source"]).strip()
    ]


def texte(cellule):
    return "".join("".join(s.get("text", [])) for s in cellule["outputs"])


def fichiers():
    for nom in NOTEBOOKS:
        if not (RACINE / nom).is_file():
            yield f"{nom} manque"
    for nom in ("modele/modele.json", "modele/modele.weights.h5"):
        if not (RACINE / nom).is_file():
            yield f"{nom} manque"
    suivis = subprocess.run(
        ["git", "ls-files"], cwd=RACINE, capture_output=True, encoding="utf-8"
    ).stdout.splitlines()
    for nom in suivis:
        if re.search(r"ubyte|fashion-mnist.*\.csv$|\.npz$", nom):
            yield f"{nom} est une donnée : git rm --cached {nom}"


def notebooks():
    for nom in NOTEBOOKS:
        try:
            liste = cellules(nom)
        except (OSError, ValueError, KeyError) as erreur:
            yield f"{nom} n'est pas un notebook lisible ({erreur})"
            continue
        numeros = [c["execution_count"] for c in liste]
        if None in numeros:
            yield f"{nom} : {numeros.count(None)} cellule(s) non exécutée(s) sur {len(numeros)}"
        faits = [n for n in numeros if n is not None]
        if faits != sorted(faits):
            yield f"{nom} : cellules exécutées dans le désordre (redémarrez le noyau, exécutez tout)"
        if any(s["output_type"] == "error" for c in liste for s in c["outputs"]):
            yield f"{nom} : une erreur est affichée"


def questions():
    trouvees = 0
    for nom in NOTEBOOKS:
        try:
            liste = cellules(nom)
        except (OSError, ValueError, KeyError):
            continue
        for cellule in liste:
            for cle in re.findall(r'verifier\("([\w-]+)"\)', "".join(cellule["source"])):
                trouvees += 1
                if f"✅ {cle} " not in texte(cellule):
                    yield f"{nom} : question {cle} sans réponse juste"
    if not trouvees:
        yield "aucune cellule verifier(…) : ne les effacez pas"


if __name__ == "__main__":
    etapes = {"fichiers": fichiers, "notebooks": notebooks, "questions": questions}
    fautes = [f for nom in sys.argv[1:] or etapes for f in etapes[nom]()]
    print("\n".join(f"- {f}" for f in fautes) or "Tout est là.")
    sys.exit(bool(fautes))
