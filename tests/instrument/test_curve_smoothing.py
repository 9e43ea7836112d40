"""Smoothed force curves keep every constraint, find what is there, and do not move the modulus or the pull-off."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares
from scipy.signal import savgol_filter

from asperity.contact import Hertz
from asperity.instrument.curve_smoothing import smooth_curve
from asperity.instrument.denoising_guard import changes, contact_stiffness, force_exponent
from asperity.virtual.force_map import Noise, virtual_map

SPRING_CONSTANT = 0.05  # N/m, of the virtual instrument
RADIUS, POISSON_RATIO = 5e-6, 0.5
WHITE = Noise(detector=0.3e-9, drift=0, thermal=0, waviness=0, offset=2e-9, tilt=1e-4, resolution=0)
X = np.linspace(0, 1, 400)


def power(exponent, start=0.3):
    """A rise from 0 at ``start`` to 1."""
    return (np.maximum(X - start, 0) / (1 - start)) ** exponent


def noise(std, seed):
    return std * np.random.default_rng(seed).standard_normal(len(X))


@pytest.mark.parametrize("exponent", [1.0, 1.5, 2.0, 2.5])
@pytest.mark.parametrize("start", [0.1, 0.6])
def test_an_exact_contact_is_kept(exponent, start):
    """Flat punch, sphere and cone are allowed, up to the knots and the contact point: nothing is smoothed away."""
    force = power(exponent, start) + 0.2 * X - 0.1
    found = smooth_curve(X, force)
    assert np.abs(found.force - force).max() < 5e-4
    assert found.contact_point == pytest.approx(start, abs=0.02 if exponent <= 2 else 0.08)
    np.testing.assert_allclose(found.baseline, 0.2 * X - 0.1, atol=5e-4)


@settings(max_examples=20)
@given(seed=st.integers(0, 200), adhesive=st.booleans(), baseline=st.sampled_from([None, 0, 1]))
def test_every_constraint_holds_whatever_the_data(seed, adhesive, baseline):
    """Nothing but a random walk: the result is still a line and then a convex rise."""
    force = np.cumsum(noise(1.0, seed))
    found = smooth_curve(X, force, adhesive=adhesive, baseline=baseline)
    size = np.abs(force).max()
    off = X < (found.contact_point if np.isfinite(found.contact_point) else 2.0)
    np.testing.assert_allclose(found.force[off], found.baseline[off], atol=1e-9 * size)
    np.testing.assert_allclose(np.diff(found.baseline, 2), 0, atol=1e-9 * size)
    if baseline is None:
        assert not found.baseline.any()
    if baseline == 0:
        np.testing.assert_allclose(found.baseline, found.baseline[0])
    above = (found.force - found.baseline)[~off]
    assert np.all(np.diff(above, 2) >= -1e-9 * size)
    if not adhesive:
        assert np.all(np.diff(above) >= -1e-9 * size)
        assert np.all(above >= -1e-9 * size)
    assert found.attraction == pytest.approx(max(0.0, -above.min()) if len(above) else 0.0, abs=1e-9 * size)


def test_units_order_and_missing_samples():
    force = power(1.5) + noise(0.02, 0)
    plain = smooth_curve(X, force)
    scaled = smooth_curve(-3e-6 + 1e-6 * X[::-1], 1e-9 * force[::-1])
    np.testing.assert_allclose(scaled.force[::-1] * 1e9, plain.force, atol=1e-8)
    assert scaled.contact_point == pytest.approx(-3e-6 + 1e-6 * plain.contact_point, abs=1e-13)
    assert scaled.noise * 1e9 == pytest.approx(plain.noise, rel=1e-6)
    holes = force.copy()
    holes[::7] = np.nan
    found = smooth_curve(X, holes)
    assert np.array_equal(np.isnan(found.force), np.isnan(holes))
    np.testing.assert_allclose(found.force[1:7], smooth_curve(X[~np.isnan(holes)], force[~np.isnan(holes)]).force[:6])


def test_a_curve_without_contact_says_so():
    seen = [np.isfinite(smooth_curve(X, noise(1.0, seed)).contact_point) for seed in range(40)]
    assert sum(seen) <= 3
    assert np.isfinite(smooth_curve(X, power(1.5) + noise(0.3, 0)).contact_point)
    line = smooth_curve(X, 2 * X + 1)
    assert math.isnan(line.contact_point)
    np.testing.assert_allclose(line.force, 2 * X + 1)
    for wrong, message in (((X, power(1.0)[:-1]), "must be"), ((X[:10], X[:10]), "at least 16"),
                           ((0 * X, X), "different depths")):
        with pytest.raises(ValueError, match=message):
            smooth_curve(*wrong)
    with pytest.raises(ValueError, match="baseline"):
        smooth_curve(X, X, baseline=2)


def simulated(exponent, std, seeds):
    """Errors, standard errors, contact points and noise of smoothed curves; errors of the best Savitzky-Golay."""
    force = power(exponent) + 0.2 * X
    found = [smooth_curve(X, force + noise(std, seed)) for seed in seeds]
    errors = np.array([f.force - force for f in found])
    windows = {w: np.array([savgol_filter(force + noise(std, seed), w, 3) - force for seed in seeds])
               for w in (11, 21, 41, 81, 121)}
    best = min(np.sqrt(np.mean(e**2)) for e in windows.values())
    covered = np.mean(np.abs(errors) < 1.96 * np.array([f.std for f in found]))
    return errors, covered, np.array([f.contact_point for f in found]), np.array([f.noise for f in found]), best


@pytest.mark.study
@pytest.mark.parametrize(("exponent", "factor"), [(1.0, 1.0), (1.5, 1.0), (2.0, 1.15)])
def test_it_is_as_close_as_the_best_savitzky_golay_window_or_closer(exponent, factor):
    """The best of five windows is chosen with the truth in hand; smoothing has nothing to choose.

    A parabola without a kink is what a cubic filter over a third of the curve does best: there they are equal.
    """
    errors, covered, contact, sizes, best = simulated(exponent, 0.03, range(24))
    assert np.sqrt(np.mean(errors**2)) < factor * best
    assert covered > 0.85  # of 95 %: the choice of the contact point and of the constraints is not in it
    assert np.mean(sizes) == pytest.approx(0.03, rel=0.03)
    assert np.sqrt(np.mean(errors.mean(axis=0) ** 2)) < 0.1 * 0.03
    assert abs(contact.mean() - 0.3) < {1.0: 0.01, 1.5: 0.04, 2.0: 0.08}[exponent]  # late where the start is gentle


def maps(noise, seed, *, model=None, size=5):
    """A virtual map and the same without random noise."""
    silent = Noise(detector=0, drift=0, thermal=0, waviness=0, offset=noise.offset, tilt=noise.tilt, resolution=0)
    return [virtual_map(rows=size, columns=size, model=model, noise=n, seed=seed) for n in (noise, silent)]


def segment(data, curve, number):
    """Depth of the base and force of one segment."""
    n = int(data.sample_count[curve, number])
    return -data.height.values[curve, number, :n], data.force.values[curve, number, :n]


def hertz_modulus(height, force):
    """Modulus, contact point, offset and tilt fitted to one curve; the modulus in Pa."""
    tip = height + force / SPRING_CONSTANT
    span, size = np.ptp(tip), np.ptp(force)
    x, y = (tip.max() - tip) / span, force / size

    def residual(p):
        return p[0] + p[1] * x + math.exp(p[2]) * np.maximum(x - p[3], 0) ** 1.5 - y

    fits = [least_squares(residual, [y[:50].mean(), 0, 0, start], x_scale=[0.01, 0.1, 0.1, 0.01])
            for start in (0.3, 0.6)]
    best = min(fits, key=lambda fit: fit.cost).x
    prefactor = math.exp(best[2]) * size / span**1.5
    return 0.75 * prefactor * (1 - POISSON_RATIO**2) / math.sqrt(RADIUS)


def test_a_modulus_is_the_same_from_smoothed_curves(x64):
    noisy, clean = maps(WHITE, 0, model=Hertz(radius=jnp.asarray(RADIUS), modulus=jnp.asarray(1e4)))
    raw, smooth, errors, filtered = [], [], [], []
    for curve, true in enumerate(noisy.true_modulus.values):
        depth, force = segment(noisy, curve, 0)
        found = smooth_curve(depth, force).force
        raw.append(hertz_modulus(-depth, force) / true - 1)
        smooth.append(hertz_modulus(-depth, found) / true - 1)
        errors.append(found - segment(clean, curve, 0)[1])
        filtered.append(savgol_filter(force, 21, 3) - segment(clean, curve, 0)[1])
    rms = [math.sqrt(np.mean(np.concatenate(e) ** 2)) for e in (errors, filtered)]
    assert rms[0] < 0.6 * rms[1]
    assert abs(np.mean(smooth)) < 4 * np.std(smooth) / 5 + 1e-3
    assert abs(np.mean(smooth) - np.mean(raw)) < 2e-3
    assert np.std(smooth) < 1.2 * np.std(raw)


@pytest.fixture(scope="module")
def adhesive():
    return maps(WHITE, 0)


@pytest.mark.parametrize("number", [0, 1])
def test_jumps_of_adhesive_curves_survive(number, adhesive):
    """JKR on a soft lever: snap-in and pull-off, where Savitzky-Golay rounds the jump."""
    noisy, clean = adhesive
    errors, filtered, attraction = [], [], []
    for curve in range(noisy.sizes["curve"]):
        depth, force = segment(noisy, curve, number)
        true = segment(clean, curve, number)[1]
        found = smooth_curve(depth, force, adhesive=True)
        errors.append(found.force - true)
        filtered.append(savgol_filter(force, 11, 3) - true)
        far = np.argsort(depth)[:80]
        line = np.polyval(np.polyfit(depth[far] - depth.mean(), true[far], 1), depth - depth.mean())
        attraction.append(found.attraction / -(true - line).min() - 1)
    rms = [math.sqrt(np.mean(np.concatenate(e) ** 2)) for e in (errors, filtered)]
    assert rms[0] < 0.3 * 0.3e-9 * SPRING_CONSTANT  # of the noise
    assert rms[0] < 0.1 * rms[1]
    assert abs(np.mean(attraction)) < 0.01


def test_the_guard_passes_smoothed_curves():
    """Stiffness and exponent of the contact are those of the truth."""
    before, after = [], []
    for seed in range(8):
        truth = power(1.5)
        found = smooth_curve(X, truth + noise(0.01, seed))
        before.append(np.stack([X - 0.3, truth]))
        after.append(np.stack([X - 0.3, found.force - found.baseline]))
    found = changes(before, after, [contact_stiffness(tolerance=0.02), force_exponent(tolerance=0.03)])
    assert {c.verdict for c in found} == {"kept"}


def main(seeds=200):
    """Smoothing of simulated curves against Savitzky-Golay."""
    for exponent in (1.0, 1.5, 2.0):
        for std in (0.005, 0.02, 0.05):
            errors, covered, contact, sizes, best = simulated(exponent, std, range(seeds))
            rms, bias = np.sqrt(np.mean(errors**2)), np.sqrt(np.mean(errors.mean(axis=0) ** 2))
            print(f"force exponent {exponent}, noise {std}: rmse {rms / std:.3f} noise, bias {bias / std:.3f}, best "
                  f"Savitzky-Golay {best / std:.3f}; contact {contact.mean() - 0.3:+.3f} +- {contact.std():.3f} of the "
                  f"range; coverage {100 * covered:.1f} %, noise found {sizes.mean() / std:.3f}")


if __name__ == "__main__":
    main()
