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
import socket
import struct
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

# Une variable, pas la docstring : PYTHONOPTIMIZE=2 ôte les docstrings.
AIDE = """Prépare l'environnement et lance les labos.

Utilisation : python3 labo.py [COMMANDE]          (sous Windows : py labo.py [COMMANDE])

  ouvrir [LABO]      ouvre JupyterLab sur un labo, classification par défaut ;
                     c'est ce qui se passe sans COMMANDE
  preparer           prépare l'environnement sans rien ouvrir
  executer [LABO …]  exécute des labos sans navigateur et range le résultat dans sortie/ ;
                     par défaut classification, puis test_model
      --rapide           sur de petites données, en quelques secondes
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
PLACE_NOTEBOOK = 2_000_000  # octets : un notebook exécuté en fait moins

# Bibliothèques importées après l'installation, quand requirements.txt les demande : paquet, module.
PRINCIPALES = {
    "tensorflow": "tensorflow",
    "keras": "keras",
    "numpy": "numpy",
    "pandas": "pandas",
    "matplotlib": "matplotlib",
    "seaborn": "seaborn",
    "scikit-learn": "sklearn",
    "pillow": "PIL",
    "jupyterlab": "jupyterlab",
    "nbclient": "nbclient",
    "pytest": "pytest",
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


class Probleme(Exception):
    """Ce qui empêche de continuer : ce qui est trouvé, ce qui est attendu, que faire."""


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
    if interrompue and processus.returncode != 0:
        raise KeyboardInterrupt
    return processus.returncode


# --- Un Python convenable --------------------------------------------------------------------


def version_de(commande, module="sys"):
    """Version (majeure, mineure) du Python `commande`, ou None s'il ne tourne pas.

    Un nom présent dans le PATH ne suffit pas : ce peut être un aiguillage vers rien.
    `module` est importé au passage : None aussi s'il manque.
    """
    code = f"import sys, {module}; print(*sys.version_info[:2])"
    try:
        reponse = subprocess.run(
            [*map(str, commande), "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )
        majeure, mineure = reponse.stdout.split()
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
        "(TensorFlow n'est pas publié pour les autres),\net aucun des trois n'est installé ici.\n"
        "Que faire : installez Python 3.13 depuis https://www.python.org/downloads/ puis relancez "
        "cette commande,\nou travaillez sans rien installer dans Codespaces ou Colab (README.md)."
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
        f"TensorFlow n'est pas publié pour {raison}.\n"
        f"Que faire : {remede},\nou travaillez dans Codespaces ou Colab (README.md)."
    )


# --- L'environnement .venv/ ------------------------------------------------------------------


def python_venv():
    """Chemin de l'interpréteur de .venv/."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def temoin():
    """Chemin du fichier écrit, en dernier, quand l'installation est complète."""
    return VENV / "installation-complete"


