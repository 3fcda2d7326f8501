"""Réglages communs aux tests de tests/ et aux notebooks d'analyse_image/ exécutés par nbval."""

import importlib.util
import os
import shutil
import tempfile

# Le labo 8 demande des bibliothèques à part : sans elles, son notebook n'est pas vérifié, et on le dit.
SANS_JAX = any(importlib.util.find_spec(nom) is None for nom in ("jax", "distributed"))
collect_ignore = ["analyse_image/passage_echelle.ipynb"] if SANS_JAX else []


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
    config.add_cleanup(lambda: shutil.rmtree(dossier, ignore_errors=True))


def pytest_report_header():
    """Dit sur quelles images Fashion-MNIST les tests vont s'exécuter, et ce qui ne sera pas vérifié."""
    try:
        from outils.donnees import source_disponible
    except ImportError as erreur:
        return f"Données : source inconnue ({erreur})"
    lignes = [source_disponible()]
    if SANS_JAX:
        commande = "pip install -r analyse_image/echelle/requirements.txt"
        lignes.append(f"Labo 8 : pas vérifié (ni JAX ni Dask ; {commande})")
    return lignes
