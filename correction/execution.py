"""Exécuter de nouveau les notebooks d'une remise, en mode rapide, dans une copie et sous limites.

Ce n'est PAS un bac à sable : voir « --executer » dans README.md.
"""

import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from correction import RACINE, inventaire, limites

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
MEMOIRE = 5 * limites.GO  # résidente, tout l'arbre de processus ; une cellule seule : voir noyau.py


def _preparer_copie(faits, copie, csvs):
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
    for role, n in faits["notebooks"].items():
        if (
            n
            and n.get("absolu") in ou
            and n["execution"]["total"]
            and ou[n["absolu"]] not in notebooks.values()
        ):
            notebooks[role] = ou[n["absolu"]]
    base, premier = copie / "0", {}
    for role, n in notebooks.items():
        # L'énoncé lit datas/ à côté du notebook ou un cran plus haut.
        voisins = {n.parent / "datas", n.parent.parent / "datas"}
        for dossier in {base / "datas", *(d for d in voisins if d.is_relative_to(copie))}:
            for csv in csvs:
                for cible in (dossier / csv.name, dossier / "zalando" / csv.name):
                    cible.parent.mkdir(parents=True, exist_ok=True)
                    _poser(csv, cible, premier)
        if faits["notebooks"][role]["serie"]:
            # Nos labos : les outils et la vérification du dépôt, pas ceux de la remise.
            shutil.rmtree(n.parent / "outils", ignore_errors=True)
            shutil.copytree(
                RACINE / "analyse_image" / "outils",
                n.parent / "outils",
                ignore=shutil.ignore_patterns("__pycache__"),
            )
            for nom in ("mesures", "images", "modele"):
                _completer(RACINE / nom, n.parent.parent / nom)
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


def _environnement(copie, maison):
    """Environnement de l'enfant : maison et dossier temporaire dans la copie, ni secret, ni mandataire réseau."""
    env = {k: v for k, v in os.environ.items() if k in GARDEES}
    profil = maison / ".ipython" / "profile_default" / "startup"
    profil.mkdir(parents=True, exist_ok=True)
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
        PYTHONPATH=str(RACINE),
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


def executer(faits, travail, csvs, proteges=(), duree_cellule=DUREE_CELLULE):
    """Exécute les notebooks d'une remise dans une copie ; rend {rôle: bilan}. Ne lève rien.

    `csvs` : les deux CSV de Fashion-MNIST, copiés près des notebooks ;
    `proteges` : dossiers à rendre non modifiables là où le système le permet (remises, rapport, dépôt).
    """
    # Un chemin court (les sockets du noyau) mais profond : « ../.. » reste dans le dossier de travail.
    copie = Path(travail) / "x" / "y" / "z"
    try:
        (copie / "m").mkdir(parents=True, exist_ok=True)
        notebooks = _preparer_copie(faits, copie, csvs)
        if not notebooks:
            return {}
        bilans, fin = _lancer(notebooks, Path(travail), copie, proteges, duree_cellule)
    except OSError as erreur:
        return {"classification": _bilan_vide(f"copie impossible : {erreur}", questions=None)}
    for role in notebooks:
        if role not in bilans:
            raison = fin.raison or f"le programme s'est arrêté (code {fin.code})"
            bilans[role] = _bilan_vide(f"Exécution interrompue, {raison}.", questions={})
    if not fin.raison and fin.orphelins:
        noms = ", ".join(sorted(set(fin.orphelins)))
        next(iter(bilans.values()))["remarques"].append(
            f"Programmes laissés en marche, arrêtés : {noms}."
        )
    shutil.rmtree(copie, ignore_errors=True)
    return bilans


def _bilan_vide(remarque, questions):
    return {"remarques": [remarque], "questions": questions, "complet": False, "erreurs": []}


def _lancer(notebooks, travail, copie, proteges, duree_cellule):
    """Lance l'enfant sur les notebooks d'une copie ; rend ({rôle: bilan} de ceux qui ont fini, `Fin`)."""
    ordre, resultat, journal = (travail / nom for nom in ("ordre.json", "resultat.json", "journal"))
    demande = {
        "duree_notebook": DUREE_NOTEBOOK,
        "duree_cellule": duree_cellule,
        "notebooks": {role: str(chemin) for role, chemin in notebooks.items()},
    }
    ordre.write_text(json.dumps(demande), encoding="utf-8")
    journal.touch()
    env = _environnement(copie, copie / "m")
    proteges = [*(Path(p).resolve() for p in proteges if Path(p).exists()), RACINE]
    with tempfile.TemporaryDirectory(prefix="n-", ignore_cleanup_errors=True) as court:
        programme = [sys.executable, "-m", "correction.noyau", ordre, resultat, journal]
        fin = limites.lancer_borne(
            [*limites.proteger(proteges), *programme],
            duree=DUREE_NOTEBOOK * len(notebooks) + 60,
            silence=DUREE_CELLULE + 150,
            signal_de_vie=journal,
            memoire=MEMOIRE,
            env={**env, "JUPYTER_RUNTIME_DIR": court},
            dossier=copie,
        )
    bilans = {}
    with contextlib.suppress(OSError, ValueError):
        bilans = json.loads(resultat.read_text(encoding="utf-8"))
    return bilans, fin
