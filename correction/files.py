"""Une file de tâches par processus limité : un processus qui meurt coûte sa tâche en cours, pas les autres."""

import json
import os
import sys
import threading

from correction import RACINE, limites


def traiter(module, taches, travail, echec, ouvriers, duree, memoire, arguments=(), avancer=None):
    """Confie `taches` (dicts avec « cle ») à `python -m module` et rend {clé: résultat}.

    Le programme reçoit TACHES.json RESULTATS.jsonl et `arguments`, et écrit une ligne par tâche, dans l'ordre.
    S'il meurt, ou se tait plus de `duree` secondes, la tâche en cours vaut `echec(tache, raison)` et un autre
    processus reprend la suite. `avancer` est appelée à chaque résultat.
    """
    resultats, verrou = {}, threading.Lock()

    def ranger(cle, resultat):
        with verrou:
            resultats[cle] = resultat
            if avancer:
                avancer()

    def ouvrier(numero):
        file = taches[numero::ouvriers]
        dossier = travail / f"{module}-{numero}"
        dossier.mkdir(parents=True, exist_ok=True)
        while file and not limites.ARRET.is_set():
            faites, fin = _lancer(module, file, dossier, arguments, duree, memoire, ranger)
            file = file[faites:]
            if file:
                tache = file.pop(0)
                derniere = [ligne for ligne in fin.erreur.splitlines() if ligne.strip()][-1:]
                raison = fin.raison or f"le processus s'est arrêté (code {fin.code})"
                ranger(tache["cle"], echec(tache, " ; ".join([raison, *derniere])[:300]))

    ouvriers = max(1, min(ouvriers, len(taches)))
    with limites.equipe(ouvriers) as groupe:
        list(groupe.map(ouvrier, range(ouvriers)))
    return resultats


def _lancer(module, file, dossier, arguments, duree, memoire, ranger):
    """Un processus pour toute une file ; rend (nombre de résultats reçus, `Fin` du processus)."""
    entree, sortie = dossier / "taches.json", dossier / "resultats.jsonl"
    entree.write_text(json.dumps([{**t, "travail": str(dossier)} for t in file]), encoding="utf-8")
    sortie.write_text("")
    vus = 0

    def suivre():
        nonlocal vus
        # Une ligne sans fin de ligne est celle qu'écrivait un processus tué.
        lignes = sortie.read_text(encoding="utf-8").split("\n")[:-1]
        for tache, ligne in zip(file[vus:], lignes[vus:], strict=False):
            ranger(tache["cle"], json.loads(ligne))
        vus = len(lignes)

    fin = limites.lancer_borne(
        [sys.executable, "-m", module, entree, sortie, *arguments],
        duree=duree * (len(file) + 1),
        silence=duree,
        signal_de_vie=sortie,
        suivre=suivre,
        memoire=memoire,
        env={**os.environ, "PYTHONPATH": str(RACINE)},
    )
    suivre()
    return vus, fin
