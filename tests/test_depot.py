"""Le dépôt lui-même : notebooks fournis, adresse publique, fichiers suivis par git."""

import ast
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import nbformat
import pytest

import labo

RACINE = Path(labo.__file__).parent
NOTEBOOKS = sorted((RACINE / "analyse_image").glob("*.ipynb"))
COLAB = "https://colab.research.google.com/github/"
LIGNES_DE_CODE = 25
LIGNES_DE_TEXTE = 30


def adresse_du_projet(racine=RACINE):
    projet = tomllib.loads((racine / "pyproject.toml").read_text(encoding="utf-8"))
    return projet["tool"]["labo"]["adresse"]


# --- Les notebooks fournis -------------------------------------------------------------------


@pytest.fixture(params=NOTEBOOKS, ids=lambda chemin: chemin.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=nbformat.NO_CONVERT)


def cellules_de_code(notebook):
    return [cellule for cellule in notebook.cells if cellule.cell_type == "code"]


def sorties(notebook):
    return [sortie for cellule in cellules_de_code(notebook) for sortie in cellule.outputs]


@pytest.mark.parametrize("chemin", NOTEBOOKS, ids=lambda chemin: chemin.stem)
def test_format_et_metadonnees(chemin):
    # Lu tel quel : nbformat.read réparerait en silence ce qu'on cherche ici.
    notebook = json.loads(chemin.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) >= (4, 5)
    assert nbformat.validator.isvalid(notebook)
    identifiants = [cellule.get("id") for cellule in notebook["cells"]]
    assert None not in identifiants
    assert len(set(identifiants)) == len(identifiants)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert "widgets" not in notebook["metadata"]


def test_premiere_cellule(notebook):
    premiere = notebook.cells[0]
    assert premiere.cell_type == "markdown"
    assert re.search(r"^# \S", premiere.source, re.MULTILINE), "il manque un titre"
    assert f"({COLAB}" in premiere.source, "il manque le badge Colab"


def test_execute_en_entier_dans_l_ordre(notebook):
    rangs = [cellule.execution_count for cellule in cellules_de_code(notebook)]
    assert rangs == list(range(1, len(rangs) + 1))


def test_ni_erreur_ni_avertissement_dans_les_sorties(notebook):
    assert [s for s in sorties(notebook) if s.output_type == "error"] == []
    assert [s.text for s in sorties(notebook) if s.get("name") == "stderr"] == []


def test_cellules_courtes(notebook):
    limites = {"code": LIGNES_DE_CODE, "markdown": LIGNES_DE_TEXTE}
    longues = [
        cellule.source.splitlines()[0]
        for cellule in notebook.cells
        if len(cellule.source.splitlines()) > limites[cellule.cell_type]
    ]
    assert longues == []


@pytest.mark.parametrize("chemin", NOTEBOOKS, ids=lambda chemin: chemin.stem)
def test_ni_lourd_ni_lie_a_une_machine(chemin):
    assert chemin.stat().st_size < 1_000_000
    # Les images sont en base64 : on les ôte pour ne chercher que dans le texte.
    texte = re.sub(r'"image/(png|jpeg)": ("[^"]*"|\[[^\]]*\])', "", chemin.read_text("utf-8"))
    chemins = re.findall(r"(?:/home/|/root/|/work/|/tmp/|/Users/|[A-Z]:\\\\+Users)[^\s\"]*", texte)
    assert chemins == []


# --- L'adresse publique ----------------------------------------------------------------------


def textes_publics():
    """(nom, texte) du README et de chaque cellule des notebooks."""
    readme = RACINE / "README.md"
    if readme.exists():
        yield readme.name, readme.read_text(encoding="utf-8")
    for chemin in NOTEBOOKS:
        for cellule in nbformat.read(chemin, as_version=4).cells:
            yield chemin.name, cellule.source


def test_les_badges_colab_menent_a_un_notebook_de_ce_depot():
    depot = adresse_du_projet().removeprefix("https://github.com/")
    for nom, texte in textes_publics():
        for lien in re.findall(re.escape(COLAB) + r"[^\s)\"']+", texte):
            debut = f"{COLAB}{depot}/blob/main/"
            assert lien.startswith(debut), f"{nom} : {lien}"
            assert RACINE / lien.removeprefix(debut) in NOTEBOOKS, f"{nom} : {lien}"


def test_chaque_notebook_porte_son_propre_badge(notebook, request):
    chemin = request.node.callspec.params["notebook"]
    assert f"/blob/main/analyse_image/{chemin.name})" in notebook.cells[0].source


