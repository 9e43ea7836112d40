r"""Shapes of tips with few parameters, and their fit to an estimated tip: the radius and its uncertainty.

A shape gives the height P(x, y) <= 0 of the tip over the plane through its apex, in m; its parameters are SI.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import fields
from functools import partial
from typing import Any, ClassVar, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import least_squares

from asperity.messages import ArgumentError, DataError

__all__ = ["AbstractTipShape", "Paraboloid", "RoundedPyramid", "ShapeFit", "SphereCone", "fit_shape", "on_grid"]


class AbstractTipShape(eqx.Module):
    """A tip as a function of the place; its parameters are the module's fields."""

    limits: ClassVar[tuple[tuple[float, float], ...]]  # of the parameters, in the order of the fields

    @abstractmethod
    def height(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """P(x, y) in m for one place in m, measured from the apex."""


@final
class Paraboloid(AbstractTipShape):
    r"""$P = -(x^2 + y^2) / (2 R)$: the tip of the Hertz model."""

    radius: Any  # m

    limits: ClassVar[tuple[tuple[float, float], ...]] = ((0.0, np.inf),)

    def height(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """-r^2 / 2R."""
        return -(x**2 + y**2) / (2 * self.radius)


@final
class SphereCone(AbstractTipShape):
    r"""A cone of half angle $\alpha$ whose end is a sphere of radius R, joined without a kink at $r = R \cos\alpha$.

    $$P = \sqrt{R^2 - r^2} - R \quad (r \le R \cos\alpha), \qquad
    P = -R (1 - \sin\alpha) - (r - R \cos\alpha) \cot\alpha \quad \text{beyond}$$
    """

    radius: Any  # m
    half_angle: Any  # rad, between axis and flank

    limits: ClassVar[tuple[tuple[float, float], ...]] = ((0.0, np.inf), (0.01, 1.56))

    def height(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """The sphere up to R cos(alpha), the cone beyond."""
        r, junction = _length(x, y), self.radius * jnp.cos(self.half_angle)
        sphere = _arc(self.radius, jnp.minimum(r, junction)) - self.radius
        return sphere - jnp.maximum(r - junction, 0) / jnp.tan(self.half_angle)


@final
class RoundedPyramid(AbstractTipShape):
    r"""A four-sided pyramid rounded by a ball of radius R, which touches the inside of apex, edges and faces.

    With $x \ge y \ge 0$ along the normals of the base (the other octants by symmetry), $k = \cot\alpha / \sqrt 2$,
    $a, b = (x \pm y) / \sqrt 2$, the height is

    - on the faces, $x - y \ge R \cos\alpha$: $P = -R (1 - \sin\alpha) - (x - R \cos\alpha) \cot\alpha$,
    - on the edges, $a \sqrt{1 + k^2} \ge k \sqrt{R^2 - b^2}$: $P = -R - k a + \sqrt{(1 + k^2)(R^2 - b^2)}$,
    - at the apex: $P = -R + \sqrt{R^2 - x^2 - y^2}$.

    It is the lower envelope of balls with their centers in a pyramid of the same angle; no kink anywhere.
    """

    radius: Any  # m
    half_angle: Any  # rad, between axis and faces
    rotation: Any  # rad, of the normal of a face from the x axis; of a fit within an eighth of a turn

    limits: ClassVar[tuple[tuple[float, float], ...]] = ((0.0, np.inf), (0.01, 1.56), (-np.inf, np.inf))

    def height(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """Face, edge or apex."""
        cosine, sine = jnp.cos(self.rotation), jnp.sin(self.rotation)
        along, across = jnp.abs(cosine * x + sine * y), jnp.abs(cosine * y - sine * x)
        far, near = jnp.maximum(along, across), jnp.minimum(along, across)
        junction, slope = self.radius * jnp.cos(self.half_angle), 1 / jnp.tan(self.half_angle)
        face = -self.radius * (1 - jnp.sin(self.half_angle)) - (far - junction) * slope
        k, a, b = slope / jnp.sqrt(2.0), (far + near) / jnp.sqrt(2.0), (far - near) / jnp.sqrt(2.0)
        stretch, arc = jnp.sqrt(1 + k**2), _arc(self.radius, b)
        edge = -self.radius - k * a + stretch * arc
        apex = _arc(self.radius, _length(x, y)) - self.radius
        return jnp.where(far - near >= junction, face, jnp.where(a * stretch >= k * arc, edge, apex))


def _length(x: jax.Array, y: jax.Array) -> jax.Array:
    """sqrt(x^2 + y^2), with slope 0 at the origin."""
    square = x**2 + y**2
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)


def _arc(radius: jax.Array, r: jax.Array) -> jax.Array:
    """sqrt(R^2 - r^2) inside the circle, 0 beyond."""
    square = radius**2 - r**2
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)


def on_grid(shape: AbstractTipShape, size: tuple[int, int], pixel: tuple[float, float],
            apex: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Heights in m on a grid of odd size, apex pixel at the center.

    Args:
        shape: the tip.
        size: odd numbers of rows and columns.
        pixel: distance of rows and of columns in m.
        apex: y and x of the apex from the center of the grid in m; the highest pixel is 0 all the same.
    """
    y, x = _places(size, pixel)
    with jax.enable_x64(True):
        heights = np.asarray(_heights(shape, jnp.asarray(x - apex[1]), jnp.asarray(y - apex[0])))
    return (heights - heights.max()).reshape(size)


def _places(size: tuple[int, int], pixel: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    if not all(n % 2 for n in size) or not min(pixel) > 0:
        raise ArgumentError(f"size {tuple(size)}, pixel {tuple(pixel)}: odd numbers and positive distances are needed")
    y, x = ((np.arange(n) - n // 2) * d for n, d in zip(size, pixel))
    return np.repeat(y, size[1]), np.tile(x, size[0])


@jax.jit
def _heights(shape: AbstractTipShape, x: jax.Array, y: jax.Array) -> jax.Array:
    return jax.vmap(shape.height)(x, y)


class ShapeFit(NamedTuple):
    """A shape fitted to an estimated tip."""

    shape: AbstractTipShape  # with the best parameters
    std: dict[str, float]  # standard uncertainty of each parameter, in its unit
    covariance: np.ndarray  # of the parameters in the order of ``std``
    apex: tuple[float, float]  # y and x of the fitted apex from the center of the array, m
    top: float  # height of the fitted apex, m
    misfit: float  # root mean square residual over its expectation; clearly above 1: the tip is of another shape
    residual: np.ndarray  # (row, column) shape minus estimate, m


def fit_shape(kind: type[AbstractTipShape], heights: Any, *, pixel: tuple[float, float], std: Any = None,
              covariance: Any = None, bound_only: Any = None) -> ShapeFit:
    """Fit a shape to a tip by least squares: its parameters, the place and height of its apex, their covariance.

    Pixels for which only an upper bound is known pull the shape down where it lies above them, and else say nothing;
    they add no confidence. If the shape misses the heights by more than they are uncertain (misfit > 1), the
    covariance grows by misfit squared, so that a wrong shape at least does not look certain.

    Args:
        kind: the class of the shape.
        heights: (odd, odd) estimated tip in m; minus infinity and NaN are left out.
        pixel: distance of rows and of columns in m.
        std: standard uncertainty of the heights in m, one or one per pixel; from the misfit, if not given.
        covariance: (n, n) of all n heights in order of rows, if they are correlated (`TipRefinement.covariance`);
            the fit is then weighted with ``std`` and its covariance follows from this one.
        bound_only: (odd, odd) bool, pixels that are only an upper bound (`TipRefinement.contacts` below about 10).

    Raises:
        ValueError: sizes, fewer known heights than parameters, or an uncertainty that is not positive.
    """
    data = _data(heights, pixel, std, covariance, bound_only)
    names = [field.name for field in fields(kind)]
    if data.known.sum() <= len(names) + 3:
        raise DataError(f"{data.known.sum()} known tip heights for {len(names) + 3} parameters of {kind.__name__}: "
                        "take a larger tip, a simpler shape, or fewer pixels as bound_only")
    with jax.enable_x64(True):
        best = min((_solve(kind, data, start) for start in _starts(names, data)), key=lambda s: s.cost)
    scale = np.array([1.0 if name in ("half_angle", "rotation") else data.unit for name in names])
    *parameters, x, y, top = best.x
    spread, misfit = _spread(best.jac, best.fun, data)
    spread = spread[: len(names), : len(names)] * np.outer(scale, scale)
    residual = np.where(np.isfinite(data.heights), best.fun * data.std, np.nan) * data.unit
    values = {name: float(p * s) for name, p, s in zip(names, parameters, scale)}
    if "rotation" in values:  # four faces are the same every quarter of a turn
        values["rotation"] = (values["rotation"] + np.pi / 4) % (np.pi / 2) - np.pi / 4
    variances = np.where(np.diag(spread) >= 0, np.diag(spread), np.nan)  # below by rounding, where nothing tells them
    return ShapeFit(kind(**values), dict(zip(names, map(float, np.sqrt(variances)))), spread,
                    (float(y * data.unit), float(x * data.unit)), float(top * data.unit), misfit,
                    residual.reshape(np.shape(heights)))


class _Data(NamedTuple):
    """Heights and places of all tip pixels in units of the pixel, flat."""

    x: np.ndarray
    y: np.ndarray
    heights: np.ndarray
    std: np.ndarray
    known: np.ndarray  # bool: a height, not only a bound
    covariance: np.ndarray | None
    unit: float  # m
    absolute: bool  # whether std is more than a weight


def _data(heights: Any, pixel: tuple[float, float], std: Any, covariance: Any, bound_only: Any) -> _Data:
    values = np.asarray(heights, float)
    y, x = _places(values.shape, pixel)
    unit, flat = float(min(pixel)), values.ravel()
    known = np.isfinite(flat) & ~(np.zeros(flat.shape, bool) if bound_only is None else np.ravel(bound_only))
    size = np.broadcast_to(unit if std is None else np.asarray(std, float), values.shape).ravel() / unit
    if not (size[known] > 0).all() or (covariance is not None and np.shape(covariance) != (flat.size,) * 2):
        raise ValueError(f"std {np.min(size) * unit:g} m, covariance of shape {np.shape(covariance)}: positive "
                         f"uncertainties and a covariance of {flat.size} heights are needed (add what is missing "
                         "in quadrature; the apex, which is 0 by rule, has an uncertainty, too)")
    size = np.where(np.isfinite(size) & (size > 0), size, np.median(size[known]) if known.any() else 1.0)
    scaled = None if covariance is None else np.asarray(covariance, float) / unit**2
    return _Data(x / unit, y / unit, flat / unit, size, known, scaled, unit, std is not None)


def _starts(names: list[str], data: _Data) -> list[np.ndarray]:
    """Radii around that of the curvature next to the apex, angles around that of the flank, several rotations."""
    r, drop = np.hypot(data.x, data.y), -data.heights
    near = data.known & (r > 0) & (drop > 0)
    radius = np.median((r[near] ** 2 / (2 * drop[near]))[np.argsort(r[near])[:8]]) if near.any() else 1.0
    angle = np.median(np.arctan2(r[near], drop[near])[np.argsort(-drop[near])[:8]]) if near.any() else 0.5
    values = {"radius": radius * np.array([0.5, 1.0, 2.0]),
              "half_angle": np.clip(angle * np.array([0.7, 1.0]), 0.05, 1.5),
              "rotation": np.array([0.0, 0.4, 0.8, 1.2])}
    grid = np.meshgrid(*(values[name] for name in names), indexing="ij")
    return [np.array([*point, 0.0, 0.0, 0.0]) for point in zip(*(g.ravel() for g in grid))]


def _solve(kind: type[AbstractTipShape], data: _Data, start: np.ndarray) -> Any:
    """Levenberg-Marquardt within the limits; bounds count where the shape is above them."""
    count = len(start) - 3
    arrays = tuple(map(jnp.asarray, data[:5]))
    low, high = np.array([*kind.limits, *[(-np.inf, np.inf)] * 3]).T
    slopes: Any = lambda p: np.asarray(_slopes(kind, count, p, *arrays))  # noqa: E731
    return least_squares(lambda p: np.asarray(_misses(kind, count, p, *arrays)), start, jac=slopes, x_scale="jac",
                         bounds=(low, high))


@partial(jax.jit, static_argnums=(0, 1))
def _misses(kind, count, parameters, x, y, heights, std, known):
    """(shape - height) / std; for bounds only where positive, and 0 for pixels that are not there."""
    shape = kind(*(parameters[k] for k in range(count)))
    model = jax.vmap(shape.height)(x - parameters[count], y - parameters[count + 1]) + parameters[count + 2]
    there = jnp.isfinite(heights)
    miss = jnp.where(there, model - jnp.where(there, heights, 0.0), 0.0) / std
    return jnp.where(known, miss, jnp.maximum(miss, 0.0))


_slopes = partial(jax.jit, static_argnums=(0, 1))(jax.jacfwd(_misses, argnums=2))


def _spread(jacobian: np.ndarray, miss: np.ndarray, data: _Data) -> tuple[np.ndarray, float]:
    """The covariance of the parameters, and the root mean square of the misses over its expectation."""
    slopes = jacobian[data.known]
    inverse = np.linalg.pinv(slopes.T @ slopes)
    freedom = data.known.sum() - jacobian.shape[1]
    square = (miss[data.known] ** 2).sum()
    if data.covariance is None:
        misfit = float(np.sqrt(square / freedom))
        return inverse * (max(misfit, 1.0) if data.absolute else misfit) ** 2, misfit
    weighted = data.covariance[np.ix_(data.known, data.known)] / np.outer(data.std[data.known], data.std[data.known])
    expected = np.trace(weighted) - np.trace(inverse @ slopes.T @ weighted @ slopes)
    misfit = float(np.sqrt(square / max(expected, 1e-12)))
    return inverse @ slopes.T @ weighted @ slopes @ inverse * max(misfit, 1.0) ** 2, misfit
