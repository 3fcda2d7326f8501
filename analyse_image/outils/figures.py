"""Ce qu'un labo montre : images, courbes, confusions, convolutions, probabilités ; tout passe par `montrer`."""

import textwrap
import warnings

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from IPython.display import display
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from PIL import Image

from outils.fichiers import Refus

try:
    import ipywidgets
    import pandas as pd
    import seaborn as sns
except ImportError:  # dans un navigateur : le labo 0 s'en passe
    ipywidgets = sns = None

# La palette « colorblind » de seaborn : lisible aussi quand on distingue mal les couleurs.
PALETTE = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#949494"]
BLEU, ORANGE, GRIS = PALETTE[0], PALETTE[1], PALETTE[6]


def appliquer_style():
    """Fixe une fois le style : figures légères (80 points/pouce), à fond blanc même sur un thème sombre."""
    if sns:
        sns.set_theme(style="ticks", palette=PALETTE, font="DejaVu Sans", font_scale=0.85)
    plt.rc("axes.spines", top=False, right=False)
    plt.rc("figure", dpi=80, facecolor="white")
    plt.rc("figure.constrained_layout", use=True)
    plt.rc("legend", frameon=False)
    plt.rc("image", cmap="gray", interpolation="nearest")


def avertir(texte):
    """Affiche « ⚠ texte », coupé entre les mots : une sortie de Jupyter coupe n'importe où."""
    print(textwrap.fill(f"⚠ {texte}", 90, break_on_hyphens=False))


MENTION = ""  # écrite au bas de chaque figure : « dessins », si ce ne sont pas de vraies photos


def montrer(alt):
    """Remplace `plt.show()` ; `alt` : la phrase qui dit la figure à qui ne la voit pas.

    Les textes sont montrés tels quels : un `$` dans un nom n'est pas une formule.
    """
    figure = plt.gcf()
    if MENTION:
        figure.text(1, 0, MENTION, ha="right", va="bottom", color="0.4", fontsize=8)
        alt = f"({MENTION}) {alt}"
    for axe in figure.axes:
        axe.get_xticklabels(), axe.get_yticklabels()  # pose le texte des graduations
    for texte in figure.findobj(Text):
        # Une échelle logarithmique écrit ses puissances de dix en formules ; rien d'autre ici.
        texte.set_parse_math("\\mathdefault{" in texte.get_text())
    noyau = get_ipython()
    if not hasattr(noyau, "kernel"):
        return plt.show()
    with warnings.catch_warnings():  # un emoji que la police n'a pas devient un carré, sans bruit
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        donnees, _ = noyau.display_formatter.format(figure)  # PNG, ou JPEG si le labo l'a choisi
    plt.close(figure)
    # VS Code lit text/plain ; les pages tirées du notebook, les métadonnées.
    details = {genre: {"alt": alt} for genre in donnees if genre.startswith("image/")}
    display(donnees | {"text/plain": alt}, metadata=details, raw=True)


def _resumer(debut, noms):
    noms = ", ".join(dict.fromkeys(filter(None, noms)))
    return textwrap.shorten(f"{debut} {noms}", 250, placeholder="…")


def _plier(texte, largeur):
    """Replie chaque ligne d'un titre, pour qu'il ne déborde pas sur le voisin."""
    lignes = str(texte).split("\n")
    return "\n".join(textwrap.fill(ligne, largeur, break_on_hyphens=False) for ligne in lignes)


def _grille(lignes, colonnes, largeur, hauteur):
    """Des axes vides (lignes, colonnes), chacun de `largeur` sur `hauteur` pouces."""
    taille = (colonnes * largeur, lignes * hauteur)
    _, axes = plt.subplots(lignes, colonnes, figsize=taille, squeeze=False)
    for axe in axes.flat:
        axe.axis("off")
    return axes


def _poser(axe, image, titre="", taille=9, **options):
    """Pose une image (PIL ou tableau) sur un axe ; illisible, elle ne coûte que sa case."""
    axe.set_title(titre, fontsize=taille)
    axe.axis("off")
    try:
        if isinstance(image, Image.Image):
            image = image.convert("RGBA")
        image = np.asarray(image)
        axe.imshow(image[..., 0] if image.shape[2:] == (1,) else image, **options)
    except (OSError, TypeError, ValueError):
        axe.text(0.5, 0.5, "image illisible", ha="center", va="center", transform=axe.transAxes)


