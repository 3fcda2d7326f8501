"""Ce que les labos montrent : la bonne image sous la bonne étiquette, lisible, décrite, telle quelle."""

import io
import sys
import warnings
from datetime import datetime
from itertools import pairwise
from types import SimpleNamespace

import ipywidgets
import matplotlib
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.core.pylabtools import print_figure
from matplotlib.figure import Figure
from matplotlib.text import Text
from nbclient import NotebookClient
from PIL import Image

from outils import figures
from outils.fichiers import Refus
from outils.figures import afficher_images

CLASSES = ["bottomwear", "shoes", "topwear"]
# Neuf images unies : la valeur de l'image dit sa classe.
Y = np.array([2, 0, 1, 1, 2, 0, 0, 1, 2])
X = np.repeat((0.2 + 0.3 * Y)[:, None, None, None], 8, axis=1).repeat(8, axis=2).repeat(3, axis=3)
X = X.astype("float32")


@pytest.fixture
def montrees(monkeypatch):
    """Ce qui est affiché : liste de (valeur de l'image entre 0 et 1, titre)."""
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.close("all")

    def lire():
        axes = [axe for axe in plt.gcf().axes if axe.images]
        tableaux = [np.asarray(axe.images[0].get_array()) for axe in axes]
        valeurs = [t.max() / (255 if t.dtype == np.uint8 else 1) for t in tableaux]
        return [
            (round(float(v), 1), a.get_title("left")) for v, a in zip(valeurs, axes, strict=True)
        ]

    yield lire
    plt.close("all")


def attendues(n, noms=CLASSES):
    return [(round(0.2 + 0.3 * int(y), 1), noms[y]) for y in Y[:n]]


def par_tf_data(echelle=1.0, un_parmi_trois=False):
    import tensorflow as tf

    y = np.eye(3)[Y] if un_parmi_trois else Y
    return tf.data.Dataset.from_tensor_slices((X * echelle, y)).batch(4)


def par_keras():
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    flux = ImageDataGenerator().flow(X, np.eye(3)[Y], batch_size=2, shuffle=False)
    flux.class_indices = {"topwear": 2, "bottomwear": 0, "shoes": 1}
    return flux


@pytest.mark.parametrize(
    "source",
    [
        lambda: (X, Y),
        lambda: ((X * 255).astype("uint8"), np.eye(3)[Y]),
        par_tf_data,
        lambda: par_tf_data(255.0, True),
    ],
    ids=("tableaux", "octets", "tf.data", "tf.data 0–255"),
)
def test_chaque_image_est_sous_son_etiquette(montrees, source):
    afficher_images(source(), n_images=5, classes=CLASSES)
    assert montrees() == attendues(5)


def test_un_generateur_de_keras_donne_lui_meme_ses_classes(montrees):
    afficher_images(par_keras())
    assert montrees() == attendues(5)


def test_sans_noms_les_numeros(montrees):
    afficher_images((X, Y), n_images=3)
    assert montrees() == attendues(3, ["0", "1", "2"])


def test_un_jeu_vide_est_dit():
    with pytest.raises(ValueError, match="le jeu est vide"):
        afficher_images((X[:0], Y[:0]))


# --- Une figure montrée dans un notebook --------------------------------------------------------


@pytest.fixture
def notebook(monkeypatch):
    """Comme dans un noyau : liste des figures (PNG, texte de remplacement), et la dernière, `figure`."""
    matplotlib.use("agg")
    sorties, formateur = [], DisplayFormatter()
    formateur.formatters["image/png"].for_type(Figure, print_figure)  # comme %matplotlib inline

    def afficher(donnees, metadata, raw):
        assert raw and donnees["text/plain"] == metadata["image/png"]["alt"]
        sorties.append((donnees["image/png"], donnees["text/plain"]))

    noyau = SimpleNamespace(kernel=True, display_formatter=formateur)
    monkeypatch.setattr(figures, "get_ipython", lambda: noyau)
    monkeypatch.setattr(figures, "display", afficher)
    monkeypatch.setattr(plt, "close", lambda *_: None)
    figures.appliquer_style()
    yield sorties
    monkeypatch.undo()
    plt.close("all")
    matplotlib.rcdefaults()


def historique(epoques, debut=5.0):
    e = np.arange(epoques)
    erreur = 0.3 + 0.004 * e + (debut - 0.3) * 0.2**e
    return SimpleNamespace(
        history={"loss": erreur, "val_loss": erreur, "accuracy": 1 / (1 + e), "val_accuracy": e * 0}
    )


