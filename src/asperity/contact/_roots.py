"""Roots of smooth scalar equations, with exact derivatives of every order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from asperity.contact._model import Scalar

__all__ = ["bisect", "follow_branch", "implicit_root"]


def _away_from_zero(slope: Scalar) -> Scalar:
    """``slope``, with a magnitude of at least sqrt(eps): a fold's slope is not resolved any further."""
    floor = jnp.finfo(slope.dtype).eps ** 0.5
    return jnp.where(jnp.abs(slope) < floor, jnp.where(slope < 0, -floor, floor), slope)


def implicit_root(solve: Callable[..., Scalar], residual: Callable[..., Scalar]) -> Callable[..., Scalar]:
    r"""``solve(*arguments)``, differentiated as the x with ``residual(x, *arguments) = 0``.

    $$dx = -\frac{\partial_{arguments}\, residual \cdot d\,arguments}{\partial_x\, residual}$$

    How ``solve`` finds x does not matter to the derivative (it may iterate or branch). At a fold, where
    $\partial_x$ vanishes, the derivative is large but finite. ``residual`` is to be of order one.
    """
    root = jax.custom_jvp(lambda *arguments: solve(*(lax.stop_gradient(one) for one in arguments)))

    def tangent(primals: Any, tangents: Any) -> tuple[Scalar, Scalar]:
        x = root(*primals)
        moves = [not isinstance(tangent, SymbolicZero) for tangent in tangents]

        def moved(*moving: Scalar) -> Scalar:
            given = iter(moving)
            return residual(x, *(next(given) if moves[i] else primals[i] for i in range(len(primals))))

        _, slope = jax.jvp(lambda y: residual(y, *primals), (x,), (jnp.ones_like(x),))
        at, along = (tuple(v for v, m in zip(values, moves) if m) for values in (primals, tangents))
        _, change = jax.jvp(moved, at, along)
        return x, -change / _away_from_zero(slope)

    root.defjvp(tangent, symbolic_zeros=True)
    return root


def bisect(function: Callable[[Scalar], Scalar], lower: Scalar, upper: Scalar, steps: int = 60) -> Scalar:
    """The x > 0 between ``lower`` and ``upper`` at which ``function`` turns from negative to positive.

    Halves the interval of ln x. Where there is no turn, the end that is nearer to one is returned.
    """

    def halve(_: int, interval: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        low, high = interval
        middle = jnp.sqrt(low) * jnp.sqrt(high)
        above = function(middle) > 0
        return jnp.where(above, low, middle), jnp.where(above, middle, high)

    low, high = lax.fori_loop(0, steps, halve, (lower, upper))
    return jnp.sqrt(low) * jnp.sqrt(high)


def follow_branch(displacement: Callable[[Scalar], Scalar], target: Scalar, start: Scalar,
                  end: tuple[Scalar, Scalar], steps: int) -> Scalar:
    """x with ``displacement(x) = target`` on the stable branch of a contact, which ends at a fold.

    ``end`` is (x, displacement) at the fold; ``start`` lies beyond the root, seen from the fold. Newton's
    method on the root of the displacement above the fold, which is nearly linear in x: the fold's square
    root costs no steps. No step goes
    all the way to the fold, where the slope vanishes.
    """
    end_x, end_displacement = end
    goal = jnp.sqrt(jnp.maximum(target - end_displacement, 0))

    def step(_: int, x: Scalar) -> Scalar:
        value, slope = jax.jvp(displacement, (x,), (jnp.ones_like(x),))
        height = jnp.sqrt(jnp.maximum(value - end_displacement, 0))
        change = 2 * height * (height - goal) / jnp.where(slope > 0, slope, jnp.inf)
        return jnp.maximum(x - change, end_x + 0.02 * (x - end_x))

    return lax.fori_loop(0, steps, step, start)
