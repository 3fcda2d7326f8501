"""De la photo à l'entrée : tous les formats, le même vêtement partout pareil, jamais d'entrée vide."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw, features

from outils import jeux, photos, preparation
from outils.fichiers import RACINE
from outils.photos import PhotoIllisible
from outils.preparation import PhotoDouteuse, analyser_photo, avertir_du_doute, preparer_photo

# --- Un vêtement dessiné, sur n'importe quel fond ------------------------------------------------------

ROBE = [(80, 20), (120, 20), (125, 60), (118, 110), (150, 230), (50, 230), (82, 110), (75, 60)]
PULL = [(70, 40), (130, 40), (175, 80), (165, 190), (140, 190), (138, 100), (135, 215)]
PULL += [(65, 215), (62, 100), (60, 190), (35, 190), (25, 80)]


def dessin(contour=PULL, couleur=(40, 60, 120), fond=(255, 255, 255), taille=(200, 256)):
    img = Image.new("RGB", taille, fond)
    ImageDraw.Draw(img).polygon(contour, fill=couleur)
    return img


def masque_de(contour, taille=(200, 256)):
    m = Image.new("L", taille, 0)
    ImageDraw.Draw(m).polygon(contour, fill=255)
    return m


def octets(img, format="PNG", **options):
    tampon = io.BytesIO()
    img.save(tampon, format, **options)
    return tampon.getvalue()


def ecart(a, b):
    return float(np.abs(a - b).mean())


def ressemble(a, b, seuil=0.05):
    assert a.shape == b.shape == (1, 28, 28, 1)
    assert ecart(a, b) < seuil, f"écart moyen {ecart(a, b):.3f}"


@pytest.fixture
def attendue():
    return preparer_photo(dessin())


# --- Le chemin de l'énoncé -------------------------------------------------------------------------------


def test_enonce_forme_valeurs_et_place(tmp_path):
    chemin = tmp_path / "noir.png"
    Image.new("RGB", (300, 150), "black").save(chemin)
    entree = preparation.load_and_preprocess_image(chemin)
    assert entree.shape == (1, 28, 28, 1)
    assert entree.dtype == np.float32
    plein = np.zeros((28, 28))
    plein[9:19, 4:24] = 1  # 20 × 10 pixels au centre
    np.testing.assert_array_equal(entree[0, :, :, 0], plein)


def test_enonce_polarite_et_echec_sur_fond_sombre(tmp_path):
    chemin = tmp_path / "fond_noir.png"
    dessin(couleur=(240, 240, 240), fond=(0, 0, 0)).save(chemin)
    entree = preparation.load_and_preprocess_image(chemin)[0, :, :, 0]
    assert entree[6, 8] > 0.9  # le fond est pris pour le vêtement : c'est l'échec à montrer
    assert entree[14, 14] < 0.1


def test_enonce_les_trois_aides():
    mince = preparation.resize_with_aspect_ratio(Image.new("L", (1, 500)), 20)
    assert mince.size == (1, 20)
    carre = preparation.create_centered_image(Image.new("L", (20, 10), 0), 28)
    assert carre.size == (28, 28)
    assert carre.getpixel((0, 0)) == 255
    assert carre.getpixel((14, 14)) == 0
    valeurs = preparation.normalize_pixels(Image.fromarray(np.array([[0, 51, 255]], np.uint8)))
    assert valeurs.dtype == np.float32
    np.testing.assert_allclose(valeurs, [[1, 0.8, 0]], atol=1e-6)


# --- Le contrat de l'entrée ------------------------------------------------------------------------------


def test_contrat_de_l_entree(attendue):
    assert attendue.shape == (1, 28, 28, 1)
    assert attendue.dtype == np.float32
    assert attendue.min() == 0
    assert 0.3 < attendue.max() <= 1
    plein = attendue[0, :, :, 0] > 0.05
    assert plein.any(axis=1).sum() == 28  # le plus long côté touche les deux bords
    assert attendue[0, 14, 14, 0] > 0.3  # le vêtement
    assert attendue[0, 27, 0, 0] == 0  # le fond


def test_meme_photo_meme_entree():
    bruit = np.random.default_rng(0).integers(0, 60, (256, 200, 3))
    photo = Image.fromarray((np.asarray(dessin()) // 2 + bruit).astype(np.uint8))
    np.testing.assert_array_equal(preparer_photo(photo), preparer_photo(photo))


def test_ni_tensorflow_ni_matplotlib():
    code = "import sys, outils.preparation; print({'tensorflow','keras','matplotlib'} & set(sys.modules))"
    sortie = subprocess.run(
        [sys.executable, "-c", code], cwd=RACINE / "analyse_image", capture_output=True, text=True
    )
    assert sortie.stdout.strip() == "set()", sortie.stderr


def test_etapes_pour_la_figure():
    resultat = analyser_photo(dessin())
    assert all(isinstance(etape, Image.Image) for etape in resultat.etapes.values())
    assert len(resultat.etapes) >= 4
    assert resultat.premier_plan == pytest.approx(
        np.mean(np.asarray(masque_de(PULL)) > 0), abs=0.02
    )
    np.testing.assert_array_equal(resultat.entree, preparer_photo(dessin()))


# --- Le même vêtement, partout pareil --------------------------------------------------------------------


@pytest.mark.parametrize(
    "fond", [(255, 255, 255), (0, 0, 0), (128, 128, 128), (190, 30, 40), (225, 200, 150)]
)
def test_fonds_unis(fond, attendue):
    ressemble(preparer_photo(dessin(fond=fond)), attendue)


def test_fond_en_degrade(attendue):
    rampe = np.linspace(120, 250, 256)[:, None, None] * np.ones((1, 200, 3))
    photo = Image.fromarray(rampe.astype(np.uint8))
    photo.paste(dessin(), mask=masque_de(PULL))
    ressemble(preparer_photo(photo), attendue)


def test_faux_damier(attendue):
    y, x = np.mgrid[0:256, 0:200] // 8
    cases = np.where((x + y) % 2, 255, 204).astype(np.uint8)
    photo = Image.fromarray(cases).convert("RGB")
    photo.paste(dessin(), mask=masque_de(PULL))
    ressemble(preparer_photo(photo), attendue)


def test_vetement_blanc_sur_blanc_casse():
    photo = dessin(couleur=(250, 250, 250), fond=(232, 232, 232))
    entree = preparer_photo(photo)[0, :, :, 0]
    forme = preparer_photo(dessin())[0, :, :, 0] > 0.05
    assert ((entree > 0.05) == forme).mean() > 0.95


@pytest.mark.parametrize("cache", [(0, 0, 0), (255, 255, 255), (200, 40, 90)])
def test_couleur_cachee_sous_la_transparence(cache, attendue):
    img = dessin(fond=cache).convert("RGBA")
    img.putalpha(masque_de(PULL))
    ressemble(preparer_photo(octets(img)), attendue)


def test_transparence_en_palette_et_en_gris(attendue):
    img = dessin().convert("RGBA")
    img.putalpha(masque_de(PULL))
    ressemble(preparer_photo(octets(img.quantize(16))), attendue)
    ressemble(preparer_photo(octets(img, "WEBP")), attendue)
    ressemble(preparer_photo(octets(img.convert("LA"))), attendue)


def test_transparence_inutile_fond_opaque(attendue):
    img = dessin(fond=(190, 30, 40)).convert("RGBA")  # canal alpha présent, partout opaque
    ressemble(preparer_photo(octets(img)), attendue)


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_orientation_exif(orientation, attendue):
    T = Image.Transpose
    contraire = {2: T.FLIP_LEFT_RIGHT, 3: T.ROTATE_180, 6: T.ROTATE_90, 8: T.ROTATE_270}
    exif = Image.Exif()
    exif[0x0112] = orientation
    donnees = octets(dessin().transpose(contraire[orientation]), "JPEG", exif=exif, quality=95)
    ressemble(preparer_photo(donnees), attendue)


@pytest.mark.parametrize("format", photos.formats_lisibles())
def test_formats(format, attendue):
    ressemble(preparer_photo(octets(dessin(), format)), attendue)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "YCbCr", "1", "I", "F", "LAB", "HSV", "I;16"])
def test_modes(mode, attendue):
    if mode == "LAB":
        from PIL import ImageCms

        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        img = ImageCms.profileToProfile(dessin(), srgb, lab, outputMode="LAB")
    elif mode == "I;16":
        img = Image.fromarray(np.asarray(dessin().convert("L")).astype(np.uint16) * 257)
    elif mode == "I":
        img = Image.fromarray(np.asarray(dessin().convert("L")).astype(np.int32) * 257)
    elif mode == "F":
        img = Image.fromarray(np.asarray(dessin().convert("L")).astype(np.float32) / 255)
    else:
        img = dessin().convert(mode)
    assert img.mode == mode
    # Une image en noir et blanc est tramée : la forme reste, les points se voient.
    ressemble(preparer_photo(img), attendue, 0.1 if mode == "1" else 0.05)


def png_16_bits(gris):
    """PNG en gris 16 bits, écrit à la main : l'original de ce que donne un scanner."""
    hauteur, largeur = gris.shape
    brut = b"".join(b"\0" + ligne.astype(">u2").tobytes() for ligne in gris)

    def morceau(nom, contenu):
        corps = nom + contenu
        return struct.pack(">I", len(contenu)) + corps + struct.pack(">I", zlib.crc32(corps))

    entete = struct.pack(">IIBBBBB", largeur, hauteur, 16, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + morceau(b"IHDR", entete)
        + morceau(b"IDAT", zlib.compress(brut))
        + morceau(b"IEND", b"")
    )


