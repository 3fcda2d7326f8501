"""Réglages communs aux tests de tests/ et aux notebooks d'analyse_image/ exécutés par nbval."""

import os
import shutil
import tempfile


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
    """Dit sur quelles images Fashion-MNIST les tests vont s'exécuter."""
    try:
        from outils.donnees import source_disponible
    except ImportError as erreur:
        return f"Données : source inconnue ({erreur})"
    return source_disponible()
