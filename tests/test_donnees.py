"""Fashion-MNIST : chaque source, chaque fichier abîmé, rien d'à moitié écrit."""

import functools
import gzip
import http.server
import os
import threading
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from processus import contenu, ensemble

from outils import donnees, fichiers
from outils.donnees import COLONNES
from outils.fichiers import DonneesInvalides

REEL = donnees._chemins_ubyte(donnees.DOSSIER_DEBIAN)
besoin_du_reel = pytest.mark.skipif(
    not REEL, reason="le paquet dataset-fashion-mnist n'est pas installé"
)


@pytest.fixture
def datas(tmp_path, monkeypatch):
    dossier = tmp_path / "datas"
    monkeypatch.setenv("LABO_DATAS", str(dossier))
    return dossier


@pytest.fixture
def sans_reel(monkeypatch):
    monkeypatch.setattr(donnees, "DOSSIER_DEBIAN", Path("/nulle-part"))


@pytest.fixture
def petits_csv(datas, monkeypatch):
    """Deux CSV justes de 20 et 10 lignes, à la place des 60 000 et 10 000."""
    monkeypatch.setattr(
        donnees, "CSV", {"fashion-mnist_train.csv": 20, "fashion-mnist_test.csv": 10}
    )
    rng = np.random.default_rng(0)
    datas.mkdir()
    for nom, n in donnees.CSV.items():
        lignes = [",".join(COLONNES)]
        lignes += [",".join(map(str, [i % 10, *rng.integers(0, 256, 784)])) for i in range(n)]
        (datas / nom).write_text("\n".join(lignes) + "\n", encoding="utf-8")
    return datas


def provisoires(dossier):
    return [
        f.name
        for f in Path(dossier).rglob("*")
        if "provisoire" in f.name or f.name.startswith("tmp")
    ]


# --- Sources --------------------------------------------------------------------------------------


@besoin_du_reel
def test_les_csv_sont_ecrits_depuis_les_images_reelles_et_relus_a_l_identique(datas):
    train, test = donnees.obtenir_csv()
    (X, y), (X_test, y_test) = donnees.charger_fashion_mnist()
    assert (X.shape, X.dtype, y.shape) == ((60_000, 28, 28), np.uint8, (60_000,))
    assert np.bincount(y_test).tolist() == [1_000] * 10
    assert train.read_text(encoding="utf-8").count("\n") == 60_001
    X_csv, y_csv = donnees.lire_csv(test)
    assert np.array_equal(X_csv, X_test) and np.array_equal(y_csv, y_test)
    assert not provisoires(datas)


def test_les_csv_deja_la_sont_la_source_et_leurs_changements_se_voient(petits_csv):
    (X, y), _ = donnees.charger_fashion_mnist()
    assert X.shape == (20, 28, 28)
    chemin = petits_csv / "fashion-mnist_train.csv"
    lignes = chemin.read_text().splitlines()
    lignes[1] = "7" + lignes[1][1:]
    chemin.write_text("\n".join(lignes) + "\n")
    (_, y_change), _ = donnees.charger_fashion_mnist()
    assert (y[0], y_change[0]) == (0, 7)


def test_sans_rien_le_jumeau_est_annonce_et_range_a_part(datas, sans_reel, capsys):
    train, test = donnees.obtenir_csv(miroirs=("http://127.0.0.1:9/",))
    assert "DONNÉES DESSINÉES, pas Fashion-MNIST : téléchargement" in capsys.readouterr().out
    assert train.parent.name == "jumeau" and train.name == "fashion-mnist_train.csv"
    tableau = pd.read_csv(test)
    assert tableau.shape == (2_000, 785) and set(tableau["label"]) == set(range(10))
    assert not (datas / train.name).exists(), "le jumeau ne doit pas passer pour les vraies données"
    (X, _), _ = donnees.charger_fashion_mnist(miroirs=())
    assert len(X) == 12_000 and "aucun score" in capsys.readouterr().out


# --- Fichiers abîmés ----------------------------------------------------------------------------


def remplacer(ligne, ancien, nouveau):
    def changer(lignes):
        lignes[ligne] = lignes[ligne].replace(ancien, nouveau, 1)
        return "\n".join(lignes)

    return changer


def valeur(ligne, colonne, texte):
    def changer(lignes):
        cases = lignes[ligne].split(",")
        cases[colonne] = texte
        lignes[ligne] = ",".join(cases)
        return "\n".join(lignes)

    return changer


