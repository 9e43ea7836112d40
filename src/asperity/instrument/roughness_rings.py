r"""The power of a leveled frame in rings of wavenumbers, and what a law of the surface makes one expect there.

The frame h loses polynomials of a total order, is multiplied by a taper w (flat in the middle three quarters) and gives

$$I(k) = \frac{|\sum_x w\, h\, e^{-i k x}|^2}{\sum_x w^2}, \qquad
\langle I(k) \rangle = \int s(q)\,|V_k(q)|^2 d^2q + n, \qquad v_k = (1 - P)\, w\, e^{i k x}$$

with the spectrum s of the surface per pixel ($\int s\,d^2q$ over the Nyquist square, over its area, is $\sigma^2$) and
white noise of variance n. Up to eight waves in the frame $V_k$ is computed, beyond its second moments are enough. s
depends on $|q|$ alone: the mean over a ring is a fixed matrix times s at nodes of $|q|$. Structure finer than the pixel
is folded into the square by the sampling; how much of it there is (a tip and a feedback loop let nothing through that
is fine enough) is not known here, so that it has a matrix of its own. Likelihoods of tapered frames by the expected
instead of the true spectrum: Guillaumin, Sykulski, Olhede and Simons, J. R. Stat. Soc. B 84, 1526 (2022).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from asperity.instrument.leveling import polynomials
from asperity.instrument.missing import fill_harmonic
from asperity.messages import DataError

__all__ = ["Expected", "LineOffsets", "Rings", "line_offsets", "mode_powers", "part", "rings",
           "without_bow"]

_TAPER = 0.25  # of the frame along an axis, half of it at each end: costs a seventh of the modes, leaks below 1e-10
_EXACT = 8.0  # waves in the frame up to which leveling and taper are followed mode by mode
_COARSE = 64  # pixels along an axis that are enough for so few waves
_WIDER = 4  # times the frame over which their transforms are taken
_FULL = 24  # rings of one wave's width; wider ones follow
_GROWTH = 1.05  # of a ring's radius to the next
_STEP = 1.03  # of a node to the next: 0.2 % of the steepest spectrum
_LOWEST = 0.03  # waves in the frame at the first node
_HIGHEST = 64.0  # the last node over the Nyquist wavenumber
_FOLDS = 2  # periods of the sampling on each side that are folded one by one; the rest is flat
_LEAKED = 1e-3  # of the power of a wave, that the taper may spread over modes far from it
_FOLDED = 20000  # modes that are enough to follow what is folded
_MOST_MISSING = 0.2  # of the pixels
_LEAST = 16  # pixels along an axis


class Expected(NamedTuple):
    """What a frame of some shape expects in its rings, per spectrum at the nodes."""

    ring: np.ndarray  # (rows, columns of the half plane) number of each mode's ring, -1 where it is not used
    modes: np.ndarray  # (b,) independent ones
    nodes: np.ndarray  # (j,) rad/m
    direct: np.ndarray  # (b, j) of wavenumbers that the pixels resolve
    folded: np.ndarray  # (b, j) of finer ones
    white: np.ndarray  # (b,) of white noise of variance 1
    variance: np.ndarray  # (j,) sigma^2 of what the pixels resolve
    finer: np.ndarray  # (j,) sigma^2 of what they do not


class Rings(NamedTuple):
    """The mean power in each ring, in m^2, and how it is expected."""

    power: np.ndarray  # (b,)
    expected: Expected


class LineOffsets(NamedTuple):
    """Offsets of lines against each other."""

    rms: float  # m
    sure: float  # standard errors by which they are not zero


def rings(height: np.ndarray, pitch: tuple[float, float], *, order: int, skip: int = 0,
          without: np.ndarray | None = None) -> Rings:
    """The rings of an image.

    Args:
        height: (rows, columns) in m, NaN where missing.
        pitch: m along rows and columns.
        order: of the polynomials taken off here, all terms up to this total degree.
        skip: columns of modes along the fast axis that are left out, for offsets of lines live there.
        without: modes (rows, columns of the half plane) that are left out: waves.

    Raises:
        DataError: fewer than 16 pixels along an axis, more than a fifth missing, or no power at all.
    """
    height = np.asarray(height, np.float64)
    missing = float(np.mean(~np.isfinite(height)))
    if height.ndim != 2 or min(height.shape) < _LEAST or missing > _MOST_MISSING:
        raise DataError(f"an image of shape {height.shape} with {100 * missing:.3g} % missing pixels: a spectrum needs "
                        f"{_LEAST} pixels along each axis and at most {100 * _MOST_MISSING:.0f} % missing")
    expected = _expected(height.shape, pitch, order, skip)
    power, weight, bins = _power(height, order), _weight(height.shape), len(expected.modes)
    used = (expected.ring >= 0) & (True if without is None else ~without)
    total, left, whole = (np.bincount(expected.ring[where], values[where], bins) for where, values in (
        (used, weight * power), (used, weight), (expected.ring >= 0, weight)))
    there = left > 0
    mean = total / np.maximum(left, 0.5)
    if not np.all(mean[there] > 0):
        raise DataError("there is no power at some wavelengths: the image is flat, or not as it was measured")
    return part(Rings(mean, expected._replace(modes=expected.modes * left / whole)), there)


def part(found: Rings, there: np.ndarray) -> Rings:
    """Some of the rings."""
    kept = {name: getattr(found.expected, name)[there] for name in ("modes", "direct", "folded", "white")}
    return Rings(found.power[there], found.expected._replace(**kept))


def mode_powers(height: np.ndarray, pitch: tuple[float, float], order: int) -> tuple[np.ndarray, ...]:
    """Of every mode of the half plane: its power in m^2, the number of its ring (-1: none), and how much it counts."""
    height = np.asarray(height, np.float64)
    return _power(height, order), _expected(height.shape, pitch, order, 0).ring, _weight(height.shape)


def line_offsets(height: np.ndarray, pitch: tuple[float, float], *, order: int,
                 without: np.ndarray | None = None) -> LineOffsets:
    r"""Whether lines are offset: modes without a wave along the line hold more than others of the same wavenumber.

    On a surface that is alike in all directions they hold the same. Modes of waves (``without``) are left out.

    Raises:
        DataError: as `rings`.
    """
    ring = np.maximum(_expected(np.shape(height), pitch, order, 0).ring, 0)
    power, weight = _power(np.asarray(height, np.float64), order), _weight((ring.shape[0], np.shape(height)[1]))
    weight[:, :2] = 0.0
    standing = np.zeros(weight.shape, bool) if without is None else without
    weight[standing] = 0.0
    total = np.bincount(ring.ravel(), weight.ravel())
    mean = (np.bincount(ring.ravel(), (weight * power).ravel()) / np.maximum(total, 1e-9))[ring[:, 0]]
    power, waves = power[:, 0], np.arange(len(ring))
    used = (waves > max(_EXACT, len(ring) / 8)) & (waves <= len(ring) // 2) & (total[ring[:, 0]] > 0)
    used &= ~standing[:, 0]
    if not used.any():
        return LineOffsets(0.0, 0.0)
    middle = float(np.median(power[used] / mean[used])) / math.log(2)  # of few waves that are left no part
    sure = math.log(2) * (middle - 1) / math.sqrt(_shared(len(ring)) / used.sum())
    window = _window(np.shape(height)[1])
    typical = max(float(np.median(power[used] / math.log(2) - mean[used])), 0.0)
    if typical < _LEAKED * power[standing[:, 0]].max(initial=0.0):
        return LineOffsets(0.0, 0.0)
    return LineOffsets(math.sqrt(typical * (window**2).sum()) / float(window.sum()), sure)


def _window(n: int) -> np.ndarray:
    place = (np.arange(n) + 0.5) / n
    edge = np.minimum(place, 1 - place)
    return np.where(edge < _TAPER / 2, 0.5 - 0.5 * np.cos(2 * math.pi * edge / _TAPER), 1.0)


def _shared(n: int) -> float:
    """Modes per independent mode along an axis."""
    square = _window(n) ** 2
    return float(n * (square**2).sum() / square.sum() ** 2)


def _weight(shape: tuple[int, int]) -> np.ndarray:
    """Of each mode of the half plane: a half where its conjugate is there, too."""
    weight = np.ones((shape[0], shape[1] // 2 + 1))
    weight[:, 0] = 0.5
    if shape[1] % 2 == 0:
        weight[:, -1] = 0.5
    return weight


def _power(height: np.ndarray, order: int) -> np.ndarray:
    window = np.multiply.outer(*(_window(n) for n in height.shape))
    return np.abs(np.fft.rfft2(without_bow(height, order) * window)) ** 2 / (window**2).sum()


def without_bow(height: np.ndarray, order: int) -> np.ndarray:
    """The heights, with gaps filled, less their least-squares polynomial of this total degree."""
    filled, columns = fill_harmonic(height), polynomials(height.shape, order)
    basis = np.linalg.qr(columns.reshape(len(columns), -1).T)[0]
    return filled - (basis @ (basis.T @ filled.ravel())).reshape(height.shape)


def _expected(shape: tuple[int, ...], pitch: tuple[float, float], order: int, skip: int) -> Expected:
    """For pixels of width 1 along the fast axis, then scaled: images of one shape share it."""
    unit = _of_shape((shape[0], shape[1]), round(pitch[0] / pitch[1], 6), order, skip)
    return unit._replace(nodes=unit.nodes / pitch[1])


@lru_cache(maxsize=8)
def _of_shape(shape: tuple[int, int], ratio: float, order: int, skip: int) -> Expected:
    steps = (ratio, 1.0)
    size = np.array([n * s for n, s in zip(shape, steps, strict=True)])
    nyquist = math.pi / steps[0], math.pi / steps[1]
    nodes = np.exp(np.arange(math.log(_LOWEST * 2 * math.pi / size.max()), math.log(_HIGHEST * max(nyquist)),
                             math.log(_STEP)))
    waves = (np.fft.fftfreq(shape[0], 1 / shape[0]), np.arange(shape[1] // 2 + 1.0))
    q = [2 * math.pi * k / length for k, length in zip(np.meshgrid(*waves, indexing="ij"), size, strict=True)]
    ring = _numbered(np.hypot(*q), 2 * math.pi / size.min(), skip)
    used, weight = ring >= 0, _weight(shape)
    bins = int(ring.max()) + 1
    total = np.bincount(ring[used], weight[used], bins)
    exact = used & (np.hypot(*np.meshgrid(*waves, indexing="ij")) <= _EXACT)
    direct, white = _bulk(q, ring, weight, used & ~exact, nodes, size), np.bincount(
        ring[used & ~exact], weight[used & ~exact], bins)
    for (i, j), row, flat in _mode_by_mode(shape, steps, order, np.argwhere(exact), nodes):
        direct[ring[i, j]] += weight[i, j] * row
        white[ring[i, j]] += weight[i, j] * flat
    direct, white = direct / total[:, None], white / total
    variance, whole = _square(nodes, nyquist, 1), _square(nodes, (math.inf, math.inf), 1, nyquist)
    folded = white[:, None] * _fold(q, ring, used, nodes, nyquist, whole)
    count = total / math.prod(_shared(n) for n in shape)
    return Expected(ring, count, nodes, direct, folded, white, variance, whole - variance)


def _numbered(q: np.ndarray, spacing: float, skip: int) -> np.ndarray:
    """Rings of one spacing, then growing; those of too few modes join the one before."""
    edges = [0.5]
    while edges[-1] * spacing < q.max() * 1.001:
        edges.append(edges[-1] + 1 if len(edges) <= _FULL else edges[-1] * _GROWTH)
    ring = np.searchsorted(np.array(edges) * spacing, q, side="right") - 1
    ring[:, :skip] = -1
    filled = np.bincount(ring[ring >= 0].ravel(), minlength=len(edges)) > 0
    return np.where(ring >= 0, (np.cumsum(filled) - 1)[np.maximum(ring, 0)], -1)


def _hats(q: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The node below each q and the share of the one above, linear in ln q."""
    place = np.log(np.clip(q, nodes[0], nodes[-1] * (1 - 1e-9)) / nodes[0]) / math.log(_STEP)
    below = np.minimum(place.astype(int), len(nodes) - 2)
    return below, place - below


