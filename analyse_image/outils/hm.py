"""Le catalogue H&M (Kaggle) : de `articles.csv` et de ses photos au manifeste, sans rien copier.

Le manifeste est celui d'`outils.catalogue`, plus `produit`, le modèle : les couleurs d'un même vêtement ont les
mêmes sept premiers chiffres.
"""

import json
import os
import re
from contextlib import suppress
from pathlib import Path

import pandas as pd

from outils import dessins, jeux
from outils.catalogue import ANOMALIES, COLONNES, non_vide, tableau
from outils.fichiers import dossiers_datas, est_parasite, refuser_fichier
from outils.lecture import EXTENSIONS, parasites
from outils.tableaux import annoncer_autre_forme, lire_entete, trouver_csv, verifier_colonnes

CONCOURS = "h-and-m-personalized-fashion-recommendations"

PLAN = "articles.csv, et images/010/0108775015.jpg, …"
COLONNES_UTILES = ["article_id", "product_code", "product_type_name", "product_group_name"]


# --- Du catalogue au manifeste --------------------------------------------------------------------


def chemin_photo(article_id):
    """« images/010/0108775015.jpg » pour « 0108775015 », « 108775015 », 108775015 ou « 108775015.0 ».

    Lève `ValueError` si ce n'est pas un identifiant : il devient un nom de fichier.
    """
    trouve = re.fullmatch(r"([0-9]{1,10})(\.0+)?", str(article_id))
    if not trouve:
        raise ValueError(
            f"Identifiant d'article invalide : {str(article_id)[:40]!r} (dix chiffres attendus)."
        )
    numero = trouve.group(1).zfill(10)
    return f"images/{numero[:3]}/{numero}.jpg"


def lire_articles(dossier):
    """Rend `articles.csv` (25 colonnes), `article_id` et `product_code` en texte, zéros de tête gardés.

    Lève `DonneesInvalides` s'il manque, n'est pas du CSV, se décale, ou n'a pas les colonnes utiles.
    """
    dossier, attendu = Path(dossier), "articles.csv, 25 colonnes en UTF-8"
    remede = f"kaggle competitions download -c {CONCOURS} -f articles.csv, puis décompressez."
    chemin = trouver_csv("articles.csv", [dossier] if dossier.is_dir() else [])
    if not chemin:
        refuser_fichier(dossier, "pas de fichier articles.csv", attendu, remede)
    lire_entete(chemin, COLONNES_UTILES, remede)
    verifier_colonnes(chemin, "ôtez ce qui est en trop, ou reprenez le fichier de Kaggle.")
    try:
        textes = dict.fromkeys(("article_id", "product_code"), "object")
        articles = pd.read_csv(chemin, dtype=textes, encoding="utf-8")
    except ValueError as erreur:
        refuser_fichier(chemin, f"un fichier illisible ({str(erreur)[:120]})", attendu, remede)
    for nom, chiffres in (("article_id", 10), ("product_code", 7)):
        # Un tableur a pu en faire des nombres : 108775015.0
        articles[nom] = articles[nom].str.replace(r"\.0+$", "", regex=True).str.zfill(chiffres)
    return articles


def sous_dossiers(dossier):
    """Rend, triés, les noms des sous-dossiers d'`images` (« 010 »…) ; lève `DonneesInvalides` sans `images`."""
    images = Path(dossier) / "images"
    if not images.is_dir():
        remede = "décompressez l'archive en entier, ou laissez ce catalogue de côté."
        refuser_fichier(dossier, "un dossier sans « images »", PLAN, remede)
    return sorted(e.name for e in os.scandir(images) if e.is_dir() and not est_parasite(e.name))


