"""Le rapport : page de la classe (HTML), fiche de chaque étudiant (HTML et Markdown), CSV pour Excel et Moodle."""

import csv
import datetime
import io
import re
import shlex
import statistics
from dataclasses import dataclass
from pathlib import Path

import jinja2
import markupsafe

from correction import moodle
from correction.note import a_revoir
from outils.fichiers import ecriture_atomique

GABARITS = Path(__file__).with_name("gabarits")
COLONNES = (
    ("Nom", False),
    ("Note", True),
    ("Labo 1", False),
    ("Labo 2", False),
    ("Erreurs", True),
    ("Affichée", True),
    ("Mesurée", True),
    ("Données", True),
    ("Photos", True),
    ("Nouvelle exécution", False),
)
CONTACTS = {"courriel": "Adresse de courriel", "numero": "Numéro d'identification"}
ETATS = {"entière": "entier", "partielle": "en partie", "jamais": "jamais", "vide": "sans code"}


def fr(nombre):
    """Nombre écrit à la française, sans zéro inutile : 12.5 → « 12,5 »."""
    return f"{nombre:.2f}".rstrip("0").rstrip(".").replace(".", ",")


def etat(constat):
    """Classe CSS d'un constat : plein, partiel, nul ou objet (non compté)."""
    if constat.part is None:
        return "objet"
    if constat.part >= 0.999:
        return "plein"
    return "partiel" if constat.part > 0 else "nul"


def coupable(texte):
    """Texte échappé, où un long chemin peut passer à la ligne après une barre oblique."""
    return markupsafe.escape(texte).replace("/", markupsafe.Markup("/<wbr>"))


def code(texte):
    """Texte échappé, où ce qui est entre accents graves devient du code."""
    return markupsafe.Markup(
        re.sub(r"`([^`]+)`", r"<code>\1</code>", str(markupsafe.escape(texte)))
    )


def _environnement():
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(GABARITS), autoescape=True, undefined=jinja2.StrictUndefined
    )
    env.filters.update(fr=fr, etat=etat, coupable=coupable, code=code)
    return env


def _cellule(texte, tri="", classe="", nombre=False):
    return {"texte": texte, "tri": tri if tri != "" else texte, "classe": classe, "nombre": nombre}


def _ligne(bulletin, faits):
    """Résumé d'une remise dans le tableau de la classe : une ligne, des textes courts."""
    notebooks = [faits["notebooks"][role] for role in ("classification", "test_model")]
    cellules = [_cellule(fr(bulletin.note), bulletin.note, nombre=True)]
    cellules += [_cellule_notebook(n) for n in notebooks]
    erreurs = sum(len(n["execution"]["erreurs"]) for n in notebooks if n)
    cellules.append(_cellule(str(erreurs), erreurs, "nul" if erreurs else "plein", nombre=True))
    modele = faits.get("modele") or {}
    precisions = [v for _, v in notebooks[0]["sorties"]["precisions"]] if notebooks[0] else []
    mesuree = modele.get("mesure")
    # Plusieurs réseaux sont évalués : on montre le score qui va avec le modèle remis.
    affichee = min(precisions, key=lambda v: abs(v - (mesuree or 1)), default=None)
    for valeur in (affichee, mesuree):
        texte = "–" if valeur is None else fr(100 * valeur) + " %"
        cellules.append(_cellule(texte, valeur or 0, nombre=True))
    rendus = faits["donnees"]["rendus"]
    poids = sum(t for _, t in rendus)
    texte = f"{poids / 1e6:.0f} Mo" if rendus else "non"
    cellules.append(_cellule(texte, poids, "nul" if poids else "plein", nombre=True))
    communes = faits["photos"].get("communes", ())
    siennes = sum(not f[3] and f[2] not in communes for f in faits["photos"]["fichiers"])
    cellules.append(_cellule(str(siennes), siennes, nombre=True))
    cellules.append(_cellule_execution(faits.get("execution")))
    return {"nom": bulletin.nom, "cle": bulletin.cle, "cellules": cellules}


def _pas_lue(faits):
    """Pourquoi une remise n'a montré aucun notebook (une archive fermée, par exemple), ou « »."""
    return "" if any(faits["notebooks"].values()) else " ; ".join(faits["remarques"][:2])


def _cellule_notebook(notebook):
    if notebook is None:
        return _cellule("absent", "0", "nul")
    e = notebook["execution"]
    texte = ETATS[e["etat"]] if notebook["lisible"] else "illisible"
    if e["etat"] == "partielle":
        texte = f"{e['faites']} sur {e['total']}"
    texte += "" if e["ordre"] or not e["faites"] else ", désordre"
    bon = notebook["lisible"] and e["etat"] == "entière" and e["ordre"] and not e["erreurs"]
    return _cellule(texte, classe="plein" if bon else "partiel" if e["propres"] else "nul")


