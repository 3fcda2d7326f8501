"""Muon : une descente où chaque noyau de convolution reçoit une mise à jour orthogonale."""

import keras
from keras import ops

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonaliser(matrice, iterations=4):
    """Matrice (a, b) float32 dont les valeurs singulières deviennent voisines de 1 (Newton-Schulz).

    Mêmes directions que `matrice`, toutes de même longueur : les petites ne sont plus écrasées.
    """
    haute = matrice.shape[0] > matrice.shape[1]
    x = ops.transpose(matrice) if haute else matrice
    x = x / (ops.norm(x) + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(iterations):
        carre = x @ ops.transpose(x)
        x = a * x + (b * carre + c * carre @ carre) @ x
    return ops.transpose(x) if haute else x


class Muon(keras.optimizers.AdamW):
    """AdamW pour les vecteurs et les couches denses ; Muon pour les noyaux (h, l, entrées, filtres).

    Le pas de Muon vaut `rapport` fois le taux. Les noyaux gardent une longueur fixe : la normalisation par
    lot qui suit ne dépend pas d'elle, et le taux prend ainsi le même sens partout.
    Source : K. Jordan et coll., « Muon », 2024 ; la longueur fixe vient d'airbench, du même auteur.
    """

    def __init__(self, learning_rate=4e-3, rapport=12.5, inertie=0.9, **options):
        super().__init__(learning_rate, **options)
        self.rapport, self.inertie = rapport, inertie

    def build(self, variables):
        noyaux = [v for v in variables if len(v.shape) == 4]
        self.exclude_from_weight_decay(var_list=noyaux)
        super().build(variables)
        self.inerties = {
            self._get_variable_index(v): self.add_variable_from_reference(v, "inertie")
            for v in noyaux
        }

    def update_step(self, gradient, variable, learning_rate):
        inertie = self.inerties.get(self._get_variable_index(variable))
        if inertie is None:
            return super().update_step(gradient, variable, learning_rate)
        self.assign(inertie, self.inertie * inertie + gradient)
        filtres = variable.shape[-1]
        elan = ops.reshape(gradient + self.inertie * inertie, (-1, filtres))
        noyau = ops.reshape(variable, (-1, filtres))
        noyau = noyau * (min(noyau.shape) ** 0.5 / ops.norm(noyau))
        pas = self.rapport * ops.cast(learning_rate, variable.dtype)
        self.assign(variable, ops.reshape(noyau - pas * orthogonaliser(elan), variable.shape))

    def get_config(self):
        return super().get_config() | {"rapport": self.rapport, "inertie": self.inertie}
