"""Un cache de photos prêtes à lire : réduites une fois pour toutes, rangées dans quelques gros fichiers.

Des fragments `.npy` de photos décodées, et à côté de chacun leur liste. Les classes n'y sont pas : le manifeste
décide, à la lecture, ce qui est lu et sous quelle étiquette.
"""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from outils.fichiers import DonneesInvalides, ecriture_atomique, nom_court, refuser_fichier, verrou
from outils.photos import PhotoIllisible
from outils.preparation import couleurs_carrees

FICHE = "cache.json"  # le plan : ce que le cache contient, ou contiendra


def _ecrire_json(chemin, contenu):
    with ecriture_atomique(chemin) as provisoire:
        texte = json.dumps(contenu, ensure_ascii=False, indent=1) + "\n"
        provisoire.write_text(texte, encoding="utf-8")


def _lire_json(chemin, cle):
    """La valeur d'une clé d'un JSON que `ecrire_cache` a écrit ; lève `DonneesInvalides`."""
    try:
        return json.loads(chemin.read_text(encoding="utf-8"))[cle]
    except (OSError, ValueError, LookupError, TypeError) as erreur:
        refuser_fichier(
            chemin,
            f"une fiche absente ou illisible ({type(erreur).__name__})",
            "celle qu'ecrire_cache a écrite",
            "supprimez ce dossier ; le cache se refait à partir des photos.",
        )


def _lire_plan(dossier):
    """Ce que le cache doit contenir (dict), ou None s'il n'y en a pas. Lève `DonneesInvalides`."""
    return _lire_json(dossier / FICHE, "plan") if (dossier / FICHE).is_file() else None


