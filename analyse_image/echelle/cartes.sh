#!/usr/bin/env bash
# Le labo 8 sur une machine à plusieurs cartes (GPU), ou sur des TPU : le même programme, sans lanceur.
#
#     cd analyse_image && DONNEES=~/labo8 bash echelle/cartes.sh             toutes les cartes de cette machine
#     DONNEES=/donnees bash echelle/cartes.sh --coordinateur auto            sur chaque machine d'une tranche de TPU
#
# Avant : pip install "jax[cuda12]"   (GPU NVIDIA)      ou      pip install "jax[tpu]"   (TPU, Colab compris)
# Tranche de TPU : gcloud compute tpus tpu-vm ssh NOM --worker=all --command="cd labos/analyse_image && …"
set -euo pipefail
DONNEES="${DONNEES:-$HOME/labo8}"
for essai in 1 2 3; do
    python3 -m echelle.entrainer \
        --cache "$DONNEES/cache" --manifeste "$DONNEES/photos.csv" --sortie "$DONNEES/sortie" \
        --epoques 8 --lot 256 --taux 6e-4 "$@" && exit 0
    echo "essai $essai interrompu : on reprend" >&2
done
exit 1
