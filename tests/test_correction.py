"""Correction : ce qu'une remise vaut, lue sans être exécutée. Chaque accident vu dans de vraies remises y est."""

import json
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile

import pytest
import remises

from correction import (
    architectures,
    archives,
    bareme,
    criteres,
    faits,
    note,
    notebook,
    notebooks_remis,
    rapport,
    ressemblances,
    soumissions,
)
from correction.lecture import analyse
from correction.sorties import lire_sorties

BAREME = bareme.lire_bareme()
MODELE = {
    "charge": True,
    "entree": [28, 28, 1],
    "sortie": 10,
    "parametres": 693_962,
    "mesure": 0.9378,
    "images": 10_000,
    "marge": 0,
    "echelle": "0–1",
    "autre": 0.1,
    "montre": "modele/modele.json",
    "octets": 1,
    "keras": "3.13",
}


def lire(dossier, tmp_path, nom="Élise"):
    return faits.etablir(
        {"nom": nom, "cle": "elise", "sources": [str(dossier)]}, tmp_path / "travail"
    )


def noter(dossier, tmp_path, modele=MODELE, bareme=BAREME):
    """Bulletin d'un dossier, sans charger le modèle (les modèles ont leurs propres tests)."""
    f = lire(dossier, tmp_path)
    if modele and f["modeles"]:
        f["modele"] = modele
    return note.noter(f, bareme)


def parts(bulletin):
    return {c.cle: c.part for c in bulletin.constats if c.part is not None}


def manques(bulletin):
    """Les critères qui n'ont pas tous leurs points : {clé: part arrondie}."""
    return {cle: round(part, 2) for cle, part in parts(bulletin).items() if part < 0.999}


def titres(bulletin):
    return {titre for titre, _ in bulletin.remarques}


@pytest.fixture
def eleve(tmp_path):
    return tmp_path / "remises" / "Élise Tremblay"


def test_la_remise_de_l_enonce_a_tous_les_points(eleve, tmp_path):
    bulletin = noter(remises.remise(eleve), tmp_path)
    assert manques(bulletin) == {} and bulletin.note == 100
    assert titres(bulletin) == {
        "Le piège de l'augmentation",
        "Validation sur des images déformées",
        "Une courbe « Test » qui n'en est pas une",
    }
    assert not any(c.cle.startswith("q") and c.part is not None for c in bulletin.constats)


# --- Présence, noms, formats ------------------------------------------------------------------


def classification(*modifications, **options):
    """classification.ipynb de l'énoncé, chaque (avant, après) remplacé dans ses cellules."""
    cellules = []
    for source, sorties in remises.cellules_classification():
        for avant, apres in modifications:
            source = source.replace(avant, apres)
        cellules.append((source, sorties))
    return remises.notebook(cellules, **options)


def renommer(dossier, avant, apres):
    (dossier / apres).parent.mkdir(parents=True, exist_ok=True)
    (dossier / avant).rename(dossier / apres)


@pytest.mark.parametrize(
    "nom",
    [
        "classification (1).ipynb",
        "analyse_image/Classification.ipynb",
        "Labo 1/Lab-classification vétements.IPYNB",
        "x/Untitled3.ipynb",
    ],
)
def test_un_notebook_mal_nomme_ou_ailleurs_est_reconnu(eleve, tmp_path, nom):
    remises.remise(eleve)
    renommer(eleve, "analyse_image/classification.ipynb", nom)
    bulletin = noter(eleve, tmp_path)
    assert manques(bulletin) == {"fichier_classification": 0.75}
    assert nom in {c.cle: c.trouve for c in bulletin.constats}["fichier_classification"]


def test_les_deux_noms_echanges_sont_reconnus_et_dits(eleve, tmp_path):
    remises.remise(eleve, remises.notebook(remises.cellules_test()), classification())
    bulletin = noter(eleve, tmp_path)
    assert manques(bulletin) == {"fichier_classification": 0.75, "fichier_test_model": 0.75}
    assert "échangés" in bulletin.constats[0].trouve


def test_tout_dans_un_seul_notebook(eleve, tmp_path):
    cellules = remises.cellules_classification() + remises.cellules_test()
    remises.remise(eleve, remises.notebook(cellules))
    (eleve / "analyse_image" / "test_model.ipynb").unlink()
    assert manques(noter(eleve, tmp_path)) == {"fichier_test_model": 0.75}


def test_une_seule_cellule_est_dite_sans_perdre_de_points(eleve, tmp_path):
    cellules = remises.cellules_classification()
    source = "\n".join(s for s, _ in cellules)
    sorties = [s for _, groupe in cellules for s in groupe]
    bulletin = noter(remises.remise(eleve, remises.notebook([(source, sorties)])), tmp_path)
    assert manques(bulletin) == {}
    assert "analyse_image/classification.ipynb : une seule cellule" in titres(bulletin)


def test_notebooks_absents(eleve, tmp_path):
    (eleve / "docs").mkdir(parents=True)
    (eleve / "docs" / "rapport.md").write_text("rien")
    bulletin = noter(eleve, tmp_path)
    assert bulletin.note == 0
    assert {c.trouve for c in bulletin.constats[:2]} == {"aucun notebook reconnu"}


def test_une_archive_qui_ne_s_ouvre_pas_est_dite_d_abord(eleve, tmp_path):
    """Ni « absent » ni zéro sans raison : l'enseignant voit, dans la classe aussi, ce qu'il doit ouvrir à la main."""
    eleve.mkdir(parents=True)
    (eleve / "labo.zip").write_bytes(b"PK\x03\x04abime")
    assert "« labo.zip »" in noter(eleve, tmp_path).diagnostic[0]
    assert "« labo.zip »" in rapport._pas_lue(lire(eleve, tmp_path))
    assert rapport._pas_lue(lire(remises.remise(eleve), tmp_path)) == ""


