"""Ce que deux remises ont en commun de plus que la classe : un indice, jamais un verdict, jamais dans la note."""

import itertools
import math
import statistics
from collections import Counter
from dataclasses import dataclass

from correction import empreintes
from correction.enonce import CELLULES

COMMUNE = 3  # remises à partir desquelles une photo vient de la classe, pas de l'étudiant
PARTAGEES_MIN = 12  # empreintes de code en commun, au moins
PART_MIN = 0.35  # de ce que la plus petite des deux a en propre
ECARTS = 6  # écarts absolus médians au-dessus de la classe
CELLULES_MONTREES = 4
FIGURES_MIN = 2
GROUPE_MAX = 4


@dataclass
class Paire:
    """Deux remises (clés), ce qu'elles partagent (phrases), et les cellules à lire côte à côte [(a, b)]."""

    a: str
    b: str
    phrases: list
    cellules: list


def marquer_photos_communes(tous):
    """Note dans les faits de chaque remise les photos que d'autres ont aussi ; rend {empreinte: nom}."""
    nombre, noms = Counter(), {}
    for faits in tous:
        siennes = {f[2]: f[0] for f in faits["photos"]["fichiers"] if not f[3]}
        nombre.update(siennes.keys())
        noms.update(siennes)
    communes = {empreinte: noms[empreinte] for empreinte, n in nombre.items() if n >= COMMUNE}
    for faits in tous:
        miennes = {f[2] for f in faits["photos"]["fichiers"]}
        faits["photos"]["communes"] = sorted(miennes & set(communes))
    return communes


def comparer(tous, codes_communs=(), textes_communs=()):
    """Paires (`Paire`, la plus ressemblante d'abord) de la classe ; l'énoncé et ce qui est commun sont ôtés."""
    connues = set().union(*(empreintes.de_code(c) for c in (*CELLULES, *codes_communs)))
    textes = set().union(*(empreintes.de_texte(t) for t in textes_communs))
    codes = {f["cle"]: _cellules(f, connues) for f in tous}
    phrases = {}
    for (a, b), phrase in [
        *_identiques(tous),
        *_par_le_code(codes),
        *_par_le_texte(tous, textes),
    ]:
        phrases.setdefault((a, b), []).append(phrase)
    paires = [
        Paire(a, b, dites, _cote_a_cote(codes[a], codes[b])) for (a, b), dites in phrases.items()
    ]
    return sorted(paires, key=lambda p: (-len(p.phrases), p.a, p.b))


def _notebooks(faits):
    """Les notebooks d'une remise, une seule fois chacun."""
    labo = faits["notebooks"]
    roles = ["classification"] if faits["un_seul_notebook"] else list(labo)
    return [labo[r] for r in roles if labo[r]]


def _cellules(faits, connues):
    """[(source, empreintes propres)] de chaque cellule de code : l'énoncé et le distribué ôtés."""
    return [
        (source, empreintes.de_code(source) - connues)
        for notebook in _notebooks(faits)
        for source in notebook["sources"]
    ]


def _par_le_code(codes):
    ensembles = {cle: set().union(*(e for _, e in cellules)) for cle, cellules in codes.items()}
    yield from _trop_semblables(
        ensembles, "{part} % du code propre à l'un se retrouve chez l'autre"
    )


def _par_le_texte(tous, connus):
    ensembles = {
        faits["cle"]: set().union(
            *(empreintes.de_texte(t) for n in _notebooks(faits) for t in n["textes"])
        )
        - connus
        for faits in tous
    }
    yield from _trop_semblables(ensembles, "{part} % des textes de l'un se retrouvent chez l'autre")


def _trop_semblables(ensembles, phrase):
    """((a, b), phrase) des paires qui partagent bien plus que la classe d'ordinaire."""
    presence = Counter(itertools.chain.from_iterable(ensembles.values()))
    n = len(ensembles)
    rares = {e for e, k in presence.items() if k <= max(2, n // 8)}
    # Ce que beaucoup ont en commun vient du cours : son poids s'annule.
    poids = {e: math.log(n / k) if k < n or n == 2 else 0.0 for e, k in presence.items()}
    if n == 2:
        poids = dict.fromkeys(presence, 1.0)
    sommes = {cle: sum(poids[e] for e in ensemble) for cle, ensemble in ensembles.items()}
    parts = {}
    for a, b in itertools.combinations(ensembles, 2):
        communes = ensembles[a] & ensembles[b]
        plus_petite = min(sommes[a], sommes[b])
        if plus_petite > 0:
            part = sum(poids[e] for e in communes) / plus_petite
            parts[a, b] = (part, len(communes & rares))
    if not parts:
        return
    milieu = statistics.median(p for p, _ in parts.values())
    ecart = statistics.median(abs(p - milieu) for p, _ in parts.values())
    seuil = max(PART_MIN, milieu + ECARTS * ecart)
    for paire, (part, nombre) in parts.items():
        if part >= seuil and nombre >= PARTAGEES_MIN:
            yield paire, phrase.format(part=round(100 * min(1, part)))


def _identiques(tous):
    """((a, b), phrase) : poids, sorties d'entraînement, figures ou photos identiques."""
    groupes, photos = {}, {}
    for faits in tous:
        cle, communes = faits["cle"], faits["photos"].get("communes", ())
        modele = faits.get("modele") or {}
        if modele.get("empreinte") and not modele.get("fourni"):
            groupes.setdefault(("poids du modèle identiques", modele["empreinte"]), []).append(cle)
        notebook = faits["notebooks"]["classification"]
        if notebook and len(notebook["sorties"]["trace"]) >= 3:
            trace = tuple(notebook["sorties"]["trace"])
            groupes.setdefault(("sorties d'entraînement identiques", trace), []).append(cle)
        for nom, octets, empreinte, fournie in faits["photos"]["fichiers"]:
            if not fournie and octets > 1_000 and empreinte not in communes:
                photos[empreinte] = nom
                groupes.setdefault(("photo identique", empreinte), []).append(cle)
    yield from _figures(tous)
    for (nature, valeur), cles in groupes.items():
        detail = f" (« {photos[valeur]} »)" if nature == "photo identique" else ""
        uniques = list(dict.fromkeys(cles))
        if len(uniques) > GROUPE_MAX:  # une ligne pour la classe, pas une alarme par paire
            yield tuple(uniques[:2]), f"{nature}{detail}, comme {len(uniques) - 2} autres remises"
            continue
        for a, b in itertools.combinations(uniques, 2):
            yield (a, b), nature + detail


def _figures(tous):
    """((a, b), phrase) : au moins deux figures au pixel près, que personne d'autre n'a."""
    proprietaires = {}
    for faits in tous:
        for figure in {f for n in _notebooks(faits) for f in n["figures"]}:
            proprietaires.setdefault(figure, []).append(faits["cle"])
    nombre = Counter(tuple(cles) for cles in proprietaires.values() if len(cles) == 2)
    for paire, n in nombre.items():
        if n >= FIGURES_MIN:
            yield paire, f"{n} figures identiques"


def _cote_a_cote(cellules_a, cellules_b):
    """[(source, source)] : les cellules qui partagent le plus d'empreintes, les plus longues d'abord."""
    couples = []
    for source, siennes in cellules_a:
        if siennes:
            autre, communes = max(
                ((s, len(siennes & e)) for s, e in cellules_b), key=lambda x: x[1], default=("", 0)
            )
            if communes:
                couples.append((communes, source, autre))
    couples.sort(key=lambda c: -c[0])
    return [(a, b) for _, a, b in couples[:CELLULES_MONTREES]]
