"""Vérifie ma remise avant de l'envoyer : python .github/classroom/verifier_remise.py [QUOI …]

QUOI : fichiers, classification, test_model, ou le nom d'une question (q1…) ; rien : tout.
Bibliothèque standard seulement, rien n'est exécuté. La note de l'enseignant tient compte de bien plus.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

RACINE = Path(__file__).resolve().parents[2]
LABOS = RACINE / "analyse_image"
NOTEBOOKS = ("classification", "test_model")


def cellules(nom):
    """Cellules de code qui contiennent autre chose que du blanc et des commentaires."""
    notebook = json.loads((LABOS / f"{nom}.ipynb").read_text(encoding="utf-8-sig"))
    return [c for c in notebook["cells"] if c["cell_type"] == "code" and du_code(source(c))]


def source(cellule):
    return "".join(cellule["source"])


def du_code(texte):
    return any(ligne.strip() and not ligne.strip().startswith("#") for ligne in texte.splitlines())


def executee(cellule):
    """Une cellule est exécutée si elle porte un numéro ou une sortie."""
    return cellule.get("execution_count") is not None or bool(cellule.get("outputs"))


def texte(cellule):
    return "".join("".join(s.get("text", [])) for s in cellule["outputs"])


def fichiers():
    labos = [f"analyse_image/{nom}.ipynb" for nom in NOTEBOOKS]
    for nom in (*labos, "modele/modele.json", "modele/modele.weights.h5"):
        if not (RACINE / nom).is_file():
            yield f"{nom} manque"
    suivis = subprocess.run(
        ["git", "ls-files"], cwd=RACINE, capture_output=True, encoding="utf-8"
    ).stdout.splitlines()
    for nom in suivis:
        if re.search(r"ubyte|fashion-mnist.*\.csv$|\.npz$", nom):
            yield f"{nom} est une donnée : git rm --cached {nom}"


def notebook(nom):
    try:
        liste = cellules(nom)
    except (OSError, ValueError, KeyError) as erreur:
        yield f"{nom}.ipynb n'est pas un notebook lisible ({erreur})"
        return
    manquantes = sum(not executee(c) for c in liste)
    if manquantes:
        yield f"{nom}.ipynb : {manquantes} cellule(s) non exécutée(s) sur {len(liste)}"
    numeros = [n for n in (c.get("execution_count") for c in liste) if n is not None]
    if numeros != sorted(numeros):
        yield f"{nom}.ipynb : cellules exécutées dans le désordre (redémarrez le noyau, exécutez tout)"
    if any(s["output_type"] == "error" for c in liste for s in c["outputs"]):
        yield f"{nom}.ipynb : une erreur est affichée"


def toutes_les_questions():
    """{question: texte affiché par sa cellule} des notebooks présents."""
    trouvees = {}
    for chemin in sorted(LABOS.glob("*.ipynb")):
        try:
            liste = cellules(chemin.stem)
        except (OSError, ValueError, KeyError):
            continue
        for cellule in liste:
            code = re.sub(r"#.*", "", source(cellule))
            for cle in re.findall(r'verifier\(\s*["\']([\w-]+)["\']\s*\)', code):
                trouvees[cle] = texte(cellule)
    return trouvees


def question(cle):
    affichees = toutes_les_questions()
    if cle not in affichees:
        yield f'question {cle} : la cellule verifier("{cle}") a disparu'
    elif f"✅ {cle} " not in affichees[cle] or f"❌ {cle} " in affichees[cle]:
        yield f"question {cle} sans réponse juste"


def fautes(quoi):
    if quoi == "fichiers":
        return list(fichiers())
    return list(notebook(quoi) if quoi in NOTEBOOKS else question(quoi))


def tout():
    """Ce qui se vérifie : les fichiers, les deux notebooks, les questions des labos 0 à 2."""
    questions = [q for q in sorted(toutes_les_questions()) if re.fullmatch(r"(q|ordre)\d+", q)]
    return ["fichiers", *NOTEBOOKS, *questions]


if __name__ == "__main__":
    trouvees = [f for quoi in sys.argv[1:] or tout() for f in fautes(quoi)]
    print("\n".join(f"- {f}" for f in trouvees) or "Tout est là.")
    sys.exit(bool(trouvees))
