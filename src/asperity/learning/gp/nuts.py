"""A second opinion on `asperity.learning.gp.tempering.tempered`: the No-U-Turn sampler of blackjax (extra ``bayes``).

Chains that know nothing of each other follow the gradient; none jumps from one maximum to another, and there is no
evidence. Where both samplers agree, the posterior is what they say; where the chains differ, it has several maxima and
`tempered` is the one to trust.

Source: Hoffman, Gelman, J. Mach. Learn. Res. 15, 1593 (2014).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from asperity.learning.gp.hyperparameters import Density, Draws, GaussianPrior
from asperity.messages import ArgumentError, whole

__all__ = ["nuts"]

_CHAINS = 4
_WARMUP = 500  # steps of each chain that tune its step and its metric, and are thrown away
_THINNED = 2  # steps from one draw to the next


def nuts(likelihood: Density, prior: GaussianPrior, key: Array, draws: int) -> Draws:
    """``draws`` draws, a multiple of four, in the order of the four chains; ``evidence`` is NaN.

    ``moved`` is the mean probability of acceptance: 0.8 is aimed at.

    Raises:
        ArgumentError: blackjax is not installed, or ``draws`` cannot be shared among the chains.
    """
    blackjax = _program()
    if whole("draws", draws, _CHAINS) % _CHAINS:
        raise ArgumentError(f"draws = {draws}: must be a multiple of {_CHAINS}, the number of chains")

    def density(unit: Array) -> Array:
        return likelihood(prior.at(unit)) - 0.5 * (unit**2).sum()

    def chain(start: Array, key: Array) -> tuple[Array, Array]:
        first, second = jax.random.split(key)
        tuned, _ = blackjax.window_adaptation(blackjax.nuts, density).run(first, start, _WARMUP)
        step = blackjax.nuts(density, **tuned.parameters).step

        def one(state: Any, key: Array) -> tuple[Any, tuple[Array, Array]]:
            state, told = step(key, state)
            return state, (state.position, told.acceptance_rate)

        keys = jax.random.split(second, _THINNED * draws // _CHAINS)
        _, (units, accepted) = jax.lax.scan(one, tuned.state, keys)
        return units[::_THINNED], accepted.mean()

    first, second = jax.random.split(key)
    starts = jax.random.normal(first, (_CHAINS, len(prior.mean)))
    units, accepted = jax.vmap(chain)(starts, jax.random.split(second, _CHAINS))
    return Draws(prior.at(units.reshape(draws, -1)), jnp.asarray(jnp.nan), accepted.mean())


def _program() -> Any:
    try:
        import blackjax  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ArgumentError("nuts: blackjax is not installed here. Install it with the extra: pip install "
                            "asperity[bayes], or draw with tempered, which needs nothing") from error
    return blackjax
