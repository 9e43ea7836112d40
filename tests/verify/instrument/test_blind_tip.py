"""The blind bound of a tip is never below the true tip, whatever bounded noise there is."""

import numpy as np

from asperity.instrument.blind_tip import bound_tip
from tests.instrument.test_blind_tip import bounded_case
from tests.verify.verdict import Figure, judge


def test_never_below_the_true_tip_under_bounded_noise():
    """120 random tips, surfaces and noise levels; every second noise is all at its bound."""
    settled, below, apex = [], [], []
    for seed in range(120):
        tip, image, bound = bounded_case(seed)
        found = bound_tip(image, tip.shape, noise_bound=bound)
        settled.append(found.settled)
        below.append((found.heights < tip).any())
        apex.append(abs(found.heights[tip.shape[0] // 2, tip.shape[1] // 2]))
    judge("Blind bounds", [Figure("settled", np.mean(settled), 1.0), Figure("below the tip", np.sum(below), 0, 0),
                           Figure("highest or lowest apex", np.max(apex), 0, 0)])
