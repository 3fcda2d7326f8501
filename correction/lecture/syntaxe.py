"""L'arbre syntaxique d'une cellule, magies IPython comprises. Rien n'est exécuté."""

import ast
import re
import warnings


def arbre(source):
    """Arbre d'une cellule, magies IPython comprises ; (None, message) si le code est invalide."""
    source = source.replace("\0", "")
    magie = re.match(r"\s*%%(\w+)[^\n]*\n?", source)
    if magie:
        if magie[1] not in ("time", "timeit", "capture", "prun"):
            return ast.Module(body=[], type_ignores=[]), ""  # bash, html, writefile : pas du Python
        source = source[magie.end() :]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for essai in (sans_magies, _par_ipython):
            try:
                return ast.parse(essai(source)), ""
            except (SyntaxError, ValueError, RecursionError, MemoryError) as erreur:
                probleme = f"{type(erreur).__name__} : {getattr(erreur, 'msg', erreur)}"
    return None, probleme


def sans_magies(source):
    """Remplace les lignes « ! », « % » et « ? » par `pass`, à la même indentation."""
    lignes = []
    for ligne in source.expandtabs(4).splitlines():
        debut = ligne[: len(ligne) - len(ligne.lstrip())]
        if re.match(r"\s*(?:[!%?](?!=)|\w[\w.]*\?{1,2}\s*$)", ligne):
            ligne = debut + "pass"
        elif trouve := re.match(r"\s*([\w, ]+=)\s*[!%]\w", ligne):
            ligne = f"{debut}{trouve[1].strip()} None"
        lignes.append(ligne)
    return "\n".join(lignes)


def _par_ipython(source):
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(source)
