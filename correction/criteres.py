"""Tous les critères, par clé. Rien n'est lu ni exécuté ici : ils jugent des faits."""

from correction import criteres_etapes, criteres_notebooks, criteres_resultats

CRITERES = criteres_notebooks.CRITERES | criteres_etapes.CRITERES | criteres_resultats.CRITERES
