"""Fabrique de remises d'étudiants, pour les tests et les mesures : l'énoncé d'origine et ses accidents."""

import ast
import json
import random
import re
import shutil
from pathlib import Path

import h5py

from correction.enonce import (
    AUGMENTER,
    COURBES,
    DECOUPE,
    DONNEES,
    ECHELLE,
    ENTRAINER_1,
    EVALUER_1,
    FONCTIONS,
    IMPORTS,
    PREDIRE,
    RECHARGER,
    RESEAU_1,
    RESEAU_4,
    SAUVER,
)
from correction.execution import EXECUTES

RACINE = Path(__file__).resolve().parents[1]
REFERENCE = RACINE / "modele" / "reference"
PRECISION_REFERENCE = 0.9378

EPOQUES = "".join(
    f"Epoch {i}/10\n\x1b[1m188/188\x1b[0m \x1b[32m━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m9s\x1b[0m 45ms/step - "
    f"accuracy: 0.8{i:02d}0 - loss: 0.41{i:02d} - val_accuracy: 0.88{i:02d} - val_loss: 0.32{i:02d}\n"
    for i in range(1, 11)
)
EPUISEES = "UserWarning: Your input ran out of data; interrupting training.\n"


def flux(texte):
    return {"output_type": "stream", "name": "stdout", "text": texte.splitlines(keepends=True)}


def figure():
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {"image/png": "iVBORw0KGgo=", "text/plain": ["<Figure>"]},
    }


def erreur(nom="NameError", valeur="name 'x' is not defined"):
    return {
        "output_type": "error",
        "ename": nom,
        "evalue": valeur,
        "traceback": [f"\x1b[31m{nom}\x1b[0m: {valeur}"],
    }


def cellules_classification(precision=PRECISION_REFERENCE):
    """[(source, sorties)] de classification.ipynb, tel que l'énoncé le publie."""
    mesure = [flux(f"Erreur: 0.2593\nPrécision: {precision}\n")]
    return [
        (IMPORTS, []),
        (DONNEES, []),
        (DECOUPE, []),
        (ECHELLE, []),
        (RESEAU_1, []),
        (ENTRAINER_1, [flux(EPOQUES)]),
        (EVALUER_1, mesure),
        (COURBES, [figure()]),
        (AUGMENTER, [flux("Epoch 50/50\n")]),
        (EVALUER_1, mesure),
        (SAUVER, [flux("Modèle sauvegardé !\n")]),
        (RESEAU_4, [flux("Erreur: 0.19\nPrécision: 0.93\n")]),
    ]


def cellules_test():
    """[(source, sorties)] de test_model.ipynb."""
    return [
        (FONCTIONS, []),
        (RECHARGER, []),
        (PREDIRE, [flux("1/1 ━━ 0s\nSelon moi l'image est : Un pantalon\n")]),
    ]


def notebook(cellules, executer=True, **autres):
    """Notebook nbformat 4 (dict) : cellules numérotées dans l'ordre si `executer`."""
    return {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": rang if executer else None,
                "metadata": {},
                "outputs": sorties if executer else [],
                "source": source.splitlines(keepends=True),
            }
            for rang, (source, sorties) in enumerate(cellules, start=1)
        ],
        "metadata": {
            "kernelspec": {"name": "mon_env", "display_name": "mon_env", "language": "python"}
        },
        "nbformat": 4,
        "nbformat_minor": 2,
        **autres,
    }


# --- Ce qui finit mal -------------------------------------------------------------------------

TRACE = (
    "Traceback (most recent call last)\nCell In[1], line {ligne}\n"
    "----> {ligne} import pandas\n\n{nom}: {valeur}"
)


def traceback(genre="error", nom="ModuleNotFoundError", valeur="No module named 'pandas'", ligne=1):
    """Une erreur, telle que la gardent Jupyter (`error`), un export (`display_data`), VS Code ou une console."""
    texte = TRACE.format(ligne=ligne, nom=nom, valeur=valeur)
    if genre == "error":
        return {**erreur(nom, valeur), "traceback": texte.splitlines()}
    if genre == "stream":
        return {**flux(texte), "name": "stderr"}
    donnees = {
        "display_data": {"text/plain": texte},
        "html": {"text/html": f"<pre>{texte}</pre>".replace("<pre>", "<pre>\n")},
        "vscode": {"application/vnd.code.notebook.error": f'{{"name": "{nom}"}}'},
    }[genre]
    return {"output_type": "display_data", "metadata": {}, "data": donnees}


def en_erreur(contenu, genre="error"):
    """Le même notebook, une erreur dans chaque cellule, ses sorties gardées."""
    cellules = [{**c, "outputs": [*c["outputs"], traceback(genre)]} for c in contenu["cells"]]
    return {**contenu, "cells": cellules}


def en_miettes(cellules):
    """[(source, sorties)] où chaque instruction a sa cellule ; les sorties vont à la dernière."""
    miettes = []
    for source, sorties in cellules:
        propre = source.replace("%matplotlib inline", "")
        instructions = [ast.unparse(i) for i in ast.parse(propre).body]
        miettes += [(i, []) for i in instructions[:-1]] + [(instructions[-1], sorties)]
    return miettes


def a_l_envers(contenu):
    """Le même notebook, enregistré de bas en haut ; les numéros gardent l'ordre de l'exécution."""
    return {**contenu, "cells": contenu["cells"][::-1]}


