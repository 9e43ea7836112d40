r"""Which numbers without a unit a set of quantities makes, in exact arithmetic.

Quantities $q_j$ with units $\prod_i u_i^{D_{ij}}$ make the products $\prod_j q_j^{n_j}$, and these have no unit where
$D\,n = 0$: the groups are the null space of the matrix D of dimensions, worked out in fractions. A law that does not
know which units people use is one between groups alone; of $q$ quantities there are $q - \operatorname{rank} D$.

Source: Buckingham, Phys. Rev. 4, 345 (1914).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from asperity.messages import ArgumentError, shown

__all__ = ["BASE", "Group", "check_complete", "dimension", "dimensionless_groups", "named_group", "null_space",
           "product_of", "rescaled"]

#: the units that all others are products of
BASE = ("kg", "m", "s", "A", "K", "mol")
#: unit -> exponents of kg, m, s, A, K, mol
_UNITS = {"1": (), "rad": (), "kg": (1,), "m": (0, 1), "s": (0, 0, 1), "A": (0, 0, 0, 1), "K": (0, 0, 0, 0, 1),
          "mol": (0, 0, 0, 0, 0, 1), "N": (1, 1, -2), "Pa": (1, -1, -2), "J": (1, 2, -2), "W": (1, 2, -3),
          "Hz": (0, 0, -1), "V": (1, 2, -3, -1), "C": (0, 0, 1, 1), "F": (-1, -2, 4, 2)}
_FACTOR = re.compile(r"\s*([/*]?)\s*([A-Za-z]+|1)(?:\^?(-?\d+(?:/\d+)?))?")


class Group(NamedTuple):
    """A product of powers of quantities."""

    name: str
    exponents: tuple[tuple[str, Fraction], ...]

    def value(self, values: Mapping[str, Any]) -> Float[Array, ...]:
        """Its value, of those of the quantities; NaN where a factor is not positive (one quantity alone may be)."""
        if len(self.exponents) == 1 and self.exponents[0][1] == 1:
            return jnp.asarray(values[self.exponents[0][0]])
        return jnp.exp(sum(float(power) * jnp.log(jnp.asarray(values[name])) for name, power in self.exponents))

    @property
    def formula(self) -> str:
        """As people write it."""
        return " ".join(name if power == 1 else f"{name}^{power}" for name, power in self.exponents) or "1"


def dimension(unit: str) -> tuple[Fraction, ...]:
    """The exponents of `BASE` in a unit such as ``J/m^2`` or ``N s/m``.

    Raises:
        ArgumentError: it is not made of kg, m, s, A, K, mol, N, Pa, J, W, Hz, V, C, F, rad and 1.
    """
    total, at = [Fraction(0)] * len(BASE), 0
    while at < len(unit.rstrip()):
        found = _FACTOR.match(unit, at)
        if found is None or found[2] not in _UNITS:
            raise ArgumentError(f"unit {shown(unit)} is not known; known: products such as N/m or Pa s of "
                                f"{', '.join(_UNITS)}")
        power = Fraction(found[3] or 1) * (-1 if found[1] == "/" else 1)
        for i, one in enumerate(_UNITS[found[2]]):
            total[i] += power * one
        at = found.end()
    return tuple(total)


def _reduced(matrix: Sequence[Sequence[Any]]) -> tuple[list[list[Fraction]], list[int]]:
    """The reduced row echelon form, and the columns of its pivots."""
    rows, pivots = [[Fraction(one) for one in row] for row in matrix], []
    for column in range(len(rows[0]) if rows else 0):
        at = len(pivots)
        chosen = next((i for i in range(at, len(rows)) if rows[i][column]), None)
        if chosen is None:
            continue
        rows[at], rows[chosen] = rows[chosen], rows[at]
        rows[at] = [one / rows[at][column] for one in rows[at]]
        for i, row in enumerate(rows):
            if i != at:
                rows[i] = [one - row[column] * own for one, own in zip(row, rows[at], strict=True)]
        pivots.append(column)
    return rows, pivots


def null_space(matrix: Sequence[Sequence[Any]]) -> list[list[int]]:
    """A basis of all n with ``matrix @ n = 0``: whole numbers without a common divisor, exact."""
    rows, pivots = _reduced(matrix)
    basis = []
    for free in (one for one in range(len(matrix[0])) if one not in pivots):
        vector = [Fraction(int(i == free)) for i in range(len(matrix[0]))]
        for row, pivot in zip(rows, pivots):
            vector[pivot] = -row[free]
        scale = math.lcm(*(one.denominator for one in vector))
        whole = [int(one * scale) for one in vector]
        basis.append([one // math.gcd(*whole) for one in whole])
    return basis


def _matrix(units: Mapping[str, str]) -> list[list[Fraction]]:
    """(base unit, quantity)"""
    return [list(row) for row in zip(*(dimension(unit) for unit in units.values()))]


def _group(name: str, powers: Iterable[tuple[str, Any]]) -> Group:
    return Group(name, tuple((one, Fraction(power)) for one, power in powers if power))


def dimensionless_groups(units: Mapping[str, str]) -> list[Group]:
    """As many independent groups as these quantities (name -> unit) make, named after their formulas.

    Each one that is not needed to measure the others in stands in one group alone: name first what sets the scales.

    Raises:
        ArgumentError: a unit is not known, or a quantity has one that no other quantity takes away.
    """
    groups = [_group("", zip(units, powers)) for powers in null_space(_matrix(units))]
    used = {name for group in groups for name, _ in group.exponents}
    if lone := [f"{name} ({unit})" for name, unit in units.items() if name not in used]:
        raise ArgumentError(f"nothing can depend on {', '.join(lone)}: no product with the other quantities is without "
                            "a unit; leave it out, or name the quantity that it acts with")
    return [group._replace(name=group.formula) for group in groups]


def named_group(name: str, exponents: Mapping[str, Any], units: Mapping[str, str]) -> Group:
    """The product with these exponents (whole numbers, fractions, or texts such as ``1/2``).

    Raises:
        ArgumentError: a quantity is not known, or the product has a unit.
    """
    if unknown := [one for one in exponents if one not in units]:
        raise ArgumentError(f"{name}: {', '.join(unknown)} is not among the quantities; known: {', '.join(units)}")
    group = _group(name, exponents.items())
    left = [sum(power * dimension(units[one])[i] for one, power in group.exponents) for i in range(len(BASE))]
    if any(left):
        unit = " ".join(f"{base}^{power}" for base, power in zip(BASE, left) if power)
        raise ArgumentError(f"{name} = {group.formula} has the unit {unit}: a group has none; check the exponents")
    return group


def product_of(output: str, unit: str, units: Mapping[str, str]) -> Group:
    """A product of the quantities that has the unit of the ``output``, by which the output is measured.

    Raises:
        ArgumentError: there is none; no law of these quantities has that output.
    """
    rows, pivots = _reduced([[*row, one] for row, one in zip(_matrix(units), dimension(unit), strict=True)])
    if len(units) in pivots:
        given = ", ".join(f"{name} ({one})" for name, one in units.items())
        raise ArgumentError(f"{output} ({unit}) cannot follow from {given}: no product of them has its unit; a "
                            "quantity is missing")
    return _group(output, ((list(units)[pivot], row[-1]) for row, pivot in zip(rows, pivots)))


def check_complete(groups: Sequence[Group], units: Mapping[str, str], *, symmetries: int = 0) -> None:
    """That the groups are independent, and as many as the quantities make.

    Args:
        groups: of the inputs.
        units: name -> unit of the inputs.
        symmetries: by how many more scales the law is known to be symmetric, each of which saves a group (1 for a
            paraboloid of small slope, whose lateral and vertical lengths scale apart).

    Raises:
        ArgumentError: one follows from the others, or too many or too few are named.
    """
    rows = [[dict(group.exponents).get(name, Fraction(0)) for name in units] for group in groups]
    if len(_reduced(rows)[1]) < len(groups):
        raise ArgumentError(f"groups {', '.join(group.name for group in groups)}: one is a product of the others; "
                            "leave it out")
    wanted = len(null_space(_matrix(units))) - symmetries
    if len(groups) != wanted:
        raise ArgumentError(f"{len(groups)} groups of {', '.join(units)}: their units leave {wanted} independent ones")


def rescaled(values: Mapping[str, Any], units: Mapping[str, str], factors: Mapping[str, float]) -> dict[str, Any]:
    """The same quantities in other units: each base unit (kg, m, s, ...) smaller by its factor."""
    powers = {name: dimension(unit) for name, unit in units.items()}
    return {name: value * math.prod(factors.get(base, 1.0) ** float(power)
                                    for base, power in zip(BASE, powers[name], strict=True))
            for name, value in values.items()}
