"""Refinement of a tip inside its bound on the reference's case, against the published error.

``python -m tests.instrument.test_tip_refinement`` prints it for more seeds and for the supplied frames.
"""

import numpy as np

from asperity.instrument.tip_refinement import refine_tip
from tests.instrument.test_blind_tip import rms
from tests.instrument.test_tip_refinement import NOISE, reference_case
from tests.verify.verdict import Figure, judge


def test_better_than_published_and_honest_about_what_is_not_seen():
    frames, bound, tip, counted = reference_case(0)
    found = refine_tip(frames, bound, noise_std=NOISE, steps=150)
    judge("Refined tip, 0.3 nm of noise", [
        Figure("error of the bound, nm", rms(bound, tip, counted), 1.05),
        Figure("error, nm (1.05 is published)", rms(found.heights, tip, counted), 0.0, 0.6),
        Figure("highest above the bound, nm", (found.heights - bound).max(), highest=1e-6),
        Figure("height of the apex, nm", found.heights[7, 7], 0.0, 0.0),
        Figure("share of counted pixels with contacts", (found.contacts[counted] > 0).mean(), 0.4),
        # deeper than any molecule is high
        Figure("share with contacts below 12 nm", (found.contacts[tip < -12] > 0).mean(), 0.0, 0.05),
        # the opened image is nearer to the truth than the measured one
        Figure("risk", found.risk, 1e-9, 1 - 1e-9),
        Figure("share of pixels with a standard deviation, without replicates", np.isfinite(found.std).mean(), 0, 0)])
