"""Results as a table: numbers stay numbers, and no text is a formula to a spreadsheet."""

import csv

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from asperity.measurements.force_curves import table
from asperity.measurements.force_curves.table import write_csv
from tests.measurements.force_curves.watched import watched

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=6)


def rows(results: xr.Dataset, place) -> list[list[str]]:
    path = write_csv(results, place / "results.csv")
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def named(names: list[str], sessions: list[str]) -> xr.Dataset:
    count = len(names)
    return xr.Dataset(
        {"modulus": ("curve", np.full(count, -1.5e-9), {"units": "Pa"}), "flag": ("curve", np.zeros(count, np.int8))},
        {"file": ("curve", np.array(names, dtype=object)), "session": ("curve", np.array(sessions, dtype=object)),
         "row": ("curve", np.full(count, -1))})


@pytest.mark.parametrize("evil", ["=HYPERLINK(\"http://x\",\"y\")", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1",
                                  "=1,2;3", "=\"a\nb\"", "'=1", "-", "=cmd|' /C calc'!A0"])
def test_no_text_is_a_formula(tmp_path, evil):
    header, line = rows(named([evil], [evil]), tmp_path)
    assert header == ["file", "session", "row", "modulus (Pa)", "flag"]
    assert line == [f"'{evil}", f"'{evil}", "-1", "-1.5e-09", "converged"]
    odd = named(["a"], ["b"]).assign({evil: ("curve", [2.0])})
    assert rows(odd, tmp_path)[0][-1] == f"'{evil}"


@given(names=st.lists(_TEXT, min_size=1, max_size=3))
def test_every_text_comes_back(tmp_path_factory, names):
    _, *lines = rows(named(names, names), tmp_path_factory.mktemp("table"))
    written = [line[0] for line in lines]
    assert not any(cell.startswith(_FORMULAS) for cell in written)
    assert [cell.removeprefix("'") for cell in written] == names
    assert [float(line[3]) for line in lines] == [-1.5e-9] * len(names)


def test_rows_are_the_same_however_many_are_read_at_a_time_and_no_curve_of_display_is(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    numbers = {"modulus": rng.normal(size=30) * 10.0 ** rng.integers(-300, 300, 30), "exact": np.arange(30.0),
               "single": rng.normal(size=30).astype(np.float32), "row": rng.integers(-9, 9, 30),
               "yes": rng.random(30) > 0.5}
    numbers["modulus"][::7] = np.nan
    results = xr.Dataset(
        {name: ("curve", values) for name, values in numbers.items()}
        | {"flag": ("curve", np.zeros(30, np.int8)), "radius": 5e-6,
           "display_force": (("curve", "point"), rng.normal(size=(30, 9)))})
    lazy, arrays = watched(results)
    whole = rows(results, tmp_path)
    for name, values in numbers.items():
        column = [row[whole[0].index(name)] for row in whole[1:]]
        assert column == ["" if value != value else str(value) for value in values]
    monkeypatch.setattr(table, "_READ", 7)
    monkeypatch.setattr(table, "_ROWS", 3)
    assert rows(lazy, tmp_path) == whole
    assert all(array.largest == 0 for array in arrays.values())
