#!/usr/bin/env python3
"""Prépare l'environnement et lance les labos : les commandes du README."""

# La préparation doit tourner sur tout Python 3.6+, sans rien d'installé : c'est elle qui trouve un
# Python convenable et dit clairement ce qui manque. Le reste s'exécute dans .venv/.

import argparse
import ast
import errno
import hashlib
import io
import os
import platform
import re
import shutil
import signal
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path
from urllib.parse import quote

# Une variable, pas la docstring : PYTHONOPTIMIZE=2 ôte les docstrings.
AIDE = """Prépare l'environnement et lance les labos.

Utilisation : python3 labo.py [COMMANDE]          (sous Windows : py labo.py [COMMANDE])

  ouvrir [LABO]      ouvre JupyterLab sur un labo, convolution (le premier) par défaut ;
                     c'est ce qui se passe sans COMMANDE
  preparer           prépare l'environnement sans rien ouvrir
  executer [LABO …]  exécute des labos sans navigateur et range le résultat dans sortie/ ;
                     par défaut classification, puis test_model
      --rapide           sur de petites données, en une à deux minutes
      --sortie DOSSIER   range le résultat dans ce dossier
      --sur-place        remplace chaque notebook par sa version exécutée
  servir [MODELE]    lance le service et sa page (labo 7) avec un modèle exporté ;
                     par défaut modele/reference
  publier [MODELE]   le modèle en une page, à mettre en ligne sans serveur, dans sortie/page ;
                     par défaut le vôtre (modele/), ou modele/reference
  site               les labos en un site, à lire sans réseau ni serveur, dans sortie/site
      --sortie DOSSIER   (publier, site) dans ce dossier
  tests [OPTIONS]    vérifie le style du code et passe tous les tests ; OPTIONS vont à pytest
  adresse URL        écrit partout l'adresse publique du dépôt : https://github.com/COMPTE/DEPOT

Toutes, sauf « adresse », créent d'abord .venv/ et y installent requirements.txt, une fois.
"""

RACINE = Path(__file__).resolve().parent
LABOS = RACINE / "analyse_image"
VENV = RACINE / ".venv"
VERSIONS = ((3, 13), (3, 12), (3, 11))
PLACE_NECESSAIRE = 5  # Go : bibliothèques installées et fichiers téléchargés

# Bibliothèques importées après l'installation, quand requirements.txt les demande.
PRINCIPALES = {
    *("tensorflow", "keras", "numpy", "pandas", "matplotlib", "seaborn"),
    *("jupyterlab", "nbclient", "pytest"),
}

# Ce que pip garde des réglages de la machine : où sont les paquets, et comment on y va.
PIP_GARDES = re.compile(
    r"(extra-)?index-url|find-links|no-index|constraint|trusted-host|(client-)?cert|proxy|use-feature"
    r"|(default-)?timeout|retries|(no-)?cache-dir|keyring-provider"
)

# Variables héritées qui changeraient sans le dire les modules importés, les calculs ou les figures…
ECARTEES = re.compile(
    r"PYTHON[A-Z]|JUPYTER_PATH$|MPLBACKEND$|MATPLOTLIBRC$|KERAS_|TF_USE_LEGACY_KERAS$|PYTEST_"
)
# … et celles qui n'y changent rien.
SANS_EFFET = re.compile(r"PYTHON(FAULTHANDLER|HASHSEED|PYCACHEPREFIX|UNBUFFERED|UTF8)$|KERAS_HOME$")
LOCALES = "127.0.0.1,localhost"
INTERROMPU = 130  # code de retour d'une de nos commandes arrêtée par Ctrl+C, qui l'a déjà dit


class Probleme(Exception):
    """Ce qui empêche de continuer : ce qui est trouvé ou attendu, et le remède."""

    def __init__(self, constat, remede):
        super().__init__(f"{constat}\nRemède : {remede}")


