"""The alarm of a passivity check: faults of a calibration are found, sound data are not accused."""

import pytest

from tests.rheology.test_passivity import FAULTS, MATERIALS, alarms
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