@pytest.mark.parametrize("maximum", [65535, 4095])
def test_16_bits_non_ecretes(maximum, attendue):
    gris = np.asarray(dessin().convert("L")).astype(np.float64) / 255 * maximum
    ressemble(preparer_photo(png_16_bits(gris.round())), attendue)
    tiff = Image.fromarray(gris.round().astype(np.uint16))
    ressemble(preparer_photo(octets(tiff, "TIFF")), attendue)


def test_sources_de_toutes_sortes(tmp_path, attendue):
    chemin = tmp_path / "été d'hier.png"
    dessin().save(chemin)
    for source in (
        chemin,
        str(chemin),
        chemin.read_bytes(),
        io.BytesIO(chemin.read_bytes()),
        dessin(),
    ):
        np.testing.assert_array_equal(preparer_photo(source), attendue)
    with chemin.open("rb") as fichier:
        np.testing.assert_array_equal(preparer_photo(fichier), attendue)


def test_grande_photo_comme_la_petite(attendue):
    grande = dessin().resize((2400, 3072), Image.Resampling.NEAREST)
    assert max(preparation.ouvrir_photo(octets(grande, "JPEG")).size) <= 1024
    ressemble(preparer_photo(octets(grande, "JPEG")), attendue)


def test_gif_anime_premiere_image(attendue):
    images = [dessin(), dessin(ROBE)]
    anime = octets(images[0], "GIF", save_all=True, append_images=images[1:])
    ressemble(preparer_photo(anime), attendue)


