r"""Koopman models with inputs: the lifted state is moved by what a controller sets.

A row vector z of a dictionary's functions becomes, under the inputs u during one step of time,

$$z' = z K + u B \quad\text{(linear)}, \qquad z' = z K + u B + \textstyle\sum_i u_i\, z\, B_i \quad\text{(bilinear)},$$

and what is measured during the step (outputs, a peak force say) is a function of the same z and u, with columns of its
own. All of it is one least-squares problem: with the regressors r = (z, u, u_1 z, u_2 z, ...) and the targets
t = (z', outputs), $\sum r^\top r$ and $\sum r^\top t$ are summed in one pass, and the sums of several sets of data add.
States are scaled to [-1, 1], inputs by their largest size (0 stays 0): units do not matter. A bilinear model follows an
input whose effect depends on the state, as that of a height does, which is nothing before contact.

Source: Korda, Mezic, Automatica 93, 149 (2018) (linear inputs); Bruder, Fu, Vasudevan, IEEE Robot. Autom. Lett. 6, 4369
(2021) (bilinear).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve

from asperity.dynamics.dictionaries import AbstractDictionary
from asperity.dynamics.koopman.sums import Scaling, scaling_of
from asperity.messages import ArgumentError, DataError

__all__ = ["InputModel", "InputSums", "Scalings", "Transitions", "fit_inputs", "input_rollout",
           "input_sums_of", "scalings_of", "transitions", "within_box"]

_BLOCK = 8192  # samples lifted at once: some MB
_RIDGE = 1e-13  # of the scaled Gram matrix: below the rounding of its sums


class Transitions(NamedTuple):
    """States one step apart, with the inputs and outputs of the step."""

    before: Float[np.ndarray, "sample state"]
    inputs: Float[np.ndarray, "sample input"]
    after: Float[np.ndarray, "sample state"]
    outputs: Float[np.ndarray, "sample output"]


class Scalings(NamedTuple):
    """Of states and of inputs."""

    states: Scaling
    inputs: Scaling  # with the center 0


class InputSums(NamedTuple):
    """What one pass keeps; `merged` adds those of several sets."""

    samples: int
    gram: Float[np.ndarray, "regressor regressor"]
    across: Float[np.ndarray, "regressor target"]

    def merged(self, other: InputSums) -> InputSums:
        """The sums of both sets."""
        return InputSums(self.samples + other.samples, self.gram + other.gram, self.across + other.across)


class InputModel(NamedTuple):
    """A linear or bilinear model; targets are the lifted state after the step, then the outputs during it."""

    dictionary: AbstractDictionary
    scalings: Scalings
    matrix: Float[np.ndarray, "function target"]  # K, and what the outputs owe to the state
    gain: Float[np.ndarray, "input target"]  # B, of scaled inputs
    crossed: Float[np.ndarray, "input function target"]  # B_i, of scaled inputs; 0 in a linear model

    def lift(self, x: Float[np.ndarray, "sample state"]) -> Float[np.ndarray, "sample function"]:
        """z of states."""
        return self.dictionary.lift(self.scalings.states.scaled(x)).T

    def after(self, z: Float[np.ndarray, "sample function"], scaled: Float[np.ndarray, "sample input"]
              ) -> tuple[Float[np.ndarray, "sample function"], Float[np.ndarray, "sample output"]]:
        """z one step later, and the outputs of the step, under these scaled inputs."""
        targets = z @ self.matrix + scaled @ self.gain
        for one, crossed in zip(scaled.T, self.crossed, strict=True):
            targets += (one[:, None] * z) @ crossed
        return targets[:, : z.shape[1]], targets[:, z.shape[1] :]


def transitions(episodes: Iterable[Sequence[np.ndarray]]) -> Transitions:
    """Those of episodes, none across the end of one.

    Args:
        episodes: each the states of n + 1 samples, the inputs of the n steps between them, and, if any, the outputs of
            these steps.
    """
    parts = []
    for states, inputs, *outputs in episodes:
        x, u = np.asarray(states, float), np.asarray(inputs, float)
        y = np.asarray(outputs[0], float) if outputs else np.empty((len(u), 0))
        if not len(u) == len(y) == len(x) - 1:
            raise DataError(f"an episode of {len(x)} states has {len(u)} inputs and {len(y)} outputs: give one less, "
                            "one for each step between two states")
        parts.append(Transitions(x[:-1], u, x[1:], y))
    if not parts:
        raise DataError("no episode: give at least one")
    return Transitions(*(np.concatenate(one) for one in zip(*parts, strict=True)))


def scalings_of(steps: Transitions) -> Scalings:
    """The box of the states, and the largest size of each input.

    Raises:
        DataError: a state never changes, or an input is never used.
    """
    largest = np.max(np.abs(steps.inputs), axis=0, initial=0.0)
    if not np.isfinite(largest).all():
        raise DataError("an input is not finite: leave out the samples where it is unknown")
    if not largest.all():
        raise DataError(f"input {np.flatnonzero(largest == 0)[0]} is always 0: leave it out, or excite it")
    return Scalings(scaling_of(np.concatenate([steps.before, steps.after])), Scaling(np.zeros_like(largest), largest))


def input_sums_of(dictionary: AbstractDictionary, scalings: Scalings, steps: Transitions, *,
                  bilinear: bool = False) -> InputSums:
    """The sums of transitions, in blocks: memory does not grow with their number.

    The arrays of ``steps`` may be anything that slices to arrays (memory maps, zarr).
    """
    if not len(steps.before):
        raise DataError("no transition: an episode needs two samples at least")
    blocks = (_block(dictionary, scalings, Transitions(*(np.asarray(one[i : i + _BLOCK]) for one in steps)), bilinear)
              for i in range(0, len(steps.before), _BLOCK))
    return reduce(InputSums.merged, blocks)


def _block(dictionary: AbstractDictionary, scalings: Scalings, steps: Transitions, bilinear: bool) -> InputSums:
    before, after = (dictionary.lift(scalings.states.scaled(x)) for x in (steps.before, steps.after))
    scaled = scalings.inputs.scaled(steps.inputs)
    products = [one * before for one in scaled] if bilinear else []
    # the input by itself is u times the first function, which is 1
    regressors = np.concatenate([before, *products]) if bilinear else np.concatenate([before, scaled])
    return InputSums(before.shape[1], regressors @ regressors.T,
                     regressors @ np.concatenate([after, steps.outputs.T]).T)


def fit_inputs(dictionary: AbstractDictionary, scalings: Scalings, sums: InputSums) -> InputModel:
    """The least-squares model of these sums, bilinear if they are.

    Raises:
        ArgumentError: fewer transitions than regressors.
    """
    count = len(sums.gram)
    if sums.samples < count:
        raise ArgumentError(f"{sums.samples} transitions for {count} regressors: give more, or a smaller dictionary")
    functions, inputs = dictionary.size(len(scalings.states.half)), len(scalings.inputs.half)
    size = 1 / np.sqrt(np.diag(sums.gram))
    factor = cho_factor(size[:, None] * sums.gram * size + _RIDGE * np.eye(count))
    found = size[:, None] * cho_solve(factor, size[:, None] * sums.across)
    if count == functions + inputs:
        crossed = np.zeros((inputs, functions, found.shape[1]))
        return InputModel(dictionary, scalings, found[:functions], found[functions:], crossed)
    crossed = found[functions:].reshape(inputs, functions, -1)
    gain = crossed[:, 0].copy()
    crossed[:, 0] = 0.0
    return InputModel(dictionary, scalings, found[:functions], gain, crossed)


def within_box(scaled: Float[np.ndarray, "state sample"]) -> Float[np.ndarray, "state sample"]:
    """Scaled states within the box of the data; one outside is taken at its edge, where the functions were fitted."""
    return np.clip(scaled, -1.0, 1.0)


def input_rollout(model: InputModel, start: Float[np.ndarray, "episode state"],
                  inputs: Float[np.ndarray, "step episode input"], *, relift: bool = False
                  ) -> tuple[Float[np.ndarray, "step episode state"], Float[np.ndarray, "step episode output"]]:
    """The states after each step from each ``start``, and the outputs of the steps.

    Args:
        model: fitted.
        start: states.
        inputs: of each step.
        relift: lift the predicted state anew before each step, held to the box of the data; else the lifted state
            itself evolves, which is what a quadratic program plans with.
    """
    states = len(model.scalings.states.half)
    z = model.lift(np.atleast_2d(start))
    path, shown = [], []
    for one in inputs:
        z, outputs = model.after(z, model.scalings.inputs.scaled(np.atleast_2d(one)).T)
        inside = z[:, 1 : states + 1].T
        path.append(model.scalings.states.back(inside))
        shown.append(outputs)
        if relift:
            z = model.dictionary.lift(within_box(inside)).T
    return np.array(path), np.array(shown)
