"""Corriger une classe : lire chaque remise, mesurer les modèles, exécuter de nouveau, noter, écrire le rapport."""

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path

from tqdm import tqdm

from correction import bareme as baremes
from correction import execution, files, fournis, limites, mesures_modeles, rapport, soumissions
from correction import note as notes
from correction.depot_git import depot_github
from correction.ressemblances import comparer, marquer_photos_communes
from outils import donnees
from outils.fichiers import ecriture_atomique

DUREE_LECTURE = 150  # secondes au plus pour lire une remise


def _signature(soumission):
    """Empreinte d'une remise (noms, tailles, dates) et du programme : si rien ne change, rien n'est refait."""
    somme = hashlib.sha256()
    for code in sorted(Path(__file__).parent.rglob("*.py")):
        somme.update(code.read_bytes())
    for source in map(Path, soumission.sources):
        chemins = [source] if source.is_file() else sorted(source.rglob("*"))
        for chemin in chemins:
            if ".venv" in chemin.parts or chemin.is_symlink():
                continue
            with contextlib.suppress(OSError):  # sans droits : la lecture le dira
                etat = chemin.stat()
                relatif = chemin.relative_to(source) if chemin != source else source.name
                ligne = f"{relatif}\0{etat.st_size}\0{etat.st_mtime_ns}\n"
                somme.update(ligne.encode("utf-8", "surrogateescape"))
    return somme.hexdigest()


def _illisible(soumission, raison):
    """Faits d'une remise que le programme de lecture n'a pas pu lire."""
    return {
        "nom": soumission.nom,
        "cle": soumission.cle,
        "vide": True,
        "racines": [],
        "notebooks": {"classification": None, "test_model": None},
        "un_seul_notebook": False,
        "autres_notebooks": [],
        "labos": {},
        "questions": {},
        "remarques": [f"Remise non lue : {raison}. Ouvrez-la à la main."],
        "modeles": [],
        "modele_fourni": False,
        "poids_seuls": [],
        "donnees": {"git": False, "rendus": [], "historique": []},
        "photos": {"fichiers": [], "chemins": [], "reponses": []},
    }


def images_de_test():
    """(X_test, y_test, jumeau ?) : les images de test de Fashion-MNIST, ou leur jumeau dessiné."""
    _, (X_test, y_test) = donnees.charger_fashion_mnist()
    return X_test, y_test, len(X_test) != donnees.CSV["fashion-mnist_test.csv"]


def _mesurer_modeles(tous, travail, ouvriers, barre):
    """Ajoute à chaque remise son modèle mesuré ; un modèle refusé laisse sa chance au suivant."""
    X_test, y_test, jumeau = images_de_test()
    restants = {f["cle"]: [m for m in f["modeles"] if m["entier"] or m["poids"]] for f in tous}
    while taches := [{"cle": cle, **c[0]} for cle, c in restants.items() if c]:
        resultats = mesures_modeles.examiner_tous(
            taches, travail, X_test, y_test, barre.update, ouvriers=ouvriers
        )
        for faits in tous:
            cle = faits["cle"]
            if not restants[cle]:
                continue
            candidat = restants[cle].pop(0)
            resultat = resultats[cle] | {"montre": candidat["montre"], "jumeau": jumeau}
            resultat["octets"] = Path(candidat["poids"] or candidat["entier"]).stat().st_size
            resultat["fourni"] = resultat.get("empreinte") in mesures_modeles.poids_fournis()
            if resultat["charge"] or "modele" not in faits:
                faits["modele"] = resultat
            if resultat["charge"] and not resultat["fourni"]:
                restants[cle] = []
        barre.total += sum(bool(c) for c in restants.values())


def _lire_toutes(liste, travail, ouvriers):
    """Faits de chaque remise, lus dans des processus limités."""
    par_cle = {s.cle: s for s in liste}
    taches = [{**s.__dict__, "fournis": fournis.connus()} for s in liste]
    with tqdm(total=len(liste), desc="Lecture", disable=not liste) as barre:
        lus = files.traiter(
            "correction.faits",
            taches,
            Path(travail),
            lambda tache, raison: _illisible(par_cle[tache["cle"]], raison),
            ouvriers,
            DUREE_LECTURE,
            3 * limites.GO,
            avancer=barre.update,
        )
    return [lus[s.cle] for s in liste if s.cle in lus]


