"""labo.py : préparation de l'environnement, exécution des labos, ligne de commande."""

import ast
import io
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import labo
from commandes import executer, servir

POSIX = pytest.mark.skipif(os.name == "nt", reason="programme factice écrit pour un shell Unix")


@pytest.fixture
def depot(tmp_path, monkeypatch):
    """Un dépôt vide que labo.py prend pour le sien ; rend son dossier."""
    monkeypatch.setattr(labo, "RACINE", tmp_path)
    monkeypatch.setattr(labo, "LABOS", tmp_path / "analyse_image")
    monkeypatch.setattr(labo, "VENV", tmp_path / ".venv")
    (tmp_path / "analyse_image").mkdir()
    (tmp_path / "requirements.txt").write_text("", encoding="utf-8")
    return tmp_path


@pytest.fixture
def environnement(monkeypatch):
    """Rend l'environnement tel qu'il était : `regler_environnement` le change pour tout le programme."""
    avant = dict(os.environ)
    yield monkeypatch.setenv
    os.environ.clear()
    os.environ.update(avant)


def ecrire_notebook(chemin, *codes):
    cellules = [new_markdown_cell("# Un labo\n\n## Une étape"), *map(new_code_cell, codes)]
    nbformat.write(new_notebook(cells=cellules), chemin)
    return chemin


class Appels(list):
    """Remplace un lanceur de commandes : note ce qu'on lui demande, rend les codes prévus."""

    def __init__(self, *codes):
        super().__init__()
        self.codes = list(codes)

    def __call__(self, commande, **_):
        self.append(" ".join(map(str, commande)))
        return self.codes.pop(0) if self.codes else 0


# --- Un Python convenable --------------------------------------------------------------------


