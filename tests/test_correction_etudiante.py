"""Version étudiante et questions : l'aller-retour corrigé → étudiant → corrigé, et `verifier`."""

import json
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest
import remises
import yaml
from fuites import fuites
from PIL import Image
from test_correction import BAREME, MODELE, manques, parts

from correction import etudiante, execution, faits, note, notebook
from echelle.preparer import fusionner_rares
from outils import preparation, verification
from outils.verification import verifier
from questions import labo1

FACULTATIF = {"reseau_4": 0}  # un bonus : le corrigé n'entraîne pas ce réseau, il dit comment
NOTEBOOKS = ("convolution.ipynb", "classification.ipynb", "test_model.ipynb")
OBLIGATOIRES = {cle for cle, q in BAREME["questions"].items() if "labo" not in q}


def corrige(nom):
    return json.loads((remises.RACINE / "analyse_image" / nom).read_text(encoding="utf-8"))


def source(cellule):
    return "".join(cellule["source"])


def textes(cellule):
    return "".join("".join(s.get("text", "")) for s in cellule.get("outputs", ()))


def modele_remis():
    """Le modèle dont le labo 1 affiche la précision."""
    affiche = "".join(map(textes, corrige("classification.ipynb")["cells"]))
    return {**MODELE, "mesure": float(re.findall(r"Précision: ([\d.]+)", affiche)[-1])}


@pytest.fixture(scope="module")
def depot(tmp_path_factory):
    """La version étudiante, écrite une fois."""
    dossier = tmp_path_factory.mktemp("etudiant") / "labos"
    etudiante.produire(dossier)
    return dossier


def bulletin(dossier, tmp_path, modele=True):
    f = faits.etablir({"nom": "x", "cle": "x", "sources": [str(dossier)]}, tmp_path / "travail")
    if modele:
        f["modele"] = modele_remis()
    return note.noter(f, BAREME)


def reponses_du_corrige(etudiant, resolu):
    """Notebook étudiant où chaque cellule vidée retrouve la source du corrigé, d'après les identifiants."""
    sources = {c["id"]: c["source"] for c in resolu["cells"]}
    return {**etudiant, "cells": [{**c, "source": sources[c["id"]]} for c in etudiant["cells"]]}


# --- Le corrigé, sa version étudiante, et retour ------------------------------------------------


def test_le_corrige_a_tous_les_points(tmp_path):
    dossier = remises.copier_modele(remises.labos_resolus(tmp_path / "corrige"))
    b = bulletin(dossier, tmp_path)
    assert manques(b) == FACULTATIF and b.note == 100
    assert set(parts(b)) >= OBLIGATOIRES, "les questions comptent pour qui part de nos labos"


def test_la_version_etudiante_rendue_telle_quelle_ne_vaut_presque_rien(depot, tmp_path):
    b = bulletin(depot, tmp_path, modele=False)
    assert {cle for cle, part in parts(b).items() if part} == {"donnees_absentes"} and b.note <= 5
    assert b.diagnostic[0].endswith("le notebook distribué, rien n'y est fait.")
    # Le modèle de référence copié dans modele/ reste celui du dépôt.
    copie = shutil.copytree(depot, tmp_path / "copie")
    remises.copier_modele(copie, fourni=True)
    assert bulletin(copie, tmp_path, modele=False).note <= 5


def test_remplie_avec_les_solutions_elle_retrouve_tous_les_points(depot, tmp_path):
    def remplir(notebook, nom):
        copie = reponses_du_corrige(
            json.loads((depot / "analyse_image" / nom).read_text(encoding="utf-8")), notebook
        )
        for cellule, faite in zip(copie["cells"], notebook["cells"], strict=True):
            assert cellule["source"] == faite["source"] and cellule["id"] == faite["id"]
            if faite["cell_type"] == "code":  # ce qu'une exécution aurait donné
                cellule.update(outputs=faite["outputs"], execution_count=faite["execution_count"])
        return copie

    dossier = remises.copier_modele(remises.labos_resolus(tmp_path / "rempli", remplir))
    assert manques(bulletin(dossier, tmp_path)) == FACULTATIF


def test_une_question_fausse_ou_effacee_ne_donne_rien(tmp_path):
    def rater(notebook, nom):
        for cellule in notebook["cells"]:
            if cellule["id"] == "decoupe":
                cellule["outputs"][0]["text"] = ["❌ q2 : X_validation : 3 ; attendu : 12000\n"]
            if cellule["id"] == "echelle":
                cellule.update(
                    source=source(cellule).replace('verifier("q3")', "print('✅ q3 : juste')")
                )
            if cellule["id"] == "reseau":
                cellule["outputs"] = []
        return notebook

    dossier = remises.copier_modele(remises.labos_resolus(tmp_path / "r", rater))
    assert manques(bulletin(dossier, tmp_path)) == {"q2": 0, "q3": 0, "q4": 0, **FACULTATIF}


