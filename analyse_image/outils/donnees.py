"""Les données : où elles sont, comment on les obtient, les vérifie et les lit."""

import gzip
import hashlib
import json
import warnings
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from outils.fichiers import RACINE, DonneesInvalides, dossier_datas, ecriture_atomique

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
CACHE = "fashion-mnist.npz"
TAILLE_JUMEAU = {"fashion-mnist_train.csv": 12_000, "fashion-mnist_test.csv": 2_000}

# Paquet Debian/Ubuntu « dataset-fashion-mnist » : les 70 000 images d'origine.
DOSSIER_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
MIROIRS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
# Pour chaque fichier : MD5 du .gz publié par Zalando, SHA-256 de son contenu décompressé
# (le paquet Debian recomprime : même contenu, autre .gz).
UBYTE = {
    "train-images-idx3-ubyte": (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train-labels-idx1-ubyte": (
        "25c81989df183df01b3e8a0aad5dffbe",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "t10k-images-idx3-ubyte": (
        "bef4ecab320f06d8554ea6380940ec79",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "t10k-labels-idx1-ubyte": (
        "bb300cfdad3c16e7a12a480ee83cd310",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}


class DonneesDessinees(UserWarning):
    """Les données réelles manquent : un jumeau dessiné par le code les remplace."""


def _nom_court(chemin):
    """Chemin relatif au dépôt s'il est dedans : les sorties d'un labo ne portent pas de chemin personnel."""
    chemin = Path(chemin)
    return str(chemin.relative_to(RACINE)) if chemin.is_relative_to(RACINE) else str(chemin)


def _refuser(chemin, trouve, attendu, remede=None):
    remede = remede or (
        f"supprimez ou renommez « {Path(chemin).name} », puis relancez : le labo en récupère une bonne copie."
    )
    raise DonneesInvalides(
        f"Fichier « {_nom_court(chemin)} » inutilisable.\n"
        f"  Trouvé  : {trouve}\n  Attendu : {attendu}\n  Remède  : {remede}"
    )


# --- CSV ------------------------------------------------------------------------------------------


def _verifier_entete(chemin):
    attendu = "un CSV dont la première ligne est label,pixel1,…,pixel784"
    if chemin.is_dir():
        _refuser(chemin, "un dossier", attendu)
    with open(chemin, "rb") as fichier:
        debut = fichier.readline(20_000)
    if not debut:
        _refuser(chemin, "un fichier vide (0 octet)", attendu)
    if debut.startswith(b"PK"):
        _refuser(
            chemin, "une archive zip renommée en .csv", attendu, "décompressez-la, puis relancez."
        )
    if debut.startswith(b"version https://git-lfs"):
        _refuser(chemin, "un pointeur Git LFS, pas les données", attendu)
    texte = debut.decode("utf-8-sig", errors="replace").strip()
    if texte.startswith("<"):
        _refuser(chemin, "une page web (sans doute une page de connexion)", attendu)
    colonnes = [c.strip().strip('"') for c in texte.split(",")]
    if colonnes == COLONNES:
        return
    if ";" in texte:
        _refuser(
            chemin, "des colonnes séparées par « ; » (fichier réenregistré par un tableur)", attendu
        )
    absentes = [c for c in COLONNES if c not in colonnes]
    if colonnes[0].isdigit():
        trouve = "pas de ligne d'en-tête (la première ligne contient des nombres)"
    elif absentes:
        reste = f" et {len(absentes) - 3} autres" if len(absentes) > 3 else ""
        trouve = f"{len(colonnes)} colonnes, il manque {', '.join(absentes[:3])}{reste}"
    else:
        trouve = f"{len(colonnes)} colonnes, en trop ou en désordre"
    _refuser(chemin, trouve, "785 colonnes : label, pixel1, …, pixel784, dans cet ordre")


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


def lire_csv(chemin, n_lignes=None):
    """Lit un CSV Fashion-MNIST et le vérifie (en-tête, 785 colonnes, lignes, étiquettes, pixels).

    `n_lignes` : nombre de lignes exigé ; sans lui, celui du nom de fichier connu, s'il l'est.
    Rend `X` uint8 (n, 28, 28) dans 0–255 et `y` uint8 (n,) dans 0–9.
    Lève `DonneesInvalides` (message en français) si le fichier est abîmé, tronqué ou échangé.
    """
    chemin = Path(chemin)
    n_lignes = n_lignes or CSV.get(chemin.name)
    _verifier_entete(chemin)
    morceaux = []
    try:
        # int32 d'abord : selon sa version, pandas replie en silence dans uint8 ce qui n'y tient pas.
        for morceau in pd.read_csv(chemin, dtype="int32", chunksize=10_000):
            valeurs = morceau.to_numpy()
            if valeurs.min() < 0 or valeurs.max() > 255:
                raise ValueError("valeur hors de 0–255")
            morceaux.append(valeurs.astype("uint8"))
    except (ValueError, pd.errors.ParserError):
        _refuser(chemin, _premiere_faute(chemin), "785 entiers de 0 à 255 par ligne")
    tableau = np.concatenate(morceaux) if morceaux else np.empty((0, 785), "uint8")
    if n_lignes and len(tableau) != n_lignes:
        autre = [nom for nom, n in CSV.items() if n == len(tableau)]
        indice = f" (c'est la taille de {autre[0]} : fichiers échangés ?)" if autre else ""
        _refuser(chemin, f"{len(tableau)} lignes{indice}", f"{n_lignes} lignes")
    y = tableau[:, 0].copy()
    if len(y) and y.max() > 9:
        ligne = int(np.argmax(y > 9)) + 2
        _refuser(
            chemin,
            f"l'étiquette {y.max()} (première faute : ligne {ligne})",
            "des étiquettes de 0 à 9",
        )
    return tableau[:, 1:].reshape(-1, 28, 28), y


def _ecrire_csv(chemin, X, y):
    from tqdm.auto import tqdm

    tableau = pd.DataFrame(np.column_stack([y, X.reshape(len(X), 784)]), columns=COLONNES)
    with (
        ecriture_atomique(chemin) as provisoire,
        open(provisoire, "w", encoding="utf-8", newline="") as f,
    ):
        for debut in tqdm(
            range(0, len(tableau), 2_000), desc=f"Écriture de {chemin.name}", leave=False
        ):
            tableau.iloc[debut : debut + 2_000].to_csv(f, index=False, header=debut == 0)


# --- Fichiers d'origine (idx) -------------------------------------------------------------------


def _lire_ubyte(chemin):
    nom = chemin.name.removesuffix(".gz")
    _, attendu = UBYTE[nom]
    try:
        contenu = chemin.read_bytes()
        if chemin.suffix == ".gz":
            contenu = gzip.decompress(contenu)
    except (EOFError, OSError, zlib.error) as erreur:
        _refuser(
            chemin,
            f"une archive gzip illisible ou tronquée ({erreur})",
            "le .gz publié par Zalando",
        )
    somme = hashlib.sha256(contenu).hexdigest()
    if somme != attendu:
        _refuser(
            chemin,
            f"un contenu de somme SHA-256 {somme[:12]}… ({len(contenu)} octets)",
            f"{attendu[:12]}…",
        )
    if "images" in nom:
        return np.frombuffer(contenu, "uint8", offset=16).reshape(-1, 28, 28)
    return np.frombuffer(contenu, "uint8", offset=8)


def _chemins_ubyte(dossier):
    """Les quatre fichiers d'origine, compressés ou non, s'ils sont tous dans `dossier` ; sinon None."""
    chemins = []
    for nom in UBYTE:
        presents = [c for c in (dossier / f"{nom}.gz", dossier / nom) if c.is_file()]
        if not presents:
            return None
        chemins.append(presents[0])
    return chemins


def telecharger_ubyte(dossier, miroirs=MIROIRS):
    """Télécharge dans `dossier` ceux des quatre fichiers d'origine qui y manquent (31 Mo en tout).

    Chaque fichier est vérifié (MD5) avant de prendre son nom ; les fichiers déjà reçus sont gardés.
    Lève `ConnectionError` avec les raisons si aucun miroir ne convient.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    for nom, (md5, _) in UBYTE.items():
        if (dossier / f"{nom}.gz").is_file():
            continue
        raisons = []
        for miroir in miroirs:
            try:
                pooch.retrieve(
                    f"{miroir}{nom}.gz",
                    known_hash=f"md5:{md5}",
                    fname=f"{nom}.gz",
                    path=dossier,
                    downloader=pooch.HTTPDownloader(progressbar=True, timeout=10),
                )
                break
            except (requests.RequestException, ValueError) as erreur:
                court = "fichier abîmé" if isinstance(erreur, ValueError) else type(erreur).__name__
                raisons.append(f"{miroir.split('/')[2]} : {court}")
        else:
            raise ConnectionError(f"téléchargement de {nom}.gz impossible ({' ; '.join(raisons)})")


# --- Cache et choix de la source ------------------------------------------------------------------


def _empreinte(dossier):
    """Taille et date des CSV présents, pour savoir si le cache leur correspond encore."""
    etats = {nom: (dossier / nom).stat() for nom in CSV if (dossier / nom).is_file()}
    return json.dumps({nom: [e.st_size, e.st_mtime_ns] for nom, e in etats.items()})


def _lire_cache(dossier):
    cache, empreinte = dossier / CACHE, _empreinte(dossier)
    if not cache.is_file():
        return None
    try:
        with np.load(cache, allow_pickle=False) as f:
            if empreinte not in ("{}", str(f["empreinte"])):
                return None
            return (f["X"], f["y"]), (f["X_test"], f["y_test"])
    except (OSError, ValueError, KeyError, EOFError, zlib.error) as erreur:
        warnings.warn(
            f"Cache « {_nom_court(cache)} » illisible ({erreur}) : il est refait.", stacklevel=3
        )
        return None


def _ecrire_cache(dossier, donnees):
    (X, y), (X_test, y_test) = donnees
    try:
        with ecriture_atomique(dossier / CACHE) as provisoire:
            np.savez(
                provisoire, X=X, y=y, X_test=X_test, y_test=y_test, empreinte=_empreinte(dossier)
            )
    except OSError as erreur:
        # Un dossier partagé en lecture seule suffit pour travailler : sans cache, on relit les CSV.
        warnings.warn(f"Pas de cache : {erreur}", stacklevel=3)


def _jumeau(dossier):
    from outils.garde_robe import jumeau_fashion_mnist

    n, n_test = TAILLE_JUMEAU.values()
    X, y = jumeau_fashion_mnist(n + n_test)
    return (X[:n], y[:n]), (X[n:], y[n:])


def source_disponible():
    """Dit en une phrase d'où viendra Fashion-MNIST, sans rien lire ni télécharger."""
    dossier = dossier_datas()
    if all((dossier / nom).is_file() for nom in CSV):
        return f"Données : Fashion-MNIST réel, fichiers CSV de « {_nom_court(dossier)} »"
    if (dossier / CACHE).is_file() or _chemins_ubyte(dossier):
        return f"Données : Fashion-MNIST réel, déjà dans « {_nom_court(dossier)} »"
    if _chemins_ubyte(DOSSIER_DEBIAN):
        return "Données : Fashion-MNIST réel, paquet dataset-fashion-mnist"
    return "Données : Fashion-MNIST à télécharger (31 Mo) ou, sans réseau, jumeau dessiné"


def _obtenir(dossier, miroirs):
    """Rend ((X, y), (X_test, y_test)) et le dossier où vivent ses CSV ; le jumeau a le sien, à part."""
    if donnees := _lire_cache(dossier):
        return donnees, dossier
    # Les CSV déjà là passent d'abord ; ce qui manque vient des fichiers d'origine.
    parties = {nom: lire_csv(dossier / nom) for nom in CSV if (dossier / nom).is_file()}
    if len(parties) < len(CSV):
        chemins = _chemins_ubyte(dossier) or _chemins_ubyte(DOSSIER_DEBIAN)
        if not chemins:
            try:
                telecharger_ubyte(dossier, miroirs)
            except OSError as erreur:
                return _obtenir_jumeau(dossier / "jumeau", erreur)
            chemins = _chemins_ubyte(dossier)
        X, y, X_test, y_test = (_lire_ubyte(c) for c in chemins)
        parties = dict(zip(CSV, ((X, y), (X_test, y_test)), strict=True)) | parties
    donnees = tuple(parties[nom] for nom in CSV)
    _ecrire_cache(dossier, donnees)
    return donnees, dossier


def _obtenir_jumeau(dossier, raison):
    warnings.warn(
        f"\n⚠ DONNÉES DESSINÉES, pas Fashion-MNIST : {raison}.\n"
        "  Le labo continue sur un jumeau dessiné par le code (12 000 + 2 000 images) : tout fonctionne, "
        "mais aucun score obtenu ici ne vaut pour Fashion-MNIST.\n"
        "  Remède : connectez-vous à Internet et relancez, ou « sudo apt install dataset-fashion-mnist » "
        "(Debian/Ubuntu), ou posez les deux CSV de Kaggle dans « datas/ ».",
        DonneesDessinees,
        stacklevel=4,
    )
    if donnees := _lire_cache(dossier):
        return donnees, dossier
    donnees = _jumeau(dossier)
    _ecrire_cache(dossier, donnees)
    return donnees, dossier


def charger_fashion_mnist(miroirs=MIROIRS):
    """Rend (X, y), (X_test, y_test) : images uint8 (n, 28, 28) dans 0–255, étiquettes uint8 (n,).

    60 000 + 10 000 images. Source, dans l'ordre : les CSV ou fichiers d'origine du dossier de données,
    le paquet Debian, le téléchargement, sinon un jumeau dessiné, annoncé par `DonneesDessinees`.
    Lève `DonneesInvalides` si un fichier présent est abîmé.
    Source : Xiao, Rasul, Vollgraf, « Fashion-MNIST », arXiv:1708.07747 (licence MIT).
    """
    return _obtenir(dossier_datas(), miroirs)[0]


def obtenir_csv(miroirs=MIROIRS):
    """Rend les chemins des deux CSV de l'énoncé (apprentissage, test), écrits s'ils manquaient.

    Mêmes sources et mêmes erreurs que `charger_fashion_mnist` ; les CSV du jumeau dessiné sont dans
    un dossier à part, `jumeau/`, pour n'être jamais pris pour les vrais.
    """
    donnees, dossier = _obtenir(dossier_datas(), miroirs)
    chemins = [dossier / nom for nom in CSV]
    if not all(c.is_file() for c in chemins):
        for chemin, (X, y) in zip(chemins, donnees, strict=True):
            if not chemin.is_file():
                _ecrire_csv(chemin, X, y)
        _ecrire_cache(dossier, donnees)
    for chemin in chemins:
        print(f"Données : {_nom_court(chemin)} ({chemin.stat().st_size / 1e6:.0f} Mo)")
    return tuple(chemins)
