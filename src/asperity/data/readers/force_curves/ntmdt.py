"""NT-MDT Nova curves exported as text: three columns without a header.

Height of the scanner in nm (falls towards the sample), the photodiode signal DFL of the approach and
of the retract over the same heights, in the order of the heights. Where a side was not recorded at
the lowest heights, the export repeats its deepest value; that padding is dropped but for one row.

Nova writes DFL in nA, and the file holds no calibration. ``deflection_voltage`` therefore holds
ampere, and the sensitivity to be given is in m/A (10 nm/nA is 10).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from asperity.data.curves import Curves
from asperity.data.readers._errors import CorruptFile
from asperity.data.readers._table import Rows, is_no_number, left_out, parse_rows, remembering, to_number
from asperity.data.readers._text import head_text, read_text

__all__ = ["EXTENSIONS", "NAME", "matches", "open_curves"]

NAME = "NT-MDT Nova curve text"
EXTENSIONS = (".txt",)

_COLUMNS = ("height", "approach signal", "retract signal")
_ROW = re.compile(r"\s*(?:[-+]?\d+(?:[.,]\d*)?(?:[eE][-+]?\d+)?(?:\t|$)\s*){3}")


def matches(head: bytes, name: str) -> bool:
    """True if the first full lines (at least two) are nothing but three tab-separated numbers, or lack one of them."""
    lines = head_text(head).split("\n")[:-1]
    rows = [line for line in lines if _ROW.fullmatch(line)]
    rest = [line for line in lines if not (_ROW.fullmatch(line) or _lacks_one(line))]
    return len(rows) >= 2 and not rest


def _lacks_one(line: str) -> bool:
    """True for three cells, of which one says that there is no number."""
    cells = line.strip("\r\n").split("\t")
    return len(cells) == len(_COLUMNS) and sum(map(is_no_number, cells)) == 1 and \
        sum(math.isfinite(to_number(cell)) for cell in cells) == 2


def open_curves(path: Path) -> Curves:
    """The curve of one export; sensitivity and spring constant are not in it.

    Raises:
        CorruptFile: a row is not three numbers, the heights are not in order, or a signal is constant.
    """
    approach, retract, rows = _parse(path)
    load = remembering(lambda curve: _parse(path))
    return Curves(
        segments=("approach", "retract"),
        counts=np.array([[len(approach), len(retract)]]),
        channels={"height": partial(_channel, load, 0), "deflection_voltage": partial(_channel, load, 1)},
        session=f"NT-MDT {re.split(r'[ _]Curve', path.stem)[0]}",
        attrs={"instrument": "NT-MDT", "vendor_channels": "Height (nm), DFL (nA)",
               "signal_unit": "A: deflection_voltage is DFL in ampere; give the sensitivity in m/A"} | left_out([rows]),
    )


def _parse(path: Path) -> tuple[np.ndarray, np.ndarray, Rows]:
    """(height in m, signal in A) of approach and retract, each (sample, 2) in time order, and the table."""
    rows = parse_rows(path, read_text(path).split("\n"), 1, "\t", _COLUMNS)
    table = rows.values * 1e-9
    steps = np.diff(table[:, 0])
    if len(table) < 4 or not ((steps > 0).all() or (steps < 0).all()):
        row = int(np.flatnonzero(np.sign(steps) != np.sign(steps.sum()))[0]) + 2 if len(table) >= 4 else 1
        raise CorruptFile(path, f"line {row}: the heights in the first column are not in order; three columns without "
                                "titles are taken for height, approach and retract of an NT-MDT export.",
                          "If it is another table, write its titles with units above it (docs/plain_csv.md).")
    rising = table if steps[0] > 0 else table[::-1]
    return _without_padding(path, rising[:, [0, 1]])[::-1], _without_padding(path, rising[:, [0, 2]]), rows


def _without_padding(path: Path, samples: np.ndarray) -> np.ndarray:
    """Samples from the last repetition of the first signal value on."""
    changes = np.flatnonzero(samples[1:, 1] != samples[0, 1])
    if not changes.size:
        raise CorruptFile(path, "a signal column is constant.", "The channel was not recorded; export DFL.")
    return samples[changes[0] :]


def _channel(load: Callable[[int], tuple[np.ndarray, np.ndarray, Rows]], column: int, curve: int) -> list[np.ndarray]:
    return [np.ascontiguousarray(samples[:, column]) for samples in load(curve)[:2]]
