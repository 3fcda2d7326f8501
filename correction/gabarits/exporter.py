"""Exécuté dans le noyau juste après une cellule `verifier("…")` : met de côté les valeurs sur lesquelles elle porte.

Le correcteur les relit et pose la question lui-même, dans un autre processus. Une fonction ne s'y relit pas : notre
vérification, chargée à neuf, l'appelle ici, et ce sont ses résultats, appel après appel, qui sont mis de côté.
"""


def _mettre_de_cote(dossier, noms, valeurs, labos):
    import json
    import os
    import sys

    import numpy as np

    def ecrire(nom, valeur):
        """Une entrée de fiche pour une donnée ; lève TypeError ou ValueError pour le reste."""
        if hasattr(valeur, "to_json") and hasattr(valeur, "save_weights"):
            with open(os.path.join(dossier, nom + ".json"), "w", encoding="utf-8") as sortie:
                sortie.write(valeur.to_json())
            valeur.save_weights(os.path.join(dossier, nom + ".weights.h5"))
            return {"genre": "modele"}
        if hasattr(valeur, "history") and isinstance(valeur.history, dict):
            history = {str(k): [float(x) for x in v] for k, v in valeur.history.items()}
            return {"genre": "historique", "valeur": history}
        if isinstance(valeur, (bool, int, float, str, dict)):
            json.dumps(valeur)
            return {"genre": "valeur", "valeur": valeur}
        tableau = np.asarray(valeur)
        if tableau.dtype.kind not in "biufU" or tableau.nbytes > 400_000_000:
            raise ValueError("ni un tableau de nombres, ni de textes")
        np.save(os.path.join(dossier, nom + ".npy"), tableau, allow_pickle=False)
        return {"genre": "liste" if isinstance(valeur, (list, tuple)) else "tableau"}

    def suivre(nom, fonction, appels):
        def suivie(*arguments, **nommes):
            resultat = fonction(*arguments, **nommes)
            if len(appels) < 100:
                appels.append(ecrire(f"{nom}.{len(appels)}", resultat))
            return resultat

        return suivie

    def questions_neuves():
        """Nos questions, relues de nos fichiers : le notebook a pu changer celles qu'il a chargées."""
        anciennes = {
            m: sys.modules.pop(m) for m in list(sys.modules) if m.split(".")[0] == "questions"
        }
        sys.path.insert(0, labos)
        try:
            with open(os.path.join(labos, "outils", "verification.py"), encoding="utf-8") as source:
                neuves = {"__name__": "verification"}
                exec(compile(source.read(), "verification", "exec"), neuves)
            return neuves
        finally:
            sys.path.remove(labos)
            for m in [m for m in sys.modules if m.split(".")[0] == "questions"]:
                del sys.modules[m]
            sys.modules.update(anciennes)

    os.makedirs(dossier, exist_ok=True)
    fiche, suivies = {}, {}
    for nom in noms:
        if nom not in valeurs:
            continue
        try:
            fiche[nom] = ecrire(nom, valeurs[nom])
        except Exception as erreur:
            fiche[nom] = {"genre": "autre", "raison": f"{type(erreur).__name__} : {erreur}"[:200]}
            if callable(valeurs[nom]):
                appels = []
                fiche[nom] = {"genre": "fonction", "appels": appels}
                suivies[nom] = suivre(nom, valeurs[nom], appels)
    if suivies:
        try:
            nos = questions_neuves()
            nos["QUESTIONS"][os.path.basename(dossier)](nos["Noms"]({**valeurs, **suivies}))
        except Exception as probleme:
            fiche["?"] = {"genre": "refus", "valeur": str(probleme)[:400]}
    with open(os.path.join(dossier, "fiche.json"), "w", encoding="utf-8") as sortie:
        json.dump(fiche, sortie)
