"""What a scan that was broken off did not reach, and heights that ended where the range ended."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Unreached", "unreached"]

#: lines at an end of a scan that was broken off; a single one may be a fault of the scanner
_FEW_LINES = 2
#: neighboring pixels that differ in every line that was measured, at least
_DIFFER = 0.5
#: bend of a line over that of measured ones, below which it holds nothing but rounding
_NOTHING = 1e-3
#: the same, below which it holds nothing if it is also white: the noise of the electronics with the tip at rest
_LITTLE = 1e-2
#: mean square over that which the bends say of white noise, up to which a line is white
_WHITE = 1.5
#: median bend |h - 2 h' + h''| of white noise of variance 1
_BEND = 0.6745 * 6.0**0.5
#: of the measured lines, the bend of which is typical of the calm ones
_CALM = 0.1


class Unreached(NamedTuple):
    """Lines or columns of one map at one end."""

    place: tuple[slice, slice]  # rows, columns
    words: str  # "62 of 192 lines hold one value, -32768"


def unreached(pixels: np.ndarray) -> Unreached | None:
    """The lines (or columns) of one map (row, column) that a scan which was broken off did not reach; None if none.

    They are at one end only. Each holds a single value, or all are alike pixel by pixel, while in every other line
    most neighboring pixels differ, as they do in what was measured; or they bend a hundred (white noise) or a thousand
    times less than the calmest of the others. Simulated surfaces with a flat ground, and flat tops with noise, are
    none.
    """
    rows = _end(pixels)
    if rows is not None:
        return Unreached((rows[0], slice(None)), _words(pixels[rows[0]], len(pixels), "lines", rows[1]))
    columns = _end(pixels.T)
    if columns is not None:
        return Unreached((slice(None), columns[0]), _words(pixels[:, columns[0]], pixels.shape[1], "columns",
                                                           columns[1]))
    return None


def _words(part: np.ndarray, count: int, name: str, kind: str) -> str:
    number = part.shape[0] if name == "lines" else part.shape[1]
    if kind == "constant":
        what = f"hold one value, {part[0, 0]:g}" if (part == part[0, 0]).all() else "hold one value each"
    else:
        what = {"alike": f"are copies of one of the {name}", "calm": "hold nothing but a trace of noise"}[kind]
    return f"{number} of {count} {name} {what}"


def _end(pixels: np.ndarray) -> tuple[slice, str] | None:
    """The lines at one end that hold nothing, and which kind of nothing."""
    if min(pixels.shape) < 3:
        return None
    differ = pixels[:, 1:] != pixels[:, :-1]
    constant = ~differ.any(axis=1)
    same = (pixels[1:] == pixels[:-1]).all(axis=1)  # a copy of the line before it, or of the one behind
    for kind, length, at_end in (("constant", *_run(constant)), ("calm", *_calm(pixels)), ("alike", *_run(same))):
        place, rest = _split(len(pixels), length, at_end)
        if length >= _FEW_LINES and bool((differ[rest].mean(axis=1) > _DIFFER).all()):
            return place, kind
    return None


def _split(count: int, length: int, at_end: bool) -> tuple[slice, slice]:
    """The lines at an end, and the others."""
    cut = count - length if at_end else length
    return (slice(cut, count), slice(0, cut)) if at_end else (slice(0, cut), slice(cut, count))


def _run(flat: np.ndarray) -> tuple[int, bool]:
    """How many lines in a row are flat at one end, and whether that is the last one; 0 if at both or everywhere."""
    if flat.all() or flat[0] == flat[-1]:
        return 0, False
    at_end = bool(flat[-1])
    return int(np.argmin(flat[::-1] if at_end else flat)), at_end


def _calm(pixels: np.ndarray) -> tuple[int, bool]:
    """The same of lines that hardly bend beside those that were measured."""
    if not np.isfinite(pixels).all():
        return 0, False
    bend = np.median(np.abs(np.diff(pixels, 2, axis=1)), axis=1)
    place = np.linspace(-1, 1, pixels.shape[1])
    centered = pixels - pixels.mean(axis=1, keepdims=True)
    rest = centered - np.outer(centered @ place / (place @ place), place)
    white = np.mean(rest**2, axis=1) < _WHITE * (bend / _BEND) ** 2
    for at_end in (False, True):
        length = _longest_calm(*(values[::-1] if at_end else values for values in (bend, white)))
        if length >= _FEW_LINES:
            return length, at_end
    return 0, False


def _longest_calm(bend: np.ndarray, white: np.ndarray) -> int:
    """The lines from the first on up to the largest step of the bend, if it is such a step."""
    steps = np.log(np.maximum(bend[1:], 1e-300)) - np.log(np.maximum(bend[:-1], 1e-300))
    length = int(np.argmax(steps)) + 1
    calm = float(bend[:length].max()) / max(float(np.quantile(bend[length:], _CALM)), 1e-300)
    return length if calm < _NOTHING or (calm < _LITTLE and white[:length].mean() > 1 - _DIFFER) else 0
