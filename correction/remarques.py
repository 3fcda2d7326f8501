"""Ce qu'une remise apprend à son auteur : les remarques pédagogiques, sans effet sur la note."""

from correction.remise import NOMS, mauvaises_evaluations, ou_cellule, piege_augmentation, pourcent


def remarques(r):
    """[(titre, texte)] : ce qu'il faut comprendre, sans effet sur la note (sauf réglage du barème)."""
    groupes = (_entrainement, _notebooks, _modele, _photos, _remise)
    return [remarque for groupe in groupes for remarque in groupe(r)]


# L'énoncé publié dicte ces trois-là : on les explique, ils ne coûtent rien.
DICTE = " L'énoncé publié le demande ainsi : cela ne vous coûte rien."


def _entrainement(r):
    dicte = "" if r.serie else DICTE
    if piege_augmentation(r):
        yield (
            "Le piège de l'augmentation",
            "48 000 images font 188 lots de 256 ; `steps_per_epoch=48000//256` n'en demande que 187. Avec Keras "
            "3, l'époque suivante ne trouve que le lot oublié : « Your input ran out of data », et une époque sur "
            "deux est vide. Ôtez `steps_per_epoch` et `validation_steps` : Keras compte les lots seul."
            + dicte,
        )
    fits = r.ecrits("classification", "fit")
    if any(e["validation_augmentee"] for e in fits) and not r.serie:
        yield (
            "Validation sur des images déformées",
            "L'augmentation sert à l'apprentissage. Validez sur `(X_validation, y_validation)` intactes, sinon la "
            "courbe ne dit plus ce que vaut le réseau." + dicte,
        )
    if any(e["sur_test"] for e in fits):
        yield (
            "Le test a servi de validation",
            "Choisir d'après le test, c'est réviser avec le corrigé : gardez-le pour une seule mesure, à la fin.",
        )
    legendes = r.ecrits("classification", "legende")
    if any("test" in nom.lower() for e in legendes for nom in e["noms"]) and not any(
        e["sur_test"] for e in fits
    ):
        yield (
            "Une courbe « Test » qui n'en est pas une",
            "`val_accuracy` et `val_loss` sont mesurées sur la validation : nommez la courbe « Validation »."
            + dicte,
        )
    for e, evalue, entraine in mauvaises_evaluations(r)[:3]:
        yield (
            "Le mauvais réseau est évalué",
            f"{r.ou('classification', e)} : « {evalue} » est évalué alors que « {entraine} » vient d'être "
            "entraîné. Le score affiché n'est donc pas celui du nouveau réseau.",
        )


def _notebooks(r):
    for role, notebook in r.labo.items():
        if not notebook:
            continue
        if (
            notebook["nombre"] == 1
            and notebook["execution"]["total"]
            and not (role == "test_model" and r.faits["un_seul_notebook"])
        ):
            yield (
                f"{notebook['chemin']} : une seule cellule",
                "Découpez : une idée par cellule. On voit mieux où est une erreur, et on n'a pas à tout relancer.",
            )
        if notebook["execution"]["doubles"] and notebook["execution"]["ordre"] is False:
            yield (
                f"{notebook['chemin']} : plusieurs sessions mêlées",
                "Avant de remettre : « Redémarrer le noyau et tout exécuter ». C'est la preuve que le notebook marche.",
            )
        for cellule, probleme in notebook["code"]["syntaxe"][:2]:
            yield (
                f"{notebook['chemin']} : code invalide",
                f"{ou_cellule(notebook, cellule)} : {probleme}",
            )


def _modele(r):
    m = r.modele
    if m.get("charge"):
        if m.get("echelle") == "0–255":
            yield (
                "Le modèle attend des pixels de 0 à 255",
                f"Il obtient {pourcent(m['mesure'])} sur des pixels bruts et {pourcent(m['autre'])} sur 0–1 : "
                "à l'usage, il faut la même préparation qu'à l'entraînement.",
            )
        if str(m.get("keras", "")).startswith(("1.", "2.")):
            yield (
                "Modèle de Keras 2",
                "Keras 3 ne relit pas ce JSON tel quel : sauvegardez de nouveau avec Keras 3.",
            )
        if m.get("octets", 0) > 2.2 * 4 * m["parametres"] and m["octets"] > 1_000_000:
            yield (
                "Poids trois fois trop gros",
                "Le fichier contient aussi l'état de l'optimiseur : sauvegardez une copie non compilée du réseau.",
            )


def _photos(r):
    photos = r.faits["photos"]
    absentes = [c for c in photos["chemins"] if c[2] == "absente"]
    if absentes and not r.serie:
        yield (
            "Photos introuvables",
            "Le code emploie « "
            + " », « ".join(c[0] for c in absentes[:4])
            + " », absentes de la remise. Mettez vos photos "
            "dans le dépôt et employez un chemin relatif.",
        )
    for _, reponse, chemin, juste in photos["reponses"][:6]:
        if juste is False and not r.serie:  # nos labos classent plusieurs photos par cellule
            nom = chemin.replace("\\", "/").rsplit("/", 1)[-1]
            yield (
                "Une photo mal reconnue",
                f"« {nom} » → « {reponse} ». Ce n'est pas une faute : expliquez pourquoi (fond, cadrage, "
                "polarité, classe voisine).",
            )


def _remise(r):
    if r.faits["donnees"]["rendus"]:
        yield (
            "Des données dans le dépôt",
            "Elles alourdissent chaque clone pour toujours : `git rm --cached`, puis un `.gitignore` "
            "(datas/, *ubyte*, *.csv).",
        )
    if r.faits["photos"]["fichiers"] and all(f[3] for f in r.faits["photos"]["fichiers"]):
        yield (
            "Et vos photos ?",
            "Seules les images d'exemple sont là : essayez une photo à vous, c'est le plus instructif.",
        )
    for texte in r.faits["remarques"][:8]:
        yield ("À la lecture de la remise", texte)
    for role, execution in r.execution.items():
        for texte in execution.get("remarques", []):
            yield f"Nouvelle exécution, {NOMS.get(role, role)}", texte
