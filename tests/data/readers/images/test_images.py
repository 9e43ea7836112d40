"""Images: the contract of every reader, measured files against asserted values, scales, orientation, damage.

``python -m tests.data.test_images --count 5000 [--seed 0]`` runs as many mutations of the tiny files.
"""

import argparse
import importlib
import pickle
import sys
import tempfile
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter

from asperity.data.curves import SchemaError
from asperity.data.images import open_images, summary, validate
from asperity.data.readers import images as image_readers
from asperity.data.readers._errors import CorruptFile, MissingCalibration, NotRecognized, ReadError, Unsupported
from asperity.data.readers.force_curves import open_dataset
from asperity.data.readers.images import READERS
from asperity.data.readers.images._channels import identify, si_unit
from asperity.quantities import QUANTITIES
from tests.conftest import shared_data
from tests.data.readers.images.tiny_images import (
    COLUMNS,
    PITCH,
    ROWS,
    WRITERS,
    X,
    Y,
    nanonis,
    nanoscope,
    picoview,
    tiny_image,
)
from tests.fuzz import DAMAGES

#: reader -> its supplied files
SUPPLIED = {
    "nanoscope": ("image/height/di-1.di", "image/height/di-2.di", "image/height/di-3.di",
                  "force/bruker/20200903_Egel2.0_00023.spm"),
    "picoview": ("image/height/mi-1.mi",),
    "igor": ("image/height/spot_1-1000nm.ibw",),
    "nanosurf": ("force/nanosurf/lateral_force_SBS-PMMA.nid", "force/adhesion/spectroscopy.nid"),
    "jpk": ("force/jpk/fmt-jpk-fd_2020.02.07-16.29.05.036.jpk-qi-data",
            "force/jpk/fmt-jpk-fd_map-data-reference-points.jpk-force-map",
            "force/jpk/fmt-jpk-fd_map0d_extracted.jpk-force-map",
            "force/jpk/map-data-2021.11.05-17.37.44.432.jpk-force-map",
            "force/jpk/map-data-2022.10.29-12.27.34.564.jpk-force-map"),
}
CASES = [*((name, file) for name, files in SUPPLIED.items() for file in files), *((name, None) for name in WRITERS)]
#: files of a known format that hold no image
NO_IMAGE = ("force/thermal/thermal.nid", "force/bruker/20200904_Egel4-Z1.0_00025.spm",
            "force/adhesion/fmt-igor-fd_SiN_FD_plot.ibw", "force/nanoindentation/CSM.txt", "image/tip/3A5I.pdb",
            "force/jpk/fmt-jpk-fd_spot3-0192.jpk-force", "force/MANIFEST.md")


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{Path(case[1]).name[:30] if case[1] else 'tiny'}")
def case(request, tmp_path):
    """(reader's name, a file of its format)."""
    name, file = request.param
    return name, shared_data(file) if file else tiny_image(name, tmp_path)[0]


# ---------------------------------------------------------------- the contract

def test_every_reader_is_listed():
    assert set(WRITERS) == set(READERS) - {"surface_topography"}
    for name in READERS:
        module = importlib.import_module(f"asperity.data.readers.images.{name}")
        assert module.NAME
        assert all(ending.startswith(".") and ending == ending.lower() for ending in module.EXTENSIONS)


def test_only_its_own_reader_matches(case):
    name, path = case
    head = path.read_bytes()[:4096]
    matching = [m for m in READERS
                if importlib.import_module(f"asperity.data.readers.images.{m}").matches(head, path.name.lower())]
    assert matching == [name]


def test_obeys_the_schema_in_si_and_loads(case):
    _, path = case
    dataset = open_images(path)
    assert validate(dataset) is dataset
    assert dataset["file"].item() == str(path)
    assert dataset["session"].item().strip()
    for name, variable in dataset.data_vars.items():
        values = variable.values
        assert values.dtype == float
        assert np.isfinite(values).any(), name
        known = QUANTITIES.get(variable.attrs["quantity"])
        assert known is None or variable.attrs["units"] == known.unit
        assert variable.attrs["scan_direction"] == ("retrace" if "_retrace" in str(name) else "trace")
        if variable.attrs["quantity"] == "height":
            assert 1e-12 < np.nanstd(values) < 1e-4, "a surface under a scanning probe"


