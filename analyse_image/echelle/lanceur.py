"""Lance plusieurs ouvriers d'`entrainer.py` sur cette machine, et les relance tous si l'un d'eux meurt.

C'est, en petit, ce que font Slurm, Kubernetes ou torchrun : un port où se retrouver, un rang à chacun, un
journal par ouvrier. Si un ouvrier disparaît, les autres l'attendraient pour toujours : on les arrête, et
tous repartent du dernier point de reprise.
"""

import importlib.util
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from outils.fichiers import Refus

LABOS = Path(__file__).resolve().parents[1]


def exiger(*modules):
    """Lève `ModuleNotFoundError`, en disant quoi installer, si l'un de ces modules manque."""
    absents = [nom for nom in modules if importlib.util.find_spec(nom) is None]
    if absents:
        raise ModuleNotFoundError(
            Refus(
                "La suite de ce labo demande des bibliothèques de plus.",
                f"Il manque {', '.join(absents)}",
                "celles que liste echelle/requirements.txt",
                "%pip install -q -r echelle/requirements.txt, dans une cellule, puis redémarrez le noyau",
            )
        )


def port_libre():
    """Un port de cette machine que personne n'écoute."""
    with socket.socket() as prise:
        prise.bind(("127.0.0.1", 0))
        return prise.getsockname()[1]


def lancer_ouvriers(ouvriers, arguments, journaux, reprises=3, surveiller=None, prefixe=None):
    """Lance `ouvriers` processus d'`entrainer.py` ; rend le nombre de fois où il a fallu tout relancer.

    `arguments` : ceux du programme, sans `--ouvriers`, `--coordinateur` ni `--rang`. `journaux` : dossier de
    « ouvrier-0.txt », « ouvrier-1.txt »… `surveiller(processus)` est appelée vingt fois par seconde ;
    `prefixe(rang)` donne des mots à mettre devant la commande (taskset, nice). Lève `RuntimeError`, avec la fin
    du journal de l'ouvrier fautif, après `reprises` relances. Aucun processus ne survit à l'appel.
    """
    journaux = Path(journaux)
    journaux.mkdir(parents=True, exist_ok=True)
    env = {
        **os.environ,
        "PYTHONPATH": str(LABOS),
        "PYTHONUTF8": "1",
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",  # des ouvriers de la même machine ne se partagent pas une carte
        # Ce que XLA a compilé resservira : une relance repart deux fois plus vite.
        "JAX_COMPILATION_CACHE_DIR": str(journaux.resolve() / "compilation"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    for relance in range(reprises + 1):
        fautif = _essayer(ouvriers, arguments, journaux, env, surveiller, prefixe)
        if fautif is None:
            return relance
    lignes = (journaux / f"ouvrier-{fautif}.txt").read_text("utf-8", "replace").splitlines()
    raise RuntimeError(
        f"L'ouvrier {fautif} s'est arrêté {reprises + 1} fois. Fin de son journal :\n"
        + "\n".join(lignes[-8:])
    )


def _essayer(ouvriers, arguments, journaux, env, surveiller, prefixe):
    """Un essai : rend None si tous ont fini, sinon le rang du premier ouvrier tombé, les autres arrêtés."""
    commande = [sys.executable, "-m", "echelle.entrainer", *map(str, arguments)]
    if ouvriers > 1:
        commande += ["--ouvriers", str(ouvriers), "--coordinateur", f"127.0.0.1:{port_libre()}"]
    processus = []
    try:
        for rang in range(ouvriers):
            avant = prefixe(rang) if prefixe else []
            with open(journaux / f"ouvrier-{rang}.txt", "ab") as journal:
                processus.append(
                    subprocess.Popen(
                        [*avant, *commande, "--rang", str(rang)],
                        env=env,
                        stdin=subprocess.DEVNULL,
                        stdout=journal,
                        stderr=journal,
                    )
                )
        while True:
            codes = [p.poll() for p in processus]
            fautifs = [rang for rang, code in enumerate(codes) if code]
            if fautifs:
                return fautifs[0]
            if all(code == 0 for code in codes):
                return None
            if surveiller:
                surveiller(processus)
            time.sleep(0.05)
    finally:  # un ouvrier tombé, la cellule interrompue : personne ne reste derrière
        for p in processus:
            p.kill()
            p.wait()