# --- Photos impossibles : un message, jamais une trace ni une entrée vide ----------------------------


def refus(source):
    with pytest.raises(PhotoIllisible) as erreur:
        preparer_photo(source)
    message = str(erreur.value)
    assert "Attendu" in message
    assert "Remède" in message
    return message


def test_fichier_vide(tmp_path):
    chemin = tmp_path / "vide.jpg"
    chemin.touch()
    message = refus(chemin)
    assert "vide.jpg" in message
    assert "0 octet" in message


def test_texte_et_page_web_renommes(tmp_path):
    chemin = tmp_path / "photo.jpg"
    chemin.write_text("Bonjour, je suis un texte accentué.", encoding="utf-8")
    assert "texte" in refus(chemin)
    chemin.write_text("<!DOCTYPE html><html><body>robe</body></html>")
    assert "page web" in refus(chemin)
    chemin.write_text('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"></svg>')
    assert "SVG" in refus(chemin)
    chemin.write_bytes(b"%PDF-1.7 ...")
    assert "PDF" in refus(chemin)


@pytest.mark.parametrize("format", photos.formats_lisibles())
def test_tronquee(format):
    bruit = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8))
    entiere = octets(bruit, format)
    moitie = entiere[: len(entiere) // 2]
    refus(moitie)
    try:
        paresseuse = Image.open(io.BytesIO(moitie))
    except OSError:
        return  # Pillow s'en aperçoit dès l'ouverture
    refus(paresseuse)


def test_bombe_refusee_avant_decodage(monkeypatch):
    bombe = bytearray(octets(dessin()))
    bombe[16:24] = struct.pack(">II", 50_000, 50_000)
    bombe[29:33] = struct.pack(">I", zlib.crc32(bytes(bombe[12:29])))
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("la bombe a été décodée"))
    assert "démesurée" in refus(bytes(bombe))
    bombe[16:24] = struct.pack(
        ">II", 9_000, 9_000
    )  # sous la limite de Pillow, au-dessus de la nôtre
    bombe[29:33] = struct.pack(">I", zlib.crc32(bytes(bombe[12:29])))
    assert "9000 × 9000" in refus(bytes(bombe))


