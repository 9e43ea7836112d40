"""Drift over many frames and within a frame: recovered from virtual scans, with errors that cover.

``python -m tests.instrument.test_drift`` prints the checks with many draws.
"""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from asperity.instrument.drift import Pair, join_pairs, mean_velocity, register_pairs
from asperity.instrument.frame_drift import drift_within, line_times, on_surface, resampled
from asperity.instrument.phase_correlation import PairFlag
from asperity.instrument.registration import Registration, without_nuisance
from asperity.instrument.subpixel import displaced, scan, spline_coefficients
from asperity.virtual.surface import self_affine

FINER, AROUND = 4, 16  # samples of the virtual surface per pixel, pixels around the frame
UP, DOWN = {}, {"backward": True}


def sequence(seed, noise=0.05, size=96, frames=6):
    """Frames that drift at a constant velocity, and the velocity in pixels per frame."""
    rng = np.random.default_rng([seed, 11])
    velocity = rng.uniform(-1.5, 1.5, 2)
    plain = [self_affine((size, size), seed=seed, shift=tuple(velocity * k)) for k in range(frames)]
    return [frame + noise * frame.std() * rng.standard_normal(frame.shape) for frame in plain], velocity


def found(shift, size=0.01, flag=PairFlag.registered):
    square = np.diag([size**2] * 2)
    return Registration(np.asarray(shift, float), square, square / 4, 1.0, 1.0, 1.0, flag)


def chi_squares(seeds, noise=0.05):
    """Per degree of freedom: positions, last position, velocity, closure."""
    rows = []
    for seed in seeds:
        frames, velocity = sequence(seed, noise)
        path = join_pairs(register_pairs(frames), len(frames))
        error = path.positions - np.outer(np.arange(len(frames)), velocity)
        last = np.linalg.solve(np.linalg.cholesky(path.covariance[-1, :, -1]), error[-1])
        speed = mean_velocity(path, np.arange(len(frames)))
        miss = np.linalg.solve(np.linalg.cholesky(speed.covariance), speed.velocity - velocity)
        rows.append((*last, *miss, path.chi_square / path.degrees_of_freedom))
    return np.array(rows)


def test_exact_cycles_close_exactly():
    places = np.random.default_rng(0).normal(size=(5, 2))
    places -= places[0]
    pairs = [Pair(i, j, found(places[j] - places[i])) for i in range(5) for j in range(i + 1, 5)]
    path = join_pairs(pairs, 5)
    np.testing.assert_allclose(path.positions, places, atol=1e-12)
    assert path.degrees_of_freedom == 2 * (10 - 4)
    assert path.chi_square < 1e-18
    assert path.used.all()


def test_a_wrong_pair_is_left_out_and_a_lost_frame_is_not_guessed():
    rng = np.random.default_rng(1)
    places = np.cumsum(rng.normal(size=(7, 2)), axis=0)
    places -= places[0]
    pairs = [Pair(i, j, found(places[j] - places[i] + 0.005 * rng.normal(size=2)))
             for i in range(6) for j in range(i + 1, min(i + 4, 6))]
    wrong = 4
    pairs[wrong] = pairs[wrong]._replace(registration=found(np.add(pairs[wrong].registration.shift, (1, 0))))
    pairs.append(Pair(5, 6, found((np.nan, np.nan), np.nan, PairFlag.no_peak)))
    path = join_pairs(pairs, 7)
    np.testing.assert_array_equal(np.flatnonzero(~path.used), [wrong, len(pairs) - 1])
    assert np.abs(path.positions[:6] - places[:6]).max() < 0.02
    assert np.isnan(path.positions[6]).all()
    assert np.isnan(path.covariance[6]).all()
    assert path.chance > 1e-4


def test_without_cycles_nothing_is_checked():
    path = join_pairs([Pair(0, 1, found((1, 2))), Pair(1, 2, found((0, 1)))], 3)
    np.testing.assert_allclose(path.positions, [(0, 0), (1, 2), (1, 3)])
    assert path.degrees_of_freedom == 0
    assert np.isnan(path.chance)


def test_cycles_that_do_not_close_widen_the_errors():
    """Errors ten times as large as stated, in all pairs: the covariance grows and nothing is thrown out."""
    rng = np.random.default_rng(2)
    pairs = [Pair(i, j, found(0.05 * rng.normal(size=2))) for i in range(6) for j in range(i + 1, 6)]
    path = join_pairs(pairs, 6)
    assert path.used.all()
    assert path.chance < 1e-6
    assert np.sqrt(path.covariance[1, 0, 1, 0]) > 0.02


def virtual(seed, drift, times, noise=0.02, lag=None, size=96):
    """Scans of a rough surface that moves while they are taken, and the standard deviation of their noise."""
    wide = FINER * (size + 2 * AROUND)
    surface = self_affine((wide, wide), shortest=3.0 * FINER, seed=seed)
    places = np.indices((size, size)) - np.moveaxis(drift(times), -1, 1)
    if lag is not None:
        places[:, 1] -= np.reshape(lag, (-1, 1, 1))
    heights = scan(surface, FINER * (np.moveaxis(places, 1, 0) + AROUND))
    deviation = noise * heights.std()
    return heights + deviation * np.random.default_rng([seed, 5]).standard_normal(heights.shape), deviation