def _spread(ring: np.ndarray, q: np.ndarray, weight: np.ndarray, nodes: np.ndarray, bins: int) -> np.ndarray:
    """(bins, nodes): the weights summed by ring, each on the two nodes beside its q."""
    below, share = _hats(q, nodes)
    flat, size = ring * len(nodes) + below, bins * len(nodes)
    table = np.bincount(flat, weight * (1 - share), size) + np.bincount(flat + 1, weight * share, size)
    return table.reshape(bins, len(nodes))


def _bulk(q: list[np.ndarray], ring: np.ndarray, weight: np.ndarray, chosen: np.ndarray, nodes: np.ndarray,
          size: np.ndarray) -> np.ndarray:
    """Modes of many waves: the window's blur by its second moments, as three points along each axis."""
    bins = int(ring.max()) + 1
    moment = 1 / (8 * _TAPER) / (1 - 0.625 * _TAPER)  # second, of the taper's transform, in waves^2
    reach = [math.sqrt(3 * moment) * 2 * math.pi / length for length in size]
    table = np.zeros((bins, len(nodes)))
    for i, first in ((-1, 1 / 6), (0, 2 / 3), (1, 1 / 6)):
        for j, second in ((-1, 1 / 6), (0, 2 / 3), (1, 1 / 6)):
            moved = np.hypot(q[0][chosen] + i * reach[0], q[1][chosen] + j * reach[1])
            table += _spread(ring[chosen], moved, first * second * weight[chosen], nodes, bins)
    return table


