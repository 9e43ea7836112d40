"""The least-squares optimum on every measured curve that nanite fitted, against nanite's own parameters.

The same model, window (the whole approach) and weights (none); offset, contact point and modulus free.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

from asperity.contact.cone import Cone
from asperity.contact.hertz import Hertz
from asperity.contact.sphere import Sphere
from tests.reference.comparisons import peer_results
from tests.reference.settings import best_fit, exactly, force_of, library_fit, segment

pytestmark = pytest.mark.study  # against what other programs say

#: nanite's name and defaults (10 um, 25 degrees); its sphere is a series in depth / radius
MODELS = {
    "hertz_para|w=0": exactly(Hertz, radius=10e-6),
    "hertz_cone|w=0": exactly(Cone, half_angle=math.radians(25)),
    "sneddon_spher_approx|w=0": exactly(Sphere, radius=10e-6),
}


class Compared(NamedTuple):
    """One curve and model: ours / nanite's - 1 of the modulus and of the sum of squares at its parameters."""

    file: str
    curve: int
    model: str
    modulus: float
    difference: float
    excess: float
    converged: bool


@cache
def peers():
    """(file, curve, nanite's results) of all curves that nanite fitted."""
    return [(file, i, found) for file, curves in peer_results().items() if isinstance(curves, list)
            for i, found in enumerate(curves) if all(found.get(key, {}).get("ok") for key in MODELS)]


@cache
def compared():
    """All curves with all models."""
    curves = [segment(file, i, "approach") for file, i, _ in peers()]
    rows = []
    for key, model in MODELS.items():
        fit = library_fit(model, curves)
        for n, (file, i, found) in enumerate(peers()):
            index = found["poc_index"]["deviation_from_baseline"]
            theirs = _squares_of_peer(model, curves[n], found[key], index)
            rows.append(Compared(file, i, key, float(fit.modulus[n]), fit.modulus[n] / found[key]["E"] - 1,
                                 fit.sum_of_squares[n] / theirs - 1, bool(fit.converged[n])))
    return rows


def _squares_of_peer(model, curve, found, index):
    """The sum of squares at nanite's parameters, which count from its contact index and leveled force."""
    point, offset = found["cp"] + curve.position[index], found["baseline"] + curve.force[:index].mean()
    return np.sum((curve.force - force_of(model, curve, found["E"], point, offset)) ** 2)


def apart():
    """Where the moduli differ by more than 1e-4."""
    return [row for row in compared() if abs(row.difference) > 1e-4]


def test_all_curves_of_the_peer_are_compared():
    assert len(peers()) == 29
    assert len(compared()) == 3 * 29


def test_every_fit_converges():
    assert [row for row in compared() if not row.converged] == []


def test_sum_of_squares_is_never_above_the_peers():
    """Up to the 1e-12 that the fitter promises when it stops, and the rounding of a sum of thousands of squares."""
    assert max(row.excess for row in compared()) < 5e-12


@cache
def off_the_optimum(row):
    """Relative distance of our modulus from that of the search of high precision."""
    exact = best_fit(MODELS[row.model], segment(row.file, row.curve, "approach"))
    return abs(row.modulus / exact.modulus - 1)


def test_modulus_is_the_peers_within_1e_4_or_nearer_to_the_optimum():
    """Where not, our sum of squares is the smaller one and our modulus that of an independent search.

    The fitter stops at a relative promise of 1e-12 in the sum of squares, which leaves the modulus open by
    1e-6 sqrt(N) standard errors: some 1e-6 of its value on clean curves, 1e-5 on the noisiest.
    """
    for row in apart():
        assert row.excess < 0, row
        assert abs(row.difference) < 5e-4, row
        assert off_the_optimum(row) < 1e-5, row
        assert off_the_optimum(row) < 0.05 * abs(row.difference), row
    assert len({(row.file, row.curve) for row in apart()}) <= 5


def test_optimum_by_high_precision_search():
    """One curve per file, where both programs agree: the search agrees too."""
    agreeing = {row.file: row for row in compared() if abs(row.difference) <= 1e-4}
    assert len(agreeing) == 8  # of nine; the ninth has one curve, on which nanite is off with every model
    for row in agreeing.values():
        assert off_the_optimum(row) < 1e-5, row


def table():
    """The curves on which the two programs differ, for the docs."""
    lines = ["| file | curve | model | E of nanite / ours - 1 | sum of squares, ours / nanite's - 1 | "
             "E, ours / search - 1 |", "|---|---|---|---|---|---|"]
    for row in apart():
        name = row.model.partition("|")[0]
        lines.append(f"| `{row.file}` | {row.curve} | {name} | {-row.difference:.1e} | {row.excess:.1e} | "
                     f"{off_the_optimum(row):.0e} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