def test_opens_lazily_and_reads_a_part_as_the_whole(case):
    _, path = case
    tracemalloc.start()
    dataset = open_images(path)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert not any(variable.variable._in_memory for variable in dataset.data_vars.values())
    if path.suffix != ".txt" and case[0] != "jpk":  # texts and TIFF pages are read whole
        assert held < 300_000
    for variable in dataset.data_vars.values():
        whole = variable.values
        np.testing.assert_array_equal(open_images(path)[variable.name].isel(y=-1, x=slice(1, 3)).values, whole[-1, 1:3])


@pytest.mark.parametrize("name", WRITERS)
def test_reads_what_was_written(name, tmp_path):
    """Values, scale, unit, orientation, scan direction, place and time, of files written from the format's rules."""
    path, expected = tiny_image(name, tmp_path)
    dataset = open_images(path)
    assert set(dataset.data_vars) == set(expected)
    for variable, values in expected.items():
        np.testing.assert_allclose(dataset[variable].values, values, rtol=1e-13, err_msg=variable)
    x, y = (0.0, 0.0) if name == "matrix" else (X, Y)
    np.testing.assert_allclose(dataset.x, x + PITCH * (np.arange(COLUMNS) - (COLUMNS - 1) / 2), atol=1e-20)
    np.testing.assert_allclose(dataset.y, y + PITCH * (np.arange(ROWS) - (ROWS - 1) / 2), atol=1e-20)
    timed = name in ("nanoscope", "picoview", "igor", "nanosurf", "nanonis")
    assert dataset.line_time.item() == 0.5 if timed else np.isnan(dataset.line_time.item())


@pytest.mark.parametrize("name", WRITERS)
def test_goes_through_netcdf_and_pickle(name, tmp_path):
    path, expected = tiny_image(name, tmp_path)
    dataset = open_images(path)
    dataset.to_netcdf(tmp_path / "kept.nc", engine="h5netcdf")
    kept = xr.open_dataset(tmp_path / "kept.nc", engine="h5netcdf").load()
    unpickled = pickle.loads(pickle.dumps(dataset))
    for other in (kept, unpickled):
        validate(other)
        assert other["session"].item() == dataset["session"].item()
        for variable, values in expected.items():
            np.testing.assert_allclose(other[variable].values, values, rtol=1e-13)


@pytest.mark.parametrize("write", [
    lambda path: picoview(path.with_suffix(".mi"), bits=16), lambda path: nanoscope(path.with_suffix(".spm"), bits=32),
    lambda path: nanonis(path.with_suffix(".sxm"), "up")])
def test_variants_of_a_format(write, tmp_path):
    expected = write(tmp_path / "variant")
    dataset = open_images(next(tmp_path.iterdir()))
    for variable, values in expected.items():
        np.testing.assert_allclose(dataset[variable].values, values, rtol=1e-13, err_msg=variable)


def test_arrays_and_texts_take_pitch_and_unit(tmp_path):
    film = np.random.default_rng(0).normal(size=(3, 4, 5))
    np.save(tmp_path / "film.npy", film)
    with pytest.raises(MissingCalibration, match="pitch"):
        open_images(tmp_path / "film.npy")
    with pytest.raises(MissingCalibration, match="unit"):
        open_images(tmp_path / "film.npy", pitch=1e-9)
    with pytest.raises(ValueError, match="furlong"):
        open_images(tmp_path / "film.npy", pitch=1e-9, unit="furlong")
    with pytest.raises(ValueError, match="pitch"):
        open_images(tmp_path / "film.npy", pitch=-1e-9, unit="nm")
    dataset = open_images(tmp_path / "film.npy", pitch=2e-9, unit="Å")
    assert dataset.height.dims == ("frame", "y", "x")
    np.testing.assert_allclose(dataset.height.values, film[:, ::-1] * 1e-10, rtol=1e-14)
    np.testing.assert_allclose(np.diff(dataset.x), 2e-9)
    np.savetxt(tmp_path / "plane.csv", film[0], delimiter=",")
    dataset = open_images(tmp_path / "plane.csv", pitch=2e-9, unit="mV")
    np.testing.assert_allclose(dataset["values"].values, film[0, ::-1] * 1e-3, rtol=1e-14)


