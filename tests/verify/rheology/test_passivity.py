"""The alarm of a passivity check: faults of a calibration are found, sound data are not accused."""

import pytest

from tests.rheology.test_passivity import FAULTS, MATERIALS, alarms, below, p_values
from tests.verify.verdict import Figure, judge


@pytest.mark.parametrize("material", MATERIALS)
def test_calibration_faults_are_found(material):
    judge(f"Alarms for faults, {material}", [
        Figure(fault, alarms(MATERIALS[material] * change, sets=5), 1.0) for fault, change in FAULTS.items()])


@pytest.mark.parametrize("material", MATERIALS)
def test_sound_data_are_not_accused(material):
    """At 5 % risk the probability of more than 6 alarms in 40 is 0.3 %."""
    judge(f"Alarms for sound data, {material}", [
        Figure("share at 5 % risk", alarms(MATERIALS[material], sets=40, draws=59), 0.0, 6 / 40)])


def test_p_values_are_uniform_at_worst():
    """Over 60 sound measurements p <= u happens with probability at most about u: standard error 0.065."""
    p = p_values(60)
    figures = []
    for level in (0.1, 0.25, 0.5):
        share, most = below(level, p)
        figures.append(Figure(f"share of p <= {level}", share, 0.0, most))
    judge("p-values of sound data", figures)
