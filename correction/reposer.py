"""Poser de nouveau les questions d'un labo, avec notre vérification, sur les valeurs que le notebook a laissées.

python -m correction.reposer DOSSIER RESULTAT.json : un processus neuf, qui n'exécute rien du notebook.
"""

import inspect
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from correction import limites, modeles
from outils import verification

IMAGES_EVALUEES = 2_000  # comme en mode rapide
TABLEAU_MAX = 500_000_000


def noms_par_question():
    """{question: noms de variables qu'elle peut lire} : les textes de sa vérification qui sont des noms."""
    noms = {}
    for cle, verifier in verification.QUESTIONS.items():
        textes = re.findall(r"[\"'](\w{1,40})[\"']", inspect.getsource(verifier))
        noms[cle] = sorted({t for t in textes if t.isidentifier() and t != cle})
    return noms


def reposer(dossier):
    """{question: [« juste » | « faux », phrase]} d'un dossier de valeurs mises de côté."""
    etats = {}
    for fiche in sorted(Path(dossier).glob("*/fiche.json")):
        cle = fiche.parent.name
        if cle in verification.QUESTIONS:
            etats[cle] = _poser(cle, fiche)
    return etats


def _poser(cle, fiche):
    try:
        valeurs = _relire(fiche)
    except (OSError, ValueError, KeyError, TypeError) as erreur:
        return ["faux", f"valeurs illisibles ({type(erreur).__name__})"]
    if refus := valeurs.pop("?", None):  # ce que notre vérification a dit sur place d'une fonction
        return ["faux", str(refus)]
    try:
        return ["juste", verification.QUESTIONS[cle](verification.Noms(valeurs))]
    except verification.Faux as probleme:
        return ["faux", str(probleme)]
    except Exception as erreur:  # une réponse inattendue : c'est ce que dirait `verifier`
        return ["faux", f"réponse de forme inattendue ({type(erreur).__name__} : {erreur})"]


def _relire(fiche):
    """{nom: valeur} ; ni pickle, ni code. Une fonction redonne, dans l'ordre, les résultats mis de côté."""
    if fiche.stat().st_size > 5_000_000:
        raise ValueError("fiche démesurée")
    lues = json.loads(fiche.read_text(encoding="utf-8"))
    valeurs = {nom: _relire_un(fiche.parent, nom, entree) for nom, entree in lues.items()}
    return {nom: valeur for nom, valeur in valeurs.items() if valeur is not None}


def _relire_un(dossier, nom, entree):
    genre = entree["genre"]
    if genre == "modele":
        return _relire_modele(dossier, nom)
    if genre == "historique":
        return SimpleNamespace(history=entree["valeur"])
    if genre in ("valeur", "refus"):
        return entree["valeur"]
    if genre in ("tableau", "liste"):
        tableau = _relire_tableau(dossier / f"{nom}.npy")
        return tableau.tolist() if genre == "liste" else tableau
    if genre == "fonction":
        resultats = [_relire_un(dossier, f"{nom}.{i}", e) for i, e in enumerate(entree["appels"])]
        return _rejouer(nom, iter(resultats))
    return None


def _rejouer(nom, resultats):
    def rejouee(*_, **__):
        try:
            return next(resultats)
        except StopIteration:
            raise verification.Faux(f"{nom} n'a pas répondu jusqu'au bout.") from None

    return rejouee


def _relire_tableau(chemin):
    if chemin.is_symlink() or chemin.stat().st_size > TABLEAU_MAX:
        raise ValueError("tableau démesuré")
    return np.load(chemin, allow_pickle=False)


def _relire_modele(dossier, nom):
    """Réseau relu comme ceux des remises, prêt à être évalué sur au plus `IMAGES_EVALUEES` images."""
    with tempfile.TemporaryDirectory() as travail:
        poids = dossier / f"{nom}.weights.h5"
        tache = {"json": dossier / f"{nom}.json", "poids": poids, "travail": travail}
        reseau, _ = modeles.charger(tache)
    evaluer = type(reseau).evaluate

    def evaluate(x, y, **options):
        y = np.asarray(y)
        perte = "categorical_crossentropy" if y.ndim > 1 else "sparse_categorical_crossentropy"
        reseau.compile(loss=perte, metrics=["accuracy"])
        return evaluer(reseau, x[:IMAGES_EVALUEES], y[:IMAGES_EVALUEES], **options)

    reseau.evaluate = evaluate
    return reseau


if __name__ == "__main__":
    limites.se_limiter(memoire=10 * limites.GO, secondes=300)
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
    Path(sys.argv[2]).write_text(json.dumps(reposer(sys.argv[1])), encoding="utf-8")