def _cellule_execution(bilans):
    """« 12 sur 12 » cellules sans erreur, tous notebooks compris ; « – » sans nouvelle exécution."""
    if not bilans:
        return _cellule("–", -1)
    total = sum(b.get("cellules") or 0 for b in bilans.values())
    faites = sum((b.get("faites") or 0) - len(b["erreurs"]) for b in bilans.values())
    bon = all(b["complet"] and not b["erreurs"] for b in bilans.values())
    return _cellule(f"{faites} sur {total}", faites, "plein" if bon else "partiel")


def _reussites(bulletins, questions=False):
    """Réussite de chaque critère (ou de chaque question), dans l'ordre du barème."""
    resultat = []
    for colonne in zip(*(b.constats for b in bulletins), strict=True):
        parts = [c.part for c in colonne if c.part is not None]
        if parts and colonne[0].question is questions:
            resultat.append(
                {
                    "titre": colonne[0].titre,
                    "moyenne": 100 * statistics.mean(parts),
                    "pleins": sum(p >= 0.999 for p in parts),
                    "nuls": sum(p == 0 for p in parts),
                }
            )
    return resultat


def _histogramme(bulletins):
    """[(tranche, nombre, part de la plus haute)] : les notes en dix tranches."""
    sur = bulletins[0].note_sur
    tranches = [0] * 10
    for b in bulletins:
        tranches[min(9, int(10 * b.note / sur))] += 1
    return [
        (f"{fr(sur * i / 10)} à {fr(sur * (i + 1) / 10)}", n, 100 * n / max(tranches))
        for i, n in enumerate(tranches)
    ]


@dataclass
class Contenu:
    """Ce dont un rapport est fait : bulletins, {clé: faits}, paires ressemblantes, photos communes, classe."""

    bulletins: list
    faits: dict
    paires: list
    photos_communes: dict
    classe: object
    titre: str
    mode: str


def page_de_classe(contenu, ecartees):
    bulletins, tous_les_faits = contenu.bulletins, contenu.faits
    noms = {b.cle: b.nom for b in bulletins}
    notes = [b.note for b in bulletins]
    return (
        _environnement()
        .get_template("classe.html")
        .render(
            titre=contenu.titre,
            mode=contenu.mode,
            style=_style(),
            bulletins=bulletins,
            ecartees=ecartees,
            colonnes=COLONNES,
            entetes=bulletins[0].constats,
            a_revoir=a_revoir(bulletins),
            lignes=[_ligne(b, tous_les_faits[b.cle]) for b in bulletins],
            reussites=_reussites(bulletins),
            questions=sorted(_reussites(bulletins, questions=True), key=lambda q: q["moyenne"]),
            histogramme=_histogramme(bulletins),
            paires=[(noms[p.a], noms[p.b], p) for p in contenu.paires],
            photos_communes=contenu.photos_communes,
            note_sur=bulletins[0].note_sur,
            moyenne=statistics.mean(notes),
            mediane=statistics.median(notes),
            mini=min(notes),
            maxi=max(notes),
            date=_date(),
            jumeau=any((f.get("modele") or {}).get("jumeau") for f in tous_les_faits.values()),
        )
    )


def _style():
    return markupsafe.Markup((GABARITS / "style.css").read_text(encoding="utf-8"))


def _date():
    return datetime.date.today().isoformat()


def fiche_html(bulletin, titre):
    return (
        _environnement()
        .get_template("fiche.html")
        .render(b=bulletin, titre=titre, style=_style(), date=_date())
    )


def _md(texte):
    """Texte d'un étudiant rendu inerte en Markdown : ni HTML, ni lien, ni image, ni tableau cassé."""
    texte = re.sub(r"\s+", " ", str(texte))
    # Dans un passage de code (entre accents graves), tout est déjà inerte, sauf le séparateur de tableau.
    morceaux = re.split(r"(`[^`|]+`)", texte)
    return "".join(
        m if rang % 2 else re.sub(r"([\\`*_{}\[\]<>#|!~])", r"\\\1", m)
        for rang, m in enumerate(morceaux)
    )


def fiche_md(bulletin, titre):
    lignes = [
        f"# {_md(bulletin.nom)} : {fr(bulletin.note)} / {fr(bulletin.note_sur)}",
        "",
        f"{_md(titre)} · {_date()}",
        "",
    ]
    if bulletin.diagnostic:
        lignes += ["## Diagnostic", "", *(f"- {_md(p)}" for p in bulletin.diagnostic), ""]
    if bulletin.remarques:
        lignes += ["## À comprendre", ""]
        for titre_remarque, texte in bulletin.remarques:
            lignes += [f"- **{_md(titre_remarque)}.** {_md(texte)}"]
        lignes.append("")
    lignes += [
        "## Critère par critère",
        "",
        "| critère | points | trouvé | attendu | où regarder |",
        "|---|---:|---|---|---|",
    ]
    for c in bulletin.constats:
        if c.part is not None:
            points = f"{fr(c.points)} / {fr(c.maximum)}{' (bonus)' if c.bonus else ''}"
            lignes.append(
                f"| {_md(c.titre)} | {points} | {_md(c.trouve)} | {_md(c.attendu)} | {_md(c.ou)} |"
            )
    return "\n".join(lignes) + "\n"


