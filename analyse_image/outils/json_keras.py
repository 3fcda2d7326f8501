"""L'architecture d'un réseau en JSON, lisible d'une version de Keras à l'autre. Sans TensorFlow."""

import json
import zipfile

# Réglages écrits par Keras 3.15, que 3.13 (Colab) refuse même à leur valeur par défaut.
AJOUTS_DE_KERAS = {"input_axes": None, "output_axes": None}  # initialiseurs
AJOUTS_RECENTS = (*AJOUTS_DE_KERAS, "renorm")
AJOUTS_DE_KERAS |= {"renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99}
AJOUTS_DE_KERAS |= {"sliding_window": None, "use_gate": False, "salt": None}
AJOUTS_DE_KERAS |= {"oov_method": "floormod", "native_serialization_platforms": None}


def _sans_ajouts(config):
    ajouts = AJOUTS_DE_KERAS.items()
    return {cle: valeur for cle, valeur in config.items() if (cle, valeur) not in ajouts}


def json_pour_keras_anterieur(texte):
    """JSON d'un réseau → le même, lisible aussi par un Keras plus ancien (dès 3.13) ; sans TensorFlow.

    Les réglages récents restés à leur valeur par défaut sont ôtés ; les autres, jamais. Lève `ValueError`.
    """
    config = json.loads(texte.removeprefix("\ufeff"), object_hook=_sans_ajouts)
    return json.dumps(config, indent=1, ensure_ascii=False)


def lire_json(fichier):
    """Architecture (dict) que porte un fichier `.json`, et version de Keras (ou « ? »). Lève `ValueError`."""
    texte = fichier.read_text(encoding="utf-8-sig")
    config = json.loads(json_pour_keras_anterieur(texte))
    if not isinstance(config, dict):
        raise ValueError("autre chose")
    # `to_json` ne dit pas la version ; ces réglages datent.
    recent = any(f'"{cle}"' in texte for cle in AJOUTS_RECENTS)
    return config, str(config.get("keras_version", "3.15 ou plus récent" if recent else "?"))


def alleger_fichier(fichier):
    """Rend lisible par un Keras plus ancien un modèle en un seul fichier, `.keras` ou `.h5`."""
    if fichier.suffix == ".h5":
        import h5py

        with h5py.File(fichier, "r+") as h5:
            h5.attrs["model_config"] = json_pour_keras_anterieur(h5.attrs["model_config"])
        return
    with zipfile.ZipFile(fichier) as archive:
        contenus = {nom: archive.read(nom) for nom in archive.namelist()}
    contenus["config.json"] = json_pour_keras_anterieur(contenus["config.json"].decode())
    with zipfile.ZipFile(fichier, "w") as archive:
        for nom, octets in contenus.items():
            archive.writestr(nom, octets)
