"""Outils des labos : ce qu'un labo utilise sans l'enseigner."""
