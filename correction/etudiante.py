"""Version étudiante : des labos résolus vers un dépôt prêt à pousser, sans solutions ni sorties."""

import json
import re
import shutil
import tempfile
import tomllib
from pathlib import Path

from correction import RACINE

MARQUEUR = re.compile(r"^([ \t]*)### (BEGIN|END) (SOLUTION|HIDDEN TESTS)\b[ \t]*:?[ \t]*(.*)$")
# Toute autre orthographe est une faute : une solution oubliée partirait chez les étudiants.
MARQUEUR_FAUTIF = re.compile(
    r"^\s*#+[\s#*=-]*(BEGIN|END|DEBUT|DÉBUT|FIN)[\s_-]+(DE[\s_-]+LA[\s_-]+)?(SOLUTIONS?|HIDDEN|TESTS?[\s_-]+CACH)",
    re.IGNORECASE,
)
CONSIGNE = "écrivez votre code ici"
ARRET = 'raise NotImplementedError("À VOUS : complétez cette cellule, puis relancez-la.")'
# Ce que reçoit l'étudiant : rien du corrigé, ni de quoi corriger.
GARDES = (
    "labo.py",
    "requirements.txt",
    "pyproject.toml",
    "LICENSE",
    ".gitignore",
    ".gitattributes",
    ".devcontainer",
    ".github/workflows/pages.yml",
    "analyse_image/*.ipynb",
    "analyse_image/outils/*.py",
    "analyse_image/questions/*.py",
    "analyse_image/service",
    "analyse_image/echelle",
    "publication",
    "commandes",
    "datas/LISEZMOI.md",
    "images",
    "modele/reference",
    "mesures/*.csv",
)
ECARTES = {"__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".ruff_cache", ".venv"}
NOTES = ("classification", "test_model")
ETAPE = """      - name: {1}
        id: {0}
        uses: classroom-resources/autograding-command-grader@v1
        with:
          test-name: {1}
          command: python .github/classroom/verifier_remise.py {0}
          timeout: 2
          max-score: {2}
"""
GABARIT = Path(__file__).with_name("gabarits") / "etudiante"


class MarqueursInvalides(ValueError):
    """Marqueurs de solution sans début, sans fin ou imbriqués ; le message dit dans quelle cellule."""


def vider(source, ou=""):
    """Source sans ses solutions (une consigne les remplace) ni ses tests cachés.

    Le texte qui suit « ### BEGIN SOLUTION : » devient la consigne. Lève `MarqueursInvalides`.
    """
    lignes, ouvert = [], None
    for numero, ligne in enumerate(source.split("\n"), start=1):
        trouve = MARQUEUR.match(ligne)
        if not trouve:
            if MARQUEUR_FAUTIF.match(ligne):
                raise MarqueursInvalides(
                    f"{ou}, ligne {numero} : marqueur mal écrit : « {ligne.strip()} »"
                )
            if ouvert is None:
                lignes.append(ligne)
            continue
        retrait, sens, genre, consigne = trouve.groups()
        if sens == "BEGIN":
            if ouvert:
                raise MarqueursInvalides(
                    f"{ou}, ligne {numero} : « ### BEGIN {genre} » avant la fin du précédent"
                )
            ouvert = genre
            if genre == "SOLUTION":
                lignes += [f"{retrait}# À VOUS : {consigne or CONSIGNE}", f"{retrait}{ARRET}"]
        elif ouvert != genre:
            raise MarqueursInvalides(
                f"{ou}, ligne {numero} : « ### END {genre} » sans son « ### BEGIN {genre} »"
            )
        else:
            ouvert = None
    if ouvert:
        raise MarqueursInvalides(f"{ou} : « ### BEGIN {ouvert} » sans « ### END {ouvert} »")
    return "\n".join(lignes).rstrip("\n") if lignes else ""


def version_etudiante(notebook, nom="notebook"):
    """Copie d'un notebook (dict nbformat 4) sans solutions, sorties ni numéros ; identifiants gardés."""
    copie = json.loads(json.dumps(notebook))
    for rang, cellule in enumerate(copie["cells"], start=1):
        source = cellule["source"]
        source = "".join(source) if isinstance(source, list) else source
        neuve = vider(source, f"{nom}, cellule {rang} ({cellule.get('id', '?')})")
        if neuve != source:
            cellule["source"] = neuve.splitlines(keepends=True)
        if cellule["cell_type"] == "code":
            cellule["outputs"], cellule["execution_count"] = [], None
            cellule["metadata"].pop("execution", None)
    return copie


def fichiers_distribues():
    """Les fichiers de ce dépôt que reçoit l'étudiant (les labos, avant d'être vidés de leurs solutions)."""
    for motif in GARDES:
        for chemin in sorted(RACINE.glob(motif)):
            candidats = sorted(chemin.rglob("*")) if chemin.is_dir() else [chemin]
            for fichier in candidats:
                if fichier.is_file() and not ECARTES & set(fichier.parts):
                    yield fichier


def produire(sortie):
    """Écrit la version étudiante dans `sortie` et rend la liste des fichiers écrits.

    Tout est préparé à part, puis posé : un marqueur fautif ne laisse rien à moitié fait. `sortie` n'est
    jamais vidé ; un fichier qui n'est pas de nous y reste. Lève `MarqueursInvalides` ou `ValueError`.
    """
    sortie = Path(sortie).resolve()
    if sortie == RACINE or RACINE.is_relative_to(sortie):
        raise ValueError(
            f"« {sortie} » contient le corrigé : choisissez un autre dossier (un dépôt neuf, par exemple)."
        )
    if (sortie / "correction").exists():
        raise ValueError(
            f"« {sortie} » contient un dossier correction/ : ce n'est pas un dépôt étudiant."
        )
    with tempfile.TemporaryDirectory() as provisoire:
        provisoire = Path(provisoire)
        for fichier in fichiers_distribues():
            cible = provisoire / fichier.relative_to(RACINE)
            cible.parent.mkdir(parents=True, exist_ok=True)
            if fichier.suffix == ".ipynb":
                notebook = json.loads(fichier.read_text(encoding="utf-8"))
                texte = json.dumps(
                    version_etudiante(notebook, fichier.name), ensure_ascii=False, indent=1
                )
                cible.write_text(texte + "\n", encoding="utf-8")
            else:
                shutil.copyfile(fichier, cible)
        for gabarit in sorted(GABARIT.rglob("*")):
            if gabarit.is_file():
                # Le dossier s'appelle « github » ici pour ne pas être pris pour le nôtre.
                relatif = Path(str(gabarit.relative_to(GABARIT)).replace("github", ".github", 1))
                cible = provisoire / relatif
                cible.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(gabarit, cible)
        _adapter_projet(provisoire / "pyproject.toml")
        _ecrire_notation(provisoire / ".github" / "workflows" / "classroom.yml")
        with open(provisoire / ".gitignore", "a", encoding="utf-8") as ignore:
            remis = ("modele.json", "modele.weights.h5", "modele.fiche.json")
            ignore.write("\n# Votre modèle fait partie de la remise\n")
            ignore.writelines(f"!/modele/{nom}\n" for nom in remis)
        ecrits = sorted(f.relative_to(provisoire) for f in provisoire.rglob("*") if f.is_file())
        for relatif in ecrits:
            (sortie / relatif).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(provisoire / relatif, sortie / relatif)
    return [r.as_posix() for r in ecrits]


def _adapter_projet(chemin):
    """De pyproject.toml, le dépôt étudiant garde l'adresse et le style ; ses tests vérifient la remise."""
    texte = chemin.read_text(encoding="utf-8")
    adresse = re.search(r"^\[tool\.labo\]\n(?:#[^\n]*\n)*adresse = .*$", texte, re.MULTILINE)
    chemin.write_text(
        "# Réglages du dépôt étudiant : l'adresse des badges et cellules Colab (labo.py adresse …).\n\n"
        + adresse.group(0)
        + "\n\n[tool.ruff]\nline-length = 100\n\n[tool.ruff.lint.per-file-ignores]\n"
        '"*.ipynb" = ["E402", "B018"]\n\n[tool.pytest.ini_options]\ntestpaths = ["tests"]\n',
        encoding="utf-8",
    )


def _ecrire_notation(chemin):
    """Notation de GitHub Classroom : une étape par vérification, et par question avec ses points du barème."""
    bareme = tomllib.loads(Path(__file__).with_name("bareme.toml").read_text(encoding="utf-8"))
    etapes = [("fichiers", "Fichiers à leur place, données absentes", 10)]
    etapes += [(nom, f"{nom}.ipynb exécuté, dans l'ordre, sans erreur", 10) for nom in NOTES]
    etapes += [
        (cle, question["titre"].replace(" : ", ", "), round(question["points"]))
        for cle, question in bareme["questions"].items()
        if "labo" not in question
    ]
    texte = chemin.read_text(encoding="utf-8")
    texte = texte.replace("#ETAPES#\n", "".join(ETAPE.format(*etape) for etape in etapes))
    resultats = "".join(
        f"          {cle.upper()}_RESULTS: ${{{{ steps.{cle}.outputs.result }}}}\n"
        for cle, *_ in etapes
    )
    texte = texte.replace("#RESULTATS#\n", resultats)
    texte = texte.replace("#COUREURS#", ",".join(cle for cle, *_ in etapes))
    chemin.write_text(texte, encoding="utf-8")