def scanned(*ways, size=96):
    """Times of frames one after the other, one time unit per line, each as `line_times` is told."""
    return np.stack([line_times((size, size), 1.0, start=k * size, **way) for k, way in enumerate(ways)])


def creep(amplitude, size=96, late=0.5):
    """Logarithmic creep along both axes, in pixels; ``late`` lines after the step."""
    return lambda t: np.multiply.outer(np.log1p(np.asarray(t) / (late * size)), amplitude)


FOUR = scanned(UP, DOWN, UP, DOWN)
KNOTS = np.array([0.0, 20.0, 60.0, 150.0, 384.0])


def through_knots(curve):
    return CubicSpline(KNOTS, curve(KNOTS), bc_type="natural")


def standardized_drift(seeds, noise=0.02):
    """Standardized errors at the knots for drift that the spline can follow, and stated over bound variance."""
    errors, ratios = [], []
    for seed in seeds:
        curve = through_knots(creep(np.random.default_rng(seed).uniform(-2, 2, 2)))
        frames, deviation = virtual(seed, curve, FOUR, noise)
        result = drift_within(frames, FOUR, KNOTS)
        assert result.flag == PairFlag.registered
        covariance = result.covariance[1:, :, 1:].reshape(8, 8)
        errors.append(np.linalg.solve(np.linalg.cholesky(covariance),
                                      (result.values - curve(KNOTS))[1:].ravel()))
        bound = drift_bound(seed, deviation)
        ratios.append(np.trace(covariance) / np.trace(bound))
    return np.array(errors), np.array(ratios)


def drift_bound(seed, deviation):
    """Cramer-Rao for the knots on the samples that all frames share; surface and line offsets unknown, noise small."""
    still, _ = virtual(seed, lambda t: np.zeros((*np.shape(t), 2)), FOUR[:1], 0.0)
    slopes = [displaced(spline_coefficients(still[0]), np.zeros(2), axis) for axis in (0, 1)]
    basis = np.moveaxis(through_knots_basis(FOUR), -1, 1)[:, 1:]
    basis = basis - basis.mean(axis=0)
    flat, ones = np.zeros((4, 4, 2, 96, 96)), np.ones((96, 96))
    for k, j, a in np.ndindex(4, 4, 2):
        flat[k, j, a] = without_nuisance(basis[k, j] * slopes[a], ones, True)
    fields = flat[..., 6:-6, 6:-6].reshape(4, 8, -1)
    return np.linalg.inv(np.einsum("kpn,kqn->pq", fields, fields)) * deviation**2


def through_knots_basis(times):
    return CubicSpline(KNOTS, np.eye(len(KNOTS)), bc_type="natural")(times)


@pytest.mark.study
def test_one_sequence_is_as_sure_as_it_says():
    """Positions and velocity of frames, and drift within them; many sequences are judged in tests/verify."""
    assert np.abs(chi_squares([0])[:, :4]).max() < 4.5
    errors, ratios = standardized_drift([0])
    assert np.abs(errors).max() < 4.5
    assert 0.5 < ratios[0] < 4


def test_creep_is_recovered():
    """Logarithmic creep, which no spline follows exactly: 0.1 pixel of 2 x 1.4 to 4, from its start to its end."""
    curve = creep((1.5, -2.0))
    frames, _ = virtual(0, curve, FOUR)
    result = drift_within(frames, FOUR, KNOTS)
    times = np.linspace(0, 384, 200)
    assert np.abs(curve(times)).max() > 2
    assert np.abs(result.displacement(times) - curve(times)).max() < 0.1


def test_what_a_spline_misses_is_found_or_stated():
    """Creep through three knots over four frames: 1.3 pixels of error at a stated 0.02 before."""
    curve = lambda t: np.multiply.outer(1 - np.exp(-np.asarray(t) / 40.0), (3.0, -2.0))  # noqa: E731
    frames, _ = virtual(4, curve, FOUR)
    result = drift_within(frames, FOUR, [0.0, 192.0, 384.0])
    times = np.linspace(5.0, 384.0, 80)
    error, stated = result.displacement(times) - curve(times), result.deviation(times)
    assert np.all(np.abs(error) < 4 * stated)
    assert np.sqrt(np.mean(error**2)) < 0.1
    np.testing.assert_allclose(result.displacement(result.knots), result.values, atol=1e-12)
    np.testing.assert_allclose(result.deviation(result.knots)[1:],
                               np.sqrt(np.einsum("kaka->ka", result.covariance))[1:], rtol=1e-9)


