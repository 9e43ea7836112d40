"""The radius of a tip is the one from which on a blunter tip cuts the images, whatever their noise."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, grey_dilation

from asperity.instrument.blind_tip import bound_tip, noise_bound
from asperity.instrument.tip_radius import end_of_tip, largest_radius, pixel_error, radius_of
from asperity.messages import DataError

NM = 1e-9


def true_tip(kind, radius, pitch, half=15, angle=0.35):
    """A paraboloid, or a cone that ends in a ball."""
    y, x = np.mgrid[-half: half + 1, -half: half + 1] * pitch
    r = np.hypot(x, y)
    if kind == "paraboloid":
        return -r**2 / (2 * radius)
    joint = radius * math.cos(angle)
    ball = np.sqrt(np.maximum(radius**2 - r**2, 0)) - radius
    return np.where(r <= joint, ball, -radius * (1 - math.sin(angle)) - (r - joint) / math.tan(angle))


def sample(kind, n, rng):
    """Needles on a gentle ground, or a self-affine surface of 12 nm rms."""
    if kind == "needles":
        ground = 5 * NM * gaussian_filter(rng.normal(size=(n, n)), 2)
        rows, columns = rng.integers(0, n, (2, n * n // 400))
        ground[rows, columns] += rng.uniform(20 * NM, 60 * NM, len(rows))
        return ground
    q = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n)[None])
    q[0, 0] = np.inf
    rough = np.fft.ifft2(np.fft.fft2(rng.normal(size=(n, n))) * (q**2 + 0.02**2) ** -0.8).real
    return 12 * NM * rough / rough.std()


def scans(kind, ground, radius, noise, rng, *, n=128, pitch=2 * NM, fine=1):
    """Trace and retrace; ``fine`` points of the surface to a pixel along each axis."""
    half = 15 * fine if fine > 1 else 15
    touched = grey_dilation(sample(ground, n * fine, rng), structure=true_tip(kind, radius, pitch / fine, half),
                            mode="nearest")[::fine, ::fine]
    return tuple(touched + noise * rng.normal(size=touched.shape) for _ in range(2))


def measured(kind, pair, pitch=2 * NM, size=21):
    """The radius with its uncertainties, and its upper limit."""
    found = noise_bound(*pair, confidence=0.995)
    mean = np.where(found.outliers, np.nan, (pair[0] + pair[1]) / 2)
    bound = bound_tip(mean, (size, size), noise_bound=found.bound / math.sqrt(2)).heights
    limit = largest_radius(bound, pitch)
    return radius_of([mean], pitch, found.std / math.sqrt(2), largest=limit, size=size, ball=kind == "cone"), limit


@pytest.mark.parametrize(("kind", "ground"), [("paraboloid", "needles"), ("cone", "rough")])
def test_noise_does_not_enlarge_the_radius(kind, ground):
    """0.3 nm of noise, from twice the truth, as the outer bound alone gives; the limit is judged in tests/verify."""
    pair = scans(kind, ground, 20 * NM, 0.3 * NM, np.random.default_rng(1), n=96)
    mean = (pair[0] + pair[1]) / 2
    found = radius_of([mean], 2 * NM, 0.3 * NM / math.sqrt(2), largest=40 * NM, size=15, ball=kind == "cone")
    std = math.hypot(found.std_statistical, found.std_systematic)
    assert found.radius == pytest.approx(20 * NM, abs=3 * std)
    assert std < 3 * NM


def test_the_limit_of_an_exact_end_is_its_radius():
    ball = end_of_tip(20 * NM, 21, 2 * NM, ball=True)
    assert largest_radius(ball, 2 * NM) == pytest.approx(20 * NM, rel=1e-9)
    paraboloid = end_of_tip(20 * NM, 5, 2 * NM, ball=False)
    assert 20 * NM <= largest_radius(paraboloid, 2 * NM) < 20.2 * NM
    assert math.isinf(largest_radius(np.zeros((5, 5)), 2 * NM))


def test_units_do_not_matter():
    pair = scans("paraboloid", "needles", 20 * NM, 0.3 * NM, np.random.default_rng(2), n=96)
    mean = (pair[0] + pair[1]) / 2
    one, other = (radius_of([scale * mean], scale * 2 * NM, scale * 0.2 * NM, largest=scale * 40 * NM, size=15,
                            ball=False) for scale in (1.0, 1e9))
    assert one.radius * 1e9 == pytest.approx(other.radius, rel=1e-6)
    assert pixel_error(20 * NM, 2 * NM) == pytest.approx(0.1 * NM)


def test_images_that_no_tip_cuts_give_no_radius():
    flat = 0.1 * NM * np.random.default_rng(3).normal(size=(64, 64))
    with pytest.raises(DataError, match="no radius"):
        radius_of([flat], 2 * NM, 0.1 * NM, largest=40 * NM, size=15, ball=True)
