"""Le manifeste et le cache du labo 5, préparés par plusieurs ouvriers : mêmes lignes, mêmes octets que par un seul.

    python -m echelle.preparer CATALOGUE SORTIE [--ouvriers 2 | --ordonnanceur tcp://hote:8786]

CATALOGUE (articles.csv, images/) et SORTIE sont vus de tous les ouvriers ; SORTIE reçoit `photos.csv` et le
dossier `cache`. Sans `--ordonnanceur`, les ouvriers sont des processus de cette machine. Interrompu, relancé :
les fragments déjà écrits sont gardés.
"""

import argparse
import logging
import os
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pandas as pd

from outils import cache, catalogue, hm
from outils.fichiers import ecriture_atomique


@contextmanager
def grappe_locale(ouvriers, journal=os.devnull):
    """Client d'une grappe Dask de `ouvriers` processus de cette machine, arrêtée à la fin.

    Ce qu'ils écrivent (TensorFlow est bavard) va dans `journal` ; une erreur, elle, revient à l'appelant.
    """
    from distributed import LocalCluster

    copie = os.dup(2)
    try:
        with open(journal, "ab") as sortie:
            os.dup2(sortie.fileno(), 2)  # les processus en héritent
        grappe = LocalCluster(
            ouvriers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR
        )
    finally:
        os.dup2(copie, 2)
        os.close(copie)
    with grappe, grappe.get_client() as client:
        yield client


def avec_dask(client):
    """Rend `executer(fonction, *listes)`, comme `map`, mais par les ouvriers de ce client Dask."""

    def executer(fonction, *listes):
        # pure=False : écrire un fichier n'est pas un calcul dont on peut réutiliser la réponse.
        return client.gather(client.map(fonction, *listes, pure=False, retries=2))

    return executer


def _part(dossier, articles, sous_dossier):
    """Le manifeste et les anomalies d'un sous-dossier (« 010 »), ou des articles qui n'en ont pas (None)."""
    photos = hm.lister_photos(dossier, [sous_dossier]) if sous_dossier else set()
    return hm.joindre(articles, photos, str(dossier))


def manifeste_hm(dossier, executer=map):
    """Comme `hm.manifeste_hm`, une tâche par sous-dossier d'images ; anomalies triées.

    Un article et sa photo sont dans le même sous-dossier, nommé d'après les trois premiers chiffres : aucune
    tâche n'a besoin d'une autre.
    """
    articles, presents = hm.lire_articles(dossier), hm.sous_dossiers(dossier)
    prefixes = articles["article_id"].str[:3]
    groupes = {nom: articles[prefixes == nom] for nom in presents}
    reste = articles[~prefixes.isin(presents)]
    parts = list(executer(partial(_part, dossier), [*groupes.values(), reste], [*presents, None]))
    manifeste, anomalies = hm.completer(
        *(pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True)), dossier
    )
    return (
        manifeste.sort_values("id", ignore_index=True),
        anomalies.sort_values(["motif", "chemin"], ignore_index=True),
    )


def preparer(dossier, sortie, executer=None, cote=28, par_fragment=500):
    """Écrit `photos.csv` et `cache/` dans `sortie` ; rend (manifeste, bilan du cache)."""
    manifeste, _ = manifeste_hm(dossier, executer or map)
    # Les couleurs d'un même modèle vont du même côté.
    manifeste = catalogue.repartir(hm.fusionner_rares(manifeste), groupe="produit")
    with ecriture_atomique(Path(sortie) / "photos.csv") as provisoire:
        manifeste.to_csv(provisoire, index=False, lineterminator="\n")
    bilan = cache.ecrire_cache(
        manifeste, Path(sortie) / "cache", cote, par_fragment=par_fragment, executer=executer
    )
    return manifeste, bilan


def principal():
    analyse = argparse.ArgumentParser("python -m echelle.preparer")
    analyse.add_argument("catalogue")
    analyse.add_argument("sortie")
    analyse.add_argument("--ouvriers", type=int, default=2)
    analyse.add_argument("--ordonnanceur", help="adresse d'un ordonnanceur Dask déjà lancé")
    analyse.add_argument("--cote", type=int, default=28)
    choix = analyse.parse_args()
    if choix.ordonnanceur:
        from distributed import Client

        ouvrir = Client(choix.ordonnanceur)
    else:
        ouvrir = grappe_locale(choix.ouvriers)
    with ouvrir as client:
        _, bilan = preparer(choix.catalogue, choix.sortie, avec_dask(client), choix.cote)
    print(
        f"{bilan['photos']} photos, {len(bilan['illisibles'])} illisible(s), {bilan['octets']} octets"
    )


if __name__ == "__main__":
    principal()