def _executer_toutes(tous, travail, ouvriers, garder):
    csvs = donnees.obtenir_csv()
    trousse = execution.preparer_trousse(Path(travail) / "trousse")
    with tqdm(total=len(tous), desc="Exécution") as barre, limites.equipe(ouvriers) as groupe:

        def relancer(faits):
            dossier = Path(travail) / faits["cle"]
            faits["execution"] = execution.executer(faits, dossier, csvs, trousse)
            if not limites.ARRET.is_set():  # un résultat interrompu sera refait
                garder(faits)
            barre.update()

        list(groupe.map(relancer, tous))


def noter(dossier, bareme=None, sortie=None, executer=False, recommencer=False, ouvriers=None):
    """Corrige toutes les remises de `dossier` et écrit le rapport ; rend les bulletins."""
    limites.ARRET.clear()
    bareme = baremes.lire_bareme(bareme or baremes.BAREME)
    ouvriers = ouvriers or min(4, os.cpu_count() or 1)
    # ignore_cleanup_errors : une remise peut laisser des fichiers sans droits.
    with tempfile.TemporaryDirectory(prefix="correction-", ignore_cleanup_errors=True) as travail:
        classe = soumissions.trouver(dossier, travail)
        sortie = Path(sortie or "rapport")
        etats = sortie / ".etat"
        etats.mkdir(parents=True, exist_ok=True)
        (sortie / ".gitignore").write_text("*\n", encoding="utf-8")  # des notes ne se versent pas
        tous = _etablir(classe, etats, travail, executer, recommencer, ouvriers)
        bulletins = [_bulletin(s, tous[s.cle], bareme) for s in classe.soumissions]
        mode = "nouvelle exécution en mode rapide" if executer else "sans nouvelle exécution"
        titre = Path(dossier).resolve().name
        paires = comparer([tous[s.cle] for s in classe.soumissions], *fournis.communs())
        communes = marquer_photos_communes(list(tous.values()))
        contenu = rapport.Contenu(
            bulletins, tous, paires, communes, classe, titre, f"lecture, {mode}"
        )
        rapport.ecrire(contenu, sortie)
    return bulletins


def _etablir(classe, etats, travail, executer, recommencer, ouvriers):
    """{clé: faits} de toutes les remises ; celles qui n'ont pas changé sont reprises de `etats`."""
    liste = classe.soumissions
    signatures = {s.cle: _signature(s) for s in liste}
    tous = {}
    if not recommencer:
        connus = {
            s.cle: _relire(etats / f"{s.cle}.json", signatures[s.cle], executer) for s in liste
        }
        tous = {cle: faits for cle, faits in connus.items() if faits}
    if tous:
        print(f"{len(tous)} remise(s) inchangée(s) : reprises du rapport précédent.")

    def garder(faits):
        _garder(etats, faits, signatures[faits["cle"]])

    nouveaux = _lire_toutes([s for s in liste if s.cle not in tous], travail, ouvriers)
    a_mesurer = [f for f in nouveaux if any(m["entier"] or m["poids"] for m in f["modeles"])]
    if a_mesurer:
        with tqdm(total=len(a_mesurer), desc="Modèles") as barre:
            _mesurer_modeles(a_mesurer, travail, ouvriers, barre)
    if executer and nouveaux:
        _executer_toutes(nouveaux, travail, ouvriers, garder)
    else:
        for faits in nouveaux:
            garder(faits)
    tous.update({f["cle"]: f for f in nouveaux})
    marquer_photos_communes(list(tous.values()))
    return tous


def _bulletin(soumission, faits, bareme):
    # Le nom peut changer (un homonyme arrive) sans que la remise change.
    bulletin = notes.noter({**faits, "nom": soumission.nom}, bareme)
    bulletin.identifiant, bulletin.nom_moodle = soumission.identifiant, soumission.nom_moodle
    depots = map(depot_github, soumission.sources)
    bulletin.github = next((d for d in depots if d), "")
    return bulletin


def _relire(chemin, signature, executer):
    try:
        etat = json.loads(chemin.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if etat.get("signature") != signature or (executer and "execution" not in etat["faits"]):
        return None
    return etat["faits"]


def _garder(etats, faits, signature):
    with ecriture_atomique(etats / f"{faits['cle']}.json") as provisoire:
        provisoire.write_text(
            json.dumps({"signature": signature, "faits": faits}), encoding="utf-8"
        )