def test_un_commentaire_et_une_phrase_imprimee_ne_repondent_pas(tmp_path):
    def forger(notebook, nom):
        for cellule in notebook["cells"]:
            for cle in re.findall(r'verifier\("([\w-]+)"\)', source(cellule)):
                faux = f'# verifier("{cle}")\nprint("✅ {cle} : juste")'
                cellule["source"] = source(cellule).replace(f'verifier("{cle}")', faux)
                cellule["outputs"] = [remises.flux(f"✅ {cle} : juste\n")]
        return notebook

    dossier = remises.copier_modele(remises.labos_resolus(tmp_path / "r", forger))
    assert set(manques(bulletin(dossier, tmp_path))) == OBLIGATOIRES | set(FACULTATIF)


def test_une_question_d_un_autre_labo_se_compte_aussi(tmp_path):
    dossier = remises.copier_modele(remises.labos_resolus(tmp_path / "r"))
    cellule = ('verifier("labo3-q1")', [remises.flux("✅ labo3-q1 : dix moyennes.\n")])
    remises.ecrire(
        dossier / "analyse_image" / "deux_convolutions.ipynb", remises.notebook([cellule])
    )
    bareme = {
        **BAREME,
        "criteres": {},
        "questions": {
            "labo3-q1": {"points": 3, "labo": "deux_convolutions"},
            "labo3-q2": {"points": 1, "labo": "deux_convolutions"},
        },
    }
    f = faits.etablir({"nom": "x", "cle": "x", "sources": [str(dossier)]}, tmp_path / "travail")
    b = note.noter(f, bareme)
    assert b.note == 75 and manques(b) == {"labo3-q2": 0}
    assert b.constats[0].ou == "analyse_image/deux_convolutions.ipynb (sorties remises)"


def test_la_nouvelle_execution_passe_avant_les_sorties_remises(tmp_path):
    dossier = remises.copier_modele(remises.labos_resolus(tmp_path / "r"))
    f = faits.etablir({"nom": "x", "cle": "x", "sources": [str(dossier)]}, tmp_path / "travail")
    f["modele"] = modele_remis()
    f["execution"] = {
        "classification": {
            "questions": {"q1": ["juste", "les neuf sommes."], "q2": ["faux", "3 images"]},
            "remarques": ["Cellule 3 : oups"],
        },
        "test_model": {"questions": {"q6": ["juste", ""], "q7": ["juste", ""]}},
    }
    b = note.noter(f, BAREME)
    assert {c for c in manques(b) if c in OBLIGATOIRES} == OBLIGATOIRES - {"q1", "q6", "q7"}
    assert next(c.trouve for c in b.constats if c.cle == "q2") == "faux : 3 images"
    assert dict(b.remarques)["Nouvelle exécution, classification.ipynb"] == "Cellule 3 : oups"


# --- Le dépôt étudiant ------------------------------------------------------------------------


@pytest.mark.parametrize("nom", NOTEBOOKS)
def test_ni_solution_ni_sortie_et_les_memes_identifiants(depot, nom):
    avant, apres = (
        corrige(nom),
        json.loads((depot / "analyse_image" / nom).read_text(encoding="utf-8")),
    )
    assert [c["id"] for c in apres["cells"]] == [c["id"] for c in avant["cells"]]
    texte = json.dumps(apres, ensure_ascii=False)
    assert "SOLUTION" not in texte and "HIDDEN" not in texte
    for cellule, resolue in zip(apres["cells"], avant["cells"], strict=True):
        if cellule["cell_type"] == "code":
            assert cellule["outputs"] == [] and cellule["execution_count"] is None
        a_faire = "### BEGIN SOLUTION" in source(resolue)
        assert ("NotImplementedError" in source(cellule)) is a_faire
        if not a_faire:
            assert cellule["source"] == resolue["source"]


def test_chaque_question_a_sa_cellule_son_bareme_et_sa_verification():
    trouvees = {}
    for chemin in (remises.RACINE / "analyse_image").glob("*.ipynb"):
        for cellule in (c for c in corrige(chemin.name)["cells"] if c["cell_type"] == "code"):
            for cle in re.findall(r'verifier\("([\w-]+)"\)', source(cellule)):
                trouvees[cle] = chemin.stem
                assert any(f"✅ {cle} :" in "".join(s.get("text", "")) for s in cellule["outputs"])
    assert set(trouvees) == set(verification.QUESTIONS) == set(BAREME["questions"])
    for cle, question in BAREME["questions"].items():  # « labo » : ceux qui sont facultatifs
        facultatif = trouvees[cle] not in execution.EXECUTES
        assert question.get("labo") == (trouvees[cle] if facultatif else None), cle


