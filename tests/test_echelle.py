"""Le labo 8 : le même entraînement et la même préparation, à un ouvrier ou à plusieurs."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

import labo
from echelle import entrainer, lanceur, preparer
from outils import cache, garde_robe, hm

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
    garde_robe.ecrire_hm(dossier, hm.ARTICLES_PUBLIES, 400, largeur=60)
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
    cles = ["reason", "path"]
    assert anomalies_trouvees.equals(anomalies.sort_values(cles, ignore_index=True))
    # Trois photos sont dans un sous-dossier sans article, et des articles n'ont pas de photo.
    assert set(anomalies["reason"]) >= {"article sans photo", "photo sans article"}


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


def resultat(sortie):
    """(variables du réseau et de l'optimiseur, bilan)."""
    with np.load(sortie / entrainer.REPRISE, allow_pickle=False) as lu:
        variables = {nom: lu[nom].astype("float64") for nom in lu.files}
    return variables, json.loads((sortie / entrainer.BILAN).read_text(encoding="utf-8"))


def ecart(a, b):
    assert a.keys() == b.keys()
    return max(float(np.abs(a[nom] - b[nom]).max()) for nom in a)


@pytest.fixture(scope="module")
def seul(donnees, tmp_path_factory):
    """L'entraînement par un seul ouvrier ; rend (dossier de sortie, variables, bilan)."""
    sortie = tmp_path_factory.mktemp("seul")
    assert lanceur.lancer(1, options(donnees, sortie), donnees.parent / "journaux", reprises=0) == 0
    return sortie, *resultat(sortie)


@pytest.fixture
def commandes(tmp_path, donnees):
    """Environnement où `python3` est ce Python, et où `srun` et `scontrol` imitent ceux de Slurm."""
    bin = tmp_path / "bin"
    bin.mkdir()
    ecrire = {
        "python3": f'exec "{sys.executable}" "$@"',
        "scontrol": "echo 127.0.0.1; echo autre-machine",
        # Une tâche par rang ; la première qui échoue arrête les autres.
        "srun": '[ "$1" = --kill-on-bad-exit=1 ] && shift\n'
        "for rang in $(seq 0 $((SLURM_NTASKS - 1))); do\n"
        '    SLURM_PROCID=$rang "$@" &\n'
        "done\n"
        "for _ in $(seq $SLURM_NTASKS); do wait -n || { kill $(jobs -p); exit 1; }; done",
    }
    for nom, corps in ecrire.items():
        (bin / nom).write_text(f"#!/usr/bin/env bash\n{corps}\n")
        (bin / nom).chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{bin}:{os.environ['PATH']}",
        "DONNEES": str(donnees),
        "JAX_PLATFORMS": "cpu",
    }


def parametres_jusqu_au_bruit(variables, attendues):
    """Les mêmes poids à l'arrondi près : mille fois moins que ce que l'entraînement a changé."""
    assert ecart(variables, attendues) < 2e-4


@avec_jax
def test_deux_ouvriers_donnent_les_poids_d_un_seul(donnees, seul, tmp_path):
    sortie_seul, attendues, bilan_seul = seul
    relances = lanceur.lancer(
        2, options(donnees, tmp_path), donnees.parent / "journaux", reprises=0
    )
    variables, bilan = resultat(tmp_path)
    assert (relances, bilan["ouvriers"], bilan["processeurs"]) == (0, 2, 2)
    assert bilan_seul["ouvriers"] == 1 and bilan["pas"] == bilan_seul["pas"] >= 4
    parametres_jusqu_au_bruit(variables, attendues)
    assert bilan["pertes"] == pytest.approx(bilan_seul["pertes"], rel=1e-4)
    # Ce n'est pas parce que rien n'a bougé.
    assert bilan["pertes"][-1] < bilan["pertes"][0] - 0.1


@avec_jax
def test_un_ouvrier_tue_au_milieu_tous_reprennent_au_meme_resultat(donnees, seul, tmp_path):
    victimes = []

    def accident(ouvriers):
        if not victimes and (tmp_path / entrainer.REPRISE).is_file():
            ouvriers[1].kill()
            victimes.extend(ouvriers)

    relances = lanceur.lancer(
        2, options(donnees, tmp_path), donnees.parent / "journaux", surveiller=accident
    )
    variables, bilan = resultat(tmp_path)
    assert relances == 1 and len(victimes) == 2
    assert all(ouvrier.poll() is not None for ouvrier in victimes)
    assert 1 <= bilan["reprise_apres"] < EPOQUES
    assert len(bilan["pertes"]) == EPOQUES - bilan["reprise_apres"]
    parametres_jusqu_au_bruit(variables, seul[1])
    assert not list(tmp_path.glob(".provisoire-*"))


