"""What is stored comes back the same, whole or not at all, and a changed byte is noticed."""


import numpy as np
import pytest
import xarray as xr

from asperity.data import store


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


def test_open_store_is_lazy(tmp_path, dataset):
    for ending in store.ENDINGS:
        with store.open_store(store.save(dataset, tmp_path / f"map{ending}")) as back:
            assert not back["force"].variable._in_memory
            np.testing.assert_array_equal(back["force"][3].values, dataset["force"][3])


def test_foreign_and_missing_files_are_named(tmp_path):
    (tmp_path / "a.nc").write_bytes(b"\x89HDF not really")
    (tmp_path / "b.zarr").mkdir()
    for name, why in (("a.nc", "not a .nc dataset"), ("b.zarr", "not a .zarr dataset"),
                      ("c.nc", "no such file"), ("d.csv", r"must be .nc or .zarr")):
        with pytest.raises(store.StoreError, match=rf"{name}: .*{why}"):
            store.load(tmp_path / name)
