"""Correction : charger et mesurer les modèles remis, dans un processus limité qui survit à tout."""

import functools
import json
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import remises
from keras import layers

from correction import files, fournis, mesures_modeles, modeles
from mesures.reseaux import une_convolution

JSON, POIDS = remises.REFERENCE / "modele.json", remises.REFERENCE / "modele.weights.h5"
KERAS_2 = {
    "class_name": "Sequential",
    "config": {
        "name": "sequential",
        "layers": [
            {
                "class_name": "Conv2D",
                "config": {
                    "name": "conv2d",
                    "trainable": True,
                    "batch_input_shape": [None, 28, 28, 1],
                    "dtype": "float32",
                    "filters": 4,
                    "kernel_size": [3, 3],
                    "strides": [1, 1],
                    "padding": "valid",
                    "data_format": "channels_last",
                    "dilation_rate": [1, 1],
                    "groups": 1,
                    "activation": "relu",
                    "use_bias": True,
                    "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
                    "bias_initializer": {"class_name": "Zeros", "config": {}},
                },
            },
            {"class_name": "Flatten", "config": {"name": "flatten", "dtype": "float32"}},
            {
                "class_name": "Dense",
                "config": {"name": "dense", "units": 10, "activation": "softmax"},
            },
        ],
    },
    "keras_version": "2.10.0",
    "backend": "tensorflow",
}


@functools.cache
def images(n=300):
    """Images et étiquettes telles que la référence répond juste partout : la précision attendue est 1."""
    from outils import dessins
    from outils.modele import charger_modele

    X, _ = dessins.jumeau_fashion_mnist(n)
    modele = charger_modele(remises.REFERENCE)
    return X, modele.predict(X[..., None] / 255, verbose=0).argmax(axis=1)


def petit(*couches):
    return keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            *couches,
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def _entier(dossier, nom, modele):
    modele.save(dossier / nom)
    return {"entier": dossier / nom}


def _mille_octets(dossier):
    (dossier / "tronque.weights.h5").write_bytes(POIDS.read_bytes()[:40_000])
    return {"json": JSON, "poids": dossier / "tronque.weights.h5"}


def _lfs(dossier):
    (dossier / "lfs.weights.h5").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"
    )
    return {"json": JSON, "poids": dossier / "lfs.weights.h5"}


def _lien_externe(dossier):
    with h5py.File(dossier / "lien.weights.h5", "w") as h5:
        h5["layers"] = h5py.ExternalLink("/etc/passwd", "/")
    return {"json": JSON, "poids": dossier / "lien.weights.h5"}


def _geant(dossier):
    with h5py.File(dossier / "geant.weights.h5", "w") as h5:
        h5.create_dataset(
            "layers/d/vars/0",
            shape=(10**7, 10**5),
            chunks=(1000, 1000),
            dtype="float32",
            compression="gzip",
        )
    return {"json": JSON, "poids": dossier / "geant.weights.h5"}


def _autre_reseau(dossier):
    une_convolution().save_weights(dossier / "autre.weights.h5")
    return {"json": JSON, "poids": dossier / "autre.weights.h5"}


def _lambda(dossier):
    modele = petit(layers.Lambda(lambda x: x * 2))
    (dossier / "lambda.json").write_text(modele.to_json())
    modele.save_weights(dossier / "lambda.weights.h5")
    return {"json": dossier / "lambda.json", "poids": dossier / "lambda.weights.h5"}


def _module_etranger(dossier):
    config = json.loads(JSON.read_text(encoding="utf-8"))
    config["config"]["layers"][1] = {
        "class_name": "Dense",
        "module": "os",
        "registered_name": "system",
        "config": {"units": 1},
    }
    (dossier / "module.json").write_text(json.dumps(config))
    return {"json": dossier / "module.json", "poids": POIDS}


def _keras_2(dossier):
    (dossier / "k2.json").write_text(json.dumps(KERAS_2))
    with h5py.File(dossier / "k2.h5", "w") as h5:
        h5.attrs["layer_names"] = [b"conv2d", b"flatten", b"dense"]
        h5.attrs["backend"], h5.attrs["keras_version"] = b"tensorflow", b"2.10.0"
        tableaux = {"conv2d": [(3, 3, 1, 4), (4,)], "flatten": [], "dense": [(2704, 10), (10,)]}
        for nom, formes in tableaux.items():
            groupe = h5.create_group(nom)
            noms = [f"{nom}/{quoi}:0" for quoi, _ in zip(("kernel", "bias"), formes, strict=False)]
            groupe.attrs["weight_names"] = [n.encode() for n in noms]
            for n, forme in zip(noms, formes, strict=True):
                groupe.create_dataset(n, data=np.full(forme, 0.01, "float32"))
    return {"json": dossier / "k2.json", "poids": dossier / "k2.h5"}


