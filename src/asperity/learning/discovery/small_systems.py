"""Positive definite systems of a few unknowns, column by column in plain operations.

Thousands of them are solved at once under `jax.vmap`, where XLA would call LAPACK for each from several threads: on two
processors those have been seen to wait for each other without end (jaxlib 0.10.1).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["lower_root", "solved", "solved_lower", "solved_upper"]


def lower_root(matrix: Array) -> Array:
    """Cholesky's L of a positive definite (n, n) matrix, L L^T."""
    place = jnp.arange(len(matrix))

    def column(j: Array, left: tuple[Array, Array]) -> tuple[Array, Array]:
        rest, root = left
        found = jnp.where(place >= j, rest[:, j], 0.0) / jnp.sqrt(rest[j, j])
        return rest - found[:, None] * found[None, :], jnp.where(place == j, found[:, None], root)

    return jax.lax.fori_loop(0, len(matrix), column, (matrix, jnp.zeros_like(matrix)))[1]


def solved_lower(root: Array, right: Array) -> Array:
    """x of L x = right, (n,) or (n, k)."""
    place = jnp.arange(len(root))

    def row(i: Array, left: Array) -> Array:
        found = left[i] / root[i, i]
        return jnp.where((place == i)[:, None], found, left - root[:, i, None] * found)

    return jax.lax.fori_loop(0, len(root), row, right.reshape(len(root), -1)).reshape(right.shape)


def solved_upper(root: Array, right: Array) -> Array:
    """x of L^T x = right, (n,) or (n, k)."""
    return solved_lower(root.T[::-1, ::-1], right[::-1])[::-1]


def solved(matrix: Array, right: Array) -> Array:
    """x of a positive definite (n, n) matrix times x = right, (n,) or (n, k)."""
    root = lower_root(matrix)
    return solved_upper(root, solved_lower(root, right))
