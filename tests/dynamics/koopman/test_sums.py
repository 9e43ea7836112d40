"""One pass over states, wherever they are stored, keeps the same sums; noise is told from damping by lags."""

import importlib.util
import tracemalloc

import numpy as np
import pytest

from asperity.dynamics.dictionaries import Polynomials
from asperity.dynamics.koopman import (
    Sums,
    eigenpairs,
    fit,
    fit_lagged,
    lagged,
    pairs,
    scaling_of,
    sums,
    sums_of,
    sums_of_record,
)
from asperity.messages import ArgumentError, DataError

DEGREE = Polynomials(3)


def record(samples=30_001, seed=0):
    """Two states of a damped rotation, pushed now and then."""
    push = np.random.default_rng(seed).normal(size=samples)
    state, path = 0.0 + 0.0j, []
    for one in push:
        state = 0.95 * np.exp(0.3j) * state + 0.3 * one
        path.append(state)
    return np.stack([np.real(path), np.imag(path)], axis=1)


def same(one, other):
    assert one.samples == other.samples
    for name in ("gram", "across", "after"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0,
                                   atol=1e-12 * np.abs(getattr(other, name)).max())


@pytest.mark.parametrize("method", ["gram", "qr"])
@pytest.mark.parametrize("starts", [[0], [0, 1000, 1001, 4096, 8191, 20_000], [], [5, 30_000], range(0, 30_001, 7)])
def test_a_record_has_the_sums_of_its_pairs(method, starts):
    states = record()
    scaling = scaling_of(states)
    episodes = np.split(states, [one for one in starts if one])
    by_pairs = sums_of(DEGREE, scaling, *pairs(episodes), method=method)
    by_record = sums_of_record(DEGREE, scaling, states, starts=starts, method=method)
    same(by_record, by_pairs)
    one, other = (fit(DEGREE, scaling, own).matrix for own in (by_record, by_pairs))
    np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("chunk", [1000, 4096, 30_001, 262_144])
def test_zarr_is_read_along_its_chunks(tmp_path, monkeypatch, chunk):
    """Each chunk once, several at once where they are small, and the sums are those of the array."""
    zarr = pytest.importorskip("zarr")
    states = np.tile(record(), (5, 1))
    stored = zarr.create_array(tmp_path / "states.zarr", shape=states.shape, chunks=(chunk, 2), dtype="float64")
    stored[:] = states
    read = []
    plain = type(stored).__getitem__
    monkeypatch.setattr(type(stored), "__getitem__", lambda self, key: read.append(key) or plain(self, key))
    scaling = scaling_of(stored)
    np.testing.assert_array_equal(scaling.half, scaling_of(states).half)
    read.clear()
    same(sums_of_record(DEGREE, scaling, stored), sums_of_record(DEGREE, scaling, states))
    assert [one.start for one in read[1:]] == [one.stop for one in read[:-1]]
    assert all(one.start % chunk == 0 for one in read)
    assert len(read) <= 3 if chunk < 100_000 else len(read) == 1


def test_pairs_in_zarr_are_those_of_arrays(tmp_path):
    zarr = pytest.importorskip("zarr")
    x, y = pairs([record()])
    stored = [zarr.create_array(tmp_path / f"{name}.zarr", data=own, chunks=(777, 2)) for name, own in
              (("x", x), ("y", y))]
    scaling = scaling_of(x)
    same(sums_of(DEGREE, scaling, *stored, method="qr"), sums_of(DEGREE, scaling, x, y, method="qr"))


@pytest.mark.skipif(not importlib.util.find_spec("dask"), reason="dask is not installed")
def test_dask_arrays_are_read_block_by_block():
    from dask import array

    states = record()
    lazy = array.from_array(states, chunks=(5000, 2))
    scaling = scaling_of(lazy)
    same(sums_of_record(DEGREE, scaling, lazy, starts=[0, 7000]),
         sums_of_record(DEGREE, scaling, states, starts=[0, 7000]))


