"""Un cache de photos prêtes à lire : réduites une fois pour toutes, rangées dans quelques gros fichiers.

Décoder une photo de deux millions de pixels pour n'en garder que 180×180, à chaque époque, c'est là que
passe le temps. `ecrire_cache` le fait une fois : un dossier de fragments TFRecord (le format de TensorFlow),
chaque photo en JPEG de `cote`×`cote` avec son identifiant, et à côté de chacun la liste de ses photos. Les
classes n'y sont pas : le manifeste décide, à la lecture, ce qui est lu et sous quelle étiquette. Chaque
fichier est écrit sous un nom provisoire, puis renommé : interrompue, même brutalement, l'écriture reprend au
premier fragment manquant, et deux programmes peuvent la faire en même temps.
"""

import hashlib
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from outils.fichiers import DonneesInvalides, ecriture_atomique, nom_court, refuser_fichier, verrou
from outils.photos import PhotoIllisible
from outils.preparation import couleurs_carrees

FICHE = "cache.json"  # ce que le cache contient, ou contiendra


# --- Écrire ---------------------------------------------------------------------------------------


def _en_jpeg(chemin, cote, qualite):
    """Rend (octets du JPEG, None) ou (None, raison)."""
    try:
        pixels = couleurs_carrees(chemin, cote, cote_utile=cote)
    except PhotoIllisible as erreur:
        return None, erreur.trouve
    tampon = io.BytesIO()
    Image.fromarray(pixels).save(tampon, "JPEG", quality=qualite)
    return tampon.getvalue(), None


def _exemple(identifiant, octets):
    """Un enregistrement : toujours les mêmes octets pour la même photo."""
    import tensorflow as tf

    def texte(valeur):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[valeur]))

    champs = {"id": texte(identifiant.encode()), "photo": texte(octets)}
    exemple = tf.train.Example(features=tf.train.Features(feature=champs))
    return exemple.SerializeToString(deterministic=True)


def _ecrire_json(chemin, contenu):
    texte = json.dumps(contenu, ensure_ascii=False, indent=1) + "\n"
    with ecriture_atomique(chemin) as provisoire:
        provisoire.write_text(texte, encoding="utf-8")


def _lire_json(chemin):
    return json.loads(chemin.read_text(encoding="utf-8"))


def _lire_plan(dossier):
    """Ce que le cache doit contenir (dict), ou None s'il n'y en a pas. Lève `DonneesInvalides`."""
    try:
        plan = _lire_json(dossier / FICHE)["plan"]
        plan["photos"], plan["par_fragment"], plan["cote"]  # s'il en manque, KeyError
        return plan
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as erreur:
        refuser_fichier(
            dossier / FICHE,
            f"une fiche illisible ({type(erreur).__name__})",
            "celle qu'ecrire_cache a écrite",
            "supprimez ce dossier ; le cache se refait à partir des photos.",
        )


