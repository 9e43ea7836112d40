"""The contract of every reader, on every supplied file of its format and on tiny files made here.

A reader is found by its own content only, opens lazily, ends in SI with the schema obeyed, and turns
whatever is wrong with a file into a `ReadError` that names file, cause and remedy.
"""

import importlib
import pickle
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from asperity.data.curves import SAMPLED, validate
from asperity.data.readers import force_curves as readers
from asperity.data.readers._errors import CorruptFile, ReadError, printable
from asperity.data.readers.force_curves import READERS
from tests.conftest import shared_data
from tests.contracts.tiny import ARBITRARY, tiny_files

#: reader -> its supplied files under ../shared/data/force
SUPPLIED = {
    "jpk": ("adhesion/fmt-jpk-fd_qi-data-2021.04.13.jpk-qi-series",
            "jpk/fmt-jpk-cl_calibration_force-save-2015.02.04-11.25.21.294.jpk-force",
            "jpk/fmt-jpk-fd_2020.02.07-16.29.05.036.jpk-qi-data",
            "jpk/fmt-jpk-fd_flipsign_2015.05.22-15.31.49.352.jpk-force",
            "jpk/fmt-jpk-fd_map-data-reference-points.jpk-force-map",
            "jpk/fmt-jpk-fd_map0d_extracted.jpk-force-map",
            "jpk/fmt-jpk-fd_single-modified_2023.jpk-force",
            "jpk/fmt-jpk-fd_spot3-0192.jpk-force",
            "jpk/map-data-2021.11.05-17.37.44.432.jpk-force-map",
            "jpk/map-data-2022.10.29-12.27.34.564.jpk-force-map",
            "rheology/fmt-jpk-cc_pr14-brain-2021.06.30.jpk-force",
            "rheology/fmt-jpk-cc_pr14-polymergel-2021.06.30.jpk-force",
            "rheology/fmt-jpk-sr_cell1-0008.jpk-force"),
    "nanoscope": ("bruker/20200903_Egel2.0_00023.spm", "bruker/20200904_Egel4-Z1.0_00025.spm"),
    "nanosurf": ("adhesion/spectroscopy.nid",),
    "igor": ("adhesion/fmt-igor-fd_SiN_FD_plot.ibw",),
    "chiaro": ("other_afm/fmt-chiaro-txt_AEBP1_Indentation_002.zip",),
    "workshop": ("other_afm/fmt-afm-workshop-fd_mapping_16_2018-08-01_13.07.zip",
                 "other_afm/fmt-afm-workshop-fd_single_2018-08-01_13.06.09.csv",
                 "other_afm/fmt-afm-workshop-fd_single_2021-01-15.csv"),
    "ntmdt": ("other_afm/fmt-ntmdt-txt-fd_2015_01_17_gel4-0,1_mQ_adh_6B_Curve_DFL_Height_51.txt",),
    "jpk_text": ("rheology/AFM_relaxation.txt",),
    "afmformats_hdf5": ("other_afm/fmt-hdf5-fd_version_0.13.3.h5",),
    "afmformats_tab": ("other_afm/fmt-tab-fd_version_0.13.3.tab",),
    "plain_csv": (),
}
#: files of a known format that hold no force curves
NO_CURVES = ("nanosurf/lateral_force_SBS-PMMA.nid", "thermal/thermal.nid",
             "thermal/PFQNM-H2O-thermal-noise-data_vDeflection_2022.01.12-11.37.51.tnd",
             "nanoindentation/Sample1_Vac_RT.hdf5", "nanoindentation/CSM.txt", "nanoindentation/FS1.txt",
             "nanoindentation/Exp-50mN_0000.hld", "nanoindentation/FQ.xls", "MANIFEST.md", "REFERENCES.json")

#: curves that end their approach without repulsion (it sinks by 0.02 V)
NO_REPULSION = ("fmt-jpk-fd_single-modified_2023.jpk-force",)


CASES = [(name, file) for name, files in SUPPLIED.items() for file in files]


@pytest.fixture(params=[*CASES, *((name, None) for name in READERS)],
                ids=lambda case: f"{case[0]}-{Path(case[1]).name[:40] if case[1] else 'tiny'}")
def case(request, tmp_path):
    """(reader's name, a file of its format)."""
    name, file = request.param
    return name, shared_data(f"force/{file}") if file else tiny_files(tmp_path)[name]


def samples(dataset, curve, variable):
    """The segments of one curve without padding, which must be NaN."""
    block = dataset[variable].isel(curve=curve).values
    counts = dataset.sample_count.isel(curve=curve).values
    for row, count in zip(block, counts):
        assert np.isnan(row[count:]).all()
    return [row[:count] for row, count in zip(block, counts)]


