"""Comment les critères s'inscrivent : une clé, ce qui est attendu, et la fonction qui juge."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Critere:
    """`juger(remise)` rend (part entre 0 et 1, trouvé, où regarder) ; part None : sans objet, non compté."""

    juger: Any
    attendu: str


def registre():
    """(décorateur, dictionnaire) : les critères d'un fichier, par clé."""
    inscrits = {}

    def critere(cle, attendu):
        def inscrire(fonction):
            inscrits[cle] = Critere(fonction, attendu)
            return fonction

        return inscrire

    return critere, inscrits
