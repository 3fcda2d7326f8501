"""Ce qu'une remise apprend à son auteur : les remarques pédagogiques, sans effet sur la note."""

NOMS = {"classification": "classification.ipynb", "test_model": "test_model.ipynb"}


def pourcent(valeur):
    return f"{100 * valeur:.2f} %".replace(".", ",")


def piege_augmentation(r):
    notebook = r.labo["classification"]
    if not notebook:
        return False
    # Nos labos montrent le piège exprès, sans rien afficher de l'alerte.
    return notebook["sorties"]["epuisees"] or (
        not r.serie
        and any(e["pas"] and e["generateur"] for e in r.evenements("classification", "fit"))
    )


def mauvaises_evaluations(r):
    """[(événement, réseau évalué, réseau entraîné)] : après un entraînement, seul un autre réseau est évalué."""
    fautes, entraine, evaluations = [], None, []
    fin = {"genre": "fit", "numero": -1}
    for e in [*r.evenements("classification", "fit", "evaluate"), fin]:
        if e["genre"] == "evaluate":
            evaluations.append(e)
            continue
        if entraine and evaluations and e["numero"] != entraine["numero"]:
            numeros = {x["numero"] for x in evaluations}
            if entraine["numero"] not in numeros and None not in numeros:
                fautes.append((evaluations[0], evaluations[0]["reseau"], entraine["reseau"]))
        if entraine is None or e["numero"] != entraine["numero"]:
            evaluations = []
        entraine = e if e["numero"] is not None else None
    return fautes


def remarques(r):
    """[(titre, texte)] : ce qu'il faut comprendre, sans effet sur la note (sauf réglage du barème)."""
    notes = []
    ajouter = lambda titre, texte: notes.append((titre, texte))  # noqa: E731
    if piege_augmentation(r):
        ajouter(
            "Le piège de l'augmentation",
            "48 000 images font 188 lots de 256 ; `steps_per_epoch=48000//256` n'en demande que 187. Avec Keras "
            "3, l'époque suivante ne trouve que le lot oublié : « Your input ran out of data », et une époque sur "
            "deux est vide. Ôtez `steps_per_epoch` et `validation_steps` : Keras compte les lots seul.",
        )
    fits = r.evenements("classification", "fit")
    if any(e["validation_augmentee"] for e in fits) and not r.serie:
        ajouter(
            "Validation sur des images déformées",
            "L'augmentation sert à l'apprentissage. Validez sur `(X_validation, y_validation)` intactes, sinon la "
            "courbe ne dit plus ce que vaut le réseau.",
        )
    if any(e["sur_test"] for e in fits):
        ajouter(
            "Le test a servi de validation",
            "Choisir d'après le test, c'est réviser avec le corrigé : gardez-le pour une seule mesure, à la fin.",
        )
    legendes = r.evenements("classification", "legende")
    if any("test" in nom.lower() for e in legendes for nom in e["noms"]) and not any(
        e["sur_test"] for e in fits
    ):
        ajouter(
            "Une courbe « Test » qui n'en est pas une",
            "`val_accuracy` et `val_loss` sont mesurées sur la validation : nommez la courbe « Validation ».",
        )
    for e, evalue, entraine in mauvaises_evaluations(r)[:3]:
        ajouter(
            "Le mauvais réseau est évalué",
            f"Cellule de code {e['cellule']} : « {evalue} » est évalué alors que « {entraine} » vient d'être "
            "entraîné. Le score affiché n'est donc pas celui du nouveau réseau.",
        )
    for role, notebook in r.labo.items():
        if not notebook:
            continue
        if (
            notebook["nombre"] == 1
            and notebook["execution"]["total"]
            and not (role == "test_model" and r.faits["un_seul_notebook"])
        ):
            ajouter(
                f"{notebook['chemin']} : une seule cellule",
                "Découpez : une idée par cellule. On voit mieux où est une erreur, et on n'a pas à tout relancer.",
            )
        if notebook["execution"]["doubles"] and notebook["execution"]["ordre"] is False:
            ajouter(
                f"{notebook['chemin']} : plusieurs sessions mêlées",
                "Avant de remettre : « Redémarrer le noyau et tout exécuter ». C'est la preuve que le notebook marche.",
            )
        for cellule, probleme in notebook["code"]["syntaxe"][:2]:
            ajouter(
                f"{notebook['chemin']} : code invalide", f"Cellule de code {cellule} : {probleme}"
            )
    m = r.modele
    if m.get("charge"):
        if m.get("echelle") == "0–255":
            ajouter(
                "Le modèle attend des pixels de 0 à 255",
                f"Il obtient {pourcent(m['mesure'])} sur des pixels bruts et {pourcent(m['autre'])} sur 0–1 : "
                "à l'usage, il faut la même préparation qu'à l'entraînement.",
            )
        if str(m.get("keras", "")).startswith(("1.", "2.")):
            ajouter(
                "Modèle de Keras 2",
                "Keras 3 ne relit pas ce JSON tel quel : sauvegardez de nouveau avec Keras 3.",
            )
        if m.get("octets", 0) > 2.2 * 4 * m["parametres"] and m["octets"] > 1_000_000:
            ajouter(
                "Poids trois fois trop gros",
                "Le fichier contient aussi l'état de l'optimiseur : sauvegardez une copie non compilée du réseau.",
            )
    photos = r.faits["photos"]
    absentes = [c for c in photos["chemins"] if c[2] == "absente"]
    if absentes and not r.serie:
        ajouter(
            "Photos introuvables",
            "Le code emploie « "
            + " », « ".join(c[0] for c in absentes[:4])
            + " », absentes de la remise. Mettez vos photos "
            "dans le dépôt et employez un chemin relatif.",
        )
    for _, reponse, chemin, juste in photos["reponses"][:6]:
        if juste is False and not r.serie:  # nos labos classent plusieurs photos par cellule
            nom = chemin.replace("\\", "/").rsplit("/", 1)[-1]
            ajouter(
                "Une photo mal reconnue",
                f"« {nom} » → « {reponse} ». Ce n'est pas une faute : expliquez pourquoi (fond, cadrage, "
                "polarité, classe voisine).",
            )
    if r.faits["donnees"]["rendus"]:
        ajouter(
            "Des données dans le dépôt",
            "Elles alourdissent chaque clone pour toujours : `git rm --cached`, puis un `.gitignore` "
            "(datas/, *ubyte*, *.csv).",
        )
    if r.faits["photos"]["fichiers"] and all(f[3] for f in r.faits["photos"]["fichiers"]):
        ajouter(
            "Et vos photos ?",
            "Seules les images d'exemple sont là : essayez une photo à vous, c'est le plus instructif.",
        )
    for texte in r.faits["remarques"][:8]:
        ajouter("À la lecture de la remise", texte)
    for role, execution in r.execution.items():
        notes += [
            (f"Nouvelle exécution, {NOMS.get(role, role)}", texte)
            for texte in execution.get("remarques", [])
        ]
    return notes
