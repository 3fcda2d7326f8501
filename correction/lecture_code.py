"""Ce que fait le code d'un notebook, lu dans son arbre syntaxique sans l'exécuter.

Une petite interprétation abstraite suit les cellules dans l'ordre : elle retient les constantes, les réseaux
couche par couche, ce que deviennent les données, et note des événements (`decoupe`, `echelle`, `fit`,
`evaluate`, `sauvegarde`…). Ce qu'elle ne comprend pas vaut « inconnu » et n'arrête rien.
"""

import ast
import re
import warnings

PAS_MAX = 60_000
PROFONDEUR_MAX = 25
TOURS_MAX = 64
COUCHES = {
    "Conv2D": ("filters", "kernel_size"), "Convolution2D": ("filters", "kernel_size"),
    "SeparableConv2D": ("filters", "kernel_size"), "DepthwiseConv2D": ("kernel_size",),
    "MaxPooling2D": ("pool_size",), "MaxPool2D": ("pool_size",), "AveragePooling2D": ("pool_size",),
    "AvgPool2D": ("pool_size",), "GlobalAveragePooling2D": (), "GlobalMaxPooling2D": (), "Flatten": (),
    "Dense": ("units", "activation"), "Dropout": ("rate",), "SpatialDropout2D": ("rate",),
    "BatchNormalization": (), "Activation": ("activation",), "ReLU": (), "LeakyReLU": (), "Softmax": (),
    "InputLayer": ("shape",), "Rescaling": ("scale",), "Reshape": ("target_shape",), "ZeroPadding2D": (),
    "LayerNormalization": (), "GaussianNoise": (), "Conv1D": ("filters", "kernel_size"), "MaxPooling1D": (),
    "Normalization": (), "Resizing": (), "Add": (), "Concatenate": (), "Lambda": (),
}  # fmt: skip
REGLAGES = {
    "filters", "kernel_size", "units", "rate", "pool_size", "activation", "padding", "scale", "strides",
}  # fmt: skip
ALIAS = {"Convolution2D": "Conv2D", "MaxPool2D": "MaxPooling2D", "AvgPool2D": "AveragePooling2D"}
MUETTES = {"InputLayer", "Rescaling", "Reshape", "Normalization", "Resizing"}
CHARGEMENTS = {"load_model", "model_from_json", "charger_modele", "load_weights"}
OUVERTURES = {
    "imread", "load_img", "load_and_preprocess_image", "preparer_photo", "analyser_photo", "ouvrir_photo",
}  # fmt: skip
IMAGE = re.compile(r"\.(jpe?g|png|gif|webp|bmp|avif|tiff?|jfif)$", re.IGNORECASE)


class Valeur:
    """Une valeur non constante : `genre`, `traits` (ce qu'on sait d'elle) et `infos`."""

    def __init__(self, genre="inconnu", traits=(), **infos):
        self.genre, self.traits, self.infos = genre, frozenset(traits), infos


class _Retour(Exception):
    def __init__(self, valeur):
        self.valeur = valeur


class _TropLong(Exception):
    pass


def arbre(source):
    """Arbre d'une cellule, magies IPython comprises ; (None, message) si le code est invalide."""
    source = source.replace("\0", "")
    magie = re.match(r"\s*%%(\w+)[^\n]*\n?", source)
    if magie:
        if magie[1] not in ("time", "timeit", "capture", "prun"):
            return ast.Module(body=[], type_ignores=[]), ""  # bash, html, writefile : pas du Python
        source = source[magie.end() :]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for essai in (_sans_magies, _par_ipython):
            try:
                return ast.parse(essai(source)), ""
            except (SyntaxError, ValueError, RecursionError, MemoryError) as erreur:
                probleme = f"{type(erreur).__name__} : {getattr(erreur, 'msg', erreur)}"
    return None, probleme


def _sans_magies(source):
    """Remplace les lignes « ! », « % » et « ? » par `pass`, à la même indentation."""
    lignes = []
    for ligne in source.expandtabs(4).splitlines():
        debut = ligne[: len(ligne) - len(ligne.lstrip())]
        if re.match(r"\s*(?:[!%?](?!=)|\w[\w.]*\?{1,2}\s*$)", ligne):
            ligne = debut + "pass"
        elif trouve := re.match(r"\s*([\w, ]+=)\s*[!%]\w", ligne):
            ligne = f"{debut}{trouve[1].strip()} None"
        lignes.append(ligne)
    return "\n".join(lignes)


def _par_ipython(source):
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(source)


def _union(*valeurs):
    traits = set()
    for valeur in valeurs:
        if isinstance(valeur, Valeur):
            traits |= valeur.traits
        elif isinstance(valeur, list):
            traits |= _union(*valeur)
        elif isinstance(valeur, dict):
            traits |= _union(*valeur.values())
    return traits


