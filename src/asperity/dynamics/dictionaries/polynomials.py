"""Products of polynomials of the states, up to a total degree."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations_with_replacement
from math import comb
from typing import Literal

import equinox as eqx
import numpy as np
from jaxtyping import Float

from asperity.dynamics.dictionaries._dictionary import AbstractDictionary

__all__ = ["Polynomials"]


class Polynomials(AbstractDictionary):
    r"""$\prod_i p_{\alpha_i}(x_i)$ with $\sum_i \alpha_i \le$ ``degree``, ordered by degree.

    p are the polynomials of the ``family``: "legendre" (the best conditioned on states that fill the box), "chebyshev",
    "hermite" (of probability theory, on normal states), or "monomial". All span the same space. A span of degree p > 1
    is invariant only under linear dynamics: under others it is an approximation, however high the degree.

    Source: Abramowitz, Stegun, Handbook of Mathematical Functions (1964), table 22.7 (recurrences).
    """

    degree: int = eqx.field(static=True)
    family: Literal["legendre", "chebyshev", "hermite", "monomial"] = eqx.field(static=True, default="legendre")

    def size(self, states: int) -> int:
        """The binomial coefficient of degree + states over the degree."""
        return comb(self.degree + states, self.degree)

    def lift(self, x: Float[np.ndarray, "state sample"]) -> Float[np.ndarray, "function sample"]:
        """Each product is one that came before times one polynomial of one state."""
        table = _table(self.family, self.degree, x)
        made = np.empty((self.size(len(x)), x.shape[1]))
        made[0] = 1.0
        for row, (parent, state, power) in enumerate(_parents(len(x), self.degree), 1):
            np.multiply(made[parent], table[power, state], out=made[row])
        return made

    def rate(self, x: Float[np.ndarray, "state sample"],
             velocity: Float[np.ndarray, "state sample"]) -> Float[np.ndarray, "function sample"]:
        """By the rule of products, from the derivatives of each recurrence."""
        table = _table(self.family, self.degree, x)
        slope = _slopes(self.family, x, table) * velocity
        made, moved = self.lift(x), np.zeros((self.size(len(x)), x.shape[1]))
        for row, (parent, state, power) in enumerate(_parents(len(x), self.degree), 1):
            moved[row] = moved[parent] * table[power, state] + made[parent] * slope[power, state]
        return moved


def _factors(family: str, n: int) -> tuple[float, float]:
    """p_(n + 1) = up x p_n - down p_(n - 1)."""
    return {"legendre": ((2 * n + 1) / (n + 1), n / (n + 1)), "chebyshev": (2.0, 1.0), "hermite": (1.0, float(n)),
            "monomial": (1.0, 0.0)}[family]


def _table(family: str, degree: int, x: np.ndarray) -> np.ndarray:
    """p_0 ... p_degree of each state, (power, state, sample), by their recurrence of three terms."""
    table = np.empty((degree + 1, *x.shape))
    table[0] = 1.0
    if degree:
        table[1] = x
    for n in range(1, degree):
        up, down = _factors(family, n)
        table[n + 1] = up * x * table[n] - down * table[n - 1]
    return table


def _slopes(family: str, x: np.ndarray, table: np.ndarray) -> np.ndarray:
    """dp_n/dx of each state, by the derivative of the recurrence."""
    slope = np.zeros_like(table)
    if len(table) > 1:
        slope[1] = 1.0
    for n in range(1, len(table) - 1):
        up, down = _factors(family, n)
        slope[n + 1] = up * (table[n] + x * slope[n]) - down * slope[n - 1]
    return slope


@lru_cache(64)
def _parents(states: int, degree: int) -> list[tuple[int, int, int]]:
    """Of each product but the first: that without the last state's polynomial, that state, and its power."""
    place: dict[tuple[int, ...], int] = {(): 0}
    found = []
    for total in range(1, degree + 1):
        for chosen in combinations_with_replacement(range(states), total):
            last = chosen[-1]
            power = chosen.count(last)
            found.append((place[chosen[: total - power]], last, power))
            place[chosen] = len(found)
    return found
