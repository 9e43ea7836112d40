"""The modulus of a single curve whose contact model is not quite true: the plain fit, the session, the force law.

`python -m tests.verify.measurements.tip_force.test_law` prints the table of docs/tip_force_gp_contact.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr

import asperity
from asperity.contact import Hertz
from asperity.learning import discrepancy
from asperity.measurements.force_curves import fit_curves
from tests.verify.measurements.force_curves.defects import DEFECTS, MODULUS, RADIUS, SOUND, Curve, session
from tests.verify.verdict import Figure, judge

CURVES = 8  # told one by one
SESSION = 24
SIGNALS = (60, 375)  # largest force over the noise
CASES: dict[str, Callable[[], Curve]] = {"right model": SOUND["contact 40%"]} | {name: DEFECTS[name] for name in (
    "bonded layer of 5 um", "stiffening 1.3 times", "bonded layer of 10 um", "sphere, contact radius 0.5 R",
    "sphere, contact radius 0.9 R", "soft skin of 50 nm", "cubic detector, -5%", "bonded layer of 20 um",
    "bonded layer of 2 um")}
CASES["soft skin of 50 nm, truth of the skin"] = lambda: DEFECTS["soft skin of 50 nm"]()._replace(modulus=MODULUS / 2)
METHODS = ("plain fit, alone", "plain fit, in a session of 24", "force law, alone", "three columns, alone")


class Told(NamedTuple):
    """One method on the curves of one case; relative to the truth, the modulus at vanishing depth."""

    bias: float  # of the median curve
    width: float  # half of the interval of 95 %, median
    held: float  # share of curves whose interval holds the truth
    seconds: float  # of the processor, for one curve, when everything is compiled

    def __str__(self) -> str:
        return f"{100 * self.bias:+.1f} | {100 * self.width:.1f} | {100 * self.held:.0f} % | {self.seconds:.2g}"


def compared(curve: Curve, signal: float, seed: int = 0, count: int = CURVES) -> dict[str, Told]:
    """What each of `METHODS` says of the first ``count`` curves of a session."""
    whole = session(curve, SESSION, signal, np.random.default_rng([seed, int(signal)])).assign_attrs(radius=RADIUS)
    ones = [whole.isel(curve=[index]) for index in range(count)]
    alone = [_timed(lambda one=one: asperity.fit(one, Hertz(radius=RADIUS))) for one in ones]
    together, seconds = _timed(lambda: asperity.fit(whole, Hertz(radius=RADIUS)))
    laws = [_timed(lambda one=one: asperity.force_law(one, {"name": "hertz", "radius": RADIUS})) for one in ones]
    return {METHODS[3]: three_columns(ones, curve.modulus),
            METHODS[0]: _told([made for made, _ in alone], [spent for _, spent in alone], curve.modulus),
            METHODS[1]: _told([together.isel(curve=slice(count))], [seconds / SESSION], curve.modulus),
            METHODS[2]: _told([made for made, _ in laws], [spent for _, spent in laws], curve.modulus)}


def three_columns(ones: list[xr.Dataset], truth: float) -> Told:
    """The plain fit of each curve with the model part that a session of one curve gives it, if it is asked for."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (discrepancy, fit_curves):
            patch.setattr(module, "FEWEST", 1)
        made = [_timed(lambda one=one: asperity.fit(one, Hertz(radius=RADIUS))) for one in ones]
    return _told([one for one, _ in made], [spent for _, spent in made], truth)


def _timed(work: Callable[[], xr.Dataset]) -> tuple[xr.Dataset, float]:
    start = time.process_time()
    made = work()
    return made, time.process_time() - start


def _told(made: list[xr.Dataset], seconds: list[float], truth: float) -> Told:
    value, low, high = (np.concatenate([one[name].values for one in made]) / truth
                        for name in ("modulus", "modulus_low", "modulus_high"))
    held = (low <= 1) & (high >= 1)
    return Told(float(np.median(value)) - 1, float(np.median(high - low)) / 2, float(held.mean()),
                float(np.median(seconds)))


def test_a_single_curve_tells_more_with_a_discrepancy_of_its_own():
    """What docs/tip_force_gp_contact.md says of single curves at the larger signal."""
    found = {name: compared(CASES[name](), 375, seed=1) for name in (
        "right model", "bonded layer of 10 um", "stiffening 1.3 times", "sphere, contact radius 0.9 R")}
    right = found.pop("right model")
    alone, session_of, law = ([one[method] for one in found.values()] for method in METHODS)
    judge("The modulus at vanishing depth of single curves, signal 375", [
        Figure("right model: force law holds", right[METHODS[2]].held, 0.75),
        Figure("right model: its width over the plain fit's", right[METHODS[2]].width / right[METHODS[0]].width, 1, 12),
        Figure("wrong models: plain fit alone holds", np.mean([one.held for one in alone])),
        Figure("wrong models: force law holds", np.mean([one.held for one in law]), 0.75),
        Figure("wrong models: bias of the law over the plain fit's",
               np.mean([abs(one.bias) / abs(other.bias) for one, other in zip(law, alone)]), 0, 1),
        Figure("wrong models: width of the law over a session's",
               np.mean([one.width / other.width for one, other in zip(law, session_of)]), 0, 1)])


def main(names: list[str]) -> None:
    """Print one row for each case, signal and method."""
    print("| case | signal | method | bias, % | half width of 95 %, % | holds | CPU s a curve |\n|" + "---|" * 7)
    for name in names or CASES:
        for signal in SIGNALS:
            for method, one in compared(CASES[name](), signal).items():
                print(f"| {name} | {signal} | {method} | {one} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
