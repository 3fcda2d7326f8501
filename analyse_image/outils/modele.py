"""Le modèle sur le disque : architecture JSON, poids H5, et une fiche (classes, contrat d'entrée, mesures).

Pour le service (labo 7), le même réseau exporté au format LiteRT, qui se passe de TensorFlow.
"""

import datetime
import hashlib
import io
import json
import platform
import threading
import warnings
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path

import numpy as np

from outils.fichiers import ecriture_atomique


class ModeleInvalide(ValueError):
    """Modèle absent, abîmé, dépareillé ou d'une autre version de Keras : le message dit quoi faire."""


def _fichiers(dossier, nom):
    dossier = Path(dossier)
    return dossier / f"{nom}.json", dossier / f"{nom}.weights.h5", dossier / f"{nom}.fiche.json"


@contextmanager
def _muet():
    """Retient le conseil que Keras donne, en anglais, à qui écrit l'ancien format H5."""
    from absl import logging

    avant = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(avant)


def _sommes(*chemins):
    return {c.name: hashlib.sha256(c.read_bytes()).hexdigest() for c in chemins}


# Ce qu'attend un réseau : valeurs, polarité, et la fonction d'`outils.preparation` qui part d'une photo.
ENTREE_GRISE = {
    "valeurs": "float32 de 0 à 1",
    "polarite": "vêtement clair sur fond noir",
    "preparation": "preparer_photo",
}
ENTREE_COULEUR = {
    "valeurs": "float32 de 0 à 1",
    "polarite": "photo en couleurs (rouge, vert, bleu), telle quelle, mise au carré",
    "preparation": "preparer_couleur",
}