HASARD = np.random.default_rng(0)
GRIS28, PHOTO = HASARD.random((28, 28)), HASARD.integers(0, 256, (20, 30, 3), dtype="uint8")
TROIS = HASARD.dirichlet([1, 1, 1])
MATRICE, FILTRE = HASARD.integers(-1, 2, (5, 5)), np.array([[1, 0, -1]] * 3)
CARTE = np.array([[6, -1, 0], [1, 2, -3], [0, 0, 1]])
RESEAU = [("Entrée", (28, 28, 1), 0)] + [("Conv2D", (28, 28, 64), 640)] * 8 + [("Dense", (9,), 99)]
NOMS = ["$\\frac$", "_a_$b$", "😀 漢字 été"]
APPELS = {
    "vignettes": lambda: figures.afficher_vignettes(X, NOMS * 3, colonnes=3),
    "images": lambda: afficher_images((X, Y), classes=NOMS),
    "courbes": lambda: figures.afficher_courbes({n: historique(20) for n in NOMS}, NOMS[0]),
    "confusion": lambda: figures.afficher_confusion(Y, Y[::-1], NOMS),
    "parts": lambda: figures.afficher_confusion(Y, Y[::-1], NOMS, normaliser=True),
    "probabilités": lambda: figures.afficher_probabilites(GRIS28, TROIS, NOMS, NOMS[0]),
    "matrices": lambda: figures.afficher_matrices(dict(zip(NOMS, [MATRICE] * 3, strict=True))),
    "fenêtres": lambda: figures.afficher_fenetres(MATRICE, FILTRE, CARTE),
    "chaîne": lambda: figures.dessiner_chaine(RESEAU, NOMS[0]),
    "cartes": lambda: figures.afficher_cartes(HASARD.random((5, 5, 9)), NOMS[1]),
    "étapes": lambda: figures.afficher_etapes(dict.fromkeys(NOMS, PHOTO)),
    "lot": lambda: figures.afficher_lot([PHOTO] * 3, [GRIS28] * 3, NOMS),
}


@pytest.mark.parametrize("appel", APPELS.values(), ids=APPELS)
def test_chaque_figure_est_decrite_lisible_et_montre_les_noms_tels_quels(notebook, appel):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # ni formule mal écrite, ni caractère absent de la police
        appel()
    octets, alt = notebook[-1]
    image = Image.open(io.BytesIO(octets))
    assert len(alt) > 20 and "None" not in alt
    # 1 280 points, moins les marges de Jupyter ; un fond blanc et opaque, pour le thème sombre
    assert image.width <= 1000
    assert image.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)


def test_les_noms_sont_ecrits_caractere_pour_caractere(notebook):
    figures.afficher_vignettes(X[:3], NOMS, cote=3)
    assert [axe.get_title("left") for axe in plt.gcf().axes[:3]] == NOMS
    figures.afficher_courbes({nom: historique(5) for nom in NOMS})
    legende = [texte.get_text().strip() for texte in plt.gcf().axes[1].get_legend().get_texts()]
    assert set(NOMS) <= set(legende)
    assert not any(texte.get_parse_math() for texte in plt.gcf().findobj(Text) if texte.get_text())


def test_une_echelle_logarithmique_garde_ses_puissances(notebook):
    plt.close("all")
    _, axe = plt.subplots()
    axe.semilogx([1e-4, 1], [0, 1])
    axe.set_title("$x$")
    figures.montrer("Une figure du labo.")
    assert axe.get_xticklabels()[2].get_parse_math() and not axe.title.get_parse_math()
    assert notebook[-1][1] == "Une figure du labo."


def test_une_image_illisible_ne_coute_que_sa_case(notebook, tmp_path):
    PHOTO_ENTIERE, coupee = Image.fromarray(PHOTO), tmp_path / "coupée.png"
    PHOTO_ENTIERE.save(coupee)
    coupee.write_bytes(coupee.read_bytes()[:-900])
    photos = [Image.open(coupee), np.zeros((3, 4, 2)), PHOTO_ENTIERE.convert("CMYK"), PHOTO]
    figures.afficher_lot(photos, [GRIS28] * 4, list("abcd"))
    textes = [[t.get_text() for t in axe.texts] for axe in plt.gcf().axes[:4]]
    assert textes == [["image illisible"]] * 2 + [[]] * 2


