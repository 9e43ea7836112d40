"""Files that are none of the formats: the message says what they look like, in one line."""

import io
import zipfile

import h5py
import numpy as np
import pytest

from asperity.data.images import open_images
from asperity.data.readers._appearance import appearance, is_foreign
from asperity.data.readers._errors import CorruptFile, NotRecognized, ReadError
from asperity.data.readers.force_curves import open_dataset
from asperity.data.readers.rheology_table import read_table
from asperity.data.readers.thermal_spectra import open_spectrum


def zipped(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return content.getvalue()


def hdf5():
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["a"] = np.arange(4)
    return content.getvalue()


FILES = {"a PNG picture": b"\x89PNG\r\n\x1a\n" + bytes(50), "a JPEG picture": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" * 9,
         "a TIFF picture": b"II*\0" + bytes(100), "a PDF document": b"%PDF-1.4\n%\xe2\xe3\n",
         "a spreadsheet (.xlsx)": zipped("[Content_Types].xml", "xl/workbook.xml"),
         "a spreadsheet or document of an old Office (.xls, .doc)": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
         "a gzip archive": b"\x1f\x8b\x08" + bytes(30), "an HDF5 file": hdf5(),
         "a web page": b"<!DOCTYPE html>\n<html>\n",
         "a JSON text": b'{"force": 1}\n', "a text that begins with 'Dear diary,'": b"Dear diary,\ntoday\nnothing\n",
         "a ZIP archive of something else": zipped("notes.txt"), "binary data of an unknown kind": bytes(5000)}
READS = {"curves": open_dataset, "image": open_images, "table": read_table, "thermal": open_spectrum}


@pytest.mark.parametrize("door", READS)
@pytest.mark.parametrize("words", FILES)
def test_the_message_says_what_it_looks_like(words, door, tmp_path):
    path = tmp_path / "a.dat"
    path.write_bytes(FILES[words])
    with pytest.raises(ReadError) as caught:
        READS[door](path)
    said = str(caught.value)
    assert (words in said) or (words == "a TIFF picture" and "a TIFF picture without JPK's channels" in said)
    assert "\n" not in said


def test_what_it_looks_like():
    assert [appearance(content[:4096]) for content in FILES.values()] == list(FILES)
    assert appearance("ä text in UTF-16\n".encode("utf-16")) == "a text that begins with 'ä text in UTF-16'"


@pytest.mark.parametrize("ending", [".jpk-force", ".h5", ".top", ".zip", ".spm"])
def test_an_ending_makes_no_format_of_a_spreadsheet(ending, tmp_path):
    path = tmp_path / f"a{ending}"
    path.write_bytes(FILES["a spreadsheet (.xlsx)"])
    assert is_foreign(path.read_bytes())
    for read in (open_dataset, open_images):
        with pytest.raises(NotRecognized, match=r"it looks like a spreadsheet \(\.xlsx\)"):
            read(path)


def test_three_columns_are_not_called_damaged_nt_mdt(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("1\t2\t3\n2\t1\t5\n1\t2\t9\n5\t2\t2\n")
    with pytest.raises(CorruptFile, match="If it is another table, write its titles"):
        open_dataset(path)
