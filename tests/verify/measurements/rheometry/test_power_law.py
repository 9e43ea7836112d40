"""Coverage of modulus and order from force curves without a hold."""

import numpy as np
import pytest

from tests.measurements.rheometry.test_power_law import errors
from tests.verify.verdict import Figure, judge


@pytest.mark.parametrize("retract", [True, False])
def test_stated_uncertainty_covers_the_truth(retract):
    """64 curves: no bias beyond 4 standard errors, and error bars not too small (they may be too large)."""
    found, usable = errors(64, retract=retract)
    figures = [Figure("usable", usable.mean(), 0.95)]
    for name, (error, std, _) in found.items():
        ratio = error / std
        figures += [
            Figure(f"{name}, mean pull", ratio.mean(), -4 / np.sqrt(64), 4 / np.sqrt(64)),
            Figure(f"{name}, spread of pulls", ratio.std(), 0.0, 1 + 4 / np.sqrt(2 * 64)),
            Figure(f"{name}, 95 %", (np.abs(ratio) < 1.96).mean(), 0.95 - 4 * np.sqrt(0.05 * 0.95 / 64))]
    judge(f"Power law of force curves, {'both directions' if retract else 'approach alone'}", figures)
