"""labo.py : préparation de l'environnement, exécution des labos, ligne de commande."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import labo

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


def test_labo_se_lit_avec_python_3_8():
    """Un vieux Python doit pouvoir lire le fichier pour dire qu'il est trop vieux."""
    ast.parse(Path(labo.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))


def test_sans_python_convenable_le_message_dit_quoi_installer(monkeypatch, tmp_path):
    monkeypatch.setattr(labo, "VERSIONS", ((3, 99),))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(labo.Probleme, match=r"3\.11, 3\.12 ou 3\.13") as refus:
        labo.trouver_python()
    assert "python.org" in str(refus.value)
    assert "Colab" in str(refus.value)


@POSIX
def test_un_autre_python_est_pris_seulement_s_il_tourne(monkeypatch, tmp_path):
    for nom, code in (("python3.99", "exit 127"), ("python3.98", "echo 3 98")):
        (tmp_path / nom).write_text(f"#!/bin/sh\n{code}\n", encoding="utf-8")
        (tmp_path / nom).chmod(0o755)
    monkeypatch.setattr(labo, "VERSIONS", ((3, 99), (3, 98)))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert labo.trouver_python() == ["python3.98"]


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
    appels = Appels(1, 0, 1, 0)
    monkeypatch.setattr(labo, "lancer", appels)

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


def test_un_venv_sans_pip_est_repare(depot):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", depot / ".venv"], check=True)
    assert labo.version_de([labo.python_venv()], module="pip") is None
    labo.preparer()
    assert labo.version_de([labo.python_venv()], module="pip") == sys.version_info[:2]


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


def test_executer_range_une_copie_propre_et_rappelle_les_scores(depot, capfd, monkeypatch):
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
    assert labo.executer(["essai"], rapide=True) == 0

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


def test_executer_s_arrete_a_la_cellule_qui_echoue(depot, capfd):
    labos = depot / "analyse_image"
    source = ecrire_notebook(labos / "a.ipynb", "x = 0", "1 / x  # échoue", "print('jamais')")
    ecrire_notebook(labos / "b.ipynb", "print('Données : b')")
    avant = source.read_bytes()
    assert labo.executer(["a", "b"], sur_place=True) == 1

    affiche = capfd.readouterr().out
    assert "ÉCHEC de a.ipynb, cellule 2/3 · Une étape" in affiche
    assert "1 / x  # échoue" in affiche
    assert "ZeroDivisionError: division by zero" in affiche
    assert "b.ipynb" not in affiche
    assert source.read_bytes() == avant  # un échec ne remplace pas le notebook fourni


def test_executer_sur_place_remplace_le_notebook(depot):
    source = ecrire_notebook(depot / "analyse_image" / "a.ipynb", "print('Données : a')")
    assert labo.executer([str(source)], sur_place=True) == 0
    assert nbformat.read(source, as_version=4).cells[1].outputs[0].text == "Données : a\n"
    assert not list((depot / "sortie").iterdir())


def test_executer_refuse_de_fournir_des_scores_du_mode_rapide(depot):
    with pytest.raises(labo.Probleme, match="--rapide"):
        labo.executer(["a"], rapide=True, sur_place=True)


def test_labo_inconnu(depot):
    ecrire_notebook(depot / "analyse_image" / "essai.ipynb")
    with pytest.raises(labo.Probleme, match="(?s)clasification.*essai"):
        labo.trouver_labo("clasification")


def test_notebook_illisible(depot):
    (depot / "analyse_image" / "a.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(labo.Probleme, match="a.ipynb"):
        labo.executer(["a"])


# --- La ligne de commande --------------------------------------------------------------------


def appeler(*arguments):
    return subprocess.run(
        [sys.executable, labo.__file__, *arguments],
        capture_output=True,
        encoding="utf-8",
        env=dict(os.environ, PYTHONUTF8="1"),
    )


@POSIX
@pytest.mark.parametrize("code", [0, 3])
def test_ctrl_c_attend_la_fin_du_programme_lance(code, tmp_path):
    """Ctrl+C : JupyterLab doit pouvoir s'arrêter proprement ; un échec se dit interrompu."""
    programme = (
        "import os, pathlib, signal, sys, time; os.kill(os.getppid(), signal.SIGINT); "
        f"time.sleep(0.5); pathlib.Path({str(tmp_path / 'fini')!r}).touch(); sys.exit({code})"
    )
    if code == 0:
        assert labo.lancer([sys.executable, "-c", programme]) == 0
    else:
        with pytest.raises(KeyboardInterrupt):
            labo.lancer([sys.executable, "-c", programme])
    assert (tmp_path / "fini").exists()


def test_l_aide_est_en_francais():
    for arguments in (["--help"], ["executer", "-h"]):
        reponse = appeler(*arguments)
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
    assert (choix.commande, choix.labo) == ("ouvrir", "classification")


def test_le_premier_echec_des_tests_est_rendu(monkeypatch):
    monkeypatch.setattr(labo, "lancer", Appels(0, 3, 0))
    assert labo.tester([]) == 3
    monkeypatch.setattr(labo, "lancer", Appels(0, 0, 0))
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
