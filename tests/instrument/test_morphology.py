"""Dilation, erosion and what is certain, against SciPy, golden results, adjunction and random cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import grey_dilation, grey_erosion

from asperity.instrument.certainty import reconstruct
from asperity.instrument.morphology import check_tip, dilate, erode, opening, place_apex
from asperity.virtual.surface import self_affine
from tests.conftest import shared_data

SHAPE = (11, 14)


def random_tip(rng: np.random.Generator, m: int, n: int) -> np.ndarray:
    """A tip of one of three kinds, asymmetric: a skew bowl, rubble, a ridge with holes."""
    y, x = np.mgrid[-(m // 2): m // 2 + 1, -(n // 2): n // 2 + 1]
    kind = rng.integers(3)
    if kind == 0:
        a, b, c, d = rng.uniform(0.01, 0.3, 4)
        tip = np.minimum(-(a * x**2 + b * y**2 + c * x * y + d * np.abs(x + y)), 0)
    elif kind == 1:
        tip = -rng.uniform(0, 3, (m, n))
    else:
        tip = -rng.uniform(0.1, 1) * np.maximum(np.abs(x), 2 * np.abs(y))
        tip = np.where(rng.uniform(size=tip.shape) < 0.2, -np.inf, tip)
    tip[m // 2, n // 2] = 0
    return tip


def made(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A tip, a surface and its image, cut from a larger scene, so that contacts lie outside the frame, too."""
    rng = np.random.default_rng(seed)
    tip = random_tip(rng, *[(3, 5), (7, 3), (5, 5), (9, 7)][seed % 4])
    scene = (self_affine((44, 48), hurst=0.5, rms=rng.uniform(0.3, 10), shortest=2, seed=seed) if seed % 3
             else rng.uniform(0, 5, (44, 48)))
    scene = np.round(scene) if seed % 7 == 0 else scene  # steps and terraces
    image = grey_dilation(scene, structure=tip)
    return tip, scene[10:-10, 10:-10], image[10:-10, 10:-10]


@pytest.mark.parametrize("seed", range(6))
def test_equal_to_scipy_inside(x64, seed):
    rng = np.random.default_rng(seed)
    surface, tip = rng.normal(size=(30, 41)), random_tip(rng, 7, 9)
    inside = slice(3, -3), slice(4, -4)
    np.testing.assert_array_equal(erode(surface, tip)[inside], grey_erosion(surface, structure=tip)[inside])
    np.testing.assert_array_equal(dilate(surface, tip)[inside], grey_dilation(surface, structure=tip)[inside])


def test_the_window_is_clipped_at_the_frame(x64):
    rng = np.random.default_rng(0)
    surface, tip = rng.normal(size=(9, 8)), random_tip(rng, 5, 7)
    wide = np.pad(surface, 3, constant_values=np.inf)
    np.testing.assert_array_equal(erode(surface, tip), grey_erosion(wide, structure=tip)[3:-3, 3:-3])
    wide = np.pad(surface, 3, constant_values=-np.inf)
    np.testing.assert_array_equal(dilate(surface, tip), grey_dilation(wide, structure=tip)[3:-3, 3:-3])


@pytest.mark.parametrize("frame", [1, 2, 20])
def test_golden_erosions(x64, frame):
    """Published results with an asymmetric tip whose apex is not at the center of its array."""
    image, tip, golden = (np.loadtxt(shared_data(f"image/tip/btr_csv/{name}"), delimiter=",")
                          for name in (f"afm{frame:02}.csv", "tip.csv", f"afm{frame:02}.csv_erosion"))
    assert np.abs(np.asarray(erode(image, tip)) - golden).max() == 0
    assert np.abs(np.asarray(erode(image, tip[::-1, ::-1])) - golden).max() > 1


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_adjunction_and_opening(seed):
    with jax.enable_x64(True):
        rng = np.random.default_rng(seed)
        tip = random_tip(rng, 5, 3)
        surface, image = rng.integers(-20, 20, (2, *SHAPE)) / 4
        tip = np.round(tip * 4) / 4  # in quarters, so that sums are exact
        assert (dilate(surface, tip) <= image).all() == (surface <= erode(image, tip)).all()
        assert (dilate(erode(image, tip), tip) <= image).all()
        lower = np.minimum(surface, np.asarray(erode(image, tip)))
        assert (dilate(lower, tip) <= image).all()
        once = opening(image, tip)
        np.testing.assert_array_equal(opening(once, tip), once)
        np.testing.assert_array_equal(opening(dilate(surface, tip), tip), dilate(surface, tip))
        assert (dilate(surface, tip) <= dilate(np.maximum(surface, image), tip)).all()
        np.testing.assert_array_equal(dilate(surface + 3, tip), dilate(surface, tip) + 3)


def test_many_frames_are_mapped(x64):
    rng = np.random.default_rng(0)
    frames, tip = rng.normal(size=(4, *SHAPE)), random_tip(rng, 5, 3)
    together = jax.vmap(opening, (0, None))(frames, tip)
    np.testing.assert_array_equal(together, np.stack([opening(f, tip) for f in frames]))


