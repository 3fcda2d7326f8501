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
from outils import cache, dessins, jeux
from outils.fichiers import Refus

RACINE = Path(labo.__file__).parent
LABOS = RACINE / "analyse_image"
EPOQUES = 4

# La CI installe ce que demande le labo 8 (.ci/run) ; ailleurs, ce qui en a besoin est passé, et le dit.
avec_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX absent : echelle/requirements.txt"
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


def test_deux_processus_ecrivent_les_memes_octets_qu_un_seul(catalogue, donnees, tmp_path):
    with preparer.ouvriers_locaux(2) as ouvriers:
        manifeste, bilan = preparer.preparer(
            catalogue, tmp_path / "d", ouvriers.map, par_fragment=60
        )
        # Un fragment perdu : lui seul est refait.
        (tmp_path / "d" / "cache" / bilan["fragments"][1]).unlink()
        repris = cache.ecrire_cache(
            manifeste, tmp_path / "d" / "cache", 28, par_fragment=60, executer=ouvriers.map
        )
    assert repris["repris"] == len(bilan["fragments"]) - 1 > 2
    assert bilan["repris"] == 0 and len(bilan["illisibles"]) == 2
    assert contenu(tmp_path / "d") == contenu(donnees)


# --- Partager un lot --------------------------------------------------------------------------


def lots(donnees, ouvriers, rang, epoques=1, depuis=0):
    choix = entrainer.analyseur().parse_args(
        [*options(donnees, "x", lot=48, epoques=epoques), "--ouvriers", str(ouvriers)]
    )
    _, etiquettes = entrainer.lire_etiquettes(choix.manifeste)
    return list(entrainer.lots(choix, etiquettes, rang, depuis))


@pytest.mark.parametrize("ouvriers", [2, 3])
def test_les_parts_des_ouvriers_remises_bout_a_bout_sont_le_lot(donnees, ouvriers):
    un = lots(donnees, 1, 0)
    parts = [lots(donnees, ouvriers, r) for r in range(ouvriers)]
    assert len(un) > 3 and {len(part) for part in parts} == {len(un)}
    for numero, (photos, numeros) in enumerate(un):
        assert photos.shape == (48, 28, 28, 3) and photos.dtype == np.float32
        assert photos.min() >= 0 and photos.max() <= 1
        assert np.array_equal(np.concatenate([part[numero][0] for part in parts]), photos)
        assert np.array_equal(np.concatenate([part[numero][1] for part in parts]), numeros)


def test_l_ordre_ne_depend_que_de_l_epoque(donnees):
    """Une reprise lit l'époque 1 sans avoir lu l'époque 0."""
    tout, reprise = lots(donnees, 2, 1, epoques=2), lots(donnees, 2, 1, epoques=2, depuis=1)
    assert len(tout) == 2 * len(reprise)
    for (photos, numeros), (relues, renumerotees) in zip(
        tout[len(reprise) :], reprise, strict=True
    ):
        assert np.array_equal(photos, relues) and np.array_equal(numeros, renumerotees)
    premiere, seconde = (
        np.concatenate([y for _, y in part]) for part in (tout[: len(reprise)], reprise)
    )
    assert not np.array_equal(premiere, seconde)


def test_une_epoque_lit_chaque_photo_une_fois_au_plus(donnees):
    choix = entrainer.analyseur().parse_args(options(donnees, "x"))
    _, etiquettes = entrainer.lire_etiquettes(choix.manifeste)
    jeu = cache.trouver(choix.cache, etiquettes)
    assert len(jeu.lignes) == len({tuple(place) for place in jeu.lignes[:, :2]})
    attendus = np.bincount(jeu.lignes[:, 2], minlength=9)
    lus = np.bincount(np.concatenate([y for _, y in lots(donnees, 1, 0)]), minlength=9)
    assert (lus <= attendus).all() and attendus.sum() - lus.sum() < 48


def test_l_augmentation_garde_les_photos_reconnaissables(donnees):
    choix = entrainer.analyseur().parse_args(options(donnees, "x"))
    _, etiquettes = entrainer.lire_etiquettes(choix.manifeste)
    photos, _ = cache.trouver(choix.cache, etiquettes).lire(np.arange(64))
    tirages = np.random.default_rng(13).integers(0, (5, 5, 2), (64, 3))
    augmentees = entrainer.augmenter(photos, tirages)
    assert augmentees.shape == photos.shape and augmentees.dtype == np.uint8
    assert not np.array_equal(augmentees, photos)
    # À un miroir et à deux pixels près, c'est la même photo : le centre s'y retrouve.
    for avant, apres, (y, x, miroir) in zip(photos, augmentees, tirages, strict=True):
        droite = apres[:, ::-1] if miroir else apres
        assert np.array_equal(droite[6 - y : 26 - y, 6 - x : 26 - x], avant[4:24, 4:24])


