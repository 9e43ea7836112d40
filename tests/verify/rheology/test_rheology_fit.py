"""Coverage of the parameters of a model fitted to spectra."""

import numpy as np
import pytest

from asperity.rheology.structural_damping import StructuralDamping
from tests.rheology.test_rheology_fit import pulls
from tests.verify.verdict import Figure, judge


@pytest.mark.parametrize("known", [True, False])
def test_stated_uncertainty_covers_the_truth(known):
    """Known noise, and noise estimated from the scatter; 40 spectra of 50 numbers (4 standard errors)."""
    truth = StructuralDamping(458.0, 0.22, 1.68)
    found = pulls(truth, 40, known=known)
    mean, spread = 4 / np.sqrt(40) + 0.1, 4 / np.sqrt(80)
    judge(f"Pulls of spectra, noise {'known' if known else 'from the scatter'}", [
        figure for name, pull in zip(truth.fitted, found.T)
        for figure in (Figure(f"{name}, mean", pull.mean(), -mean, mean),
                       Figure(f"{name}, spread", pull.std(), 1 - spread, 1 + spread))])
