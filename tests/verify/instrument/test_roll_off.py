"""Spring constants from spectra behind detectors that roll off, and from sound ones.

``python -m tests.verify.instrument.test_roll_off`` prints more spectra of every condition.
"""

import sys
from typing import NamedTuple

import numpy as np

from asperity.instrument.calibration import calibrate
from asperity.instrument.calibration_methods import Lever, Surroundings
from asperity.instrument.spring_constant import Known
from tests.verify.verdict import Figure, judge

BOLTZMANN, WARMTH, TRUE = 1.380649e-23, 298.15, 0.2  # J/K, K, N/m
PLACES = {"air, Q 100": (70e3, 100.0, 4.0), "air, Q 300": (70e3, 300.0, 4.0),
          "liquid, Q 2": (8e3, 2.0, 6.0), "liquid, Q 5": (24e3, 5.0, 6.0)}  # resonance Hz, quality, highest over it
CORNERS = (np.inf, 5.0, 3.0, 2.0, 1.5, 1.0)  # over the resonance
AVERAGES = 120


class Found(NamedTuple):
    """Of many spectra: 95 % held, median error, scatter, median stated standard uncertainty, parts seen; relative."""

    held: float
    bias: float
    scatter: float
    std: float
    seen: float


def spectrum(place, corner, order, everything, seed, bins=2048):
    """Frequencies (Hz) and power (m^2/Hz): a damped oscillator and white noise, gamma distributed about their sum."""
    resonance, quality, highest = PLACES[place]
    f = resonance * highest * np.arange(1, bins + 1) / bins
    at_rest = 4 * BOLTZMANN * WARMTH / (TRUE * 2 * np.pi * resonance * quality)  # m^2/Hz far below the resonance
    mode = at_rest / ((1 - (f / resonance) ** 2) ** 2 + (f / resonance / quality) ** 2)
    passed = 1 / (1 + (f / resonance / corner) ** (2 * order))
    white = at_rest * max(0.02, 3e-4 * quality**2)
    expected = (mode + white) * passed if everything else mode * passed + white
    return f, expected * np.random.default_rng([seed, 104729]).gamma(AVERAGES, 1 / AVERAGES, bins)


def found(count, place, corner, order, everything):
    """What becomes of so many spectra, all inputs but the spectrum being exact."""
    exact = Lever(beta=Known(1.0, 0.0), chi=Known(1.0, 0.0))
    value, std, seen = [], [], []
    for seed in range(count):
        made = calibrate(*spectrum(place, corner, order, everything, seed), exact, Surroundings(Known(WARMTH, 0.0)),
                         sensitivity=Known(1.0, 0.0))
        value.append(made.spring_constant.value / TRUE)
        std.append(made.spring_constant.std / TRUE)
        seen.append(any("roll-off (order" in line for line in made.findings))
    off = np.array(value) - 1
    return Found(float(np.mean(np.abs(off) < 1.96 * np.array(std))), float(np.median(off)), float(np.std(off, ddof=1)),
                 float(np.median(std)), float(np.mean(seen)))


def table(count, conditions):
    """Lever, detector -> what becomes of it; printed on the way."""
    print("\n| lever | detector | 95 % held | bias % | scatter % | stated % | seen |")
    print("|---|---|---|---|---|---|---|")
    results = []
    for place, corner, order, everything in conditions:
        one = found(count, place, corner, order, everything)
        what = f"order {order} at {corner:g} f, {'everything' if everything else 'the motion'}"
        print(f"| {place} | {'none' if corner == np.inf else what} | {100 * one.held:.0f} % | {100 * one.bias:+.2f} | "
              f"{100 * one.scatter:.2f} | {100 * one.std:.2f} | {100 * one.seen:.0f} % |", flush=True)
        results.append(one)
    return results


def test_a_detector_that_rolls_off_is_seen_or_covered():
    """30 spectra: of 95 % at least 83 % are held in all but one of two hundred draws; 90 to 98 are asked for."""
    rolled = table(30, [(place, corner, order, everything) for place in ("air, Q 100", "liquid, Q 2")
                        for corner in (1.5, 3.0) for order, everything in ((1, False), (2, True))])
    judge("Detectors that roll off", [
        Figure("least held", min(one.held for one in rolled), 0.83),
        Figure("largest error of the median", max(abs(one.bias) for one in rolled), 0.0, 0.05)])


def test_a_sound_detector_costs_nothing():
    """No roll-off is seen, and the scatter is the Cramer-Rao bound: sqrt(Q / (pi f T)) and 1.3 times that."""
    places = ["air, Q 100", "air, Q 300", "liquid, Q 2", "liquid, Q 5"]
    sound = table(30, [(place, np.inf, 1, False) for place in places])
    floors = []
    for place in places:
        resonance, quality, highest = PLACES[place]
        floors.append(np.sqrt(quality / (np.pi * resonance * AVERAGES * 2048 / (highest * resonance))))
    judge("Sound detectors", [
        Figure("seen", max(one.seen for one in sound), 0.0, 0.1),
        Figure("least held", min(one.held for one in sound), 0.83),
        Figure("largest error of the median", max(abs(one.bias) for one in sound), 0.0, 0.013),
        Figure("largest scatter over its floor", max(s.scatter / floor for s, floor in zip(sound, floors)), 0.0, 1.9)])


def main(count, places):
    """The whole table."""
    kinds = ((1, False), (2, True))
    table(count, [(place, corner, *kind) for place in places for kind in kinds
                  for corner in CORNERS[0 if kind == kinds[0] else 1:]])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40, [p for p in PLACES if not sys.argv[2:] or sys.argv[2] in p])