def test_une_remise_vide_vaut_zero(eleve, tmp_path):
    eleve.mkdir(parents=True)
    assert noter(eleve, tmp_path).note == 0


def test_un_fichier_python_a_defaut_de_notebook(eleve, tmp_path):
    remises.remise(eleve)
    (eleve / "analyse_image" / "classification.ipynb").unlink()
    source = "\n".join(s for s, _ in remises.cellules_classification()).replace(
        "%matplotlib inline", ""
    )
    (eleve / "analyse_image" / "classification.py").write_text(source, encoding="utf-8")
    p = parts(noter(eleve, tmp_path))
    assert (
        p["fichier_classification"],
        p["classification_lisible"],
        p["classification_execution"],
    ) == (0.5, 0, 0)
    # Rien ne montre qu'il ait tourné.
    assert (p["decoupe"], p["reseau_1"], p["epoques_augmentees"]) == (0, 0, 0)


FORMATS = {
    "BOM": lambda n: ("\ufeff" + json.dumps(n)).encode(),
    "UTF-16": lambda n: json.dumps(n, ensure_ascii=False).encode("utf-16"),
    "sans métadonnées": lambda n: {k: v for k, v in n.items() if k in ("cells", "nbformat")},
    "nbformat 3": lambda n: {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [
            {
                "cells": [
                    {
                        "cell_type": "code",
                        "collapsed": False,
                        "input": c["source"],
                        "language": "python",
                        "prompt_number": c["execution_count"],
                        "outputs": [
                            {
                                "output_type": s["output_type"],
                                "stream": "stdout",
                                "text": s.get("text", []),
                                "png": "x",
                            }
                            for s in c["outputs"]
                        ],
                    }
                    for c in n["cells"]
                ]
            }
        ],
    },
    "sources en une chaîne": lambda n: {
        **n,
        "cells": [{**c, "source": "".join(c["source"])} for c in n["cells"]],
    },
    "cellules insolites": lambda n: {
        **n,
        "cells": [*n["cells"], None, 3, {"cell_type": "code"}, {"cell_type": "markdown"}],
    },
}


@pytest.mark.parametrize("cas", FORMATS)
def test_formats_de_notebook(eleve, tmp_path, cas):
    remises.remise(eleve, FORMATS[cas](classification()))
    assert manques(noter(eleve, tmp_path)) == {}


def _conflit():
    texte = json.dumps(classification(), indent=1)
    ligne = '   "execution_count": 3,\n'
    assert ligne in texte
    conflit = f"<<<<<<< HEAD\n{ligne}=======\n" + ligne.replace("3", "7") + ">>>>>>> 4f2a\n"
    return texte.replace(ligne, conflit)


@pytest.mark.parametrize(
    ("contenu", "probleme", "reste"),
    [
        (_conflit, "conflit Git", True),
        (lambda: json.dumps(classification(), indent=1)[:-900], "JSON invalide", True),
        (lambda: "", "fichier vide", False),
        (lambda: "<!DOCTYPE html><html>", "page web", False),
        (lambda: "[1, 2]", "pas un notebook", False),
        (lambda: b"\x00\xff\xfe\x00" * 50, "JSON invalide", False),
        (lambda: "[" * 200_000, "JSON invalide", False),
    ],
    ids=["conflit", "tronqué", "vide", "html", "liste", "binaire", "profond"],
)
def test_un_notebook_abime_est_present_mais_illisible(eleve, tmp_path, contenu, probleme, reste):
    bulletin = noter(remises.remise(eleve, contenu()), tmp_path)
    p = parts(bulletin)
    assert p["fichier_classification"] == reste and p["classification_lisible"] == 0
    assert probleme in {c.cle: c.trouve for c in bulletin.constats}["classification_lisible"]
    # Ce qui a pu être récupéré garde ses points d'étapes.
    assert (p["decoupe"] == 1) is reste
    assert p["test_model_execution"] == 1


# --- Exécution --------------------------------------------------------------------------------


def numeros(*n):
    contenu = classification()
    for cellule, numero in zip(contenu["cells"], n, strict=True):
        cellule["execution_count"] = numero
        if numero is None:
            cellule["outputs"] = []
    return contenu


# Ce qui ne demande pas que classification.ipynb ait tourné.
SANS_EXECUTION = """fichier_classification fichier_test_model donnees_absentes classification_lisible
test_model_lisible test_model_execution test_model_ordre test_model_erreurs rechargement preparation prediction
modele_fichiers modele_charge modele_precision photo_presente photo_predite"""


def test_jamais_execute(eleve, tmp_path):
    bulletin = noter(remises.remise(eleve, classification(executer=False)), tmp_path)
    etapes = set(BAREME["criteres"]) - set(SANS_EXECUTION.split())
    assert manques(bulletin) == dict.fromkeys(etapes, 0)
    assert bulletin.diagnostic[0].endswith("rien n'a tourné, aucune cellule n'est exécutée.")


def test_execute_en_partie(eleve, tmp_path):
    contenu = numeros(1, 2, 3, 4, 5, 6, 7, 8, 9, None, None, None)
    bulletin = noter(remises.remise(eleve, contenu), tmp_path)
    proportion = {"classification_execution", "classification_ordre", "classification_erreurs"}
    assert manques(bulletin) == dict.fromkeys(proportion, 0.75) | {"sauvegarde": 0, "reseau_4": 0}
    assert (
        "cellule de code 10" in {c.cle: c.ou for c in bulletin.constats}["classification_execution"]
    )


def test_des_sorties_sans_numero_valent_execution():
    cellules = [
        {"source": "x", "numero": None, "sorties": 1, "texte": "1", "figures": 0, "erreurs": []}
    ]
    assert notebook.etat_execution(cellules)["etat"] == "entière"


