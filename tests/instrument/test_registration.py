"""Registration of two frames: its error against the Cramer-Rao bound, its covariance, its refusals.

``python -m tests.instrument.test_registration`` prints the table of the reference (512 x 512) and the coverage
of many draws.
"""

import numpy as np
import pytest

from asperity.instrument.phase_correlation import PairFlag, coarse_shift
from asperity.instrument.registration import register
from asperity.instrument.subpixel import displaced, scan, spline_coefficients
from asperity.virtual.surface import self_affine

SHIFT = np.array([3.37, -5.21])


def pair(size, noise, seed, shift=SHIFT, hurst=0.8, smooth=0):
    """Two noisy frames; ``smooth`` > 0 correlates the noise along the lines, with its variance kept."""
    rng = np.random.default_rng([seed, 7])
    frames = []
    for moved in ((0.0, 0.0), shift):
        frame = self_affine((size, size), hurst=hurst, seed=seed, shift=tuple(moved))
        white = rng.standard_normal((size, size + smooth))
        colored = sum(white[:, k: k + size] for k in range(smooth + 1)) / np.sqrt(smooth + 1)
        frames.append(frame + noise * frame.std() * colored)
    return frames


def cramer_rao(size, noise, seed, hurst=0.8):
    """Variance of the shift along both axes where the surface is known, 2 s^2 / sum of squared slopes."""
    plain = self_affine((size, size), hurst=hurst, seed=seed)
    slopes = [displaced(spline_coefficients(plain), np.zeros(2), axis) for axis in (0, 1)]
    return 2 * (noise * plain.std()) ** 2 / np.array([np.sum(slope**2) for slope in slopes])


def price_of_not_knowing(size, noise, hurst=0.8):
    """The bound for a Gaussian surface of known spectrum S in noise N, over that for a known surface (variances).

    Information per wave vector: omega^2 S^2 / (2 S N + N^2) instead of omega^2 S / 2 N.
    """
    q = np.linspace(1 / (2 * size), 1 / 3, 10000)
    spectrum = q ** (-2 - 2 * hurst)
    spectrum /= np.sum(2 * np.pi * q * spectrum) * (q[1] - q[0])  # a variance of 1 in all
    deviation = np.mean([self_affine((size, size), hurst=hurst, seed=seed).std() for seed in range(8)])
    power = (noise * deviation) ** 2
    return np.sum(q**3 * spectrum / (2 * power)) / np.sum(q**3 * spectrum**2 / (2 * spectrum * power + power**2))


def drawn_shift(seed, reach):
    return np.random.default_rng(seed).uniform(-reach, reach, 2)


def errors(size, noise, seeds, hurst=0.8, smooth=0, line_offsets=True):
    """Error and standardized error (seeds, 2) of the shift."""
    found = []
    for seed in seeds:
        shift = drawn_shift(seed, size / 40)
        result = register(*pair(size, noise, seed, shift, hurst, smooth), line_offsets=line_offsets)
        assert result.flag == PairFlag.registered
        found.append((result.shift - shift, np.linalg.solve(np.linalg.cholesky(result.covariance),
                                                            result.shift - shift)))
    return np.moveaxis(np.array(found), 1, 0)


def test_errors_are_near_the_bound_and_within_the_covariance():
    """Three pairs; medians, coverage and bias over many are judged in tests/verify."""
    error, standardized = errors(128, 0.05, range(3))
    assert np.abs(standardized).max() < 4
    bound = np.array([cramer_rao(128, 0.05, seed) for seed in range(3)]) * price_of_not_knowing(128, 0.05)
    assert np.sqrt(np.mean(error**2 / bound)) < 1 + 4 / np.sqrt(2 * 6)


def test_without_noise_only_the_spline_errs():
    for seed in range(3):
        shift = drawn_shift(seed, 12)
        assert np.abs(register(*pair(256, 0.0, seed, shift)).shift - shift).max() < 3e-4


@pytest.mark.parametrize("line_offsets", [True, False])
def test_exchange_changes_the_sign(line_offsets):
    first, second = pair(96, 0.05, 0)
    first[10:14] = np.nan
    second[40, 40] += 50 * second.std()
    there, back = (register(*two, line_offsets=line_offsets) for two in ((first, second), (second, first)))
    np.testing.assert_allclose(there.shift, -back.shift, rtol=0, atol=1e-12)
    np.testing.assert_allclose(there.covariance, back.covariance, rtol=1e-9)


