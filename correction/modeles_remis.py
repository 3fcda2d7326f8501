"""Les modèles possibles d'une remise, du plus probable au moins probable."""

from correction.fournis import somme
from correction.inventaire import nom_relatif


def trouver_modeles(chemins, racine, sommes=(), bases=()):
    """Les quatre modèles les plus probables : {json, poids, entier (textes ou None), exact, montre}.

    Un modèle dont les poids sont ceux que le dépôt fournit (`sommes`) n'est pas celui de l'étudiant.
    `exact` : « modele » si modele.json et modele.weights.h5 sont dans le modele/ de la racine ou d'une des
    `bases`, « analyse_image » s'ils sont où les met l'énoncé publié, « » sinon.
    """
    architectures, poids, entiers = _trier(chemins, sommes)
    paires = [(a, _poids_de(a, poids)) for a in architectures]
    paires = [(a, p) for a, p in paires if p or somme(a) not in sommes]
    if not any(p for _, p in paires):
        entiers = [*entiers, *poids]
    candidats = [(a, p, None) for a, p in paires] + [(None, None, e) for e in entiers]
    places = {d / "modele": "modele" for d in (racine, *bases)}
    places |= {d / "analyse_image" / "modele": "analyse_image" for d in (racine, *bases)}
    rendus = []
    for architecture, poids_choisis, entier in candidats:
        premier = entier or architecture
        exact = ""
        if (
            poids_choisis is not None
            and (premier.name, poids_choisis.name) == ("modele.json", "modele.weights.h5")
            and premier.parent == poids_choisis.parent
        ):
            exact = places.get(premier.parent, "")
        complet = bool(entier or poids_choisis)
        noms = [nom_relatif(c, racine) for c in (architecture, poids_choisis, entier) if c]
        rang = (
            bool(exact),
            complet,
            premier.stem.lower() == "modele",
            "mod" in premier.parent.name.lower(),
            -nom_relatif(premier, racine).count("/"),
        )
        trois = zip(("json", "poids", "entier"), (architecture, poids_choisis, entier), strict=True)
        modele = {cle: str(c) if c else None for cle, c in trois}
        rendus.append((rang, {**modele, "exact": exact, "montre": " + ".join(noms)}))
    return [m for _, m in sorted(rendus, key=lambda r: r[0], reverse=True)[:4]]


def _trier(chemins, sommes):
    """(architectures JSON, poids HDF5, modèles entiers) parmi des fichiers."""
    architectures, poids, entiers = [], [], []
    for chemin in chemins:
        nom = chemin.name.lower()
        if nom.endswith((".keras", ".h5", ".hdf5")) and somme(chemin) in sommes:
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