def test_cellules_vides_et_commentaires_ne_comptent_pas(eleve, tmp_path):
    contenu = classification()
    for source in ("", "# à faire\n\n# plus tard"):
        contenu["cells"].append(
            {
                "cell_type": "code",
                "execution_count": None,
                "metadata": {},
                "outputs": [],
                "source": source,
            }
        )
    assert manques(noter(remises.remise(eleve, contenu), tmp_path)) == {}


def test_desordre(eleve, tmp_path):
    contenu = numeros(1, 2, 3, 9, 5, 6, 7, 8, 10, 11, 12, 13)
    assert manques(noter(remises.remise(eleve, contenu), tmp_path)) == {"classification_ordre": 0}
    # Des numéros sautés ou très grands restent dans l'ordre.
    contenu = numeros(4, 6, 7, 8, 20, 21, 22, 30, 31, 32, 33, 100)
    assert manques(noter(remises.remise(eleve, contenu), tmp_path)) == {}


def test_un_notebook_enregistre_a_l_envers_est_lu_dans_l_ordre_d_execution(eleve, tmp_path):
    a_l_envers = (
        remises.a_l_envers(n) for n in (classification(), remises.notebook(remises.cellules_test()))
    )
    bulletin = noter(remises.remise(eleve, *a_l_envers), tmp_path)
    assert manques(bulletin) == {"classification_ordre": 0, "test_model_ordre": 0}


def test_erreur_affichee(eleve, tmp_path):
    contenu = classification()
    contenu["cells"][-1]["outputs"].append(remises.erreur("ValueError", "<b>formes</b>"))
    bulletin = noter(remises.remise(eleve, contenu), tmp_path)
    perdus = {"classification_erreurs": 0, "classification_execution": 0.92, "reseau_4": 0}
    assert manques(bulletin) == perdus
    constat = next(c for c in bulletin.constats if c.cle == "classification_erreurs")
    assert "ValueError" in constat.trouve
    assert constat.ou.endswith("cellule de code 12 « reseauNeurones4Convolution = Sequential() »")


# --- Ce que dit le code -----------------------------------------------------------------------

DECOUPES = {
    "x": ("train_test_split(X, y, test_size=0.2, random_state=13)", 1),
    "variables": ("train_test_split(X, y, random_state=GRAINE, test_size=PART)", 1),
    "alias": ("decouper(X, y, test_size=.20, random_state=13, shuffle=True)", 1),
    "module": (
        "sklearn.model_selection.train_test_split(X, y, train_size=0.8, random_state=13)",
        1,
    ),
    "effectif": ("train_test_split(X, y, test_size=12000, random_state=13)", 1),
    "dictionnaire": ("train_test_split(X, y, **reglages)", 1),
    "sans graine": ("train_test_split(X, y, test_size=0.2)", 0.7),
    "autre graine": ("train_test_split(X, y, test_size=0.2, random_state=42)", 0.7),
    "autre part": ("train_test_split(X, y, test_size=0.25, random_state=13)", 0.7),
    "commentaire": (
        "(X[:48000], X[48000:], y[:48000], y[48000:])  # train_test_split(test_size=0.2, random_state=13)",
        0.5,
    ),
}


@pytest.mark.parametrize("cas", DECOUPES)
def test_decoupage(eleve, tmp_path, cas):
    code, attendu = DECOUPES[cas]
    avant = (
        "import sklearn.model_selection\nfrom sklearn.model_selection import train_test_split as decouper\n"
        "GRAINE, PART = 13, 1 / 5\nreglages = {'test_size': 0.2, 'random_state': GRAINE}\n"
    )
    contenu = classification(
        (
            remises.DECOUPE,
            f"{avant}X_apprentissage, X_validation, y_apprentissage, y_validation = {code}",
        )
    )
    assert parts(noter(remises.remise(eleve, contenu), tmp_path))["decoupe"] == pytest.approx(
        attendu
    )


ECHELLES = {
    "astype": "X_apprentissage = X_apprentissage.reshape(-1, 28, 28, 1).astype('float32') / 255.0\n"
    "X_validation = X_validation.reshape(-1, 28, 28, 1) / 255\nX_test = np.array(observations_test.iloc[:, 1:]) / 255.",
    "fonction": "def preparer(x):\n    x = x.reshape(-1, 28, 28, 1)\n    return x * (1 / 255)\n"
    "X_apprentissage, X_validation = preparer(X_apprentissage), preparer(X_validation)\n"
    "X_test = preparer(np.array(observations_test.iloc[:, 1:]))",
    "boucle": "Xs = []\nfor x in (X_apprentissage, X_validation, np.array(observations_test.iloc[:, 1:])):\n"
    "    x = x.astype('float32')\n"
    "    x /= 255\n    Xs.append(x)\nX_apprentissage, X_validation, X_test = Xs",
    "divide": "X_apprentissage = np.divide(X_apprentissage, 255)\nX_validation = np.divide(X_validation, 255)\n"
    "X_test = np.divide(np.array(observations_test.iloc[:, 1:]), 255)",
}


@pytest.mark.parametrize("cas", [*ECHELLES, "Rescaling", "aucune", "test oublié"])
def test_mise_a_l_echelle(eleve, tmp_path, cas):
    suite = "\ny_test = to_categorical(np.array(observations_test.iloc[:, 0]))\nLARGEUR_IMAGE = LONGUEUR_IMAGE = 28"
    if cas in ECHELLES:
        contenu, attendu = classification((remises.ECHELLE, ECHELLES[cas] + suite)), 1
    elif cas == "test oublié":
        contenu, attendu = classification(("X_test /= 255", "")), 0.7
    else:
        sans = (
            remises.ECHELLE.replace("_apprentissage /= 255", "")
            .replace("_validation /= 255", "")
            .replace("X_test /= 255", "")
        )
        sans = "\n".join(ligne for ligne in sans.splitlines() if ligne != "X")
        contenu, attendu = classification((remises.ECHELLE, sans)), 0
        if cas == "Rescaling":
            couche = "Sequential()\nreseauNeurone1Convolution.add(keras.layers.Rescaling(1./255))"
            contenu = classification(
                (remises.ECHELLE, sans),
                (
                    "reseauNeurone1Convolution = Sequential()",
                    f"reseauNeurone1Convolution = {couche}",
                ),
            )
            attendu = 1
    p = parts(noter(remises.remise(eleve, contenu), tmp_path))
    assert p["echelle"] == pytest.approx(attendu)
    assert p["reseau_1"] == 1


