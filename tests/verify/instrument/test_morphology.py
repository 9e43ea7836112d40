"""No pixel of a reconstruction is certain and wrong."""

import pytest

from tests.instrument.test_morphology import certainty
from tests.verify.verdict import Figure, judge


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_no_pixel_is_certain_and_wrong(noise):
    """1000 noise-free random cases; 200 with noise, where all that is certain is right within the bound."""
    false, worst, share, broken = certainty(range(1000 if noise == 0 else 200), noise)
    judge(f"Certain pixels, noise within {noise:g}", [
        Figure("certain and wrong", false, 0, 0), Figure("bounds broken", broken, 0, 0),
        Figure("largest error of a certain pixel", worst, 0.0, noise + 1e-7), Figure("share certain", share, 0.1)])
