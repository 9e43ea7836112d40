"""What is stored comes back the same, whole or not at all, and a changed byte is noticed."""


import re
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from asperity.data import disk, store
from tests.disk_faults import Faults


@pytest.fixture
def dataset():
    random = np.random.default_rng(0)
    meaning = {"flag_values": np.array([0, 1, 2], np.int8), "flag_meanings": "converged misfit no_contact"}
    flag = xr.Variable("curve", np.arange(7, dtype=np.int8) % 3, meaning)
    return xr.Dataset(
        {"force": (("curve", "segment", "sample"), random.normal(size=(7, 2, 5)), {"units": "N"}),
         "modulus": ("curve", [1.0, np.nan, 3.5, -0.0, np.inf, 1e-300, 7.0], {"units": "Pa"}),
         "flag": flag, "usable": ("curve", flag.values == 0), "scale": ((), 2.5)},
        coords={"curve": np.arange(7), "segment": ["approach", "retract"],
                "file": ("curve", ["a.jpk", "ä ö/Zürich.spm", "", "x", "y" * 200, "z", "日本.nid"]),
                "sample_count": (("curve", "segment"), np.full((7, 2), 5))},
        attrs={"history": '[{"verb": "read"}]' * 9000, "instrument": "NanoWizard µ", "n": 3, "k": 0.25})


@pytest.mark.parametrize("ending", store.ENDINGS)
def test_everything_survives(tmp_path, dataset, ending):
    path = store.save(dataset, tmp_path / f"new/folder/map{ending}")
    back = store.load(path)
    xr.testing.assert_identical(back, dataset)
    for name in dataset.variables:
        assert back[name].dtype == dataset[name].dtype, name
    assert back["flag"].attrs["flag_values"].dtype == np.int8
    assert type(back.attrs["n"]) is int
    assert np.signbit(back["modulus"].values[3])
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", store.ENDINGS)
def test_saving_twice_replaces(tmp_path, dataset, ending):
    path = tmp_path / f"map{ending}"
    store.save(dataset, path)
    store.save(dataset.isel(curve=slice(2)), path)
    assert store.load(path).sizes["curve"] == 2
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_failed_save_leaves_the_old_file_and_no_rest(tmp_path, dataset):
    path = store.save(dataset, tmp_path / "map.nc")
    with pytest.raises(TypeError):
        store.save(dataset.assign_attrs(bad=object()), path)
    xr.testing.assert_identical(store.load(path), dataset)
    assert [p.name for p in tmp_path.iterdir()] == ["map.nc"]


