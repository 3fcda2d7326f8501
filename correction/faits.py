"""Les faits d'une remise : ce qu'elle contient, sans jugement. C'est le programme d'un processus limité.

python -m correction.faits SOUMISSION.json FAITS.json DOSSIER_DE_TRAVAIL
"""

import functools
import hashlib
import json
import re
import sys
from pathlib import Path

from correction import lecture_code, limites, notebook, soumissions
from correction.soumissions import simplifier

RACINE = Path(__file__).resolve().parents[1]
ROLES = {"classification": "classification.ipynb", "test_model": "test_model.ipynb"}
MOTS_CLASSES = {
    "shirt": 0, "tee": 0, "haut": 0, "pantalon": 1, "pants": 1, "trouser": 1, "jean": 1, "pull": 2, "sweater": 2,
    "robe": 3, "dress": 3, "manteau": 4, "coat": 4, "sandale": 5, "sandal": 5, "chemise": 6, "basket": 7,
    "sneaker": 7, "sac": 8, "bag": 8, "botte": 9, "bottine": 9, "boot": 9,
}  # fmt: skip
NOMS_CLASSES = re.compile(
    "Un T-shirt/haut|Un pantalon|Un pull|Une robe|Un manteau|Des sandales|Une chemise|Des baskets|Un sac"
    "|Des bottes de cheville"
)
CLASSES = (
    "t shirt haut",
    "pantalon",
    "pull",
    "robe",
    "manteau",
    "sandales",
    "chemise",
    "baskets",
    "sac",
    "bottes",
)


def somme(chemin):
    """SHA-256 d'un fichier, lu par blocs."""
    with open(chemin, "rb") as fichier:
        return hashlib.file_digest(fichier, "sha256").hexdigest()


@functools.cache
def sommes_fournies():
    """Empreintes de ce que le dépôt fournit : images d'exemple et modèle de référence."""
    fournis = [*(RACINE / "images").glob("*"), *(RACINE / "modele" / "reference").glob("*")]
    return {somme(c) for c in fournis if c.is_file()}


# --- Notebooks --------------------------------------------------------------------------------


def _role_du_nom(chemin):
    nom = simplifier(chemin.stem)
    if "classif" in nom:
        return "classification"
    return "test_model" if "test" in nom and "mod" in nom or nom in ("test", "tests") else None


def _scores(faits):
    """Combien le contenu ressemble à chacun des deux notebooks de l'énoncé."""
    genres = {e["genre"] for e in faits["code"]["evenements"]}
    photos = any(
        e["genre"] == "predict" and "photo" in e["traits"] for e in faits["code"]["evenements"]
    )
    fonctions = {
        e["nom"] for e in faits["code"]["evenements"] if e["genre"] in ("fonction", "import")
    }
    convolutions = any(c[0] == "Conv2D" for r in faits["code"]["reseaux"] for c in r["couches"])
    # D'autres cours remettent d'autres notebooks : il faut un signe que celui-ci parle d'images de vêtements.
    chemins = " ".join(
        e["chemin"] for e in faits["code"]["evenements"] if e["genre"] == "lecture_csv"
    )
    vetements = convolutions or bool(
        re.search(r"fashion|mnist|zalando|obtenir_csv", chemins, re.IGNORECASE)
    )
    classification = vetements * (
        4 * ("fit" in genres) + 2 * convolutions + 2 * ("decoupe" in genres) + ("sauvegarde" in genres)
        + ("evaluate" in genres) + ("lecture_csv" in genres)
    )  # fmt: skip
    test = (
        3 * ("chargement" in genres) + 2 * ("image_ouverte" in genres) + 2 * photos + ("predict" in genres)
        + 2 * bool(faits["sorties"]["reponses"])
        + 2 * any("preprocess_image" in f or "centered_image" in f for f in fonctions)
    )  # fmt: skip
    return classification, test


def lire_notebook(chemin, relatif):
    """Faits d'un notebook (ou d'un .py), code et sorties compris."""
    if chemin.suffix.lower() == ".py":
        source = chemin.read_bytes()[:500_000].decode("utf-8", "replace")
        cellule = {
            "id": "",
            "source": source,
            "numero": None,
            "texte": "",
            "erreurs": [],
            "figures": 0,
            "sorties": 0,
        }
        lu = {
            "lisible": False,
            "probleme": "un fichier Python, pas un notebook",
            "format": None,
            "cellules": [cellule],
            "markdown": "",
        }
    else:
        lu = notebook.lire(chemin)
    cellules = lu["cellules"]
    faits = {
        "chemin": relatif.as_posix(),
        "lisible": lu["lisible"],
        "probleme": lu["probleme"],
        "recupere": not lu["lisible"] and bool(cellules),
        "nombre": len(cellules),
        "execution": notebook.etat_execution(cellules),
        "sorties": notebook.lire_sorties(cellules),
        "code": lecture_code.analyser([c["source"] for c in cellules]),
        "questions": _questions(cellules),
        "classes_affichees": _classes_affichees(cellules),
        "empreinte_code": hashlib.sha256(
            "\n".join(c["source"].strip() for c in cellules).encode()
        ).hexdigest(),
    }
    faits["serie"] = any(
        e["genre"] == "import" and e["nom"].split(".")[0] == "outils"
        for e in faits["code"]["evenements"]
    )
    faits["scores"] = _scores(faits)
    faits["nom_juste"] = relatif.name in ROLES.values()
    faits["dossier_juste"] = relatif.parent.name == "analyse_image"
    faits["role_du_nom"] = _role_du_nom(chemin)
    return faits