def some_curves(dataset):
    return sorted({0, dataset.sizes["curve"] // 2, dataset.sizes["curve"] - 1})


def test_every_reader_is_listed_with_its_files():
    assert tuple(SUPPLIED) == READERS
    for name in READERS:
        module = importlib.import_module(f"asperity.data.readers.force_curves.{name}")
        assert module.NAME
        assert all(ending.startswith(".") and ending == ending.lower() for ending in module.EXTENSIONS)


def test_only_its_own_reader_matches(case):
    name, path = case
    head = path.read_bytes()[:4096]
    matching = [m for m in READERS
                if importlib.import_module(f"asperity.data.readers.force_curves.{m}").matches(head, path.name.lower())]
    assert matching == [name]
    assert matching[0] == readers.find_reader(path).__name__.rsplit(".", 1)[1]


def test_content_decides_not_the_ending(case, tmp_path):
    """A renamed file is still read by its own reader."""
    name, path = case
    copy = tmp_path / "renamed.dat"
    copy.write_bytes(path.read_bytes())
    assert readers.find_reader(copy).__name__.endswith(f".{name}")


def test_obeys_the_schema_through_xarray(case):
    _, path = case
    dataset = xr.open_dataset(path, engine="asperity")
    assert validate(dataset) is dataset
    assert set(dataset["file"].values.tolist()) == {str(path)}
    assert all(str(session).strip() for session in dataset["session"].values)
    given = xr.open_dataset(path, engine="asperity", spring_constant=0.5, sensitivity=1e-8,
                            drop_variables="time")
    assert set(given.spring_constant.values) == {0.5}
    assert "time" not in given
    assert "force" in given


def test_opens_lazily(case, monkeypatch):
    """Opening keeps no samples; one curve of one variable asks one loader for one curve."""
    _, path = case
    tracemalloc.start()
    dataset = readers.open_dataset(path)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert not any(dataset[name].variable._in_memory for name in dataset.data_vars)
    numbers = 8 * int(dataset.sample_count.sum()) * len(dataset.data_vars)
    assert held < 200_000 + numbers / 4
    calls = []
    module = readers.find_reader(path)
    original = module.open_curves

    def spying(target):
        curves = original(target)
        return type(curves)(**{**curves.__dict__, "channels": {
            name: lambda curve, name=name, load=load: calls.append((name, curve)) or load(curve)
            for name, load in curves.channels.items()}})

    monkeypatch.setattr(module, "open_curves", spying)
    dataset = readers.open_dataset(path)
    assert calls == []
    variable = "height" if "height" in dataset else "tip_position"
    dataset[variable].isel(curve=-1).load()
    assert calls == [(variable, dataset.sizes["curve"] - 1)]


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="needs /proc/self/io to count bytes read")
@pytest.mark.parametrize("file", [file for name in ("jpk", "nanosurf") for file in SUPPLIED[name]])
def test_binary_maps_are_opened_without_reading_their_samples(file):
    """NanoScope is no case: which points were recorded, thus the counts, shows only in the samples."""
    path = shared_data(f"force/{file}")
    if path.stat().st_size < 1_000_000:
        pytest.skip("too small to tell headers from samples")
    readers.open_dataset(path)  # imports are done
    before = bytes_read()
    readers.open_dataset(path)
    assert bytes_read() - before < path.stat().st_size / 4


def bytes_read():
    return int(Path("/proc/self/io").read_text().split()[1])


def test_one_curve_alone_equals_the_same_curve_of_the_whole(case):
    _, path = case
    dataset = readers.open_dataset(path)
    whole = readers.open_dataset(path).isel(curve=slice(0, 20)).load()
    last = whole.sizes["curve"] - 1
    for name in dataset.data_vars:
        np.testing.assert_array_equal(dataset[name].isel(curve=last).values, whole[name].values[last])


def test_magnitudes_are_those_of_an_instrument_in_si(case):
    _, path = case
    dataset = readers.open_dataset(path)
    for name, low, high in (("spring_constant", 1e-4, 1e3), ("sensitivity", 1e-9, 1e-5),
                            ("x", -1, 1), ("y", -1, 1)):
        known = dataset[name].values[~np.isnan(dataset[name].values)]
        assert ((known >= low) & (known <= high)).all(), name
    largest = {"force": 1e-3, "deflection": 1e-4, "deflection_voltage": 20.0, "height": 0.1,
               "height_drive": 0.1, "tip_position": 0.1, "time": 1e5}
    for curve in some_curves(dataset):
        for name in dataset.data_vars:
            if name in SAMPLED:
                flat = np.concatenate(samples(dataset, curve, name))
                assert len(flat) == int(dataset.sample_count.isel(curve=curve).sum())
                unknown = np.isnan(flat).all()  # no calibration
                assert unknown or (np.isfinite(flat).all() and np.abs(flat).max() < largest[name]), name


def test_height_falls_and_force_rises_in_the_approach(case):
    name, path = case
    dataset = readers.open_dataset(path)
    segments = dataset.segment.values.tolist()
    height = "height" if "height" in dataset else "tip_position"
    signal = next(v for v in ("force", "deflection", "deflection_voltage") if v in dataset)
    for curve in some_curves(dataset):
        z, f = (samples(dataset, curve, v)[segments.index("approach")] for v in (height, signal))
        if not len(z) or path.name == ARBITRARY[0]:
            continue
        few = max(len(z) // 100, 1)
        assert z[-few:].mean() < z[:few].mean()
        if path.name not in (*NO_REPULSION, *ARBITRARY):
            assert f[-few:].mean() > np.median(f[: max(len(f) // 5, 1)]), f"{name}: the sign"
        back = samples(dataset, curve, height)[segments.index("retract")] if "retract" in segments else []
        if len(back) > 1:
            assert back[-few:].mean() > back[:few].mean()


def test_time_rises(case):
    _, path = case
    dataset = readers.open_dataset(path)
    if "time" not in dataset:
        pytest.skip("the format records no time")
    for curve in some_curves(dataset):
        assert (np.diff(np.concatenate(samples(dataset, curve, "time"))) >= 0).all()


# ---------------------------------------------------------------- what is wrong with a file

def png():
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b""))


def zip_without_curves(tmp_path):
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "nothing to see")
    return path.read_bytes()


FOREIGN = {"png": lambda tmp: png(),
           "jpeg": lambda tmp: b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 8 + b"\xff\xd9",
           "text": lambda tmp: b"Dear diary,\ntoday I measured nothing.\n" * 50,
           "json": lambda tmp: b'{"force": [1, 2, 3], "height": [3, 2, 1]}',
           "zip": zip_without_curves,
           "zip header only": lambda tmp: zip_without_curves(tmp)[:20],
           "zeros": lambda tmp: bytes(10000),
           "noise": lambda tmp: np.random.default_rng(1).bytes(10000),
           "empty": lambda tmp: b"",
           "one byte": lambda tmp: b"\n"}
ENDINGS = sorted({ending for name in READERS
                  for ending in importlib.import_module(f"asperity.data.readers.force_curves.{name}").EXTENSIONS})


def refused(path):
    """The error that opening or loading the file raises; its message names file, cause and remedy."""
    with pytest.raises(ReadError) as caught:
        readers.open_dataset(path).isel(curve=-1).load()
    error = caught.value
    assert printable(path) in str(error)
    assert error.problem.strip()
    assert error.remedy.strip()
    assert error.remedy in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))
    return error


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("content", FOREIGN)
def test_foreign_content_is_refused_whatever_its_ending(content, ending, tmp_path):
    path = tmp_path / f"foreign{ending}"
    path.write_bytes(FOREIGN[content](tmp_path))
    refused(path)


