"""Les labos tels qu'on les lit : cellules courtes, nombres vrais, durées d'accord."""

import json
import re
import statistics

import nbformat
import pandas as pd
import pytest
import remises

LABOS = remises.RACINE / "analyse_image"
MESURES = remises.RACINE / "mesures"
PREMIERS = ("convolution", "classification", "test_model")
CELLULES_MAX = {
    "convolution": 35,
    "classification": 55,
    "test_model": 60,
    "deux_convolutions": 50,
    "deux_convolutions_inference": 20,
    "frontiere": 51,
    "trois_categories": 60,
    "preparation_hm": 65,
    "transfer_learning": 65,
    "transfert_vetements": 25,
    "passage_echelle": 60,
}

FIGURES_MIN = dict.fromkeys(PREMIERS, 6)
FIGURES_MIN |= {"transfert_vetements": 2, "deux_convolutions_inference": 2}


@pytest.fixture(params=CELLULES_MAX)
def labo(request):
    return request.param


def lire(nom):
    return nbformat.read(LABOS / f"{nom}.ipynb", as_version=4)


def textes(nom):
    return [c for c in lire(nom).cells if c.cell_type == "markdown"]


def codes(nom):
    return [c for c in lire(nom).cells if c.cell_type == "code"]


def textes_alternatifs(cellule):
    """Celui de chaque figure d'une cellule (PNG, ou JPEG pour des photos) ; vide s'il manque."""
    for sortie in cellule.get("outputs", []):
        for genre in ("image/png", "image/jpeg"):
            if genre in sortie.get("data", {}):
                yield sortie.metadata.get(genre, {}).get("alt", "")


# --- La forme --------------------------------------------------------------------------------


def test_le_labo_est_court(labo):
    lignes = {c.id: c.source.splitlines() for c in codes(labo)}
    assert len(lire(labo).cells) <= CELLULES_MAX[labo]
    assert {nom: len(x) for nom, x in lignes.items() if len(x) > 12} == {}
    assert statistics.median(sum(bool(y.strip()) for y in x) for x in lignes.values()) <= 6


def test_un_texte_n_est_pas_un_mur(labo):
    mots = {c.id: len(re.sub(r"<!--.*?-->|<[^>]*>", "", c.source).split()) for c in textes(labo)}
    assert {nom: n for nom, n in mots.items() if n > 160} == {}


def test_les_paragraphes_sont_courts(labo):
    longs = []
    for cellule in textes(labo):
        texte = re.sub(r"<!--.*?-->|<[^>]*>|```.*?```", "", cellule.source, flags=re.DOTALL)
        for paragraphe in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.)\s)", texte):
            if not paragraphe.lstrip().startswith("|") and len(paragraphe.split()) > 60:
                longs.append(paragraphe)
    assert longs == []


def test_une_remarque_ne_partage_pas_sa_cellule_avec_un_titre(labo):
    for cellule in textes(labo):
        assert "À remarquer" not in cellule.source or not re.search(r"^#", cellule.source, re.M)


def test_chaque_figure_est_suivie_de_ce_qu_il_faut_y_voir(labo):
    cellules = lire(labo).cells
    for rang, cellule in enumerate(cellules):
        if any(True for _ in textes_alternatifs(cellule)):
            assert "À remarquer" in cellules[rang + 1].source, cellule.id


def test_chaque_figure_a_son_texte_alternatif(labo):
    alternatifs = [alt for c in codes(labo) for alt in textes_alternatifs(c)]
    assert len(alternatifs) >= FIGURES_MIN.get(labo, 5)
    assert [alt for alt in alternatifs if len(alt) < 20] == []


@pytest.mark.parametrize("labo", PREMIERS)
def test_ce_qui_fait_apprendre_est_la(labo):
    texte = "\n".join(c.source for c in textes(labo))
    assert texte.count("**Je prédis…**") >= 3
    assert "## Trois rappels" in texte and "**À remettre en ordre.**" in texte
    assert texte.count("<details>") == texte.count("</details>") >= 9
    for cle in re.findall(r'verifier\("(\w+)"\)', "\n".join(c.source for c in codes(labo))):
        annonce = f"**Question {cle[1:]}.**" if cle[0] == "q" else "**À remettre en ordre.**"
        assert annonce in texte


def test_un_reseau_est_entraine_dans_les_dix_premieres_cellules_de_code():
    assert any(".fit(" in c.source for c in codes("classification")[:10])


# --- Les nombres -----------------------------------------------------------------------------
# Dans un texte : « 0,90<!-- mesure: labo1 ; réseau=1 convolution ; augmentation=non ; test ; min --> » lit
# mesures/labo1.csv ; « 89<!-- sortie: apprentissage --> » doit se trouver dans ce qu'affiche cette cellule.
# « énoncé », « définition » : une valeur publiée, ou qui n'est pas mesurée.

NOMBRE = re.compile(
    r"(\d[\d\u202f]*(?:,\d+)?)( ?%)?<!-- ?(énoncé|définition|mesure|sortie)(?:: ?([^>]*?))? ?-->"
)


