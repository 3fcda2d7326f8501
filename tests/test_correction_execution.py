"""Correction : la commande entière, et la nouvelle exécution de notebooks qui font tout pour mal finir."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import psutil
import pytest
import remises

from correction import bac_a_sable, cellules_sautees, execution, faits, limites
from correction.__main__ import principal
from correction.classe import images_de_test as images_de_test
from outils import donnees

DUREE = f"987.{os.getpid()}"  # à nul autre pareil : deux essais à la fois ne se voient pas
HOSTILES = {
    "saisie": "nom = input('Votre nom ? ')",
    "noyau tué": "import ctypes\nctypes.string_at(0)",
    "boucle": "n = 1\nwhile n:\n    n += 1",
    "orphelin": f"import subprocess\nfils = subprocess.Popen(['sleep', '{DUREE}'], start_new_session=True)",
    "mémoire": "import numpy as np\ngros = np.ones(10 * 2**30, dtype='uint8')",
    "effacer": "import os, shutil\nshutil.rmtree('../../..', ignore_errors=True)\n"
    "shutil.rmtree(os.path.expanduser('~'), ignore_errors=True)",
    "réseau": "import urllib.request\nurllib.request.urlopen('http://192.0.2.1', timeout=1)",
    "sortie": "import os\nos._exit(0)",
    "fin": "print('arrivé au bout')",
}
LIENS = [("ro", d, d) for d in ("/bin", "/lib", "/lib64") if os.path.isdir(d)]


def remise_hostile(dossier):
    remises.ecrire(
        dossier / "analyse_image" / "classification.ipynb",
        remises.notebook([(source, []) for source in HOSTILES.values()], executer=False),
    )
    return dossier


def lire(dossier, tmp_path):
    return faits.etablir({"nom": "x", "cle": "x", "sources": [str(dossier)]}, tmp_path / "lecture")


def endormis():
    return [
        p.pid for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", DUREE]
    ]


@pytest.fixture
def petites_donnees(tmp_path):
    """Deux CSV minuscules : ces tests ne portent pas sur les données."""
    (tmp_path / "csv").mkdir()
    chemins = [tmp_path / "csv" / nom for nom in donnees.CSV]
    for chemin in chemins:
        chemin.write_text(",".join(donnees.COLONNES) + "\n" + ",".join(["1"] * 785) + "\n")
    return chemins


@pytest.fixture(scope="module")
def trousse(tmp_path_factory):
    return execution.preparer_trousse(tmp_path_factory.mktemp("t") / "trousse")


def enfermer(monkeypatch, moyen):
    """Impose un moyen d'enfermer (« » : aucun), ou saute le test s'il n'est pas d'ici."""
    if moyen:
        if not shutil.which(moyen):
            pytest.skip(f"{moyen} n'est pas installé")
        essai = subprocess.run(
            [*bac_a_sable._PREFIXES[moyen]([("ro", "/usr", "/usr"), *LIENS], Path("/tmp")), "true"],
            capture_output=True,
        )
        if essai.returncode:
            pytest.skip(f"{moyen} ne marche pas ici")
    monkeypatch.setattr(bac_a_sable, "disponible", lambda: moyen)


@pytest.mark.skipif(os.name == "nt", reason="limites POSIX")
@pytest.mark.parametrize("moyen", ["bwrap", "unshare", ""])
def test_tout_ce_qui_finit_mal_est_survecu_et_dit(
    tmp_path, monkeypatch, petites_donnees, trousse, moyen
):
    enfermer(monkeypatch, moyen)
    original = remise_hostile(tmp_path / "remises" / "hostile")
    avant = {f: f.read_bytes() for f in original.rglob("*") if f.is_file()}
    bilans = execution.executer(
        lire(original, tmp_path), tmp_path / "travail", petites_donnees, trousse, 6
    )
    bilan = bilans["classification"]
    texte = "\n".join(bilan["remarques"])
    rang = {nom: i for i, nom in enumerate(HOSTILES, start=1)}
    assert f"Cellule de code {rang['saisie']} non exécutée : attend une saisie" in texte
    assert f"Cellule de code {rang['noyau tué']} non exécutée : tue le noyau" in texte
    assert f"Cellule de code {rang['sortie']} non exécutée : tue le noyau (os._exit)" in texte
    assert "sleep" in texte.split("arrêtés : ")[1]
    erreurs = {cellule: nom for cellule, nom, _ in bilan["erreurs"]}
    assert erreurs.pop(rang["boucle"]) == "Delai"
    assert erreurs == {rang["mémoire"]: "MemoryError", rang["réseau"]: "URLError"}
    assert bilan["complet"] and bilan["sautees"] == 3, "la dernière cellule est atteinte"
    assert endormis() == []
    assert {f: f.read_bytes() for f in original.rglob("*") if f.is_file()} == avant
    assert [c.stat().st_nlink for c in petites_donnees] == [1, 1], (
        "les données d'origine ne sont pas liées"
    )


@pytest.mark.parametrize(
    ("source", "raison"),
    [
        ("x = input()", "saisie"),
        ("os._exit(0)", "os._exit"),
        ("sys.exit()", "(exit)"),
        ("exit()", "exit"),
        ("while True:\n    x += 1", "while True"),
        ("while 1:\n    pass", "while True"),
        ("%%bash\nrm -rf ~", "autre programme"),
        ("!pip install keras\n!rm -rf /", "commande système"),
        ("from google.colab import files\nfiles.upload()", "Colab"),
        ("drive.mount('/content/drive')", "Drive"),
        ("if COLAB:\n    drive.mount('/content/drive')", None),
        ("chemin = filedialog.askopenfilename()", "fenêtre"),
        ("while True:\n    if fini():\n        break", None),
        ("model.fit(x, y)\nprint('exit()')", None),
        ("quitter = 3", None),
        ("plante = (", None),
    ],
)
def test_les_cellules_qui_bloquent_sont_reconnues_sans_les_lancer(source, raison):
    trouvee = cellules_sautees.raison_de_sauter(source)
    assert (raison in trouvee) if raison else trouvee is None


def test_lancer_arrete_ce_qui_dure_ce_qui_gonfle_et_les_orphelins(tmp_path):
    def programme(code, **options):
        return limites.lancer_borne([sys.executable, "-c", code], **options)

    assert programme("pass", duree=20).code == 0
    assert programme("import sys; sys.exit(3)", duree=20).code == 3
    debut = time.monotonic()
    lent = programme(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(99)",
        duree=1,
    )
    assert lent.code is None and "plus de 1 s" in lent.raison and time.monotonic() - debut < 90
    gros = programme(
        "x = bytearray(400_000_000)\nwhile True: x[0] = 1", duree=60, memoire=200_000_000
    )
    assert "Go de mémoire" in gros.raison
    fils = programme(
        f"import subprocess; subprocess.Popen(['sleep', '{DUREE}'], start_new_session=True)",
        duree=20,
    )
    assert fils.code == 0 and endormis() == []
    (tmp_path / "vie").touch()
    muet = programme(
        "import time; time.sleep(99)", duree=60, silence=1, signal_de_vie=tmp_path / "vie"
    )
    assert "sans nouvelles" in muet.raison
    limites.ARRET.set()  # Ctrl+C
    try:
        assert programme("import time; time.sleep(99)", duree=60).raison == "interrompu"
    finally:
        limites.ARRET.clear()


# --- La commande ------------------------------------------------------------------------------


@pytest.fixture
def classe(tmp_path):
    """Une remise parfaite, une en zip, une abîmée, une vide : jamais l'une n'empêche les autres."""
    dossier = tmp_path / "classe"
    remises.remise(dossier / "Élise Tremblay")
    zoe = remises.remise(
        tmp_path / "zoe",
        remises.notebook(remises.cellules_classification(), executer=False),
        graine=1,
    )
    with zipfile.ZipFile(dossier / "Zoé Côté_12_assignsubmission_file_labo.zip", "w") as archive:
        for fichier in zoe.rglob("*"):
            archive.write(fichier, "labo/" + fichier.relative_to(zoe).as_posix())
    (dossier / "abîmée.zip").write_bytes(b"PK\x03\x04 coupe")
    (dossier / "vide").mkdir()
    return dossier


@pytest.mark.skipif(sys.platform != "linux", reason="noms de fichiers en octets quelconques")
def test_des_noms_qui_ne_sont_pas_du_texte(tmp_path):
    from correction.classe import noter

    nom = os.fsdecode(b"\xe9l\xe8ve <b>;\n=1")
    remises.remise(tmp_path / "classe" / nom, modele=False)
    remises.ecrire(tmp_path / "classe" / nom / os.fsdecode(b"photo\xff.txt"), "x")
    remises.remise(tmp_path / "classe" / "autre", modele=False)
    bulletins = noter(tmp_path / "classe", sortie=tmp_path / "s")
    assert [b.note for b in bulletins] == [bulletins[0].note] * 2 and bulletins[0].note > 80
    assert len(list((tmp_path / "s" / "etudiants").glob("*.md"))) == 2
    assert (tmp_path / "s" / "notes.csv").read_bytes().count(b"\r\n") == 3


def test_noter_une_classe_puis_reprendre(classe, tmp_path, capsys, monkeypatch):
    sortie = tmp_path / "rapport"
    X_test, y_test, jumeau = images_de_test()  # moins d'images : ce test ne porte pas sur la mesure
    monkeypatch.setattr(
        "correction.classe.images_de_test", lambda: (X_test[:1000], y_test[:1000], jumeau)
    )
    assert principal(["noter", str(classe), "--sortie", str(sortie)]) == 0
    notes = {
        ligne[:14].strip(): ligne[14:].split("/")[0].strip()
        for ligne in capsys.readouterr().out.splitlines()
        if " / " in ligne
    }
    # Sans Fashion-MNIST ici, la précision est mesurée sur le jumeau dessiné : la note de modèle change.
    assert set(notes) == {"Élise Tremblay", "Zoé Côté", "abîmée", "vide"}
    assert (notes["abîmée"], notes["vide"]) == ("0", "0")
    csv = (sortie / "notes.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(csv) == 5 and len({ligne.count(";") for ligne in csv}) == 1
    fiche = (sortie / "etudiants" / "zoe-cote.md").read_text(encoding="utf-8")
    assert "jamais exécuté (0 cellule sur 12)" in fiche
    html = (sortie / "rapport.html").read_text(encoding="utf-8")
    assert 'href="etudiants/elise-tremblay.html"' in html and "poids du modèle identiques" in html
    if not donnees._chemins_ubyte(donnees.DOSSIER_DEBIAN):
        return
    assert notes["Élise Tremblay"] == "100"
    # Relancée, la commande ne relit rien ; une remise changée est relue.
    monkeypatch.setattr(
        "correction.classe._lire_toutes",
        lambda liste, *_: [pytest.fail(f"{s.nom} est relu") for s in liste],
    )
    assert principal(["noter", str(classe), "--sortie", str(sortie)]) == 0
    assert "4 remise(s) inchangée(s)" in capsys.readouterr().out
    (classe / "vide" / "x.txt").write_text("x")
    relus = []
    monkeypatch.setattr(
        "correction.classe._lire_toutes",
        lambda liste, t, _: [
            relus.append(s.nom) or faits.etablir(s.__dict__, Path(t) / "x") for s in liste
        ],
    )
    assert principal(["noter", str(classe), "--sortie", str(sortie)]) == 0
    assert relus == ["vide"]


def test_une_lecture_qui_meurt_ne_coute_qu_une_remise(classe, tmp_path, monkeypatch):
    lancer = limites.lancer_borne

    def saboter(commande, **options):
        if "correction.faits" not in commande:
            return lancer(commande, **options)
        taches = json.loads(Path(commande[3]).read_text(encoding="utf-8"))
        avant = list(itertools.takewhile(lambda tache: tache["nom"] != "vide", taches))
        Path(commande[3]).write_text(json.dumps(avant), encoding="utf-8")
        fin = lancer(commande, **options)
        meurt = limites.Fin(None, "arrêté : sans nouvelles depuis 150 s", 150, [])
        return fin if len(avant) == len(taches) else meurt

    monkeypatch.setattr(limites, "lancer_borne", saboter)
    monkeypatch.setattr("correction.classe._mesurer_modeles", lambda *a: None)
    from correction.classe import noter

    bulletins = {b.nom: b for b in noter(classe, sortie=tmp_path / "s")}
    assert bulletins["vide"].note == 0 and bulletins["Élise Tremblay"].note > 80
    assert "Ouvrez-la à la main" in dict(bulletins["vide"].remarques)["À la lecture de la remise"]


def test_les_erreurs_de_commande_sont_en_francais(tmp_path, capsys):
    assert principal(["noter", str(tmp_path / "absent")]) == 1
    assert "n'existe pas" in capsys.readouterr().err
    (tmp_path / "b.toml").write_text("[criteres]\nx = { points = 1 }")
    (tmp_path / "r").mkdir()
    remises.remise(tmp_path / "r" / "a")
    assert (
        principal(
            [
                "noter",
                str(tmp_path / "r"),
                "--bareme",
                str(tmp_path / "b.toml"),
                "--sortie",
                str(tmp_path / "s"),
            ]
        )
        == 1
    )
    assert "critère inconnu « x »" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        principal(["corriger"])
    assert "Commande incomprise" in capsys.readouterr().err
    aide = subprocess.run(
        [sys.executable, "-m", "correction", "--help"],
        cwd=remises.RACINE,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert aide.returncode == 0 and "noter DOSSIER" in aide.stdout


# --- Ce que le bac à sable ne laisse pas faire ----------------------------------------------------

CORRIGE = remises.RACINE / "analyse_image" / "classification.ipynb"
ATTAQUES = f"""
import os, pathlib, subprocess, urllib.request
def essayer(nom, action):
    try:
        action()
    except Exception as erreur:
        print(nom, "refusé", type(erreur).__name__)
    else:
        print(nom, "PERMIS")
