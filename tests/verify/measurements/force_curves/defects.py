"""Paraboloids on elastic half-spaces with one defect each: generators with NumPy and SciPy alone.

A curve is the force at heights of an even ramp, without noise: F(d) at the indentation d = -(height + F / k). A defect
is in the sample or tip (another F), in the detector or scanner (what is recorded of force and height), or in how the
recording was cut. The truth is the modulus that an experimentalist would want: of the layer, at small strain, of the
bulk below a skin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.interpolate import PchipInterpolator
from scipy.linalg import cholesky, solve_triangular, toeplitz
from scipy.optimize import least_squares

RADIUS = 5e-6  # m
SPRING_CONSTANT = 0.05  # N/m
MODULUS = 5e3  # Pa
LARGEST = 3e-9  # N
SHARE = 0.4  # of the ramp in contact
SAMPLES = 512
_FINE = 200_001
#: a bonded incompressible layer: ln of the force over Hertz' by sqrt(R d) over the thickness (Dimitriadis 2002 to 0.5)
_LAYER = PchipInterpolator([0, 0.1, 0.3, 0.5, 1.0], np.log([1, 1.1293, 1.5221, 2.1694, 5.1217]))

Law = Callable[[np.ndarray], np.ndarray]


class Curve(NamedTuple):
    """One curve without noise, in the order of time."""

    height: np.ndarray  # m
    force: np.ndarray  # N
    modulus: float  # Pa, the truth


def paraboloid(indentation: np.ndarray, modulus: float = MODULUS) -> np.ndarray:
    """Hertz, incompressible, N."""
    return 4 / 3 * modulus / 0.75 * np.sqrt(RADIUS) * np.maximum(indentation, 0.0) ** 1.5


def ramp(law: Law, *, largest: float = LARGEST, share: float = SHARE, k: float = SPRING_CONSTANT,
         modulus: float = MODULUS, before: Law | None = None) -> Curve:
    """An approach to the ``largest`` force, in contact in this ``share``; ``before``: a force over the distance."""
    depth = np.linspace(0.0, 2 * RADIUS, _FINE)
    deepest = depth[min(np.searchsorted(law(depth), largest), _FINE - 1)]
    end = -(deepest + largest / k)
    height = np.linspace(end - end / share, end, SAMPLES)
    tip = np.linspace(height[0], -1.2 * deepest, _FINE)
    force = law(-tip) + (before(np.maximum(tip, 0.0)) if before else 0.0)
    return Curve(height, np.interp(-height, -(tip - force / k), force), modulus)


def _layer(thickness: float) -> Curve:
    return ramp(lambda d: paraboloid(d) * np.exp(
        _LAYER(np.minimum(np.sqrt(RADIUS * np.maximum(d, 0)) / thickness, 1.0))))


def _sphere(ratio: float) -> Curve:
    """Sneddon's sphere up to this radius of contact over its own; soft, so that the lever reaches there."""
    soft = 200.0
    a = np.linspace(1e-6, 0.999999, _FINE) * RADIUS
    depth = a / 2 * np.log((RADIUS + a) / (RADIUS - a))
    force = soft / 0.75 * ((a**2 + RADIUS**2) / 2 * np.log((RADIUS + a) / (RADIUS - a)) - a * RADIUS)
    largest = float(np.interp(ratio * RADIUS, a, force))
    return ramp(lambda d: np.where(d > 0, np.interp(d, depth, force), 0.0), largest=largest, modulus=soft)


def _factor(factor: Callable[[np.ndarray, float], np.ndarray]) -> Curve:
    """A modulus that depends on the depth: ``factor(depth, largest depth of the sound curve)``."""
    deepest = (LARGEST / paraboloid(np.array(1.0))) ** (2 / 3)
    return ramp(lambda d: paraboloid(d) * factor(np.maximum(d, 0.0), float(deepest)))


def _recorded(force: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
              height: Callable[[np.ndarray], np.ndarray] | None = None) -> Curve:
    """A sound curve, recorded as ``force(height, force)`` at ``height(height)``."""
    sound = ramp(paraboloid)
    return Curve(height(sound.height) if height else sound.height,
                 force(sound.height, sound.force) if force else sound.force, MODULUS)


def _over_span(height: np.ndarray) -> np.ndarray:
    return (height - height.min()) / np.ptp(height)


def _bow(part: float) -> Curve:
    return _recorded(height=lambda h: h + part * np.ptp(h) * 4 * _over_span(h) * (1 - _over_span(h)))


def _bend(part: float) -> Curve:
    return _recorded(lambda h, f: f + part * LARGEST * 4 * (_over_span(h) - 0.5) ** 2)


