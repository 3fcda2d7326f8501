"""Exécuter de nouveau les notebooks d'une remise, en mode rapide, dans une copie et sous limites.

L'exécution est enfermée (voir bac_a_sable.py) : la remise ne voit que sa copie et la trousse, Python et le système.
Les questions sont ensuite posées de nouveau, par un autre processus, sur les valeurs que le notebook a laissées.
"""

import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from correction import RACINE, bac_a_sable, inventaire, limites, reposer
from correction.etudiante import fichiers_distribues

MODE_RAPIDE = Path(__file__).with_name("gabarits") / "mode_rapide.py"
GARDEES = set(
    [
        "PATH",
        "LANG",
        "LC_ALL",
        "SYSTEMROOT",
        "LD_LIBRARY_PATH",
        "VIRTUAL_ENV",
        "PATHEXT",
        "WINDIR",
        "COMSPEC",
    ]
)
DUREE_CELLULE = 90
DUREE_NOTEBOOK = 300
DUREE_QUESTIONS = 180
# Les labos 0 à 2 : les autres demandent des données que la copie n'a pas.
EXECUTES = ("convolution", "classification", "test_model")
MEMOIRE = 5 * limites.GO  # résidente, tout l'arbre de processus ; une cellule seule : voir noyau.py


def _preparer_copie(faits, copie, csvs, trousse):
    """Copie la remise (sans données ni .git), y met données, outils officiels et réglages ; rend les notebooks."""
    ou = {}
    for numero, racine in enumerate(map(Path, faits["racines"])):
        for chemin in inventaire.fichiers(racine)[0]:
            if chemin.stat().st_size > 100_000_000 or re.search(
                r"ubyte", chemin.name, re.IGNORECASE
            ):
                continue
            cible = copie / str(numero) / chemin.relative_to(racine)
            cible.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(chemin, cible)
            ou[str(chemin)] = cible
    notebooks = {}
    for labo, n in _a_executer(faits).items():
        place = ou.get(n.get("absolu"))
        if place and place not in notebooks.values():
            notebooks[labo] = place
    base, premier = copie / "0", {}
    for labo, n in notebooks.items():
        # L'énoncé lit datas/ à côté du notebook ou un cran plus haut.
        voisins = {n.parent / "datas", n.parent.parent / "datas"}
        for dossier in {base / "datas", *(d for d in voisins if d.is_relative_to(copie))}:
            for csv in csvs:
                for cible in (dossier / csv.name, dossier / "zalando" / csv.name):
                    cible.parent.mkdir(parents=True, exist_ok=True)
                    _poser(csv, cible, premier)
        if _a_executer(faits)[labo]["serie"]:
            # Nos labos : les outils et la vérification du dépôt, pas ceux de la remise.
            for nom in ("outils", "questions"):
                shutil.rmtree(n.parent / nom, ignore_errors=True)
                shutil.copytree(trousse / "analyse_image" / nom, n.parent / nom)
            for nom in ("mesures", "images", "modele"):
                _completer(trousse / nom, n.parent.parent / nom)
    return notebooks


def _poser(csv, cible, premier):
    """Met un CSV à une place : une seule vraie copie par remise (155 Mo), des liens vers elle ensuite."""
    cible.unlink(missing_ok=True)
    if csv.name in premier:
        with contextlib.suppress(OSError):
            os.link(premier[csv.name], cible)
            return
    shutil.copyfile(csv, cible)
    premier[csv.name] = cible


def _completer(source, cible):
    """Ajoute à `cible` ce qui y manque de `source`."""
    for chemin in source.rglob("*"):
        if chemin.is_file() and chemin.stat().st_size < 5_000_000:
            arrivee = cible / chemin.relative_to(source)
            if not arrivee.exists():
                arrivee.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(chemin, arrivee)


