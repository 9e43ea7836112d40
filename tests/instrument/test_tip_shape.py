"""Shapes of tips against their limits and their making by a ball; fits against coverage.

`python -m tests.instrument.test_tip_shape` prints coverages over many simulated tips.
"""

import jax
import numpy as np
import pytest

from asperity.instrument.tip_shape import Paraboloid, RoundedPyramid, SphereCone, fit_shape, on_grid

NM = 1e-9
PIXEL = (1 * NM, 1.2 * NM)
SHAPES = [Paraboloid(8 * NM), SphereCone(5 * NM, 0.4), RoundedPyramid(4 * NM, 0.5, 0.3)]


def height(shape, x, y):
    with jax.enable_x64(True):
        return np.asarray(jax.vmap(shape.height)(*np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sphere_of_the_radius_at_the_apex(shape):
    """The curvature at the apex is 1/R, and the apex the only highest point."""
    r, angle = 1e-3 * shape.radius, np.linspace(0, 2 * np.pi, 17)
    drop = height(shape, r * np.cos(angle), r * np.sin(angle))
    np.testing.assert_allclose(drop, -(r**2) / (2 * shape.radius), rtol=1e-5)
    with jax.enable_x64(True):
        slopes = jax.grad(lambda x, y: shape.height(x, y), (0, 1))(0.0, 0.0)
    assert np.isfinite(slopes).all()


@pytest.mark.parametrize("shape", SHAPES[1:])
def test_flanks_have_the_half_angle_and_no_kink(shape):
    far = shape.radius * np.array([20.0, 21.0])
    angle = getattr(shape, "rotation", 0.0)
    low = height(shape, far * np.cos(angle), far * np.sin(angle))
    assert (low[0] - low[1]) / shape.radius == pytest.approx(1 / np.tan(shape.half_angle), rel=1e-9)
    step = 1e-3 * shape.radius
    for turn in np.linspace(0, 2 * np.pi, 40):  # the slope changes by no more than curvature times step
        line = height(shape, np.arange(4000) * step * np.cos(turn), np.arange(4000) * step * np.sin(turn))
        assert np.abs(np.diff(line, 2)).max() < 20 * step**2 / shape.radius


def test_the_rounded_pyramid_is_made_by_a_ball():
    """The highest of all balls of radius R with their tops' centers in a pyramid below, found by search."""
    shape = RoundedPyramid(1.0, 0.6, 0.0)
    c = np.linspace(-4, 4, 801)
    centers = -1 - np.maximum(np.abs(c[:, None]), np.abs(c)) / np.tan(0.6)
    for x, y in np.random.default_rng(0).uniform(-3, 3, (40, 2)):
        square = 1 - (x - c[:, None])**2 - (y - c)**2
        best = np.where(square > 0, centers + np.sqrt(np.maximum(square, 0)), -np.inf).max()
        assert height(shape, [x], [y])[0] == pytest.approx(best, abs=2e-4)  # the search's mesh is 0.01


def test_a_wide_sphere_is_a_paraboloid():
    x = np.linspace(-1, 1, 9) * NM
    np.testing.assert_allclose(height(SphereCone(1e4 * NM, 0.3), x, x), height(Paraboloid(1e4 * NM), x, x), rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_exact_tip_gives_its_parameters(shape):
    tip = on_grid(shape, (13, 15), PIXEL, apex=(0.2 * NM, -0.3 * NM))
    assert tip.max() == 0
    found = fit_shape(type(shape), tip, pixel=PIXEL, std=0.1 * NM)
    for name in found.std:
        assert getattr(found.shape, name) == pytest.approx(getattr(shape, name), rel=1e-6)
    np.testing.assert_allclose(found.apex, (0.2 * NM, -0.3 * NM), atol=1e-6 * NM)
    assert found.misfit < 1e-6


def covered(shape, count: int, *, size=(11, 11), std=0.1 * NM, correlated=False) -> dict[str, float]:
    """The share of simulated tips whose parameters lie within 1.96 standard uncertainties."""
    tip, inside = on_grid(shape, size, PIXEL), {}
    place = np.argwhere(np.ones(size, bool))
    near = np.exp(-((place[:, None] - place)**2).sum(-1) / 8.0) if correlated else np.eye(len(place))
    covariance = std**2 * near
    root = np.linalg.cholesky(covariance + 1e-9 * std**2 * np.eye(len(place)))
    for seed in range(count):
        noisy = tip + (root @ np.random.default_rng(seed).normal(size=len(place))).reshape(size)
        found = fit_shape(type(shape), noisy, pixel=PIXEL, std=std, covariance=covariance if correlated else None)
        for name, one in found.std.items():
            inside[name] = inside.get(name, 0) + (abs(getattr(found.shape, name) - getattr(shape, name)) < 1.96 * one)
    return {name: number / count for name, number in inside.items()}


@pytest.mark.study
@pytest.mark.parametrize("shape", SHAPES)
def test_the_stated_uncertainty_follows_the_noise(shape):
    """Errors within 4.5 deviations, which grow with the noise; coverages are judged in tests/verify."""
    tip, noise = on_grid(shape, (11, 11), PIXEL), np.random.default_rng(0).normal(size=(11, 11))
    little, much = (fit_shape(type(shape), tip + std * noise, pixel=PIXEL, std=std) for std in (0.05 * NM, 0.1 * NM))
    for name, std in much.std.items():
        assert abs(getattr(much.shape, name) - getattr(shape, name)) < 4.5 * std
        assert std == pytest.approx(2 * little.std[name], rel=0.2)  # not linear: noise moves the shape by some per cent


def test_upper_bounds_do_not_blunt_the_shape():
    """Where nothing touched, the estimate may lie far above the tip; told so, the fit is not moved."""
    shape = SphereCone(3 * NM, 0.3)
    tip = on_grid(shape, (13, 13), PIXEL)
    bound = tip < -10 * NM
    raised = np.where(bound, -10 * NM, tip)
    right = fit_shape(SphereCone, raised, pixel=PIXEL, std=0.1 * NM, bound_only=bound)
    assert right.shape.radius == pytest.approx(3 * NM, rel=1e-6)
    assert fit_shape(SphereCone, raised, pixel=PIXEL, std=0.1 * NM).misfit > 5
    low = np.where(bound, tip, tip + np.where(tip < -5 * NM, 2 * NM, 0))  # bounds that the heights break
    broken = fit_shape(SphereCone, low, pixel=PIXEL, std=0.1 * NM, bound_only=bound)
    assert broken.shape.half_angle < fit_shape(SphereCone, np.where(bound, np.nan, low), pixel=PIXEL,
                                              std=0.1 * NM).shape.half_angle


def test_a_wrong_shape_is_not_certain():
    tip = on_grid(RoundedPyramid(3 * NM, 0.6, 0.0), (15, 15), PIXEL)
    found = fit_shape(SphereCone, tip, pixel=PIXEL, std=0.05 * NM)
    assert found.misfit > 3
    right = fit_shape(RoundedPyramid, tip, pixel=PIXEL, std=0.05 * NM)
    assert right.misfit < 1e-3
    assert found.std["radius"] > 3 * fit_shape(SphereCone, on_grid(SphereCone(3 * NM, 0.6), (15, 15), PIXEL),
                                               pixel=PIXEL, std=0.05 * NM).std["radius"]


def test_without_an_uncertainty_the_misfit_gives_it():
    tip = on_grid(SHAPES[1], (11, 11), PIXEL) + 0.1 * NM * np.random.default_rng(0).normal(size=(11, 11))
    given, found = (fit_shape(SphereCone, tip, pixel=PIXEL, std=std) for std in (0.1 * NM, None))
    assert found.shape.radius == pytest.approx(given.shape.radius, rel=1e-5)
    assert found.std["radius"] == pytest.approx(given.std["radius"], rel=0.25)  # 116 residuals: 6.6 %


@pytest.mark.parametrize(("tip", "more"), [
    (np.zeros((3, 4)), {}), (np.zeros((3, 3)), {"bound_only": np.ones((3, 3), bool)}), (np.zeros((5, 5)), {"std": 0.0}),
    (np.zeros((5, 5)), {"std": 1.0, "covariance": np.eye(3)}), (np.zeros((5, 5)), {"pixel": (1.0, 0.0)})])
def test_what_makes_no_sense_is_refused(tip, more):
    with pytest.raises(ValueError, match=r"odd|known tip heights|positive"):
        fit_shape(SphereCone, tip, **{"pixel": PIXEL, **more})


if __name__ == "__main__":
    for each in SHAPES:
        for together in (False, True):
            shares = covered(each, 1000, correlated=together)
            print(f"{type(each).__name__:15} {'correlated' if together else 'independent':12} "
                  + "  ".join(f"{name} {share:.3f}" for name, share in shares.items()) + "  (0.95 +- 0.007)")