def test_plane_lines_and_units_do_not_matter():
    first, second = pair(128, 0.05, 1)
    plain = register(first, second)
    rng = np.random.default_rng(0)
    lines, slope = rng.standard_normal((2, 128, 1)) * 30, 0.2 * np.arange(128)
    leaned = register(1e-9 * (first + lines[0] + slope), 1e-9 * (second + lines[1] - 3 * slope))
    np.testing.assert_allclose(leaned.shift, plain.shift, rtol=0, atol=1e-9)
    np.testing.assert_allclose(leaned.noise, 1e-9 * plain.noise, rtol=1e-6)
    np.testing.assert_allclose(leaned.covariance, plain.covariance, rtol=1e-6)


def test_noise_is_found():
    first, second = pair(256, 0.05, 2)
    noise = 0.05 * self_affine((256, 256), seed=2).std()
    assert abs(register(first, second).noise / noise - 1) < 0.015  # median of 6e4 samples: 0.5 %


def test_masks_as_nan_or_bool():
    first, second = pair(128, 0.05, 3)
    counted = np.random.default_rng(0).random((128, 128)) > 0.01
    counted[60:70] = False
    spoiled = np.where(counted, first, 1e3 * first.std())
    by_bool = register(spoiled, second, first_counted=counted)
    by_nan = register(np.where(counted, first, np.nan), second)
    np.testing.assert_array_equal(by_bool.shift, by_nan.shift)
    assert np.abs(by_nan.shift - SHIFT).max() < 4 * np.sqrt(by_nan.covariance.diagonal().max())
    assert by_nan.used < register(first, second).used


@pytest.mark.parametrize("seed", range(4))
def test_spikes_and_moved_features_do_not_move_it(seed):
    first, second = pair(192, 0.03, seed)
    plain, rng = register(first, second), np.random.default_rng(seed)
    tall, at = first.std(), np.indices(first.shape)
    spoiled = []
    for frame in (first, second):
        spiked = frame + np.where(rng.random(frame.shape) < 0.003, 20 * tall * rng.standard_normal(frame.shape), 0)
        for place in rng.uniform(20, 172, (6, 2)):  # features elsewhere in every frame
            spiked += 2 * tall * np.exp(-((at - place[:, None, None]) ** 2).sum(axis=0) / 18)
        spoiled.append(spiked)
    result = register(*spoiled)
    assert result.used < plain.used - 0.005
    assert np.all(np.abs(result.shift - SHIFT) < 4 * np.sqrt(result.covariance.diagonal()))
    assert np.trace(result.covariance) < 9 * np.trace(plain.covariance)  # uncleaned spikes: thousands


def lattice(shift):
    y, x = np.indices((128, 128)) - np.reshape(shift, (2, 1, 1))
    return np.cos(2 * np.pi * (y / 11.3 - x / 25)) + np.cos(2 * np.pi * (x / 9.7 + y / 30))


def test_what_cannot_be_told_is_flagged():
    rng, (first, second) = np.random.default_rng(0), pair(128, 0.03, 0)
    noise = rng.standard_normal((4, 128, 128))
    grooves = np.sin(np.arange(160) ** 2 / 300)
    cases = {
        PairFlag.featureless: (first, np.full_like(first, 0.3)),
        PairFlag.no_peak: (noise[0], noise[1]),
        PairFlag.not_unique: (lattice((0, 0)) + 0.05 * noise[0], lattice((2.2, 1.3)) + 0.05 * noise[1]),
    }
    for flag, frames in cases.items():
        result = register(*frames)
        assert result.flag == flag
        assert np.isnan(result.shift).all()
        assert np.isnan(result.covariance).all()
        assert flag.meaning
    assert register(first, np.where(np.indices((128, 128))[0] < 8, second, np.nan)).flag == PairFlag.featureless
    along = [grooves[None, k: k + 128] + 0.03 * n for k, n in ((3, noise[2]), (0, noise[3]))]
    assert register(*along, start=(0.0, 3.0)).flag == PairFlag.undetermined
    assert register(first, second, start=(100.0, 0.0)).flag == PairFlag.little_overlap


