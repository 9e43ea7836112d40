"""Pull-off force and work of adhesion on measured noise, down to where they cannot be told from zero.

`python -m tests.verify.measurements.force_curves.test_pull_off` prints the whole table of docs/validation.md.
"""

import sys
from typing import NamedTuple

import numpy as np
import xarray as xr

import asperity
from asperity.contact import DMT, JKR, Hertz
from asperity.learning import noise as noise_model
from asperity.learning.outcome import Outcome
from tests.verify.measurements.force_curves.measured_noise import RADIUS, SOURCES, Source, dmt, hertz, jkr, sessions, source
from tests.verify.measurements.force_curves.test_error_bars import prior_without
from tests.verify.verdict import Figure, judge

PULLS = (3.0, 6.0, 20.0, 60.0)  # pull-off force over the noise
SIZES = (1, 16)  # curves of a session
SIGNAL, SHARE = 60.0, 0.4  # largest force over the noise; contact in this share of the ramp
COUNT = 96
KINDS = ("JKR soft", "JKR stiff", "DMT", "Hertz beside")


class Held(NamedTuple):
    """How often the intervals of one quantity hold the truth, of the usable curves of one cell."""

    kind: str
    quantity: str
    pull: float
    size: int
    usable: float
    standard: float  # share of errors within one standard uncertainty, of those that are no upper limits
    wide: float  # share of truths within the interval of 95 %
    limits: float  # share of upper limits
    bar: float  # median standard uncertainty over the truth
    error: float  # median error over the truth


def data_of(kind: str, own: Source, pull: float, size: int, count: int = COUNT) -> tuple[xr.Dataset, dict, object, str]:
    """Curves, what is true of them, the model to fit them with, and the segment."""
    rng = np.random.default_rng(5)
    largest, force = SIGNAL * own.std, pull * own.std
    if kind == "DMT":
        made = dmt(own, largest, SHARE, force)
        return sessions(own, made, count, size, rng), made.truth, DMT(radius=RADIUS), "retract"
    made = jkr(own, largest, SHARE, force, 0.3 if kind == "JKR soft" else 3.0)
    data = sessions(own, made, count, size, rng)
    if kind != "Hertz beside":
        return data, made.truth, JKR(radius=RADIUS), "retract"
    before = hertz(own, largest, SHARE, made.truth["modulus"])
    data = xr.concat([sessions(own, before, count, size, rng), data], "segment", data_vars="minimal", coords="minimal",
                     compat="override", join="override")
    return data, {"pull_off_force": made.truth["pull_off_force"]}, Hertz(radius=RADIUS), "approach"


def cells(name: str, kinds=KINDS, pulls=PULLS, sizes=SIZES, count: int = COUNT):
    """The coverage of every cell with the noise of one instrument; `noise.PRIOR` is what was set."""
    own = source(name)
    for kind in kinds:
        for pull in pulls:
            for size in sizes:
                data, truth, model, segment = data_of(kind, own, pull, size, count)
                found = asperity.fit(data, model, segment=segment)
                good = found["flag"].values <= Outcome.short_baseline
                for quantity in [one for one in truth if one != "contact_point"]:
                    yield _held(kind, quantity, pull, size, found, good, truth[quantity])


def _held(kind, quantity, pull, size, found, good, true) -> Held:
    value, std, low, high = (found[quantity + end].values[good] for end in ("", "_std", "_low", "_high"))
    limit = low <= 0
    within = np.abs(value - true) < std
    return Held(kind, quantity, pull, size, good.mean(), within[~limit].mean() if (~limit).any() else np.nan,
                np.mean((low <= true) & (true <= high)), limit.mean(), np.median(std) / true,
                np.median(value) / true - 1)


def main() -> None:
    """Print the table; arguments: sources, by the beginnings of their names."""
    names = [name for name in SOURCES if not sys.argv[1:] or name.startswith(tuple(sys.argv[1:]))]
    usual = noise_model.PRIOR
    for name in names:
        for c in cells(name):
            print(f"{name:16s} {c.kind:12s} {c.quantity:16s} {c.pull:3.0f} {c.size:3d} usable {c.usable:4.0%} "
                  f"{100 * c.standard:3.0f}/{100 * c.wide:3.0f} limits {c.limits:4.0%} bar {c.bar:7.1%} err {c.error:+7.1%}", flush=True)
    noise_model.PRIOR = usual


if __name__ == "__main__":
    main()
