"""What was observed, and what a solver answers: the types that all solvers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Array, Bool, Float

from asperity.learning.gp._kernel import AbstractKernel, Scalar

__all__ = ["Observed", "PartPosterior", "value"]


def value(f: Callable[[Scalar], Scalar], at: Scalar) -> Scalar:
    """The functional that is the value itself."""
    return f(at)


class Observed(NamedTuple):
    """Values at points, with their noise; padded to a fixed length."""

    z: Float[Array, " point"]  # coordinates, ascending
    y: Float[Array, " point"]  # values
    variance: Float[Array, "*points"]  # of the noise; a matrix, which `dense` alone takes, is its covariance
    there: Bool[Array, " point"]  # False: padding, or a point that was not observed
    time: Float[Array, " point"] | None = None  # the coordinate of the noise that is not independent,
    noise: AbstractKernel | None = None  # whose kernel this is


class PartPosterior(NamedTuple):
    """What is known at each point of the parts f_j of a kernel, and of their derivatives."""

    mean: Float[Array, "point row"]  # rows: the parts, then their derivatives
    covariance: Float[Array, "point row row"]