def _mode_by_mode(shape: tuple[int, int], steps: tuple[float, float], order: int, places: np.ndarray,
                  nodes: np.ndarray):
    """For each mode of few waves: its place, its expected power per spectrum at the nodes and per white noise."""
    coarse = [min(n, _COARSE) for n in shape]
    columns = polynomials(tuple(coarse), order)
    basis = np.linalg.qr(columns.reshape(len(columns), -1).T)[0]
    window = np.multiply.outer(*(_window(n) for n in coarse))
    wide = [_WIDER * n for n in coarse]
    pixel = [n * s / c for n, s, c in zip(shape, steps, coarse, strict=True)]
    q = np.hypot(*np.meshgrid(*(2 * math.pi * np.fft.fftfreq(w, p) for w, p in zip(wide, pixel, strict=True)),
                              indexing="ij")).ravel()
    none = np.zeros(q.size, int)
    found: dict[tuple[int, int], tuple[np.ndarray, float]] = {}
    for i, j in places:
        waves = (min(i, shape[0] - i), int(j))  # the mirror image expects the same
        if waves not in found:
            phase = [np.exp(2j * math.pi * k * (np.arange(c) + 0.5) / c) for k, c in zip(waves, coarse, strict=True)]
            mode = (window * np.multiply.outer(*phase)).ravel()
            mode = (mode - basis @ (basis.T @ mode)).reshape(coarse)
            power = np.abs(np.fft.fft2(mode, wide)).ravel() ** 2 / (window**2).sum() / math.prod(wide)
            found[waves] = _spread(none, q, power, nodes, 1)[0], float(power.sum())
        yield (i, j), *found[waves]


