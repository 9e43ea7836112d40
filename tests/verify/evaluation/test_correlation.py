"""The correlation length of known fields: bias and coverage.

``python -m tests.evaluation.test_correlation`` prints them for more lengths.
"""

import math

import pytest

from tests.evaluation.test_correlation import SHAPES, figures
from tests.verify.verdict import Figure, judge


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_length_of_known_fields(kind, noise):
    """Six pixels on 96: no bias beyond a tenth; the jackknife's interval covers as the docs say (0.8 and more)."""
    found = figures(6.0, kind, noise, range(30))
    limit = 0.1 + 3 * found.spread / math.sqrt(30)
    judge(f"Correlation length, {kind} field, noise {noise:g}", [
        Figure("bias", found.bias, -limit, limit),
        Figure("coverage", found.coverage, 0.8 - 2 * math.sqrt(0.8 * 0.2 / 30)),
        Figure("resolved", found.resolved, 0.9)])
