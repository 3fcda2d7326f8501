"""Un cache de photos prêtes à lire : réduites une fois pour toutes, rangées dans quelques gros fichiers.

Décoder une photo de deux millions de pixels pour n'en garder que 180×180, à chaque époque, c'est là que
passe le temps. `ecrire_cache` le fait une fois : un dossier de fragments TFRecord (le format de TensorFlow),
chaque photo en JPEG de `cote`×`cote` avec son identifiant, et à côté de chacun la liste de ses photos. Les
classes n'y sont pas : le manifeste décide, à la lecture, ce qui est lu et sous quelle étiquette.
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

FICHE = "cache.json"  # le plan : ce que le cache contient, ou contiendra
QUALITE = 80  # des JPEG
GRAINE = 13  # du mélange


def _ecrire_json(chemin, contenu):
    with ecriture_atomique(chemin) as provisoire:
        texte = json.dumps(contenu, ensure_ascii=False, indent=1) + "\n"
        provisoire.write_text(texte, encoding="utf-8")


def _lire_liste(fragment):
    """Les photos d'un fragment : `photos` (leurs identifiants) et `illisibles` ([id, raison])."""
    return json.loads(fragment.with_suffix(".json").read_text(encoding="utf-8"))


def _lire_plan(dossier):
    """Ce que le cache doit contenir (dict), ou None s'il n'y en a pas. Lève `DonneesInvalides`."""
    fiche = dossier / FICHE
    if not fiche.is_file():
        return None
    try:
        return json.loads(fiche.read_text(encoding="utf-8"))["plan"]
    except (ValueError, LookupError, TypeError) as erreur:
        refuser_fichier(
            fiche,
            f"une fiche illisible ({type(erreur).__name__})",
            "celle qu'ecrire_cache a écrite",
            "supprimez ce dossier ; le cache se refait à partir des photos.",
        )


