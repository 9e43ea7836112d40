"""A potential trained on the configurations of files: splits by trajectory, checkpoints, members, errors."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from asperity.data import lock, provenance
from asperity.data.jobs import Progress
from asperity.data.verbs import verb
from asperity.evaluation.splits import Split, by_group, find_leaks
from asperity.measurements.atoms.answers import (
    answered,
    error_rows,
    nearest_distances,
    structure_table,
    usual_spread,
)
from asperity.measurements.atoms.checkpoints import Checkpoints
from asperity.measurements.atoms.configurations import Recorded, read_configurations
from asperity.measurements.atoms.ensemble import Members
from asperity.measurements.atoms.extra import insist_on_extra
from asperity.measurements.atoms.weights import network_kinds, write_potential
from asperity.messages import WAITED_FOR, ArgumentError, DataError, known_keys, one_of
from asperity.report.citing import citations

if TYPE_CHECKING:
    from asperity.atomistic.networks import Scales
    from asperity.learning.potentials.configurations import Configuration
    from asperity.learning.potentials.training import Epoch, Training, TrainingPlan

__all__ = ["NETWORK", "train_potential"]

_log = logging.getLogger("asperity")
#: what a network is by default: its kind, its cutoff in angstrom, and its settings
NETWORK: dict[str, Any] = {"kind": "MomentNet", "cutoff": 5.0, "channels": 16, "degree": 3, "layers": 2, "radial": 8}
_FOLDS = 10  # of trajectories, of which one is watched and one is tested on
_CUTOFF = (1.0, 12.0)  # angstrom, between which a cutoff must lie
_MOST_GROUPS = 12  # rows of groups in the table of errors; more are put together by their first word


class _Sets(NamedTuple):
    """What is learnt from, watched and tested on."""

    train: list[Configuration]
    validation: list[Configuration]
    test: list[Configuration]
    remarks: list[str]


@verb()
def train_potential(data: str | PathLike[str], *, validation: str | PathLike[str] | None = None,
                    test: str | PathLike[str] | None = None, by: str = "trajectory",
                    network: Mapping[str, Any] | None = None, keys: Mapping[str, str] | None = None,
                    minutes: float = 15.0, epochs: int | None = None, members: int = 1, seed: int = 0,
                    weights: str | PathLike[str] = "potential.npz", restart: bool = False,
                    progress: Progress | None = None) -> xr.Dataset:
    """Train a potential, or an ensemble, on energies, forces and stresses; its ``weights`` go to a file.

    A training that is stopped, however, goes on where it was when it is asked for again, and ends with the same weights
    bit for bit: its states are kept beside ``weights`` until it has ended.

    Args:
        data: configurations in extxyz (see `asperity.measurements.atoms.configurations`).
        validation: a file to watch, and to calibrate the intervals of an ensemble by; None: a part of ``data``.
        test: a file to judge by, nothing else; None: another part.
        by: ``trajectory``: a trajectory is on one side of the splits; ``random``: any configuration on any side, which
            makes errors look smaller than they are on new trajectories.
        network: ``kind`` (MomentNet, EquivariantGNN, DistanceGNN), ``cutoff`` (angstrom), and its settings.
        keys: what the entries of the files are called, see `read_configurations`.
        minutes: for all members together; the number of passes is set at the beginning by the speed of this machine.
        epochs: passes of each member instead.
        members: of an ensemble, whose spread makes intervals; each begins elsewhere.
        seed: of the beginnings and of the splits.
        weights: the file of the weights, ending in .npz.
        restart: throw away what an earlier training left.
        progress: called with (finished, all) passes.

    Returns:
        the curve of the training over ``member`` and ``epoch``, errors over ``choice``, and what the potential says of
        the held-out configurations, over ``structure`` and ``atom``.

    Raises:
        ReadError, DataError, ArgumentError: what cannot be learnt from. StoreError: another training's work is there.
    """
    insist_on_extra(networks=True)
    one_of("by", by, ("trajectory", "random"))
    what, out = _network(network), Path(weights)
    if out.suffix != ".npz":
        raise ArgumentError(f"weights = '{out}': must be the name of a file that ends in .npz")
    read = {name: read_configurations(path, keys) for name, path in
            (("data", data), ("validation", validation), ("test", test)) if path is not None}
    sets = _sets(read, by, seed)
    inputs = [provenance.file_record(one.path) for one in read.values()]
    job = {"network": what, "members": members, "seed": seed, "minutes": minutes if epochs is None else None,
           "passes": epochs, "training": _digest(sets.train), "watched": _digest(sets.validation)}
    with lock.held(Path(f"{out}.work")):
        work = Checkpoints(Path(f"{out}.work"), job, restart=restart)
        trained = _trained(what, sets, work, (members, seed, minutes, epochs), progress)
        made, about = _judged(sets, trained)
        about |= {"configurations": len(sets.train), "digest": job["training"], "network": what, "seed": seed,
                  "epochs": work.epochs, "data": inputs}
        write_potential(out, trained.members, {"training": about, "calibration": trained.calibration})
        work.discard()
    work.leave()
    arguments = {"data": str(data), "validation": None if validation is None else str(validation),
                 "test": None if test is None else str(test), "by": by, "network": what, "keys": keys,
                 "epochs": work.epochs, "members": members, "seed": seed}
    made = made.assign_attrs(weights=str(out), settings=json.dumps(what), by=by, remarks=json.dumps(
        [*(said for one in read.values() for said in one.remarks), *sets.remarks]), citations=json.dumps(_cited(what)),
        records=json.dumps({name: one.record for name, one in read.items()}))
    from asperity.measurements.atoms.training_claims import claims

    return provenance.record(made.assign_attrs(findings=json.dumps(claims(made))), provenance.step(
        "train_potential", arguments, inputs=inputs, seed=seed))


def _network(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The kind, the cutoff and the settings of the network."""
    found = NETWORK | known_keys("network", given, NETWORK)
    kinds = network_kinds()
    one_of("kind", found["kind"], kinds)
    if not _CUTOFF[0] <= float(found["cutoff"]) <= _CUTOFF[1]:
        raise ArgumentError(f"cutoff = {found['cutoff']}: must lie between {_CUTOFF[0]:g} and {_CUTOFF[1]:g} angstrom")
    import inspect

    own = set(inspect.signature(kinds[found["kind"]].__init__).parameters)
    strange = [name for name in given or {} if name not in ("kind", "cutoff") and name not in own]
    if strange:
        raise ArgumentError(f"network: {found['kind']} has no {strange[0]}")
    return {name: value for name, value in found.items() if name in ("kind", "cutoff") or name in own}


