"""NanoScope files that a transfer or an editor has made longer or shorter are refused, images and curves alike."""

import re

import numpy as np
import pytest

from asperity.data.images import open_images
from asperity.data.readers._errors import CorruptFile
from asperity.data.readers.force_curves import open_dataset
from asperity.data.readers.vendors.nanoscope_header import are_aligned
from tests.conftest import shared_data
from tests.data.readers.force_curves.test_nanoscope import OFFSET, as_stored, counts_of_a_ramp, file_of
from tests.data.readers.images.tiny_images import nanoscope

#: supplied files whose listed samples end with the file, or (the volume) 3073 bytes before its end
MEASURED = {"image/height/di-1.di": open_images, "image/height/di-3.di": open_images,
            "force/bruker/20200904_Egel4-Z1.0_00025.spm": open_dataset,
            "force/bruker/20200903_Egel2.0_00023.spm": open_dataset}
TRANSFERS = {"every line end": lambda raw: raw.replace(b"\n", b"\r\n"),
             "bare line ends": lambda raw: re.sub(rb"(?<!\r)\n", b"\r\n", raw)}


def image(folder):
    """An image whose samples have line feeds, as every larger image has."""
    path = folder / "image.spm"
    nanoscope(path)
    raw = bytearray(path.read_bytes())
    raw[2048:2068] = b"\n\1" * 10
    path.write_bytes(raw)
    return path, 2048, open_images


def ramp(folder):
    counts = counts_of_a_ramp()
    counts[20:40] = 10
    return file_of(folder / "ramp.spm", as_stored(counts, "two bytes")), OFFSET, open_dataset


def volume(folder):
    words = as_stored(np.stack([counts_of_a_ramp()] * 6), "fraction zero")
    words[:, 20:40] = 10 * 256
    return file_of(folder / "volume.spm", words, grid=(2, 3)), OFFSET, open_dataset


@pytest.mark.parametrize("make", [image, ramp, volume])
@pytest.mark.parametrize("transfer", TRANSFERS)
def test_line_feeds_that_became_line_ends_are_named(make, transfer, tmp_path):
    path, start, read = make(tmp_path)
    raw = path.read_bytes()
    read(path)
    for damaged in (TRANSFERS[transfer](raw), raw[:start] + TRANSFERS[transfer](raw[start:])):
        path.write_bytes(damaged)
        with pytest.raises(CorruptFile, match=r"text mode has put a carriage return.*in binary mode"):
            read(path)


@pytest.mark.parametrize("make", [image, ramp, volume])
def test_one_inserted_byte_is_refused_wherever_it_is(make, tmp_path):
    path, start, read = make(tmp_path)
    raw = path.read_bytes()
    for place in (30, start - 1, start, start + 1, start + (len(raw) - start) // 2, len(raw) - 3):
        path.write_bytes(raw[:place] + b"\7" + raw[place:])
        with pytest.raises(CorruptFile, match=rf"behind byte {len(raw)}.* byte {len(raw) + 1}: bytes were inserted"):
            read(path)


@pytest.mark.parametrize("make", [image, ramp])
def test_carriage_returns_that_were_taken_out_are_named(make, tmp_path):
    path, _, read = make(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n"))
    with pytest.raises(CorruptFile, match="text mode has taken out its carriage returns"):
        read(path)


def test_a_volume_may_hold_maps_that_no_section_lists(tmp_path):
    """Only where its samples show that they are not shifted: 24-bit counts do, 16-bit ones cannot."""
    path, _, read = volume(tmp_path)
    before = read(path).load()
    path.write_bytes(path.read_bytes() + bytes(range(150)))
    np.testing.assert_array_equal(read(path).load().deflection_voltage, before.deflection_voltage)
    words = as_stored(np.stack([counts_of_a_ramp()] * 6), "two bytes")
    short = file_of(tmp_path / "short.spm", words, grid=(2, 3))
    short.write_bytes(short.read_bytes() + bytes(range(150)))
    with pytest.raises(CorruptFile, match="bytes were inserted"):
        read(short)


def test_no_shift_by_bytes_leaves_words_aligned():
    words = np.random.default_rng(0).integers(-(2**14), 2**14, 200).astype("<i4") * 256
    raw = words.tobytes()
    assert are_aligned(words)
    assert not are_aligned(words.astype("<i2"))
    for shift in (1, 2, 3):
        assert not are_aligned(np.frombuffer(raw[shift : shift - 4], "<i4")), shift


@pytest.mark.parametrize("name", MEASURED)
def test_measured_files_are_read_and_refused_when_bytes_are_added(name, tmp_path):
    path, read = shared_data(name), MEASURED[name]
    read(path)
    raw, damaged = path.read_bytes(), tmp_path / path.name
    start = int(re.findall(rb"Data offset: (\d+)", raw)[0])
    for content in (raw[:start] + raw[start:].replace(b"\n", b"\r\n"), raw[:500] + b"x" + raw[500:],
                    raw[: (start + len(raw)) // 2] + b"\0" + raw[(start + len(raw)) // 2 :]):
        damaged.write_bytes(content)
        with pytest.raises(CorruptFile, match="in binary mode"):
            read(damaged)
