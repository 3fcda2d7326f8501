"""Le catalogue H&M (Kaggle) : de `articles.csv` et de ses photos au manifeste, sans rien copier.

Le manifeste est celui d'`outils.catalogue` (path, id, class, article, split), plus `product`, le modèle :
les couleurs d'un même vêtement ont les mêmes sept premiers chiffres. Fusionner des classes ou en réduire
l'effectif, c'est changer ou choisir des lignes ; aucun fichier ne bouge.
"""

import json
import os
import stat
from pathlib import Path

import pandas as pd
from PIL import Image

from outils.catalogue import COLONNES, _relatif, _tableau
from outils.donnees import DonneesInvalides, dossier_datas
from outils.garde_robe import ecrire_hm
from outils.photos import FORMATS

CONCOURS = "h-and-m-personalized-fashion-recommendations"

# Les effectifs publiés : articles par product_group_name, puis photos par classe après la fusion.
ARTICLES_PUBLIES = {
    "Garment Upper body": 42_741,
    "Garment Lower body": 19_812,
    "Garment Full body": 13_292,
    "Accessories": 11_158,
    "Underwear": 5_490,
    "Shoes": 5_283,
    "Swimwear": 3_127,
    "Socks & Tights": 2_442,
    "Nightwear": 1_899,
    "Unknown": 121,
    "Underwear/nightwear": 54,
    "Cosmetic": 49,
    "Bags": 25,
    "Items": 17,
    "Furniture": 13,
    "Garment and Shoe care": 9,
    "Stationery": 5,
    "Interior textile": 3,
    "Fun": 2,
}
PHOTOS_PUBLIEES = {
    "Garment Upper body": 42_680,
    "Garment Lower body": 19_770,
    "Garment Full body": 13_276,
    "Accessories": 11_302,
    "Underwear": 5_462,
    "Shoes": 5_156,
    "Swimwear": 3_125,
    "Socks & Tights": 2_431,
    "Nightwear": 1_898,
}
CLASSES = tuple(sorted(PHOTOS_PUBLIEES))  # l'ordre de Keras
RARES = tuple(nom for nom in ARTICLES_PUBLIES if nom not in PHOTOS_PUBLIEES)
# Celles que les auteurs ont réduites à 5 000.
REDUITES = tuple(list(PHOTOS_PUBLIEES)[:4])

COLONNES_UTILES = ("article_id", "product_code", "product_type_name", "product_group_name")


# --- Du catalogue au manifeste --------------------------------------------------------------------


def chemin_photo(article_id):
    """« images/010/0108775015.jpg » pour « 0108775015 », « 108775015 » ou 108775015.

    Lève `ValueError` si ce n'est pas un identifiant : il devient un nom de fichier.
    """
    texte = str(article_id)
    if not (texte.isascii() and texte.isdigit() and len(texte) <= 10):
        raise ValueError(
            f"Identifiant d'article invalide : {texte[:40]!r} (dix chiffres attendus)."
        )
    numero = texte.zfill(10)
    return f"images/{numero[:3]}/{numero}.jpg"


def lire_articles(dossier):
    """Rend `articles.csv` (25 colonnes), `article_id` et `product_code` en texte, zéros de tête gardés.

    Lève `DonneesInvalides` si le fichier manque, n'est pas du CSV, ou n'a pas les colonnes utiles.
    """
    chemin = Path(dossier) / "articles.csv"
    remede = f"kaggle competitions download -c {CONCOURS} -f articles.csv"
    if not chemin.is_file():
        raise DonneesInvalides(
            f"Il n'y a pas de fichier articles.csv dans « {Path(dossier).name} ».\n  Remède  : {remede}"
        )
    try:
        articles = pd.read_csv(
            chemin, dtype={"article_id": "object", "product_code": "object"}, encoding="utf-8"
        )
    except (ValueError, pd.errors.ParserError) as erreur:
        raise DonneesInvalides(
            f"« articles.csv » est illisible ({str(erreur)[:120]}).\n"
            f"  Attendu : du CSV en UTF-8, 25 colonnes.\n  Remède  : {remede}"
        ) from erreur
    absentes = [nom for nom in COLONNES_UTILES if nom not in articles]
    if absentes:
        raise DonneesInvalides(
            f"« articles.csv » n'a pas de colonne {', '.join(absentes)}.\n"
            f"  Trouvé  : {', '.join(map(str, articles.columns[:8]))}…\n  Remède  : {remede}"
        )
    articles["article_id"] = articles["article_id"].str.zfill(10)
    articles["product_code"] = articles["product_code"].str.zfill(7)
    return articles


