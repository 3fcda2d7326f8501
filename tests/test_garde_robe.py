"""Les vêtements dessinés : le jumeau de Fashion-MNIST, les photos, les images d'exemple."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from sklearn.neighbors import KNeighborsClassifier

from outils import garde_robe

RACINE = Path(__file__).resolve().parents[1]
IMAGES = RACINE / "images"


@pytest.fixture(scope="module")
def jumeau():
    return garde_robe.jumeau_fashion_mnist(3000)


@pytest.fixture(scope="module")
def classifieur(jumeau):
    X, y = jumeau
    return KNeighborsClassifier(3).fit(X[:2000].reshape(2000, -1) / 255, y[:2000])


def reduire(photo):
    """Ce qu'un réseau verrait d'une photo RGBA : 28×28, clair sur noir, plus long côté 28."""
    rgba = np.asarray(photo, dtype=np.float32)
    negatif = (255 - rgba[..., :3].mean(axis=-1)) * rgba[..., 3] / 255
    imagette = Image.fromarray(negatif.astype(np.uint8)).crop(photo.getchannel("A").getbbox())
    return np.asarray(ImageOps.pad(imagette, (28, 28), Image.Resampling.BOX))


def test_jumeau_a_le_format_de_fashion_mnist(jumeau):
    X, y = jumeau
    assert X.shape == (3000, 28, 28) and X.dtype == np.uint8
    assert y.shape == (3000,) and y.dtype == np.uint8
    assert np.bincount(y).tolist() == [300] * 10
    assert X.max() == 255


def test_classes_melangees(jumeau):
    _, y = jumeau
    assert len(set(y[:60].tolist())) == 10
    assert not np.array_equal(y, np.arange(3000) % 10)


def test_fond_noir_et_vetement_clair(jumeau):
    X, y = jumeau
    coins = X[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    # Un sac carré peut toucher les coins ; les autres vêtements non.
    assert (coins[np.isin(y, (0, 1, 3, 5, 7))] == 0).all(axis=1).mean() > 0.98
    vides = (X == 0).mean(axis=(1, 2))
    assert vides.max() < 0.95, "une imagette est presque vide"
    assert np.median(vides) > 0.3, "le fond n'est pas noir"
    clarte = np.array([image[image > 0].mean() for image in X])
    assert np.median(clarte) > 120


def test_vetement_remplit_l_imagette(jumeau):
    X, _ = jumeau
    plus_long = [max(np.ptp(np.nonzero(image)[0]), np.ptp(np.nonzero(image)[1])) + 1 for image in X]
    assert min(plus_long) >= 25


def test_proportions_des_vetements(jumeau):
    X, y = jumeau
    for classe, allonge in ((1, True), (3, True), (7, False)):
        hauteur = (X[y == classe].max(axis=2) > 0).sum(axis=1)
        largeur = (X[y == classe].max(axis=1) > 0).sum(axis=1)
        assert ((hauteur > largeur) == allonge).mean() > 0.97


def test_meme_graine_memes_pixels():
    X, y = garde_robe.jumeau_fashion_mnist(200, graine=5)
    X2, y2 = garde_robe.jumeau_fashion_mnist(200, graine=5)
    X3, _ = garde_robe.jumeau_fashion_mnist(200, graine=6)
    assert np.array_equal(X, X2) and np.array_equal(y, y2)
    assert not np.array_equal(X, X3)


@pytest.mark.parametrize("n", [1, 7, np.int64(23)])
def test_effectif_quelconque(n):
    X, y = garde_robe.jumeau_fashion_mnist(n)
    assert len(X) == len(y) == n
    assert np.ptp(np.bincount(y, minlength=10)) <= 1


def test_effectif_nul_refuse():
    with pytest.raises(ValueError, match="n = 0"):
        garde_robe.jumeau_fashion_mnist(0)


def test_jumeau_s_apprend_sans_etre_trivial(jumeau, classifieur):
    X, y = jumeau[0][2000:], jumeau[1][2000:]
    prediction = classifieur.predict(X.reshape(len(X), -1) / 255)
    justesse = (prediction == y).mean()
    assert 0.80 < justesse < 0.98
    # Comme sur les vraies données, un pantalon n'est pas une chaussure…
    nets = np.isin(y, (1, 7))
    assert (prediction[nets] == y[nets]).mean() > 0.95
    # … et les erreurs se concentrent sur les hauts.
    assert np.isin(y[prediction != y], (0, 2, 3, 4, 6)).mean() > 0.8


def test_photo_et_imagette_montrent_le_meme_vetement(classifieur):
    photos = [(c, garde_robe.dessiner_photo(c, 200, g, None)) for c in range(10) for g in range(8)]
    prediction = classifieur.predict([reduire(p).ravel() / 255 for _, p in photos])
    classes = np.array([c for c, _ in photos])
    assert (prediction == classes).mean() > 0.8
    assert (prediction == classes)[np.isin(classes, (1, 5, 7, 8, 9))].mean() > 0.9


@pytest.mark.parametrize("classe", range(10))
def test_photo_sur_fond_uni(classe):
    photo = garde_robe.dessiner_photo(classe, taille=160, graine=3, fond=(40, 80, 120))
    assert photo.mode == "RGB" and photo.size == (160, 160)
    assert photo.getpixel((0, 0)) == photo.getpixel((159, 0)) == (40, 80, 120)
    assert photo.tobytes() == garde_robe.dessiner_photo(classe, 160, 3, (40, 80, 120)).tobytes()
    assert photo.tobytes() != garde_robe.dessiner_photo(classe, 160, 4, (40, 80, 120)).tobytes()


@pytest.mark.parametrize("classe", range(10))
def test_photo_transparente(classe):
    photo = garde_robe.dessiner_photo(classe, taille=160, fond=None)
    alpha = np.asarray(photo.getchannel("A"))
    assert photo.mode == "RGBA"
    assert alpha[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0
    assert alpha.max() == 255 and 0.03 < (alpha > 127).mean() < 0.9
    assert ((alpha > 0) & (alpha < 255)).any(), "les bords ne sont pas lissés"
    # Les mêmes couleurs que sur fond blanc
    pleine = alpha == 255
    blanche = np.asarray(garde_robe.dessiner_photo(classe, taille=160))
    assert np.array_equal(np.asarray(photo)[pleine][:, :3], blanche[pleine])


def test_photo_par_nom_et_teinte():
    photo = garde_robe.dessiner_photo("jupe", 120, teinte=(200, 30, 30))
    pixels = np.asarray(photo, dtype=int)[np.asarray(photo).min(axis=-1) < 100]
    rouge, vert, bleu = pixels.mean(axis=0)
    assert rouge > vert + 50 and rouge > bleu + 50


@pytest.mark.parametrize("classe", [10, -1, "pantalons", None, 2.0])
def test_classe_inconnue(classe):
    with pytest.raises(ValueError, match="Classe inconnue.*1 pantalon.*jupe"):
        garde_robe.dessiner_photo(classe)


def test_taille_trop_petite():
    with pytest.raises(ValueError, match="taille = 4"):
        garde_robe.dessiner_photo(0, taille=4)


def test_exemples_livres():
    fichiers = {exemple.fichier for exemple in garde_robe.EXEMPLES}
    assert {exemple.classe for exemple in garde_robe.EXEMPLES} == set(range(10))
    poids = {nom: (IMAGES / nom).stat().st_size for nom in fichiers}
    assert max(poids.values()) < 40_000 and sum(poids.values()) < 300_000


@pytest.mark.parametrize("exemple", garde_robe.EXEMPLES, ids=lambda e: e.fichier)
def test_exemple_montre_le_dessin_annonce(exemple):
    with Image.open(IMAGES / exemple.fichier) as brute:
        image = ImageOps.exif_transpose(brute).convert("RGBA")
    attendue = garde_robe.dessiner_exemple(exemple, image.width).convert("RGBA")
    assert image.size == attendue.size
    visible = np.asarray(attendue.getchannel("A")) == 255
    ecart = np.abs(np.asarray(image, dtype=float) - np.asarray(attendue, dtype=float))[visible]
    assert ecart.mean() < 5  # la compression et la palette changent peu les couleurs


def test_formats_des_exemples():
    modes = {}
    for exemple in garde_robe.EXEMPLES:
        with Image.open(IMAGES / exemple.fichier) as image:
            modes[exemple.fichier] = (image.format, image.mode)
    assert modes["t-shirt.png"] == ("PNG", "RGBA")
    assert modes["sac.png"] == ("PNG", "P")
    assert modes["chemise.gif"][0] == "GIF"
    assert modes["pull.webp"][0] == "WEBP"
    with Image.open(IMAGES / "sac.png") as sac:
        assert sac.convert("RGBA").getpixel((0, 0))[3] == 0
    with Image.open(IMAGES / "baskets.jpg") as baskets:
        assert baskets.getexif()[0x0112] == 6
        largeur, hauteur = (
            ImageOps.invert(baskets.convert("L")).point(lambda p: 255 * (p > 80)).getbbox()[2:]
        )
        assert largeur < hauteur, "les pixels devraient être couchés"


def test_regenerer_les_exemples_redonne_les_memes_pixels(tmp_path):
    dossier = tmp_path / "exemples"
    commande = [sys.executable, "-m", "outils.garde_robe", str(dossier)]
    sortie = subprocess.run(
        commande, cwd=RACINE / "analyse_image", capture_output=True, text=True, check=True
    )
    assert "t-shirt.png" in sortie.stdout
    assert {p.name for p in dossier.iterdir()} == {e.fichier for e in garde_robe.EXEMPLES}
    for nom in ("t-shirt.png", "manteau.png"):
        with Image.open(dossier / nom) as neuve, Image.open(IMAGES / nom) as livree:
            ecart = np.abs(np.asarray(neuve, dtype=int) - np.asarray(livree, dtype=int))
        # Le dernier bit d'un calcul flottant dépend du processeur : une unité d'écart est admise
        assert ecart.max() <= 1


def test_commande_sans_dossier():
    essai = subprocess.run(
        [sys.executable, "-m", "outils.garde_robe"],
        cwd=RACINE / "analyse_image",
        capture_output=True,
        text=True,
    )
    assert essai.returncode != 0 and "Usage" in essai.stderr
