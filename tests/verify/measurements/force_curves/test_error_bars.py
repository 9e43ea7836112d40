"""Error bars on measured noise, each instrument judged with a prior that was learnt without it.

`python -m tests.verify.measurements.force_curves.test_error_bars` prints the whole table of docs/validation.md.
"""

import sys
from typing import NamedTuple

import numpy as np

import asperity
from asperity.contact import JKR, Hertz
from asperity.learning import noise as noise_model
from asperity.learning.noise_prior import learn_prior
from asperity.learning.outcome import Outcome
from tests.verify.measurements.force_curves.measured_noise import RADIUS, SOURCES, hertz, jkr, pieces, sessions, source

SIZES = (1, 3, 16, 64)  # curves of a session
SHARES = (0.15, 0.4, 0.7, 0.85)  # of the ramp in contact
CURVES = 192
SIGNAL = 60.0  # largest force over the noise
PULL = 20.0  # pull-off force over the noise


class Held(NamedTuple):
    """How often the intervals of one quantity hold the truth, of the usable curves of one cell."""

    model: str
    quantity: str
    size: int
    share: float
    usable: float
    standard: float  # share of errors within one standard uncertainty
    wide: float  # and within the interval of 95 %
    bar: float  # median standard uncertainty over
    error: float  # the root mean square error


def prior_without(name: str) -> noise_model.SpectrumPrior:
    """Learnt from 24 pieces of each of the other instruments."""
    rng = np.random.default_rng(0)
    return learn_prior([list(pieces(source(other), 24, rng)) for other in SOURCES if other != name])


def cells(name: str, sizes=SIZES, shares=SHARES, count=CURVES):
    """The coverage of every cell with the noise of one instrument; `noise.PRIOR` is what was set."""
    own = source(name)
    for size in sizes:
        for share in shares:
            rng = np.random.default_rng(1)
            for model, contact in (("Hertz", hertz(own, SIGNAL * own.std, share)),
                                   ("JKR", jkr(own, SIGNAL * own.std, share, PULL * own.std))):
                data = sessions(own, contact, count, size, rng)
                template = {"Hertz": Hertz, "JKR": JKR}[model](radius=RADIUS)
                found = asperity.fit(data, template, segment=contact.segment)
                good = found["flag"].values <= Outcome.short_baseline
                for quantity, truth in contact.truth.items():
                    column = {kind: found[quantity + kind].values[good] for kind in ("", "_std", "_low", "_high")}
                    error = column[""] - truth
                    yield Held(model, quantity, size, share, good.mean(), np.mean(np.abs(error) < column["_std"]),
                               np.mean((column["_low"] <= truth) & (truth <= column["_high"])),
                               np.median(column["_std"]), np.sqrt(np.mean(error**2)))


def main(names) -> None:
    """Print a line for each cell, then what is pooled."""
    every = []
    print("| noise of | model | quantity | curves of a session | contact | usable % | 68 % | 95 % | bar / rms error |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in names:
        noise_model.PRIOR = prior_without(name)
        for cell in cells(name):
            every.append(cell)
            print(f"| {name} | {cell.model} | {cell.quantity} | {cell.size} | {cell.share:.0%} | {cell.usable:.0%} | "
                  f"{cell.standard:.0%} | {cell.wide:.0%} | {cell.bar / cell.error:.2f} |", flush=True)
    for model, quantity in dict.fromkeys((cell.model, cell.quantity) for cell in every):
        own = [cell for cell in every if (cell.model, cell.quantity) == (model, quantity)]
        print(f"{model} {quantity}: pooled {100 * np.mean([c.standard for c in own]):.1f} / "
              f"{100 * np.mean([c.wide for c in own]):.1f} %; "
              f"{sum(0.9 <= c.wide <= 0.98 for c in own)} and {sum(0.6 <= c.standard <= 0.78 for c in own)} of "
              f"{len(own)} cells within 90 to 98 and 60 to 78 %; above 90 %: {sum(c.wide >= 0.9 for c in own)}")


if __name__ == "__main__":
    main(sys.argv[1:] or list(SOURCES))
