"""Lire le code d'un notebook sans l'exécuter : une petite interprétation abstraite de son arbre syntaxique."""
