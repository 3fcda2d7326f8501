"""Le réseau du labo 3 sur un cache du labo 5, entraîné par un ouvrier ou par plusieurs : le même programme.

    python -m echelle.entrainer --cache CACHE --manifeste photos.csv --sortie SORTIE      un seul ouvrier
    … --ouvriers 2 --coordinateur 127.0.0.1:4321 --rang 0                                 l'un des deux

Chaque ouvrier lance cette commande ; seul son rang change, et s'il n'est pas donné, il est lu là où Slurm
et Kubernetes l'écrivent. `--coordinateur auto` : sur une tranche de TPU, JAX trouve tout seul. Les cartes
(GPU, TPU) d'une machine sont toutes utilisées par un même ouvrier.

Un lot est toujours de `--lot` photos en tout, dans le même ordre, quel que soit le nombre d'ouvriers : chacun
en prend une part. Après chaque époque, l'ouvrier 0 écrit dans SORTIE, que tous doivent voir, un point de
reprise (poids et optimiseur) ; relancé, le programme continue de là. SORTIE reçoit à la fin
`modele.weights.h5` et `bilan.json`.
"""

import argparse
import csv
import json
import os
import random
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np

from outils import cache
from outils.fichiers import Refus, ecriture_atomique, nom_court

REPRISE, POIDS, BILAN = "reprise.npz", "modele.weights.h5", "bilan.json"
PERTES = "pertes"  # celles de toutes les époques, dans le point de reprise
RANGS = ("SLURM_PROCID", "JOB_COMPLETION_INDEX")  # écrits par Slurm et par Kubernetes


# --- Le réseau, les photos : rien ici ne sait combien il y a d'ouvriers ---------------------------