def sauvegarder_modele(
    modele, dossier, classes, nom="modele", entree=ENTREE_GRISE, complet=None, **mesures
):
    """Écrit `nom.json` (architecture), `nom.weights.h5` (poids seuls) et `nom.fiche.json` dans `dossier`.

    `entree` : le contrat d'entrée, `ENTREE_GRISE` ou `ENTREE_COULEUR` (la forme est celle du réseau).
    `complet` : un nom, pour écrire aussi le modèle en un seul fichier, `.keras` et `.h5` (ancien format).
    `mesures` : ce qu'on veut garder avec le modèle, par exemple `precision_test=0.91`.
    La fiche porte aussi les classes et les versions. Lève `ValueError` si le nombre de classes n'est pas
    celui des sorties, `OSError` si le dossier n'est pas inscriptible.
    """
    import keras

    if modele.output_shape[-1] != len(classes):
        raise ValueError(
            f"Le réseau a {modele.output_shape[-1]} sorties, mais {len(classes)} classes sont données."
        )
    # Keras écrit aussi l'état de l'optimiseur d'un modèle compilé (fichier 3 fois plus gros) : on
    # sauvegarde une copie non compilée. (clone_model, lui, recompile la copie.)
    copie = type(modele).from_config(modele.get_config())
    copie.set_weights(modele.get_weights())
    json_, poids, fiche = _fichiers(dossier, nom)
    with ExitStack() as pile:
        p_json, p_poids, p_fiche = (
            pile.enter_context(ecriture_atomique(c)) for c in (json_, poids, fiche)
        )
        p_json.write_text(json_pour_keras_anterieur(copie.to_json()), encoding="utf-8")
        copie.save_weights(p_poids)
        for suffixe in (".keras", ".h5") if complet else ():
            fichier = Path(dossier) / f"{complet}{suffixe}"
            with _muet():
                copie.save(pile.enter_context(ecriture_atomique(fichier)))
        contenu = {
            "classes": list(classes),
            "entree": {"forme": list(modele.input_shape[1:]), **entree},
            "parametres": modele.count_params(),
            "mesures": mesures,
            "versions": {"keras": keras.__version__, "python": platform.python_version()},
            "date": datetime.date.today().isoformat(),
            "sha256": {
                json_.name: _sommes(p_json)[p_json.name],
                poids.name: _sommes(p_poids)[p_poids.name],
            },
        }
        p_fiche.write_text(
            json.dumps(contenu, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
    return json_, poids, fiche


def modele_present(dossier, nom="modele"):
    """Vrai si l'architecture et les poids sont tous deux dans `dossier`."""
    json_, poids, _ = _fichiers(dossier, nom)
    return json_.is_file() and poids.is_file()


def lire_fiche(dossier, nom="modele"):
    """Rend la fiche du modèle (dict), vide si elle manque ou ne décrit pas les fichiers présents."""
    json_, poids, fiche = _fichiers(dossier, nom)
    if not fiche.is_file():
        return {}
    try:
        contenu = json.loads(fiche.read_text(encoding="utf-8"))
        a_jour = contenu["sha256"] == _sommes(json_, poids)
    except (ValueError, KeyError, TypeError):
        a_jour = False
    if not a_jour:
        warnings.warn(
            f"« {fiche.name} » ne décrit pas les fichiers présents (modèle réécrit depuis ?) : fiche ignorée.",
            stacklevel=2,
        )
        return {}
    return contenu


# Réglages écrits par Keras 3.15, que 3.13 (Colab) refuse même à leur valeur par défaut.
AJOUTS_DE_KERAS = {"input_axes": None, "output_axes": None}  # initialiseurs
AJOUTS_DE_KERAS |= {"renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99}
AJOUTS_DE_KERAS |= {"sliding_window": None, "use_gate": False, "salt": None}
AJOUTS_DE_KERAS |= {"oov_method": "floormod", "native_serialization_platforms": None}


def _sans_ajouts(config):
    if isinstance(config, list):
        return [_sans_ajouts(valeur) for valeur in config]
    if not isinstance(config, dict):
        return config
    return {
        cle: _sans_ajouts(valeur)
        for cle, valeur in config.items()
        if cle not in AJOUTS_DE_KERAS or valeur != AJOUTS_DE_KERAS[cle]
    }


def json_pour_keras_anterieur(texte):
    """JSON d'un réseau → le même, lisible aussi par un Keras plus ancien (dès 3.13) ; sans TensorFlow.

    Les réglages récents restés à leur valeur par défaut sont ôtés ; les autres, jamais. Un indicateur
    d'encodage (BOM) en tête est admis. Lève `ValueError` si le texte n'est pas du JSON.
    """
    config = _sans_ajouts(json.loads(texte.removeprefix("\ufeff")))
    return json.dumps(config, indent=1, ensure_ascii=False)


def charger_modele(dossier, nom="modele"):
    """Rend le réseau Keras (non compilé) écrit dans `dossier` par `sauvegarder_modele` ou par l'énoncé.

    Lève `ModeleInvalide`, avec un message en français : fichier absent, JSON abîmé, modèle de Keras 2,
    poids tronqués ou d'un autre réseau. Le code Python caché dans un modèle (couche Lambda) est refusé.
    """
    import keras

    json_, poids, _ = _fichiers(dossier, nom)
    absents = [c.name for c in (json_, poids) if not c.is_file()]
    if absents:
        presents = sorted(c.name for c in Path(dossier).glob("*") if c.is_file())
        raise ModeleInvalide(
            f"Il manque {' et '.join(absents)} dans le dossier « {Path(dossier).name} » "
            f"(il contient : {', '.join(presents) or 'rien'}).\n"
            "  Remède : exécutez classification.ipynb jusqu'à « Modèle sauvegardé ! », "
            "ou prenez le modèle fourni dans « modele/reference »."
        )
    try:
        config = json.loads(json_.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("une liste ou une valeur, pas la description d'un réseau")
    except ValueError as erreur:
        raise ModeleInvalide(
            f"« {json_.name} » n'est pas le JSON d'un réseau ({erreur}).\n  Remède : sauvegardez de nouveau le modèle."
        ) from erreur
    version = str(config.get("keras_version", ""))
    if version.startswith(("1.", "2.")):
        raise ModeleInvalide(
            f"« {json_.name} » a été écrit par Keras {version} ; ce labo utilise Keras {keras.__version__}, qui "
            "ne sait pas le relire.\n  Remède : entraînez et sauvegardez de nouveau avec classification.ipynb."
        )
    try:
        # Sans ses réglages d'entraînement : ni optimiseur à reconstruire, ni avertissement.
        texte = json.dumps(config | {"compile_config": None})
        modele = keras.models.model_from_json(json_pour_keras_anterieur(texte))
    except Exception as erreur:  # Keras lève des types variés selon la faute
        raise ModeleInvalide(
            f"« {json_.name} » ne décrit pas un réseau que Keras {keras.__version__} accepte "
            f"({str(erreur).splitlines()[0][:200]}).\n  Remède : sauvegardez de nouveau le modèle avec `to_json()`."
        ) from erreur
    try:
        modele.load_weights(poids)
    except Exception as erreur:  # h5py et Keras lèvent OSError, ValueError, KeyError…
        raise ModeleInvalide(
            f"« {poids.name} » est abîmé ou vient d'un autre réseau que « {json_.name} » "
            f"({str(erreur).splitlines()[0][:200]}).\n"
            "  Remède : sauvegardez ensemble l'architecture et les poids du même modèle."
        ) from erreur
    classes = lire_fiche(dossier, nom).get("classes")
    if classes and len(classes) != modele.output_shape[-1]:
        raise ModeleInvalide(
            f"La fiche nomme {len(classes)} classes, mais le réseau a {modele.output_shape[-1]} sorties."
        )
    return modele


# --- Pour le service : le réseau sans TensorFlow ------------------------------------------------------

ECART_MAX = 1e-5  # entre le réseau exporté et le réseau Keras, sur chaque probabilité


def exporter_modele(modele, dossier, classes=None, entree=None, nom="modele", ecart_max=ECART_MAX):
    """Écrit `nom.tflite` dans `dossier` et complète `nom.fiche.json` : ce que sert `service/api.py`.

    `modele` : un réseau Keras à une entrée (n, h, l, canaux), d'où qu'il vienne (JSON + H5, `.keras`, `.h5`).
    `classes`, `entree` : par défaut, ceux de la fiche du dossier. Un réseau qui rend des logits reçoit un
    softmax. Rend la fiche. Lève `ModeleInvalide` si l'export s'écarte de Keras de `ecart_max` ou plus, ou
    si les classes ne sont pas autant que les sorties.
    """
    from outils.demarrage import sans_bavardage

    dossier = Path(dossier)
    fiche = lire_fiche(dossier, nom) if modele_present(dossier, nom) else {}
    forme = list(modele.input_shape[1:])
    entree = entree or fiche.get("entree") or (ENTREE_GRISE if forme[-1] == 1 else ENTREE_COULEUR)
    entree = {**entree, "forme": forme}
    essais = np.random.default_rng(13).random((32, *forme), dtype="float32") * _blanc(entree)
    modele = _en_probabilites(modele, essais)
    with ecriture_atomique(dossier / f"{nom}.tflite") as provisoire:
        with (
            sans_bavardage(),
            redirect_stdout(io.StringIO()),
        ):  # Keras 3.13 dit tout ce qu'il exporte
            modele.export(str(provisoire), format="litert", verbose=False)
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
                f"Le réseau exporté s'écarte de {ecart:.1e} du réseau Keras ; attendu : moins de {ecart_max:.0e}."
            )
        litert["ecart"] = ecart
        with ecriture_atomique(_fichiers(dossier, nom)[2]) as p_fiche:
            p_fiche.write_text(
                json.dumps(fiche, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
            )
    return fiche


def _blanc(entree):
    """Valeur d'un pixel blanc dans ce contrat d'entrée."""
    return np.float32(255 if entree["valeurs"].endswith("255") else 1)


def _en_probabilites(modele, essais):
    """Le réseau lui-même s'il rend des probabilités, sinon le réseau suivi d'un softmax."""
    import keras

    reponses = np.asarray(modele(essais, training=False))
    if reponses.min() >= 0 and np.allclose(reponses.sum(axis=1), 1, atol=1e-3):
        return modele
    entree = keras.Input(modele.input_shape[1:])
    return keras.Model(entree, keras.layers.Softmax()(modele(entree)), name=modele.name)


class ReseauExporte:
    """Un réseau écrit par `exporter_modele`, prêt à répondre : ni TensorFlow ni Keras.

    `classes` ; `entree`, le contrat à donner à `preparation.preparer` ; `blanc`, la valeur d'un pixel blanc ;
    `identite`, nom et version. Lève `ModeleInvalide` si la fiche et le réseau ne vont pas ensemble.
    """

    def __init__(self, fiche, octets):
        from ai_edge_litert.interpreter import Interpreter

        remede = "\n  Remède : exportez le modèle (section 1 de analyse_image/deploiement.ipynb)."
        litert, somme = fiche.get("litert", {}), hashlib.sha256(octets).hexdigest()
        if litert.get("sha256") != somme:
            raise ModeleInvalide(f"La fiche ne décrit pas ce fichier .tflite.{remede}")
        self.classes, self.entree, self.blanc = (
            fiche["classes"],
            fiche["entree"],
            _blanc(fiche["entree"]),
        )
        self.identite = {"nom": litert["nom"], "version": f"{litert['date']}-{somme[:8]}"}
        try:
            self._interprete = Interpreter(model_content=octets, num_threads=1)
            self._interprete.allocate_tensors()
        except (ValueError, RuntimeError) as erreur:
            raise ModeleInvalide(f"Ce n'est pas un réseau LiteRT ({erreur}).{remede}") from erreur
        self._entree = self._interprete.get_input_details()[0]
        self._sortie = self._interprete.get_output_details()[0]["index"]
        self._verrou = threading.Lock()
        attendue, trouvee = [1, *self.entree["forme"]], self._entree["shape"].tolist()
        if attendue != trouvee:
            raise ModeleInvalide(f"Le réseau attend {trouvee}, sa fiche dit {attendue}.{remede}")
        sorties = self.probabilites(np.zeros(attendue, np.float32))
        if len(sorties) != len(self.classes) or abs(sorties.sum() - 1) > 1e-3:
            raise ModeleInvalide(
                f"Le réseau rend {len(sorties)} nombres, de somme {sorties.sum():.3f} ; attendu : une "
                f"probabilité pour chacune des {len(self.classes)} classes de la fiche.{remede}"
            )

    @classmethod
    def lire(cls, dossier, nom="modele"):
        """Le réseau exporté dans `dossier`."""
        chemins = [Path(dossier) / f"{nom}.{fin}" for fin in ("fiche.json", "tflite")]
        if absents := [c.name for c in chemins if not c.is_file()]:
            raise ModeleInvalide(
                f"Il manque {' et '.join(absents)} dans « {Path(dossier).resolve().name} ».\n"
                "  Remède : exportez le modèle (section 1 de analyse_image/deploiement.ipynb)."
            )
        return cls(json.loads(chemins[0].read_text(encoding="utf-8")), chemins[1].read_bytes())

    def probabilites(self, entree):
        """Entrée float32 (1, h, l, canaux) → probabilités (n,). Peut être appelée de plusieurs fils."""
        with self._verrou:  # un interpréteur n'admet qu'un appel à la fois
            self._interprete.set_tensor(self._entree["index"], entree)
            self._interprete.invoke()
            return self._interprete.get_tensor(self._sortie)[0]
