"""Qui porte le vêtement, ce qui n'est d'aucune classe, et la mesure de tout cela sur un dossier quelconque."""

import importlib
import shutil

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mesures import inconnus
from outils import jeux, preparation
from outils.fichiers import RACINE
from outils.visage import trouver_visage


@pytest.fixture
def photos(monkeypatch):
    monkeypatch.syspath_prepend(str(RACINE / "mesures"))
    return importlib.import_module("photos")


def catalogue(article, n):
    dossier = jeux.trouver("catalogue")
    if dossier is None or not (dossier / "styles.csv").is_file():
        pytest.skip("pas de catalogue dans LABO_DATAS")
    import pandas as pd

    fiches = pd.read_csv(dossier / "styles.csv", dtype=str, on_bad_lines="skip")
    numeros = fiches.loc[fiches["articleType"] == article, "id"]
    chemins = [dossier / "images" / f"{numero}.jpg" for numero in numeros]
    return [chemin for chemin in chemins if chemin.is_file()][:n]


# --- Porté ---------------------------------------------------------------------------------------------


def test_des_dessins_n_ont_pas_de_visage():
    for chemin in sorted((RACINE / "images").glob("*.*")):
        assert trouver_visage(preparation.ouvrir_photo(chemin)) is None, chemin.name


def test_une_chemise_de_catalogue_est_portee_et_un_sac_non():
    for article, attendu in (("Shirts", True), ("Handbags", False)):
        vues = [preparation.analyser_photo(p).porte for p in catalogue(article, 30)]
        assert np.mean(np.array(vues) == attendu) >= 0.75, article


def test_du_corps_il_ne_reste_que_le_vetement():
    for chemin in catalogue("Tshirts", 30):
        photo = preparation.ouvrir_photo(chemin)
        visage = trouver_visage(photo)
        if visage is None:
            continue
        x, y, largeur, hauteur = (round(v) for v in visage)
        # Le visage est effacé de ce qui est gardé, et l'entrée n'est jamais vide.
        analyse = preparation.analyser_photo(photo)
        garde = np.asarray(analyse.etapes["vêtement détouré"].convert("L"))
        assert (analyse.entree > 0.05).mean() > 0.1, chemin.name
        if garde.shape[::-1] == photo.size:  # vue non recadrée : mêmes pixels
            centre = garde[y + hauteur // 4 : y + hauteur // 2, x + largeur // 3 : x + largeur // 2]
            assert (centre == 255).mean() > 0.9, chemin.name


def test_un_visage_trop_grand_ou_hors_cadre_ne_casse_rien(monkeypatch):
    dessin = Image.new("RGB", (200, 256), "white")
    ImageDraw.Draw(dessin).polygon([(70, 40), (130, 40), (150, 230), (50, 230)], fill="navy")
    for visage in ((80.0, 5.0, 40.0, 40.0), (-30.0, -20.0, 70.0, 70.0), (1.0, 0.0, 3.0, 3.0)):
        monkeypatch.setattr(preparation, "trouver_visage", lambda photo, visage=visage: visage)
        analyse = preparation.analyser_photo(dessin)
        assert analyse.porte
        assert analyse.entree.shape == (1, 28, 28, 1)
        assert (analyse.entree > 0.05).any()


# --- Aucune des dix --------------------------------------------------------------------------------------


def test_couper_garde_la_bande_demandee():
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 10:18] = 100
    image[4:8, 10:18] = 200
    haut = inconnus.couper(image, 0, 0.2)
    assert haut.shape == (28, 28) and haut.dtype == np.uint8
    assert haut[14, 14] == 200 and 100 not in haut
    assert (inconnus.couper(image, 0.5, 1) > 0).any(axis=1).all()  # agrandie à 28 pixels


def test_ce_qui_ressemble_a_un_inconnu_est_moins_familier():
    hasard = np.random.default_rng(0)
    unitaires = [
        v / np.linalg.norm(v, axis=1, keepdims=True) for v in hasard.normal(size=(2, 60, 8))
    ]
    connus, autres = unitaires
    assert (
        inconnus.familiarite(connus, connus, autres).mean()
        > inconnus.familiarite(autres, connus, autres).mean()
    )


# --- La mesure --------------------------------------------------------------------------------------------


def test_les_trois_rangements(photos, tmp_path):
    source = RACINE / "images" / "pantalon.jpg"
    par_classe, a_plat, kaggle = (tmp_path / nom for nom in ("classes", "plat", "kaggle"))
    for cible in (
        par_classe / "Un pantalon" / "a.jpg",
        a_plat / "pantalon-2.jpg",
        a_plat / "T-shirt_blanc.jpg",
        a_plat / "chapeau.jpg",
        kaggle / "images" / "7.jpg",
    ):
        cible.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, cible)
    (a_plat / ".DS_Store").write_text("")
    (kaggle / "styles.csv").write_text("id,articleType\n7,Jeans\n8,Jeans\n9,Watches\n")

    def classes(dossier):
        return {p.name: photos.classes_admises(nom) for nom, p in photos.lister(dossier)}

    assert classes(par_classe) == {"a.jpg": (1,)}
    assert classes(a_plat) == {"pantalon-2.jpg": (1,), "T-shirt_blanc.jpg": (0,), "chapeau.jpg": ()}
    assert classes(kaggle) == {"7.jpg": (1,)}


def test_les_deux_moities_du_catalogue_se_partagent_les_photos(photos, tmp_path):
    (tmp_path / "images").mkdir()
    for i in range(20):
        (tmp_path / "images" / f"{i}.jpg").touch()
    (tmp_path / "styles.csv").write_text(
        "id,articleType\n" + "".join(f"{i},Jeans\n" for i in range(20))
    )
    moities = [{p for _, p in photos.lister(tmp_path, moitie)} for moitie in (0, 1)]
    assert moities[0] and moities[1] and not moities[0] & moities[1]
    assert len(moities[0] | moities[1]) == 20


def test_calibrer_compte_avec_et_sans(photos):
    prets = [preparation.Preparation(None, {}, a) for a in (["Vêtement coupé, ou…"], [], [], [])]
    sur = np.eye(10)[:4]
    tous, coupe = photos.calibrer(prets, sur, np.array([False, True, True, False]))
    assert coupe["avertissement"] == "Vêtement coupé"
    assert (tous["photos"], tous["justes avec"]) == (1, 0)
    assert tous["justes sans"] == pytest.approx(2 / 3)
    assert tous["des justes en ont un"] == 0


def test_un_reseau_qui_hesite_est_compte_parmi_les_avertissements(photos):
    prets, probables = (
        [preparation.Preparation(None)] * 2,
        np.array([np.eye(10)[0], np.full(10, 0.1)]),
    )
    tous, doute = photos.calibrer(prets, probables, np.array([True, False]))
    assert doute["avertissement"] == "Le réseau hésite"
    assert (tous["photos"], tous["justes avec"], tous["justes sans"]) == (1, 0, 1)
