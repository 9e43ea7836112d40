"""How a result is written: its identity, its uncertainty, its flag."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from asperity.data.arguments import shallow
from asperity.learning.outcome import Outcome
from asperity.learning.student import NORMAL, wide
from asperity.quantities import QUANTITIES, variable_attributes
from asperity.units import in_words

__all__ = ["CARRIED", "IDENTITY", "Code", "assumed_in_words", "assumptions", "codes", "flag_attributes", "gravest",
           "identity", "listed", "with_uncertainty"]


#: the coordinates that say which curve a number is about, as a table shows them
IDENTITY = ("file", "curve_in_file", "session", "row", "column", "x", "y")
#: the coordinates that every result of a curve carries
CARRIED = (*IDENTITY, "spring_constant", "sensitivity")


def identity(dataset: xr.Dataset) -> dict[str, xr.Variable]:
    """The coordinates by which a result of these curves can be traced back: `CARRIED`, those that are there."""
    return {name: dataset[name].variable for name in CARRIED if name in dataset.coords}


def with_uncertainty(name: str, values: np.ndarray, noise: np.ndarray, calibration: np.ndarray,
                     freedom: np.ndarray | None = None, ends: tuple[np.ndarray, np.ndarray] | None = None,
                     model: np.ndarray | None = None) -> dict[str, Any]:
    r"""The variable ``name`` with ``_std_noise``, ``_std_calibration`` and their root sum of squares ``_std``.

    Where a ``model`` part is given, it is ``_std_model`` and part of the sum; NaN there means not tested, and adds
    nothing.

    A standard uncertainty is half the width of the interval that holds 68.27 %. With the degrees of ``freedom`` of
    the noise's, there are also ``_low`` and ``_high``, the ends of the interval that holds 95 %, and ``_dof``, the
    degrees of freedom of Student's distribution of the error as a whole, $\nu (u/u_\mathrm{noise})^4$ (the formula
    of Welch and Satterthwaite with the other parts known as well as normal).

    Where the noise leaves an interval of 95 % that is not about the value, of no less than 0, its ``ends`` are given
    (NaN elsewhere), and the standard uncertainty from the noise is not less than such ends allow.
    """
    unit, meaning = QUANTITIES[name].unit, QUANTITIES[name].meaning
    if ends is not None and freedom is not None:
        about = (ends[1] - ends[0]) / 2 / wide(freedom)
        noise = np.fmax(noise, np.where(np.isfinite(about), about, noise))
    total = np.hypot(np.hypot(noise, calibration), 0.0 if model is None else np.nan_to_num(model))
    kinds = {"_std": (total, unit, f"standard uncertainty (noise{'' if model is None else ', model'} and calibration)"),
             "_std_noise": (noise, unit, "standard uncertainty from the noise"),
             "_std_calibration": (calibration, unit, "standard uncertainty from the calibration, common to a session")}
    if model is not None:
        kinds["_std_model"] = (model, unit, "standard uncertainty because the contact model is not quite true, "
                                            "common to a session; NaN: not tested")
    if freedom is not None:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            known = np.fmin(freedom * (total / noise) ** 4, NORMAL)
        reach = total * wide(known)
        low, high = _ends(values, (values - reach, values + reach), ends, wide(NORMAL) * calibration)
        kinds |= {"_low": (low, unit, "lower end of the interval that holds 95 %"),
                  "_high": (high, unit, "upper end of the interval that holds 95 %"),
                  "_dof": (known, "1", "degrees of freedom of the error (Student's distribution)")}
    own = variable_attributes(name) | {"ancillary_variables": " ".join([*(name + kind for kind in kinds), "flag"])}
    return {name: ("curve", np.array(values), own)} | {
        name + kind: ("curve", np.array(found), {"units": units, "long_name": f"{meaning}: {what}"})
        for kind, (found, units, what) in kinds.items()}


def _ends(values: np.ndarray, usual: tuple[np.ndarray, np.ndarray], ends: tuple[np.ndarray, np.ndarray] | None,
          calibration: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the interval of 95 %: the ``usual`` ones, or what ``calibration`` makes of those of the noise."""
    if ends is None:
        return usual
    low = np.maximum(values - np.hypot(values - ends[0], calibration), 0.0)
    low = np.where(ends[0] > 0, low, 0.0)
    high = values + np.hypot(np.maximum(ends[1] - values, 0.0), calibration)
    return np.where(np.isnan(ends[0]), usual[0], low), np.where(np.isnan(ends[1]), usual[1], high)


