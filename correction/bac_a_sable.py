"""Enfermer un programme : il ne voit que Python et son dossier, n'écrit que là, n'a ni réseau ni privilège.

Avec `bwrap` (bubblewrap) s'il est installé, sinon avec deux espaces de noms emboîtés (`unshare`) : dans le second,
le programme n'est plus maître des montages du premier, et ne peut ni les remonter ni les défaire.
"""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

# Du système, en lecture : programmes, bibliothèques, polices et réglages qui n'ont rien de secret.
SYSTEME = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32")
REGLAGES = (
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/fonts",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/alternatives",
    "/etc/nsswitch.conf",
)
OUVERT = """Aucun bac à sable ne peut être monté ici (ni bwrap, ni espaces de noms emboîtés).
  Ouvert  : le code des étudiants tournerait avec vos droits. Il pourrait lire vos fichiers, ce corrigé et les autres
            remises, les modifier ou les effacer, et joindre le réseau. Temps et mémoire, eux, restent bornés.
  Remède  : installez bubblewrap (apt install bubblewrap), ou employez un conteneur ou un compte jetable."""
# Monte une racine neuve, y entre, puis passe dans un second espace de noms, sans privilège.
SCRIPT = """set -e
racine=$1; shift
mount -t tmpfs tmpfs "$racine"
mkdir -p "$racine/proc" "$racine/dev" "$racine/tmp" "$racine/ancienne"
mount -t tmpfs tmpfs "$racine/tmp"
for nom in null zero full random urandom; do
  : > "$racine/dev/$nom"; mount --bind "/dev/$nom" "$racine/dev/$nom"
done
mkdir "$racine/dev/shm"; mount -t tmpfs tmpfs "$racine/dev/shm"
ln -s /proc/self/fd "$racine/dev/fd"
mount -t proc proc "$racine/proc"
while [ "$1" != "--" ]; do
  mode=$1; source=$2; cible=$3; shift 3
  if [ -d "$source" ]; then mkdir -p "$racine$cible"
  else mkdir -p "$(dirname "$racine$cible")"; : > "$racine$cible"; fi
  mount --bind "$source" "$racine$cible"
  if [ "$mode" = ro ]; then mount -o remount,bind,ro "$racine$cible"; fi
done
dossier=$2; shift 2
cd "$racine"
pivot_root . ancienne
umount -l /ancienne
mount -o remount,ro /
cd "$dossier"
exec unshare --user --map-user=1000 --map-group=1000 -- "$@"
"""


def prefixe(ecriture, lecture=(), dossier=None):
    """Début de commande qui enferme la suite, ou None si rien ici ne le permet.

    `ecriture` : seuls dossiers où écrire ; `lecture` : dossiers lisibles en plus de Python et du système ;
    `dossier` : dossier courant du programme (par défaut le premier de `ecriture`). Les chemins restent les mêmes.
    """
    moyen = disponible()
    if not moyen:
        return None
    ecriture = [Path(d).resolve() for d in ecriture]
    montages = [("ro", source, cible) for source, cible in _visibles(lecture)]
    montages += [("rw", d, d) for d in ecriture]
    return _PREFIXES[moyen](montages, Path(dossier or ecriture[0]).resolve())


@functools.cache
def disponible():
    """« bwrap », « unshare », ou « » : le premier moyen qui marche ici."""
    if sys.platform != "linux":
        return ""
    for moyen in ("bwrap", "unshare"):
        if shutil.which(moyen):
            montages = [("ro", source, cible) for source, cible in _visibles(())]
            commande = [*_PREFIXES[moyen](montages, Path("/tmp")), sys.executable, "-c", ""]
            try:
                if subprocess.run(commande, capture_output=True, timeout=30).returncode == 0:
                    return moyen
            except (OSError, subprocess.TimeoutExpired):
                continue
    return ""


def _visibles(lecture):
    """[(source, place)] de ce qui se lit : le système, Python et ses bibliothèques, et `lecture`."""
    pythons = {Path(p) for p in (sys.prefix, sys.base_prefix, Path(sys.executable).parent)}
    pythons |= {Path(p).resolve() for p in pythons}
    pythons |= {Path(os.path.realpath(sys.executable)).parent}
    systeme = [Path(p) for p in SYSTEME + REGLAGES if os.path.exists(p)]
    voulus = [*systeme, *sorted(pythons), *map(Path, lecture)]
    gardes = []
    for chemin in voulus:
        deja = any(chemin.is_relative_to(place) for _, place in gardes)
        if chemin == Path("/") or deja or not chemin.exists():
            continue
        gardes.append((chemin.resolve(), chemin))
    return gardes


def _bwrap(montages, dossier):
    commande = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    commande += ["--uid", "1000", "--gid", "1000", "--hostname", "labo"]
    commande += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for mode, source, cible in montages:
        commande += ["--bind" if mode == "rw" else "--ro-bind", str(source), str(cible)]
    return [*commande, "--remount-ro", "/", "--chdir", str(dossier), "--"]


def _unshare(montages, dossier):
    commande = ["unshare", "--user", "--map-root-user", "--net", "--ipc", "--uts", "--mount"]
    commande += ["--pid", "--fork", "--kill-child", "sh", "-c", SCRIPT, "sh", "/mnt"]
    for mode, source, cible in montages:
        commande += [mode, str(source), str(cible)]
    return [*commande, "--", str(dossier)]


_PREFIXES = {"bwrap": _bwrap, "unshare": _unshare}