class Termine(KeyboardInterrupt):
    """On a demandé à ce programme, et à lui seul, de s'arrêter (SIGTERM)."""


def terminer(*_):
    raise Termine


def nom_court(chemin):
    """Chemin relatif au dépôt s'il est dedans."""
    return chemin.relative_to(RACINE) if RACINE in chemin.parents else chemin


def annoncer(message):
    print(message, flush=True)


def en_francais(erreur):
    """Pourquoi le système a refusé de lire ou d'écrire, en français."""
    refus = dict.fromkeys((errno.EACCES, errno.EPERM), "vous n'en avez pas le droit")
    refus.update(dict.fromkeys((errno.EEXIST, errno.ENOTDIR), "ce n'est pas un dossier"))
    refus.update({errno.ENOSPC: "le disque est plein", errno.EROFS: "il est en lecture seule"})
    return refus.get(erreur.errno, erreur.strerror)


def ecrire(chemin, contenu):
    """Écrit des octets dans un fichier, d'un coup : entier, ou pas du tout."""
    provisoire = chemin.with_name(f".{chemin.name}.provisoire")
    try:
        provisoire.write_bytes(contenu)
        os.replace(str(provisoire), str(chemin))
    finally:
        if provisoire.exists():
            provisoire.unlink()


def lancer_et_attendre(commande, **options):
    """Lance une commande et rend son code de retour ; Ctrl+C va à elle, et on attend sa fin.

    Un arrêt demandé à ce seul programme (SIGTERM) lui est transmis.
    """
    interrompue = False
    with subprocess.Popen([str(mot) for mot in commande], **options) as processus:
        while processus.returncode is None:
            try:
                processus.wait()
            except Termine:
                interrompue = True
                processus.terminate()
            except KeyboardInterrupt:
                interrompue = True
    if interrompue and processus.returncode not in (0, INTERROMPU):
        raise KeyboardInterrupt
    return processus.returncode


def interroger(commande, **options):
    """Lance une commande sans rien montrer ; rend sa réponse : returncode, stdout et stderr (textes)."""
    tubes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    options.update(tubes, stdin=subprocess.DEVNULL, encoding="utf-8", errors="replace")
    return subprocess.run([str(mot) for mot in commande], **options)


def python_venv():
    """Chemin de l'interpréteur de .venv/."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def lancer_module(module, arguments):
    """Lance un de nos modules, qui a besoin des bibliothèques de .venv/ ; rend son code de retour."""
    env = dict(os.environ, PYTHONPATH=str(RACINE))
    return lancer_et_attendre([python_venv(), "-m", module, *arguments], env=env)


# --- Un Python convenable --------------------------------------------------------------------


def version_de(commande, module="sys"):
    """Version (majeure, mineure) du Python `commande`, ou None s'il ne tourne pas.

    Un nom présent dans le PATH ne suffit pas : ce peut être un aiguillage vers rien.
    `module` est importé au passage : None aussi s'il manque.
    """
    code = f"import sys, {module}; print(*sys.version_info[:2])"
    try:
        majeure, mineure = interroger([*commande, "-c", code], timeout=60).stdout.split()
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return int(majeure), int(mineure)


def trouver_python():
    """Commande (liste) d'un Python 3.11 à 3.13 : celui qui exécute ce fichier, sinon un autre."""
    if sys.version_info[:2] in VERSIONS:
        # Depuis un environnement virtuel, on remonte à l'interpréteur qui l'a créé.
        return [getattr(sys, "_base_executable", None) or sys.executable]
    for majeure, mineure in VERSIONS:
        for commande in ([f"python{majeure}.{mineure}"], ["py", f"-{majeure}.{mineure}"]):
            if shutil.which(commande[0]) and version_de(commande) == (majeure, mineure):
                return commande
    raise Probleme(
        f"Python {platform.python_version()} ne convient pas : il faut Python 3.11, 3.12 ou 3.13 "
        "(TensorFlow n'est pas publié pour les autres),\net aucun des trois n'est installé ici.",
        "installez Python 3.13 depuis https://www.python.org/downloads/ puis relancez cette commande,"
        "\nou travaillez sans rien installer dans Codespaces ou Colab (README.md).",
    )