def _fragments(dossier, plan):
    """Les chemins des fragments du cache de ce plan, présents ou non."""
    n = -(-plan["photos"] // plan["par_fragment"])
    return [dossier / f"photos-{i:05d}-sur-{n:05d}.tfrecord" for i in range(n)]


# --- Écrire ---------------------------------------------------------------------------------------


def _en_jpeg(chemin, cote):
    """Rend (octets du JPEG, None) ou (None, raison)."""
    try:
        pixels = couleurs_carrees(chemin, cote, cote_utile=cote)
    except PhotoIllisible as erreur:
        return None, erreur.trouve
    tampon = io.BytesIO()
    Image.fromarray(pixels).save(tampon, "JPEG", quality=QUALITE)
    return tampon.getvalue(), None


def _exemple(identifiant, octets):
    """Un enregistrement : toujours les mêmes octets pour la même photo."""
    import tensorflow as tf

    champs = {
        nom: tf.train.Feature(bytes_list=tf.train.BytesList(value=[valeur]))
        for nom, valeur in (("id", identifiant.encode()), ("photo", octets))
    }
    exemple = tf.train.Example(features=tf.train.Features(feature=champs))
    return exemple.SerializeToString(deterministic=True)


def _ecrire_fragment(fragment, lignes, cote, fils):
    """Écrit un fragment : les photos de ces (id, chemin), décodées par `fils` fils.

    Sa liste est écrite avant qu'il ne prenne son nom : un fragment présent est fait.
    """
    import tensorflow as tf

    liste = {"photos": [], "illisibles": []}
    with ThreadPoolExecutor(fils) as decodeurs, ecriture_atomique(fragment) as provisoire:
        with tf.io.TFRecordWriter(str(provisoire)) as sortie:
            photos = decodeurs.map(lambda ligne: _en_jpeg(ligne[1], cote), lignes)
            for (identifiant, _), (octets, raison) in zip(lignes, photos, strict=True):
                if raison:
                    liste["illisibles"].append([identifiant, raison])
                else:
                    sortie.write(_exemple(identifiant, octets))
                    liste["photos"].append(identifiant)
        _ecrire_json(fragment.with_suffix(".json"), liste)


def _lignes_melangees(manifeste):
    """Les (id, chemin) du manifeste, dans l'ordre du cache ; lève `ValueError` si un id est en double."""
    lignes = manifeste[["id", "path"]].astype(str).sort_values("id")
    doubles = lignes.loc[lignes["id"].duplicated(), "id"]
    if len(doubles):
        raise ValueError(
            f"Deux photos ont l'identifiant « {doubles.iloc[0]} » : il en faut un par photo."
        )
    melangees = lignes.iloc[np.random.default_rng(GRAINE).permutation(len(lignes))]
    return list(melangees.itertuples(index=False, name=None))


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
    """Écrit dans `dossier` le cache des photos du manifeste (colonnes `id`, uniques, et `path`) ; rend son bilan.

    Bilan (dict) : `photos` écrites, `illisibles` (liste de [id, raison], sautées), `octets`, `fragments`,
    `repris` (fragments trouvés déjà faits). Le résultat ne dépend ni de l'ordre du manifeste ni des
    interruptions : même tuée, l'écriture reprend au premier fragment manquant. Si un autre noyau écrit ce
    cache, on l'attend ; un cache complet n'est pas touché (un dossier en lecture seule suffit).
    `executer(fonction, *listes)`, de la forme de `map`, confie les fragments à plusieurs ouvriers (labo 8).
    Lève `ValueError` si un `id` est en double, `DonneesInvalides` si `dossier` contient un autre cache.
    """
    dossier, lignes = Path(dossier), _lignes_melangees(manifeste)
    liste = "\n".join(f"{identifiant}\t{Path(chemin).name}" for identifiant, chemin in lignes)
    plan = {"version": 1, "cote": cote, "qualite": QUALITE, "par_fragment": par_fragment}
    plan |= {"graine": GRAINE, "photos": len(lignes)}
    plan["empreinte"] = hashlib.sha256(liste.encode()).hexdigest()
    fragments, restants = _fragments(dossier, plan), []
    if _lire_plan(dossier) != plan or not all(f.is_file() for f in fragments):
        with verrou(dossier):
            _poser_plan(dossier, plan)
            restants = [rang for rang, f in enumerate(fragments) if not f.is_file()]
            # Chez plusieurs ouvriers, un seul fil : il y a autant d'ouvriers que de cœurs.
            ecrire = partial(_ecrire_fragment, cote=cote, fils=1 if executer else os.cpu_count())
            morceaux = [lignes[r * par_fragment : (r + 1) * par_fragment] for r in restants]
            faits = (executer or map)(ecrire, [fragments[r] for r in restants], morceaux)
            list(tqdm(faits, f"cache {cote}×{cote}", len(restants), unit="fragment"))
            for reste in dossier.glob(".provisoire-*"):  # laissés par une interruption brutale
                reste.unlink(missing_ok=True)
    illisibles = sum((_lire_liste(f)["illisibles"] for f in fragments), [])
    return {
        "photos": len(lignes) - len(illisibles),
        "illisibles": illisibles,
        "octets": sum(f.stat().st_size for f in fragments),
        "fragments": [f.name for f in fragments],
        "repris": len(fragments) - len(restants),
    }


# --- Lire -----------------------------------------------------------------------------------------


def _ouvrir(dossier, etiquettes):
    """Rend (fragments, nombre de photos à lire, côté) ; lève ce que dit `lire_cache`."""
    dossier = Path(dossier)
    plan = _lire_plan(dossier)
    fragments = _fragments(dossier, plan) if plan else []
    manque = [f.name for f in fragments if not f.is_file()] if plan else [FICHE]
    if manque:
        raise DonneesInvalides(
            f"Le cache « {nom_court(dossier)} » est {'inachevé' if plan else 'absent'}.",
            f"Il manque {manque[0]} ({len(manque)} fichier(s) en tout)",
            "un cache écrit en entier",
            "appelez ecrire_cache ; elle reprend où elle s'est arrêtée.",
        )
    listes = [_lire_liste(fragment) for fragment in fragments]
    presents = etiquettes.keys() & {cle for liste in listes for cle in liste["photos"]}
    sautes = {cle for liste in listes for cle, _ in liste["illisibles"]}
    if inconnus := sorted(etiquettes.keys() - presents - sautes):
        raise KeyError(
            f"{len(inconnus)} photo(s) absente(s) du cache « {dossier.name} », dont {inconnus[0]} : "
            "il a été écrit pour un autre manifeste."
        )
    if not presents:
        raise ValueError("Aucune photo à lire : donnez un dict {identifiant: numéro de classe}.")
    return [str(fragment) for fragment in fragments], len(presents), plan["cote"]


def _enregistrements(fragments, etiquettes, melanger, **ordre):
    """Jeu tf.data de (JPEG, étiquette) des photos voulues ; `melanger` : les fragments, selon `ordre`."""
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
        suite = suite.shuffle(len(fragments), **ordre)
    ensemble = 4 if melanger else 1  # fragments lus en même temps
    suite = suite.interleave(tf.data.TFRecordDataset, ensemble, block_length=64)
    return suite.batch(256).map(analyser).unbatch()


def lire_cache(
    dossier, etiquettes, melanger=False, graine=13, lot=None, en_memoire=False, part=None
):
    """Jeu tf.data des photos du cache dont l'identifiant est dans `etiquettes` (dict {id: numéro de classe}).

    Donne (photo uint8 (cote, cote, 3) dans 0–255, étiquette int32), ou des lots de `lot` photos, dans l'ordre
    du cache ou, avec `melanger`, dans un ordre qui change à chaque époque. Avec `en_memoire`, les photos
    décodées à la première époque restent en mémoire : `cote`² × 3 octets chacune, 97 Ko à 180×180.
    `part=(rang, n)`, pour l'un des n ouvriers du labo 8 : ne décode que sa part de chaque lot entier, et
    l'ordre ne dépend que de la graine.
    Les photos illisibles sont sautées. Lève `DonneesInvalides` si le cache est absent ou inachevé,
    `ValueError` s'il n'y a rien à lire, `KeyError` si un identifiant n'est pas de ce cache.
    """
    import tensorflow as tf

    etiquettes = {str(cle): int(valeur) for cle, valeur in etiquettes.items()}
    fragments, a_lire, cote = _ouvrir(dossier, etiquettes)
    ordre = {"seed": graine, "reshuffle_each_iteration": part is None}
    suite = _enregistrements(fragments, etiquettes, melanger, **ordre)

    def decoder(octets, numero):
        photo = tf.io.decode_jpeg(octets, 3, fancy_upscaling=False, dct_method="INTEGER_FAST")
        return tf.ensure_shape(photo, (cote, cote, 3)), numero

    if en_memoire:
        suite = suite.map(decoder, num_parallel_calls=tf.data.AUTOTUNE).cache()
    if melanger:  # des photos encore compressées : quelques dizaines de mégaoctets
        suite = suite.shuffle(8_000, **ordre)
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
    identifiants = [str(identifiant) for identifiant in identifiants]
    rangs = {identifiant: rang for rang, identifiant in enumerate(identifiants)}
    lues = {rang: photo for photo, rang in lire_cache(dossier, rangs).as_numpy_iterator()}
    if absents := [identifiant for identifiant, rang in rangs.items() if rang not in lues]:
        raise KeyError(
            f"{len(absents)} photo(s) illisible(s), dont {absents[0]} : sautée(s) par le cache."
        )
    return np.stack([lues[rangs[identifiant]] for identifiant in identifiants])