class _Lazy:
    """States that are made when they are read, with chunks as zarr names them."""

    def __init__(self, samples):
        self.shape, self.chunks = (samples, 4), (50_000, 4)

    def __getitem__(self, rows):
        return np.sin(np.arange(rows.start, rows.stop)[:, None] * np.array([0.1, 0.23, 0.37, 0.51]))


def test_memory_does_not_grow_with_the_record():
    dictionary = Polynomials(4)

    def whole(samples):
        states = _Lazy(samples)
        return sums_of_record(dictionary, scaling_of(states), states)

    def peak_of(samples):
        tracemalloc.start()
        whole(samples)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few, many = peak_of(200_000), peak_of(800_000)
    assert many < 1.2 * few
    assert many < 60e6  # bytes; the larger record has 26 MB


@pytest.mark.parametrize(("chunks", "length", "bounds"), [
    (None, 10, [0, 10]), ((4, 2), 10, [0, 10]), (((4, 4, 2), (2,)), 10, [0, 10]),
    ((200_000, 2), 500_000, [0, 200_000, 400_000, 500_000]),
    ((50_000, 2), 300_000, [0, 100_000, 200_000, 300_000])])
def test_where_states_are_cut(chunks, length, bounds):
    class Stored:
        shape = (length, 2)

    Stored.chunks = chunks
    assert sums._bounds(Stored()) == bounds


def test_lags_stay_within_their_episode():
    episodes = [np.arange(5.0), np.arange(2.0), 10 + np.arange(3.0)]
    one, two, three = lagged([own[:, None] for own in episodes], (0, 1, 2))
    assert one[:, 0].tolist() == [0, 1, 2, 10]
    assert (two - one == 1).all()
    assert (three - one == 2).all()


def test_lags_tell_noise_from_damping():
    """Under noise of a tenth of the motion least squares say a decay that is too fast, lags the true one."""
    states = record(200_000, seed=1)
    noisy = states + 0.1 * states.std(axis=0) * np.random.default_rng(2).normal(size=states.shape)
    scaling, linear = scaling_of(noisy), Polynomials(1)
    first, second, third = lagged([noisy], (0, 1, 2))
    one, two = sums_of(linear, scaling, first, second), sums_of(linear, scaling, first, third)
    decay = {name: -np.log(np.abs(eigenpairs(model).value).min()) for name, model in (
        ("least squares", fit(linear, scaling, one)), ("lags", fit_lagged(linear, scaling, one, two)))}
    true = -np.log(0.95)
    assert decay["least squares"] > true + 0.008  # the noise is 1 % of the variance
    assert decay["lags"] == pytest.approx(true, abs=0.0025)


def test_without_noise_lags_and_least_squares_are_one():
    path = [np.array([1.0, 0.3])]
    for _ in range(200):
        path.append(np.array([[0.9, 0.3], [-0.3, 0.9]]) @ path[-1])
    first, second, third = lagged([np.array(path)], (0, 1, 2))
    scaling = scaling_of(np.array(path))
    one, two = sums_of(Polynomials(1), scaling, first, second), sums_of(Polynomials(1), scaling, first, third)
    np.testing.assert_allclose(fit_lagged(Polynomials(1), scaling, one, two).matrix,
                               fit(Polynomials(1), scaling, one).matrix, atol=1e-11)


def test_what_is_wrong_is_said():
    states = record(3000)
    scaling = scaling_of(states)
    one = sums_of_record(DEGREE, scaling, states)
    with pytest.raises(ArgumentError, match="take both from"):
        fit_lagged(DEGREE, scaling, one, sums_of_record(DEGREE, scaling, states[:-1]))
    with pytest.raises(DataError, match="do not tell all functions apart"):
        fit_lagged(DEGREE, scaling, one._replace(across=np.zeros_like(one.across)), one)
    with pytest.raises(DataError, match="no pair"):
        sums_of_record(DEGREE, scaling, states[:3], starts=[0, 1, 2])
    broken = states.copy()
    broken[2000, 1] = np.nan
    with pytest.raises(DataError, match="not finite"):
        fit(DEGREE, scaling, sums_of_record(DEGREE, scaling, broken))
    assert isinstance(one, Sums)
