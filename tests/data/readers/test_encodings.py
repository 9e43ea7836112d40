"""Every text reader reads the same in every encoding, and every header knows every spelling of the micro sign."""

import zipfile

import numpy as np
import pytest
import xarray as xr

from asperity.data.images import open_images
from asperity.data.readers._text import as_text, decode, head_text
from asperity.data.readers.force_curves import open_dataset
from asperity.data.readers.rheology_table import read_table
from asperity.data.readers.thermal_spectra import open_spectrum
from asperity.data.readers.thermal_spectra.jpk_tnd import matches
from tests.conftest import shared_case
from tests.contracts.tiny import tiny_files
from tests.data.readers.force_curves.test_workshop import make_map, workshop_text
from tests.data.readers.images import tiny_images
from tests.data.readers.thermal_spectra.test_thermal_files import tnd

ENCODINGS = {
    "UTF-8 with its mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16 as Windows writes it": lambda text: b"\xff\xfe" + text.replace("\n", "\r\n").encode("utf-16-le"),
    "UTF-16 big-endian": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "UTF-16 without its mark": lambda text: text.encode("utf-16-le"),
    "UTF-16 big-endian without its mark": lambda text: text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "Windows-1252": lambda text: text.encode("cp1252", "replace"),
    "UTF-8 taken for Latin-1": lambda text: text.encode("utf-8").decode("latin-1").encode("utf-8"),
}
#: the micro sign and the Greek letter in Latin-1 and UTF-8, and UTF-8 that was taken for Latin-1 and saved again
MICROS = (b"\xb5", b"\xc2\xb5", b"\xce\xbc", b"\xc3\x82\xc2\xb5", b"\xc3\x8e\xc2\xbc")

CURVES = """# spring constant = 50 mN/m
# session = Prüfung am Gerät
segment,time (s),height (µm),force (nN)
""" + "".join(f"approach,{i / 100},{2 - i / 50:.3f},{0.01 * i}\n" for i in range(60))
SPECTRUM = "frequency (Hz);storage_modulus (kPa);loss_modulus (kPa)\n1;2.5;0.5\n2;3.5;0.75\n4;4.5;1\n8;5.5;1.25\n"


def text_files(folder):
    """Name -> (file in UTF-8 or Latin-1, how it is opened), one of every text format."""
    curves = {name: path for name, path in tiny_files(folder).items()
              if name in ("chiaro", "ntmdt", "jpk_text", "afmformats_tab", "plain_csv")}
    (folder / "units.csv").write_text(CURVES, encoding="utf-8")
    (folder / "spectrum.txt").write_text(SPECTRUM, encoding="utf-8")
    (folder / "workshop.csv").write_text(workshop_text(), encoding="utf-8")
    wide = "# Width: 5 µm\n# Height: 5 µm\n# Value units: nm\n" + ("\t".join(map(str, range(1500))) + "\n") * 3
    (folder / "wide.txt").write_text(wide, encoding="utf-8")
    return {name: (path, open_dataset) for name, path in curves.items()} | {
        "units": (folder / "units.csv", open_dataset), "workshop": (folder / "workshop.csv", open_dataset),
        "matrix": (tiny_images.tiny_image("matrix", folder)[0], open_images),
        "wide": (folder / "wide.txt", open_images),
        "table": (folder / "spectrum.txt", read_table), "tnd": (tnd(folder / "a.tnd"), open_spectrum)}


@pytest.mark.parametrize("name", ["chiaro", "ntmdt", "jpk_text", "afmformats_tab", "plain_csv", "units", "workshop",
                                  "matrix", "wide", "table", "tnd"])
def test_every_text_reads_the_same_in_every_encoding(name, tmp_path):
    path, read = text_files(tmp_path)[name]
    text, expected = decode(path.read_bytes()), read(path).load()
    for encoding, encode in ENCODINGS.items():
        if name == "tnd" and encoding in ("Windows-1252", "UTF-8 taken for Latin-1"):
            continue  # its superscripts are lost there
        path.write_bytes(encode(text))
        found = read(path).load()
        for variable in (*expected.data_vars, *expected.coords):
            if variable not in ("session", "file") or name != "units":
                xr.testing.assert_equal(found[variable].variable, expected[variable].variable)
        kept = ("radius", "units", "sensitivity", "setpoint")
        assert {key: found.attrs.get(key) for key in kept} == {key: expected.attrs.get(key) for key in kept}, encoding


