"""Critères de résultat : la précision affichée, le modèle remis et mesuré, les photos."""

from correction.registre import registre
from correction.remise import NOMS, pourcent

critere, CRITERES = registre()


@critere("precision_affichee", "une précision mesurée sur le test (Précision: 0,9082)")
def precision_affichee(r):
    precisions = r.precisions()
    if not precisions:
        trouve = "aucune précision affichée" if r.labo["classification"] else "notebook absent"
        return 0, trouve, r.ou("classification")
    valeurs = ", ".join(f"{v:.4f}".replace(".", ",") for _, v in precisions[:4])
    return 1, valeurs, r.ou("classification", {"cellule": precisions[0][0]})


@critere("modele_fichiers", "modele/modele.json et modele/modele.weights.h5")
def modele_fichiers(r):
    modeles = r.faits["modeles"]
    if r.modele.get("fourni"):
        return _sans_modele(r)
    complets = [m for m in modeles if m["entier"] or m["poids"]]
    if not modeles:
        if r.faits["modele_fourni"]:
            return _sans_modele(r)
        seuls = ", ".join(r.faits["poids_seuls"])
        return (
            0,
            f"aucun modèle ({seuls} sans architecture)" if seuls else "aucun modèle",
            "modele/",
        )
    montre = (complets or modeles)[0]["montre"]
    if not complets:
        return 0.3, f"« {montre} » : les poids manquent", montre
    if complets[0]["exact"] == "modele" or (complets[0]["exact"] and not r.serie):
        return 1, montre, "modele/"
    return r.seuils["mauvais_nom"], f"« {montre} » (autre nom ou autre dossier)", montre


def _sans_modele(r):
    if r.faits["modele_fourni"] or r.modele.get("fourni"):
        return 0, "seulement le modèle que le dépôt fournit", "modele/"
    return 0, "aucun modèle à charger" if not r.faits["modeles"] else "poids absents", "modele/"


@critere("modele_charge", "l'architecture et les poids se rechargent : (28, 28, 1) → 10")
def modele_charge(r):
    m = r.modele
    if not m or m.get("fourni"):
        return _sans_modele(r)
    if not m["charge"]:
        return 0, m["probleme"], m.get("montre", "modele/")
    formes = f"entrée {tuple(m['entree'])}, {m['sortie']} sorties, {m['parametres']} paramètres"
    if m.get("mesure") is None:
        return (
            0.5,
            f"{formes} ; {m.get('probleme', 'forme inattendue')}",
            m.get("montre", "modele/"),
        )
    return 1, formes, m.get("montre", "modele/")


def _sans_mesure(r):
    """Le verdict d'un modèle absent, fourni ou que l'on n'a pas pu mesurer ; None s'il est mesuré."""
    if not r.modele or r.modele.get("fourni"):
        return _sans_modele(r)
    return (0, "non mesurable", "modele/") if r.modele.get("mesure") is None else None


@critere("modele_precision", "au moins 88 % des images de test")
def modele_precision(r):
    m = r.modele
    if sans_mesure := _sans_mesure(r):
        return sans_mesure
    haut, bas = r.seuils["precision_pleine"], r.seuils["precision_nulle"]
    part = (m["mesure"] - bas) / (haut - bas) if haut > bas else float(m["mesure"] >= haut)
    jeu = " (images dessinées)" if m.get("jumeau") else ""
    return (
        min(1, max(0, part)),
        f"{pourcent(m['mesure'])} sur {m['images']} images{jeu}, entrées {m['echelle']}",
        m["montre"],
    )


@critere("modele_coherent", "la précision affichée est celle du modèle remis")
def modele_coherent(r):
    m = r.modele
    if sans_mesure := _sans_mesure(r):
        return sans_mesure
    if m.get("jumeau"):
        return None, "Fashion-MNIST n'est pas disponible ici : non comparé", "modele/"
    if not r.precisions():
        return 0, "aucune précision affichée à comparer", r.ou("classification")
    cellule, valeur = min(r.precisions(), key=lambda p: abs(p[1] - m["mesure"]))
    ecart = abs(valeur - m["mesure"]) - m["marge"]
    part = (
        1 if ecart <= r.seuils["ecart_admis"] else 0.5 if ecart <= r.seuils["ecart_tolere"] else 0
    )
    marge = f" à {pourcent(m['marge'])} près" if m["marge"] else ""
    trouve = f"affichée {pourcent(valeur)}, mesurée {pourcent(m['mesure'])}{marge}"
    return part, trouve, r.ou("classification", {"cellule": cellule})


@critere("photo_presente", "au moins une photo personnelle, à l'endroit que dit le code")
def photo_presente(r):
    photos = r.faits["photos"]
    if not photos["fichiers"]:
        return 0, "aucune photo dans la remise", "images/"
    siennes = [f for f in photos["fichiers"] if not f[3]]
    if not siennes:
        return r.seuils["photo_fournie"], "seulement les images d'exemple du dépôt", "images/"
    communes = set(photos.get("communes", ()))
    siennes = [f for f in siennes if f[2] not in communes]
    if not siennes:
        trouve = "seulement une image que d'autres remises ont aussi : elle n'est pas personnelle"
        return r.seuils["photo_fournie"], trouve, "images/"
    absentes = [c for c in photos["chemins"] if c[2] == "absente"]
    if not r.serie and photos["chemins"] and len(absentes) == len(photos["chemins"]):
        trouve = f"{len(siennes)} photo(s), mais pas « {absentes[0][0]} » qu'emploie le code"
        return 0.5, trouve, r.ou("test_model", {"cellule": absentes[0][1]})
    return 1, f"{len(siennes)} photo(s), dont « {siennes[0][0]} »", siennes[0][0]


@critere("photo_predite", "une réponse affichée pour la photo")
def photo_predite(r):
    reponses = r.faits["photos"]["reponses"]
    if not reponses:
        return _sans_reponse(r)
    justes = [x for x in reponses if x[3]]
    cellule, reponse, chemin, juste = (justes or reponses)[0]
    nom = chemin.replace("\\", "/").rsplit("/", 1)[-1]
    verdict = {
        True: ", classe attendue",
        False: ", ce n'est pas la classe que dit le nom",
        None: "",
    }[juste]
    return (
        1,
        f"« {reponse} »{f' pour « {nom} »' if nom else ''}{verdict}",
        r.ou("test_model", {"cellule": cellule}),
    )


def _sans_reponse(r):
    notebook = r.labo["test_model"]
    if notebook is None:
        return 0, "notebook absent", NOMS["test_model"]
    affiche = notebook["execution"]["sorties"] and r.evenements("test_model", "predict")
    if affiche:
        return 0.5, "une prédiction, mais pas de réponse en clair", r.ou("test_model")
    return 0, "aucune photo classée", r.ou("test_model")