ABIMES = {
    "vide": (lambda lignes: "", "0 octet"),
    "page web": (lambda lignes: "<!DOCTYPE html><html>", "page web"),
    "zip": (lambda lignes: "PK\x03\x04", "zip"),
    "git lfs": (lambda lignes: "version https://git-lfs.github.com/spec/v1", "Git LFS"),
    "tableur": (lambda lignes: "\n".join(lignes).replace(",", ";"), "« ; »"),
    "sans en-tête": (lambda lignes: "\n".join(lignes[1:]), "en-tête"),
    "colonne absente": (remplacer(0, ",pixel500", ""), "manque pixel500"),
    "colonnes permutées": (remplacer(0, "pixel1,pixel2", "pixel2,pixel1"), "désordre"),
    "tronqué": (lambda lignes: "\n".join(lignes)[:-1_000], "ligne 21"),
    "lignes en moins": (lambda lignes: "\n".join(lignes[:16]), "15 lignes"),
    "échangé": (lambda lignes: "\n".join(lignes[:11]), "échangés"),
    "étiquette": (valeur(3, 0, "12"), "étiquette 12"),
    "pixel trop grand": (valeur(5, 10, "256"), "ligne 6, colonne pixel10"),
    "pixel négatif": (valeur(5, 10, "-1"), "« -1 »"),
    "texte": (valeur(2, 7, "abc"), "« abc » à la ligne 3, colonne pixel7"),
    "virgule en fin de ligne": (
        lambda lignes: "\n".join([lignes[0], *(f"{x}," for x in lignes[1:])]),
        "786 valeurs à la ligne 2, la dernière vide",
    ),
    "colonne de trop": (
        lambda lignes: "\n".join([lignes[0], *(f"{x},0" for x in lignes[1:])]),
        "786 valeurs à la ligne 2",
    ),
    "case vide": (valeur(2, 7, ""), "ligne 3, colonne pixel7"),
}


@pytest.mark.parametrize("cas", ABIMES)
def test_un_csv_abime_donne_un_message_et_reste_intact(petits_csv, cas):
    abimer, attendu = ABIMES[cas]
    chemin = petits_csv / "fashion-mnist_train.csv"
    chemin.write_text(abimer(chemin.read_text().splitlines()), encoding="utf-8")
    avant = chemin.read_bytes()
    with pytest.raises(DonneesInvalides) as erreur:
        donnees.charger_fashion_mnist()
    message = str(erreur.value)
    for morceau in (attendu, "fashion-mnist_train.csv", "Attendu", "Remède"):
        assert morceau in message
    assert chemin.read_bytes() == avant and not provisoires(petits_csv)


@besoin_du_reel
@pytest.mark.parametrize(
    ("abimer", "attendu"),
    [
        (lambda b: b[:3_000], "tronquée"),
        (lambda b: b"<html>", "illisible"),
        (lambda b: gzip.compress(b"x"), "SHA-256"),
    ],
)
def test_un_fichier_d_origine_abime_est_nomme(datas, abimer, attendu):
    datas.mkdir()
    for chemin in REEL:
        (datas / chemin.name).write_bytes(chemin.read_bytes())
    fautif = datas / "t10k-labels-idx1-ubyte.gz"
    fautif.write_bytes(abimer(fautif.read_bytes()))
    with pytest.raises(DonneesInvalides, match=attendu) as erreur:
        donnees.charger_fashion_mnist()
    assert fautif.name in str(erreur.value)


# --- Téléchargement -------------------------------------------------------------------------------


