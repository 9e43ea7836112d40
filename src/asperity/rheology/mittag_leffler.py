r"""The Mittag-Leffler function of a negative argument: how a fractional element relaxes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln

from asperity.rheology._laplace import inverse_laplace

__all__ = ["mittag_leffler", "reciprocal_gamma"]


def reciprocal_gamma(z: jax.Array) -> jax.Array:
    r"""$1/\Gamma(z)$ for z > -2, exactly 0 at 0 and -1 and differentiable there."""
    z = jnp.asarray(z)
    return z * (z + 1) * jnp.exp(-gammaln(z + 2))


def mittag_leffler(x: jax.Array, alpha: jax.Array, beta: jax.Array | float = 1.0) -> jax.Array:
    r"""$E_{\alpha,\beta}(-x)$ for one x >= 0, differentiable in x and both orders.

    $$E_{\alpha,\beta}(-x) = \sum_{k=0}^\infty \frac{(-x)^k}{\Gamma(\alpha k + \beta)}
       = \frac{1}{2\pi i}\int_C \frac{s^{\alpha-\beta}}{s^\alpha + x}\, e^s\, ds$$

    The integral is taken by `inverse_laplace`. For x > 1 its leading term $1/(x\,\Gamma(\beta-\alpha))$ is
    taken out, so that the relative precision also holds where that term vanishes ($\beta = \alpha$).
    Relative error below 1e-12 in double precision for 0.1 <= alpha <= 0.95 and every x tested (1e-6 to
    1e6); for alpha above that the *absolute* error stays below 1e-14, also at alpha = 1, where the function
    falls off exponentially (exp(-x) for beta = 1).

    Args:
        x: minus the argument, one number >= 0.
        alpha: first order, 0 < alpha <= 1.
        beta: second order, larger than alpha - 2 and than -2.

    Returns:
        The value; NaN where an argument lies outside its range.

    Source: Gorenflo, Kilbas, Mainardi, Rogosin, Mittag-Leffler Functions (2014), chapters 3 and 4.
    """
    x, alpha, beta = (jnp.asarray(v) for v in (x, alpha, beta))
    large = x > 1
    divisor, one = jnp.where(large, x, 1.0), jnp.ones_like(x + alpha + beta)

    def transform(s: jax.Array) -> jax.Array:
        power = s**alpha
        numerator = jnp.where(large, -power / divisor, 1.0)
        return numerator * power * s**-beta / (power + x)

    leading = jnp.where(large, reciprocal_gamma(beta - alpha) / divisor, 0.0)
    valid = (x >= 0) & (alpha > 0) & (alpha <= 1) & (beta > alpha - 2) & (beta > -2)
    return jnp.where(valid, leading + inverse_laplace(transform, one), jnp.nan)