def _environnement(copie, maison, trousse, rapide):
    """Environnement de l'enfant : maison et dossier temporaire dans la copie, ni secret, ni mandataire réseau.

    `rapide` : les noyaux chargent Keras à leur démarrage, pour en raccourcir les entraînements.
    """
    env = {k: v for k, v in os.environ.items() if k in GARDEES}
    profil = maison / ".ipython" / "profile_default" / "startup"
    profil.mkdir(parents=True, exist_ok=True)
    if rapide:
        shutil.copyfile(MODE_RAPIDE, profil / "00-rapide.py")
    provisoire = maison / "tmp"
    provisoire.mkdir(exist_ok=True)
    env.update(dict.fromkeys(("HOME", "USERPROFILE"), str(maison)))
    env.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(provisoire)))
    mandataires = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    env.update(dict.fromkeys(mandataires, "http://127.0.0.1:9"))  # personne n'y répond
    fils = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    env.update(dict.fromkeys(fils, "1"))
    env.update(
        LABO_RAPIDE="1",
        LABO_DATAS=str(copie / "0" / "datas"),
        PYTHONPATH=str(trousse),
        PYTHONUTF8="1",
        PYTHONDONTWRITEBYTECODE="1",
        IPYTHONDIR=str(maison / ".ipython"),
        JUPYTER_PREFER_ENV_PATH="1",
        MPLBACKEND="agg",
        MPLCONFIGDIR=str(maison / "mpl"),
        KERAS_HOME=str(maison / "keras"),
        TF_CPP_MIN_LOG_LEVEL="3",
        CUDA_VISIBLE_DEVICES="-1",
        PIP_NO_INDEX="1",
    )
    return env


def preparer_trousse(dossier):
    """Copie dans `dossier` ce qu'une exécution lit de ce dépôt : le distribué et notre noyau, jamais le corrigé."""
    for fichier in fichiers_distribues():
        if fichier.suffix != ".ipynb":
            _copier(fichier, dossier / fichier.relative_to(RACINE))
    programme = Path(__file__).parent
    for fichier in [*programme.rglob("*.py"), *(programme / "gabarits").glob("*.py")]:
        if "etudiante" not in fichier.parts:
            _copier(fichier, dossier / fichier.relative_to(RACINE))
    return dossier


def _copier(source, cible):
    cible.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, cible)


def _a_executer(faits):
    """{labo: notebook} : les deux de l'énoncé, et nos labos d'`EXECUTES` qui ont du code."""
    notebooks = {**faits["labos"], **{r: n for r, n in faits["notebooks"].items() if n}}
    return {labo: n for labo, n in notebooks.items() if labo in EXECUTES and n["total"]}


def executer(faits, travail, csvs, trousse, duree_cellule=DUREE_CELLULE):
    """Exécute les notebooks d'une remise dans une copie ; rend {labo: bilan}. Ne lève rien.

    `csvs` : les deux CSV de Fashion-MNIST, copiés près des notebooks ; `trousse` : voir `preparer_trousse`.
    """
    # Un chemin court (les sockets du noyau) mais profond : « ../.. » reste dans le dossier de travail.
    copie = Path(travail) / "x" / "y" / "z"
    try:
        dehors = Path(travail) / "o"  # hors de portée d'un « ../.. »
        dehors.mkdir(parents=True, exist_ok=True)
        (copie / "m").mkdir(parents=True, exist_ok=True)
        notebooks = _preparer_copie(faits, copie, csvs, trousse)
        if not notebooks:
            return {}
        bilans, fin = _lancer(notebooks, copie, dehors, trousse, duree_cellule)
        for labo in notebooks:
            if labo not in bilans:
                raison = fin.raison or f"le programme s'est arrêté (code {fin.code})"
                bilans[labo] = _bilan_vide(f"Exécution interrompue, {raison}.")
            bilans[labo]["questions"] = _reposer(
                dehors / "v" / labo, Path(travail) / "reponses.json"
            )
    except OSError as erreur:
        return {"classification": _bilan_vide(f"copie impossible : {erreur}")}
    if not fin.raison and fin.orphelins:
        noms = ", ".join(sorted(set(fin.orphelins)))
        next(iter(bilans.values()))["remarques"].append(
            f"Programmes laissés en marche, arrêtés : {noms}."
        )
    for dossier in (copie, dehors):
        shutil.rmtree(dossier, ignore_errors=True)
    return bilans


