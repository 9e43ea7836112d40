"""A few hundred mutations with a fixed seed, and proof that the harness sees defects.

``python -m tests.fuzz --door nc --count 10000`` runs more of them; `tests.verify.test_fuzz` runs them all.
"""

import signal
import time

import numpy as np
import pytest
import xarray as xr

from asperity.data.readers import force_curves as readers
from asperity.data.readers.force_curves import plain_csv
from tests import doors, fuzz
from tests.data.readers.force_curves.test_plain_csv import example

SEED, COUNT = 20261122, 300
#: cases of each other kind of file, by what one of them costs
FEW = {"nc": 8, "zarr": 8, "chunk": 15, "job": 15, "history": 15, "recipe": 15, "thermal": 60,
       "image": 60, "table": 60}


@pytest.mark.study
def test_mutated_files_are_refused_or_read_without_harm():
    records = fuzz.run(SEED, COUNT)
    print(f"seed {SEED}\n{fuzz.summarize(records)}")
    assert len(records) == COUNT
    defects = fuzz.defects(records)
    assert not defects, f"seed {SEED}\n{fuzz.summarize(records)}"
    harmless = sum(record["outcome"] == "read" for record in records)
    assert harmless > COUNT / 50  # the damages are not all fatal, so that loading is tried too
    assert max(record["seconds"] for record in records) < fuzz.SECONDS


def test_every_door_is_tried():
    assert set(FEW) | {"curves"} == set(doors.doors())


@pytest.mark.study
def test_what_comes_in_by_other_doors_does_no_harm():
    """From one worker: to start it takes longer than the cases of most doors."""
    every = fuzz.run_all(SEED, [(door, number) for door, count in FEW.items() for number in range(count)])
    assert not fuzz.defects(every), f"seed {SEED}\n{fuzz.summarize(every)}"
    for door, count in FEW.items():
        records = [record for record in every if record["door"] == door]
        assert [record["case"] for record in records] == list(range(count))
        outcomes = {record["outcome"] for record in records}
        assert "refused" in outcomes or door == "chunk", door  # a damaged chunk is made again
        assert "read" in outcomes, door


#: how the second, fourth, ... case ends in its worker, and what is said of it; the others are sound
ENDS = [
    ("__import__('os').abort()", "DEFECT: worker ended with -6"),
    ("__import__('os').kill(__import__('os').getpid(), 11)", "DEFECT: worker ended with -11"),
    ("len(bytes(3 * 2**30))", "DEFECT: memory"),
    ("[0 for _ in iter(int, 1) if _]", "DEFECT: hang"),
    ("list(filter(None, iter(int, 1)))", "DEFECT: worker ended with -24"),  # a loop in C hears no signal
    ("{}['lost']", "DEFECT: KeyError"),
]


def spoil(monkeypatch):
    """A door whose cases end as `ENDS` says, in workers of their own."""
    code = f"""if True:
        import sys
        from tests import doors, fuzz
        ends = {[end for end, _ in ENDS]}
        def trial(path, told, source):
            number = int(path.parent.name.rpartition("_")[2]) if path.parent.name.startswith("case_") else 0
            return eval(ends[number // 2]) if number % 2 else "read"
        known = doors.doors()
        doors.doors = lambda: known | {{"table": known["table"]._replace(trial=trial)}}
        fuzz.SECONDS = fuzz.GRACE = 1.0
        fuzz.main()"""
    original = fuzz.subprocess.Popen

    def worker(command, **options):
        return original([command[0], "-c", code, *command[3:]], **options)

    monkeypatch.setattr(fuzz.subprocess, "Popen", worker)


@pytest.mark.study
def test_a_worker_that_dies_is_charged_to_its_case(monkeypatch):
    spoil(monkeypatch)
    records = fuzz.run(SEED, 2 * len(ENDS) + 1, door="table")
    assert [record["case"] for record in records] == list(range(2 * len(ENDS) + 1))
    assert [record["outcome"] for record in records[1::2]] == [outcome for _, outcome in ENDS]
    assert {record["outcome"] for record in records[::2]} == {"read"}


@pytest.mark.parametrize("name", ["chunk", "job"])
def test_a_silent_change_of_a_job_is_a_defect(tmp_path, monkeypatch, name):
    door = doors.doors()[name]
    source = door.sources(tmp_path)[0]
    (tmp_path / "case").mkdir()
    path = door.place(tmp_path / "case", source.read_bytes(), source.suffix)
    assert fuzz.examine(0, path, trial=lambda path: door.trial(path, True, source))["outcome"] == "read"
    truth = doors._truth()
    monkeypatch.setattr(doors, "_truth", lambda: truth.assign(modulus=truth["modulus"] * 2))
    assert fuzz.examine(0, path, trial=lambda path: door.trial(path, True, source))["outcome"] == "DEFECT: silent"


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
    monkeypatch.setattr(readers, "_Checked", lambda path, form, name, load, counts: load)


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
    """By CPU time: a case that waits for a busy machine is no hang."""
    def stop(*_):
        raise fuzz.Hang

    def hanging(samples):
        while True:
            pass

    def waiting(samples):
        time.sleep(0.5)
        return samples

    path = tmp_path / "a.csv"
    path.write_text(example())
    before = signal.signal(signal.SIGPROF, stop)
    try:
        with monkeypatch.context() as patch:
            break_reader(patch, waiting)
            assert fuzz.examine(0, path, limit=0.4)["outcome"] == "read"
        break_reader(monkeypatch, hanging)
        assert fuzz.examine(0, path, limit=0.2)["outcome"] == "DEFECT: hang"
    finally:
        signal.signal(signal.SIGPROF, before)


def test_the_guard_refuses_what_a_broken_reader_loads(tmp_path, monkeypatch):
    """With the guard of `readers.open_curves` in place the same faults are a `CorruptFile`."""
    path = tmp_path / "a.csv"
    path.write_text(example())
    for load in (raising, lambda samples: [part * np.inf for part in samples],
                 lambda samples: [part[:-1] for part in samples]):
        with monkeypatch.context() as patch:
            guard = readers._Checked
            break_reader(patch, load)
            patch.setattr(readers, "_Checked", guard)
            with pytest.raises(readers.CorruptFile, match="curve 1, height"):
                xr.open_dataset(path, engine="asperity").height.isel(curve=1).load()