def _questions(cellules):
    """{question: « juste » | « faux »} d'après la sortie des cellules qui appellent `verifier`."""
    etats = {}
    for cellule in cellules:
        for nom in re.findall(r"verifier\(\s*[\"']([\w-]{1,30})[\"']", cellule["source"]):
            etats[nom] = "sans réponse"
            for signe, question in re.findall(r"(✅|❌)\s*([\w-]{1,30})\s*[:—]", cellule["texte"]):
                if question == nom:
                    etats[nom] = "juste" if signe == "✅" else "faux"
    return etats


def _classes_affichees(cellules):
    """[[cellule, nom de classe]] ; une cellule qui en affiche plus de trois énumère, elle ne répond pas."""
    trouvees = []
    for rang, cellule in enumerate(cellules, start=1):
        noms = list(dict.fromkeys(NOMS_CLASSES.findall(cellule["texte"])))
        trouvees += [[rang, nom] for nom in noms] if len(noms) <= 3 else []
    return trouvees[:40]


def _contenu(faits):
    """Rôle que dit le contenu : « classification », « test_model », « deux » ou None."""
    classification, test = faits["scores"]
    if classification >= 5 and test >= 6:
        return "deux"
    if classification >= max(2, test):
        return "classification"
    return "test_model" if test >= 5 else None


def attribuer(notebooks):
    """{rôle: notebook ou None} : le contenu décide, puis le nom, l'exécution et le dossier."""
    # Nos autres labos entraînent aussi des réseaux : ils ne sont ni l'un ni l'autre.
    notebooks = [n for n in notebooks if n["chemin"].rsplit("/", 1)[-1] not in autres_labos()]
    choix = {}
    for role in ROLES:

        def rang(n, role=role):
            nomme = n["role_du_nom"] == role
            exact = nomme and n["nom_juste"] and n["dossier_juste"]
            return (
                _contenu(n) in (role, "deux") or (exact and not n["lisible"]), nomme, n["execution"]["faites"] > 0,
                exact, nomme and n["nom_juste"], n["lisible"], n["scores"][role == "test_model"],
                -n["chemin"].count("/"), n["chemin"],
            )  # fmt: skip

        candidats = [
            n
            for n in notebooks
            if _contenu(n) == role or (_contenu(n) in (None, "deux") and n["role_du_nom"] == role)
        ]
        # À défaut, un notebook qui fait les deux labos, quel que soit son nom.
        candidats = candidats or [n for n in notebooks if _contenu(n) == "deux"]
        choix[role] = max(candidats, key=rang) if candidats else None
    return choix


@functools.cache
def autres_labos():
    """Noms des notebooks de la série qui ne sont pas les deux labos corrigés."""
    return {c.name for c in (RACINE / "analyse_image").glob("*.ipynb")} - set(ROLES.values())


# --- Modèles ----------------------------------------------------------------------------------


def trouver_modeles(chemins, racine, bases=()):
    """Modèles possibles, du plus probable au moins probable : {json, poids, entier, exact} (chemins)."""
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
    candidats = []
    for architecture in architectures:
        memes = [p for p in poids if p.parent == architecture.parent] or poids

        def proximite(p, a=architecture):
            base = p.name.lower().removesuffix(".h5").removesuffix(".hdf5").removesuffix(".weights")
            return (base == a.stem.lower(), ".weights" in p.name.lower(), p.name)

        candidats.append(
            {
                "json": architecture,
                "poids": max(memes, key=proximite) if memes else None,
                "entier": None,
            }
        )
    if not any(c["poids"] for c in candidats):
        candidats += [{"json": None, "poids": None, "entier": p} for p in [*entiers, *poids]]
    else:
        candidats += [{"json": None, "poids": None, "entier": p} for p in entiers]

    def rang(c):
        complet = bool(c["entier"] or c["poids"])
        premier = c["entier"] or c["json"]
        relatif = premier.relative_to(racine) if premier.is_relative_to(racine) else premier
        c["exact"] = bool(
            c["poids"] and premier.name == "modele.json" and c["poids"].name == "modele.weights.h5"
            and premier.parent in [Path(d) / "modele" for d in (racine, *bases)]
            and c["poids"].parent == premier.parent
        )  # fmt: skip
        return (
            c["exact"],
            complet,
            premier.stem.lower() == "modele",
            "mod" in premier.parent.name.lower(),
            -len(relatif.parts),
        )

    return sorted(candidats, key=rang, reverse=True)[:4]