def test_l_axe_de_l_erreur_montre_la_remontee(notebook):
    figures.afficher_courbes(historique(50))
    axe = plt.gcf().axes[0]
    assert axe.get_ylim()[1] < 0.7 and "5 : hors du cadre" in axe.get_xlabel()
    figures.afficher_courbes(historique(2))
    assert plt.gcf().axes[0].get_ylim()[1] > 5


@pytest.mark.parametrize(("epoques", "visibles"), [(1, True), (2, True), (20, False)])
def test_une_seule_epoque_se_voit(notebook, epoques, visibles):
    figures.afficher_courbes(historique(epoques))
    marques = {trait.get_marker() for trait in plt.gcf().axes[0].lines}
    assert (not marques & {"None", ""}) == visibles
    reperes = plt.gcf().axes[0].get_xticks()
    assert np.array_equal(reperes, np.round(reperes))


def test_moins_un_a_une_seule_couleur(notebook):
    figures.afficher_matrices({"image": MATRICE, "filtre": FILTRE, "carte": CARTE})
    couleurs = {
        axe.images[0].to_rgba(np.array([[-1]]))[0, 0].round(3).tobytes() for axe in plt.gcf().axes
    }
    assert len(couleurs) == 1


def test_chaque_carte_a_son_echelle(notebook):
    figures.afficher_cartes(np.stack([GRIS28, GRIS28 / 1000], axis=-1))
    assert [round(axe.images[0].get_clim()[1], 6) for axe in plt.gcf().axes[:2]] == [
        round(GRIS28.max() * part, 6) for part in (1, 0.001)
    ]


def test_une_longue_chaine_va_a_la_ligne(notebook):
    figures.dessiner_chaine(RESEAU)
    assert len(plt.gcf().axes) == 2 and plt.gcf().get_size_inches()[0] < 12


def test_les_titres_ne_se_touchent_pas(notebook):
    figures.afficher_vignettes(np.zeros((8, 28, 28)), ["effacement d'un carré :"] * 8, colonnes=8)
    boites = [axe._left_title.get_window_extent() for axe in plt.gcf().axes]
    assert all(a.x1 <= b.x0 for a, b in pairwise(boites))


def test_le_bouton_montre_tout_son_nom_et_dit_le_refus(monkeypatch, capsys):
    montres = []
    monkeypatch.setattr(figures, "display", lambda *objets: montres.extend(objets))

    def traiter(octets):
        raise Refus("« a.jpg » est inutilisable.", f"{len(octets)} octets", "une photo", "rien")

    figures.bouton_envoi(traiter)
    assert montres[0].layout.width == "max-content"
    photo = {"name": "a.jpg", "type": "image/jpeg", "size": 3, "content": memoryview(b"abc")}
    photo["last_modified"] = datetime.now()
    ancien = ipywidgets.__version__.startswith("7.")  # celui de Colab
    montres[0].set_trait("value", {"a.jpg": photo} if ancien else (photo,))
    assert "3 octets" in capsys.readouterr().out


def test_un_avertissement_est_coupe_entre_les_mots(capsys):
    phrase = "Polarité inversée : le fond est foncé. " * 6
    figures.avertir(phrase)
    texte = capsys.readouterr().out
    assert texte.startswith("⚠ ") and max(map(len, texte.splitlines())) <= 90
    assert " ".join(texte.split()) == f"⚠ {phrase.strip()}"


def test_dans_un_vrai_noyau_le_texte_de_remplacement_suit_l_image():
    code = (
        f"import sys; sys.path[:0] = {[p for p in sys.path if p]!r}\n"
        "import matplotlib.pyplot as plt, numpy as np\n"
        "from matplotlib_inline.backend_inline import set_matplotlib_formats\n"
        "from outils import demarrage, figures; demarrage.regler_figures()\n"  # comme un labo
        "figures.afficher_vignettes(np.zeros((2, 4, 4)), ['😀', '$a'])\n"
        "set_matplotlib_formats('jpeg'); plt.plot([1, 2]); figures.montrer('Un trait.')"
    )
    carnet = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(carnet, timeout=120).execute()
    png, jpeg = carnet.cells[0].outputs  # deux figures, et rien d'autre : aucun avertissement
    assert png.metadata == {"image/png": {"alt": "Grille de 2 images. 😀, $a"}}
    assert png.data["text/plain"] == "Grille de 2 images. 😀, $a" and "image/png" in png.data
    assert jpeg.metadata == {"image/jpeg": {"alt": "Un trait."}} and "image/jpeg" in jpeg.data
