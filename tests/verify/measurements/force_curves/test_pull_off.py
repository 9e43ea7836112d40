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
from tests.verify.measurements.force_curves.measured_noise import (
    RADIUS,
    SOURCES,
    Source,
    dmt,
    hertz,
    jkr,
    sessions,
    source,
)
from tests.verify.measurements.force_curves.test_error_bars import prior_without
from tests.verify.verdict import Figure, judge

PULLS = (3.0, 6.0, 20.0, 60.0)  # pull-off force over the noise
SIZES = (1, 16)  # curves of a session
SIGNAL, SHARE = 60.0, 0.4  # largest force over the noise; contact in this share of the ramp
COUNT = 96
QUANTITIES = ("pull_off_force", "work_of_adhesion")
FEWEST = 20  # usable curves of a cell that says anything
KINDS = ("JKR soft", "JKR stiff", "DMT", "Hertz beside")


class Held(NamedTuple):
    """How often the intervals of one quantity hold the truth, of the curves of one cell that have a number."""

    kind: str
    quantity: str
    pull: float
    size: int
    number: int  # of usable curves
    standard: float  # share of errors within one standard uncertainty, of those that are no upper limits
    wide: float  # share of truths within the interval of 95 %
    limits: float  # share of upper limits
    bar: float  # median standard uncertainty over the truth
    every: float  # as `wide`, of all curves that have a number, whatever their flag


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
                for quantity in [one for one in QUANTITIES if one in truth]:
                    yield _held(kind, quantity, (pull, size), found, good, truth[quantity])


def _held(kind: str, quantity: str, cell: tuple[float, int], found: xr.Dataset, good: np.ndarray, true: float) -> Held:
    value, std, low, high = (found[quantity + end].values for end in ("", "_std", "_low", "_high"))
    known, limit = np.isfinite(high), low <= 0
    close, inside = np.abs(value - true) < std, (low <= true) & (true <= high)
    plain, good = good & ~limit, good & known
    return Held(kind, quantity, *cell, int(good.sum()), _share(close, plain), _share(inside, good), _share(limit, good),
                float(np.median(std[good])) / true if good.any() else np.nan, _share(inside, known))


def _share(what: np.ndarray, among: np.ndarray) -> float:
    return float(what[among].mean()) if among.any() else np.nan


def whole_table(names=tuple(SOURCES), **kind) -> dict[str, list[Held]]:
    """The cells of every source, judged with the prior of the others."""
    usual, found = noise_model.PRIOR, {}
    try:
        for name in names:
            noise_model.PRIOR = prior_without(name)
            found[name] = list(cells(name, **kind))
    finally:
        noise_model.PRIOR = usual
    return found


def pooled(found: dict[str, list[Held]], quantity: str, pull: float) -> list[Held]:
    """The cells of all sources that have enough usable curves to say anything."""
    return [c for own in found.values() for c in own if (c.quantity, c.pull) == (quantity, pull) and c.number >= FEWEST]


def without_adhesion(name: str) -> tuple[float, float]:
    """The shares of retractions of a Hertz contact, fitted with JKR, of whose intervals 0 is an end: pull-off, work."""
    own = source(name)
    made = hertz(own, SIGNAL * own.std, SHARE)
    made = made._replace(height=made.height[::-1], segment="retract")
    found = asperity.fit(sessions(own, made, COUNT, SIZES[-1], np.random.default_rng(1)), JKR(radius=RADIUS),
                         segment="retract")
    good = found["flag"].values <= Outcome.short_baseline
    return tuple(float((found[f"{one}_low"].values <= 0)[good].mean()) for one in QUANTITIES)


def test_intervals_and_limits_hold_down_to_the_noise():
    """Pooled over sources, sizes and kinds; single cells are in docs/validation.md."""
    found, figures = whole_table(), []
    for quantity in QUANTITIES:
        for pull in PULLS:
            own = pooled(found, quantity, pull)
            figures.append(Figure(f"{quantity} of {pull:g} sd, 95 %", float(np.mean([c.wide for c in own])), 0.9, 1.0))
    for name in SOURCES:
        shares = without_adhesion(name)
        figures += [Figure(f"{name}, no adhesion: {kind} is a limit", share, 0.9)
                    for kind, share in zip(("pull-off", "work of adhesion"), shares)]
    judge("Pull-off and adhesion on the noise of five instruments", figures)


def main() -> None:
    """Print the table; arguments: sources, by the beginnings of their names."""
    names = [name for name in SOURCES if not sys.argv[1:] or name.startswith(tuple(sys.argv[1:]))]
    found = whole_table(names)
    for quantity in QUANTITIES:
        print(f"\n{quantity.replace('_', ' ')}\n")
        print("| noise of | contact | curves of a session | " + " | ".join(f"{pull:g} sd" for pull in PULLS) + " |")
        print("|---|---|---|" + "---|" * len(PULLS))
        for name, kind, size in ((name, kind, size) for name in names for kind in KINDS for size in SIZES):
            row = [c for c in found[name] if (c.quantity, c.kind, c.size) == (quantity, kind, size)]
            if row:
                print(f"| {name} | {kind} | {size} | " + " | ".join(map(_cell, row)) + " |")
        for pull in PULLS:
            own = pooled(found, quantity, pull)
            print(f"\n{pull:g} sd: {100 * np.nanmean([c.standard for c in own]):.0f} / "
                  f"{100 * np.mean([c.wide for c in own]):.1f} %, {sum(0.9 <= c.wide <= 0.98 for c in own)} of "
                  f"{len(own)} cells within 90-98 %, {sum(c.wide > 0.98 for c in own)} above; limits "
                  f"{100 * np.mean([c.limits for c in own]):.0f} %")
    for name in names:
        print(f"\n{name}, no adhesion, upper limits: pull-off {{:.0%}}, work {{:.0%}}".format(*without_adhesion(name)))


def _cell(c: Held) -> str:
    """``68 / 95``, with the share of upper limits and the number of usable curves where it is not nearly all."""
    text = f"{100 * c.standard:.0f} / {100 * c.wide:.0f}" if c.number else f"- ({100 * c.every:.0f})"
    text = text.replace("nan", "-") + (f", {100 * c.limits:.0f}% <" if c.limits > 0.005 else "")
    return text + (f", n {c.number} ({100 * c.every:.0f})" if 0 < c.number < 0.9 * COUNT else "")


if __name__ == "__main__":
    main()
