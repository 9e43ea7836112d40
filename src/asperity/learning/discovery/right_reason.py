r"""Right for the right reason: three numbers beside every R2.

A prediction that fits may have the wrong exponents, lean on the wrong input, or know in which units it was trained.
The last is the swap test: in other units of mass, length and time the dimensionless groups are what they were, and the
prediction must change as its own unit does, to round-off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from asperity.learning.discovery.dimensions import rescaled
from asperity.learning.discovery.local_effects import accumulated_local_effect

__all__ = ["RightReason", "right_reason", "swap_test"]

_FACTORS = (0.5, 2.0)  # by which a unit is made smaller: not so far that a table would be left
_STEP = 1e-4  # of ln x, for exponents

#: of name -> values (point,): the prediction (point,)
Prediction = Callable[[Mapping[str, Any]], Any]


class RightReason(NamedTuple):
    """What is wrong with a prediction beyond its scatter; 0 each for the law itself."""

    exponents: float  # rms of d ln f / d ln x less that of theory, over points and inputs
    effects: float  # the largest |slope of the local effect - that of the law|, in ln f over ln x
    swap: float  # the largest relative change of a prediction in other units


def swap_test(function: Prediction, inputs: Mapping[str, Any], units: Mapping[str, str], unit: str, *,
              trials: int = 8, seed: int = 0) -> float:
    """The largest relative change of the prediction, of ``unit``, by other units of mass, length and time."""
    values = {name: np.asarray(inputs[name], float) for name in units}
    here, worst, rng = np.asarray(function(values), float), 0.0, np.random.default_rng(seed)
    for _ in range(trials):
        factors = {base: float(np.exp(rng.uniform(*np.log(_FACTORS)))) for base in ("kg", "m", "s")}
        there = np.asarray(function(rescaled(values, units, factors)), float)
        wanted = rescaled({"output": here}, {"output": unit}, factors)["output"]
        worst = max(worst, float(np.max(np.abs(there / wanted - 1))))
    return worst


def right_reason(function: Prediction, law: Prediction, inputs: Mapping[str, Any], units: Mapping[str, str],
                 unit: str) -> RightReason:
    """The three numbers of a prediction against the ``law`` of theory, at these ``inputs`` (name -> values (point,)).

    Both are positive functions of name -> values, and ``unit`` is that of what they give.
    """
    names = list(units)
    logs = np.stack([np.log(np.asarray(inputs[name], float)) for name in names], axis=1)

    def of(some: Prediction) -> Callable[[np.ndarray], np.ndarray]:
        return lambda x: np.log(np.asarray(some(dict(zip(names, np.exp(x).T))), float))

    def exponents(some: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        steps = np.eye(len(names)) * _STEP
        return np.stack([(some(logs + step) - some(logs - step)) / (2 * _STEP) for step in steps], axis=1)

    own, theory = of(function), of(law)
    effects = [accumulated_local_effect(own, logs, i).slope - accumulated_local_effect(theory, logs, i).slope
               for i in range(len(names))]
    return RightReason(float(np.sqrt(np.mean((exponents(own) - exponents(theory)) ** 2))),
                       float(np.max(np.abs(effects))), swap_test(function, inputs, units, unit))
