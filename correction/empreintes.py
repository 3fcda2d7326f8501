"""Empreintes de code et de texte qui survivent au renommage des variables et au déplacement des cellules.

Le principe de MOSS (Schleimer, Wilkerson et Aiken, 2003) : le code est réduit à ses unités, où tout nom de variable
vaut « v » ; chaque suite de `LONGUEUR` unités est hachée, et une sur `UNE_SUR`, choisie par sa valeur, est gardée.
"""

import io
import keyword
import re
import tokenize
import zlib

from correction.lecture.syntaxe import sans_magies

LONGUEUR = 10  # unités d'une empreinte de code
MOTS = 8  # mots d'une empreinte de texte
UNE_SUR = 2
IGNOREES = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def unites(source):
    """Unités de code d'une cellule ; mots clés, attributs et appels gardent leur nom, les textes valent « s »."""
    brutes = []
    try:
        for u in tokenize.generate_tokens(io.StringIO(sans_magies(source)).readline):
            if u.type not in IGNOREES:
                brutes.append((u.type, u.string))
    except (tokenize.TokenError, SyntaxError, ValueError):
        pass  # une cellule inachevée : ce qui précède suffit
    normales = []
    for rang, (genre, texte) in enumerate(brutes):
        avant = brutes[rang - 1][1] if rang else ""
        apres = brutes[rang + 1][1] if rang + 1 < len(brutes) else ""
        if genre == tokenize.STRING:
            texte = "s"
        elif genre == tokenize.NAME and not (
            keyword.iskeyword(texte) or avant == "." or apres == "("
        ):
            texte = "v"
        normales.append(texte)
    return normales


def de_code(source):
    """Empreintes (ensemble d'entiers) d'une cellule de code."""
    return _suites(unites(source), LONGUEUR)


def de_texte(texte):
    """Empreintes d'un texte : suites de mots, sans accents de mise en forme ni ponctuation."""
    return _suites(re.findall(r"\w+", texte.lower()), MOTS)


def _suites(elements, longueur):
    hachees = (
        zlib.crc32(" ".join(elements[i : i + longueur]).encode("utf-8", "replace"))
        for i in range(len(elements) - longueur + 1)
    )
    return {h for h in hachees if h % UNE_SUR == 0}
