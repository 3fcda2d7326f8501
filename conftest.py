"""Réglages communs aux tests de tests/ et aux notebooks d'analyse_image/ exécutés par nbval."""

import importlib.util
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

# Le labo 8 demande JAX, installé à part : sans lui, son notebook n'est pas vérifié, et on le dit.
SANS_JAX = importlib.util.find_spec("jax") is None
collect_ignore = ["analyse_image/passage_echelle.ipynb"] if SANS_JAX else []


def corriger_keras():
    """Remet Keras à ses réglages d'origine si un vieux `keras.json` (channels_first, float16) les change."""
    fichier = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "keras.json"
    try:
        lus = json.loads(fichier.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    origine = {"image_data_format": "channels_last", "floatx": "float32"}
    if any(lus.get(nom, valeur) != valeur for nom, valeur in origine.items()):
        from outils.demarrage import importer_keras  # TensorFlow : quelques secondes

        importer_keras()


def pytest_configure(config):
    """Passe en mode rapide, avec un dossier temporaire propre à cette session.

    Les noyaux Jupyter lancés par nbval héritent de cet environnement. En mode rapide, les labos
    écrivent dans le dossier temporaire : deux sessions ne partagent donc jamais un modèle.
    """
    os.environ["LABO_RAPIDE"] = "1"
    dossier = tempfile.mkdtemp(prefix="labos-")
    for variable in ("TMPDIR", "TEMP", "TMP"):
        os.environ[variable] = dossier
    tempfile.tempdir = None  # oublie le dossier mémorisé avant ce changement
    # Au moins un processus par cœur : à chacun, un fil de calcul suffit.
    if "PYTEST_XDIST_WORKER" in os.environ:
        for variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
            os.environ.setdefault(variable, "1")
        # Ce que JAX compile ici ne sert qu'une fois : autant ne pas l'optimiser.
        os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
    corriger_keras()
    config.add_cleanup(lambda: shutil.rmtree(dossier, ignore_errors=True))


def pytest_collection_finish():
    """Oublie le réglage que streamlit, importé par un test, laisse aux noyaux qu'on lance : pas de figures."""
    os.environ.pop("MPLBACKEND", None)


def pytest_report_header():
    """Dit sur quelles images Fashion-MNIST les tests vont s'exécuter, et ce qui ne sera pas vérifié."""
    try:
        from outils import donnees

        reelles = donnees.deja_la()
    except (ImportError, ValueError) as erreur:  # un fichier de données abîmé : les tests le diront
        return f"Données : source inconnue ({erreur})"
    absentes = "Données : Fashion-MNIST à télécharger (31 Mo) ou, sans réseau, jumeau dessiné"
    lignes = ["Données : Fashion-MNIST réel" if reelles else absentes]
    if SANS_JAX:
        commande = "pip install -r analyse_image/echelle/requirements.txt"
        lignes.append(f"Labo 8 : pas vérifié (JAX est absent ; {commande})")
    return lignes


@pytest.fixture
def datas(tmp_path, monkeypatch):
    """Un dossier de données vide, sans celui du dépôt à côté."""
    from outils import fichiers

    monkeypatch.setenv("LABO_DATAS", str(tmp_path / "datas"))
    monkeypatch.setattr(fichiers, "RACINE", tmp_path / "ailleurs")
    (tmp_path / "datas").mkdir()
    return tmp_path / "datas"
