"""Le labo 8 : le même entraînement et la même préparation, à un ouvrier ou à plusieurs."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import labo
from commandes import executer
from echelle import entrainer, lanceur, preparer
from outils import cache, dessins, hm, jeux
from outils.fichiers import Refus

RACINE = Path(labo.__file__).parent
LABOS = RACINE / "analyse_image"
EPOQUES = 4

# La CI installe ce que demande le labo 8 (.ci/run) ; ailleurs, ce qui en a besoin est passé, et le dit.
avec_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX absent : echelle/requirements.txt"
)
avec_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="Dask absent : echelle/requirements.txt"
)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    dossier = tmp_path_factory.mktemp("echelle") / "catalogue"
    dessins.ecrire_vetements(dossier.parent / "vetements", 400)
    dessins.ecrire_hm(jeux.photos_vetements(dossier.parent / "vetements"), dossier)
    return dossier


@pytest.fixture(scope="module")
def donnees(catalogue):
    """Dossier de photos.csv et de cache/, préparés par un seul ouvrier."""
    preparer.preparer(catalogue, catalogue.parent / "donnees", par_fragment=60)
    return catalogue.parent / "donnees"


def options(donnees, sortie, **autres):
    mots = {"cache": donnees / "cache", "manifeste": donnees / "photos.csv", "sortie": sortie}
    mots |= {"epoques": EPOQUES, "lot": 64, **autres}
    return [mot for nom, valeur in mots.items() for mot in (f"--{nom}", str(valeur))]


def contenu(dossier):
    return {c.relative_to(dossier): c.read_bytes() for c in dossier.rglob("*") if c.is_file()}


# --- Préparer à plusieurs ---------------------------------------------------------------------


@avec_dask
def test_deux_ouvriers_dask_ecrivent_les_memes_octets_qu_un_seul(catalogue, donnees, tmp_path):
    with preparer.grappe_locale(2) as client:
        executer = preparer.avec_dask(client)
        lieux = set(executer(lambda _: os.getpid(), range(40)))
        assert os.getpid() not in lieux, "le travail n'est pas fait ailleurs"
        manifeste, bilan = preparer.preparer(
            catalogue, tmp_path / "d", preparer.avec_dask(client), par_fragment=60
        )
        # Un fragment perdu : lui seul est refait.
        (tmp_path / "d" / "cache" / bilan["fragments"][1]).unlink()
        repris = cache.ecrire_cache(
            manifeste, tmp_path / "d" / "cache", 28, par_fragment=60, executer=executer
        )
    assert repris["repris"] == len(bilan["fragments"]) - 1 > 2
    assert bilan["repris"] == 0 and len(bilan["illisibles"]) == 2
    assert contenu(tmp_path / "d") == contenu(donnees)


def test_le_manifeste_par_sous_dossier_est_celui_du_labo_5(catalogue):
    attendu, anomalies = hm.manifeste_hm(catalogue)
    trouve, anomalies_trouvees = preparer.manifeste_hm(catalogue)
    assert trouve.equals(attendu)
    cles = ["motif", "chemin"]
    assert anomalies_trouvees.equals(anomalies.sort_values(cles, ignore_index=True))
    # Trois photos sont dans un sous-dossier sans article, et des articles n'ont pas de photo.
    assert set(anomalies["motif"]) >= {"article sans photo", "photo sans article"}


# --- Partager un lot --------------------------------------------------------------------------


def lots(donnees, ouvriers, rang, epoque=0):
    choix = entrainer.analyseur().parse_args(
        [*options(donnees, "x", lot=48), "--ouvriers", str(ouvriers)]
    )
    _, etiquettes = entrainer.lire_etiquettes(choix.manifeste)
    return entrainer.lots_de_l_epoque(choix, etiquettes, epoque, rang)


@pytest.mark.parametrize("ouvriers", [2, 3])
def test_les_parts_des_ouvriers_remises_bout_a_bout_sont_le_lot(donnees, ouvriers):
    un = list(lots(donnees, 1, 0).as_numpy_iterator())
    parts = [list(lots(donnees, ouvriers, r).as_numpy_iterator()) for r in range(ouvriers)]
    assert len(un) > 3 and {len(part) for part in parts} == {len(un)}
    for numero, (photos, numeros) in enumerate(un):
        assert photos.shape == (48, 28, 28, 3) and photos.dtype == np.float32
        assert photos.min() >= 0 and photos.max() <= 1
        assert np.array_equal(np.concatenate([part[numero][0] for part in parts]), photos)
        assert np.array_equal(np.concatenate([part[numero][1] for part in parts]), numeros)


def test_l_ordre_ne_depend_que_de_l_epoque(donnees):
    """Une reprise relit l'époque 1 sans avoir lu l'époque 0, et Keras commence une époque deux fois."""
    jeu = lots(donnees, 2, 1, epoque=1)
    premiere, seconde = (np.concatenate([y for _, y in jeu.as_numpy_iterator()]) for _ in range(2))
    assert np.array_equal(premiere, seconde)
    autre = np.concatenate([y for _, y in lots(donnees, 2, 1, epoque=0).as_numpy_iterator()])
    assert not np.array_equal(premiere, autre)


def test_l_augmentation_garde_les_photos_reconnaissables(donnees):
    choix = entrainer.analyseur().parse_args(options(donnees, "x"))
    _, etiquettes = entrainer.lire_etiquettes(choix.manifeste)
    brutes = next(iter(entrainer.lots_de_l_epoque(choix, etiquettes, 0, 0, False)))[0]
    droites = entrainer.normaliser(brutes).numpy()
    augmentees = entrainer.augmenter(brutes, (1, 2), slice(0, 64)).numpy()
    pareilles = [np.array_equal(a, b) for a, b in zip(droites, augmentees, strict=True)]
    assert not all(pareilles)
    # À un miroir et à deux pixels près, c'est la même photo : le centre s'y retrouve.
    for avant, apres in zip(droites, augmentees, strict=True):
        centre = avant[4:24, 4:24]
        vues = [
            vue[4 + dy : 24 + dy, 4 + dx : 24 + dx]
            for vue in (apres, apres[:, ::-1])
            for dy in range(-2, 3)
            for dx in range(-2, 3)
        ]
        assert min(np.abs(vue - centre).max() for vue in vues) < 1e-6


def test_un_lot_qui_ne_se_partage_pas_est_refuse(donnees):
    with pytest.raises(ValueError, match="48 photos ne se coupe pas en 5"):
        lots(donnees, 5, 0)


# --- Entraîner à plusieurs --------------------------------------------------------------------


def bilan_de(sortie):
    return json.loads((sortie / entrainer.BILAN).read_text(encoding="utf-8"))


def entrainer_a(ouvriers, donnees, sortie, prefixe=None, reprises=0, **autres):
    """Entraîne avec un ou plusieurs ouvriers ; rend (nombre de relances, bilan)."""
    relances = lanceur.lancer_ouvriers(
        ouvriers,
        options(donnees, sortie, **autres),
        donnees.parent / "journaux",
        reprises=reprises,
        prefixe=prefixe,
    )
    return relances, bilan_de(sortie)


@pytest.fixture(scope="module")
def predire(donnees):
    """Rend predire(sortie) -> (poids, probabilités), par TensorFlow : ce qu'un utilisateur recharge."""
    choix = entrainer.analyseur().parse_args(options(donnees, "x"))
    _, etiquettes = entrainer.lire_etiquettes(choix.manifeste)
    images = next(iter(entrainer.lots_de_l_epoque(choix, etiquettes, 0, 0)))[0]
    reseau = entrainer.creer_reseau(28, 9)

    def relire(sortie):
        reseau.load_weights(sortie / entrainer.POIDS)
        return reseau.get_weights(), reseau(images).numpy()

    return relire