def _square(nodes: np.ndarray, half: tuple[float, float], times: float,
            over: tuple[float, float] | None = None) -> np.ndarray:
    """Integral of each hat over a rectangle of wavenumbers with these half sides, over the area of the Nyquist one."""
    within = 10
    edges = nodes[0] * _STEP ** (np.arange((len(nodes) - 1) * within + 1) / within)
    middle = np.sqrt(edges[1:] * edges[:-1])
    a, b = (np.minimum(times * side / middle, 1.0) for side in half)
    angle = np.maximum(4 * (np.arcsin(b) - np.arccos(a)), 0.0)
    area = 4 * math.prod(half if over is None else over)
    mass = angle * middle * np.diff(edges) / area
    table = _spread(np.zeros(middle.size, int), middle, mass, nodes, 1)[0]
    table[0] += math.pi * nodes[0] ** 2 / area
    return table


def _fold(q: list[np.ndarray], ring: np.ndarray, used: np.ndarray, nodes: np.ndarray, nyquist: tuple[float, float],
          whole: np.ndarray) -> np.ndarray:
    """What wavenumbers beyond the Nyquist ones add to each ring."""
    bins, places = int(ring.max()) + 1, np.flatnonzero(used)
    places = places[:: max(len(places) // _FOLDED, 1)]
    place, rows = [axis.ravel()[places] for axis in q], ring.ravel()[places]
    table = np.zeros((bins, len(nodes)))
    for i in range(-_FOLDS, _FOLDS + 1):
        for j in range(-_FOLDS, _FOLDS + 1):
            if i or j:
                moved = np.hypot(place[0] + 2 * i * nyquist[0], place[1] + 2 * j * nyquist[1])
                table += _spread(rows, moved, np.ones(len(rows)), nodes, bins)
    count = np.bincount(rows, minlength=bins)
    there = np.flatnonzero(count)
    filled = table[there] / count[there, None]
    nearest = np.abs(np.arange(bins)[:, None] - there).argmin(axis=1)
    return filled[nearest] + whole - _square(nodes, nyquist, 2 * _FOLDS + 1)
