"""The correlation length against fields of known length, and what it says about splits of measured maps.

``python -m tests.evaluation.test_correlation`` prints bias and coverage over 200 fields of each kind.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from asperity.data.images import open_images
from asperity.evaluation import correlation, leakage
from asperity.evaluation.splits import by_block, by_group, distances
from tests.conftest import shared_data

PIXELS = 96
SHAPES = {"exponential": lambda r: np.exp(-r), "Gaussian": lambda r: np.exp(-(r**2))}


def field(length, seed, *, kind="exponential", noise=0.0, pixels=PIXELS):
    """A part of a periodic Gaussian field with unit variance and C(length) = 1/e, in pixels; white noise added."""
    period = 4 * pixels
    lag = np.minimum(np.arange(period), period - np.arange(period))
    spectrum = np.fft.fft2(SHAPES[kind](np.hypot(lag[:, None], lag) / length)).real
    rng = np.random.default_rng([seed, 77])
    white = np.fft.fft2(rng.normal(size=(period, period)))
    whole = np.fft.ifft2(np.sqrt(np.maximum(spectrum, 0.0)) * white).real
    return whole[:pixels, :pixels] + noise * rng.normal(size=(pixels, pixels))


@dataclass(frozen=True)
class Figures:
    """Over many fields: mean and spread of ln(measured / true), coverage of +-1.96 std, share resolved."""

    bias: float
    spread: float
    coverage: float
    resolved: float


def figures(length, kind, noise, seeds):
    found = [correlation.of_map(field(length, seed, kind=kind, noise=noise), pitch=(1.0, 1.0)) for seed in seeds]
    error = np.log([f.length / length for f in found])
    deviation = np.array([f.std / f.length for f in found])
    return Figures(float(error.mean()), float(error.std()), float(np.mean(np.abs(error) < 1.96 * deviation)),
                   float(np.mean([f.resolved for f in found])))


# ---------------------------------------------------------------- the length

def test_noise_does_not_shorten_the_length():
    """Noise as strong as the structure: half of the variance is called noise, the length stays."""
    quiet = correlation.of_map(field(8.0, 0), pitch=(1.0, 1.0))
    noisy = correlation.of_map(field(8.0, 0, noise=1.0), pitch=(1.0, 1.0))
    assert noisy.length == pytest.approx(quiet.length, abs=2 * quiet.std)
    assert noisy.noise_share == pytest.approx(0.5, abs=0.15)
    assert quiet.noise_share < 0.05


def test_structure_as_wide_as_the_map_is_not_resolved():
    x = np.arange(64.0)
    for surface in (np.add.outer(x, 2 * x), field(40.0, 0, pixels=64)):
        assert not correlation.of_map(surface, pitch=(1e-9, 1e-9)).resolved
    assert correlation.of_map(field(4.0, 0, pixels=64), pitch=(1e-9, 1e-9)).resolved


def test_the_transform_sums_the_same_pairs_as_a_loop():
    """Numerator and number of pairs of a map with a mask, against all pairs of its known pixels."""
    z = field(5.0, 1)[:20, :17]
    known = np.random.default_rng(0).random(z.shape) < 0.6
    pitch = (2e-9, 1.37e-9)  # no distance lies between two classes up to rounding
    ours = correlation._map_pairs(z, known, pitch)
    row, column = np.nonzero(known)
    place = np.column_stack([row * pitch[0], column * pitch[1]])
    theirs = correlation._point_pairs(z[known], place, max(pitch), min(20 * pitch[0], 17 * pitch[1]) / 2)
    np.testing.assert_allclose(ours.distance, theirs.distance, rtol=1e-12)
    np.testing.assert_allclose(ours.covariance, theirs.covariance, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.share, theirs.share, rtol=1e-12)


def test_invariances():
    z = field(6.0, 2)
    base = correlation.of_map(z, pitch=(1e-9, 1e-9))
    for other in (-3e-9 * z + 7.0, z.T, z[::-1], z[:, ::-1]):
        assert correlation.of_map(other, pitch=(1e-9, 1e-9)).length == pytest.approx(base.length, rel=1e-9)
    assert correlation.of_map(z, pitch=(5e-9, 5e-9)).length == pytest.approx(5 * base.length, rel=1e-12)
    assert correlation.of_map(z, pitch=(5e-9, 5e-9)).std == pytest.approx(5 * base.std, rel=1e-9)


def test_missing_pixels_coarser_lines_and_scattered_points_give_the_same_length():
    z = field(8.0, 3)
    base = correlation.of_map(z, pitch=(1.0, 1.0))
    holes = np.random.default_rng(0).random(z.shape) < 0.5
    missing = np.where(holes, np.nan, z)
    assert correlation.of_map(missing, pitch=(1.0, 1.0)).length == pytest.approx(base.length, rel=0.1)
    assert correlation.of_map(z, pitch=(1.0, 1.0), known=~holes).length == pytest.approx(
        correlation.of_map(missing, pitch=(1.0, 1.0)).length, rel=1e-12)
    assert correlation.of_map(z[::2], pitch=(2.0, 1.0)).length == pytest.approx(base.length, rel=0.15)
    chosen = np.random.default_rng(1).choice(z.size, 1500, replace=False)
    row, column = np.unravel_index(chosen, z.shape)
    points = correlation.of_points(z[row, column], np.column_stack([column, row]))
    assert points.length == pytest.approx(base.length, abs=2 * base.std)
    assert points.resolved


@pytest.mark.parametrize(("call", "message"), [
    (lambda: correlation.of_map(np.zeros((8, 8)), pitch=(1, 1)), "16 x 16"),
    (lambda: correlation.of_map(field(4.0, 0), pitch=(1, 0)), "pitch"),
    (lambda: correlation.of_map(np.ones((32, 32)), pitch=(1, 1)), "constant"),
    (lambda: correlation.of_map(field(4.0, 0), pitch=(1, 1), known=np.eye(PIXELS) > 0), "too few"),
    (lambda: correlation.of_points(np.ones(70), np.ones((70, 3))), r"\(n, 2\)"),
    (lambda: correlation.of_points(np.arange(70.0), np.column_stack([np.arange(70), np.zeros(70)])), "extend along"),
    (lambda: leakage.spaced_blocks(np.random.default_rng(0).random((100, 2)), math.inf), "larger map"),
    (lambda: leakage.spaced_blocks(np.random.default_rng(0).random((100, 2)), 5.0), "no new place"),
    (lambda: leakage.report([1.0, np.nan], np.ones((2, 2)), ()), "finite")])
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---------------------------------------------------------------- splits and their report

def grid(pixels, pitch=1.0):
    row, column = np.indices((pixels, pixels))
    return np.column_stack([column.ravel(), row.ravel()]) * pitch


@pytest.mark.parametrize("length", [3.0, 8.0, 20.0])
def test_spaced_blocks_test_every_point_once_and_keep_the_distance(length):
    place = grid(48)
    folds = leakage.spaced_blocks(place, length)
    np.testing.assert_array_equal(np.sort(np.concatenate([s.test for s in folds])), np.arange(len(place)))
    assert min(distances(split, place).min() for split in folds) > length
    assert min(len(split.train) for split in folds) >= len(place) / 10


def test_report_of_a_field_that_only_its_place_can_predict():
    """Random points: nearly perfect, flagged. Spaced blocks: worth nothing, nothing to flag."""
    z, place = field(6.0, 0, pixels=64).ravel(), grid(64)
    length = correlation.of_map(z.reshape(64, 64), pitch=(1.0, 1.0)).length
    random = leakage.report(z, place, by_group(np.arange(len(z))), length=length)
    assert random.given == random.random > 0.8
    assert random.blocked < 0.2
    assert [leak.kind for leak in random.leaks] == ["neighbor"]
    assert random.leaks[0].share == 1.0
    assert random.nearest == pytest.approx(1 / length)
    spaced = leakage.report(z, place, leakage.spaced_blocks(place, length), length=length)
    assert spaced.leaks == ()
    assert spaced.within == 0
    assert spaced.nearest > 1
    assert spaced.given == spaced.blocked == random.blocked
    assert leakage.lines(spaced)[-1] == "no leak found"
    assert "neighbor (100 % of the test points)" in leakage.lines(random)[-1]


@pytest.mark.study
def test_a_law_of_the_inputs_survives_the_spaced_blocks():
    """A target that follows from its inputs is predicted as well on new places: the gap is not made by the blocks."""
    height, place = field(6.0, 1, pixels=64).ravel(), grid(64)
    found = leakage.report(np.tanh(height), place, by_group(np.arange(len(height))), inputs=height[:, None])
    assert found.random - found.blocked < 0.02
    assert found.blocked > 0.95


def test_a_preprocessing_fitted_on_all_points_is_named():
    """Leveling of whole images: fine where training and test are other images, a leak within one."""
    z, place = field(4.0, 0, pixels=32).ravel(), grid(32)
    image = np.repeat([0, 1], len(z) // 2)
    folds = leakage.spaced_blocks(place, 3.0)
    leaks = leakage.report(z, place, folds, length=3.0, groups={"leveling": np.zeros(len(z))}).leaks
    assert [leak.kind for leak in leaks] == ["same leveling"]
    apart = by_group(image, folds=2)
    assert not leakage.report(z, place, apart, length=3.0, groups={"leveling": image}, maps=image).leaks


@pytest.mark.study
@pytest.mark.parametrize(("file", "target", "pixels"), [
    ("mi-1.mi", "friction_voltage", 114), ("spot_1-1000nm.ibw", "phase", 24),
    ("spot_1-1000nm.ibw", "potential_second_pass", 102)])
@pytest.mark.parametrize("measured", [True, False], ids=["our length", "the reference's length"])
def test_all_three_random_splits_of_the_reference_are_flagged(file, target, pixels, measured):
    """Every 4th pixel, five random folds: neighbors everywhere. Buffered folds: no training pixel within L."""
    dataset = open_images(shared_data(f"image/height/{file}"))
    z = dataset[target].values
    pitch = float(dataset.x[1] - dataset.x[0])
    length = correlation.of_map(z, pitch=(pitch, pitch)).length if measured else pixels * pitch
    y, place = z[::4, ::4].ravel(), grid(64, 4 * pitch)
    random = leakage.report(y, place, by_group(np.arange(len(y))), length=length)
    assert random.leaks[0].kind == "neighbor"
    assert random.leaks[0].share == 1.0
    assert random.random - random.blocked > 0.3, "the place alone predicts, but not new places"
    spaced = leakage.report(y, place, leakage.spaced_blocks(place, length), length=length)
    assert spaced.within == 0
    assert not spaced.leaks
    small = by_block(place, block=64 * pitch, buffer=0.0)
    assert leakage.report(y, place, small, length=length).within > 0, "4 x 4 blocks without a buffer leak"


def test_lengths_of_the_reference_maps():
    """The reference measured 114, 24 and 102 px by a plain autocorrelation; none is resolved by these maps.

    Noise-corrected, the three agree with it within a factor of two: the figure is one of order, and says so.
    """
    for file, target, pixels in (("mi-1.mi", "friction_voltage", 114), ("spot_1-1000nm.ibw", "phase", 24),
                                 ("spot_1-1000nm.ibw", "potential_second_pass", 102)):
        found = correlation.of_map(open_images(shared_data(f"image/height/{file}"))[target].values, pitch=(1.0, 1.0))
        assert not found.resolved
        assert pixels / 2 < found.length < 2 * pixels


def test_features_of_the_height_do_not_hide_the_leak():
    """KPFM potential from the height at four scales, two slopes and the place: good at random, worthless apart."""
    dataset = open_images(shared_data("image/height/spot_1-1000nm.ibw"))
    height = dataset.height.values
    features = [height, *(gaussian_filter(height, s) for s in (2, 4, 8)), *np.gradient(gaussian_filter(height, 1))]
    pitch = float(dataset.x[1] - dataset.x[0])
    place = grid(64, 4 * pitch)
    inputs = np.column_stack([*(f[::4, ::4].ravel() for f in features), place])
    z = dataset.potential_second_pass.values
    found = leakage.report(z[::4, ::4].ravel(), place, by_group(np.arange(4096)), inputs=inputs,
                           length=correlation.of_map(z, pitch=(pitch, pitch)).length)
    assert found.random > 0.9
    assert found.blocked < 0.0


def main():
    print("length/px kind         noise   bias of ln L  spread  coverage of 1.96 std  resolved")
    for kind in SHAPES:
        for length in (3.0, 6.0, 12.0):
            for noise in (0.0, 1.0):
                f = figures(length, kind, noise, range(200))
                print(f"{length:9.0f} {kind:12s} {noise:5.1f} {f.bias:14.3f} {f.spread:7.3f} {f.coverage:21.3f} "
                      f"{f.resolved:9.2f}")


if __name__ == "__main__":
    main()
