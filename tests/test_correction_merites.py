"""Correction : les points vont à ce qui a tourné, et la fiche dit d'abord ce qui l'explique."""

import json

import pytest
import remises
from test_correction import BAREME, MODELE, classification, lire, manques, noter, parts, titres

from correction import note, ressemblances


@pytest.fixture
def eleve(tmp_path):
    return tmp_path / "remises" / "Élise Tremblay"


def cellules(modifications=(), sorties=None):
    """Cellules de classification.ipynb, textes remplacés, sorties remplacées par rang."""
    faites = []
    for rang, (source, affiche) in enumerate(remises.cellules_classification()):
        for avant, apres in modifications:
            source = source.replace(avant, apres)
        faites.append((source, (sorties or {}).get(rang, affiche)))
    return faites


def trouve(bulletin, cle):
    return next(c for c in bulletin.constats if c.cle == cle)


# --- Jamais exécuté, en erreur partout, distribué -------------------------------------------------


def test_l_enonce_colle_et_jamais_execute_vaut_peu(eleve, tmp_path):
    jamais = [
        remises.notebook(c, executer=False)
        for c in (remises.cellules_classification(), remises.cellules_test())
    ]
    bulletin = noter(remises.remise(eleve, *jamais, modele=False), tmp_path)
    assert bulletin.note <= 20
    assert sum("rien n'a tourné" in phrase for phrase in bulletin.diagnostic) == 2
    assert trouve(bulletin, "decoupe").trouve == "écrit, mais pas exécuté sans erreur"


@pytest.mark.parametrize("genre", ["error", "display_data", "html", "stream", "vscode"])
def test_une_erreur_dans_chaque_cellule_ne_vaut_presque_rien(eleve, tmp_path, genre):
    erreurs = [
        remises.en_erreur(remises.notebook(c), genre)
        for c in (remises.cellules_classification(), remises.cellules_test())
    ]
    bulletin = noter(remises.remise(eleve, *erreurs, modele=False), tmp_path)
    assert bulletin.note <= 15
    if genre != "vscode":
        assert bulletin.diagnostic[0].endswith("rien n'a tourné : pandas manque.")


def test_ce_qui_precede_l_erreur_d_une_cellule_a_tourne(eleve, tmp_path):
    avant = f"{remises.RESEAU_1}\n{remises.ENTRAINER_1}"
    ligne = avant.count("\n") + 2
    source = f"{avant}\nafficher(courbes)\n{remises.EVALUER_1}"
    epoques = remises.flux(remises.EPOQUES)
    erreur = remises.traceback(
        nom="NameError", valeur="name 'afficher' is not defined", ligne=ligne
    )
    debut = remises.cellules_classification()[:4]
    contenu = remises.notebook([*debut, (source, [epoques, erreur])])
    bulletin = noter(remises.remise(eleve, contenu), tmp_path)
    p = parts(bulletin)
    assert (p["reseau_1"], p["compilation"], p["epoques"], p["evaluation"]) == (1, 1, 1, 0)
    assert "« afficher » n'existe pas" in bulletin.diagnostic[0]


def test_un_entrainement_interrompu_compte_pour_ses_epoques(eleve, tmp_path):
    arret = remises.traceback(nom="KeyboardInterrupt", valeur="")
    quatre = remises.flux("".join(remises.EPOQUES.splitlines(keepends=True)[:8]) + "Epoch 5/10\n")
    faites = cellules(sorties={5: [quatre, arret]})[:-1]  # sans le réseau à quatre convolutions
    bulletin = noter(remises.remise(eleve, remises.notebook(faites)), tmp_path)
    assert parts(bulletin)["epoques"] == pytest.approx(0.4)
    assert "interrompue" in bulletin.diagnostic[0]


@pytest.mark.parametrize("contenu", [b"", b"{}", remises.notebook([])])
def test_un_notebook_sans_cellule_n_est_pas_a_sa_place(eleve, tmp_path, contenu):
    bulletin = noter(remises.remise(eleve, contenu), tmp_path)
    p = parts(bulletin)
    assert p["fichier_classification"] == p["classification_lisible"] == 0
    assert "distribué" not in bulletin.diagnostic[0]


# --- Bien exécuté, mais rangé autrement -----------------------------------------------------------


def test_une_instruction_par_cellule_ou_chaque_cellule_en_double_ne_coutent_rien(eleve, tmp_path):
    labo = remises.cellules_classification()
    for faites in (remises.en_miettes(labo), [c for c in labo for c in (c, c)]):
        bulletin = noter(remises.remise(eleve, remises.notebook(faites)), tmp_path)
        perdus = set(manques(bulletin)) - {
            "echelle"
        }  # la mise à l'échelle refaite divise deux fois
        assert perdus == set()


def test_un_notebook_en_latin_1_se_lit(eleve, tmp_path):
    texte = json.dumps(classification(), ensure_ascii=False).replace("━", "-")
    assert manques(noter(remises.remise(eleve, texte.encode("latin-1")), tmp_path)) == {}


def test_sans_aucun_numero_l_ordre_ne_se_lit_pas(eleve, tmp_path):
    contenu = classification()
    for cellule in contenu["cells"]:
        cellule["execution_count"] = None
        cellule["outputs"] = cellule["outputs"] or [remises.flux("fait\n")]
    bulletin = noter(remises.remise(eleve, contenu), tmp_path)
    assert manques(bulletin) == {"classification_ordre": 0}
    assert "aucun numéro" in trouve(bulletin, "classification_ordre").trouve