UN_PAS = {"lot": 256, "epoques": 1, "taux": 1e-2}
# Un ouvrier seul peut entraîner plusieurs fois dans le même processus : TensorFlow n'est importé qu'une fois.
PLUSIEURS = """
import json, shutil, sys
from echelle import entrainer
lancer = lambda mots: entrainer.entrainer(entrainer.analyseur().parse_args(mots))
lancer(json.loads(sys.argv[1]))
reste = sys.argv[5:]  # python -m echelle.entrainer …
lancer(reste)
fini = entrainer.analyseur().parse_args(reste).sortie
shutil.copytree(fini, fini + "-avant")
lancer(reste)
"""


@pytest.fixture(scope="module")
def seul(donnees, tmp_path_factory):
    """Un seul ouvrier ; rend les dossiers d'un pas (`un_pas`), d'un entraînement fini, puis relancé (`seul`)."""
    sorties = tmp_path_factory.mktemp("un_ouvrier")
    un_pas = json.dumps(options(donnees, sorties / "un_pas", **UN_PAS))
    # Les réglages de Keras que l'utilisateur a laissés traîner ne changent rien.
    (sorties / "keras.json").write_text(
        '{"backend": "theano", "image_data_format": "channels_first", "floatx": "float16"}'
    )
    with pytest.MonkeyPatch.context() as reglages:
        reglages.setenv("KERAS_HOME", str(sorties))
        reglages.setenv("KERAS_BACKEND", "torch")
        entrainer_a(
            1, donnees, sorties / "seul", lambda rang: [sys.executable, "-c", PLUSIEURS, un_pas]
        )
    return sorties


