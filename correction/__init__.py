"""Côté enseignant : corriger un dossier de remises, préparer la version étudiante (voir README.md)."""
