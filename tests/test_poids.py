"""Ce qu'une photo coûtera, lu sans la décoder."""

import io

import pytest
from PIL import Image

from service.poids import DEMESURE, Poids, peser_photo


def octets(format_, mode="RGB", taille=(400, 300), **options):
    tampon = io.BytesIO()
    Image.new(mode, taille).save(tampon, format_, **options)
    return tampon.getvalue()


def avec_vignette():
    exif = Image.Exif()
    exif[0x9286] = octets("JPEG", progressive=True)  # un JPEG entier dans l'EXIF
    return octets("JPEG", exif=exif)


@pytest.mark.parametrize(
    ("photo", "valeurs", "passes"),
    [
        (octets("JPEG"), 360_000, 1),
        (octets("JPEG", "L"), 120_000, 1),
        (octets("JPEG", "CMYK", progressive=True), 480_000, 18),
        (octets("JPEG", progressive=True), 360_000, 10),
        (avec_vignette(), 360_000, 1),
        (octets("MPO", save_all=True, append_images=[Image.new("RGB", (400, 300))]), 360_000, 1),
        (octets("PNG", "RGBA"), 480_000, 1),
        (octets("GIF", "L"), 120_000, 1),
    ],
    ids=["JPEG", "gris", "CMJN", "progressif", "vignette", "MPO", "PNG", "GIF"],
)
def test_le_travail_est_le_nombre_de_valeurs_par_passe(photo, valeurs, passes):
    poids = peser_photo(photo)
    assert poids.travail == valeurs * passes
    assert poids.memoire == 8 * 120_000 + (2 * valeurs if passes > 1 else 0)


def test_un_jpeg_ordinaire_se_decode_deja_reduit():
    assert peser_photo(octets("JPEG", taille=(4000, 3000))).memoire == 8 * 2000 * 1500
    assert peser_photo(octets("PNG", taille=(4000, 3000))).memoire == 8 * 4000 * 3000


def test_ce_qui_n_est_pas_une_photo_ne_pese_rien():
    for rien in (b"", b"bonjour", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", octets("JPEG")[:60]):
        assert peser_photo(rien) == Poids(0, 0)


def test_trop_de_segments_est_sans_mesure():
    jpeg = octets("JPEG")
    assert peser_photo(jpeg[:2] + b"\xff\xfe\0\2" * 20_000 + jpeg[2:]) == DEMESURE
