"""Le même entraînement et la même préparation, à un ouvrier ou à plusieurs (labo 8)."""
