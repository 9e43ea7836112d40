r"""The force of an indentation with any history, on a material that relaxes (Lee and Radok; Ting).

$$F(t) = \frac{1}{1-\nu^2}\int_0^{t_1} E(t-s)\,\frac{d\,g(\delta(s))}{ds}\,ds, \qquad
  \int_{t_1}^{t} E(t-s)\,\dot\delta(s)\,ds = 0$$

g is the shape function of a contact without adhesion ($\tfrac43\sqrt{R}\,\delta^{3/2}$ of a paraboloid, any
other of `asperity.contact`). While the contact grows, $t_1 = t$; while it shrinks, $t_1$ is the time at
which it was as large on the way in, and when there is none the contact is lost.

Both integrals are taken by product integration: $\delta$ and g are linear between two samples, and the
integral of E over each such cell is exact, from the model's ``relaxation_integral``. The error is of second
order in the step. Poisson's ratio is taken as constant.

Source: Lee, Radok, J. Appl. Mech. 27, 438 (1960); Ting, J. Appl. Mech. 33, 845 (1966).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from asperity.contact import AbstractElasticContact
from asperity.rheology._model import AbstractRelaxationModel

__all__ = ["lee_radok", "ting"]

Samples = Float[Array, " sample"]


def lee_radok(contact: AbstractElasticContact, relaxation: AbstractRelaxationModel, time: Samples,
              indentation: Samples) -> Samples:
    """Force in N while the contact grows, at every sample.

    Args:
        contact: the tip and Poisson's ratio; its modulus has no part in the force.
        relaxation: the material.
        time: (N,) s, ascending.
        indentation: (N,) m, negative or 0 before contact.

    Returns:
        (N,) forces; NaN throughout if the times do not ascend or the first sample is in contact already,
        for then the history is not known. Where the contact shrinks the force is not valid: see `ting`.
    """
    weights = _cell_means(relaxation, time)
    growth = jnp.diff(jax.vmap(contact.shape)(indentation))
    force = weights @ growth / (1 - contact.poisson_ratio**2)
    return jnp.where(_known(time, indentation), force, jnp.nan)


def ting(contact: AbstractElasticContact, relaxation: AbstractRelaxationModel, time: Samples,
         indentation: Samples) -> Samples:
    """Force in N for a contact that grows to the largest indentation and shrinks afterwards.

    Arguments and result as in `lee_radok`. The force is 0 from the first sample on at which no earlier
    contact was as large, even where the indentation is still positive: the dent recovers more slowly.
    """
    turn = jnp.argmax(indentation)
    index = jnp.arange(len(time))
    retracting = index > turn
    depth = jnp.where(retracting, indentation, jnp.maximum(indentation, 0.0))
    weights = _cell_means(relaxation, time)
    force = _cumulative(weights, jnp.diff(jax.vmap(contact.shape)(depth)))
    strain = _cumulative(weights, jnp.diff(depth))
    since = jnp.where(index <= turn, strain[:, -1:] - strain, -jnp.inf)  # from that sample on the way in till now
    lost = jnp.cumsum(retracting & (since[:, 0] < 0)) > 0
    shrinking = jax.vmap(_until_balance)(since, force)
    whole = jnp.where(retracting, jnp.where(lost, 0.0, shrinking), force[:, -1])
    return jnp.where(_known(time, indentation), whole / (1 - contact.poisson_ratio**2), jnp.nan)


def _known(time: Samples, indentation: Samples) -> jax.Array:
    """Whether the history is complete."""
    return jnp.all(jnp.diff(time) > 0) & (indentation[0] <= 0)


def _cell_means(relaxation: AbstractRelaxationModel, time: Samples) -> jax.Array:
    """(N, N - 1): the mean of E(t_i - s) over every cell before t_i, and 0 for those after it."""
    lag = time[:, None] - time
    safe = jnp.where(lag > 0, lag, 1.0)
    flat = jax.vmap(relaxation.relaxation_integral)(safe.ravel()).reshape(lag.shape)
    integral = jnp.where(lag > 0, flat, 0.0)
    return (integral[:, :-1] - integral[:, 1:]) / jnp.diff(time)


def _cumulative(weights: jax.Array, growth: Samples) -> jax.Array:
    """(N, N): the integral at t_i up to every sample."""
    return jnp.pad(jnp.cumsum(weights * growth, axis=1), ((0, 0), (1, 0)))


def _until_balance(since: Samples, force: Samples) -> jax.Array:
    """The force accumulated up to where ``since`` falls through 0; both are linear in the same measure."""
    last = jnp.where(since >= 0, jnp.arange(len(since)), 0).max()
    following = jnp.minimum(last + 1, len(since) - 1)
    fall = since[last] - since[following]
    part = jnp.where(jnp.isfinite(fall) & (fall > 0), since[last] / jnp.where(fall > 0, fall, 1.0), 0.0)
    return force[last] + part * (force[following] - force[last])
