"""Ce que deux remises ont en commun : un indice à vérifier, jamais un verdict, jamais dans la note."""

from collections import Counter

COMMUNE = 3  # remises à partir desquelles une photo vient de la classe, pas de l'étudiant


def marquer_photos_communes(tous):
    """Note dans les faits de chaque remise les photos que d'autres ont aussi ; rend {empreinte: nom}."""
    nombre, noms = Counter(), {}
    for faits in tous:
        siennes = {f[2]: f[0] for f in faits["photos"]["fichiers"] if not f[3]}
        nombre.update(siennes.keys())
        noms.update(siennes)
    communes = {empreinte: noms[empreinte] for empreinte, n in nombre.items() if n >= COMMUNE}
    for faits in tous:
        miennes = {f[2] for f in faits["photos"]["fichiers"]}
        faits["photos"]["communes"] = sorted(miennes & set(communes))
    return communes


def signaler(tous):
    """{clé: [phrases]} : poids, sorties d'entraînement, photos ou code identiques entre remises (un indice)."""
    groupes = {}

    def ranger(nature, valeur, cle):
        groupes.setdefault((nature, valeur), set()).add(cle)

    for faits in tous:
        cle, communes = faits["cle"], faits["photos"].get("communes", ())
        if empreinte := (faits.get("modele") or {}).get("empreinte"):
            ranger("poids du modèle identiques", empreinte, cle)
        notebook = faits["notebooks"]["classification"]
        if notebook and len(notebook["sorties"]["trace"]) >= 3:
            ranger("sorties d'entraînement identiques", tuple(notebook["sorties"]["trace"]), cle)
        for photo in faits["photos"]["fichiers"]:
            if not photo[3] and photo[1] > 1_000 and photo[2] not in communes:
                ranger("photo identique", photo[2], cle)
    noms = {f["cle"]: f["nom"] for f in tous}
    photos = {p[2]: p[0] for f in tous for p in f["photos"]["fichiers"]}
    signalements = {f["cle"]: [] for f in tous}
    for (nature, valeur), cles in groupes.items():
        if len(cles) < 2:
            continue
        detail = f" (« {photos[valeur]} »)" if nature == "photo identique" else ""
        for cle in cles:
            autres = ", ".join(sorted(noms[c] for c in cles if c != cle)[:6])
            signalements[cle].append(f"{nature}{detail} : {autres}")
    return signalements