RESEAUX = {
    "liste": """reseau = keras.Sequential([keras.Input(shape=(28, 28, 1)), keras.layers.Conv2D(filters=32,
        kernel_size=3, activation="relu"), keras.layers.MaxPool2D(2), keras.layers.Dropout(rate=.2),
        keras.layers.Flatten(),
        keras.layers.Dense(units=128, activation=keras.activations.relu), keras.layers.Dense(10, "softmax")])""",
    "fonctionnel": """entree = tf.keras.layers.Input((28, 28, 1))
x = tf.keras.layers.Conv2D(32, (3, 3))(entree)
x = tf.keras.layers.ReLU()(x)
x = tf.keras.layers.MaxPooling2D()(x)
x = tf.keras.layers.Dropout(0.2)(x)
x = tf.keras.layers.Flatten()(x)
x = tf.keras.layers.Dense(128, activation="relu")(x)
sortie = tf.keras.layers.Dense(10, activation="softmax")(x)
reseau = tf.keras.Model(inputs=entree, outputs=sortie)""",
    "fonction": """def construire(filtres=32, neurones=128):
    m = Sequential()
    m.add(Conv2D(filtres, (3, 3), input_shape=(28, 28, 1)))
    m.add(keras.layers.Activation("relu"))
    m.add(MaxPooling2D((2, 2)))
    m.add(Dropout(0.2))
    m.add(Flatten())
    for n, a in [(neurones, "relu"), (10, "softmax")]:
        m.add(Dense(n, activation=a))
    return m

reseau = construire()""",
    "nom du module": """from keras import layers as L
couches = [L.Conv2D(32, 3, activation="relu"), L.MaxPooling2D(2)] + [L.Dropout(0.2), L.Flatten()]
couches.append(L.Dense(128, activation="relu"))
couches += [L.Dense(10, activation="softmax")]
reseau = keras.models.Sequential(layers=couches)""",
}


@pytest.mark.parametrize("cas", RESEAUX)
def test_un_reseau_est_reconnu_sous_toutes_ses_formes(cas):
    code = analyse.analyser([remises.IMPORTS + "\nimport tensorflow as tf", RESEAUX[cas]])
    reseau = next(r for r in code["reseaux"] if r["nom"] == "reseau")
    assert [architectures.ecrire_couche(c) for c in reseau["couches"]][1:] == [
        c if "MaxPooling" not in c else "MaxPooling2D" for c in architectures.RESEAU_1
    ][1:]
    assert architectures.ressemblance(reseau["couches"], architectures.RESEAU_1) == 1


def test_un_reseau_different_perd_en_proportion_et_dit_quoi(eleve, tmp_path):
    contenu = classification(
        (
            "Dense(128, activation='relu'))\nreseauNeurone1",
            "Dense(64, activation='relu'))\nreseauNeurone1",
        )
    )
    bulletin = noter(remises.remise(eleve, contenu), tmp_path)
    assert manques(bulletin) == {"reseau_1": 0.92}
    trouve = next(c.trouve for c in bulletin.constats if c.cle == "reseau_1")
    assert "il manque Dense 128 relu" in trouve and "Dense 64 relu" in trouve


def test_epoques_et_entrainement_augmente(eleve, tmp_path):
    contenu = classification(("epochs=10, verbose=1", "epochs=5"), ("epochs=50", "epochs=20"))
    # Le réseau à quatre convolutions fait bien ses 10 époques, lui.
    assert manques(noter(remises.remise(eleve, contenu), tmp_path)) == {"epoques_augmentees": 0.4}


@pytest.mark.parametrize(
    "appel",
    [
        "m.fit(flux, steps_per_epoch=187, epochs=50)",
        "m.fit_generator(flux, 187, 50)",
        "m.fit_generator(generator=flux, steps_per_epoch=187, epochs=50)",
        "m.fit(x=flux, epochs=N_EPOQUES)",
        "m.fit(augmentees, y, epochs=50)",
        "for _ in range(1):\n    h = m.fit(flux, epochs=5 * 10, verbose=0)",
        "def entrainer(reseau, donnees, n=50):\n    return reseau.fit(donnees, epochs=n)\nentrainer(m, flux)",
    ],
)
def test_un_entrainement_augmente_est_reconnu(appel):
    avant = (
        "from tensorflow.keras.preprocessing.image import ImageDataGenerator as Gen\nimport keras\n"
        "N_EPOQUES = 50\nm = keras.Sequential([keras.layers.Conv2D(8, 3)])\nflux = Gen(rotation_range=8).flow(x, y)\n"
        "augmentees = keras.layers.RandomRotation(0.1)(x)"
    )
    fits = [e for e in analyse.analyser([avant, appel])["evenements"] if e["genre"] == "fit"]
    assert [(e["epoques"], e["augmente"], e["reseau"]) for e in fits] == [(50, True, "m")]


def test_le_code_n_est_pas_cherche_dans_les_commentaires_ni_les_chaines():
    code = analyse.analyser(
        [
            "# model.fit(x, y, epochs=10)",
            'print("train_test_split(X, y, test_size=0.2, random_state=13)")\n"""to_json()"""',
        ]
    )
    assert code["evenements"] == [] and code["reseaux"] == []