def gravest(conditions: Mapping[Any, np.ndarray]) -> np.ndarray:
    """The flag, int8, of every place: the largest of the codes whose condition holds there, 0 where none does.

    Args:
        conditions: code (an `enum.IntEnum`) -> where it applies; all of one shape.
    """
    flag = np.zeros(np.shape(next(iter(conditions.values()))), np.int8)
    for code in sorted(conditions):
        flag[conditions[code]] = int(code)
    return flag


def flag_attributes(kind: type[IntEnum] = Outcome, about: str = "outcome of the fit") -> dict[str, Any]:
    """The attributes of ``flag``, by which anyone can read it without knowing asperity (CF conventions)."""
    return {"long_name": about, "flag_values": np.array([int(code) for code in kind], np.int8),
            "flag_meanings": " ".join(code.name for code in kind)}


class Code(NamedTuple):
    """One value of a flag."""

    name: str
    meaning: str  # one sentence for people
    usable: bool  # whether numbers with it may be used


def codes(results: xr.Dataset, name: str = "flag") -> dict[int, Code]:
    """The values of a flag by the meanings that the dataset itself states, and of those that occur besides.

    Names of `Outcome` mean what they mean there; of others only the first value, 0, is usable.
    """
    if name not in results.variables:
        return {int(code): Code(code.name, code.meaning, code.usable) for code in Outcome}
    attrs = results[name].attrs
    names = str(attrs.get("flag_meanings", " ".join(code.name for code in Outcome))).split()
    found = {int(value): _code(int(value), word)
             for value, word in zip(np.atleast_1d(attrs.get("flag_values", np.arange(len(names)))), names)}
    unknown = Code("", "This flag is not known to this version of asperity.", False)
    present = np.unique(np.nan_to_num(np.asarray(results[name].values, float), nan=float(Outcome.unreadable)))
    return {int(value): unknown._replace(name=f"flag_{int(value)}") for value in present} | found


def _code(value: int, name: str) -> Code:
    if name in Outcome.__members__:
        return Code(name, Outcome[name].meaning, Outcome[name].usable)
    return Code(name, f"{name.replace('_', ' ').capitalize()}.", value == 0)


def assumed_in_words(assumed: Mapping[str, float]) -> str:
    """``radius = 1 um, half-angle = 20 deg``: inputs with their values and units."""
    units = {name: QUANTITIES[name].unit if name in QUANTITIES else "" for name in assumed}
    return ", ".join(f"{name.replace('_', ' ')} = {in_words(value, units[name])}" for name, value in assumed.items())


def assumptions(results: xr.Dataset) -> list[str]:
    """The sentence on what was assumed because nobody said it; an empty list where nothing was."""
    assumed = json.loads(results.attrs.get("assumed", "{}"))
    said = f"ASSUMED, because nobody said it: {assumed_in_words(assumed)}. The moduli depend on it."
    return [said] if assumed else []


def listed(results: xr.Dataset, key: str) -> list[Any]:
    """The JSON list in an attribute; a text that is no JSON is its only entry, nothing is an empty list.

    What is nested too deeply to be anything that asperity wrote is its only entry too, as text.
    """
    text = results.attrs.get(key)
    if not isinstance(text, str):
        return list(text) if text is not None else []
    if not text.strip():
        return []
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return [text]
    if not shallow(found):
        return [text]
    return found if isinstance(found, list) else [found]
