"""Le modèle sur le disque : architecture JSON, poids H5, et une fiche (classes, contrat d'entrée, mesures)."""

import datetime
import hashlib
import json
import platform
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path

from outils.fichiers import RACINE, Refus, ecriture_atomique, verrou
from outils.json_keras import alleger_fichier, json_pour_keras_anterieur, lire_json

# Ce qu'attend un réseau : valeurs (`maximum` : celle du blanc), polarité, et la fonction
# d'`outils.preparation` qui part d'une photo.
ENTREE_GRISE = {
    "valeurs": "float32 de 0 à 1",
    "maximum": 1,
    "polarite": "vêtement clair sur fond noir",
    "preparation": "preparer_photo",
}
ENTREE_COULEUR = ENTREE_GRISE | {
    "polarite": "photo en couleurs (rouge, vert, bleu), telle quelle, mise au carré",
    "preparation": "preparer_couleur",
}


class ModeleInvalide(Refus):
    """Modèle absent, abîmé, dépareillé ou d'une autre version de Keras : le message dit quoi faire."""


def fichiers_du_modele(dossier, nom="modele"):
    """Chemins de l'architecture, des poids et de la fiche."""
    dossier = Path(dossier)
    return dossier / f"{nom}.json", dossier / f"{nom}.weights.h5", dossier / f"{nom}.fiche.json"


def modele_present(dossier, nom="modele"):
    """Vrai si l'architecture et les poids sont tous deux dans `dossier`."""
    json_, poids, _ = fichiers_du_modele(dossier, nom)
    return json_.is_file() and poids.is_file()


def dossier_du_modele(racine=RACINE):
    """Dossier de votre modèle : `modele/`, ou `analyse_image/modele/`, où écrivent les cellules de l'énoncé.

    Si un modèle est dans les deux, le plus récent ; s'il n'y en a pas, `modele/`.
    """
    dossiers = [racine / "modele", racine / "analyse_image" / "modele"]
    poids = [fichiers_du_modele(dossier)[1] for dossier in dossiers if modele_present(dossier)]
    return max(poids, key=lambda p: p.stat().st_mtime).parent if poids else dossiers[0]


# --- Écrire ----------------------------------------------------------------------------------------


def _somme(chemin):
    return hashlib.sha256(chemin.read_bytes()).hexdigest()


