"""What the error bars of stored results are made of: of each curve, and of the mean over the map."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from asperity.data import provenance
from asperity.data.results import identity
from asperity.data.verbs import verb
from asperity.learning.discrepancy import VAGUE
from asperity.measurements.discovery.calibration_levels import USUAL
from asperity.measurements.discovery.explain.budget import BETTER, Calibrated, better, calibration_parts
from asperity.measurements.force_curves.contents import Contents, gathered
from asperity.measurements.force_curves.score_model import NOT_TESTED
from asperity.measurements.force_curves.summary import undefended
from asperity.messages import DataError
from asperity.report.numbers import count_of, factor_of

__all__ = ["SOURCES", "explain", "size_in_words"]

#: where an error comes from; the first three are the calibration
SOURCES = ("spring constant", "sensitivity", "tip", "noise", "model")

_NAMES = ("spring constant", "sensitivity", "size of the tip")
_USUAL = (USUAL["spring_constant"], USUAL["sensitivity"], USUAL["radius"])  # for what was not given
_TIP = ("radius", "punch_radius", "half_angle", "tip_radius")  # what the size of the tip may be called


@verb(dataset="results")
def explain(results: xr.Dataset) -> xr.Dataset:
    """The budget of the modulus's error bar, and what a better calibration is worth.

    Args:
        results: of `analyze` or `fit` of a contact model.

    Returns:
        over ``source``: ``relative_std`` of each curve (relative standard uncertainty of its modulus, NaN of curves
        that are not usable), ``relative_std_mean`` of the mean of ln E over the usable curves, ``given`` (relative
        standard uncertainty of the source), ``better`` (a very good one), and ``std_better`` and ``mean_std_better``,
        the whole error bar of a typical curve and of the mean with that one known so well; ``typical_std`` and
        ``mean_std`` as they are.

    Raises:
        DataError: no usable curve has a modulus, or the results do not hold how it follows its calibration.
    """
    contents = gathered(results)
    use, modulus, changes = _usable(results, contents.usable)
    known = _known(results)
    own = {"noise": "modulus_std_noise", "model": "modulus_std_model"}
    rest = np.stack([np.nan_to_num(results[name].values / modulus) if name in results else np.zeros(len(modulus))
                     for name in own.values()], axis=1)
    parts = np.concatenate([calibration_parts(changes, known), rest**2], axis=1)
    parts = np.where(use[:, None], parts, np.nan)
    mean_change, number = changes[use].mean(axis=0), int(use.sum())
    noise, model = (rest[use, 0] ** 2).sum() / number**2, rest[use, 1].mean() ** 2
    mean = np.array([*calibration_parts(mean_change, known), noise, model])
    typical = int(np.flatnonzero(use)[np.argsort(parts[use].sum(axis=1))[number // 2]])
    improved = [better(known, i, min(std, known.std[i])) for i, std in enumerate(BETTER)]
    made = xr.Dataset({
        "relative_std": (("curve", "source"), np.sqrt(parts), _words("of the modulus of a curve, by source")),
        "relative_std_mean": ("source", np.sqrt(mean), _words("of the mean over the curves, by source")),
        "given": ("source", np.array([*known.std, np.nan, np.nan]), _words("of the source, as it was given")),
        "better": ("source", np.array([*BETTER, np.nan, np.nan]), _words("of the source, of a very good calibration")),
        "std_better": ("source", _with(improved, changes[typical], parts[typical, 3:]),
                       _words("of a typical curve's modulus, with this source known as well as that")),
        "mean_std_better": ("source", _with(improved, mean_change, mean[3:]),
                            _words("of the mean, with this source known as well as that")),
        "typical_std": ((), float(np.sqrt(parts[typical].sum())), _words("of a typical curve's modulus")),
        "mean_std": ((), float(np.sqrt(mean.sum())), _words("of the mean")),
        "typical_curve": ((), typical, {"units": "1", "long_name": "curve with the median error bar"}),
        "correlation": ((), known.correlation, {"units": "1", "long_name": "of spring constant and sensitivity"}),
        "flag": results["flag"],
    }, {"source": list(SOURCES), **identity(results)})
    k, s, tip = (given or std for given, std in zip(known.std, _USUAL))
    usual = _with([Calibrated((k, s, tip), known.correlation)], changes[typical], parts[typical, 3:])
    told = [*_told(made, number, float(usual[0])), *_about_model(contents)]
    if undefended(contents):
        told.insert(0, "The contact model does not describe these curves: their modulus is not defended, however well "
                       "the calibrations are known.")
    named = made.assign_attrs(findings=json.dumps(told), model=str(results.attrs.get("model", "")),
                              citations=results.attrs.get("citations", "[]"))
    return provenance.record(named, provenance.step("explain", {}), before=results)


def _words(meaning: str) -> dict[str, str]:
    return {"units": "1", "long_name": f"relative standard uncertainty {meaning}"}


def _about_model(contents: Contents) -> list[str]:
    """Where nothing is known of how wrong the model may be."""
    tested = contents.usable & np.isfinite(contents.columns["model_chance"])
    return [] if tested.any() else [NOT_TESTED]


def _usable(results: xr.Dataset, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which curves have a modulus with an error bar, the moduli, and how these follow the calibration."""
    if "modulus_std_noise" not in results or "modulus_by_spring_constant" not in results:
        why = "" if "modulus" not in results else " (they may be of another verb, or of an earlier version)"
        raise DataError(f"the results do not hold how the modulus follows its calibration{why}: make them again with "
                        "'asperity analyze' or 'asperity fit'")
    modulus, changes = results["modulus"].values.astype(float), _changes(results)
    use = usable & np.isfinite(modulus) & (modulus > 0) & np.isfinite(changes).all(axis=1)
    use &= np.isfinite(results["modulus_std_noise"].values)
    if not use.any():
        raise DataError(f"none of {count_of(len(use), 'curve')} has a usable modulus: see the flags in their report")
    return use, np.where(use, modulus, np.nan), changes


