"""Charger et mesurer des modèles remis : ce fichier est aussi le programme du processus limité.

python -m correction.modeles TACHES.json RESULTATS.jsonl : une ligne de résultat par modèle, dans l'ordre.
"""

import io
import json
import math
import os
import shutil
import sys
import zipfile
from pathlib import Path

from correction import limites
from correction.fournis import empreinte_poids
from outils.modele import json_pour_keras_anterieur

JSON_MAX = 5_000_000
POIDS_MAX = 600_000_000
PARAMETRES_MAX = 60_000_000
LOT = 250  # images calculées à la fois ; le premier lot décide de l'échelle des entrées
CALCUL_MAX = 5_000_000  # multiplications par image : au-delà, on ne mesure que sur `IMAGES_COUTEUX`
IMAGES_COUTEUX = 2_000
# Couches admises : aucune n'exécute de code venu du fichier ni ne lit un autre fichier.
ADMISES = """
Sequential Functional Model InputLayer Input Conv1D Conv2D Conv3D SeparableConv2D DepthwiseConv2D
Conv2DTranspose MaxPooling1D MaxPooling2D AveragePooling2D GlobalAveragePooling2D
GlobalMaxPooling2D GlobalAveragePooling1D GlobalMaxPooling1D Flatten Dense Dropout
SpatialDropout2D AlphaDropout GaussianNoise GaussianDropout BatchNormalization LayerNormalization
GroupNormalization UnitNormalization Activation ReLU LeakyReLU PReLU ELU Softmax Rescaling
Normalization Resizing CenterCrop Reshape Permute RepeatVector ZeroPadding2D Cropping2D
UpSampling2D Add Subtract Multiply Average Maximum Concatenate LSTM GRU SimpleRNN Bidirectional
TimeDistributed Embedding ActivityRegularization RandomFlip RandomRotation RandomZoom
RandomTranslation RandomContrast RandomBrightness RandomCrop RandomHeight RandomWidth
RandomErasing MultiHeadAttention Attention DTypePolicy Policy __keras_tensor__ __tensor__
__tuple__ __numpy__ Flip L1 L2 L1L2 SeedGenerator Zeros Ones Constant GlorotUniform GlorotNormal
HeUniform HeNormal LecunNormal LecunUniform RandomNormal RandomUniform TruncatedNormal
VarianceScaling Orthogonal Identity MaxNorm NonNeg UnitNorm MinMaxNorm
"""
ADMISES = set(ADMISES.split())


class ModeleRefuse(ValueError):
    """Modèle absent, abîmé, dangereux ou d'une autre version ; le message dit ce qui est trouvé."""


def _verifier_config(config):
    """Refuse toute classe hors de la liste : une configuration peut nommer du code à exécuter."""
    pile, vus = [config], 0
    while pile:
        noeud = pile.pop()
        vus += 1
        if vus > 300_000:
            raise ModeleRefuse("architecture démesurée")
        if isinstance(noeud, dict):
            classe, module = noeud.get("class_name"), noeud.get("module")
            if isinstance(classe, str) and "config" in noeud:
                if classe not in ADMISES:
                    raise ModeleRefuse(
                        f"couche « {classe[:60]} » refusée : elle peut exécuter du code"
                    )
                if (
                    isinstance(module, str)
                    and not module.startswith(("keras.", "tensorflow.keras", "tf_keras"))
                    and module != "keras"
                ):
                    raise ModeleRefuse(
                        f"module « {module[:60]} » refusé : seules les couches de Keras sont chargées"
                    )
            pile += [v for k, v in noeud.items() if k not in ("compile_config", "build_config")]
        elif isinstance(noeud, list):
            pile += noeud