def test_un_lot_qui_ne_se_partage_pas_est_refuse(donnees):
    with pytest.raises(Refus, match="48 photos pour 5 ouvriers(.|\n)*Remède"):
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
    images = lots(donnees, 1, 0)[0][0]
    reseau = entrainer.creer_reseau(28, 9)

    def relire(sortie):
        reseau.load_weights(sortie / entrainer.POIDS)
        return reseau.get_weights(), reseau(images).numpy()

    return relire


UN_PAS = {"lot": 256, "epoques": 1, "taux": 1e-2}
# Un ouvrier seul peut entraîner plusieurs fois dans le même processus : les bibliothèques ne s'importent qu'une fois.
# Le deuxième entraînement est coupé en lisant sa troisième époque, puis repris ; le premier, fini, est relancé.
PLUSIEURS = """
import json, shutil, sys
from echelle import entrainer
lancer = lambda mots: entrainer.entrainer(entrainer.analyseur().parse_args(mots))
un_pas, coupe = map(json.loads, sys.argv[1:3])
reste = sys.argv[6:]  # python -m echelle.entrainer …
lancer(un_pas)
lancer(reste)
fini = entrainer.analyseur().parse_args(reste).sortie
shutil.copytree(fini, fini + "-avant")
lancer(reste)
entiers = entrainer.lots
def lots(choix, *suite):
    reste = 2 * 4  # pas
    for lot in entiers(choix, *suite):
        if not (reste := reste - 1) + 1:
            raise KeyboardInterrupt
        yield lot
entrainer.lots = lots
try:
    lancer(coupe)
except KeyboardInterrupt:
    print("coupé")
entrainer.lots = entiers
lancer(coupe)
"""


@pytest.fixture(scope="module")
def seul(donnees, tmp_path_factory):
    """Les dossiers d'un seul ouvrier : d'un pas (`un_pas`), fini (`seul-avant`), relancé (`seul`), repris (`coupe`)."""
    sorties = tmp_path_factory.mktemp("un_ouvrier")
    mots = [
        json.dumps(options(donnees, sorties / "un_pas", **UN_PAS)),
        json.dumps(options(donnees, sorties / "coupe")),
    ]
    # Les réglages de Keras que l'utilisateur a laissés traîner ne changent rien.
    (sorties / "keras.json").write_text(
        '{"backend": "theano", "image_data_format": "channels_first", "floatx": "float16"}'
    )
    with pytest.MonkeyPatch.context() as reglages:
        reglages.setenv("KERAS_HOME", str(sorties))
        reglages.setenv("KERAS_BACKEND", "torch")
        entrainer_a(
            1, donnees, sorties / "seul", lambda rang: [sys.executable, "-c", PLUSIEURS, *mots]
        )
    return sorties


@pytest.fixture(scope="module")
def commandes(tmp_path_factory, donnees):
    """Environnement où `python3` est ce Python, et où `srun` et `scontrol` imitent ceux de Slurm."""
    bin = tmp_path_factory.mktemp("bin")
    petit = " ".join(options(donnees, donnees / "sortie", **UN_PAS)[-6:])
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


def memes_reseaux(predire, sortie, attendue, ecart):
    """Adam divise chaque gradient par sa grandeur : d'un gradient presque nul, l'arrondi peut décider du pas entier.

    Un poids sur mille peut donc s'écarter davantage ; les réponses, elles, ne le peuvent pas.
    """
    (poids, probabilites), (attendus, attendues) = map(predire, (sortie, attendue))
    ecarts = [np.abs(x - y).ravel() for x, y in zip(poids, attendus, strict=True)]
    assert np.quantile(np.concatenate(ecarts), 0.999) <= ecart
    np.testing.assert_allclose(probabilites, attendues, rtol=0, atol=10 * ecart)


