"""Long curves, many files and lengths that differ: the same numbers whatever the neighbors.

Memory, and what is lost by fitting means, are judged in `tests/verify/measurements/force_curves/test_extremes.py`.
"""

import sys

import numpy as np
import pytest
import xarray as xr

import asperity
from asperity.data import store
from asperity.data.averages import LONGEST
from asperity.data.curve_files import Source, combine
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves import sessions
from asperity.measurements.force_curves.sessions import SessionNoise, by_session, parts_of, plan
from asperity.measurements.force_curves.tip import resolved
from asperity.virtual.force_map import Instrument, virtual_map
from tests import simple_fit

MODEL = {"name": "jkr", "radius": 5e-6}


def curve(samples, columns=1, seed=3):
    """Approach and retract in the same time, whatever the number of samples."""
    return virtual_map(rows=1, columns=columns, samples=samples, seed=seed,
                       instrument=Instrument(sampling_rate=20.0 * samples))


def named(dataset, session):
    return dataset.assign_coords(session=("curve", np.full(dataset.sizes["curve"], session)))


@pytest.mark.parametrize(("model", "lengths"), [
    pytest.param("jkr", (60, 300, 60), marks=pytest.mark.study), ("hertz", (300, 60))])
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
    apart = [named(curve(128, columns=2, seed=i), f"day {i}") for i in range(3)]
    sources = [part for dataset in apart for part in by_session(Source(dataset, {}))]
    monkeypatch.setattr(sessions, "_REMEMBERED", 2)
    template = resolved(MODEL, sources)
    noise = SessionNoise(sources, template, "retract")
    found = noise(*(f"day {i}" for i in range(3)))
    assert len(found) == 3
    noise("day 0")
    assert len(noise.known) <= 2
    for i, dataset in enumerate(apart):
        alone = SessionNoise([Source(dataset, {})], template, "retract")(f"day {i}")[f"day {i}"]
        np.testing.assert_array_equal(found[f"day {i}"].window.mean, alone.window.mean)


def test_a_folder_of_more_files_than_are_held_open(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "asperity.measurements.force_curves.fit_curves", simple_fit)
    few = curve(128, columns=4)
    for i in range(4):
        store.save(few.isel(curve=[i]), tmp_path / "data" / f"{i}.nc")
    expected = asperity.analyze(tmp_path / "data", "hertz")
    monkeypatch.setattr("asperity.data.curve_files._OPEN_FILES", 2)
    found = asperity.analyze(tmp_path / "data", "hertz", batch=3)
    xr.testing.assert_identical(found.drop_attrs(), expected.drop_attrs())


@pytest.mark.parametrize("samples", [16, 24, 30])
def test_curves_too_short_to_know_their_noise_say_so(samples):
    made = asperity.fit(curve(samples, columns=4), {"name": "hertz", "radius": 5e-6})
    short = made["sample_size"].values < 24  # the lengths of the curves of a map differ by one
    assert ((made["flag"].values == Outcome.too_few_samples) == short).all()
    assert short.any() == (samples <= 24)
    assert short.all() == (samples < 24)
    assert not np.isinf(made["reduced_chi_square"].values).any()
    assert np.isnan(made["modulus"].values[short]).all()
