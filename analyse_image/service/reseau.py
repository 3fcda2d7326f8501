"""Le réseau du service, au format LiteRT : il répond sans TensorFlow."""

import hashlib
import json
import threading
from pathlib import Path

import numpy as np

from outils.fichiers import Refus
from outils.modele import ModeleInvalide
from outils.photos import ouvrir_photo, sur_blanc
from outils.preparation import (
    Preparation,
    analyser_photo,
    create_centered_image,
    normalize_pixels,
    preparer_couleur,
    resize_with_aspect_ratio,
)

EXPORTEZ = "exportez le modèle (section 1 de analyse_image/deploiement.ipynb)"


def preparer(source, contrat):
    """Prépare une photo selon le contrat d'entrée d'un modèle (« entree » de sa fiche) : `Preparation`.

    `contrat` : `forme` (hauteur, largeur, canaux), `preparation` (une fonction d'`outils.preparation`) et
    `maximum` (valeur du blanc ; absent, 1). Lève `PhotoIllisible`, ou `Refus` pour un contrat intenable.
    """
    nom, (cote, largeur, canaux) = contrat["preparation"], contrat["forme"]
    formes = {"preparer_couleur": (cote, cote, 3)}
    formes |= dict.fromkeys(("preparer_photo", "load_and_preprocess_image"), (28, 28, 1))
    if formes.get(nom) != (cote, largeur, canaux):
        raise Refus(
            "Le contrat d'entrée de ce modèle ne peut pas être tenu : aucune préparation ne le donne.",
            f"{cote} × {largeur} × {canaux} par « {nom} »",
            "28 × 28 × 1 par preparer_photo ou load_and_preprocess_image, ou un carré × 3 par preparer_couleur",
            "corrigez « entree » dans la fiche du modèle",
        )
    if nom == "preparer_photo":
        preparation = analyser_photo(source)
    elif nom == "preparer_couleur":
        preparation = Preparation(preparer_couleur(source, cote))
    else:  # la recette de l'énoncé, sur une photo remise droite et posée sur blanc
        gris = sur_blanc(ouvrir_photo(source)).convert("L")
        centree = create_centered_image(resize_with_aspect_ratio(gris, 20), cote)
        preparation = Preparation(normalize_pixels(centree)[None, ..., None])
    preparation.entree = preparation.entree * np.float32(contrat.get("maximum", 1))
    return preparation


class ReseauExporte:
    """Un réseau écrit par `exporter_modele`, prêt à répondre : ni TensorFlow ni Keras.

    `classes` ; `entree`, le contrat à donner à `preparer` ; `blanc`, la valeur d'un pixel blanc ;
    `identite`, nom et version. Lève `ModeleInvalide` si la fiche et le réseau ne vont pas ensemble.
    """

    def __init__(self, fiche, octets):
        from ai_edge_litert.interpreter import Interpreter

        if absents := [nom for nom in ("classes", "entree") if nom not in fiche]:
            sujet = f"La fiche du modèle n'a pas {' ni '.join(absents)}."
            raise ModeleInvalide(sujet, ", ".join(fiche) or "rien", "classes, entree", EXPORTEZ)
        litert, somme = fiche.get("litert", {}), hashlib.sha256(octets).hexdigest()
        if litert.get("sha256") != somme:
            sujet = "La fiche ne décrit pas ce fichier .tflite."
            raise ModeleInvalide(sujet, "une autre somme", litert.get("sha256", "rien"), EXPORTEZ)
        self.classes, self.entree = fiche["classes"], fiche["entree"]
        self.blanc = self.entree.get("maximum", 1)
        self.identite = {"nom": litert["nom"], "version": f"{litert['date']}-{somme[:8]}"}
        try:
            self._interprete = Interpreter(model_content=octets, num_threads=1)
            self._interprete.allocate_tensors()
        except (ValueError, RuntimeError) as erreur:
            sujet = "Ce n'est pas un réseau LiteRT."
            raise ModeleInvalide(sujet, str(erreur), "un fichier .tflite", EXPORTEZ) from erreur
        self._entree = self._interprete.get_input_details()[0]
        self._sortie = self._interprete.get_output_details()[0]["index"]
        self._verrou = threading.Lock()
        attendue, trouvee = [1, *self.entree["forme"]], self._entree["shape"].tolist()
        if attendue != trouvee:
            sujet = f"Le réseau attend {trouvee}, sa fiche dit {attendue}."
            raise ModeleInvalide(sujet, f"{attendue}", f"{trouvee}", EXPORTEZ)
        sorties = self.probabilites(np.zeros(attendue, np.float32))
        if len(sorties) != len(self.classes) or abs(sorties.sum() - 1) > 1e-3:
            raise ModeleInvalide(
                f"Le réseau rend {len(sorties)} nombres, sa fiche nomme {len(self.classes)} classes.",
                f"{len(sorties)} nombres, de somme {sorties.sum():.3f}",
                "une probabilité pour chaque classe de la fiche, de somme 1",
                EXPORTEZ,
            )

    @classmethod
    def lire(cls, dossier, nom="modele"):
        """Le réseau exporté dans `dossier`."""
        chemins = [Path(dossier) / f"{nom}.{fin}" for fin in ("fiche.json", "tflite")]
        if absents := " et ".join(c.name for c in chemins if not c.is_file()):
            sujet = f"Il manque {absents} dans « {Path(dossier).resolve().name} »."
            raise ModeleInvalide(sujet, "pas d'export", absents, EXPORTEZ)
        try:
            fiche = dict(json.loads(chemins[0].read_text(encoding="utf-8")))
        except (ValueError, TypeError) as erreur:
            sujet = f"« {chemins[0].name} » ne se lit pas : ce n'est pas un objet JSON."
            raise ModeleInvalide(sujet, str(erreur), "la fiche d'un modèle", EXPORTEZ) from None
        return cls(fiche, chemins[1].read_bytes())

    def probabilites(self, entree):
        """Entrée float32 (1, h, l, canaux) → probabilités (n,). Peut être appelée de plusieurs fils."""
        with self._verrou:  # un interpréteur n'admet qu'un appel à la fois
            self._interprete.set_tensor(self._entree["index"], entree)
            self._interprete.invoke()
            return self._interprete.get_tensor(self._sortie)[0]
