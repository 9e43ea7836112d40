"""The power expected in rings is that of simulated frames, leveled ones, of what the sampling folds, and of noise."""

import numpy as np
import pytest

from asperity.instrument.roughness_rings import line_offsets, rings
from asperity.messages import DataError


def frames(seeds, pixels, length, hurst):
    """Frames of rms 1 with the spectrum (1 + (qT)^2)^-(1 + H) on a torus four times as large, and that spectrum."""
    frequency = 2 * np.pi * np.fft.fftfreq(4 * pixels)
    power = (1 + (length * np.hypot(frequency[:, None], frequency)) ** 2) ** -(1 + hurst)
    scale = power.size / power.sum()
    for seed in seeds:
        noise = np.fft.fft2(np.random.default_rng(seed).normal(size=power.shape))
        yield scale, np.fft.ifft2(noise * np.sqrt(scale * power)).real[:pixels, :pixels]


@pytest.mark.parametrize("order", [1, 3])
def test_the_expected_power_is_that_of_simulated_frames(order):
    """60 frames: the mean powers of all rings scatter about what is expected as far as 60 frames let them."""
    found = [(scale, rings(frame, (1.0, 1.0), order=order)) for scale, frame in frames(range(60), 64, 6.0, 0.5)]
    scale, first = found[0]
    law = scale * (1 + (6 * first.expected.nodes) ** 2) ** -1.5
    mean = np.mean([one.power for _, one in found], axis=0)
    ratio = mean / (first.expected.direct @ law)
    error = 1 / np.sqrt(60 * first.expected.modes)
    assert np.sqrt(np.mean(((ratio - 1) / error) ** 2)) < 1.5
    assert first.expected.variance @ law == pytest.approx(1.0, rel=0.01)


def test_noise_is_expected_alike_in_all_rings_beyond_the_leveling():
    found = rings(np.random.default_rng(0).normal(size=(96, 64)), (2.0, 1.0), order=2)
    assert found.expected.white[-20:] == pytest.approx(np.ones(20))
    assert found.expected.white[0] < 0.95
    assert np.mean(found.power / found.expected.white) == pytest.approx(1.0, abs=0.1)


def test_what_the_sampling_folds_keeps_the_whole_variance():
    """A flat spectrum up to 64 times the Nyquist wavenumber adds as much to each ring as to the variance."""
    expected = rings(np.random.default_rng(1).normal(size=(64, 64)), (1.0, 1.0), order=1).expected
    assert expected.folded.sum(axis=1)[10:] == pytest.approx(expected.finer.sum(), rel=1e-3)


def test_units_do_not_matter():
    frame = np.random.default_rng(2).normal(size=(64, 64))
    one, other = rings(frame, (1.0, 1.0), order=1), rings(1e-9 * frame, (5e-9, 5e-9), order=1)
    assert other.power == pytest.approx(1e-18 * one.power)
    assert other.expected.nodes == pytest.approx(one.expected.nodes / 5e-9)


def test_offsets_of_lines_are_found_and_nothing_else():
    _, frame = next(frames([3], 128, 6.0, 0.5))
    assert line_offsets(frame, (1.0, 1.0), order=3).sure < 4
    offset = frame + 0.5 * np.random.default_rng(4).normal(size=(128, 1))
    found = line_offsets(offset, (1.0, 1.0), order=3)
    assert found.sure > 10
    assert found.rms == pytest.approx(0.5, rel=0.25)


@pytest.mark.parametrize(("frame", "says"), [(np.zeros((64, 64)), "no power"), (np.ones((8, 64)), "16 pixels"),
                                             (np.where(np.eye(64) > -1, np.nan, 0.0), "missing")])
def test_what_has_no_spectrum_says_why(frame, says):
    with pytest.raises(DataError, match=says):
        rings(frame, (1.0, 1.0), order=1)
