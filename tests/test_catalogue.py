"""Le catalogue : du dossier de fiches et de photos au manifeste, sans rien perdre ni rien effacer."""

import io
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import processus
import pytest
from PIL import Image

from outils import catalogue, dessins, fichiers, jeux, lecture
from outils.fichiers import DonneesInvalides
from outils.photos import PhotoIllisible
from outils.preparation import preparer_couleur

N = 300  # de quoi contenir chacun des six défauts une fois


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    dossier = tmp_path_factory.mktemp("vetements") / "dessines"
    dessins.ecrire_vetements(dossier, N)
    return jeux.photos_vetements(dossier)


@pytest.fixture(scope="module")
def dessine(tmp_path_factory, photos):
    dossier = tmp_path_factory.mktemp("catalogue") / "dessine"
    dessins.ecrire_catalogue(photos, dossier)
    return dossier


def contenu(dossier):
    return {c: c.read_bytes() for c in Path(dossier).rglob("*") if c.is_file()}


def ecrire_fiche(dossier, produit, rayon="Apparel", sous_rayon="Topwear", article="Tshirts"):
    donnees = {
        "id": produit,
        "masterCategory": {"typeName": rayon},
        "subCategory": {"typeName": sous_rayon},
        "articleType": {"typeName": article},
    }
    (dossier / "styles" / f"{produit}.json").write_text(json.dumps({"data": donnees}))
    (dossier / "images" / f"{produit}.jpg").write_bytes(b"")


@pytest.fixture
def vide(tmp_path):
    for nom in ("images", "styles"):
        (tmp_path / nom).mkdir()
    return tmp_path


# --- Le manifeste -----------------------------------------------------------------------------


def test_une_ligne_par_produit_utilisable_et_une_anomalie_par_produit_ecarte(dessine):
    avant = contenu(dessine)
    manifeste, anomalies = catalogue.manifeste_json(dessine)
    assert len(manifeste) + len(anomalies) == N
    assert {"chemin", "id", "classe", "jeu"} <= set(manifeste.columns)
    assert set(manifeste["classe"]) == {"bottomwear", "shoes", "topwear"}
    assert manifeste["jeu"].isna().all()
    for chemin, produit in zip(manifeste["chemin"], manifeste["id"], strict=True):
        assert Path(chemin) == dessine / "images" / f"{produit}.jpg"
    raisons = anomalies["motif"].value_counts()
    for raison in ("JSON illisible", "clé manquante", "image absente", "catégorie inconnue"):
        assert raisons[raison] == 1
    assert contenu(dessine) == avant


def test_la_classe_vient_des_rayons(vide):
    ecrire_fiche(vide, 1, "Apparel", "Topwear")
    ecrire_fiche(vide, 2, "Apparel", "Bottomwear", "Jeans")
    ecrire_fiche(vide, 3, "Footwear", "Shoes")
    ecrire_fiche(vide, 4, "Footwear", "Sandal")
    manifeste, anomalies = catalogue.manifeste_json(vide)
    assert manifeste["classe"].tolist() == ["topwear", "bottomwear", "shoes"]
    assert manifeste["article"].tolist()[1] == "Jeans"
    assert anomalies[["motif", "détail"]].to_numpy().tolist() == [
        [catalogue.HORS_SUJET, "Footwear / Sandal"]
    ]


