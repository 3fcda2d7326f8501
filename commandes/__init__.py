"""Ce que `labo.py` lance une fois l'environnement prêt : exécuter des labos, servir un modèle."""