def _ancien_reseau(config):
    """Réseau décrit à l'ancienne : par Keras 2, ou par l'en-tête d'un .h5 entier."""
    # Le seul lecteur de cette forme ; il est privé, mais Keras s'en sert pour ses propres .h5.
    from keras.src.legacy.saving import saving_utils

    config = json.loads(json.dumps(config))
    contenu = config.get("config")
    if isinstance(contenu, list):  # les premiers Keras 2 : la liste des couches, sans rien autour
        contenu = config["config"] = {"name": "sequential", "layers": contenu}
    couches, forme = contenu["layers"], None
    for couche in couches:
        reglages = couche["config"]
        ancienne = reglages.pop("batch_input_shape", None)
        if couche["class_name"] == "InputLayer":
            if ancienne:
                reglages["batch_shape"] = ancienne
            forme = True
        elif ancienne and forme is None:
            forme = ancienne
    if isinstance(forme, list):
        couches.insert(
            0, {"class_name": "InputLayer", "config": {"batch_shape": forme, "name": "entree"}}
        )
    return saving_utils.model_from_config(config)


def _reseau(texte):
    """(réseau Keras, version de Keras) décrit par un JSON ; lève `ModeleRefuse`."""
    import keras

    if len(texte) > JSON_MAX:
        raise ModeleRefuse(f"architecture de {len(texte) / 1e6:.0f} Mo")
    try:
        config = json.loads(texte)
        if isinstance(config, str):  # json.dump(modele.to_json()) : du JSON dans du JSON
            config = json.loads(config)
    except (ValueError, RecursionError) as erreur:
        raise ModeleRefuse(f"l'architecture n'est pas du JSON ({str(erreur)[:80]})") from erreur
    if not isinstance(config, dict):
        raise ModeleRefuse("le JSON n'est pas l'architecture d'un réseau")
    _verifier_config(config)
    version = str(config.get("keras_version", ""))
    try:
        if version.startswith(("1.", "2.")) or "module" not in config:
            reseau = _ancien_reseau(config)
        else:
            texte = json.dumps({**config, "compile_config": None})
            reseau = keras.models.model_from_json(json_pour_keras_anterieur(texte))
        if reseau.count_params() > PARAMETRES_MAX:
            raise ModeleRefuse(f"{reseau.count_params()} paramètres : trop pour être mesuré ici")
    except ModeleRefuse:
        raise
    except Exception as erreur:  # Keras lève des types variés
        ecrit = f", écrite par Keras {version}," if version else ""
        raise ModeleRefuse(
            f"architecture{ecrit} que Keras {keras.__version__} refuse ({_court(erreur)}) ; "
            "sauvegardez de nouveau avec cette version"
        ) from erreur
    return reseau, version


def _court(erreur):
    lignes = str(erreur).strip().splitlines() or [type(erreur).__name__]
    return lignes[0][:160]


def _verifier_h5(fichier):
    """Refuse un HDF5 qui mène à d'autres fichiers ou annonce des tableaux démesurés."""
    import h5py

    with h5py.File(fichier, "r") as h5:
        total, pile, vus = 0, [h5], set()
        while pile:
            groupe = pile.pop()
            if groupe.id.__hash__() in vus or len(vus) > 20_000:
                continue
            vus.add(groupe.id.__hash__())
            for nom in groupe:
                if not isinstance(groupe.get(nom, getlink=True), h5py.HardLink):
                    raise ModeleRefuse(
                        f"lien « {str(nom)[:60]} » dans le fichier de poids : refusé"
                    )
                objet = groupe[nom]
                if isinstance(objet, h5py.Group):
                    pile.append(objet)
                elif isinstance(objet, h5py.Dataset):
                    if objet.external or objet.is_virtual:
                        raise ModeleRefuse(
                            "le fichier de poids renvoie à un autre fichier : refusé"
                        )
                    total += objet.size * max(objet.dtype.itemsize, 1)
                    if total > POIDS_MAX:
                        raise ModeleRefuse("le fichier de poids annonce plus de 600 Mo de tableaux")
        config = h5.attrs.get("model_config")
    return config.decode("utf-8", "replace") if isinstance(config, bytes) else config


