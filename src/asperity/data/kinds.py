"""What a dataset is of: force curves, an image, results ..., told by what it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import xarray as xr

from asperity.data import curves
from asperity.messages import ArgumentError, DataError, shown

__all__ = ["KINDS", "kind_of", "needed"]

_MODULI = {"storage_modulus", "shear_storage_modulus"}

#: kind -> (what it is called, how one is made, whether a dataset is one); the first that fits is meant
KINDS: dict[str, tuple[str, str, Callable[[xr.Dataset], bool]]] = {
    "nothing": ("an empty dataset", "", lambda d: not d.variables),
    "curves": ("force curves", "asperity.read(paths)", lambda d: "segment" in d.dims or "sample_count" in d.coords),
    "image": ("an image", "asperity.read_image(path)", lambda d: {"x", "y"} <= set(d.dims) and "line_time" in d.coords),
    "calibration": ("a calibration", "asperity.calibrate", lambda d: "calibration" in d.attrs),
    "scores": ("a scorecard", "asperity.score(results)", lambda d: "criterion" in d.dims),
    "moduli": ("moduli of sine segments", "modulus_spectrum(curves)",
               lambda d: {"curve", "frequency"} <= set(d.dims)),
    "holds": ("relaxations of single curves", "holds(curves)",
              lambda d: {"curve", "fit_time"} <= set(d.dims)),
    "law": ("force laws", "asperity.force_law(curves)", lambda d: {"force_gradient", "part_force"} <= set(d.data_vars)),
    "motion": ("a model of a recorded motion", "asperity.series_model(paths)",
               lambda d: "mode" in d.dims and "prediction_error" in d),
    "tapping": ("amplitude and phase curves", "asperity.tapping()",
                lambda d: {"virial", "dissipation", "contact_time"} <= set(d.data_vars)),
    "training": ("a training of a potential", "train_potential(data)",
                 lambda d: {"validation_force", "error_force"} <= set(d.data_vars)),
    "prediction": ("predictions of a potential", "predict_atoms(paths)",
                   lambda d: {"force_reference", "energy_reference"} <= set(d.data_vars)),
    "mechanics": ("the mechanics of a crystal", "crystal_mechanics()",
                  lambda d: {"elastic_constant", "least_stiffness"} <= set(d.data_vars)),
    "design": ("designs", "asperity.design_tip()",
               lambda d: {"probability_of_each", "widening_alone"} <= set(d.data_vars)),
    "next": ("the next places to measure", "asperity.next_points(results)",
             lambda d: {"place_modulus", "purpose"} <= set(d.data_vars)),
    "experiment": ("a plan of an experiment", "asperity.plan_experiment(modulus)",
                   lambda d: {"std_robust", "margin_robust"} <= set(d.data_vars)),
    "explanation": ("a budget of error bars", "asperity.explain(results)",
                    lambda d: {"relative_std", "relative_std_mean"} <= set(d.data_vars)),
    "results": ("results of a fit", "asperity.analyze(paths) or asperity.fit(curves)", lambda d: "curve" in d.dims),
    "power": ("a thermal spectrum", "open_spectrum(path)",
              lambda d: "power" in d and "frequency" in d.coords),
    "spectrum": ("a spectrum of moduli", "asperity.spectrum(source)",
                 lambda d: "frequency" in d.dims and bool(_MODULI & set(map(str, d.data_vars)))),
    "relaxation": ("a relaxation", "asperity.relax(source)", lambda d: "relaxation_modulus" in d),
    "drift": ("a drift", "asperity.correct.drift(images)", lambda d: "drift" in d),
}


def kind_of(dataset: xr.Dataset) -> str:
    """The key in `KINDS` of what a dataset is of; "" if it is none of them."""
    return next((kind for kind, (_, _, fits) in KINDS.items() if fits(dataset)), "")


def needed(name: str, value: Any, kind: str) -> xr.Dataset:
    """The argument ``name``, which must be a dataset of this ``kind`` (a key of `KINDS`) and hold something.

    Raises:
        ArgumentError: it is no dataset, or one of something else; the message says of what.
        SchemaError: force curves or an image that lack a part.
        DataError: no curve.
    """
    words, source, _ = KINDS[kind]
    if not isinstance(value, xr.Dataset):
        raise ArgumentError(f"{name} = {shown(value)}: must be {words}, as {source} gives")
    if (found := kind_of(value)) != kind:
        names = ", ".join(map(str, list(value.data_vars)[:4])) or "nothing"
        what = KINDS[found][0] if found else f"something unknown ({names})"
        raise ArgumentError(f"{name} must be {words}, as {source} gives; what was given is {what}")
    if value.sizes.get("curve", 1) == 0:
        raise DataError(f"{name} holds no curve: it must be {words}, one at least")
    if kind == "image":
        from asperity.data import images

        return images.validate(value)
    return curves.validate(value) if kind == "curves" else value