class Serveur(http.server.SimpleHTTPRequestHandler):
    coupe = ()

    def do_GET(self):
        if self.path.startswith(
            "/coupe/"
        ):  # annonce tout, n'envoie que le début : connexion perdue
            contenu = Path(self.directory, self.path.split("/")[-1]).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(contenu)))
            self.end_headers()
            self.wfile.write(contenu[: len(contenu) // 2])
            return
        super().do_GET()

    def log_message(self, *args):
        pass


@pytest.fixture
def miroir(monkeypatch):
    """Un vrai serveur HTTP local qui sert les fichiers du paquet Debian, avec leurs sommes MD5."""
    import hashlib

    monkeypatch.setattr(
        donnees,
        "MD5_GZ",
        {c.name[:-3]: hashlib.md5(c.read_bytes()).hexdigest() for c in REEL},
    )
    gestion = functools.partial(Serveur, directory=str(donnees.DOSSIER_DEBIAN))
    serveur = http.server.ThreadingHTTPServer(("127.0.0.1", 0), gestion)
    threading.Thread(target=serveur.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serveur.server_port}/"
    serveur.shutdown()


@besoin_du_reel
def test_le_telechargement_passe_au_miroir_suivant(datas, miroir, monkeypatch):
    monkeypatch.setattr(donnees, "_chemins_ubyte", _sans_debian(donnees._chemins_ubyte))
    (X, _), _ = donnees.charger_fashion_mnist(
        miroirs=(miroir + "absent/", miroir + "coupe/", miroir)
    )
    assert X.shape == (60_000, 28, 28)
    assert not provisoires(datas)


@besoin_du_reel
def test_un_telechargement_coupe_ne_laisse_que_son_debut(datas, miroir):
    with pytest.raises(ConnectionError, match="train-images-idx3-ubyte.gz"):
        donnees.telecharger_ubyte(datas, miroirs=(miroir + "coupe/",))
    # Ce qui est reçu servira au prochain appel, mais jamais sous le nom du fichier.
    assert contenu(datas) == ["train-images-idx3-ubyte.gz.partie"]


@besoin_du_reel
def test_un_telechargement_repris_garde_ce_qui_est_deja_la(datas, miroir):
    with pytest.raises(ConnectionError):
        donnees.telecharger_ubyte(datas, miroirs=(miroir + "coupe/",))
    donnees.telecharger_ubyte(datas, miroirs=(miroir,))
    dates = {nom: (datas / nom).stat().st_mtime_ns for nom in contenu(datas)}
    assert set(dates) == {c.name for c in REEL}
    donnees.telecharger_ubyte(datas, miroirs=())  # plus rien à demander
    assert dates == {nom: (datas / nom).stat().st_mtime_ns for nom in contenu(datas)}


def _sans_debian(fonction):
    return lambda dossier: None if dossier == donnees.DOSSIER_DEBIAN else fonction(dossier)


# --- Dossier en lecture seule ---------------------------------------------------------------------


@pytest.fixture
def lecture_seule(petits_csv, monkeypatch):
    """Un vrai dossier non inscriptible, aussi pour root (qui devient « nobody » le temps du test)."""
    if not hasattr(os, "geteuid"):
        pytest.skip("droits POSIX seulement")
    root = os.geteuid() == 0
    for chemin in (*petits_csv.iterdir(), *petits_csv.parents):
        if chemin.stat().st_uid == os.geteuid():
            chemin.chmod(chemin.stat().st_mode | 0o055)
    petits_csv.chmod(0o555)
    personnel = petits_csv.parent / "personnel"
    personnel.mkdir()
    personnel.chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(personnel))
    donnees.lire_csv(
        petits_csv / "fashion-mnist_test.csv"
    )  # charge les modules tant qu'on en a le droit
    if root:
        os.seteuid(65534)
    yield petits_csv
    if root:
        os.seteuid(0)
    petits_csv.chmod(0o755)


def test_un_dossier_partage_en_lecture_seule_suffit(lecture_seule):
    (X, _), _ = donnees.charger_fashion_mnist()
    assert X.shape == (20, 28, 28)
    assert [c.parent for c in donnees.obtenir_csv()] == [lecture_seule] * 2
    assert contenu(lecture_seule.parent / "personnel") == []


def test_un_dossier_vide_en_lecture_seule_recoit_ses_donnees_ailleurs(
    lecture_seule, sans_reel, monkeypatch
):
    monkeypatch.setenv("LABO_DATAS", str(lecture_seule / "absent"))
    monkeypatch.setattr(donnees, "TAILLE_JUMEAU", {"train": 30, "test": 10})
    train, test = donnees.obtenir_csv(miroirs=())
    assert train.parent == test.parent == lecture_seule.parent / "personnel/labos-images/jumeau"
    assert donnees.obtenir_csv(miroirs=()) == (train, test)


def test_ecrire_dans_un_dossier_en_lecture_seule_donne_un_message(lecture_seule):
    with pytest.raises(PermissionError, match="Donnez-vous le droit"):
        donnees._ecrire_csv(
            lecture_seule / "x.csv", np.zeros((1, 28, 28), np.uint8), np.zeros(1, np.uint8)
        )


# --- Plusieurs noyaux à la fois -------------------------------------------------------------------

# Quatre petits fichiers d'origine (20 et 10 images), fabriqués dans un dossier servi par HTTP.
PETITS = """
import gzip, hashlib, json, resource, signal, sys
from pathlib import Path
from outils import donnees, fichiers
adresse, service, taille = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
for nom in donnees.UBYTE:
    n = 20 if "train" in nom else 10
    brut = bytes(16) + bytes(784 * n) if "images" in nom else bytes(8) + bytes(range(10)) * (n // 10)
    gz = gzip.compress(brut, mtime=0)
    (service / f"{nom}.gz").exists() or (service / f"{nom}.gz").write_bytes(gz)
    donnees.MD5_GZ[nom] = hashlib.md5(gz).hexdigest()
    donnees.UBYTE[nom] = hashlib.sha256(brut).hexdigest()
donnees.CSV = {"fashion-mnist_train.csv": 20, "fashion-mnist_test.csv": 10}
donnees.TAILLE_JUMEAU = {"train": 40, "test": 20}
donnees.DOSSIER_DEBIAN = Path("/nulle-part")
if taille:  # plus aucun fichier n'y dépasse cette taille : un disque plein
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (taille, taille))
try:
    csv = donnees.obtenir_csv([adresse])
    (X, _), _ = donnees.charger_fashion_mnist([adresse])
    print(len(X), *(donnees.nom_court(c.parent) for c in csv))
except OSError as erreur:
    print(erreur)
"""


@pytest.fixture
def service(tmp_path):
    (tmp_path / "service").mkdir()
    gestion = functools.partial(Serveur, directory=str(tmp_path / "service"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), gestion) as serveur:
        threading.Thread(target=serveur.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serveur.server_port}/", tmp_path / "service"
        serveur.shutdown()


def noms(dossier):
    return sorted(
        c.relative_to(dossier).as_posix()
        for c in dossier.rglob("*")
        if c.is_file() and c.suffix != ".verrou"
    )


def test_deux_noyaux_obtiennent_les_memes_donnees(datas, service):
    for sortie in ensemble(2, PETITS, *service, 0):
        assert sortie.endswith(f"20 {datas} {datas}\n") and "DESSINÉES" not in sortie
    attendus = [*donnees.CSV, *(f"{nom}.gz" for nom in donnees.UBYTE)]
    assert noms(datas) == sorted(attendus)


def test_deux_noyaux_sans_reseau_ont_le_meme_jumeau(datas, service):
    for sortie in ensemble(2, PETITS, "http://127.0.0.1:9/", service[1], 0):
        assert sortie.endswith(f"40 {datas}/jumeau {datas}/jumeau\n") and "DESSINÉES" in sortie
    assert noms(datas / "jumeau") == sorted(donnees.CSV)


def test_les_vraies_donnees_arrivees_pendant_le_dessin_l_emportent(petits_csv, monkeypatch, capsys):
    ailleurs = petits_csv.with_name("ailleurs")
    petits_csv.rename(ailleurs)
    monkeypatch.setattr(donnees, "DOSSIER_DEBIAN", Path("/nulle-part"))

    def dessiner_pendant_qu_elles_arrivent(n):
        ailleurs.rename(petits_csv)
        return np.zeros((n, 28, 28), np.uint8), np.zeros(n, np.uint8)

    monkeypatch.setattr(donnees, "jumeau_fashion_mnist", dessiner_pendant_qu_elles_arrivent)
    (X, _), _ = donnees.charger_fashion_mnist(miroirs=())
    assert len(X) == 20 and "DESSINÉES" not in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="il faut une limite de taille de fichier (POSIX)")
