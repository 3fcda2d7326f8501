"""Ce que font les fonctions qui lisent, découpent, mettent à l'échelle et montrent les données."""

import ast

from correction.lecture.valeurs import Valeur, constante, repertoire, union

DEFORMATIONS = {
    "rotation_range",
    "width_shift_range",
    "height_shift_range",
    "shear_range",
    "zoom_range",
    "horizontal_flip",
    "vertical_flip",
    "brightness_range",
}
appel, CONNUES = repertoire()


@appel("read_csv", "lire_csv")
def lire_csv(lecteur, objet, args, nommes, n):
    chemin = args[0] if args else nommes.get("filepath_or_buffer")
    texte = chemin if isinstance(chemin, str) else ""
    lecteur.noter("lecture_csv", n, chemin=texte[:200])
    return Valeur(traits={"csv", "test"} if "test" in texte.lower() else {"csv"})


@appel("obtenir_csv")
def obtenir_csv(lecteur, objet, args, nommes, n):
    lecteur.noter("lecture_csv", n, chemin="obtenir_csv")
    return [Valeur(traits={"csv"}), Valeur(traits={"csv", "test"})]


@appel("load_data", "charger_fashion_mnist")
def charger_donnees(lecteur, objet, args, nommes, n):
    lecteur.noter("lecture_csv", n, chemin="load_data")
    a, t = Valeur(traits={"csv"}), Valeur(traits={"csv", "test"})
    return [[a, a], [t, t]]


@appel("to_categorical", "get_dummies")
def un_parmi_dix(lecteur, objet, args, nommes, n):
    lecteur.noter("one_hot", n)
    return Valeur(traits=union(*args))


@appel("train_test_split")
def decouper(lecteur, objet, args, nommes, n):
    nombres = [a for a in args if isinstance(a, (int, float)) and not isinstance(a, bool)]
    tableaux = [a for a in args if not isinstance(a, (int, float))]
    infos = {k: nommes.get(k) for k in ("test_size", "train_size", "random_state", "shuffle")}
    for cle, nombre in zip(("test_size", "random_state"), nombres, strict=False):
        infos[cle] = nombre if infos[cle] is None else infos[cle]
    infos = {k: v if constante(v) else "?" for k, v in infos.items()}
    lecteur.noter("decoupe", n, **infos)
    parts = []
    for tableau in tableaux:
        traits = union(tableau) - {"test"}
        parts += [
            Valeur(traits=traits | {"apprentissage"}),
            Valeur(traits=traits | {"validation"}),
        ]
    return parts or Valeur()


@appel("divide")
def diviser(lecteur, objet, args, nommes, n):
    return lecteur.operer(ast.Div(), *args[:2], n) if len(args) >= 2 else NotImplemented


@appel("fit_transform", "transform")
def transformer(lecteur, objet, args, nommes, n):
    nom = str(getattr(objet, "infos", {}).get("nom", ""))
    if "divise" in union(objet) or "Scaler" in nom:
        lecteur.noter("echelle", n, par="Scaler", traits=sorted(union(*args)))
        return Valeur(traits=union(*args) | {"divise"})
    return NotImplemented


@appel("MinMaxScaler", "StandardScaler")
def mise_a_l_echelle(lecteur, objet, args, nommes, n):
    return Valeur(traits={"divise"})


@appel("normalize")
def normaliser(lecteur, objet, args, nommes, n):
    lecteur.noter("echelle", n, par="normalize", traits=sorted(union(*args)))
    return Valeur(traits=union(*args) | {"divise"})


@appel("ImageDataGenerator")
def generateur_d_images(lecteur, objet, args, nommes, n):
    reglages = {k: v for k, v in nommes.items() if constante(v)}
    traits = {"generateur"} | ({"augmente"} if DEFORMATIONS & set(nommes) else set())
    rescale = reglages.get("rescale")
    if isinstance(rescale, float) and rescale < 0.01:
        lecteur.noter("echelle", n, par=255, traits=[])
        traits.add("divise")
    lecteur.noter("generateur", n, reglages=reglages)
    return Valeur(traits=traits)


@appel("legend")
def legende(lecteur, objet, args, nommes, n):
    contenu = args[0] if args else nommes.get("labels")
    if isinstance(contenu, list):
        lecteur.noter("legende", n, noms=[str(c)[:60] for c in contenu if isinstance(c, str)])
    return None


@appel("verifier")
def verifier(lecteur, objet, args, nommes, n):
    for question in args:
        if isinstance(question, str):
            lecteur.noter("verifier", n, question=question[:40])
    return None
