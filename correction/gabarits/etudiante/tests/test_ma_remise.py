"""`python3 labo.py tests` : ma remise est-elle complète ? Les mêmes vérifications que GitHub Classroom."""

import runpy
from pathlib import Path

import pytest

PROGRAMME = Path(__file__).resolve().parents[1] / ".github" / "classroom" / "verifier_remise.py"
VERIFIER = runpy.run_path(str(PROGRAMME))


@pytest.mark.parametrize("quoi", VERIFIER["tout"]())
def test_ma_remise(quoi):
    assert VERIFIER["fautes"](quoi) == []