@pytest.fixture(scope="module")
def deux(donnees, commandes):
    """Deux ouvriers que rien ne dérange, lancés par slurm.sbatch ; rend (dossier de sortie, bilan)."""
    grappe = {"SLURM_JOB_NODELIST": "m[1-2]", "SLURM_JOB_ID": str(os.getpid()), "SLURM_NTASKS": "2"}
    soumettre("slurm.sbatch", commandes | grappe)
    return donnees / "sortie", bilan_de(donnees / "sortie")


@pytest.fixture(scope="module")
def commandes(tmp_path_factory, donnees):
    """Environnement où `python3` est ce Python, et où `srun` et `scontrol` imitent ceux de Slurm."""
    bin = tmp_path_factory.mktemp("bin")
    petit = " ".join(options(donnees, donnees / "sortie", taux=3e-4)[-6:])
    ecrire = {
        # Les dernières options l'emportent : un entraînement de test, court.
        "python3": f'exec "{sys.executable}" "$@" {petit}',
        "scontrol": "echo 127.0.0.1; echo autre-machine",
        # Une tâche par rang ; la première qui échoue arrête les autres.
        "srun": '[ "$1" = --cpus-per-task=8 ] && [ "$2" = --kill-on-bad-exit=1 ] && shift 2 || exit 1\n'
        "for rang in $(seq 0 $((SLURM_NTASKS - 1))); do\n"
        '    SLURM_PROCID=$rang SLURM_LOCALID=0 "$@" &\n'
        "done\n"
        "for _ in $(seq $SLURM_NTASKS); do wait -n || { kill $(jobs -p); exit 1; }; done",
    }
    (bin / "bin").mkdir()
    (bin / "bin" / "activate").write_text("")  # celui d'un environnement déjà actif
    for nom, corps in ecrire.items():
        (bin / nom).write_text(f"#!/usr/bin/env bash\n{corps}\n")
        (bin / nom).chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{bin}:{os.environ['PATH']}",
        "DONNEES": str(donnees),
        "ENVIRONNEMENT": str(bin),
        "SLURM_CPUS_PER_TASK": "8",
        "JAX_PLATFORMS": "cpu",
        # Ce qu'un test a fait compiler sert aux autres, comme chez le lanceur.
        "JAX_COMPILATION_CACHE_DIR": str(donnees.parent / "journaux" / "compilation"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }


