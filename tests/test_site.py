"""Le site des labos : complet, en français, sans rien demander au réseau."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from navigateur import graves, ouvrir_navigateur

from outils.fichiers import RACINE, Refus
from publication.dossier import remplacer
from publication.site.sources import duree, labos_du_depot, relier

pytest.importorskip("furo", reason="pip install -r publication/requirements.txt")
pytest.importorskip("myst_nb", reason="pip install -r publication/requirements.txt")

from publication.site.construire import construire  # noqa: E402

LABOS = ["convolution", "preparation_hm"]  # des détails à déplier ; des tableaux, des photos


class Elements(HTMLParser):
    """Les éléments d'une page : [(nom, attributs)], et son texte."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texte = [], ""
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, nom, attributs):
        self.elements.append((nom, dict(attributs)))

    def handle_data(self, texte):
        self.texte += texte


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    page = tmp_path_factory.mktemp("page")
    (page / "index.html").write_text('<!doctype html><html lang="fr"><title>Page</title></html>')
    dossier = tmp_path_factory.mktemp("publication") / "site"
    construire(dossier, LABOS, page)
    return dossier


@pytest.fixture(scope="module")
def pages(site):
    return {page.relative_to(site).as_posix(): Elements(page) for page in site.rglob("*.html")}


def test_une_page_par_labo_et_par_public(pages):
    attendues = {f"analyse_image/{nom}.html" for nom in LABOS}
    attendues |= {"index.html", "README.html", "ENSEIGNER.html", "CONTRIBUTING.html", "search.html"}
    assert attendues <= set(pages)
    for nom in LABOS:
        assert duree(labos_du_depot()[nom]) in " ".join(pages["index.html"].texte.split())


def test_rien_ne_vient_du_reseau(site, pages):
    for nom, page in pages.items():
        for balise, attributs in page.elements:
            charge = attributs.get("src") or (balise == "link" and attributs.get("href")) or ""
            assert not re.match(r"(https?:)?//", charge), (nom, charge)
    for style in site.rglob("*.css"):
        texte = style.read_text(encoding="utf-8")
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", texte), style


def test_chaque_lien_mene_a_une_page_du_site(site, pages):
    for nom, page in pages.items():
        for _, attributs in page.elements:
            lien = attributs.get("href", attributs.get("src")) or ""
            chemin = unquote(lien.partition("#")[0].partition("?")[0])
            if chemin and not re.match(r"\w+:", chemin):
                assert ((site / nom).parent / chemin).exists(), (nom, lien)


def test_les_sorties_enregistrees_et_leurs_textes_alternatifs_y_sont(pages):
    decrites = 0
    for nom in LABOS:
        page = pages[f"analyse_image/{nom}.html"]
        sorties = [s for c in labos_du_depot()[nom].cells for s in c.get("outputs", [])]
        images = [
            s.metadata[genre]["alt"]
            for s in sorties
            for genre in ("image/png", "image/jpeg")
            if genre in s.get("metadata", {})
        ]
        textes = [a["alt"] for balise, a in page.elements if balise == "img"]
        assert set(images) <= set(textes)
        assert not any("_images/" in texte for texte in textes)
        decrites += len(images)
        flux = [s.text.strip() for s in sorties if s.output_type == "stream"]
        assert flux[0].splitlines()[0] in page.texte
    assert decrites >= 6


def test_colab_et_telechargement(site, pages):
    for nom in LABOS:
        liens = [a["href"] for b, a in pages[f"analyse_image/{nom}.html"].elements if "href" in a]
        assert any(lien.startswith("https://colab.research.google.com/github/") for lien in liens)
        assert f"../telecharger/{nom}.ipynb" in liens
        original = RACINE / "analyse_image" / f"{nom}.ipynb"
        assert (site / "telecharger" / f"{nom}.ipynb").read_bytes() == original.read_bytes()


def test_une_formule_est_dessinee_par_le_navigateur(tmp_path):
    from sphinx.cmd.build import build_main

    (tmp_path / "textes").mkdir()
    (tmp_path / "textes" / "index.md").write_text("# Titre\n\nSoit $\\frac{a}{b}$.\n")
    reglages = str(RACINE / "publication" / "site")
    dossiers = [str(tmp_path / "textes"), str(tmp_path / "html")]
    assert build_main(["-q", "-b", "html", "-c", reglages, *dossiers]) == 0
    page = Elements(tmp_path / "html" / "index.html")
    assert {"math", "mfrac"} <= {balise for balise, _ in page.elements}


def test_la_page_est_en_francais(pages):
    for nom, page in pages.items():
        dits = " ".join(a.get("aria-label") or a.get("title") or "" for _, a in page.elements)
        anglais = r"\b(toggle|sidebar|search|next|previous|back to|skip|made with|home|contents)\b"
        assert re.findall(anglais, dits, re.I) == [], nom
        assert page.elements[1][1].get("lang") == "fr" or page.elements[0][1].get("lang") == "fr"


def test_un_lien_vers_un_fichier_absent_du_site_mene_a_github():
    texte = "[![Colab](https://x.org/b.svg)](https://colab.org/n) [le code](labo.py#L1) [ici](A.md) `[x](y)`"
    relie, images = relier(texte, "README.md", {"A.md"})
    assert relie.startswith("[Colab](https://colab.org/n) [le code](https://github.com/")
    assert relie.endswith("/blob/main/labo.py#L1) [ici](A.md) `[x](y)`")
    assert images == set()


def test_un_dossier_qui_n_est_pas_de_nous_n_est_pas_efface(tmp_path):
    (tmp_path / "these.txt").write_text("trois ans de travail")
    with pytest.raises(Refus, match="--sortie"), remplacer(tmp_path):
        pass
    assert (tmp_path / "these.txt").exists()
    for _ in range(2):  # un dossier publié, lui, est remplacé
        with remplacer(tmp_path / "site") as dossier:
            (dossier / "index.html").touch()
    assert sorted(f.name for f in (tmp_path / "site").iterdir()) == [".nojekyll", "index.html"]
    assert sorted(f.name for f in tmp_path.iterdir()) == ["site", "these.txt"]


def test_depuis_une_cle_usb_on_cherche_en_francais(site):
    with ouvrir_navigateur() as navigateur:
        onglet = navigateur.new_page(locale="fr-FR", viewport={"width": 375, "height": 812})
        demandes = []
        onglet.on("request", lambda demande: demandes.append(demande.url))
        onglet.goto((site / "search.html").as_uri() + "?q=sous-echantillonnage")
        onglet.locator("#search-results a", has_text="Labo 0").first.wait_for()
        onglet.goto((site / "analyse_image" / "preparation_hm.html").as_uri())
        assert onglet.evaluate("document.documentElement.scrollWidth") <= 375
    assert [d for d in demandes if not d.startswith(("file:", "data:"))] == []


def test_rien_de_grave_pour_l_accessibilite(site):
    with ouvrir_navigateur() as navigateur:
        onglet = navigateur.new_page(viewport={"width": 375, "height": 812})
        onglet.emulate_media(color_scheme="dark")
        onglet.goto((site / "analyse_image" / "preparation_hm.html").as_uri())
        assert graves(onglet) == []