def test_names_and_units():
    assert identify("ZSensor", "m") == ("height", "sensor")
    assert identify("Height", "m") == ("height", "drive")
    assert identify("Deflection Error", "V").quantity == "deflection_error"
    assert identify("Phase", "V").quantity == "channel_phase", "a phase in volts is not the quantity phase"
    assert identify("Log DMT Modulus", "log(Pa)").quantity == "log_dmt_modulus"
    assert si_unit("º") == si_unit("deg") == (np.pi / 180, "rad")
    assert si_unit("~m") == si_unit("µm") == (1e-6, "m")


def test_summary_says_what_is_in_the_file(tmp_path):
    path, expected = tiny_image("nanoscope", tmp_path)
    lines = summary(open_images(path))
    assert lines[0].startswith("tiny_nanoscope.spm: Bruker NanoScope image")
    assert lines[1] == "5 x 6 pixels, 50 nm x 60 nm, 500 ms per line"
    assert f"rms {1e9 * expected['height'].std():.3g} nm" in lines[2]
    assert "sensor" in lines[2]
    assert len(lines) == 2 + len(expected)
    lines = summary(open_images(tiny_image("igor", tmp_path)[0]))
    assert "5 pixels missing" in next(line for line in lines if line.strip().startswith("phase"))


# ---------------------------------------------------------------- measured values

@pytest.mark.parametrize(("file", "variable", "rms"), [
    ("di-1.di", "height", 9.9459868005603909), ("di-1.di", "height_second_pass_retrace", 114.01328027385664),
    ("di-2.di", "height", 24.721922008645919), ("di-2.di", "height_second_pass_retrace", 24.807150576054838),
    ("di-3.di", "height", 226.42539668457405), ("di-3.di", "height_drive_retrace", 264.00285276203158)])
def test_rms_height_asserted_by_surface_topography(file, variable, rms):
    """Its tests assert the root mean square about the mean with divisor n, in nm; so the pixels are the same.

    The first height of di-1 was leveled in the vendor's program: the hard scale would make it 113 times higher.
    The sensor and the drive of di-3 differ: the name says which is which.
    """
    values = open_images(shared_data(f"image/height/{file}"))[variable].values
    assert 1e9 * values.std() == pytest.approx(rms, rel=1e-13)


@pytest.mark.parametrize(("file", "width", "shape"), [
    ("di-1.di", 500e-9, (512, 512)), ("di-3.di", 10e-6, (256, 256)), ("mi-1.mi", 20e-6, (256, 256)),
    ("spot_1-1000nm.ibw", 256 * 20e-6 / 255, (256, 256))])
def test_sizes(file, width, shape):
    dataset = open_images(shared_data(f"image/height/{file}"))
    assert (dataset.sizes["y"], dataset.sizes["x"]) == shape
    assert float(dataset.x[1] - dataset.x[0]) * shape[1] == pytest.approx(width, rel=1e-9)


@pytest.mark.parametrize(("file", "trace", "retrace"), [
    ("image/height/mi-1.mi", "height", "friction_voltage_retrace"),
    ("image/height/spot_1-1000nm.ibw", "height", "height_retrace"),
    ("force/nanosurf/lateral_force_SBS-PMMA.nid", "height", "height_retrace"),
    ("force/adhesion/spectroscopy.nid", "height", "height_retrace")])
def test_retrace_is_not_mirrored(file, trace, retrace):
    """Up to the lag of the scanner, the features of both directions are at the same place."""
    dataset = open_images(shared_data(file))
    one, other = (_features(dataset[name].values) for name in (trace, retrace))
    same, mirrored = (max(abs(_correlation(one, np.roll(image, lag, axis=1))) for lag in range(-8, 9))
                      for image in (other, other[:, ::-1]))
    assert same > 0.3
    assert mirrored < 0.3 * same


