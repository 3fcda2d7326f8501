"""Les réseaux sont ceux de l'énoncé, et le modèle de référence tient ses promesses."""

import numpy as np
import pytest

from mesures import reseaux
from outils import donnees, jeux, modele, preparation
from outils.fichiers import RACINE

REFERENCE = RACINE / "modele" / "reference"


@pytest.mark.parametrize(
    ("creer", "parametres"),
    [(reseaux.une_convolution, 693_962), (reseaux.quatre_convolutions, 1_221_546)],
)
def test_parametres_publies(creer, parametres):
    assert creer().count_params() == parametres


@pytest.mark.parametrize(
    "creer", [reseaux.une_convolution, reseaux.quatre_convolutions, reseaux.cinq_convolutions]
)
def test_non_compile_et_probabilites(creer):
    reseau = creer()
    assert not reseau.compiled  # compile et fit s'enseignent dans le labo
    p = np.asarray(
        reseau(np.random.default_rng(0).random((3, 28, 28, 1), np.float32), training=False)
    )
    assert p.shape == (3, 10)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert (p >= 0).all()


def test_cinq_convolutions_leger():
    assert reseaux.cinq_convolutions().count_params() <= 500_000


@pytest.fixture(scope="module")
def reference():
    if not modele.modele_present(REFERENCE):
        pytest.skip("pas de modèle dans modele/reference : python mesures/reference.py")
    return modele.charger_modele(REFERENCE)


def test_reference_legere(reference):
    assert reference.count_params() <= 500_000
    assert sum(f.stat().st_size for f in REFERENCE.iterdir()) < 4e6
    assert modele.lire_fiche(REFERENCE)["classes"] == list(donnees.CLASSES)


def test_reference_sur_le_vrai_jeu_de_test(reference):
    if not donnees.deja_la():
        pytest.skip("vrai Fashion-MNIST absent de cette machine")
    _, (X_test, y_test) = donnees.charger_fashion_mnist()
    entrees = X_test[..., np.newaxis] / np.float32(255)
    predites = reference.predict(entrees, batch_size=500, verbose=0).argmax(axis=1)
    precision = (predites == y_test).mean()
    assert precision >= 0.935
    assert precision == pytest.approx(
        modele.lire_fiche(REFERENCE)["mesures"]["precision_test"], abs=0.001
    )


def test_reference_et_preparation_sur_de_vraies_photos(reference):
    vetements = jeux.trouver("vetements")
    if vetements is None:
        pytest.skip("pas de photos de vêtements dans LABO_DATAS")
    dossier = next(d for d in (vetements / "train", vetements / "apprentissage") if d.is_dir())
    attendues = {"t-shirt": {0}, "pants": {1}, "dress": {3}, "outwear": {4}, "shoes": {5, 7, 9}}
    taux, taux_enonce = [], []
    for classe, justes in attendues.items():
        photos = sorted((dossier / classe).iterdir())[:10]
        for preparer, liste in (
            (lambda p: preparation.analyser_photo(p).entree, taux),
            (preparation.load_and_preprocess_image, taux_enonce),
        ):
            entrees = np.concatenate([preparer(p) for p in photos])
            predites = reference.predict(entrees, verbose=0).argmax(axis=1)
            liste.append(np.isin(predites, list(justes)).mean())
    assert np.mean(taux) >= 0.6
    assert np.mean(taux) > np.mean(taux_enonce) + 0.2