def _changes(results: xr.Dataset) -> np.ndarray:
    """The relative change of the modulus by those of spring constant, sensitivity and tip, (curve, source)."""
    names = ["spring_constant", "sensitivity", next((one for one in _TIP if f"modulus_by_{one}" in results), "")]
    nothing = np.zeros(results.sizes["curve"])
    return np.stack([results[f"modulus_by_{name}"].values if f"modulus_by_{name}" in results else nothing
                     for name in names], axis=1)


def _known(results: xr.Dataset) -> Calibrated:
    def of(*names: str) -> float:
        return next((float(results[f"{name}_std"]) for name in names
                     if f"{name}_std" in results.coords and results[f"{name}_std"].ndim == 0), 0.0)

    correlation = float(results["calibration_correlation"]) if "calibration_correlation" in results.coords else 0.0
    return Calibrated((of("spring_constant"), of("sensitivity"), of(*_TIP)), correlation)


def _with(known: list[Calibrated], changes: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """The whole error bar with each of these calibrations; NaN for the sources that are no calibration."""
    found = [np.sqrt(calibration_parts(changes, one).sum() + rest.sum()) for one in known]
    return np.array([*found, *([np.nan] * (len(SOURCES) - len(found) if len(found) > 1 else 0))])


def _told(made: xr.Dataset, number: int, usual: float) -> list[str]:
    """What people are told, the most important first."""
    whole, mean = float(made["typical_std"]), float(made["mean_std"])
    parts = made["relative_std"].values[int(made["typical_curve"])] ** 2
    largest = int(np.argmax(parts))
    said = [f"The modulus of a typical curve is known {_precision(whole)}; {100 * parts[largest] / parts.sum():.0f} % "
            f"of that variance is of the {SOURCES[largest]}." if whole > 0 else "The error bars are empty."]
    if number > 1:
        common = 1 - float(made["relative_std_mean"].values[3]) ** 2 / mean**2 if mean > 0 else 0.0
        said.append(f"The mean over {count_of(number, 'curve')} is known {_precision(mean)}; {100 * common:.0f} % of "
                    "that variance is common to all curves, and more curves do not lessen it.")
    given, after = made["given"].values[:3], made["std_better"].values[:3]
    gains = [(float(after[i]), i) for i in range(3) if given[i] > BETTER[i] and after[i] < 0.99 * whole]
    for value, i in sorted(gains):
        other = ", by another method" if i == 0 and float(made["correlation"]) else ""
        said.append(f"{_NAMES[i]} known to {_percent(BETTER[i])} instead of {_percent(given[i])}{other}: "
                    f"{size_in_words(whole)} -> {size_in_words(value)}.")
    if not gains and whole > 0:
        said.append("No better calibration would lessen it by more than a hundredth"
                    + (": it is the noise." if largest == 3 else "."))
    if lacking := [_NAMES[i] for i in range(3) if not given[i] > 0 and made["better"].values[i] > 0]:
        said.append(f"No uncertainty was given of the {', '.join(lacking)}: the error bar holds none of it. With "
                    f"usual ones ({', '.join(f'{n} {_percent(u)}' for n, u in zip(_NAMES, _USUAL) if n in lacking)}) "
                    f"it would be {size_in_words(usual)}; give --spring-constant-std, --sensitivity-std, --radius-std.")
    return said


def size_in_words(part: float) -> str:
    """An error bar: in percent, or the factor that 95 % reach where it is so large that percents mislead."""
    return factor_of(part) if part > VAGUE else _percent(part)


def _precision(part: float) -> str:
    return f"{'within' if part > VAGUE else 'to'} {size_in_words(part)}"


def _percent(part: float) -> str:
    return f"{100 * part:.2g} %" if part < 0.0995 else f"{100 * part:.3g} %"