def _fragments(dossier, plan):
    """Les chemins des fragments du cache de ce plan, présents ou non."""
    n = -(-plan["photos"] // plan["par_fragment"])
    return [dossier / f"photos-{i:05d}-sur-{n:05d}.tfrecord" for i in range(n)]


def _fait(fragment):
    # La liste d'un fragment est écrite avant lui ; tous deux présents, il est fait.
    return fragment.is_file() and fragment.with_suffix(".json").is_file()


def _ecrire_fragment(chemin, morceau, cote, qualite, fils=None, avancer=lambda: None):
    """Écrit un fragment, et d'abord la liste de ses photos.

    Un fragment ne dépend d'aucun autre : qui l'écrit, et quand, ne change pas ses octets.
    """
    import tensorflow as tf

    bonnes, mauvaises = [], []
    with (
        ThreadPoolExecutor(fils or os.cpu_count() or 1) as decodeurs,  # décoder libère Python
        ecriture_atomique(chemin) as provisoire,
    ):
        with tf.io.TFRecordWriter(str(provisoire)) as sortie:
            suite = decodeurs.map(lambda ligne: _en_jpeg(ligne[1], cote, qualite), morceau)
            for (identifiant, _), (octets, raison) in zip(morceau, suite, strict=True):
                if raison is None:
                    sortie.write(_exemple(identifiant, octets))
                    bonnes.append(identifiant)
                else:
                    mauvaises.append([identifiant, raison])
                avancer()
        _ecrire_json(chemin.with_suffix(".json"), {"photos": bonnes, "illisibles": mauvaises})


def _plan(lignes, **reglages):
    """Ce que le cache doit contenir ; deux caches du même plan ont les mêmes octets."""
    liste = "\n".join(f"{i}\t{Path(p).name}" for i, p in lignes)
    empreinte = hashlib.sha256(liste.encode()).hexdigest()
    return {"version": 1, **reglages, "photos": len(lignes), "empreinte": empreinte}


def _lignes_melangees(manifeste, graine):
    """Les (id, chemin) du manifeste, dans l'ordre du cache ; lève `ValueError` si un id est en double."""
    lignes = sorted(zip(manifeste["id"].astype(str), manifeste["path"].astype(str), strict=True))
    for (identifiant, _), (suivant, _) in zip(lignes, lignes[1:], strict=False):
        if identifiant == suivant:
            raise ValueError(
                f"Deux photos ont l'identifiant « {identifiant} » : il en faut un par photo."
            )
    return [lignes[i] for i in np.random.default_rng(graine).permutation(len(lignes))]


def ecrire_cache(
    manifeste, dossier, cote=180, qualite=80, par_fragment=1_000, graine=13, executer=None
):
    """Écrit dans `dossier` le cache des photos du manifeste (colonnes `id`, uniques, et `path`) ; rend son bilan.

    Bilan (dict) : `photos` écrites, `illisibles` (liste de [id, raison], sautées), `octets`, `fragments`,
    `repris` (fragments trouvés déjà faits). Les photos sont mélangées, pour que chaque fragment les
    représente toutes ; le résultat ne dépend ni de l'ordre du manifeste ni des interruptions.
    `executer(fonction, *listes)`, de la forme de `map`, confie les fragments à plusieurs ouvriers (labo 8) ;
    par défaut, ils sont écrits ici, l'un après l'autre. Un cache complet n'est pas touché : un dossier partagé
    en lecture seule suffit. Si un autre noyau l'écrit déjà, on l'attend.
    Lève `ValueError` si un `id` est en double, `DonneesInvalides` si `dossier` contient un autre cache.
    """
    dossier = Path(dossier)
    lignes = _lignes_melangees(manifeste, graine)
    plan = _plan(lignes, cote=cote, qualite=qualite, par_fragment=par_fragment, graine=graine)
    chemins, restants = _fragments(dossier, plan), []
    if _lire_plan(dossier) != plan or not all(map(_fait, chemins)):
        with verrou(dossier):
            _poser_plan(dossier, plan)
            morceaux = [lignes[i : i + par_fragment] for i in range(0, len(lignes), par_fragment)]
            restants = [(c, m) for c, m in zip(chemins, morceaux, strict=True) if not _fait(c)]
            if restants:
                _ecrire_fragments(restants, len(lignes), cote, qualite, executer)
            for reste in dossier.glob(".provisoire-*"):  # laissés par une interruption brutale
                reste.unlink(missing_ok=True)
    illisibles = sum((_lire_json(c.with_suffix(".json"))["illisibles"] for c in chemins), [])
    return {
        "photos": len(lignes) - len(illisibles),
        "illisibles": illisibles,
        "octets": sum(chemin.stat().st_size for chemin in chemins),
        "fragments": [chemin.name for chemin in chemins],
        "repris": len(chemins) - len(restants),
    }


def _poser_plan(dossier, plan):
    """Écrit la fiche du cache, ou vérifie que celle qui est là est la même ; lève `DonneesInvalides`."""
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


def _ecrire_fragments(restants, total, cote, qualite, executer):
    """Écrit les fragments `restants` (liste de (chemin, photos)), avec une barre sur `total` photos."""
    faites = total - sum(len(morceau) for _, morceau in restants)
    with tqdm(total=total, initial=faites, desc=f"cache {cote}×{cote}") as barre:
        if not executer:
            for chemin, morceau in restants:
                _ecrire_fragment(chemin, morceau, cote, qualite, avancer=barre.update)
            return
        # Sur chaque ouvrier, un seul fil : il y a autant d'ouvriers que de cœurs.
        ecrire = partial(_ecrire_fragment, cote=cote, qualite=qualite, fils=1)
        faits = executer(ecrire, *map(list, zip(*restants, strict=True)))
        for (_, morceau), _ in zip(restants, faits, strict=True):
            barre.update(len(morceau))


# --- Lire -----------------------------------------------------------------------------------------


def _ouvrir(dossier, etiquettes):
    """Rend (fragments, nombre de photos à lire, côté) ; lève ce que dit `lire_cache`."""
    dossier = Path(dossier)
    plan = _lire_plan(dossier)
    fragments = _fragments(dossier, plan) if plan else []
    manque = [fragment.name for fragment in fragments if not _fait(fragment)]
    if not plan or manque:
        raise DonneesInvalides(
            f"Le cache « {nom_court(dossier)} » est {'inachevé' if plan else 'absent'}.",
            f"Il manque {(manque or [FICHE])[0]}" + f" ({len(manque)} en tout)" * (len(manque) > 1),
            f"{len(fragments)} fragments, chacun avec sa liste" if plan else "un cache écrit",
            "appelez ecrire_cache ; elle reprend où elle s'est arrêtée.",
        )
    listes = [_lire_json(fragment.with_suffix(".json")) for fragment in fragments]
    presents = etiquettes.keys() & {cle for liste in listes for cle in liste["photos"]}
    sautes = {cle for liste in listes for cle, _ in liste["illisibles"]}
    inconnus = sorted(etiquettes.keys() - presents - sautes)
    if inconnus:
        raise KeyError(
            f"{len(inconnus)} photo(s) absente(s) du cache « {dossier.name} », dont {inconnus[0]} : "
            "il a été écrit pour un autre manifeste."
        )
    if not presents:
        raise ValueError("Aucune photo à lire : donnez un dict {identifiant: numéro de classe}.")
    return [str(fragment) for fragment in fragments], len(presents), plan["cote"]


def _enregistrements(fragments, etiquettes, melanger, remelanger, graine):
    """Jeu tf.data de (JPEG, étiquette) des photos voulues, fragments mélangés ou non."""
    import tensorflow as tf

    cles, numeros = tf.constant(list(etiquettes)), tf.constant(list(etiquettes.values()), tf.int32)
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(cles, numeros), -1)
    champs = {nom: tf.io.FixedLenFeature([], tf.string) for nom in ("id", "photo")}

    def analyser(enregistrements):
        lus = tf.io.parse_example(enregistrements, champs)
        numeros = table.lookup(lus["id"])
        gardes = numeros >= 0
        return tf.boolean_mask(lus["photo"], gardes), tf.boolean_mask(numeros, gardes)

    suite = tf.data.Dataset.from_tensor_slices(fragments)
    if melanger:
        suite = suite.shuffle(len(fragments), graine, reshuffle_each_iteration=remelanger)
    suite = suite.interleave(
        tf.data.TFRecordDataset, cycle_length=4 if melanger else 1, block_length=64
    )
    return suite.batch(256).map(analyser).unbatch()