def verifier_machine(plateforme=None, machine=None, bits=None):
    """Lève `Probleme` si TensorFlow n'est pas publié pour cette machine."""
    plateforme = plateforme or sysconfig.get_platform()
    machine = machine or platform.machine()
    bits = bits or 8 * struct.calcsize("P")
    if bits < 64:
        raison = "un Python 32 bits"
        remede = "installez un Python 64 bits (https://www.python.org/downloads/)"
    elif plateforme.startswith("macosx") and machine == "x86_64":
        raison = "un Mac à processeur Intel"
        remede = "sur un Mac M1 ou plus récent, installez le Python de python.org"
    elif plateforme == "win-arm64":
        raison = "un Python ARM sous Windows"
        remede = "installez le Python 64 bits « x86-64 » (https://www.python.org/downloads/)"
    else:
        return
    raise Probleme(
        f"TensorFlow n'est pas publié pour {raison}.",
        f"{remede},\nou travaillez dans Codespaces ou Colab (README.md).",
    )


# --- L'environnement .venv/ ------------------------------------------------------------------


def temoin():
    """Chemin du fichier écrit, en dernier, quand l'installation est complète."""
    return VENV / "installation-complete"


def empreinte():
    """Somme SHA-256 de requirements.txt : elle change quand il faut réinstaller."""
    return hashlib.sha256((RACINE / "requirements.txt").read_bytes()).hexdigest()


def place_libre():
    """Gigaoctets libres là où l'on installe."""
    return shutil.disk_usage(str(RACINE)).free / 1e9


def droits_apt(appeler=subprocess.call):
    """Ce qui précède apt-get : rien pour root, sudo s'il est utilisable, None sinon."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        if appeler(["sudo", "-n", "true"], stderr=subprocess.DEVNULL) == 0:
            return ["sudo", "-n"]
        if sys.stdin.isatty():
            return ["sudo"]
    return None


def installer_ensurepip(version, appeler=subprocess.call):
    """Installe le paquet qui manque à un Debian ou Ubuntu neuf : python3.X-venv."""
    paquet = f"python{version[0]}.{version[1]}-venv"
    constat = f"Ce Python n'a pas de quoi créer un environnement virtuel ({paquet} manque)."
    if not shutil.which("apt-get"):
        remede = "installez ses modules « venv » et « ensurepip » avec le gestionnaire de paquets"
        raise Probleme(constat, f"{remede} de votre système, puis relancez.")
    droits = droits_apt(appeler)
    a_la_main = f"sudo apt update && sudo apt install {paquet}"
    if droits is None:
        raise Probleme(constat, f"lancez « {a_la_main} », puis relancez.")
    demande = " (mot de passe demandé)" if droits == ["sudo"] else ""
    annoncer(f"{constat}\nOn l'installe avec apt{demande}…")
    apt = [*droits, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y"]
    appeler([*apt, "update"])  # un échec ici n'empêche pas toujours l'installation
    if appeler([*apt, "install", "--no-install-recommends", paquet]) != 0:
        raise Probleme(
            f"apt n'a pas pu installer {paquet} (son message est ci-dessus).",
            f"vérifiez la connexion à Internet, essayez « {a_la_main} », puis relancez.",
        )


def creer_venv():
    """Crée .venv/, ou le refait s'il est incomplet."""
    verifier_machine()
    python = trouver_python()
    if os.pathsep in str(RACINE):
        raise Probleme(
            f"Le chemin de ce dossier contient « {os.pathsep} », que Python n'y admet pas :\n{RACINE}",
            "renommez ou déplacez le dossier, puis relancez.",
        )
    version = version_de(python)
    if version_de(python, module="ensurepip") is None:
        installer_ensurepip(version)
    etat = "incomplet, ou d'une autre version de Python : on le refait" if VENV.exists() else "créé"
    annoncer(f"Environnement .venv/ {etat} avec Python {version[0]}.{version[1]}…")
    reponse = interroger([*python, "-m", "venv", "--clear", VENV])
    if reponse.returncode != 0 or version_de([python_venv()], module="pip") is None:
        raise Probleme(
            f"L'environnement .venv/ n'a pas pu être créé :\n{reponse.stdout}{reponse.stderr}".strip(),
            "fermez les programmes qui s'en servent (JupyterLab, VS Code), supprimez .venv/,\n"
            "vérifiez que vous avez le droit d'écrire ici, puis relancez.",
        )