def _keras_plus_recent(dossier):
    """Le JSON que Keras 3.15 écrit : ses initialiseurs ont deux réglages que 3.13 ne connaît pas."""
    config = json.loads(JSON.read_text(encoding="utf-8"))
    config["keras_version"] = "3.15.0"
    for couche in config["config"]["layers"]:
        for cle in ("kernel_initializer", "bias_initializer"):
            if cle in couche["config"]:
                couche["config"][cle]["config"].update(input_axes=None, output_axes=None)
    (dossier / "recent.json").write_text(json.dumps(config))
    return {"json": dossier / "recent.json", "poids": POIDS}


def _reglage_inconnu(dossier):
    config = json.loads(JSON.read_text(encoding="utf-8"))
    config["keras_version"] = "3.99.0"
    config["config"]["layers"][1]["config"]["reglage_de_demain"] = 3
    (dossier / "demain.json").write_text(json.dumps(config))
    return {"json": dossier / "demain.json", "poids": POIDS}


def _octets_0_255(dossier):
    reference = keras.models.model_from_json(JSON.read_text(encoding="utf-8"))
    reference.load_weights(POIDS)
    modele = keras.Sequential([layers.Input((28, 28, 1)), layers.Rescaling(1 / 255), reference])
    return _entier(dossier, "brut.keras", modele)


def _plat(dossier, forme=(784,), sorties=10):
    modele = keras.Sequential([layers.Input(forme), layers.Flatten(), layers.Dense(sorties)])
    return _entier(dossier, f"plat-{len(forme)}-{sorties}.keras", modele)


def _fausse_archive(dossier):
    with zipfile.ZipFile(dossier / "faux.keras", "w") as archive:
        archive.writestr("bonjour.txt", "x")
    return {"entier": dossier / "faux.keras"}


# cas: (fabrique, chargé ?, morceau du problème ou None)
CAS = {
    "référence": (lambda d: {"json": JSON, "poids": POIDS}, True, None),
    "keras": (lambda d: _entier(d, "entier.keras", petit()), True, None),
    "h5 entier": (lambda d: _entier(d, "entier.h5", petit(layers.Conv2D(2, 3))), True, None),
    "Keras 2": (_keras_2, True, None),
    "Keras plus récent": (_keras_plus_recent, True, None),
    "Keras de demain": (_reglage_inconnu, False, "écrite par Keras 3.99.0, que Keras 3."),
    "attend 0–255": (_octets_0_255, True, None),
    "entrée plate": (_plat, True, None),
    "couleur": (lambda d: _plat(d, (64, 64, 3), 10), True, "pas une image 28×28"),
    "trois classes": (lambda d: _plat(d, (28, 28, 1), 3), True, "3 sorties"),
    "poids tronqués": (_mille_octets, False, "abîmé"),
    "pointeur LFS": (_lfs, False, "Git LFS"),
    "lien externe": (_lien_externe, False, "refusé"),
    "tableau géant": (_geant, False, "plus de 600 Mo"),
    "poids d'un autre réseau": (_autre_reseau, False, "ne vont pas à cette architecture"),
    "Lambda": (_lambda, False, "« Lambda » refusée"),
    "module étranger": (_module_etranger, False, "module « os » refusé"),
    "fausse archive": (_fausse_archive, False, "n'est pas un modèle Keras"),
}


@pytest.fixture(scope="module")
def resultats(tmp_path_factory):
    dossier = tmp_path_factory.mktemp("modeles")
    taches = [
        {"cle": cas, **{k: str(v) for k, v in fabrique(dossier).items()}}
        for cas, (fabrique, _, _) in CAS.items()
    ]
    fichiers = [Path(t[k]) for t in taches for k in ("json", "poids", "entier") if k in t]
    avant = [f.read_bytes() for f in fichiers]
    X, y = images()
    resultats = mesures_modeles.examiner_tous(taches, dossier, X, y, ouvriers=1)
    assert [f.read_bytes() for f in fichiers] == avant, "un fichier remis a été modifié"
    return resultats


@pytest.mark.parametrize("cas", CAS)
def test_un_modele_est_charge_ou_refuse_avec_sa_raison(resultats, cas):
    _, charge, probleme = CAS[cas]
    resultat = resultats[cas]
    assert resultat["charge"] is charge, resultat
    if probleme:
        assert probleme in resultat["probleme"]
    else:
        assert 0 <= resultat["mesure"] <= 1 and resultat["images"] == 300


def test_la_mesure_est_juste_et_dit_l_echelle(resultats):
    assert (resultats["référence"]["mesure"], resultats["référence"]["echelle"]) == (1.0, "0–1")
    assert (resultats["attend 0–255"]["mesure"], resultats["attend 0–255"]["echelle"]) == (
        1.0,
        "0–255",
    )
    assert resultats["référence"]["parametres"] == 437_034


