"""Les modèles possibles d'une remise, du plus probable au moins probable."""

from correction.inventaire import nom_relatif


def trouver_modeles(chemins, racine, bases=()):
    """Les quatre modèles les plus probables : {json, poids, entier (textes ou None), exact, montre}.

    `exact` : modele.json et modele.weights.h5 dans le dossier modele/ de la racine ou d'une des `bases`.
    """
    architectures, poids, entiers = _trier(chemins)
    paires = [(a, _poids_de(a, poids)) for a in architectures]
    if not any(p for _, p in paires):
        entiers = [*entiers, *poids]
    candidats = [(a, p, None) for a, p in paires] + [(None, None, e) for e in entiers]
    places = {d / "modele" for d in (racine, *bases)}
    rendus = []
    for architecture, poids_choisis, entier in candidats:
        premier = entier or architecture
        exact = (
            poids_choisis is not None
            and (premier.name, poids_choisis.name) == ("modele.json", "modele.weights.h5")
            and premier.parent == poids_choisis.parent
            and premier.parent in places
        )
        complet = bool(entier or poids_choisis)
        noms = [nom_relatif(c, racine) for c in (architecture, poids_choisis, entier) if c]
        rang = (
            exact,
            complet,
            premier.stem.lower() == "modele",
            "mod" in premier.parent.name.lower(),
            -nom_relatif(premier, racine).count("/"),
        )
        trois = zip(("json", "poids", "entier"), (architecture, poids_choisis, entier), strict=True)
        modele = {cle: str(c) if c else None for cle, c in trois}
        rendus.append((rang, {**modele, "exact": exact, "montre": " + ".join(noms)}))
    return [m for _, m in sorted(rendus, key=lambda r: r[0], reverse=True)[:4]]


def _trier(chemins):
    """(architectures JSON, poids HDF5, modèles entiers) parmi des fichiers."""
    architectures, poids, entiers = [], [], []
    for chemin in chemins:
        nom = chemin.name.lower()
        if _est_la_reference(chemin):
            continue
        if nom.endswith(".keras"):
            entiers.append(chemin)
        elif nom.endswith((".h5", ".hdf5")):
            poids.append(chemin)
        elif nom.endswith(".json") and chemin.stat().st_size < 5_000_000:
            debut = chemin.read_bytes()[:300_000]
            if b"class_name" in debut and b"config" in debut:
                architectures.append(chemin)
    return architectures, poids, entiers


def _poids_de(architecture, poids):
    """Le fichier de poids qui va sans doute avec cette architecture, ou None."""
    memes = [p for p in poids if p.parent == architecture.parent] or poids

    def proximite(p):
        nom = p.name.lower()
        base = nom.removesuffix(".h5").removesuffix(".hdf5").removesuffix(".weights")
        return base == architecture.stem.lower(), ".weights" in nom, p.name

    return max(memes, key=proximite, default=None)


def _est_la_reference(chemin):
    """Vrai pour le modèle fourni, resté à sa place : ce n'est pas celui de l'étudiant."""
    return chemin.parent.name == "reference" and chemin.parent.parent.name == "modele"