def environnement_de_pip():
    """Variables pour que pip installe ici, dans .venv/, et tout : il ne garde que PIP_GARDES.

    Un « target » de pip.conf, PIP_PREFIX ou PIP_DRY_RUN mettraient les paquets ailleurs, ou nulle part.
    """
    lister = [python_venv(), "-m", "pip", "config", "list"]
    reglages = interroger(lister, env=dict(os.environ, PIP_QUIET="0")).stdout
    lus = re.findall(r"^(global|install|:env:)\.([\w-]+)=('.*'|\".*\")$", reglages, re.M)
    env = {nom: valeur for nom, valeur in os.environ.items() if not nom.startswith("PIP_")}
    env["PIP_CONFIG_FILE"] = os.devnull  # pip ne lit alors aucun autre fichier de réglages
    for section in ("global", "install", ":env:"):  # la dernière l'emporte, comme chez pip
        for trouvee, option, valeur in lus:
            if trouvee == section and PIP_GARDES.fullmatch(option):
                env["PIP_" + option.upper().replace("-", "_")] = ast.literal_eval(valeur)
    return env


def installer(liste, bavard=False):
    """Installe dans .venv/ ce que demande un fichier requirements.txt ; `bavard` : pip montre sa progression."""
    commande = [python_venv(), "-m", "pip", "install", "--disable-pip-version-check"]
    # --no-compile : Python compilera lui-même, à leur premier import, les seuls fichiers dont on se sert.
    commande += ["--prefer-binary", "--no-compile", "-r", liste]
    commande += [] if bavard else ["--quiet"]
    if lancer_et_attendre(commande, env=environnement_de_pip()) != 0:
        raise Probleme(
            "L'installation des bibliothèques a échoué (le message de pip est ci-dessus).",
            f"vérifiez la connexion à Internet et la place libre ({place_libre():.1f} Go ici), "
            "puis relancez : elle reprendra.\nSous Windows, si un chemin est trop long, placez le "
            "dossier près de la racine (C:\\labos).",
        )


def verifier_bibliotheques():
    """Lève `Probleme` si une bibliothèque principale de requirements.txt ne s'importe pas."""
    demandees = re.findall(r"^[\w-]+", (RACINE / "requirements.txt").read_text("utf-8"), re.M)
    imports = "".join(f"import {nom}\n" for nom in demandees if nom in PRINCIPALES)
    essai = interroger([python_venv(), "-c", imports], cwd=str(VENV))
    if essai.returncode != 0:
        lignes = essai.stderr.strip().splitlines()
        raise Probleme(
            "Les bibliothèques sont installées, mais l'une d'elles ne s'importe pas :\n"
            f"{lignes[-1] if lignes else f'arrêt, code {essai.returncode}'}",
            "supprimez .venv/ puis relancez. Sous Windows, installez d'abord "
            "https://aka.ms/vs/17/release/vc_redist.x64.exe.",
        )


