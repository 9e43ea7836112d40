"""`select`: the contact model that each curve calls for, with its probability, or why none is named.

The crossing between the schema and `asperity.learning.selection`: a JKR fit tells where the tip was held
and what the noise is; then the posterior over the Maugis parameter decides.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from asperity.contact import DMT, JKR, AbstractContactModel, LennardJonesContact, MaugisDugdale
from asperity.data import jobs, provenance
from asperity.data.curve_files import Source
from asperity.data.results import assumptions
from asperity.data.verbs import verb
from asperity.learning import selection
from asperity.learning.adequacy import Model, Tolerance
from asperity.learning.attachment import find_jump
from asperity.learning.classifier import quick_select
from asperity.learning.outcome import Outcome
from asperity.learning.retraction import Retractions
from asperity.learning.selection import NeglectedEffects, Options, Reason, Selection, SurfaceStress
from asperity.measurements.force_curves import unreadable
from asperity.measurements.force_curves.fit_curves import Learnt, fit_curves
from asperity.measurements.force_curves.over_curves import by_workers
from asperity.measurements.force_curves.segments import Segment, segment_of
from asperity.measurements.force_curves.sessions import (
    FITTED_BY,
    Part,
    SessionNoise,
    by_session,
    join,
    load_part,
    parts_of,
    plan,
)
from asperity.measurements.force_curves.tip import resolved
from asperity.messages import known_keys, one_of
from asperity.quantities import variable_attributes
from asperity.report.numbers import count_of

__all__ = ["InputQuantities", "choose", "in_words", "named_by_most", "select", "summary"]

_ANOTHER = 0.1  # of the larger force, by which a fitted and a read pull-off differ at least
_NO_FIT = int(Reason.no_adhesion | Reason.not_fitted)
_OPEN = 0.7  # standard deviation of ln lambda, a factor of 2, from which on lambda is not determined
_LAWS = {"maugis_dugdale": "Maugis and Dugdale", "lennard_jones": "Lennard-Jones surfaces"}
_TOLD = {SurfaceStress.lennard_jones: "Lennard-Jones surfaces, not Maugis-Dugdale theory, are what is seen in",
         SurfaceStress.either: "Lennard-Jones surfaces and Maugis-Dugdale theory cannot be told apart in"}
_PULL_OFF = ("pull_off_force", "pull_off_force_low", "pull_off_force_high")
_NECK = 0.05  # rise of the force between pull-off and jump, over the pull-off force, from which a neck is seen


class InputQuantities(NamedTuple):
    """What is known of the measurement beside the curves; relative standard deviations."""

    separation: float = 0.4e-9  # equilibrium separation of the surfaces, m
    separation_std: float = 1.0  # of its logarithm: 1 is a factor 2.7 either way
    spring_constant_std: float = 0.1
    sensitivity_std: float = 0.03
    radius_std: float = 0.0
    surface_tension: float = 0.0  # of the solid, N/m
    thickness: float = np.inf  # of a layer, m


def choose(dataset: xr.Dataset, model: JKR, noise: Learnt | Mapping[str, Learnt], *,
           segment: str = "retract", instrument: InputQuantities = InputQuantities(),  # noqa: B008
           options: Options = Options(), quick: bool = False) -> xr.Dataset:  # noqa: B008
    """Choose the contact model of every curve of a loaded dataset of one session.

    Args:
        dataset: force curves in memory, with height and spring constant.
        model: a template with radius and Poisson's ratio.
        noise: from `asperity.measurements.force_curves.fit_curves.learn_noise` with the same template and segment.
        segment: the retraction.
        instrument: see `InputQuantities`.
        options: tolerances and least probability.
        quick: the network answers where it is sure: no other check is made, and no number averaged, there.

    Returns:
        One entry per curve: ``contact_model``, its ``probability`` among the ``candidate`` models, the
        ``reasons`` where none is named, and modulus, work of adhesion and Maugis parameter averaged over
        the posterior, with 90 % intervals.
    """
    fitted = fit_curves(dataset, model, noise=noise, segment=segment)
    curves = _retractions(segment_of(dataset, segment), fitted, model, instrument)
    force_std = float(np.hypot(instrument.spring_constant_std, instrument.sensitivity_std))
    options = options._replace(force_uncertainty=force_std, radius_uncertainty=instrument.radius_std)
    neglected = NeglectedEffects(instrument.surface_tension, instrument.thickness, _hysteresis(dataset, segment))
    chosen = _quick(curves, options, neglected) if quick else selection.select(curves, options, neglected)
    return _results(fitted, chosen, model)


def _quick(curves: Retractions, options: Options, neglected: NeglectedEffects) -> Selection:
    """The network's answers where it is sure; the whole choice for the other curves."""
    found = quick_select(curves, options, fall_back=False)
    count = len(found.model)
    none, interval = np.full(count, np.nan), np.full((count, 3), np.nan)
    by_law = np.full((count, 2, 3), np.nan)
    result = Selection(found.probability, found.model, np.zeros(count, int), none, none.copy(), interval,
                       interval.copy(), none.copy(), none.copy(), np.full((count, 2), np.nan),
                       np.zeros(count, np.int8), none.copy(), by_law, by_law.copy(), none.copy())
    ask = np.flatnonzero(~found.sure)
    if not len(ask):
        return result
    some = NeglectedEffects(*(np.broadcast_to(a, count)[ask] for a in neglected))
    rest = selection.select(Retractions(*(np.asarray(a)[ask] for a in curves)), options, some)
    for whole, part in zip(result, rest):
        whole[ask] = part
    return result