def test_a_turned_scan_shows_all_drift():
    times = scanned(UP, {"slow_axis": 1})
    knots = np.array([0.0, 30.0, 90.0, 192.0])
    for seed in range(2):
        curve = creep(np.random.default_rng(seed).uniform(-2, 2, 2))
        frames, _ = virtual(seed, curve, times)
        result = drift_within(frames, times, knots)
        assert result.flag == PairFlag.registered
        assert np.abs(result.displacement(knots) - curve(knots)).max() < 0.15


def test_scanner_lag_is_not_taken_for_drift():
    """Trace and retrace, up and down: a lag of 0.8 pixels and a constant velocity, told apart."""
    times = scanned(UP, DOWN)[[0, 0, 1, 1]]
    directions, velocity = np.array([1, -1, 1, -1]), np.array([0.01, -0.015])
    frames, _ = virtual(3, lambda t: np.multiply.outer(t, velocity), times, lag=0.4 * directions)
    result = drift_within(frames, times, [0.0, 192.0], directions=directions)
    assert abs(result.lag - 0.8) < 4 * result.lag_std < 0.05
    error = result.values[1] - 192 * velocity
    assert np.all(np.abs(error) < 4 * np.sqrt(result.covariance[1, :, 1].diagonal()))


@pytest.mark.parametrize("seed", range(2))
def test_drift_that_all_scans_meet_alike_is_refused(seed):
    """One frame up, one down: what is even about the return cannot be seen."""
    times = scanned(UP, DOWN)
    frames, _ = virtual(seed, lambda t: np.multiply.outer(t, (0.01, 0.01)), times)
    result = drift_within(frames, times, [0.0, 96.0, 192.0])
    assert result.flag in (PairFlag.undetermined, PairFlag.not_converged)
    assert np.isnan(result.values).all()


def test_corrected_coordinates_invert_the_scan():
    """Places on the surface agree with the true ones; resampled frames agree with the undistorted surface."""
    times, velocity = scanned(UP, DOWN), np.array([0.02, -0.01])
    drift = lambda t: np.multiply.outer(t, velocity)  # noqa: E731
    frames, deviation = virtual(1, drift, times, noise=0.002)
    frames[0, 50] += 3.0  # a line offset
    result = drift_within(frames, times, [0.0, 192.0])
    true = np.indices((96, 96)) - np.moveaxis(drift(times), -1, 1)
    assert np.abs(on_surface(result, times) - true).max() < 0.01
    still, _ = virtual(1, lambda t: np.zeros((*np.shape(t), 2)), times[:1], 0.0)
    inner = (slice(None), slice(10, 45), slice(10, -10))
    error = (resampled(frames, times, result) - still)[inner].std()
    assert error < 2 * deviation < 0.2 * (frames - still)[inner].std()


def test_missing_samples_do_not_count():
    times, velocity = scanned(UP, DOWN), np.array([0.02, -0.01])
    frames, _ = virtual(2, lambda t: np.multiply.outer(t, velocity), times)
    frames[0, 30:40, 20:60] = np.nan
    result = drift_within(frames, times, [0.0, 192.0])
    error = result.values[1] - 192 * velocity
    assert np.all(np.abs(error) < 4 * np.sqrt(result.covariance[1, :, 1].diagonal()))


def test_what_makes_no_sense_is_refused():
    frames = np.zeros((2, 64, 64))
    with pytest.raises(ValueError, match="frames"):
        drift_within(frames[0], np.zeros((64, 64)), [0, 1])
    with pytest.raises(ValueError, match="knots"):
        drift_within(frames, np.zeros((2, 64, 64)), [1, 0])
    with pytest.raises(ValueError, match="directions"):
        drift_within(frames, np.zeros((2, 64, 64)), [0, 1], directions=np.ones(3))
    with pytest.raises(ValueError, match="reach"):
        register_pairs(list(frames), reach=0)
    with pytest.raises(ValueError, match="pair"):
        join_pairs([], 3)
    with pytest.raises(ValueError, match="times"):
        mean_velocity(join_pairs([Pair(0, 1, found((1, 2)))], 2), np.zeros(2))
    assert drift_within(frames, np.zeros((2, 64, 64)), [0, 1]).flag == PairFlag.featureless


def many_draws():
    """The statistics of the tests above with more draws."""
    rows = chi_squares(range(60))
    least, median, most = np.quantile(rows[:, 4], (0.05, 0.5, 0.95))
    print(f"60 sequences of 6 frames, 5 % noise: mean z^2 of the last position {np.mean(rows[:, :2]**2):.2f}, "
          f"velocity {np.mean(rows[:, 2:4]**2):.2f}; closure per degree of freedom: median {median:.2f}, "
          f"5 and 95 % of the sequences {least:.2f} and {most:.2f}")
    errors, ratios = standardized_drift(range(60))
    print(f"60 times four frames up and down, 2 % noise: mean z^2 of the knots {np.mean(errors**2):.2f}, "
          f"68 % intervals hold {np.mean(np.abs(errors) < 1):.3f}, 95 % {np.mean(np.abs(errors) < 1.96):.3f}, "
          f"stated deviation over Cramer-Rao {np.sqrt(np.median(ratios)):.2f}")


if __name__ == "__main__":
    many_draws()
