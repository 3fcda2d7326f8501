"""La page : choisir une photo, « Prédire », lire la réponse du service.

    streamlit run analyse_image/service/page.py

SERVICE_ADRESSE : adresse du service, http://127.0.0.1:8000 par défaut. Styles et traduction : page.html.
"""

import base64
import os
from html import escape
from pathlib import Path

import requests
import streamlit as st

ADRESSE = os.environ.get("SERVICE_ADRESSE", "http://127.0.0.1:8000").rstrip("/")


def pourcent(p):
    return f"{p:.1%}".replace(".", ",").replace("%", " %")


def demander(photo):
    """Réponse du service (dict), ou une phrase (str) qui dit ce qui ne va pas."""
    fichiers = {"file": ("photo", photo.getvalue(), photo.type)}
    try:
        reponse = requests.post(f"{ADRESSE}/predict/", files=fichiers, timeout=(3, 30))
        contenu = reponse.json()
        return contenu if reponse.ok else str(contenu["erreur"]["message"])
    except requests.Timeout:
        return "Le service met trop de temps à répondre. Réessayez dans un moment."
    except requests.ConnectionError:
        return f"Le service ne répond pas à l'adresse {ADRESSE}. Est-il démarré ?"
    except (ValueError, KeyError, TypeError):
        return f"L'adresse {ADRESSE} répond, mais ce n'est pas notre service."


def montrer(reponse):
    """Le résultat, les probabilités en barres, ce que voit le réseau, ce qui peut le tromper."""
    p = pourcent(reponse["probabilite"])
    st.success(f"Résultat de la prédiction: {reponse['classe']} ({p})")
    barres, vue = st.columns([3, 1], gap="large")
    lignes = [
        f"<tr><th scope=row>{escape(nom)}</th>"
        f"<td><div class=barre style='width:{p:.1%}'></div></td><td>{pourcent(p)}</td></tr>"
        for nom, p in sorted(reponse["probabilites"].items(), key=lambda paire: -paire[1])
    ]
    barres.html(f"<table class=barres><caption>Probabilités</caption>{''.join(lignes)}</table>")
    source = f"data:image/png;base64,{escape(reponse['entree'])}"
    vue.html(
        "<p class=titre>Ce que voit le réseau</p>"
        f"<img class=vue src='{source}' alt='La photo préparée pour le réseau'>"
    )
    for avertissement in reponse["avertissements"]:
        st.warning(avertissement)
    st.caption(f"Modèle : {reponse['modele']['nom']}, version {reponse['modele']['version']}")


st.set_page_config(page_title="Quel vêtement est-ce ?", page_icon="👕")
st.html(Path(__file__).with_name("page.html").read_text("utf-8"), unsafe_allow_javascript=True)
st.title("Quel vêtement est-ce ?")
st.write(
    "Donnez la photo d'un seul vêtement, entier, sur un fond uni (JPEG ou PNG, 8 Mo au plus) : "
    "le réseau dit lequel c'est."
)
photo = st.file_uploader("Photo du vêtement")  # le service dit en clair ce qu'il refuse
if photo is not None:
    # C'est le navigateur qui décode la photo : la page n'ouvre jamais un fichier inconnu.
    octets = base64.b64encode(photo.getvalue()).decode()
    st.html(f"<img class=photo src='data:{escape(photo.type)};base64,{octets}' alt='Votre photo'>")
    if st.button("Prédire", type="primary"):
        with st.spinner("Prédiction en cours..."):
            reponse = demander(photo)
        if isinstance(reponse, dict):
            montrer(reponse)
        else:
            st.error(reponse.replace("\n", "\n\n"))