def ecrire_fiche(chemin, fiche):
    """Écrit une fiche (dict) en JSON."""
    chemin.write_text(json.dumps(fiche, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def sauvegarder_modele(
    modele, dossier, classes, nom="modele", entree=ENTREE_GRISE, complet=None, **mesures
):
    """Écrit `nom.json` (architecture), `nom.weights.h5` (poids seuls) et `nom.fiche.json` dans `dossier`.

    `entree` : le contrat d'entrée, `ENTREE_GRISE` ou `ENTREE_COULEUR` (la forme est celle du réseau).
    `complet` : un nom, pour écrire aussi le modèle en un seul fichier, `.keras` et `.h5` (ancien format).
    `mesures` : ce qu'on garde avec lui (`precision_test=0.91`). Tout se relit dès Keras 3.13.
    Lève `ModeleInvalide` s'il n'y a pas autant de classes que de sorties, `OSError` si l'on ne peut écrire.
    """
    import keras
    from absl import logging

    _verifier_classes(modele, classes)
    # Keras écrit aussi l'état de l'optimiseur d'un modèle compilé (fichier 3 fois plus gros) : on
    # sauvegarde une copie non compilée. (clone_model, lui, recompile la copie.)
    copie = type(modele).from_config(modele.get_config())
    copie.set_weights(modele.get_weights())
    fichiers = fichiers_du_modele(dossier, nom)
    entiers = [Path(dossier) / f"{complet}{s}" for s in (".keras", ".h5") if complet]
    contenu = {
        "classes": list(classes),
        "entree": {"forme": list(modele.input_shape[1:]), **entree},
        "parametres": modele.count_params(),
        "mesures": mesures,
        "versions": {"keras": keras.__version__, "python": platform.python_version()},
        "date": datetime.date.today().isoformat(),
    }
    with ExitStack() as pile:  # tous les fichiers, ou aucun, et d'un seul noyau à la fois
        pile.enter_context(verrou(fichiers[0]))
        provisoires = [pile.enter_context(ecriture_atomique(c)) for c in (*fichiers, *entiers)]
        json_, poids, fiche, *entiers = provisoires
        # La version, que `to_json` ne dit pas : un autre Keras qui ne saurait relire ce réseau la nommera.
        texte = json.dumps(json.loads(copie.to_json()) | {"keras_version": keras.__version__})
        json_.write_text(json_pour_keras_anterieur(texte), encoding="utf-8")
        copie.save_weights(poids)
        # Sans le conseil que Keras donne, en anglais, à qui écrit l'ancien format H5.
        pile.callback(logging.set_verbosity, logging.get_verbosity())
        logging.set_verbosity(logging.ERROR)
        for entier in entiers:
            copie.save(entier)
            alleger_fichier(entier)
        sommes = map(_somme, (json_, poids))
        contenu["sha256"] = {c.name: s for c, s in zip(fichiers, sommes, strict=False)}
        ecrire_fiche(fiche, contenu)
    return fichiers


def _verifier_classes(modele, classes):
    sorties = modele.output_shape[-1]
    if sorties != len(classes):
        raise ModeleInvalide(
            f"Le réseau a {sorties} sorties, mais {len(classes)} classes sont données.",
            f"{len(classes)} noms de classes",
            f"{sorties} noms, dans l'ordre de l'entraînement",
            "donnez les classes de ce réseau, ou changez sa dernière couche",
        )


# --- Lire ------------------------------------------------------------------------------------------


def lire_fiche(dossier, nom="modele"):
    """Rend la fiche du modèle (dict), vide si elle manque ou ne décrit pas les fichiers présents."""
    json_, poids, fiche = fichiers_du_modele(dossier, nom)
    if not fiche.is_file():
        return {}
    with suppress(ValueError, KeyError, TypeError):
        contenu = json.loads(fiche.read_text(encoding="utf-8"))
        if contenu["sha256"] == {c.name: _somme(c) for c in (json_, poids)}:
            return contenu
    warnings.warn(
        f"« {fiche.name} » ne décrit pas les fichiers présents (modèle réécrit depuis ?) : fiche ignorée.",
        stacklevel=2,
    )
    return {}


def charger_modele(dossier, nom="modele"):
    """Rend le réseau Keras (non compilé) écrit dans `dossier` par `sauvegarder_modele` ou par l'énoncé.

    Lève `ModeleInvalide` : fichier absent, JSON abîmé, modèle de Keras 2, poids tronqués ou d'un autre réseau,
    code Python caché (couche Lambda).
    """
    json_, poids, _ = fichiers_du_modele(dossier, nom)
    if absents := [c.name for c in (json_, poids) if not c.is_file()]:
        presents = sorted(c.name for c in json_.parent.glob("*") if c.is_file())
        raise ModeleInvalide(
            f"Il manque {' et '.join(absents)} dans le dossier « {json_.parent.name} ».",
            f"il contient : {', '.join(presents) or 'rien'}",
            "l'architecture et les poids d'un réseau",
            "exécutez classification.ipynb jusqu'à « Modèle sauvegardé ! », ou prenez « modele/reference »",
        )
    modele = _reconstruire(json_)
    try:
        modele.load_weights(poids)
    except Exception as erreur:  # h5py et Keras lèvent OSError, ValueError, KeyError…
        raise ModeleInvalide(
            f"« {poids.name} » est abîmé ou vient d'un autre réseau que « {json_.name} ».",
            _en_une_ligne(erreur),
            "les poids du réseau décrit",
            "sauvegardez ensemble l'architecture et les poids du même modèle",
        ) from erreur
    if classes := lire_fiche(dossier, nom).get("classes"):
        _verifier_classes(modele, classes)
    return modele


def _en_une_ligne(erreur):
    return (str(erreur).splitlines() or [type(erreur).__name__])[0][:200]


def _reconstruire(fichier):
    """Le réseau, sans ses poids, que décrit un fichier `.json`."""
    import keras

    ici = keras.__version__
    sujet = f"« {fichier.name} » n'est pas le JSON d'un réseau."
    attendu = "la description d'un réseau, écrite par modele.to_json()"
    remede = "sauvegardez de nouveau le modèle"
    try:
        config, version = lire_json(fichier)
    except (ValueError, OSError) as erreur:
        raise ModeleInvalide(sujet, _en_une_ligne(erreur), attendu, remede) from erreur
    if "class_name" not in config:
        seule = "la configuration seule, écrite par get_config()"
        trouve = seule if "layers" in config else "autre chose"
        raise ModeleInvalide(sujet, trouve, attendu, f"{remede} avec to_json()")
    try:
        if version.startswith(("1.", "2.")):
            raise ValueError(f"le format de Keras {version[0]}")
        # Sans ses réglages d'entraînement : ni optimiseur à reconstruire, ni avertissement.
        return keras.models.model_from_json(json.dumps(config | {"compile_config": None}))
    except Exception as erreur:  # Keras lève des types variés selon la faute
        sujet = f"« {fichier.name} » ne décrit pas un réseau que Keras {ici} accepte."
        if version not in ("?", ici):
            sujet = f"« {fichier.name} », de Keras {version}, ne se relit pas avec Keras {ici}."
            remede += f" avec Keras {ici}, ou ouvrez-le là où est installé Keras {version}"
        raise ModeleInvalide(sujet, _en_une_ligne(erreur), attendu, remede) from erreur
