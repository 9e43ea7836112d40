"""The JPK reader on synthetic archives: decoding, segments, positions, calibration, lazy loading."""

import io
import zipfile

import numpy as np
import pytest
import xarray as xr

from asperity.data.readers.force_curves import find_reader, jpk
from asperity.data.readers.vendors.jpk_properties import parse_properties
from tests.data.readers.force_curves.jpk_archives import (
    FORCE_SLOTS,
    HEIGHT_SLOTS,
    SENSITIVITY,
    SPRING_CONSTANT,
    STYLES,
    build_map,
    conversion,
    encoder,
    expected,
    opened,
    raw_numbers,
    read_members,
    record_reads,
    segment_header,
    shared_header,
    write_members,
)


def test_map_values_positions_and_settings(tmp_path):
    path = build_map(tmp_path / "a.jpk-force-map", {5: (4, 3, 6), 0: (5, 2, 5), 4: (7, None, 1)})
    data = opened(path).load()
    assert list(data["segment"].values) == ["approach", "pause", "retract"]
    assert data["sample_count"].values.tolist() == [[5, 2, 5], [7, 0, 1], [4, 3, 6]]
    assert data["row"].values.tolist() == [0, 1, 1]
    assert data["column"].values.tolist() == [0, 1, 0]  # back and forth: row 1 runs from 2 to 0
    np.testing.assert_array_equal(data["x"], [0.5e-6, 4.5e-6, 5.5e-6])
    np.testing.assert_array_equal(data["y"], [-0.0, -4e-6, -5e-6])
    np.testing.assert_array_equal(data["spring_constant"], SPRING_CONSTANT)
    np.testing.assert_array_equal(data["sensitivity"], SENSITIVITY)
    for i, number in enumerate((0, 4, 5)):
        for j in range(3):
            count = int(data["sample_count"][i, j])
            raw = raw_numbers(number, j, count)
            volts = expected("vDeflection", raw["vDeflection"])
            for name, want in {"deflection_voltage": volts, "deflection": SENSITIVITY * volts,
                               "force": SPRING_CONSTANT * SENSITIVITY * volts,
                               "height": expected("measuredHeight", raw["measuredHeight"]),
                               "height_drive": expected("height", raw["height"])}.items():
                found = data[name].values[i, j]
                peak = np.abs(want).max(initial=1e-9)
                np.testing.assert_allclose(found[:count], want, rtol=0, atol=1e-14 * peak)
                assert np.isnan(found[count:]).all()
    np.testing.assert_allclose(data["time"].values[1, 2, 0], 0.25)  # no pause: starts after the approach
    np.testing.assert_allclose(data["time"].values[0, 1, :2], [0.25, 0.5])
    assert data.attrs["setpoint"] == pytest.approx(1.5 * SENSITIVITY * SPRING_CONSTANT, rel=1e-15)
    assert data.attrs["speed_approach"] == pytest.approx(4e-6)
    assert data.attrs["instrument"] == "JPK00042"
    assert data.attrs["date"].startswith("2024-05-06 07:08:09")
    assert "2024-05-06" in str(data["session"].values[0])


def test_inline_headers_of_older_files(tmp_path):
    raw = {"height": np.arange(-3, 4).astype(">i2"), "vDeflection": (100 * np.arange(7)).astype(">i2")}
    lines = ["force-segment-header.num-points=7", "force-segment-header.duration=0.7",
             "force-segment-header.name.name=extend-spm", "channels.list=height vDeflection"]
    for channel, slots in (("height", HEIGHT_SLOTS), ("vDeflection", FORCE_SLOTS)):
        prefix = f"channel.{channel}."
        lines += [f"{prefix}data.file.name=channels/{channel}.dat", f"{prefix}data.type=short",
                  *encoder(prefix + "data.", "signedshort", channel, "V"),
                  *conversion(prefix, slots, "volts")]
    path = tmp_path / "old.jpk-force"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.properties", "type=force-scan-series\n"
                         "force-scan-series.header.position.x=1.0E-6\nforce-scan-series.header.position.y=2.0E-6\n")
        archive.writestr("segments/0/segment-header.properties", "\r\n".join(lines))
        for channel, numbers in raw.items():
            archive.writestr(f"segments/0/channels/{channel}.dat", numbers.tobytes())
    data = opened(path).load()
    assert list(data["segment"].values) == ["approach"]
    assert "height_drive" not in data  # the drive is the only height
    np.testing.assert_allclose(data["height"][0, 0], expected("height", raw["height"]), rtol=1e-14)
    np.testing.assert_allclose(data["force"][0, 0], SPRING_CONSTANT * SENSITIVITY * expected(
        "vDeflection", raw["vDeflection"]), rtol=1e-14)
    np.testing.assert_allclose(data["time"][0, 0], 0.1 * np.arange(7), atol=1e-15)
    assert float(data["x"][0]) == 1e-6
    assert (int(data["row"][0]), int(data["column"][0])) == (-1, -1)


def test_modulations_are_numbered(tmp_path):
    styles = ("pause", "extend", "modulation", "modulation", "retract")
    data = opened(build_map(tmp_path / "m.zip", {0: (2, 3, 4, 5, 6)}, styles))
    assert list(data["segment"].values) == ["pause", "approach", "modulation", "modulation_2", "retract"]
    assert data.attrs["modulation_frequency"] == [30.0, 30.0]


