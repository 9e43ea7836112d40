"""Coverage of the shapes fitted to tips, with independent and with correlated errors.

``python -m tests.instrument.test_tip_shape`` prints it for 1000 tips of every shape.
"""

import numpy as np
import pytest

from asperity.instrument.tip_shape import SphereCone, fit_shape, on_grid
from tests.instrument.test_tip_shape import NM, PIXEL, SHAPES, covered
from tests.verify.verdict import Figure, judge


@pytest.mark.parametrize(("shape", "correlated"), [(SHAPES[0], False), (SHAPES[1], False), (SHAPES[1], True)])
def test_uncertainties_cover(shape, correlated):
    """70 tips: within 4 standard errors (0.026) of 0.95; the growth with a misfit above 1 raises it a little."""
    judge(f"Coverage of a {type(shape).__name__}, errors {'correlated' if correlated else 'independent'}", [
        Figure(f"{name}, 95 %", share, 0.95 - 4 * 0.026)
        for name, share in covered(shape, 70, correlated=correlated).items()])


def test_correlated_errors_taken_as_independent_do_not_cover():
    """The study above can fail: the radius of tips with correlated errors needs their covariance."""
    shape = SHAPES[1]
    tip = on_grid(shape, (11, 11), PIXEL)
    place = np.argwhere(np.ones(tip.shape, bool))
    root = np.linalg.cholesky(np.exp(-((place[:, None] - place)**2).sum(-1) / 8.0) + 1e-9 * np.eye(len(place)))
    miss = []
    for seed in range(40):
        noisy = tip + 0.1 * NM * (root @ np.random.default_rng(seed).normal(size=len(place))).reshape(tip.shape)
        found = fit_shape(SphereCone, noisy, pixel=PIXEL, std=0.1 * NM)
        miss.append((found.shape.radius - shape.radius) / found.std["radius"])
    judge("Correlated errors taken as independent", [
        Figure("radius, 95 %", np.mean(np.abs(miss) < 1.96), 0.0, 0.85)])
