"""Reference values under the conditions that their sources state: preprocessing, windows, weights, baselines.

Two ways to a modulus are here. `library_fit` is asperity's own batched fitter. `best_fit` is a plain
search for the same optimum with NumPy and SciPy, one curve at a time, which shares only the contact
model with the library; it also knows what the library leaves out on purpose, a baseline that is held at
a value and weights that follow the contact point.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq, minimize_scalar

from asperity.data.readers.force_curves import open_dataset
from asperity.learning.batches import scale
from asperity.learning.least_squares import contact_force, least_squares
from tests.conftest import shared_data


def exactly(kind, **fields):
    """A contact model whose fields are float64 (made outside, they would be rounded to float32)."""
    with jax.enable_x64(True):
        return kind(**fields)


LENGTH = 12288  # curves are padded to it, so that each model is compiled once


class Curve(NamedTuple):
    """Tip position (m, falling into the sample) and force (N) of one approach, as recorded."""

    position: np.ndarray
    force: np.ndarray


class BestFit(NamedTuple):
    """An optimum: modulus in Pa, contact point in m, baseline in N, sum of squares in N^2."""

    modulus: float
    contact_point: float
    baseline: float
    sum_of_squares: float


@lru_cache
def dataset(name):
    """A measured file, wholly in memory."""
    return open_dataset(shared_data(f"force/{name}")).load()


def segment(name, curve, kind):
    """Tip position and force of one segment, in order of time; position = height + force / k."""
    part = dataset(name).isel(curve=curve).sel(segment=kind)
    n = int(part["sample_count"])
    force = part["force"].values[:n]
    if "height" not in part:
        return Curve(part["tip_position"].values[:n], force)
    return Curve(part["height"].values[:n] + force / float(part["spring_constant"]), force)


def leveled(curve, contact_index):
    """The curve with its mean force before a sample taken off, and positions counted from that sample.

    The positions are those of the force as recorded: nanite computes them before it levels the force.
    """
    return Curve(curve.position - curve.position[contact_index],
                 curve.force - curve.force[:contact_index].mean())


def windowed(curve, start, stop):
    """The samples with start < position < stop."""
    keep = (curve.position > start) & (curve.position < stop)
    return Curve(curve.position[keep], curve.force[keep])


@partial(jax.jit, static_argnames="slope")
def _shape(model, indentation, slope=False):
    def g(d):
        return model.basis(d, ())[0]

    return jax.vmap(jax.grad(g) if slope else g)(indentation)


def shape(model, indentation, slope=False):
    """g of the model (force = E / (1 - nu^2) * g), or its derivative, for an array of indentations."""
    count = indentation.shape[-1]
    padded = np.full((*indentation.shape[:-1], -(-count // 4096) * 4096), -1e-9)
    padded[..., :count] = np.maximum(indentation, -1e-9)
    with jax.enable_x64(True):
        values = np.asarray(_shape(model, jnp.asarray(padded.ravel()), slope))
    return values.reshape(padded.shape)[..., :count]


def force_of(model, curve, modulus, contact_point, baseline):
    """The force of a model with given parameters at the positions of a curve."""
    reduced = modulus / (1 - float(model.poisson_ratio) ** 2)
    return baseline + reduced * shape(model, contact_point - curve.position)


def _linear(model, curve, contact_point, baseline, weight_distance):
    """(weighted residual, baseline, amplitude) at one contact point, with optimal linear parameters."""
    distance = contact_point - curve.position
    g = shape(model, distance)
    weight = np.minimum(np.abs(distance) / weight_distance, 1.0) if weight_distance else np.ones_like(g)
    columns = [g] if baseline is not None else [np.ones_like(g), g]
    known = 0.0 if baseline is None else baseline
    design = np.stack(columns, axis=1) * weight[:, None]
    norm = np.maximum(np.linalg.norm(design, axis=0), 1e-300)
    unit = np.max(np.abs(curve.force))
    solution = np.linalg.lstsq(design / norm, (curve.force - known) / unit * weight, rcond=None)[0]
    solution = solution / norm * unit
    c, offset = solution[-1], known if baseline is not None else solution[0]
    return weight * (curve.force - offset - c * g), offset, c


def _scanned(model, curve, contact_points, baseline, weight_distance):
    """Sums of squares at many contact points, from the normal equations: to find the least, all of them at once."""
    distance = contact_points[:, None] - curve.position
    g = shape(model, distance)
    weight = np.minimum(np.abs(distance) / weight_distance, 1.0) ** 2 if weight_distance else np.ones_like(g)
    y = np.broadcast_to((curve.force - (baseline or 0.0)) / np.max(np.abs(curve.force)), g.shape)
    if baseline is None:
        total = weight.sum(axis=1, keepdims=True)
        g, y = (a - (weight * a).sum(axis=1, keepdims=True) / total for a in (g, y))
    along, size = (weight * g * y).sum(axis=1), (weight * g * g).sum(axis=1)
    return (weight * y * y).sum(axis=1) - along**2 / np.maximum(size, 1e-300)


def best_fit(model, curve, baseline=None, weight_distance=None):
    """The least-squares optimum of one curve by a scan over contact points and a bracketed root.

    Args:
        model: an elastic contact model; its modulus is ignored.
        curve: the samples that count.
        baseline: the force before contact in N if it is held, or None to fit it.
        weight_distance: residuals are multiplied by |distance to the contact point| / weight_distance
            up to 1 (nanite's ``weight_cp``), or None for equal weights.
    """
    def squares(contact_point):
        residual = _linear(model, curve, contact_point, baseline, weight_distance)[0]
        return residual @ residual * 1e18

    nodes = curve.position.min() + np.ptp(curve.position) * np.geomspace(1e-4, 0.999, 300)
    best = int(np.argmin(_scanned(model, curve, nodes, baseline, weight_distance)))
    low, high = nodes[max(best - 1, 0)], nodes[min(best + 1, len(nodes) - 1)]
    found: Any = minimize_scalar(squares, bounds=(low, high), method="bounded", options={"xatol": 1e-13})
    point = found.x if weight_distance else _stationary(model, curve, baseline, found.x)
    residual, offset, c = _linear(model, curve, point, baseline, weight_distance)
    return BestFit(c * (1 - float(model.poisson_ratio) ** 2), point, offset, residual @ residual)


def _stationary(model, curve, baseline, near):
    """The contact point where the derivative of the sum of squares vanishes, to 1e-15 m."""
    def derivative(point):
        residual = _linear(model, curve, point, baseline, None)[0]
        return residual @ shape(model, point - curve.position, slope=True) * 1e18

    for width in (1e-11, 1e-10, 1e-9, 1e-8):
        if derivative(near - width) * derivative(near + width) < 0:
            root: Any = brentq(derivative, near - width, near + width, xtol=1e-16)
            return root
    raise AssertionError("no stationary contact point near the minimum of the scan")


def batch(curves, length=LENGTH):
    """(position, force, counted) of shape (curve, length), every curve at the end of its row."""
    position, force, counted = np.zeros((3, len(curves), length))
    for row, curve in enumerate(curves):
        n = len(curve.force)
        position[row, length - n:], force[row, length - n:], counted[row, length - n:] = *curve, 1
    return position, force, counted > 0


class LibraryFit(NamedTuple):
    """asperity's optimum of each curve: (curve,) arrays, and its force (a list of arrays, in N)."""

    modulus: np.ndarray
    contact_point: np.ndarray
    baseline: np.ndarray
    sum_of_squares: np.ndarray
    converged: np.ndarray
    force: list[np.ndarray]


def library_fit(model, curves):
    """Fit curves with asperity's fitter: offset, contact point and modulus free, no tilt, equal weights."""
    with jax.enable_x64(True):
        scaled = scale(*batch(curves))
        fit = least_squares(model, scaled, tilt=False)
        contact = np.asarray(contact_force(model, scaled, fit))
        size, zero = np.asarray(scaled.force_scale), np.asarray(scaled.force_zero)
        linear = np.asarray(fit.linear)
        force = zero[:, None] + size[:, None] * (linear[:, :1] + contact)
        point = np.asarray(scaled.top - scaled.span * fit.nonlinear[:, 0])
        modulus = linear[:, 1] * size * (1 - float(model.poisson_ratio) ** 2)
        return LibraryFit(modulus, point, zero + size * linear[:, 0],
                          np.asarray(fit.sum_of_squares) * size**2, np.asarray(fit.converged),
                          [row[LENGTH - len(c.force):] for row, c in zip(force, curves)])