@pytest.mark.parametrize("seed", range(6))
def test_other_places_and_far_shifts_are_never_registered(seed):
    one, other = (self_affine((96, 96), seed=100 + 2 * seed + k) for k in (0, 1))
    assert register(one, other).flag == PairFlag.no_peak
    away = (0.7 * 96 * np.cos(seed), 0.7 * 96 * np.sin(seed))
    assert register(*pair(96, 0.02, seed, away)).flag in (PairFlag.no_peak, PairFlag.little_overlap)


def test_a_start_chooses_among_the_periods_of_a_lattice():
    noise = 0.05 * np.random.default_rng(1).standard_normal((2, 128, 128))
    result = register(lattice((0, 0)) + noise[0], lattice((2.2, 1.3)) + noise[1], start=(2, 1))
    assert np.all(np.abs(result.shift - (2.2, 1.3)) < 4 * np.sqrt(result.covariance.diagonal()))


def test_coarse_shift_is_the_nearest_pixel():
    first, second = (self_affine((128, 160), seed=4, shift=s) for s in ((0, 0), (17.2, -40.9)))
    coarse = coarse_shift(first - first.mean(), second - second.mean())
    np.testing.assert_array_equal(coarse.shift, (17, -41))
    assert coarse.flag == PairFlag.registered


@pytest.mark.parametrize("frames", [(np.zeros((4, 4, 4)),) * 2, (np.zeros((8, 64)),) * 2,
                                    (np.zeros((64, 64)), np.zeros((64, 65)))])
def test_what_makes_no_sense_is_refused(frames):
    with pytest.raises(ValueError, match="frame"):
        register(*frames)


@pytest.mark.parametrize(("wave", "error"), [(3, 4e-2), (6, 2e-4), (12, 2e-6)])
def test_scan_errs_as_it_says(wave, error):
    x = np.random.default_rng(0).uniform(20, 80, 400)
    read = scan(np.cos(2 * np.pi * np.indices((101, 101))[1] / wave), np.stack([x * 0 + 50.5, x]))
    largest = np.abs(read - np.cos(2 * np.pi * x / wave)).max()
    assert error / 3 < largest < error
    assert np.isnan(scan(np.zeros((5, 5)), np.array([[4.1], [0.0]]))).all()


def table(seeds=range(40)):
    """The table of the reference: median and rms error of 512 x 512 pairs beside the bound."""
    print("512 x 512 pixels, shifts to 12.8 pixels: errors and bounds in pixels")
    print("noise    median      rms  surface known: bound, ratio  unknown: ratio  mean z^2")
    for noise in (0.0, 0.02, 0.05, 0.10):
        error, standardized = errors(512, noise, seeds)
        bound = np.array([cramer_rao(512, noise, seed) for seed in seeds])
        rms, best = np.sqrt(np.mean(error**2)), np.sqrt(np.mean(bound))
        ratio = np.sqrt(np.mean(error**2 / bound)) if noise else np.nan
        print(f"{noise:5.2f} {np.median(np.hypot(*error.T)):8.5f} {np.sqrt(2) * rms:8.5f} "
              f"{np.sqrt(2) * best:20.5f} {ratio:7.2f} "
              f"{ratio / np.sqrt(price_of_not_knowing(512, noise)) if noise else np.nan:14.2f} "
              f"{np.mean(standardized**2):10.2f}")


def coverage(seeds=range(400)):
    """Coverage of the stated intervals over many draws."""
    for noise, smooth, lines in ((0.02, 0, True), (0.1, 0, True), (0.1, 0, False), (0.05, 4, True)):
        _, standardized = errors(128, noise, seeds, smooth=smooth, line_offsets=lines)
        print(f"noise {noise:.2f} over {smooth + 1} samples, line offsets {lines}: 68 % intervals hold "
              f"{np.mean(np.abs(standardized) < 1):.3f}, 95 % {np.mean(np.abs(standardized) < 1.96):.3f}")


if __name__ == "__main__":
    table()
    coverage()