def lire_cache(
    dossier, etiquettes, melanger=False, graine=13, lot=None, en_memoire=False, part=None
):
    """Jeu tf.data des photos du cache dont l'identifiant est dans `etiquettes` (dict {id: numéro de classe}).

    Donne (photo uint8 (cote, cote, 3) dans 0–255, étiquette int32), ou des lots de `lot` photos. L'ordre
    est celui du cache ; avec `melanger`, il change à chaque époque (fragments, puis photos encore compressées :
    un mélange de 8 000 photos ne prend que quelques dizaines de mégaoctets). Avec `en_memoire`, les photos
    décodées à la première époque restent en mémoire pour les suivantes : `cote`² × 3 octets par photo (97 Ko
    à 180×180), et plusieurs fois plus vite si la place suffit.
    `part=(rang, n)` : de chaque lot de `lot` photos, ne décode et ne donne que la `rang`-ième de n parts égales,
    pour l'un des n ouvriers du labo 8 ; l'ordre ne dépend alors que de la graine, et les dernières photos, si
    elles ne font pas un lot, sont laissées.
    Les photos illisibles sont sautées. Lève `DonneesInvalides` si le cache est absent ou inachevé,
    `ValueError` s'il n'y a rien à lire, `KeyError` si un identifiant n'est pas de ce cache.
    """
    import tensorflow as tf

    etiquettes = {str(cle): int(valeur) for cle, valeur in etiquettes.items()}
    fragments, a_lire, cote = _ouvrir(dossier, etiquettes)
    remelanger = part is None
    suite = _enregistrements(fragments, etiquettes, melanger, remelanger, graine)

    def decoder(octets, numero):
        photo = tf.io.decode_jpeg(octets, 3, fancy_upscaling=False, dct_method="INTEGER_FAST")
        return tf.ensure_shape(photo, (cote, cote, 3)), numero

    if en_memoire:
        suite = suite.map(decoder, num_parallel_calls=tf.data.AUTOTUNE).cache()
    if melanger:
        suite = suite.shuffle(8_000, graine, reshuffle_each_iteration=remelanger)
    if part:
        rang, ouvriers = part
        if not lot or lot % ouvriers:
            raise ValueError(f"Un lot de {lot} photos ne se coupe pas en {ouvriers} parts égales.")
        taille = lot // ouvriers
        tranche = slice(rang * taille, (rang + 1) * taille)
        suite = suite.batch(lot, drop_remainder=True)
        suite = suite.map(lambda photos, numeros: (photos[tranche], numeros[tranche])).unbatch()
        a_lire, lot = a_lire // lot * taille, taille
    if not en_memoire:
        suite = suite.map(decoder, num_parallel_calls=tf.data.AUTOTUNE)
    # Keras veut savoir d'avance combien de pas fait une époque.
    suite = suite.apply(tf.data.experimental.assert_cardinality(a_lire))
    if lot:
        suite = suite.batch(lot)
    return suite.prefetch(tf.data.AUTOTUNE)


def charger_cache(dossier, identifiants):
    """Rend les photos de ces identifiants, dans cet ordre : uint8 (n, cote, cote, 3).

    Lève `KeyError` si l'une n'est pas dans le cache : illisible, ou absente du manifeste qui l'a fait.
    """
    identifiants = [str(i) for i in identifiants]
    rangs = {i: rang for rang, i in enumerate(dict.fromkeys(identifiants))}
    images, trouves = None, set()
    for photo, rang in lire_cache(dossier, rangs).as_numpy_iterator():
        if images is None:
            images = np.empty((len(rangs), *photo.shape), "uint8")
        images[rang] = photo
        trouves.add(int(rang))
    absents = [i for i, rang in rangs.items() if rang not in trouves]
    if absents:
        raise KeyError(
            f"{len(absents)} photo(s) illisible(s), dont {absents[0]} : sautée(s) par le cache."
        )
    return images if len(rangs) == len(identifiants) else images[[rangs[i] for i in identifiants]]