def _est_la_reference(chemin):
    """Vrai pour le modèle fourni, resté à sa place : ce n'est pas celui de l'étudiant."""
    return chemin.parent.name == "reference" and chemin.parent.parent.name == "modele"


# --- Données et photos ------------------------------------------------------------------------

NOM_DE_DONNEES = re.compile(
    r"ubyte|fashion[-_ ]?mnist.*\.(csv|zip|gz|npz|npy|parquet)$|\.npz$|\.npy$|\.idx\d?$",
    re.IGNORECASE,
)


def _est_une_donnee(nom, taille, chemin=None):
    base = nom.rsplit("/", 1)[-1].lower()
    if base.endswith((".h5", ".hdf5", ".keras", ".ipynb", ".json", ".py", ".md", ".txt")):
        return False
    if NOM_DE_DONNEES.search(base):
        return True
    if base.endswith((".csv", ".zip", ".gz", ".tar", ".7z", ".rar")) and taille > 5_000_000:
        return True
    if base.endswith(".csv") and chemin and taille > 10_000:
        with open(chemin, "rb") as fichier:
            return fichier.readline(20_000).count(b",") == 784
    return False


def lire_donnees(inventaire, racine, git):
    """Fichiers de données remis (suivis par git si c'est un clone) et ceux que garde l'historique."""
    suivis = set(git["suivis"]) if git else None
    rendus, autres = [], []
    for chemin in inventaire:
        nom = (
            chemin.relative_to(racine).as_posix() if chemin.is_relative_to(racine) else chemin.name
        )
        taille = chemin.stat().st_size
        if suivis is not None and nom not in suivis:
            continue
        if _est_une_donnee(nom, taille, chemin):
            rendus.append([nom, taille])
        elif taille > 20_000_000:
            autres.append([nom, taille])
    passes = []
    if git:
        # Les suivis absents du disque (extraction partielle) sont dans l'historique, avec leur taille.
        for nom, taille in git["historique"]:
            if _est_une_donnee(nom, taille):
                (rendus if nom in suivis and nom not in dict(rendus) else passes).append(
                    [nom, taille]
                )
        passes = [p for p in passes if p[0] not in dict(rendus)]
    return {
        "git": git is not None,
        "rendus": rendus[:50],
        "historique": passes[:50],
        "gros": autres[:20],
    }


def lire_photos(inventaire, racine, faits_test):
    """Photos remises, chemins d'images écrits dans le code, et réponses attendues d'après leurs noms."""
    fichiers = []
    for chemin in inventaire:
        if chemin.suffix.lower() in soumissions.IMAGES and chemin.stat().st_size < 60_000_000:
            relatif = (
                chemin.relative_to(racine).as_posix()
                if chemin.is_relative_to(racine)
                else chemin.name
            )
            empreinte = somme(chemin)
            fichiers.append(
                [relatif, chemin.stat().st_size, empreinte, empreinte in sommes_fournies()]
            )
        if len(fichiers) >= 500:
            break
    chemins, reponses = [], []
    if faits_test:
        dossier = faits_test["chemin"].rpartition("/")[0]
        noms = {f[0].lower() for f in fichiers}
        bases = {n.rsplit("/", 1)[-1] for n in noms}
        for e in faits_test["code"]["evenements"]:
            if e["genre"] == "chemin_image":
                chemins.append(
                    [e["chemin"], e["cellule"], _place(e["chemin"], dossier, noms, bases)]
                )
        uniques = {c[0]: c for c in chemins}
        for cellule, reponse in faits_test["sorties"]["reponses"] or _reponses_libres(faits_test):
            avant = [c[0] for c in chemins if c[1] <= cellule]
            reponses.append(
                [
                    cellule,
                    reponse,
                    avant[-1] if avant else "",
                    _juste(avant[-1], reponse) if avant else None,
                ]
            )
        chemins = list(uniques.values())
    return {"fichiers": fichiers, "chemins": chemins[:60], "reponses": reponses[:60]}


def _reponses_libres(faits):
    """Réponses dites autrement que « Selon moi… » : un nom de classe affiché par une cellule qui prédit."""
    predit = {e["cellule"] for e in faits["code"]["evenements"] if e["genre"] == "predict"}
    return [[rang, nom] for rang, nom in faits["classes_affichees"] if rang in predit]


