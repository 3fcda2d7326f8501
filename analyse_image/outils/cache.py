"""Un cache de photos prêtes à lire : réduites une fois pour toutes, rangées dans quelques gros fichiers.

Décoder une photo de deux millions de pixels pour n'en garder que 180×180, à chaque époque, c'est là que
passe le temps. `ecrire_cache` le fait une fois : un dossier de fragments TFRecord (le format de TensorFlow),
chaque photo en JPEG de `cote`×`cote` avec son identifiant. Les classes n'y sont pas : le manifeste décide,
à la lecture, ce qui est lu et sous quelle étiquette. Chaque fragment est écrit sous un nom provisoire, puis
renommé : interrompue, même brutalement, l'écriture reprend au premier fragment manquant.
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

from outils.donnees import DonneesInvalides
from outils.fichiers import ecriture_atomique
from outils.photos import PhotoIllisible
from outils.preparation import couleurs_carrees

FICHE = "cache.json"


def _nom(numero, total):
    return f"photos-{numero:05d}-sur-{total:05d}.tfrecord"


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
    with ecriture_atomique(chemin) as provisoire:
        provisoire.write_text(
            json.dumps(contenu, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )


def _plan(lignes, cote, qualite, par_fragment, graine):
    """Ce que le cache doit contenir ; deux caches du même plan ont les mêmes octets."""
    liste = "\n".join(f"{i}\t{Path(p).name}" for i, p in lignes)
    return {
        "version": 1,
        "cote": cote,
        "qualite": qualite,
        "par_fragment": par_fragment,
        "graine": graine,
        "photos": len(lignes),
        "empreinte": hashlib.sha256(liste.encode()).hexdigest(),
    }


def _lire_fiche(dossier):
    try:
        contenu = json.loads((Path(dossier) / FICHE).read_text(encoding="utf-8"))
        if isinstance(contenu, dict) and isinstance(contenu.get("plan"), dict):
            return contenu
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        pass
    raise DonneesInvalides(
        f"« {Path(dossier).name}/{FICHE} » est illisible.\n"
        "  Remède  : supprimez ce dossier ; le cache se refait à partir des photos."
    )


def _ecrire_fragment(chemin, morceau, cote, qualite, fils=None, avancer=lambda: None):
    """Écrit un fragment, et d'abord la liste de ses photos ; rend celle des illisibles.

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
    return mauvaises


