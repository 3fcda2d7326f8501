"""Ce que fait le code d'un notebook : ses événements (`decoupe`, `echelle`, `fit`, `evaluate`…) et ses réseaux.

Ce que la lecture ne comprend pas vaut « inconnu » et n'arrête rien.
"""

from correction.lecture.appels_reseaux import couches_utiles
from correction.lecture.interprete import Lecteur, Retour, TropLong
from correction.lecture.syntaxe import arbre
from correction.lecture.valeurs import est


def analyser(sources, numeros=()):
    """Faits du code : `evenements`, `reseaux` (couches utiles), `syntaxe`, `incompris`, `ordre` (rangs lus).

    `sources` : le texte de chaque cellule de code ; `numeros` : leurs numéros d'exécution (None : aucun).
    Les cellules sont lues dans l'ordre de leur exécution. Une cellule relancée a perdu son premier numéro :
    si l'ordre de la page se comprend mieux, c'est lui qui est gardé. Ne lève rien.
    """
    page = list(range(len(sources)))
    execution = ordre_d_execution(numeros) if len(numeros) == len(sources) else page
    lues = [_lire(sources, execution)]
    if execution != page:
        lues.append(_lire(sources, page))
    return max(lues, key=_compris)


def ordre_d_execution(numeros):
    """Rangs (à partir de 0) des cellules, par numéro ; une cellule sans numéro suit celle qui la précède."""
    cles, dernier = [], -1
    for rang, numero in enumerate(numeros):
        dernier = dernier if numero is None else numero
        cles.append((dernier, rang))
    return [rang for _, rang in sorted(cles)]


def _compris(code):
    """Combien d'entraînements et d'évaluations dont on sait le réseau, les données et leur échelle."""
    suivis = [e for e in code["evenements"] if e["genre"] in ("fit", "evaluate")]
    return sum((e["numero"] is not None) + e["connu"] + e["divise"] for e in suivis)


def _lire(sources, ordre):
    lecteur, syntaxe, incompris = Lecteur(), [], []
    for rang in ordre:
        lecteur.cellule, lecteur.pas = rang + 1, 0
        module, probleme = arbre(sources[rang])
        if module is None:
            syntaxe.append([rang + 1, probleme[:200]])
            continue
        # Une instruction après l'autre : ce qui dépasse n'emporte pas la suite de la cellule.
        for instruction in module.body:
            lecteur.ligne = instruction.end_lineno
            try:
                lecteur.bloc([instruction], lecteur.noms)
            except (Retour, TropLong):
                continue
            except RecursionError:
                syntaxe.append([rang + 1, "expression trop imbriquée"])
            except Exception as erreur:  # une tournure imprévue ne coûte pas le reste du notebook
                incompris.append([rang + 1, f"{type(erreur).__name__} : {erreur}"[:200]])
    if not any(e["genre"] in ("fit", "predict", "chargement") for e in lecteur.evenements):
        _derouler_le_reste(lecteur)
    reseaux = [
        {
            "nom": str(r.infos.get("nom", "?"))[:60],
            "cellule": r.infos["cellule"],
            "ligne": r.infos["ligne"],
            "couches": couches_utiles(r.infos["couches"]),
        }
        for r in lecteur.reseaux
    ]
    return {
        "evenements": lecteur.evenements,
        "reseaux": reseaux,
        "syntaxe": syntaxe,
        "incompris": incompris,
        "ordre": [rang + 1 for rang in ordre],
    }


def _derouler_le_reste(lecteur):
    """Les fonctions jamais appelées peuvent contenir le travail : main(), fonctions d'un autre fichier."""
    for valeur in list(lecteur.noms.values()):
        if est(valeur, "fonction"):
            try:
                lecteur.derouler(valeur, [], {})
            except (TropLong, RecursionError):
                return
            except Retour:
                continue
