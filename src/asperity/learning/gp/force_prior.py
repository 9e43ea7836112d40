r"""Priors of the force between tip and sample against their separation: how it is composed of parts, and how it decays.

A force law is a sum of a short-range and a long-range part, F = f_rep + f_att, each a Gaussian process:

``decaying``            Matern 5/2 in z times $e^{-z/\lambda}$, plus Matern 5/2 in ln z times $z^{-q}$;
``rational_quadratic``  squared exponential times $e^{-z/\lambda}$, plus rational quadratic;
``log_separation``      squared exponential times $e^{-z/\lambda}$, plus squared exponential in ln z;
``squared_exponential`` one squared exponential, which knows nothing of forces: for comparison.

Only the first lets all forces vanish at large separations: its variance there is $s^2 z^{-2q}$. The others' long-range
part has the same variance everywhere, so that they extrapolate to whatever constant the last data suggest. Coordinates
and forces are in units of a length and a force that the caller chooses (`scales`), and all hyperparameters are natural
logarithms, with independent normal priors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from asperity.learning.gp._kernel import AbstractKernel
from asperity.learning.gp.hyperparameters import GaussianPrior
from asperity.learning.gp.kernels import (
    Constant,
    Envelope,
    LogSeparation,
    Matern,
    PowerLaw,
    RationalQuadratic,
    SquaredExponential,
)

__all__ = ["FORCE_PRIORS", "ForcePrior"]

#: hyperparameter -> mean and standard deviation of its natural logarithm; lengths and forces in units of the scales
_HYPER = {
    "short_std": (0.0, 1.5),  # of the short-range part at the nearest point,
    "decay": (-1.0, 1.0),  # its decay length,
    "length": (0.0, 1.0),  # and that over which it bends
    "long_std": (-1.5, 1.5),  # of the long-range part at one unit of length,
    "exponent": (0.693, 0.25),  # the power by which it falls: 2, as of a sphere and a plane
    "log_length": (0.7, 0.7),  # and the factor over which it bends, as a logarithm
    "long_length": (1.0, 1.0),  # or the length
    "shape": (0.0, 1.0),  # of the rational quadratic kernel
}


class ForcePrior(NamedTuple):
    """A composition of kernels with the prior of its hyperparameters."""

    name: str
    parameters: tuple[str, ...]
    parts: tuple[str, ...]  # what the parts of the kernel are called
    build: Callable[..., AbstractKernel]  # from the hyperparameters by name, and the nearest separation

    @property
    def prior(self) -> GaussianPrior:
        """Of the logarithms of the hyperparameters."""
        mean, std = zip(*(_HYPER[name] for name in self.parameters))
        return GaussianPrior(jnp.array(mean), jnp.array(std))

    def kernel(self, theta: Float[Array, " parameter"], nearest: Float[Array, ""]) -> AbstractKernel:
        """The kernel of the logarithms of the hyperparameters."""
        return self.build(nearest, **dict(zip(self.parameters, jnp.exp(theta))))


def _short(nearest: Array, std: Array, decay: Array) -> AbstractKernel:
    """The envelope whose standard deviation at the nearest separation is ``std``."""
    return Constant(std * jnp.exp(nearest / decay)) * Envelope(decay)


def _decaying(nearest: Array, short_std: Array, decay: Array, length: Array, long_std: Array, exponent: Array,
              log_length: Array) -> AbstractKernel:
    return (_short(nearest, short_std, decay) * Matern(length)
            + Constant(long_std) * PowerLaw(exponent) * LogSeparation(Matern(log_length)))


def _rational_quadratic(nearest: Array, short_std: Array, decay: Array, length: Array, long_std: Array,
                        long_length: Array, shape: Array) -> AbstractKernel:
    return (_short(nearest, short_std, decay) * SquaredExponential(length)
            + Constant(long_std) * RationalQuadratic(long_length, shape))


def _log_separation(nearest: Array, short_std: Array, decay: Array, length: Array, long_std: Array,
                    log_length: Array) -> AbstractKernel:
    return (_short(nearest, short_std, decay) * SquaredExponential(length)
            + Constant(long_std) * LogSeparation(SquaredExponential(log_length)))


def _squared_exponential(nearest: Array, short_std: Array, length: Array) -> AbstractKernel:
    return Constant(short_std) * SquaredExponential(length)


_PARTS = ("short_range", "long_range")
_SHORT = ("short_std", "decay", "length", "long_std")
#: name -> composition; the first is the default
FORCE_PRIORS: dict[str, ForcePrior] = {prior.name: prior for prior in (
    ForcePrior("decaying", (*_SHORT, "exponent", "log_length"), _PARTS, _decaying),
    ForcePrior("rational_quadratic", (*_SHORT, "long_length", "shape"), _PARTS, _rational_quadratic),
    ForcePrior("log_separation", (*_SHORT, "log_length"), _PARTS, _log_separation),
    ForcePrior("squared_exponential", ("short_std", "length"), ("force",), _squared_exponential))}
