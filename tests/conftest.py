"""Ce que plusieurs fichiers de tests préparent de la même façon."""

import pytest

from outils import fichiers


@pytest.fixture
def datas(tmp_path, monkeypatch):
    """Un dossier de données vide, sans celui du dépôt à côté."""
    monkeypatch.setenv("LABO_DATAS", str(tmp_path / "datas"))
    monkeypatch.setattr(fichiers, "RACINE", tmp_path / "ailleurs")
    (tmp_path / "datas").mkdir()
    return tmp_path / "datas"
