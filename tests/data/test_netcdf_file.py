"""A NetCDF file in which names are looked up once: the same as xarray's own engine gives, and nothing stays open."""

import collections
import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from asperity.data import opening


@pytest.fixture
def path(tmp_path):
    """A file of another program: a group without labels for its dimensions, words, and a scalar."""
    made = xr.Dataset({"force": (("curve", "sample"), np.arange(12.0).reshape(3, 4), {"units": "N"}),
                       "name": ("curve", ["a", "b\N{MICRO SIGN}", ""]), "one": ((), 1)}, {"curve": [2, 4, 6]})
    made.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with h5py.File(tmp_path / "a.nc", "r+") as file:
        file["bare"] = np.arange(5)
    return tmp_path / "a.nc"


@pytest.mark.filterwarnings("ignore:The 'phony_dims' kwarg")
def test_it_is_what_xarray_reads(path):
    with opening.netcdf(path) as found, xr.open_dataset(path, engine="h5netcdf", phony_dims="access") as expected:
        assert found.encoding["source"] == str(path)
        again = pickle.loads(pickle.dumps(found))
        assert not any(variable._in_memory for name, variable in found.variables.items() if name != "curve")
        for one in (found, again):
            xr.testing.assert_identical(one.load(), expected)
        again.close()


def test_a_name_is_looked_up_once(path, monkeypatch):
    looked, usual = collections.Counter(), h5py.Group.__getitem__

    def counted(group, name):
        if isinstance(name, str):
            looked[name] += 1
        return usual(group, name)

    monkeypatch.setattr(opening, "try_hdf5", lambda path: None)
    monkeypatch.setattr(h5py.Group, "__getitem__", counted)
    with opening.netcdf(path) as found:
        found.load()
    assert looked["/force"] == 1
    assert max(looked.values()) <= 2  # of groups, from within one


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc/self/fd to see what is open")
def test_a_closed_file_is_open_no_more(path):
    found = opening.netcdf(path)
    found["force"][0].load()
    assert str(path) in opened()
    found.close()
    assert str(path) not in opened()


def opened():
    links = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
    return [os.readlink(link) for link in links if link.is_symlink()]