def preparer():
    """Rend .venv/ utilisable et à jour ; ne fait rien s'il l'est déjà."""
    if version_de([python_venv()], module="pip") not in VERSIONS:
        creer_venv()
    attendue = empreinte()
    if temoin().exists() and temoin().read_text(encoding="utf-8") == attendue:
        return
    if place_libre() < PLACE_NECESSAIRE:
        annoncer(
            f"Attention : {place_libre():.1f} Go libres, il en faut environ {PLACE_NECESSAIRE}."
        )
    annoncer(
        "Installation des bibliothèques (1 Go à télécharger, 3,5 Go sur le disque) : "
        "quelques minutes, cette fois seulement…"
    )
    if temoin().exists():
        temoin().unlink()  # une installation interrompue doit être refaite
    installer(RACINE / "requirements.txt", bavard=sys.stdout.isatty())  # dans un journal, rien
    verifier_bibliotheques()
    ecrire(temoin(), attendue.encode())
    annoncer("Environnement prêt.")


def regler_environnement():
    """Règle les variables d'environnement, pour ce programme et pour ceux qu'il lance.

    Les réglages de la machine qui changeraient un résultat sans le dire sont écartés ; un dossier donné
    à partir du dossier courant devient absolu, car les labos tournent dans analyse_image/.
    """
    for nom in list(os.environ):
        option = nom[4:].lower().replace("_", "-")
        if nom.startswith("PIP_") and option != "config-file" and not PIP_GARDES.fullmatch(option):
            del os.environ[nom]
        if ECARTEES.match(nom) and not SANS_EFFET.match(nom):
            del os.environ[nom]
    os.environ.update(
        IPYTHONDIR=str(VENV / "ipython"),  # les noyaux n'exécutent pas le profil IPython personnel
        JUPYTER_PREFER_ENV_PATH="1",  # le noyau de .venv/, pas celui d'une autre installation
        KERAS_BACKEND="tensorflow",  # le labo 8 choisit JAX lui-même
        PIP_USER="0",  # certaines machines l'imposent, ce que pip refuse dans .venv/
        PYTHONUTF8="1",  # accents et symboles, même sur une console Windows
    )
    for nom in ("LABO_DATAS", "KERAS_HOME"):
        donne = os.environ.get(nom)
        if donne and not os.path.isabs(donne):
            os.environ[nom] = os.path.abspath(os.path.expanduser(donne))
            annoncer(f"{nom}={donne} : dossier « {os.environ[nom]} ».")
    # Sans aucune de ces variables, on n'en crée pas : elle cacherait le mandataire réglé dans le système.
    if any(nom.lower().endswith("_proxy") for nom in os.environ):
        sans_mandataire(os.environ)


def sans_mandataire(env):
    """Ce qui reste sur cette machine ne passe par aucun serveur mandataire (proxy)."""
    deja = env.get("no_proxy") or env.get("NO_PROXY") or ""
    exceptions = deja if deja.endswith(LOCALES) else ",".join(filter(None, (deja, LOCALES)))
    env.update(no_proxy=exceptions, NO_PROXY=exceptions)


# --- Ouvrir un labo --------------------------------------------------------------------------


def trouver_labo(nom):
    """Chemin d'un notebook donné par son chemin ou par son nom, avec ou sans « .ipynb »."""
    for chemin in (Path(nom), LABOS / nom, LABOS / f"{nom}.ipynb"):
        if chemin.suffix == ".ipynb" and chemin.is_file():
            return chemin.resolve()
    connus = ", ".join(chemin.stem for chemin in sorted(LABOS.glob("*.ipynb")))
    raise Probleme(f"Aucun labo ne s'appelle « {nom} ».", f"choisissez parmi {connus or 'aucun'}.")