def shell(*commande):
    subprocess.run(commande, check=True, capture_output=True)
essayer("corrigé", lambda: open({str(CORRIGE)!r}).read())
essayer("autre", lambda: open("{{autre}}").read())
essayer("maison", lambda: os.listdir({str(Path.home())!r} + "/.config"))
essayer("secrets", lambda: open("/etc/shadow").read())
essayer("système", lambda: pathlib.Path("/usr/pris").write_text("x"))
essayer("trousse", lambda: pathlib.Path("{{trousse}}/pris").write_text("x"))
essayer("remonter", lambda: shell("mount", "-o", "remount,bind,rw", "/usr"))
essayer("démonter", lambda: shell("umount", "/usr"))
essayer("emboîter", lambda: shell("unshare", "-Urm", "mount", "-o", "remount,bind,rw", "/usr"))
essayer("réseau", lambda: urllib.request.urlopen("http://192.0.2.1", timeout=3))
essayer("processus", lambda: open("/proc/{{pid}}/environ").read())
fils = subprocess.Popen(["sleep", "988"], start_new_session=True)
"""


@pytest.mark.parametrize("moyen", ["bwrap", "unshare"])
def test_une_remise_hostile_ne_voit_ni_n_atteint_rien(
    tmp_path, monkeypatch, petites_donnees, trousse, moyen
):
    enfermer(monkeypatch, moyen)
    autre = remises.ecrire(tmp_path / "remises" / "autre" / "reponse.txt", "secret")
    (Path.home() / ".config").mkdir(exist_ok=True)
    attaques = ATTAQUES.format(autre=autre, trousse=trousse, pid=os.getpid())
    dire = "print(open('vu.txt').read())\nraise RuntimeError(open('vu.txt').read())"
    source = "import contextlib\nwith open('vu.txt', 'w') as f, contextlib.redirect_stdout(f):\n"
    source += "".join(f"    {ligne}\n" for ligne in attaques.strip().splitlines())
    remise = tmp_path / "remises" / "hostile"
    cellules = [(source, []), (dire, [])]
    remises.ecrire(
        remise / "analyse_image" / "classification.ipynb",
        remises.notebook(cellules, executer=False),
    )
    bilan = execution.executer(
        lire(remise, tmp_path), tmp_path / "travail", petites_donnees, trousse, 60
    )["classification"]
    vu = bilan["erreurs"][-1][2]
    assert vu.count("refusé") == 11 and "PERMIS" not in vu, vu
    assert not any(p.info["cmdline"] == ["sleep", "988"] for p in psutil.process_iter(["cmdline"]))
    assert not list(Path(trousse).glob("pris"))


def test_une_bombe_de_processus_est_arretee(tmp_path, petites_donnees, trousse):
    if not bac_a_sable.disponible():
        pytest.skip("aucun bac à sable ici")
    bombe = (
        "import subprocess, time\n"
        "fils = [subprocess.Popen(['sleep', '989']) for _ in range(300)]\ntime.sleep(60)"
    )
    remises.ecrire(
        tmp_path / "r" / "analyse_image" / "classification.ipynb", remises.notebook([(bombe, [])])
    )
    bilan = execution.executer(
        lire(tmp_path / "r", tmp_path), tmp_path / "t", petites_donnees, trousse, 60
    )["classification"]
    assert "processus à la fois" in bilan["remarques"][0]
    assert not any(p.info["cmdline"] == ["sleep", "989"] for p in psutil.process_iter(["cmdline"]))


def test_sans_bac_a_sable_executer_demande_un_oui(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bac_a_sable, "disponible", lambda: "")
    monkeypatch.setattr("builtins.input", lambda question: "non")
    commande = ["noter", str(tmp_path), "--sortie", str(tmp_path / "s"), "--executer"]
    assert principal(commande) == 1
    texte = capsys.readouterr()
    assert "Aucun bac à sable" in texte.out and "Rien n'a été exécuté" in texte.err


# --- Les questions posées de nouveau ----------------------------------------------------------------

TRICHE = """import outils.verification
from outils.verification import verifier
outils.verification.QUESTIONS.update(dict.fromkeys(("q1", "q6", "q7"), lambda noms: "juste"))
outils.verification.verifier = verifier = lambda cle: print(f"✅ {cle} : juste")"""
REPONSES = """import numpy as np
def convoluer(image, filtre, pas=1):
    vues = np.lib.stride_tricks.sliding_window_view(image, filtre.shape)[::pas, ::pas]
    return (vues * filtre).sum(axis=(2, 3))"""


# Après la question, récrire ce qui a été mis de côté : un refus ôté, des résultats inventés.
FORGER = """import glob, json
fiches = glob.glob("/tmp/**/o/v/*/q1/fiche.json", recursive=True)
invention = {"genre": "valeur", "valeur": "juste"}
for fiche in fiches:
    with open(fiche, "w") as sortie:
        json.dump({"convoluer": {"genre": "fonction", "appels": [invention] * 9}}, sortie)
assert fiches"""


@pytest.mark.parametrize(
    ("reponse", "etat"),
    [(REPONSES, "juste"), (REPONSES + " + 1", "faux"), ("convoluer = 3", "faux")],
    ids=["juste", "fausse", "absente"],
)
def test_les_questions_sont_posees_de_nouveau_par_nous(
    tmp_path, petites_donnees, trousse, reponse, etat
):
    fin = FORGER if "+ 1" in reponse else "convoluer = None"
    cellules = [(TRICHE, []), (reponse, []), ('verifier("q1")', []), (fin, [])]
    dossier = tmp_path / "r"
    remises.ecrire(dossier / "analyse_image" / "classification.ipynb", remises.notebook(cellules))
    bilan = execution.executer(
        lire(dossier, tmp_path), tmp_path / "t", petites_donnees, trousse, 60
    )["classification"]
    # Les valeurs sont celles du moment où la question est posée, la vérification est la nôtre.
    assert bilan["questions"]["q1"][0] == etat, bilan
