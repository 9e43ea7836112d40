"""E*(f) from force curves with sine segments: all segments of all curves of a dataset, each with its flag."""

from __future__ import annotations

import enum
import json
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from asperity.contact import AbstractElasticContact
from asperity.contact.named import Model
from asperity.data import provenance
from asperity.data.curves import segment_kind
from asperity.data.jobs import Progress
from asperity.data.results import flag_attributes, gravest, identity
from asperity.data.verbs import verb
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.fit import fit
from asperity.measurements.force_curves.over_curves import over_curves
from asperity.measurements.force_curves.tip import resolved_elastic
from asperity.measurements.rheometry.untold import untold_corrections
from asperity.messages import ArgumentError, DataError, known_keys
from asperity.quantities import QUANTITIES, variable_attributes
from asperity.rheology import oscillation as oscillations
from asperity.rheology import oscillatory_contact
from asperity.rheology.oscillation import Oscillation, oscillation
from asperity.rheology.oscillatory_contact import DampedLever, Stiffness, contact_slope, contact_stiffness

__all__ = ["InstrumentResponse", "Response", "modulus_spectrum"]

_log = logging.getLogger("asperity")

_LARGE = 0.5  # amplitude of the tip over the indentation, from which the response is no longer linear
_STICKY = 0.2  # pull-off force over the load, from which adhesion bends the contact formula
_INCOHERENT = 0.9  # coherence of deflection and height, below which they do not keep their relation
_VISIBLE = 5.0  # amplitude over its uncertainty, below which the tip does not move
_BATCH = 64  # curves of a chunk: some seconds of work


class Response(enum.IntEnum):
    """What became of one frequency of one curve, the gravest of what applies."""

    usable = 0
    large_amplitude = 1  # the tip moves by more than half the indentation
    adhesive = 2  # the pull-off force exceeds a fifth of the load: the contact formula leaves adhesion out
    correction_dominates = 3  # what was taken off for drag and mass exceeds what is left
    incoherent = 4  # deflection and height do not keep their relation over the recording
    negative_loss = 5  # E'' < 0 by more than twice its standard uncertainty: too much drag taken off, or a lag
    negative_storage = 6  # E' < 0 by as much: drag of the moving base, inertia, or a lag
    no_oscillation = 7  # no motion of the tip beyond the noise
    no_contact = 8  # no contact point, or the tip off the surface
    not_recorded = 9  # too few samples or periods


class InstrumentResponse(NamedTuple):
    """What belongs to the instrument and not to the sample; see `asperity.rheology.oscillatory_contact`."""

    drag: float = 0.0  # b at contact in N s/m
    drag_std: float = 0.0  # N s/m
    mass: float = 0.0  # kg
    base_share: float = 0.0  # of the drag, that belongs to the base: 0 on the tip alone, 13/35 uniform lever
    lag: float = 0.0  # s by which the recorded height lags the true one
    gain: float = 1.0  # true height over recorded height
    spring_constant_std: float = 0.0  # relative


class _Point(NamedTuple):
    """One frequency of one curve."""

    found: Oscillation | None = None
    stiffness: Stiffness | None = None
    drive_lag: float = np.nan