def test_styles_csv_et_fiches_json_donnent_le_meme_manifeste(dessine):
    par_json, _ = catalogue.manifeste_json(dessine)
    par_csv, anomalies = catalogue.manifeste_csv(dessine)
    # Le CSV ne souffre pas des défauts des fiches JSON ; à part ceux-là, tout est égal.
    communs = par_csv[par_csv["id"].isin(par_json["id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(communs, par_json)
    assert len(par_csv) + len(anomalies) == N


def test_les_lignes_difficiles_de_styles_csv(vide):
    (vide / "styles.csv").write_text(
        "\ufeffid,gender,masterCategory,subCategory,articleType,season,year,usage,productDisplayName\r\n"
        "7,Men,Apparel,Topwear,Shirts,Fall,2011,Casual,Chemise, bleue, à carreaux\r\n"
        "8,Men,Footwear,Shoes,Casual Shoes,Fall,2011,Casual,\"Baskets d'un pied\r\n"
        "9,Men,Apparel\r\n"
        "10,Men,Apparel,Bottomwear,Jeans,Fall,2011,Casual,Jean\r\n",
        encoding="utf-8",
    )
    for produit in (7, 8, 10):
        (vide / "images" / f"{produit}.jpg").write_bytes(b"")
    manifeste, anomalies = catalogue.manifeste_csv(vide)
    assert manifeste["id"].tolist() == ["7", "8", "10"]
    assert anomalies["chemin"].tolist() == ["styles.csv, ligne 4"]


@pytest.mark.parametrize(
    ("octets", "raison"),
    [
        (b"", "JSON illisible"),
        (b"[" * 200_000, "JSON illisible"),
        (b"\xff\xfe\x00", "JSON illisible"),
        (b"[1, 2]", "clé manquante"),
        (b'{"data": {"id": 5}}', "clé manquante"),
        (b'{"data": {"id": 5, "masterCategory": "Apparel"}}', "clé manquante"),
        (b'{"a": "' + b"x" * catalogue.FICHE_MAX + b'"}', "JSON illisible"),
        (b'{"data": {"id": ' + b"9" * 10_000 + b"}}", "JSON illisible"),
    ],
    ids=("vide", "imbriqué", "binaire", "liste", "sans catégorie", "texte", "démesuré", "nombre"),
)
def test_une_fiche_hostile_est_listee_et_n_arrete_rien(vide, octets, raison):
    ecrire_fiche(vide, 1)
    (vide / "styles" / "5.json").write_bytes(octets)
    manifeste, anomalies = catalogue.manifeste_json(vide)
    assert manifeste["id"].tolist() == ["1"]
    assert anomalies[["chemin", "motif"]].to_numpy().tolist() == [["5.json", raison]]


@pytest.mark.parametrize("produit", ["../../secret", "/etc/passwd", "1\n", "٣", 1.5])
def test_un_identifiant_ne_fait_pas_sortir_du_dossier(vide, produit):
    ecrire_fiche(vide, 1)
    ecrire_fiche(vide, 2)
    fiche = json.loads((vide / "styles" / "1.json").read_text())
    fiche["data"]["id"] = produit
    (vide / "styles" / "1.json").write_text(json.dumps(fiche))
    manifeste, anomalies = catalogue.manifeste_json(vide)
    assert manifeste["id"].tolist() == ["2"]
    assert anomalies["motif"].tolist() == ["identifiant invalide"]


def test_un_identifiant_en_double_ne_compte_qu_une_fois(vide):
    ecrire_fiche(vide, 1)
    (vide / "styles" / "2.json").write_bytes((vide / "styles" / "1.json").read_bytes())
    manifeste, anomalies = catalogue.manifeste_json(vide)
    assert manifeste["id"].tolist() == ["1"]
    assert anomalies["motif"].tolist() == ["identifiant en double"]


@pytest.mark.parametrize("lire", [catalogue.manifeste_json, catalogue.manifeste_csv])
def test_un_dossier_qui_n_est_pas_un_catalogue_est_refuse_en_francais(tmp_path, lire):
    with pytest.raises(DonneesInvalides, match="styles"):
        lire(tmp_path)
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles.csv").write_text("nom;prix\n")
    with pytest.raises(DonneesInvalides, match="images|colonnes"):
        lire(tmp_path)


ENTETE = "id,gender,masterCategory,subCategory,articleType,season,productDisplayName\n"


def ecrire_styles(dossier, *lignes, entete=ENTETE, photos=("7.jpg", "8.jpg")):
    (dossier / "styles.csv").write_text(entete + "".join(f"{ligne}\n" for ligne in lignes))
    for nom in photos:
        (dossier / "images" / nom).write_bytes(b"")


def test_les_identifiants_d_un_tableur_et_les_autres_suffixes_conviennent(vide):
    photos = ("7.JPG", "8.jpeg", "._8.jpg", ".DS_Store")
    ecrire_styles(
        *(vide, "7.0,Men,Footwear,Shoes,Casual,Fall,A", "8,Men,Footwear,Shoes,Casual,Fall,B"),
        photos=photos,
    )
    manifeste, anomalies = catalogue.manifeste_csv(vide)
    assert manifeste["id"].tolist() == ["7", "8"]
    assert [Path(chemin).name for chemin in manifeste["chemin"]] == ["7.JPG", "8.jpeg"]
    assert set(anomalies["motif"]) == {lecture.PARASITE} and len(anomalies) == 2


@pytest.mark.parametrize(
    ("entete", "debut", "fin"),
    [(ENTETE, "", ","), (ENTETE, "", ",,"), (f'"",{ENTETE}', '"1",', "")],
    ids=("virgule au bout", "deux virgules", "numéros de ligne"),
)
def test_styles_csv_se_lit_par_ses_colonnes(vide, entete, debut, fin):
    lignes = [f"{debut}{i},Men,Footwear,Shoes,Casual,Fall,Nom, avec virgule{fin}" for i in (7, 8)]
    ecrire_styles(vide, *lignes, entete=entete)
    assert catalogue.manifeste_csv(vide)[0]["id"].tolist() == ["7", "8"]


def test_quand_il_ne_reste_aucun_produit_on_dit_pourquoi(vide):
    # Une valeur de plus au début : toutes les colonnes se décalent.
    ecrire_styles(vide, *(f"x,{i},Men,Footwear,Shoes,Casual,Fall,Nom" for i in (7, 8)))
    with pytest.raises(DonneesInvalides, match="2 « identifiant invalide »") as erreur:
        catalogue.manifeste_csv(vide)
    assert "styles.csv, ligne 2" in erreur.value.trouve and erreur.value.remede


@pytest.mark.parametrize("forme", ["zip renommé", "zip", "archive", "copie", "dossier", "sous"])
def test_styles_csv_sous_une_autre_forme_est_nomme_avec_son_remede(vide, forme):
    contenu_zip = io.BytesIO()
    with zipfile.ZipFile(contenu_zip, "w") as archive:
        archive.writestr("styles.csv", ENTETE)
    nom, remede = {
        "zip renommé": ("styles.csv", "décompressez"),
        "zip": ("styles.csv.zip", "décompressez"),
        "archive": ("archive.zip", "décompressez"),
        "copie": ("styles (1).csv", "renommez"),
        "dossier": ("styles.csv/styles.csv", "sortez-en"),
        "sous": ("archive/styles.csv", "sortez-en"),
    }[forme]
    (vide / nom).parent.mkdir(exist_ok=True)
    (vide / nom).write_bytes(contenu_zip.getvalue() if "zip" in forme + nom else ENTETE.encode())
    with pytest.raises(DonneesInvalides, match=re.escape(Path(nom).parts[0])) as erreur:
        catalogue.manifeste_csv(vide)
    assert remede in erreur.value.remede


# --- Les photos -------------------------------------------------------------------------------


def test_checkfileisgood_dit_l_etat_et_la_raison_de_chaque_fichier(dessine, tmp_path):
    bonnes = sorted((dessine / "images").iterdir())[:3]
    for source in bonnes:
        (tmp_path / source.name).write_bytes(source.read_bytes())
    sous = tmp_path / "sous-dossier"
    sous.mkdir()
    (sous / "vide.jpg").write_bytes(b"")
    (sous / "coupee.jpg").write_bytes(bonnes[0].read_bytes()[:900])
    (sous / "page.jpg").write_bytes(b"<!DOCTYPE html><html>404</html>")
    (sous / "mort.jpg").symlink_to(tmp_path / "nulle-part.jpg")
    avant = contenu(tmp_path)
    table = lecture.checkFileIsGood(tmp_path)
    assert table.columns.tolist() == ["chemin", "état", "motif"]
    assert len(table) == 7
    etats = {Path(c).name: (e, r) for c, e, r in table.itertuples(index=False)}
    assert {nom for nom, (etat, _) in etats.items() if etat == "bon"} == {b.name for b in bonnes}
    assert "0 octet" in etats["vide.jpg"][1]
    assert "tronquée" in etats["coupee.jpg"][1]
    assert "page web" in etats["page.jpg"][1]
    assert "introuvable" in etats["mort.jpg"][1]
    assert contenu(tmp_path) == avant


def test_checkfileisgood_compte_ce_que_le_systeme_a_laisse(dessine, tmp_path):
    bonne = next((dessine / "images").iterdir()).read_bytes()
    (tmp_path / ".ipynb_checkpoints").mkdir()
    parasites = (".DS_Store", "._a.jpg", "Thumbs.db", "desktop.ini", "a.jpg:Zone.Identifier")
    for nom in ("a.jpg", *parasites, ".ipynb_checkpoints/a-checkpoint.jpg"):
        (tmp_path / nom).write_bytes(bonne)
    table = lecture.checkFileIsGood(tmp_path)
    assert table.loc[table["état"] == "bon", "chemin"].tolist() == [str(tmp_path / "a.jpg")]
    assert table.loc[table["état"] == "mauvais", "motif"].tolist() == [lecture.PARASITE] * 6


AVERTIR = """
import sys, warnings
from pathlib import Path
from outils import catalogue, fichiers, lecture
photos, dessins = sys.argv[1:]
fichiers.RACINE = Path(dessins)
avant = list(warnings.filters)
for _ in range(20):
    lecture.checkFileIsGood(photos)
    lecture.empreintes([photos + "/a.jpg"] * 8)
    lecture.lire_images([photos + "/a.jpg"] * 8)
assert warnings.filters == avant, warnings.filters
warnings.warn("on me voit")
catalogue.obtenir_catalogue(en_ligne=False, n=60)
"""


def test_apres_des_photos_verifiees_les_annonces_arrivent_encore(dessine, tmp_path, monkeypatch):
    bonne = next((dessine / "images").iterdir()).read_bytes()
    for nom in "abcdefgh":
        (tmp_path / f"{nom}.jpg").write_bytes(bonne if nom < "e" else bonne[:700])
    monkeypatch.setenv("LABO_DATAS", str(tmp_path / "vide"))
    neuf = subprocess.run(
        [sys.executable, "-c", AVERTIR, str(tmp_path), str(dessine)],
        cwd=Path(catalogue.__file__).parents[1],
        capture_output=True,
        encoding="utf-8",
    )
    assert neuf.returncode == 0, neuf.stderr
    assert "on me voit" in neuf.stderr
    assert "⚠ DONNÉES DESSINÉES" in neuf.stdout


def test_checkfileisgood_refuse_un_dossier_absent(tmp_path):
    with pytest.raises(NotADirectoryError, match="nulle-part"):
        lecture.checkFileIsGood(tmp_path / "nulle-part")


def test_memes_pixels_meme_empreinte_meme_si_les_fichiers_different(tmp_path):
    photo = dessins.dessiner_photo(1, 40)
    photo.save(tmp_path / "a.png")
    photo.save(tmp_path / "b.bmp")
    autre = photo.copy()
    autre.putpixel((0, 0), (0, 0, 1))
    autre.save(tmp_path / "c.png")
    photo.rotate(90, expand=True).save(tmp_path / "d.png")
    # Mêmes octets, autre forme : ce ne sont pas les mêmes pixels.
    Image.frombytes("RGB", (20, 80), photo.tobytes()).save(tmp_path / "e.png")
    (tmp_path / "f.png").write_bytes(b"pas une image")
    a, b, c, d, e, f = lecture.empreintes(sorted(tmp_path.iterdir()))
    assert a == b
    assert f is None
    assert len({a, c, d, e}) == 4


def test_lire_images_et_la_photo_seule_donnent_la_meme_entree(dessine):
    chemins = sorted((dessine / "images").iterdir())[:4]
    images = lecture.lire_images(chemins)
    assert images.shape == (4, 64, 64, 3) and images.dtype == np.uint8
    for image, chemin in zip(images, chemins, strict=True):
        entree = preparer_couleur(chemin)
        assert entree.shape == (1, 64, 64, 3) and entree.dtype == np.float32
        assert np.array_equal(entree[0], image.astype("float32") / 255)


def test_lire_images_refuse_une_photo_abimee_en_la_nommant(tmp_path):
    (tmp_path / "abimee.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(PhotoIllisible, match="abimee.jpg"):
        lecture.lire_images([tmp_path / "abimee.jpg"])


def test_une_photo_transparente_est_posee_sur_du_blanc(tmp_path):
    Image.new("RGBA", (30, 30), (255, 0, 0, 0)).save(tmp_path / "transparente.png")
    assert preparer_couleur(tmp_path / "transparente.png").min() == 1


# --- Répartir, équilibrer, ranger -------------------------------------------------------------


def faux_manifeste(effectifs, copies=()):
    lignes = [
        (f"{classe}/{i}.jpg", str(i), classe, "x", None, f"{classe}{i}")
        for classe, n in effectifs.items()
        for i in range(n)
    ]
    lignes += [(f"copie{i}.jpg", f"c{i}", "shoes", "x", None, p) for i, p in enumerate(copies)]
    return pd.DataFrame(lignes, columns=[*catalogue.COLONNES, "pixels"], dtype="object")


EFFECTIFS = {"bottomwear": 100, "shoes": 40, "topwear": 300}


def test_la_repartition_est_stratifiee_complete_et_reproductible():
    manifeste = faux_manifeste(EFFECTIFS)
    reparti = catalogue.repartir(manifeste, 0.15, 0.2, graine=1)
    compte = pd.crosstab(reparti["classe"], reparti["jeu"])
    for classe, n in EFFECTIFS.items():
        assert compte.loc[classe].to_dict() == {
            "test": round(0.2 * n),
            "train": n - round(0.2 * n) - round(0.15 * n),
            "validation": round(0.15 * n),
        }
    melange = catalogue.repartir(manifeste.sample(frac=1, random_state=5), 0.15, 0.2, graine=1)
    assert melange.sort_index()["jeu"].equals(reparti["jeu"])
    autre = catalogue.repartir(manifeste, 0.15, 0.2, graine=2)
    assert not autre["jeu"].equals(reparti["jeu"])
    assert manifeste["jeu"].isna().all()  # l'original n'est pas touché


def test_les_copies_d_une_photo_vont_du_meme_cote():
    copies = [f"shoes{i}" for i in range(40)] * 2
    manifeste = faux_manifeste(EFFECTIFS, copies)
    for graine in range(3):
        reparti = catalogue.repartir(manifeste, graine=graine)
        assert len(reparti) == len(manifeste)
        assert len(reparti[["pixels", "jeu"]].drop_duplicates()) == reparti["pixels"].nunique()


def test_un_test_publie_reste_tel_quel_et_ses_copies_quittent_l_apprentissage():
    manifeste = faux_manifeste(EFFECTIFS, ["shoes0", "shoes39"])
    publie = manifeste["chemin"].isin([f"shoes/{i}.jpg" for i in range(10)])
    manifeste.loc[publie, "jeu"] = "test"
    reparti = catalogue.repartir(manifeste, validation=0.2)
    assert set(reparti.loc[reparti["jeu"] == "test", "chemin"]) == set(
        manifeste.loc[publie, "chemin"]
    )
    assert "copie0.jpg" not in set(reparti["chemin"])
    assert "copie1.jpg" in set(reparti["chemin"])
    assert reparti["jeu"].isin(lecture.JEUX).all()


@pytest.mark.parametrize(("validation", "test"), [(0.5, 0.5), (-0.1, 0.2), (0.9, 0.2)])
def test_des_parts_impossibles_sont_refusees(validation, test):
    with pytest.raises(ValueError, match="Parts impossibles"):
        catalogue.repartir(faux_manifeste(EFFECTIFS), validation, test)


# --- Où sont les données ----------------------------------------------------------------------


def changer_vetements(monkeypatch, **champs):
    monkeypatch.setitem(jeux.JEUX, "vetements", replace(jeux.JEUX["vetements"], **champs))


@pytest.fixture
def fausse_archive(tmp_path, monkeypatch):
    """Une petite archive de la forme de celle de GitHub, et les effectifs qui lui correspondent."""
    photo = io.BytesIO()
    dessins.dessiner_photo(0, 40).save(photo, "JPEG")
    noms = [
        f"{jeu}/{article}/{i}.jpg"
        for jeu, n in (("train", 4), ("validation", 2), ("test", 3))
        for article in ("pants", "shoes", "t-shirt", "hat")
        for i in range(n)
    ]
    changer_vetements(monkeypatch, minimum={"train": 16, "validation": 8, "test": 12})
    chemin = tmp_path / "serveur" / "archive.zip"
    chemin.parent.mkdir()
    with zipfile.ZipFile(chemin, "w") as archive:
        archive.writestr("jeu-36364be/README.md", "texte")
        archive.writestr("jeu-36364be/../../evasion.jpg", "dehors")
        archive.writestr("/train/pants/absolu.jpg", "dehors")
        for nom in noms:
            archive.writestr(f"jeu-36364be/{nom}", photo.getvalue())
    return chemin


@pytest.fixture
def serveur(tmp_path):
    (tmp_path / "serveur").mkdir(exist_ok=True)
    gestionnaire = partial(SimpleHTTPRequestHandler, directory=tmp_path / "serveur")
    SimpleHTTPRequestHandler.log_message = lambda *_: None
    with ThreadingHTTPServer(("127.0.0.1", 0), gestionnaire) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def test_l_archive_est_telechargee_verifiee_puis_rangee(
    fausse_archive, serveur, datas, tmp_path, monkeypatch
):
    changer_vetements(monkeypatch, adresses=(f"{serveur}/absente.zip", f"{serveur}/archive.zip"))
    dossier, source = catalogue.obtenir_catalogue()
    assert "CC0" in source
    manifeste, anomalies = catalogue.manifeste_json(dossier)
    comptes = {"bottomwear": 9, "shoes": 9, "topwear": 9}
    assert manifeste["classe"].value_counts().to_dict() == comptes
    assert set(anomalies["détail"]) == {"Accessories / Headwear"}
    assert processus.contenu(datas) == ["clothing-dataset-small", "vetements_en_catalogue_entier"]
    assert not list(tmp_path.rglob("evasion.jpg")) and not list(tmp_path.rglob("absolu.jpg"))
    assert all(Path(chemin).is_symlink() for chemin in manifeste["chemin"])  # rien n'est copié
    changer_vetements(monkeypatch, adresses=())
    assert catalogue.obtenir_catalogue() == (dossier, source)  # retrouvé
    assert jeux.trouver("catalogue") is None  # ce n'est pas le jeu de Kaggle


def test_une_archive_qui_n_est_pas_la_bonne_n_est_pas_gardee(fausse_archive, tmp_path, monkeypatch):
    vetements = jeux.JEUX["vetements"]
    autre = replace(vetements, minimum={**vetements.minimum, "train": 17})
    with pytest.raises(DonneesInvalides, match="pas la bonne"):
        jeux.extraire(fausse_archive, tmp_path / "photos", autre)
    coupee = tmp_path / "coupee.zip"
    coupee.write_bytes(fausse_archive.read_bytes()[:2000])
    with pytest.raises(DonneesInvalides, match="abîmée"):
        jeux.extraire(coupee, tmp_path / "photos", vetements)
    assert {c.name for c in tmp_path.iterdir()} == {"serveur", "coupee.zip"}


def test_sans_reseau_les_dessins_sont_annonces(datas, monkeypatch, capsys):
    changer_vetements(monkeypatch, adresses=("http://127.0.0.1:9/rien.zip",))
    dossier, source = catalogue.obtenir_catalogue()
    assert source == "vêtements dessinés" and "⚠ DONNÉES DESSINÉES" in capsys.readouterr().out
    assert set(catalogue.manifeste_json(dossier)[0]["classe"]) == set(catalogue.CLASSES)
    assert jeux.trouver("catalogue") is None  # des dessins ne sont jamais pris pour le vrai jeu


def test_l_archive_de_kaggle_posee_telle_quelle_est_nommee(datas, capsys):
    with zipfile.ZipFile(datas / "archive.zip", "w") as archive:
        archive.writestr("styles.csv", ENTETE)
    catalogue.obtenir_catalogue(en_ligne=False, n=60)
    dit = capsys.readouterr().out
    assert "archive.zip" in dit and "décompressez-la" in dit and "DONNÉES DESSINÉES" in dit


def test_des_donnees_en_lecture_seule_suffisent(datas, tmp_path, monkeypatch, capsys):
    peut_ecrire = fichiers._peut_ecrire
    monkeypatch.setattr(fichiers, "_peut_ecrire", lambda d: d != datas and peut_ecrire(d))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    dessins.ecrire_vetements(datas / "vetements", 40)
    avant = contenu(datas)
    dossier, source = catalogue.obtenir_catalogue(n=30)
    assert "CC0" in source and len(catalogue.manifeste_json(dossier)[0]) > 10
    assert dossier.resolve().parent == (tmp_path / "cache" / "labos-images").resolve()
    assert contenu(datas) == avant and "lecture seule" in capsys.readouterr().out
    assert catalogue.obtenir_catalogue(n=30)[0] == dossier  # retrouvé


DEUX_A_LA_FOIS = "from outils import catalogue; catalogue.obtenir_catalogue(False, 60)"


def test_deux_noyaux_qui_rangent_a_la_fois_finissent_bien(datas):
    processus.ensemble(2, DEUX_A_LA_FOIS)
    assert processus.contenu(datas) == ["jumeau_en_catalogue_60", "jumeau_vetements_300"]
    assert len(list((datas / "jumeau_en_catalogue_60" / "styles").iterdir())) == 60


@pytest.mark.parametrize("place", [".", "fashion-dataset", "fashion-dataset/fashion-dataset"])
def test_le_jeu_de_kaggle_est_trouve_la_ou_l_archive_le_depose(dessine, datas, place):
    racine = datas / place
    racine.mkdir(parents=True, exist_ok=True)
    (racine / "images").symlink_to(dessine / "images")
    (racine / "styles.csv").symlink_to(dessine / "styles.csv")
    trouve, source = catalogue.obtenir_catalogue()
    manifeste, _ = catalogue.manifeste_csv(trouve)
    assert "Kaggle" in source and len(manifeste) > 0
    assert Path(manifeste["chemin"].iloc[0]).parent.resolve() == (dessine / "images").resolve()


# --- Les vêtements, par article ---------------------------------------------------------------


def test_les_vetements_ont_dix_classes_et_un_test_designe(datas):
    dossier = datas / "clothing-dataset-small"
    articles = list(dessins.ARTICLES)
    for jeu in ("train", "validation"):
        for article in articles:
            (dossier / jeu / article).mkdir(parents=True)
            (dossier / jeu / article / "a.jpg").write_bytes(b"")
    manifeste, source = catalogue.obtenir_vetements(en_ligne=False)
    assert "CC0" in source
    assert sorted(set(manifeste["classe"])) == sorted(articles) and len(articles) == 10
    assert (manifeste["jeu"] == "test").sum() == 10
    designes = manifeste.loc[manifeste["jeu"] == "test", "chemin"]
    assert all(Path(chemin).parts[-3] == "validation" for chemin in designes)


def test_sans_reseau_les_vetements_dessines_sont_annonces(datas, capsys):
    manifeste, source = catalogue.obtenir_vetements(en_ligne=False)
    assert source == "vêtements dessinés" and "⚠ DONNÉES DESSINÉES" in capsys.readouterr().out
    assert manifeste["classe"].nunique() == 10
    assert set(manifeste["jeu"].dropna()) == {"test"}
    restants = catalogue.repartir(manifeste, validation=0.2, test=0)
    assert set(restants["jeu"]) == set(lecture.JEUX)


# --- Un dossier par classe --------------------------------------------------------------------


def test_un_dossier_par_classe_se_lit_sans_les_parasites_ni_les_autres(tmp_path):
    classes = {"n1-boxer": "boxer", "n2-caniche": "caniche"}
    for nom in (
        *("n1-boxer/a.jpg", "n1-boxer/B.JPG", "n1-boxer/._a.jpg", "n1-boxer/Thumbs.db"),
        *("n2-caniche/c.jpeg", "n2-caniche/.ipynb_checkpoints/c.jpeg", "n3-autre/d.jpg"),
    ):
        (tmp_path / nom).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / nom).write_bytes(b"")
    manifeste = catalogue.manifeste_classes(tmp_path, classes)
    assert list(manifeste.columns) == catalogue.COLONNES and manifeste["jeu"].isna().all()
    assert manifeste.set_index("id")["classe"].to_dict() == {
        "a": "boxer",
        "B": "boxer",
        "c": "caniche",
    }
    with pytest.raises(DonneesInvalides, match="pas de photo dans n4-absent") as erreur:
        catalogue.manifeste_classes(tmp_path, classes | {"n4-absent": "absent"})
    assert "supprimez" not in erreur.value.remede


# --- Les photos rangées en catalogue -------------------------------------------------------------


def test_le_rangement_est_reproductible_et_refuse_d_ecraser(dessine, photos, tmp_path):
    dessins.ecrire_catalogue(photos, tmp_path / "bis")
    premier = {c.relative_to(dessine): o for c, o in contenu(dessine).items()}
    second = {c.relative_to(tmp_path / "bis"): o for c, o in contenu(tmp_path / "bis").items()}
    assert premier == second
    with pytest.raises(FileExistsError, match="rien n'a été touché"):
        dessins.ecrire_catalogue(photos, tmp_path / "bis")


def test_les_six_defauts_annonces_sont_bien_la(dessine):
    manifeste, anomalies = catalogue.manifeste_json(dessine)
    etats = lecture.checkFileIsGood(dessine / "images")
    assert (etats["état"] == "mauvais").sum() == 1
    bonnes = set(etats.query("état == 'bon'")["chemin"])
    manifeste = manifeste[manifeste["chemin"].isin(bonnes)]
    copies = pd.Series(lecture.empreintes(manifeste["chemin"])).duplicated(keep=False)
    doublons = manifeste[copies.to_numpy()]
    assert len(doublons) == 2 and len(set(doublons["classe"])) == 1
    assert all(re.fullmatch(r"\d+\.json", nom) for nom in anomalies["chemin"])
