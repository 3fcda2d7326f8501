"""D'un modèle exporté (ou sauvegardé) à un dossier à mettre en ligne tel quel."""

import json
import shutil
import tempfile
import time
from pathlib import Path

from outils.demarrage import importer_keras, sans_bavardage
from outils.donnees import CLASSES
from outils.fichiers import RACINE, Refus, nom_court
from outils.modele import ModeleInvalide, charger_modele, lire_fiche, modele_present
from outils.photos import COTE_MIN, COTE_UTILE, OCTETS_MAX, PIXELS_MAX, RAPPORT_MAX
from publication.dossier import remplacer, taille
from publication.page import moteur
from service.reseau import EXPORTEZ, ReseauExporte

WEB = Path(__file__).with_name("web")
OCTETS_DU_RESEAU_MAX = 50 * 2**20  # au-delà, GitHub proteste, et un téléphone aussi
TRANSFERT_CONSEILLE = 5e6
CONSEILS = {
    1: "Un seul vêtement, entier, plus foncé que le fond ; un fond blanc, uni et bien éclairé. Rien n'est détouré "
    "ici : une ombre ou un meuble feraient partie du vêtement.",
    3: "Un seul sujet, net, qui remplit la photo.",
}
# De quoi essayer, pour les réseaux qui classent des vêtements ; le dernier montre ce que fait un fond gris.
EXEMPLES = {
    "pantalon.jpg": "un pantalon",
    "sandales.jpg": "des sandales",
    "baskets.jpg": "des baskets",
    "sac.png": "un sac",
    "robe.jpg": "une robe, sur un fond gris",
}
CLASSES_DU_CATALOGUE = {"bottomwear", "shoes", "topwear"}


def lire_modele(dossier):
    """Le `ReseauExporte` d'un dossier et ses octets, au lot fixe de 1 ; exporté au besoin de `modele.json`.

    Le dossier n'est pas modifié. Lève `ModeleInvalide` s'il n'y a ni export ni sauvegarde utilisable.
    """
    dossier = Path(dossier)
    exporte = dossier / "modele.tflite"
    if not exporte.is_file() and not modele_present(dossier):
        raise ModeleInvalide(
            f"Aucun modèle à publier dans « {nom_court(dossier)} ».",
            "ni modele.tflite, ni modele.json avec modele.weights.h5",
            "un modèle sauvegardé par un labo, ou exporté par le labo 7",
            "exécutez le labo jusqu'à « Modèle sauvegardé ! », ou donnez un autre dossier",
        )
    if exporte.is_file():
        reseau = ReseauExporte.lire(dossier)
        if lot_fixe(exporte):
            return reseau, exporte.read_bytes()
    if not modele_present(dossier):
        raise ModeleInvalide(
            "Ce modele.tflite ne convient pas à un navigateur.",
            "un lot de taille variable",
            "un lot d'une image exactement",
            EXPORTEZ,
        )
    with tempfile.TemporaryDirectory() as provisoire:
        copie = Path(provisoire, dossier.resolve().name)
        copie.mkdir()
        for nom in ("modele.json", "modele.weights.h5", "modele.fiche.json"):
            if (dossier / nom).is_file():
                shutil.copyfile(dossier / nom, copie / nom)
        print("Export du réseau pour le navigateur…", flush=True)
        with sans_bavardage():
            importer_keras()  # TensorFlow : des secondes, et seulement s'il le faut
            from service.exporter import exporter_modele

            reseau = charger_modele(copie)
        sans_noms = "classes" not in lire_fiche(
            copie
        )  # un modèle écrit par les cellules de l'énoncé
        fashion_mnist = (reseau.input_shape[1:], reseau.output_shape[-1]) == ((28, 28, 1), 10)
        exporter_modele(reseau, copie, CLASSES if sans_noms and fashion_mnist else None)
        return ReseauExporte.lire(copie), (copie / "modele.tflite").read_bytes()


def lot_fixe(tflite):
    """Vrai si le réseau n'admet qu'une image à la fois, ce que veut LiteRT.js."""
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_path=str(tflite)).get_input_details()[0]["shape_signature"][0] == 1