def soumettre(script, env):
    """Lance un des fichiers d'echelle/ ; rend ce qu'il affiche."""
    commande = ["bash", f"echelle/{script}"]
    lance = subprocess.run(commande, cwd=LABOS, env=env, capture_output=True, encoding="utf-8")
    assert lance.returncode == 0, lance.stderr[-2000:]
    return lance.stdout


@avec_jax
def test_apres_un_pas_deux_ouvriers_ont_le_reseau_d_un_seul(donnees, seul, predire, tmp_path):
    """Un seul pas : l'arrondi n'a pas le temps de grandir, quel que soit le processeur."""
    _, bilan_deux = entrainer_a(2, donnees, tmp_path, **UN_PAS)
    bilan_seul = bilan_de(seul / "un_pas")
    assert (bilan_seul["ouvriers"], bilan_deux["ouvriers"]) == (1, 2)
    assert bilan_deux["pas"] == bilan_seul["pas"] == 1
    assert bilan_deux["pertes"] == pytest.approx(bilan_seul["pertes"], rel=1e-5)
    (poids, probabilites), (attendus, attendues) = map(predire, (tmp_path, seul / "un_pas"))
    # Le pas change les poids d'un millième : cent fois plus que l'écart admis.
    for trouve, attendu in zip(poids, attendus, strict=True):
        np.testing.assert_allclose(trouve, attendu, rtol=0, atol=1e-5)
    np.testing.assert_allclose(probabilites, attendues, rtol=0, atol=1e-5)


@avec_jax
def test_le_fichier_slurm_lance_deux_ouvriers_qui_ont_les_erreurs_d_un_seul(seul, deux):
    bilan_seul, bilan = bilan_de(seul / "seul-avant"), deux[1]
    assert (bilan_seul["ouvriers"], bilan["ouvriers"], bilan["processeurs"]) == (1, 2, 2)
    assert bilan["reprise_apres"] == 0 and bilan["pas"] == bilan_seul["pas"] >= 4
    assert bilan["pertes"] == pytest.approx(bilan_seul["pertes"], rel=1e-2)
    # Ce n'est pas parce que rien n'a bougé.
    assert bilan["pertes"][-1] < 0.9 * bilan["pertes"][0]


@avec_jax
def test_cartes_sh_partage_un_lot_entre_les_cartes_d_une_machine(donnees, deux, commandes):
    # Un seul ouvrier, deux cartes (ici deux processeurs simulés) ; mêmes options.
    cartes = {
        "DONNEES": str(donnees.parent / "cartes"),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }
    shutil.copytree(donnees, cartes["DONNEES"], ignore=shutil.ignore_patterns("sortie"))
    soumettre("cartes.sh", commandes | cartes)
    bilan = bilan_de(donnees.parent / "cartes" / "sortie")
    assert (bilan["ouvriers"], bilan["processeurs"]) == (1, 2)
    assert bilan["pertes"] == pytest.approx(deux[1]["pertes"], rel=1e-2)


# Met fin à l'ouvrier, sans prévenir, quand il va lire la troisième époque : la première est écrite,
# la dernière n'est pas commencée, quelle que soit la vitesse de la machine.
MEURT = """
import os, signal, sys
os.environ["KERAS_BACKEND"] = "jax"
import tensorflow as tf
from echelle import entrainer

lire = entrainer.lots_de_l_epoque

def mourir(numeros):
    os.kill(os.getpid(), signal.SIGKILL)
    return numeros

def lire_et_mourir(choix, etiquettes, epoque, rang):
    lots = lire(choix, etiquettes, epoque, rang)
    if epoque == 2:
        mort = lambda numeros: tf.ensure_shape(
            tf.py_function(mourir, [numeros], numeros.dtype), numeros.shape
        )
        lots = lots.map(lambda photos, numeros: (photos, mort(numeros)))
    return lots

entrainer.lots_de_l_epoque = lire_et_mourir
entrainer.entrainer(entrainer.analyseur().parse_args(sys.argv[4:]))  # python -m echelle.entrainer …
"""


