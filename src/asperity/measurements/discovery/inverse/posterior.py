r"""What is known of the sample and the instrument, as draws: of numbers with their uncertainty, or of stored results.

A positive quantity that is known to $x \pm u$ has a logarithm that is normal about $\ln x$ with the variance
$\ln(1 + u^2/x^2)$: its median is x, and no draw is negative. Of stored results each draw is of one usable curve, all
alike likely, spread by the uncertainty of that curve: targets are then to be met at a place of the sample that nobody
chose. Modulus and work of adhesion of one draw are of the same curve.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from asperity.data.results import codes
from asperity.messages import ArgumentError, DataError, known_keys, number
from asperity.quantities import QUANTITIES, bounds

__all__ = ["Input", "Knowledge", "known_of"]

_LARGEST_STD = 1.0  # relative; beyond it nothing is known
_FROM_RESULTS = ("modulus", "work_of_adhesion")


class Input(NamedTuple):
    """One thing that may be said about the sample or the instrument."""

    unit: str
    usual: float  # where nobody says another; NaN: not there then
    std: float | None = None  # the usual relative standard uncertainty; None: it is taken to be exact
    least: float = 0.0  # exclusive
    most: float = np.inf


class Knowledge(NamedTuple):
    """Best estimates, how far they spread, and which of them nobody said."""

    values: dict[str, float]
    spread: dict[str, float]  # standard deviation of the logarithm
    taken: dict[str, float]  # inputs that nobody said
    curves: dict[str, np.ndarray]  # name -> (2, curve) values and standard deviations of their logarithms

    def draws(self, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """(draw,) of every input."""
        found = {name: value * np.exp(self.spread.get(name, 0.0) * rng.standard_normal(count))
                 for name, value in self.values.items() if name not in self.curves}
        curve = rng.integers(len(next(iter(self.curves.values()))[0]), size=count) if self.curves else None
        for name, (values, spread) in self.curves.items():
            found[name] = values[curve] * np.exp(spread[curve] * rng.standard_normal(count))
        return found


def known_of(given: Mapping[str, Mapping[str, float] | None], inputs: Mapping[str, Mapping[str, Input]],
             results: xr.Dataset | None) -> Knowledge:
    """Everything that is known.

    Args:
        given: what was said, by the name of the dictionary (``sample``, ``lever``): inputs, and ``..._std`` relative.
        inputs: what may be said, by the same names.
        results: of a fit, instead of the modulus and the work of adhesion of the sample.

    Raises:
        ArgumentError: an input that there is not, or that cannot be; the message names it.
        DataError: results without a usable curve, or without uncertainties.
    """
    values, spread, taken = {}, {}, {}
    keys = {place: {*table, *(f"{name}_std" for name, one in table.items() if one.std is not None)}
            for place, table in inputs.items()}
    every = {place: known_keys(place, given.get(place), sorted(keys[place])) for place in inputs}
    curves = {} if results is None else _of_results(results, inputs)
    for place, table in inputs.items():
        said = every[place]
        for name, one in table.items():
            if name in curves:
                if name in said:
                    raise ArgumentError(f"{place}: {name} is given, and the results hold it too; leave one out")
                values[name] = float(np.median(curves[name][0]))
                continue
            if np.isnan(one.usual) and name not in said:
                continue
            values[name] = _checked(f"{name} in {place}", name, said.get(name, one.usual), one)
            std = number(f"{name}_std in {place}", said.get(f"{name}_std", one.std or 0.0), least=0.0,
                         most=_LARGEST_STD)
            spread[name] = float(np.sqrt(np.log1p(std**2)))
            taken |= {key: value for key, value in ((name, one.usual), (f"{name}_std", one.std))
                      if key not in said and value is not None and not (key == name and one.usual == 1.0)}
    return Knowledge(values, spread, taken, curves)


def _checked(told: str, name: str, value: Any, one: Input) -> float:
    limits = bounds(name) if name in QUANTITIES else {"above": one.least, "most": one.most}
    found = number(told, value, unit="" if one.unit == "1" else one.unit, **limits)
    if name != "poisson_ratio":
        number(told, value, above=0.0, unit="" if one.unit == "1" else one.unit)
    return found


def _of_results(results: xr.Dataset, inputs: Mapping[str, Mapping[str, Input]]) -> dict[str, np.ndarray]:
    """The usable curves of results: values and standard deviations of their logarithms."""
    wanted = [name for name in _FROM_RESULTS if name in results and any(name in table for table in inputs.values())]
    if "modulus" not in wanted:
        raise DataError("results hold no modulus: give those of a fit with one")
    if lost := [f"{name}_std" for name in wanted if f"{name}_std" not in results]:
        raise DataError(f"results have no {' and no '.join(lost)}: without an uncertainty nothing is said of a "
                        "probability; give results that asperity made")
    usable = [code for code, about in codes(results).items() if about.usable]
    good = np.isin(results["flag"].values, usable) if "flag" in results else np.ones(results.sizes["curve"], bool)
    columns = {name: (results[name].values.astype(float), results[f"{name}_std"].values.astype(float))
               for name in wanted}
    for values, std in columns.values():
        with np.errstate(invalid="ignore"):
            good = good & (values > 0) & np.isfinite(std)
    if not good.any():
        raise DataError("results hold no usable curve with a positive modulus and its uncertainty: fit again, or give "
                        "the modulus by hand")
    return {name: np.stack([values[good], np.sqrt(np.log1p((std[good] / values[good]) ** 2))])
            for name, (values, std) in columns.items()}
