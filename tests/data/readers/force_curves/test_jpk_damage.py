"""The JPK reader's archives: any zip variant is read, any damage is named, no value changes silently."""

import pickle
import random
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from asperity.data.readers._errors import CorruptFile, ReadError, Unsupported
from asperity.data.readers.force_curves import jpk
from asperity.data.readers.vendors import zip_archive
from tests.conftest import shared_case
from tests.data.readers.force_curves.jpk_archives import (
    ENCODERS,
    STYLES,
    build_map,
    joined,
    opened,
    raw_numbers,
    read_members,
    segment_header,
    shared_header,
    write_members,
)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("front", [b"", b"something before the archive"])
def test_archive_equals_zipfile(tmp_path, compression, front):
    path = build_map(tmp_path / "a.zip", {0: (50, 3, 6), 1: (5, 2, 5)}, compression=compression)
    path.write_bytes(front + path.read_bytes())
    archive = zip_archive.open_archive(path)
    with archive.open() as stream:
        assert {name: archive.read(stream, name) for name in archive.members} == dict(read_members(path))


def test_a_processed_export_without_scales_is_told_from_damage(tmp_path):
    """Programs that process curves and save them again leave the encoder's multiplier out."""
    path = build_map(tmp_path / "a.jpk-force-map", {0: (50, 3, 6)})
    members = [(name, b"\n".join(line for line in raw.split(b"\n") if b"encoder.scaling.multiplier" not in line))
               for name, raw in read_members(path)]
    write_members(tmp_path / "b.jpk-force-map", members)
    for lost in (tmp_path / "b.jpk-force-map", shared_case("jpk_no_multiplier.jpk-force")):
        with pytest.raises(CorruptFile, match=r"looks like a processed export.*Take the file that the inst") as caught:
            jpk.open_curves(lost)
        assert "damaged" not in str(caught.value)


def test_zip64_entries(tmp_path):
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open(zipfile.ZipInfo("one"), "w", force_zip64=True) as member:
            member.write(b"12345")
        archive.writestr("two", b"67")
    raw = bytearray(path.read_bytes())
    entry = raw.index(b"PK\1\2")  # the first entry as a writer of huge archives stores it
    size, offset, end = struct.unpack("<2L", raw[-10:-2]), 0, len(raw) - 22
    extra = struct.pack("<2H3Q", 1, 24, 5, 5, 0)
    raw[entry + 20 : entry + 28] = b"\xff" * 8
    raw[entry + 42 : entry + 46] = b"\xff" * 4
    raw[entry + 30 : entry + 32] = struct.pack("<H", len(extra))
    raw[entry + 49 : entry + 49] = extra
    offset, size, end = size[1], size[0] + len(extra), end + len(extra)
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, size, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    path.write_bytes(raw[:end] + end64 + locator + b"PK\5\6" + b"\0" * 4 + b"\xff" * 12 + b"\0\0")
    archive = zip_archive.open_archive(path)
    with archive.open() as stream:
        assert archive.read(stream, "one") == b"12345"
        assert archive.read(stream, "two") == b"67"


def test_loaders_work_in_threads_and_after_pickling(tmp_path):
    path = build_map(tmp_path / "t.zip", {i: (400, 30, 300) for i in range(6)})
    force = jpk.open_curves(path).channels["deflection_voltage"]
    want = [force(i) for i in range(6)]
    copy = pickle.loads(pickle.dumps(jpk.open_curves(path).channels["deflection_voltage"]))
    with ThreadPoolExecutor(4) as pool:
        for i, found in enumerate(pool.map(copy, list(range(6)) * 5)):
            for a, b in zip(found, want[i % 6]):
                np.testing.assert_array_equal(a, b)