@avec_jax
def test_un_ouvrier_tue_au_milieu_tous_reprennent_au_meme_resultat(
    donnees, deux, predire, tmp_path
):
    lances = []

    def prefixe(rang):
        lances.append(rang)
        return [sys.executable, "-c", MEURT] if lances == [0, 1] else []

    relances, bilan = entrainer_a(2, donnees, tmp_path, prefixe, reprises=3)
    assert relances == 1 and lances == [0, 1, 0, 1]
    assert 1 <= bilan["reprise_apres"] < EPOQUES
    sortie_deux, bilan_deux = deux
    # Sur une même machine, ce sont les mêmes opérations, dans le même ordre.
    assert bilan["pertes"] == pytest.approx(bilan_deux["pertes"], rel=1e-6)
    (poids, probabilites), (attendus, attendues) = map(predire, (tmp_path, sortie_deux))
    for trouve, attendu in zip(poids, attendus, strict=True):
        np.testing.assert_allclose(trouve, attendu, rtol=0, atol=1e-6)
    np.testing.assert_allclose(probabilites, attendues, rtol=0, atol=1e-6)
    assert not list(tmp_path.glob(".provisoire-*"))


def test_le_lanceur_ne_laisse_personne_derriere_lui(tmp_path):
    """Un ouvrier tombe : l'autre, qui l'attendrait pour toujours, est arrêté."""
    vus = []

    def prefixe(rang):
        return [sys.executable, "-c", "import time; time.sleep(600)"] if rang == 0 else []

    with pytest.raises(RuntimeError, match="ouvrier 1"):
        lanceur.lancer_ouvriers(2, [], tmp_path, reprises=0, surveiller=vus.append, prefixe=prefixe)
    assert vus and all(ouvrier.poll() is not None for ouvrier in vus[0])


@avec_jax
def test_un_entrainement_fini_se_relit_et_se_reprend_sans_rien_refaire(seul, predire):
    poids, probabilites = predire(seul / "seul")
    np.testing.assert_allclose(probabilites.sum(axis=1), 1, atol=1e-5)
    with np.load(seul / "seul" / entrainer.REPRISE, allow_pickle=False) as lu:
        premier = lu[
            lu.files[0]
        ]  # la première variable du réseau : le noyau de sa première convolution
    assert np.array_equal(poids[0], premier)
    avant, apres = ((seul / nom / entrainer.REPRISE).read_bytes() for nom in ("seul-avant", "seul"))
    assert avant == apres
    bilan = bilan_de(seul / "seul")
    assert bilan["reprise_apres"] == EPOQUES and len(bilan["pertes"]) == EPOQUES


@pytest.mark.parametrize("part", [0, 0.3, 0.9])
def test_un_point_de_reprise_tronque_se_dit(tmp_path, part):
    chemin = tmp_path / entrainer.REPRISE
    np.savez(chemin, poids=np.arange(5000.0))
    octets = chemin.read_bytes()
    chemin.write_bytes(octets[: int(part * len(octets))])
    reseau = SimpleNamespace(variables=[], optimizer=SimpleNamespace(variables=[]))
    with pytest.raises(Refus, match="tronqué(.|\n)*Remède"):
        entrainer.reprendre(reseau, chemin)


# --- Les fichiers à soumettre -----------------------------------------------------------------


def arguments_lances(script, commandes, dossier):
    """Les arguments que ce script donne à `python3`, sans l'exécuter ; `dossier` : vide."""
    (dossier / "python3").write_text("#!/usr/bin/env bash\nprintf '%s\\n' \"$@\"\n")
    (dossier / "python3").chmod(0o755)
    return soumettre(script, commandes | {"PATH": f"{dossier}:{commandes['PATH']}"}).split()