def test_trop_lourd(monkeypatch):
    monkeypatch.setattr(photos, "OCTETS_MAX", 1000)
    assert "lourd" in refus(b"x" * 1001)


def test_dossier_et_fichier_absent(tmp_path):
    dessin().save(tmp_path / "Robe_Rouge.PNG")
    assert "Robe_Rouge.PNG" in refus(tmp_path)
    message = refus(tmp_path / "robe-rouge.png")
    assert "introuvable" in message
    assert "« Robe_Rouge.PNG »" in message
    assert "n'existe pas" in refus(tmp_path / "imags" / "robe.png")
    assert "adresse web" in refus("https://exemple.fr/robe.jpg")


def test_heic_sans_extension(monkeypatch):
    Image.init()
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    message = refus(struct.pack(">I", 24) + b"ftypheic" + b"\0" * 100)
    assert "HEIC" in message
    assert "pillow-heif" in message


def mp4(marque):
    return struct.pack(">I", 24) + b"ftyp" + marque + bytes(100)


TIFF = octets(dessin(), "TIFF")  # les photos brutes se présentent souvent comme un TIFF
AUTRES = {  # nom → octets, ce qui est dit, remède
    "a.jxl": (b"\xff\x0a" + bytes(50), "JPEG XL", "JPEG"),
    "b.jxl": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL", "JPEG"),
    "IMG_1.MOV": (mp4(b"qt  "), "vidéo", "capture"),
    "vieux.mov": (b"\0\0\0\x08wide" + bytes(50), "vidéo", "capture"),
    "clip.mp4": (mp4(b"isom"), "vidéo", "capture"),
    "IMG_1.CR2": (TIFF[:8] + b"CR\x02\0" + TIFF[12:], "RAW", "JPEG"),
    "IMG_1.CR3": (mp4(b"crx "), "RAW", "JPEG"),
    "DSC_1.NEF": (TIFF, "RAW", "JPEG"),
    "DSC_1.arw": (TIFF, "RAW", "JPEG"),
    "L_1.DNG": (TIFF, "RAW", "JPEG"),
    "sans-extension": (TIFF[:8] + b"\x12\xc6\x01\0\x04\0\0\0" + TIFF[16:], "RAW", "JPEG"),
    "DSCF1.RAF": (b"FUJIFILMCCD-RAW 0201" + bytes(50), "RAW", "JPEG"),
    "._robe.jpg": (b"\0\x05\x16\x07\0\x02\0\0Mac OS X" + bytes(50), "macOS", "« ._ »"),
}