def test_les_cellules_colab_clonent_ce_depot():
    clones = [
        (nom, adresse)
        for nom, texte in textes_publics()
        for adresse in re.findall(r"git clone .*?(https://\S+)", texte)
    ]
    attendue = adresse_du_projet()
    assert [c for c in clones if c[1].removesuffix(".git").rstrip("/`") != attendue] == []


@pytest.fixture
def copie(tmp_path):
    """Une copie des fichiers du dépôt qui peuvent porter l'adresse, avec un notebook et un README
    d'essai où elle apparaît sous toutes ses formes, et des adresses voisines à ne pas toucher."""
    for chemin in [RACINE / "labo.py", RACINE / "pyproject.toml", *NOTEBOOKS]:
        destination = tmp_path / chemin.relative_to(RACINE)
        destination.parent.mkdir(exist_ok=True)
        shutil.copy(chemin, destination)
    ancienne = adresse_du_projet()
    depot = ancienne.removeprefix("https://github.com/")
    (tmp_path / "README.md").write_text(
        f"Clonez {ancienne}.git ou ouvrez {COLAB}{depot}/blob/main/analyse_image/x.ipynb, ou "
        f"https://codespaces.new/{depot}.\r\nVoisins : {ancienne}-bis et https://github.com/keras",
        encoding="utf-8",
        newline="",
    )
    (tmp_path / "analyse_image").mkdir(exist_ok=True)
    (tmp_path / "analyse_image" / "essai.ipynb").write_text(
        f'{{"cells":  ["!git clone -q {ancienne} labos", "é \\u00e9"]}}', encoding="utf-8"
    )
    return tmp_path


def contenus(dossier):
    return {c: c.read_bytes() for c in dossier.rglob("*") if c.is_file() and c.suffix != ".pyc"}


def test_la_commande_adresse_change_tout_et_rien_d_autre(copie, monkeypatch):
    monkeypatch.setattr(labo, "RACINE", copie)
    monkeypatch.setattr(labo, "LABOS", copie / "analyse_image")
    avant = contenus(copie)
    ancienne = adresse_du_projet().removeprefix("https://github.com/").encode()
    nouvelle = b"ecole-x/labos.image"

    changes = labo.changer_adresse("https://github.com/ecole-x/labos.image.git")

    apres = contenus(copie)
    assert adresse_du_projet(copie) == "https://github.com/ecole-x/labos.image"
    assert apres.keys() == avant.keys()  # aucun fichier provisoire ne reste
    assert {c for c in apres if apres[c] != avant[c]} == set(changes)
    porteurs = {c for c in avant if ancienne in avant[c]} - {copie / "labo.py"}
    assert set(changes) == porteurs
    for chemin in changes:
        assert apres[chemin].replace(nouvelle, ancienne) == avant[chemin]
        restes = apres[chemin].count(ancienne)
        assert restes == (1 if chemin.name == "README.md" else 0)  # le voisin « -bis »
    assert labo.changer_adresse("https://github.com/ecole-x/labos.image/") == []


# --- Les commandes annoncées et les fichiers suivis ------------------------------------------


def test_les_commandes_du_readme_existent():
    readme = RACINE / "README.md"
    if not readme.exists():
        pytest.skip("pas encore de README.md")
    textes = [readme, RACINE / "CONTRIBUTING.md", RACINE / "datas" / "LISEZMOI.md"]
    texte = "\n".join(chemin.read_text("utf-8") for chemin in textes)
    commandes = re.findall(r"(?:python3?|py) labo\.py([^\n`»|]*)", texte)
    assert commandes, "le README ne dit pas comment lancer les labos"
    for commande in commandes:
        labo.lire_arguments(shlex.split(commande, comments=True))


def git(*arguments, dossier=RACINE):
    try:
        return subprocess.run(
            ["git", *arguments], cwd=dossier, capture_output=True, encoding="utf-8", timeout=60
        )
    except FileNotFoundError:
        pytest.skip("git n'est pas installé")


def contribuer():
    """(la carte, dans l'ordre ; les lignes du tableau « Où changer une ligne ») de CONTRIBUTING.md."""
    carte, suite = (RACINE / "CONTRIBUTING.md").read_text("utf-8").split("## Où changer une ligne")
    noms = [ligne.split("|")[1] for ligne in carte.splitlines() if ligne.startswith("| `")]
    lignes = [ligne for ligne in suite.split("## ")[0].splitlines() if "`" in ligne]
    return re.findall(r"`(\w+)`", " ".join(noms)), [ligne.split("|") for ligne in lignes]