def test_un_disque_plein_se_dit_en_francais_et_ne_laisse_rien(datas, service):
    (sortie,) = ensemble(1, PETITS, *service, 10_000)
    assert "Impossible d'écrire « fashion-mnist_" in sortie and "libérez de la place" in sortie
    assert noms(datas) == sorted(f"{nom}.gz" for nom in donnees.UBYTE)


# --- Les dossiers de chacun -----------------------------------------------------------------------


def test_les_csv_de_l_enonce_dans_analyse_image_sont_lus(petits_csv, tmp_path, monkeypatch):
    enonce = tmp_path / "depot" / "analyse_image" / "datas"
    enonce.parent.mkdir(parents=True)
    petits_csv.rename(enonce)
    monkeypatch.setattr(fichiers, "RACINE", tmp_path / "depot")
    monkeypatch.setattr(donnees, "_trouver_ubyte", None)  # rien d'autre n'est cherché
    assert [c.parent for c in donnees.obtenir_csv(miroirs=())] == [enonce] * 2
    assert donnees.deja_la()


def test_une_archive_de_kaggle_non_decompressee_est_nommee(petits_csv):
    with zipfile.ZipFile(petits_csv / "archive.zip", "w") as archive:
        for nom in donnees.CSV:
            archive.write(petits_csv / nom, nom)
            (petits_csv / nom).unlink()
    with pytest.raises(DonneesInvalides, match=r"archive\.zip.*(?s:.*)décompressez-la"):
        donnees.obtenir_csv()


def test_un_csv_aux_lignes_numerotees_par_r_se_lit_comme_avant(petits_csv):
    chemin = petits_csv / "fashion-mnist_train.csv"
    X, y = donnees.lire_csv(chemin)
    entete, *lignes = chemin.read_text().splitlines()
    numerotees = [f'"{i}",{ligne}' for i, ligne in enumerate(lignes, start=1)]
    chemin.write_text("\n".join([entete, *numerotees]))
    X_r, y_r = donnees.lire_csv(chemin)
    assert np.array_equal(X, X_r) and np.array_equal(y, y_r)