def sous_dossiers(dossier):
    """Rend, triés, les noms des sous-dossiers d'`images` (« 010 », « 011 »…).

    Lève `DonneesInvalides` s'il n'y a pas de sous-dossier `images`.
    """
    images = Path(dossier) / "images"
    if not images.is_dir():
        raise DonneesInvalides(
            f"Le dossier « {Path(dossier).name} » n'a pas de sous-dossier « images ».\n"
            "  Attendu : images/010/0108775015.jpg, …\n"
            "  Remède  : décompressez l'archive en entier, ou laissez ce catalogue de côté."
        )
    return sorted(e.name for e in os.scandir(images) if e.is_dir())


def lister_photos(dossier, dans=None):
    """Rend l'ensemble des « images/0XX/0XXXXXXXXX.jpg » présents, sans ouvrir un fichier.

    `dans` : les sous-dossiers à lister, par défaut tous. Lève `DonneesInvalides` s'il n'y en a aucun.
    """
    presentes = set()
    for sous_dossier in sous_dossiers(dossier) if dans is None else dans:
        for entree in os.scandir(Path(dossier) / "images" / sous_dossier):
            if entree.name.endswith(".jpg"):
                presentes.add(f"images/{sous_dossier}/{entree.name}")
    return presentes


def joindre(articles, photos, dossier=""):
    """Rend (manifeste, anomalies) : une ligne par article qui a une photo.

    `photos` : ensemble de chemins relatifs à `dossier`. Anomalies (path, reason, detail) : article sans
    photo, photo sans article, identifiant en double ou invalide, article sans classe.
    """
    lignes, anomalies, prises = [], [], set()
    colonnes = articles[list(COLONNES_UTILES)].itertuples(index=False, name=None)
    for numero, modele, genre, classe in colonnes:
        try:
            chemin = chemin_photo(numero)
        except ValueError:
            anomalies.append((str(numero)[:40], "identifiant invalide", "articles.csv"))
            continue
        if chemin in prises:
            anomalies.append((chemin, "identifiant en double", str(numero)))
        elif not isinstance(classe, str):
            anomalies.append((chemin, "article sans classe", str(numero)))
        elif chemin not in photos:
            anomalies.append((chemin, "article sans photo", classe))
        else:
            lignes.append((os.path.join(dossier, chemin), numero, classe, genre, None, modele))
        prises.add(chemin)
    anomalies += [(chemin, "photo sans article", "") for chemin in sorted(set(photos) - prises)]
    manifeste = _tableau(lignes, [*COLONNES, "product"]).sort_values("id", ignore_index=True)
    return manifeste, _tableau(anomalies, ["path", "reason", "detail"])


def manifeste_hm(dossier):
    """Rend (manifeste, anomalies) du catalogue rangé dans `dossier`, sans ouvrir une photo."""
    return joindre(lire_articles(dossier), lister_photos(dossier), str(dossier))


def mesurer_photos(chemins):
    """Tableau (path, width, height, bytes) : lit les en-têtes seulement ; dimensions manquantes si illisible."""
    lignes = []
    for chemin in chemins:
        try:
            with Image.open(chemin, formats=FORMATS) as image:
                taille = image.size
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            taille = (None, None)
        lignes.append((str(chemin), *taille, os.path.getsize(chemin)))
    return pd.DataFrame(lignes, columns=["path", "width", "height", "bytes"])


# --- Fusionner, réduire ---------------------------------------------------------------------------