@avec_jax
def test_le_fichier_slurm_lance_deux_ouvriers_qui_ont_le_reseau_d_un_seul(
    donnees, seul, commandes, predire
):
    """Un seul pas : l'arrondi n'a pas le temps de grandir, quel que soit le processeur."""
    grappe = {"SLURM_JOB_NODELIST": "m[1-2]", "SLURM_JOB_ID": str(os.getpid()), "SLURM_NTASKS": "2"}
    soumettre("slurm.sbatch", commandes | grappe)
    bilan, bilan_seul = bilan_de(donnees / "sortie"), bilan_de(seul / "un_pas")
    assert (bilan_seul["ouvriers"], bilan["ouvriers"], bilan["processeurs"]) == (1, 2, 2)
    assert bilan["pas"] == bilan_seul["pas"] == 1
    assert bilan["pertes"] == pytest.approx(bilan_seul["pertes"], rel=1e-5)
    # Le pas change les poids d'un millième : cent fois plus que l'écart admis.
    memes_reseaux(predire, donnees / "sortie", seul / "un_pas", 1e-5)


@avec_jax
def test_cartes_sh_partage_un_lot_entre_les_cartes_d_une_machine(donnees, seul, commandes, predire):
    # Un seul ouvrier, deux cartes (ici deux processeurs simulés) ; mêmes options.
    cartes = {
        "DONNEES": str(donnees.parent / "cartes"),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }
    shutil.copytree(donnees, cartes["DONNEES"], ignore=shutil.ignore_patterns("sortie"))
    soumettre("cartes.sh", commandes | cartes)
    bilan = bilan_de(donnees.parent / "cartes" / "sortie")
    assert (bilan["ouvriers"], bilan["processeurs"]) == (1, 2)
    memes_reseaux(predire, donnees.parent / "cartes" / "sortie", seul / "un_pas", 1e-5)


@avec_jax
def test_coupe_puis_repris_le_resultat_est_le_meme(seul, predire):
    """Sur une même machine, ce sont les mêmes opérations, dans le même ordre."""
    repris, entier = bilan_de(seul / "coupe"), bilan_de(seul / "seul-avant")
    assert repris["reprise_apres"] == 2 and entier["reprise_apres"] == 0
    assert len(repris["pertes"]) == EPOQUES  # celles d'avant la coupure comprises
    assert repris["pertes"] == pytest.approx(entier["pertes"], rel=1e-6)
    assert entier["pertes"][-1] < 0.9 * entier["pertes"][0]  # il a appris
    memes_reseaux(predire, seul / "coupe", seul / "seul-avant", 1e-6)
    assert not list((seul / "coupe").glob(".provisoire-*"))


# Gèle l'ouvrier, sans qu'il meure, quand il va lire la deuxième époque : la première est écrite, la dernière n'est pas
# commencée, quelle que soit la vitesse de la machine.
SE_FIGE = """
import os, signal, sys
os.environ["KERAS_BACKEND"] = "jax"
from echelle import entrainer

entiers = entrainer.lots

def lots(choix, etiquettes, rang, depuis):
    for numero, lot in enumerate(entiers(choix, etiquettes, rang, depuis)):
        if numero == 7:
            os.kill(os.getpid(), signal.SIGSTOP)
        yield lot

entrainer.lots = lots
entrainer.entrainer(entrainer.analyseur().parse_args(sys.argv[4:]))  # python -m echelle.entrainer …
"""


@avec_jax
def test_un_ouvrier_fige_est_remarque_et_tous_reprennent(donnees, seul, tmp_path):
    lances = []

    def prefixe(rang):
        lances.append(rang)
        return [sys.executable, "-c", SE_FIGE] if lances == [0, 1] else []

    relances, bilan = entrainer_a(2, donnees, tmp_path, prefixe, reprises=3, silence=10)
    assert relances == 1 and lances == [0, 1, 0, 1]
    assert 1 <= bilan["reprise_apres"] < EPOQUES and bilan["ouvriers"] == 2
    assert bilan["pertes"] == pytest.approx(bilan_de(seul / "seul-avant")["pertes"], rel=1e-2)


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


SANS = "import sys\nsys.modules['jax'] = None\n"


def test_sans_jax_les_premieres_sections_tournent_puis_le_labo_dit_quoi_installer(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SANS)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    essai = executer.lire_notebook(LABOS / "passage_echelle.ipynb")
    echec = executer.executer_notebook(essai, LABOS, env)
    assert "Il manque jax" in echec
    assert "%pip install -q -r echelle/requirements.txt" in echec
    cellules = {c.id: c for c in essai.cells}
    assert "fragments" in "".join(o.get("text", "") for o in cellules["donnees"].outputs)
    arrets = [
        i for i, c in cellules.items() for o in c.get("outputs", ()) if o.output_type == "error"
    ]
    assert arrets == ["exiger"]  # après les débits de la section 2.2, avant le profil
    assert (LABOS / "echelle" / "requirements.txt").is_file()
