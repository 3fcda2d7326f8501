"""Le diagnostic : en quelques phrases, ce qui explique une note, le plus grave d'abord."""

from correction.criteres_etapes import CRITERES
from correction.remise import NOMS, mauvaises_evaluations, ou_cellule, pourcent, validation_plate


def diagnostic(r):
    """Phrases (liste, vide si tout va bien), sans effet sur la note."""
    phrases = [p for role in NOMS for p in _notebook(r, role)]
    if not any(r.labo.values()):  # une archive qu'on n'a pas su ouvrir n'est pas une remise vide
        phrases = [*r.faits["remarques"][:2], *phrases]
    return [*phrases, *_entrainement(r), *_modele(r)][:8]


def _notebook(r, role):
    notebook = r.labo[role]
    if notebook is None:
        yield f"{NOMS[role]} : absent de la remise."
        return
    if role == "test_model" and r.faits["un_seul_notebook"]:
        return
    e, chemin = notebook["execution"], notebook["chemin"]
    if notebook["distribue"]:
        yield f"{chemin} : le notebook distribué, rien n'y est fait."
    elif not e["total"]:
        yield f"{chemin} : {notebook['probleme'] or 'aucune cellule de code'}."
    elif not e["faites"]:
        yield f"{chemin} : rien n'a tourné, aucune cellule n'est exécutée."
    elif e["erreurs"] and e["propres"] <= 1:
        yield f"{chemin} : rien n'a tourné : {_dire_erreur(e['erreurs'][0])}."
    elif e["erreurs"]:
        cellule, nom, valeur = e["erreurs"][0]
        suite = ", et rien après" if _rien_apres(e, cellule) else ""
        yield f"{ou_cellule(notebook, cellule)} : {_dire_erreur((cellule, nom, valeur))}{suite}."
    if 0 < e["faites"] < e["total"]:
        n = e["total"] - e["faites"]
        dit = (
            "1 cellule sur {} n'a pas été exécutée"
            if n == 1
            else f"{n} cellules sur {{}} n'ont pas été exécutées"
        )
        yield f"{chemin} : {dit.format(e['total'])}."


def _rien_apres(e, cellule):
    return bool(e["manquantes"]) and min(e["manquantes"]) == cellule + 1


def _dire_erreur(erreur):
    """« pandas manque » plutôt que « ModuleNotFoundError: No module named 'pandas' »."""
    _, nom, valeur = erreur
    if nom in ("ModuleNotFoundError", "ImportError") and "'" in valeur:
        return f"{valeur.split(chr(39))[1]} manque"
    if nom == "NameError" and "'" in valeur:
        return f"« {valeur.split(chr(39))[1]} » n'existe pas"
    if nom == "FileNotFoundError":
        return f"fichier introuvable ({valeur[:120]})"
    if nom == "KeyboardInterrupt":
        return "cellule interrompue avant sa fin"
    return f"{nom} : {valeur[:120]}" if valeur else nom


def _entrainement(r):
    notebook = r.labo["classification"]
    if not notebook:
        return
    if plate := validation_plate(r):
        yield (
            f"{ou_cellule(notebook, plate['cellule'])} : la validation reste à 10 %, le hasard : "
            "X_validation n'a pas reçu la même préparation que X_apprentissage (divisé par 255 une fois)."
        )
    elif (echelle := CRITERES["echelle"].juger(r))[0] == 0.5:
        yield f"{echelle[2]} : {echelle[1]}."
    reseau_4 = CRITERES["reseau_4"].juger(r)
    if "jamais entraîné" in reseau_4[1] and not r.serie:  # nos labos ne le demandent pas
        yield f"{reseau_4[2]} : le réseau à quatre convolutions n'est jamais entraîné."
    for e, evalue, entraine in mauvaises_evaluations(r)[:1]:
        ou = ou_cellule(notebook, e["cellule"])
        yield f"{ou} : « {evalue} » est évalué, mais « {entraine} » vient d'être entraîné."
    if notebook["execution"]["propres"] and not r.precisions():
        yield "Aucun score n'est affiché : on ne sait pas ce que vaut le réseau."


def _modele(r):
    m = r.modele
    if not r.faits["modeles"]:
        yield "Aucun modèle n'est remis" + (
            ", sinon celui que le dépôt fournit." if r.faits["modele_fourni"] else "."
        )
    elif m and not m["charge"]:
        yield f"Le modèle ne se recharge pas : {m['probleme']}."
    elif m.get("fourni"):
        yield "Le modèle remis est celui que le dépôt fournit."
    elif m.get("mesure") is not None and m["mesure"] < r.seuils["precision_nulle"]:
        yield f"Le modèle remis n'a que {pourcent(m['mesure'])} de bonnes réponses."
