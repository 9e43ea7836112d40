r"""The ways to a spring constant that the knowledge about a lever allows, and which of them to trust."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from asperity.instrument.digits import constant
from asperity.instrument.digits import factor as times
from asperity.instrument.hydrodynamics import Fluid
from asperity.instrument.spring_constant import (
    BETA,
    CHI,
    Estimate,
    Known,
    equipartition,
    from_coefficient,
    sader,
)
from asperity.messages import ArgumentError

__all__ = ["ASSUMED", "Lever", "Method", "Number", "Surroundings", "Way", "contradicts", "decide", "known_inputs",
           "relative", "ways_of"]

#: relative standard uncertainties taken where none is given (rad for the tilt), and named in the findings;
#: "theory" is Sader's: tip, coating, clamping and an imperfect rectangle
ASSUMED = {"width": 0.03, "length": 0.02, "tilt": 0.03, "beta": 0.02, "chi": 0.03, "coefficient": 0.05,
           "temperature": 0.01, "density": 0.02, "viscosity": 0.02, "sensitivity": 0.05, "theory": 0.05}
_AGREED = 2.0  # standard deviations up to which two methods agree
_REFUSED = 1.5  # ratio of two methods' spring constants beyond which no number is given

_ELSEWHERE = 0.1  # relative standard uncertainty of a spring constant of which nothing else is known

Number = float | Known


@dataclass(frozen=True)
class Lever:
    """What is known of the lever; numbers with (`Known`) or without a standard uncertainty.

    ``width`` and ``length`` (m) of a rectangular lever allow the method of Sader. ``tilt`` (rad) is against
    the surface. ``beta`` and ``chi`` are those of a rectangular lever; give your own for a V-shaped one.
    ``coefficient`` is A of k = A Q f^1.3 in N/m Hz^-1.3.
    """

    width: Number | None = None
    length: Number | None = None
    tilt: Number = 0.0
    beta: Number = BETA
    chi: Number = CHI
    coefficient: Number | None = None


@dataclass(frozen=True)
class Surroundings:
    """``temperature`` (K) of the lever, ``density`` (kg/m^3) and ``viscosity`` (Pa s) of the fluid."""

    temperature: Number
    density: Number | None = None
    viscosity: Number | None = None


class Method(NamedTuple):
    """One way to the spring constant (N/m); ``budget``: relative standard uncertainty from each input."""

    name: str
    spring_constant: Estimate
    budget: dict[str, float]


class Way(NamedTuple):
    """A method: k from (mean square, resonance, quality) and from its other inputs."""

    name: str
    function: Callable[..., Any]
    inputs: dict[str, Known]

    def at(self, mean_square: float, resonance: float, quality: float, **changed: float) -> Any:
        """k in N/m at these results of a fit, with some inputs changed."""
        values = {name: known.value for name, known in self.inputs.items()} | changed
        return self.function(mean_square, resonance, quality, **values)


def known_inputs(lever: Lever, surroundings: Surroundings,
                 sensitivity: Number | None) -> tuple[dict[str, Known], list[str]]:
    """All inputs with their uncertainties, and a sentence on those that were assumed."""
    given = {**vars(lever), **vars(surroundings), "sensitivity": sensitivity}
    known, assumed = {"theory": Known(1.0, ASSUMED["theory"])}, []
    for name, number in given.items():
        if isinstance(number, Known):
            known[name] = number
        elif number is not None:
            std = ASSUMED[name] * (1.0 if name == "tilt" else number)
            known[name] = Known(float(number), std)
            assumed.append(f"{name} {ASSUMED[name]:g} rad" if name == "tilt"
                           else f"{name} {100 * ASSUMED[name]:g} %")
    wrong = [name for name, (value, std) in known.items()
             if not (np.isfinite(value) and std >= 0 and (value > 0 or name == "tilt"))]
    if wrong:
        raise ArgumentError(f"{', '.join(wrong)}: must be positive and finite, with an uncertainty of 0 or more "
                            "(SI units)")
    said = [f"standard uncertainties not given were assumed: {', '.join(assumed)}."] if assumed else []
    return known, said


def ways_of(known: dict[str, Known]) -> list[Way]:
    """The methods for which all inputs are there."""
    def by_motion(mean_square, resonance, quality, temperature, sensitivity, beta, chi):
        return equipartition(mean_square, temperature, sensitivity, beta=beta, chi=chi)

    def by_damping(mean_square, resonance, quality, density, viscosity, theory, **shape):
        return theory * sader(resonance, quality, fluid=Fluid(density, viscosity), **shape)

    def by_coefficient(mean_square, resonance, quality, coefficient, tilt):
        return from_coefficient(resonance, quality, coefficient, tilt=tilt)

    ways = {"equipartition": (by_motion, ("temperature", "sensitivity", "beta", "chi")),
            "sader": (by_damping, ("width", "length", "tilt", "density", "viscosity", "theory")),
            "coefficient": (by_coefficient, ("coefficient", "tilt"))}
    return [Way(name, function, {need: known[need] for need in needs})
            for name, (function, needs) in ways.items() if set(needs) <= set(known)]


def relative(estimate: Estimate) -> float:
    """The relative standard uncertainty."""
    return estimate.std / estimate.value


def contradicts(estimate: Estimate, value: float) -> bool:
    """Whether a spring constant from elsewhere (N/m) is as far off as methods whose number is refused.

    That is more than a factor of 1.5, and more than two standard deviations; the other is taken to have 10 %.
    """
    apart = abs(np.log(value / estimate.value))
    return bool(np.exp(apart) > _REFUSED and apart > _AGREED * np.hypot(relative(estimate), _ELSEWHERE))


def decide(methods: Sequence[Method], insisted: str | None) -> tuple[str, Estimate, list[str]]:
    """The method to take, its constant with an error that covers the others, and why in words.

    The method with the smallest uncertainty is taken, unless one is insisted on. Methods disagree when they
    differ by more than two standard deviations of both together; then the systematic part grows until two
    standard deviations reach them all. Where they differ by more than a factor of 1.5 and none is insisted
    on, the constant is NaN.
    """
    ranked = sorted(methods, key=lambda m: relative(m.spring_constant))
    best = next((m for m in methods if m.name == insisted), ranked[0])
    mine = best.spring_constant
    why = "as asked for" if insisted else "whose stated uncertainty is the smallest"
    if len(methods) == 1:
        return best.name, mine, [f"only {best.name} is possible with what is known: nothing checks it."]
    wide, said = mine, []
    for other in (m for m in ranked if m is not best):
        theirs = other.spring_constant
        apart = abs(np.log(theirs.value / mine.value))
        allowed = _AGREED * np.hypot(relative(mine), relative(theirs))
        pair = (f"{best.name} gives {constant(mine.value, mine.std)} and {other.name} "
                f"{constant(theirs.value, theirs.std)}, "
                f"{apart / allowed * _AGREED:.1f} standard deviations apart")
        if apart <= allowed:
            said.append(f"{pair}: they agree; taken is {best.name}, {why}.")
        elif np.exp(apart) > _REFUSED and not insisted:
            said.append(f"{pair}, a factor of {times(float(np.exp(apart)))}: the methods disagree, so no spring "
                        "constant is given. Check the sensitivity and the dimensions of the lever; then name "
                        "the method.")
            return "", Estimate(np.nan, np.nan, np.nan), said
        else:
            needed = abs(theirs.value - mine.value) / _AGREED
            systematic = np.sqrt(max(needed**2 - mine.std_statistical**2, wide.std_systematic**2))
            wide = Estimate(mine.value, mine.std_statistical, float(systematic))
            said.append(f"{pair}: the methods disagree; taken is {best.name}, {why}, with an uncertainty "
                        f"that reaches {other.name}.")
    return best.name, wide, said
