"""Valeur d'une expression, d'après ce qu'on sait de ses morceaux ; une méthode `e_X` par sorte de nœud `ast.X`."""

import ast
import operator
import re

from correction.lecture.appels import appeler
from correction.lecture.valeurs import TOURS_MAX, Valeur, constante, union

IMAGE = re.compile(r"\.(jpe?g|png|gif|webp|bmp|avif|tiff?|jfif)$", re.IGNORECASE)
CALCULS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def _diviseur(op, a, b, traits):
    """Par quoi cette opération divise des pixels (255, ou presque), sinon None."""
    if isinstance(op, ast.Div) and constante(b) and (b == 255 or (b in (254, 256) and traits)):
        return b
    fois = isinstance(op, ast.Mult) and any(
        isinstance(x, float) and abs(x - 1 / 255) < 1e-5 for x in (a, b)
    )
    return 255 if fois else None


class Expressions:
    """La moitié « expressions » de `Lecteur`."""

    def valeur(self, noeud, noms):
        self.avancer()
        methode = getattr(self, "e_" + type(noeud).__name__, None)
        if methode:
            return methode(noeud, noms)
        enfants = [
            self.valeur(n, noms) for n in ast.iter_child_nodes(noeud) if isinstance(n, ast.expr)
        ]
        return Valeur(traits=union(*enfants))

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
            if constante(cle):
                resultat[cle] = valeur
        return resultat

    def e_IfExp(self, n, noms):
        test = self.valeur(n.test, noms)
        if constante(test):
            return self.valeur(n.body if test else n.orelse, noms)
        self.valeur(n.body, noms)
        return self.valeur(n.orelse, noms)

    def e_Compare(self, n, noms):
        gauche, *autres = [self.valeur(x, noms) for x in (n.left, *n.comparators)]
        if len(autres) == 1 and constante(gauche) and constante(autres[0]):
            if isinstance(n.ops[0], ast.Eq):
                return gauche == autres[0]
            if isinstance(n.ops[0], ast.NotEq):
                return gauche != autres[0]
        return Valeur(traits=union(gauche, *autres))

    def e_UnaryOp(self, n, noms):
        valeur = self.valeur(n.operand, noms)
        if isinstance(valeur, (int, float)):
            if isinstance(n.op, ast.USub):
                return -valeur
            if isinstance(n.op, ast.Not):
                return not valeur
        return Valeur(traits=union(valeur))

    def e_BinOp(self, n, noms):
        return self.operer(n.op, self.valeur(n.left, noms), self.valeur(n.right, noms), n)

    def operer(self, op, a, b, noeud):
        nombres = isinstance(a, (int, float)) and isinstance(b, (int, float))
        if nombres and abs(a) < 1e9 and abs(b) < 1e9:
            try:
                return CALCULS[type(op)](a, b)
            except (KeyError, ZeroDivisionError, OverflowError):
                return Valeur()
        if isinstance(op, ast.Add) and isinstance(a, (list, str)) and type(a) is type(b):
            return (a + b)[: 500 if isinstance(a, list) else 1000]
        traits = union(a, b)
        if par := _diviseur(op, a, b, traits):
            self.noter("echelle", noeud, par=par, traits=sorted(traits))
            traits |= {"divise", "deux_fois"} if "divise" in traits else {"divise"}
        if isinstance(op, ast.Sub) and constante(a) and a in (1, 255) and isinstance(b, Valeur):
            self.noter("inversion", noeud)
        return Valeur(traits=traits)

    def e_Attribute(self, n, noms):
        base = self.valeur(n.value, noms)
        if isinstance(base, Valeur):
            if base.genre == "nom":
                return Valeur("nom", nom=f"{base.infos['nom']}.{n.attr}")
            if base.genre == "reseau" and n.attr in ("output", "outputs"):
                return Valeur("tenseur", base.traits, couches=base.infos["couches"])
        return Valeur("methode", union(base), objet=base, nom=n.attr)

    def e_Subscript(self, n, noms):
        base, indice = self.valeur(n.value, noms), self.valeur(n.slice, noms)
        if isinstance(base, list) and isinstance(indice, int) and -len(base) <= indice < len(base):
            return base[indice]
        if isinstance(base, dict) and constante(indice) and indice in base:
            return base[indice]
        return Valeur(traits=union(base))

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
        self.lier(generateur.target, Valeur(traits=union(suite)), locaux)
        return Valeur(traits=union(self.valeur(n.elt, locaux)))

    e_GeneratorExp = e_ListComp

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
        return appeler(self, fonction, args, nommes, n)