@pytest.mark.parametrize("seed", range(3))
def test_gradient_is_that_of_finite_differences(x64, seed):
    rng = np.random.default_rng(seed)
    image, tip = rng.normal(size=SHAPE), -rng.uniform(0.1, 1, (5, 3))
    weight, along, tilt = rng.normal(size=SHAPE), rng.normal(size=SHAPE), rng.normal(size=(5, 3))

    def total(image, tip):
        return (weight * opening(image, tip)).sum()

    step = 1e-7  # contacts change at differences of 1e-3 or so; rounding 1e-16 / step
    by_image, by_tip = jax.grad(total, (0, 1))(image, tip)
    slope = (total(image + step * along, tip + step * tilt) - total(image - step * along, tip - step * tilt)) / 2 / step
    assert float((by_image * along).sum() + (by_tip * tilt).sum()) == pytest.approx(float(slope), rel=1e-6)


def test_ties_go_to_the_first_contact(x64):
    by_surface, by_tip = jax.grad(lambda s, p: dilate(s, p)[1, 1], (0, 1))(np.zeros((3, 3)), np.zeros((3, 3)))
    np.testing.assert_array_equal(by_surface, np.eye(3) * [1, 0, 0])  # the first surface pixel in order of rows
    assert by_tip[2, 2] == 1
    by_image, by_tip = jax.grad(lambda i, p: erode(i, p)[1, 1], (0, 1))(np.zeros((3, 3)), np.zeros((3, 3)))
    assert by_image[0, 0] == 1
    assert by_tip[0, 0] == -1


def test_missing_pixels_and_pixels_off_the_tip_take_no_part(x64):
    image = np.arange(25.0).reshape(5, 5)
    tip = np.full((3, 3), -np.inf)
    tip[1, 1] = 0
    np.testing.assert_array_equal(opening(image, tip), image)
    holed = np.where(np.arange(25).reshape(5, 5) == 12, np.nan, image)
    flat = np.zeros((3, 3))
    assert erode(holed, flat)[3, 3] == erode(np.where(np.isnan(holed), np.inf, holed), flat)[3, 3]
    slope = jax.grad(lambda i: jnp.nansum(jnp.where(jnp.isfinite(erode(i, tip)), erode(i, tip), 0.0)))(holed)
    assert np.isfinite(slope).all()


def test_even_and_off_center_tips_are_placed(x64):
    heights = np.random.default_rng(0).normal(size=(4, 6))
    heights[2, 1] = 9
    placed = place_apex(heights)
    assert placed.shape == (5, 9)
    assert placed[2, 4] == 0
    np.testing.assert_array_equal(placed[np.isfinite(placed)].reshape(4, 6), heights - 9)
    np.testing.assert_array_equal(place_apex(heights, (0, 0))[3:, 5:], heights - heights[0, 0])


@pytest.mark.parametrize("bad", [np.zeros((4, 3)), np.full((3, 3), -1.0), np.full((3, 3), np.nan), np.zeros(3)])
def test_a_wrong_tip_is_refused(bad):
    with pytest.raises(ValueError, match="tip"):
        check_tip(bad)
    with pytest.raises(ValueError, match="tip"):
        reconstruct(np.zeros((5, 5)), bad)


def test_wrong_shapes_are_refused():
    for f in (erode, dilate):
        with pytest.raises(ValueError, match="odd"):
            f(np.zeros((5, 5)), np.zeros((2, 3)))
        with pytest.raises(ValueError, match="vmap"):
            f(np.zeros((2, 5, 5)), np.zeros((3, 3)))


def certainty(cases: range, noise: float) -> tuple[int, float, float, int]:
    """False certain pixels, the greatest error of a certain one, the share of certain ones, and bounds broken."""
    false = broken = certain = pixels = 0
    worst = 0.0
    for seed in cases:
        tip, surface, image = made(seed)
        found = reconstruct(image + noise * np.random.default_rng([seed, 1]).uniform(-1, 1, image.shape), tip,
                            noise_bound=noise)
        error = np.abs(found.surface - surface)[found.certain]
        false, worst = false + int((error > found.noise_bound).sum()), max(worst, error.max(initial=0))
        broken += int((found.surface < surface - found.noise_bound).sum())
        certain, pixels = certain + found.certain.sum(), pixels + surface.size
    return false, worst, certain / pixels, broken


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_no_pixel_is_certain_and_wrong(noise):
    """40 random cases; 1200 are judged in tests/verify."""
    false, worst, share, broken = certainty(range(40), noise)
    assert (false, broken) == (0, 0)
    assert worst <= noise + 1e-7
    assert share > 0.1


def test_a_sharp_tip_is_certain_everywhere_and_a_flat_one_nowhere():
    image = np.random.default_rng(0).normal(size=SHAPE)
    sharp = place_apex([[0.0]])
    assert reconstruct(image, sharp).certain.all()
    flat = reconstruct(np.zeros(SHAPE), np.zeros((3, 3)))
    assert not flat.certain.any()


def test_a_missing_pixel_decides_nothing():
    tip, surface, image = made(3)
    holed = image.copy()
    holed[5:8, 4:9] = np.nan
    found = reconstruct(holed, tip)
    assert (found.surface >= surface - 1e-9).all()
    assert np.abs(found.surface - surface)[found.certain].max() < 1e-9


def test_single_precision_is_allowed_for():
    """Heights stored in float32 on an offset are wrong by their last digit; the bound says so."""
    tip, surface, image = made(1)
    found = reconstruct((image + 1000).astype(np.float32), tip)
    assert found.noise_bound > 1e-5
    assert np.abs(found.surface - 1000 - surface)[found.certain].max(initial=0) <= found.noise_bound
