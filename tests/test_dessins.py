"""Ce qui remplace des données absentes : silhouettes dessinées, photos rangées comme un autre jeu."""

import os

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from outils import dessins


@pytest.fixture(scope="module")
def jumeau():
    return dessins.jumeau_fashion_mnist(1500)


def test_le_jumeau_a_le_format_de_fashion_mnist(jumeau):
    X, y = jumeau
    assert X.shape == (1500, 28, 28) and X.dtype == np.uint8
    assert y.shape == (1500,) and y.dtype == np.uint8
    assert np.bincount(y).tolist() == [150] * 10
    assert len(set(y[:60].tolist())) == 10  # mélangées
    vides = (X == 0).mean(axis=(1, 2))
    assert vides.max() < 0.95 and np.median(vides) > 0.3  # clair, sur fond noir
    cotes = [max(np.ptp(np.nonzero(image)[0]), np.ptp(np.nonzero(image)[1])) + 1 for image in X]
    assert min(cotes) >= 25  # le vêtement remplit l'imagette


def test_le_jumeau_s_apprend(jumeau):
    X, y = jumeau[0].reshape(1500, -1) / 255, jumeau[1]
    assert KNeighborsClassifier(3).fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]) > 0.8


def test_meme_graine_memes_pixels():
    X, y = dessins.jumeau_fashion_mnist(50, graine=5)
    X2, y2 = dessins.jumeau_fashion_mnist(50, graine=5)
    assert np.array_equal(X, X2) and np.array_equal(y, y2)
    assert not np.array_equal(X, dessins.jumeau_fashion_mnist(50, graine=6)[0])
    chiens = [np.asarray(dessins.dessiner_chien(1, 64, graine)) for graine in (7, 7, 8)]
    assert np.array_equal(chiens[0], chiens[1]) and not np.array_equal(chiens[1], chiens[2])


@pytest.mark.parametrize("classe", [*range(10), "jupe", "short", "chapeau"])
def test_une_photo_sur_fond_uni_ou_transparente(classe):
    photo = dessins.dessiner_photo(classe, taille=160, graine=3, fond=(40, 80, 120))
    assert photo.mode == "RGB" and photo.size == (160, 160)
    assert photo.getpixel((0, 0)) == photo.getpixel((159, 0)) == (40, 80, 120)
    assert photo.tobytes() == dessins.dessiner_photo(classe, 160, 3, (40, 80, 120)).tobytes()
    assert photo.tobytes() != dessins.dessiner_photo(classe, 160, 4, (40, 80, 120)).tobytes()
    alpha = np.asarray(dessins.dessiner_photo(classe, 160, fond=None).getchannel("A"))
    assert alpha[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0
    assert alpha.max() == 255 and 0.03 < (alpha > 127).mean() < 0.9


@pytest.mark.parametrize("classe", [10, -1, "pantalons", None, 2.0])
def test_une_demande_impossible_est_refusee(classe):
    with pytest.raises(ValueError, match="Classe inconnue.*pantalon.*jupe"):
        dessins.dessiner_photo(classe)
    with pytest.raises(ValueError, match="taille = 4"):
        dessins.dessiner_photo(0, taille=4)
    with pytest.raises(ValueError, match="n = 0"):
        dessins.jumeau_fashion_mnist(0)


def test_les_dix_articles_sont_la_en_parts_inegales(tmp_path):
    dessins.ecrire_vetements(tmp_path / "v", 120)
    for jeu in ("train", "validation"):
        assert {d.name for d in (tmp_path / "v" / jeu).iterdir()} == set(dessins.ARTICLES)
    effectifs = {a: len(list((tmp_path / "v").glob(f"*/{a}/*.jpg"))) for a in dessins.ARTICLES}
    assert sum(effectifs.values()) == 120 and effectifs["t-shirt"] > 2 * effectifs["hat"]


@pytest.mark.parametrize("sans", [(), ("symlink",), ("symlink", "link")])
def test_un_lien_ou_a_defaut_une_copie(tmp_path, monkeypatch, sans):
    def refuser(*_):
        raise OSError("pas de liens ici")

    for nom in sans:
        monkeypatch.setattr(os, nom, refuser)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "photo.jpg").write_bytes(b"photo")
    dessins.lier(tmp_path / "a" / "photo.jpg", tmp_path / "nom.jpg")
    assert (tmp_path / "nom.jpg").read_bytes() == b"photo"
    assert (tmp_path / "nom.jpg").is_symlink() == (not sans)
    tmp_path.joinpath("a").rename(tmp_path / "b") if sans else tmp_path.rename(
        f"{tmp_path}-ailleurs"
    )
    ici = tmp_path if sans else tmp_path.with_name(f"{tmp_path.name}-ailleurs")
    assert (ici / "nom.jpg").read_bytes() == b"photo"  # déplacés ensemble, ils restent liés