def _fragments(dossier, plan):
    """Les chemins des fragments du cache de ce plan, présents ou non."""
    n = -(-plan["photos"] // plan["par_fragment"])
    return [dossier / f"photos-{i:05d}-sur-{n:05d}.npy" for i in range(n)]


# --- Écrire ---------------------------------------------------------------------------------------


def _reduire(ligne, cote):
    """Rend (pixels uint8 (cote, cote, 3), "") ou (None, raison) pour une ligne (id, chemin)."""
    try:
        return couleurs_carrees(ligne[1], cote, cote_utile=cote), ""
    except PhotoIllisible as erreur:
        return None, erreur.trouve


def ecrire_fragment(fragment, lignes, cote, fils=2):
    """Écrit dans un fragment les photos de ces (id, chemin), décodées par `fils` fils.

    Sa liste est écrite avant qu'il ne prenne son nom : un fragment présent est fait.
    """
    with ThreadPoolExecutor(fils) as decodeurs:
        reduites = list(decodeurs.map(partial(_reduire, cote=cote), lignes))
    paires = list(zip((identifiant for identifiant, _ in lignes), reduites, strict=True))
    liste = {"photos": [i for i, (pixels, _) in paires if pixels is not None]}
    liste["illisibles"] = [[i, raison] for i, (_, raison) in paires if raison]
    photos = np.array([p for p, _ in reduites if p is not None], "uint8").reshape(-1, cote, cote, 3)
    with ecriture_atomique(fragment) as provisoire:
        np.save(provisoire, photos)
        _ecrire_json(fragment.with_suffix(".json"), liste)


def _lignes_triees(manifeste):
    """Les (id, chemin) du manifeste, dans l'ordre du cache ; lève `ValueError` si un id est en double."""
    lignes = manifeste[["id", "chemin"]].astype(str).sort_values("id")
    doubles = lignes.loc[lignes["id"].duplicated(), "id"]
    if len(doubles):
        raise ValueError(
            f"Deux photos ont l'identifiant « {doubles.iloc[0]} » : il en faut un par photo."
        )
    return list(lignes.itertuples(index=False, name=None))


def _poser_plan(dossier, plan):
    """Écrit le plan du cache, ou vérifie que celui qui est là est le même ; lève `DonneesInvalides`."""
    present = _lire_plan(dossier)
    if present is None:
        _ecrire_json(dossier / FICHE, {"plan": plan})
    elif present != plan:
        ecarts = [nom for nom in plan if present.get(nom) != plan[nom]]
        raise DonneesInvalides(
            f"« {nom_court(dossier)} » contient déjà un cache : rien n'a été touché.",
            f"le cache d'autres photos ou d'autres réglages ({', '.join(ecarts)})",
            "un dossier vide, ou le cache de ces photos-ci",
            "donnez un autre dossier, ou supprimez celui-ci.",
        )


def ecrire_cache(manifeste, dossier, cote=180, par_fragment=1_000, executer=None):
    """Écrit dans `dossier` le cache des photos du manifeste (colonnes `id`, uniques, et `chemin`) ; rend son bilan.

    Bilan (dict) : `photos` écrites, `illisibles` (liste de [id, raison], sautées), `octets`, `fragments`,
    `repris` (fragments trouvés déjà faits : même tuée, l'écriture reprend au premier qui manque). Si un autre
    noyau écrit ce cache, on l'attend ; complet, il n'est pas touché (un dossier en lecture seule suffit).
    `executer(fonction, *listes)`, de la forme de `map`, confie les fragments à plusieurs ouvriers (labo 8).
    Lève `ValueError` si un `id` est en double, `DonneesInvalides` si `dossier` contient un autre cache.
    """
    dossier, lignes = Path(dossier), _lignes_triees(manifeste)
    liste = "\n".join(f"{identifiant}\t{Path(chemin).name}" for identifiant, chemin in lignes)
    plan = {"version": 2, "cote": cote, "par_fragment": par_fragment, "photos": len(lignes)}
    plan["empreinte"] = hashlib.sha256(liste.encode()).hexdigest()
    fragments, restants = _fragments(dossier, plan), []
    if _lire_plan(dossier) != plan or not all(f.is_file() for f in fragments):
        with verrou(dossier):
            _poser_plan(dossier, plan)
            restants = [rang for rang, f in enumerate(fragments) if not f.is_file()]
            # Chez plusieurs ouvriers, un seul fil : il y a autant d'ouvriers que de cœurs.
            ecrire = partial(ecrire_fragment, cote=cote, fils=1 if executer else os.cpu_count())
            morceaux = [lignes[r * par_fragment : (r + 1) * par_fragment] for r in restants]
            faits = (executer or map)(ecrire, [fragments[r] for r in restants], morceaux)
            list(tqdm(faits, f"cache {cote}×{cote}", len(restants), unit="fragment"))
            for reste in dossier.glob(".provisoire-*"):  # laissés par une interruption brutale
                reste.unlink(missing_ok=True)
    illisibles = sum((_lire_json(f.with_suffix(".json"), "illisibles") for f in fragments), [])
    return {
        "photos": len(lignes) - len(illisibles),
        "illisibles": illisibles,
        "octets": sum(f.stat().st_size for f in fragments),
        "fragments": [f.name for f in fragments],
        "repris": len(fragments) - len(restants),
    }


# --- Lire -----------------------------------------------------------------------------------------


def ouvrir(dossier):
    """Rend (fragments, places) : tableaux (n, cote, cote, 3) laissés sur le disque, {id: (fragment, rang), ou raison}.

    Lève `DonneesInvalides` si le cache est absent ou inachevé.
    """
    dossier, plan = Path(dossier), _lire_plan(Path(dossier))
    chemins = _fragments(dossier, plan) if plan else []
    absents = [chemin.name for chemin in chemins if not chemin.is_file()]
    if absents or not plan:
        trouve = f"Il manque {absents[0]}" if plan else "cache absent"
        sujet = f"Le cache « {nom_court(dossier)} » est {'inachevé' if plan else 'absent'}."
        raise DonneesInvalides(sujet, trouve, "un cache entier", "relancez ecrire_cache.")
    places = {}
    for rang, chemin in enumerate(chemins):
        liste = _lire_json(chemin.with_suffix(".json"), "photos")
        places |= {identifiant: (rang, place) for place, identifiant in enumerate(liste)}
        places |= dict(_lire_json(chemin.with_suffix(".json"), "illisibles"))
    return [np.load(chemin, mmap_mode="r") for chemin in chemins], places


@dataclass(frozen=True)
class Photos:
    """Les photos étiquetées d'un cache : ses fragments, et `lignes` (m, 3), entiers : fragment, rang, étiquette."""

    fragments: list
    lignes: np.ndarray

    def lire(self, numeros):
        """Rend (photos uint8 (n, cote, cote, 3), étiquettes (n,)) de ces numéros de ligne."""
        lignes = self.lignes[numeros]
        photos = np.empty((len(lignes), *self.fragments[0].shape[1:]), "uint8")
        for place, (fragment, rang, _) in enumerate(lignes.tolist()):
            photos[place] = self.fragments[fragment][rang]
        return photos, lignes[:, 2]


def trouver(dossier, etiquettes):
    """Rend les `Photos` d'un cache, dans l'ordre des étiquettes, illisibles sautées ; erreurs : voir `lire_cache`."""
    if not etiquettes:
        raise ValueError("Aucune photo à lire.")
    fragments, places = ouvrir(dossier)
    if inconnus := [i for i in map(str, etiquettes) if i not in places]:
        raise KeyError(f"{inconnus[0]} n'est pas dans ce cache : il vient d'un autre manifeste.")
    places = [(places[str(i)], int(y)) for i, y in etiquettes.items()]
    lignes = [(*place, y) for place, y in places if isinstance(place, tuple)]
    # `asarray` : les mêmes octets du disque, sans ce que coûte `memmap` à chaque photo.
    return Photos([*map(np.asarray, fragments)], np.array(lignes, "int64").reshape(-1, 3))


def lire_cache(dossier, etiquettes, melanger=False, graine=13, lot=None):
    """Flux `tf.data` de (photo uint8 (cote, cote, 3), étiquette), ou de lots de `lot` photos.

    `etiquettes` : {identifiant: numéro}, lues dans cet ordre ou, avec `melanger`, dans un autre à chaque époque ;
    illisibles sautées. Lève `DonneesInvalides` si le cache est absent ou inachevé, `ValueError` s'il n'y a rien à
    lire, `KeyError` si un identifiant n'est pas de ce cache.
    """
    import tensorflow as tf

    photos = trouver(dossier, etiquettes)
    forme = (None, *photos.fragments[0].shape[1:])

    def lire(numeros):
        lues = tf.numpy_function(photos.lire, [numeros], (tf.uint8, tf.int64), stateful=False)
        return tf.ensure_shape(lues[0], forme), tf.ensure_shape(lues[1], (None,))

    suite = tf.data.Dataset.range(len(photos.lignes))
    if melanger:  # des numéros, pas des photos : tout se mélange
        suite = suite.shuffle(len(photos.lignes), graine)
    suite = suite.batch(lot or 64)
    suite = suite.map(lire, num_parallel_calls=2)  # à plus, Python attend : il n'a qu'un fil
    if not lot:
        suite = suite.unbatch()
        suite = suite.apply(tf.data.experimental.assert_cardinality(len(photos.lignes)))
    return suite.prefetch(2)


def charger_cache(dossier, identifiants):
    """Les photos de ces identifiants, dans cet ordre : uint8 (n, cote, cote, 3) ; `KeyError` s'il en manque une."""
    fragments, places = ouvrir(dossier)
    identifiants = [str(identifiant) for identifiant in identifiants]
    if absents := [i for i in identifiants if not isinstance(places.get(i), tuple)]:
        raise KeyError(
            f"{len(absents)} photo(s) illisible(s), dont {absents[0]} : sautée(s) par le cache."
        )
    return np.stack([fragments[f][rang] for f, rang in (places[i] for i in identifiants)])
