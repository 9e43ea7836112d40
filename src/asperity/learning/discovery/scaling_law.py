r"""Whether values follow one power law, which, and where they do not.

$$\ln \frac{y}{s} = c + \sum_g a_g \ln \Pi_g + r(\ln \Pi), \qquad
  \frac{\partial \ln y}{\partial \ln x_i} = n_i + \sum_g \Big(a_g + \frac{\partial r}{\partial \ln \Pi_g}\Big) p_{gi}$$

with a product s of the inputs that has the unit of y, and the dimensionless groups $\Pi$ of the inputs: a law that
does not know people's units is of this form. The exponents are by least squares, with intervals of 95 %; one is
called a fraction only where the interval holds one with a denominator up to six, and no other. The residual r is
tried as a Gaussian process: where its evidence exceeds that of a constant by 3 nats, the values are not a single power
law, and the exponents are those of places.

Source: Buckingham, Phys. Rev. 4, 345 (1914); Rasmussen, Williams, Gaussian Processes for Machine Learning (2006),
sec. 5.4.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import stdtrit

from asperity.learning.discovery.dimensions import dimension, null_space, product_of
from asperity.messages import DataError

__all__ = ["ENOUGH", "PowerOf", "ScalingLaw", "only_fraction", "scaling_law"]

#: nats of evidence over a constant, above which a residual is a law of its own
ENOUGH = 3.0

_DENOMINATOR = 6  # the largest of a fraction
_LEVEL = 0.95  # of the intervals
_ROUND_OFF = 1e-9  # by which an exponent may be off in exact data
_EXACT = 1e-7  # residual of ln y, below which it is numerical error of the values
_MOST = 250  # points of the process: its cost is cubic
_FLOOR = 1e-8  # least variance of the noise over that of the residual: for the Cholesky factor


class PowerOf(NamedTuple):
    """The exponent of one input."""

    name: str
    value: float
    low: float
    high: float
    fraction: Fraction | None  # the only one in the interval, if there is one

    @property
    def written(self) -> str:
        """The fraction, or the value and its interval."""
        if self.fraction is not None:
            return str(self.fraction)
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


class ScalingLaw(NamedTuple):
    """A power law of the inputs, and how the values depart from it."""

    constant: float  # of s times the product of the groups
    powers: tuple[PowerOf, ...]
    residual: float  # rms of ln y
    evidence: float  # nats of a smooth residual over a constant one
    local: np.ndarray  # (point, input) exponents at the data: of the law, and of its residual where it is one

    @property
    def single(self) -> bool:
        """Whether one power law is all that the values show."""
        return self.evidence <= ENOUGH


class _Process(NamedTuple):
    """Most probable hyperparameters: evidence over a constant (nats), lengths, and the solved weights at the places."""

    evidence: float
    lengths: np.ndarray
    amplitude: float
    places: np.ndarray
    weights: np.ndarray


def only_fraction(low: float, high: float) -> Fraction | None:
    """The fraction with a denominator up to six in the interval, if there is one and no other."""
    inside = {Fraction(n, d) for d in range(1, _DENOMINATOR + 1)
              for n in range(math.ceil(low * d), math.floor(high * d) + 1)} if high - low < 1 else set()
    return inside.pop() if len(inside) == 1 else None


def scaling_law(inputs: Mapping[str, Any], units: Mapping[str, str], output: Any, unit: str) -> ScalingLaw:
    """The power law that values follow, if they follow one.

    Args:
        inputs: name -> values (point,), positive.
        units: name -> unit, of the same names; those that set the scales first.
        output: (point,), positive, of this ``unit``.

    Raises:
        ArgumentError: no product of the inputs has the output's unit.
        DataError: values that are not positive, or too few or too similar to determine exponents.
    """
    names = list(units)
    logs = {name: np.log(np.asarray(inputs[name], float)) for name in names}
    y = np.log(np.asarray(output, float))
    if not (np.isfinite(y).all() and all(np.isfinite(one).all() for one in logs.values())):
        raise DataError("a power law needs positive inputs and values; leave out the others")
    scale = dict(product_of("output", unit, units).exponents)
    powers = np.array(null_space(list(zip(*map(dimension, units.values())))), float).reshape(-1, len(names))
    columns = np.stack([logs[name] for name in names], axis=1)
    own = np.array([float(scale.get(name, 0)) for name in names])
    rest = y - columns @ own
    places = columns @ powers.T
    law, std, left = _fitted(places, rest)
    found = _residual(places, left)
    exponents = own + law[1:] @ powers
    reach = stdtrit(len(y) - len(law), (1 + _LEVEL) / 2) * np.sqrt(
        np.maximum(np.einsum("gi,gh,hi->i", powers, std[1:, 1:], powers), 0.0)) + _ROUND_OFF
    single = tuple(PowerOf(name, float(e), float(e - r), float(e + r), only_fraction(e - r, e + r))
                   for name, e, r in zip(names, exponents, reach))
    local = np.broadcast_to(exponents, columns.shape) + 0.0
    if found.evidence > ENOUGH:
        local = local + _slopes(found, places) @ powers
    return ScalingLaw(float(np.exp(law[0])), single, float(np.sqrt(np.mean(left**2))), found.evidence, local)


def _fitted(places: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least squares: constant and slopes, their covariance, what is left."""
    middle = places.mean(axis=0)
    design = np.column_stack([np.ones(len(values)), places - middle])
    freedom = len(values) - design.shape[1]
    if freedom < 1 or np.linalg.matrix_rank(design) < design.shape[1]:
        raise DataError(f"{len(values)} points do not determine a power of {places.shape[1]} groups: vary the inputs "
                        "more, and not together")
    law = np.linalg.lstsq(design, values, rcond=None)[0]
    left = values - design @ law
    covariance = np.linalg.inv(design.T @ design) * (left @ left) / freedom
    law[0] -= middle @ law[1:]
    return law, covariance, left