def _retractions(part: Segment, fitted: xr.Dataset, model: JKR, instrument: InputQuantities) -> Retractions:
    attached, counted = find_jump(part.force, part.counted)
    k = part.spring_constant
    indentation = -(part.height + part.force / k[:, None])
    swing = np.ptp(np.where(counted, part.force, 0.0), axis=1)
    noise = np.maximum(fitted["noise_std"].values, 1e-5 * swing)  # a virtual curve may have none
    gain = 1 + np.maximum(_stiffness(fitted, model, indentation), 0.0) / k[:, None]
    return Retractions(
        np.where(counted, indentation, np.nan), np.where(counted, part.force, np.nan), attached,
        counted / gain**2, noise, np.maximum(fitted["noise_correlation"].values, 1.0),
        np.full(len(k), float(model.radius)), instrument.sensitivity_std / k,
        np.full(len(k), instrument.separation), np.full(len(k), instrument.separation_std),
        _neck_seen(part.force, attached, counted, noise))


def _stiffness(fitted: xr.Dataset, model: JKR, indentation: np.ndarray) -> np.ndarray:
    """dF/d(indentation) of the fitted JKR contact at each sample, N/m; 0 where there is none.

    The noise of the deflection moves the tip as well: against a stiff contact, a soft lever's residual grows
    by 1 + (dF/d indentation) / k.
    """
    found = [fitted[name].values[:, None] for name in ("modulus", "work_of_adhesion", "contact_point")]
    depth = indentation + found[2]
    known = np.isfinite(depth) & (found[0] > 0) & (found[1] > 0)
    with jax.enable_x64(True):
        every = jnp.asarray(np.where(known, depth, 0.0)), *(np.where(f > 0, f, 1.0)[:, 0] for f in found[:2])
        slope = _slopes(model, *every)
    return np.where(known, np.nan_to_num(slope), 0.0)


@jax.jit
def _slopes(model: JKR, depth: jax.Array, modulus: jax.Array, work_of_adhesion: jax.Array) -> jax.Array:
    """dF/d(indentation) at every depth (curve, sample) of one contact per curve; compiled once, not per block."""

    def one(depth, modulus, adhesion):
        changed = dataclasses.replace(model, modulus=modulus, work_of_adhesion=adhesion)
        return jax.grad(changed.force)(depth)

    return jax.vmap(jax.vmap(one, (0, None, None)))(depth, modulus, work_of_adhesion)