def creer_reseau(cote, classes, filtres=(32, 64), neurones=(480, 128), abandon=0.5):
    """Le réseau du labo 3, non compilé ; entrée (n, cote, cote, 3) en couleurs, dans 0–1."""
    import keras
    from keras import layers

    couches = [keras.Input((cote, cote, 3))]
    for n in filtres:
        couches += [
            layers.Conv2D(n, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
        ]
    couches.append(layers.Flatten())
    for n in neurones:
        couches += [layers.Dense(n, activation="relu"), layers.Dropout(abandon)]
    return keras.Sequential([*couches, layers.Dense(classes, activation="softmax")])


def lire_etiquettes(manifeste, jeu="train"):
    """Rend (classes triées, {id: numéro de classe}) du manifeste CSV (colonnes id, classe, jeu)."""
    with open(manifeste, encoding="utf-8", newline="") as fichier:
        lignes = list(csv.DictReader(fichier))
    classes = sorted({ligne["classe"] for ligne in lignes})
    retenues = [ligne for ligne in lignes if ligne["jeu"] == jeu]
    return classes, {ligne["id"]: classes.index(ligne["classe"]) for ligne in retenues}


def ma_part(lot, ouvriers, rang):
    """La tranche d'un lot (slice) que lit cet ouvrier ; lève `Refus` si les parts ne sont pas égales."""
    if lot % ouvriers:
        raise Refus(
            "Le lot ne se partage pas en parts égales.",
            f"{lot} photos pour {ouvriers} ouvriers",
            "un multiple de ce nombre",
            "changez --lot",
        )
    taille = lot // ouvriers
    return slice(rang * taille, (rang + 1) * taille)


def augmenter(photos, tirages):
    """Photos uint8 (n, c, c, 3) sur fond clair, décalées de deux pixels au plus, une sur deux en miroir.

    `tirages` : entiers (n, 3), décalages de 0 à 4 en hauteur et en largeur, miroir (0 ou 1).
    """
    cote = photos.shape[1]
    grandes = np.pad(photos, ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=255)
    vues = [
        grande[y : y + cote, x : x + cote][:, :: -1 if miroir else 1]
        for grande, (y, x, miroir) in zip(grandes, tirages, strict=True)
    ]
    return np.stack(vues)


def normaliser(photos):
    """Photos uint8 sur fond clair -> float32 dans 0–1, sur fond noir, comme au labo 3."""
    return 1 - photos.astype("float32") / 255


def lots(choix, etiquettes, rang, depuis=0):
    """Donne, lot après lot, la part (photos float32 (n, c, c, 3), numéros (n,)) d'un ouvrier.

    Ordre et tirages, faits pour le lot entier, ne dépendent que de la graine et de l'époque : mêmes pour tous,
    et mêmes si l'on reprend à l'époque `depuis`. La fin d'une époque qui ne fait pas un lot entier est laissée.
    """
    jeu = cache.trouver(choix.cache, etiquettes)
    part, photos = ma_part(choix.lot, choix.ouvriers, rang), len(jeu.lignes)
    for epoque in range(depuis, choix.epoques):
        hasard = np.random.default_rng((choix.graine, epoque))
        ordre = hasard.permutation(photos)
        for debut in range(0, photos - choix.lot + 1, choix.lot):
            tirages = hasard.integers(0, (5, 5, 2), (choix.lot, 3))
            miennes, numeros = jeu.lire(ordre[debut : debut + choix.lot][part])
            yield normaliser(augmenter(miennes, tirages[part])), numeros


# --- L'entraînement -------------------------------------------------------------------------------


def rejoindre(choix):
    """Rejoint les autres ouvriers, s'il y en a, et dit à Keras de partager chaque lot ; rend son rang."""
    import jax
    import keras

    # Un ouvrier muet plus longtemps (arrêté, gelé, réseau coupé) : les autres s'arrêtent, avec une erreur.
    muet = {"heartbeat_timeout_seconds": choix.silence}
    if choix.coordinateur == "auto":
        jax.distributed.initialize(**muet)
    elif choix.ouvriers > 1:
        jax.distributed.initialize(choix.coordinateur, choix.ouvriers, choix.rang, **muet)
    choix.ouvriers = jax.process_count()
    ma_part(choix.lot, jax.device_count(), 0)  # chaque carte a la sienne
    if jax.device_count() > 1:
        # Chaque ouvrier ne lit déjà que sa part : voir `lots`.
        cartes = keras.distribution.list_devices()
        partage = keras.distribution.DataParallel(devices=cartes, auto_shard_dataset=False)
        keras.distribution.set_distribution(partage)
    return jax.process_index()


def compiler(reseau, choix, pas):
    """Adam ; le taux monte pendant `--montee` pas, puis descend en cosinus sur toute la durée."""
    import keras

    taux = keras.optimizers.schedules.CosineDecay(
        choix.taux / 10,
        max(1, choix.epoques * pas - choix.montee),
        warmup_target=choix.taux,
        warmup_steps=choix.montee,
    )
    # Adam divise chaque gradient par sa taille : avec son epsilon habituel (1e-7), un écart d'arrondi sur un
    # gradient presque nul deviendrait un vrai pas, et deux calculs égaux à l'arrondi près s'écarteraient.
    reseau.compile(
        keras.optimizers.Adam(taux, epsilon=1e-3),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    # L'état de l'optimiseur existe dès maintenant : un point de reprise peut y être lu.
    reseau.optimizer.build(reseau.trainable_variables)


def etat(reseau):
    """Tout ce qu'il faut pour continuer (dict nom: tableau) : poids, optimiseur, tirages du dropout."""
    variables = reseau.variables + reseau.optimizer.variables
    return {f"{i:03d} {v.path}": np.asarray(v.value) for i, v in enumerate(variables)}


def reprendre(reseau, chemin):
    """Remet le réseau et son optimiseur dans l'état du point de reprise, s'il existe ; rend les pertes déjà connues."""
    if not chemin.is_file():
        return []
    remede = "donnez une autre --sortie, ou effacez ce fichier pour repartir de zéro"
    variables = reseau.variables + reseau.optimizer.variables
    attendu = f"{len(variables)} tableaux, de la taille de ses variables"
    try:
        with np.load(chemin, allow_pickle=False) as lu:
            valeurs = dict(lu)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as erreur:
        sujet = f"« {nom_court(chemin)} » est tronqué ou abîmé."
        raise Refus(sujet, str(erreur), attendu, remede) from None
    pertes = valeurs.pop(PERTES, [])  # absentes d'un point de reprise d'avant
    formes = [valeur.shape for valeur in valeurs.values()]
    if formes != [tuple(v.shape) for v in variables]:
        sujet = f"« {nom_court(chemin)} » n'est pas le point de reprise de ce réseau."
        raise Refus(sujet, f"{len(formes)} tableaux, d'autres tailles", attendu, remede)
    for variable, valeur in zip(variables, valeurs.values(), strict=True):
        variable.assign(valeur)
    return [float(perte) for perte in pertes]


def suivre(reseau, pertes, reprise):
    """Callback qui note, à chaque époque, l'erreur dans `pertes`, et ses `durees` et son `cpu`, en secondes.

    `reprise` : le point de reprise qu'il écrit, ou None (un autre ouvrier le fait).
    """
    import keras

    class Suivi(keras.callbacks.Callback):
        durees, cpu = [], []  # une seule instance : celle qui est rendue

        def on_epoch_begin(self, epoque, logs=None):
            self.depart, self.depart_cpu = time.perf_counter(), time.process_time()

        def on_epoch_end(self, epoque, logs=None):
            self.durees.append(time.perf_counter() - self.depart)
            self.cpu.append(time.process_time() - self.depart_cpu)
            pertes.append(logs["loss"])
            if reprise:
                with ecriture_atomique(reprise) as provisoire:
                    np.savez(provisoire, **etat(reseau), **{PERTES: pertes})
                epoques = self.params["epochs"]
                print(f"époque {epoque + 1}/{epoques} · erreur {logs['loss']:.4f}", flush=True)

    return Suivi()


def ecrire_resultat(reseau, bilan, sortie):
    """Écrit dans `sortie` les poids du réseau et le bilan (dict)."""
    with ecriture_atomique(sortie / POIDS) as provisoire:
        reseau.save_weights(provisoire, overwrite=True)
    with ecriture_atomique(sortie / BILAN) as provisoire:
        provisoire.write_text(json.dumps(bilan, indent=1) + "\n", encoding="utf-8")


def entrainer(choix):
    """Entraîne, ou continue depuis le point de reprise ; l'ouvrier 0 écrit le résultat."""
    debut = time.perf_counter()
    import keras

    # Ce qu'un vieux keras.json aurait choisi d'autre.
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    rang = rejoindre(choix)
    random.seed(choix.graine)  # Keras y tire ses graines ; `set_random_seed` importerait TensorFlow
    classes, etiquettes = lire_etiquettes(choix.manifeste)
    jeu = cache.trouver(choix.cache, etiquettes)
    cote, pas = jeu.fragments[0].shape[1], len(jeu.lignes) // choix.lot
    if not pas:
        raise Refus(
            "Pas un seul lot à apprendre.",
            f"{len(jeu.lignes)} photos d'apprentissage",
            f"au moins {choix.lot}, la taille d'un lot",
            "réduisez --lot",
        )
    reseau = creer_reseau(cote, len(classes))
    compiler(reseau, choix, pas)
    sortie = Path(choix.sortie)
    sortie.mkdir(parents=True, exist_ok=True)
    pertes = reprendre(reseau, sortie / REPRISE)
    faites = int(reseau.optimizer.iterations) // pas

    suivi = suivre(reseau, pertes, sortie / REPRISE if rang == 0 else None)
    if faites < choix.epoques:
        reseau.fit(
            lots(choix, etiquettes, rang, faites),
            initial_epoch=faites,
            epochs=choix.epoques,
            steps_per_epoch=pas,
            callbacks=[suivi],
            shuffle=False,
            verbose=0,
        )
    import jax

    bilan = {
        "ouvriers": choix.ouvriers,
        "processeurs": jax.device_count(),
        "reprise_apres": faites,
        "pas": pas,
        "lot": choix.lot,
        "parametres": reseau.count_params(),
        "pertes": pertes,  # de toutes les époques ; les durées, de celles d'après la reprise
        "secondes_par_epoque": suivi.durees,
        "secondes_cpu_par_epoque": suivi.cpu,  # de cet ouvrier, tous ses fils ensemble
        "secondes": time.perf_counter() - debut,
    }
    poids = reseau.get_weights()
    keras.distribution.set_distribution(None)
    if rang == 0:
        seul = creer_reseau(cote, len(classes))  # sans l'optimiseur : trois fois plus léger
        seul.set_weights(poids)
        ecrire_resultat(seul, bilan, sortie)


def analyseur():
    """Les options du programme : les mêmes ici, sous Slurm et sous Kubernetes."""
    analyse = argparse.ArgumentParser("python -m echelle.entrainer")
    analyse.add_argument("--cache", required=True, help="dossier écrit par ecrire_cache")
    analyse.add_argument("--manifeste", required=True, help="CSV : id, classe, jeu")
    analyse.add_argument("--sortie", required=True, help="dossier que tous les ouvriers voient")
    analyse.add_argument("--epoques", type=int, default=4)
    analyse.add_argument("--lot", type=int, default=64, help="photos par pas, tous ouvriers réunis")
    analyse.add_argument("--taux", type=float, default=3e-4, help="au plus haut")
    analyse.add_argument("--montee", type=int, default=20, help="pas de montée du taux")
    analyse.add_argument("--graine", type=int, default=13)
    analyse.add_argument(
        "--silence",
        type=int,
        default=100,
        help="secondes sans nouvelles d'un ouvrier avant l'arrêt",
    )
    analyse.add_argument("--ouvriers", type=int, default=1)
    analyse.add_argument("--coordinateur", help="hôte:port de l'ouvrier 0, ou auto (TPU)")
    rang = next((os.environ[nom] for nom in RANGS if nom in os.environ), "0")
    analyse.add_argument("--rang", type=int, default=int(rang))
    return analyse


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "jax"
    try:
        entrainer(analyseur().parse_args())
    except Refus as refus:
        raise SystemExit(str(refus)) from None
