"""A verb on curves in memory, shared by workers: the same numbers, whoever dies; what is there is not made again."""

import json
from functools import partial

import numpy as np
import pytest

import asperity
from asperity.data import jobs
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.over_curves import over_curves
from tests import odd_work

WORK = partial(odd_work.summed, factor=np.float64(1 / 3))


@pytest.fixture(scope="module")
def curves():
    return asperity.virtual_map(rows=3, columns=7, samples=32, seed=8)


def made(curves, **options):
    return over_curves(curves, WORK, {"verb": "odd"}, batch=4, each=np.linspace(1, 2, 21).tolist(), **options)


@pytest.mark.study
def test_two_workers_give_what_one_process_gives_bit_for_bit(curves, tmp_path):
    told = []
    alone, shared = made(curves), made(curves, workers=2, progress=lambda *numbers: told.append(numbers))
    assert shared["total"].values.tobytes() == alone["total"].values.tobytes()
    assert shared.drop_vars("worker").drop_attrs(deep=False).identical(alone.drop_vars("worker").drop_attrs(deep=False))
    assert len(set(alone["worker"].values)) == 1
    assert set(alone["worker"].values).isdisjoint(shared["worker"].values)
    assert told[0] == (0, 21)
    assert told[-1] == (21, 21)


@pytest.mark.study
def test_a_curve_that_ends_its_worker_is_flagged_and_the_rest_is_there(curves, tmp_path, monkeypatch, caplog):
    alone = made(curves)
    monkeypatch.setenv("ODD_WORK", "1")
    found = made(curves, workers=2, folder=tmp_path)
    assert np.flatnonzero(found["flag"].values).tolist() == [13]
    assert found["flag"].values[13] == Outcome.unreadable
    others = np.arange(21) != 13
    np.testing.assert_array_equal(found["total"].values[others], alone["total"].values[others])
    assert json.loads(found.attrs["unreadable_curves"]) == [
        {"file": "virtual", "curve": 13, "problem": "broke the program"}]
    assert "curve 13 of virtual broke the program: it is left out" in caplog.text
    assert not (tmp_path / "chunks" / jobs.PLAN).exists()


def test_only_what_is_missing_is_done(curves, tmp_path):
    whole = made(curves, folder=tmp_path)
    jobs.chunk_file(tmp_path / "chunks", 2).unlink()
    found = made(curves, workers=2, folder=tmp_path)
    own = whole["worker"].values[0]
    assert (found["worker"].values == own).tolist() == [i not in range(8, 12) for i in range(21)]
