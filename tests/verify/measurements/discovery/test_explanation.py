"""The budget of a modulus's error bar against curves whose calibration is drawn and that are fitted again."""

import numpy as np
import pytest

import asperity
from asperity.measurements.discovery.explain.budget import Calibrated, calibration_parts
from asperity.virtual.force_map import virtual_map
from tests.verify.verdict import Figure, judge

DRAWS = 32  # to each of
RADII = 16
STD = (0.03, 0.02, 0.05)


def drawn(own_std, exponent, seed):
    """sd of ln E over draws, each curve with its own calibration; and what the budget says."""
    rng, truth = np.random.default_rng(seed), virtual_map(rows=1, columns=1, samples=512, seed=seed)
    same = truth.isel(curve=np.zeros(DRAWS, int)).assign_coords(curve=np.arange(DRAWS))
    logs = []
    for _ in range(RADII):
        s = np.exp(STD[1] * rng.standard_normal(DRAWS))
        k = s**exponent * np.exp(own_std * rng.standard_normal(DRAWS))
        other = same.copy(deep=True)
        other["force"] = same["force"] * (k * s).reshape([-1] + [1] * (same["force"].ndim - 1))
        other["spring_constant"] = same["spring_constant"] * k
        radius = 5e-6 * np.exp(STD[2] * rng.standard_normal())
        logs.append(np.log(asperity.fit(other, {"name": "jkr", "radius": radius})["modulus"].values))
    within = np.sqrt(np.mean(np.var(logs, axis=1, ddof=1)))
    fit = asperity.fit(truth, {"name": "jkr", "radius": 5e-6})
    changes = np.array([float(fit[f"modulus_by_{name}"][0]) for name in ("spring_constant", "sensitivity", "radius")])
    whole = float(np.hypot(own_std, exponent * STD[1]))
    parts = calibration_parts(changes, Calibrated((whole, *STD[1:]), exponent * STD[1] / whole))
    return within / np.sqrt(parts[:2].sum())


@pytest.mark.study
def test_the_budget_is_what_drawn_calibrations_scatter_by():
    reach = 3 / np.sqrt(2 * DRAWS * RADII)  # three standard errors of a standard deviation
    judge("Scatter of ln E over drawn calibrations (spring constant, sensitivity), over the budget's", [
        Figure(f"{words}, curve {seed}", drawn(own, exponent, seed), 1 - reach, 1 + reach)
        for words, own, exponent in (("independent", STD[0], 0.0), ("thermal, k as s^-2", STD[0], -2.0))
        for seed in (0, 1)])
