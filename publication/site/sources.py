"""Du dépôt aux sources du site : mêmes textes, mêmes sorties, des liens qui mènent quelque part."""

import html
import posixpath
import re
import shutil
import tomllib

import nbformat

from publication import RACINE

# Les pages que porte le dépôt (la version étudiante en a moins) : fichier → nom au menu.
PAGES = {
    "README.md": "Installer et lancer",
    "ENSEIGNER.md": "Enseigner",
    "correction/README.md": "Distribuer et corriger",
    "CONTRIBUTING.md": "Contribuer",
    "datas/LISEZMOI.md": "Où poser des données",
}
LIEN = re.compile(r"(!?)\[((?:!\[[^\]]*\]\([^)]*\)|[^\[\]])*)\]\(([^()\s]+)\)")
BADGE = re.compile(r"!\[([^\]]*)\]\(https?://[^)]*\)")
CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)


def adresse_publique(racine=RACINE):
    """L'adresse GitHub du dépôt, lue dans pyproject.toml."""
    projet = tomllib.loads((racine / "pyproject.toml").read_text(encoding="utf-8"))
    return projet["tool"]["labo"]["adresse"]


def labos_du_depot(racine=RACINE):
    """Les notebooks {nom: notebook}, dans l'ordre de leur titre « Labo N — … » ; les facultatifs ensuite."""
    chemins = (racine / "analyse_image").glob("*.ipynb")
    labos = {chemin.stem: nbformat.read(chemin, as_version=4) for chemin in chemins}

    def rang(nom):
        numero = re.match(r"Labo (\d+)", titre(labos[nom]))
        return (int(numero[1]) if numero else 99, nom)

    return {nom: labos[nom] for nom in sorted(labos, key=rang)}


def titre(notebook):
    """Le premier titre d'un notebook, ou « Sans titre »."""
    entete = notebook.cells[0].source if notebook.cells else ""
    trouve = re.search(r"^# (.+)$", entete, re.M)
    return trouve[1].strip() if trouve else "Sans titre"


def duree(notebook):
    """La durée qu'annonce l'en-tête d'un notebook, jusqu'à la première précision, ou « »."""
    entete = " ".join(notebook.cells[0].source.split()) if notebook.cells else ""
    trouve = re.search(r"\*\*Durée\*\* : ([^,;(.]+)", entete)
    return trouve[1].strip() if trouve else ""


def relier(texte, page, presents, racine=RACINE):
    """Le texte Markdown d'une page, dont chaque lien mène quelque part.

    Un lien vers une page du site (`presents`) ou une image du dépôt reste ; vers un autre fichier du dépôt, il
    mène à GitHub ; un badge, qui vient du réseau, devient son texte. Rend (texte, images à copier).
    """
    dossier, images = posixpath.dirname(page), set()

    def lien(trouve):
        image, texte, cible = trouve.groups()
        texte = BADGE.sub(r"\1", texte)
        chemin, diese, ancre = cible.partition("#")
        if re.match(r"[a-z]+:", cible) or not chemin:
            return BADGE.sub(r"\1", trouve[0]) if image else f"[{texte}]({cible})"
        relatif = posixpath.normpath(posixpath.join(dossier, chemin))
        if image and (racine / relatif).is_file():
            images.add(relatif)
        elif relatif not in presents and not relatif.startswith(".."):
            genre = "tree" if (racine / relatif).is_dir() else "blob"
            cible = f"{adresse_publique(racine)}/{genre}/main/{relatif}{diese}{ancre}"
        return f"{image}[{texte}]({cible})"

    morceaux = CODE.split(texte)
    morceaux[::2] = [LIEN.sub(lien, morceau) for morceau in morceaux[::2]]
    return "".join(morceaux), images


def actions(nom, adresse):
    """Les deux liens d'un labo (HTML) : Colab, et le notebook lui-même."""
    depot = html.escape(adresse.removeprefix("https://github.com/"))
    colab = f"https://colab.research.google.com/github/{depot}/blob/main/analyse_image/{nom}.ipynb"
    return (
        f'<p class="actions"><a href="{colab}">Ouvrir dans Colab</a>\n'
        f'<a href="../telecharger/{nom}.ipynb" download>Télécharger le notebook</a></p>'
    )


def poser_actions(cellule, liens):
    """Remplace le badge de la première cellule d'un labo par `liens`, sous son titre."""
    sans_badge = re.sub(r"(?m)^\[[^\]]*\]\(https://colab[^)]*\)\s*$", "", cellule.source)
    avant, titre, apres = sans_badge.partition("\n")
    cellule.source = f"{avant}{titre}\n{liens}\n{apres}"


