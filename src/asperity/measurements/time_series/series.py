"""The verb for recorded motions: frequencies, prediction and, of a lever whose constants are known, the tip's force."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.contact.named import assumed_inputs, contact_model
from asperity.data import provenance
from asperity.data.results import assumed_in_words, flag_attributes
from asperity.data.verbs import verb
from asperity.dynamics import (
    force_recovery,
    hankel,
    recovered_contact,
    settled_fit,
    settled_law,
    settled_orbit,
    smoother,
)
from asperity.dynamics.hankel import HankelModes, coordinates_of, modes_of, prediction_errors
from asperity.dynamics.recovered_contact import RecoveredContact, contact_in
from asperity.learning.outcome import Outcome
from asperity.measurements.time_series.damage import dominant_period
from asperity.measurements.time_series.files import Series, in_words, read_series
from asperity.measurements.time_series.recovery import KNOWN, NEEDED, Recovery, recovered
from asperity.measurements.time_series.settled import REPEATS, repeats, settled
from asperity.messages import ArgumentError, AsperityError, DataError, number, quoted, shown
from asperity.quantities import QUANTITIES
from asperity.report.citing import citations
from asperity.report.numbers import count_of, plain

__all__ = ["series_model"]

_PER_PERIOD = 24  # samples of the dominant period, to which a finer record is thinned for its frequencies
_DELAYS = 47  # windows of two of these periods
_LEAST = 256  # samples that are left of a record,
_TAPS = 16  # of which the window of the low pass before it holds so many;
_PASSED = 0.8  # of the largest frequency that they tell: where the low pass has half of its height,
_DAMPED = 6.0  # Kaiser's parameter: 1e-3 of what is too fast is left
_EPISODES = 8  # that one record is cut into, at most,
_PERIODS = 3.0  # each of so many periods, about
_HELD = 4  # of so many episodes one is held out, and the last of fewer
_MOST = 12  # coordinates of the linear map,
_MOST_QUADRATIC = 8  # and of the one with products
_HORIZON = 240  # steps, at most
_WHITE = 0.2  # correlation of neighbors in what is left of the deflections, from which it is no noise
_SILENT = 1e-5  # of the stroke: what is left is rounding
_SHOWN = 4  # damaged cells that a sentence names
_CUT = ("The record is cut off: {}. The detector was saturated: amplitudes and damping are not those of the motion, "
        "and no force is sought in it. Lower the amplitude or re-center the laser.")
_LARGEST = 1e12  # of any number that is said of a lever, SI
_WIDE = 1.96  # standard deviations to the ends of 95 %
_DOUBT = ("What the force and the motion of one mode leave of the deflections is no white noise ({left} rms, "
          "{alike:.2f} between neighbors): other modes of the lever, a force that depends on more than the distance "
          "(viscosity, hysteresis), or wrong constants. The bands do not hold that: take the law as a sketch.")
_AGAINST = ("The record contradicts what is said of the lever: {}. A wrong spring constant or sensitivity of the "
            "detector shows as a wrong drive. Correct the constants, or give larger uncertainties (--quality-std and "
            "its like; lever in Python).")
_REPEATING = ("The motion repeats itself: its lower turning point moves by {:.2g} % of the amplitude. One path, "
              "however often it is passed, does not tell where contact begins: such laws were off by a third of the "
              "peak in bands that did not say so. Give the tip (--radius, --model): a law of contact is fitted to the "
              "harmonics then. Or record from the start of the motion, or while its amplitude changes.")
_DEFLECTIONS = ["No height of the lever: distances are its deflections."]
_UNLIKE = 2.0  # chi-square over its degrees of freedom, from which a contact is not that of the force
_UNLIKE_WORDS = ("No modulus: the force is not that of this contact (chi-square {:.3g} times its degrees of freedom). "
                 "Another shape of the tip, adhesion, or a layer?")


@verb()
def series_model(source: str | PathLike[str] | Sequence[str | PathLike[str]], *,
                 lever: Mapping[str, float] | None = None, contact: Mapping[str, Any] | None = None,
                 draws: int = 200, seed: int = 0) -> xr.Dataset:
    """What a recorded motion tells: frequencies and damping, how far it is predicted, and the force at the tip.

    Args:
        source: tables (see `asperity.measurements.time_series.files`), each cut into episodes.
        lever: what is known of it, SI: ``spring_constant``, ``resonance_frequency`` and ``quality`` for the force;
            ``free_amplitude``, ``drive_frequency``, ``height``, ``temperature``; and standard uncertainties with
            ``_std``, relative (those of ``drive_phase`` in rad, of ``height`` in m).
            Without a height, or with 0, distances are deflections.
        contact: a model without adhesion for the force: ``name``, ``radius`` ..., as `asperity.fit` takes one.
        draws: of the episodes, for intervals.
        seed: of them.

    Returns:
        over ``mode``: eigenvalues with ``residual``, ``frequency`` and ``damping_rate`` with ``_low`` and ``_high``
        (95 %); over ``step``: the errors of prediction of held-out episodes; over ``point``: ``tip_force`` with its
        ``_std`` and ``tip_force_covariance``; ``modulus``, ``contact_point``, ``contact_attraction`` with ``_std``;
        ``flag``: misfit where what is left of the deflections is no noise. Of settled motions with a ``contact`` the
        force is that of a law, with ``modulus_low`` and ``modulus_high`` (95 %), ``viscosity``, ``chi_square``, and
        over ``record`` and ``harmonic`` the ``harmonic_real`` and ``harmonic_imaginary`` that were measured and
        fitted; ``flag``: misfit where they are not those of the law, bound_hit where the modulus is not told.

    Raises:
        ReadError: a table cannot be read. ArgumentError: what is said of the lever or the contact is wrong or not
            enough. DataError: a record is too short.
    """
    paths = [source] if isinstance(source, str | PathLike) else list(source)
    if not paths:
        raise ArgumentError("source = []: must be the path of a table, or a list of such")
    model = _contact(contact)
    _checked(lever)
    if model is not None and lever is None:
        raise ArgumentError(f"contact = {shown(contact)}: a contact is sought in the force, and for that "
                            f"{', '.join(NEEDED)} of the lever must be known, too")
    series = [read_series(path) for path in paths]
    made, said = _modes(series, draws, seed)
    words, damaged, flag = _damage(dict(zip(map(str, paths), series, strict=True)))
    said, used = words + said, [hankel]
    known = lever if flag == Outcome.converged else None  # of a record that is cut off no force is told
    if known is not None and model is not None and repeats(series):
        own, more, flag = settled(series, known, model)
        made, said = made | own, [*said, *more, _tip_in_words(model)]
        used += [settled_law, settled_fit, settled_orbit]
    elif known is not None:
        own, more, flag = _forced(series, known, model)
        made, said = made | own, said + more
        used += [force_recovery, smoother, *([recovered_contact] if model else [])]
    if known is not None:
        said += _DEFLECTIONS * (not known.get("height") and not series[0].of_tip)
    guessed = assumed_inputs(contact) if contact is not None else {}
    said += [f"ASSUMED, because nobody said it: {assumed_in_words(guessed)}."] if guessed else []
    unused = sorted({title for one in series for title in one.unused})
    said += [f"Columns that are not known were left out: {', '.join(unused)}."] if unused else []
    named = [str(path) for path in paths]
    attributes = {"file": named[0], "findings": json.dumps(said), "assumed": json.dumps(guessed), "failed_files": "[]",
                  "damaged": json.dumps(damaged), "citations": json.dumps(citations(*used))}
    dataset = xr.Dataset({**made, "flag": ((), np.int8(flag), flag_attributes())}, attrs=attributes)
    step = provenance.step("series_model", {"source": named if len(named) > 1 else named[0], "lever": lever,
                                            "contact": contact, "draws": draws, "seed": seed}, seed=seed,
                           inputs=[provenance.file_record(Path(path)) for path in paths])
    return provenance.record(dataset, step)


def _forced(series: Sequence[Series], lever: Mapping[str, float],
            model: Any) -> tuple[dict[str, Any], list[str], Outcome]:
    """The recovered force and, where nothing speaks against it, the contact in it."""
    found = recovered(series, lever)
    made, said, flag = _force(found, max(float(np.ptp(one.deflection)) for one in series),
                              stated="spring_constant_std" in lever)
    if model is not None and flag == Outcome.converged:
        own, more, flag = _touched(found, model)
        return made | own, said + more, flag
    return made, [*said, *(["No modulus: the force is flagged."] if model is not None else [])], flag


def _damage(series: Mapping[str, Series]) -> tuple[list[str], list[dict[str, Any]], Outcome]:
    """What there is to say of cells that were mended and of columns that are cut off; records by their files."""
    of = {path: f"{quoted(Path(path).name)}: " if len(series) > 1 else "" for path in series}
    cells = [(path, cell) for path, one in series.items() for cell in one.damaged]
    named = "; ".join(f"{of[path]}{cell.column.replace('_', ' ')} {in_words(cell)}" for path, cell in cells[:_SHOWN])
    more = f" and {len(cells) - _SHOWN} more" if len(cells) > _SHOWN else ""
    cut = [of[path] + words for path, one in series.items() for words in one.cut_off]
    said = [_CUT.format("; ".join(cut))] if cut else []
    said += [f"{count_of(len(cells), 'sample')} contradicted by all others (a spike, or a cell that lost a point, a "
             f"digit or a sign), in place of which stands what those tell: {named}{more}."] if cells else []
    return said, [{"file": path, **cell._asdict()} for path, cell in cells], (
        Outcome.saturated if cut else Outcome.converged)


def _contact(contact: Mapping[str, Any] | None) -> Any:
    if contact is None:
        return None
    try:
        made = contact_model(contact)
    except AsperityError as error:
        raise ArgumentError(f"contact = {shown(dict(contact))}: {error}") from error
    if not hasattr(made, "shape"):
        raise ArgumentError(f"contact = {shown(dict(contact))}: must be a model without adhesion; the attraction is "
                            "told beside it")
    return made


def _checked(lever: Mapping[str, float] | None) -> None:
    for name, value in (lever or {}).items():
        if name not in KNOWN:
            raise ArgumentError(f"lever holds {shown(name)}: nothing of that name is known of a lever; known are "
                                f"{', '.join(KNOWN)}")
        if name == "height" or name.endswith("_std"):
            number(f"{name} in lever", value, least=0.0, most=_LARGEST)
        else:
            number(f"{name} in lever", value, above=0.0, most=_LARGEST)


def _variable(dims: tuple[str, ...] | str, values: Any, unit: str, meaning: str) -> tuple[Any, Any, dict[str, str]]:
    return dims, values, {"units": unit, "long_name": meaning}


def _modes(series: Sequence[Series], draws: int, seed: int) -> tuple[dict[str, Any], list[str]]:
    """Frequencies, damping and the errors of prediction."""
    interval = series[0].interval
    if any(abs(one.interval / interval - 1) > 1e-6 for one in series):
        raise DataError("source: the records have different sampling rates; give them one at a time")
    period = dominant_period(series[0].deflection)
    every = max(int(min(period / _PER_PERIOD, min(len(one.deflection) for one in series) / _LEAST)), 1)
    thin = [_thinned(one.deflection, every) for one in series]
    most = -(-_EPISODES // len(thin))
    parts = int(np.clip(min(map(len, thin)) * every / period / _PERIODS, 1 + (len(thin) == 1), most))
    episodes = [part for one in thin for part in np.array_split(one, parts)]
    delays = min(_DELAYS, min(len(one) for one in episodes) // 3)
    last = min(_HELD, len(episodes))
    held = episodes[last - 1 :: last]
    train = [one for i, one in enumerate(episodes) if i % last != last - 1]
    coordinates = coordinates_of(train, delays, _MOST)
    found = modes_of(train, coordinates, delays, interval * every, draws=draws, seed=seed)
    few = coordinates_of(train, delays, _MOST_QUADRATIC)
    steps = min(_HORIZON, (min(len(one) for one in held) - delays) // 2)
    linear = prediction_errors(train, held, coordinates, delays, steps)["linear"]
    quadratic = prediction_errors(train, held, few, delays, steps, degree=2)
    made = _told(found, interval * every) | {
        "prediction_time": _variable("step", interval * every * np.arange(1, steps + 1), "s", "time ahead"),
        "prediction_error": _variable("step", linear, "1", "linear map of windows: rms error over the signal's rms"),
        "prediction_error_lifted": _variable("step", quadratic["linear"], "1", "with products, evolved linearly"),
        "prediction_error_relifted": _variable("step", quadratic["relifted"], "1", "with products, lifted anew")}
    thinned = f" (one for {every} of the record)" if every > 1 else ""
    said = [f"{count_of(len(episodes), 'episode')} of {len(episodes[0])} samples{thinned}; "
            f"{count_of(len(held), 'episode')} held out, predicted over {count_of(steps, 'step')}."]
    said += [f"Nothing above {plain(_PASSED / (2 * interval * every), 'Hz', 3)} is sought."] if every > 1 else []
    return made, said


def _thinned(values: np.ndarray, every: int) -> np.ndarray:
    """One sample of so many, after a low pass: what is too fast for them would be taken for something slow."""
    if every == 1:
        return values
    place = np.arange(-_TAPS * every // 2, _TAPS * every // 2 + 1)
    window = np.sinc(_PASSED / every * place) * np.kaiser(len(place), _DAMPED)
    return np.convolve(values, window / window.sum(), "valid")[::every]


def _told(found: HankelModes, interval: float) -> dict[str, Any]:
    wide = {"frequency": found.frequency_half, "damping_rate": found.damping_half}
    middle = {"frequency": (found.frequency, "Hz", "frequency"),
              "damping_rate": (found.damping, "1/s", "rate at which it dies out; negative: it grows")}
    words = f"eigenvalue over {interval:.4g} s, real part"
    made = {"eigenvalue_real": _variable("mode", np.real(found.value), "1", words),
            "eigenvalue_imaginary": _variable("mode", np.imag(found.value), "1", "its imaginary part"),
            "contribution": _variable("mode", found.size, "m", "root mean square of what the mode is of the signal"),
            "residual": _variable("mode", found.residual, "1", "residual of the eigenvalue (ResDMD)")}
    for name, (values, unit, meaning) in middle.items():
        made[name] = _variable("mode", values, unit, meaning)
        for end, sign, words in (("low", -1, "lower"), ("high", 1, "upper")):
            made[f"{name}_{end}"] = _variable("mode", values + sign * wide[name], unit,
                                              f"{words} end of the interval that holds 95 %, by draws of episodes")
    return made


def _force(found: Recovery, stroke: float, *, stated: bool) -> tuple[dict[str, Any], list[str], Outcome]:
    """The recovered force, and what there is to say of it; ``stated``: whether the spring constant has an error."""
    law = found.law
    made = {"distance": _variable("point", law.distance, "m", "distance of the tip; the zero is that of the height"),
            "tip_force": _variable("point", law.force, "N", "force at the tip"),
            "tip_force_std": _variable("point", law.std, "N", "its standard uncertainty"),
            "tip_force_low": _variable("point", law.force - _WIDE * law.std, "N", "lower end of 95 %"),
            "tip_force_high": _variable("point", law.force + _WIDE * law.std, "N", "upper end of 95 %"),
            "tip_force_covariance": _variable(("point", "point_"), law.covariance, "N^2", "covariance of the force"),
            "detector_noise": _variable((), law.noise, "m", "white noise of the deflection, standard deviation")}
    units = {"drive_phase": "rad", "offset": "m"}
    for name, (value, std) in law.departures.items():
        made[f"{name}_departure"] = _variable((), value, units.get(name, "1"), f"{name}: found less given")
        made[f"{name}_departure_std"] = _variable((), std, units.get(name, "1"), "its standard uncertainty")
    said = [f"Force from {found.periods:.0f} periods; drive {found.driven}. It is taken to vanish beyond "
            f"{law.distance[-1] * 1e9:.3g} nm. Bands hold noise of the detector and of the lever, and the standard "
            f"uncertainties of its constants: {found.uncertain}."]
    said += [] if stated else ["The spring constant is taken to be exact: a share by which it is wrong is one of the "
                               "force. Give --spring-constant-std, for example 10%."]
    said += ["The end of the records was left out: 16384 samples are used."] if found.cut else []
    against = [_AGAINST.format("; ".join(found.against))] if found.against else []
    alike, left = _left(law.rest)
    if not law.settled:
        return made, [*said, *against, "The force did not settle: do not use it."], Outcome.not_converged
    if alike > _WHITE and left > _SILENT * stroke:
        return made, [*said, *against, _DOUBT.format(left=f"{left * 1e12:.3g} pm", alike=alike)], Outcome.misfit
    repeats = [_REPEATING.format(100 * found.ranging)] if found.ranging < REPEATS else []
    if against or repeats:
        return made, [*said, *against, *repeats], Outcome.misfit
    return made, said, Outcome.converged


def _left(rest: Sequence[np.ndarray]) -> tuple[float, float]:
    """Correlation of neighbors and size of what is left."""
    alike = sum(float(one[1:] @ one[:-1]) for one in rest) / max(sum(float(one @ one) for one in rest), 1e-300)
    return alike, float(np.sqrt(np.mean(np.concatenate(rest) ** 2)))


def _touched(found: Recovery, model: Any) -> tuple[dict[str, Any], list[str], Outcome]:
    """The contact in the force, or why there is none."""
    try:
        contact: RecoveredContact = contact_in(found.law, model)
    except DataError as error:
        return {}, [f"No modulus: {error}."], Outcome.converged
    made = {"contact_misfit": _variable((), contact.misfit, "1", "chi-square of the contact over degrees of freedom")}
    said = [_tip_in_words(model)]
    if contact.misfit > _UNLIKE:
        return made, [*said, _UNLIKE_WORDS.format(contact.misfit)], Outcome.misfit
    names = {"modulus": (contact.modulus, contact.modulus_std, "Pa", "modulus by the recovered force in contact"),
             "contact_point": (contact.surface, contact.surface_std, "m", "distance at which contact begins"),
             "contact_attraction": (contact.attraction, contact.attraction_std, "N", "attraction in contact")}
    for name, (value, std, unit, meaning) in names.items():
        made[name] = _variable((), value, unit, meaning)
        made[f"{name}_std"] = _variable((), std, unit, "its standard uncertainty")
    return made, said, Outcome.converged


def _tip_in_words(model: Any) -> str:
    inputs = {field.name: float(getattr(model, field.name)) for field in dataclasses.fields(model)
              if field.name in QUANTITIES and field.name in model.fixed}
    return f"Contact: {type(model).__name__}, {assumed_in_words(inputs)}."