def _waves(part: float) -> Curve:
    return _recorded(lambda h, f: f + part * LARGEST * np.sin(4 * np.pi / 670e-9 * h + 1))


def _cubic(part: float) -> Curve:
    return _recorded(lambda h, f: f * (1 - part * (f / f.max()) ** 2))


def _cut(first: float) -> Curve:
    """A recording that begins in contact, this part of the depth missing."""
    sound = ramp(paraboloid)
    depth = -(sound.height + sound.force / SPRING_CONSTANT)
    kept = depth > first * depth.max()
    return Curve(sound.height[kept], sound.force[kept], MODULUS)


def _drag(speed: float) -> Curve:
    """Viscous drag of water on a sphere and its lever near a wall, at this speed in m/s."""
    return _recorded(lambda h, f: f + 6 * np.pi * 1e-3 * (30e-6) ** 2 / (np.maximum(h, 0) + 10e-6) * speed
                     * np.gradient(h + f / SPRING_CONSTANT) / np.gradient(h))


def _tilt_ends(part: float) -> Curve:
    return _recorded(lambda h, f: f + part * SPRING_CONSTANT * np.maximum(h, 0.0))


def _turned(samples: int) -> Curve:
    """The last samples are the beginning of the retraction, a tenth lower."""
    sound = ramp(paraboloid)
    return Curve(np.concatenate([sound.height, sound.height[-samples:][::-1]]),
                 np.concatenate([sound.force, 0.9 * sound.force[-samples:][::-1]]), MODULUS)


def _hold(relaxed: float) -> Curve:
    """A hold of a third of the samples at the end, in which the force relaxes by this part."""
    sound, count = ramp(paraboloid), SAMPLES // 3
    decay = 1 - relaxed * (1 - np.exp(-np.arange(count) / (count / 5)))
    return Curve(np.concatenate([sound.height, np.full(count, sound.height[-1])]),
                 np.concatenate([sound.force, sound.force[-1] * decay]), MODULUS)


def _attracted(part: float, reach: float) -> Curve:
    return ramp(paraboloid, before=lambda s: -part * LARGEST * np.exp(-s / reach))


def _repelled(part: float, reach: float) -> Curve:
    return ramp(paraboloid, before=lambda s: part * LARGEST * np.exp(-s / reach))


#: a right model: what is said of these is a false alarm
SOUND: dict[str, Callable[[], Curve]] = {
    **{f"contact {share:.0%}": (lambda share=share: ramp(paraboloid, share=share)) for share in (0.15, 0.4, 0.7)},
    "tilt of 5 % of k": lambda: _recorded(lambda h, f: f + 0.05 * SPRING_CONSTANT * (h - h.mean())),
}
#: what no curve of one direction can show: a pure factor of depth or force
INVISIBLE: dict[str, Callable[[], Curve]] = {
    "height scale 5 %": lambda: _recorded(height=lambda h: 1.05 * h),
    "height scale 10 %": lambda: _recorded(height=lambda h: 1.1 * h),
    "spring constant 20 % off": lambda: _recorded()._replace(modulus=MODULUS / 1.2),
}
DEFECTS: dict[str, Callable[[], Curve]] = {
    **{f"bonded layer of {t} um": (lambda t=t: _layer(t * 1e-6)) for t in (20, 10, 5, 2)},
    **{f"sphere, contact radius {r} R": (lambda r=r: _sphere(r)) for r in (0.5, 0.7, 0.9)},
    **{f"stiffening {x} times": (lambda x=x: _factor(lambda d, most: 1 + (x - 1) * d / most)) for x in (1.3, 2.0)},
    "softening by 30 %": lambda: _factor(lambda d, most: np.maximum(1 - 0.3 * d / most, 0.5)),
    "soft skin of 50 nm": lambda: _factor(lambda d, most: 1 - 0.5 * np.exp(-d / 50e-9)),
    "stiff skin of 50 nm": lambda: _factor(lambda d, most: 1 + np.exp(-d / 50e-9)),
    "cone": lambda: ramp(lambda d: 2 / np.pi * MODULUS / 0.75 * np.tan(np.radians(35)) * np.maximum(d, 0.0) ** 2),
    "flat punch": lambda: ramp(lambda d: 2 * MODULUS / 0.75 * 1e-6 * np.maximum(d, 0.0)),
    **{f"cubic detector, -{c:.0%}": (lambda c=c: _cubic(c)) for c in (0.02, 0.05, 0.1, 0.2)},
    "soft saturation": lambda: _recorded(lambda h, f: 0.8 * LARGEST * np.tanh(f / (0.8 * LARGEST))),
    **{f"bow of the scanner, {c:.0%}": (lambda c=c: _bow(c)) for c in (0.01, 0.03, 0.1)},
    **{f"bend of the baseline, {c:.0%}": (lambda c=c: _bend(c)) for c in (0.01, 0.03, 0.1)},
    **{f"interference, {c:.0%}": (lambda c=c: _waves(c)) for c in (0.01, 0.03)},
    **{f"drag at {v * 1e6:g} um/s": (lambda v=v: _drag(v)) for v in (1e-5, 1e-4)},
    **{f"tilt of {t:.0%} of k until contact": (lambda t=t: _tilt_ends(t)) for t in (0.01, 0.05)},
    **{f"brush of {a:.0%} and {z * 1e9:.0f} nm": (lambda a=a, z=z: _repelled(a, z))
       for a, z in ((0.05, 20e-9), (0.05, 50e-9), (0.15, 50e-9), (0.15, 150e-9), (0.3, 300e-9))},
    **{f"attraction of {a:.0%} and {z * 1e9:.0f} nm": (lambda a=a, z=z: _attracted(a, z))
       for a, z in ((0.05, 20e-9), (0.15, 50e-9))},
    **{f"begins in contact, {c:.0%} missing": (lambda c=c: _cut(c)) for c in (0.02, 0.1)},
    "40 samples of the retraction": lambda: _turned(40),
    "hold with relaxation by 30 %": lambda: _hold(0.3),
    "height with the other sign": lambda: _recorded(height=lambda h: -h),
    "force with the other sign": lambda: _recorded(lambda h, f: -f),
    "rows in reverse order": lambda: Curve(*(a[::-1] for a in ramp(paraboloid)[:2]), MODULUS),
}


