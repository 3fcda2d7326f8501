"""Mesurer les modèles d'une classe, chacun dans un processus limité qui peut mourir seul."""

import functools
import json
import os
import sys
import threading
from pathlib import Path

import h5py
import numpy as np

from correction import RACINE, limites
from correction.fournis import empreinte_poids

DEMARRAGE = 60  # secondes accordées à l'import de TensorFlow sur une machine chargée
MEMOIRE = 6 * limites.GO


@functools.cache
def poids_fournis():
    """Empreintes des réseaux que le dépôt fournit."""
    empreintes = set()
    for fichier in (RACINE / "modele" / "reference").glob("*.weights.h5"):
        tableaux = []

        def ajouter(_, objet, tableaux=tableaux):
            if isinstance(objet, h5py.Dataset):
                tableaux.append(objet[()])

        with h5py.File(fichier) as h5:
            h5["layers"].visititems(ajouter)
        empreintes.add(empreinte_poids(tableaux))
    return empreintes


def examiner_tous(taches, travail, X_test, y_test, avancer=lambda: None, duree=60, ouvriers=2):
    """Examine des modèles dans `ouvriers` processus limités ; rend {clé: résultat}.

    Un processus qui meurt ou se tait plus de `duree` secondes coûte le modèle en cours, pas les autres.
    """
    images = Path(travail) / "images-test.npz"
    np.savez(images, X_test=X_test, y_test=y_test)
    resultats, verrou = {}, threading.Lock()

    def ranger(resultat):
        with verrou:
            resultats[resultat["cle"]] = resultat
            avancer()

    def ouvrier(numero):
        file = taches[numero::ouvriers]
        dossier = Path(travail) / f"modeles-{numero}"
        dossier.mkdir(parents=True, exist_ok=True)
        while file:
            faits, fin = _examiner_file(file, dossier, images, duree, ranger)
            file = file[faits:]
            if file:
                raison = fin.raison or f"le processus s'est arrêté (code {fin.code})"
                probleme = f"modèle non chargé, {raison}"
                ranger({"cle": file.pop(0)["cle"], "charge": False, "probleme": probleme})

    ouvriers = max(1, min(ouvriers, len(taches)))
    with limites.equipe(ouvriers) as groupe:
        list(groupe.map(ouvrier, range(ouvriers)))
    return resultats


def _examiner_file(file, dossier, images, duree, ranger):
    """Un processus pour toute une file ; rend (nombre de résultats reçus, `Fin` du processus)."""
    entree, sortie = dossier / "taches.json", dossier / "resultats.jsonl"
    entree.write_text(json.dumps([{**t, "travail": str(dossier)} for t in file]), encoding="utf-8")
    sortie.write_text("")
    vus = 0

    def suivre():
        nonlocal vus
        # Une ligne sans fin de ligne est celle qu'écrivait un processus tué.
        lignes = sortie.read_text(encoding="utf-8").split("\n")[:-1]
        for ligne in lignes[vus:]:
            ranger(json.loads(ligne))
        vus = len(lignes)

    fin = limites.lancer_borne(
        [sys.executable, "-m", "correction.modeles", entree, sortie, images],
        duree=DEMARRAGE + duree * len(file),
        silence=duree + DEMARRAGE,
        signal_de_vie=sortie,
        suivre=suivre,
        memoire=MEMOIRE,
        env={**os.environ, "PYTHONPATH": str(RACINE)},
    )
    suivre()
    return vus, fin