def test_une_cellule_sur_douze_sans_sortie_ne_vaut_pas_la_moitie(eleve, tmp_path):
    contenu = classification(executer=False)
    contenu["cells"][0]["execution_count"] = 1
    p = parts(noter(remises.remise(eleve, contenu), tmp_path))
    assert p["classification_execution"] == pytest.approx(1 / 24)
    assert p["classification_ordre"] == p["classification_erreurs"] == pytest.approx(1 / 12)


# --- Ce qui est faux sans que rien ne s'arrête ------------------------------------------------------


@pytest.mark.parametrize(
    ("avant", "apres", "dit"),
    [
        ("X_validation /= 255", "", "X_validation n'est pas divisé"),
        ("X_validation /= 255", "X_validation /= 255\nX_validation /= 255.0", "divisés deux fois"),
    ],
    ids=["jamais", "deux fois"],
)
def test_la_validation_mal_mise_a_l_echelle_est_vue(eleve, tmp_path, avant, apres, dit):
    contenu = remises.notebook(cellules([(avant, apres)]))
    bulletin = noter(remises.remise(eleve, contenu), tmp_path)
    assert manques(bulletin) == {"echelle": 0.5} and dit in trouve(bulletin, "echelle").trouve
    assert any(dit in phrase for phrase in bulletin.diagnostic)


def test_une_validation_qui_reste_a_dix_pour_cent_est_dite_d_abord(eleve, tmp_path):
    plates = remises.EPOQUES.replace("val_accuracy: 0.88", "val_accuracy: 0.10")
    contenu = remises.notebook(cellules(sorties={5: [remises.flux(plates)]}))
    bulletin = noter(remises.remise(eleve, contenu), tmp_path)
    assert manques(bulletin) == {"echelle": 0.5}
    assert "la validation reste à 10 %" in bulletin.diagnostic[0]
    assert "cellule de code 6 « historique_apprentissage" in bulletin.diagnostic[0]


def test_un_autre_optimiseur_qu_adam_coute(eleve, tmp_path):
    contenu = remises.notebook(
        cellules([("keras.optimizers.Adam()", "keras.optimizers.SGD()"), ("'adam'", "'sgd'")])
    )
    bulletin = noter(remises.remise(eleve, contenu), tmp_path)
    assert manques(bulletin) == {"compilation": 0.75}
    assert "SGD" in trouve(bulletin, "compilation").trouve


def test_un_reseau_jamais_entraine_n_a_pas_de_bonus(eleve, tmp_path):
    sans = remises.RESEAU_4[: remises.RESEAU_4.index("historique_apprentissage")]
    contenu = remises.notebook(cellules([(remises.RESEAU_4, sans)]))
    bulletin = noter(remises.remise(eleve, contenu), tmp_path)
    assert manques(bulletin) == {"reseau_4": 0}
    assert "le réseau à quatre convolutions n'est jamais entraîné" in bulletin.diagnostic[0]


def test_une_extension_ne_fait_pas_une_photo(eleve, tmp_path):
    remises.remise(eleve, image=False)
    remises.ecrire(eleve / "images" / "mon_pantalon.png", "ceci n'est pas une image")
    assert parts(noter(eleve, tmp_path))["photo_presente"] == 0


def test_les_images_du_depot_et_celles_de_toute_la_classe_ne_sont_pas_personnelles(tmp_path):
    tous = []
    for nom in "abcd":
        remises.remise(tmp_path / nom, graine=0)
        if nom == "d":  # la même, et une à lui
            remises.photo(tmp_path / nom / "images" / "la_mienne.png", 5)
        f = lire(tmp_path / nom, tmp_path / "t", nom)
        tous.append({**f, "cle": nom, "modele": MODELE})
    assert list(ressemblances.marquer_photos_communes(tous).values()) == ["images/mon_pantalon.png"]
    bulletins = [note.noter(f, BAREME) for f in tous]
    assert [parts(b)["photo_presente"] for b in bulletins] == [0, 0, 0, 1]
    assert not any("photo" in s for p in ressemblances.comparer(tous) for s in p.phrases)


# --- L'énoncé publié ------------------------------------------------------------------------------


def test_obeir_a_l_enonce_publie_ne_coute_rien(eleve, tmp_path):
    remises.remise(eleve)
    (eleve / "modele").rename(eleve / "analyse_image" / "modele")
    remises.ecrire(eleve / "analyse_image" / "datas" / "train-images-idx3-ubyte", b"\0" * 2_000_000)
    (eleve / "test").mkdir()
    second = eleve / "analyse_image" / "test_model.ipynb"
    second.rename(eleve / "analyse_image" / "classification (2).ipynb")
    bulletin = noter(eleve, tmp_path)
    assert manques(bulletin) == {}
    assert "Des données dans le dépôt" in titres(bulletin)
    assert (
        "L'énoncé publié le demande ainsi" in dict(bulletin.remarques)["Le piège de l'augmentation"]
    )
    severe = parts(noter(eleve, tmp_path, bareme={**BAREME, "enonce": "série"}))
    perdus = {"fichier_test_model": 0.75, "donnees_absentes": 0, "modele_fichiers": 0.75}
    assert {cle: severe[cle] for cle in perdus} == perdus


def test_un_critere_manque_par_presque_tous_est_a_revoir_dans_la_grille(tmp_path):
    bulletins = []
    for rang in range(6):
        contenu = classification(("test_size=0.2", "test_size=0.3")) if rang else None
        remises.remise(tmp_path / str(rang), contenu, modele=False, image=False)
        bulletins.append(note.noter(lire(tmp_path / str(rang), tmp_path / "t"), BAREME))
    assert "Découpage 80/20, graine 13 (5 sur 6)" in note.a_revoir(bulletins)
    assert note.a_revoir(bulletins[:4]) == []