def test_un_reseau_couteux_est_mesure_sur_moins_d_images_et_le_dit(monkeypatch):
    reseau, (X, y) = petit(layers.Conv2D(4, 3)), images(100)
    assert modeles.multiplications(reseau) == 26 * 26 * 9 * 4 + 26 * 26 * 4 * 10
    entiere = modeles.mesurer(reseau, X, y)
    assert (entiere["images"], entiere["marge"]) == (100, 0)
    monkeypatch.setattr(modeles, "CALCUL_MAX", 1_000)
    monkeypatch.setattr(modeles, "IMAGES_COUTEUX", 50)
    partielle = modeles.mesurer(reseau, X, y)
    assert partielle["images"] == 50 and abs(partielle["mesure"] * 50 % 1) < 1e-9
    assert 0 <= partielle["marge"] < 0.11  # 2 √(0,5 × 0,5 / 50 × (1 − 50 / 100)) au plus


def test_la_reference_est_reconnue_a_ses_poids(resultats):
    fourni = {
        cas for cas, r in resultats.items() if r.get("empreinte") in mesures_modeles.poids_fournis()
    }
    assert fourni == {"référence", "attend 0–255", "Keras plus récent"}


def test_les_memes_poids_ont_la_meme_empreinte(resultats):
    empreintes = {cas: r.get("empreinte") for cas, r in resultats.items()}
    assert (
        empreintes["référence"] == empreintes["attend 0–255"] == empreintes["Keras plus récent"]
    )  # l'architecture diffère, pas les poids
    assert (
        len({e for e in empreintes.values() if e})
        == sum(r["charge"] for r in resultats.values()) - 2
    )


def test_un_modele_qui_fige_ou_tue_le_processus_ne_coute_que_lui(tmp_path, monkeypatch):
    faux = tmp_path / "faux_python"
    faux.write_text(
        f"#!{shutil.which('python3')}\n"
        "import json, os, sys, time\n"
        "for t in json.load(open(sys.argv[3])):\n"
        "    if t['cle'] == 'mort': os._exit(9)\n"
        "    if t['cle'] == 'fige': time.sleep(99)\n"
        "    open(sys.argv[4], 'a').write(json.dumps({'cle': t['cle'], 'charge': True}) + '\\n')\n"
    )
    faux.chmod(0o755)
    monkeypatch.setattr(files.sys, "executable", str(faux))
    monkeypatch.setattr(mesures_modeles, "DEMARRAGE", 0)
    taches = [{"cle": cle} for cle in ("a", "mort", "b", "fige", "c")]
    resultats = mesures_modeles.examiner_tous(
        taches, tmp_path, np.zeros(1), np.zeros(1), duree=8, ouvriers=1
    )
    assert {cle: r["charge"] for cle, r in resultats.items()} == {
        "a": True,
        "mort": False,
        "b": True,
        "fige": False,
        "c": True,
    }
    assert (
        "code 9" in resultats["mort"]["probleme"]
        and "sans nouvelles" in resultats["fige"]["probleme"]
    )


def test_le_choix_du_modele_dans_une_remise(tmp_path):
    from correction.modeles_remis import trouver_modeles

    def choisir(*noms, sommes=()):
        shutil.rmtree(tmp_path / "r", ignore_errors=True)
        for nom in noms:
            chemin = tmp_path / "r" / nom
            chemin.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(JSON if nom.endswith(".json") else POIDS, chemin)
        chemins = [Path(c) for c in sorted((tmp_path / "r").rglob("*")) if c.is_file()]
        trouves = trouver_modeles(chemins, tmp_path / "r", sommes)
        return [(c["montre"], c["exact"]) for c in trouves][:1]

    assert choisir("modele/modele.json", "modele/modele.weights.h5", "autre/m.keras") == [
        ("modele/modele.json + modele/modele.weights.h5", "modele")
    ]
    assert choisir(
        "modele/modele.json", "modele/quatre.json", "modele/quatre.weights.h5", "modele/modele.h5"
    ) == [("modele/modele.json + modele/modele.h5", "")]
    assert choisir("analyse_image/modele.json", "analyse_image/modele.weights.h5") == [
        ("analyse_image/modele.json + analyse_image/modele.weights.h5", "")
    ]
    assert choisir("modele/modele.json", "poids/x.h5") == [("modele/modele.json + poids/x.h5", "")]
    assert choisir("modele/mon modele.keras") == [("modele/mon modele.keras", "")]
    # Le modèle fourni n'est pas celui de l'étudiant, où qu'il soit copié.
    sommes = fournis.connus()["sommes"]
    assert choisir("modele/modele.json", "modele/modele.weights.h5", sommes=sommes) == []
