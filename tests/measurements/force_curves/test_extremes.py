"""Long curves, many files and lengths that differ: the same numbers whatever the neighbors, in bounded memory."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import asperity
from asperity.data import store
from asperity.data.averages import LONGEST, averaged
from asperity.data.curve_files import Source, combine
from asperity.measurements.force_curves import sessions
from asperity.measurements.force_curves.sessions import SessionNoise, by_session, parts_of, plan
from asperity.measurements.force_curves.tip import resolved
from asperity.virtual.force_map import Instrument, virtual_map

MODEL = {"name": "jkr", "radius": 5e-6}

#: the whole way for one file in a fresh process, whose memory no other test has raised
CHILD = """
import json, sys
import asperity
from tests.memory import peak
results = asperity.analyze(sys.argv[1], {"name": "hertz", "radius": 5e-6}, out=sys.argv[2])
print(json.dumps({"memory": peak(), "flag": int(results["flag"][0]),
                  "averaged": results.attrs.get("averaged")}))
"""


def curve(samples, columns=1, seed=3):
    """Approach and retract in the same time, whatever the number of samples."""
    return virtual_map(rows=1, columns=columns, samples=samples, seed=seed,
                       instrument=Instrument(sampling_rate=20.0 * samples))


def named(dataset, session):
    return dataset.assign_coords(session=("curve", np.full(dataset.sizes["curve"], session)))


def test_a_long_curve_takes_little_more_memory_than_it_has_samples(tmp_path):
    samples = 1_000_000
    one = curve(samples)
    store.save(one, tmp_path / "one.nc")
    raw = sum(one[name].nbytes for name in one.data_vars)
    done = subprocess.run([sys.executable, "-c", CHILD, tmp_path / "one.nc", tmp_path / "out"], check=True,
                          cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["flag"] < 7
    inward = int(one["sample_count"].sel(segment="approach")[0])
    assert json.loads(found["averaged"]) == {"curves": 1, "samples": -(-inward // LONGEST)}
    assert found["memory"] < 700e6 + raw  # Python, JAX and what it compiles, and the curve once


def test_means_give_the_numbers_of_the_whole_curve():
    """To a tenth of what the noise does to them: more samples beside the jump do not count."""
    whole = curve(20_000, columns=6)
    full, means = asperity.fit(whole, MODEL), asperity.fit(averaged(whole, longest=5_000), MODEL)
    for name in ("modulus", "work_of_adhesion", "contact_point"):
        wrong = np.sqrt(np.mean((full[name] - whole[f"true_{name}"].values) ** 2))
        assert np.sqrt(np.mean((means[name] - full[name]) ** 2)) < 0.1 * wrong


@pytest.mark.parametrize(("model", "lengths"), [("hertz", (300, 60)), ("jkr", (60, 300, 60)), ("hertz", (300, 700))])
def test_neighbors_do_not_change_a_fit(model, lengths):
    model = {"name": model, "radius": 5e-6}
    apart = [named(curve(length, columns=3, seed=i), f"day {i}") for i, length in enumerate(lengths)]
    together = asperity.fit(combine(apart), model)
    for i, dataset in enumerate(apart):
        alone, found = asperity.fit(dataset, model), together.isel(curve=slice(3 * i, 3 * i + 3))
        for name in {"modulus", "modulus_std", "work_of_adhesion", "noise_std", "flag"} & set(alone.data_vars):
            np.testing.assert_array_equal(found[name].values, alone[name].values)


def test_a_block_is_bounded_in_samples_and_has_few_shapes():
    rng = np.random.default_rng(0)
    counts = np.sort(rng.integers(20, 4_000_000, (400, 2)))
    source = Source(curve(20).isel(curve=np.zeros(400, int)), {})
    source.counts = counts
    chunks = plan([source], 512)
    assert np.array_equal(np.concatenate([c for chunk in chunks for _, c in chunk.pieces]), np.arange(400))
    for chunk in chunks:
        used = sum(sessions._samples(source, c).sum() for _, c in chunk.pieces)
        assert used <= sessions.SAMPLES or chunk.size == 1
        parts = parts_of([source], chunk, "approach")
        assert sorted(np.concatenate([part.places for part in parts])) == list(range(chunk.size))
    shapes = {int(s) for c in range(400) for s in sessions._samples(source, np.array([c]))}
    assert max(shapes) <= LONGEST
    assert len(shapes) <= 24  # two to an octave, from 32 to the longest


def test_the_noise_of_many_sessions_is_that_of_each(monkeypatch):
    apart = [named(curve(128, columns=2, seed=i), f"day {i}") for i in range(5)]
    sources = [part for dataset in apart for part in by_session(Source(dataset, {}))]
    monkeypatch.setattr(sessions, "_REMEMBERED", 2)
    template = resolved(MODEL, sources)
    noise = SessionNoise(sources, template, "retract")
    found = noise(*(f"day {i}" for i in range(5)))
    assert len(found) == 5
    noise("day 0")
    assert len(noise.known) <= 2
    for i, dataset in enumerate(apart):
        alone = SessionNoise([Source(dataset, {})], template, "retract")(f"day {i}")[f"day {i}"]
        np.testing.assert_array_equal(found[f"day {i}"].shared, alone.shared)


def test_a_folder_of_more_files_than_are_held_open(tmp_path, monkeypatch):
    few = curve(128, columns=6)
    for i in range(6):
        store.save(few.isel(curve=[i]), tmp_path / "data" / f"{i}.nc")
    expected = asperity.analyze(tmp_path / "data", "hertz")
    monkeypatch.setattr("asperity.data.curve_files._OPEN_FILES", 2)
    found = asperity.analyze(tmp_path / "data", "hertz", batch=4)
    xr.testing.assert_identical(found.drop_attrs(), expected.drop_attrs())
