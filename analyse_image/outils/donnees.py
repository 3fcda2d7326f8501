"""Fashion-MNIST : ses sources dans l'ordre, ses fichiers vérifiés, les deux CSV de l'énoncé."""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from outils.dessins import jumeau_fashion_mnist
from outils.fichiers import (
    annoncer_dessins,
    dossier_inscriptible,
    dossiers_datas,
    ecriture_atomique,
    nom_court,
    refuser_fichier,
    telecharger,
    verrou,
)
from outils.tableaux import lire_entete, trouver_csv, verifier_colonnes

CLASSES = (
    "Un T-shirt/haut",
    "Un pantalon",
    "Un pull",
    "Une robe",
    "Un manteau",
    "Des sandales",
    "Une chemise",
    "Des baskets",
    "Un sac",
    "Des bottes de cheville",
)
COLONNES = ["label", *(f"pixel{i}" for i in range(1, 785))]
CSV = {"fashion-mnist_train.csv": 60_000, "fashion-mnist_test.csv": 10_000}
TAILLE_JUMEAU = {"fashion-mnist_train.csv": 12_000, "fashion-mnist_test.csv": 2_000}

# Paquet Debian/Ubuntu « dataset-fashion-mnist » : les 70 000 images d'origine.
DOSSIER_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
MIROIRS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
# MD5 de chaque .gz publié par Zalando : rien d'autre n'est gardé d'un téléchargement.
MD5_GZ = {
    "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
}
# SHA-256 de son contenu : le paquet Debian recomprime, et les chiffres de MNIST ont les mêmes noms.
UBYTE = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def _remede(chemin):
    return f"supprimez ou renommez « {chemin.name} », puis relancez : le labo en récupère une bonne copie."


# --- CSV ------------------------------------------------------------------------------------------


def _premiere_faute(chemin):
    with open(chemin, encoding="utf-8", errors="replace") as fichier:
        next(fichier)
        for numero, ligne in enumerate(fichier, start=2):
            valeurs = ligne.strip().split(",")
            if len(valeurs) != 785:
                return f"{len(valeurs)} valeurs à la ligne {numero} (fichier tronqué ou abîmé)"
            for colonne, valeur in zip(COLONNES, valeurs, strict=True):
                if not (valeur.isdigit() and int(valeur) <= 255):
                    return f"la valeur « {valeur[:20]} » à la ligne {numero}, colonne {colonne}"
    return "un fichier que pandas ne sait pas lire"


def lire_csv(chemin, tailles=None):
    """Lit un CSV Fashion-MNIST et le vérifie : `X` uint8 (n, 28, 28) dans 0–255, `y` uint8 (n,) dans 0–9.

    `tailles` : le nombre de lignes attendu sous chaque nom, par défaut `CSV`. Lève `DonneesInvalides` si le
    fichier est abîmé, tronqué ou échangé avec l'autre.
    """
    chemin = Path(chemin)
    remede, n_lignes = _remede(chemin), (tailles or CSV).get(chemin.name)
    noms = lire_entete(chemin, COLONNES, remede)
    if noms != COLONNES:
        trouve = f"{len(noms)} colonnes, en trop ou en désordre"
        refuser_fichier(chemin, trouve, "label, pixel1, …, pixel784, dans cet ordre", remede)
    verifier_colonnes(chemin, remede, lignes=12)  # pandas dit les suivantes
    try:
        # int32 d'abord : selon sa version, pandas replie en silence dans uint8 ce qui n'y tient pas.
        tableau = pd.read_csv(chemin, dtype="int32").to_numpy()
        if np.any(tableau != tableau.astype("uint8")):
            raise ValueError("valeur hors de 0–255")
    except ValueError:
        attendu = "785 entiers de 0 à 255 par ligne"
        refuser_fichier(chemin, _premiere_faute(chemin), attendu, remede)
    if n_lignes and len(tableau) != n_lignes:
        autre = [nom for nom, n in CSV.items() if n == len(tableau)]
        indice = f" (c'est la taille de {autre[0]} : fichiers échangés ?)" if autre else ""
        refuser_fichier(chemin, f"{len(tableau)} lignes{indice}", f"{n_lignes} lignes", remede)
    tableau = tableau.astype("uint8")
    X, y = tableau[:, 1:].reshape(-1, 28, 28), tableau[:, 0].copy()
    if np.any(y > 9):
        trouve = f"l'étiquette {y.max()} (première faute : ligne {np.argmax(y > 9) + 2})"
        refuser_fichier(chemin, trouve, "des étiquettes de 0 à 9", remede)
    return X, y


def _ecrire_csv(chemin, X, y):
    tableau = pd.DataFrame(np.column_stack([y, X.reshape(len(X), 784)]), columns=COLONNES)
    with ecriture_atomique(chemin) as provisoire:
        tableau.to_csv(provisoire, index=False, lineterminator="\n")


# --- Fichiers d'origine (idx) -------------------------------------------------------------------


def _lire_ubyte(chemin):
    nom = chemin.name.removesuffix(".gz")
    try:
        contenu = chemin.read_bytes()
        if chemin.suffix == ".gz":
            contenu = gzip.decompress(contenu)
    except (EOFError, OSError, zlib.error) as erreur:
        trouve = f"une archive gzip illisible ou tronquée ({erreur})"
        refuser_fichier(chemin, trouve, "le .gz publié par Zalando", _remede(chemin))
    somme = hashlib.sha256(contenu).hexdigest()
    if somme != UBYTE[nom]:
        trouve = f"un contenu de somme SHA-256 {somme[:12]}… ({len(contenu)} octets)"
        refuser_fichier(chemin, trouve, f"{UBYTE[nom][:12]}…", _remede(chemin))
    if "images" in nom:
        return np.frombuffer(contenu, "uint8", offset=16).reshape(-1, 28, 28)
    return np.frombuffer(contenu, "uint8", offset=8)