def accueil(labos, pages, demonstration):
    """La première page (Markdown MyST) : à quoi servent les labos, leur liste, le menu."""
    lignes = [
        f"| [{titre(n)}](analyse_image/{nom}.ipynb) | {duree(n)} |" for nom, n in labos.items()
    ]
    liens = {
        "README.md": "**Faire les labos** : [installer et lancer](README.md), en une commande.",
        "ENSEIGNER.md": "**Enseigner** : [les séances, où l'on trébuche, la note](ENSEIGNER.md).",
        "CONTRIBUTING.md": "**Contribuer** : [où est chaque ligne à changer](CONTRIBUTING.md).",
        "essayer.md": "**Essayer** : [un réseau](essayer.md), sur vos photos, qui ne quittent pas votre appareil.",
    }
    pages = {"essayer.md": "Essayer un réseau"} | pages if demonstration else pages
    menu_labos = "\n".join(f"analyse_image/{nom}" for nom in labos)
    menu_pages = "\n".join(f"{nom_menu} <{page[:-3]}>" for page, nom_menu in pages.items())
    return f"""# Les labos, à lire

Une série de labos en français, sur TensorFlow et Keras : d'un fichier de pixels à un réseau qui reconnaît vos propres
photos. Tout se lit ici, avec les sorties d'une exécution complète ; rien n'est à installer.

{chr(10).join(f"- {phrase}" for page, phrase in liens.items() if page in pages)}

## Les labos

| labo | durée |
|---|---|
{chr(10).join(lignes)}

```{{toctree}}
:hidden:
:caption: Les labos

{menu_labos}
```

```{{toctree}}
:hidden:
:caption: Autour des labos

{menu_pages}
```
"""


ESSAYER = """# Essayer un réseau

<p class="actions"><a href="demonstration/index.html">Ouvrir la démonstration</a></p>

Donnez une photo de vêtement ; un réseau répond dans votre navigateur. La photo ne quitte pas votre appareil.

- **La préparation est celle de l'énoncé** (labo 2) : un vêtement foncé, seul, sur un fond blanc. Elle ne détoure pas la
  photo ; celle que les labos conseillent, plus sûre, demande Python.
- **Depuis une clé USB**, un navigateur refuse de charger un réseau. Lancez `python3 -m http.server` dans le dossier du
  site, puis ouvrez `http://localhost:8000`.
- **Votre propre réseau**, une fois sauvegardé par un labo, a sa page aussi : `python3 labo.py publier modele`.
"""


def ecrire_sources(dossier, labos=None, demonstration=False, racine=RACINE):
    """Écrit dans `dossier` ce que lira Sphinx, et `telecharger/`.

    `labos` : les noms de ceux à garder, tous par défaut. `demonstration` : une page y mène.
    """
    tous = labos_du_depot(racine)
    gardes = {nom: tous[nom] for nom in labos or tous}
    pages = {page: nom for page, nom in PAGES.items() if (racine / page).is_file()}
    presents = {*pages, *(f"analyse_image/{nom}.ipynb" for nom in gardes)}
    images, adresse = set(), adresse_publique(racine)
    for sous_dossier in {"analyse_image", "telecharger", *(p.rpartition("/")[0] for p in pages)}:
        (dossier / sous_dossier).mkdir(parents=True, exist_ok=True)
    for nom, notebook in gardes.items():
        page = f"analyse_image/{nom}.ipynb"
        shutil.copyfile(racine / page, dossier / "telecharger" / f"{nom}.ipynb")
        for cellule in notebook.cells:
            if cellule.cell_type == "markdown":
                cellule.source, liees = relier(cellule.source, page, presents, racine)
                images |= liees
        if notebook.cells:
            poser_actions(notebook.cells[0], actions(nom, adresse))
        # Les commandes « ! » et « % » des cellules ont leur propre coloration.
        notebook.metadata.language_info = {"name": "python", "pygments_lexer": "ipython3"}
        nbformat.write(notebook, dossier / page)
    for page in pages:
        texte, liees = relier((racine / page).read_text("utf-8"), page, presents, racine)
        images |= liees
        (dossier / page).write_text(texte, encoding="utf-8")
    for image in images:
        (dossier / image).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(racine / image, dossier / image)
    (dossier / "index.md").write_text(accueil(gardes, pages, demonstration), encoding="utf-8")
    if demonstration:
        (dossier / "essayer.md").write_text(ESSAYER, encoding="utf-8")