def test_every_truncation_is_named(tmp_path):
    path = build_map(tmp_path / "a.jpk-force-map", {0: (40, 3, 6), 1: (5, 2, 5)})
    whole = path.read_bytes()
    for length in range(4, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(CorruptFile, match=r"a\.jpk-force-map: .*truncated"):
            jpk.open_curves(path)


def test_damaged_samples_name_the_curve_and_spare_the_others(tmp_path):
    path = build_map(tmp_path / "a.zip", {0: (40, 3, 6), 1: (50, 2, 5)}, compression=zipfile.ZIP_STORED)
    good = opened(path).load()
    raw = bytearray(path.read_bytes())
    at = raw.index(raw_numbers(1, 0, 50)["vDeflection"].tobytes())
    raw[at + 7] ^= 4
    path.write_bytes(raw)
    curves = jpk.open_curves(path)
    with pytest.raises(CorruptFile, match=r"a\.zip: curve 1: member 'index/1/segments/0/.*checksum"):
        curves.channels["deflection_voltage"](1)
    np.testing.assert_array_equal(curves.channels["deflection_voltage"](0)[0],
                                  good["deflection_voltage"].values[0, 0, :40])


@pytest.mark.parametrize(("change", "message"), [
    (lambda m: m.pop("index/1/segments/0/channels/vDeflection.dat"), "vDeflection.dat' is missing"),
    (lambda m: m.update({"index/1/segments/0/segment-header.properties":
                         segment_header(0, 10**12, 0.25).encode()}), "declares 1000000000000 samples"),
    (lambda m: m.update({"index/1/segments/0/segment-header.properties":
                         segment_header(0, 5, np.inf).encode()}), "impossible duration"),
    (lambda m: m.update({"index/1/segments/0/segment-header.properties": b"channels.list="}), "style"),
    (lambda m: m.update({"index/1/segments/0/segment-header.properties":
                         segment_header(2, 5, 0.25).encode()}), "is a 'retract'"),
    (lambda m: m.update({"index/1/segments/0/segment-header.properties":
                         segment_header(0, 5, 0.25, replace={"vDeflection": 9}).encode()}), "lcd-info.9"),
])
def test_wrong_headers_of_one_curve(tmp_path, change, message):
    path = build_map(tmp_path / "a.zip", {0: (4, 3, 6), 1: (5, 2, 5)})
    members = dict(read_members(path))
    change(members)
    write_members(path, members)
    curves = jpk.open_curves(path)
    assert len(curves.channels["deflection_voltage"](0)[0]) == 4
    with pytest.raises(CorruptFile, match=f"curve 1: .*{message}"):
        curves.channels["deflection_voltage"](1)


def test_an_unreadable_first_curve_does_not_close_the_file(tmp_path):
    path = build_map(tmp_path / "a.zip", {0: (4, 3, 6), 1: (5, 2, 5)})
    raw = bytearray(path.read_bytes())
    at = raw.index(b"index/0/segments/0/segment-header.properties") + 60
    raw[at : at + 8] = b"\xff" * 8
    path.write_bytes(raw)
    curves = jpk.open_curves(path)
    assert [len(part) for part in curves.channels["height"](1)] == [5, 2, 5]
    with pytest.raises(CorruptFile, match="curve 0: member 'index/0/segments/0/segment-header"):
        curves.channels["height"](0)


def test_a_zip_bomb_is_refused(tmp_path):
    """130 MB of zeros in 130 kB, declared consistently everywhere: not inflated, and no curve is padded to it."""
    path = build_map(tmp_path / "b.zip", {0: (4, 3, 6), 1: (5, 2, 5)})
    members, zeros = dict(read_members(path)), bytes(130 * 2**20)
    folder = "index/1/segments/0/"
    members[folder + "segment-header.properties"] = segment_header(0, len(zeros) // 4, 0.25).encode()
    members |= {f"{folder}channels/{channel}.dat": zeros for channel in ENCODERS}
    write_members(path, members)
    with pytest.raises(CorruptFile, match=r"b\.zip: its directory declares up to 34078720 samples"):
        jpk.open_curves(path)


def test_a_directory_that_declares_too_much(tmp_path):
    path = build_map(tmp_path / "d.zip", {0: (4, 3, 6), 1: (5, 2, 5)})
    raw = bytearray(path.read_bytes())
    at = raw.index(b"PK\1\2")
    while raw[at : at + 4] == b"PK\1\2":
        sizes = struct.unpack_from("<3H", raw, at + 28)
        if raw[at + 46 : at + 46 + sizes[0]].startswith(b"index/1/segments/0/channels"):
            raw[at + 24 : at + 28] = struct.pack("<L", 2**31)
        at += 46 + sum(sizes)
    path.write_bytes(raw)
    with pytest.raises(CorruptFile, match="more than the file can hold"):
        jpk.open_curves(path)


@pytest.mark.parametrize(("change", "error", "message"), [
    (lambda m: [m.pop(n) for n in list(m) if "segments" in n], Unsupported, "no force curves"),
    (lambda m: m.update({"shared-data/header.properties": shared_header(
        ("dance", "pause", "retract")).encode()}), Unsupported, "unknown style 'dance'"),
    (lambda m: m.update({"shared-data/header.properties": shared_header(
        STYLES, deflection_unit="A").encode()}), Unsupported, "unknown units 'A'"),
    (lambda m: m.update({"shared-data/header.properties": m["shared-data/header.properties"].replace(
        b"encoder.scaling.multiplier=3e-09", b"encoder.scaling.multiplier=")}), CorruptFile, "multiplier"),
    (lambda m: m.pop("shared-data/header.properties"), ReadError, "style"),
])
def test_wrong_headers_of_the_file(tmp_path, change, error, message):
    path = build_map(tmp_path / "w.zip", {0: (4, 3, 6)})
    members = dict(read_members(path))
    change(members)
    write_members(path, members)
    with pytest.raises(error, match=message):
        jpk.open_curves(path)


def test_missing_deflection_is_unsupported(tmp_path):
    path = build_map(tmp_path / "n.zip", {0: (4, 3, 6)}, channels=("height", "measuredHeight"))
    with pytest.raises(Unsupported, match="lacks the vertical deflection"):
        jpk.open_curves(path)


def curves_of(path):
    """The samples of every curve that is not empty; or the error message."""
    try:
        data = opened(path).load()
    except ReadError as error:
        return str(error)
    return [[joined(data, name, i) for name in ("force", "height", "height_drive", "time")]
            for i in range(data.sizes["curve"]) if data["sample_count"].values[i].any()]


def test_mutations_raise_read_errors_and_change_no_value(tmp_path):
    """Random bit flips: a `ReadError` that names the file, or exactly the samples of the intact file."""
    path = build_map(tmp_path / "f.zip", {0: (40, 3, 6), 1: (5, 2, 5)})
    good, whole, rng = curves_of(path), path.read_bytes(), random.Random(7)
    outcomes = []
    for _ in range(400):
        raw = bytearray(whole)
        for _ in range(rng.choice((1, 1, 8))):
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        path.write_bytes(raw)
        outcomes.append(curves_of(path))
    messages = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert all("f.zip" in message for message in messages)
    assert 100 < len(messages) < 400
    for outcome in outcomes:
        if not isinstance(outcome, str):
            np.testing.assert_equal(outcome, good)
