"""Coverage of E(t), J(t) and of the parameters of a law, from records with noise."""

import numpy as np
import pytest

from asperity.contact import Hertz
from asperity.rheology.springpot import Springpot
from asperity.rheology.standard_linear_solid import StandardLinearSolid
from asperity.rheology.step_law import fit_law
from asperity.rheology.step_response import record
from tests.rheology.test_step_response import CONTACT_POINT, DEPTH, RADIUS, coverages, materials, sampled
from tests.verify.verdict import Figure, judge


def test_intervals_hold_the_truth():
    """Eight records: at least 75 % of 90 % intervals do (four times each that are not independent)."""
    modulus, compliance, _ = coverages("prony", 8)
    judge("90 % intervals of a step response", [Figure("E(t)", modulus, 0.75), Figure("J(t)", compliance, 0.75)])


@pytest.mark.parametrize(("name", "start"), [("power law", Springpot(700.0, 0.3)),
                                             ("zener", StandardLinearSolid(800.0, 400.0, 0.1))])
def test_laws_come_back_within_their_uncertainty(name, start):
    """Eight noisy records each: parameters within 6 % and errors like their standard uncertainties."""
    truth, scores, worst = materials()[name], [], 0.0
    for seed in range(8):
        data = record(*sampled(name, 0.05, 0.005, seed))
        found = fit_law(data, Hertz(radius=RADIUS), start, CONTACT_POINT + 0.05 * DEPTH)
        ratio = [np.log(float(getattr(found.model, p)) / float(getattr(truth, p))) for p in truth.fitted]
        worst = max(worst, np.abs(ratio).max())
        scores.append([r / found.std[p] for r, p in zip(ratio, truth.fitted, strict=True)])
    judge(f"Parameters of a {name}", [
        Figure("largest error", worst, 0.0, 0.06),
        Figure("rms pull", np.sqrt(np.mean(np.square(scores))), 0.5, 2.0)])  # 16 to 24 correlated scores
