"""Leveling of height images: planes, polynomials, line offsets and scars; what is a feature is left out.

The fast axis is the last: a row is a scan line. NaN is missing and stays missing. Every function returns what it took
away, so that ``height + background`` is the image that came in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.ndimage import find_objects, label

from asperity.messages import ArgumentError, DataError

__all__ = ["Leveled", "find_scars", "level_lines", "level_lines_polynomial", "level_polynomial", "mask_features"]

_ROUNDS = 40  # of choosing the pixels of the background, at most
_TRIMMED = 10  # of these rounds with the half of the pixels nearest to the last background
_NORMAL = 1.4826022185056018  # standard deviation over the median absolute deviation of a normal law


class Leveled(NamedTuple):
    """An image less its background, and the pixels that the background was found from."""

    height: np.ndarray  # m
    background: np.ndarray  # m
    used: np.ndarray  # bool


def level_polynomial(height: np.ndarray, order: int | tuple[int, int] = 1, *, mask: np.ndarray | None = None,
                     threshold: float | None = None) -> Leveled:
    r"""The image less a least-squares polynomial $\sum c_{jk}\, y^j x^k$: order 1 is a plane.

    Args:
        height: (rows, columns) in m.
        order: one number n for all terms with j + k <= n, or the highest power along (rows, columns) for all
            products of the two.
        mask: True where a pixel is a feature and must not be counted.
        threshold: leave out features found by `mask_features` with this threshold, beside those of the mask.

    Raises:
        ValueError: shapes, a negative order, or fewer pixels than coefficients.
    """
    height, used = _checked(height, mask)
    columns = polynomials(height.shape, order)

    def background(chosen: np.ndarray) -> np.ndarray:
        return _surface(columns, height, chosen)

    return _leveled(height, background, used, threshold, None)


def level_lines(height: np.ndarray, *, statistic: str = "median", mask: np.ndarray | None = None,
                threshold: float | None = None) -> Leveled:
    r"""The image less one offset per scan line; the image's mean or tilt along the lines is not touched otherwise.

    ``statistic``: "median" or "mean" of each line; or "difference", the median of the differences to the line before,
    summed up. The first makes a line that crosses a feature too low; the second does not, where a feature covers less
    than half of what two lines share, but its errors add up from line to line as $\sqrt{rows}$.
    A line without a single pixel to use is bridged under "difference" and raises an error otherwise.

    Args:
        height, mask, threshold: as `level_polynomial`.
        statistic: see above.

    Raises:
        ValueError: an unknown statistic, shapes, or a line with no pixel to use.
    """
    height, used = _checked(height, mask)
    if statistic not in _OFFSETS:
        raise ArgumentError(f"statistic = {statistic!r}: known are {', '.join(map(repr, _OFFSETS))}")

    def background(chosen: np.ndarray) -> np.ndarray:
        offset = _OFFSETS[statistic](np.where(chosen, height, np.nan))
        return np.broadcast_to(offset[:, None], height.shape)

    return _leveled(height, background, used, threshold, 1)


def level_lines_polynomial(height: np.ndarray, order: int = 1, *, mask: np.ndarray | None = None,
                           threshold: float | None = None) -> Leveled:
    """The image less a least-squares polynomial along each scan line.

    Args:
        height, mask, threshold: as `level_polynomial`.
        order: of the polynomial, 0 for the mean.

    Raises:
        ValueError: shapes, a negative order, or a line with too few pixels to use.
    """
    height, used = _checked(height, mask)
    basis = np.polynomial.legendre.legvander(np.linspace(-1, 1, height.shape[1]), _natural(order))

    def background(chosen: np.ndarray) -> np.ndarray:
        _need_lines(chosen.sum(axis=1), order + 1)
        weighted = chosen[:, :, None] * basis
        right = np.einsum("ink,in->ik", weighted, np.where(chosen, height, 0.0))
        coefficients = np.linalg.solve(np.einsum("ink,nl->ikl", weighted, basis), right[..., None])[..., 0]
        return coefficients @ basis.T

    return _leveled(height, background, used, threshold, 1)


def mask_features(residual: np.ndarray, threshold: float = 3.0) -> np.ndarray:
    """True where |residual - median| exceeds ``threshold`` robust standard deviations; False where missing.

    The robust standard deviation is 1.4826 times the median absolute deviation, so that features covering up to a
    good quarter of the frame do not hide themselves.
    """
    if not threshold > 0:
        raise ArgumentError(f"threshold = {threshold:g} must be above 0, in robust standard deviations")
    centered = np.abs(residual - np.nanmedian(residual))
    return centered > threshold * _NORMAL * np.nanmedian(centered)


def find_scars(height: np.ndarray, *, threshold: float = 5.0, shortest: int = 8, widest: int = 3) -> np.ndarray:
    r"""True on scars: stretches of a few lines that stand out from the lines before and after in the same sense.

    For a scar of w lines, every pixel of it differs from those just before and just beyond by more than
    ``threshold`` / 2 robust standard deviations of how far w lines lie from the middle of their neighbors all over
    the image, in the same direction; at least one by ``threshold``; and this over ``shortest`` pixels along the line
    without a break. A step, which differs from one side only, is none, and neither is what stands out only from
    a stronger scar beside it. Level the lines first. The result is a mask: set the pixels to NaN;
    `fill_harmonic` draws a smooth surface through them where a picture is wanted.

    Args:
        height: (rows, columns) in m.
        threshold: in these robust standard deviations.
        shortest: pixels along the fast axis.
        widest: lines; the first and last line of the image cannot be judged.

    Raises:
        ValueError: shapes or numbers below 1.
    """
    height, _ = _checked(height, None)
    if not threshold > 0 or shortest < 1 or widest < 1:
        raise ArgumentError(f"threshold = {threshold:g} must be above 0, shortest = {shortest} and widest = "
                            f"{widest} at least 1")
    ridges = [ridge for width in range(1, min(widest, len(height) - 2) + 1) for sign in (1.0, -1.0)
              for ridge in _ridges(sign * height, width, threshold, shortest)]
    strength = np.zeros(height.shape)
    for excess, rows, columns in ridges:
        strength[rows, columns] = np.maximum(strength[rows, columns], excess)
    found = np.zeros(height.shape, bool)
    for excess, rows, columns in ridges:
        beside = np.maximum(strength[rows.start - 1, columns], strength[rows.stop, columns])
        found[rows, columns] |= np.median(beside) <= excess
    return found


def _ridges(height: np.ndarray, width: int, threshold: float, shortest: int) -> list[tuple[float, slice, slice]]:
    """Stretches of exactly ``width`` lines that stand out, with their median excess over the lines beside them."""
    lines = len(height) - width - 1
    strip = np.stack([height[1 + k: 1 + k + lines] for k in range(width)])
    before, after = height[:lines], height[1 + width:]
    excess = strip.min(axis=0) - np.maximum(before, after)
    bend = strip.mean(axis=0) - (before + after) / 2
    scale = _NORMAL * np.nanmedian(np.abs(bend - np.nanmedian(bend)))
    parts = label(excess > threshold / 2 * scale, [[0, 0, 0], [1, 1, 1], [0, 0, 0]])[0]  # pyright: ignore
    found = []
    for row, columns in find_objects(parts):
        values = excess[row, columns]
        if values.size >= shortest and values.max() > threshold * scale:
            found.append((float(np.median(values)), slice(row.start + 1, row.start + 1 + width), columns))
    return found


def _checked(height: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    height = np.asarray(height, np.float64)
    if height.ndim != 2 or min(height.shape) < 3:
        raise DataError(f"an image must be (rows, columns) with at least 3 of each; got {height.shape}")
    used = np.isfinite(height)
    if mask is not None:
        mask = np.asarray(mask, bool)
        if mask.shape != height.shape:
            raise ValueError(f"the mask has the shape {mask.shape}, the image {height.shape}")
        used &= ~mask
    if not used.any():
        raise DataError("no pixel is left: the mask and the missing pixels cover the image")
    return height, used


def _leveled(height: np.ndarray, background: Callable[[np.ndarray], np.ndarray], used: np.ndarray,
             threshold: float | None, axis: int | None) -> Leveled:
    """Find the background, then again from what does not stick out, until the same pixels are left out.

    Features tilt a least-squares fit until they hide: first come steps towards the least trimmed squares, each from
    the half of the pixels (of the frame, or of each line) that lies nearest to the last background.
    """
    chosen, level = used, background(used)
    for round in range(0 if threshold is None else _ROUNDS):
        distance = np.where(used, np.abs(height - level), np.nan)
        if round < _TRIMMED:
            new = used & (distance <= np.nanmedian(distance, axis=axis, keepdims=True))
        else:
            new = used & ~mask_features(np.where(used, height - level, np.nan), threshold or 0.0)
        if np.array_equal(new, chosen) and round >= _TRIMMED:
            break
        chosen, level = new, background(new)
    return Leveled(height - level, level, chosen)


def _natural(order: int) -> int:
    if order < 0 or order != int(order):
        raise ArgumentError(f"order = {order}: must be 0, 1, 2, ...")
    return int(order)


def polynomials(shape: tuple[int, ...], order: int | tuple[int, int]) -> np.ndarray:
    """Legendre products over the frame, (terms, rows, columns)."""
    most = (order, order) if isinstance(order, int) else order
    y, x = (np.polynomial.legendre.legvander(np.linspace(-1, 1, n), _natural(k)) for n, k in zip(shape, most,
                                                                                              strict=True))
    terms = [(j, k) for j in range(most[0] + 1) for k in range(most[1] + 1)
             if not isinstance(order, int) or j + k <= order]
    return np.stack([np.multiply.outer(y[:, j], x[:, k]) for j, k in terms])


def _surface(columns: np.ndarray, height: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    if chosen.sum() < len(columns):
        raise DataError(f"{chosen.sum()} pixels to use cannot give {len(columns)} coefficients: lower the order")
    design = columns[:, chosen].T
    coefficients, _, rank, _ = np.linalg.lstsq(design.T @ design, design.T @ height[chosen], rcond=1e-12)
    if rank < len(columns):
        raise DataError(f"the {chosen.sum()} pixels to use lie so that {len(columns)} coefficients cannot be told "
                        "apart: mask less or lower the order")
    return np.tensordot(coefficients, columns, 1)


def _need_lines(pixels: np.ndarray, least: int) -> None:
    if pixels.min() < least:
        row = int(pixels.argmin())
        raise DataError(f"line {row} has {pixels[row]} pixels to use, fewer than {least}: mask less, or level the "
                        "lines by statistic='difference'")


def _by_statistic(statistic: Callable[..., np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    def offsets(height: np.ndarray) -> np.ndarray:
        _need_lines(np.isfinite(height).sum(axis=1), 1)
        return statistic(height, axis=1)

    return offsets


def _by_difference(height: np.ndarray) -> np.ndarray:
    there = np.flatnonzero(np.isfinite(height).any(axis=1))
    steps = np.diff(height[there], axis=0)
    apart = np.flatnonzero(~np.isfinite(steps).any(axis=1))
    if len(apart):
        raise DataError(f"lines {there[apart[0]]} and {there[apart[0] + 1]} have no pixel to use in the same column: "
                        "mask less, or use statistic='median'")
    offsets = np.concatenate([[0.0], np.cumsum(np.nanmedian(steps, axis=1))])
    return np.interp(np.arange(len(height)), there, offsets)


_OFFSETS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "median": _by_statistic(np.nanmedian), "mean": _by_statistic(np.nanmean), "difference": _by_difference}
