"""Démarrage d'un labo : TensorFlow sans son bavardage, réglages et graine fixés, versions affichées."""

import os
import platform
import re
import sys
import tempfile
from contextlib import contextmanager

if "ipykernel" in sys.modules:  # matplotlib lit cette variable, quelle qu'elle soit, à son import
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"

import matplotlib  # noqa: E402
from IPython import get_ipython  # noqa: E402

from outils import figures  # noqa: E402
from outils.fichiers import Refus  # noqa: E402

# Ce que TensorFlow écrit à chaque démarrage sans carte graphique, et qui n'est pas une erreur.
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
    copie, tout = os.dup(2), True
    with tempfile.TemporaryFile() as tampon:
        os.dup2(tampon.fileno(), 2)
        try:
            yield
            tout = False
        finally:
            os.dup2(copie, 2)
            os.close(copie)
            tampon.seek(0)
            for ligne in tampon.read().decode(errors="replace").splitlines():
                if tout or not BAVARDAGE.search(ligne):
                    print(ligne, file=sys.stderr)


def importer_keras(moteur="tensorflow"):
    """Importe et rend Keras réglé comme la série le veut, quels que soient KERAS_BACKEND et `keras.json`.

    Lève `Refus` si Keras est déjà importé avec un autre moteur : il n'en change plus.
    """
    os.environ["KERAS_BACKEND"] = moteur
    import keras

    if keras.config.backend() != moteur:
        raise Refus(
            "Keras ne peut plus changer de moteur de calcul.",
            f"Keras, importé plus tôt, calcule avec {keras.config.backend()}",
            f"{moteur} : ce labo a besoin de lui",
            "redémarrez le noyau (menu Noyau), puis exécutez cette cellule avant tout « import keras »",
        )
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    return keras


def regler_figures():
    """Donne aux figures le style de la série, dans le notebook, quels que soient MPLBACKEND et matplotlibrc."""
    if hasattr(get_ipython(), "kernel"):
        get_ipython().run_line_magic("matplotlib", "inline")
    matplotlib.rcdefaults()
    figures.appliquer_style()


def demarrer(graine=13, moteur="tensorflow"):
    """Importe TensorFlow et Keras, fixe les graines (Python, NumPy, TensorFlow) et dit les versions.

    La variable d'environnement `LABO_RAPIDE=1` fait tourner les labos en quelques secondes.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with sans_bavardage():
        keras = importer_keras(moteur)
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        cartes = tf.config.list_physical_devices("GPU")
    keras.utils.set_random_seed(graine)
    regler_figures()
    rapide = os.environ.get("LABO_RAPIDE") == "1"
    print(
        f"Python {platform.python_version()} · TensorFlow {tf.__version__} · Keras {keras.__version__} · "
        f"{os.cpu_count()} cœurs · {'carte graphique' if cartes else 'sans carte graphique'} · "
        f"mode {'rapide (petites données : les scores ne comptent pas)' if rapide else 'complet'}"
    )