@verb(dataset="curves")
def modulus_spectrum(dataset: xr.Dataset, model: Model = "hertz", *, frequency: Sequence[float] | None = None,
                     instrument: InstrumentResponse | Mapping[str, float] | None = None,
                     contact_point: Any = None, folder: str | PathLike[str] | None = None,
                     restart: bool = False, progress: Progress | None = None, workers: int = 1) -> xr.Dataset:
    """The complex modulus of every curve at every frequency of its sine segments.

    Args:
        dataset: force curves with segments of the kind ``modulation``.
        model: a contact model without adhesion, its name, or ``{"name": ..., "radius": ...}``; its choice of prefactor
            (pyramids) is kept in the history.
        frequency: Hz of each modulation segment in its order; by default what the file says.
        instrument: drag, lag and the like.
        contact_point: (curve,) tip position of the surface in m; by default fitted to the approach.
        folder: where finished curves are kept, so that the same call goes on after an interruption.
        restart: throw away what is there.
        progress: called with (finished curves, all curves).
        workers: processes that share the curves; the results are the same to the last bit.

    Returns:
        dimensions (curve, frequency), frequencies ascending: ``storage_modulus`` and ``loss_modulus`` (Young, Pa),
        ``shear_storage_modulus`` and ``shear_loss_modulus`` (a third of them for an incompressible sample), each with
        ``_std``; ``coherence``, ``indentation``, ``second_harmonic``, ``correction`` (what was taken off over what is
        left), ``drive_lag`` (s by which the recorded height lags its drive, where both are recorded), ``flag`` of
        `Response`. Numbers are NaN from ``no_oscillation`` on; negative moduli are kept, and flagged. The attribute
        ``assumed`` holds the drag and the lag where they are taken to be zero since ``instrument`` does not tell them,
        ``untold`` what typical ones would change.

    Raises:
        ValueError: no modulation segment, frequencies unknown or not one per segment, or a model with adhesion.
    """
    (template, contact), given = resolved_elastic(model, dataset), _instrument(instrument)
    segments, frequencies = _sorted_segments(dataset, frequency)
    loaded = dataset.load()
    fitted = fit(loaded, contact, segment="approach") if contact_point is None else None
    point, spread = _surface(fitted, contact_point, loaded.sizes["curve"])
    placed = loaded.assign(surface=("curve", point), surface_std=("curve", spread))
    arguments = {"model": template.record, "frequency": frequency, "instrument": given._asdict(),
                 "contact_point": _listed(contact_point)}

    made = over_curves(placed, partial(_moduli, segments=dict(zip(segments, frequencies, strict=True)), contact=contact,
                                       given=given),
                       {"verb": "modulus_spectrum", **arguments}, batch=_BATCH, workers=workers, folder=folder,
                       restart=restart, progress=progress)
    lacking = untold_corrections(made, contact, loaded["spring_constant"].values, _told(instrument))
    about = template.attributes(oscillatory_contact, oscillations)
    result = made.assign_attrs(about, assumed=json.dumps(template.assumed | lacking.assumed), untold=lacking.words)
    flags = result["flag"].values
    if flags.any():
        counts = {Response(v).name: int((flags == v).sum()) for v in np.unique(flags[flags > 0])}
        _log.warning("%d of %d moduli flagged: %s", (flags > 0).sum(), flags.size,
                     ", ".join(f"{n} {name}" for name, n in counts.items()))
    return provenance.record(result, provenance.step("modulus_spectrum", arguments), before=dataset)


def _moduli(some: xr.Dataset, segments: Mapping[str, float], contact: AbstractElasticContact,
            given: InstrumentResponse) -> xr.Dataset:
    """The moduli of some curves at the frequency of each segment."""
    points = [[_point(some.isel(curve=c).sel(segment=s), f, given) for s, f in segments.items()]
              for c in range(some.sizes["curve"])]
    place = some["surface"].values, some["surface_std"].values, _sticky(some, list(segments))
    return _table(points, np.array([*segments.values()]), contact, place, given).assign_coords(identity(some))


def _listed(contact_point: Any) -> Any:
    return None if contact_point is None else np.asarray(contact_point, float).tolist()


def _instrument(given: InstrumentResponse | Mapping[str, float] | None) -> InstrumentResponse:
    return given if isinstance(given, InstrumentResponse) else InstrumentResponse(
        **known_keys("instrument", given, InstrumentResponse._fields))


def _told(instrument: InstrumentResponse | Mapping[str, float] | None) -> set[str]:
    """What was given of the instrument: a name with its number, 0 too, or what is not as if nothing were given."""
    if not isinstance(instrument, InstrumentResponse):
        return set(instrument or ())
    return {name for name, value in instrument._asdict().items() if value != InstrumentResponse()._asdict()[name]}


def _sorted_segments(dataset: xr.Dataset, frequency: Sequence[float] | None) -> tuple[list[str], list[float]]:
    """Names of the modulation segments and their frequencies, ascending."""
    names = [str(s) for s in dataset["segment"].values if segment_kind(str(s)) == "modulation"]
    known = dataset.attrs.get("modulation_frequency") if frequency is None else frequency
    if not names:
        raise DataError(f"no modulation segment: the curves have {', '.join(map(str, dataset['segment'].values))}")
    if known is None or len(np.atleast_1d(known)) != len(names):
        count = 0 if known is None else len(np.atleast_1d(known))
        raise ArgumentError(f"{count} frequencies for {len(names)} modulation segments: give frequency=[...], one in "
                            "Hz for each in the order of the file")
    pairs = sorted(zip((float(f) for f in np.atleast_1d(known)), names, strict=True))
    return [name for _, name in pairs], [f for f, _ in pairs]