def test_zarr_is_written_in_tiles_of_whole_curves(tmp_path, dataset, monkeypatch):
    monkeypatch.setattr(store, "_CHUNK_BYTES", 3 * dataset["force"].nbytes // 7)
    path = store.save(dataset, tmp_path / "map.zarr")
    with store.open_store(path) as back:
        xr.testing.assert_identical(back.load(), dataset)
    import zarr

    assert zarr.open_array(path / "force").chunks == (3, 2, 5)
    assert zarr.open_array(path / "force").metadata.zarr_format == 3


def test_zarr_reads_a_lazy_map_block_by_block(tmp_path, dataset, monkeypatch):
    """A lazy source is never asked for more curves at once than one chunk holds."""
    from asperity.data.curves import Curves, to_dataset

    seen = []

    def height(curve):
        seen.append(curve)
        return [np.arange(4.0) + curve, np.arange(3.0)]

    curves = Curves(("approach", "retract"), np.full((5, 2), (4, 3)),
                    {"height": height, "force": lambda curve: [np.ones(4), np.zeros(3)]}, session="s")
    lazy = to_dataset(curves, "f")
    monkeypatch.setattr(store, "_CHUNK_BYTES", 2 * 8 * 8)
    path = store.save(lazy, tmp_path / "map.zarr")
    assert seen == [0, 1, 2, 3, 4]
    xr.testing.assert_identical(store.load(path), lazy.load())


def test_blocks_with_longer_names_are_not_cut(tmp_path, dataset):
    first, second = dataset.isel(curve=[0, 3]), dataset.isel(curve=[4, 6])
    path = store.save_blocks([first, second], tmp_path / "map.zarr")
    assert store.load(path)["file"].values.tolist() == ["a.jpk", "x", "y" * 200, "日本.nid"]


def test_the_order_of_a_zarr_is_not_that_of_the_file_system(tmp_path, dataset):
    """It was: the columns of the table of a large result came in another order from run to run."""
    path = store.save(dataset, tmp_path / "map.zarr")
    with store.open_store(path) as back:
        names = [*back.coords], [*back.data_vars]
    assert names == (sorted(dataset.coords), sorted(dataset.data_vars))


def test_open_store_is_lazy(tmp_path, dataset):
    for ending in store.ENDINGS:
        with store.open_store(store.save(dataset, tmp_path / f"map{ending}")) as back:
            assert not back["force"].variable._in_memory
            np.testing.assert_array_equal(back["force"][3].values, dataset["force"][3])


def test_foreign_and_missing_files_are_named(tmp_path):
    (tmp_path / "a.nc").write_bytes(b"\x89HDF not really")
    (tmp_path / "b.zarr").mkdir()
    for name, why in (("a.nc", "not a .nc dataset"), ("b.zarr", "not a .zarr dataset"),
                      ("c.nc", "no such file"), ("d.csv", r"no results of asperity, which end in .nc or .zarr")):
        with pytest.raises(store.StoreError, match=rf"{name}: .*{why}"):
            store.load(tmp_path / name)


def test_a_killed_swap_of_zarr_is_put_right(tmp_path, dataset):
    """Between moving the old folder aside and the new one in, neither is there: the old one comes back."""
    path = store.save(dataset, tmp_path / "map.zarr")
    with disk.marked() as mark:
        host, pid, _, number = mark.split("-")
    ended = f"{host}-{pid}-1-{number}"  # an earlier process of the same number
    path.rename(tmp_path / f".map.zarr.{ended}.old")
    (tmp_path / f".map.zarr.{ended}.tmp").mkdir()
    xr.testing.assert_identical(store.load(path), dataset)
    assert [p.name for p in tmp_path.iterdir()] == ["map.zarr"]
    (tmp_path / f".map.zarr.{ended}.old").mkdir()
    (tmp_path / f".other.zarr.{ended}.old").mkdir()
    store.save(dataset.isel(curve=[0]), path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f".other.zarr.{ended}.old", "map.zarr"]


@pytest.mark.parametrize("ending", store.ENDINGS)
def test_a_refusing_disk_keeps_the_old_one(tmp_path, dataset, ending):
    """Each event of a save fails in turn: what was there is still there, or the new one is, and no rest."""
    path = tmp_path / "out" / f"map{ending}"
    new = dataset.isel(curve=slice(3))
    store.save(dataset, path)
    with Faults(path.parent) as undisturbed:
        store.save(new, path)
    store.save(dataset, path)
    count = len(undisturbed.events)
    assert count >= 6
    for at in range(1, count + 1, 1 if ending == ".nc" else 23):
        said = ""
        with Faults(path.parent, at, "full" if at % 2 else "broken"):
            try:
                store.save(new, path)
            except store.StoreError as error:
                said = str(error)
        assert not said or re.search(r"map\.\w+: not written \(.*(make room there|check the disk), then run", said)
        assert store.load(path).sizes["curve"] in ((3, 7) if said else (3,))
        store.save(dataset, path)
        assert [p.name for p in path.parent.iterdir()] == [path.name]


FULL = """
import resource, signal, sys
import numpy as np, xarray as xr
from asperity.data import store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
data = xr.Dataset({f"v{i}": ("curve", np.arange(2000.0)) for i in range(8)})
for size in range(0, 200_000, 9000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        store.save(data, sys.argv[1])
    except store.StoreError as error:
        assert "not written (" in str(error), error
    else:
        break
print(size)
"""


def test_a_disk_that_is_full_at_any_byte_ends_in_one_line(tmp_path):
    """HDF5 itself ends the process (segmentation fault) if a file cannot grow when it is closed."""
    ran = subprocess.run([sys.executable, "-c", FULL, str(tmp_path / "a.nc")], capture_output=True, text=True,
                         check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert int(ran.stdout) > 128_000  # the bytes of the numbers
    assert [p.name for p in tmp_path.iterdir()] == ["a.nc"]


def test_every_changed_byte_of_a_netcdf_is_noticed(tmp_path, dataset):
    """By its seal; and a byte of an array by HDF5's checksum too, for programs that know no seal."""
    path = store.save(dataset.assign_attrs(history="[]"), tmp_path / "a.nc")
    whole = path.read_bytes()
    seal = whole.rindex(store._SEAL)
    for place in [*range(0, seal, 997), *range(seal, len(whole), 5)]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1:])
        with pytest.raises(store.StoreError, match="not those that were written: the disk or a copy has damaged"):
            store.load(path)
    number = whole.index(dataset["force"].values[3, 1, 2].tobytes())
    path.write_bytes(whole[:number] + b"\x00" + whole[number + 1:])
    with pytest.raises(OSError, match="read"), xr.open_dataset(path, engine="h5netcdf") as other:
        other.load()


@pytest.mark.parametrize("damage", [
    lambda whole, seal: whole + b"\0" * 500, lambda whole, seal: whole[: seal + 9] + b"xx" + whole[seal + 9 :],
    lambda whole, seal: whole[: seal + 8], lambda whole, seal: whole[: seal + 40],
    lambda whole, seal: whole[: seal + 20] + b"\0" * 3000 + whole[seal + 20 :]])
def test_a_seal_that_was_moved_or_cut_off_is_damage(tmp_path, dataset, damage):
    """Not a file that never had one, whose other changes would pass."""
    path = store.save(dataset, tmp_path / "a.nc")
    whole = path.read_bytes()
    path.write_bytes(damage(whole, whole.rindex(store._SEAL)))
    with pytest.raises(store.StoreError, match="not those that were written"):
        store.load(path)


def test_a_damaged_name_of_any_length_is_not_repeated_without_end(tmp_path, dataset):
    path = store.save(dataset, tmp_path / "a.zarr")
    description = path / "force" / "zarr.json"
    description.write_text(description.read_text().replace('"bytes"', f'"{"x" * 5000}"'))
    with pytest.raises(store.StoreError) as caught:
        store.load(path)
    assert 10 < len(str(caught.value)) < 1000


def test_a_netcdf_that_another_program_changed_is_read(tmp_path, dataset):
    path = store.save(dataset, tmp_path / "a.nc")
    import h5py

    with h5py.File(path, "r+") as file:
        file.attrs["comment"] = "tip 3"
    assert store.load(path).attrs["comment"] == "tip 3"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(store.StoreError, match=r"a.nc: not a .nc dataset"):
        store.load(path)