def lister_photos(dossier, dans=None):
    """Rend l'ensemble des « images/0XX/0XXXXXXXXX.jpg » présents, sans ouvrir un fichier.

    `dans` : les sous-dossiers à lister, par défaut tous. Lève `DonneesInvalides` s'il n'y a pas d'`images`.
    """
    return {
        f"images/{sous_dossier}/{entree.name}"
        for sous_dossier in (sous_dossiers(dossier) if dans is None else dans)
        for entree in os.scandir(Path(dossier) / "images" / sous_dossier)
        if entree.name.lower().endswith(EXTENSIONS) and not est_parasite(entree.name)
    }


def joindre(articles, photos, dossier=""):
    """Rend (manifeste, anomalies), une ligne par article qui a sa photo ; `photos` : chemins relatifs à `dossier`."""
    sans_suffixe = {os.path.splitext(photo)[0]: photo for photo in sorted(photos)}  # .JPG, .jpeg…
    lignes, anomalies, prises = [], [], set()
    for numero, modele, genre, classe in articles[COLONNES_UTILES].to_numpy():
        try:
            chemin = chemin_photo(numero)
        except ValueError:
            anomalies.append((str(numero)[:40], "identifiant invalide", "articles.csv"))
            continue
        chemin = sans_suffixe.get(os.path.splitext(chemin)[0], chemin)
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
    manifeste = tableau(lignes, [*COLONNES, "produit"]).sort_values("id", ignore_index=True)
    return manifeste, tableau(anomalies, ANOMALIES)


def manifeste_hm(dossier):
    """Rend (manifeste, anomalies) du catalogue rangé dans `dossier`, sans ouvrir une photo.

    Lève `DonneesInvalides` s'il ne peut pas être lu, ou si aucun article n'a sa photo.
    """
    manifeste, anomalies = joindre(lire_articles(dossier), lister_photos(dossier), str(dossier))
    restes = tableau(parasites(Path(dossier) / "images"), ANOMALIES)
    anomalies = pd.concat([anomalies, restes], ignore_index=True)
    return non_vide(manifeste, anomalies, dossier, PLAN)


# --- Où sont les données --------------------------------------------------------------------------


def verifier_acces_kaggle(dossier=None):
    """Dit en une phrase si la clé de Kaggle est en place ; ne montre jamais ce qu'elle contient.

    `dossier` : celui de la clé, par défaut `KAGGLE_CONFIG_DIR` ou `~/.kaggle`. Rien n'est envoyé.
    """
    dossier = dossier or os.environ.get("KAGGLE_CONFIG_DIR") or Path.home() / ".kaggle"
    cle = Path(dossier) / "kaggle.json"
    if not cle.is_file():
        return "Pas de clé : posez kaggle.json dans le dossier .kaggle de votre dossier personnel."
    droits = cle.stat().st_mode & 0o777
    if os.name == "posix" and droits & 0o077:
        return f"Clé lisible par d'autres (droits {droits:o}) : chmod 600 ~/.kaggle/kaggle.json"
    with suppress(OSError, ValueError, LookupError, TypeError):
        contenu = json.loads(cle.read_text(encoding="utf-8"))
        if contenu["username"] and contenu["key"]:
            return "Clé en place, lisible de vous seul."
    return "kaggle.json est abîmé : refaites un jeton (Settings → API), et remplacez le fichier."


def obtenir_hm(dossier=None, n=None, *, en_ligne=False):
    """Rend (dossier, source) d'un catalogue de la forme d'H&M ; la source est affichée.

    Dans l'ordre : le vrai s'il est dans les données ; les photos de vêtements CC0, déjà là ou (si `en_ligne`)
    téléchargées, `n` au plus, rangées comme lui dans `dossier` ; des dessins. Lève `DonneesInvalides`.
    """
    if vrai := jeux.trouver("hm"):
        lire_articles(vrai)  # le labo le lira plus loin : une faute se dit ici
        return jeux.obtenir("hm")
    annoncer_autre_forme("articles.csv", dossiers_datas())
    return jeux.arranger("hm", dessins.ecrire_hm, en_ligne, n, dossier)