@avec_jax
def test_le_fichier_slurm_lance_deux_ouvriers_et_reprend(donnees, commandes):
    sortie = donnees / "sortie"
    grappe = {"SLURM_JOB_NODELIST": "m[1-2]", "SLURM_JOB_ID": str(os.getpid()), "SLURM_NTASKS": "2"}
    commande = ["bash", "echelle/slurm.sbatch"]
    lance = subprocess.run(
        commande, cwd=LABOS, env=commandes | grappe, capture_output=True, encoding="utf-8"
    )
    assert lance.returncode == 0, lance.stderr[-2000:]
    slurm, bilan = resultat(sortie)
    assert (bilan["ouvriers"], bilan["lot"], bilan["reprise_apres"]) == (2, 256, 0)
    # cartes.sh : un seul ouvrier, deux cartes (ici deux processeurs simulés) ; mêmes options.
    for fichier in sortie.iterdir():
        fichier.unlink()
    cartes = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    lance = subprocess.run(
        ["bash", "echelle/cartes.sh"],
        cwd=LABOS,
        env=commandes | cartes,
        capture_output=True,
        encoding="utf-8",
    )
    assert lance.returncode == 0, lance.stderr[-2000:]
    variables, bilan = resultat(sortie)
    assert (bilan["ouvriers"], bilan["processeurs"]) == (1, 2)
    parametres_jusqu_au_bruit(variables, slurm)


@avec_jax
def test_le_resultat_se_relit_avec_tensorflow_et_se_reprend_sans_rien_refaire(donnees, seul):
    sortie, variables, bilan = seul
    reseau = entrainer.creer_reseau(28, 9)  # ici, Keras calcule avec TensorFlow
    reseau.load_weights(sortie / entrainer.POIDS)
    premier = next(valeur for nom, valeur in variables.items() if nom.endswith("conv2d/kernel"))
    assert np.array_equal(reseau.get_weights()[0], premier)
    avant = (sortie / entrainer.REPRISE).read_bytes()
    lanceur.lancer(1, options(donnees, sortie), donnees.parent / "journaux", reprises=0)
    assert (sortie / entrainer.REPRISE).read_bytes() == avant
    assert resultat(sortie)[1]["reprise_apres"] == EPOQUES


# --- Les fichiers à soumettre -----------------------------------------------------------------


def arguments_lances(script, commandes, env):
    """Les arguments que ce script donne à `python3`, sans l'exécuter."""
    python = Path(commandes["PATH"].split(":")[0]) / "python3"
    python.write_text("#!/usr/bin/env bash\nprintf '%s\\n' \"$@\"\n")
    lance = subprocess.run(
        ["bash", script], cwd=LABOS, env=commandes | env, capture_output=True, encoding="utf-8"
    )
    assert lance.returncode == 0, lance.stderr
    return lance.stdout.split()


def test_les_trois_fichiers_lancent_le_meme_programme_avec_les_memes_options(
    commandes, monkeypatch
):
    yaml = pytest.importorskip("yaml")
    service, travail = yaml.safe_load_all(
        (LABOS / "echelle" / "kubernetes.yaml").read_text(encoding="utf-8")
    )
    ouvrier = travail["spec"]["template"]["spec"]["containers"][0]
    grappe = {"SLURM_JOB_NODELIST": "m[1-2]", "SLURM_JOB_ID": "7", "SLURM_NTASKS": "1"}
    lances = {
        "slurm": arguments_lances("echelle/slurm.sbatch", commandes, grappe),
        "cartes": arguments_lances("echelle/cartes.sh", commandes, {}),
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
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    assert entrainer.analyseur().parse_args(lances["kubernetes"][2:]).rang == 1


# --- Le lanceur, et sans les bibliothèques ----------------------------------------------------


def test_un_programme_qui_echoue_toujours_donne_la_fin_de_son_journal(tmp_path):
    with pytest.raises(RuntimeError, match=r"s'est arrêté 2 fois[\s\S]*--cache"):
        lanceur.lancer(2, [], tmp_path, reprises=1)


SANS = "import sys\nsys.modules.update(dict.fromkeys(('jax', 'dask', 'distributed')))\n"


def test_sans_jax_ni_dask_les_premieres_sections_tournent_puis_le_labo_dit_quoi_installer(
    tmp_path,
):
    (tmp_path / "sitecustomize.py").write_text(SANS)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    echec, _ = labo.executer_labo(LABOS / "passage_echelle.ipynb", tmp_path / "essai.ipynb", env)
    assert "Il manque jax, dask, distributed" in echec
    assert "%pip install -q -r echelle/requirements.txt" in echec
    cellules = {c.id: c for c in nbformat.read(tmp_path / "essai.ipynb", as_version=4).cells}
    assert "fragments" in cellules["donnees"].outputs[-1].text
    arrets = [
        i for i, c in cellules.items() for o in c.get("outputs", ()) if o.output_type == "error"
    ]
    assert arrets == ["exiger"]  # après les débits de la section 2.2, avant le profil
    assert (LABOS / "echelle" / "requirements.txt").is_file()