def ecrire(chemin, contenu):
    """Écrit un notebook (dict), du texte ou des octets ; rend le chemin."""
    chemin.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(contenu, dict):
        contenu = json.dumps(contenu, ensure_ascii=False, indent=1)
    chemin.write_bytes(contenu if isinstance(contenu, bytes) else contenu.encode("utf-8"))
    return chemin


def photo(chemin, graine=0):
    """Une photo « personnelle » : un pantalon dessiné, différent de ceux que le dépôt fournit."""
    from outils import dessins

    chemin.parent.mkdir(parents=True, exist_ok=True)
    dessins.dessiner_photo(1, 320, graine=1000 + graine).save(chemin)


def remise(dossier, classification=None, test=None, modele=True, image=True, graine=0):
    """Une remise parfaite de l'énoncé d'origine dans `dossier`, ou ses variantes ; rend le dossier."""
    dossier = Path(dossier)
    labos = dossier / "analyse_image"
    ecrire(
        labos / "classification.ipynb",
        notebook(cellules_classification()) if classification is None else classification,
    )
    ecrire(labos / "test_model.ipynb", notebook(cellules_test()) if test is None else test)
    if modele:
        copier_modele(dossier)
    if image:
        photo(dossier / "images" / "mon_pantalon.png", graine)
    return dossier


def labos_resolus(dossier, transformer=lambda notebook, nom: notebook):
    """Les premiers labos de ce dépôt, rendus comme par un étudiant ; rend le dossier."""
    dossier = Path(dossier)
    for nom in (f"{labo}.ipynb" for labo in EXECUTES):
        if not (RACINE / "analyse_image" / nom).is_file():
            continue
        contenu = json.loads((RACINE / "analyse_image" / nom).read_text(encoding="utf-8"))
        ecrire(dossier / "analyse_image" / nom, transformer(contenu, nom))
    shutil.copytree(RACINE / "images", dossier / "images")
    photo(dossier / "images" / "ma_photo.png")
    shutil.copytree(
        RACINE / "analyse_image" / "outils",
        dossier / "analyse_image" / "outils",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return dossier


def copier_modele(dossier, fourni=False):
    """Un modèle d'étudiant dans `modele/` : la référence à un poids près, ou la référence même (`fourni`)."""
    (dossier / "modele").mkdir(exist_ok=True)
    for nom in ("modele.json", "modele.weights.h5"):
        shutil.copyfile(REFERENCE / nom, dossier / "modele" / nom)
    if not fourni:
        with h5py.File(dossier / "modele" / "modele.weights.h5", "r+") as h5:
            tableaux = []
            h5.visititems(
                lambda nom, objet: tableaux.append(objet) if hasattr(objet, "dtype") else None
            )
            tableaux[0][...] *= 1.0001
    return dossier


# --- Une classe, et des copies --------------------------------------------------------------------

NOMS = "donnees images lot resultat tableau moyenne courbe axe compte classes pixels essai reseau"
NOMS = NOMS.split()
METHODES = "mean sum std min max median copy ravel flatten argmax"
GESTES = (
    "{a} = {b}.groupby('label').{f}().sort_values(ascending=False).head({n})",
    "{a} = np.{f}({b}.reshape(-1, {n}), axis={k})",
    "plt.imshow({b}[{n}].reshape(28, 28), cmap='{c}', vmin=0, vmax={m})",
    "for {a} in range({n}, {m}):\n    print({a}, {b}[{a}].{f}() * {k})",
    "{a} = [{b}.{f}() for i in range({n}) if i % {k} == 0]",
    "{a} = pnd.DataFrame({{'x': {b}.{f}(), 'y': np.arange({n})}}).rename(columns={{'x': '{c}'}})",
    "if {b}.shape[0] > {n}:\n    {a} = {b}[:{m}] / {k}\nelse:\n    {a} = {b}.{f}()",
    "def {a}_de(x, seuil={n}):\n    return np.where(x > seuil, x.{f}(), {k})",
    "with open('{c}.txt', 'w') as f:\n    f.write(str({b}.{f}()) + ' / {m}')",
    "assert {b}.{f}() < {m}, 'trop grand : {c}'",
)


def travail_personnel(graine, cellules=8):
    """[(source, sorties)] : ce qu'un étudiant ajoute de lui-même à l'énoncé, tiré au hasard."""
    hasard = random.Random(graine)
    faites = []
    for _ in range(cellules):
        lignes = []
        for _ in range(hasard.randint(3, 6)):
            a, b = hasard.sample(NOMS, 2)
            lignes.append(
                hasard.choice(GESTES).format(
                    a=a,
                    b=b,
                    f=hasard.choice(
                        [
                            "mean",
                            "sum",
                            "std",
                            "min",
                            "max",
                            "median",
                            "copy",
                            "ravel",
                            "flatten",
                            "argmax",
                        ]
                    ),
                    c=hasard.choice(["gray", "viridis", "magma", "bone", "pink", "hot", "cool"]),
                    n=hasard.randint(2, 99),
                    m=hasard.randint(100, 999),
                    k=hasard.randint(2, 9),
                )
            )
        faites.append(("\n".join(lignes), []))
    return faites


def maquiller(cellules, graine):
    """Les mêmes cellules, variables renommées, ordre changé, textes changés."""
    hasard = random.Random(graine)
    nouveaux = dict(zip(NOMS, (f"v{graine}_{i}" for i in range(len(NOMS))), strict=True))
    motif = re.compile(rf"\b({'|'.join(NOMS)})\b")
    maquillees = [(motif.sub(lambda m: nouveaux[m[1]], source), s) for source, s in cellules]
    hasard.shuffle(maquillees)
    return maquillees