def test_les_magies_n_arretent_pas_la_lecture():
    sources = [
        "!pip install -q keras",
        "%%time\nfrom keras.models import Sequential\nm = Sequential()",
        "fichiers = !ls\n%cd ..\nif True:\n    !mkdir x\nm.fit(x, y, epochs=3)",
        "m.summary?",
        "%%bash\nfor f in *; do echo $f; done",
        "ceci n'est pas du python",
    ]
    code = analyse.analyser(sources)
    assert [e["epoques"] for e in code["evenements"] if e["genre"] == "fit"] == [3]
    assert [rang for rang, _ in code["syntaxe"]] == [6]


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "(" * 5_000 + ")" * 5_000,
        "x = " + "-" * 100_000 + "1",
        "x = " + "[" * 300 + "]" * 300,
        "while True:\n    for i in range(10**9):\n        x = [i] * 10**9",
        "def f(x):\n    return f(x) + f(x)\nf(1)",
        "f = lambda x: x(x)\nf(f)",
        "x = 10 ** 10 ** 10\ny = 'a' * 10**12",
        "a = [1]\n" + "a = a + a\n" * 60,
        "\x00import os",
        "a = []\na.append(a)\nb = a + a\nprint(b, {'a': a})",
    ],
)
def test_un_code_piege_se_lit_sans_dommage(source):
    code = analyse.analyser([source, "import keras\nm = keras.Sequential()\nm.fit(x, y, epochs=2)"])
    assert [e["epoques"] for e in code["evenements"] if e["genre"] == "fit"] == [2]


# --- Ce que disent les sorties ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "texte", "attendu"),
    [
        ("e = m.evaluate(X)\nprint(e)", "Précision: 0.9082\n", [0.9082]),
        ("evaluation = m.evaluate(X_test, y_test)", "Pre\u0301cision : 91,2 %", [0.912]),
        ("print(a)", "Test accuracy: 0.9175000190734863", [0.9175]),
        (
            "m.evaluate(X, y)",
            "\x1b[1m313/313\x1b[0m \x1b[32m━━\x1b[0m 1s 3ms/step - accuracy: 0.9082 - loss: 0.2593",
            [0.9082],
        ),
        ("m.evaluate(X, y)", "[0.2593, 0.9082000255584717]", [0.9082]),
        (
            "m.evaluate(X, y)",
            "1/313 [...]\b\b\b\b - ETA: 0s\b\b\b\b10000/10000 - 1s - loss: 0.25 - acc: 0.91",
            [0.91],
        ),
        (
            "m.fit(X, y)",
            "Epoch 1/10\n188/188 - 9s 4ms/step - accuracy: 0.81 - loss: 0.5 - val_accuracy: 0.86",
            [],
        ),
        ("print('ok')", "La précision est bonne", []),
        ("print(x)", "accuracy: nan", []),
    ],
)
def test_precisions_affichees(source, texte, attendu):
    cellule = {"source": source, "texte": notebook.nettoyer_texte(texte)}
    lues = [v for _, v in lire_sorties([cellule])["precisions"]]
    assert lues == pytest.approx(attendu, abs=1e-4)


def test_l_alerte_d_epuisement_est_vue_et_peut_etre_punie(eleve, tmp_path):
    contenu = classification(("steps_per_epoch=48000//256, ", ""))
    contenu["cells"][8]["outputs"].append(
        {"output_type": "stream", "name": "stderr", "text": [remises.EPUISEES]}
    )
    remises.remise(eleve, contenu)
    bulletin = noter(eleve, tmp_path)
    assert bulletin.note == 100 and "Le piège de l'augmentation" in titres(bulletin)
    severe = {**BAREME, "seuils": {**BAREME["seuils"], "piege_augmentation": 0.5}}
    assert manques(noter(eleve, tmp_path, bareme=severe)) == {"augmentation": 0.5}


def test_evaluer_le_mauvais_reseau_est_explique(eleve, tmp_path):
    contenu = classification(
        ("evaluation = reseauNeurones4Convolution", "evaluation = reseauNeurone1Convolution")
    )
    bulletin = noter(remises.remise(eleve, contenu), tmp_path)
    assert bulletin.note == 100
    texte = dict(bulletin.remarques)["Le mauvais réseau est évalué"]
    assert (
        "« reseauNeurone1Convolution » est évalué alors que « reseauNeurones4Convolution » vient"
        in texte
    )


# --- Données, photos, Git -----------------------------------------------------------------------


def git(dossier, *arguments):
    if not shutil.which("git"):
        pytest.skip("git n'est pas installé")
    identite = ["-c", "user.name=x", "-c", "user.email=x@x", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identite, *arguments], cwd=dossier, check=True, capture_output=True)


def test_donnees_versees_effacees_ou_non_suivies(eleve, tmp_path):
    remises.remise(eleve)
    donnees = remises.ecrire(eleve / "datas" / "fashion-mnist_train.csv", b"\0" * 2_000_000)
    bulletin = noter(eleve, tmp_path)
    assert manques(bulletin) == {"donnees_absentes": 0} and "Des données dans le dépôt" in titres(
        bulletin
    )
    git(eleve, "init", "-q")
    git(eleve, "add", "analyse_image", "modele", "images")
    git(eleve, "commit", "-qm", "remise")
    assert manques(noter(eleve, tmp_path)) == {}  # là, mais non suivies
    git(eleve, "add", "datas")
    git(eleve, "commit", "-qm", "oups")
    trouve = {c.cle: c.trouve for c in noter(eleve, tmp_path).constats}["donnees_absentes"]
    assert trouve == "1 fichier(s) suivis par Git : fashion-mnist_train.csv (2 Mo)"
    git(eleve, "rm", "-q", "datas/fashion-mnist_train.csv")
    git(eleve, "commit", "-qm", "efface")
    assert not donnees.exists()
    assert manques(noter(eleve, tmp_path)) == {"donnees_absentes": 0.5}