def _chemins_ubyte(dossier):
    """Les quatre fichiers d'origine, compressés ou non, s'ils sont tous dans `dossier` ; sinon None."""
    for suffixe in (".gz", ""):
        chemins = [dossier / f"{nom}{suffixe}" for nom in UBYTE]
        if all(chemin.is_file() for chemin in chemins):
            return chemins
    return None


def _trouver_ubyte():
    return next(filter(None, map(_chemins_ubyte, (*dossiers_datas(), DOSSIER_DEBIAN))), None)


def telecharger_ubyte(dossier, miroirs=MIROIRS):
    """Télécharge dans `dossier` ceux des quatre fichiers d'origine qui y manquent (31 Mo en tout).

    Lève `ConnectionError` avec les raisons si aucun miroir ne convient.
    """
    for nom, md5 in MD5_GZ.items():
        chemin = Path(dossier) / f"{nom}.gz"
        if not chemin.is_file():
            telecharger([f"{miroir}{chemin.name}" for miroir in miroirs], chemin, f"md5:{md5}")


# --- Le choix de la source ------------------------------------------------------------------------


def _csv_presents(jumeau=""):
    """Les CSV déjà là (dict nom → chemin) ; lève `DonneesInvalides` s'il faut d'abord les décompresser."""
    dossiers = [dossier / jumeau for dossier in dossiers_datas()]
    chemins = {nom: trouver_csv(nom, dossiers) for nom in CSV}
    return {nom: chemin for nom, chemin in chemins.items() if chemin}


def deja_la():
    """Vrai si les 70 000 vraies images sont sur ce disque, en CSV ou dans les fichiers d'origine."""
    return len(_csv_presents()) == len(CSV) or _trouver_ubyte() is not None


def _ecrire_absents(parties, jumeau=""):
    """Écrit ceux des deux CSV qui manquent ; rend les chemins des deux."""
    if len(_csv_presents(jumeau)) < len(CSV):
        dossier = dossier_inscriptible() / jumeau
        with verrou(dossier / "fashion-mnist"):
            for nom, partie in zip(CSV, parties, strict=True):
                if nom not in _csv_presents(jumeau):
                    _ecrire_csv(dossier / nom, *partie)
    return tuple(_csv_presents(jumeau).values())


def _obtenir(miroirs):
    """Rend ((X, y), (X_test, y_test)) et « jumeau » si ce sont des dessins, sinon ""."""
    # Les CSV déjà là passent d'abord ; ce qui manque vient des fichiers d'origine.
    parties = {nom: lire_csv(chemin) for nom, chemin in _csv_presents().items()}
    if len(parties) < len(CSV):
        if not _trouver_ubyte():
            try:
                telecharger_ubyte(dossier_inscriptible(), miroirs)
            except ConnectionError as erreur:
                return _obtenir_jumeau(erreur)
        X, y, X_test, y_test = map(_lire_ubyte, _trouver_ubyte())
        parties = dict(zip(CSV, ((X, y), (X_test, y_test)), strict=True)) | parties
    return tuple(parties[nom] for nom in CSV), ""


def _obtenir_jumeau(raison):
    if len(_csv_presents("jumeau")) < len(CSV):
        n, n_test = TAILLE_JUMEAU.values()
        X, y = jumeau_fashion_mnist(n + n_test)
        if deja_la():
            return _obtenir(())  # les vraies sont arrivées pendant le dessin, par un autre noyau
        _ecrire_absents(((X[:n], y[:n]), (X[n:], y[n:])), "jumeau")
    annoncer_dessins(
        "Fashion-MNIST",
        raison,
        "un jumeau (12 000 + 2 000 images)",
        "connectez-vous à Internet et relancez, ou « sudo apt install dataset-fashion-mnist »\n"
        "  (Debian/Ubuntu), ou posez les deux CSV de Kaggle dans « datas/ ».",
    )
    chemins = _csv_presents("jumeau").values()
    return tuple(lire_csv(chemin, TAILLE_JUMEAU) for chemin in chemins), "jumeau"


def charger_fashion_mnist(miroirs=MIROIRS):
    """Rend (X, y), (X_test, y_test) : images uint8 (n, 28, 28) dans 0–255, étiquettes uint8 (n,).

    60 000 + 10 000 images (Xiao, Rasul, Vollgraf, arXiv:1708.07747, licence MIT). Dans l'ordre : les CSV ou
    fichiers d'origine du dossier de données, le paquet Debian, le téléchargement, sinon un jumeau dessiné
    (12 000 + 2 000), annoncé à l'écran. Lève `DonneesInvalides` si un fichier présent est abîmé.
    """
    return _obtenir(miroirs)[0]


def obtenir_csv(miroirs=MIROIRS):
    """Rend les chemins des deux CSV de l'énoncé (apprentissage, test), écrits s'ils manquaient.

    Mêmes sources et mêmes erreurs que `charger_fashion_mnist` ; les CSV du jumeau dessiné sont dans
    un dossier à part, `jumeau/`, pour n'être jamais pris pour les vrais.
    """
    chemins = _ecrire_absents(*_obtenir(miroirs))
    for chemin in chemins:
        print(f"Données : {nom_court(chemin)} ({chemin.stat().st_size / 1e6:.0f} Mo)", flush=True)
    return chemins