def ecrire_cache(
    manifeste, dossier, cote=180, qualite=80, par_fragment=1_000, graine=13, executer=None
):
    """Écrit dans `dossier` le cache des photos du manifeste (colonnes `id`, uniques, et `path`) ; rend son bilan.

    Bilan (dict) : `photos` écrites, `illisibles` (liste de [id, raison], sautées), `octets`, `fragments`,
    `repris` (fragments trouvés déjà faits). Les photos sont mélangées, pour que chaque fragment les
    représente toutes ; le résultat ne dépend ni de l'ordre du manifeste ni des interruptions.
    `executer(fonction, *listes)`, de la forme de `map`, confie les fragments à plusieurs ouvriers (labo 8) ;
    par défaut, ils sont écrits ici, l'un après l'autre.
    Lève `ValueError` si un `id` est en double, `DonneesInvalides` si `dossier` contient un autre cache.
    """
    dossier = Path(dossier)
    lignes = sorted(zip(manifeste["id"].astype(str), manifeste["path"].astype(str), strict=True))
    identifiants = [i for i, _ in lignes]
    if len(set(identifiants)) < len(lignes):
        double = next(a for a, b in zip(identifiants, identifiants[1:], strict=False) if a == b)
        raise ValueError(f"Deux photos ont l'identifiant « {double} » : il en faut un par photo.")
    lignes = [lignes[i] for i in np.random.default_rng(graine).permutation(len(lignes))]
    plan = _plan(lignes, cote, qualite, par_fragment, graine)
    fiche = _lire_fiche(dossier)
    if fiche and fiche["plan"] != plan:
        ecarts = [nom for nom in plan if fiche["plan"].get(nom) != plan[nom]]
        raise DonneesInvalides(
            f"« {dossier.name} » contient le cache d'autres photos ou d'autres réglages "
            f"({', '.join(ecarts)}) : rien n'a été touché.\n"
            "  Remède  : donnez un autre dossier, ou supprimez celui-ci."
        )
    morceaux = [lignes[i : i + par_fragment] for i in range(0, len(lignes), par_fragment)]
    chemins = [dossier / _nom(i, len(morceaux)) for i in range(len(morceaux))]
    if fiche and "bilan" in fiche and all(chemin.is_file() for chemin in chemins):
        return {
            **fiche["bilan"],
            "repris": len(chemins),
        }  # un dossier partagé en lecture seule suffit
    if not fiche:
        _ecrire_json(dossier / FICHE, {"plan": plan})

    # La liste d'un fragment est écrite avant lui : tous deux présents, il est fait.
    a_faire = [not (c.is_file() and c.with_suffix(".json").is_file()) for c in chemins]
    restants = [(c, m) for c, m, faire in zip(chemins, morceaux, a_faire, strict=True) if faire]
    repris = len(chemins) - len(restants)
    faites = len(lignes) - sum(len(morceau) for _, morceau in restants)
    with tqdm(total=len(lignes), initial=faites, desc=f"cache {cote}×{cote}") as barre:
        ecrire = partial(_ecrire_fragment, cote=cote, qualite=qualite)
        if executer and restants:
            # Sur chaque ouvrier, un seul fil : il y a autant d'ouvriers que de cœurs.
            for _ in executer(partial(ecrire, fils=1), *map(list, zip(*restants, strict=True))):
                barre.update(par_fragment)
        else:
            for chemin, morceau in restants:
                ecrire(chemin, morceau, avancer=barre.update)
    illisibles = []
    for chemin in chemins:
        illisibles += json.loads(chemin.with_suffix(".json").read_text("utf-8"))["illisibles"]
    for reste in dossier.glob(".provisoire-*"):  # laissés par une interruption brutale
        reste.unlink(missing_ok=True)
    bilan = {
        "photos": len(lignes) - len(illisibles),
        "illisibles": illisibles,
        "octets": sum(chemin.stat().st_size for chemin in chemins),
        "fragments": [chemin.name for chemin in chemins],
    }
    _ecrire_json(dossier / FICHE, {"plan": plan, "bilan": bilan})
    return {**bilan, "repris": repris}


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
    Les photos illisibles sont sautées. Lève `DonneesInvalides` si le cache est absent, inachevé ou incomplet,
    `ValueError` s'il n'y a rien à lire, `KeyError` si un identifiant n'est pas de ce cache.
    """
    import tensorflow as tf

    dossier = Path(dossier)
    fiche = _lire_fiche(dossier)
    if not fiche or "bilan" not in fiche:
        raise DonneesInvalides(
            f"Le cache « {dossier.name} » est {'inachevé' if fiche else 'absent'}.\n"
            "  Remède  : appelez ecrire_cache ; elle reprend où elle s'est arrêtée."
        )
    fragments = [str(dossier / nom) for nom in fiche["bilan"]["fragments"]]
    absents = [Path(nom).name for nom in fragments if not Path(nom).is_file()]
    if absents:
        raise DonneesInvalides(
            f"Il manque {absents[0]} dans le cache « {dossier.name} » ({len(absents)} en tout).\n"
            "  Remède  : appelez ecrire_cache, qui refait ce qui manque."
        )
    etiquettes = {str(cle): int(valeur) for cle, valeur in etiquettes.items()}
    listes = [
        json.loads(Path(nom).with_suffix(".json").read_text(encoding="utf-8")) for nom in fragments
    ]
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
    cote = fiche["plan"]["cote"]
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant(list(etiquettes)), tf.constant(list(etiquettes.values()), tf.int32)
        ),
        default_value=-1,
    )
    champs = {nom: tf.io.FixedLenFeature([], tf.string) for nom in ("id", "photo")}

    def analyser(enregistrements):
        lus = tf.io.parse_example(enregistrements, champs)
        numeros = table.lookup(lus["id"])
        gardes = numeros >= 0
        return tf.boolean_mask(lus["photo"], gardes), tf.boolean_mask(numeros, gardes)

    def decoder(octets, numero):
        photo = tf.io.decode_jpeg(octets, 3, fancy_upscaling=False, dct_method="INTEGER_FAST")
        return tf.ensure_shape(photo, (cote, cote, 3)), numero

    suite = tf.data.Dataset.from_tensor_slices(fragments)
    if melanger:
        suite = suite.shuffle(len(fragments), graine, reshuffle_each_iteration=part is None)
    suite = suite.interleave(
        tf.data.TFRecordDataset, cycle_length=4 if melanger else 1, block_length=64
    )
    suite = suite.batch(256).map(analyser).unbatch()
    if en_memoire:
        suite = suite.map(decoder, num_parallel_calls=tf.data.AUTOTUNE).cache()
    if melanger:
        suite = suite.shuffle(8_000, graine, reshuffle_each_iteration=part is None)
    a_lire = len(presents)
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
