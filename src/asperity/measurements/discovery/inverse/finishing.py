"""What stands at the beginning and the end of every verb of a design: what is preferred, the words, the history."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from asperity.data import provenance
from asperity.measurements.discovery.inverse.claims import claims
from asperity.measurements.discovery.inverse.posterior import Input
from asperity.messages import one_of
from asperity.report.citing import citations
from asperity.report.numbers import plain

__all__ = ["finished", "in_words", "preferred"]

_ZEPTO = 1e-21  # J, in which Hamaker constants are counted


def in_words(taken: Mapping[str, float], inputs: Mapping[str, Input],
             aims: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Inputs and bounds that nobody gave with their units; relative uncertainties in percent."""
    units = {name: unit for name, (unit, _) in aims.items()} | {name: one.unit for name, one in inputs.items()}
    return {name: f"{100 * value:.3g} %" if name.endswith("_std") else f"{value / _ZEPTO:.3g} zJ"
            if units.get(name) == "J" else plain(value, units.get(name, "1")) for name, value in taken.items()}


def preferred(prefer: str, objectives: tuple[str, ...]) -> int:
    """The index of the objective that is preferred.

    Raises:
        ArgumentError: there is no such objective.
    """
    return objectives.index(one_of("prefer", prefer, objectives))


def finished(made: xr.Dataset, name: str, arguments: Mapping[str, Any], taken: Mapping[str, str],
             results: xr.Dataset | None, sources: tuple[Any, ...], remarks: Sequence[str] = ()) -> xr.Dataset:
    """The answer with its words, its sources and its step of the history.

    Args:
        taken: inputs and bounds that nobody gave, in words.
    """
    from asperity.learning.discovery import chance, pareto

    made = made.assign_attrs(taken=json.dumps(dict(taken)), citations=json.dumps(citations(*sources, chance, pareto)))
    made = made.assign_attrs(findings=json.dumps(claims(made, remarks, taken)))
    seed = int(arguments["seed"])
    return provenance.record(made, provenance.step(name, arguments, seed=seed), before=results)
