"""Ce que le service répond, décrit pour OpenAPI : une réponse, ou une erreur, chacune avec son exemple."""

from pydantic import BaseModel, Field

MODELE = {"nom": "reference", "version": "2026-11-21-55249d2b"}


class Prediction(BaseModel):
    classe: str = Field(examples=["Un pantalon"])
    probabilite: float = Field(ge=0, le=1, examples=[0.9985])
    probabilites: dict[str, float] = Field(examples=[{"Un pantalon": 0.9985, "Une robe": 0.0015}])
    image: str = Field(description="La photo, à l'endroit, 512 pixels au plus : JPEG en base64.")
    entree: str = Field(description="Ce que voit le réseau : PNG en base64.")
    avertissements: list[str] = Field(description="Ce qui peut tromper le réseau, et le remède.")
    modele: dict[str, str] = Field(examples=[MODELE])


class Sante(BaseModel):
    etat: str = Field(examples=["prêt"])
    classes: list[str] = Field(examples=[["Un pantalon", "Une robe"]])
    modele: dict[str, str] = Field(examples=[MODELE])


class Modele(BaseModel):
    nom: str = Field(examples=[MODELE["nom"]])
    version: str = Field(examples=[MODELE["version"]])
    classes: list[str] = Field(examples=[["Un pantalon", "Une robe"]])
    entree: dict = Field(description="Le contrat : forme, valeurs et préparation de l'entrée.")


class Detail(BaseModel):
    code: int = Field(description="Le code HTTP de la réponse.")
    message: str = Field(description="Ce qui ne va pas, et le remède, en français.")


class Erreur(BaseModel):
    erreur: Detail


EXEMPLES = {
    400: ("Demande vide ou mal formée", "Fichier vide (0 octet). Copiez de nouveau la photo."),
    408: ("Envoi trop lent", "Envoi trop lent : plus de 20 s. Réduisez la photo."),
    413: ("Trop d'octets ou de pixels", "Envoi trop lourd : 8 Mo au plus. Réduisez la photo."),
    415: ("Ni JPEG ni PNG", "Ni un JPEG ni un PNG, quel que soit son nom. Convertissez l'image."),
    422: (
        "Photo abîmée, ou champ absent ou double",
        "Une photo à la fois : un seul champ « file ».",
    ),
    500: ("Panne, notée dans le journal", "Panne du service, notée sous le numéro 5f0c2a9d1b7e."),
    503: ("En démarrage, à l'arrêt ou saturé", "Service saturé : trop de photos à la fois."),
}


def erreurs(*codes):
    """La description OpenAPI de ces codes d'erreur, chacun avec son exemple."""
    return {
        code: {
            "model": Erreur,
            "description": EXEMPLES[code][0],
            "content": {
                "application/json": {
                    "example": {"erreur": {"code": code, "message": EXEMPLES[code][1]}}
                }
            },
        }
        for code in codes
    }
