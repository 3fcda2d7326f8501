"""Exécuté dans le noyau juste après une cellule `verifier("…")` : met de côté les valeurs sur lesquelles elle porte.

Le correcteur les relit et pose la question lui-même, dans un autre processus. Une fonction ne se relit pas sans
l'exécuter : la question qui porte sur elle est posée ici, par notre vérification, chargée à neuf.
"""


def _mettre_de_cote(dossier, noms, valeurs, verification):
    import json
    import os

    import numpy as np

    os.makedirs(dossier, exist_ok=True)
    fiche = {}
    for nom in noms:
        if nom not in valeurs:
            continue
        valeur = valeurs[nom]
        try:
            if hasattr(valeur, "to_json") and hasattr(valeur, "save_weights"):
                with open(os.path.join(dossier, nom + ".json"), "w", encoding="utf-8") as sortie:
                    sortie.write(valeur.to_json())
                valeur.save_weights(os.path.join(dossier, nom + ".weights.h5"))
                fiche[nom] = {"genre": "modele"}
            elif hasattr(valeur, "history") and isinstance(valeur.history, dict):
                history = {str(k): [float(x) for x in v] for k, v in valeur.history.items()}
                fiche[nom] = {"genre": "historique", "valeur": history}
            elif isinstance(valeur, (bool, int, float, str, dict)):
                json.dumps(valeur)
                fiche[nom] = {"genre": "valeur", "valeur": valeur}
            else:
                tableau = np.asarray(valeur)
                if tableau.dtype.kind not in "biufU" or tableau.nbytes > 400_000_000:
                    raise ValueError("ni un tableau de nombres, ni de textes")
                np.save(os.path.join(dossier, nom + ".npy"), tableau, allow_pickle=False)
                liste = isinstance(valeur, (list, tuple))
                fiche[nom] = {"genre": "liste" if liste else "tableau"}
        except (
            Exception
        ) as erreur:  # une fonction, par exemple : elle ne se relit pas sans l'exécuter
            fiche[nom] = {"genre": "autre", "raison": f"{type(erreur).__name__} : {erreur}"[:200]}
    if any(entree["genre"] == "autre" for entree in fiche.values()):
        neuve = {"__name__": "verification"}
        exec(compile(verification, "verification", "exec"), neuve)
        try:
            reponse = neuve["QUESTIONS"][os.path.basename(dossier)](neuve["Noms"](valeurs))
            fiche["?"] = {"genre": "jugement", "valeur": ["juste", str(reponse)]}
        except Exception as probleme:
            fiche["?"] = {"genre": "jugement", "valeur": ["faux", str(probleme)]}
    with open(os.path.join(dossier, "fiche.json"), "w", encoding="utf-8") as sortie:
        json.dump(fiche, sortie)
