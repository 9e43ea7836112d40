"""Readers of image files, one module per format.

A reader is a module with

``NAME``             the format in words, as shown to people;
``EXTENSIONS``       the usual endings, lower case, with the dot;
``matches(head, name)``  True if the first 4096 bytes (and the lower-case file name) are of this format;
``open_images(path)``    the file as `Images`; reads headers only where the samples are binary.

Everything that is wrong with a file is raised as a `ReadError` that names the file, the cause and the remedy,
on opening as on loading. A package adds a reader by the entry-point group ``asperity.image_readers``.
"""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import numpy as np

from asperity.data.opening import DAMAGED, naming
from asperity.data.readers._appearance import appearance
from asperity.data.readers._errors import CorruptFile, NotRecognized, printable
from asperity.data.readers._text import read_head
from asperity.data.readers.images._channels import Channel, Images, si_unit
from asperity.data.readers.images._unfinished import unreached

__all__ = ["READERS", "Channel", "Images", "find_reader", "open_images"]

#: the formats, asked in this order; ``surface_topography`` (an optional extra) takes what is left
READERS = ("nanoscope", "picoview", "igor", "nanosurf", "jpk", "gwyddion", "nanonis", "matrix", "surface_topography")

_log = logging.getLogger("asperity")

#: pixels of a grid; a larger one is not what an instrument writes
_MOST_PIXELS = 2**28
#: pitch in m: below an atom, above any scanner
_PITCH = (1e-13, 1e-2)
#: what no channel of an instrument exceeds, by SI unit: more is damage, or a wrong unit
_LARGEST = {"m": 1e-2, "V": 1e5, "N": 1e2, "rad": 1e4, "Hz": 1e12, "A": 1e3, "Pa": 1e15}


@cache
def _modules() -> tuple[ModuleType, ...]:
    own = [importlib.import_module(f"asperity.data.readers.images.{name}") for name in READERS]
    return (*own[:-1], *(point.load() for point in entry_points(group="asperity.image_readers")), own[-1])


def find_reader(path: Path) -> ModuleType:
    """The reader module for a file, by its content; raises `NotRecognized` or `ReadError`."""
    head = read_head(path)
    if not head:
        raise CorruptFile(path, "the file is empty.", "Copy it again from the instrument.")
    for module in _modules():
        if module.matches(head, path.name.lower()):
            return module
    formats = "; ".join(f"{m.NAME.partition(' (')[0].removesuffix(' image')} ({', '.join(m.EXTENSIONS)})"
                        for m in _modules() if m.EXTENSIONS)
    raise NotRecognized(path, f"not recognized as an image: it looks like {appearance(head)}.",
                        f"Known: {formats}. pip install asperity[images] adds more. Store other data as a "
                        "plain matrix.")


def open_images(path: Path, unit: str = "") -> Images:
    """Find the reader of ``path`` and open it; every failure, now or on loading, is a `ReadError`.

    ``unit`` is that of the channels for which the file says none.

    A loaded channel is checked: its shape is the one announced, no pixel is infinite, some are known, and none
    is larger than an instrument can measure. Lines (or columns) that a broken-off scan did not reach become NaN, and
    that is said.
    """
    module = find_reader(path)
    with naming(path, module.NAME):
        images = module.open_images(path)
    _check_grid(path, images)
    named = [replace(channel, unit=channel.unit or unit) for channel in images.channels]
    checked = (replace(channel, load=partial(_checked, path, module.NAME, channel, images.shape, _Said()))
               for channel in named)
    return replace(images, channels=tuple(checked), attrs={"format": module.NAME, **images.attrs})


def _check_grid(path: Path, images: Images) -> None:
    """Raise `CorruptFile` unless the declared grid is one that an instrument scans."""
    if len(images.shape) not in (2, 3) or min(images.shape) < 1 or np.prod(images.shape, dtype=float) > _MOST_PIXELS:
        raise CorruptFile(path, f"a grid of {images.shape} pixels is not what an instrument writes.", DAMAGED)
    if not images.channels:
        raise CorruptFile(path, "it declares no image channel.", DAMAGED)
    wrong = [p for p in images.pitch if not (np.isnan(p) or _PITCH[0] < p < _PITCH[1])]
    if wrong or not all(abs(c) < 10.0 for c in images.center):
        raise CorruptFile(path, f"pixels of {images.pitch[1]:g} m x {images.pitch[0]:g} m about "
                                f"x = {images.center[1]:g} m, y = {images.center[0]:g} m cannot be.", DAMAGED)


@dataclass
class _Said:
    """Whether people were told what was left out of a channel: once is enough, however often it is loaded."""

    done: bool = False


def _checked(path: Path, form: str, channel: Channel, shape: tuple[int, ...], said: _Said) -> np.ndarray:
    """The pixels of one channel, if they are what the header announced."""
    where = f"channel '{channel.name}': "
    with naming(path, form, where):
        pixels = np.array(channel.load(), dtype=np.float64)
    if pixels.shape != shape:
        raise CorruptFile(path, f"{where}{pixels.shape} pixels, announced {shape}.", DAMAGED)
    if np.isinf(pixels).any() or np.isnan(pixels).all():
        raise CorruptFile(path, f"{where}pixels that are not finite, or none that is known.", DAMAGED)
    factor, unit = si_unit(channel.unit)
    largest = float(np.nanmax(np.abs(pixels))) * abs(factor)
    if largest > _LARGEST.get(unit, np.inf):
        raise CorruptFile(path, f"{where}it reaches {largest:.3g} {unit}, more than any instrument has.",
                          "It is damaged, or in another unit than it says.")
    for words in _leave_out_unfinished(pixels if pixels.ndim == 3 else pixels[None]):
        if not said.done:
            _log.warning("%s: %s%s, as in a scan that was broken off: they are left out", printable(path), where, words)
    said.done = True
    return pixels


def _leave_out_unfinished(frames: np.ndarray) -> list[str]:
    """Put NaN into the lines or columns that a scan which was broken off did not reach, and say which."""
    words = []
    for number, frame in enumerate(frames, start=1):
        if (found := unreached(frame)) is not None:
            words.append((f"frame {number}, " if len(frames) > 1 else "") + found.words)
            frame[found.place] = np.nan
    return words
