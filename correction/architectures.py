"""Les deux réseaux de l'énoncé, et combien un réseau lu dans le code leur ressemble."""

from difflib import SequenceMatcher

RESEAU_1 = [
    "Conv2D 32 3×3 relu",
    "MaxPooling2D",
    "Dropout 0.2",
    "Flatten",
    "Dense 128 relu",
    "Dense 10 softmax",
]
RESEAU_4 = """Conv2D 32 3×3 relu, BatchNormalization, Conv2D 32 3×3 relu, BatchNormalization, MaxPooling2D, Dropout 0.25
Conv2D 64 3×3 relu, BatchNormalization, Dropout 0.25
Conv2D 128 3×3 relu, BatchNormalization, MaxPooling2D, Dropout 0.25, Flatten
Dense 512 relu, BatchNormalization, Dropout 0.5, Dense 128 relu, BatchNormalization, Dropout 0.5, Dense 10 softmax"""
RESEAU_4 = RESEAU_4.replace("\n", ", ").split(", ")


def ecrire_couche(couche):
    """Une couche lue dans le code, écrite comme dans `RESEAU_1` : « Conv2D 32 3×3 relu »."""
    nom, infos = couche
    mots = [nom]
    for cle in ("filters", "kernel_size", "units", "rate", "activation"):
        valeur = infos.get(cle)
        if valeur is None or (cle == "activation" and valeur == "linear"):
            continue
        if cle == "kernel_size" and isinstance(valeur, (int, float)):
            valeur = f"{valeur}×{valeur}"
        mots.append(str(valeur))
    return " ".join(mots)


def ressemblance(couches, attendues):
    """Entre 0 et 1 : part des couches attendues retrouvées, dans l'ordre, avec leurs réglages."""
    ecrites = [ecrire_couche(c) for c in couches]
    communes = _communes(ecrites, attendues)
    presque = _communes([e.split()[0] for e in ecrites], [a.split()[0] for a in attendues])
    return (communes + 0.5 * max(0, presque - communes)) / max(len(ecrites), len(attendues))


def _communes(a, b):
    return sum(m.size for m in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks())


def comparer(couches, attendues):
    """Phrase qui dit en quoi un réseau diffère de l'attendu."""
    ecrites = [ecrire_couche(c) for c in couches]
    if ecrites == attendues:
        return "toutes les couches de l'énoncé"
    manquent = list(dict.fromkeys(a for a in attendues if a not in ecrites))
    en_trop = list(dict.fromkeys(e for e in ecrites if e not in attendues))[:5]
    phrase = f"{len(ecrites)} couches"
    phrase += f" ; il manque {', '.join(manquent)}" if manquent else ""
    phrase += f" ; en plus ou différentes : {', '.join(en_trop)}" if en_trop else ""
    return phrase if manquent or en_trop else f"{phrase} ; ordre différent"