@pytest.mark.parametrize("nom", AUTRES)
def test_ce_qui_n_est_pas_une_photo_a_son_nom_et_son_remede(tmp_path, nom):
    contenu, trouve, remede = AUTRES[nom]
    (tmp_path / nom).write_bytes(contenu)
    message = refus(tmp_path / nom)
    assert trouve in message
    assert remede in message.split("Remède")[1]


def test_un_tiff_ordinaire_n_est_pas_pris_pour_une_photo_brute(tmp_path, attendue):
    (tmp_path / "robe.tif").write_bytes(TIFF)
    ressemble(preparer_photo(tmp_path / "robe.tif"), attendue)


def test_un_lien_rompu_ne_se_propose_pas_lui_meme(tmp_path):
    lien = tmp_path / "robe.jpg"
    try:
        lien.symlink_to(tmp_path / "partie.jpg")
    except OSError:
        pytest.skip("ce système n'admet pas les liens symboliques")
    dessin().save(tmp_path / "robes.jpg")
    message = refus(lien)
    assert "lien rompu vers « partie.jpg »" in message
    assert "« robe.jpg »" not in message.split("Remède")[1]
    assert "« robes.jpg »" in message.split("Remède")[1]


@pytest.mark.parametrize("pillow", ["11.0, qui ignore AVIF", "11.3, compilé sans AVIF"])
def test_un_pillow_sans_avif_lit_les_autres_formats_et_le_dit(monkeypatch, attendue, pillow):
    Image.init()
    for nom in ("formats_lisibles", "_annonces"):  # d'ordinaire calculés une fois pour toutes
        monkeypatch.setattr(photos, nom, getattr(photos, nom).__wrapped__)
    if pillow.startswith("11.0"):
        monkeypatch.delitem(Image.OPEN, "AVIF", raising=False)
    else:
        lisible = features.check
        monkeypatch.setattr(features, "check", lambda nom: nom != "avif" and lisible(nom))
    for format_ in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        ressemble(preparer_photo(octets(dessin(), format_)), attendue)
    message = refus(mp4(b"avif"))
    assert "image AVIF, que Pillow" in message
    assert "pip install -U pillow" in message
    assert "AVIF" not in message.split("Attendu")[1].split("Remède")[0]


@pytest.mark.parametrize("taille", [(1, 5000), (5000, 1), (10, 900), (3, 3)])
def test_proportions_extremes(taille):
    refus(octets(Image.effect_noise(taille, 90)))


@pytest.mark.parametrize(
    "img",
    [
        Image.new("RGB", (60, 60), "white"),
        Image.new("L", (60, 60), 0),
        Image.new("RGBA", (60, 60), (10, 20, 30, 255)),
        Image.new("I", (60, 60), 7),
    ],
)
def test_une_seule_couleur(img):
    assert "seule couleur" in refus(img)


def test_ni_chemin_ni_image():
    with pytest.raises(TypeError, match="reçu : int"):
        preparer_photo(3)


FILS = """
import threading, warnings
from PIL import Image, ImageDraw
import io
from outils import jeux, photos, preparation
image = Image.effect_noise((64, 80), 90).convert("RGB")
tampon = io.BytesIO()
image.save(tampon, "JPEG")
palette = image.quantize(8)
palette.info["transparency"] = bytes(range(8))  # Pillow avertit quand il convertit
avant = list(warnings.filters)
for essai in range(20):
    barriere = threading.Barrier(8)
    def ouvrir(i):
        barriere.wait()
        for _ in range(10):
            preparation.ouvrir_photo(palette if i % 2 else tampon.getvalue())
    fils = [threading.Thread(target=ouvrir, args=(i,)) for i in range(8)]
    [fil.start() for fil in fils]
    [fil.join() for fil in fils]
    assert warnings.filters == avant, f"essai {essai} : {warnings.filters[:2]}"
minuscule = Image.new("RGB", (200, 256), "white")
ImageDraw.Draw(minuscule).rectangle((95, 120, 103, 132), fill="navy")
preparation.preparer_photo(minuscule)
"""