def options_jupyter(env, root, systeme):
    """Options de JupyterLab selon l'endroit où il tourne."""
    # Ctrl+C arrête sans rien demander ; et certains navigateurs n'ont pas le droit de lire le
    # fichier par lequel Jupyter les redirige.
    options = ["--ServerApp.answer_yes=True", "--ServerApp.use_redirect_file=False"]
    if root:
        options.append("--allow-root")
    if env.get("CODESPACES") == "true":
        domaine = env.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN", "app.github.dev")
        origine = rf"https://{re.escape(env['CODESPACE_NAME'])}-\d+\.{re.escape(domaine)}"
        options += ["--no-browser", f"--ServerApp.allow_origin_pat={origine}"]
    elif systeme == "Linux" and not (env.get("DISPLAY") or env.get("WAYLAND_DISPLAY")):
        options.append("--no-browser")
    return options


def ouvrir(nom):
    """Ouvre JupyterLab sur un labo ; rend son code de retour."""
    labo = trouver_labo(nom)
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    options = options_jupyter(os.environ, root, platform.system())
    annoncer(f"JupyterLab s'ouvre sur {labo.name}. Pour l'arrêter : Ctrl+C ici.")
    if "--no-browser" in options:
        annoncer("Ouvrez dans un navigateur l'adresse « http://localhost:… » affichée ci-dessous.")
    racine = RACINE if RACINE in labo.parents else labo.parent
    page = quote(f"/lab/tree/{labo.relative_to(racine).as_posix()}")
    options += [f"--ServerApp.root_dir={racine}", f"--LabApp.default_url={page}"]
    return lancer_et_attendre([python_venv(), "-m", "jupyterlab", "--log-level=WARN", *options])


# --- Vérifier le dépôt, écrire son adresse ---------------------------------------------------


def tester(options):
    """Style du code (ruff), puis pytest, notebooks compris ; rend le premier code d'échec."""
    python, codes = python_venv(), []
    etapes = (
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        # Trois à la fois pour deux cœurs, car l'un attend souvent (un serveur, pip) ; un fichier (un notebook) reste
        # d'un même côté. « -n 0 » : un seul processus.
        ["pytest", "-n3", "--dist=loadfile", "--no-loadscope-reorder", "--durations=15", *options],
    )
    for etape in etapes:
        annoncer(f"— {' '.join(etape)}")
        codes.append(lancer_et_attendre([python, "-m", *etape], cwd=str(RACINE)))
    if codes[-1] == 0 and any(codes):
        annoncer("Les tests passent, mais ruff a des remarques (plus haut).")
    return next((code for code in codes if code), 0)


def changer_adresse(url):
    """Remplace l'ancienne adresse publique par `url` : pyproject.toml, README.md et notebooks.

    Rend la liste des fichiers changés. L'adresse en vigueur est celle de pyproject.toml.
    """
    attendue = "https://github.com/COMPTE/DEPOT"
    forme = r"https://github\.com/([A-Za-z0-9][A-Za-z0-9-]{0,38}/[\w.-]{1,100}?)(?:\.git)?/?"
    nouveau = re.fullmatch(forme, url.strip(), re.ASCII)
    if not nouveau:
        raise Probleme(
            f"« {url} » n'est pas l'adresse d'un dépôt GitHub.", f"donnez-la ainsi : {attendue}"
        )
    projet = RACINE / "pyproject.toml"
    ligne = r'^adresse = "https://github\.com/([^"\s]+)"$'
    ligne = re.search(ligne, projet.read_text(encoding="utf-8"), re.M)
    if not ligne:
        constat = "pyproject.toml n'a plus l'adresse du dépôt, dans [tool.labo]."
        raise Probleme(constat, f'remettez la ligne « adresse = "{attendue}" », puis relancez.')
    # Les formes sous lesquelles une adresse de dépôt apparaît : GitHub, Colab, Codespaces.
    ancienne = re.compile(
        r"((?:github\.com|colab\.research\.google\.com/github|codespaces\.new)/|[?&]repo=)"
        + re.escape(ligne.group(1))
        + r"(?![\w-])"
    )
    # pyproject.toml vient en dernier : interrompue, la commande peut être relancée.
    fichiers = [RACINE / "README.md", *sorted(LABOS.glob("*.ipynb")), projet]
    changes = []
    for fichier in fichiers:
        avant = fichier.read_bytes().decode("utf-8")
        apres = ancienne.sub(rf"\g<1>{nouveau.group(1)}", avant)
        if apres != avant:
            ecrire(fichier, apres.encode("utf-8"))
            changes.append(fichier)
    return changes


