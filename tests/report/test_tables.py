"""Tables for other programs."""

import csv

import numpy as np
import pytest

from asperity.data.disk import StoreError
from asperity.report.tables import write_table


def test_digits_stay_texts_are_no_formulas_and_what_is_unknown_is_empty(tmp_path):
    path = write_table(tmp_path / "t.csv", ["name", "=title"], [
        ["=1+1", np.float64(0.1)], ["a, \"b\"\nc", np.nan], ["'=1", -np.inf], ["", np.int8(-3)], [2, -1e-300]])
    with open(path, encoding="utf-8", newline="") as stream:
        found = list(csv.reader(stream))
    assert found == [["name", "'=title"], ["'=1+1", "0.1"], ["a, \"b\"\nc", ""], ["''=1", ""], ["", "-3"],
                     ["2", "-1e-300"]]
    assert path.read_bytes().startswith(b"name,'=title\r\n")


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = write_table(tmp_path / "t.csv", ["a"], [["old"]])
    with pytest.raises(ZeroDivisionError):
        write_table(path, ["a"], ([1 / 0] for _ in range(2)))
    assert path.read_text().split() == ["a", "old"]
    with pytest.raises(StoreError):
        write_table(path / "below.csv", ["a"], [])