def _residual(places: np.ndarray, left: np.ndarray) -> _Process:
    """The process that the residual may be."""
    from scipy.optimize import minimize

    size = float(np.sqrt(np.mean(left**2)))
    if not places.shape[1] or size < _EXACT:
        return _Process(0.0, np.ones(places.shape[1]), 0.0, places, np.zeros(len(left)))
    few = np.unique(np.linspace(0, len(left) - 1, _MOST).astype(int))
    spread = np.ptp(places, axis=0)
    x, y = places[few] / spread, left[few] / size

    def cost(theta: np.ndarray) -> float:
        noise = float(np.exp(theta[0]))
        gram = _gram(x, x, np.exp(theta[2:])) * np.exp(theta[1]) + (noise + _FLOOR) * np.eye(len(y))
        factor = cho_factor(gram, lower=True)
        return float(0.5 * y @ cho_solve(factor, y) + np.log(np.diag(factor[0])).sum())

    starts = [np.array([noise, 0.0, *[length] * x.shape[1]]) for noise, length in
              ((-0.7, 0.0), (-6.0, -1.0), (-12.0, -0.3))]
    bounds = [(-20.0, 1.0), (-12.0, 5.0), *[(-3.0, 3.0)] * x.shape[1]]
    best = min((minimize(cost, start, method="L-BFGS-B", bounds=bounds) for start in starts), key=lambda one: one.fun)
    constant = 0.5 * float(y @ y) / float(np.mean(y**2)) + 0.5 * len(y) * math.log(float(np.mean(y**2)))
    lengths, amplitude = np.exp(best.x[2:]), float(np.exp(best.x[1]))
    gram = _gram(x, x, lengths) * amplitude + (float(np.exp(best.x[0])) + _FLOOR) * np.eye(len(y))
    weights = cho_solve(cho_factor(gram, lower=True), y) * size
    return _Process(max(constant - float(best.fun), 0.0), lengths * spread, amplitude, places[few], weights)


def _gram(a: np.ndarray, b: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * (((a[:, None] - b) / lengths) ** 2).sum(axis=2))


def _slopes(found: _Process, at: np.ndarray) -> np.ndarray:
    """The slopes of the most probable residual, (point, group)."""
    gram = found.amplitude * _gram(at, found.places, found.lengths) * found.weights
    return -np.einsum("pq,pqg->pg", gram, (at[:, None] - found.places) / found.lengths**2)