def test_ouvrir_des_photos_dans_des_fils_ne_fait_taire_aucun_avertissement():
    sortie = subprocess.run(
        [sys.executable, "-c", FILS], cwd=RACINE / "analyse_image", capture_output=True, text=True
    )
    assert sortie.returncode == 0, sortie.stderr
    assert "PhotoDouteuse" in sortie.stderr
    assert "PIL" not in sortie.stderr


# --- Photos trompeuses : une entrée, et un avertissement ---------------------------------------------


def test_presque_rien():
    minuscule = dessin([(95, 120), (103, 120), (103, 132), (95, 132)])
    with pytest.warns(PhotoDouteuse, match="trop petit"):
        entree = preparer_photo(minuscule)
    assert (entree > 0.05).mean() > 0.1


def test_tout_est_premier_plan():
    plein = dessin([(2, 2), (198, 2), (198, 254), (2, 254)])
    with pytest.warns(PhotoDouteuse, match="premier plan"):
        entree = preparer_photo(plein)
    assert (entree > 0.05).mean() > 0.5


def test_coins_arrondis_ne_sont_pas_un_detourage(attendue):
    img = dessin().convert("RGBA")
    coins = Image.new("L", img.size, 0)
    ImageDraw.Draw(coins).rounded_rectangle((0, 0, 199, 255), 12, fill=255)
    img.putalpha(coins)
    ressemble(preparer_photo(img), attendue)


def test_petit_vetement_au_loin(attendue):
    loin = Image.new("RGB", (1000, 1000), "white")
    loin.paste(dessin().resize((100, 128)), (300, 500))
    ressemble(preparer_photo(loin), attendue)


def test_photo_simple_sans_avertissement():
    assert analyser_photo(dessin()).avertissements == []


def test_une_reponse_peu_sure_est_dite_et_une_reponse_sure_ne_l_est_pas():
    (phrase,) = avertir_du_doute([0.31, 0.3, 0.2, 0.19])
    assert "hésite (31%)" in phrase
    assert "aucune des 4 classes" in phrase
    assert avertir_du_doute([0.9, 0.1]) == []


# --- De vraies photos ----------------------------------------------------------------------------------


def vraies_photos(par_classe):
    vetements = jeux.trouver("vetements")
    if vetements is None:
        pytest.skip("pas de photos de vêtements dans le dossier de données (LABO_DATAS)")
    dossiers = sorted([*vetements.glob("apprentissage/*/"), *vetements.glob("train/*/")])
    return [p for d in dossiers for p in sorted(d.glob("*.jpg"))[:par_classe]]


def test_vraies_photos_jamais_vides():
    for chemin in vraies_photos(3):
        entree = analyser_photo(chemin).entree
        assert 0.02 < (entree > 0.05).mean() <= 1, chemin.name
        assert entree[entree > 0.05].std() > 0.005, chemin.name


@pytest.mark.parametrize("opacite", [10, 60, 120, 127, 200])
def test_un_detourage_a_demi_transparent_reste_un_detourage(opacite):
    net, pale = dessin().convert("RGBA"), dessin().convert("RGBA")
    net.putalpha(masque_de(PULL))
    pale.putalpha(masque_de(PULL).point(lambda v: opacite if v else 0))
    plein = preparer_photo(octets(net))[0, :, :, 0] > 0
    assert ((analyser_photo(octets(pale)).entree[0, :, :, 0] > 0) == plein).mean() > 0.97


def test_une_image_entierement_transparente_est_dite():
    vide = dessin().convert("RGBA")
    vide.putalpha(0)
    with pytest.raises(PhotoIllisible, match="entièrement transparente"):
        preparer_photo(octets(vide))


def test_une_image_filiforme_est_dite_telle():
    with pytest.raises(PhotoIllisible, match="filiforme"):
        preparer_photo(octets(Image.new("RGB", (1, 5000))))