def _features(values):
    """Features of some pixels along the fast axis: no line offsets, tilt, bow or drift, which every image shares."""
    return (gaussian_filter(values, (2, 2)) - gaussian_filter(values, (2, 10)))[:, 20:-20]


def _correlation(a, b):
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


def test_nanosurf_image_stands_as_the_force_map_beside_it():
    """One file holds an image and a 10 x 10 force map of its middle: where the image is high, contact is early.

    The heights at which the force rises correlate with the image as it is read, and with no mirror image of it; the
    image is not upside down either (the ramp of the curves grows towards the sample, the image's Z axis away).
    """
    path = shared_data("force/adhesion/spectroscopy.nid")
    curves, image = open_dataset(path).load(), open_images(path)
    contact = np.array([_contact_height(curves.isel(curve=i)) for i in range(curves.sizes["curve"])])
    design = np.column_stack([np.ones(len(contact)), curves.x, curves.y])

    def level(values):
        return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]

    image_at = image.height_drive.sel(x=curves.x, y=curves.y, method="nearest").values
    mirrored = [image.height_drive.sel(x=a * curves.x, y=b * curves.y, method="nearest").values
                for a, b in ((-1, 1), (1, -1), (-1, -1))]
    assert _correlation(level(image_at), level(contact)) > 0.3
    assert max(abs(_correlation(level(m), level(contact))) for m in mirrored) < 0.2