def charger(tache):
    """Rend (réseau, version) pour une tâche {json, poids} ou {entier} ; lève `ModeleRefuse`."""
    chemin = Path(tache.get("entier") or tache["poids"])
    if chemin.stat().st_size > POIDS_MAX:
        raise ModeleRefuse(f"« {chemin.name} » pèse {chemin.stat().st_size / 1e6:.0f} Mo")
    with open(chemin, "rb") as fichier:
        debut = fichier.read(40)
    if debut.startswith(b"version https://git-lfs"):
        raise ModeleRefuse(f"« {chemin.name} » est un pointeur Git LFS, pas les poids")
    lire = _lire_keras if tache.get("entier") and zipfile.is_zipfile(chemin) else _lire_h5
    texte, copie = lire(chemin, tache)
    reseau, version = _reseau(texte)
    try:
        reseau.load_weights(copie)
    except Exception as erreur:  # h5py et Keras lèvent OSError, ValueError, KeyError…
        raise ModeleRefuse(
            f"les poids ne vont pas à cette architecture ({_court(erreur)})"
        ) from erreur
    return reseau, version


def _lire_keras(chemin, tache):
    """(texte JSON, copie des poids) d'un fichier .keras."""
    with zipfile.ZipFile(chemin) as archive:
        if sum(i.file_size for i in archive.infolist()) > POIDS_MAX:
            raise ModeleRefuse("archive .keras démesurée")
        try:
            texte = archive.read("config.json").decode("utf-8", "replace")
            poids = archive.read("model.weights.h5")
        except KeyError as erreur:
            raise ModeleRefuse(
                f"« {chemin.name} » n'est pas un modèle Keras ({erreur})"
            ) from erreur
    _verifier_h5(io.BytesIO(poids))
    copie = Path(tache["travail"]) / "modele.weights.h5"
    copie.write_bytes(poids)
    return texte, copie


def _lire_h5(chemin, tache):
    """(texte JSON, copie des poids) d'un .h5, entier ou accompagné de son JSON."""
    if chemin.read_bytes()[:8] != b"\x89HDF\r\n\x1a\n":
        raise ModeleRefuse(f"« {chemin.name} » n'est pas un fichier HDF5")
    try:
        texte = _verifier_h5(chemin)
    except ModeleRefuse:
        raise
    except (OSError, RuntimeError, KeyError, ValueError) as erreur:
        raise ModeleRefuse(f"« {chemin.name} » est abîmé ({_court(erreur)})") from erreur
    if not tache.get("entier"):
        octets = Path(tache["json"]).read_bytes()[: JSON_MAX + 1]
        texte = octets.decode("utf-8-sig", "replace")
    elif not isinstance(texte, str):
        raise ModeleRefuse(f"« {chemin.name} » contient des poids sans architecture (JSON absent)")
    return texte, _copie_nommee(chemin, tache)


def _copie_nommee(chemin, tache):
    """Copie des poids sous l'extension que Keras exige selon leur forme (Keras 2 ou 3)."""
    import h5py

    with h5py.File(chemin, "r") as h5:
        ancien = "layer_names" in h5.attrs or "model_weights" in h5
    copie = Path(tache["travail"]) / ("modele.h5" if ancien else "modele.weights.h5")
    shutil.copyfile(chemin, copie)
    return copie


def _forme(images, entree):
    """Images (n, 28, 28) uint8 mises à la forme d'entrée d'un réseau, ou None si elle ne s'y prête pas."""
    dims = tuple(entree[1:])
    if any(d == 3 for d in dims[-1:]) and len(dims) == 3:
        return None
    if None in dims:
        dims = (28, 28, 1) if len(dims) == 3 else dims
    return images.reshape(-1, *dims) if None not in dims and math.prod(dims) == 784 else None


def multiplications(reseau):
    """Multiplications que demande une image, à peu près : celles des noyaux de convolution et des couches denses."""
    total = 0
    for couche in reseau.layers:
        if hasattr(couche, "layers"):  # un réseau dans le réseau
            total += multiplications(couche)
        elif (noyau := getattr(couche, "kernel", None)) is not None:
            total += math.prod(couche.output.shape[1:-1]) * math.prod(noyau.shape)
    return total