def test_labo_se_lit_avec_python_3_6():
    """Un vieux Python doit pouvoir lire le fichier pour dire qu'il est trop vieux."""
    ast.parse(Path(labo.__file__).read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8"])
def test_un_vieux_python_dit_quoi_installer(version, tmp_path):
    python = shutil.which(f"python{version}")
    if not python or labo.version_de([python]) is None:
        pytest.skip(f"Python {version} n'est pas installé")
    copie = shutil.copy(labo.__file__, tmp_path)
    reponse = subprocess.run(
        [python, copie, "preparer"], env={"PATH": str(tmp_path)}, capture_output=True
    )
    assert reponse.returncode == 1
    assert b"3.11, 3.12 ou 3.13" in reponse.stderr and b"Traceback" not in reponse.stderr


def test_une_console_sans_accents_n_interrompt_rien():
    class FluxDePython36:  # pas de « reconfigure »
        encoding = "ascii"

        def detach(self):
            return octets

    octets = io.BytesIO()
    flux = labo.tolerant(FluxDePython36())
    print("préparé", file=flux)
    assert octets.getvalue() == f"pr?par?{os.linesep}".encode()


@pytest.mark.parametrize(
    ("plateforme", "machine", "bits", "mot"),
    [
        ("win32", "AMD64", 32, "32 bits"),
        ("win-arm64", "ARM64", 64, "ARM"),
        ("macosx-10.13-universal2", "x86_64", 64, "Intel"),
    ],
)
def test_machine_sans_tensorflow(plateforme, machine, bits, mot):
    with pytest.raises(labo.Probleme, match=mot):
        labo.verifier_machine(plateforme, machine, bits)


@pytest.mark.parametrize(
    "machine",
    [
        ("linux-x86_64", "x86_64", 64),
        ("linux-aarch64", "aarch64", 64),
        ("win-amd64", "AMD64", 64),
        ("macosx-11.0-arm64", "arm64", 64),
    ],
)
def test_machine_avec_tensorflow(machine):
    labo.verifier_machine(*machine)


# --- L'environnement .venv/ ------------------------------------------------------------------


def test_une_installation_interrompue_est_refaite(depot, monkeypatch):
    (depot / ".venv").mkdir()
    monkeypatch.setattr(labo, "version_de", lambda commande, module="sys": (3, 12))
    monkeypatch.setattr(labo, "environnement_de_pip", dict)
    monkeypatch.setattr(labo, "verifier_bibliotheques", lambda: None)
    appels = Appels(1, 0, 1, 0)
    monkeypatch.setattr(labo, "lancer_et_attendre", appels)

    with pytest.raises(labo.Probleme, match="Internet"):  # pip échoue
        labo.preparer()
    labo.preparer()  # refaite
    assert len(appels) == 2
    labo.preparer()  # complète : rien à faire
    assert len(appels) == 2

    (depot / "requirements.txt").write_text("tqdm\n", encoding="utf-8")
    with pytest.raises(labo.Probleme):  # la mise à jour échoue
        labo.preparer()
    (depot / "requirements.txt").write_text("", encoding="utf-8")
    labo.preparer()  # .venv/ est à moitié mis à jour : on n'en croit pas l'ancien témoin
    assert len(appels) == 4
    assert all("pip install" in appel for appel in appels)


@pytest.fixture(scope="module")
def venv(tmp_path_factory):
    """Un .venv/ sans pip, réparé, et un paquet « keras » factice à y installer ; rend leur dossier."""
    dossier = tmp_path_factory.mktemp("depot")
    (dossier / "requirements.txt").touch()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", dossier / ".venv"], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labo, "RACINE", dossier)
        patch.setattr(labo, "VENV", dossier / ".venv")
        assert labo.version_de([labo.python_venv()], module="pip") is None
        labo.preparer()
        assert labo.version_de([labo.python_venv()], module="pip") == sys.version_info[:2]
    infos = "keras-3.99.dist-info"
    with zipfile.ZipFile(dossier / "keras-3.99-py3-none-any.whl", "w") as paquet:
        paquet.writestr("keras/__init__.py", "")
        paquet.writestr(f"{infos}/METADATA", "Metadata-Version: 2.1\nName: keras\nVersion: 3.99\n")
        paquet.writestr(
            f"{infos}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        paquet.writestr(f"{infos}/RECORD", "")
    return dossier


@pytest.mark.parametrize(
    ("variable", "section"),
    [
        ("PIP_TARGET={ailleurs}", ""),
        ("PIP_PREFIX={ailleurs}", ""),
        ("PIP_ROOT={ailleurs}", ""),
        ("PIP_DRY_RUN=1", ""),
        ("PIP_QUIET=3", "[install]\ntarget = {ailleurs}"),
        ("", "prefix = {ailleurs}\n[install]\ndry-run = true\nno-deps = true"),
    ],
)
def test_pip_installe_dans_venv_quels_que_soient_ses_reglages(
    depot, venv, environnement, monkeypatch, variable, section
):
    """Seul ce qui dit où sont les paquets est gardé : ici, ni index, ni Internet."""
    ailleurs = depot / "ailleurs"
    reglages = depot / "pip.conf"
    section = section.format(ailleurs=ailleurs)
    reglages.write_text(f"[global]\nno-index = true\nfind-links = {venv}\n{section}\n")
    for nom in [nom for nom in os.environ if nom.startswith("PIP_")]:
        del os.environ[nom]
    environnement("PIP_CONFIG_FILE", str(reglages))
    if variable:
        environnement(*variable.format(ailleurs=ailleurs).split("="))
    monkeypatch.setattr(labo, "VENV", venv / ".venv")
    (depot / "requirements.txt").write_text("keras>=3\n", encoding="utf-8")
    labo.temoin().unlink(missing_ok=True)
    for reste in (venv / ".venv").glob("**/site-packages/keras*"):
        shutil.rmtree(reste)

    labo.regler_environnement()
    labo.preparer()
    assert labo.version_de([labo.python_venv()], module="keras")
    assert labo.temoin().exists()
    assert not ailleurs.exists()


def test_une_bibliotheque_qui_ne_s_importe_pas_est_dite(depot, venv, monkeypatch):
    monkeypatch.setattr(labo, "VENV", venv / ".venv")
    monkeypatch.setattr(labo, "lancer_et_attendre", Appels(0))  # pip a « réussi »
    (depot / "requirements.txt").write_text("# rien\nseaborn>=0.13\n", encoding="utf-8")
    labo.temoin().unlink(missing_ok=True)
    with pytest.raises(labo.Probleme, match="No module named 'seaborn'"):
        labo.preparer()
    assert not labo.temoin().exists()


def test_un_separateur_dans_le_chemin_fait_renommer_le_dossier(depot, monkeypatch):
    monkeypatch.setattr(labo, "RACINE", depot / f"labos{os.pathsep}images")
    with pytest.raises(labo.Probleme, match="renommez"):
        labo.creer_venv()


@pytest.mark.parametrize("variable", ["LABO_DATAS", "KERAS_HOME"])
def test_un_dossier_relatif_part_du_dossier_courant(
    tmp_path, environnement, monkeypatch, capsys, variable
):
    monkeypatch.chdir(tmp_path)
    environnement(variable, "mes_donnees")
    labo.regler_environnement()
    assert os.environ[variable] == str(tmp_path / "mes_donnees")
    assert str(tmp_path / "mes_donnees") in capsys.readouterr().out
    labo.regler_environnement()
    assert capsys.readouterr().out == ""  # labo.py se relance dans .venv/ : dit une fois


def test_ce_qui_reste_sur_la_machine_evite_le_mandataire(environnement):
    environnement("http_proxy", "http://mandataire.invalid:3128")
    environnement("no_proxy", "intranet.invalid")
    for _ in range(2):
        labo.regler_environnement()
        for nom in ("no_proxy", "NO_PROXY"):
            assert os.environ[nom] == "intranet.invalid,127.0.0.1,localhost"
    assert urllib.request.proxy_bypass("127.0.0.1")
    assert not urllib.request.proxy_bypass("exemple.invalid")


@pytest.fixture
def debian(monkeypatch):
    """Rend une fonction qui simule un Debian avec ou sans root, sudo, terminal, apt."""

    def simuler(root=False, sudo=False, terminal=False, apt=True):
        presents = {"apt-get": apt, "sudo": sudo}
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000, raising=False)
        monkeypatch.setattr(labo.shutil, "which", lambda nom: presents.get(nom) or None)
        monkeypatch.setattr(labo.sys.stdin, "isatty", lambda: terminal, raising=False)

    return simuler


def test_apt_en_root_se_passe_de_sudo(debian):
    debian(root=True)
    appels = Appels()
    labo.installer_ensurepip((3, 11), appels)
    assert "sudo" not in " ".join(appels)
    assert appels[-1].endswith("install --no-install-recommends python3.11-venv")


def test_apt_avec_sudo_sans_mot_de_passe(debian):
    debian(sudo=True)
    appels = Appels(0)
    labo.installer_ensurepip((3, 12), appels)
    assert appels[-1].startswith("sudo -n ")
    assert appels[-1].endswith("python3.12-venv")


def test_apt_demande_le_mot_de_passe_sur_un_terminal(debian):
    debian(sudo=True, terminal=True)
    appels = Appels(1)
    labo.installer_ensurepip((3, 13), appels)
    assert appels[-1].startswith("sudo env ")


@pytest.mark.parametrize("sudo", [True, False])
def test_sans_droits_le_message_donne_la_commande(debian, sudo):
    debian(sudo=sudo)
    appels = Appels(1)
    with pytest.raises(labo.Probleme, match="sudo apt install python3.11-venv"):
        labo.installer_ensurepip((3, 11), appels)
    assert not any("apt-get" in appel for appel in appels)


def test_sans_apt_le_message_nomme_ce_qui_manque(debian):
    debian(root=True, apt=False)
    with pytest.raises(labo.Probleme, match="ensurepip"):
        labo.installer_ensurepip((3, 11), Appels())


def test_un_echec_d_apt_est_dit(debian):
    debian(root=True)
    with pytest.raises(labo.Probleme, match="Internet"):
        labo.installer_ensurepip((3, 11), Appels(100, 100))


# --- JupyterLab ------------------------------------------------------------------------------


def test_jupyter_avec_ecran():
    options = labo.options_jupyter({"DISPLAY": ":0"}, root=False, systeme="Linux")
    assert not {"--allow-root", "--no-browser"} & set(options)


def test_jupyter_en_root_sans_ecran():
    options = labo.options_jupyter({}, root=True, systeme="Linux")
    assert {"--allow-root", "--no-browser"} <= set(options)


def test_jupyter_dans_codespaces_n_admet_que_sa_propre_adresse():
    env = {
        "CODESPACES": "true",
        "CODESPACE_NAME": "ma-machine",
        "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.github.dev",
    }
    options = labo.options_jupyter(env, root=False, systeme="Linux")
    assert "--no-browser" in options
    (motif,) = [o.split("=", 1)[1] for o in options if "allow_origin_pat" in o]
    assert labo.re.fullmatch(motif, "https://ma-machine-8888.app.github.dev")
    assert not labo.re.fullmatch(motif, "https://autre-8888.app.github.dev")


# --- Exécuter les labos ----------------------------------------------------------------------


def test_les_reglages_de_la_machine_n_atteignent_pas_le_noyau(depot, environnement):
    (depot / ".venv").mkdir()
    intrus = depot / "intrus"
    for fichier in ("numpy.py", "profil/profile_default/startup/00.py", "demarrage.py"):
        (intrus / fichier).parent.mkdir(parents=True, exist_ok=True)
        (intrus / fichier).write_text("import builtins; builtins.INTRUS = True")
    (intrus / "matplotlibrc").write_text("backend: TkAgg\ntext.usetex: True\n")
    for nom, valeur in {
        "IPYTHONDIR": str(intrus / "profil"),
        "KERAS_BACKEND": "torch",
        "KERAS_MAX_EPOCHS": "1",
        "MATPLOTLIBRC": str(intrus),
        "MPLBACKEND": "TkAgg",
        "PYTEST_ADDOPTS": "--collect-only",
        "PYTHONOPTIMIZE": "2",
        "PYTHONPATH": str(intrus),
        "PYTHONSAFEPATH": "1",
        "PYTHONSTARTUP": str(intrus / "demarrage.py"),
    }.items():
        environnement(nom, valeur)
    labo.regler_environnement()
    (depot / "analyse_image" / "outils.py").touch()
    ecrire_notebook(
        depot / "analyse_image" / "essai.ipynb",
        "import builtins, os, sys, numpy, outils\n"
        "assert __debug__ and not hasattr(builtins, 'INTRUS') and numpy.__version__\n"
        "assert os.environ['KERAS_BACKEND'] == 'tensorflow'\n"
        "assert not {'KERAS_MAX_EPOCHS', 'PYTEST_ADDOPTS', 'PYTHONPATH'} & set(os.environ)",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
    )
    assert executer.executer(["essai"]) == 0
    copie = nbformat.read(depot / "sortie" / "essai.ipynb", as_version=4)
    assert "image/png" in copie.cells[2].outputs[0].data


def test_executer_range_une_copie_propre_et_rappelle_les_scores(
    depot, environnement, capfd, monkeypatch
):
    (depot / ".venv").mkdir()
    # Un noyau « python3 » installé par ailleurs, et cassé, ne doit pas être employé.
    intrus = depot / "jupyter" / "kernels" / "python3"
    intrus.mkdir(parents=True)
    (intrus / "kernel.json").write_text(
        '{"argv": ["absent", "-f", "{connection_file}"], "display_name": "x", "language": "python"}'
    )
    for variable in ("JUPYTER_DATA_DIR", "JUPYTER_PATH"):
        monkeypatch.setenv(variable, str(depot / "jupyter"))
    for variable in ("JUPYTER_PREFER_ENV_PATH", "PIP_USER", "PYTHONUTF8"):
        monkeypatch.setenv(variable, "0")
    labo.regler_environnement()
    monkeypatch.delenv("LABO_RAPIDE", raising=False)
    source = ecrire_notebook(
        depot / "analyse_image" / "essai.ipynb",
        "import os, sys, tempfile\n"
        f"assert os.path.samefile(sys.prefix, {sys.prefix!r})\n"
        f"assert os.path.samefile('.', {str(depot / 'analyse_image')!r})\n"
        "assert os.environ['LABO_RAPIDE'] == '1'\n"
        "print('Données : essai\\nautre chose\\nPrécision: 0.5')",
        "import ipywidgets\nipywidgets.IntSlider()",
    )
    avant = source.read_bytes()
    assert executer.executer(["essai"], rapide=True) == 0

    affiche = capfd.readouterr().out
    assert "cellule 2/2 · Une étape" in affiche
    assert "  Données : essai\n  Précision: 0.5\n" in affiche
    assert "autre chose" not in affiche
    assert source.read_bytes() == avant
    copie = nbformat.read(depot / "sortie" / "essai.ipynb", as_version=4)
    nbformat.validate(copie)
    assert set(copie.metadata) == {"kernelspec", "language_info"}
    assert [c.execution_count for c in copie.cells[1:]] == [1, 2]
    assert copie.cells[1].outputs[0].text.startswith("Données")
    assert not copie.cells[2].outputs  # un widget sans noyau ne s'affiche pas
    assert not any(c.metadata for c in copie.cells)


def test_executer_sans_nom_fait_les_labos_1_et_2_dans_le_meme_dossier(depot, monkeypatch):
    noms, faits = ["classification", "test_model"], []
    for nom in noms:
        ecrire_notebook(depot / "analyse_image" / f"{nom}.ipynb", nom)

    def noter(notebook, dossier, env):
        faits.append((notebook.cells[1].source, env["TMPDIR"]))

    monkeypatch.setattr(executer, "executer_notebook", noter)
    assert executer.executer([], rapide=True) == 0
    assert [nom for nom, _ in faits] == noms
    assert len({dossier for _, dossier in faits}) == 1  # le labo 2 y trouve le modèle du labo 1


def test_executer_s_arrete_a_la_cellule_qui_echoue(depot, capfd):
    labos = depot / "analyse_image"
    source = ecrire_notebook(labos / "a.ipynb", "x = 0", "1 / x  # échoue", "print('jamais')")
    ecrire_notebook(labos / "b.ipynb", "print('Données : b')")
    fourni = nbformat.read(source, as_version=4)  # avec les sorties d'une exécution plus ancienne
    ancienne = new_output("stream", text="Précision: 0.9999\nModèle sauvegardé !\n")
    fourni.cells[3].update(outputs=[ancienne], execution_count=3)
    nbformat.write(fourni, source)
    avant = source.read_bytes()
    assert executer.executer(["a", "b"], sur_place=True) == 1

    affiche = capfd.readouterr().out
    assert "ÉCHEC de a.ipynb, cellule 2/3 · Une étape" in affiche
    assert "1 / x  # échoue" in affiche
    assert "ZeroDivisionError: division by zero" in affiche
    assert "b.ipynb" not in affiche
    assert "0.9999" not in affiche and "sauvegardé" not in affiche
    copie = nbformat.read(depot / "sortie" / "a.ipynb", as_version=4)
    assert [c.execution_count for c in copie.cells[1:]] == [1, 2, None]
    assert copie.cells[3].outputs == []
    assert source.read_bytes() == avant  # un échec ne remplace pas le notebook fourni


def resultat_annonce(affiche):
    """Chemin du notebook exécuté, lu dans le bilan de « executer »."""
    (ligne,) = [ligne for ligne in affiche.splitlines() if "résultat dans" in ligne]
    return Path(ligne.split("résultat dans ")[1])


@pytest.mark.parametrize("sur_place", [False, True])
def test_un_dossier_ou_l_on_ne_peut_pas_ecrire_est_dit_avant_d_executer(
    depot, capfd, monkeypatch, sur_place
):
    ecrire_notebook(depot / "analyse_image" / "a.ipynb", "print('Données : a')")
    impossible = depot / ("analyse_image" if sur_place else "occupe")
    impossible.is_dir() or impossible.touch()  # un fichier à la place du dossier
    essayer = executer.tempfile.TemporaryFile

    def lecture_seule(dir):
        if Path(dir) == impossible:
            raise PermissionError(13, "Permission denied")
        return essayer(dir=dir)

    monkeypatch.setattr(executer.tempfile, "TemporaryFile", lecture_seule)
    options = {"sur_place": True} if sur_place else {"dossier": impossible}
    assert executer.executer(["a"], **options) == 0
    affiche = capfd.readouterr().out
    raison = "vous n'en avez pas le droit" if sur_place else "ce n'est pas un dossier"
    debut = f"Impossible d'écrire dans « {impossible} » ({raison})"
    assert affiche.index(debut) < affiche.index("a.ipynb")
    resultat = resultat_annonce(affiche)
    assert (
        impossible not in resultat.parents and str(resultat.parent) in affiche.split("a.ipynb")[0]
    )
    assert nbformat.read(resultat, as_version=4).cells[1].outputs[0].text == "Données : a\n"


def test_un_resultat_n_est_pas_perdu_si_le_dossier_disparait(depot, capfd):
    code = "import shutil; shutil.rmtree('../sortie'); open('../sortie', 'w').close()"
    ecrire_notebook(depot / "analyse_image" / "a.ipynb", code)
    assert executer.executer(["a"]) == 0
    resultat = resultat_annonce(capfd.readouterr().out)
    assert nbformat.read(resultat, as_version=4).cells[1].execution_count == 1
    assert not list(depot.rglob("*.provisoire"))


def test_executer_sur_place_remplace_le_notebook(depot):
    source = ecrire_notebook(depot / "analyse_image" / "a.ipynb", "print('Données : a')")
    assert executer.executer([str(source)], sur_place=True) == 0
    assert nbformat.read(source, as_version=4).cells[1].outputs[0].text == "Données : a\n"
    assert not list((depot / "sortie").iterdir())


def test_executer_refuse_de_fournir_des_scores_du_mode_rapide(depot):
    with pytest.raises(labo.Probleme, match="--rapide"):
        executer.executer(["a"], rapide=True, sur_place=True)


def test_labo_inconnu(depot):
    ecrire_notebook(depot / "analyse_image" / "essai.ipynb")
    with pytest.raises(labo.Probleme, match="(?s)clasification.*essai"):
        labo.trouver_labo("clasification")


@pytest.mark.parametrize("arguments", [["ouvrir", "toto"], ["executer", "classification", "toto"]])
def test_un_labo_inconnu_est_refuse_avant_l_installation(monkeypatch, arguments):
    monkeypatch.setattr(labo, "preparer", lambda: pytest.fail("l'installation a commencé"))
    with pytest.raises(labo.Probleme, match="« toto »"):
        labo.obeir(arguments)


def test_notebook_illisible(depot):
    (depot / "analyse_image" / "a.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(labo.Probleme, match="a.ipynb"):
        executer.executer(["a"])


# --- La ligne de commande --------------------------------------------------------------------


def appeler(*arguments, **variables):
    return subprocess.run(
        [sys.executable, labo.__file__, *arguments],
        capture_output=True,
        encoding="utf-8",
        env=dict(os.environ, PYTHONUTF8="1", **variables),
    )


def test_executer_et_servir_se_passent_aux_bibliotheques_de_venv(tmp_path):
    for commande, faute in {"executer": "Aucun labo", "servir": "modele.tflite"}.items():
        appel = [sys.executable, "-m", "commandes", commande, str(tmp_path)]
        reponse = subprocess.run(appel, cwd=labo.RACINE, capture_output=True, encoding="utf-8")
        assert reponse.returncode == 1
        assert faute in reponse.stderr and "Remède : " in reponse.stderr


@POSIX
@pytest.mark.parametrize("code", [0, 3])
def test_ctrl_c_attend_la_fin_du_programme_lance(code, tmp_path):
    """Ctrl+C : JupyterLab doit pouvoir s'arrêter proprement ; un échec se dit interrompu."""
    programme = (
        "import os, pathlib, signal, sys, time; os.kill(os.getppid(), signal.SIGINT); "
        f"time.sleep(0.5); pathlib.Path({str(tmp_path / 'fini')!r}).touch(); sys.exit({code})"
    )
    # Dans un autre processus : le signal ne doit pas tomber n'importe où dans celui des tests.
    lanceur = f"import sys, labo; labo.lancer_et_attendre([sys.executable, '-c', {programme!r}])"
    essai = subprocess.run(
        [sys.executable, "-c", lanceur], cwd=labo.RACINE, capture_output=True, encoding="utf-8"
    )
    assert ("KeyboardInterrupt" in essai.stderr) == (code != 0)
    assert (tmp_path / "fini").exists()


@POSIX
@pytest.mark.parametrize(("commande", "programmes"), [("servir", 2), ("ouvrir", 1)])
def test_sigterm_arrete_aussi_les_programmes_lances(commande, programmes):
    obeir = "__main__.obeir" if commande == "servir" else "labo.obeir"
    enfant = "import sys, time; sys.stderr.write('prêt\\n'); time.sleep(300)"
    code = (
        f"import sys, labo; enfant = [sys.executable, '-c', {enfant!r}]\n"
        "from commandes import __main__, servir\n"
        "labo.preparer = lambda: None\n"
        "servir.commandes_du_service = lambda *_: (enfant, enfant, {})\n"
        "labo.ouvrir = lambda nom: labo.lancer_et_attendre(enfant)\n"
        f"sys.argv = ['labo.py', {commande!r}]\n"
        f"sys.exit(labo.principal({obeir}))"
    )
    processus = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=labo.RACINE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=dict(os.environ, PYTHONUTF8="1"),
    )
    for _ in range(programmes):
        assert processus.stderr.readline() == "prêt\n"
    processus.send_signal(signal.SIGTERM)
    # L'erreur standard, partagée, ne se ferme que lorsque tous les programmes ont fini.
    processus.communicate(timeout=60)


def test_le_service_et_la_page_ignorent_les_mandataires(environnement, monkeypatch):
    environnement("all_proxy", "socks5://mandataire.invalid:1080")
    environnement("HTTP_PROXY", "http://mandataire.invalid:3128")
    environnement("no_proxy", "intranet.invalid")
    recus = []

    class Programme:
        returncode = 0

        def __init__(self, _, env, **options):
            recus.append(env)

        poll = wait = terminate = lambda self: 0

    monkeypatch.setattr(servir.subprocess, "Popen", Programme)
    assert servir.servir(None) == 0
    assert len(recus) == 2
    for env in recus:
        mandataires = {nom: v for nom, v in env.items() if nom.lower().endswith("_proxy")}
        assert set(mandataires) == {"no_proxy", "NO_PROXY"}
        assert set(mandataires.values()) == {"127.0.0.1,localhost"}


def test_l_aide_est_en_francais():
    for arguments in (["--help"], ["executer", "-h"]):
        reponse = appeler(*arguments, PYTHONOPTIMIZE="2")
        assert reponse.returncode == 0
        assert reponse.stdout.startswith("Prépare l'environnement")
        assert "usage:" not in reponse.stdout


@pytest.mark.parametrize("arguments", [["lancer"], ["executer", "--vite"], ["adresse"]])
def test_une_commande_incomprise_montre_l_aide(arguments):
    reponse = appeler(*arguments)
    assert reponse.returncode == 2
    assert f"Commande incomprise : « {' '.join(arguments)} »" in reponse.stderr
    assert "Utilisation" in reponse.stderr


def test_les_options_des_tests_vont_a_pytest():
    assert labo.lire_arguments(["tests", "-k", "x", "--lf"]).options == ["-k", "x", "--lf"]


def test_sans_commande_on_ouvre_le_premier_labo():
    choix = labo.lire_arguments([])
    assert (choix.commande, choix.labo) == ("ouvrir", "convolution")


def test_le_premier_echec_des_tests_est_rendu(monkeypatch):
    monkeypatch.setattr(labo, "lancer_et_attendre", Appels(0, 3, 0))
    assert labo.tester([]) == 3
    monkeypatch.setattr(labo, "lancer_et_attendre", Appels(0, 0, 0))
    assert labo.tester([]) == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://github.com/compte/depot",
        "https://gitlab.com/compte/depot",
        "https://github.com/compte",
        "https://github.com/compte/depot/tree/main",
        "https://github.com/com pte/depot",
        "compte/depot",
    ],
)
def test_adresse_refusee(url):
    with pytest.raises(labo.Probleme, match="COMPTE/DEPOT"):
        labo.changer_adresse(url)