def _constante(valeur):
    return not isinstance(valeur, (Valeur, list, dict))


class Lecteur:
    """Interprète un module cellule après cellule et remplit `evenements`."""

    def __init__(self):
        self.noms = {}
        self.evenements = []
        self.reseaux = []
        self.pas = 0
        self.cellule = 0
        self.pile = []

    def noter(self, genre, noeud, **infos):
        if len(self.evenements) < 2_000:
            self.evenements.append(
                {"genre": genre, "cellule": self.cellule, "ligne": noeud.lineno, **infos}
            )

    # --- instructions ---

    def bloc(self, instructions, noms):
        for instruction in instructions:
            self.pas += 1
            if self.pas > PAS_MAX:
                raise _TropLong
            methode = getattr(self, "i_" + type(instruction).__name__, None)
            if methode:
                methode(instruction, noms)

    def i_Expr(self, i, noms):
        self.valeur(i.value, noms)

    def i_Assign(self, i, noms):
        valeur = self.valeur(i.value, noms)
        for cible in i.targets:
            self.lier(cible, valeur, noms)

    def i_AnnAssign(self, i, noms):
        if i.value:
            self.lier(i.target, self.valeur(i.value, noms), noms)

    def i_AugAssign(self, i, noms):
        ancienne, ajout = self.valeur(i.target, noms), self.valeur(i.value, noms)
        self.lier(i.target, self.operer(i.op, ancienne, ajout, i), noms)

    def i_If(self, i, noms):
        test = self.valeur(i.test, noms)
        if _constante(test):
            return self.bloc(i.body if test else i.orelse, noms)
        retour = None
        for branche in (i.body, i.orelse):
            try:
                self.bloc(branche, noms)
            except _Retour as sortie:
                retour = retour or sortie
        if retour and retour.valeur is not None:
            raise retour

    def i_For(self, i, noms):
        suite = self.valeur(i.iter, noms)
        if isinstance(suite, list) and len(suite) <= TOURS_MAX:
            for element in suite:
                self.lier(i.target, element, noms)
                self.bloc(i.body, noms)
        else:
            self.lier(i.target, Valeur(traits=_union(suite)), noms)
            self.bloc(i.body, noms)
        self.bloc(i.orelse, noms)

    def i_While(self, i, noms):
        self.valeur(i.test, noms)
        self.bloc(i.body, noms)

    def i_With(self, i, noms):
        for contexte in i.items:
            valeur = self.valeur(contexte.context_expr, noms)
            if contexte.optional_vars:
                self.lier(contexte.optional_vars, valeur, noms)
        self.bloc(i.body, noms)

    def i_Try(self, i, noms):
        self.bloc(i.body, noms)
        self.bloc(i.orelse, noms)
        self.bloc(i.finalbody, noms)

    def i_Return(self, i, noms):
        raise _Retour(self.valeur(i.value, noms) if i.value else None)

    def i_FunctionDef(self, i, noms):
        noms[i.name] = Valeur("fonction", noeud=i, noms=noms)
        self.noter("fonction", i, nom=i.name)

    i_AsyncFunctionDef = i_FunctionDef

    def i_ClassDef(self, i, noms):
        noms[i.name] = Valeur()

    def i_Import(self, i, noms):
        for alias in i.names:
            nom = alias.name if alias.asname else alias.name.split(".")[0]
            noms[alias.asname or nom] = Valeur("nom", nom=nom)
            self.noter("import", i, nom=alias.name)

    def i_ImportFrom(self, i, noms):
        for alias in i.names:
            nom = f"{i.module or ''}.{alias.name}"
            noms[alias.asname or alias.name] = Valeur("nom", nom=nom)
            self.noter("import", i, nom=nom)

    def lier(self, cible, valeur, noms):
        if isinstance(cible, ast.Name):
            noms[cible.id] = valeur
            if isinstance(valeur, Valeur) and valeur.genre == "reseau":
                # Le nom du notebook passe avant celui d'une variable locale de fonction.
                if not self.pile and not valeur.infos.get("nomme"):
                    valeur.infos.update(nom=cible.id, nomme=True)
                valeur.infos.setdefault("nom", cible.id)
        elif isinstance(cible, (ast.Tuple, ast.List)):
            for rang, element in enumerate(cible.elts):
                if isinstance(element, ast.Starred):
                    self.lier(element.value, Valeur(traits=_union(valeur)), noms)
                elif isinstance(valeur, list) and len(valeur) == len(cible.elts):
                    self.lier(element, valeur[rang], noms)
                else:
                    self.lier(element, Valeur(traits=_union(valeur)), noms)
        elif isinstance(cible, ast.Subscript):
            # compares["réseau"] = … : le contenant garde les traits de ce qu'on y range.
            base = cible.value
            if isinstance(base, ast.Name) and isinstance(noms.get(base.id), dict):
                cle = self.valeur(cible.slice, noms)
                if _constante(cle):
                    noms[base.id][cle] = valeur

    # --- expressions ---

    def valeur(self, noeud, noms):
        self.pas += 1
        if self.pas > PAS_MAX:
            raise _TropLong
        methode = getattr(self, "e_" + type(noeud).__name__, None)
        if methode:
            return methode(noeud, noms)
        enfants = [
            self.valeur(n, noms) for n in ast.iter_child_nodes(noeud) if isinstance(n, ast.expr)
        ]
        return Valeur(traits=_union(*enfants))

    def e_Constant(self, n, noms):
        if isinstance(n.value, str) and IMAGE.search(n.value) and len(n.value) < 300:
            self.noter("chemin_image", n, chemin=n.value)
        return n.value

    def e_Name(self, n, noms):
        if n.id in noms:
            return noms[n.id]
        return self.noms.get(n.id, Valeur("nom", nom=n.id))

    def e_List(self, n, noms):
        elements = []
        for element in n.elts:
            if isinstance(element, ast.Starred):
                suite = self.valeur(element.value, noms)
                elements += suite if isinstance(suite, list) else [suite]
            else:
                elements.append(self.valeur(element, noms))
        return elements

    e_Tuple = e_List

    def e_Dict(self, n, noms):
        resultat = {}
        for cle, contenu in zip(n.keys, n.values, strict=True):
            valeur = self.valeur(contenu, noms)
            if cle is None:
                if isinstance(valeur, dict):
                    resultat.update(valeur)
                continue
            cle = self.valeur(cle, noms)
            if _constante(cle):
                resultat[cle] = valeur
        return resultat

    def e_IfExp(self, n, noms):
        test = self.valeur(n.test, noms)
        if _constante(test):
            return self.valeur(n.body if test else n.orelse, noms)
        self.valeur(n.body, noms)
        return self.valeur(n.orelse, noms)

    def e_Compare(self, n, noms):
        gauche, *autres = [self.valeur(x, noms) for x in (n.left, *n.comparators)]
        if len(autres) == 1 and _constante(gauche) and _constante(autres[0]):
            if isinstance(n.ops[0], ast.Eq):
                return gauche == autres[0]
            if isinstance(n.ops[0], ast.NotEq):
                return gauche != autres[0]
        return Valeur(traits=_union(gauche, *autres))

    def e_UnaryOp(self, n, noms):
        valeur = self.valeur(n.operand, noms)
        if isinstance(valeur, (int, float)):
            if isinstance(n.op, ast.USub):
                return -valeur
            if isinstance(n.op, ast.Not):
                return not valeur
        return Valeur(traits=_union(valeur))

    def e_BinOp(self, n, noms):
        return self.operer(n.op, self.valeur(n.left, noms), self.valeur(n.right, noms), n)

    def operer(self, op, a, b, noeud):
        nombres = isinstance(a, (int, float)) and isinstance(b, (int, float))
        if nombres and abs(a) < 1e9 and abs(b) < 1e9:
            calcul = {
                ast.Add: lambda: a + b, ast.Sub: lambda: a - b, ast.Mult: lambda: a * b,
                ast.Div: lambda: a / b, ast.FloorDiv: lambda: a // b, ast.Mod: lambda: a % b,
            }.get(type(op))  # fmt: skip
            try:
                return calcul() if calcul else Valeur()
            except (ZeroDivisionError, OverflowError):
                return Valeur()
        if isinstance(a, list) and isinstance(b, list) and isinstance(op, ast.Add):
            return (a + b)[:500]
        if isinstance(a, str) and isinstance(b, str) and isinstance(op, ast.Add):
            return (a + b)[:1000]
        traits = _union(a, b)
        echelle = (
            _constante(b)
            and isinstance(op, ast.Div)
            and (b == 255 or (b in (254, 256) and bool(traits)))
        )
        echelle |= isinstance(op, ast.Mult) and any(
            isinstance(x, float) and abs(x - 1 / 255) < 1e-5 for x in (a, b)
        )
        if echelle:
            self.noter(
                "echelle", noeud, par=b if isinstance(op, ast.Div) else 255, traits=sorted(traits)
            )
            traits |= {"divise"}
        if isinstance(op, ast.Sub) and _constante(a) and a in (1, 255) and isinstance(b, Valeur):
            self.noter("inversion", noeud)
        return Valeur(traits=traits)

    def e_Attribute(self, n, noms):
        base = self.valeur(n.value, noms)
        if isinstance(base, Valeur):
            if base.genre == "nom":
                return Valeur("nom", nom=f"{base.infos['nom']}.{n.attr}")
            if base.genre == "reseau" and n.attr in ("output", "outputs"):
                return Valeur("tenseur", base.traits, couches=base.infos["couches"])
        return Valeur("methode", _union(base), objet=base, nom=n.attr)

    def e_Subscript(self, n, noms):
        base, indice = self.valeur(n.value, noms), self.valeur(n.slice, noms)
        if isinstance(base, list) and isinstance(indice, int) and -len(base) <= indice < len(base):
            return base[indice]
        if isinstance(base, dict) and _constante(indice) and indice in base:
            return base[indice]
        return Valeur(traits=_union(base))

    def e_Lambda(self, n, noms):
        return Valeur("fonction", noeud=n, noms=noms)

    def e_JoinedStr(self, n, noms):
        for morceau in n.values:
            if isinstance(morceau, ast.FormattedValue):
                self.valeur(morceau.value, noms)
        return Valeur()

    def e_ListComp(self, n, noms):
        locaux = dict(noms)
        generateur = n.generators[0]
        suite = self.valeur(generateur.iter, locaux)
        if isinstance(suite, list) and len(suite) <= TOURS_MAX and len(n.generators) == 1:
            resultat = []
            for element in suite:
                self.lier(generateur.target, element, locaux)
                resultat.append(self.valeur(n.elt, locaux))
            return resultat
        self.lier(generateur.target, Valeur(traits=_union(suite)), locaux)
        return Valeur(traits=_union(self.valeur(n.elt, locaux)))

    e_GeneratorExp = e_ListComp

    # --- appels ---

    def e_Call(self, n, noms):
        fonction = self.valeur(n.func, noms)
        args = self.e_List(ast.List(elts=n.args), noms)
        nommes = {}
        for mot in n.keywords:
            contenu = self.valeur(mot.value, noms)
            if mot.arg is not None:
                nommes[mot.arg] = contenu
            elif isinstance(contenu, dict):
                nommes.update({k: v for k, v in contenu.items() if isinstance(k, str)})
        return self.appeler(fonction, args, nommes, n)

    def appeler(self, fonction, args, nommes, n):
        genre = fonction.genre if isinstance(fonction, Valeur) else "inconnu"
        if genre == "fonction":
            return self.derouler(fonction, args, nommes)
        if genre == "couche":
            entree = args[0] if args else None
            couches = (
                entree.infos["couches"]
                if isinstance(entree, Valeur) and entree.genre == "tenseur"
                else []
            )
            return Valeur(
                "tenseur",
                _union(entree) | fonction.traits,
                couches=[*couches, fonction.infos["couche"]],
            )
        if genre == "reseau":
            if args and isinstance(args[0], Valeur) and args[0].genre == "tenseur":
                couches = [*args[0].infos["couches"], *fonction.infos["couches"]]
                return Valeur("tenseur", _union(args[0]), couches=couches)
            if "augmente" in fonction.traits and not any(
                "Conv" in c[0] for c in fonction.infos["couches"]
            ):
                return Valeur(traits=_union(*args) | {"augmente"})
            self.noter("predict", n, reseau=self._nom(fonction), traits=sorted(_union(*args)))
            return Valeur(traits=_union(*args))
        if genre == "methode":
            nom, objet = fonction.infos["nom"], fonction.infos["objet"]
        elif genre == "nom":
            nom, objet = fonction.infos["nom"].rsplit(".", 1)[-1], None
            if "." in fonction.infos["nom"]:
                racine = Valeur("nom", nom=fonction.infos["nom"].rsplit(".", 1)[0])
                objet = racine
        else:
            return Valeur(traits=_union(fonction, *args, *nommes.values()))
        for argument in (*args, *nommes.values()):
            if isinstance(argument, Valeur) and argument.genre == "fonction" and nom != "map":
                self.derouler(argument, [Valeur(traits=_union(objet, *args))] * 2, {})
        methode = getattr(self, "a_" + nom, None) if nom.isidentifier() else None
        if methode:
            resultat = methode(objet, args, nommes, n)
            if resultat is not NotImplemented:
                return resultat
        if nom in COUCHES:
            return self.couche(nom, args, nommes)
        if nom.startswith("Random") and nom[6:7].isupper():
            return Valeur("couche", {"augmente"}, couche=[nom, {}])
        if nom in OUVERTURES or (
            nom == "open" and isinstance(objet, Valeur) and "Image" in str(objet.infos.get("nom"))
        ):
            self.noter("image_ouverte", n, chemin=self._chemin(args))
            if "target_size" in nommes:  # load_img réduit en ouvrant
                self.noter("redimension", n)
            return Valeur(traits={"photo"})
        if nom in CHARGEMENTS:
            return self.charger(nom, objet, args, n)
        if nom in ("resize", "thumbnail") or nom.startswith("resize_"):
            self.noter("redimension", n)
        if nom in ("invert", "bitwise_not"):
            self.noter("inversion", n)
        return Valeur(traits=_union(objet, *args, *nommes.values()), nom=nom)

    def derouler(self, fonction, args, nommes):
        """Appelle une fonction du notebook avec ce qu'on sait de ses arguments."""
        noeud = fonction.infos["noeud"]
        if len(self.pile) >= PROFONDEUR_MAX or self.pile.count(id(noeud)) > 1:
            return Valeur(traits=_union(*args, *nommes.values()))
        locaux = dict(fonction.infos["noms"])
        signature = noeud.args
        parametres = [*signature.posonlyargs, *signature.args]
        for parametre, defaut in zip(
            reversed(parametres), reversed(signature.defaults), strict=False
        ):
            locaux[parametre.arg] = self.valeur(defaut, locaux)
        for parametre, defaut in zip(signature.kwonlyargs, signature.kw_defaults, strict=True):
            locaux[parametre.arg] = self.valeur(defaut, locaux) if defaut else Valeur()
        for rang, parametre in enumerate(parametres):
            if rang < len(args):
                locaux[parametre.arg] = args[rang]
            elif parametre.arg not in locaux:
                locaux[parametre.arg] = Valeur()
        locaux.update(nommes)
        if signature.vararg:
            locaux[signature.vararg.arg] = args[len(parametres) :]
        self.pile.append(id(noeud))
        try:
            if isinstance(noeud, ast.Lambda):
                return self.valeur(noeud.body, locaux)
            self.bloc(noeud.body, locaux)
        except _Retour as sortie:
            return sortie.valeur
        finally:
            self.pile.pop()
        return None

    def _nom(self, objet):
        if isinstance(objet, Valeur):
            return objet.infos.get("nom") if isinstance(objet.infos.get("nom"), str) else "?"
        return "?"

    def _numero(self, objet):
        return self.reseaux.index(objet) if objet in self.reseaux else None

    def _chemin(self, args):
        return args[0][:300] if args and isinstance(args[0], str) else ""

    def couche(self, nom, args, nommes):
        infos = {}
        for rang, cle in enumerate(COUCHES[nom]):
            if rang < len(args):
                infos[cle] = args[rang]
        infos.update({k: v for k, v in nommes.items() if k in REGLAGES})
        simples = {}
        for cle, contenu in infos.items():
            if isinstance(contenu, list) and len(set(map(str, contenu))) == 1:
                contenu = contenu[0]  # (3, 3) → 3
            if isinstance(contenu, Valeur):
                contenu = (
                    contenu.infos.get("nom", "").rsplit(".", 1)[-1]
                    if contenu.genre == "nom"
                    else None
                )
            simples[cle] = contenu if _constante(contenu) else None
        traits = {"divise"} if nom == "Rescaling" else set()
        return Valeur("couche", traits, couche=[ALIAS.get(nom, nom), simples])

    def nouveau_reseau(self, couches, traits=()):
        plates = []
        for couche in couches:
            if not isinstance(couche, Valeur):
                continue
            if couche.genre == "couche":
                plates.append(couche.infos["couche"])
            elif couche.genre in ("tenseur", "reseau"):
                plates += couche.infos["couches"]
            traits = {*traits, *(couche.traits & {"augmente", "divise"})}
        reseau = Valeur("reseau", traits, couches=plates[:500], cellule=self.cellule)
        self.reseaux.append(reseau)
        return reseau

    def a_Input(self, objet, args, nommes, n):
        return Valeur("tenseur", couches=[["InputLayer", {}]])

    def a_Sequential(self, objet, args, nommes, n):
        couches = args[0] if args else nommes.get("layers", [])
        return self.nouveau_reseau(couches if isinstance(couches, list) else [])

    def a_Model(self, objet, args, nommes, n):
        sorties = nommes.get("outputs", args[1] if len(args) > 1 else None)
        if isinstance(sorties, list):
            sorties = sorties[-1] if sorties else None
        return self.nouveau_reseau([sorties])

    def a_clone_model(self, objet, args, nommes, n):
        return self.nouveau_reseau(args[:1])

    def a_add(self, objet, args, nommes, n):
        if isinstance(objet, Valeur) and objet.genre == "reseau" and args:
            ajout = self.nouveau_reseau(args[:1])
            self.reseaux.pop()
            objet.infos["couches"] += ajout.infos["couches"][: 500 - len(objet.infos["couches"])]
            objet.traits |= ajout.traits
            return None
        return NotImplemented

    def a_append(self, objet, args, nommes, n):
        if isinstance(objet, list) and len(objet) < 500:
            objet += args[:1]
        return None

    def a_extend(self, objet, args, nommes, n):
        if isinstance(objet, list) and args and isinstance(args[0], list) and len(objet) < 500:
            objet += list(args[0])
        return None

    def a_map(self, objet, args, nommes, n):
        if args and isinstance(args[0], Valeur) and args[0].genre == "fonction":
            if objet is None and len(args) == 2 and isinstance(args[1], list):
                return [self.derouler(args[0], [element], {}) for element in args[1][:TOURS_MAX]]
            entree = Valeur(traits=_union(objet, *args[1:]))
            return Valeur(traits=_union(objet, self.derouler(args[0], [entree, entree], {})))
        return NotImplemented

    a_apply = a_map

    def a_zip(self, objet, args, nommes, n):
        if objet is None and args and all(isinstance(a, list) for a in args):
            return [list(t) for t in zip(*args, strict=False)]
        return NotImplemented

    def a_enumerate(self, objet, args, nommes, n):
        if objet is None and args and isinstance(args[0], list):
            return [[i, v] for i, v in enumerate(args[0])]
        return NotImplemented

    def a_range(self, objet, args, nommes, n):
        if args and all(isinstance(a, int) for a in args) and len(args) <= 3:
            try:
                return list(range(*args))[: TOURS_MAX + 1]
            except ValueError:
                return Valeur()
        return NotImplemented

    def a_items(self, objet, args, nommes, n):
        return [[k, v] for k, v in objet.items()] if isinstance(objet, dict) else NotImplemented

    def a_values(self, objet, args, nommes, n):
        return list(objet.values()) if isinstance(objet, dict) else NotImplemented

    def a_len(self, objet, args, nommes, n):
        return len(args[0]) if args and isinstance(args[0], list) else Valeur()

    def a_dict(self, objet, args, nommes, n):
        return dict(nommes) if objet is None else NotImplemented

    def a_get(self, objet, args, nommes, n):
        if isinstance(objet, Valeur) and str(objet.infos.get("nom", "")).endswith("environ"):
            return args[1] if len(args) > 1 else None
        return NotImplemented

    def a_getenv(self, objet, args, nommes, n):
        return args[1] if len(args) > 1 else None

    def a_read_csv(self, objet, args, nommes, n):
        chemin = args[0] if args else nommes.get("filepath_or_buffer")
        texte = chemin if isinstance(chemin, str) else ""
        self.noter("lecture_csv", n, chemin=texte[:200])
        return Valeur(traits={"csv", "test"} if "test" in texte.lower() else {"csv"})

    a_lire_csv = a_read_csv

    def a_obtenir_csv(self, objet, args, nommes, n):
        self.noter("lecture_csv", n, chemin="obtenir_csv")
        return [Valeur(traits={"csv"}), Valeur(traits={"csv", "test"})]

    def a_load_data(self, objet, args, nommes, n):
        self.noter("lecture_csv", n, chemin="load_data")
        a, t = Valeur(traits={"csv"}), Valeur(traits={"csv", "test"})
        return [[a, a], [t, t]]

    def a_charger_fashion_mnist(self, objet, args, nommes, n):
        return self.a_load_data(objet, args, nommes, n)

    def a_to_categorical(self, objet, args, nommes, n):
        self.noter("one_hot", n)
        return Valeur(traits=_union(*args))

    a_get_dummies = a_to_categorical

    def a_train_test_split(self, objet, args, nommes, n):
        nombres = [a for a in args if isinstance(a, (int, float)) and not isinstance(a, bool)]
        tableaux = [a for a in args if not isinstance(a, (int, float))]
        infos = {k: nommes.get(k) for k in ("test_size", "train_size", "random_state", "shuffle")}
        for cle, nombre in zip(("test_size", "random_state"), nombres, strict=False):
            infos[cle] = nombre if infos[cle] is None else infos[cle]
        infos = {k: v if _constante(v) else "?" for k, v in infos.items()}
        self.noter("decoupe", n, **infos)
        parts = []
        for tableau in tableaux:
            traits = _union(tableau) - {"test"}
            parts += [
                Valeur(traits=traits | {"apprentissage"}),
                Valeur(traits=traits | {"validation"}),
            ]
        return parts or Valeur()

    def a_divide(self, objet, args, nommes, n):
        return self.operer(ast.Div(), *args[:2], n) if len(args) >= 2 else NotImplemented

    def a_fit_transform(self, objet, args, nommes, n):
        nom = str(getattr(objet, "infos", {}).get("nom", ""))
        if "divise" in _union(objet) or "Scaler" in nom:
            self.noter("echelle", n, par="Scaler", traits=sorted(_union(*args)))
            return Valeur(traits=_union(*args) | {"divise"})
        return NotImplemented

    a_transform = a_fit_transform

    def a_MinMaxScaler(self, objet, args, nommes, n):
        return Valeur(traits={"divise"})

    a_StandardScaler = a_MinMaxScaler

    def a_normalize(self, objet, args, nommes, n):
        self.noter("echelle", n, par="normalize", traits=sorted(_union(*args)))
        return Valeur(traits=_union(*args) | {"divise"})

    def a_ImageDataGenerator(self, objet, args, nommes, n):
        reglages = {k: v for k, v in nommes.items() if _constante(v)}
        deformations = {"rotation_range", "width_shift_range", "height_shift_range", "shear_range", "zoom_range",
                        "horizontal_flip", "vertical_flip", "brightness_range"}  # fmt: skip
        traits = {"generateur"} | ({"augmente"} if deformations & set(nommes) else set())
        rescale = reglages.get("rescale")
        if isinstance(rescale, float) and rescale < 0.01:
            self.noter("echelle", n, par=255, traits=[])
            traits.add("divise")
        self.noter("generateur", n, reglages=reglages)
        return Valeur(traits=traits)

    def a_compile(self, objet, args, nommes, n):
        def dire(x):
            if isinstance(x, str):
                return x
            return self._nom(x) if isinstance(x, Valeur) else str(x)[:40]

        optimiseur = nommes.get("optimizer", args[0] if args else "")
        perte = nommes.get("loss", args[1] if len(args) > 1 else "")
        if isinstance(objet, Valeur) and objet.genre == "nom" and objet.infos["nom"] == "re":
            return NotImplemented
        self.noter(
            "compile", n, optimiseur=dire(optimiseur), perte=dire(perte), reseau=self._nom(objet)
        )
        return None

    def a_fit(self, objet, args, nommes, n):
        traits_objet = _union(objet)
        if (
            isinstance(objet, Valeur)
            and objet.genre == "inconnu"
            and ("divise" in traits_objet or "generateur" in traits_objet)
        ):
            return Valeur(traits=traits_objet)  # scaler.fit, generateur.fit
        if not (
            {"epochs", "batch_size", "validation_data", "steps_per_epoch", "verbose", "callbacks"}
            & set(nommes)
        ) and (not (isinstance(objet, Valeur) and objet.genre == "reseau")):
            return Valeur(traits=traits_objet)
        noms_positionnels = (
            "x",
            "y",
            "batch_size",
            "epochs",
            "verbose",
            "callbacks",
            "validation_split",
            "validation_data",
        )
        tout = dict(zip(noms_positionnels, args, strict=False)) | nommes
        x = tout.get("x", tout.get("generator"))
        # fit(generateur, 187, 50) : l'ancien fit_generator(generator, steps_per_epoch, epochs).
        reseau = objet if isinstance(objet, Valeur) and objet.genre == "reseau" else None
        traits_reseau = reseau.traits if reseau else frozenset()
        validation = tout.get("validation_data")
        epoques = tout.get("epochs", 1)
        pas = tout.get("steps_per_epoch")
        self.noter(
            "fit", n,
            reseau=self._nom(objet), numero=self._numero(reseau),
            epoques=epoques if isinstance(epoques, (int, float)) else None,
            augmente="augmente" in _union(x) or "augmente" in traits_reseau,
            divise="divise" in _union(x) or "divise" in traits_reseau,
            connu=bool(_union(x)),
            validation_augmentee="augmente" in _union(validation),
            validation=bool(_union(validation) & {"csv", "validation"}) or "validation_split" in tout,
            sur_test="test" in _union(validation),
            pas=pas is not None, generateur="generateur" in _union(x),
        )  # fmt: skip
        return Valeur(traits={"historique"})

    def a_fit_generator(self, objet, args, nommes, n):
        noms = ("x", "steps_per_epoch", "epochs", "verbose", "callbacks", "validation_data")
        return self.a_fit(
            objet, [], {"epochs": 1} | dict(zip(noms, args, strict=False)) | nommes, n
        )

    def a_evaluate(self, objet, args, nommes, n):
        x = args[0] if args else nommes.get("x")
        reseau = objet if isinstance(objet, Valeur) and objet.genre == "reseau" else None
        traits = _union(x)
        self.noter(
            "evaluate", n,
            reseau=self._nom(objet), numero=self._numero(reseau), traits=sorted(traits), connu=bool(traits),
            divise="divise" in traits or "divise" in _union(reseau),
        )  # fmt: skip
        return Valeur(traits={"evaluation"})

    a_evaluate_generator = a_evaluate

    def a_predict(self, objet, args, nommes, n):
        self.noter("predict", n, reseau=self._nom(objet), traits=sorted(_union(*args[:1])))
        return Valeur(traits=_union(*args[:1]) | {"prediction"})

    a_predict_classes = a_predict

    def charger(self, nom, objet, args, n):
        self.noter("chargement", n, fonction=nom, chemin=self._chemin(args))
        if nom == "load_weights":
            return None
        return Valeur("reseau", couches=[], cellule=self.cellule)

    def _noter_sauvegarde(self, n, quoi, objet, **plus):
        self.noter(
            "sauvegarde", n, quoi=quoi, **plus, reseau=self._nom(objet), numero=self._numero(objet)
        )

    def a_to_json(self, objet, args, nommes, n):
        self._noter_sauvegarde(n, "json", objet)
        return Valeur()

    def a_save_weights(self, objet, args, nommes, n):
        self._noter_sauvegarde(n, "poids", objet, chemin=self._chemin(args))
        return None

    def a_save(self, objet, args, nommes, n):
        if isinstance(objet, Valeur) and (
            objet.genre == "reseau" or re.search(r"\.(keras|h5)$", self._chemin(args))
        ):
            self._noter_sauvegarde(n, "entier", objet, chemin=self._chemin(args))
            return None
        return NotImplemented

    def a_save_model(self, objet, args, nommes, n):
        return self.a_save(args[0] if args else None, args[1:], nommes, n)

    def a_sauvegarder_modele(self, objet, args, nommes, n):
        reseau = args[0] if args else None
        for quoi in ("json", "poids"):
            self._noter_sauvegarde(n, quoi, reseau)
        return Valeur()

    def a_legend(self, objet, args, nommes, n):
        contenu = args[0] if args else nommes.get("labels")
        if isinstance(contenu, list):
            self.noter("legende", n, noms=[str(c)[:60] for c in contenu if isinstance(c, str)])
        return None

    def a_verifier(self, objet, args, nommes, n):
        for question in args:
            if isinstance(question, str):
                self.noter("verifier", n, question=question[:40])
        return None