def mesurer(reseau, X_test, y_test):
    """Précision sur le test, entrées 0–1 ou 0–255 : la meilleure des deux, et sa marge d'échantillonnage.

    Toutes les images, ou les `IMAGES_COUTEUX` premières pour un réseau coûteux ; `marge` vaut alors deux écarts-types.
    """
    import numpy as np
    import tensorflow as tf

    images = _forme(X_test, reseau.input_shape)
    if images is None:
        return {
            "mesure": None,
            "probleme": f"entrée {tuple(reseau.input_shape[1:])} : pas une image 28×28 en gris",
        }
    if reseau.output_shape[-1] != 10:
        return {"mesure": None, "probleme": f"{reseau.output_shape[-1]} sorties au lieu de 10"}
    repondre = tf.function(lambda x: reseau(x, training=False), autograph=False)

    def justes(diviseur, debut, fin):
        x = tf.constant(images[debut:fin].astype("float32") / diviseur)
        reponses = repondre(x).numpy().reshape(-1, 10).argmax(axis=1)
        return int(np.sum(reponses == y_test[debut:fin]))

    n = len(images) if multiplications(reseau) <= CALCUL_MAX else min(IMAGES_COUTEUX, len(images))
    lot = min(LOT, n)
    essais = {d: justes(d, 0, lot) for d in (255, 1)}
    meilleur = max(essais, key=essais.get)
    suite = sum(justes(meilleur, i, min(i + LOT, n)) for i in range(lot, n, LOT))
    mesure = (essais[meilleur] + suite) / n
    return {
        "mesure": mesure,
        "marge": 2 * math.sqrt(mesure * (1 - mesure) / n * (1 - n / len(images))),
        "echelle": "0–1" if meilleur == 255 else "0–255",
        "autre": essais[1 if meilleur == 255 else 255] / lot,
        "images": n,
    }


def examiner(tache, X_test, y_test):
    """Résultat (dict) pour un modèle : chargé ou non et pourquoi, formes, couches, empreinte, précision."""
    resultat = {"cle": tache["cle"], "charge": False}
    try:
        reseau, version = charger(tache)
    except ModeleRefuse as erreur:
        return {**resultat, "probleme": str(erreur)}
    except (
        OSError,
        MemoryError,
        zipfile.BadZipFile,
        RuntimeError,
        KeyError,
        TypeError,
        ValueError,
    ) as erreur:
        return {
            **resultat,
            "probleme": f"modèle illisible ({type(erreur).__name__} : {_court(erreur)})",
        }
    resultat.update(
        charge=True,
        keras=version,
        entree=[d for d in reseau.input_shape[1:]] if isinstance(reseau.input_shape, tuple) else [],
        sortie=reseau.output_shape[-1] if isinstance(reseau.output_shape, tuple) else None,
        parametres=int(reseau.count_params()),
        couches=[c.__class__.__name__ for c in reseau.layers],
        empreinte=empreinte_poids(reseau.get_weights()),
    )
    try:
        resultat.update(mesurer(reseau, X_test, y_test))
    except Exception as erreur:  # un réseau exotique peut échouer de mille façons au calcul
        resultat.update(mesure=None, probleme=f"le réseau ne calcule pas ({_court(erreur)})")
    return resultat


def principal(fichier_taches, fichier_resultats, fichier_images):
    limites.se_limiter(memoire=10 * limites.GO, fichier=POIDS_MAX + 1)
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
    import numpy as np

    with np.load(fichier_images, allow_pickle=False) as f:
        X_test, y_test = f["X_test"], f["y_test"]
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    import keras

    taches = json.loads(Path(fichier_taches).read_text(encoding="utf-8"))
    with open(fichier_resultats, "a", encoding="utf-8") as sortie:
        for tache in taches:
            keras.backend.clear_session()
            sortie.write(json.dumps(examiner(tache, X_test, y_test)) + "\n")
            sortie.flush()


if __name__ == "__main__":
    principal(*sys.argv[1:4])
