"""Newton's method for the root of a smooth function of one unknown, with the exact slope of that root."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["newton"]

_STEPS = 8  # on a layer as thin as a thousandth of the tip's radius, to the last digit


def newton(function: Callable[[Any], Any], goal: Any, start: Any, *, most: Any = jnp.inf) -> Any:
    """x with ``function(x) = goal`` from a ``start`` on the side from which Newton's method converges.

    The derivative of x along what ``function`` and ``goal`` depend on is exact: the last step is taken from the root,
    where its slope does not count.

    Args:
        most: what x is never above while it is sought.
    """

    def step(_: int, x: Any) -> Any:
        value, slope = jax.jvp(function, (x,), (jnp.ones_like(x),))
        return jnp.minimum(x - (value - goal) / slope, most)

    x = jax.lax.stop_gradient(jax.lax.fori_loop(0, _STEPS, step, jax.lax.stop_gradient(start)))
    _, slope = jax.jvp(function, (x,), (jnp.ones_like(x),))
    return x - (function(x) - goal) / jax.lax.stop_gradient(slope)