def test_members_of_an_archive_are_texts_too(tmp_path):
    members = {f"{i}.csv": workshop_text(i, x=i) for i in range(3)}
    expected = open_dataset(make_map(tmp_path / "a.zip", members)).load()
    for encode in ENCODINGS.values():
        with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in members.items():
                archive.writestr(name, encode(text))
        found = open_dataset(tmp_path / "b.zip").load()
        np.testing.assert_array_equal(found.height, expected.height)


@pytest.mark.parametrize("micro", MICROS)
def test_headers_of_binary_files_know_every_micro_sign(micro, tmp_path):
    """10 um in a header: the pitch of a NanoScope image, the values of PicoView, Nanosurf and Nanonis."""
    path, _ = tiny_images.tiny_image("nanoscope", tmp_path)
    raw = path.read_bytes()
    size = b"Scan Size: 50 60 nm"
    assert size in raw
    longer = b"Scan Size: 50 60 " + micro + b"m"
    changed = raw[:2048].replace(size, longer).replace(b"\xba", b"deg")  # a degree sign in Latin-1 is not UTF-8
    path.write_bytes(changed.rstrip(b"\0").ljust(2048, b"\0") + raw[2048:])
    np.testing.assert_allclose(np.diff(open_images(path).x), 1e-5, rtol=1e-12)

    path, expected = tiny_images.tiny_image("picoview", tmp_path)
    path.write_bytes(path.read_bytes().replace(b"um\n", micro + b"m\n", 1))
    np.testing.assert_allclose(open_images(path).height, expected["height"], rtol=1e-13)

    path, expected = tiny_images.tiny_image("nanosurf", tmp_path)
    path.write_bytes(path.read_bytes().replace(b"Dim2Unit=m\r\n", b"Dim2Unit=" + micro + b"m\r\n"))
    np.testing.assert_allclose(open_images(path).height, expected["height"] * 1e-6, rtol=1e-13)

    path, expected = tiny_images.tiny_image("nanonis", tmp_path)
    path.write_bytes(path.read_bytes().replace(b"Z\tm\t", b"Z\t" + micro + b"m\t"))
    np.testing.assert_allclose(open_images(path).height, expected["height"] * 1e-6, rtol=1e-13)


@pytest.mark.parametrize("micro", MICROS)
def test_units_of_texts_know_every_micro_sign(micro, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"# radius = 5 %bm\nheight (%bm),force (nN)\n2,0\n1,1\n" % (micro, micro))
    found = open_dataset(path).load()
    assert found.attrs["radius"] == pytest.approx(5e-6)
    np.testing.assert_allclose(found.height.values[0, 0], [2e-6, 1e-6])


def test_text_of_bytes():
    assert as_text(b"") == ""
    assert as_text("Größe 5 µm – “x”".encode("cp1252")) == "Größe 5 µm – “x”"
    assert as_text(b"\x81\xb5") == "\x81µ"
    assert as_text(b"a\r\n") == "a\r\n"
    assert decode(b"a\r\nb\rc\n") == "a\nb\nc\n"
    assert decode("5 μm, 3 m²".encode()) == "5 µm, 3 m²"
    assert head_text(bytes(100)) == head_text(b"\1\0\0\0" * 50) == ""
    assert not matches(b"\xff\xfe# thermal")


def test_what_people_reported():
    dataset = open_dataset(shared_case("utf16.csv"))
    assert float(dataset.spring_constant[0]) == 0.05
    assert dataset.segment.values.tolist() == ["approach", "retract"]
    image = open_images(shared_case("scan_utf8mu.spm"))
    np.testing.assert_allclose(np.diff(image.x) * image.sizes["x"], 10e-6, rtol=1e-9)
