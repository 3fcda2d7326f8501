"""Ce que deux remises ont en commun : un indice à vérifier, jamais un verdict, jamais dans la note."""


def signaler(tous):
    """{clé: [phrases]} : poids, sorties d'entraînement, photos ou code identiques entre remises (un indice)."""
    groupes = {}

    def ranger(nature, valeur, cle):
        groupes.setdefault((nature, valeur), set()).add(cle)

    for faits in tous:
        cle = faits["cle"]
        if empreinte := (faits.get("modele") or {}).get("empreinte"):
            ranger("poids du modèle identiques", empreinte, cle)
        notebook = faits["notebooks"]["classification"]
        if notebook and len(notebook["sorties"]["trace"]) >= 3:
            ranger("sorties d'entraînement identiques", tuple(notebook["sorties"]["trace"]), cle)
        for photo in faits["photos"]["fichiers"]:
            if not photo[3] and photo[1] > 1_000:
                ranger("photo identique", photo[2], cle)
    noms = {f["cle"]: f["nom"] for f in tous}
    photos = {p[2]: p[0] for f in tous for p in f["photos"]["fichiers"]}
    signalements = {f["cle"]: [] for f in tous}
    for (nature, valeur), cles in groupes.items():
        if len(cles) < 2:
            continue
        # Une photo chez presque tout le monde vient sans doute de l'énoncé.
        if nature == "photo identique" and len(cles) > max(3, len(tous) / 3):
            continue
        detail = f" (« {photos[valeur]} »)" if nature == "photo identique" else ""
        for cle in cles:
            autres = ", ".join(sorted(noms[c] for c in cles if c != cle)[:6])
            signalements[cle].append(f"{nature}{detail} : {autres}")
    return signalements
