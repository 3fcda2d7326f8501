"""Réglages de Sphinx : le site des labos, lu tel quel depuis un serveur ou une clé USB."""

import sys
import unicodedata
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from myst_nb.core.render import NbElementRenderer
from sphinx.search.fr import SearchFrench

ICI = Path(__file__).resolve().parent
sys.path.insert(0, str(ICI.parents[1]))

project = "Classer des images"
author = ""
language = "fr"
extensions = ["myst_nb"]
exclude_patterns = ["telecharger"]

# Les sorties enregistrées, jamais de nouveau calculées.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
suppress_warnings = [
    "myst.header",  # un labo peut sauter un niveau de titre
    "mystnb.unknown_mime_type",
]

html_theme = "furo"
html_title = "Classer des images"
html_static_path = [str(ICI / "statique")]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
html_show_copyright = False
html_use_index = False
html_show_search_summary = (
    False  # le navigateur le lirait par le réseau : impossible depuis une clé
)
html_math_renderer = "mathml"  # ni script ni police : les navigateurs savent dessiner MathML


def sans_accents(texte):
    """« Réseau » → « Reseau »."""
    return "".join(c for c in unicodedata.normalize("NFD", texte) if not unicodedata.combining(c))


class RechercheSansAccents(SearchFrench):
    """La recherche en français de Sphinx, où « reseau » trouve aussi « réseau »."""

    stopwords = frozenset(map(sans_accents, SearchFrench.stopwords))
    # `splitQuery` est la fonction que Sphinx laisse remplacer : les mots demandés perdent aussi leurs accents.
    js_splitter_code = r"""
var splitQuery = (query) => query.normalize("NFD").replace(/\p{Mn}/gu, "")
    .split(/[^\p{Letter}\p{Number}_\p{Emoji_Presentation}]+/gu).filter((mot) => mot);
"""

    def split(self, input):
        return super().split(sans_accents(input))


def formule(visiteur, noeud):
    visiteur.body.append(tex2mathml(noeud.astext(), as_block=isinstance(noeud, nodes.math_block)))
    raise nodes.SkipNode


_sans_texte = NbElementRenderer.render_image


def image_decrite(self, data):
    """L'image d'une sortie, avec son texte alternatif (MyST-NB ne sait le donner qu'à toute une cellule)."""
    (image,) = _sans_texte(self, data)
    details = data.output_metadata.get(data.mime_type, {})
    image["alt"] = details.get("alt", "Figure : le texte qui suit dit ce qu'il faut y voir.")
    return [image]


def setup(app):
    NbElementRenderer.render_image = image_decrite
    app.add_search_language(RechercheSansAccents)
    app.add_html_math_renderer("mathml", (formule, None), (formule, None))