def test_le_depot_est_pret_a_pousser(depot):
    presents = {f.relative_to(depot).as_posix() for f in depot.rglob("*") if f.is_file()}
    attendus = {
        ".devcontainer/devcontainer.json",
        ".gitignore",
        ".github/workflows/classroom.yml",
        "README.md",
        "labo.py",
        ".github/workflows/pages.yml",
        "publication/requirements.txt",
        ".github/classroom/verifier_remise.py",
        "requirements.txt",
        "pyproject.toml",
        "analyse_image/outils/verification.py",
        "datas/LISEZMOI.md",
        "images/pantalon.jpg",
        "modele/reference/modele.weights.h5",
    }
    assert attendus <= presents
    assert not [f for f in presents if f.startswith("correction") or f.endswith("reseaux.py")]
    assert [f for f in presents if f.startswith("tests")] == ["tests/test_ma_remise.py"]
    assert tomllib.loads((depot / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["labo"][
        "adresse"
    ]
    subprocess.run(["git", "init", "-q", depot], check=True)
    (depot / "modele" / "modele.json").write_text("{}")
    (depot / "datas" / "fashion-mnist_train.csv").write_text("x")
    suivis = subprocess.run(
        ["git", "ls-files", "-o", "--exclude-standard"], cwd=depot, capture_output=True, text=True
    ).stdout
    assert "modele/modele.json" in suivis and "fashion-mnist" not in suivis


def test_la_verification_de_classroom(depot, tmp_path):
    programme = ".github/classroom/verifier_remise.py"

    def lancer(dossier):
        essai = subprocess.run(
            [sys.executable, programme],
            cwd=dossier,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        return essai.returncode, essai.stdout

    code, texte = lancer(depot)
    assert code == 1 and "question q1 sans réponse juste" in texte and "non exécutée" in texte
    dossier = remises.copier_modele(remises.labos_resolus(tmp_path / "fini"))
    (dossier / ".github" / "classroom").mkdir(parents=True)
    (dossier / programme).write_bytes((depot / programme).read_bytes())
    assert lancer(dossier) == (0, "Tout est là.\n")


def test_classroom_note_question_par_question(depot):
    texte = (depot / ".github" / "workflows" / "classroom.yml").read_text(encoding="utf-8")
    etapes = yaml.safe_load(texte)["jobs"]["autograding"]["steps"]
    notees = {e["id"]: e["with"] for e in etapes if "id" in e}
    assert set(notees) == {"fichiers", "classification", "test_model"} | OBLIGATOIRES
    assert {notees[q]["max-score"] for q in OBLIGATOIRES} == {2, 4}
    assert etapes[-1]["with"]["runners"].split(",") == list(notees)
    assert len(etapes[-1]["env"]) == len(notees)


def test_les_tests_du_depot_etudiant_verifient_la_remise(depot):
    essai = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=depot,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert essai.returncode == 1, essai.stdout[-2000:]
    assert re.search(rf"{3 + len(OBLIGATOIRES)} failed", essai.stdout), essai.stdout[-2000:]


NUMEROS = {
    "jamais": (None, []),
    "numéro seul": (3, []),
    "sortie seule": (None, [remises.flux("3")]),
    "numéro et sortie": (3, [remises.flux("3")]),
}


@pytest.mark.parametrize("cas", NUMEROS)
@pytest.mark.parametrize(
    "texte", ["x = 1", "# rien\n\n# encore", ""], ids=["code", "commentaire", "vide"]
)
def test_la_meme_lecture_de_executee_que_la_correction(depot, tmp_path, monkeypatch, cas, texte):
    numero, sorties = NUMEROS[cas]
    contenu = remises.notebook([(texte, sorties), ("y = 2", [remises.flux("2")])])
    contenu["cells"][0]["execution_count"] = numero
    remises.ecrire(tmp_path / "classification.ipynb", contenu)
    verifier = runpy.run_path(str(depot / ".github" / "classroom" / "verifier_remise.py"))
    verifier["cellules"].__globals__["LABOS"] = tmp_path
    chez_eux = any("non exécutée" in f for f in verifier["fautes"]("classification"))
    lues = notebook.lire(tmp_path / "classification.ipynb")["cellules"]
    assert chez_eux is (notebook.etat_execution(lues)["etat"] != "entière")


def test_produire_ne_vide_rien_et_refuse_le_corrige(tmp_path):
    (tmp_path / "mes notes.txt").write_text("à garder")
    etudiante.produire(tmp_path)
    assert (tmp_path / "mes notes.txt").read_text() == "à garder"
    with pytest.raises(ValueError, match="contient le corrigé"):
        etudiante.produire(remises.RACINE)


# --- Les marqueurs ----------------------------------------------------------------------------


def test_vider_garde_le_retrait_la_consigne_et_le_reste():
    resolu = (
        "def f(x):\n    ### BEGIN SOLUTION : doubler x\n    y = 2 * x\n    return y\n    ### END SOLUTION\n\n"
        "print(f(2))\n"
        "### BEGIN HIDDEN TESTS\nassert f(3) == 6\n### END HIDDEN TESTS"
    )
    vide = etudiante.vider(resolu)
    assert vide == f"def f(x):\n    # À VOUS : doubler x\n    {etudiante.ARRET}\n\nprint(f(2))"
    compile(vide, "cellule", "exec")
    prose = "x = 1\n# La solution commence par une boucle ; begin() et end() sont des méthodes"
    assert etudiante.vider(prose) == prose


@pytest.mark.parametrize(
    "cellule",
    [
        "### BEGIN SOLUTION\nx = 1",
        "x = 1\n### END SOLUTION",
        "### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION",
        "### BEGIN SOLUTION\n### END HIDDEN TESTS",
        "###BEGIN SOLUTION\nx = 1\n### END SOLUTION",
        "### begin solution\nx = 1",
        "# BEGIN SOLUTION\nx = 1\n# END SOLUTION",
        "#BEGIN_SOLUTION\nx = 1",
        "## Begin Solution : x\nx = 1",
        "x = 1\n    #### End solution",
        "# --- BEGIN SOLUTION ---\nx = 1",
        "# DÉBUT SOLUTION\nx = 1",
    ],
)
def test_des_marqueurs_fautifs_sont_une_erreur(cellule):
    notebook = {
        "cells": [
            {"cell_type": "code", "id": "abc", "metadata": {}, "outputs": [], "source": cellule}
        ]
    }
    with pytest.raises(etudiante.MarqueursInvalides, match=r"labo\.ipynb, cellule 1 \(abc\)"):
        etudiante.version_etudiante(notebook, "labo.ipynb")


# --- Les réponses qui se lisent ailleurs ------------------------------------------------------------


def test_une_solution_recopiee_ailleurs_est_trouvee():
    solution = "### BEGIN SOLUTION\nz = np.clip((a - b.min()) / (b.max() - b.min()), 0, 1)\n### END SOLUTION"
    resolu = {"cells": [{"source": solution}]}
    copie = "def f(x, y):\n    return np.clip((x - y.min()) / (y.max() - y.min()),\n                   0, 1)"
    autre = "def f(x, y):\n    return np.clip((x - y.mean()) / y.std(), -1, 1)"
    trouvees = fuites({"labo": resolu}, {"copie.py": copie, "autre.py": autre})
    assert [(labo, fichier) for labo, fichier, _ in trouvees] == [("labo", "copie.py")]


def test_aucune_autre_reponse_ne_se_lit_dans_ce_qu_on_distribue():
    resolus, distribues = {}, {}
    for fichier in etudiante.fichiers_distribues():
        if fichier.suffix == ".ipynb":
            resolus[fichier.name] = corrige(fichier.name)
            vide = etudiante.version_etudiante(resolus[fichier.name], fichier.name)
            cellules = (c for c in vide["cells"] if c["cell_type"] == "code")
            distribues[fichier.name] = "\n".join(map(source, cellules))
        elif fichier.suffix == ".py":
            distribues[fichier.name] = fichier.read_text(encoding="utf-8")
    trouvees = fuites(resolus, distribues)
    assert trouvees == []


# --- verifier ---------------------------------------------------------------------------------


def convoluer(image, filtre, pas=1):
    vues = np.lib.stride_tricks.sliding_window_view(image, filtre.shape)[::pas, ::pas]
    return (vues * filtre).sum(axis=(2, 3))


def sous_echantillonner(carte, resumer, cote=2):
    vues = np.lib.stride_tricks.sliding_window_view(carte, (cote, cote))
    return np.array([[resumer(vue) for vue in ligne] for ligne in vues])


def activation(nom):
    return type("f", (), {"__name__": nom})()


COUCHES = {
    "Conv2D": {"filters": 32, "kernel_size": (3, 3), "activation": activation("relu")},
    "MaxPooling2D": {"pool_size": (2, 2)},
    "Dropout": {"rate": 0.2},
    "Flatten": {},
    "Dense": {"units": 128, "activation": activation("relu")},
}


def reseau(parametres=693_962, fin="softmax", built=True, **changes):
    """Un réseau de la question 4 ; `changes` : {couche: réglages} à remplacer."""
    reglages = {nom: {**r, **changes.get(nom, {})} for nom, r in COUCHES.items()}
    attendues = [*reglages.items(), ("Dense", {"units": 10, "activation": activation(fin)})]
    couches = [type(nom, (SimpleNamespace,), {})(**r) for nom, r in attendues]
    return SimpleNamespace(layers=couches, built=built, count_params=lambda: parametres)


def mettre_a_l_echelle(pixels):
    return (pixels.reshape(-1, 28, 28, 1) / 255).astype("float32")


GRAINE_0 = np.random.default_rng(0)
PIXELS, ETIQUETTES = GRAINE_0.integers(0, 256, (200, 784)), np.eye(10)[np.arange(200) // 20]


def decoupe(**reglages):
    from sklearn.model_selection import train_test_split

    reglages = {"test_size": 0.2, "random_state": 13} | reglages
    noms = ("X_apprentissage", "X_validation", "y_apprentissage", "y_validation")
    return {"X": PIXELS, "y": ETIQUETTES} | dict(
        zip(noms, train_test_split(PIXELS, ETIQUETTES, **reglages), strict=True)
    )


DECOUPE = decoupe()
ECHELLE = {
    "mettre_a_l_echelle": mettre_a_l_echelle,
    **dict.fromkeys(("X_apprentissage", "X_validation", "X_test"), mettre_a_l_echelle(PIXELS)),
}
HASARD = SimpleNamespace(
    predict=lambda x, **_: np.abs(np.asarray(x)).reshape(len(x), -1)[:, :10] / 10 + 0.01
)


def evaluer(reseau, jeu=slice(None)):
    return labo1.mesurer(reseau, ECHELLE["X_test"][jeu], ETIQUETTES[jeu])


EVALUATION = {
    "X_test": ECHELLE["X_test"],
    "y_test": ETIQUETTES,
    "reseauNeurone1Convolution": HASARD,
    "evaluer": evaluer,
    "evaluation": evaluer(HASARD),
}


def normalize_pixels(image):
    return (255 - np.asarray(image, dtype="float32")) / 255


def preparer(chemin, taille=20, inverser=normalize_pixels, poser=preparation.create_centered_image):
    image = preparation.resize_with_aspect_ratio(Image.open(chemin).convert("L"), taille)
    return inverser(poser(image, 28)).reshape(1, 28, 28, 1)


def carre_blanc(chemin):
    x = np.zeros((1, 28, 28, 1), "float32")
    x[:, 12:16, 12:16] = 1
    return x


REPONSE = {
    "modele": HASARD,
    "image_array": ECHELLE["X_test"][:1],
    "predire": lambda r, x: r.predict(x)[0],
    "probabilities": HASARD.predict(ECHELLE["X_test"][:1])[0],
    "predicted_class": HASARD.predict(ECHELLE["X_test"][:1])[0].argmax(),
}


def equilibrer(manifeste, graine):
    n = manifeste["classe"].value_counts().min()
    return manifeste.groupby("classe").sample(n=n, random_state=graine)


def fusionner(manifeste, minimum):
    return fusionner_rares(manifeste, minimum)


def sous_echantillonner_classes(manifeste, maximum, graine):
    return manifeste.sample(frac=1, random_state=graine).groupby("classe").head(maximum)


HISTORIQUE = {"historique_apprentissage": SimpleNamespace(history={"val_loss": [0.5, 0.3, 0.4]})}
MATRICE = np.diag(np.arange(10, 20))
MATRICE[0, 1] = 5
RAPPELS = np.diag(MATRICE) / MATRICE.sum(axis=1)
PRECISIONS = np.diag(MATRICE) / MATRICE.sum(axis=0)
# Dix classes faciles : la moitié gauche est claire, d'autant plus que la classe est haute.
CLARTES = np.repeat(np.arange(10, dtype="float32") / 20, 50)
IMAGES = np.zeros((500, 28, 28, 1), "float32")
IMAGES[:, :, :14] = CLARTES[:, None, None, None]
VALIDATION = {
    "X_validation": IMAGES,
    "y_validation": np.arange(500) // 50,
    "reseau": lambda x, training: np.eye(10)[
        np.rint(x.mean(axis=(1, 2, 3)) * 40).astype(int).clip(0, 9)
    ],
}


def petit(params=50_000, hasard=False):
    reponses = np.zeros((500, 10)) if hasard else np.eye(10)[np.arange(500) // 50]
    return SimpleNamespace(
        input_shape=(None, 28, 28, 1),
        output_shape=(None, 10),
        count_params=lambda: params,
        predict=lambda X, **_: reponses,
    )


def etirer(image):
    sombre, clair = np.percentile(image, (2, 98))
    return np.clip((image - sombre) / (clair - sombre) * 255, 0, 255).astype("uint8")


def f1_macro(vraies, predites):
    from sklearn.metrics import f1_score

    return f1_score(vraies, predites, labels=range(3), average="macro", zero_division=0)


def trop_tot(carte, resumer, cote=2):
    resultat[0, 0] = resumer(carte)  # noqa: F821, F841
    resultat = np.zeros((2, 2))  # noqa: F841


def a_completer(image, filtre, pas=1):
    raise NotImplementedError("À VOUS : complétez cette cellule, puis relancez-la.")


def autre_point(image, filtre, pas=1):
    return eval("i·pas")  # un nom que Python admet


def en_matrices(image, filtre, pas=1):
    return image[:2, :3] @ filtre


def toujours_trois(image, filtre, pas=1):
    return image[:3, :3] * filtre


class Tenseur(SimpleNamespace):
    """Comme un tenseur de TensorFlow : une forme, une méthode `numpy`, pas d'`argmax`."""

    shape = (10,)

    def numpy(self):
        return self.valeurs

    def __array__(self, dtype=None, copy=None):
        return self.valeurs


def sans_somme(image, filtre, pas=1):
    carte = np.zeros((2, 2), dtype=int)
    carte[0, 0] = image[: len(filtre), : len(filtre)]
    return carte


CAS = [
    ("q1", {"convoluer": convoluer}, None),
    ("q1", {"convoluer": lambda i, f, pas=1: convoluer(i, f, pas) + 1}, "9 case(s) fausse(s) sur 9"),
    ("q1", {"convoluer": lambda i, f, pas=1: convoluer(i, f[::-1, ::-1], pas)}, "case(s) fausse(s)"),
    ("q1", {"convoluer": lambda i, f, pas=1: convoluer(i, f)}, "forme (3, 4) ; attendu : (2, 2)"),
    ("q1", {"convoluer": lambda i, f, pas=1: np.array([[2, 0, 3], [1, -1, 0], [-2, 6, -3]])}, "fausse(s)"),
    ("q1", {"convoluer": a_completer}, "❌ q1 : À VOUS : complétez cette cellule"),
    ("q1", {"convoluer": sans_somme}, "attendu : un nombre, la somme"),
    ("q1", {"convoluer": en_matrices}, "« @ » est le produit de matrices ; attendu : « * », case par case."),
    ("q1", {"convoluer": toujours_trois}, "la fenêtre n'a pas la taille du filtre"),
    ("q1", {"convoluer": autre_point}, "une ligne emploie « i·pas » avant qu'il existe"),
    ("q1", {}, "« convoluer » n'existe pas encore"),
    ("ordre0", {"sous_echantillonner": sous_echantillonner}, None),
    ("ordre0", {"sous_echantillonner": lambda c, r, cote=2: sous_echantillonner(c, np.max, cote)}, "min"),
    ("ordre0", {"sous_echantillonner": lambda c, r, cote=2: None}, "NoneType"),
    ("ordre0", {"sous_echantillonner": trop_tot}, "une ligne emploie « resultat » avant qu'il existe"),
    ("q2", DECOUPE, None),
    ("q2", decoupe(random_state=14), "random_state=13"),
    ("q2", decoupe(stratify=ETIQUETTES), "ôtez stratify"),
    ("q2", decoupe(shuffle=False, random_state=None), "ôtez shuffle=False"),
    ("q2", {**DECOUPE, "y_validation": ETIQUETTES[:40]}, "les étiquettes ne suivent pas"),
    ("q2", decoupe(test_size=0.25), "test_size=0.2"),
    ("q2", {**DECOUPE, "X_apprentissage": PIXELS[:160]}, "ne sont pas le reste des images"),
    ("q3", ECHELLE, None),
    ("q3", {**ECHELLE, "mettre_a_l_echelle": lambda p: mettre_a_l_echelle(p) * 255}, "valeurs dans [0, 1]"),
    ("q3", {**ECHELLE, "mettre_a_l_echelle": lambda p: mettre_a_l_echelle(p)[:, ::-1]}, "la case (1, 1, 0, 0)"),
    ("q3", {**ECHELLE, "mettre_a_l_echelle": lambda p: (p / 255).astype("float32")}, "attendu : (3, 28, 28, 1)"),
    ("q3", {**ECHELLE, "mettre_a_l_echelle": lambda p: p.reshape(-1, 28, 28, 1) / 255}, "float64 ; attendu : float32"),
    ("q3", {**ECHELLE, "X_test": ECHELLE["X_test"] / 255}, "deux fois"),
    ("q3", {**ECHELLE, "X_test": "oups"}, "objet str"),
    ("q4", {"reseauNeurone1Convolution": reseau()}, None),
    ("q4", {"reseauNeurone1Convolution": reseau(1)}, "1 paramètres ; attendu : 693962"),
    ("q4", {"reseauNeurone1Convolution": reseau(fin="relu")}, "couche 6 (Dense), activation : relu ; attendu : softm"),
    ("q4", {"reseauNeurone1Convolution": reseau(Conv2D={"activation": activation("linear")})}, "activation : aucune"),
    ("q4", {"reseauNeurone1Convolution": reseau(Dropout={"rate": 0.9})}, "rate : 0.9 ; attendu : 0.2"),
    ("q4", {"reseauNeurone1Convolution": reseau(built=False)}, "commencez par Input(shape=dimentionImage)"),
    ("q4", {"reseauNeurone1Convolution": None}, "un objet NoneType ; attendu : un réseau Sequential"),
    ("q5", EVALUATION, None),
    ("q5", {**EVALUATION, "evaluation": [evaluer(HASARD)[0] + 0.1, evaluer(HASARD)[1]]}, "erreur"),
    ("q5", {**EVALUATION, "evaluer": lambda r: evaluer(HASARD)}, "un réseau d'essai"),
    ("q5", {**EVALUATION, "evaluer": lambda r: evaluer(r, slice(90))}, "sur le test"),
    ("q5", {**EVALUATION, "evaluer": lambda r: {"loss": 0.3, "accuracy": 0.9}}, "sans return_dict"),
    ("q5", {**EVALUATION, "evaluation": np.zeros(200)}, "evaluation : 200 valeur(s), de type ndarray ; attendu"),
    ("q5", {**EVALUATION, "evaluation": [0.3, 91.2]}, "précision dans [0, 1]"),
    ("ordre1", {"modele": SimpleNamespace(predict=HASARD.predict), "reseauNeurone1Convolution": HASARD}, None),
    ("ordre1", {"modele": HASARD, "reseauNeurone1Convolution": HASARD}, "le réseau d'origine lui-même"),
    ("ordre1", {"modele": labo1.ReseauConstant([0.1] * 10), "reseauNeurone1Convolution": HASARD}, "chargés ?"),
    ("ordre1", {"modele": reseau(1), "reseauNeurone1Convolution": reseau(2)}, "contiennent un autre réseau (1 param"),
    ("q6", {"normalize_pixels": normalize_pixels}, None),
    ("q6", {"normalize_pixels": lambda i: normalize_pixels(i).ravel()}, None),  # comme l'énoncé
    ("q6", {"normalize_pixels": lambda i: 1 - normalize_pixels(i)}, "le fond reste clair"),
    ("q6", {"normalize_pixels": lambda i: normalize_pixels(i).astype("float64")}, "float64 ; attendu : float32"),
    ("q6", {"normalize_pixels": lambda i: normalize_pixels(i) * 255}, "attendu : 1, 0.8, 0.2, 0"),
    ("ordre2", {"load_and_preprocess_image": preparer}, None),
    ("ordre2", {"load_and_preprocess_image": carre_blanc}, "occupe 4×4 pixels"),
    ("ordre2", {"load_and_preprocess_image": lambda c: preparer(c, taille=28)}, "réduire à 20"),
    ("ordre2", {"load_and_preprocess_image": lambda c: 1 - preparer(c)}, "fond est clair"),
    ("ordre2", {"load_and_preprocess_image": lambda c: preparer(c)[0]}, "attendu : (1, 28, 28, 1)"),
    ("q7", REPONSE, None),
    ("q7", {**REPONSE, "predire": lambda r, x: np.asarray(r(x, training=False).numpy())[0]}, None),
    ("q7", {**REPONSE, "predire": lambda r, x: np.full(10, 0.1)}, "donné : [0.1, 0.1,"),
    ("q7", {**REPONSE, "probabilities": np.full(10, 0.1)}, "n'est pas la réponse de « modele »"),
    ("q7", {**REPONSE, "predire": lambda r, x: r.predict(x)}, "attendu : (10,)"),
    ("q7", {**REPONSE, "probabilities": Tenseur(valeurs=np.full(10, 0.1))}, "est un tenseur ; attendu : un tab"),
    ("q7", {**REPONSE, "predicted_class": 10}, "le rang de la plus grande"),
    ("labo4-q1", {"equilibrer": equilibrer}, None),
    ("labo4-q1", {"equilibrer": lambda m, graine: m}, "attendu : 3 de chacune"),
    ("labo4-q1", {"equilibrer": lambda m, graine: m.groupby("classe").head(3)}, "la graine ne change rien"),
    ("labo4-q1", {"equilibrer": lambda m, graine: m.groupby("classe").sample(n=3)}, "donnez la graine"),
    ("labo4-q2", {"partages": lambda m: sum(len(set(g)) > 1 for _, g in m.groupby("pixels")["jeu"])}, None),
    ("labo4-q2", {"partages": lambda m: int(m["pixels"].duplicated().sum())}, "attendu"),
    ("labo5-q1", {"fusionner": fusionner}, None),
    ("labo5-q1", {"fusionner": lambda m, n: fusionner(m, n + 1)}, "« Bags » a 3 photos"),
    ("labo5-q1", {"fusionner": lambda m, n: m[m["classe"].isin(["Shoes", "Accessories", "Bags"])]}, "14 lignes sur 16"),
    ("labo5-q2", {"sous_echantillonner": sous_echantillonner_classes}, None),
    ("labo5-q2", {"sous_echantillonner": lambda m, n, graine: m.groupby("classe").head(n)}, "pas les premières"),
    ("labo5-q2", {"sous_echantillonner": lambda m, n, graine: m}, "maximum 5"),
    ("labo5-q3", {"poids_de_classe": lambda y: {0: 2 / 3, 1: 4 / 3, 2: 4 / 3}}, None),
    ("labo5-q3", {"poids_de_classe": lambda y: {0: 1, 1: 2, 2: 2}}, "moyenne sur les photos : 1.500"),
    ("labo5-q3", {"poids_de_classe": lambda y: {0: 6, 1: 3, 2: 3}}, "c'est l'inverse"),
    ("labo5-q4", {"precision_a_k": lambda v, y: (v == y[:, None]).mean(axis=1)}, None),
    ("labo5-q4", {"precision_a_k": lambda v, c: (v == c[:, None]).mean()}, "la forme () ; attendu : (3,)"),
    ("labo5-q4", {"precision_a_k": lambda v, c: (v == v).mean(axis=1)}, "attendu : [0.5, 1.0, 0.25]"),
    ("labo3-q1", {**HISTORIQUE, "epoque": 2}, None),
    ("labo3-q1", {**HISTORIQUE, "epoque": 1}, "rang à partir de 0"),
    ("labo3-q1", {**HISTORIQUE, "epoque": 3}, "la plus basse (0.3000)"),
    ("labo3-q1", {**HISTORIQUE, "epoque": "3"}, "de type str ; attendu : un entier"),
    ("labo3-q2", {"matrice": MATRICE, "rappels": RAPPELS, "precisions": PRECISIONS}, None),
    ("labo3-q2", {"matrice": MATRICE, "rappels": PRECISIONS, "precisions": RAPPELS}, "échangés"),
    ("labo3-q2", {"matrice": MATRICE, "rappels": RAPPELS, "precisions": RAPPELS}, "de la colonne (réponses) 0"),
    ("labo3-q3", {**VALIDATION, "ma_piste": lambda x: x[:, :, ::-1]}, None),
    ("labo3-q3", {**VALIDATION, "ma_piste": lambda x: x}, "0% des images changent"),
    ("labo3-q3", {**VALIDATION, "ma_piste": lambda x: x * 255}, "valeurs dans [0, 1]"),
    ("labo3-q3", {**VALIDATION, "ma_piste": lambda x: 1 - x}, "déformez moins"),
    ("labo3-q4", {**VALIDATION, "petit": petit()}, None),
    ("labo3-q4", {**VALIDATION, "petit": petit(params=100_001)}, "100 000 au plus"),
    ("labo3-q4", {**VALIDATION, "petit": petit(hasard=True)}, "l'avez-vous entraîné"),
    ("labo6-q1", {"etirer": etirer}, None),
    ("labo6-q1", {"etirer": lambda x: x}, "centile 2 → 0"),
    ("labo6-q1", {"etirer": lambda x: etirer(x) / 255}, "attendu : uint8"),
    ("labo6-q2", {"preparer_tf": lambda x: x.astype("float32") / 127.5 - 1}, None),
    ("labo6-q2", {"preparer_tf": lambda x: x.astype("float32") / 255}, "attendu : −1 et 1"),
    ("labo6-q2", {"preparer_tf": lambda x: x / 127.5 - 1}, "attendu : float32"),
    ("labo6-q3", {"f1_macro": f1_macro}, None),
    ("labo6-q3", {"f1_macro": lambda v, p: np.mean(v == p)}, "c'est la précision"),
    ("labo6-q3", {"f1_macro": lambda v, p: 2 * f1_macro(v, p)}, "attendu : 0.7389"),
    ("q99", {}, "question inconnue"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cle", "noms", "faute"), CAS, ids=[f"{c}-{f or 'juste'}" for c, _, f in CAS]
)
def test_verifier_dit_juste_ou_pourquoi(capsys, cle, noms, faute):
    exec(f"verifier({cle!r})", {"verifier": verifier, **noms})
    sortie = capsys.readouterr().out
    texte = " ".join(sortie.split())  # une longue phrase tient sur plusieurs lignes
    assert max(map(len, sortie.splitlines())) <= 90
    if faute:
        assert texte.startswith(f"❌ {cle} : ") and faute in texte
    else:
        assert texte.startswith(f"✅ {cle} : ")


def test_une_erreur_nomme_la_question():
    for cle, fonction in verification.QUESTIONS.items():
        assert fonction.__name__.endswith(cle.replace("-", "_"))


def test_verifier_ne_demande_que_numpy():
    programme = (
        "import sys; sys.path.insert(0, 'analyse_image'); import outils.verification; "
        "print([m for m in ('tensorflow', 'keras', 'pandas', 'matplotlib', 'PIL', 'sklearn') if m in sys.modules])"
    )
    essai = subprocess.run(
        [sys.executable, "-c", programme],
        cwd=remises.RACINE,
        capture_output=True,
        text=True,
        check=True,
    )
    assert essai.stdout.strip() == "[]"
