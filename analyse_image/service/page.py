"""La page : choisir ou prendre une photo, « Prédire », lire la réponse du service.

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
EXEMPLES = {"pantalon": "pantalon.jpg", "baskets": "baskets.jpg", "sac": "sac.png"}


def exemple(nom):
    """Octets d'une photo d'exemple : dans `images/` du dépôt, ou à côté du service une fois en ligne."""
    dossiers = [Path(__file__).resolve().parents[n] / "images" for n in (1, 2)]
    return next(d for d in dossiers if d.is_dir()).joinpath(EXEMPLES[nom]).read_bytes()


def pourcent(p):
    return f"{p:.1%}".replace(".", ",").replace("%", "\u00a0%")


def image(octets, legende, classe=""):
    """HTML d'une image : c'est le navigateur qui la décode, la page n'ouvre jamais un fichier inconnu."""
    texte = octets if isinstance(octets, str) else base64.b64encode(octets).decode()
    source = f"data:image/png;base64,{escape(texte)}"  # le navigateur reconnaît aussi un JPEG
    return f"<figure><img class='{classe}' src='{source}' alt='{legende}'><figcaption>{legende}</figcaption></figure>"


def demander(octets):
    """Réponse du service (dict), ou une phrase (str) qui dit ce qui ne va pas."""
    try:
        reponse = requests.post(
            f"{ADRESSE}/predict/", files={"file": ("photo", octets)}, timeout=(3, 30)
        )
        contenu = reponse.json()
        if not reponse.ok:
            return str(contenu["erreur"]["message"])
        return contenu | {
            "probabilites": {nom: float(p) for nom, p in contenu["probabilites"].items()},
            "titre": f"{contenu['classe']} ({pourcent(contenu['probabilite'])})",
            "modele": "Modèle : {nom}, version {version}".format(**contenu["modele"]),
            "images": image(contenu["image"], "Votre photo")
            + image(contenu["entree"], "Ce que voit le réseau", "vue"),
            "avertissements": [str(phrase) for phrase in contenu["avertissements"]],
        }
    except requests.Timeout:
        return "Le service met trop de temps à répondre. Réessayez dans un moment."
    except requests.ConnectionError:
        return f"Le service ne répond pas à l'adresse {ADRESSE}. Est-il démarré ?"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"L'adresse {ADRESSE} répond, mais ce n'est pas notre service."


def montrer(reponse):
    """Le résultat et les probabilités d'abord ; à côté, la photo, ce que voit le réseau, ce qui peut le tromper."""
    barres, images = st.columns([3, 2], gap="large")
    barres.success(f"Résultat de la prédiction: {reponse['titre']}")
    lignes = [
        f"<tr><th scope=row>{escape(nom)}</th><td><div class=barre style='width:{p:.1%}'></div></td>"
        f"<td>{pourcent(p)}</td></tr>"
        for nom, p in sorted(reponse["probabilites"].items(), key=lambda paire: -paire[1])
    ]
    barres.html(f"<table class=barres><caption>Probabilités</caption>{''.join(lignes)}</table>")
    images.html(f"<div class=images>{reponse['images']}</div>")
    for avertissement in reponse["avertissements"]:
        images.warning(avertissement)
    images.caption(reponse["modele"])


def retenir(octets):
    """La dernière photo choisie, d'où qu'elle vienne, remplace la précédente et sa réponse."""
    st.session_state.photo, st.session_state.reponse = octets, None


def retenir_depuis(cle):
    fichier = st.session_state[cle]
    retenir(fichier and fichier.getvalue())


st.set_page_config(page_title="Quel vêtement est-ce ?", page_icon="👕", layout="wide")
st.html(Path(__file__).with_name("page.html").read_text("utf-8"), unsafe_allow_javascript=True)
st.title("Quel vêtement est-ce ?")
haut = st.container()  # la photo, puis le résultat : toujours en haut, rien à faire défiler
st.write(
    "Donnez la photo d'un seul vêtement, entier, sur un fond uni : le réseau dit lequel c'est."
)
choix, essais = st.columns([3, 2], gap="large")
sources = ["Un fichier", "L'appareil photo"]
source = choix.segmented_control(
    "D'où vient la photo ?", sources, default=sources[0], label_visibility="collapsed"
)
outil = choix.camera_input if source == sources[1] else choix.file_uploader
outil(
    "Photo du vêtement",
    key=str(source),
    on_change=retenir_depuis,
    args=[str(source)],
    label_visibility="collapsed",
)
with essais.container(key="essais"):
    st.write("Ou essayer avec :")
    for colonne, nom in zip(st.columns(3), EXEMPLES, strict=True):
        colonne.html(image(exemple(nom), "", "exemple"))
        colonne.button(nom, on_click=retenir, args=[exemple(nom)], width="stretch")

photo = st.session_state.get("photo")
if photo is not None:
    reponse = st.session_state.reponse
    with haut:
        if isinstance(reponse, dict):
            montrer(reponse)
        else:
            st.html(f"<div class=choisie>{image(photo, 'Votre photo')}</div>")
            if st.button("Prédire", type="primary"):
                with st.spinner("Prédiction en cours..."):
                    st.session_state.reponse = demander(photo)
                st.rerun()
            if reponse is not None:
                st.error(reponse.replace("\n", "\n\n"))