def _point(curve: xr.Dataset, frequency: float, given: InstrumentResponse) -> _Point:
    """The oscillation of one segment, if it was recorded."""
    count, k = int(curve["sample_count"]), float(curve["spring_constant"])
    named = ["height", "deflection", *(["height_drive"] if "height_drive" in curve else [])]
    if not count or not np.isfinite(k) or "deflection" not in curve or "height" not in curve:
        return _Point()
    signals = np.stack([curve[name].values[:count] for name in named])
    time = curve["time"].values[:count]
    try:
        every = oscillation(time, signals, frequency)
        both = every._replace(amplitude=every.amplitude[:2], covariance=every.covariance[:2, :2],
                              coherence=every.coherence[:2, :2], second_harmonic=every.second_harmonic[:2],
                              mean=every.mean[:2])
        transfer = given.gain * np.exp(2j * np.pi * frequency * given.lag)
        stiffness = contact_stiffness(both, DampedLever(k, given.drag, given.mass, given.base_share), transfer=transfer)
    except ValueError as error:
        _log.debug("%s", error)
        return _Point()
    if len(named) == 2:
        return _Point(both, stiffness)
    behind = np.angle(every.amplitude[2] / every.amplitude[0])
    return _Point(both, stiffness, float(behind) / (2 * np.pi * frequency))


def _surface(fitted: xr.Dataset | None, contact_point: Any, curves: int) -> tuple[np.ndarray, np.ndarray]:
    """Tip position of the surface and its std; NaN where the fit is not usable."""
    if fitted is None:
        return np.broadcast_to(np.asarray(contact_point, float), (curves,)), np.zeros(curves)
    bad = fitted["flag"].values >= Outcome.not_converged
    point, std = fitted["contact_point"].values, fitted["contact_point_std"].values
    return np.where(bad, np.nan, point), std


def _sticky(dataset: xr.Dataset, segments: Sequence[str]) -> np.ndarray:
    """Whether the pull-off force of each curve exceeds a fifth of the load, against the end of its retract."""
    if "retract" not in dataset["segment"].values or "force" not in dataset:
        return np.zeros(dataset.sizes["curve"], bool)
    force = dataset["force"].sel(segment="retract").values
    count = np.maximum(dataset["sample_count"].sel(segment="retract").values, 1)
    end = np.array([np.median(f[int(0.95 * n):n]) if n > 20 else np.nan for f, n in zip(force, count, strict=True)])
    load = np.nanmedian(dataset["force"].sel(segment=list(segments)).values, axis=(1, 2)) - end
    return end - np.nanmin(np.where(np.isfinite(force), force, np.inf), axis=1) > _STICKY * load