def afficher_vignettes(images, titres=(), colonnes=10, cote=1.1):
    """Montre des images (n, h, l) ou (n, h, l, c) en grille ; `titres` : n textes courts, ou rien."""
    images = np.asarray(images)
    vmax = 255 if images.dtype == np.uint8 else images.max(initial=1)
    titres = [_plier(t, max(6, int(14 * cote))) for t in titres] or [""] * len(images)
    lignes_de_titre = max((t.count("\n") + 1 for t in titres if t), default=0)
    hauteur = cote + 0.17 * lignes_de_titre
    axes = _grille(-(-len(images) // colonnes), colonnes, cote, hauteur)
    for axe, image, titre in zip(axes.flat, images, titres, strict=False):
        _poser(axe, image, vmin=0, vmax=vmax)
        axe.set_title(titre, fontsize=8, loc="left")
    montrer(_resumer(f"Grille de {len(images)} images.", titres))


def afficher_images(data_generator, n_images=5, classes=None):
    """Montre les `n_images` premières images d'un jeu et leur étiquette.

    `data_generator` : générateur de Keras, jeu `tf.data` de lots (images, étiquettes), ou couple (X, y).
    Images (n, h, l, c) dans 0–1 ou 0–255 ; étiquettes : numéros (n,) ou « un parmi k » (n, k). `classes` :
    leurs noms ; sinon ceux que connaît le générateur, ou les numéros. Lève `Refus` si le jeu est vide.
    """
    if classes is None:
        connues = getattr(data_generator, "class_indices", {})
        classes = sorted(connues, key=connues.get)
    images, numeros = [], []
    for x, y in [data_generator] if isinstance(data_generator, tuple) else data_generator:
        y = np.asarray(y)
        images += list(np.asarray(x))
        numeros += list(y.argmax(axis=1) if y.ndim == 2 else y)
        if len(images) >= n_images:  # un générateur de Keras ne s'arrête jamais seul
            break
    if not images:
        remede = "vérifiez le dossier ou le filtre."
        raise Refus("Aucune image à montrer.", "le jeu est vide", "au moins une image", remede)
    images = np.array(images[:n_images])
    if images.dtype != np.uint8 and images.max() > 1:
        images = images / 255  # en couleurs, matplotlib attend 0–1
    titres = [classes[int(i)] if len(classes) else str(int(i)) for i in numeros[:n_images]]
    afficher_vignettes(images, titres, colonnes=min(n_images, 10), cote=1.6)


SANS_DIMENSION = ("Dropout", "BatchNormalization", "Activation", "ReLU", "Rescaling")
PAR_LIGNE = 7  # au-delà, les noms des couches ne se liraient plus sur un écran de 1 280 pixels


def dessiner_chaine(modele, titre=""):
    """Dessine la chaîne des couches d'un réseau : une pile de cartes par couche, ses dimensions, ses paramètres.

    `modele` : un réseau Keras, ou la liste de ses couches : (nom, forme de la sortie, nombre de paramètres).
    """
    couches, note = modele, ""
    if not isinstance(modele, list):
        toutes = [("Entrée", modele.input_shape[1:], 0)]
        toutes += [(type(c).__name__, c.output.shape[1:], c.count_params()) for c in modele.layers]
        couches = [couche for couche in toutes if couche[0] not in SANS_DIMENSION]
        if len(couches) < len(toutes):
            note = "Sans les couches qui ne changent pas les dimensions (Dropout…)."
    lignes = -(-len(couches) // PAR_LIGNE)
    n = -(-len(couches) // lignes)
    axes = _grille(lignes, 1, 1.5 * n, 2.7)[:, 0]
    for axe in axes:
        axe.set(xlim=(-0.95, 1.5 * n - 0.55), ylim=(-1.5, 1.1), aspect="equal")
    for i, couche in enumerate(couches):
        axe, x = axes[i // n], 1.5 * (i % n)
        _dessiner_couche(axe, x, *couche, cote_entree=couches[0][1][0])
        if i:
            fleche = {"arrowstyle": "->", "color": "0.35"}  # blanche, sinon, comme le fond
            axe.annotate("", (x - 0.6, 0), (x - 0.92, 0), arrowprops=fleche)
    plt.gcf().supxlabel(note, fontsize=9, color="0.35")
    plt.suptitle(titre)
    formes = (f"{nom} {'×'.join(map(str, forme))}" for nom, forme, _ in couches)
    montrer(f"Chaîne des couches du réseau, de gauche à droite : {', '.join(formes)}.")


def _dessiner_couche(axe, x, nom, forme, parametres, cote_entree):
    couleur = BLEU if "Conv" in nom else ORANGE if "Dense" in nom else "0.88"
    if len(forme) == 3:
        cote = 0.25 + 0.85 * forme[0] / cote_entree
        bord = "white" if couleur == BLEU else "0.35"
        n = round(1 + 2 * np.log2(forme[2]))  # 1, 6, 16, 128 cartes : pile de 1, 6, 9, 15
        for k in reversed(range(n)):
            coin = (x - cote / 2 + 0.03 * k, -cote / 2 + 0.03 * k)
            axe.add_patch(Rectangle(coin, cote, cote, facecolor=couleur, edgecolor=bord))
    else:
        haut = 0.3 + 0.32 * np.log10(forme[0])
        axe.add_patch(Rectangle((x - 0.09, -haut / 2), 0.18, haut, facecolor=couleur))
    nom = nom if len(nom) < 16 else nom.replace("Pooling", "\nPooling")
    axe.text(x, -0.85, nom, ha="center", va="center", fontsize=9, fontweight="bold")
    texte = "×".join(map(str, forme))
    if parametres:
        texte += f"\n{parametres:,} param.".replace(",", " ")
    axe.text(x, -1.08, texte, ha="center", va="top", fontsize=9)


def afficher_cartes(cartes, titre="", maximum=16):
    """Montre les premières cartes de caractéristiques d'une couche ; `cartes` (h, l, n), chacune à son échelle."""
    n = min(maximum, cartes.shape[-1])
    axes = _grille(-(-n // 8), 8, 1.1, 1.15)
    for k in range(n):
        _poser(axes.flat[k], cartes[..., k], cmap="viridis")
    plt.suptitle(titre, fontsize=11)
    montrer(f"{n} cartes de caractéristiques, chacune à sa propre échelle. {titre}")


def afficher_courbes(historiques, titre=""):
    """Courbes d'erreur et de précision, apprentissage en tirets, validation en trait plein.

    `historiques` : ce que rend `fit`, ou un dict {nom: historique} pour comparer plusieurs entraînements.
    Si le début écrase la suite, l'axe de l'erreur est réglé sur la fin de l'entraînement, et c'est dit.
    """
    if not isinstance(historiques, dict):
        historiques = {"": historiques}
    table = pd.concat(
        pd.DataFrame({m: h.history[debut + m] for m in ("loss", "accuracy")})
        # la légende cacherait un nom qui commence par « _ »
        .assign(réseau=f" {nom}" if nom.startswith("_") else nom, jeu=jeu)
        for nom, h in historiques.items()
        for jeu, debut in (("apprentissage", ""), ("validation", "val_"))
        if debut + "loss" in h.history
    ).replace([np.inf, -np.inf], np.nan)
    table["époque"] = table.index + 1
    epoques = int(table["époque"].max())
    options = {"x": "époque", "style": "jeu", "style_order": ["validation", "apprentissage"]}
    options["hue"] = "réseau" if len(historiques) > 1 else None
    options["markers"] = epoques <= 3  # un trait d'une seule époque ne se verrait pas
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.4))
    noms = {"loss": "Erreur (entropie croisée) – plus bas = mieux"}
    noms["accuracy"] = "Précision – plus haut = mieux"
    for axe, (mesure, nom) in zip(axes, noms.items(), strict=True):
        sns.lineplot(table, y=mesure, **options, errorbar=None, legend=mesure == "accuracy", ax=axe)
        axe.set(title=nom, ylabel="", xlim=(0.5, epoques + 0.5))
        axe.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    fin = table.loc[table["époque"] > max(1, epoques // 5), "loss"]
    marge, maximum = 0.2 * (fin.max() - fin.min()), table["loss"].max()
    if epoques > 3 and maximum > fin.max() + 15 * marge > 0:
        axes[0].set_ylim(max(0, fin.min() - marge), fin.max() + marge)
        axes[0].set_xlabel(f"époque (au début, jusqu'à {maximum:.2g} : hors du cadre)")
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))  # à côté des courbes
    figure.suptitle(titre)
    fins = table.groupby(["réseau", "jeu"], sort=False)["loss"].last()
    fins = ", ".join(f"{' '.join(nom).strip()} {erreur:.3g}" for nom, erreur in fins.items())
    montrer(f"Erreur et précision par époque. Erreur à la fin : {fins}. {titre}")


def afficher_confusion(y_vrai, y_predit, classes, normaliser=False):
    """Matrice de confusion, une ligne par vraie classe : effectifs ou, avec `normaliser`, parts de la ligne (%)."""
    n = len(classes)
    matrice = np.zeros((n, n), dtype=int)
    np.add.at(matrice, (np.asarray(y_vrai, dtype=int), np.asarray(y_predit, dtype=int)), 1)
    parts = matrice / np.maximum(matrice.sum(axis=1, keepdims=True), 1)
    _, axe = plt.subplots(figsize=(2.2 + 0.53 * n, 1.7 + 0.48 * n))
    options = {"annot": True, "fmt": ".0%" if normaliser else "d", "cmap": "Blues", "cbar": False}
    options |= {"square": True, "xticklabels": False, "yticklabels": False}
    sns.heatmap(parts if normaliser else matrice, **options, ax=axe)
    rangs = np.arange(n) + 0.5
    axe.set_xticks(rangs, classes, rotation=45, ha="right", rotation_mode="anchor")
    axe.set_yticks(rangs, classes)
    axe.set(xlabel="classe prédite", ylabel="vraie classe")
    erreurs = matrice * (1 - np.eye(n, dtype=int))
    vraie, vue = np.unravel_index(erreurs.argmax(), erreurs.shape)
    pire = f" Surtout {classes[vraie]}, vu comme {classes[vue]}." if erreurs.any() else ""
    montrer(f"Matrice de confusion : {matrice.trace()} justes, {erreurs.sum()} fausses.{pire}")


def afficher_probabilites(image, probabilites, classes, titre=""):
    """L'image (h, l) ou (h, l, c) que voit le réseau, et ses probabilités (nombre de classes,) en barres."""
    _, (gauche, droite) = plt.subplots(1, 2, figsize=(8, 2.8), width_ratios=(1, 2))
    _poser(gauche, image, titre, 11, vmin=0, vmax=1)
    gagnante = int(np.argmax(probabilites))
    couleurs = [ORANGE if i == gagnante else GRIS for i in range(len(classes))]
    sns.barplot(x=probabilites, y=classes, hue=classes, palette=couleurs, ax=droite)
    for i, p in enumerate(probabilites):
        droite.text(p + 0.01, i, f"{p:.0%}" if p >= 0.01 else "", va="center", fontsize=9)
    droite.set(xlim=(0, 1.1), xlabel="probabilité")
    reponse = f"{classes[gagnante]}, {probabilites[gagnante]:.0%}"
    montrer(f"L'image que voit le réseau et les probabilités des classes : {reponse}. {titre}")


# La convention du labo, la même dans tous les tableaux : gris si négatif, blanc si nul, noir au plus fort.
CONVENTION = LinearSegmentedColormap.from_list(
    "convention", [(0, "0.72"), (0.498, "0.72"), (0.5, "white"), (0.75, "#6f9fc8"), (1, "#101c2e")]
)


def _dessiner_nombres(axe, tableau, titre="", cadre=None, amplitude=1, ecrire=True):
    """Dessine une petite matrice avec ses nombres ; `cadre` : (ligne, colonne, hauteur, largeur)."""
    axe.imshow(tableau, cmap=CONVENTION, vmin=-amplitude, vmax=amplitude)
    for (ligne, colonne), valeur in np.ndenumerate(tableau) if ecrire else ():
        couleur = "white" if valeur > 0.55 * amplitude else "black"
        axe.text(colonne, ligne, f"{valeur:.3g}", ha="center", va="center", color=couleur)
    axe.set(xticks=[], yticks=[], title=titre)
    axe.spines[:].set_visible(True)
    if cadre:
        ligne, colonne, hauteur, largeur = cadre
        coin = (colonne - 0.5, ligne - 0.5)
        axe.add_patch(Rectangle(coin, largeur, hauteur, fill=False, edgecolor=ORANGE, linewidth=3))


def afficher_matrices(matrices, cadres=None):
    """Montre côte à côte de petites matrices de nombres ; `matrices` : dict {titre: tableau 2D}.

    `cadres` : dict {titre: (ligne, colonne, hauteur, largeur)}, ce qu'il faut y encadrer.
    """
    largeurs = [np.shape(m)[1] + 1 for m in matrices.values()]
    taille = (0.5 * sum(largeurs), 0.42 * max(len(m) for m in matrices.values()) + 0.7)
    _, axes = plt.subplots(1, len(matrices), figsize=taille, width_ratios=largeurs, squeeze=False)
    maxima = [np.abs(m).max() for m in matrices.values()]
    for axe, (titre, matrice), maximum in zip(axes[0], matrices.items(), maxima, strict=True):
        # Image et filtres (de −1 à 1) ont leur propre échelle ; les résultats, une échelle commune.
        amplitude = 1 if maximum <= 1 else max(maxima)
        _dessiner_nombres(axe, matrice, titre, (cadres or {}).get(titre), amplitude)
        axe.set_anchor("N")
    nombres = (f"{t} : {np.round(m, 2).tolist()}" for t, m in matrices.items())
    montrer(f"Tableaux de nombres. {' ; '.join(nombres)}")


def afficher_fenetres(image, filtre, resultat):
    """Toutes les positions du filtre côte à côte, numérotées, chacune avec sa somme ; le maximum en gras."""
    _, axes = plt.subplots(1, np.size(resultat), figsize=(1.25 * np.size(resultat), 1.7))
    places = zip(axes, np.ndenumerate(resultat), strict=True)
    for rang, (axe, (place, somme)) in enumerate(places, start=1):
        _dessiner_nombres(axe, image, cadre=(*place, *np.shape(filtre)), ecrire=False)
        poids = "bold" if somme == np.max(resultat) else "normal"
        axe.set_title(f"n° {rang} : somme {somme:g}", fontsize=10, fontweight=poids)
    montrer(f"Les positions du filtre sur l'image ; leurs sommes : {np.ravel(resultat).tolist()}.")


def afficher_etapes(etapes):
    """Montre côte à côte les étapes d'une préparation ; `etapes` : dict {nom: image PIL ou tableau}."""
    _, axes = plt.subplots(1, len(etapes), figsize=(2.1 * len(etapes), 2.4), squeeze=False)
    for axe, (nom, etape) in zip(axes[0], etapes.items(), strict=True):
        tableau = np.asarray(etape)
        axe.imshow(tableau, vmin=0, vmax=1 if tableau.dtype.kind == "f" else 255)
        axe.set_title(f"{nom}\n{tableau.shape[1]}×{tableau.shape[0]}", fontsize=9)
        axe.set(xticks=[], yticks=[])
        axe.spines[:].set_visible(True)
    montrer(f"Les étapes de la préparation d'une photo : {', '.join(etapes)}.")


def afficher_lot(photos, entrees, titres):
    """Pour chaque photo : l'originale en haut, ce que voit le réseau (28, 28, 1) en bas, un titre."""
    axes = _grille(2 * -(-len(photos) // 6), 6, 1.7, 1.8)
    for i, (photo, entree, titre) in enumerate(zip(photos, entrees, titres, strict=True)):
        ligne, colonne = 2 * (i // 6), i % 6
        _poser(axes[ligne, colonne], photo, _plier(titre, 24), 8)
        _poser(axes[ligne + 1, colonne], entree, vmin=0, vmax=1)
    montrer(_resumer("Des photos et, dessous, ce qu'en voit le réseau :", titres))


def bouton_envoi(traiter):
    """Montre un bouton qui envoie une image et appelle `traiter(octets)` ; un `Refus` est affiché."""
    options = {"accept": "image/*", "description": "Envoyer une photo"}
    bouton = ipywidgets.FileUpload(**options, layout={"width": "max-content"})
    sortie = ipywidgets.Output()

    @sortie.capture(clear_output=True, wait=True)
    def recu(changement):
        fichiers = changement["new"]
        # ipywidgets 7 (Colab) rend un dict, ipywidgets 8 un tuple.
        fichier = next(iter(fichiers.values())) if isinstance(fichiers, dict) else fichiers[0]
        try:
            traiter(bytes(fichier["content"]))
        except Refus as refus:
            print(refus)

    bouton.observe(recu, names="value")
    display(bouton, sortie)
