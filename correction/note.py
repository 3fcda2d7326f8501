"""La note : un bulletin par remise, un constat par critère du barème et par question."""

from dataclasses import dataclass, field

from correction.criteres import CRITERES
from correction.diagnostic import diagnostic
from correction.remarques import remarques
from correction.remise import Remise

CLASSE_MIN = 5  # remises à partir desquelles un critère manqué par tous interroge la grille


@dataclass
class Constat:
    """Un critère appliqué à une remise."""

    cle: str
    titre: str
    maximum: float
    part: float | None
    trouve: str
    attendu: str
    ou: str
    bonus: bool = False
    question: bool = False

    @property
    def points(self):
        return 0.0 if self.part is None else round(self.part * self.maximum, 2)


@dataclass
class Bulletin:
    """La note d'une remise, ses constats et ses remarques pédagogiques [(titre, texte)]."""

    nom: str
    cle: str
    note: float
    note_sur: float
    constats: list
    remarques: list
    diagnostic: list = field(default_factory=list)
    identifiant: str = ""  # de Moodle
    nom_moodle: str = ""
    github: str = ""  # COMPTE/DEPOT


def _questions(r, bareme):
    """Constats des questions `verifier(…)` : posées de nouveau si l'on a exécuté, sinon lues dans les sorties.

    Sans objet pour qui ne suit pas nos labos, et pour un labo facultatif qu'on n'a pas touché.
    """
    executes = bool(r.execution)
    refaites = {c: e for bilan in r.execution.values() for c, e in bilan["questions"].items()}
    labos = r.faits["labos"]
    for cle, reglage in bareme["questions"].items():
        etat, ou = r.faits["questions"].get(cle, ["sans réponse", "nos labos"])
        trouve, source = etat, "sorties remises"
        if cle in refaites:
            etat, phrase = refaites[cle]
            trouve, source = f"{etat} : {phrase}", "posée de nouveau"
        elif executes and "labo" not in reglage:
            etat, trouve, source = "sans réponse", "sans réponse", "posée de nouveau"
        facultatif = reglage.get("labo")
        touche = not facultatif or (facultatif in labos and not labos[facultatif]["distribue"])
        yield Constat(
            cle,
            reglage.get("titre", cle),
            reglage["points"],
            float(etat == "juste") if r.serie and touche else None,
            trouve,
            "✅ affiché par verifier",
            f"{ou} ({source})",
            reglage.get("bonus", False),
            question=True,
        )


def noter(faits, bareme):
    """Bulletin d'une remise d'après ses faits."""
    r = Remise(faits, bareme["seuils"], bareme["enonce"])
    constats = []
    for cle, reglage in bareme["criteres"].items():
        part, trouve, ou = CRITERES[cle].juger(r)
        constats.append(
            Constat(
                cle,
                reglage.get("titre", cle),
                reglage["points"],
                part,
                trouve,
                CRITERES[cle].attendu,
                ou,
                reglage.get("bonus", False),
            )
        )
    constats += _questions(r, bareme)
    comptes = [c for c in constats if c.part is not None]
    maximum = sum(c.maximum for c in comptes if not c.bonus)
    total = min(maximum, sum(c.points for c in comptes))
    note = bareme["note_sur"] * total / maximum if maximum else 0.0
    if bareme["arrondi"]:
        note = round(note / bareme["arrondi"]) * bareme["arrondi"]
    return Bulletin(
        faits["nom"],
        faits["cle"],
        round(note, 2),
        bareme["note_sur"],
        constats,
        remarques(r),
        diagnostic(r),
    )


def a_revoir(bulletins):
    """Titres des critères que plus de 80 % de la classe n'ont pas en entier : la grille, plutôt que la classe."""
    if len(bulletins) < CLASSE_MIN:
        return []
    titres = []
    for colonne in zip(*(b.constats for b in bulletins), strict=True):
        comptes = [c for c in colonne if c.part is not None and not c.bonus]
        manques = sum(c.part < 0.999 for c in comptes)
        if len(comptes) >= CLASSE_MIN and manques > 0.8 * len(comptes):
            titres.append(f"{colonne[0].titre} ({manques} sur {len(comptes)})")
    return titres
