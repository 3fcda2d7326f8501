"""Les faits d'une remise : ce qu'elle contient, sans jugement. C'est le programme d'un processus limité.

python -m correction.faits TACHES.json FAITS.jsonl : une ligne de faits par remise, dans l'ordre.
"""

import json
import sys
from pathlib import Path

from correction import archives, depot_git, inventaire, limites
from correction.donnees_remises import lire_donnees
from correction.fournis import connus as fournis_connus
from correction.fournis import somme
from correction.modeles_remis import trouver_modeles
from correction.notebooks_remis import attribuer, lire_notebook, noms_des_labos, role_du_nom
from correction.photos_remises import lire_photos


def etablir(soumission, travail):
    """Faits (dict sérialisable) d'une remise {nom, cle, sources}.

    `soumission["fournis"]` évite de recalculer, pour chaque remise, les empreintes de ce qu'on distribue.
    """
    fournis = soumission.get("fournis") or fournis_connus()
    sommes, cellules = set(fournis["sommes"]), set(fournis["cellules"])
    racines, remarques, ouvertes = archives.deballer(
        soumission["sources"], Path(travail) / "contenu"
    )
    racines = [inventaire.racine_logique(r) for r in racines]
    git = next((g for g in map(depot_git.etat_git, racines) if g), None)
    presents = []
    for racine in racines:
        chemins, notes = inventaire.fichiers(racine)
        remarques += notes[:10]
        # Une archive qu'on a ouverte est l'emballage de la remise, pas une donnée.
        deballees = {*ouvertes, *(c for c in chemins if Path(f"{c}.contenu").is_dir())}
        presents += [(c, racine) for c in chemins if c not in deballees]
    notebooks, roles = _lire_notebooks(presents, cellules)
    base = racines[0] if racines else Path(travail)
    chemins = [c for c, _ in presents]
    bases = {
        Path(n["absolu"]).parents[1]
        for n in roles.values()
        if n and "absolu" in n and n["dossier_juste"]
    } | set(racines)
    return {
        "nom": soumission["nom"],
        "cle": soumission["cle"],
        "remarques": remarques[:30],
        "vide": not presents,
        "racines": [str(r) for r in racines],
        "notebooks": roles,
        "un_seul_notebook": bool(roles["classification"])
        and roles["classification"] is roles["test_model"],
        "questions": _toutes_les_questions(notebooks),
        "labos": _nos_labos(notebooks),
        "autres_notebooks": [n["chemin"] for n in notebooks if n not in roles.values()][:20],
        "modeles": trouver_modeles(chemins, base, sommes, bases),
        "modele_fourni": any(
            c.suffix.lower() in (".h5", ".keras") and somme(c) in sommes for c in chemins
        ),
        "poids_seuls": [c.name for c in chemins if c.suffix.lower() in (".h5", ".hdf5")][:10],
        "donnees": lire_donnees(chemins, base, git),
        "photos": lire_photos(chemins, base, sommes, roles["test_model"]),
    }


def _lire_notebooks(presents, distribuees):
    """(tous les notebooks, {rôle: notebook ou None}) ; à défaut de notebook, un .py du même rôle."""
    ipynb = [(c, racine) for c, racine in presents if c.name.lower().endswith(inventaire.NOTEBOOKS)]
    notebooks = []
    for chemin, racine in ipynb[:40]:
        lu = lire_notebook(chemin, chemin.relative_to(racine), distribuees)
        notebooks.append({**lu, "absolu": str(chemin)})
    roles = attribuer(notebooks)
    for chemin, racine in presents:
        role = role_du_nom(chemin)
        en_python = chemin.suffix.lower() == ".py" and chemin.stat().st_size < 500_000
        if en_python and role and not roles[role]:
            roles[role] = lire_notebook(chemin, chemin.relative_to(racine), distribuees)
    return notebooks, roles


def _nos_labos(notebooks):
    """{nom de labo: {chemin, absolu, serie, total, distribue}} des labos de la série, à leur nom."""
    gardes = ("chemin", "absolu", "serie", "total", "distribue")
    labos = {}
    for n in notebooks:
        nom = n["chemin"].rsplit("/", 1)[-1].removesuffix(".ipynb")
        if (n["serie"] or n["questions"]) and f"{nom}.ipynb" in noms_des_labos():
            labos.setdefault(nom, {cle: n[cle] for cle in gardes})
    return labos


def _toutes_les_questions(notebooks):
    """{question: [état, notebook]} pour toute la remise, autres labos compris ; une réponse juste l'emporte."""
    questions = {}
    for n in notebooks:
        for cle, etat in n["questions"].items():
            if questions.get(cle, [""])[0] != "juste":
                questions[cle] = [etat, n["chemin"]]
    return questions


if __name__ == "__main__":
    limites.se_limiter(memoire=4 * limites.GO)
    with open(sys.argv[2], "a", encoding="utf-8") as sortie:
        for tache in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
            faits = etablir(tache, Path(tache["travail"]) / tache["cle"])
            sortie.write(json.dumps(faits) + "\n")
            sortie.flush()
