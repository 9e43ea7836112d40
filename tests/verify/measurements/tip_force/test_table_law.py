"""Whether the law of a table holds the force where a level, a tilt and correlated noise are in it.

`python -m tests.verify.measurements.tip_force.test_table_law [tables]` prints the table of docs/tip_force_gp.md.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from asperity.measurements.tip_force.table_law import force_law_of_table
from tests.verify.verdict import Figure, judge

TABLES = 24  # of a cell
DRAWS = 128
NOISE = 0.02  # nN, standard deviation of one row
_BURN = 500  # rows before the first of correlated noise


class Cell(NamedTuple):
    """What is in the tables beside the force; sizes in standard deviations of the noise."""

    level: float = 0.0
    tilt: float = 0.0  # over the range of the table
    correlation: float = 0.0  # of the noise of one row and the next
    farthest: float = 10.0  # nm
    rows: int = 80
    power: tuple[float, float] = (1.5, 3.0)  # by which the attraction falls
    wave: float = 0.0  # amplitude; its length is a fifth of the range


CELLS = {
    "nothing": Cell(),
    "level of 3": Cell(level=3),
    "level of 10": Cell(level=10),
    "tilt of 5": Cell(tilt=5),
    "tilt of 20": Cell(tilt=20),
    "correlation 0.5": Cell(correlation=0.5),
    "correlation 0.9": Cell(correlation=0.9),
    "level 10, tilt 10, correlation 0.5": Cell(10, 10, 0.5),
    "level 3, correlation 0.9": Cell(3, 0, 0.9),
    "nothing, to 2 nm": Cell(farthest=2, rows=25),
    "level of 3, to 2 nm": Cell(level=3, farthest=2, rows=25),
    "level of 10, to 2 nm": Cell(level=10, farthest=2, rows=25),
    "attraction as 1/z": Cell(power=(1, 1)),
    "attraction as 1/z, level of 3": Cell(level=3, power=(1, 1)),
    "attraction as 1/z, level of 10": Cell(level=10, power=(1, 1)),
    "2000 rows": Cell(rows=2000),
    "2000 rows, level 3, correlation 0.9": Cell(3, 0, 0.9, rows=2000),
    "wave of 5": Cell(wave=5),
    "wave of 2": Cell(wave=2),
}


class Told(NamedTuple):
    """What one law tells: shares of the points whose bands of 95 % hold the force, half widths in nN."""

    held: float  # within the table,
    beyond: float  # and beyond it
    width: float
    width_beyond: float
    answers: bool  # a law without a doubt


def force(z: np.ndarray, rng: np.random.Generator, cell: Cell) -> np.ndarray:
    """A repulsion and an attraction, nN; z in nm. `rng` says which."""
    decay, push = 0.08 * 6 ** rng.random(), 0.3 * 30 ** rng.random()
    pull, power = 0.1 * 30 ** rng.random(), rng.uniform(*cell.power)
    return push * np.exp(-(z - 0.3) / decay) - pull * (0.3 / z) ** power


def rows(cell: Cell, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The separations (nm) and forces (nN) of one table."""
    rng = np.random.default_rng([3, seed])
    z = np.linspace(rng.uniform(0.3, 0.45), cell.farthest, cell.rows)
    true = force(z, rng, cell)
    white = rng.standard_normal(cell.rows + _BURN)
    noise = lfilter([np.sqrt(1 - cell.correlation**2)], [1, -cell.correlation], white)[_BURN:]
    signs = rng.choice([-1, 1], 2)
    along = (z - z[0]) / np.ptp(z)
    wave = cell.wave * np.sin(2 * np.pi * (5 * along + rng.random()))
    return z, true + NOISE * (noise + signs[0] * cell.level + signs[1] * cell.tilt * (along - 0.5) + wave)


def told(cell: Cell, seed: int, folder: Path) -> Told:
    """What the law of one table tells."""
    z, y = rows(cell, seed)
    path = folder / "table.csv"
    path.write_text("\n".join(["z (nm),force (nN)", *(f"{a:.9g},{b:.9g}" for a, b in zip(z, y))]), encoding="utf-8")
    law = force_law_of_table(path, draws=DRAWS).isel(curve=0)
    at = law["separation"].values * 1e9
    rng = np.random.default_rng([3, seed])
    rng.uniform()
    true = force(at, rng, cell)
    low, high = (law[f"force_{end}"].values * 1e9 for end in ("low", "high"))
    inside, out = (at >= z[0]) & (at <= z[-1]), at > z[-1]
    held = (low <= true) & (true <= high)
    return Told(held[inside].mean(), held[out].mean(), float(np.median((high - low)[inside]) / 2),
                float(np.median((high - low)[out]) / 2), int(law["flag"]) == 0)


def row(name: str, count: int = TABLES) -> list[Told]:
    """Prints one row of the table."""
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        found = [told(CELLS[name], seed, Path(folder)) for seed in range(count)]
    held, beyond, width, far, answers = (np.array(column) for column in zip(*found))
    given = f"{100 * held[answers].mean():.0f} %" if answers.any() else "-"
    print(f"| {name} | {answers.sum()} of {count} | {100 * held.mean():.0f} % | {given} | "
          f"{100 * beyond.mean():.0f} % | {1e3 * np.median(width):.3g} | {1e3 * np.median(far):.2g} | "
          f"{(time.process_time() - start) / count:.2f} |", flush=True)
    return found


def title() -> None:
    """Prints the head of the table."""
    print("| table | given | held | held where given | held beyond | half width, pN | beyond, pN | CPU s |\n|"
          + "---|" * 8)


def test_the_law_of_a_table_holds_the_force():
    """On a part of the cells."""
    title()
    found = {name: row(name) for name in ("nothing", "level of 10", "correlation 0.9", "level of 3, to 2 nm")}
    judge("Tables with a level and correlated noise", [
        Figure(f"{name}: held", float(np.mean([one.held for one in some])), 0.88) for name, some in found.items()])


if __name__ == "__main__":
    number = int(sys.argv[1]) if sys.argv[1:] else TABLES
    title()
    for each in sys.argv[2:] or CELLS:
        row(each, number)
