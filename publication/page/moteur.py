"""LiteRT.js, le moteur qui fait répondre un réseau dans un navigateur : une version, vérifiée, jamais dans le dépôt."""

import gzip
import tarfile

from outils.fichiers import dossier_inscriptible, telecharger

VERSION = "2.5.3"
REGISTRE = "https://registry.npmjs.org/@litertjs"  # l'adresse officielle des paquets npm
PAQUETS = {
    "core": "a97660833e9e7e1063c95e12016718881240b14f7438728a2f62785e912d30fd",
    "wasm-utils": "ce2a1f8379c067be49e59752e5a7f40db6be09f6e497f0f11e59f17b515366a7",
}
# Le second sert aux navigateurs qui ignorent une extension récente de WebAssembly (« relaxed SIMD »).
VARIANTES = ("litert_wasm_internal", "litert_wasm_compat_internal")


def obtenir():
    """Les deux paquets npm {nom: chemin}, téléchargés la première fois (12 Mo). Lève `ConnectionError`."""
    dossier = dossier_inscriptible() / "litertjs"
    return {
        nom: telecharger(
            [f"{REGISTRE}/{nom}/-/{nom}-{VERSION}.tgz"],
            dossier / f"{nom}-{VERSION}.tgz",
            f"sha256:{somme}",
        )
        for nom, somme in PAQUETS.items()
    }


def poser(dossier):
    """Écrit dans `dossier` ce que la page charge du moteur : deux modules, et deux variantes compressées."""
    paquets = obtenir()
    dossier.mkdir()

    def lire(paquet, fichier):
        with tarfile.open(paquets[paquet]) as archive:
            return archive.extractfile(f"package/{fichier}").read()

    # Un navigateur ne trouve un module que par son adresse ; et la politique de la page interdit toute autre carte.
    index = lire("core", "dist/index.js").replace(b'"@litertjs/wasm-utils"', b'"./wasm-utils.js"')
    (dossier / "index.js").write_bytes(index)
    (dossier / "wasm-utils.js").write_bytes(lire("wasm-utils", "dist/index.js"))
    for variante in VARIANTES:
        (dossier / f"{variante}.js").write_bytes(lire("core", f"wasm/{variante}.js"))
        moteur = gzip.compress(lire("core", f"wasm/{variante}.wasm"), 6, mtime=0)
        (dossier / f"{variante}.wasm.compresse").write_bytes(moteur)
    licence = f"LiteRT.js {VERSION} (paquets npm @litertjs/core et @litertjs/wasm-utils), Google, Apache 2.0.\n"
    (dossier / "LISEZMOI.txt").write_text(licence, encoding="utf-8")
