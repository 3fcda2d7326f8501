"""Le lecteur : il suit les instructions d'un notebook dans l'ordre ; une méthode `i_X` par sorte de nœud `ast.X`."""

import ast

from correction.lecture.expressions import Expressions
from correction.lecture.valeurs import TOURS_MAX, Valeur, constante, est, union

PAS_MAX = 60_000
PROFONDEUR_MAX = 25


class Retour(Exception):
    """Une fonction du notebook rend `valeur`."""

    def __init__(self, valeur):
        self.valeur = valeur


class TropLong(Exception):
    """Le code demande trop de pas : la suite de l'instruction n'est pas lue."""


class Lecteur(Expressions):
    """Interprète un module cellule après cellule et remplit `evenements`."""

    def __init__(self):
        self.noms = {}
        self.evenements = []
        self.reseaux = []
        self.pas = 0
        self.cellule = 0
        self.ligne = 0  # où finit l'instruction en cours de la cellule
        self.pile = []

    def noter(self, genre, noeud, **infos):
        if len(self.evenements) < 2_000:
            self.evenements.append(
                {"genre": genre, "cellule": self.cellule, "ligne": self.ligne, **infos}
            )

    def avancer(self):
        self.pas += 1
        if self.pas > PAS_MAX:
            raise TropLong

    def bloc(self, instructions, noms):
        for instruction in instructions:
            self.avancer()
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
        if constante(test):
            return self.bloc(i.body if test else i.orelse, noms)
        retour = None
        for branche in (i.body, i.orelse):
            try:
                self.bloc(branche, noms)
            except Retour as sortie:
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
            self.lier(i.target, Valeur(traits=union(suite)), noms)
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
        raise Retour(self.valeur(i.value, noms) if i.value else None)

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
            if est(valeur, "reseau"):
                # Le nom du notebook passe avant celui d'une variable locale de fonction.
                if not self.pile and not valeur.infos.get("nomme"):
                    valeur.infos.update(nom=cible.id, nomme=True)
                valeur.infos.setdefault("nom", cible.id)
        elif isinstance(cible, (ast.Tuple, ast.List)):
            for rang, element in enumerate(cible.elts):
                if isinstance(element, ast.Starred):
                    self.lier(element.value, Valeur(traits=union(valeur)), noms)
                elif isinstance(valeur, list) and len(valeur) == len(cible.elts):
                    self.lier(element, valeur[rang], noms)
                else:
                    self.lier(element, Valeur(traits=union(valeur)), noms)
        elif isinstance(cible, ast.Subscript):
            # compares["réseau"] = … : le contenant garde les traits de ce qu'on y range.
            base = cible.value
            if isinstance(base, ast.Name) and isinstance(noms.get(base.id), dict):
                cle = self.valeur(cible.slice, noms)
                if constante(cle):
                    noms[base.id][cle] = valeur

    def derouler(self, fonction, args, nommes):
        """Appelle une fonction du notebook avec ce qu'on sait de ses arguments."""
        noeud = fonction.infos["noeud"]
        if len(self.pile) >= PROFONDEUR_MAX or self.pile.count(id(noeud)) > 1:
            return Valeur(traits=union(*args, *nommes.values()))
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
        except Retour as sortie:
            return sortie.valeur
        finally:
            self.pile.pop()
        return None

    def numero(self, reseau):
        """Rang d'un réseau parmi ceux du notebook, ou None."""
        return self.reseaux.index(reseau) if reseau in self.reseaux else None