def _table(points: list[list[_Point]], frequency: np.ndarray, contact: AbstractElasticContact,
           place: tuple[np.ndarray, np.ndarray, np.ndarray], given: InstrumentResponse) -> xr.Dataset:
    """The dataset of results."""
    surface, surface_std, sticky = place
    blank = Oscillation(np.nan, np.full(2, np.nan + 0j), np.full((2, 2), np.nan), 0, np.full((2, 2), np.nan),
                        np.full(2, np.nan), np.full(2, np.nan), 0.0)
    none = Stiffness(complex(np.nan, np.nan), np.nan, complex(np.nan, np.nan))
    found = [[p.found or blank for p in row] for row in points]
    stiff = [[p.stiffness or none for p in row] for row in points]

    def every(rows: Any, pick: Any) -> np.ndarray:
        return np.array([[pick(item) for item in row] for row in rows])

    k, k_std = every(stiff, lambda s: s.value), every(stiff, lambda s: s.std)
    correction = every(stiff, lambda s: s.correction)
    depth = surface[:, None] - every(found, lambda f: f.mean.sum())
    tip = every(found, lambda f: abs(f.amplitude.sum()))
    tip_std = every(found, lambda f: np.sqrt(np.abs(f.covariance.sum()) / 2))
    scale, change = _scales(contact, depth, surface_std[:, None])
    modulus = scale * k
    lever = (k + correction) * given.spring_constant_std
    unit = correction / given.drag if given.drag else 2j * np.pi * frequency * np.ones_like(k)
    parts = [(scale * np.abs(part(lever)), np.abs(part(modulus)) * change, scale * np.abs(part(unit)) * given.drag_std)
             for part in (np.real, np.imag)]
    std = [np.sqrt((scale * k_std) ** 2 + sum(p**2 for p in other)) for other in parts]
    flag = _flags(modulus, std, depth, tip, tip_std, {
        Response.adhesive: np.broadcast_to(sticky[:, None], depth.shape),
        Response.correction_dominates: np.abs(correction) > np.abs(k),
        Response.incoherent: every(found, lambda f: f.coherence[0, 1]) < _INCOHERENT,
        Response.not_recorded: every(points, lambda p: p.found is None)})
    shear = 2 * (1 + float(contact.poisson_ratio))
    lost = flag >= Response.no_oscillation
    variables: dict[str, Any] = {}
    for name, part, spread in (("storage_modulus", np.real, std[0]), ("loss_modulus", np.imag, std[1])):
        value = part(modulus)
        for whole, factor in ((name, 1.0), (f"shear_{name}", shear)):
            kept = (np.where(lost, np.nan, array / factor) for array in (value, spread))
            variables |= _with_std(whole, *kept)
    variables |= _beside({
        "coherence": every(found, lambda f: f.coherence[0, 1]), "indentation": depth, "tip_amplitude": tip,
        "second_harmonic": every(found, lambda f: f.second_harmonic[1]), "correction": np.abs(correction) / np.abs(k),
        "drive_lag": every(points, lambda p: p.drive_lag), "flag": flag})
    coords = {"curve": np.arange(len(points)), "frequency": ("frequency", frequency, variable_attributes("frequency")),
              "drag": ((), given.drag, variable_attributes("drag")),
              "poisson_ratio": ((), float(contact.poisson_ratio), variable_attributes("poisson_ratio"))}
    return xr.Dataset(variables, coords)


_BESIDE = {"coherence": ("1", "coherence of height and deflection over windows of whole periods"),
           "second_harmonic": ("1", "second harmonic of the deflection over its first"),
           "tip_amplitude": ("m", "amplitude of the indentation"),
           "correction": ("1", "what was taken off for drag and mass over what is left"),
           "drive_lag": ("s", "lag of the recorded height behind its drive")}


def _beside(values: dict[str, np.ndarray]) -> dict[str, Any]:
    """What goes with the moduli, with its unit and meaning."""
    attributes: dict[str, Any] = {
        name: {"units": unit, "long_name": meaning} for name, (unit, meaning) in _BESIDE.items()}
    attributes["indentation"] = variable_attributes("indentation")
    attributes["flag"] = flag_attributes(Response, "what became of the modulus")
    return {name: (("curve", "frequency"), array, attributes[name]) for name, array in values.items()}


def _scales(contact: AbstractElasticContact, depth: np.ndarray, depth_std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Modulus per stiffness in 1/m, and its relative standard uncertainty from that of the indentation."""
    with jax.enable_x64(True):
        safe = jnp.where(depth > 0, depth, 1e-9)
        here, deeper = contact_slope(contact, safe), contact_slope(contact, np.asarray(safe) * 1.01)
    rate = np.log(deeper / here) / np.log(1.01) / np.asarray(safe)
    return (1 - float(contact.poisson_ratio) ** 2) / here, np.abs(rate) * depth_std


def _flags(modulus: np.ndarray, std: list[np.ndarray], depth: np.ndarray, tip: np.ndarray, tip_std: np.ndarray,
           conditions: dict[Response, np.ndarray]) -> np.ndarray:
    """The gravest condition of each point, int8."""
    conditions = conditions | {
        Response.large_amplitude: tip > _LARGE * depth,
        Response.negative_loss: np.imag(modulus) < -2 * std[1],
        Response.negative_storage: np.real(modulus) < -2 * std[0],
        Response.no_oscillation: ~(tip > _VISIBLE * tip_std),
        Response.no_contact: ~(depth > 0)}
    return gravest(conditions)


def _with_std(name: str, values: np.ndarray, std: np.ndarray) -> dict[str, Any]:
    dims, what = ("curve", "frequency"), QUANTITIES[name]
    return {name: (dims, values, variable_attributes(name) | {"ancillary_variables": f"{name}_std flag"}),
            f"{name}_std": (dims, std, {"units": what.unit, "long_name": f"{what.meaning}: standard uncertainty"})}
