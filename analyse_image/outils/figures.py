"""Ce qu'un labo montre : grilles d'images, courbes, matrices de confusion, convolutions, probabilités."""

import io

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

BLEU, ORANGE, GRIS = "#2b6cb0", "#dd6b20", "#a0aec0"


def appliquer_style():
    """Fixe une fois le style des figures : lisible à l'écran, léger dans le notebook (80 points/pouce)."""
    plt.rcParams.update(
        {
            "figure.dpi": 80,
            "savefig.dpi": 80,
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "axes.prop_cycle": plt.cycler(color=[BLEU, ORANGE, "#38a169", "#805ad5", "#e53e3e"]),
            "image.cmap": "gray",
            "image.interpolation": "nearest",
        }
    )


def afficher_vignettes(images, titres=None, colonnes=10, cote=1.1, vmin=0, vmax=None):
    """Montre des images (n, h, l) ou (n, h, l, 1) en grille ; `titres` : n textes courts, ou rien."""
    images = np.asarray(images)
    images = images[..., 0] if images.ndim == 4 and images.shape[-1] == 1 else images
    vmax = vmax or (255 if images.dtype == np.uint8 else max(1, images.max()))
    lignes = -(-len(images) // colonnes)
    hauteur = cote * (1.25 if titres is not None else 1)
    _, axes = plt.subplots(
        lignes, colonnes, figsize=(colonnes * cote, lignes * hauteur), squeeze=False
    )
    for axe in axes.flat:
        axe.axis("off")
    for i, (axe, image) in enumerate(zip(axes.flat, images, strict=False)):
        axe.imshow(image, vmin=vmin, vmax=vmax)
        if titres is not None:
            axe.set_title(titres[i], fontsize=8, loc="left")
    plt.show()


def afficher_images(data_generator, n_images=5, classes=None):
    """Montre les `n_images` premières images d'un jeu et leur étiquette.

    `data_generator` : générateur de Keras (`flow_from_directory`, `PyDataset`…), jeu `tf.data` qui donne des
    lots (images, étiquettes), ou couple de tableaux (X, y). Images (n, h, l, c) dans 0–1 ou 0–255 ;
    étiquettes : numéros (n,) ou « un parmi k » (n, k). `classes` : leurs noms ; par défaut, ceux que
    connaît le générateur, sinon les numéros.
    """
    if classes is None:
        connues = getattr(data_generator, "class_indices", None) or {}
        classes = getattr(data_generator, "class_names", None) or sorted(connues, key=connues.get)
    tableaux = isinstance(data_generator, (tuple, list)) and len(data_generator) == 2
    images, numeros = [], []
    for x, y, *_ in [data_generator] if tableaux else data_generator:
        x, y = np.asarray(x), np.asarray(y)
        images += list(x)
        numeros += list(y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.ravel())
        if len(images) >= n_images:  # un générateur de Keras ne s'arrête jamais seul
            break
    if not images:
        raise ValueError(
            "Aucune image à montrer : le jeu est vide. Vérifiez le dossier ou le filtre."
        )
    images = np.array(images[:n_images])
    if images.dtype != np.uint8 and images.max() > 1:
        images = images / 255  # en couleurs, matplotlib attend 0–1
    titres = [classes[int(i)] if len(classes) else str(int(i)) for i in numeros[:n_images]]
    afficher_vignettes(images, titres, colonnes=min(n_images, 10), cote=1.6)


def afficher_courbes(historiques, titre=""):
    """Courbes d'erreur et de précision, apprentissage en tirets, validation en trait plein.

    `historiques` : ce que rend `fit`, ou un dict {nom: historique} pour comparer plusieurs entraînements.
    """
    if not isinstance(historiques, dict):
        historiques = {"": historiques}
    _, (gauche, droite) = plt.subplots(1, 2, figsize=(10, 3.4))
    for i, (nom, historique) in enumerate(historiques.items()):
        nom = f" ({nom})" if nom else ""
        epoques = np.arange(1, len(historique.history["loss"]) + 1)
        for axe, cle in ((gauche, "loss"), (droite, "accuracy")):
            for trait, prefixe, jeu in (("x--", "", "apprentissage"), ("o-", "val_", "validation")):
                valeurs = historique.history[prefixe + cle]
                axe.plot(epoques, valeurs, trait, ms=3, color=f"C{i}", label=f"{jeu}{nom}")
            axe.set_xlabel("époque")
            axe.xaxis.set_major_locator(MaxNLocator(integer=True))
    gauche.set_title("Erreur (entropie croisée) – plus bas = mieux")
    droite.set_title("Précision – plus haut = mieux")
    gauche.legend(fontsize=8, frameon=False)
    if titre:
        plt.suptitle(titre)
    plt.show()


def afficher_confusion(y_vrai, y_predit, classes, normaliser=False):
    """Matrice de confusion : une ligne par vraie classe, une colonne par classe prédite.

    Effectifs ; avec `normaliser`, parts de chaque ligne, en pour cent.
    """
    from sklearn.metrics import ConfusionMatrixDisplay

    _, axe = plt.subplots(figsize=(2.2 + 0.53 * len(classes), 1.7 + 0.48 * len(classes)))
    ConfusionMatrixDisplay.from_predictions(
        y_vrai,
        y_predit,
        labels=range(len(classes)),
        display_labels=classes,
        normalize="true" if normaliser else None,
        values_format=".0%" if normaliser else "d",
        cmap="Blues",
        colorbar=False,
        xticks_rotation=45,
        ax=axe,
    )
    plt.setp(axe.get_xticklabels(), ha="right")
    axe.set_xlabel("classe prédite")
    axe.set_ylabel("vraie classe")
    plt.show()


def afficher_probabilites(image, probabilites, classes, titre="", attendu=None):
    """L'image que voit le réseau à gauche, les probabilités des classes en barres à droite.

    `image` (28, 28) ou (28, 28, 1) ; `probabilites` (nombre de classes,) ; `attendu` : n° de la vraie classe.
    """
    _, (gauche, droite) = plt.subplots(1, 2, figsize=(8, 2.6), width_ratios=(1, 2))
    gauche.imshow(np.squeeze(image), vmin=0, vmax=1)  # ce que voit le réseau, sans l'étirer
    gauche.set_title(titre)
    gauche.axis("off")
    gagnante = int(np.argmax(probabilites))
    couleurs = [ORANGE if i == gagnante else GRIS for i in range(len(classes))]
    barres = droite.barh(classes, probabilites, color=couleurs)
    droite.bar_label(
        barres, [f"{p:.0%}" if p >= 0.01 else "" for p in probabilites], padding=3, fontsize=8
    )
    droite.set_xlim(0, 1.1)
    droite.invert_yaxis()
    droite.tick_params(axis="y", labelsize=8)
    if attendu is not None:
        droite.get_yticklabels()[attendu].set_fontweight("bold")
    plt.show()


# --- La convolution à la main ---------------------------------------------------------------------


def _dessiner_nombres(axe, tableau, titre="", cadre=None, amplitude=None, ecrire=True):
    """Dessine une petite matrice avec ses nombres ; `cadre` : (ligne, colonne, hauteur, largeur)."""
    tableau = np.asarray(tableau, dtype=float)
    part = np.clip(tableau / (amplitude or max(1, np.abs(tableau).max())), -1, 1)[..., None]
    # La convention du labo : positif = noir, zéro = blanc, −1 = gris ; les autres négatifs, orangés.
    negatif = [0.3, 0.3, 0.3] if tableau.min() >= -1 else [0.05, 0.35, 0.7]
    axe.imshow(np.where(part >= 0, 1 - 0.85 * part, 1 + part * negatif))
    for (ligne, colonne), valeur in np.ndenumerate(tableau) if ecrire else ():
        couleur = "white" if part[ligne, colonne, 0] > 0.5 else "black"
        axe.text(colonne, ligne, f"{valeur:.3g}", ha="center", va="center", color=couleur)
    axe.set(xticks=[], yticks=[])
    axe.set_title(titre)
    axe.spines[:].set_visible(True)
    if cadre:
        ligne, colonne, hauteur, largeur = cadre
        axe.add_patch(
            Rectangle(
                (colonne - 0.5, ligne - 0.5),
                largeur,
                hauteur,
                fill=False,
                edgecolor=ORANGE,
                linewidth=3,
            )
        )


def afficher_matrices(matrices):
    """Montre côte à côte de petites matrices de nombres ; `matrices` : dict {titre: tableau 2D}."""
    largeurs = [np.shape(m)[1] + 1 for m in matrices.values()]
    hauteur = max(np.shape(m)[0] for m in matrices.values())
    _, axes = plt.subplots(
        1,
        len(matrices),
        figsize=(0.5 * sum(largeurs), 0.42 * hauteur + 0.7),
        width_ratios=largeurs,
        squeeze=False,
    )
    amplitude = max(1, *(np.abs(m).max() for m in matrices.values()))
    for axe, (titre, matrice) in zip(axes[0], matrices.items(), strict=True):
        # Image et filtres (de −1 à 1) ont leur propre échelle ; les résultats, une échelle commune.
        _dessiner_nombres(
            axe, matrice, titre, amplitude=None if np.abs(matrice).max() <= 1 else amplitude
        )
        axe.set_anchor("N")
    plt.show()


def _figure_fenetre(image, filtre, resultat, numero):
    """Une position du filtre (numérotée à partir de 1) : fenêtre de l'image, filtre, produits, résultat."""
    image, filtre, resultat = np.asarray(image), np.asarray(filtre), np.asarray(resultat)
    ligne, colonne = divmod(numero - 1, resultat.shape[1])
    hauteur, largeur = filtre.shape
    produits = image[ligne : ligne + hauteur, colonne : colonne + largeur] * filtre
    figure, axes = plt.subplots(1, 4, figsize=(11, 2.9), width_ratios=(5, 3, 3, 3))
    _dessiner_nombres(
        axes[0], image, f"image, fenêtre n° {numero}", (ligne, colonne, hauteur, largeur)
    )
    _dessiner_nombres(axes[1], filtre, "× filtre")
    _dessiner_nombres(axes[2], produits, f"= produits, somme {produits.sum():g}")
    _dessiner_nombres(axes[3], resultat, "carte de caractéristiques", (ligne, colonne, 1, 1))
    return figure


def afficher_fenetres(image, filtre, resultat):
    """Toutes les positions du filtre côte à côte, chacune avec sa somme ; le maximum en gras."""
    hauteur, largeur = np.shape(filtre)
    _, axes = plt.subplots(1, np.size(resultat), figsize=(1.25 * np.size(resultat), 1.7))
    for axe, ((ligne, colonne), somme) in zip(axes, np.ndenumerate(resultat), strict=True):
        _dessiner_nombres(axe, image, "", (ligne, colonne, hauteur, largeur), ecrire=False)
        poids = "bold" if somme == np.max(resultat) else "normal"
        axe.set_title(f"somme {somme:g}", fontsize=10, fontweight=poids)
    plt.show()


def explorer_fenetres(image, filtre, resultat):
    """Montre la fenêtre du maximum, puis un curseur pour voir les autres, si ipywidgets est là."""
    _figure_fenetre(image, filtre, resultat, int(np.argmax(resultat)) + 1)
    plt.show()
    try:
        import ipywidgets
        from IPython.display import display
    except ImportError:
        print("ipywidgets n'est pas installé : la figure reste fixe.")
        return
    # Les figures sont dessinées d'avance : le curseur n'a plus qu'à changer d'image.
    vues = []
    for numero in range(1, np.size(resultat) + 1):
        figure, tampon = _figure_fenetre(image, filtre, resultat, numero), io.BytesIO()
        figure.savefig(tampon, format="png")
        plt.close(figure)
        vues.append(tampon.getvalue())
    curseur = ipywidgets.IntSlider(value=1, min=1, max=len(vues), description="fenêtre n°")
    vue = ipywidgets.Image(value=vues[0], format="png")
    curseur.observe(lambda changement: vue.set_trait("value", vues[changement["new"] - 1]), "value")
    display(ipywidgets.VBox([curseur, vue]))


# --- Le réseau -----------------------------------------------------------------------------------


def dessiner_chaine(modele, titre=""):
    """Dessine la chaîne des couches d'un réseau : une pile de cartes par couche, ses dimensions, ses paramètres.

    `modele` : un réseau Keras, ou la liste de ses couches : (nom, forme de la sortie, nombre de paramètres).
    """
    muettes = ("Dropout", "BatchNormalization", "Activation", "ReLU", "Rescaling")
    if isinstance(modele, list):
        couches, tues = modele, 0
    else:
        couches = [("Entrée", modele.input_shape[1:], 0)]
        couches += [
            (c.__class__.__name__, c.output.shape[1:], c.count_params())
            for c in modele.layers
            if c.__class__.__name__ not in muettes
        ]
        tues = 1 + len(modele.layers) - len(couches)
    _, axe = plt.subplots(figsize=(1.55 * len(couches) + 0.5, 3.4))
    for i, (nom, forme, parametres) in enumerate(couches):
        x = i * 1.5
        if len(forme) == 3:
            hauteur, _, cartes = forme
            cote = 0.25 + 1.05 * hauteur / couches[0][1][0]
            n = round(1 + 2 * np.log2(cartes))  # 1, 6, 16, 128 cartes : pile de 1, 6, 9, 15
            for k in range(n):
                decalage = 0.035 * (n - 1 - k)
                axe.add_patch(
                    Rectangle(
                        (x - cote / 2 + decalage, -cote / 2 + decalage),
                        cote,
                        cote,
                        facecolor=BLEU if "Conv" in nom else "#e2e8f0",
                        edgecolor="white" if "Conv" in nom else "#4a5568",
                        alpha=0.95,
                    )
                )
            taille = f"{forme[0]}×{forme[1]}×{cartes}"
        else:
            haut = 0.3 + 0.32 * np.log10(forme[0])
            axe.add_patch(
                Rectangle(
                    (x - 0.09, -haut / 2),
                    0.18,
                    haut,
                    facecolor=ORANGE if "Dense" in nom else "#e2e8f0",
                )
            )
            taille = f"{forme[0]}"
        axe.text(x, -1.0, nom, ha="center", fontsize=9, fontweight="bold")
        texte = taille + (f"\n{parametres:,} param.".replace(",", " ") if parametres else "")
        axe.text(x, -1.08, texte, ha="center", va="top", fontsize=9)
        if i:
            axe.annotate(
                "",
                (x - 0.72, 0),
                (x - 0.92, 0),
                arrowprops={"arrowstyle": "->", "color": "#4a5568"},
            )
    if tues:
        note = "Les couches qui ne changent pas les dimensions (Dropout, BatchNormalization…) ne sont pas dessinées."
        axe.text(-0.8, -1.75, note, fontsize=8, color="#718096")
    axe.set(xlim=(-0.9, 1.5 * len(couches) - 0.5), ylim=(-1.8, 1.25), title=titre)
    axe.axis("off")
    plt.show()


def afficher_cartes(cartes, titre="", maximum=16):
    """Montre les premières cartes de caractéristiques d'une couche ; `cartes` (h, l, n), échelle commune."""
    n = min(maximum, cartes.shape[-1])
    _, axes = plt.subplots(-(-n // 8), 8, figsize=(8.8, 1.15 * -(-n // 8) + 0.4), squeeze=False)
    for axe in axes.flat:
        axe.axis("off")
    for k, axe in zip(range(n), axes.flat, strict=False):
        axe.imshow(cartes[..., k], cmap="viridis", vmin=cartes.min(), vmax=cartes.max())
    plt.suptitle(titre, fontsize=11)
    plt.show()


# --- Les photos -------------------------------------------------------------------------------------


def afficher_etapes(etapes):
    """Montre côte à côte les étapes d'une préparation ; `etapes` : dict {nom: image PIL ou tableau}."""
    _, axes = plt.subplots(1, len(etapes), figsize=(2.1 * len(etapes), 2.4), squeeze=False)
    for axe, (nom, etape) in zip(axes[0], etapes.items(), strict=True):
        tableau = np.asarray(etape)
        axe.imshow(tableau, vmin=0, vmax=1 if tableau.dtype.kind == "f" else 255)
        hauteur, largeur = tableau.shape[:2]
        axe.set_title(f"{nom}\n{largeur}×{hauteur}", fontsize=9)
        axe.set(xticks=[], yticks=[])
        axe.spines[:].set_visible(True)
    plt.show()


def afficher_lot(photos, entrees, titres, colonnes=6):
    """Pour chaque photo : l'originale en haut, ce que voit le réseau (28, 28, 1) en bas, un titre."""
    lignes = -(-len(photos) // colonnes)
    _, axes = plt.subplots(
        2 * lignes, colonnes, figsize=(1.7 * colonnes, 3.6 * lignes), squeeze=False
    )
    for axe in axes.flat:
        axe.axis("off")
    for i, (photo, entree, titre) in enumerate(zip(photos, entrees, titres, strict=True)):
        haut, bas = (
            axes[2 * (i // colonnes), i % colonnes],
            axes[2 * (i // colonnes) + 1, i % colonnes],
        )
        haut.imshow(np.asarray(photo))
        haut.set_title(titre, fontsize=8)
        bas.imshow(np.squeeze(entree), vmin=0, vmax=1)
    plt.show()


def bouton_envoi(traiter):
    """Montre un bouton qui envoie une image et appelle `traiter(octets)`, là où ipywidgets fonctionne."""
    try:
        import ipywidgets
        from IPython.display import display
    except ImportError:
        print("ipywidgets n'est pas installé : copiez votre photo dans « images/ ».")
        return
    bouton = ipywidgets.FileUpload(
        accept="image/*", multiple=False, description="Envoyer une photo"
    )
    sortie = ipywidgets.Output()

    def recu(changement):
        fichiers = changement["new"]
        # ipywidgets 7 (Colab) rend un dict, ipywidgets 8 un tuple.
        fichier = next(iter(fichiers.values())) if isinstance(fichiers, dict) else fichiers[0]
        sortie.clear_output(wait=True)
        with sortie:
            traiter(bytes(fichier["content"]))

    bouton.observe(recu, names="value")
    display(bouton, sortie)


def afficher_occlusion(image, baisse):
    """L'image (28, 28) et, par-dessus, la baisse de probabilité (28, 28) quand on cache chaque endroit."""
    _, (gauche, droite) = plt.subplots(1, 2, figsize=(6.4, 2.9))
    gauche.imshow(image, vmin=0, vmax=1)
    gauche.set_title("entrée du réseau")
    droite.imshow(image, vmin=0, vmax=1)
    # Transparent là où cacher ne change rien, rouge là où la probabilité s'effondre.
    force = np.clip(baisse / max(0.05, baisse.max()), 0, 1)
    couleurs = droite.imshow(
        np.clip(baisse, 0, None),
        cmap="Reds",
        alpha=0.8 * force,
        vmin=0,
        vmax=max(0.05, baisse.max()),
    )
    droite.set_title("ce qui a porté la réponse")
    plt.colorbar(couleurs, ax=droite, label="baisse de probabilité")
    for axe in (gauche, droite):
        axe.axis("off")
    plt.show()


def afficher_fiabilite(connus, y_connus, inconnus):
    """À gauche, part de réponses justes selon la confiance ; à droite, confiance sur connus et inconnus.

    `connus`, `inconnus` : probabilités (n, classes) ; `y_connus` : vraies classes (n,).
    """
    confiance, juste = connus.max(axis=1), connus.argmax(axis=1) == y_connus
    bornes = np.linspace(0.3, 1, 8)
    tranche = np.digitize(confiance, bornes[1:-1])
    remplies = [t for t in range(len(bornes) - 1) if (tranche == t).sum() >= 20]
    _, (gauche, droite) = plt.subplots(1, 2, figsize=(9, 3))
    gauche.plot([0.3, 1], [0.3, 1], "--", color=GRIS, label="idéal")
    x = [confiance[tranche == t].mean() for t in remplies]
    gauche.plot(x, [juste[tranche == t].mean() for t in remplies], "o-", label="mesuré")
    gauche.set(
        title="vêtements du test", xlabel="probabilité annoncée", ylabel="part de réponses justes"
    )
    gauche.legend(frameon=False)
    droite.hist(
        [confiance, inconnus.max(axis=1)],
        bins=np.linspace(0, 1, 21),
        density=True,
        label=["vêtements", "objets inconnus"],
    )
    droite.set(
        title="devant un inconnu", xlabel="plus grande probabilité", ylabel="fréquence", yticks=[]
    )
    droite.legend(frameon=False)
    plt.show()


# --- Les prétraitements -----------------------------------------------------------------------------


def mosaique(images, colonnes=8):
    """Assemble des images (n, h, l, c) en une seule, `colonnes` par ligne ; n est un multiple de `colonnes`."""
    n, h, largeur, c = images.shape
    lignes = images.reshape(n // colonnes, colonnes, h, largeur, c).swapaxes(1, 2)
    return lignes.reshape(n // colonnes * h, colonnes * largeur, c)


def afficher_traitement(avant, apres, titre):
    """Une photo avant et après un traitement, et l'histogramme de ses trois canaux.

    `avant`, `apres` : (h, l, 3) ; des nombres à virgule sont ramenés entre leurs centiles 1 et 99 pour être vus.
    """
    _, axes = plt.subplots(1, 4, figsize=(11, 2.3), width_ratios=(1, 1, 1.4, 1.4))
    for i, (image, nom) in enumerate(((avant, "avant"), (apres, titre))):
        visible = image
        if image.dtype != np.uint8:
            bas, haut = np.percentile(image, (1, 99))
            visible = np.clip((image - bas) / (haut - bas), 0, 1)
        axes[i].imshow(visible)
        axes[i].axis("off")
        axes[i].set_title(nom)
        for canal, couleur in enumerate(("#e53e3e", "#38a169", BLEU)):
            axes[i + 2].hist(image[..., canal].ravel(), 64, histtype="step", color=couleur)
        axes[i + 2].set(title=f"histogramme : {nom}", yticks=[])
    plt.show()
