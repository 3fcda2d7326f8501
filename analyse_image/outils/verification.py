"""Vérifier une réponse tout de suite : `verifier("q1")` ; les questions sont dans `questions/`, un fichier par labo."""

import re
import sys
import textwrap

# Importer le fichier d'un labo inscrit ses questions.
from questions import labo0, labo1, labo2, labo3, labo4, labo5, labo6, labo8  # noqa: F401
from questions.reponses import QUESTIONS, Faux, Noms


def verifier(cle):
    """Affiche « ✅ cle : … » si la réponse à la question est bonne, sinon « ❌ cle : … » et un indice ;
    ne lève jamais d'exception."""
    try:
        noms = Noms(sys._getframe(1).f_globals)
        if cle not in QUESTIONS:
            raise Faux(f"question inconnue ; connues : {', '.join(sorted(QUESTIONS))}.")
        reponse = f"✅ {cle} : {QUESTIONS[cle](noms)}"
    except Faux as probleme:
        reponse = f"❌ {cle} : {probleme}"
    except NotImplementedError as erreur:  # « À VOUS : complétez cette cellule… »
        reponse = f"❌ {cle} : {erreur}"
    except NameError as erreur:  # dans la fonction de l'étudiant
        nom = (re.findall(r"'([^']+)'", str(erreur)) or ["?"])[0]
        reponse = f"❌ {cle} : une ligne emploie « {nom} » avant qu'il existe."
    except Exception as erreur:  # une réponse inattendue ne doit jamais arrêter le notebook
        forme = f"{type(erreur).__name__} : {erreur}"
        reponse = f"❌ {cle} : votre réponse n'a pas la forme attendue ({forme})."
    # Coupée entre les mots : une sortie de Jupyter coupe n'importe où.
    print(textwrap.fill(reponse, 90, break_long_words=False, break_on_hyphens=False))