def test_les_trois_fichiers_lancent_le_meme_programme_avec_les_memes_options(
    commandes, tmp_path, monkeypatch
):
    yaml = pytest.importorskip("yaml")
    volume, service, travail = yaml.safe_load_all(
        (LABOS / "echelle" / "kubernetes.yaml").read_text(encoding="utf-8")
    )
    ouvrier = travail["spec"]["template"]["spec"]["containers"][0]
    grappe = {"SLURM_JOB_NODELIST": "m[1-2]", "SLURM_JOB_ID": "7", "SLURM_NTASKS": "1"}
    lances = {
        "slurm": arguments_lances("slurm.sbatch", commandes | grappe, tmp_path),
        "cartes": arguments_lances("cartes.sh", commandes, tmp_path),
        "kubernetes": ouvrier["command"][1:] + ouvrier["args"],
    }
    lus = {}
    for nom, mots in lances.items():
        assert mots[:2] == ["-m", "echelle.entrainer"], nom
        lus[nom] = vars(entrainer.analyseur().parse_args(mots[2:]))
    for reglage in ("epoques", "lot", "taux", "montee", "graine"):
        assert len({lu[reglage] for lu in lus.values()}) == 1, reglage
    for lu in lus.values():
        noms = [Path(lu[nom]).name for nom in ("cache", "manifeste", "sortie")]
        assert noms == ["cache", "photos.csv", "sortie"]
    assert lus["slurm"]["coordinateur"] == "127.0.0.1:20007"

    # Kubernetes : autant d'ouvriers que d'indices, et l'ouvrier 0 porte bien le nom du coordinateur.
    spec, nom = travail["spec"], travail["metadata"]["name"]
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"] == lus["kubernetes"]["ouvriers"] == 2
    sous_domaine = spec["template"]["spec"]["subdomain"]
    assert service["metadata"]["name"] == sous_domaine and service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"job-name": nom}
    assert lus["kubernetes"]["coordinateur"].split(":")[0] == f"{nom}-0.{sous_domaine}"
    pod = spec["template"]["spec"]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == volume["metadata"]["name"]
    assert spec["activeDeadlineSeconds"] and spec["ttlSecondsAfterFinished"]
    # L'image que construit echelle/Dockerfile a le dépôt à cet endroit, et cet utilisateur.
    dockerfile = (LABOS / "echelle" / "Dockerfile").read_text(encoding="utf-8")
    assert f"-t {ouvrier['image']} " in dockerfile
    assert f"USER {pod['securityContext']['runAsUser']}" in dockerfile
    assert ouvrier["workingDir"] == re.search(r"WORKDIR (\S+)", dockerfile)[1] + "/analyse_image"
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    assert entrainer.analyseur().parse_args(lances["kubernetes"][2:]).rang == 1


# --- Le lanceur, et sans les bibliothèques ----------------------------------------------------


def test_un_programme_qui_echoue_toujours_donne_la_fin_de_son_journal(tmp_path):
    with pytest.raises(RuntimeError, match=r"s'est arrêté 2 fois[\s\S]*--cache"):
        lanceur.lancer_ouvriers(2, [], tmp_path, reprises=1)


SANS = "import sys\nsys.modules.update(dict.fromkeys(('jax', 'dask', 'distributed')))\n"


def test_sans_jax_ni_dask_les_premieres_sections_tournent_puis_le_labo_dit_quoi_installer(
    tmp_path,
):
    (tmp_path / "sitecustomize.py").write_text(SANS)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    essai = executer.lire_notebook(LABOS / "passage_echelle.ipynb")
    echec = executer.executer_notebook(essai, LABOS, env)
    assert "Il manque jax, dask, distributed" in echec
    assert "%pip install -q -r echelle/requirements.txt" in echec
    cellules = {c.id: c for c in essai.cells}
    assert "fragments" in "".join(o.get("text", "") for o in cellules["donnees"].outputs)
    arrets = [
        i for i, c in cellules.items() for o in c.get("outputs", ()) if o.output_type == "error"
    ]
    assert arrets == ["exiger"]  # après les débits de la section 2.2, avant le profil
    assert (LABOS / "echelle" / "requirements.txt").is_file()
