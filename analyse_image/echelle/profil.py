"""Où passe le temps d'un pas : attendre les photos, les augmenter, calculer, vus par le profileur de JAX."""

import tempfile
from pathlib import Path

import pandas as pd

from echelle import entrainer

PHASES = ("lire", "augmenter", "calculer")


def tracer(choix, reseau, pas=8):
    """Exécute `pas` pas d'un ouvrier, phase après phase ; rend (phases, opérations), deux DataFrames.

    `choix` : les options d'`entrainer.py` ; `reseau` : compilé. Colonnes : fil, nom, début, durée (en ms).
    `phases` : une ligne par phase et par pas ; « lire » est le temps passé à attendre le lot, que tf.data décode à
    l'avance, sur d'autres fils. `operations` : celles de XLA, sur les siens.
    """
    import jax

    _, etiquettes = entrainer.lire_etiquettes(choix.manifeste)
    lots = entrainer.lots_de_l_epoque(choix, etiquettes, 0, 0, augmentees=False)
    tranche, suite = slice(0, choix.lot), iter(lots.repeat())

    def un_pas(numero):
        with jax.profiler.TraceAnnotation("lire"):
            photos, numeros = next(suite)
        with jax.profiler.TraceAnnotation("augmenter"):
            photos = entrainer.augmenter(photos, (choix.graine, numero), tranche).numpy()
        with jax.profiler.TraceAnnotation("calculer"):
            reseau.train_on_batch(photos, numeros.numpy())

    for numero in range(3):  # la première fois, XLA compile
        un_pas(numero)
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0
    with tempfile.TemporaryDirectory() as dossier:
        with jax.profiler.trace(dossier, profiler_options=options):
            for numero in range(pas):
                un_pas(numero)
        fichier = next(Path(dossier).rglob("*.xplane.pb"))
        evenements = [
            (ligne.name, e.name, e.start_ns / 1e6, e.duration_ns / 1e6)
            for plan in jax.profiler.ProfileData.from_file(str(fichier)).planes
            for ligne in plan.lines
            for e in ligne.events
        ]
    trace = pd.DataFrame(evenements, columns=["fil", "nom", "début", "durée"])
    trace["début"] -= trace.loc[trace["nom"] == "lire", "début"].min()
    xla = trace["fil"].str.startswith("tf_XLA") & (trace["durée"] > 0)
    interne = trace["nom"].str.contains("::|^end: ")
    return trace[trace["nom"].isin(PHASES)], trace[xla & ~interne]