def couches_utiles(couches):
    """Couches qui comptent, activations à part rattachées à la couche précédente."""
    utiles = []
    for nom, infos in couches:
        if nom in MUETTES or nom.startswith("Random"):
            continue
        if nom in ("Activation", "ReLU", "Softmax"):
            if utiles and not utiles[-1][1].get("activation"):
                fonction = infos.get("activation") or nom.lower()
                utiles[-1] = [utiles[-1][0], {**utiles[-1][1], "activation": fonction}]
            continue
        utiles.append([nom, infos])
    return utiles


def analyser(sources):
    """Faits du code d'un notebook : `evenements`, `reseaux` (couches utiles), `syntaxe`, `incompris`.

    `sources` : le texte de chaque cellule de code. Ne lève rien ; une cellule invalide est sautée.
    """
    lecteur, syntaxe, incompris = Lecteur(), [], []
    for rang, source in enumerate(sources, start=1):
        lecteur.cellule, lecteur.pas = rang, 0
        module, probleme = arbre(source)
        if module is None:
            syntaxe.append([rang, probleme[:200]])
            continue
        # Une instruction après l'autre : ce qui dépasse n'emporte pas la suite de la cellule.
        for instruction in module.body:
            try:
                lecteur.bloc([instruction], lecteur.noms)
            except (_Retour, _TropLong):
                continue
            except RecursionError:
                syntaxe.append([rang, "expression trop imbriquée"])
            except (
                Exception
            ) as erreur:  # une tournure imprévue ne doit pas coûter le reste du notebook
                incompris.append([rang, f"{type(erreur).__name__} : {erreur}"[:200]])
    # Les fonctions jamais appelées peuvent contenir le travail (main(), fonctions d'un autre fichier).
    agit = any(e["genre"] in ("fit", "predict", "chargement") for e in lecteur.evenements)
    if not agit:
        for valeur in list(lecteur.noms.values()):
            if isinstance(valeur, Valeur) and valeur.genre == "fonction":
                try:
                    lecteur.derouler(valeur, [], {})
                except (_TropLong, RecursionError):
                    break
                except _Retour:
                    continue
    reseaux = [
        {
            "nom": str(r.infos.get("nom", "?"))[:60],
            "cellule": r.infos["cellule"],
            "couches": couches_utiles(r.infos["couches"]),
        }
        for r in lecteur.reseaux
    ]
    return {
        "evenements": lecteur.evenements,
        "reseaux": reseaux,
        "syntaxe": syntaxe,
        "incompris": incompris,
    }