def _digest(configurations: Sequence[Configuration]) -> str:
    """Of all numbers of the configurations in their order."""
    digest = hashlib.sha256()
    for one in configurations:
        for part in one:
            digest.update(b"\0" if part is None else str(part).encode() if isinstance(part, str)
                          else np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _sets(read: Mapping[str, Recorded], by: str, seed: int) -> _Sets:
    """The three sets, and what is to be known of them."""
    own = read["data"].configurations
    groups = [one.group for one in own] if by == "trajectory" else list(range(len(own)))
    missing = [name for name in ("validation", "test") if name not in read]
    parts: dict[str, list[Configuration]] = {name: read[name].configurations for name in read if name != "data"}
    count, train = len(set(groups)), own
    if missing:
        if count <= len(missing):
            raise DataError(f"{read['data'].path}: it has {count} {'trajectory' if by == 'trajectory' else 'frame'}, "
                            f"and {' and '.join(missing)} need one each beside what is learnt from. Give --validation "
                            "and --test files, name the entry that tells trajectories apart (--group-key), or take "
                            "--by random, whose errors are those of frames between frames that are known")
        folds = by_group(groups, folds=min(_FOLDS, count), seed=seed)
        held: set[int] = set()
        for name, fold in zip(missing, folds):
            parts[name] = [own[i] for i in fold.test]
            held |= set(fold.test.tolist())
        train = [one for i, one in enumerate(own) if i not in held]
    return _Sets(train, parts["validation"], parts["test"], [*_leaks(train, parts), *_scarce(train)])


def _leaks(train: Sequence[Configuration], parts: Mapping[str, Sequence[Configuration]]) -> list[str]:
    """What of the held-out configurations is known from the training, in sentences."""
    said, known = [], [_digest([one]) for one in train]
    for name, part in parts.items():
        both = [*train, *part]
        split = Split(np.arange(len(train)), np.arange(len(train), len(both)))
        places = {"trajectory": [one.group for one in both],
                  "configuration": [*known, *(_digest([one]) for one in part)]}
        for leak in find_leaks(split, groups=places):
            what = leak.kind.removeprefix("same ")
            said.append(f"{100 * leak.share:.3g} % of the {name} configurations are "
                        + ("themselves in the training data" if what == "configuration" else
                           "of trajectories that are in the training data")
                        + ": errors on them are smaller than on new ones, and are told apart.")
    return said


def _scarce(train: Sequence[Configuration]) -> list[str]:
    without = sum(one.forces is None for one in train)
    said = [] if any(one.stress is not None for one in train) else [
        "No stress was learnt: elastic constants follow from forces alone, and are less sure."]
    if without > len(train) / 2:
        said.append(f"{without} of {len(train)} training configurations have no forces: energies alone teach little.")
    return said


class _Trained(NamedTuple):
    members: tuple[Any, ...]
    curves: np.ndarray  # (member, epoch, 5)
    calibration: dict[str, Any] | None
    seconds: float


def _trained(what: Mapping[str, Any], sets: _Sets, work: Checkpoints, how: tuple[int, int, float, int | None],
             progress: Progress | None) -> _Trained:
    """All members, each from where it was kept."""
    from asperity.learning.potentials.configurations import scales_of
    from asperity.learning.potentials.ensembles import calibrated
    from asperity.learning.potentials.training import begun, train

    count, seed, minutes, passes = how
    scales = scales_of(sets.train, float(what["cutoff"]))
    first = _fresh(what, scales, seed)
    epochs = work.settle(work.epochs or passes or _affordable(first, sets, minutes / count))
    if work.resumed:
        _log.info("going on with a training of %d passes that was begun", epochs)
    members, curves, spent = [], [], time.monotonic()
    for m in range(count):
        network, plan = (first if m == 0 else _fresh(what, scales, seed + m)), _plan(epochs, seed + m)
        state = work.state(m, begun(network, plan))
        if progress is not None:
            progress(m * epochs + (0 if state is None else int(state.epoch)), count * epochs)
        with work.noted():
            done: Training = train(network, sets.train, plan, validation=sets.validation, state=state,
                                   keep=work.keep(m, last=epochs),
                                   progress=None if progress is None else _teller(progress, m, count, epochs))
        members.append(_plain(done.average))
        curves.append(np.asarray(done.curve))
    calibration = None
    if count > 1:
        found = calibrated(members, sets.validation)
        calibration = {"factor": found.factor, "by": "forces and stresses of the validation set",
                       "configurations": len(sets.validation)}
    return _Trained(tuple(members), np.stack(curves), calibration, time.monotonic() - spent)


def _plain(network: Any) -> Any:
    """The network with NumPy's arrays, as a file gives it."""
    import jax

    return jax.tree.map(np.asarray, network)


def _plan(epochs: int, seed: int) -> TrainingPlan:
    from asperity.learning.potentials.training import TrainingPlan

    return TrainingPlan(epochs=epochs, seed=seed)


def _fresh(what: Mapping[str, Any], scales: Scales, seed: int) -> Any:
    import jax

    settings = {name: value for name, value in what.items() if name not in ("kind", "cutoff")}
    return network_kinds()[what["kind"]](scales, jax.random.key(seed), **settings)


def _affordable(network: Any, sets: _Sets, minutes: float) -> int:
    """How many passes there is time for, by the time of the second one."""
    from asperity.learning.potentials.training import train

    _log.log(WAITED_FOR, "compiling, and timing two passes")
    times = []
    train(network, sets.train, _plan(2, 0), validation=sets.validation,
          progress=lambda told: times.append(told.seconds))
    return max(2, int(60 * minutes / max(times[1] - times[0], 1e-3)))


def _teller(progress: Progress, member: int, count: int, epochs: int) -> Callable[[Epoch], None]:
    """What tells of a pass: how many are done of all members, and how far it is off now."""
    which = f"member {member + 1} of {count}, " if count > 1 else ""

    def tell(told: Epoch) -> None:
        progress(member * epochs + told.epoch, count * epochs)
        _log.log(WAITED_FOR, "%sloss %.3g, validation %.3g meV an atom, %.3g meV/Å", which, told.loss,
                 1e3 * told.energy, 1e3 * told.forces)

    return tell


def _judged(sets: _Sets, trained: _Trained) -> tuple[xr.Dataset, dict[str, Any]]:
    """The held-out configurations as the potential sees them, the errors, the curve; and what its file says of it."""
    factor = 1.0 if trained.calibration is None else float(trained.calibration["factor"])
    species = trained.members[0].species
    members = Members(trained.members, tuple(f"member {m + 1}" for m in range(len(trained.members))), species, factor,
                      (), ())
    every = {"training": sets.train, "validation": sets.validation, "test": sets.test}
    known = {one.group for one in sets.train}
    flat = [one for part in every.values() for one in part]
    where = np.concatenate([np.full(len(part), name, dtype=object) for name, part in every.items()]).astype(str)
    groups = np.array([one.group for one in flat])
    answers = answered(members, flat)
    table = xr.Dataset(**structure_table(flat, answers, factor, {"split": where, "group": groups}))
    new = ~np.isin(groups, list(known))
    choices = {name: where == name for name in every}
    for name in ("validation", "test"):
        if (seen := choices[name] & ~new).any() and (fresh := choices[name] & new).any():
            choices |= {f"{name}, trajectories in training": seen, f"{name}, new trajectories": fresh}
    rows = error_rows(table, choices | _by_kind(choices["test"], groups))
    table = table.assign({**_errors(rows), **_curve(trained.curves)}).assign_attrs(
        member_count=len(members.potentials), factor=factor, seconds=trained.seconds)
    told = {row["name"]: {name: row[name] for name in ("structures", "energy", "force", "stress")} for row in rows[:3]}
    about = {"errors": told, "nearest": nearest_distances(sets.train), "spread": usual_spread(answers, where != "test")}
    return table.sel(structure=np.flatnonzero(where != "training"), atom=np.flatnonzero(
        where[table["structure_of_atom"].values] != "training")), _finite(about)


def _by_kind(tested: np.ndarray, groups: np.ndarray) -> dict[str, np.ndarray]:
    """The tested structures of each trajectory, or of trajectories whose names begin alike."""
    names = groups if len(set(groups[tested])) <= _MOST_GROUPS else np.array([one.split(",")[0] for one in groups])
    several = sorted(set(names[tested]))
    return {f"test: {name}": tested & (names == name) for name in several} if 1 < len(several) <= _MOST_GROUPS else {}


def _errors(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Variables over ``choice``."""
    units = {"energy": "eV", "force": "eV/angstrom", "stress": "GPa"}
    told: dict[str, Any] = {"choice": ("choice", [row["name"] for row in rows]),
                            "structures": ("choice", np.array([row["structures"] for row in rows]), {"units": "1"})}
    for name, unit in units.items():
        for end, words, own in (("", "mean absolute error", unit), ("_rms", "rms error", unit),
                                ("_held", "share inside of the intervals of 95 %", "1")):
            told[f"error_{name}{end}"] = ("choice", np.array([row[name + end] for row in rows]), {
                "units": own, "long_name": f"{words} of the {name}" + (" of an atom" if name == "energy" else "")})
    return told


def _curve(curves: np.ndarray) -> dict[str, Any]:
    columns = (("loss", "1", "mean loss of a pass"), ("validation_energy", "eV", "mean error of the energy of an atom"),
               ("validation_force", "eV/angstrom", "mean error of the forces"),
               ("validation_stress", "GPa", "mean error of the stress"))
    return {"epoch": ("epoch", np.arange(1, curves.shape[1] + 1)), **{
        name: (("member", "epoch"), curves[:, :, i], {"units": unit, "long_name": meaning})
        for i, (name, unit, meaning) in enumerate(columns)}}


def _finite(value: Any) -> Any:
    """A table for JSON, in which what is no number is None."""
    if isinstance(value, dict):
        return {name: _finite(entry) for name, entry in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _cited(what: Mapping[str, Any]) -> list[str]:
    from asperity.learning.potentials import ensembles, training

    return citations(network_kinds()[what["kind"]], training, ensembles)
