"""Le labo 5 : catalogue H&M, manifeste, cache de photos, produits semblables."""

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from processus import ensemble

from echelle.preparer import fusionner_rares
from outils import cache, catalogue, dessins, fichiers, hm, jeux, lecture
from outils.fichiers import DonneesInvalides
from outils.preparation import couleurs_carrees

RACINE = Path(__file__).resolve().parents[1]
N = 260


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    dossier = tmp_path_factory.mktemp("vetements") / "dessines"
    dessins.ecrire_vetements(dossier, 260)
    return jeux.photos_vetements(dossier)


@pytest.fixture(scope="module")
def jumeau(tmp_path_factory, photos):
    dossier = tmp_path_factory.mktemp("hm") / "jumeau"
    dessins.ecrire_hm(photos, dossier)
    return dossier


@pytest.fixture(scope="module")
def manifeste(jumeau):
    return hm.manifeste_hm(jumeau)[0]


def contenu(dossier):
    return {c.relative_to(dossier): c.read_bytes() for c in dossier.rglob("*") if c.is_file()}


# --- Les chiffres publiés ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def publies():
    """Les effectifs publiés : articles par catégorie, photos par classe après la fusion."""
    return pd.read_csv(RACINE / "mesures" / "hm_publies.csv", index_col="catégorie")


def sans_photos(effectifs):
    """Un manifeste à ces effectifs, sans une photo sur le disque."""
    classes = np.repeat(effectifs.index, effectifs)
    numeros = [f"{108_775_000 + 7 * i:010d}" for i in range(len(classes))]
    return pd.DataFrame({"id": numeros, "chemin": numeros, "classe": classes}, dtype="object")


@pytest.fixture(scope="module")
def labo():
    """Les fonctions que le labo fait écrire, prises dans ses cellules."""
    notebook = nbformat.read(RACINE / "analyse_image" / "preparation_hm.ipynb", as_version=4)
    sources = {cellule.id: cellule.source for cellule in notebook.cells}
    noms = {"pd": pd, "verifier": print}
    for identifiant in ("fusionner", "sous-echantillonner"):
        exec(sources[identifiant], noms)
    return noms


