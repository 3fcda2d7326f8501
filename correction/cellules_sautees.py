"""Les cellules qu'une nouvelle exécution saute : celles qui bloquent ou tuent un noyau. C'est dit à l'étudiant."""

import ast
import re

from correction.lecture.syntaxe import arbre

TUEURS = {
    "input": "attend une saisie au clavier (input)",
    "exit": "arrête le noyau (exit)",
    "quit": "arrête le noyau (quit)",
    "_exit": "tue le noyau (os._exit)",
    "abort": "tue le noyau (os.abort)",
    "kill": "tue un processus (kill)",
    "askopenfilename": "ouvre une fenêtre (tkinter)",
    "Tk": "ouvre une fenêtre (tkinter)",
    "mainloop": "ouvre une fenêtre (tkinter)",
    "mount": "monte Google Drive (Colab)",
}
COMMANDE = re.compile(
    r"\s*[!%](pip|conda|apt|apt-get|sudo|git|kaggle|wget|curl|rm|shutdown|kill|unzip)\b"
)


def raison_de_sauter(source):
    """Pourquoi une cellule ne sera pas exécutée, ou None."""
    if re.match(r"\s*%%(bash|sh|cmd|script|writefile|perl|ruby|javascript|js)\b", source):
        return "lance un autre programme (" + source.split()[0] + ")"
    lignes = source.splitlines()
    if any(COMMANDE.match(ligne) for ligne in lignes) and all(
        re.match(r"\s*([!%#]|$)", ligne) for ligne in lignes
    ):
        return "installe, télécharge ou efface (commande système)"
    module, _ = arbre(source)
    noeuds = list(ast.walk(module)) if module else []
    # Sous une condition, un appel propre à Colab ne part pas ici.
    gardes = {id(n) for i in noeuds if isinstance(i, (ast.If, ast.Try)) for n in ast.walk(i)}
    for noeud in noeuds:
        propre_a_colab = isinstance(noeud, ast.Call) and _nom(noeud.func) in ("mount", "upload")
        if propre_a_colab and id(noeud) in gardes:
            continue
        if isinstance(noeud, ast.Call) and (raison := _appel_tueur(noeud)):
            return raison
        sans_fin = (
            isinstance(noeud, ast.While)
            and isinstance(noeud.test, ast.Constant)
            and noeud.test.value
        )
        sorties = (ast.Break, ast.Return, ast.Raise)
        if sans_fin and not any(isinstance(n, sorties) for n in ast.walk(noeud)):
            return "boucle sans fin (while True)"
    return None


def _appel_tueur(noeud):
    fonction = noeud.func
    nom = _nom(fonction)
    base = getattr(getattr(fonction, "value", None), "id", "")
    if nom == "upload" and base == "files":
        return "attend un envoi de fichier (Colab)"
    if nom in ("kill", "mount", "abort") and base not in ("os", "drive"):
        return None
    return TUEURS.get(nom)


def _nom(fonction):
    return fonction.attr if isinstance(fonction, ast.Attribute) else getattr(fonction, "id", "")
