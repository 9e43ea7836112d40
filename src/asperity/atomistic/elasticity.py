r"""Forces, stress and elastic constants of a crystal, as derivatives of one energy.

With the strain $\epsilon$ (symmetric, Voigt's order xx yy zz yz xz xy with twice the shear) and displacements u of the
atoms, $E(\epsilon, u)$ is the energy of the cell with $r \to (r + u)(1 + \epsilon)$. The stress is that of the strained
cell, $\sigma = \frac1V \partial E / \partial\epsilon'$ at a further strain $\epsilon' = 0$, tension positive, and

$$C^0 = \frac{\partial\sigma}{\partial\epsilon}, \qquad
  C = C^0 - \frac{\partial\sigma}{\partial u}\, H^+ \frac{\partial^2 E}{\partial u\,\partial\epsilon}, \qquad
  H = \frac{\partial^2 E}{\partial u^2},$$

clamped and with the atoms at rest in the strained cell; $H^+$ leaves the translations out. Under a stress these are the
coefficients of stress by strain, which need not be symmetric; without one they are the elastic constants. No step is
chosen, nothing is fitted.

Source: Wallace, Thermodynamics of Crystals (1972), chapters 2 and 3; Born, Huang, Dynamical Theory of Crystal Lattices
(1954), section 28.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import minimize
from scipy.sparse.linalg import LinearOperator, minres

from asperity.atomistic.moduli import GPA
from asperity.messages import DataError

__all__ = ["ElasticConstants", "Energy", "at_rest", "elastic_constants", "forces", "second_derivatives",
           "strained", "stress", "yielded"]

_DENSE = 64  # atoms, up to which all second derivatives are held at once
_COLUMNS = 24  # of second derivatives that are made at once
_SOFT = 1e-9  # of the largest stiffness of H, below which a motion has none
_RESIDUAL = 1e-12  # of the iteration for large cells
_FORCE = 1e-3  # eV/angstrom, above which atoms are not at rest
_AT_REST = 1e-10  # eV/angstrom, to which they are brought
_TURNS = 20  # of Newton's method, of which a few are needed

#: eV, of positions (atom, 3) and the cell's vectors in rows (3, 3), in angstrom. One that is a tree of arrays, as
#: `jax.tree_util.Partial` of a function and a potential, is compiled once for all potentials of its shapes
Energy = Callable[[Float[Array, "atom 3"], Float[Array, "3 3"]], Float[Array, ""]]


class ElasticConstants(NamedTuple):
    """Of one cell, (6, 6) and (6,) in Voigt's order xx yy zz yz xz xy."""

    relaxed: Float[np.ndarray, "6 6"]  # GPa, with the atoms at rest in the strained cell
    clamped: Float[np.ndarray, "6 6"]  # GPa, with the atoms strained like the cell
    stress: Float[np.ndarray, " 6"]  # GPa, tension positive
    soft: int  # motions of the atoms beside the translations that cost nothing: the crystal is about to change


def strained(strain: Float[Array, " 6"]) -> Float[Array, "3 3"]:
    """What vectors in rows are multiplied by under a strain in Voigt's order, with twice the shear."""
    xx, yy, zz, yz, xz, xy = strain
    return jnp.stack([jnp.stack([1 + xx, xy / 2, xz / 2]), jnp.stack([xy / 2, 1 + yy, yz / 2]),
                      jnp.stack([xz / 2, yz / 2, 1 + zz])])


