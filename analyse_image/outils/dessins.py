"""Ce qui remplace des données absentes : des silhouettes dessinées, ou des photos rangées comme un autre jeu."""

import json
import os
import random
import shutil

import numpy as np
import pandas as pd
from PIL import Image, ImageChops, ImageDraw, ImageOps

from outils.fichiers import dossier_atomique

# Moitié droite du contour, de haut en bas : x de 0 (l'axe) à 1, y de −1 (en haut) à 1. L'autre est son reflet.
_MOITIES = {
    "t-shirt": [(0, -0.62), (0.2, -0.7), (0.46, -0.6), (0.88, -0.2), (0.66, 0), (0.46, -0.2), (0.46, 0.75)],
    "pull": [(0, -0.64), (0.22, -0.7), (0.5, -0.6), (0.92, 0.6), (0.7, 0.68), (0.46, -0.05), (0.48, 0.72)],
    "chemise": [(0, -0.5), (0.14, -0.8), (0.44, -0.66), (0.72, 0.5), (0.56, 0.56), (0.4, -0.1), (0.42, 0.8)],
    "manteau": [(0, -0.7), (0.24, -0.86), (0.54, -0.72), (0.8, 0.3), (0.64, 0.36), (0.5, -0.1), (0.62, 0.96)],
    "robe": [(0, -0.74), (0.14, -0.95), (0.3, -0.9), (0.2, -0.25), (0.56, 0.95)],
    "pantalon": [(0, -0.95), (0.36, -0.95), (0.46, 0.95), (0.16, 0.95), (0, -0.3)],
    "short": [(0, -0.5), (0.5, -0.5), (0.68, 0.5), (0.1, 0.5), (0, 0.05)],
    "jupe": [(0, -0.55), (0.34, -0.55), (0.74, 0.6)],
    "chapeau": [(0, -0.5), (0.36, -0.45), (0.46, 0.08), (0.95, 0.16), (0.95, 0.28)],
    "sac": [(0, -0.3), (0.72, -0.3), (0.82, 0.65)],
}  # fmt: skip
_ENTIERES = {  # de profil : le contour entier, la pointe à droite
    "baskets": [(-0.9, 0.05), (-0.85, -0.3), (-0.5, -0.32), (-0.1, -0.05), (0.55, 0.1), (0.95, 0.3), (0.95, 0.48),
                (-0.9, 0.48)],
    "bottes": [(-0.62, -0.95), (0.12, -0.95), (0.12, 0.1), (0.75, 0.4), (0.8, 0.8), (-0.62, 0.8)],
    "sandales": [(-0.92, 0.35), (-0.85, -0.05), (-0.74, -0.05), (-0.66, 0.28), (0.2, 0.3), (0.42, 0),
                 (0.6, 0.32), (0.95, 0.4), (0.95, 0.5), (-0.92, 0.5)],
}  # fmt: skip
_DETAILS = {  # lignes plus sombres : ce qui distingue deux contours voisins
    "chemise": [[(0, -0.5), (0, 0.8)], [(-0.14, -0.8), (0, -0.45), (0.14, -0.8)]],
    "manteau": [[(0, -0.7), (0, 0.96)], [(-0.5, 0.3), (-0.2, 0.3)], [(0.2, 0.3), (0.5, 0.3)]],
    "sac": [[(-0.42, -0.3), (-0.36, -0.8), (0.36, -0.8), (0.42, -0.3)]],
    "sandales": [[(-0.8, 0.1), (-0.2, 0.3)]],
}
CLASSES = (  # dans l'ordre de Fashion-MNIST
    *("t-shirt", "pantalon", "pull", "robe", "manteau"),
    *("sandales", "chemise", "baskets", "sac", "bottes"),
)
# Dossier de « clothing-dataset-small » → dessin, part des photos (pour cent), rayon et sous-rayon d'une fiche.
ARTICLES = {
    "t-shirt": ("t-shirt", 25, "Apparel", "Topwear"),
    "longsleeve": ("pull", 15, "Apparel", "Topwear"),
    "pants": ("pantalon", 15, "Apparel", "Bottomwear"),
    "shirt": ("chemise", 9, "Apparel", "Topwear"),
    "dress": ("robe", 8, "Apparel", "Dress"),
    "outwear": ("manteau", 7, "Apparel", "Topwear"),
    "shorts": ("short", 7, "Apparel", "Bottomwear"),
    "shoes": ("baskets", 6, "Footwear", "Shoes"),
    "hat": ("chapeau", 4, "Accessories", "Headwear"),
    "skirt": ("jupe", 4, "Apparel", "Bottomwear"),
}
CLES = ("masterCategory", "subCategory", "articleType")  # d'une fiche du catalogue de Kaggle
COLONNES_HM = (
    *("article_id", "product_code", "prod_name", "product_type_no", "product_type_name"),
    *("product_group_name", "graphical_appearance_no", "graphical_appearance_name"),
    *("colour_group_code", "colour_group_name", "perceived_colour_value_id"),
    *("perceived_colour_value_name", "perceived_colour_master_id", "perceived_colour_master_name"),
    *("department_no", "department_name", "index_code", "index_name", "index_group_no"),
    *("index_group_name", "section_no", "section_name", "garment_group_no"),
    *("garment_group_name", "detail_desc"),
)