def empreinte():
    """Somme SHA-256 de requirements.txt : elle change quand il faut réinstaller."""
    return hashlib.sha256((RACINE / "requirements.txt").read_bytes()).hexdigest()


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
    probleme = f"Ce Python n'a pas de quoi créer un environnement virtuel ({paquet} manque).\n"
    if not shutil.which("apt-get"):
        raise Probleme(
            f"{probleme}Que faire : installez les modules « venv » et « ensurepip » de Python avec "
            "le gestionnaire de paquets de votre système, puis relancez."
        )
    droits = droits_apt(appeler)
    a_la_main = f"sudo apt update && sudo apt install {paquet}"
    if droits is None:
        raise Probleme(f"{probleme}Que faire : lancez « {a_la_main} », puis relancez.")
    annoncer(
        f"{probleme}On l'installe avec apt"
        + (" (mot de passe demandé)…" if droits == ["sudo"] else "…")
    )
    apt = [*droits, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y"]
    appeler([*apt, "update"])  # un échec ici n'empêche pas toujours l'installation
    if appeler([*apt, "install", "--no-install-recommends", paquet]) != 0:
        raise Probleme(
            f"apt n'a pas pu installer {paquet} (son message est ci-dessus).\n"
            f"Que faire : vérifiez la connexion à Internet, essayez « {a_la_main} », puis relancez."
        )


def creer_venv():
    """Crée .venv/, ou le refait s'il est incomplet."""
    verifier_machine()
    python = trouver_python()
    if os.pathsep in str(RACINE):
        raise Probleme(
            f"Le chemin de ce dossier contient « {os.pathsep} », que Python n'y admet pas :\n"
            f"{RACINE}\nQue faire : renommez ou déplacez le dossier, puis relancez."
        )
    version = version_de(python)
    if version_de(python, module="ensurepip") is None:
        installer_ensurepip(version)
    etat = "incomplet, ou d'une autre version de Python : on le refait" if VENV.exists() else "créé"
    annoncer(f"Environnement .venv/ {etat} avec Python {version[0]}.{version[1]}…")
    reponse = subprocess.run(
        [*python, "-m", "venv", "--clear", str(VENV)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if reponse.returncode != 0 or version_de([python_venv()], module="pip") is None:
        raise Probleme(
            f"L'environnement .venv/ n'a pas pu être créé :\n{reponse.stdout.decode('utf-8', 'replace').strip()}\n"
            "Que faire : fermez les programmes qui s'en servent (JupyterLab, VS Code), supprimez "
            ".venv/,\nvérifiez que vous avez le droit d'écrire ici, puis relancez."
        )


def environnement_de_pip():
    """Variables pour que pip installe ici, dans .venv/, et tout : il ne garde que PIP_GARDES.

    Un « target » de pip.conf, PIP_PREFIX ou PIP_DRY_RUN mettraient les paquets ailleurs, ou nulle part.
    """
    lecture = subprocess.run(
        [str(python_venv()), "-m", "pip", "config", "list"],
        env=dict(os.environ, PIP_QUIET="0"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    texte = lecture.stdout.decode("utf-8", "replace").replace("\r\n", "\n")
    lus = re.findall(r"^(global|install|:env:)\.([\w-]+)=('.*'|\".*\")$", texte, re.M)
    env = {nom: valeur for nom, valeur in os.environ.items() if not nom.startswith("PIP_")}
    env["PIP_CONFIG_FILE"] = os.devnull  # pip ne lit alors aucun autre fichier de réglages
    for section in ("global", "install", ":env:"):  # la dernière l'emporte, comme chez pip
        for trouvee, option, valeur in lus:
            if trouvee == section and PIP_GARDES.fullmatch(option):
                env["PIP_" + option.upper().replace("-", "_")] = ast.literal_eval(valeur)
    return env


def verifier_bibliotheques():
    """Lève `Probleme` si une bibliothèque principale de requirements.txt ne s'importe pas."""
    demandees = re.findall(r"^[\w-]+", (RACINE / "requirements.txt").read_text("utf-8"), re.M)
    modules = [PRINCIPALES[nom] for nom in demandees if nom in PRINCIPALES]
    essai = subprocess.run(
        [str(python_venv()), "-c", "".join(f"import {module}\n" for module in modules)],
        cwd=str(VENV),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    if essai.returncode != 0:
        lignes = essai.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Probleme(
            "Les bibliothèques sont installées, mais l'une d'elles ne s'importe pas :\n"
            f"{lignes[-1] if lignes else f'arrêt, code {essai.returncode}'}\n"
            "Que faire : supprimez .venv/ puis relancez. Sous Windows, installez d'abord "
            "https://aka.ms/vs/17/release/vc_redist.x64.exe."
        )


def preparer():
    """Rend .venv/ utilisable et à jour ; ne fait rien s'il l'est déjà."""
    if version_de([python_venv()], module="pip") not in VERSIONS:
        creer_venv()
    attendue = empreinte()
    if temoin().exists() and temoin().read_text(encoding="utf-8") == attendue:
        return
    libre = shutil.disk_usage(str(RACINE)).free / 1e9
    if libre < PLACE_NECESSAIRE:
        annoncer(f"Attention : {libre:.1f} Go libres, il en faut environ {PLACE_NECESSAIRE}.")
    annoncer(
        "Installation des bibliothèques (1 Go à télécharger, 3,5 Go sur le disque) : "
        "quelques minutes, cette fois seulement…"
    )
    if temoin().exists():
        temoin().unlink()  # une installation interrompue doit être refaite
    commande = [python_venv(), "-m", "pip", "install", "--disable-pip-version-check"]
    # --no-compile : Python compilera lui-même, à leur premier import, les seuls fichiers dont on se sert.
    commande += ["--prefer-binary", "--no-compile", "-r", RACINE / "requirements.txt"]
    # Sur un terminal, pip montre sa progression ; dans un journal, elle n'apprend rien.
    commande += [] if sys.stdout.isatty() else ["--quiet"]
    if lancer_et_attendre(commande, env=environnement_de_pip()) != 0:
        raise Probleme(
            "L'installation des bibliothèques a échoué (le message de pip est ci-dessus).\n"
            f"Que faire : vérifiez la connexion à Internet et la place libre ({libre:.1f} Go ici), "
            "puis relancez : elle reprendra.\nSous Windows, si un chemin est trop long, placez le "
            "dossier près de la racine (C:\\labos)."
        )
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


# --- Ouvrir et exécuter les labos ------------------------------------------------------------


def trouver_labo(nom):
    """Chemin d'un notebook donné par son chemin ou par son nom, avec ou sans « .ipynb »."""
    for chemin in (Path(nom), LABOS / nom, LABOS / f"{nom}.ipynb"):
        if chemin.suffix == ".ipynb" and chemin.is_file():
            return chemin.resolve()
    connus = ", ".join(chemin.stem for chemin in sorted(LABOS.glob("*.ipynb")))
    raise Probleme(f"Aucun labo ne s'appelle « {nom} ».\nLabos présents : {connus or 'aucun'}.")


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


def etapes(cellules):
    """Position de chaque cellule de code → « cellule 3/12 · le dernier titre Markdown qui la précède »."""
    titre, trouvees = "", {}
    for position, cellule in enumerate(cellules):
        if cellule.cell_type == "markdown":
            titre = ([titre] + re.findall(r"^#+ +(.+)$", cellule.source, re.MULTILINE))[-1].strip()
        elif cellule.cell_type == "code":
            trouvees[position] = titre
    noms = enumerate(trouvees.items(), start=1)
    return {p: f"cellule {rang}/{len(trouvees)} · {titre}" for rang, (p, titre) in noms}


def nettoyer(notebook):
    """Ôte d'un notebook exécuté ce qui dépend de la machine ou ne vit que dans une session."""
    notebook.metadata.clear()
    notebook.metadata.kernelspec = {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata.language_info = {"name": "python"}
    for cellule in notebook.cells:
        if cellule.cell_type == "code":
            cellule.metadata.pop("execution", None)
            # Un widget sans son noyau s'affiche comme une erreur.
            cellule.outputs = [
                sortie
                for sortie in cellule.outputs
                if "application/vnd.jupyter.widget-view+json" not in sortie.get("data", {})
            ]


def lignes_retenues(notebook):
    """Lignes de sortie à rappeler à la fin : données employées, scores, verdicts."""
    motif = r"⚠|Données|Erreur ?:|Précision ?:|Modèle sauvegardé !|Selon moi l'image est"
    sorties = [s for c in notebook.cells if c.cell_type == "code" for s in c.outputs]
    textes = [s.get("text") or s.get("data", {}).get("text/plain", "") for s in sorties]
    return [ligne for texte in textes for ligne in texte.splitlines() if re.match(motif, ligne)]


def lire_notebook(source):
    """Le notebook d'un fichier, sans ses sorties : celles d'une autre exécution ne disent rien de celle-ci."""
    import nbformat

    try:
        notebook = nbformat.read(source, as_version=4)
    except (ValueError, nbformat.ValidationError) as erreur:
        raise Probleme(
            f"{source.name} n'est pas un notebook lisible ({erreur}).\n"
            f"Que faire : récupérez-le, par exemple avec « git checkout -- {source.name} »."
        ) from erreur
    for cellule in notebook.cells:
        if cellule.cell_type == "code":
            cellule.update(outputs=[], execution_count=None)
    return notebook


def executer_notebook(notebook, dossier, env):
    """Exécute un notebook dans un noyau neuf, à partir de `dossier` ; rend None, ou l'échec (texte)."""
    import nbclient

    debut, courante, noms = time.monotonic(), {}, etapes(notebook.cells)

    def suivre(cell, cell_index):
        minutes, secondes = divmod(int(time.monotonic() - debut), 60)
        courante.update(source=cell.source, nom=noms[cell_index])
        annoncer(f"  [{minutes:02d}:{secondes:02d}] {noms[cell_index]}")

    client = nbclient.NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(dossier)}},
        on_cell_execute=suivre,
        record_timing=False,
        coalesce_streams=True,
    )
    try:
        client.execute(env=env)
    except nbclient.exceptions.CellExecutionError as erreur:
        raison = f"{erreur.ename}: {erreur.evalue}"
    except nbclient.exceptions.DeadKernelError:
        raison = "le noyau Python s'est arrêté, le plus souvent faute de mémoire."
    else:
        return None
    return f"{courante['nom']}\n\n{courante['source']}\n\n{raison}" if courante else raison


def dossier_de_sortie(voulu):
    """`voulu` si l'on peut y écrire un notebook, sinon un dossier temporaire, et on le dit."""
    try:
        voulu.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=str(voulu)) as essai:
            essai.write(bytes(PLACE_NOTEBOOK))
            essai.flush()
        return voulu
    except OSError as erreur:
        secours = Path(tempfile.mkdtemp(prefix="labos-sortie-"))
        annoncer(
            f"Impossible d'écrire dans « {voulu} » ({en_francais(erreur)}) : "
            f"le résultat ira dans « {secours} »."
        )
        return secours


def ranger(notebook, dossier, nom):
    """Écrit un notebook exécuté dans `dossier`, ou ailleurs s'il n'y a plus de place ; rend son chemin."""
    import nbformat

    nettoyer(notebook)
    contenu = nbformat.writes(notebook).encode()
    try:
        ecrire(dossier / nom, contenu)
    except OSError:  # le disque s'est rempli pendant l'exécution
        dossier = dossier_de_sortie(dossier)
        ecrire(dossier / nom, contenu)
    return dossier / nom


def executer(noms, rapide=False, dossier=None, sur_place=False):
    """Exécute des labos à la suite ; s'arrête au premier qui échoue et rend alors 1."""
    if rapide and sur_place:
        raise Probleme(
            "--rapide et --sur-place ne vont pas ensemble : les scores du mode rapide ne valent "
            "rien.\nQue faire : ôtez l'un des deux."
        )
    sources = [trouver_labo(nom) for nom in noms or ("classification", "test_model")]
    notebooks = {source: lire_notebook(source) for source in sources}
    # Avant d'y passer des minutes, on s'assure que les résultats pourront être écrits.
    sortie = dossier_de_sortie(Path(dossier or RACINE / "sortie").resolve())
    lieux = {s.parent: dossier_de_sortie(s.parent) if sur_place else sortie for s in sources}
    env = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="labos-") as propre:
        if rapide:
            # En mode rapide, les labos écrivent dans le dossier temporaire : chacun le sien.
            env.update(LABO_RAPIDE="1", TMPDIR=propre, TEMP=propre, TMP=propre)
        bilan = []
        for source, notebook in notebooks.items():
            annoncer(f"\n{source.name}")
            debut = time.monotonic()
            echec = executer_notebook(notebook, source.parent, env)
            # Un notebook fourni n'est remplacé que par une exécution réussie.
            rangement = ranger(notebook, sortie if echec else lieux[source.parent], source.name)
            duree = time.monotonic() - debut
            bilan += [f"\n{source.name} : {duree:.0f} s, résultat dans {nom_court(rangement)}"]
            bilan += [f"  {ligne}" for ligne in lignes_retenues(notebook)]
            if echec:
                break
    annoncer("\n".join(bilan))
    if echec:
        annoncer(f"\nÉCHEC de {source.name}, {echec}")
    return 1 if echec else 0


# --- Servir un modèle ------------------------------------------------------------------------


def premier_port_libre(port):
    """Le premier port libre de cette machine à partir de `port`."""
    for essai in range(port, port + 50):
        with socket.socket() as prise:
            if prise.connect_ex(("127.0.0.1", essai)) != 0:
                return essai
    raise Probleme(
        f"Aucun port libre entre {port} et {port + 49}.\nQue faire : arrêtez un serveur."
    )


def commandes_du_service(modele, port, port_page):
    """Rend (commande du service, commande de la page, réglages d'environnement)."""
    service = [python_venv(), "-m", "uvicorn", "service.api:app", "--app-dir", LABOS]
    service += ["--http", "h11", "--port", port, "--timeout-graceful-shutdown", "5"]
    page = [python_venv(), "-m", "streamlit", "run", LABOS / "service" / "page.py"]
    page += ["--server.port", port_page, "--server.address", "localhost"]
    if (
        os.environ.get("CODESPACES") == "true"
    ):  # la page y est vue sous une autre adresse que la sienne
        page += ["--server.enableCORS", "false", "--server.enableXsrfProtection", "false"]
    reglages = {"SERVICE_MODELE": str(modele), "SERVICE_ADRESSE": f"http://127.0.0.1:{port}"}
    return [str(mot) for mot in service], [str(mot) for mot in page], reglages


def servir(dossier):
    """Lance le service et la page jusqu'à Ctrl+C ; rend le code de retour du premier qui s'arrête."""
    modele = Path(dossier).resolve() if dossier else RACINE / "modele" / "reference"
    if not (modele / "modele.tflite").is_file():
        raise Probleme(
            f"Pas de modèle exporté (modele.tflite) dans « {nom_court(modele)} ».\n"
            "Que faire : exportez-le avec la section 1 de analyse_image/deploiement.ipynb, "
            "ou lancez « servir » sans rien : modele/reference."
        )
    port, port_page = premier_port_libre(8000), premier_port_libre(8501)
    service, page, reglages = commandes_du_service(modele, port, port_page)
    annoncer(f"Modèle : {nom_court(modele)}. Pour tout arrêter : Ctrl+C ici.")
    annoncer(f"  service : http://localhost:{port}/docs\n  page    : http://localhost:{port_page}")
    # Service et page ne se parlent que sur cette machine : aucun serveur mandataire n'a à s'en mêler.
    env = {nom: v for nom, v in os.environ.items() if not nom.lower().endswith("_proxy")}
    env.update(reglages)
    sans_mandataire(env)
    processus = [subprocess.Popen(service, env=env)]
    try:
        processus.append(subprocess.Popen(page, env=env, stdout=subprocess.DEVNULL))
        while all(p.poll() is None for p in processus):
            time.sleep(0.2)
        return next(p.returncode for p in processus if p.returncode is not None)
    except KeyboardInterrupt:
        annoncer("Service et page arrêtés.")
        return 0
    finally:
        for p in processus:
            p.terminate()
        for p in processus:
            p.wait()


# --- Publier -----------------------------------------------------------------------------------


def publier(arguments):
    """Lance « python -m publication » ; le site a ses propres bibliothèques, que pip ajoute à .venv/."""
    if arguments[0] == "site":
        installer = [
            python_venv(),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        installer += ["--prefer-binary", "-r", RACINE / "publication" / "requirements.txt"]
        if lancer_et_attendre(installer, env=environnement_de_pip()) != 0:
            raise Probleme(
                "Les bibliothèques du site n'ont pas pu être installées (le message de pip est ci-dessus).\n"
                "Que faire : vérifiez la connexion à Internet, puis relancez."
            )
    env = dict(os.environ, PYTHONPATH=str(RACINE))
    return lancer_et_attendre([python_venv(), "-m", "publication", *arguments], env=env)


# --- Vérifier le dépôt, écrire son adresse ---------------------------------------------------


def tester(options):
    """Style du code (ruff), puis pytest, notebooks compris ; rend le premier code d'échec."""
    python, codes = python_venv(), []
    etapes = (
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        # Deux à la fois, un fichier (un notebook) toujours d'un même côté ; « -n 0 » : un seul processus.
        ["pytest", "-n2", "--dist=loadfile", "--no-loadscope-reorder", "--durations=15", *options],
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
    forme = (
        r"https://github\.com/([A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}?)(?:\.git)?/?"
    )
    correspondance = re.fullmatch(forme, url.strip())
    if not correspondance:
        raise Probleme(
            f"« {url} » n'est pas l'adresse d'un dépôt GitHub.\nAttendu : https://github.com/COMPTE/DEPOT"
        )
    nouveau = correspondance.group(1)
    projet = RACINE / "pyproject.toml"
    ligne = re.search(
        r'^adresse = "https://github\.com/([^"\s]+)"$', projet.read_text(encoding="utf-8"), re.M
    )
    if not ligne:
        raise Probleme(
            "pyproject.toml n'a plus, dans [tool.labo], de ligne "
            '« adresse = "https://github.com/COMPTE/DEPOT" ».'
            "\nQue faire : remettez-la, puis relancez."
        )
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
        apres = ancienne.sub(rf"\g<1>{nouveau}", avant)
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
    commandes.add_parser("ouvrir").add_argument("labo", nargs="?", default="classification")
    commandes.add_parser("preparer")
    execution = commandes.add_parser("executer")
    execution.add_argument("labos", nargs="*")
    execution.add_argument("--rapide", action="store_true")
    lieu = execution.add_mutually_exclusive_group()
    lieu.add_argument("--sortie")
    lieu.add_argument("--sur-place", action="store_true")
    commandes.add_parser("servir").add_argument("modele", nargs="?")
    for nom in ("site", "publier"):
        publication = commandes.add_parser(nom, prefix_chars="\0", add_help=False)
        publication.add_argument("options", nargs="*")
    commandes.add_parser("tests", prefix_chars="\0", add_help=False).add_argument(
        "options", nargs="*"
    )
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
    regler_environnement()
    preparer()
    if choix.commande == "ouvrir":
        return ouvrir(choix.labo)
    if choix.commande == "servir":
        return servir(choix.modele)
    if choix.commande in ("site", "publier"):
        return publier([choix.commande, *choix.options])
    if choix.commande == "tests":
        return tester(choix.options)
    if choix.commande == "executer":
        if Path(sys.prefix).resolve() != VENV.resolve():
            # nbclient n'est installé que dans .venv/ : on s'y relance.
            return lancer_et_attendre([python_venv(), __file__, *arguments])
        return executer(choix.labos, choix.rapide, choix.sortie, choix.sur_place)
    return 0


def tolerant(flux):
    """Le même flux de texte, qu'un caractère inconnu de la console n'interrompt pas."""
    if hasattr(flux, "reconfigure"):
        flux.reconfigure(errors="replace")
        return flux
    return io.TextIOWrapper(flux.detach(), flux.encoding, "replace", line_buffering=True)  # 3.6


def principal():
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
        return 130


if __name__ == "__main__":
    sys.exit(principal())
