r"""Polynomial chaos: a function of places in a box as a sum of products of Legendre polynomials.

$$f(x) = \sum_{n \in I} c_n \prod_j \sqrt{2 n_j + 1}\,P_{n_j}(x_j), \qquad x_j \in [-1, 1]$$

The products are orthonormal under even weight, so that $c_0$ is the mean and $\sum_{n \ne 0} c_n^2$ the variance of f
over the box. I holds all n with $\sum_j n_j^q \le p^q$: of all degrees p and of q = 1 (total degree), 0.75 and 0.5
(fewer products of several coordinates) the set is taken whose error of leaving one out is least. Of least squares it
costs nothing, with $h_i$ the diagonal of the projection on the columns and $r_i$ the residuals:

$$f_i - \hat f_{-i} = \frac{r_i}{1 - h_i}$$

Source: Xiu, Karniadakis, SIAM J. Sci. Comput. 24, 619 (2002); Blatman, Sudret, J. Comput. Phys. 230, 2345 (2011)
(hyperbolic sets, leaving one out).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.polynomial.legendre import legvander

from asperity.messages import DataError

__all__ = ["PolynomialChaos", "index_set", "legendre_rows", "polynomial_chaos"]

_SETS = (1.0, 0.75, 0.5)  # exponents q of the sets
_HIGHEST = 20  # degree that is tried
_FULLEST = 0.6  # of the number of points: columns of the widest set


@final
class PolynomialChaos(eqx.Module):
    """The polynomial of one output."""

    coefficients: Float[Array, " term"]
    left_out: Float[Array, " point"]  # what each point was wrong by when it was left out
    degrees: tuple[tuple[int, ...], ...] = eqx.field(static=True)  # of each term in each coordinate

    def __call__(self, place: Float[Array, " coordinate"]) -> Float[Array, ""]:
        """Its value at one place of the box [-1, 1]^d; differentiable."""
        return legendre_rows(place, np.array(self.degrees)) @ self.coefficients

    @property
    def left_out_error(self) -> Float[Array, ""]:
        """Root of the mean square of what points left out were wrong by."""
        return jnp.sqrt(jnp.mean(self.left_out**2))


def index_set(coordinates: int, degree: int, exponent: float = 1.0) -> Int[np.ndarray, "term coordinate"]:
    r"""All n with $\sum_j n_j^q \le p^q$, the constant first."""
    limit = degree**exponent * (1 + 1e-12)
    found: list[tuple[int, ...]] = [()]
    for _ in range(coordinates):
        found = [(*n, one) for n in found for one in range(degree + 1)
                 if sum(own**exponent for own in (*n, one)) <= limit]
    return np.array(sorted(found, key=lambda n: (sum(n), n)))


def legendre_rows(place: Float[Array, " coordinate"], degrees: Int[np.ndarray, "term coordinate"]) -> Array:
    """The products of orthonormal Legendre polynomials at one place, (term,)."""
    rows = [jnp.ones_like(place), place]
    for n in range(1, int(degrees.max(initial=1))):
        rows.append(((2 * n + 1) * place * rows[-1] - n * rows[-2]) / (n + 1))
    sized = jnp.stack([math.sqrt(2 * n + 1) * row for n, row in enumerate(rows)])
    return jnp.prod(jnp.stack([sized[degrees[:, j], j] for j in range(degrees.shape[1])]), axis=0)


def _fitted(columns: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients, and what each point is wrong by when it is left out."""
    base, triangle = np.linalg.qr(columns)
    coefficients = np.linalg.lstsq(triangle, base.T @ values, rcond=None)[0]
    rest = np.maximum(1 - (base**2).sum(axis=1), 1e-12)
    return coefficients, (values - columns @ coefficients) / rest


def polynomial_chaos(places: Any, values: Any, *, weights: Any = 1.0,
                     exponents: Sequence[float] = _SETS) -> PolynomialChaos:
    """The polynomial of these values (point,) at these places (point, coordinate) in [-1, 1]^d.

    The places are to be even (a Sobol sequence): of independent random ones, with few near the edges, the error of
    leaving one out may be several times too small.

    Args:
        places, values: of the function.
        weights: of each point in the error by which the set is chosen: the volume of the box for which it stands.
        exponents: q of the sets that are tried.

    Raises:
        DataError: fewer than four points, or a value that is not finite.
    """
    places, values = np.asarray(places, float), np.asarray(values, float)
    if len(values) < 4 or not np.isfinite(values).all():
        raise DataError(f"polynomial chaos of {len(values)} values, {int((~np.isfinite(values)).sum())} of them not "
                        "finite: it takes at least four, all finite; does the solver fail in a part of the box?")
    best: tuple[float, np.ndarray, np.ndarray, np.ndarray] | None = None
    for degrees in _sets(places.shape[1], len(values), exponents):
        coefficients, left_out = _fitted(_columns(places, degrees), values)
        error = float(np.average(left_out**2, weights=np.broadcast_to(weights, left_out.shape)))
        if best is None or error < best[0]:
            best = error, coefficients, degrees, left_out
    assert best is not None
    return PolynomialChaos(jnp.asarray(best[1]), jnp.asarray(best[3]), tuple(map(tuple, best[2].tolist())))


def _sets(coordinates: int, points: int, exponents: Sequence[float]) -> list[np.ndarray]:
    """Index sets of at most so many columns as the points allow, the constant alone among them."""
    found = [index_set(coordinates, 0)]
    for exponent in exponents if coordinates > 1 else (1.0,):
        for degree in range(1, _HIGHEST + 1):
            degrees = index_set(coordinates, degree, exponent)
            if len(degrees) > _FULLEST * points:
                break
            found.append(degrees)
    return found


def _columns(places: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """The products at each place, (point, term): `legendre_rows` without compiling it for each set."""
    highest = int(degrees.max(initial=1))
    rows = legvander(places, highest) * np.sqrt(2 * np.arange(highest + 1) + 1)
    return np.prod([rows[:, j, degrees[:, j]] for j in range(degrees.shape[1])], axis=0)
