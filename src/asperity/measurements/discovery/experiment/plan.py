"""The experiment plan: every lever of a catalogue at every load, its uncertainty beforehand, and what forbids it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
import xarray as xr

from asperity.data import provenance
from asperity.data.verbs import verb
from asperity.learning.discovery import experiment_budget, information
from asperity.learning.discovery.experiment_budget import RelativeStd, SignalNoise
from asperity.measurements.discovery.calibration_levels import USUAL
from asperity.measurements.discovery.experiment.claims import claims
from asperity.measurements.discovery.experiment.judged import Asked, judged
from asperity.measurements.discovery.experiment.levers import Levers, chosen, levers_of
from asperity.messages import ArgumentError, known_keys, number
from asperity.report.citing import citations

__all__ = ["plan_experiment"]

_SAMPLE = {"poisson_ratio": 0.5, "thickness": math.inf, "yield_stress": math.inf}
#: relative standard uncertainties, where nobody says others
_CALIBRATION = {**{f"{name}_std": std for name, std in USUAL.items()}, "thermal": False}
_SIGNAL = {"detector": 0.1e-9,  # m
           "height": 0.2e-9,  # m
           "temperature": 298.15,  # K
           "samples": 1000, "curves": 100}
_MOST = {"detector": 1e-6, "height": 1e-6, "temperature": 2000.0, "samples": 1e7, "curves": 1e6}
_SOFTEST = 1.0  # Pa
_STIFFEST = 1e13  # Pa
_WITHIN_CALIBRATION = 2.0  # standard uncertainties to which a calibrated stiffness or radius may be off


@verb()
def plan_experiment(modulus: float | tuple[float, float], *, want: float = 0.05,
                    sample: Mapping[str, float] | None = None, calibration: Mapping[str, Any] | None = None,
                    signal: Mapping[str, float] | None = None, levers: str | PathLike[str] | None = None,
                    lever: str | Mapping[str, Any] | None = None, layered: bool = False) -> xr.Dataset:
    """Which lever at which load tells a modulus best, how well beforehand, and whether that is enough.

    Args:
        modulus: Pa, what it may be: one value, or the least and the largest.
        want: the relative standard uncertainty that is wanted.
        sample: ``poisson_ratio``, ``thickness`` (m), ``yield_stress`` (Pa); a half-space that never yields by default.
        calibration: relative standard uncertainties ``spring_constant_std``, ``sensitivity_std``, ``radius_std`` and,
            of a layer, ``thickness_std``; ``thermal``: the spring constant is by the thermal method, with that
            sensitivity.
        signal: noise of ``detector`` and ``height`` (m), ``temperature`` (K), ``samples`` of a curve, ``curves``.
        levers: a table of levers (see `asperity.measurements.discovery.experiment.levers.levers_of`).
        lever: the name of one of them; or ``{"name": ..., "spring_constant": N/m, "radius": m}``, one that you have
            calibrated.
        layered: the curves will be fitted as those of a layer bonded to a rigid base, not of a half-space.

    Returns:
        over ``lever`` and ``load``: ``std``, the largest relative standard uncertainty of the modulus over its range,
        and ``std_robust``, also over the range of stiffness and radius of the lever; ``margin`` and ``margin_robust``
        over ``constraint``, ln of how far each is broken (positive) or held; ``variance`` over ``source`` at the
        middle of the range; ``feasible`` and ``feasible_robust``; ``information`` (nats) of each lever at its
        best load; and the attribute ``findings``.

    Raises:
        ArgumentError: an input that there is not, or that cannot be. ReadError: no such table.
    """
    asked = _asked(modulus, sample, calibration, signal, _levers(levers, lever, calibration))
    number("want", want, above=0.0, most=1.0)
    found = judged(asked, layered)
    step = {"modulus": modulus, "want": want, "sample": dict(sample or {}), "calibration": dict(calibration or {}),
            "signal": dict(signal or {}), "levers": None if levers is None else str(levers),
            "lever": dict(lever) if isinstance(lever, Mapping) else lever, "layered": layered}
    named = {"want": want, "modulus_low": asked.modulus[0], "modulus_high": asked.modulus[2], "layered": int(layered),
             **{key: value for key, value in asked.sample.items() if math.isfinite(value)},
             **{f"{key}_std" if key != "thermal" else key: float(value)
                for key, value in asked.known._asdict().items()},
             **{f"{key}_noise" if key in ("detector", "height") else key: float(value)
                for key, value in asked.signal._asdict().items()},
             "citations": json.dumps(citations(experiment_budget, information))}
    found = found.assign_attrs(named)
    said = claims(found)
    return provenance.record(found.assign_attrs(findings=json.dumps(said)), provenance.step("plan_experiment", step))


def _levers(levers: str | PathLike[str] | None, lever: str | Mapping[str, Any] | None,
            calibration: Mapping[str, Any] | None) -> Levers:
    """The levers that are looked at."""
    if isinstance(lever, Mapping):
        said = known_keys("lever", lever, ("name", "spring_constant", "radius"))
        name = str(said.get("name") or "your lever")
        known = _CALIBRATION | dict(calibration or {})
        there = "name" in said and ("spring_constant" not in said or "radius" not in said)
        base = chosen(levers_of(levers), name) if there else None
        rows = {}
        for key, most in (("spring_constant", 1e6), ("radius", 0.1)):
            if key in said:
                value = number(f"{key} in lever", said[key], above=0.0, most=most)
                std = number(f"{key}_std in calibration", known[f"{key}_std"], least=0.0, most=1.0)
                wide = math.exp(_WITHIN_CALIBRATION * std)
                rows[key] = np.array([[value / wide, value, value * wide]])
            elif base is None:
                raise ArgumentError(f"lever = {said}: give a name of the table, or spring_constant and radius")
            else:
                rows[key] = getattr(base, key)
        return Levers((name,), rows["spring_constant"], rows["radius"], base.tips if base else ("",),
                      ("calibrated",))
    found = levers_of(levers)
    return found if lever is None else chosen(found, lever)


def _asked(modulus: Any, sample: Mapping[str, float] | None, calibration: Mapping[str, Any] | None,
           signal: Mapping[str, float] | None, levers: Levers) -> Asked:
    low, high = modulus if np.ndim(modulus) else (modulus, modulus)
    for value in (low, high):
        number("modulus", value, least=_SOFTEST, most=_STIFFEST, unit="Pa")
    layer = _SAMPLE | known_keys("sample", sample, _SAMPLE)
    number("poisson_ratio in sample", layer["poisson_ratio"], above=-1.0, most=0.5)
    number("thickness in sample", layer["thickness"], above=0.0)
    number("yield_stress in sample", layer["yield_stress"], above=0.0)
    given = known_keys("calibration", calibration, _CALIBRATION)
    known = _CALIBRATION | given
    stds = [number(f"{key} in calibration", known[key], least=0.0, most=1.0) for key in list(_CALIBRATION)[:4]]
    if not isinstance(known["thermal"], bool):
        raise ArgumentError(f"thermal in calibration = {known['thermal']!r}: must be True or False")
    if known["thermal"] and stds[0] < 2 * stds[1]:
        raise ArgumentError(f"spring_constant_std in calibration = {stds[0]:.3g}: by the thermal method the spring "
                            f"constant is known twice as badly as the sensitivity at best, to {2 * stds[1]:.3g}")
    noise = _SIGNAL | known_keys("signal", signal, _SIGNAL)
    for key, most in _MOST.items():
        number(f"{key} in signal", noise[key], above=0.0 if key in ("samples", "curves") else -math.inf,
               least=0.0, most=most)
    middle = math.sqrt(low * high)
    return Asked(np.array([low, middle, high]), {key: float(value) for key, value in layer.items()},
                 RelativeStd(stds[0], stds[1], stds[2], stds[3], known["thermal"]),
                 SignalNoise(**{key: float(noise[key]) for key in _SIGNAL}), levers)