def test_la_configuration_d_un_depot_hostile_n_est_pas_executee(eleve, tmp_path):
    remises.remise(eleve)
    git(eleve, "init", "-q")
    git(eleve, "add", ".")
    git(eleve, "commit", "-qm", "remise")
    piege = tmp_path / "piege"
    piege.write_text(f"#!/bin/sh\ntouch {tmp_path}/pris\n")
    piege.chmod(piege.stat().st_mode | stat.S_IXUSR)
    for cle in ("core.fsmonitor", "core.pager", "core.sshCommand", "diff.external"):
        git(eleve, "config", cle, str(piege))
    git(eleve, "config", "remote.origin.url", f"ext::{piege}")
    git(eleve, "config", "remote.origin.promisor", "true")
    assert manques(noter(eleve, tmp_path)) == {}
    assert not (tmp_path / "pris").exists()


def test_photo_absente_du_depot(eleve, tmp_path):
    remises.remise(eleve, image=False)
    bulletin = noter(eleve, tmp_path)
    assert manques(bulletin) == {"photo_presente": 0}
    assert "mon_pantalon.png" in dict(bulletin.remarques)["Photos introuvables"]


@pytest.mark.parametrize(
    ("reponse", "note"),
    [("Un pantalon", None), ("Une robe", "Une photo mal reconnue")],
    ids=["juste", "fausse"],
)
def test_classe_attendue_d_apres_le_nom_de_la_photo(eleve, tmp_path, reponse, note):
    cellules = remises.cellules_test()[:-1] + [
        (remises.PREDIRE, [remises.flux(f"Selon moi l'image est : {reponse}\n")])
    ]
    bulletin = noter(remises.remise(eleve, test=remises.notebook(cellules)), tmp_path)
    assert bulletin.note == 100
    assert ("Une photo mal reconnue" in titres(bulletin)) is bool(note)


# --- Archives et dossiers -------------------------------------------------------------------------


def zipper(dossier, chemin, prefixe=""):
    with zipfile.ZipFile(chemin, "w") as archive:
        for fichier in sorted(dossier.rglob("*")):
            if fichier.is_file():
                archive.write(fichier, prefixe + fichier.relative_to(dossier).as_posix())
    return chemin


def test_toutes_les_formes_d_un_dossier_de_remises(tmp_path):
    modele = remises.remise(tmp_path / "modele")
    classe = tmp_path / "classe"
    shutil.copytree(modele, classe / "labo-clone")
    moodle = classe / "Zoé Côté_12345_assignsubmission_file_"
    moodle.mkdir()
    zipper(modele, moodle / "mon travail.zip", "projet-main/")
    zipper(modele, classe / "Ali Baba_77_assignsubmission_file_labo.zip")
    with tarfile.open(classe / "tar.tar.gz", "w:gz") as archive:
        archive.add(modele, "x")
    imbrique = zipper(modele, tmp_path / "dedans.zip")
    with zipfile.ZipFile(classe / "poupées.zip", "w") as archive:
        archive.write(imbrique, "rendu/dedans.zip")
    # Une remise lourde, zippée deux fois : l'emballage n'est pas pris pour des données.
    lourde = zipper(modele, tmp_path / "lourde.zip")
    with zipfile.ZipFile(lourde, "a") as archive:
        archive.writestr("video.bin", os.urandom(6_000_000))
    (classe / "Lou_9_assignsubmission_file_").mkdir()
    with zipfile.ZipFile(classe / "Lou_9_assignsubmission_file_" / "tout.zip", "w") as archive:
        archive.write(lourde, "rendu/lourde.zip")
    (classe / "refuse.rar").write_bytes(b"Rar!")
    (classe / "notes.txt").write_text("pas une remise")
    trouvee = soumissions.trouver(classe, tmp_path / "x")
    liste = trouvee.soumissions
    assert trouvee.ecartees == [
        ("notes.txt", "document seul : ni dossier, ni archive, ni notebook")
    ]
    assert [s.nom for s in liste] == [
        "Ali Baba",
        "labo-clone",
        "Lou",
        "poupées",
        "refuse",
        "tar",
        "Zoé Côté",
    ]
    for s in liste:
        f = faits.etablir(s.__dict__, tmp_path / "travail" / s.cle)
        bulletin = note.noter({**f, "modele": MODELE} if f["modeles"] else f, BAREME)
        if s.nom == "refuse":
            assert bulletin.note == 0 and any(
                "format non ouvert" in t for _, t in bulletin.remarques
            )
        else:
            assert manques(bulletin) == {}, s.nom
    assert [s.nom for s in soumissions.trouver(modele, tmp_path).soumissions] == [
        "modele"
    ]  # une seule remise


def test_un_zip_hostile_ne_sort_pas_de_son_dossier(tmp_path):
    chemin = tmp_path / "piege.zip"
    with zipfile.ZipFile(chemin, "w") as archive:
        for nom in (
            "../evade.txt",
            "/tmp/evade-absolu.txt",
            "C:\\evade.txt",
            "a/../../evade.txt",
            "bon.txt",
        ):
            archive.writestr(nom, "x")
        lien = zipfile.ZipInfo("lien")
        lien.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(lien, "/etc/passwd")
    remarques = archives.extraire(chemin, tmp_path / "sortie")
    assert [f.name for f in (tmp_path / "sortie").rglob("*")] == ["bon.txt"]
    assert len(remarques) == 5 and not list(tmp_path.glob("evade*"))


def test_une_bombe_est_arretee(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "REMISE_MAX", 1_000_000)
    chemin = tmp_path / "bombe.zip"
    with zipfile.ZipFile(chemin, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * 5_000_000)
    with pytest.raises(archives.ArchiveRefusee, match="démesurée"):
        archives.extraire(chemin, tmp_path / "sortie")
    assert sum(f.stat().st_size for f in tmp_path.rglob("zeros")) <= 1_000_000


