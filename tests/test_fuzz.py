"""A few hundred mutations of force-curve files with a fixed seed, and proof that the harness sees defects.

``python -m tests.fuzz --count 10000`` runs more of them.
"""

import numpy as np
import pytest
import xarray as xr

from asperity.data.readers import force_curves as readers
from asperity.data.readers.force_curves import plain_csv
from tests import fuzz
from tests.data.readers.force_curves.test_plain_csv import example

SEED, COUNT = 20261122, 300


def test_mutated_files_are_refused_or_read_without_harm():
    records = fuzz.run(SEED, COUNT)
    print(f"seed {SEED}\n{fuzz.summarize(records)}")
    assert len(records) == COUNT
    defects = [record for record in records if record["outcome"].startswith("DEFECT")]
    assert not defects, f"seed {SEED}\n{fuzz.summarize(defects)}"
    harmless = sum(record["outcome"] == "read" for record in records)
    assert harmless > COUNT / 50  # the damages are not all fatal, so that loading is tried too
    assert max(record["seconds"] for record in records) < fuzz.SECONDS


def test_mutations_are_drawn_from_seed_and_number_alone(tmp_path):
    files = fuzz.sources(tmp_path)
    one, other = (fuzz.mutate(SEED, 7, files) for _ in range(2))
    assert one == other
    assert fuzz.mutate(SEED, 8, files)[2] != one[2]


def break_reader(monkeypatch, load):
    """Plain CSV whose height is loaded by ``load(samples)``, behind the guard's back."""
    original = plain_csv.open_curves

    def broken(path):
        curves = original(path)
        height = curves.channels["height"]
        return type(curves)(**{**curves.__dict__, "channels": {
            **curves.channels, "height": lambda curve: load(height(curve))}})

    monkeypatch.setattr(plain_csv, "open_curves", broken)
    monkeypatch.setattr(readers, "_checked", lambda path, form, name, load, counts, curve: load(curve))


def raising(samples):
    raise KeyError("lost")


@pytest.mark.parametrize(("load", "outcome"), [
    (lambda samples: samples, "read"),
    (lambda samples: [part * np.nan for part in samples], "DEFECT: silent"),
    (lambda samples: [np.append(part[:-1], np.inf) for part in samples], "DEFECT: silent"),
    (lambda samples: [part[:-1] for part in samples], "DEFECT: silent"),
    (raising, "DEFECT: KeyError"),
])
def test_the_harness_sees_a_bad_reader(load, outcome, tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text(example())
    break_reader(monkeypatch, load)
    assert fuzz.examine(0, path)["outcome"] == outcome


def test_the_harness_sees_a_hang(tmp_path, monkeypatch):
    import signal

    def stop(*_):
        raise fuzz.Hang

    def hanging(samples):
        while True:
            pass

    path = tmp_path / "a.csv"
    path.write_text(example())
    break_reader(monkeypatch, hanging)
    before = signal.signal(signal.SIGALRM, stop)
    try:
        assert fuzz.examine(0, path, limit=0.2)["outcome"] == "DEFECT: hang"
    finally:
        signal.signal(signal.SIGALRM, before)


def test_the_guard_refuses_what_a_broken_reader_loads(tmp_path, monkeypatch):
    """With the guard of `readers.open_curves` in place the same faults are a `CorruptFile`."""
    path = tmp_path / "a.csv"
    path.write_text(example())
    for load in (raising, lambda samples: [part * np.inf for part in samples],
                 lambda samples: [part[:-1] for part in samples]):
        with monkeypatch.context() as patch:
            guard = readers._checked
            break_reader(patch, load)
            patch.setattr(readers, "_checked", guard)
            with pytest.raises(readers.CorruptFile, match="curve 1, height"):
                xr.open_dataset(path, engine="asperity").height.isel(curve=1).load()