def reglages_de(reseau):
    """Ce que la page doit savoir du réseau (dict). Lève `Refus` si elle ne sait pas préparer son entrée."""
    cote, largeur, canaux = reseau.entree["forme"]
    preparation = reseau.entree["preparation"]
    connues = {"preparer_couleur": 3, "preparer_photo": 1, "load_and_preprocess_image": 1}
    if connues.get(preparation) != canaux or cote != largeur or (canaux == 1 and cote != 28):
        raise Refus(
            "La page ne sait pas préparer une photo pour ce réseau.",
            f"{cote} × {largeur} × {canaux} par « {preparation} »",
            "28 × 28 × 1, ou un carré × 3 par preparer_couleur",
            "corrigez « entree » dans la fiche du modèle",
        )
    vetements = list(reseau.classes) == list(CLASSES) or set(reseau.classes) == CLASSES_DU_CATALOGUE
    return {
        "identite": "{nom}, version {version}".format(**reseau.identite),
        "classes": list(reseau.classes),
        "cote": cote,
        "canaux": canaux,
        "maximum": reseau.blanc,
        "conseil": CONSEILS[canaux],
        "exemples": [
            {"fichier": f"exemples/{fichier}", "nom": f"Essayer avec {nom}"}
            for fichier, nom in EXEMPLES.items()
            if vetements and (RACINE / "images" / fichier).is_file()
        ],
        "octets_max": OCTETS_MAX,
        "pixels_max": PIXELS_MAX,
        "cote_utile": COTE_UTILE,
        "cote_min": COTE_MIN,
        "rapport_max": RAPPORT_MAX,
    }


def publier(modele, sortie):
    """Écrit la page de `modele` (un dossier) dans `sortie` et rend un bilan {octets, transfert, secondes}.

    Lève `ModeleInvalide` ou `Refus`, en français ; `ConnectionError` si le moteur n'a pas pu être téléchargé.
    """
    debut = time.perf_counter()
    reseau, octets = lire_modele(modele)
    if len(octets) > OCTETS_DU_RESEAU_MAX:
        raise Refus(
            "Ce réseau est trop lourd pour une page.",
            f"{len(octets) / 2**20:.0f} Mo",
            f"{OCTETS_DU_RESEAU_MAX / 2**20:.0f} Mo au plus",
            "prenez un réseau plus petit : moins de neurones après Flatten, ou GlobalAveragePooling2D",
        )
    reglages = reglages_de(reseau)
    with remplacer(sortie) as dossier:
        shutil.copytree(WEB, dossier, dirs_exist_ok=True)
        moteur.poser(dossier / "litert")
        (dossier / "modele.tflite").write_bytes(octets)
        (dossier / "exemples").mkdir()
        for exemple in reglages["exemples"]:
            fichier = Path(exemple["fichier"]).name
            shutil.copyfile(RACINE / "images" / fichier, dossier / "exemples" / fichier)
        texte = json.dumps(reglages, ensure_ascii=False, indent=1)
        (dossier / "reglages.json").write_text(texte, encoding="utf-8")
        # Un navigateur ne charge qu'une des deux variantes du moteur.
        seconde = sum(f.stat().st_size for f in (dossier / "litert").glob("*compat*"))
        bilan = {"octets": taille(dossier), "transfert": taille(dossier) - seconde}
    return bilan | {"reseau": len(octets), "secondes": time.perf_counter() - debut}


def dire(bilan, modele, sortie):
    """Le bilan, et que faire du dossier."""
    lignes = [
        f"Page : {nom_court(sortie)}, modèle {nom_court(modele)}, en {bilan['secondes']:.0f} s.",
        f"  première visite : {bilan['transfert'] / 1e6:.1f} Mo, dont {bilan['reseau'] / 1e6:.1f} pour le réseau ; "
        f"dossier : {bilan['octets'] / 1e6:.1f} Mo",
    ]
    if bilan["transfert"] > TRANSFERT_CONSEILLE:
        lignes.append("  ⚠ C'est long sur un téléphone : un réseau plus petit se chargerait mieux.")
    lignes += [
        f"À essayer : python3 -m http.server --directory {nom_court(sortie)} 8000, puis http://localhost:8000.",
        "À mettre en ligne : tout le dossier, sur GitHub Pages par exemple (README.md).",
    ]
    return "\n".join(lignes)
