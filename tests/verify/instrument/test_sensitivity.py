"""Sensitivities from surfaces that yield and from surfaces that do not: refused, or as sure as stated.

``python -m tests.verify.instrument.test_sensitivity`` prints more curves of every condition.
"""

import sys
from typing import NamedTuple

import numpy as np

from asperity.instrument.sensitivity import deflection_sensitivity
from asperity.messages import DataError
from tests.verify.verdict import Figure, judge

TRUE = 70e-9  # m/V
PRESSED = 3e-7  # m, largest deflection
FREE = 6e-7  # m, way before contact
SOFT = ("sphere", "cone", "adhesive", "layered", "brush")
RATIOS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)  # stiffness of the contact at the end of the press over the lever's
NOISES = (0.002, 0.005, 0.01)  # of the largest deflection


class Found(NamedTuple):
    """Of many curves: parts refused and held by the 95 % interval of those that were not; medians of those."""

    refused: float
    held: float
    bias: float
    std: float


def indentation(kind, ratio, deflection):
    """Indentation (m) at deflections (m) >= 0 of a contact whose stiffness at the last of them is ratio x lever's.

    sphere: F ~ i^3/2; cone: F ~ i^2; layered: F = F_l i / (h - i), a layer of h = 100 nm or more on what is
    stiff; brush: the same of 20 nm or more.
    """
    part = np.clip(deflection / PRESSED, 0, None)
    if kind in ("layered", "brush"):
        thickness = max(2e-8 if kind == "brush" else 1e-7, 4.1 * PRESSED / ratio)
        # i = h d / (d + d_l), of the stiffness k (d + d_l)^2 / (h d_l)
        layer = np.roots([1, 2 * PRESSED - thickness * ratio, PRESSED**2]).real.min()
        return thickness * deflection / (deflection + layer)
    power = {"sphere": 2 / 3, "adhesive": 2 / 3, "cone": 1 / 2}[kind]
    pull = 0.1 if kind == "adhesive" else 0.0  # pulls with a tenth of the largest force, evenly (DMT)
    scale = power * PRESSED / (ratio * (1 + pull))
    return scale / power * (1 + pull) * ((part + pull) / (1 + pull)) ** power


def pressed(kind, ratio):
    """Height (m, falling) and deflection (m) of an approach without noise."""
    deflection = np.linspace(0, PRESSED, 4001)
    if kind == "adhesive":
        deflection = np.linspace(-0.1 * PRESSED, PRESSED, 4001)
    way = deflection + (0.0 if ratio == np.inf else indentation(kind, ratio, deflection))
    return way - way[0], deflection


def curves(kind, ratio, noise, seed, samples=1000, loop=0.0, creep=0.0, friction=0.0, wave=0.0, correlated=0.0):
    """Approach and retract: height (m) and voltage (V); on a stiff surface where the ratio is infinite."""
    rng = np.random.default_rng([seed, 15485863])
    way, deflection = pressed(kind, ratio)
    stroke = FREE + way[-1]
    part = np.linspace(0, 1, samples)
    made = {}
    for name, sign in (("approach", 1), ("retract", -1)):
        drive = part if sign > 0 else part[::-1]
        true = drive - sign * loop * drive * (1 - drive)
        true = true + creep * np.log1p((part if sign > 0 else 1 + part) / 0.05)
        beyond = stroke * true - FREE
        bent = np.interp(beyond, way, deflection, left=0.0) + np.clip(beyond - way[-1], 0, None)
        bent = bent * (1 + sign * friction)
        white = rng.normal(size=samples + 200)
        if correlated:
            for i in range(1, len(white)):
                white[i] = correlated * white[i - 1] + np.sqrt(1 - correlated**2) * white[i]
        bent = bent + noise * PRESSED * white[200:]
        bent = bent + wave * PRESSED * np.sin(2 * np.pi * beyond / 3.3e-7 + rng.uniform(0, 6.28))
        made[name] = (-stroke * drive, bent / TRUE)
    return made


def found(count, kind, ratio, noise, **more):
    """What becomes of so many pairs of curves."""
    sensor = not (more.get("loop") or more.get("creep"))
    values = []
    for seed in range(count):
        try:
            one = deflection_sensitivity(curves(kind, ratio, noise, seed, **more), sensor=sensor).sensitivity
            values.append((one.value, one.std))
        except DataError:
            values.append((np.nan, np.nan))
    value, std = np.array(values).T
    given = np.isfinite(value)
    if not given.any():
        return Found(1.0, np.nan, np.nan, np.nan)
    value, std = value[given], std[given]
    return Found(1 - given.mean(), float(np.mean(np.abs(value - TRUE) < 1.96 * std)),
                 float(np.median(value) / TRUE - 1), float(np.median(std) / TRUE))


STIFF = {"white noise": {}, "100 samples": {"samples": 100}, "friction 2 %": {"friction": 0.02},
         "drive, loop 5 %": {"loop": 0.05}, "drive, loop 15 %": {"loop": 0.15}, "drive, creep": {"creep": 0.01},
         "stray light 0.8 %": {"wave": 0.008}, "noise correlated over 100 samples": {"correlated": 0.99}}


def table(count, rows):
    """Surface, ratio, noise, more -> what becomes of it; printed on the way."""
    print("\n| surface | stiffness over lever's | noise % | refused | 95 % held | bias % | stated std % |")
    print("|---|---|---|---|---|---|---|")
    results = []
    for name, ratio, noise, more in rows:
        one = found(count, name if name in SOFT else "sphere", ratio, noise, **more)
        print(f"| {name} | {ratio:g} | {100 * noise:g} | {100 * one.refused:.0f} % | {100 * one.held:.0f} % | "
              f"{100 * one.bias:+.2f} | {100 * one.std:.2f} |", flush=True)
        results.append(one)
    return results


def test_no_soft_surface_gives_a_wrong_sensitivity():
    """A contact as stiff as the lever, or up to 5 times: refused; 30 and 100 times: refused, or held by the interval.

    20 pairs: of 95 % at least 80 are held in all but one of a hundred draws.
    """
    soft = table(20, [(kind, ratio, 0.005, {}) for kind in SOFT for ratio in (0.3, 1.0, 3.0)])
    little = table(20, [(kind, ratio, 0.005, {}) for kind in SOFT for ratio in (30.0, 100.0)])
    judge("Soft surfaces", [
        Figure("least refused, up to 3 times as stiff as the lever", min(one.refused for one in soft), 0.98),
        Figure("least held of those not refused", min(one.held for one in little if one.refused < 0.8), 0.8)])


def test_stiff_surfaces_keep_their_sensitivity():
    """Noise, friction, hysteresis, creep, stray light: the number stays, and what is stated of it holds."""
    stiff = table(20, [(f"stiff, {name}", np.inf, 0.005, more) for name, more in STIFF.items()])
    judge("Stiff surfaces", [
        Figure("refused", float(np.mean([one.refused for one in stiff])), 0.0, 0.02),
        Figure("least held", min(one.held for one in stiff), 0.85),
        Figure("median error of white noise", abs(stiff[0].bias), 0.0, 1e-3)])


def main(count, kinds):
    """The whole table."""
    table(count, [(f"stiff, {name}", np.inf, noise, more) for noise in NOISES for name, more in STIFF.items()
                  if "stiff" in kinds])
    table(count, [(kind, ratio, noise, {}) for kind in SOFT if kind in kinds for ratio in RATIOS for noise in NOISES])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, sys.argv[2:] or ["stiff", *SOFT])