def noise(count: int, samples: int, std: float, rng: np.random.Generator) -> np.ndarray:
    """White noise and a wandering of half its size that is forgotten within 40 samples, (count, samples) N."""
    white, memory = rng.normal(0.0, std, (count, samples)), np.exp(-1 / 40)
    steps = rng.normal(0.0, 0.5 * std * np.sqrt(1 - memory**2), (count, samples))
    slow = np.empty((count, samples))
    slow[:, 0] = rng.normal(0.0, 0.5 * std, count)
    for i in range(1, samples):
        slow[:, i] = memory * slow[:, i - 1] + steps[:, i]
    return white + slow


def at_best(curve: Curve, signal: float) -> float:
    """By how many standard deviations the best test of the very defect tells a curve from a paraboloid.

    Modulus, contact point, baseline and its tilt are free, and the noise is known: what is left of the force by the
    paraboloid that is nearest in units of that noise (Neyman and Pearson).
    """
    samples, std = len(curve.height), np.abs(curve.force).max() / signal
    lags = np.exp(-np.arange(samples) / 40) / 4
    lags[0] += 1
    lower = cholesky(std**2 * toeplitz(lags), lower=True)
    depth = np.linspace(0.0, 2 * np.ptp(curve.height), _FINE)

    def left(values: np.ndarray) -> np.ndarray:
        modulus, place, offset, tilt = values
        force = paraboloid(depth, modulus * curve.modulus)
        fitted = np.interp(-(curve.height + 1e-9 * place), depth + force / SPRING_CONSTANT, force)
        line = std * (offset + tilt * curve.height / np.ptp(curve.height))
        return solve_triangular(lower, curve.force - fitted - line, lower=True)

    return float(np.sqrt(2 * least_squares(left, [1.1, 0.0, 0.0, 0.0]).cost))


def session(curve: Curve, count: int, signal: float, rng: np.random.Generator) -> xr.Dataset:
    """So many curves of one session; ``signal`` is the largest force over the noise."""
    samples = len(curve.height)
    force = curve.force + noise(count, samples, np.abs(curve.force).max() / signal, rng)
    axes = ("curve", "segment", "sample")
    unknown = {name: ("curve", np.full(count, np.nan), {"units": unit})
               for name, unit in (("sensitivity", "m/V"), ("x", "m"), ("y", "m"))}
    return xr.Dataset(
        {"height": (axes, np.tile(curve.height, (count, 1, 1)), {"units": "m"}),
         "force": (axes, force[:, None], {"units": "N"})},
        {"file": ("curve", ["generated"] * count), "curve_in_file": ("curve", np.arange(count)),
         "session": ("curve", ["one"] * count), "segment": ["approach"], "curve": np.arange(count),
         "sample_count": (("curve", "segment"), np.full((count, 1), samples)),
         "spring_constant": ("curve", np.full(count, SPRING_CONSTANT), {"units": "N/m"}), **unknown,
         **{name: ("curve", np.full(count, -1)) for name in ("row", "column")}})