def valeur_mesuree(recette):
    fichier, *filtres = (partie.strip() for partie in recette.split(";"))
    table = pd.read_csv(MESURES / f"{fichier}.csv")
    resume = filtres.pop() if filtres[-1] in ("min", "max", "mean") else None
    colonne = filtres.pop()
    for filtre in filtres:
        nom, valeur = filtre.split("=")
        table = table[table[nom].astype(str) == valeur]
    assert len(table) == 1 or (resume and len(table)), f"{recette} : {len(table)} ligne(s)"
    return float(getattr(table[colonne], resume or "max")())


def valeurs_affichees(nom, cellule):
    sorties = json.dumps([c.outputs for c in codes(nom) if c.id == cellule], ensure_ascii=False)
    sorties = re.sub(r'"image/(png|jpeg)": ?"[^"]*"', "", sorties)
    return [float(x) for x in re.findall(r"\d+(?:\.\d+)?", sorties)]


def egal(texte, pourcent, valeur):
    """`texte` est-il `valeur`, arrondie à ses décimales ?"""
    decimales = len(texte.partition(",")[2])
    ecrit = float(texte.replace(",", ".").replace("\u202f", ""))
    return any(
        abs(v - ecrit) <= 0.5 * 10**-decimales + 1e-9
        for v in ([100 * valeur, valeur] if pourcent else [valeur])
    )


def test_les_nombres_cites_sont_ceux_des_mesures_et_des_sorties(labo):
    for cellule in textes(labo):
        for texte, pourcent, genre, recette in NOMBRE.findall(cellule.source):
            if genre == "mesure":
                assert egal(texte, pourcent, valeur_mesuree(recette)), f"{texte} : {recette}"
            elif genre == "sortie":
                affichees = valeurs_affichees(labo, recette.strip())
                assert any(egal(texte, pourcent, v) for v in affichees), f"{texte} : {recette}"


def test_aucun_resultat_cite_sans_sa_source(labo):
    for cellule in textes(labo):
        reste = NOMBRE.sub("", re.sub(r"`[^`]*`|```.*?```", "", cellule.source, flags=re.DOTALL))
        assert re.findall(r"\b0,\d{2,}", reste) == [], cellule.id


def test_un_nombre_faux_serait_vu():
    assert egal("0,9", "", 0.911) and not egal("0,92", "", 0.911)
    assert egal("91,1", " %", 0.9112) and egal("90", " %", 90.2) and not egal("90", " %", 0.911)
    recette = "labo1 ; réseau=1 convolution ; code=labo ; augmentation=non ; test ; mean"
    assert 0.9 < valeur_mesuree(recette) < 0.92


def test_le_readme_et_le_labo_annoncent_la_meme_duree(labo):
    duree = re.search(r"\*\*Durée\*\* : ([^;.]*)", lire(labo).cells[0].source)[1]
    readme = (remises.RACINE / "README.md").read_text(encoding="utf-8")
    ligne = next(x for x in readme.splitlines() if f"({LABOS.name}/{labo}.ipynb)" in x)
    annoncee = ligne.split("|")[-3].strip()
    assert duree.startswith(annoncee), f"{labo} : « {duree} », README : « {annoncee} »"


# --- Les noms ----------------------------------------------------------------------------------


@pytest.mark.parametrize("chemin", sorted(LABOS.glob("*.ipynb")), ids=lambda chemin: chemin.stem)
def test_les_colonnes_du_manifeste_ont_leur_nom_francais(chemin):
    source = "\n".join(c.source for c in codes(chemin.stem))
    assert re.findall(r"""\[['"](?:path|class|split|product|reason|state)['"]\]""", source) == []


NOMS = {
    "classification": "observations_entrainement observations_test X y X_apprentissage X_validation y_apprentissage "
    "y_validation X_test y_test LONGUEUR_IMAGE LARGEUR_IMAGE premiereImage dimentionImage reseauNeurone1Convolution "
    "reseauNeurones4Convolution generateur_images nouvelles_images_apprentissage nouvelles_images_validation "
    "historique_apprentissage evaluation model_json json_file",
    "test_model": "fichier_json modele_json modele classes image_array probabilities predicted_class "
    "load_and_preprocess_image resize_with_aspect_ratio create_centered_image normalize_pixels",
}


@pytest.mark.parametrize("nom", NOMS)
def test_les_noms_de_l_enonce_sont_gardes(nom):
    source = "\n".join(c.source for c in codes(nom))
    manquent = [x for x in NOMS[nom].split() if not re.search(rf"(?<![\w.]){x}(?!\w)", source)]
    assert manquent == []
    for ligne in ('print("Erreur:", ', 'print("Précision:", ', 'print("Modèle sauvegardé !")'):
        assert nom != "classification" or ligne in source
    assert nom == "classification" or "Selon moi l'image est : {classes[predicted_class]}" in source