# --- La ligne de commande --------------------------------------------------------------------


class Analyseur(argparse.ArgumentParser):
    """Aide et erreurs en français."""

    def format_help(self):
        return AIDE

    def error(self, message):
        commande = " ".join(sys.argv[1:])
        self.exit(2, f"Commande incomprise : « {commande} ».\n\n{self.format_help()}")


def lire_arguments(arguments):
    """Arguments de la ligne de commande → espace de noms d'argparse."""
    analyseur = Analyseur()
    commandes = analyseur.add_subparsers(dest="commande")
    commandes.add_parser("ouvrir").add_argument("labo", nargs="?", default="convolution")
    commandes.add_parser("preparer")
    execution = commandes.add_parser("executer")
    execution.add_argument("labos", nargs="*")
    execution.add_argument("--rapide", action="store_true")
    lieu = execution.add_mutually_exclusive_group()
    lieu.add_argument("--sortie")
    lieu.add_argument("--sur-place", action="store_true")
    commandes.add_parser("servir").add_argument("modele", nargs="?")
    for nom in ("publier", "site", "tests"):  # leurs options ne sont pas pour nous
        autre = commandes.add_parser(nom, prefix_chars="\0", add_help=False)
        autre.add_argument("options", nargs="*")
    commandes.add_parser("adresse").add_argument("url")
    return analyseur.parse_args(arguments or ["ouvrir"])


def obeir(arguments):
    """Exécute une commande et rend le code de retour du programme."""
    choix = lire_arguments(arguments)
    if choix.commande == "adresse":
        changes = changer_adresse(choix.url)
        for fichier in changes:
            annoncer(f"Adresse écrite dans {nom_court(fichier)}")
        annoncer("" if changes else "Rien à changer : c'est déjà l'adresse du dépôt.")
        return 0
    noms = [choix.labo] if choix.commande == "ouvrir" else getattr(choix, "labos", [])
    for nom in noms:
        trouver_labo(nom)  # un nom mal écrit se dit avant l'installation
    regler_environnement()
    preparer()
    if choix.commande == "ouvrir":
        return ouvrir(choix.labo)
    if choix.commande == "tests":
        return tester(choix.options)
    if choix.commande in ("executer", "servir"):
        return lancer_module("commandes", arguments)
    if choix.commande in ("site", "publier"):
        if choix.commande == "site":  # il a ses propres bibliothèques
            installer(RACINE / "publication" / "requirements.txt")
        return lancer_module("publication", arguments)
    return 0


def tolerant(flux):
    """Le même flux de texte, qu'un caractère inconnu de la console n'interrompt pas."""
    if hasattr(flux, "reconfigure"):
        flux.reconfigure(errors="replace")
        return flux
    return io.TextIOWrapper(flux.detach(), flux.encoding, "replace", line_buffering=True)  # 3.6


def principal(obeir=obeir):
    """Lance une commande ; rend le code de retour du programme, ses échecs dits en français."""
    sys.stdout, sys.stderr = tolerant(sys.stdout), tolerant(sys.stderr)
    signal.signal(signal.SIGTERM, terminer)
    try:
        return obeir(sys.argv[1:])
    except Probleme as probleme:
        print(f"\n{probleme}", file=sys.stderr)
        return 1
    except OSError as erreur:
        nom = erreur.filename or RACINE
        print(
            f"\nImpossible de lire ou d'écrire « {nom} » : {en_francais(erreur)}.", file=sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        print("\nInterrompu. La même commande reprendra où il faut.", file=sys.stderr)
        return INTERROMPU


if __name__ == "__main__":
    sys.exit(principal())
