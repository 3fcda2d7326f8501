"""Les questions des labos, un fichier par labo."""