@pytest.mark.parametrize("contenu", [b"", b"PK\x03\x04 abime", b"\x1f\x8bxx"])
def test_une_archive_abimee_est_dite(tmp_path, contenu):
    (tmp_path / "a.zip").write_bytes(contenu)
    racines, remarques, _ = archives.deballer([tmp_path / "a.zip"], tmp_path / "x")
    assert racines == [] and "illisible" in remarques[0]


def test_les_noms_d_un_zip_de_windows(tmp_path):
    chemin = tmp_path / "w.zip"
    with zipfile.ZipFile(chemin, "w") as archive:
        archive.writestr("vetements_ete.txt", "x")
    octets = chemin.read_bytes().replace(b"vetements_ete", "vêtement_ét".encode())
    chemin.write_bytes(octets)
    archives.extraire(chemin, tmp_path / "s")
    assert [f.name for f in (tmp_path / "s").iterdir()] == ["vêtement_ét.txt"]


def test_les_liens_d_un_dossier_ne_sont_pas_suivis(eleve, tmp_path):
    remises.remise(eleve)
    secret = remises.photo(tmp_path / "secret.png", 5)
    os.symlink(tmp_path / "secret.png", eleve / "images" / "secret.png")
    os.symlink("/", eleve / "racine")
    f = lire(eleve, tmp_path)
    assert secret is None and [p[0] for p in f["photos"]["fichiers"]] == ["images/mon_pantalon.png"]
    assert sum("lien non suivi" in r for r in f["remarques"]) == 2


def test_un_dossier_sans_remise_donne_un_message(tmp_path):
    with pytest.raises(ValueError, match="aucune remise"):
        soumissions.trouver(tmp_path, tmp_path)
    with pytest.raises(ValueError, match="n'existe pas"):
        soumissions.trouver(tmp_path / "absent", tmp_path)


# --- Originalité, barème, rapport -----------------------------------------------------------------


def test_les_copies_sont_signalees(tmp_path):
    tous = []
    for rang, nom in enumerate(("Ana", "Bob", "Zoé")):
        dossier = remises.remise(tmp_path / nom, graine=min(rang, 1))
        if nom == "Ana":
            contenu = classification()
            contenu["cells"][5]["outputs"] = [remises.flux(remises.EPOQUES.replace("0.32", "0.31"))]
            remises.ecrire(dossier / "analyse_image" / "classification.ipynb", contenu)
        f = faits.etablir({"nom": nom, "cle": nom, "sources": [str(dossier)]}, tmp_path / "t")
        f["modele"] = {**MODELE, "empreinte": "même" if nom != "Zoé" else "autre"}
        tous.append(f)
    paires = {(p.a, p.b): set(p.phrases) for p in ressemblances.comparer(tous)}
    assert paires == {
        ("Ana", "Bob"): {"poids du modèle identiques"},
        ("Bob", "Zoé"): {
            "sorties d'entraînement identiques",
            "photo identique (« images/mon_pantalon.png »)",
        },
    }


def test_le_bareme_se_change_et_ses_fautes_sont_dites(eleve, tmp_path):
    chemin = tmp_path / "b.toml"
    chemin.write_text(
        'note_sur = 20\n[criteres]\nlecture = { points = 1, titre = "Lu" }\ndonnees_absentes = { points = 3 }\n',
        encoding="utf-8",
    )
    remises.remise(eleve)
    remises.ecrire(eleve / "datas" / "fashion-mnist_test.csv", b"\0" * 1000)
    bulletin = noter(eleve, tmp_path, bareme=bareme.lire_bareme(chemin))
    assert (bulletin.note, bulletin.note_sur, len(bulletin.constats)) == (5, 20, 2)
    for texte, message in (
        ("[criteres]\nlectur = { points = 1 }", "critère inconnu « lectur »"),
        ("[criteres]\nlecture = { points = -1 }", "nombre positif"),
        ("[criteres]\nlecture = 3", "doit avoir des points"),
        ("note_sur = 0", "note_sur"),
        ("[seuils]\nx = 1", "seuil inconnu"),
        ("note_sur = ", "illisible"),
    ):
        chemin.write_text(texte, encoding="utf-8")
        with pytest.raises(bareme.BaremeInvalide, match=message):
            bareme.lire_bareme(chemin)


def test_le_bareme_fourni_compte_cent_points():
    assert sum(c["points"] for c in BAREME["criteres"].values() if not c.get("bonus")) == 100
    assert set(BAREME["criteres"]) == set(criteres.CRITERES)


def test_le_rapport_rend_inerte_ce_que_les_etudiants_ecrivent(tmp_path):
    nom = '=cmd|"<script>alert(1)</script>'
    cellules = remises.cellules_test()[:-1] + [
        (
            remises.PREDIRE,
            [remises.flux("Selon moi l'image est : <img src=x onerror=alert(2)>|[a](http://b)\n")],
        )
    ]
    dossier = remises.remise(tmp_path / "r", test=remises.notebook(cellules))
    f = faits.etablir({"nom": nom, "cle": "x", "sources": [str(dossier)]}, tmp_path / "t")
    f["modele"] = MODELE
    bulletin = note.noter(f, BAREME)
    classe = soumissions.Classe([], [("<i>x</i>", "document seul")])
    paires = [ressemblances.Paire("x", "x", ["<b>phrase</b>"], [("<script>alert", "<img")])]
    communes = {"e": "<img src=z>"}
    contenu = rapport.Contenu([bulletin], {"x": f}, paires, communes, classe, "<classe>", "lecture")
    rapport.ecrire(contenu, tmp_path / "s")
    for page in ("rapport.html", "etudiants/x.html"):
        html = (tmp_path / "s" / page).read_text(encoding="utf-8")
        assert (
            "<script>alert" not in html
            and "<img" not in html
            and "http://" not in html.replace("http://b", "")
        )
    md = (tmp_path / "s" / "etudiants" / "x.md").read_text(encoding="utf-8")
    assert "\\<img" in md and "[a](http" not in md
    octets = (tmp_path / "s" / "notes.csv").read_bytes()
    assert octets.startswith(b"\xef\xbb\xbf") and octets.count(b"\r\n") == 2
    lignes = octets.decode("utf-8-sig").splitlines()
    assert lignes[0].startswith("Nom;Note (/100);") and lignes[1].startswith("\"'=cmd|")
    assert ";100;" in lignes[1]


