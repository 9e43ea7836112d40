"""The force law of single approaches: contact, its discrepancy and attraction against the separation, with bands."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from functools import partial
from os import PathLike
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from asperity.contact import AbstractElasticContact
from asperity.contact.named import Model
from asperity.data import provenance
from asperity.data.jobs import Progress
from asperity.data.verbs import verb
from asperity.learning.detachment import plateau
from asperity.learning.gp import approach, tempering
from asperity.learning.gp.approach import PARAMETERS, PARTS, PRIOR
from asperity.learning.gp.approach_bins import FEWEST, Binned, binned
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.over_curves import over_curves
from asperity.measurements.force_curves.segments import Segment, segment_of
from asperity.measurements.force_curves.tip import resolved_elastic
from asperity.measurements.tip_force.law_table import ForceLaw, grid, kept, numbers, sizes_of, table, told
from asperity.messages import DataError
from asperity.report.numbers import count_of

__all__ = ["force_law"]

_KNOWN = ("Bands hold noise with its spectrum, level and tilt of the baseline, the place of the surface and the shape "
          "of both parts; not the spring constant, the sensitivity or the radius, and no jump: between the last sample "
          "before it and the first one in contact the law is extrapolated.")
_SOFT = ("the spring constant is not known, and with it the separation: the height less the bending of the lever. "
         "Give it, for example --spring-constant 2N/m")
_NAMED = 5  # curves without a law, of which it is said why
_BATCH = 1  # curves of a chunk: some seconds of work
_EQUAL = 1e-9  # of the largest force, by which recorded values differ at least
_LOUD = 3.0  # standard deviations of the prior, by which the noise may exceed that of the baseline
_STUCK = 0.02  # of the last moves of the draws that must be accepted
_SHAKEN = 0.1  # of the indentation, by which the noise may move the tip: from there on its stiffness is lost in it
_OF_CONTACT = ("modulus", "contact_attraction", "discrepancy")  # numbers that it then does not tell
_RISES = 5.0  # times the noise, by which a force in contact is off the baseline at least
_NO_LAW = {
    Outcome.no_contact: "no contact is seen: the force does not rise where the approach ends. Approach further, or "
                        "press harder",
    Outcome.bound_hit: "the noise moves the tip by more than a tenth of the indentation, and no elastic force is told "
                       "from zero: the lever is too soft, or too noisy, for a law in contact",
}
_TOUCHES = 3.0  # standard uncertainties: the least elastic force at the largest depth that is a contact


@verb(dataset="curves")
def force_law(dataset: xr.Dataset, model: Model = "hertz", *, draws: int = 128, seed: int = 0,
              folder: str | PathLike[str] | None = None, restart: bool = False,
              progress: Progress | None = None, workers: int = 1) -> xr.Dataset:
    """The force against the separation of every curve's approach, as a sum of three Gaussian processes.

    An elastic contact, what it departs from its model, and an attraction that falls as a power of the separation (see
    `asperity.learning.gp.approach`); the place of the surface, the noise in contact and the decay of the attraction are
    sampled, the baseline's level and tilt integrated out.

    Args:
        dataset: force curves with an approach, a spring constant and a height.
        model: a contact model without adhesion, which is the attraction's part.
        draws: of the hyperparameters, an even number.
        seed: of the draws; with it go a curve's own samples, so that it has one law, alone or among others.
        folder: where finished curves are kept, so that the same call goes on after an interruption.
        restart: throw away what is there.
        progress: called with (finished curves, all curves).
        workers: processes that share the curves; the results are the same to the last bit.

    Returns:
        over ``point``, per curve: ``separation`` (m, negative in contact), ``force`` with ``_low`` and ``_high``
        (95 %), ``_std_epistemic``, ``_std_noise`` and ``_std_position`` (of one further sample, by the noise of its
        force and of its place), ``force_gradient``, ``part_force`` with ``part_covariance`` over ``part``; single
        numbers with ``_std``; the ``hyperparameter`` draws and the ``bin_`` means that `predict` needs; ``flag``: of a
        ``saturated`` curve the samples at the end of the detector are left out; ``bound_hit`` where the modulus is not
        told from zero, and ``modulus_high`` is its upper bound; or, with NaN for all numbers of the contact, where the
        noise moves the tip by more than a tenth of the indentation.

    Raises:
        DataError: no approach, no force, or no spring constant. ArgumentError: a model with adhesion.

    Source: Derjaguin, Muller, Toporov, J. Colloid Interface Sci. 53, 314 (1975).
    """
    template, contact = resolved_elastic(model, dataset)
    names = [str(name) for name in dataset["segment"].values]
    if "approach" not in names or "force" not in dataset:
        raise DataError(f"no approach with a force; the segments are {', '.join(names)}")
    if "height" in dataset and not np.isfinite(dataset["spring_constant"].values).any():
        raise DataError(_SOFT)
    loaded = dataset.load()
    draws += draws % 2
    arguments = {"model": template.record, "draws": draws, "seed": seed}
    made = over_curves(loaded, partial(_fitted, contact=contact, draws=draws, seed=seed),
                       {"verb": "force_law", **arguments}, batch=_BATCH, workers=workers, folder=folder,
                       restart=restart, progress=progress)
    about = template.attributes(approach, tempering, force_law)
    lost = json.loads(dataset.attrs.get("failed_files", "[]"))
    named = made.drop_vars("problem").assign_attrs(about, findings=json.dumps(_said(made["problem"].values, lost)),
                                                   file=str(loaded["file"].values[0]), failed_files=json.dumps(lost))
    return provenance.record(named, provenance.step("force_law", arguments, seed=seed), before=dataset)


def _said(problems: np.ndarray, lost: Sequence[str]) -> list[str]:
    """What became of the curves, and of the files that could not be read."""
    named = [f"curve {curve}: {text}" for curve, text in enumerate(problems) if text]
    done, more = len(problems) - len(named), len(named) - _NAMED
    return [f"{done} of {count_of(len(problems), 'curve')} fitted.", *named[:_NAMED],
            *([f"... and {more} more without a law."] if more > 0 else []),
            *([f"{count_of(len(lost), 'file')} could not be read: {lost[0]}"] if lost else []),
            *([_KNOWN] if done else [])]


def _fitted(curves: xr.Dataset, contact: AbstractElasticContact, draws: int, seed: int) -> xr.Dataset:
    """The laws of some curves; ``problem`` says why a curve has none."""
    found: list[ForceLaw] = []
    for index in range(curves.sizes["curve"]):
        try:
            found.append(_one(curves.isel(curve=[index]), contact, draws, seed))
        except (DataError, np.linalg.LinAlgError) as error:
            found.append(ForceLaw({}, {}, Outcome.not_fitted, str(error)))
    named = {"part": list(PARTS), "parameter": list(PARAMETERS)}
    return table(curves, found, sizes_of(draws)).assign_coords(named)


def _one(curve: xr.Dataset, contact: AbstractElasticContact, draws: int, seed: int) -> ForceLaw:
    segment = segment_of(curve, "approach")
    if "height" in curve and not np.isfinite(1 / curve["spring_constant"].values[0]):
        raise DataError(_SOFT)
    k = float(segment.spring_constant[0]) if "height" in curve else np.inf
    bins, cut = _bins(segment, k, contact)
    with jax.enable_x64(True):
        own = approach.scaled(bins, k)
        found = approach.draws_of(own, contact, _key(segment, seed), draws)
        theta = np.asarray(found.theta)
        at = grid(own, theta)
        answer = jax.tree.map(np.asarray, approach.answers(own, contact, found.theta, jnp.asarray(at)))
        own = jax.tree.map(np.asarray, own)
    law = told(own, theta, at, answer, (bins.noise, k))
    vague, rises = bins.noise / k > _SHAKEN * bins.depth, _rises(bins)
    if not _touches(law) and (vague or not rises):  # of a contact that is plain to see, wide bands are told as they are
        outcome = Outcome.bound_hit if rises else Outcome.no_contact
        return ForceLaw({}, {}, outcome, _NO_LAW[outcome])
    single = numbers(own, bins, law, answer, theta, contact) | {"moved": float(found.moved)}
    if vague:
        single |= {name: np.nan for name in single if name.startswith(_OF_CONTACT)}
    bounded = vague or not single["modulus_low"] > 0  # it is no more than a bound, or not even that
    return ForceLaw(law | kept(own, theta, law), single, _flag(theta, float(found.moved), cut, bounded), "")


def _key(segment: Segment, seed: int) -> Array:
    """The random key of a curve, by its samples: the same alone, in a map, and after the map was cut."""
    counted = segment.counted[0]
    samples = np.stack([segment.height[0][counted], segment.force[0][counted]]).astype("<f8")
    return jax.random.fold_in(jax.random.key(seed), np.uint32(zlib.crc32(samples.tobytes())))


def _bins(segment: Segment, k: float, contact: AbstractElasticContact) -> tuple[Binned, bool]:
    """The approach in bins, and whether the detector cut it off: those samples are left out.

    Raises:
        DataError: it runs the wrong way, has too few samples, or one force only.
    """
    counted, force = segment.counted[0], segment.force[0]
    position = -(segment.height[0] + force / k)
    inside = position[counted]
    if len(inside) < FEWEST:
        raise DataError(f"{count_of(len(inside), 'sample')} with a force and a height in the approach; a force law "
                        f"needs {FEWEST} before contact. If the curve has more, the height may rise towards the "
                        "sample: change its sign")
    if np.ptp(force[counted]) == 0:
        raise DataError("the force is the same in all samples: the detector was off, or this is another channel")
    end = len(inside) // 8
    if np.median(inside[-end:]) <= np.median(inside[:end]):
        raise DataError("the height does not fall along the approach: change its sign, or the order of the rows")
    top, cut = plateau(segment.force, segment.counted)
    below = force < top[0] - _EQUAL * np.abs(force[counted]).max()
    return binned(position, force, counted & below if cut[0] else counted, contact, k), bool(cut[0])


def _touches(law: dict[str, Any]) -> bool:
    """Whether the elastic force at the largest depth, the first point, is told from zero."""
    elastic = slice(0, PARTS.index("attraction"))
    std = np.sqrt(max(float(law["part_covariance"][0, elastic, elastic].sum()), 0.0))
    return float(law["part_force"][0, elastic].sum()) > _TOUCHES * std


def _rises(bins: Binned) -> bool:
    """Whether the force where the approach ends is off the line of its first half, by far more than the noise."""
    half = len(bins.force) // 2
    line = np.polyfit(bins.separation[:half], bins.force[:half], 1)
    off = np.abs(bins.force - np.polyval(line, bins.separation))
    return bool(np.median(off[-5:]) > _RISES * max(bins.noise, float(off[:half].max())))


def _flag(theta: np.ndarray, moved: float, cut: bool, bounded: bool) -> Outcome:
    loud = np.median(theta[:, PARAMETERS.index("noise")]) / PRIOR["noise"][1]
    applies = {Outcome.not_converged: moved < _STUCK, Outcome.saturated: cut, Outcome.bound_hit: bounded,
               Outcome.misfit: loud > _LOUD}
    return next((outcome for outcome, here in applies.items() if here), Outcome.converged)
