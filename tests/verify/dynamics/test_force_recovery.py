"""Recovered forces over 200 draws of each scenario: errors of the force and of the modulus, and whether intervals hold.

An observed share of 200 has a standard error of 1.5 % at 0.95; some ten minutes for each scenario.
"""

import pytest

from tests.verify.dynamics.force_recovery_draws import figures, rows
from tests.verify.verdict import Figure, judge

DRAWS = 200
#: scenario -> the largest mean error of the force and rms error of the modulus, the least share of intervals that hold
LIMITS = {"state": (0.02, 0.03, 0.90), "deflection": (0.03, 0.06, 0.75), "quiet": (0.02, 0.03, 0.90),
          "unknown": (0.04, 0.08, 0.90)}


@pytest.mark.study
@pytest.mark.parametrize("name", LIMITS)
def test_forces_and_moduli_are_as_right_as_they_say(name):
    force, modulus, held = LIMITS[name]
    found = figures(rows(name, DRAWS, 1))
    limits = {"mean error of the force": (0.0, force), "rms error": (0.0, modulus), "modulus held": (held, 1.0),
              "force held in contact": (held, 1.0)}
    judge(f"Recovered force: {name}, {DRAWS} draws",
          [Figure(what, value, *limits.get(what, (-1.0, 1.0))) for what, value in found.items()])