def fusionner_rares(manifeste, rares=RARES, vers="Accessories"):
    """Rend le manifeste où les classes `rares` ont pris le nom `vers`."""
    return manifeste.assign(**{"class": manifeste["class"].replace(dict.fromkeys(rares, vers))})


def sous_echantillonner(manifeste, maximum=5_000, classes=None, graine=13):
    """Tire au sort `maximum` lignes au plus dans chaque classe (`classes` : celles-là seulement).

    Le tirage ne dépend que de la graine et de l'ensemble des lignes, pas de leur ordre ; les lignes
    gardées restent dans l'ordre du manifeste.
    """
    garder = []
    for classe, lignes in manifeste.sort_values("path").groupby("class"):
        if len(lignes) > maximum and (classes is None or classe in classes):
            lignes = lignes.sample(n=maximum, random_state=graine)
        garder += lignes.index.tolist()
    return manifeste.loc[sorted(garder)]


# --- Où sont les données --------------------------------------------------------------------------

NOM_JUMEAU = "jumeau_hm"


def verifier_acces_kaggle(dossier=None):
    """Dit en une phrase si la clé de Kaggle est en place ; ne montre jamais ce qu'elle contient.

    `dossier` : celui de la clé, par défaut `KAGGLE_CONFIG_DIR` ou `~/.kaggle`. Rien n'est envoyé.
    """
    dossier = dossier or os.environ.get("KAGGLE_CONFIG_DIR") or Path.home() / ".kaggle"
    cle = Path(dossier) / "kaggle.json"
    if not cle.is_file():
        return "Pas de clé : posez kaggle.json dans le dossier .kaggle de votre dossier personnel."
    droits = stat.S_IMODE(cle.stat().st_mode)
    if os.name == "posix" and droits & 0o077:
        return f"Clé lisible par d'autres (droits {droits:o}) : chmod 600 ~/.kaggle/kaggle.json"
    try:
        contenu = json.loads(cle.read_text(encoding="utf-8"))
        entiere = all(isinstance(contenu[nom], str) and contenu[nom] for nom in ("username", "key"))
    except (OSError, ValueError, KeyError, TypeError):
        entiere = False
    if not entiere:
        return (
            "kaggle.json est abîmé : refaites un jeton (Settings → API), et remplacez le fichier."
        )
    return "Clé en place, lisible de vous seul."


def trouver_hm():
    """Dossier du vrai catalogue dans `datas/` (articles.csv et images/), ou None."""
    datas = dossier_datas()
    for motif in ("articles.csv", "*/articles.csv", "*/*/articles.csv"):
        for chemin in sorted(datas.glob(motif)):
            dossier = chemin.parent
            if not dossier.name.startswith(NOM_JUMEAU) and (dossier / "images").is_dir():
                return _relatif(dossier)
    return None


def obtenir_hm(dossier=None, n=6_000, largeur=240):
    """Rend (dossier, source) du catalogue : le vrai s'il est dans `datas/`, sinon un jumeau dessiné.

    Le jumeau (vraie forme, `n` articles) est écrit dans `dossier`, par défaut `datas/`, s'il y manque ;
    il est annoncé à l'écran : un score obtenu sur des dessins ne vaut pour aucune vraie photo.
    """
    vrai = trouver_hm()
    if vrai:
        print("Données : H&M (Kaggle)")
        return vrai, "H&M (Kaggle)"
    jumeau = Path(dossier or dossier_datas()) / f"{NOM_JUMEAU}_{n}_{largeur}"
    if not jumeau.is_dir():
        ecrire_hm(jumeau, ARTICLES_PUBLIES, n, largeur)
    print(
        "⚠ DONNÉES DESSINÉES, pas le catalogue H&M : il faut un compte Kaggle (section 1).\n"
        f"  Le labo continue sur un jumeau de {n} articles, dessiné par le code, de même forme : tout\n"
        "  fonctionne, mais aucun score obtenu ici ne vaut pour de vraies photos."
    )
    return _relatif(jumeau), "jumeau dessiné"