def _contact_height(curve):
    """Height at which the force of the approach first exceeds a tenth of its rise."""
    count = int(curve.sample_count.sel(segment="approach"))
    force = curve.force.sel(segment="approach").values[:count]
    force = force - np.median(force[: count // 4])
    return curve.height.sel(segment="approach").values[np.argmax(force > 0.1 * force.max())]


@pytest.mark.parametrize("file", SUPPLIED["jpk"])
def test_jpk_image_is_that_of_its_curves(file):
    """The image in a map's archive: same places as the curves, heights at the turn of the approach."""
    path = shared_data(file)
    image, curves = open_images(path), open_dataset(path).load()
    row, column = curves.row.values, curves.column.values
    np.testing.assert_allclose(image.x.values[column], curves.x.values, atol=1e-11)
    np.testing.assert_allclose(image.y.values[row], curves.y.values, atol=1e-11)
    last = [int(n) - 1 for n in curves.sample_count.sel(segment="approach")]
    turn = curves.height.sel(segment="approach").values[range(len(last)), last]
    heights = image.height.values[row, column]
    mirrored = [image.height.values[::a, ::b][row, column] for a, b in ((-1, 1), (1, -1), (-1, -1))]
    assert np.abs(heights - turn).max() < 0.3e-6  # the tip goes on after the trigger
    assert all(not np.abs(m - turn).max() < 2 * np.abs(heights - turn).max() for m in mirrored)  # NaN: not scanned


def test_nanoscope_image_beside_a_force_volume_lies_on_its_curves():
    path = shared_data("force/bruker/20200903_Egel2.0_00023.spm")
    image, curves = open_images(path), open_dataset(path)
    np.testing.assert_allclose(image.x.values[curves.column], curves.x, atol=1e-12)
    np.testing.assert_allclose(image.y.values[curves.row], curves.y, atol=1e-12)


@pytest.mark.parametrize("file", [*(f for name in ("nanoscope", "picoview", "igor") for f in SUPPLIED[name][:3]),
                                  SUPPLIED["jpk"][1], "gwyddion"])
def test_heights_and_orientation_agree_with_surface_topography(file, tmp_path):
    """Its first index runs along x, its second from the top down; it reads lengths, in units of its own."""
    pytest.importorskip("SurfaceTopography")
    from asperity.data.readers.images import surface_topography
    path = tiny_image(file, tmp_path)[0] if file in WRITERS else shared_data(file)
    if path.suffix == ".jpk-force-map":  # it reads the image alone
        (tmp_path / "image.jpk").write_bytes(zipfile.ZipFile(path).read("data-image.force"))
        path = tmp_path / "image.jpk"
    theirs, ours = surface_topography.open_images(path), image_readers.open_images(path)
    np.testing.assert_allclose(theirs.pitch, ours.pitch, rtol=1e-8)
    heights = [c.load() * si_unit(c.unit)[0] for c in ours.channels if si_unit(c.unit)[1] == "m"]
    compared = [channel.load() * si_unit(channel.unit)[0] for channel in theirs.channels
                if si_unit(channel.unit)[1] == "m" and "eight" in channel.name.replace("Topography", "height")]
    assert compared
    for values in compared:
        assert any(np.allclose(values, own, rtol=1e-9, atol=1e-18) for own in heights)


# ---------------------------------------------------------------- traps of the NanoScope scale

def test_four_byte_words_that_fit_into_two_are_refused(tmp_path):
    path = tmp_path / "ambiguous.spm"
    nanoscope(path, bits=32)
    content = path.read_bytes()
    size = 4 * ROWS * COLUMNS
    small = np.frombuffer(content[2048 : 2048 + size], "<i4") >> 16
    path.write_bytes(content[:2048] + small.astype("<i4").tobytes() + content[2048 + size :])
    dataset = open_images(path)
    with pytest.raises(Unsupported, match="ambiguous"):
        dataset.height.load()
    assert np.isfinite(dataset.height_drive_retrace.values).all()
    assert "ambiguous" in summary(dataset)[2]


@pytest.mark.parametrize(("size", "ratio", "height"), [
    (b"50 60 nm", b"1:1", 60e-9), (b"50 50 nm", b"2:1", 25e-9), (b"50 25 nm", b"2:1", 25e-9),
    (b"0.05 ~m", b"1:1", 50e-9)])
def test_height_of_a_scan_that_is_not_square(size, ratio, height, tmp_path):
    """Two numbers are width and height; where they are equal, or one is missing, the aspect ratio says the height."""
    path, _ = tiny_image("nanoscope", tmp_path)
    content = path.read_bytes().replace(b"50 60 nm", size).replace(b"Aspect Ratio: 1:1", b"Aspect Ratio: " + ratio)
    start = content.index(b"\x1a")
    path.write_bytes(content[: start + 1].ljust(2048, b"\0") + path.read_bytes()[2048:])
    dataset = open_images(path)
    assert float(dataset.x[1] - dataset.x[0]) * COLUMNS == pytest.approx(50e-9)
    assert float(dataset.y[1] - dataset.y[0]) * ROWS == pytest.approx(height)


@pytest.mark.parametrize(("old", "new", "message"), [
    (b"[Sens. Zsens] (0.005", b"[Sens. Nosens](0.005", "sensitivity"), (b"50 60 nm", b"-5 60 nm", "scan size"),
    (b"Number of lines: 6", b"Number of lines: 9", "differ|no 2- or 4-byte"),
    (b"Data length: 60", b"Data length: 90", "no 2- or 4-byte|should end")])
def test_contradictions_in_a_nanoscope_header(old, new, message, tmp_path):
    path, _ = tiny_image("nanoscope", tmp_path)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    with pytest.raises(ReadError, match=message):
        open_images(path)


# ---------------------------------------------------------------- what is wrong with a file

@pytest.mark.parametrize("name", WRITERS)
def test_a_truncated_file_is_refused_wherever_it_ends(name, tmp_path):
    """Cut at every 7th byte: `ReadError` on opening or loading; a text may end after a whole line."""
    path, expected = tiny_image(name, tmp_path)
    content = path.read_bytes()
    for end in range(len(content) - 1, -1, -7):
        if name == "matrix" and content[end - 1 : end] == b"\n":
            continue
        path.write_bytes(content[:end])
        with pytest.raises(ReadError) as caught:
            open_images(path).load()
        check_message(path, caught.value)
    assert expected


def check_message(path, error):
    assert str(path) in str(error)
    assert error.problem
    assert error.remedy
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def exercise(path):
    """Open and load a damaged file: "refused", or "read" with data that pass every check."""
    try:
        dataset = open_images(path, pitch=1e-9) if path.suffix == ".npy" else open_images(path)
        validate(dataset)
        for variable in dataset.data_vars.values():
            values = variable.values
            assert values.shape == tuple(dataset.sizes[dim] for dim in variable.dims)
            assert not np.isinf(values).any()
            assert not np.isnan(values).all()
        assert summary(dataset)
    except ReadError as error:
        check_message(path, error)
        return "refused"
    return "read"


def run(seed, first, count, folder):
    """Outcomes of mutations by format; an error that is no `ReadError` propagates with the case in its note."""
    files = [tiny_image(name, folder)[0] for name in WRITERS]
    outcomes = Counter()
    for number in range(first, first + count):
        rng = np.random.default_rng([seed, number])
        source = files[number % len(files)]
        damage = DAMAGES[int(rng.integers(len(DAMAGES)))]
        path = folder / f"case{source.suffix}"
        path.write_bytes(damage(rng, source.read_bytes(), files))
        try:
            outcomes[exercise(path)] += 1
        except Exception as error:
            error.add_note(f"seed {seed}, case {number}, {damage.__name__} of {source.name}")
            raise
    return outcomes


def test_mutations_are_refused_or_pass_every_check(tmp_path):
    outcomes = run(seed=0, first=0, count=600, folder=tmp_path)
    assert outcomes["refused"] > 200
    assert outcomes["read"] > 50, "else the damages are too coarse to test anything"


@pytest.mark.parametrize("file", NO_IMAGE)
def test_files_without_images_are_refused(file):
    path = shared_data(file)
    with pytest.raises(ReadError) as caught:
        open_images(path).load()
    check_message(path, caught.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"Dear diary,\ntoday I measured nothing.\n" * 50, bytes(10000),
                                     b"II*\0" + bytes(100), b"PK\x03\x04" + bytes(50), b"GWYP", b"[DataSet]\n"])
@pytest.mark.parametrize("ending", [".dat", ".ibw", ".jpk", ".npy"])
def test_foreign_files_are_refused(content, ending, tmp_path):
    path = tmp_path / f"foreign{ending}"
    path.write_bytes(content)
    with pytest.raises(ReadError) as caught:
        open_images(path).load()
    check_message(path, caught.value)
    with pytest.raises(ReadError, match="not a regular file"):
        open_images(tmp_path)
    with pytest.raises(ReadError, match="cannot be opened"):
        open_images(tmp_path / "missing.spm")


def test_other_formats_name_the_extra_that_reads_them(tmp_path, monkeypatch):
    path = tmp_path / "other.x3p"
    path.write_bytes(bytes(100))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Unsupported, match=r"pip install asperity\[images\]"):
        open_images(path)
    path = tmp_path / "other.unknown"
    path.write_bytes(b"unknown" * 100)
    with pytest.raises(NotRecognized, match=r"asperity\[images\]"):
        open_images(path)


def test_a_value_beyond_any_instrument_is_refused(tmp_path):
    np.save(tmp_path / "tall.npy", np.full((4, 4), 3.0))
    dataset = open_images(tmp_path / "tall.npy", pitch=1e-9, unit="m")
    with pytest.raises(CorruptFile, match="more than any instrument"):
        dataset.height.load()


def _without_vendor(variable):
    del variable.attrs["vendor_channel"]
    return variable


@pytest.mark.parametrize(("damage", "message"), [
    (lambda d: d.drop_vars("session"), "session"), (lambda d: d.isel(y=slice(None, None, -1)), "rising"),
    (lambda d: d.drop_vars(d.data_vars), "no channel"),
    (lambda d: d.assign(height=d.height.transpose("x", "y")), "dimensions"),
    (lambda d: d.assign(height=d.height.assign_attrs(units="nm")), "must be in m"),
    (lambda d: d.assign(height=_without_vendor(d.height)), "lacks the attributes")])
def test_validate_says_what_is_missing(damage, message, tmp_path):
    dataset = open_images(tiny_image("nanosurf", tmp_path)[0])
    with pytest.raises(SchemaError, match=message):
        validate(damage(dataset))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(run(options.seed, 0, options.count, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