@pytest.mark.parametrize("file", NO_CURVES)
def test_files_without_force_curves_are_refused(file):
    refused(shared_data(f"force/{file}"))


def test_directories_missing_files_and_impossible_names_are_refused(tmp_path):
    assert "is not a regular file" in refused(tmp_path).problem
    assert "cannot be opened" in refused(tmp_path / "missing.jpk-force").problem
    assert "cannot be opened" in refused(Path(f"{tmp_path}/nul\0.csv")).problem


def test_unreadable_curves_name_the_file_and_the_curve(tmp_path):
    """A file that is damaged after it was opened fails on loading, with the same kind of error."""
    path = tiny_files(tmp_path)["workshop"]
    dataset = readers.open_dataset(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CorruptFile, match=r"tiny\.zip"):
        dataset.height.isel(curve=1).load()


@pytest.mark.parametrize("part", [0.0, 0.02, 0.3, 0.9, 0.999])
def test_truncated_files_are_refused(case, part, tmp_path):
    """Cut within a number: what remains is refused, unless only what follows the last sample is missing."""
    _, path = case
    content = path.read_bytes()
    cut = content[: max(int(part * len(content)), 40)]
    if b"\0" not in content[:4096] and not content.startswith(b"PK"):  # text: cut before the end of a row
        lines = cut.splitlines(keepends=True)
        cut = b"".join(lines[:-2]) + lines[-2].rstrip()[:3] if len(lines) > 2 else cut
    broken = tmp_path / f"broken{path.suffix}"
    broken.write_bytes(cut)
    try:
        rest = readers.open_dataset(broken).load()
    except ReadError:
        refused(broken)
    else:
        whole = readers.open_dataset(path).load()
        xr.testing.assert_identical(rest.drop_vars("file"), whole.drop_vars("file"))
        assert len(content) - len(cut) < 0.01 * len(content)


@pytest.mark.parametrize(("title", "value"),
                         [("height (m)", "2500"), ("deflection (m)", "3.5"), ("force (N)", "40")])
def test_impossible_magnitudes_are_refused(title, value, tmp_path):
    """Nanometers in a column that says meters, and the like."""
    path = tmp_path / "a.csv"
    row = {"height (m)": "1e-6", "force (N)": "1e-9"} | {title: value}
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    assert "more than any instrument has" in refused(path).problem


@pytest.mark.parametrize(("value", "outcome"), [
    ("0 N/m", "unknown"), ("-0.1 N/m", "refused"), ("1e9 N/m", "refused"), ("0.04 N/m", "kept")])
def test_impossible_calibrations_are_refused(value, outcome, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"# spring constant = {value}\nheight (um),deflection (nm)\n2,0\n1,5\n")
    if outcome == "refused":
        assert "which cannot be" in refused(path).problem
    else:
        found = readers.open_dataset(path).spring_constant.values.tolist()
        np.testing.assert_array_equal(found, [np.nan if outcome == "unknown" else 0.04])