def _inerte(texte):
    """Case d'un CSV qu'un tableur ne prendra pas pour une formule."""
    texte = re.sub(r"[\r\n\t]+", " ", str(texte))
    return "'" + texte if texte.lstrip()[:1] in ("=", "+", "-", "@", "|", "%") else texte


def notes_csv(bulletins, contacts=None):
    """CSV à points-virgules, virgule décimale et marque d'ordre des octets, pour un tableur.

    `contacts` : {identifiant: {"courriel", "numero"}}, ce que Moodle sait rapprocher d'un compte.
    """
    contacts = contacts or {}
    donnes = [d for d in CONTACTS if any(d in c for c in contacts.values())]
    tampon = io.StringIO()
    ecrire = csv.writer(tampon, delimiter=";", lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL)
    titres = [f"{c.titre} (/{fr(c.maximum)})" for c in bulletins[0].constats]
    ecrire.writerow(
        [
            "Nom",
            *(CONTACTS[d] for d in donnes),
            f"Note (/{fr(bulletins[0].note_sur)})",
            *map(_inerte, titres),
            "Remarques",
        ]
    )
    for b in bulletins:
        points = ["" if c.part is None else fr(c.points) for c in b.constats]
        remarques = " | ".join(t for t, _ in b.remarques)
        ecrire.writerow(
            [
                _inerte(b.nom),
                *(_inerte(contacts.get(b.identifiant, {}).get(d, "")) for d in donnes),
                fr(b.note),
                *points,
                _inerte(remarques),
            ]
        )
    return "\ufeff" + tampon.getvalue()


def commandes_github(bulletins):
    """Script qui poste chaque fiche comme un « issue » du dépôt de l'étudiant, avec `gh`."""
    lignes = [
        "#!/bin/sh",
        "# À relire, puis : sh retours-github.sh (il faut gh, connecté).",
        "set -e",
    ]
    for b in bulletins:
        if b.github:
            commande = ["gh", "issue", "create", "--repo", b.github, "--title", "Correction"]
            lignes.append(shlex.join([*commande, "--body-file", f"etudiants/{b.cle}.md"]))
    return "\n".join(lignes) + "\n"


def ecrire(contenu, sortie):
    """Écrit le rapport dans `sortie`, chaque fichier d'un seul coup.

    rapport.html, notes.csv, etudiants/*.{html,md} ; pour Moodle, retours-moodle.zip et feuille-moodle.csv (si la
    feuille d'évaluation était avec les remises) ; pour des clones de GitHub, retours-github.sh.
    """
    bulletins, classe, titre = contenu.bulletins, contenu.classe, contenu.titre
    feuille = moodle.lire_feuille(classe.feuille) if classe.feuille else None
    sans_ligne = []
    pages = {}
    for b in bulletins:
        pages[f"etudiants/{b.cle}.html"] = fiche_html(b, titre)
        pages[f"etudiants/{b.cle}.md"] = fiche_md(b, titre)
    if any(b.identifiant for b in bulletins):
        fiches = {b.cle: pages[f"etudiants/{b.cle}.html"] for b in bulletins}
        pages["retours-moodle.zip"] = moodle.zip_de_retours(bulletins, fiches)
    if feuille:
        pages["feuille-moodle.csv"], sans_ligne = moodle.completer_feuille(feuille, bulletins)
    if any(b.github for b in bulletins):
        pages["retours-github.sh"] = commandes_github(bulletins)
    contacts = moodle.contacts(feuille) if feuille else {}
    pages["notes.csv"] = notes_csv(bulletins, contacts)
    ecartees = [*classe.ecartees]
    ecartees += [(i, "aucune ligne dans la feuille d'évaluation") for i in sans_ligne]
    ecartees += [(b.nom, _pas_lue(contenu.faits[b.cle])) for b in bulletins]
    ecartees = [(nom, raison) for nom, raison in ecartees if raison]
    pages["rapport.html"] = page_de_classe(contenu, ecartees)
    for nom, contenu in pages.items():
        octets = contenu if isinstance(contenu, bytes) else contenu.encode("utf-8", "replace")
        with ecriture_atomique(Path(sortie) / nom) as provisoire:
            provisoire.write_bytes(octets)
