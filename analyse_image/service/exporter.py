"""Du réseau Keras au fichier LiteRT que sert `service/api.py`, qui n'a besoin ni de Keras ni de ce module."""

import datetime
import hashlib
import io
import json
import re
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

from outils.demarrage import sans_bavardage
from outils.fichiers import ecriture_atomique
from outils.modele import (
    ENTREE_COULEUR,
    ENTREE_GRISE,
    ModeleInvalide,
    ecrire_fiche,
    fichiers_du_modele,
    lire_fiche,
    modele_present,
)
from service.reseau import ReseauExporte

ECART_MAX = 1e-5  # entre le réseau exporté et le réseau Keras, sur chaque probabilité


def exporter_modele(modele, dossier, classes=None, entree=None, nom="modele", ecart_max=ECART_MAX):
    """Écrit `nom.tflite` dans `dossier` et complète `nom.fiche.json` : ce que sert `service/api.py`.

    `modele` : un réseau Keras à une entrée (n, h, l, canaux), d'où qu'il vienne (JSON + H5, `.keras`, `.h5`).
    `classes`, `entree` : par défaut, ceux de la fiche du dossier. Un réseau qui rend des logits reçoit un
    softmax ; un réseau en précision mixte est exporté en float32, et c'est dit. Rend la fiche. Lève
    `ModeleInvalide` si l'export s'écarte de Keras de `ecart_max` ou plus, ou si les classes ne sont pas
    autant que les sorties.
    """
    import keras

    dossier = Path(dossier)
    fiche = lire_fiche(dossier, nom) if modele_present(dossier, nom) else {}
    forme = list(modele.input_shape[1:])
    entree = entree or fiche.get("entree") or (ENTREE_GRISE if forme[-1] == 1 else ENTREE_COULEUR)
    entree = {**entree, "forme": forme, "maximum": entree.get("maximum", 1)}
    essais = np.random.default_rng(13).random((32, *forme), dtype="float32") * entree["maximum"]
    modele = _en_probabilites(_en_float32(modele), essais)
    une = keras.InputSpec(shape=(1, *forme), dtype="float32")  # un navigateur veut un lot fixe
    with ecriture_atomique(dossier / f"{nom}.tflite") as provisoire:
        # Keras 3.13 dit tout ce qu'il exporte.
        with sans_bavardage(), redirect_stdout(io.StringIO()):
            modele.export(str(provisoire), format="litert", verbose=False, input_signature=[une])
            octets = provisoire.read_bytes()
            litert = {"nom": dossier.resolve().name, "date": datetime.date.today().isoformat()}
            litert["sha256"] = hashlib.sha256(octets).hexdigest()
            classes = list(classes or fiche.get("classes", ()))
            fiche |= {"classes": classes, "entree": entree, "litert": litert}
            exporte = ReseauExporte(fiche, octets)
            exportees = np.stack([exporte.probabilites(x[None]) for x in essais])
        ecart = float(np.abs(exportees - np.asarray(modele(essais, training=False))).max())
        if not ecart < ecart_max:
            raise ModeleInvalide(
                "Le réseau exporté s'écarte du réseau Keras : il n'est pas écrit.",
                f"{ecart:.1e} d'écart sur une probabilité",
                f"moins de {ecart_max:.0e}",
                "admettez cet écart (ecart_max=…) s'il ne change pas les réponses, ou changez la couche en cause",
            )
        litert["ecart"] = ecart
        with ecriture_atomique(fichiers_du_modele(dossier, nom)[2]) as p_fiche:
            ecrire_fiche(p_fiche, fiche)
    return fiche


def _en_float32(modele):
    """Le réseau lui-même, ou son double en float32 s'il calcule en précision mixte (float16, bfloat16)."""
    config = json.dumps(modele.get_config())
    en_float32, mixtes = re.subn(r'"(?:mixed_)?b?float16"', '"float32"', config)
    if not mixtes:
        return modele
    print(
        "Réseau en précision mixte (float16) : exporté en float32, que tout processeur sait lire."
    )
    double = type(modele).from_config(json.loads(en_float32))
    double.set_weights([np.asarray(poids, np.float32) for poids in modele.get_weights()])
    return double


def _en_probabilites(modele, essais):
    """Le réseau lui-même s'il rend des probabilités, sinon le réseau suivi d'un softmax."""
    import keras

    reponses = np.asarray(modele(essais, training=False))
    if reponses.min() >= 0 and np.allclose(reponses.sum(axis=1), 1, atol=1e-3):
        return modele
    entree = keras.Input(modele.input_shape[1:])
    return keras.Model(entree, keras.layers.Softmax()(modele(entree)), name=modele.name)
