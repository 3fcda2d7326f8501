"""Lancer un programme dont on se méfie : limites de temps, de mémoire et de fichiers, et rien qui lui survive.

Ce n'est pas un bac à sable : un programme malveillant garde les droits de qui le lance (voir README.md).
"""

import contextlib
import ctypes
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil

MARQUE = "CORRECTION_JETON"
GO = 1024**3
ARRET = (
    threading.Event()
)  # levé par Ctrl+C : chaque `lancer` en cours tue son programme et rend la main
PROCESSUS_MAX = 150  # une forêt de processus plus grande est une « fork bomb »


@dataclass
class Fin:
    """Comment un programme a fini : `code` (None s'il a été arrêté), `raison` en français, durée, restes."""

    code: int | None
    raison: str
    secondes: float
    orphelins: list
    erreur: str = ""


@contextlib.contextmanager
def equipe(ouvriers):
    """Groupe de fils d'exécution dont une interruption arrête aussi les programmes lancés."""
    with ThreadPoolExecutor(ouvriers) as groupe:
        try:
            yield groupe
        except BaseException:
            ARRET.set()
            groupe.shutdown(wait=False, cancel_futures=True)
            raise


def se_limiter(memoire=None, fichier=None, secondes=None):
    """Pose sur le processus courant et ses descendants les limites que le système connaît (POSIX)."""
    try:
        import resource
    except ImportError:  # Windows : seule la surveillance de `lancer` s'applique
        return
    for limite, valeur in (
        (resource.RLIMIT_AS, memoire),
        (resource.RLIMIT_FSIZE, fichier),
        (resource.RLIMIT_CPU, secondes),
        (resource.RLIMIT_CORE, 0),
    ):
        if valeur is not None:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(limite, (int(valeur), int(valeur)))
    if (
        sys.platform == "linux"
    ):  # RLIMIT_AS sur macOS refuse souvent ; les orphelins nous reviennent
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _famille(processus, jeton):
    """Les descendants vivants d'un processus, et tout processus qui porte son jeton."""
    vus = {}
    with contextlib.suppress(psutil.Error):
        vus.update({p.pid: p for p in processus.children(recursive=True)})
    for p in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if p.pid not in vus and p.pid != os.getpid() and p.environ().get(MARQUE) == jeton:
                vus[p.pid] = p
    return list(vus.values())


def _tuer(processus):
    for p in processus:
        with contextlib.suppress(psutil.Error):
            p.kill()
    psutil.wait_procs(processus, timeout=5)


def lancer_borne(
    commande,
    duree,
    memoire=None,
    env=None,
    dossier=None,
    silence=None,
    signal_de_vie=None,
    suivre=None,
):
    """Exécute `commande` dans sa propre session et rend sa `Fin`.

    `duree` : secondes au plus ; `memoire` : octets résidents au plus, tous descendants compris ;
    `signal_de_vie` : fichier qui doit être modifié au moins toutes les `silence` secondes (`suivre` est alors
    appelée). À la fin, tout processus resté vivant dans l'arbre, ou portant le jeton de cet appel, est tué et nommé.
    """
    jeton = uuid.uuid4().hex
    env = {**(os.environ if env is None else env), MARQUE: jeton}
    debut = time.monotonic()
    with tempfile.TemporaryFile() as journal:
        enfant = subprocess.Popen(
            [str(mot) for mot in commande],
            cwd=dossier,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=journal,
            start_new_session=True,
        )
        processus = psutil.Process(enfant.pid)
        vie = _Vie(signal_de_vie, silence, suivre) if silence else None
        raison = _surveiller(enfant, processus, debut + duree, duree, memoire, vie)
        noms = _tout_arreter(enfant, processus, jeton, debut + duree + 30)
        journal.seek(max(0, journal.seek(0, os.SEEK_END) - 4_000))
        erreur = journal.read().decode("utf-8", "replace")
    code = enfant.returncode if not raison else None
    if code is not None and code < 0:
        raison = f"mort (signal {-code})"
    return Fin(code, raison, time.monotonic() - debut, noms, erreur)


class _Vie:
    """Signes de vie d'un programme : un fichier qu'il modifie."""

    def __init__(self, fichier, silence, suivre):
        self.fichier, self.silence, self.suivre = fichier, silence, suivre
        self.etat, self.dernier = None, time.monotonic()

    def muette(self):
        """Vrai si le fichier n'a pas changé depuis `silence` secondes ; appelle `suivre` à chaque changement."""
        with contextlib.suppress(OSError):
            etat = os.stat(self.fichier).st_mtime_ns
            if etat != self.etat:
                self.etat, self.dernier = etat, time.monotonic()
                if self.suivre:
                    self.suivre()
        return time.monotonic() - self.dernier > self.silence


def _surveiller(enfant, processus, echeance, duree, memoire, vie):
    """Attend la fin de l'enfant ; rend la raison (texte) de l'arrêter, ou « » s'il finit de lui-même."""
    tour = 0
    while enfant.poll() is None:
        time.sleep(0.05 if tour < 40 else 0.3)
        tour += 1
        if ARRET.is_set():
            return "interrompu"
        if time.monotonic() > echeance:
            return f"arrêté : plus de {duree:.0f} s"
        if vie and vie.muette():
            return f"arrêté : sans nouvelles depuis {vie.silence:.0f} s"
        if memoire and tour % 5 == 0 and (raison := _demesure(processus, memoire)):
            return raison
    return ""


def _demesure(processus, memoire):
    famille, total = [], 0
    with contextlib.suppress(psutil.Error):
        famille = [processus, *processus.children(recursive=True)]
    for p in famille:
        with contextlib.suppress(psutil.Error):
            total += p.memory_info().rss
    if total > memoire:
        return f"arrêté : plus de {memoire / GO:.1f} Go de mémoire".replace(".", ",")
    if len(famille) > PROCESSUS_MAX:
        return f"arrêté : plus de {PROCESSUS_MAX} processus à la fois"
    return ""


def _tout_arreter(enfant, processus, jeton, echeance):
    """Tue l'enfant et tout ce qu'il a laissé ; rend les noms des programmes laissés en marche."""
    orphelins = _famille(processus, jeton)
    noms = []
    for p in orphelins:
        with contextlib.suppress(psutil.Error):
            noms.append(p.name())
    if enfant.poll() is None:
        orphelins.append(processus)
    _tuer(orphelins)
    while restes := _famille(processus, jeton):  # ce qui est né pendant qu'on tuait
        _tuer(restes)
        if time.monotonic() > echeance:
            break
    with contextlib.suppress(subprocess.TimeoutExpired):
        enfant.wait(timeout=10)
    return noms
