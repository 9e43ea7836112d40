r"""How the pull-off force of a sphere grows with its radius.

At fixed material $\lambda \propto R^{1/3}$, so that $F_{po} = \pi w R\,|P_{po}(\lambda)|$ is not
proportional to R between the limits of DMT and JKR.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from asperity.contact import maugis
from asperity.contact._model import Scalar

__all__ = ["pull_off_exponent"]


def pull_off_exponent(maugis_parameter: Scalar) -> Scalar:
    r"""The exponent of the pull-off force against the tip radius at fixed modulus, adhesion and range.

    $$s^* = \frac{\partial \ln F_{po}}{\partial \ln R}
          = 1 + \frac13\,\frac{d \ln |P_{po}|}{d \ln \lambda}$$

    Exact for the curve of Maugis and Dugdale, 0.001 < lambda < 1000. It is 1 in both limits,
    $1 - 0.43\,\lambda^{3/2}$ near DMT, and least, 0.962539, at lambda = 0.4888.
    Source: Maugis, J. Colloid Interface Sci. 150, 243 (1992); derivative by automatic differentiation.
    """

    def log_force(log_parameter: Scalar) -> Scalar:
        return jnp.log(-maugis.pull_off(jnp.exp(log_parameter))[1])

    return 1 + jax.grad(log_force)(jnp.log(maugis_parameter)) / 3
