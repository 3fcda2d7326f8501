"""Le modèle sur le disque : relu ailleurs à l'identique, ou un message qui dit pourquoi."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest
from processus import lancer

from outils.donnees import CLASSES
from outils.fichiers import RACINE, verrou
from outils.modele import (
    ENTREE_COULEUR,
    ModeleInvalide,
    charger_modele,
    dossier_du_modele,
    json_pour_keras_anterieur,
    lire_fiche,
    modele_present,
    sauvegarder_modele,
)


@pytest.fixture(scope="module")
def reseau():
    import keras

    keras.utils.set_random_seed(13)
    modele = keras.Sequential(
        [
            keras.layers.Input((28, 28, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    modele.compile(optimizer="adam", loss="categorical_crossentropy")
    hasard = np.random.default_rng(0)
    modele.fit(hasard.random((64, 28, 28, 1)), np.eye(10)[np.arange(64) % 10], verbose=0)
    return modele


@pytest.fixture
def dossier(reseau, tmp_path):
    sauvegarder_modele(reseau, tmp_path, CLASSES, precision_test=0.91)
    return tmp_path


def test_les_poids_seuls_sont_gardes(reseau, dossier):
    # 27 kilo-octets de poids ; l'état d'Adam en ajouterait deux fois autant.
    poids = sum(p.nbytes for p in reseau.get_weights())
    assert (dossier / "modele.weights.h5").stat().st_size < 1.5 * poids + 30_000


def test_la_fiche_dit_classes_contrat_mesures_et_versions(dossier):
    fiche = lire_fiche(dossier)
    assert fiche["classes"] == list(CLASSES)
    assert fiche["entree"]["forme"] == [28, 28, 1]
    assert fiche["mesures"] == {"precision_test": 0.91}
    assert fiche["versions"]["keras"]


def test_un_modele_en_couleurs_s_ecrit_aussi_en_un_fichier_avec_son_contrat(tmp_path, capfd):
    import keras

    from outils import preparation
    from outils.dessins import dessiner_photo

    modele = keras.Sequential(
        [
            keras.layers.Input((64, 64, 3)),
            keras.layers.Rescaling(2.0, offset=-1.0),
            keras.layers.Conv2D(4, 3, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    modele.compile(optimizer="adam", loss="categorical_crossentropy")
    classes = ["bottomwear", "shoes", "topwear"]
    sauvegarder_modele(modele, tmp_path, classes, entree=ENTREE_COULEUR, complet="mon_modele_bis")
    assert "legacy" not in capfd.readouterr().err
    entree = lire_fiche(tmp_path)["entree"]
    assert entree["forme"] == [64, 64, 3]
    assert lire_fiche(tmp_path)["classes"] == classes
    # La fiche nomme la fonction qui mène d'une photo à l'entrée du réseau.
    image = getattr(preparation, entree["preparation"])(dessiner_photo(0, 100))
    attendu = modele(image).numpy()
    assert attendu.shape == (1, 3)
    relus = [charger_modele(tmp_path)]
    for suffixe in (".keras", ".h5"):
        fichier = tmp_path / f"mon_modele_bis{suffixe}"
        relus.append(keras.models.load_model(fichier, compile=False))
    for relu in relus:
        assert np.abs(relu(image).numpy() - attendu).max() < 1e-6


def test_la_preparation_annoncee_par_defaut_est_celle_des_imagettes(dossier):
    from outils import preparation
    from outils.dessins import dessiner_photo

    fiche = lire_fiche(dossier)["entree"]
    image = getattr(preparation, fiche["preparation"])(dessiner_photo(1, 100))
    assert list(image.shape[1:]) == fiche["forme"]


def test_un_modele_ecrit_avec_le_code_de_l_enonce_se_recharge(reseau, tmp_path):
    (tmp_path / "modele.json").write_text(reseau.to_json())
    reseau.save_weights(tmp_path / "modele.weights.h5")
    assert modele_present(tmp_path) and lire_fiche(tmp_path) == {}
    images = np.ones((1, 28, 28, 1), "float32")
    assert np.allclose(charger_modele(tmp_path)(images), reseau(images), atol=1e-6)


def test_un_nombre_de_classes_faux_est_refuse(reseau, tmp_path):
    with pytest.raises(ValueError, match="10 sorties, mais 3 classes"):
        sauvegarder_modele(reseau, tmp_path, ["a", "b", "c"])
    assert not list(tmp_path.iterdir())


def test_une_ecriture_interrompue_garde_l_ancien_modele(reseau, dossier, monkeypatch):
    avant = {f.name: f.read_bytes() for f in dossier.iterdir()}
    monkeypatch.setattr(
        "keras.Model.save_weights", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        sauvegarder_modele(reseau, dossier, CLASSES)
    assert {f.name: f.read_bytes() for f in dossier.iterdir()} == avant


def autres_poids(dossier):
    import keras

    autre = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(2)])
    autre.save_weights(dossier / "modele.weights.h5")


def changer_json(**champs):
    def changer(dossier):
        chemin = dossier / "modele.json"
        chemin.write_text(json.dumps(json.loads(chemin.read_text()) | champs))

    return changer


def configuration_seule(dossier):
    chemin = dossier / "modele.json"
    chemin.write_text(json.dumps(json.loads(chemin.read_text())["config"]))


def tronquer(dossier):
    chemin = dossier / "modele.weights.h5"
    chemin.write_bytes(chemin.read_bytes()[:2_000])


ABIMES = {
    "poids absents": (lambda d: (d / "modele.weights.h5").unlink(), "manque modele.weights.h5"),
    "dossier vide": (lambda d: [f.unlink() for f in d.iterdir()], "il contient : rien"),
    "json tronqué": (lambda d: (d / "modele.json").write_text('{"a": '), "n'est pas le JSON"),
    "keras 2": (changer_json(keras_version="2.15.0"), "Keras 2.15.0"),
    "json d'autre chose": (lambda d: (d / "modele.json").write_text("[1, 2]"), "n'est pas le JSON"),
    "get_config": (configuration_seule, r"get_config\(\)"),
    "d'un Keras plus récent": (
        changer_json(keras_version="99.1", class_name="Inconnue"),
        r"de Keras 99\.1, ne se relit pas avec Keras 3",
    ),
    "couche inconnue": (changer_json(class_name="Inconnue"), "ne décrit pas un réseau"),
    "poids d'un autre réseau": (autres_poids, "vient d'un autre réseau"),
    "poids tronqués": (tronquer, "abîmé"),
}


@pytest.mark.parametrize("cas", ABIMES)
@pytest.mark.filterwarnings("ignore:.*fiche ignorée")
def test_un_modele_abime_donne_un_message(dossier, cas):
    abimer, attendu = ABIMES[cas]
    abimer(dossier)
    with pytest.raises(ModeleInvalide, match=attendu):
        charger_modele(dossier)


@pytest.mark.filterwarnings("ignore:.*fiche ignorée")
def test_un_json_avec_indicateur_d_encodage_se_relit(dossier, reseau):
    chemin = dossier / "modele.json"
    chemin.write_text(chemin.read_text("utf-8"), encoding="utf-8-sig")
    assert charger_modele(dossier).count_params() == reseau.count_params()


def test_un_modele_en_un_seul_fichier_se_recharge_aussi_dans_un_keras_plus_ancien(reseau, tmp_path):
    import keras

    sauvegarder_modele(reseau, tmp_path, CLASSES, complet="tout")
    image = np.ones((1, 28, 28, 1), "float32")
    with zipfile.ZipFile(tmp_path / "tout.keras") as archive:
        contenus = {nom: archive.read(nom) for nom in archive.namelist()}
    assert b"input_axes" not in contenus["config.json"]  # lisible tel quel par Keras 3.13
    with h5py.File(tmp_path / "tout.h5") as h5:
        assert "input_axes" not in h5.attrs["model_config"]
    relu = keras.models.load_model(tmp_path / "tout.keras", compile=False)
    assert np.allclose(relu(image), reseau(image), atol=1e-6)


def test_le_modele_des_cellules_de_l_enonce_est_trouve(dossier, tmp_path_factory):
    racine = tmp_path_factory.mktemp("depot")
    assert dossier_du_modele(racine=racine) == racine / "modele"  # là où il faut l'écrire
    enonce = shutil.copytree(dossier, racine / "analyse_image" / "modele")
    assert dossier_du_modele(racine=racine) == enonce
    shutil.copytree(dossier, racine / "modele")
    os.utime(racine / "modele" / "modele.weights.h5", (0, 0))
    assert dossier_du_modele(racine=racine) == enonce  # le plus récent des deux
    os.utime(enonce / "modele.weights.h5", (-9, -9))
    assert dossier_du_modele(racine=racine) == racine / "modele"


def test_une_fiche_perimee_est_dite_et_ignoree(dossier):
    autres_poids(dossier)
    with pytest.warns(UserWarning, match="fiche ignorée"):
        assert lire_fiche(dossier) == {}


def test_le_code_cache_dans_un_modele_n_est_pas_execute(tmp_path):
    import keras

    piege = keras.Sequential([keras.layers.Input((2,)), keras.layers.Lambda(lambda x: x * 2)])
    (tmp_path / "modele.json").write_text(piege.to_json())
    piege.save_weights(tmp_path / "modele.weights.h5")
    with pytest.raises(ModeleInvalide):
        charger_modele(tmp_path)


@pytest.mark.filterwarnings("ignore:.*ne décrit pas")
def test_un_modele_d_un_keras_plus_recent_se_recharge(dossier, reseau):
    # Keras 3.15 écrit des réglages que 3.13 (Colab) refuse : au défaut, on les passe sous silence.
    chemin = dossier / "modele.json"
    config = json.loads(chemin.read_text("utf-8"))
    couche = next(c for c in config["config"]["layers"] if c["class_name"] == "Dense")
    couche["config"]["kernel_initializer"]["config"] |= {"input_axes": None, "output_axes": None}
    couche["config"] |= {"renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99}
    chemin.write_text(json.dumps(config), encoding="utf-8")
    assert charger_modele(dossier).count_params() == reseau.count_params()
    couche["config"]["renorm"] = True  # un vrai réglage, lui, n'est jamais perdu
    del config["keras_version"]  # to_json ne la dit pas
    chemin.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModeleInvalide, match="Keras 3.15 ou plus récent.*avec Keras 3"):
        charger_modele(dossier)


def test_le_json_pour_un_keras_anterieur_ne_perd_que_des_reglages_au_defaut():
    initialiseur = {"class_name": "GlorotUniform", "config": {"seed": 3, "input_axes": None}}
    couche = {"config": {"kernel_initializer": initialiseur, "renorm": True, "units": 10}}
    allege = json.loads(json_pour_keras_anterieur("\ufeff" + json.dumps({"layers": [couche]})))
    couche["config"]["kernel_initializer"]["config"] = {"seed": 3}
    assert allege == {"layers": [couche]}  # un vrai réglage (renorm) n'est jamais perdu


def test_le_json_ecrit_ne_contient_rien_que_keras_3_13_refuse(dossier):
    texte = (dossier / "modele.json").read_text("utf-8")
    assert not re.search("input_axes|renorm", texte)


def test_le_json_pour_un_keras_anterieur_se_passe_de_tensorflow():
    code = (
        "import sys, outils.modele as m; m.json_pour_keras_anterieur('{}');"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=RACINE / "analyse_image")


def test_un_autre_processus_rend_les_memes_probabilites_et_attend_pour_ecrire(
    reseau, dossier, tmp_path_factory
):
    images = np.random.default_rng(1).random((20, 28, 28, 1)).astype("float32")
    ici = tmp_path_factory.mktemp("ecrit")
    np.save(dossier / "images.npy", images)
    code = """
import sys
from pathlib import Path
import numpy as np
from outils.modele import charger_modele, sauvegarder_modele
lu, ecrit = map(Path, sys.argv[1:])
modele = charger_modele(lu)
np.save(lu / "p.npy", modele.predict(np.load(lu / "images.npy"), verbose=0))
sauvegarder_modele(modele, ecrit, "abcdefghij")
"""
    with verrou(ici / "modele.json"):
        autre = lancer(code, dossier, ici)
        assert "on l'attend" in autre.stdout.readline()
        assert not (ici / "modele.json").exists()
    _, erreur = autre.communicate()
    assert autre.returncode == 0, erreur
    assert np.abs(np.load(dossier / "p.npy") - reseau.predict(images, verbose=0)).max() < 1e-5
    assert lire_fiche(ici)["parametres"] == lire_fiche(dossier)["parametres"]