def forces(energy: Energy, positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"]) -> Float[Array, "atom 3"]:
    """eV/angstrom on each atom."""
    return -jax.grad(energy)(positions, cell)


def stress(energy: Energy, positions: Float[Array, "atom 3"], cell: Float[Array, "3 3"]) -> Float[Array, " 6"]:
    """eV/angstrom^3, tension positive, xx yy zz yz xz xy: the convention of ASE."""
    def under(strain: Array) -> Array:
        return energy(positions @ strained(strain), cell @ strained(strain))

    return jax.grad(under)(jnp.zeros(6, positions.dtype)) / jnp.abs(jnp.linalg.det(cell))


def elastic_constants(energy: Energy, positions: Float[np.ndarray, "atom 3"],
                      cell: Float[np.ndarray, "3 3"]) -> ElasticConstants:
    """The elastic constants of a cell whose atoms are at rest.

    Up to 64 atoms all second derivatives are held at once; beyond, products with them are enough (six solutions by
    MINRES).

    Raises:
        DataError: the atoms are not at rest (see `at_rest`), or their motions do not settle.
    """
    with jax.enable_x64(True):
        at, box = jnp.asarray(positions, float), jnp.asarray(cell, float)
        still, unit = jnp.zeros(6 + at.size), jnp.ones(())
        largest = float(jnp.abs(_slope(energy, at, box, still, unit)[1][6:]).max())
        if not largest < _FORCE:
            raise DataError(f"the largest force is {largest:.3g} eV/A: bring the atoms to rest first (at_rest)")

        now, clamped = (np.asarray(part) * GPA for part in _clamped(energy, at, box))
        if len(at) <= _DENSE:
            whole = np.asarray(_curvature(energy, at, box, still, unit))
            mixed = whole[6:, :6]
            inner, free = yielded(whole[6:, 6:], mixed)
            soft = free - 3
        else:
            mixed, inner = _iterated(energy, at, box)
            soft = 0
        volume = float(jnp.abs(jnp.linalg.det(box)))
        return ElasticConstants(clamped - mixed.T @ inner * (GPA / volume), clamped, now, soft)


def _moved(at: Array, box: Array, x: Array, size: Array | None) -> tuple[Array, Array]:
    """Positions and cell under the strain and the displacements in ``x``; strains are in 1/``size``, None: none."""
    turned = jnp.eye(3) if size is None else strained(x[:6] / size)
    return (at + x[6:].reshape(-1, 3)) @ turned, box @ turned


def second_derivatives(total: Callable[[Array], Array], x: Float[Array, " way"]) -> Float[Array, "way way"]:
    """All second derivatives of a function, a few columns at a time, so that memory holds."""
    slope, count = jax.grad(total), -(-len(x) // _COLUMNS)
    width = -(-len(x) // count)  # all parts alike: another last one would be compiled, too
    ways = jnp.eye(count * width, len(x), dtype=x.dtype).reshape(count, width, len(x))
    found = jax.lax.map(jax.vmap(lambda way: jax.jvp(slope, (x,), (way,))[1]), ways)
    return found.reshape(-1, len(x))[:len(x)]


@eqx.filter_jit
def _clamped(energy: Energy, at: Array, box: Array) -> tuple[Array, Array]:
    """The stress, and how it answers strains of the cell with its atoms."""
    def under(strain: Array) -> tuple[Array, Array]:
        now = stress(energy, at @ strained(strain), box @ strained(strain))
        return now, now

    clamped, now = jax.jacfwd(under, has_aux=True)(jnp.zeros(6))
    return now, clamped


@eqx.filter_jit
def _curvature(energy: Energy, at: Array, box: Array, x: Array, size: Array | None) -> Array:
    """All second derivatives of the energy."""
    return second_derivatives(lambda x: energy(*_moved(at, box, x, size)), x)


@eqx.filter_jit
def _slope(energy: Energy, at: Array, box: Array, x: Array, size: Array | None) -> tuple[Array, Array]:
    """The energy and its derivatives."""
    return jax.value_and_grad(lambda x: energy(*_moved(at, box, x, size)))(x)


@eqx.filter_jit
def _product(energy: Energy, at: Array, box: Array, way: Array) -> Array:
    """The second derivatives times a ``way``."""
    gradient = jax.grad(lambda x: energy(*_moved(at, box, x, jnp.ones(()))))
    return jax.jvp(gradient, (jnp.zeros(6 + at.size),), (way,))[1]


def yielded(stiffness: Float[np.ndarray, "way way"], push: Float[np.ndarray, "way case"],
            largest: float | None = None) -> tuple[Float[np.ndarray, "way case"], int]:
    """The displacements under which a stiffness answers each push, and how many motions cost nothing: they have none.

    ``largest`` is the stiffness against which a motion costs nothing; None: the largest one.
    """
    values, turns = np.linalg.eigh(stiffness)
    free = np.abs(values) <= _SOFT * (np.abs(values).max() if largest is None else largest)
    return turns @ (turns.T @ push / np.where(free, np.inf, values)[:, None]), int(free.sum())


def _iterated(energy: Energy, at: Array, box: Array) -> tuple[np.ndarray, np.ndarray]:
    """Forces by strain, and the displacements that answer them, by products with H alone."""
    size = at.size

    def acted(way: np.ndarray) -> np.ndarray:
        whole = jnp.concatenate([jnp.zeros(6), jnp.asarray(way).ravel()])
        return np.asarray(_product(energy, at, box, whole))[6:]

    operator = LinearOperator((size, size), matvec=acted, dtype=float)  # pyright: ignore[reportCallIssue]
    mixed, found = np.zeros((size, 6)), np.zeros((size, 6))
    for i in range(6):
        mixed[:, i] = np.asarray(_product(energy, at, box, jnp.zeros(6 + size).at[i].set(1.0)))[6:]
        if np.abs(mixed[:, i]).max() > 0:
            found[:, i], stopped = minres(operator, mixed[:, i], rtol=_RESIDUAL, maxiter=10 * size)
            if stopped:
                raise DataError("the motions of the atoms do not settle: is the crystal stable?")
    return mixed, found


def at_rest(energy: Energy, positions: Float[np.ndarray, "atom 3"], cell: Float[np.ndarray, "3 3"], *,
            with_cell: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Positions, and the cell, at the nearest minimum of the energy.

    Args:
        energy: with a table of neighbors that still holds after the atoms have moved: give it some distance more than
            the cutoff.
        positions, cell: angstrom.
        with_cell: let the cell find its shape and size, too; its rotation is left out.

    Raises:
        DataError: no minimum is found.
    """
    with jax.enable_x64(True):
        at, box = jnp.asarray(positions, float), jnp.asarray(cell, float)
        # so that strains and displacements are alike
        size = jnp.cbrt(jnp.abs(jnp.linalg.det(box))) if with_cell else None

        def value(x: Array) -> tuple[Array, Array]:
            return _slope(energy, at, box, x, size)

        start = np.zeros(6 + at.size)
        found = minimize(lambda x: tuple(map(np.asarray, value(jnp.asarray(x)))), start, jac=True, method="L-BFGS-B",
                         options={"ftol": 0.0, "gtol": _AT_REST, "maxiter": 10_000, "maxfun": 100_000}).x
        if len(at) <= _DENSE:
            found = _polished(value, lambda x: _curvature(energy, at, box, x, size), found)
        left = float(jnp.abs(value(jnp.asarray(found))[1]).max())
        if not left < _FORCE:
            raise DataError(f"no state of rest was found: forces of {left:.3g} eV/A are left")
        rested, turned = _moved(at, box, jnp.asarray(found), size)
        return np.asarray(rested), np.asarray(turned)


def _polished(value: Callable[[Array], tuple[Array, Array]], curved: Callable[[Array], Array],
              x: np.ndarray) -> np.ndarray:
    """Newton's method, as long as the forces become smaller."""
    slope = np.asarray(value(jnp.asarray(x))[1])
    for _ in range(_TURNS):
        further = x - yielded(np.asarray(curved(jnp.asarray(x))), slope[:, None])[0][:, 0]
        steeper = np.asarray(value(jnp.asarray(further))[1])
        if not np.abs(steeper).max() < np.abs(slope).max():
            break
        x, slope = further, steeper
    return x
