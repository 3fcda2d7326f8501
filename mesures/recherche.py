"""Optuna ou KerasTuner ? La recherche du labo 3, autant de minutes à chacun.

    pip install keras-tuner
    python mesures/recherche.py [--minutes 3] [--graines 1 2]

La fonction mesurée est la cellule « objectif » de deux_convolutions.ipynb, sur la validation. Optuna : TPE et
abandon sous la médiane, comme dans le labo. KerasTuner : recherche bayésienne, sans abandon (il n'en a qu'avec
Hyperband, qui fixe le nombre d'essais et non le temps). Résultats ajoutés à mesures/recherche.csv.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

RESULTATS = Path(__file__).resolve().parent / "recherche.csv"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import optuna  # noqa: E402
import pandas as pd  # noqa: E402
from cellules import executer_cellules  # noqa: E402
from resultats import ajouter_resultats, deja_mesure  # noqa: E402

try:
    import keras_tuner
except ImportError:  # les labos et leurs tests s'en passent
    keras_tuner = None

CELLULES = ("imports", "parametres", "donnees", "reseau", "objectif")


class EssaiKerasTuner:
    """Ce que la cellule « objectif » demande à un essai d'Optuna, servi par KerasTuner."""

    def __init__(self, essai):
        self.number, self.reglages = int(essai.trial_id), essai.hyperparameters

    def suggest_categorical(self, nom, choix):
        return self.reglages.Choice(nom, choix)

    def suggest_float(self, nom, bas, haut, log=False):
        return self.reglages.Float(nom, bas, haut, sampling="log" if log else "linear")

    def report(self, valeur, epoque):
        pass

    def should_prune(self):
        return False


def avec_optuna(objectif, secondes, graine):
    """Rend (validations des essais complets, essais abandonnés)."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    etude = optuna.create_study(
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
        sampler=optuna.samplers.TPESampler(n_startup_trials=6, seed=graine),
    )
    etude.optimize(objectif, timeout=secondes)
    etats = optuna.trial.TrialState
    complets = [e.value for e in etude.trials if e.state == etats.COMPLETE]
    return complets, len(etude.trials) - len(complets)


def avec_keras_tuner(objectif, secondes, graine):
    """Rend (validations des essais complets, 0) ; le temps est compté ici, KerasTuner ne compte que les essais."""
    limite = time.monotonic() + secondes

    class Recherche(keras_tuner.Tuner):
        def run_trial(self, trial, verbose):
            return objectif(EssaiKerasTuner(trial))

        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            if time.monotonic() > limite:
                self.oracle.max_trials = len(self.oracle.trials)

    oracle = keras_tuner.oracles.BayesianOptimizationOracle(
        keras_tuner.Objective("default_objective", "max"),
        max_trials=1000,
        num_initial_points=6,
        seed=graine,
    )
    with tempfile.TemporaryDirectory() as dossier:
        recherche = Recherche(oracle, directory=dossier, project_name="labo3")
        recherche.search(verbose=0)
    return [e.score for e in oracle.trials.values() if e.score is not None], 0


def mesurer(minutes, graines):
    objectif = executer_cellules("deux_convolutions.ipynb", CELLULES)["objectif"]
    outils = {"Optuna": (avec_optuna, optuna), "KerasTuner": (avec_keras_tuner, keras_tuner)}
    for graine in graines:
        for nom, (chercher, paquet) in outils.items():
            cle = {"outil": nom, "graine": graine, "minutes": minutes}
            if deja_mesure(cle, RESULTATS):
                continue
            debut = time.perf_counter()
            complets, abandonnes = chercher(objectif, 60 * minutes, graine)
            ligne = cle | {
                "version": paquet.__version__,
                "essais complets": len(complets),
                "abandonnés": abandonnes,
                "meilleur": round(max(complets), 4),
                "secondes": round(time.perf_counter() - debut),
            }
            ajouter_resultats([ligne], RESULTATS)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="Compare deux outils de recherche.")
    arguments.add_argument("--minutes", type=float, default=3)
    arguments.add_argument("--graines", nargs="*", type=int, default=[1, 2])
    options = arguments.parse_args()
    if keras_tuner is None:
        arguments.error("il faut KerasTuner : pip install keras-tuner")
    mesurer(options.minutes, options.graines)
    print(pd.read_csv(RESULTATS).to_string(index=False))
