"""Du réseau Keras au service en ligne : export, contrat d'entrée, dossier assemblé, commande du Procfile."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
import tomllib

import httpx
import keras
import numpy as np
import pytest
from PIL import Image
from serveurs import arreter, port_libre

import labo
from commandes import servir
from mesures import reseaux
from outils import preparation
from outils.donnees import CLASSES
from outils.fichiers import RACINE
from outils.modele import (
    ENTREE_COULEUR,
    ENTREE_GRISE,
    ModeleInvalide,
    charger_modele,
    lire_fiche,
    sauvegarder_modele,
)
from service import assembler
from service.exporter import exporter_modele
from service.reseau import ReseauExporte, preparer

REFERENCE = RACINE / "modele" / "reference"
PHOTO = RACINE / "images" / "baskets.jpg"
TROIS = ("bottomwear", "shoes", "topwear")


def couleurs(activation="softmax", echelle=1.0):
    return keras.Sequential(
        [
            keras.Input((64, 64, 3)),
            keras.layers.Rescaling(echelle),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, activation=activation),
        ]
    )


# --- Exporter --------------------------------------------------------------------------------


def test_le_modele_de_reference_est_fourni_exporte():
    reseau, exporte = charger_modele(REFERENCE), ReseauExporte.lire(REFERENCE)
    assert exporte.classes == list(CLASSES)
    entrees = np.random.default_rng(1).random((20, 28, 28, 1), dtype="float32")
    attendues = reseau(entrees, training=False).numpy()
    obtenues = np.stack([exporte.probabilites(entree[None]) for entree in entrees])
    assert (
        np.abs(attendues - obtenues).max() < 1e-4
    )  # LiteRT et TensorFlow arrondissent chacun à leur façon
    assert lire_fiche(REFERENCE)["litert"]["ecart"] < 1e-5


def test_le_modele_du_labo_1_s_exporte_et_garde_sa_fiche(tmp_path):
    sauvegarder_modele(reseaux.une_convolution(), tmp_path, CLASSES, precision_test=0.91)
    exporter_modele(charger_modele(tmp_path), tmp_path)
    fiche = lire_fiche(tmp_path)  # elle décrit toujours le JSON et les poids
    assert fiche["mesures"] == {"precision_test": 0.91}
    assert fiche["entree"]["preparation"] == "preparer_photo"
    assert ReseauExporte.lire(tmp_path).classes == list(CLASSES)


@pytest.mark.parametrize("suffixe", [".keras", ".h5"])
def test_un_fichier_keras_ou_h5_en_couleurs_s_exporte(tmp_path, suffixe):
    sauvegarder_modele(couleurs(), tmp_path, TROIS, entree=ENTREE_COULEUR, complet="mon_modele")
    reseau = keras.models.load_model(tmp_path / f"mon_modele{suffixe}", compile=False)
    exporter_modele(reseau, tmp_path / "en_ligne", TROIS, ENTREE_COULEUR)
    exporte = ReseauExporte.lire(tmp_path / "en_ligne")
    prete = preparer(PHOTO, exporte.entree)
    assert prete.entree.shape == (1, 64, 64, 3)
    ecart = exporte.probabilites(prete.entree) - reseau(prete.entree, training=False).numpy()[0]
    assert np.abs(ecart).max() < 1e-4


def test_un_reseau_a_logits_et_a_pixels_entiers_rend_des_probabilites(tmp_path):
    contrat = ENTREE_COULEUR | {"maximum": 255}
    reseau = couleurs(None, 1 / 255)
    exporter_modele(reseau, tmp_path, TROIS, contrat)
    exporte = ReseauExporte.lire(tmp_path)
    prete = preparer(PHOTO, exporte.entree)
    assert prete.entree.max() > 100
    attendues = keras.ops.softmax(reseau(prete.entree, training=False)).numpy()[0]
    assert np.abs(exporte.probabilites(prete.entree) - attendues).max() < 1e-4


def test_le_blanc_vaut_1_dans_une_fiche_d_avant_le_champ_maximum():
    ancienne = {"forme": [32, 32, 3], "preparation": "preparer_couleur"}
    assert preparer(PHOTO, ancienne).entree.max() <= 1
    assert preparer(PHOTO, ancienne | {"maximum": 255}).entree.max() > 100


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_un_reseau_en_precision_mixte_s_exporte_en_float32(tmp_path, capsys, precision):
    keras.config.set_dtype_policy(precision)
    try:
        reseau = couleurs()
    finally:
        keras.config.set_dtype_policy("float32")
    exporter_modele(reseau, tmp_path, TROIS, ENTREE_COULEUR)
    assert "exporté en float32" in capsys.readouterr().out
    entree = preparation.preparer_couleur(PHOTO)
    ecart = ReseauExporte.lire(tmp_path).probabilites(entree) - np.asarray(reseau(entree))[0]
    assert np.abs(ecart.astype("float32")).max() < 0.02  # la précision d'un float16


def test_un_export_qui_s_ecarte_de_keras_n_est_pas_ecrit(tmp_path):
    with pytest.raises(ModeleInvalide, match="s'écarte"):
        exporter_modele(couleurs(), tmp_path, TROIS, ENTREE_COULEUR, ecart_max=0)
    assert list(tmp_path.iterdir()) == []


def test_sans_les_noms_des_classes_on_n_exporte_pas(tmp_path):
    with pytest.raises(ModeleInvalide, match="0 classes"):
        exporter_modele(couleurs(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("faute", "message"),
    [
        (lambda fiche: fiche["classes"].pop(), "rend 10 nombres.*9 classes"),
        (lambda fiche: fiche["entree"].update(forme=[64, 64, 3]), r"attend \[1, 28, 28, 1\]"),
        (lambda fiche: fiche["litert"].update(sha256="0"), "ne décrit pas"),
        (lambda fiche: fiche.pop("litert"), "ne décrit pas"),
        (lambda fiche: fiche.pop("entree"), "n'a pas entree"),
    ],
    ids=["classes", "forme", "somme", "jamais exporté", "entree"],
)
def test_une_fiche_et_un_reseau_qui_ne_vont_pas_ensemble_sont_refuses(tmp_path, faute, message):
    fiche = json.loads((REFERENCE / "modele.fiche.json").read_text("utf-8"))
    faute(fiche)
    (tmp_path / "modele.fiche.json").write_text(json.dumps(fiche), encoding="utf-8")
    (tmp_path / "modele.tflite").write_bytes((REFERENCE / "modele.tflite").read_bytes())
    with pytest.raises(ModeleInvalide, match=message) as erreur:
        ReseauExporte.lire(tmp_path)
    assert "Remède" in str(erreur.value)


@pytest.mark.parametrize("texte", ['{"classes": [', "[1, 2]", "", '"fiche"'])
def test_une_fiche_qui_n_est_pas_du_json_dit_quoi_faire(tmp_path, texte):
    (tmp_path / "modele.fiche.json").write_text(texte, encoding="utf-8")
    (tmp_path / "modele.tflite").write_bytes((REFERENCE / "modele.tflite").read_bytes())
    with pytest.raises(ModeleInvalide, match="ne se lit pas(.|\n)*Remède"):
        ReseauExporte.lire(tmp_path)


def test_un_dossier_sans_export_dit_quoi_faire(tmp_path):
    with pytest.raises(ModeleInvalide, match=r"modele\.fiche\.json et modele\.tflite(.|\n)*Remède"):
        ReseauExporte.lire(tmp_path)


# --- Préparer selon le contrat -----------------------------------------------------------------


def test_le_contrat_designe_la_preparation_des_labos():
    gris, couleur = ENTREE_GRISE | {"forme": [28, 28, 1]}, ENTREE_COULEUR | {"forme": [48, 48, 3]}
    analyse = preparation.analyser_photo(PHOTO)
    prete = preparer(PHOTO, gris)
    assert np.array_equal(prete.entree, analyse.entree)
    assert prete.avertissements == analyse.avertissements
    attendue = preparation.preparer_couleur(PHOTO, 48)
    assert np.array_equal(preparer(PHOTO, couleur).entree, attendue)


def test_la_recette_de_l_enonce_est_la_meme_sur_une_photo_ordinaire():
    contrat = ENTREE_GRISE | {"forme": [28, 28, 1], "preparation": "load_and_preprocess_image"}
    droite = RACINE / "images" / "pantalon.jpg"  # sans EXIF : l'énoncé n'en tient pas compte
    attendue = preparation.load_and_preprocess_image(droite)
    assert np.array_equal(preparer(droite, contrat).entree, attendue)


@pytest.mark.parametrize(
    "changement",
    [
        {"forme": [64, 64, 1]},
        {"forme": [28, 28, 3]},
        {"forme": [28, 30, 1]},
        {"preparation": "ouvrir_photo"},
    ],
    ids=str,
)
def test_un_contrat_intenable_est_refuse(changement):
    contrat = ENTREE_GRISE | {"forme": [28, 28, 1]} | changement
    with pytest.raises(ValueError, match="aucune préparation"):
        preparer(PHOTO, contrat)


def test_une_photo_grise_a_16_bits_garde_ses_gris():
    gris = np.arange(256, dtype=np.uint16).repeat(8).reshape(32, 64)
    photo = preparation.ouvrir_photo(Image.fromarray(gris * 257))
    assert np.array_equal(np.asarray(photo)[..., 0], gris.astype(np.uint8))


# --- Mettre en ligne -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dossier(tmp_path_factory):
    return assembler.assembler(tmp_path_factory.mktemp("mise_en_ligne") / "en_ligne")


def test_le_service_et_la_page_restent_courts():
    service = RACINE / "analyse_image" / "service"
    assert len((service / "api.py").read_text("utf-8").splitlines()) <= 200
    assert len((service / "page.py").read_text("utf-8").splitlines()) <= 130


def test_le_dossier_a_tout_et_rien_de_trop(dossier):
    for nom in (
        "Procfile",
        "Dockerfile",
        ".python-version",
        "requirements.txt",
        "modele/modele.tflite",
    ):
        assert (dossier / nom).is_file()
    assert sum(f.stat().st_size for f in dossier.rglob("*") if f.is_file()) < 3_000_000
    exigences = (dossier / "requirements.txt").read_text("utf-8").lower()
    assert not re.search(r"^(tensorflow|keras|matplotlib|pandas|streamlit)", exigences, re.M)
    with pytest.raises(OSError):  # jamais par-dessus quelque chose
        assembler.assembler(dossier)
    tomllib.loads((dossier / ".streamlit" / "config.toml").read_text("utf-8"))


def test_les_exigences_du_depot_couvrent_celles_du_service():
    depot = (RACINE / "requirements.txt").read_text("utf-8").splitlines()
    service = RACINE / "analyse_image" / "service"
    exactes = (service / "versions.txt").read_text("utf-8")
    for nom in ("requirements.txt", "requirements-page.txt"):
        lignes = (service / nom).read_text("utf-8").splitlines()
        paquets = [x for x in lignes if x and not x.startswith(("#", "-c"))]
        assert [x for x in paquets if x not in depot] == []
        for paquet in paquets:
            seul = paquet.split(">=")[0]
            assert re.search(rf"^{seul}==", exactes, re.M), f"{seul} : refaites versions.txt"


def test_la_commande_du_procfile_marche_dans_un_environnement_neuf(dossier, tmp_path):
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    bin_ = venv / ("Scripts" if os.name == "nt" else "bin")
    pip = [bin_ / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    reponse = subprocess.run(
        [*pip, "-r", dossier / "requirements.txt"], capture_output=True, encoding="utf-8"
    )
    if reponse.returncode and re.search(r"connection|resolve|retr", reponse.stderr, re.I):
        pytest.skip("pas d'accès à l'index de paquets : " + reponse.stderr[-300:])
    assert reponse.returncode == 0, reponse.stderr
    liste = subprocess.run([bin_ / "python", "-m", "pip", "list"], capture_output=True, text=True)
    assert not re.search(r"^(tensorflow|keras) ", liste.stdout, re.M | re.I)

    nom, commande = (dossier / "Procfile").read_text("utf-8").strip().split(": ", 1)
    assert nom == "web"
    port = port_libre()
    mots = shlex.split(commande.replace("$PORT", str(port)))
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "SERVICE_"))}
    journal = tmp_path / "journal.txt"
    with journal.open("wb") as sortie:
        service = subprocess.Popen(
            [bin_ / mots[0], *mots[1:]], cwd=dossier, env=env, stdout=sortie, stderr=sortie
        )
    try:
        fin = time.monotonic() + 300
        while time.monotonic() < fin and service.poll() is None:
            try:
                reponse = httpx.post(
                    f"http://127.0.0.1:{port}/predict/", files={"file": PHOTO.read_bytes()}
                )
                break
            except httpx.TransportError:
                time.sleep(0.2)
        assert service.poll() is None, journal.read_text("utf-8")
        assert reponse.json()["classe"] == "Des baskets"
    finally:
        arreter(service)


def test_le_dockerfile_lance_la_commande_du_procfile(dossier):
    procfile = (dossier / "Procfile").read_text("utf-8").strip().removeprefix("web: ")
    fichier = (dossier / "Dockerfile").read_text("utf-8")
    assert f"exec {procfile}" in fichier
    assert re.search(r"^FROM python:\d+\.\d+\.\d+-", fichier)  # une version exacte


# --- labo.py servir --------------------------------------------------------------------------------


def test_servir_un_dossier_sans_export_dit_quoi_faire(tmp_path):
    with pytest.raises(labo.Probleme, match="exporté"):
        servir.servir(tmp_path)


def test_servir_prend_des_ports_libres():
    import socket

    with socket.socket() as prise:
        prise.bind(("127.0.0.1", 0))
        prise.listen()
        occupe = prise.getsockname()[1]
        assert servir.premier_port_libre(occupe) > occupe