def _bilan_vide(remarque):
    return {"remarques": [remarque], "questions": {}, "complet": False, "erreurs": []}


def _lancer(notebooks, copie, dehors, trousse, duree_cellule):
    """Lance l'enfant sur les notebooks d'une copie ; rend ({labo: bilan} de ceux qui ont fini, `Fin`)."""
    ordre, resultat, journal = (dehors / nom for nom in ("ordre.json", "resultat.json", "journal"))
    demande = {
        "duree_notebook": DUREE_NOTEBOOK,
        "duree_cellule": duree_cellule,
        "notebooks": {labo: str(chemin) for labo, chemin in notebooks.items()},
        "valeurs": str(dehors / "v"),
        "questions": reposer.noms_par_question(),
    }
    ordre.write_text(json.dumps(demande), encoding="utf-8")
    journal.touch()
    textes = (n.read_text(encoding="utf-8", errors="replace") for n in notebooks.values())
    rapide = any(re.search(r"keras|tensorflow|charger_modele", t, re.IGNORECASE) for t in textes)
    env = _environnement(copie, copie / "m", trousse, rapide)
    programme = [sys.executable, "-m", "correction.noyau", ordre, resultat, journal]
    with tempfile.TemporaryDirectory(prefix="n-", ignore_cleanup_errors=True) as court:
        enferme = bac_a_sable.prefixe([copie, dehors], [trousse])
        fin = limites.lancer_borne(
            [*(enferme or []), *programme],
            duree=DUREE_NOTEBOOK * len(notebooks) + 60,
            silence=DUREE_CELLULE + 150,
            signal_de_vie=journal,
            memoire=MEMOIRE,
            # Dans le bac à sable, /tmp est neuf : le noyau y fait son dossier.
            env={**env, "JUPYTER_RUNTIME_DIR": "/tmp/n" if enferme else court},
            dossier=copie,
        )
    bilans = {}
    with contextlib.suppress(OSError, ValueError):
        lus = json.loads(resultat.read_text(encoding="utf-8"))
        # Le notebook pouvait écrire ce fichier : on n'en garde que la forme attendue.
        bilans = {
            labo: _bilan_sur(lus[labo]) for labo in notebooks if isinstance(lus.get(labo), dict)
        }
    return bilans, fin


def _bilan_sur(lu):
    remarques, erreurs = lu.get("remarques", []), lu.get("erreurs", [])
    return {
        "remarques": [str(r)[:400] for r in remarques][:40] if isinstance(remarques, list) else [],
        "erreurs": [e for e in erreurs if isinstance(e, list)][:20]
        if isinstance(erreurs, list)
        else [],
        "cellules": lu.get("cellules"),
        "faites": lu.get("faites"),
        "sautees": lu.get("sautees"),
        "complet": bool(lu.get("complet")),
    }


def _reposer(valeurs, reponses):
    """{question: [état, phrase]} : nos vérifications, dans un processus neuf, sur les valeurs laissées."""
    if not valeurs.is_dir():
        return {}
    reponses.unlink(missing_ok=True)
    fin = limites.lancer_borne(
        [sys.executable, "-m", "correction.reposer", valeurs, reponses],
        duree=DUREE_QUESTIONS,
        memoire=MEMOIRE,
        env={**os.environ, "PYTHONPATH": str(RACINE)},
    )
    if fin.code != 0 or not reponses.is_file():
        return {}
    return json.loads(reponses.read_text(encoding="utf-8"))
