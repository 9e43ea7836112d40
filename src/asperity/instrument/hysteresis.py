"""Hysteresis of a piezo: the Prandtl-Ishlinskii operator and its inverse in closed form."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from asperity.instrument.scanner_memory import Memory, as_array, run
from asperity.messages import ArgumentError

__all__ = ["PrandtlIshlinskii"]


@final
class PrandtlIshlinskii(eqx.Module):
    r"""A weighted sum of plays with thresholds $r_i$ (backlash of half-width $r_i$), driven by u.

    $$y = \sum_i w_i z_i, \qquad z_i \leftarrow \max(u - r_i, \min(u + r_i, z_i))$$

    Independent of the rate; an excursion of the drive wipes out all smaller ones before it; minor loops
    between the same two drives are congruent. With $W_i = \sum_{j \le i} w_j > 0$ it has the inverse
    `inverse`, again a sum of plays. ``thresholds`` (n,) rise from $r_0 = 0$, in units of the drive;
    ``weights`` (n,) are the displacement (m) per unit of drive; those of a scanner are not negative.

    Raises:
        ValueError: thresholds or weights that are not as said here.
    Source: Krasnosel'skii & Pokrovskii, Systems with Hysteresis (1989); Kuhnen, Eur. J. Control 9, 407
    (2003).
    """

    thresholds: Float[Array, " n"] = eqx.field(converter=as_array)
    weights: Float[Array, " n"] = eqx.field(converter=as_array)

    def __check_init__(self):
        if isinstance(self.thresholds, np.ndarray) and isinstance(self.weights, np.ndarray):
            _require_invertible(self.thresholds, self.weights)

    @eqx.filter_jit
    def displacement(self, drive: Float[Array, " sample"],
                     plays: Float[Array, " n"]) -> tuple[Float[Array, " sample"], Float[Array, " n"]]:
        """The displacement (m) along a drive, and the plays after it; ``plays`` are those before it."""
        none = jnp.zeros(0)
        found, end = run(Memory(plays, none), drive, self.thresholds, jnp.zeros((drive.size, 0)),
                         lambda plays, _: self.weights @ plays)
        return found, end.plays

    def inverse(self) -> PrandtlIshlinskii:
        r"""The operator that takes the displacement back to the drive.

        $$r'_i = \sum_{j \le i} w_j (r_i - r_j), \quad w'_0 = 1/w_0, \quad w'_i = -w_i / (W_i W_{i-1})$$
        """
        w, total = self.weights, jnp.cumsum(self.weights)
        weights = jnp.concatenate([1 / total[:1], -w[1:] / (total[1:] * total[:-1])])
        return PrandtlIshlinskii(total * self.thresholds - jnp.cumsum(w * self.thresholds), weights)

    def inverse_plays(self, plays: Float[Array, " n"]) -> Float[Array, " n"]:
        r"""The plays of `inverse` that belong to ``plays``: $z'_i = W_i z_i + \sum_{j > i} w_j z_j$."""
        moved = self.weights * plays
        return jnp.cumsum(self.weights) * plays + jnp.cumsum(moved[::-1])[::-1] - moved


def _require_invertible(thresholds: np.ndarray, weights: np.ndarray) -> None:
    if thresholds.ndim != 1 or thresholds.shape != weights.shape or not len(thresholds):
        raise ValueError(f"thresholds {thresholds.shape} and weights {weights.shape}: one of each per play")
    if thresholds[0] != 0 or not (np.diff(thresholds) > 0).all():
        raise ArgumentError(f"thresholds = {thresholds}: must rise from 0, the play that follows the drive")
    total = np.cumsum(weights)
    if not (np.isfinite(total) & (total > 0)).all():
        raise ArgumentError(f"weights = {weights}: every sum of the first ones must be positive, else the "
                            "displacement does not rise with the drive; identify again with fewer plays")
