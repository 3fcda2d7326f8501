"""Correction : les copies se voient malgré les noms changés et les cellules déplacées, les honnêtes jamais."""

import pytest
import remises
from test_correction import lire

from correction import empreintes, enonce, fournis, ressemblances


@pytest.fixture(scope="module")
def classe(tmp_path_factory):
    """36 remises : chacun suit l'énoncé et y ajoute du sien ; dix ont copié, en maquillant."""
    dossier, tous = tmp_path_factory.mktemp("classe"), []
    for rang in range(36):
        source = rang - 10 if 10 <= rang < 20 else rang
        siennes = remises.travail_personnel(source)
        if source != rang:
            siennes = remises.maquiller(siennes, rang)
        labo = [*remises.cellules_classification(), *siennes]
        remise = remises.remise(
            dossier / f"e{rang}", remises.notebook(labo), modele=False, graine=rang
        )
        tous.append({**lire(remise, dossier / "t"), "cle": f"e{rang}"})
        for notebook in tous[-1]["notebooks"].values():
            notebook["sorties"]["trace"] = []  # les sorties de l'énoncé sont les mêmes pour tous
    return tous


def test_dix_copies_maquillees_sont_trouvees_et_aucun_honnete(classe):
    trouvees = {frozenset((p.a, p.b)) for p in ressemblances.comparer(classe)}
    assert trouvees == {frozenset((f"e{i}", f"e{i + 10}")) for i in range(10)}


def test_la_paire_montre_les_cellules_cote_a_cote(classe):
    paire = ressemblances.comparer(classe)[0]
    gauche, droite = paire.cellules[0]
    assert gauche != droite and empreintes.de_code(gauche) == empreintes.de_code(droite)
    assert gauche not in enonce.CELLULES


def test_deux_remises_de_l_enonce_seul_ne_se_ressemblent_pas(tmp_path):
    tous = []
    for nom in "ab":
        dossier = remises.remise(tmp_path / nom, modele=False, graine=ord(nom))
        f = lire(dossier, tmp_path / "t")
        for n in f["notebooks"].values():
            n["sorties"]["trace"] = []
        tous.append({**f, "cle": nom})
    assert ressemblances.comparer(tous) == []


def test_deux_labos_resolus_de_la_meme_facon_ne_se_ressemblent_pas(tmp_path):
    """Rendre le corrigé n'est pas copier son voisin : le corrigé aussi est ôté."""
    tous = []
    for nom in "ab":
        dossier = remises.labos_resolus(tmp_path / nom)
        (dossier / "images" / "ma_photo.png").unlink()
        f = lire(dossier, tmp_path / "t")
        for n in f["notebooks"].values():
            n["sorties"]["trace"], n["figures"] = [], []
        tous.append({**f, "cle": nom})
    assert ressemblances.comparer(tous, *fournis.communs()) == []
    assert ressemblances.comparer(tous) != []


def test_ce_que_beaucoup_partagent_tient_en_une_ligne(tmp_path):
    tous = []
    for nom in "abcdef":
        f = lire(remises.remise(tmp_path / nom, modele=False, graine=ord(nom)), tmp_path / "t")
        tous.append({**f, "cle": nom})
    paires = ressemblances.comparer(tous)
    assert [p.phrases for p in paires] == [
        ["sorties d'entraînement identiques, comme 4 autres remises"]
    ]