def test_chaque_etape_redonne_les_chiffres_publies(publies, labo):
    assert (publies["articles"].sum(), len(publies)) == (105_542, 19)
    attendues = publies["photos après fusion"].dropna().astype(int)
    # Les catégories rares avaient toutes leurs photos ; les autres, ce que donne la seconde table.
    photos = publies["photos après fusion"].fillna(publies["articles"]).astype(int)
    rares = publies["photos après fusion"].isna()
    photos["Accessories"] -= publies.loc[rares, "articles"].sum()
    manifeste = sans_photos(photos)
    assert len(manifeste) == 105_100
    fusion = labo["fusionner"](manifeste, 200)
    assert fusion["classe"].value_counts().to_dict() == attendues.to_dict()
    assert fusionner_rares(manifeste).equals(fusion)

    quatre = attendues.nlargest(4).index
    reduites = labo["sous_echantillonner"](fusion[fusion["classe"].isin(quatre)], 5_000)
    assert reduites["classe"].value_counts().to_dict() == dict.fromkeys(quatre, 5_000)
    choix = len(reduites) + attendues.drop(quatre).sum()
    assert choix == 38_072
    validation = int(0.2 * choix)  # le calcul de validation_split=0.2
    assert (choix - validation, validation) == (30_458, 7_614)
    assert -(-30_458 // 32) == 952  # pas par époque


def test_la_validation_de_keras_sur_des_dossiers_a_les_tailles_publiees(tmp_path):
    """Les mêmes proportions, sur de vrais fichiers : Keras garde int(0,2 × n) photos pour valider."""
    import keras

    for classe, n in {"A": 11, "B": 12}.items():
        (tmp_path / classe).mkdir()
        for i in range(n):
            Image.new("RGB", (8, 8)).save(tmp_path / classe / f"{i}.jpg")
    jeux = keras.utils.image_dataset_from_directory(
        *(tmp_path,),
        validation_split=0.2,
        subset="both",
        seed=123,
        image_size=(8, 8),
        verbose=False,
    )
    assert [len(jeu.file_paths) for jeu in jeux] == [23 - int(0.2 * 23), int(0.2 * 23)]


# --- Des photos rangées comme H&M, et le manifeste --------------------------------------------


def test_les_photos_rangees_ont_la_forme_du_vrai_catalogue(jumeau, photos):
    tel_quel = pd.read_csv(jumeau / "articles.csv")
    assert tel_quel.shape == (N, 25)
    articles = hm.lire_articles(jumeau)
    assert articles["article_id"].str.fullmatch("0[0-9]{9}").all()  # le zéro de tête est là
    assert (tel_quel["article_id"] == articles["article_id"].astype(int)).all()
    assert (articles["product_code"] == articles["article_id"].str[:7]).all()
    effectifs = pd.Series([article for _, article in photos]).value_counts()
    assert articles["product_group_name"].value_counts().to_dict() == effectifs.to_dict()
    assert articles["detail_desc"].isna().sum() == 1
    petites = set(articles["product_group_name"]) - set(
        fusionner_rares(articles.rename(columns={"product_group_name": "classe"}))["classe"]
    )
    assert petites == {"hat", "skirt"}


def test_une_ligne_par_photo_et_les_defauts_listes(jumeau):
    avant = contenu(jumeau)
    manifeste, anomalies = hm.manifeste_hm(jumeau)
    assert {*catalogue.COLONNES, "produit"} == set(manifeste.columns)
    assert len(manifeste) == N - 1
    assert anomalies["motif"].value_counts().to_dict() == {
        "photo sans article": 3,
        "article sans photo": 1,
    }
    assert all(Path(chemin).is_file() for chemin in manifeste["chemin"])
    etats = lecture.checkFileIsGood(jumeau / "images")
    assert (etats["état"] == "mauvais").sum() == 2
    assert contenu(jumeau) == avant


def test_le_rangement_est_reproductible_et_refuse_d_ecraser(jumeau, photos, tmp_path):
    dessins.ecrire_hm(photos, tmp_path / "bis")
    assert contenu(tmp_path / "bis") == contenu(jumeau)
    with pytest.raises(FileExistsError, match="rien n'a été touché"):
        dessins.ecrire_hm(photos, tmp_path / "bis")


def test_les_dimensions_se_lisent_sans_decoder(jumeau, manifeste):
    mesures = lecture.mesurer_photos(manifeste["chemin"])
    assert len(mesures) == len(manifeste)
    assert (
        mesures["largeur"].isna().sum() == 1
    )  # la page web ; la photo coupée a encore son en-tête
    assert set(mesures["largeur"].dropna()) == {120}
    assert mesures["octets"].sum() == sum(os.path.getsize(p) for p in manifeste["chemin"])


@pytest.mark.parametrize(
    "article",
    [108775015, "108775015", "0108775015", np.int64(108775015), "108775015.0", 108775015.0],
)
def test_le_chemin_d_une_photo(article):
    assert hm.chemin_photo(article) == "images/010/0108775015.jpg"


@pytest.mark.parametrize("article", ["../../secret", "٣٣٣", "", "12345678901", -5, 1.5])
def test_un_identifiant_ne_fait_pas_sortir_du_dossier(article):
    with pytest.raises(ValueError, match="dix chiffres"):
        hm.chemin_photo(article)


def test_les_lignes_fautives_sont_listees_et_n_arretent_rien():
    articles = pd.DataFrame(
        {
            "article_id": ["0000000001", "0000000001", "../etc", "0000000004", "0000000005"],
            "product_code": "0000000",
            "product_type_name": "x",
            "product_group_name": ["Shoes", "Shoes", "Shoes", None, "Fun"],
        }
    )
    photos = {f"images/000/000000000{i}.jpg" for i in (1, 4, 9)}
    manifeste, anomalies = hm.joindre(articles, photos, "ici")
    assert manifeste["chemin"].tolist() == [os.path.join("ici", "images/000/0000000001.jpg")]
    assert anomalies["motif"].tolist() == [
        *("identifiant en double", "identifiant invalide", "article sans classe"),
        *("article sans photo", "photo sans article"),
    ]


@pytest.mark.parametrize(
    ("texte", "message"),
    [
        (None, "pas de fichier articles.csv"),
        (b"", "0 octet"),
        (b"\xff\xfe\x00\x01", "il manque article_id"),
        (b"<html><body>connectez-vous</body></html>", "page web"),
        (b"article_id,product_code\n1,2\n", "il manque product_type_name"),
    ],
    ids=("absent", "vide", "binaire", "page", "colonnes"),
)
def test_un_articles_csv_inutilisable_dit_quoi_faire(tmp_path, texte, message):
    if texte is not None:
        (tmp_path / "articles.csv").write_bytes(texte)
    with pytest.raises(DonneesInvalides, match=message) as erreur:
        hm.lire_articles(tmp_path)
    assert "Remède" in str(erreur.value)


def ecrire_articles(dossier, entete, *lignes):
    (dossier / "articles.csv").write_text("".join(f"{ligne}\n" for ligne in (entete, *lignes)))


ENTETE = ",".join(hm.COLONNES_UTILES)
LIGNES = ("108775015,0108775,Vest top,Garment Upper body", "110065001,0110065,Bra,Underwear")


@pytest.mark.parametrize("fin", [",", ",de trop"])
def test_une_valeur_de_trop_ne_decale_rien_en_silence(tmp_path, fin):
    ecrire_articles(tmp_path, ENTETE, *(ligne + fin for ligne in LIGNES))
    with pytest.raises(DonneesInvalides, match="5 valeurs à la ligne 2"):
        hm.lire_articles(tmp_path)
    ecrire_articles(tmp_path, ENTETE, LIGNES[0], LIGNES[1] + fin)
    with pytest.raises(DonneesInvalides, match="5 valeurs à la ligne 3"):
        hm.lire_articles(tmp_path)


@pytest.mark.parametrize("entete", [ENTETE, f'"",{ENTETE}'])
def test_des_numeros_de_ligne_a_la_facon_de_r_se_lisent(tmp_path, entete):
    ecrire_articles(tmp_path, entete, *(f'"{i}",{ligne}' for i, ligne in enumerate(LIGNES, 1)))
    articles = hm.lire_articles(tmp_path)
    assert articles["article_id"].tolist() == ["0108775015", "0110065001"]
    assert articles["product_group_name"].tolist() == ["Garment Upper body", "Underwear"]


def ranger(dossier, *noms):
    for nom in noms:
        (dossier / "images" / nom).parent.mkdir(parents=True, exist_ok=True)
        (dossier / "images" / nom).write_bytes(b"")


def test_les_identifiants_d_un_tableur_les_suffixes_et_les_parasites(tmp_path):
    lignes = [ligne.replace("5,0108775,", "5.0,108775.0,") for ligne in LIGNES]
    ecrire_articles(tmp_path, ENTETE, *lignes)
    ranger(tmp_path, "010/0108775015.JPG", "011/0110065001.jpeg", "010/notes.txt")
    ranger(tmp_path, ".DS_Store", "010/._0108775015.jpg", ".ipynb_checkpoints/a.jpg")
    assert hm.sous_dossiers(tmp_path) == ["010", "011"]
    manifeste, anomalies = hm.manifeste_hm(tmp_path)
    assert manifeste["produit"].tolist() == ["0108775", "0110065"]
    assert all(Path(chemin).is_file() for chemin in manifeste["chemin"])
    assert anomalies["motif"].tolist() == [lecture.PARASITE] * 3


def test_quand_aucun_article_n_a_sa_photo_on_dit_pourquoi(tmp_path):
    ecrire_articles(tmp_path, ENTETE, *LIGNES)
    ranger(tmp_path, "095/0950000001.jpg")
    with pytest.raises(
        DonneesInvalides, match="2 « article sans photo », 1 « photo sans"
    ) as erreur:
        hm.manifeste_hm(tmp_path)
    assert "images/010/0108775015.jpg" in erreur.value.trouve and erreur.value.remede


@pytest.mark.parametrize("nom", ["articles.csv", "articles.csv.zip", "archive.zip"])
def test_une_archive_a_la_place_d_articles_csv_est_nommee(
    jumeau, tmp_path, monkeypatch, capsys, nom
):
    monkeypatch.setenv("LABO_DATAS", str(tmp_path))
    (tmp_path / "hm").mkdir()
    (tmp_path / "hm" / "images").symlink_to(jumeau / "images")
    with zipfile.ZipFile(tmp_path / "hm" / nom, "w") as archive:
        archive.write(jumeau / "articles.csv", "articles.csv")
    with pytest.raises(DonneesInvalides, match=f"{nom} » est inutilisable") as erreur:
        hm.lire_articles(tmp_path / "hm")
    assert "décompressez" in erreur.value.remede and "kaggle" not in erreur.value.remede
    if nom == "articles.csv":  # tout a l'air d'être là : on s'arrête avant de le lire
        with pytest.raises(DonneesInvalides, match="archive zip"):
            hm.obtenir_hm(n=30)
    else:
        assert hm.obtenir_hm(n=30)[1] == "vêtements dessinés"
        assert nom in capsys.readouterr().out


def test_sans_dossier_images(jumeau, tmp_path):
    (tmp_path / "articles.csv").write_bytes((jumeau / "articles.csv").read_bytes())
    with pytest.raises(DonneesInvalides, match="images"):
        hm.manifeste_hm(tmp_path)


def test_les_couleurs_d_un_modele_restent_du_meme_cote(manifeste):
    variantes = pd.concat([manifeste, manifeste.assign(chemin=manifeste["chemin"] + " bis")])
    reparti = catalogue.repartir(variantes, 0.2, 0.2, groupe="produit")
    assert len(reparti) == len(variantes)
    assert reparti.groupby("produit")["jeu"].nunique().max() == 1
    assert set(reparti["jeu"]) == set(lecture.JEUX)
    seules = catalogue.repartir(variantes, 0.2, 0.2)
    assert seules.groupby("produit")["jeu"].nunique().max() > 1  # sans quoi le test ne dirait rien


def test_le_vrai_catalogue_puis_les_vraies_photos_puis_des_dessins(
    jumeau, datas, monkeypatch, capsys
):
    dossier, source = hm.obtenir_hm(n=30)
    assert source == "vêtements dessinés" and "⚠ DONNÉES DESSINÉES" in capsys.readouterr().out
    assert jeux.trouver("hm") is None  # les dessins ne sont pas pris pour le vrai
    etat = contenu(Path(dossier))
    assert hm.obtenir_hm(n=30)[0] == dossier and contenu(Path(dossier)) == etat
    dessins.ecrire_vetements(datas / "vetements", 40)  # comme si c'étaient les photos
    capsys.readouterr()
    dossier, source = hm.obtenir_hm()
    assert source == "clothing-dataset-small (CC0)" and len(hm.lire_articles(dossier)) == 40
    assert jeux.trouver("hm") is None
    (datas / "hm").symlink_to(jumeau)
    assert hm.obtenir_hm()[1] == "H&M (Kaggle)"
    assert "DESSINÉES" not in capsys.readouterr().out


# --- La clé de Kaggle -------------------------------------------------------------------------


def test_la_cle_est_verifiee_et_jamais_montree(tmp_path, capsys):
    assert "Pas de clé" in hm.verifier_acces_kaggle(tmp_path)
    cle = tmp_path / "kaggle.json"
    cle.write_text('{"username": "moi-meme", "key": "0123456789abcdef"}')
    cle.chmod(0o644)
    etats = [hm.verifier_acces_kaggle(tmp_path)]
    cle.chmod(0o600)
    etats.append(hm.verifier_acces_kaggle(tmp_path))
    assert etats[1] == "Clé en place, lisible de vous seul."
    if os.name == "posix":
        assert "644" in etats[0] and "chmod 600" in etats[0]
    for abime in ('{"username": "moi-meme"', '["0123456789abcdef"]', '{"key": 12}'):
        cle.write_text(abime)
        etats.append(hm.verifier_acces_kaggle(tmp_path))
        assert "abîmé" in etats[-1]
    vu = "".join(etats) + "".join(capsys.readouterr())
    assert "0123456789abcdef" not in vu and "moi-meme" not in vu


# --- Le cache ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def en_cache(manifeste, tmp_path_factory):
    dossier = tmp_path_factory.mktemp("cache") / "c"
    return dossier, cache.ecrire_cache(manifeste, dossier, cote=48, par_fragment=50)


def test_le_cache_contient_chaque_photo_lisible_et_liste_les_autres(en_cache, manifeste):
    dossier, bilan = en_cache
    assert bilan["photos"] == len(manifeste) - 2
    assert len(bilan["fragments"]) == 6 and bilan["repris"] == 0
    raisons = dict(bilan["illisibles"])
    assert sorted(raisons.values()) == [
        "c'est une page web, pas une image",
        "image JPEG tronquée ou abîmée",
    ]
    bonnes = manifeste[~manifeste["id"].isin(raisons)]
    images = cache.charger_cache(dossier, bonnes["id"])
    assert images.shape == (len(bonnes), 48, 48, 3) and images.dtype == np.uint8
    for rang in (0, 57, 200):
        attendue = couleurs_carrees(bonnes["chemin"].iloc[rang], 48, cote_utile=48)
        assert np.array_equal(images[rang], attendue)
    with pytest.raises(KeyError, match="1 photo"):
        cache.charger_cache(dossier, [bonnes["id"].iloc[0], next(iter(raisons))])
    deux_fois = cache.charger_cache(dossier, [*bonnes["id"][:2], bonnes["id"].iloc[0]])
    assert np.array_equal(deux_fois[0], deux_fois[2]) and not np.array_equal(*deux_fois[:2])


def test_le_manifeste_decide_de_ce_qui_est_lu(en_cache, manifeste):
    dossier, bilan = en_cache
    bonnes = manifeste[~manifeste["id"].isin(dict(bilan["illisibles"]))]
    choix = bonnes[bonnes["classe"].isin(["shoes", "dress"])]
    numeros = dict(zip(choix["id"], choix["classe"].eq("shoes").astype(int), strict=True))
    jeu = cache.lire_cache(dossier, numeros, melanger=True, lot=4)
    assert int(jeu.cardinality()) == -(-len(choix) // 4)
    avec_illisible = {**numeros, bilan["illisibles"][0][0]: 0}
    assert int(cache.lire_cache(dossier, avec_illisible).cardinality()) == len(choix)
    epoques = [[y.numpy().tolist() for _, y in jeu] for _ in range(2)]
    for lots in epoques:
        lus = sum(lots, [])
        assert len(lus) == len(choix) and sum(lus) == choix["classe"].eq("shoes").sum()
        assert {len(lot) for lot in lots[:-1]} == {4}
    assert epoques[0] != epoques[1]  # remélangé
    fixe = cache.lire_cache(dossier, numeros)
    assert [int(y) for _, y in fixe] == [int(y) for _, y in fixe]


def test_le_cache_ne_depend_pas_de_l_ordre_du_manifeste(en_cache, manifeste, tmp_path):
    melange = manifeste.sample(frac=1, random_state=3)
    cache.ecrire_cache(melange, tmp_path / "c", cote=48, par_fragment=50)
    assert contenu(tmp_path / "c") == contenu(en_cache[0])


TUE = """
import sys, threading
import pandas as pd
from outils import cache
ecrits, vraie = iter(range(10**6)), cache.np.save
def attendre(fichier, photos):
    if next(ecrits) == int(sys.argv[3]):  # au milieu de ce fragment : on y sera tué
        open(fichier, "wb").write(photos.tobytes()[:5_000])
        threading.Event().wait()
    vraie(fichier, photos)
cache.np.save = attendre
cache.ecrire_cache(pd.read_csv(sys.argv[1], dtype=str), sys.argv[2], cote=48, par_fragment=50)
"""


@pytest.mark.parametrize("rang", [0, 1, 5])
def test_tue_au_milieu_puis_relance_le_cache_a_les_memes_octets(
    en_cache, manifeste, tmp_path, rang
):
    manifeste.to_csv(tmp_path / "m.csv")
    dossier = tmp_path / "c"
    commande = [sys.executable, "-c", TUE, str(tmp_path / "m.csv"), str(dossier), str(rang)]
    processus = subprocess.Popen(
        commande, cwd=RACINE / "analyse_image", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    # Tué au milieu d'un fragment : les précédents sont faits, lui a un fichier provisoire.
    while not (
        len(list(dossier.glob("photos-*.npy"))) == rang
        and any(c.stat().st_size for c in dossier.glob(".provisoire-*-photos-*.npy"))
    ):
        assert processus.poll() is None
        time.sleep(0.01)
    processus.kill()
    processus.wait()
    faits = len(list(dossier.glob("photos-*.npy")))
    assert faits == rang and list(dossier.glob(".provisoire-*"))
    with pytest.raises(DonneesInvalides, match="inachevé"):
        cache.lire_cache(dossier, {"0": 0})
    bilan = cache.ecrire_cache(manifeste, dossier, cote=48, par_fragment=50)
    assert bilan["repris"] == faits
    assert contenu(dossier) == contenu(en_cache[0])


def test_un_fragment_perdu_est_refait(en_cache, manifeste, tmp_path):
    dossier, bilan = en_cache
    avant = contenu(dossier)
    (dossier / bilan["fragments"][2]).unlink()
    with pytest.raises(DonneesInvalides, match="Il manque photos-00002"):
        cache.lire_cache(dossier, {"0": 0})
    assert cache.ecrire_cache(manifeste, dossier, cote=48, par_fragment=50)["repris"] == 5
    assert contenu(dossier) == avant


def test_un_cache_complet_n_est_plus_touche(en_cache, manifeste):
    dossier, bilan = en_cache
    avant = {c: c.stat().st_mtime_ns for c in dossier.iterdir()}
    relance = cache.ecrire_cache(manifeste, dossier, cote=48, par_fragment=50)
    assert relance == {**bilan, "repris": 6}
    assert {c: c.stat().st_mtime_ns for c in dossier.iterdir()} == avant


DEUX_A_LA_FOIS = """
import sys
import pandas as pd
from outils import cache
bilan = cache.ecrire_cache(pd.read_csv(sys.argv[1], dtype=str), sys.argv[2], cote=48, par_fragment=50)
assert bilan["photos"] == int(sys.argv[3]), bilan
assert len(cache.charger_cache(sys.argv[2], [sys.argv[4]])) == 1
"""


def test_deux_noyaux_ecrivent_le_meme_cache_a_la_fois(en_cache, manifeste, tmp_path):
    manifeste.to_csv(tmp_path / "m.csv")
    bonne = manifeste[~manifeste["id"].isin(dict(en_cache[1]["illisibles"]))]["id"].iloc[0]
    reste = (tmp_path / "m.csv", tmp_path / "c", len(manifeste) - 2, bonne)
    ensemble(2, DEUX_A_LA_FOIS, *reste)
    assert contenu(tmp_path / "c") == contenu(en_cache[0])
    assert {c.name for c in tmp_path.iterdir()} == {"c", "m.csv", ".c.verrou"}


def test_un_cache_complet_en_lecture_seule_suffit(en_cache, manifeste, monkeypatch):
    def refuser(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(fichiers.tempfile, "mkstemp", refuser)
    monkeypatch.setattr(fichiers.os, "open", refuser)
    assert cache.ecrire_cache(manifeste, en_cache[0], cote=48, par_fragment=50)["repris"] == 6


@pytest.mark.parametrize("reglage", [{"cote": 32}, {"par_fragment": 60}])
def test_un_autre_cache_n_est_jamais_ecrase(en_cache, manifeste, reglage):
    avant = contenu(en_cache[0])
    with pytest.raises(DonneesInvalides, match=next(iter(reglage))):
        cache.ecrire_cache(manifeste, en_cache[0], **{"cote": 48, "par_fragment": 50, **reglage})
    with pytest.raises(DonneesInvalides, match="autres photos"):
        cache.ecrire_cache(manifeste[:-1], en_cache[0], cote=48, par_fragment=50)
    assert contenu(en_cache[0]) == avant


def test_les_demandes_impossibles_ont_un_message(en_cache, manifeste, tmp_path):
    with pytest.raises(ValueError, match="un par photo"):
        cache.ecrire_cache(pd.concat([manifeste, manifeste[:1]]), tmp_path / "c")
    with pytest.raises(DonneesInvalides, match="absent"):
        cache.lire_cache(tmp_path / "rien", {"0": 0})
    with pytest.raises(ValueError, match="Aucune photo"):
        cache.lire_cache(en_cache[0], {})
    with pytest.raises(KeyError, match="un autre manifeste"):
        cache.lire_cache(en_cache[0], {"0999999999": 0})
    (tmp_path / "abime").mkdir()
    (tmp_path / "abime" / cache.FICHE).write_text("{")
    with pytest.raises(DonneesInvalides, match="illisible"):
        cache.lire_cache(tmp_path / "abime", {"0": 0})


def test_une_bombe_est_sautee_sans_etre_decodee(tmp_path):
    Image.new("RGB", (9_000, 9_000)).save(tmp_path / "bombe.png")
    Image.new("RGB", (60, 60), "red").save(tmp_path / "bonne.png")
    photos = pd.DataFrame(
        {"id": ["b", "r"], "chemin": [tmp_path / "bombe.png", tmp_path / "bonne.png"]}
    )
    bilan = cache.ecrire_cache(photos, tmp_path / "c", cote=32)
    assert bilan["photos"] == 1
    assert bilan["illisibles"] == [["b", "9000 × 9000 pixels, image démesurée"]]


def test_le_decodage_reduit_donne_presque_les_memes_pixels(photos, tmp_path):
    with Image.open(photos[0][0]) as photo:
        photo.resize((1166, 1750)).save(tmp_path / "p.jpg", quality=95)
    entiere = couleurs_carrees(tmp_path / "p.jpg", 180).astype(int)
    reduite = couleurs_carrees(tmp_path / "p.jpg", 180, cote_utile=180).astype(int)
    assert 0 < np.abs(entiere - reduite).mean() < 3
