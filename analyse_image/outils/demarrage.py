"""Démarrage d'un labo : TensorFlow sans son bavardage, graine fixée, versions affichées."""

import os
import platform
import re
import sys
import tempfile
from contextlib import contextmanager

# Ce que TensorFlow écrit à chaque démarrage sur une machine sans carte graphique, et qui n'est
# pas une erreur. Toute autre ligne est montrée.
BAVARDAGE = re.compile(
    r"^WARNING: All log messages before absl"
    r"|^[IW]\d{4} "
    r"|^To enable the following instructions"
    r"|^INFO: Created TensorFlow Lite XNNPACK delegate"
    r"|^\d{4}-\d\d-\d\d .*: [IW] "
    r"|^(E\d{4} |\d{4}-\d\d-\d\d .*: E ).*(cuda|cudart|cuInit|cuFFT|cuDNN|cuBLAS|CUDA)"
    r"|^\s*$"
)


@contextmanager
def sans_bavardage():
    """Retient ce qui s'écrit sur le descripteur 2, puis rend les lignes utiles (toutes, si erreur)."""
    sys.stderr.flush()
    copie = os.dup(2)
    complet = True
    with tempfile.TemporaryFile() as tampon:
        os.dup2(tampon.fileno(), 2)
        try:
            yield
            complet = False
        finally:
            os.dup2(copie, 2)
            os.close(copie)
            tampon.seek(0)
            lignes = tampon.read().decode(errors="replace").splitlines()
            for ligne in lignes:
                if complet or not BAVARDAGE.search(ligne):
                    print(ligne, file=sys.stderr)


def demarrer(graine=13):
    """Importe TensorFlow et Keras, fixe les graines (Python, NumPy, TensorFlow) et dit les versions.

    La variable d'environnement `LABO_RAPIDE=1` fait tourner les labos en quelques secondes.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with sans_bavardage():
        import keras
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        cartes = tf.config.list_physical_devices("GPU")
    from outils import figures

    keras.utils.set_random_seed(graine)
    figures.appliquer_style()
    rapide = os.environ.get("LABO_RAPIDE") == "1"
    print(
        f"Python {platform.python_version()} · TensorFlow {tf.__version__} · Keras {keras.__version__} · "
        f"{os.cpu_count()} cœurs · {'carte graphique' if cartes else 'sans carte graphique'} · "
        f"mode {'rapide (petites données : les scores ne comptent pas)' if rapide else 'complet'}"
    )