def test_la_carte_nomme_chaque_outil_et_les_imports_descendent():
    carte, _ = contribuer()
    outils = {chemin.stem: chemin for chemin in (RACINE / "analyse_image/outils").glob("*.py")}
    assert sorted(carte) == sorted(outils.keys() - {"__init__"})
    for rang, nom in enumerate(carte):
        importes = set()
        for noeud in ast.walk(ast.parse(outils[nom].read_text("utf-8"))):
            if isinstance(noeud, ast.ImportFrom) and noeud.module == "outils":
                importes |= {alias.name for alias in noeud.names}
            elif isinstance(noeud, ast.ImportFrom) and noeud.module.startswith("outils."):
                importes.add(noeud.module.removeprefix("outils."))
        assert importes <= set(carte[:rang]), nom


def test_ce_que_contribuer_dit_de_chercher_est_dans_le_fichier_dit():
    _, lignes = contribuer()
    assert len(lignes) > 5
    for _, quoi, fichiers, mots, _ in lignes:
        chemins = [RACINE / nom for nom in re.findall(r"`([^`]+)`", fichiers)]
        chemins = [c if c.exists() else RACINE / "analyse_image/outils" / c.name for c in chemins]
        contenu = "".join(chemin.read_text("utf-8") for chemin in chemins)
        for mot in re.findall(r"`([^`]+)`", mots):
            # Défini là, employé en décorateur, appelé (st.title) ou écrit en tête de ligne.
            motif = rf"^ *(?:def |class |@)?{re.escape(mot)}\b|[{{( ]{re.escape(mot)} ?= ?"
            if fichiers.strip().endswith(".ipynb`"):  # une cellule est un texte dans du JSON
                motif = re.escape(mot)
            assert re.search(motif, contenu, re.M), f"{quoi} : « {mot} » n'est pas dans {fichiers}"


def test_le_depot_a_la_forme_annoncee():
    for dossier in ("analyse_image", "datas", "modele", "images", "tests"):
        assert (RACINE / dossier).is_dir()
    demandees = re.findall(r"^[\w-]+", (RACINE / "requirements.txt").read_text("utf-8"), re.M)
    bibliotheques = (
        "tensorflow keras jupyter nbval pandas numpy matplotlib seaborn pillow scikit-learn"
    )
    assert set(bibliotheques.split()) <= set(demandees)


def test_aucune_donnee_dans_le_depot():
    reponse = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if reponse.returncode != 0:
        pytest.skip(f"ce dossier n'est pas un clone git utilisable : {reponse.stderr.strip()}")
    fichiers = [RACINE / nom for nom in reponse.stdout.split("\0") if nom]
    fichiers = [fichier for fichier in fichiers if fichier.is_file()]
    assert [f.name for f in fichiers if RACINE / "datas" in f.parents] == ["LISEZMOI.md"]
    assert [f for f in fichiers if f.stat().st_size > 5_000_000] == []
    assert [f for f in fichiers if re.search(r"ubyte|\.(npz|zip|tar|gz)$", f.name)] == []
    for fichier in (f for f in fichiers if f.suffix == ".csv"):
        with fichier.open(encoding="utf-8") as lignes:
            assert lignes.readline().count(",") != 784, f"{fichier} : un CSV Fashion-MNIST"


@pytest.mark.parametrize(
    ("chemin", "ignore"),
    [
        ("datas/fashion-mnist_train.csv", True),
        ("datas/train-images-idx3-ubyte.gz", True),
        ("datas/hm/articles.csv", True),
        ("datas/LISEZMOI.md", False),
        ("analyse_image/datas/essai.csv", True),
        ("analyse_image/t10k-labels-idx1-ubyte", True),
        ("modele/modele.json", True),
        ("analyse_image/modele/modele.weights.h5", True),
        ("modele/modele.weights.h5", True),
        ("modele/trois_categories/mon_modele_bis.h5", True),
        ("analyse_image/modele/modele.json", True),
        ("analyse_image/modele/modele.weights.h5", True),
        ("analyse_image/modele/LISEZMOI.md", False),
        ("datas/clothing-dataset-small/train/pants/a.jpg", True),
        ("sortie/classification.ipynb", True),
        (".venv/bin/python", True),
        ("modele/reference/modele.json", False),
        ("modele/reference/modele.weights.h5", False),
        ("images/pantalon.png", False),
        ("analyse_image/classification.ipynb", False),
        ("mesures/photos.csv", False),
    ],
)
def test_ce_que_git_ignore(tmp_path, chemin, ignore):
    shutil.copy(RACINE / ".gitignore", tmp_path)
    git("init", "-q", dossier=tmp_path)
    reponse = git("check-ignore", "-q", chemin, dossier=tmp_path)
    assert (reponse.returncode == 0) == ignore