def _neck_seen(force: np.ndarray, attached: np.ndarray, counted: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Whether the force rises again between the pull-off and the jump, (curve,): a stiff lever shows the neck."""
    held = (attached > 0) & counted
    first = held.argmax(axis=1)
    rows = np.arange(len(force))
    last = np.stack([force[rows, np.minimum(first + i, force.shape[1] - 1)] for i in range(2)]).mean(axis=0)
    far = np.where((attached < 0) & counted, force, np.nan)
    level = np.nanmean(np.where(np.isfinite(far).any(axis=1, keepdims=True), far, 0.0), axis=1)
    lowest = np.where(held, force, np.inf).min(axis=1)
    rise, depth = last - lowest, level - lowest
    return held.any(axis=1) & (rise > np.maximum(4 * noise, _NECK * depth))


def _hysteresis(dataset: xr.Dataset, segment: str) -> np.ndarray:
    """The work lost between approach and retraction in compression, over that of the approach, (curve,).

    0 where there is no approach to compare with.
    """
    if "approach" not in dataset["segment"].values or segment == "approach":
        return np.zeros(dataset.sizes["curve"])
    work = [_work(segment_of(dataset, name)) for name in ("approach", segment)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.where(work[0] > 0, (work[0] - work[1]) / work[0], 0.0))


def _work(part: Segment) -> np.ndarray:
    """The integral of the repulsive force over the tip position, about the level far away, (curve,) J."""
    position = part.height + part.force / part.spring_constant[:, None]
    rank = np.cumsum(part.counted, axis=1)
    far = part.counted & (rank <= np.maximum(rank[:, -1:] // 5, 1))
    level = np.where(far, part.force, 0.0).sum(axis=1) / np.maximum(far.sum(axis=1), 1)
    force = np.maximum(np.where(part.counted, part.force - level[:, None], 0.0), 0.0)
    steps = np.where(part.counted[:, 1:] & part.counted[:, :-1], -np.diff(position, axis=1), 0.0)
    return ((force[:, 1:] + force[:, :-1]) / 2 * steps).sum(axis=1)


def _results(fitted: xr.Dataset, chosen: Selection, model: JKR) -> xr.Dataset:
    outcome = fitted["flag"].values  # a JKR fit that fails is no verdict; a curve without contact is
    unfitted = (outcome >= Outcome.contact_out_of_range) | (outcome == Outcome.saturated)
    named = np.where(unfitted, -1, chosen.model).astype(np.int8)
    contradicted = (named == Model.jkr) & (outcome == Outcome.misfit) & _pulls_otherwise(fitted, model)
    reasons = chosen.reasons | np.where(contradicted, int(Reason.contradicted), 0)
    reasons = np.where(unfitted, int(Reason.not_fitted), reasons).astype(np.int16)
    poisson = 1 - float(model.poisson_ratio) ** 2
    variables: dict[str, Any] = {
        "contact_model": ("curve", named, {
            "long_name": "simplest adequate contact model", "flag_values": np.array([-1, *map(int, Model)], np.int8),
            "flag_meanings": " ".join(["none", *(m.name for m in Model)])}),
        "contact_model_probability": (("curve", "candidate"), np.where(unfitted[:, None], np.nan, chosen.probability),
                                      {"units": "1", "long_name": "probability to be the simplest adequate model"}),
        "reasons": ("curve", reasons, {
            "long_name": "why the model is not to be relied on; 0: it is",
            "flag_masks": np.array([int(r) for r in Reason if r], np.int16),
            "flag_meanings": " ".join(str(r.name) for r in Reason if r)}),
        "maugis_parameter": ("curve", np.where(unfitted, np.nan, chosen.maugis_parameter),
                             variable_attributes("maugis_parameter")),
        "maugis_parameter_log_std": ("curve", np.where(unfitted, np.nan, chosen.parameter_spread),
                                     {"units": "1", "long_name": "standard deviation of ln(Maugis parameter)"}),
        "load_max": ("curve", np.where(unfitted, np.nan, chosen.load),
                     {"units": "1", "long_name": "largest load over pi w R"}),
        "surface_law": ("curve", np.where(unfitted, int(SurfaceStress.not_compared), chosen.law).astype(np.int8), {
            "long_name": "what the curve tells of the law of the stress between the surfaces",
            "flag_values": np.array([int(one) for one in SurfaceStress], np.int8),
            "flag_meanings": " ".join(one.name for one in SurfaceStress)}),
        "lennard_jones_probability": ("curve", np.where(unfitted, np.nan, chosen.lennard_jones), {
            "units": "1", "long_name": "probability of the law of Lennard-Jones, against that of Dugdale"}),
        "flag": fitted["flag"].variable}
    variables |= {name: fitted[name].variable for name in _PULL_OFF if name in fitted}
    told = [("modulus", "", chosen.modulus * poisson), ("work_of_adhesion", "", chosen.work_of_adhesion)]
    told += [("work_of_adhesion", f"_{law}", chosen.work_of_adhesion_by_law[:, i]) for i, law in enumerate(_LAWS)]
    for name, law, values in told:
        about = variable_attributes(name)
        for i, end in enumerate(("", "_low", "_high")):
            text = about["long_name"] + ("" if not law else f" by {_LAWS[law[1:]]}")
            text += "" if not end else f", {'lower' if i == 1 else 'upper'} end of 90 %"
            kept = np.where(unfitted, np.nan, values[:, i])
            variables[name + law + end] = ("curve", kept, {**about, "long_name": text})
    coords = {name: coord.variable for name, coord in fitted.drop_dims(("parameter", "parameter_")).coords.items()}
    return xr.Dataset(variables, coords | {"candidate": [m.name for m in Model]})


def _pulls_otherwise(fitted: xr.Dataset, model: JKR) -> np.ndarray:
    """Whether the pull-off force of the fitted JKR contact lies outside what was read, (curve,)."""
    own = np.asarray(dataclasses.replace(model, work_of_adhesion=fitted["work_of_adhesion"].values).pull_off_force())
    read, low, high = (fitted[f"pull_off_force{end}"].values for end in ("", "_low", "_high"))
    return ((own < low) | (own > high)) & (np.abs(own - read) > _ANOTHER * np.fmax(own, read))


def named_by_most(chosen: xr.Dataset) -> tuple[str, bool]:
    """The model that most answers name (the simpler of two), and whether half of the curves have an answer.

    Without that, what every curve shows decides: JKR where most have a visible pull-off, else Hertz.
    """
    reasons = chosen["reasons"].values
    answered = reasons == 0
    if answered.mean() >= 0.5:
        return Model(int(np.bincount(chosen["contact_model"].values[answered]).argmax())).name, True
    adhesive = (reasons & int(Reason.no_adhesion | Reason.not_fitted)) == 0
    return ("jkr" if adhesive.mean() > 0.5 else "hertz"), False


def summary(chosen: xr.Dataset) -> dict[str, Any]:
    """Counts for machines: curves, answers by model, reasons."""
    answered, reasons = chosen["reasons"].values == 0, chosen["reasons"].values
    return {"curves": chosen.sizes["curve"], "answered": int(answered.sum()),
            "models": {m.name: int((answered & (chosen["contact_model"].values == int(m))).sum()) for m in Model},
            "laws": {law.name: int((chosen["surface_law"].values == int(law)).sum()) for law in SurfaceStress},
            "reasons": {str(r.name): int(((reasons & int(r)) > 0).sum()) for r in Reason if r},
            "assumed": json.loads(chosen.attrs.get("assumed", "{}"))}


def in_words(chosen: xr.Dataset) -> list[str]:
    """How many curves call for which model, and why the others have no answer."""
    counts = summary(chosen)
    named = [f"  {name}: {count}" for name, count in counts["models"].items() if count]
    refused = [f"  no answer for {count}: {Reason[name].meaning}" for name, count in counts["reasons"].items() if count]
    said = f"{counts['answered']} of {count_of(counts['curves'], 'curve')} have an answer."
    if sum(counts["reasons"].values()) > counts["curves"] - counts["answered"]:
        said += " A curve may have several reasons against one."
    return [said, *named, *refused, *_law_in_words(chosen), *_open_in_words(chosen), *assumptions(chosen)]


def _law_in_words(chosen: xr.Dataset) -> list[str]:
    """What the curves tell of the law of the surfaces, with the work of adhesion by either."""
    said = []
    for law, text in _TOLD.items():
        here = chosen.isel(curve=np.flatnonzero(chosen["surface_law"].values == int(law)))
        if here.sizes["curve"]:
            by = [f"{np.nanmedian(here[f'work_of_adhesion_{name}'].values) * 1e3:.3g} mJ/m^2 by {whose}"
                  for name, whose in reversed(_LAWS.items())]
            said.append(f"  {text} {count_of(here.sizes['curve'], 'curve')}: median work of adhesion {by[0]}, {by[1]}.")
    return said


def _open_in_words(chosen: xr.Dataset) -> list[str]:
    """What is determined where lambda is not."""
    unknown = (chosen["maugis_parameter_log_std"].values > _OPEN) & ((chosen["reasons"].values & _NO_FIT) == 0)
    if not unknown.any() or _PULL_OFF[0] not in chosen:
        return []
    here = chosen.isel(curve=np.flatnonzero(unknown))
    force = float(np.nanmedian(here[_PULL_OFF[0]].values))
    return [f"  {count_of(int(unknown.sum()), 'curve')}: lambda is not determined within a factor of 2. What is: the "
            f"pull-off force (median {force * 1e9:.3g} nN), and with it the work of adhesion within the third between "
            "1/(2 pi R) and 1/(1.5 pi R) of it."]


class _Known(NamedTuple):
    """What is known of a curve beside its samples."""

    template: AbstractContactModel
    noises: Mapping[str, Learnt]  # of the sessions of its part
    cause: str  # why it could not be read, or ""


@verb(dataset="curves")
def select(dataset: xr.Dataset, *, radius: float | None = None, poisson_ratio: float = 0.5,
           segment: str = "retract", instrument: Mapping[str, float] | None = None,
           tolerance: Mapping[str, float] | None = None, quick: bool = False, batch: int = 256,
           progress: jobs.Progress | None = None, workers: int = 1) -> xr.Dataset:
    """Choose the contact model of every curve: Hertz, DMT, JKR, Maugis-Dugdale, Lennard-Jones; or say why none.

    Args:
        dataset: force curves with height and spring constant, lazy or not.
        radius: m, of the tip; the file's if it states one.
        poisson_ratio: of the sample.
        segment: the retraction to judge by.
        instrument: any of the fields of `InputQuantities`: equilibrium separation, uncertainties
            of the calibration, surface tension and thickness of the sample.
        tolerance: accepted relative errors, ``modulus`` and ``work_of_adhesion`` (``inf``: not asked for).
        quick: for large maps: a network answers where it is sure, without the other checks and averages.
        batch: curves in memory at a time.
        progress: called with (finished curves, all curves).
        workers: processes that share the curves; the results are the same to the last bit.

    Returns:
        as `choose`: the model with its probability, or the reasons; modulus and work of
        adhesion that hold without the choice; ``surface_law``, what the curve tells of the law of the
        surfaces, and the work of adhesion by either law.
    """
    model = {"name": "jkr", "poisson_ratio": poisson_ratio, **({} if radius is None else {"radius": radius})}
    one_of("segment", segment, dataset["segment"].values)
    known = InputQuantities(**known_keys("instrument", instrument, InputQuantities._fields))
    options = Options(Tolerance(**known_keys("tolerance", tolerance, Tolerance._fields)))
    sources, template = list(by_session(Source(dataset, {}))), resolved(model, [dataset])
    chosen = of_sources(sources, SessionNoise(sources, template, segment), batch, workers=workers, progress=progress,
                        instrument=known, options=options, quick=quick)
    unreadable.say(chosen.attrs)
    step = provenance.step("select", {
        "radius": radius, "poisson_ratio": poisson_ratio, "segment": segment, "instrument": dict(instrument or {}),
        "tolerance": dict(tolerance or {}), "quick": quick, "batch": batch})
    named = chosen.assign_attrs(template.attributes(JKR, MaugisDugdale, DMT, LennardJonesContact, *FITTED_BY))
    return provenance.record(named, step, before=dataset)


def of_sources(sources: Sequence[Source], noise: SessionNoise, batch: int, *, workers: int = 1,
               progress: jobs.Progress | None = None, **options: Any) -> xr.Dataset:
    """The contact model of every curve, part by part, with the JKR template and segment of the ``noise``."""
    parts, places, before = list[Part](), list[np.ndarray](), 0
    for chunk in plan(sources, batch):
        own = parts_of(sources, chunk, noise.segment)
        parts += own
        places += [before + part.places for part in own]
        before += chunk.size

    def of(number: int) -> tuple[xr.Dataset, list[_Known]]:
        part = parts[number]
        first = sources[part.pieces[0][0]]
        noises = noise(*(str(sources[i].sessions[0]) for i, _ in part.pieces))
        curves, causes = load_part(sources, part, noise.segment)
        template = noise.template.of(first)
        return curves, [_Known(template, noises, causes.get(i, "")) for i in range(curves.sizes["curve"])]

    work = partial(_chosen, segment=noise.segment, **options)
    with jobs.run({}, [len(own) for own in places], lambda number: work(*of(number)), progress=progress,
                  loop=None if workers == 1 else by_workers(work, of, workers)) as chunks:
        made = join(list(chunks))
    return made.isel(curve=np.argsort(np.concatenate(places))).assign_coords(curve=made["curve"].values)


def _chosen(curves: xr.Dataset, known: Sequence[_Known], **options: Any) -> xr.Dataset:
    """`choose` for curves of one template; those that could not be read are named."""
    template = known[0].template
    assert isinstance(template, JKR)
    causes = {i: one.cause for i, one in enumerate(known) if one.cause}
    made = choose(curves, template, known[0].noises, **options)
    return made.assign_attrs(unreadable.attribute(unreadable.named(curves, causes)))
