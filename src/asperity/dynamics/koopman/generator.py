r"""The generator of a Koopman model, from states and their rates of change: no step of time.

With $\dot\Psi = J_\psi \dot x$ in the place of the functions after a step, the same sums, least squares and residuals
give the matrix of the generator: its eigenvalues are rates, in 1/s. What `fit` makes of them moves the lifted state as
$\dot z = z K$; `stepped` makes the model of one step of time from it.

It needs rates that are known, from a law of motion or a sensor of their own: differences of noisy samples are noisier
than the samples.

Source: Klus et al., Physica D 406, 132416 (2020).
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from jaxtyping import Float
from scipy.linalg import expm

from asperity.dynamics.dictionaries import AbstractDictionary
from asperity.dynamics.koopman.edmd import KoopmanModel
from asperity.dynamics.koopman.sums import BLOCK, Method, Scaling, Sums, block
from asperity.messages import DataError

__all__ = ["generator_sums", "stepped"]


def generator_sums(dictionary: AbstractDictionary, scaling: Scaling, x: Float[np.ndarray, "sample state"],
                   velocity: Float[np.ndarray, "sample state"], *, method: Method = "gram") -> Sums:
    """The sums of states and their rates of change (the states' units per second)."""
    if x.shape != velocity.shape:
        raise DataError(f"states and rates of different shapes: {x.shape} and {velocity.shape}")
    if not len(x):
        raise DataError("no state")

    def one(rows: slice) -> Sums:
        scaled, moved = scaling.scaled(x[rows]), (velocity[rows] / scaling.half).T
        return block(dictionary.lift(scaled), dictionary.rate(scaled, moved), method)

    return reduce(Sums.merged, (one(slice(i, i + BLOCK)) for i in range(0, len(x), BLOCK)))


def stepped(generator: KoopmanModel, step: float) -> KoopmanModel:
    r"""The model of one step of time (s): $K = e^{\Delta t\,K_g}$.

    Its sums remain those of the generator: residuals and modes are to be had from the generator itself.
    """
    return generator._replace(matrix=expm(step * generator.matrix))
