"""Moodle, aller et retour : les noms de ses dossiers, sa feuille d'évaluation, son zip de retours."""

import csv
import io
import re
import zipfile

from outils.fichiers import Refus

# Avant Moodle 4.1 : Nom_12345_assignsubmission_file_ ; depuis, sans « _ » final. Un fichier seul : son nom ensuite.
MOODLE = re.compile(
    r"^(?P<nom>.+?)_(?P<id>\d+)_assignsubmission_(?P<genre>[a-z]+)(?:_(?P<reste>.*))?$"
)
COLONNES = {
    "identifiant": ("identifiant", "identifier"),
    "note": ("note", "grade"),
    "maximum": ("note maximale", "maximum grade"),
    "commentaire": ("feedback par commentaires", "feedback comments"),
    "courriel": ("adresse de courriel", "adresse e-mail", "courriel", "email address"),
    "numero": ("numéro d'identification", "numéro d’identification", "id number"),
}


class FeuilleInvalide(Refus):
    """La feuille d'évaluation n'est pas celle que donne Moodle."""


def lire_feuille(chemin):
    """(lignes, {rôle: rang de colonne}) d'une feuille d'évaluation ; lève `FeuilleInvalide`."""
    texte = chemin.read_bytes().decode("utf-8-sig", "replace")
    premiere = texte.split("\n", 1)[0]
    separateur = max(",;\t", key=premiere.count)
    lignes = [ligne for ligne in csv.reader(io.StringIO(texte), delimiter=separateur) if ligne]
    colonnes = _colonnes(lignes[0]) if lignes else {}
    if not {"identifiant", "note"} <= set(colonnes):
        raise FeuilleInvalide(
            f"« {chemin.name} » n'est pas une feuille d'évaluation.",
            ", ".join(lignes[0])[:200] if lignes else "un fichier vide",
            "les colonnes « Identifiant » et « Note »",
            "dans le devoir, « Télécharger la feuille d'évaluation ».",
        )
    return lignes, colonnes


def est_une_feuille(chemin):
    """Vrai si un fichier CSV porte les colonnes d'une feuille d'évaluation."""
    if chemin.suffix.lower() != ".csv" or chemin.stat().st_size > 20_000_000:
        return False
    try:
        lire_feuille(chemin)
    except (FeuilleInvalide, csv.Error):
        return False
    return True


def _colonnes(titres):
    simples = [t.strip().lower() for t in titres]
    trouvees = {
        role: next((simples.index(n) for n in noms if n in simples), None)
        for role, noms in COLONNES.items()
    }
    return {role: rang for role, rang in trouvees.items() if rang is not None}


def _identifiant(ligne, colonnes):
    """« Participant 12345 » → « 12345 »."""
    chiffres = re.findall(r"\d+", ligne[colonnes["identifiant"]])
    return chiffres[-1] if chiffres else ""


def contacts(feuille):
    """{identifiant: {"courriel": …, "numero": …}} pour les colonnes que la feuille donne."""
    lignes, colonnes = feuille
    donnees = [role for role in ("courriel", "numero") if role in colonnes]
    return {
        _identifiant(ligne, colonnes): {role: ligne[colonnes[role]] for role in donnees}
        for ligne in lignes[1:]
        if len(ligne) == len(lignes[0])
    }


def completer_feuille(feuille, bulletins):
    """(texte CSV, identifiants sans ligne) : la feuille, notes et commentaires mis en face des identifiants."""
    lignes, colonnes = feuille
    attendus = {b.identifiant: b for b in bulletins if b.identifiant}
    places = set()
    for ligne in lignes[1:]:
        bulletin = (
            attendus.get(_identifiant(ligne, colonnes)) if len(ligne) == len(lignes[0]) else None
        )
        if not bulletin:
            continue
        places.add(bulletin.identifiant)
        note = bulletin.note
        if "maximum" in colonnes and (maximum := _nombre(ligne[colonnes["maximum"]])):
            note *= maximum / bulletin.note_sur
        ligne[colonnes["note"]] = f"{note:.2f}".replace(".", ",")
        if "commentaire" in colonnes:
            ligne[colonnes["commentaire"]] = _commentaire(bulletin)
    tampon = io.StringIO()
    csv.writer(tampon, lineterminator="\r\n").writerows(lignes)
    return tampon.getvalue(), sorted(set(attendus) - places)


def _nombre(texte):
    try:
        return float(texte.replace(",", "."))
    except ValueError:
        return 0.0


def _commentaire(bulletin):
    """Le diagnostic, en un paragraphe ; un tableur n'y verra pas de formule."""
    phrases = bulletin.diagnostic or [titre for titre, _ in bulletin.remarques] or ["Tout est là."]
    return "Voir la fiche jointe. " + " ".join(phrases)


def zip_de_retours(bulletins, fiches):
    """Octets de retours-moodle.zip : un dossier Nom_12345_assignfeedback_file par étudiant, sa fiche dedans."""
    tampon = io.BytesIO()
    with zipfile.ZipFile(tampon, "w", zipfile.ZIP_DEFLATED) as archive:
        for b in bulletins:
            if b.identifiant:
                nom = f"{b.nom_moodle}_{b.identifiant}_assignfeedback_file/fiche.html"
                # Une date fixe : la même correction donne les mêmes octets.
                membre = zipfile.ZipInfo(nom, (2000, 1, 1, 0, 0, 0))
                membre.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(membre, fiches[b.cle])
    return tampon.getvalue()