def _choisir(classe):
    """Le nom d'un dessin, donné par ce nom ou par un numéro de classe ; lève `ValueError`."""
    if isinstance(classe, (int, np.integer)) and 0 <= classe < len(CLASSES):
        return CLASSES[classe]
    if classe in _MOITIES or classe in _ENTIERES:
        return classe
    connus = ", ".join((*_MOITIES, *_ENTIERES))
    raise ValueError(f"Classe inconnue : {classe!r} ; attendu : de 0 à 9, ou {connus}.")


def _silhouette(nom, taille, hasard, couleur):
    """Image RGBA (taille, taille) d'un vêtement, transparente autour."""
    h, grand = hasard.uniform, 2 * taille  # deux fois trop grande, puis réduite : bords lissés
    largeur, hauteur, penche = h(0.65, 1), h(0.75, 1), h(-0.15, 0.15)
    if not (contour := _ENTIERES.get(nom)):
        contour = [(x * h(0.85, 1.15), y + h(-0.07, 0.07)) for x, y in _MOITIES[nom]]
        contour = contour + [(-x, y) for x, y in reversed(contour)]

    def placer(points):
        points = ((largeur * x + penche * y, hauteur * y) for x, y in points)
        return [((1 + 0.9 * x) * taille, (1 + 0.9 * y) * taille) for x, y in points]

    image = Image.new("RGBA", (grand, grand), (*couleur, 0))
    pinceau = ImageDraw.Draw(image)
    pinceau.polygon(placer(contour), (*couleur, 255))
    sombre = tuple(int(c * 0.6) for c in couleur)
    if h(0, 1) < 0.3:  # des rayures, là où il y a du tissu
        pas = max(4, int(h(0.06, 0.16) * grand))
        rayures = Image.new("L", image.size)
        for y in range(0, grand, 2 * pas):
            ImageDraw.Draw(rayures).rectangle((0, y, grand, y + pas), 255)
        image.paste((*sombre, 255), mask=ImageChops.multiply(rayures, image.getchannel("A")))
    for ligne in _DETAILS.get(nom, ()):
        pinceau.line(placer(ligne), (*sombre, 255), max(2, grand // 40))
    return image.resize((taille, taille), Image.Resampling.BOX)


def dessiner_photo(classe, taille=400, graine=0, fond=(255, 255, 255)):
    """Dessine un vêtement : image PIL carrée, RGB sur un `fond` uni, ou RGBA transparente si `fond` vaut None.

    `classe` : un numéro de Fashion-MNIST, de 0 à 9, ou un nom (« jupe »). Même graine, même image. Lève
    `ValueError` si la classe est inconnue ou la taille, en pixels, inférieure à 8.
    """
    nom = _choisir(classe)
    if taille < 8:
        raise ValueError(f"taille = {taille} : il faut au moins 8 pixels.")
    hasard = random.Random(f"{nom} {graine}")
    couleur = tuple(hasard.randrange(20, 200) for _ in range(3))
    image = _silhouette(nom, taille, hasard, couleur)
    if fond is None:
        return image
    complete = Image.new("RGBA", image.size, (*fond, 255))
    complete.alpha_composite(image)
    return complete.convert("RGB")


def jumeau_fashion_mnist(n, graine=13):
    """Rend (X, y) de la forme de Fashion-MNIST : uint8 (n, 28, 28), clair sur noir, et uint8 (n,), mélangés."""
    if n < 1:
        raise ValueError(f"n = {n} : il faut au moins une image.")
    y = np.random.default_rng(graine).permutation(np.arange(n) % len(CLASSES)).astype(np.uint8)
    X = np.empty((n, 28, 28), np.uint8)
    for i, classe in enumerate(y):
        hasard = random.Random(f"{graine} {i}")
        image = _silhouette(CLASSES[classe], 40, hasard, (hasard.randrange(120, 256),) * 3)
        gris = Image.new("RGBA", image.size, (0, 0, 0, 255))
        gris.alpha_composite(image)
        gris = gris.convert("L").crop(image.getchannel("A").getbbox())
        X[i] = np.asarray(ImageOps.pad(gris, (28, 28), Image.Resampling.BOX))
    return X, y


def ecrire_vetements(dossier, n=300):
    """Dessine `n` vêtements dans `dossier/<train|validation>/<article>/*.jpg`, une photo sur cinq en validation.

    Dix articles, en proportions inégales ; `dossier` n'apparaît que complet. Lève `OSError` s'il a un contenu.
    """
    hasard = random.Random(13)
    parts = [part for _, part, *_ in ARTICLES.values()]
    articles = [*ARTICLES, *ARTICLES, *hasard.choices(list(ARTICLES), parts, k=max(0, n - 20))][:n]
    with dossier_atomique(dossier) as provisoire:
        for i, article in enumerate(articles):
            # Les dix articles dans chaque jeu, puis une photo sur cinq.
            jeu = "validation" if 10 <= i < 20 or i > 20 and i % 5 == 1 else "train"
            chemin = provisoire / jeu / article / f"dessin_{hasard.getrandbits(32):08x}.jpg"
            chemin.parent.mkdir(parents=True, exist_ok=True)
            fond = tuple(hasard.randrange(190, 256) for _ in range(3))
            photo = dessiner_photo(ARTICLES[article][0], 120, 1_300_039 + i, fond)
            photo.resize((120, 160)).save(chemin, quality=85)


# --- Trois races de chiens ------------------------------------------------------------------------

_CHIENS = (  # robe, museau, oreilles (triangles, ou non), largeur du museau : chihuahua, boxer, esquimau
    ((206, 164, 116), (60, 44, 40), 1.6, 0.16),
    ((172, 112, 62), (34, 28, 28), 0, 0.3),
    ((230, 228, 224), (70, 66, 66), 1.2, 0.22),
)


def dessiner_chien(race, taille=224, graine=0):
    """Dessine la tête d'un chien de face : image PIL RGB carrée. `race` : 0 chihuahua, 1 boxer, 2 esquimau."""
    h = random.Random(f"{race} {graine}").uniform
    robe, museau, oreilles, largeur = _CHIENS[race]
    robe = tuple(int(c * h(0.75, 1.08)) for c in robe)
    sombre = tuple(int(c * 0.7) for c in robe)
    grand, r = 2 * taille, h(0.5, 0.8) * taille  # r : rayon de la tête, deux fois trop grand
    cx, cy = (grand * h(0.4, 0.6) for _ in range(2))
    image = Image.new("RGB", (grand, grand), tuple(int(h(40, 220)) for _ in range(3)))
    pinceau = ImageDraw.Draw(image)

    def ovale(x, y, a, b, couleur):
        x, y, a, b = cx + x * r, cy + y * r, a * r, b * r
        pinceau.ellipse((x - a, y - b, x + a, y + b), couleur)

    for cote in (-1, 1):
        if oreilles:
            points = [(0.2, -0.6), (0.7, -oreilles * h(0.95, 1.1)), (0.85, -0.3)]
            pinceau.polygon([(cx + cote * x * r, cy + y * r) for x, y in points], sombre)
        else:
            ovale(cote * 0.78, -0.25, 0.2, h(0.42, 0.55), sombre)
    ovale(0, 0, 0.8, 0.85, robe)
    ovale(0, 0.4, 2 * largeur, 1.3 * largeur, sombre if oreilles else museau)
    for x, y in ((0, 0.28), (-0.35, -0.12), (0.35, -0.12)):
        ovale(x, y, 0.11, 0.1, museau)
    image = image.rotate(h(-20, 20), Image.Resampling.BILINEAR, fillcolor=image.getpixel((0, 0)))
    image = np.asarray(image.resize((taille, taille), Image.Resampling.BOX), dtype=np.float32)
    grain = np.random.default_rng(graine).normal(0, 10, image.shape)
    return Image.fromarray((image * h(0.7, 1.15) + grain).clip(0, 255).astype(np.uint8))


def ecrire_chiens(dossier, races, n=180):
    """Dessine `n` chiens dans `dossier/<race>/*.jpg` ; `races` : les trois dossiers, dans l'ordre du dessin.

    `dossier` n'apparaît que complet ; lève `OSError` s'il a un contenu.
    """
    with dossier_atomique(dossier) as provisoire:
        for i in range(n):
            dossier_race = provisoire / races[i % 3]
            dossier_race.mkdir(exist_ok=True)
            dessiner_chien(i % 3, graine=i).save(dossier_race / f"dessin_{i:04d}.jpg")


# --- Des photos de vêtements, rangées comme un autre jeu ------------------------------------------


def lier(source, cible):
    """Fait de `cible` un autre nom du fichier `source` : un lien relatif ; une copie, là où il n'y en a pas."""
    dossier = os.path.realpath(cible.parent)
    for lien, chemin in ((os.symlink, None), (os.link, source), (shutil.copyfile, source)):
        try:
            return lien(chemin or os.path.relpath(os.path.realpath(source), dossier), cible)
        except OSError:  # Windows sans droit de lier, autre disque, partage sans liens
            if lien is shutil.copyfile:
                raise


def ecrire_catalogue(photos, dossier):
    """Range des photos de vêtements, (chemin, article), comme le jeu de Kaggle : images/, styles/, styles.csv.

    Les photos sont des liens. Une fois sur cinq cents, un défaut que l'on rencontre : fiche coupée, sans sous-rayon ou
    d'un rayon inconnu, photo absente, photo coupée, photo d'un autre produit du même article.
    """
    lignes, derniere = [f"id,{','.join(CLES)},productDisplayName"], {}
    with dossier_atomique(dossier) as provisoire:
        for nom in ("images", "styles"):
            (provisoire / nom).mkdir()
        for rang, (source, article) in enumerate(photos):
            numero, defaut = 1_000 + 3 * rang, rang % 500
            types = dict(zip(CLES, (*ARTICLES[article][2:], article), strict=True))
            lignes.append(",".join((str(numero), *types.values(), f"{article}, produit {numero}")))
            if defaut == 247:
                types["masterCategory"] = "Jouets"
            donnees = {"id": numero, "productDisplayName": f"{article}, produit {numero}"}
            donnees |= {cle: {"typeName": valeur} for cle, valeur in types.items()}
            if defaut == 147:
                del donnees["subCategory"]
            texte = json.dumps({"meta": {"code": 200}, "data": donnees}, indent=1)
            texte = texte[: 60 if defaut == 97 else None]
            (provisoire / "styles" / f"{numero}.json").write_text(texte, encoding="utf-8")
            image = provisoire / "images" / f"{numero}.jpg"
            if defaut == 297:
                image.write_bytes(source.read_bytes()[:1_500])
            elif defaut != 197:
                lier(derniere.get(article, source) if defaut == 47 else source, image)
                derniere[article] = source
        texte = "".join(f"{ligne}\n" for ligne in lignes)
        (provisoire / "styles.csv").write_text(texte, encoding="utf-8")


def _ligne(numero, article):
    """Les 25 valeurs d'un article ; ce que l'on ne sait pas d'une photo vaut « Unknown », -1 ou rien."""
    ligne = dict.fromkeys(COLONNES_HM, "Unknown")
    ligne |= {nom: -1 for nom in COLONNES_HM if nom.endswith(("_no", "_id", "_code"))}
    ligne |= dict.fromkeys(("product_type_name", "product_group_name"), article)
    ligne |= {"article_id": numero, "product_code": numero[:7]}
    return ligne | dict.fromkeys(("prod_name", "detail_desc"), f"{article}, produit {numero[:7]}")


def ecrire_hm(photos, dossier):
    """Range des photos de vêtements, (chemin, article), comme H&M : articles.csv, images/0XX/0XXXXXXXXX.jpg.

    Les photos sont des liens ; l'article est la catégorie. Une fois sur cinq cents, un défaut que l'on rencontre :
    article sans photo, sans description, page web ou photo coupée sous un nom d'image ; et trois photos sans article.
    """
    lignes = []
    pas = max(7, 840_000 // (len(photos) + 1))  # numéros étalés : plusieurs sous-dossiers
    with dossier_atomique(dossier) as provisoire:

        def place(numero):
            cible = provisoire / "images" / numero[:3] / f"{numero}.jpg"
            cible.parent.mkdir(parents=True, exist_ok=True)
            return cible

        for rang, (source, article) in enumerate(photos):
            numero, defaut = f"{108_775 + pas * rang:07d}001", rang % 500
            lignes.append(_ligne(numero, article))
            if defaut == 147:
                lignes[-1]["detail_desc"] = None
            if defaut == 197:
                place(numero).write_bytes(b"<!DOCTYPE html><html><body>404 Not Found</body></html>")
            elif defaut == 247:
                place(numero).write_bytes(source.read_bytes()[:1_500])
            elif defaut != 97:
                lier(source, place(numero))
        for rang, (source, _) in enumerate(photos[:3]):
            lier(source, place(f"095{rang:07d}"))
        articles = pd.DataFrame(lignes, columns=COLONNES_HM)
        articles.to_csv(provisoire / "articles.csv", index=False, lineterminator="\n")
