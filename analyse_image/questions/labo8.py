"""Labo 8 : le passage à l'échelle."""

from questions.reponses import Faux, question


@question("labo8-q1")
def labo8_q1(noms):
    for lot, ouvriers in ((64, 1), (64, 2), (96, 3), (256, 8)):
        parts = [tuple(noms["ma_part"](lot, ouvriers, rang)) for rang in range(ouvriers)]
        photos = [i for debut, fin in parts for i in range(debut, fin)]
        if photos != list(range(lot)):
            raise Faux(
                f"lot de {lot}, {ouvriers} ouvrier(s) : {parts[:3]} ; attendu : des parts qui se suivent, de 0 "
                f"à {lot}, sans trou ni photo lue deux fois."
            )
        if len({fin - debut for debut, fin in parts}) > 1:
            raise Faux(f"{parts} : les parts ne sont pas égales, des ouvriers attendraient.")
    return "chaque photo est lue une fois, et tous ont autant de travail."


@question("labo8-q2")
def labo8_q2(noms):
    million = 1_000_000
    for parametres, ouvriers, attendu in ((million, 1, 0), (million, 2, 4e6), (250_000, 8, 1.75e6)):
        trouve = noms["octets_echanges"](parametres, ouvriers)
        if abs(trouve - attendu) > 1e-6 * max(1, attendu):
            raise Faux(
                f"{parametres} paramètres, {ouvriers} ouvrier(s) : {trouve:.0f} octets ; attendu : {attendu:.0f}, "
                "soit 2 (n - 1) / n fois quatre octets par paramètre."
            )
    return "presque deux fois les gradients, et rien du tout pour un ouvrier seul."


@question("labo8-q3")
def labo8_q3(noms):
    for heures, ouvriers, prix, attendu in ((2, 1, 0.1, 0.2), (0.5, 64, 3, 96)):
        trouve = noms["euros"](heures, ouvriers, prix)
        if abs(trouve - attendu) > 1e-9:
            raise Faux(
                f"{heures} h de {ouvriers} machine(s) à {prix} € : {trouve} € ; attendu : {attendu} €."
            )
    return "deux fois plus de machines ne coûtent pas plus cher si elles finissent deux fois plus vite."