# --- Ce qui n'est pas le labo ---------------------------------------------------------------------


def test_les_notebooks_d_un_autre_cours_ne_sont_pas_pris_pour_le_labo(eleve, tmp_path):
    sonar = """import pandas as pnd
from sklearn.model_selection import train_test_split
from keras.models import Sequential
from keras.layers import Dense
donnees = pnd.read_csv("datas/sonar.csv")
X_train, X_test, y_train, y_test = train_test_split(donnees, donnees, test_size=0.2)
modele = Sequential([Dense(60, activation="relu"), Dense(2)])
modele.compile("adam", "mse")
modele.fit(X_train, y_train, epochs=300)
modele.evaluate(X_test, y_test)"""
    visages = "import cv2\nimage = cv2.imread('x.jpg')\nzones = cv2.CascadeClassifier('x.xml').detectMultiScale(image)"
    remises.ecrire(
        eleve / "sonar.ipynb", remises.notebook([(sonar, [remises.flux("Précision: 0.8")])])
    )
    remises.ecrire(eleve / "visages.ipynb", remises.notebook([(visages, [])]))
    f = lire(eleve, tmp_path)
    assert f["notebooks"] == {"classification": None, "test_model": None}
    remises.remise(eleve)
    assert manques(noter(eleve, tmp_path)) == {}


def test_un_autre_labo_de_la_serie_ne_remplace_pas_le_labo_1(eleve, tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks_remis, "autres_labos", lambda: {"deux_convolutions.ipynb"})
    remises.remise(eleve, classification(executer=False))
    remises.ecrire(eleve / "analyse_image" / "deux_convolutions.ipynb", classification())
    assert (
        lire(eleve, tmp_path)["notebooks"]["classification"]["chemin"]
        == "analyse_image/classification.ipynb"
    )


@pytest.mark.parametrize(
    ("original", "choisi"),
    [
        ("jamais exécuté", "analyse_image/classification (2).ipynb"),
        ("vide", "analyse_image/classification (2).ipynb"),
        ("exécuté", "analyse_image/classification.ipynb"),
        ("illisible", "analyse_image/classification (2).ipynb"),
    ],
)
def test_entre_deux_exemplaires_celui_qui_a_servi(eleve, tmp_path, original, choisi):
    contenu = {
        "jamais exécuté": classification(executer=False),
        "vide": remises.notebook([]),
        "exécuté": classification(),
        "illisible": "{",
    }[original]
    remises.remise(eleve, contenu)
    remises.ecrire(eleve / "analyse_image" / "classification (2).ipynb", classification())
    remises.ecrire(
        eleve / "analyse_image" / ".ipynb_checkpoints" / "classification-checkpoint.ipynb",
        classification(),
    )
    assert lire(eleve, tmp_path)["notebooks"]["classification"]["chemin"] == choisi


def test_un_notebook_illisible_a_sa_place_n_est_pas_remplace_par_un_brouillon(eleve, tmp_path):
    remises.remise(eleve, "{")
    remises.ecrire(eleve / "essais" / "Untitled.ipynb", classification())
    assert (
        lire(eleve, tmp_path)["notebooks"]["classification"]["chemin"]
        == "analyse_image/classification.ipynb"
    )


@pytest.mark.parametrize(("enonce", "part"), [("auto", None), ("série", 0.75)])
def test_le_modele_dans_analyse_image_est_a_la_place_de_l_enonce_publie(
    eleve, tmp_path, enonce, part
):
    remises.remise(eleve)
    (eleve / "modele").rename(eleve / "analyse_image" / "modele")
    bulletin = noter(eleve, tmp_path, bareme={**BAREME, "enonce": enonce, "questions": {}})
    assert manques(bulletin).get("modele_fichiers") == part


def test_un_projet_dans_un_sous_dossier_du_depot_est_a_sa_place(eleve, tmp_path):
    remises.remise(eleve / "labos" / "labo3")
    remises.ecrire(eleve / "labos" / "labo2" / "README.md", "autre labo")
    assert manques(noter(eleve, tmp_path)) == {}


def test_une_reponse_dite_autrement_compte(eleve, tmp_path):
    cellules = remises.cellules_test()[:-1] + [
        (remises.PREDIRE, [remises.flux("C'est Un pantalon !\n")])
    ]
    p = parts(noter(remises.remise(eleve, test=remises.notebook(cellules)), tmp_path))
    assert p["photo_predite"] == 1 and p["prediction"] == 1


def test_dans_une_seule_cellule_les_lignes_d_entrainement_ne_sont_pas_des_mesures():
    texte = "Epoch 1/1\n100/188 - accuracy: 0.70 - loss: 0.9\n"
    texte += "188/188 - accuracy: 0.80 - loss: 0.5 - val_accuracy: 0.85\n"
    texte += "313/313 - 1s - accuracy: 0.9082 - loss: 0.26\nPrécision: 0.9082\n"
    lues = lire_sorties([{"source": "m.fit(x)\nm.evaluate(x)", "texte": texte}])["precisions"]
    assert [v for _, v in lues] == [0.9082, 0.9082]