def _place(chemin, dossier, noms, bases):
    """« présente », « ailleurs » ou « absente » : une photo écrite dans le code est-elle dans la remise ?"""
    propre = chemin.replace("\\", "/")
    base = propre.rsplit("/", 1)[-1].lower()
    if not re.match(r"^([A-Za-z]:|/)", propre):
        for depart in (dossier, ""):
            parties = []
            for morceau in f"{depart}/{propre}".split("/"):
                if morceau == "..":
                    parties = parties[:-1]
                elif morceau not in ("", "."):
                    parties.append(morceau)
            if "/".join(parties).lower() in noms:
                return "présente"
    return "ailleurs" if base in bases else "absente"


def classe_du_nom(chemin):
    """Numéro de la classe que le nom d'une photo annonce, ou None."""
    base = simplifier(chemin.replace("\\", "/").rsplit("/", 1)[-1])
    trouves = {c for mot, c in MOTS_CLASSES.items() if mot in base}
    return trouves.pop() if len(trouves) == 1 else None


def _juste(chemin, reponse):
    attendue = classe_du_nom(chemin)
    if attendue is None:
        return None
    return CLASSES[attendue].split()[0][:4] in simplifier(reponse) or attendue == classe_du_nom(
        reponse
    )


def _toutes_les_questions(notebooks):
    """{question: [état, notebook]} pour toute la remise, autres labos compris ; une réponse juste l'emporte."""
    questions = {}
    for n in notebooks:
        for cle, etat in n["questions"].items():
            if questions.get(cle, [""])[0] != "juste":
                questions[cle] = [etat, n["chemin"]]
    return questions


# --- Tout -------------------------------------------------------------------------------------


def etablir(soumission, travail):
    """Faits (dict sérialisable) d'une remise {nom, cle, sources}."""
    racines, remarques, ouvertes = soumissions.deballer(
        soumission["sources"], Path(travail) / "contenu"
    )
    racines = [soumissions.racine_logique(r) for r in racines]
    git = next((g for g in map(soumissions.etat_git, racines) if g), None)
    inventaire, notebooks = [], []
    for racine in racines:
        chemins, notes = soumissions.fichiers(racine)
        remarques += notes[:10]
        # Une archive qu'on a ouverte est l'emballage de la remise, pas une donnée.
        deballees = {*ouvertes, *(c for c in chemins if Path(f"{c}.contenu").is_dir())}
        inventaire += [(c, racine) for c in chemins if c not in deballees]
    ipynb = [(c, r) for c, r in inventaire if c.suffix.lower() == ".ipynb"]
    for chemin, racine in ipynb[:40]:
        notebooks.append(lire_notebook(chemin, chemin.relative_to(racine)))
        notebooks[-1]["absolu"] = str(chemin)
    roles = attribuer(notebooks)
    for chemin, racine in inventaire:  # à défaut de notebook, un .py du même rôle
        role = _role_du_nom(chemin)
        if (
            chemin.suffix.lower() == ".py"
            and role
            and not roles[role]
            and chemin.stat().st_size < 500_000
        ):
            roles[role] = lire_notebook(chemin, chemin.relative_to(racine))
    base = racines[0] if racines else Path(travail)
    chemins = [c for c, _ in inventaire]
    bases = {
        Path(n["absolu"]).parents[1]
        for n in roles.values()
        if n and "absolu" in n and n["dossier_juste"]
    } | set(racines)
    memes = roles["classification"] is not None and roles["classification"] is roles["test_model"]
    return {
        "nom": soumission["nom"],
        "cle": soumission["cle"],
        "remarques": remarques[:30],
        "vide": not inventaire,
        "racines": [str(r) for r in racines],
        "notebooks": roles,
        "un_seul_notebook": memes,
        "questions": _toutes_les_questions(notebooks),
        "autres_notebooks": [n["chemin"] for n in notebooks if n not in roles.values()][:20],
        "modeles": [
            {k: str(v) if isinstance(v, Path) else v for k, v in c.items()}
            | {"montre": _montrer(c, base)}
            for c in trouver_modeles(chemins, base, bases)
        ],
        "poids_seuls": [c.name for c in chemins if c.suffix.lower() in (".h5", ".hdf5")][:10],
        "donnees": lire_donnees(chemins, base, git),
        "photos": lire_photos(chemins, base, roles["test_model"]),
    }


def _montrer(candidat, base):
    noms = [c.relative_to(base).as_posix() if c.is_relative_to(base) else c.name
            for c in (candidat["json"], candidat["poids"], candidat["entier"]) if c]  # fmt: skip
    return " + ".join(noms)


if __name__ == "__main__":
    limites.se_limiter(memoire=4 * limites.GO, secondes=120)
    demande = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(sys.argv[2]).write_text(json.dumps(etablir(demande, sys.argv[3])), encoding="utf-8")