@pytest.mark.parametrize(("slots", "present", "absent"), [
    ((("distance", "volts", 0.0, None, "m"), ("force", "distance", 0.0, None, "N")),
     (), ("deflection", "force")),
    ((("distance", "volts", 0.0, 3e-8, "m"), ("force", "distance", 0.0, None, "N")),
     ("deflection",), ("force",)),
])
def test_undefined_calibration_is_left_out(tmp_path, slots, present, absent):
    path = build_map(tmp_path / "v.zip", {0: (3, 3, 3)}, shared=shared_header(STYLES, slots))
    data = opened(path)
    assert "deflection_voltage" in data
    assert all(name in data for name in present)
    assert not any(name in data for name in absent)
    assert np.isnan(data["spring_constant"]).all()


def test_a_slot_with_an_offset_is_a_channel_of_its_own(tmp_path):
    slots = (("distance", "volts", 5e-9, SENSITIVITY, "m"), ("force", "distance", 0.0, SPRING_CONSTANT, "N"))
    path = build_map(tmp_path / "o.zip", {0: (6, 6, 6)}, shared=shared_header(STYLES, slots))
    volts = expected("vDeflection", raw_numbers(0, 0, 6)["vDeflection"])
    data = opened(path).load()
    np.testing.assert_allclose(data["deflection"][0, 0], SENSITIVITY * volts + 5e-9, rtol=1e-13)
    force = SPRING_CONSTANT * (SENSITIVITY * volts + 5e-9)
    np.testing.assert_allclose(data["force"][0, 0], force, rtol=1e-13)


@pytest.mark.parametrize(("unit", "name", "slots"), [
    ("N", "force", (("other", "volts", 0.0, None, "m"),)),
    ("m", "deflection", (("force", "volts", 0.0, SPRING_CONSTANT, "N"),)),
])
def test_deflection_stored_calibrated(tmp_path, unit, name, slots):
    shared = shared_header(STYLES, slots, deflection_unit=unit)
    data = opened(build_map(tmp_path / "c.zip", {0: (6, 6, 6)}, shared=shared)).load()
    stored = expected("vDeflection", raw_numbers(0, 0, 6)["vDeflection"])
    np.testing.assert_allclose(data[name][0, 0], stored, rtol=1e-14)
    assert "deflection_voltage" not in data
    if unit == "m":
        np.testing.assert_allclose(data["force"][0, 0], SPRING_CONSTANT * stored, rtol=1e-14)


def test_calibration_that_differs_between_curves(tmp_path):
    more = [line.replace("lcd-info.1.", "lcd-info.7.").replace(repr(SENSITIVITY), repr(2 * SENSITIVITY))
            for line in shared_header(()).split("\n") if line.startswith("lcd-info.1.")]
    path = build_map(tmp_path / "k.zip", {0: (4, 4, 4), 1: (4, 4, 4)},
                     shared=shared_header(STYLES, more=more))
    content = dict(read_members(path))
    name = "index/1/segments/{}/segment-header.properties"
    for i in range(3):
        content[name.format(i)] = segment_header(i, 4, 0.5, replace={"vDeflection": 7}).encode()
    write_members(path, content)
    data = opened(path).load()
    np.testing.assert_allclose(data["sensitivity"], [SENSITIVITY, 2 * SENSITIVITY], rtol=1e-15)
    volts = expected("vDeflection", raw_numbers(1, 0, 4)["vDeflection"])
    np.testing.assert_allclose(data["force"][1, 0], 2 * SENSITIVITY * SPRING_CONSTANT * volts, rtol=1e-14)


def test_properties_escapes_comments_and_continuations():
    text = b"#comment=1\n!x=2\nkey=a\\:b\\u00B5c\\\n   d\nempty=\r\nplain=\xb5=\xb5"
    assert parse_properties(text) == {"key": "a:bµcd", "empty": "", "plain": "µ=µ"}


# ---- lazy loading through xarray

def test_one_curve_reads_only_its_members(tmp_path, monkeypatch):
    members_read = record_reads(monkeypatch)
    path = build_map(tmp_path / "l.jpk-force-map", {i: (4, 3, 6) for i in range(6)})
    data = xr.open_dataset(path, engine="asperity")
    assert not any(name.endswith(".dat") for name in members_read)
    members_read.clear()
    curve = data[["force", "height"]].isel(curve=3).load()
    assert curve["force"].notnull().sum() == 13
    assert {name.split("/")[1] for name in members_read} == {"3"}
    assert sorted(members_read) == sorted(
        f"index/3/segments/{i}/{name}" for i in range(3)
        for name in ("segment-header.properties", "channels/vDeflection.dat", "channels/measuredHeight.dat"))


def test_cost_per_curve_does_not_grow(tmp_path, monkeypatch):
    """Headers and members read per curve are the same in a map of 4 and of 64 curves."""
    members_read = record_reads(monkeypatch)
    reads = []
    for count in (4, 64):
        members_read.clear()
        path = build_map(tmp_path / f"{count}.zip", {i: (4, 3, 6) for i in range(count)})
        opened(path)[["force", "height"]].load()
        reads.append((len(members_read) - 5) / count)  # 5: two file headers, three of the first curve
    assert reads == [9.0, 9.0]


def test_matches_only_jpk_archives(tmp_path):
    path = build_map(tmp_path / "a.jpk-force-map", {0: (4, 3, 6)})
    assert jpk.matches(path.read_bytes()[:4096], "renamed.zip")
    assert find_reader(path) is jpk
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("curve.csv", "a,b\n")
    assert not jpk.matches(other.getvalue()[:4096], "map.zip")
    assert not jpk.matches(b"text", "a.jpk-force")
