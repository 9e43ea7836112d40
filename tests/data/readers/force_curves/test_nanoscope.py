"""Bruker NanoScope: files built here in every known variant, and the measured ramp and force volume."""

import math

import numpy as np
import pytest

from asperity.data.curves import to_dataset
from asperity.data.readers._errors import CorruptFile, ReadError, Unsupported
from asperity.data.readers.force_curves import nanoscope, open_dataset
from tests.conftest import shared_data

VOLUME = "force/bruker/20200903_Egel2.0_00023.spm"
SINGLE = "force/bruker/20200904_Egel4-Z1.0_00025.spm"
LSB = 0.000375  # V per 16-bit count
OFFSET = 4096


def counts_of_a_ramp(n=40, peak=3200):
    """One curve in 16-bit counts as stored: extend and retract, both from the sample outwards."""
    extend = np.zeros(n, dtype=np.int64)
    extend[: n // 2] = np.linspace(peak, 0, n // 2).astype(int)
    return np.concatenate([extend, extend - 5])


def image_list(name, length, *, offset=OFFSET, n=40, scale=f"V [Sens. DeflSens] ({LSB} V/LSB) 2.5 V"):
    return (f"\\*Ciao force image list|\\Data offset: {offset}|\\Data length: {length}|\\Bytes/pixel: 2"
            f"|\\Samps/line: {n} {n}|\\Spring Constant: 0.5|\\@4:Image Data: S [{name}] \"{name}\""
            f"|\\@4:Z scale: {scale}|\\@4:Ramp Size: V [Sens. Zsens] (0.0067 V/LSB) 100.0 V")


def file_of(path, words, *, n=40, grid=None, threshold=1.2, lists=None, extra="", unit="nm/V"):
    """A NanoScope file around the stored integers (curve, 2 n) of one deflection channel."""
    samples = np.ascontiguousarray(words)
    head = ["\\*Force file list", "\\Version: 0x09200000", "\\Date: 05:30:10 PM Thu Sep 03 2020",
            f"\\Start context: {'FVOL' if grid else 'FOL'}", "\\*Scanner list",
            "\\@Sens. Zsens: V 10.00000 nm/V", "\\*Ciao scan list", "\\Scan Size: 2000 nm",
            "\\X Offset: 100 nm", "\\Y Offset: 0 nm", f"\\@Sens. DeflSens: V 30.00000 {unit}",
            "\\@Sens. ZsensSens: V 1000.000 nm/V", *extra.split("|"), "\\*Ciao force list", "\\Scan rate: 1",
            "\\Forward vel.: 200", "\\Reverse vel.: 100", f"\\force/line: {grid[1] if grid else 16}",
            "\\Trigger mode: Relative", "\\Trig slope: Positive",
            f"\\@4:Trig Threshold Deflection: V [Sens. DeflSens] ({LSB} V/LSB) {threshold} V",
            lists or image_list("DeflectionError", samples.nbytes, n=n)]
    if grid:
        head += ["\\*Ciao image list", f"\\Number of lines: {grid[0]}", "\\Data length: 9"]
    text = "\r\n".join(line for item in head for line in item.split("|") if line) + "\r\n\\*File list end\r\n"
    path.write_bytes(text.encode("latin-1").ljust(OFFSET, b"\0") + samples.tobytes())
    return path


def as_stored(counts, variant):
    """The integers of a file for given 16-bit counts: what the four variants write."""
    return {"two bytes": counts.astype("<i2"), "four bytes": counts.astype("<i4"),
            "fraction zero": (counts * 256).astype("<i4"),
            "fraction filled": (counts * 256 - (counts < 0)).astype("<i4")}[variant]


@pytest.mark.parametrize("variant", ["two bytes", "four bytes", "fraction zero", "fraction filled"])
def test_every_width_decodes_to_the_same_volts_in_time_order(tmp_path, variant):
    counts = counts_of_a_ramp()
    data = open_dataset(file_of(tmp_path / "a.spm", as_stored(counts, variant)))
    volts = data.deflection_voltage.values[0]
    tolerance = LSB / 256 if variant == "fraction filled" else 1e-15
    np.testing.assert_allclose(volts[0], counts[:40][::-1] * LSB, atol=tolerance)
    np.testing.assert_allclose(volts[1], counts[40:] * LSB, atol=tolerance)
    np.testing.assert_allclose(data.force.values[0, 0].max(), 3200 * LSB * 30e-9 * 0.5, rtol=1e-12)


def test_height_time_and_calibration_of_a_single_ramp(tmp_path):
    data = open_dataset(file_of(tmp_path / "a.000", as_stored(counts_of_a_ramp(), "two bytes")))
    np.testing.assert_allclose(data.height.values[0, 0], 1e-6 * np.arange(39, -1, -1) / 40, rtol=1e-12)
    np.testing.assert_allclose(data.height.values[0, 1], 1e-6 * np.arange(40) / 40, rtol=1e-12)
    np.testing.assert_allclose(data.time.values[0, 0], 0.5 * np.arange(40) / 40)  # 100 V at 200 V/s
    np.testing.assert_allclose(data.time.values[0, 1], 0.5 + np.arange(40) / 40)
    assert float(data.spring_constant[0]) == 0.5
    assert float(data.sensitivity[0]) == pytest.approx(30e-9)
    assert float(data.x[0]) == pytest.approx(100e-9)
    assert data.attrs["date"] == "2020-09-03T17:30:10"
    assert "2020-09-03" in str(data.session.values[0])


def test_force_volume_grid_and_sessions(tmp_path):
    words = np.stack([counts_of_a_ramp(peak=3200 + i) for i in range(6)])
    data = open_dataset(file_of(tmp_path / "a.spm", as_stored(words, "fraction zero"), grid=(2, 3)))
    assert data.row.values.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.column.values.tolist() == [0, 1, 2, 0, 1, 2]
    np.testing.assert_allclose(np.diff(data.x.values[:3]), 2e-6 / 3)
    np.testing.assert_allclose(data.x.values[:3].mean(), 100e-9)
    np.testing.assert_allclose(data.deflection_voltage.values[:, 0, -1], (3200 + np.arange(6)) * LSB)


@pytest.mark.parametrize(("factor", "passes"), [(1 / 256, False), (1 / 32, False), (1 / 8, True), (1, True),
                                                (3, True), (6, False)])
def test_self_check_compares_peak_and_trigger(tmp_path, factor, passes):
    """The same ramp against thresholds that make it `factor` times as high as the trigger."""
    words = as_stored(counts_of_a_ramp(), "two bytes")
    path = file_of(tmp_path / "a.spm", words, threshold=1.2 / factor)
    if passes:
        assert "passed" in open_dataset(path).attrs["self_check"]
    else:
        words = rf"peak deflection of 1\.2 V .* threshold of {1.2 / factor:.4g} V"
        with pytest.raises(CorruptFile, match=words):
            nanoscope.open_curves(path)


def test_the_256_fold_misreading_is_refused_not_handed_over(tmp_path):
    """Fractional bits that the low bytes hide: without the check the curve would be 256 times too large."""
    words = as_stored(counts_of_a_ramp(), "fraction zero") + 7
    with pytest.raises(CorruptFile, match=r"307\.2 V"):
        nanoscope.open_curves(file_of(tmp_path / "a.spm", words))
    untriggered = file_of(tmp_path / "b.spm", words, threshold=0)
    with pytest.raises(CorruptFile, match=r"converter's range of 12\.29 V"):
        nanoscope.open_curves(untriggered)


def test_one_impossible_curve_of_a_volume_is_refused_by_number(tmp_path):
    words = as_stored(np.stack([counts_of_a_ramp()] * 9), "four bytes")
    words[1, 0] = 3_000_000
    curves = nanoscope.open_curves(file_of(tmp_path / "a.spm", words, grid=(3, 3)))
    assert curves.channels["deflection_voltage"](0)[0].max() == pytest.approx(1.2)
    with pytest.raises(CorruptFile, match="curve 1 decodes to 1125 V"):
        curves.channels["deflection_voltage"](1)


def test_unrecorded_far_end_is_cut_off(tmp_path):
    words = as_stored(np.stack([counts_of_a_ramp()] * 4), "four bytes")
    words[2, 30:40] = -32768  # the far end of the extend part
    data = open_dataset(file_of(tmp_path / "a.spm", words, grid=(2, 2)))
    assert data.sample_count.values.tolist() == [[40, 40], [40, 40], [30, 40], [40, 40]]
    curve = data.isel(curve=2, segment=0)
    assert float(curve.height[0]) == pytest.approx(1e-6 * 29 / 40)
    assert float(curve.height[29]) == 0
    assert float(curve.deflection_voltage[29]) == pytest.approx(1.2)
    assert float(curve.time[29]) == pytest.approx(0.5 * 39 / 40)


@pytest.mark.parametrize("sign", [1, -1])
def test_height_sensor_is_preferred_and_falls_in_the_approach(tmp_path, sign):
    counts = counts_of_a_ramp()
    travel = sign * np.concatenate([np.arange(40), np.arange(40)]) * 62 - 9  # 40 * 62 counts * LSB * 1 um/V
    lists = image_list("DeflectionError", 160) + "|" + image_list(
        "Height Sensor", 160, offset=OFFSET + 160, scale=f"V [Sens. ZsensSens] ({LSB} V/LSB) 1 V")
    words = np.concatenate([counts, travel]).astype("<i2")
    data = open_dataset(file_of(tmp_path / "a.spm", words, lists=lists))
    height = data.height.values[0]
    assert np.all(np.diff(height[0]) < 0)
    assert np.all(np.diff(height[1]) > 0)
    np.testing.assert_allclose(np.ptp(height[0]), 39 * 62 * LSB * 1e-6)
    np.testing.assert_allclose(np.ptp(data.height_drive.values[0, 0]), 1e-6 * 39 / 40)


def test_height_sensor_that_contradicts_the_ramp_is_refused(tmp_path):
    words = np.concatenate([counts_of_a_ramp(), np.arange(80) % 40]).astype("<i2")
    lists = image_list("DeflectionError", 160) + "|" + image_list(
        "Height Sensor", 160, offset=OFFSET + 160, scale=f"V [Sens. ZsensSens] ({LSB} V/LSB) 1 V")
    with pytest.raises(CorruptFile, match="moves by"):
        nanoscope.open_curves(file_of(tmp_path / "a.spm", words, lists=lists))


def test_uncalibrated_sensitivity_is_unknown_not_one(tmp_path):
    path = file_of(tmp_path / "a.spm", as_stored(counts_of_a_ramp(), "two bytes"))
    path.write_bytes(path.read_bytes().replace(b"V 30.00000 nm/V", b"V 1.000000     "))
    data = open_dataset(path)
    assert math.isnan(float(data.sensitivity[0]))
    assert "force" not in data
    assert "force" in open_dataset(path, sensitivity=3e-8)


@pytest.mark.parametrize(("old", "new", "error", "words"), [
    (b"\\Data length: 160", b"\\Data length: 961", CorruptFile, "should end at byte 5057"),
    (b"\\Data length: 160", b"\\Data length: 150", CorruptFile, "no 2- or 4-byte samples"),
    (b"\\Data length: 160", b"\\Data length: -60", CorruptFile, "data length"),
    (b"\\Data length: 160", b"\\Data length: 1e99", CorruptFile, "should end"),
    (b"\\Samps/line: 40 40", b"\\Samps/line: 0 40 ", CorruptFile, "Samps/line"),
    (b"\\*File list end", b"\\*Nonsense here", CorruptFile, "no end"),
    (b"(0.000375 V/LSB) 2.5 V", b"(0.0003x5 V/LSB) 2.5 V", Unsupported, "not in volts"),
    (b"[Sens. Zsens] (0.0067", b"[Sens. Wsens] (0.0067", CorruptFile, "ramp size"),
    (b"[DeflectionError] \"DeflectionError\"", b"[Amplitude] \"Amplitude\"", Unsupported, "Amplitude"),
    (b"\\*Ciao force image list", b"\\*Ciao image list", Unsupported, "image file"),
    (b"\\*Scanner list", b"\\PeakForce Capture: Allow", Unsupported, "PeakForce"),
])
def test_damaged_and_foreign_headers_are_named(tmp_path, old, new, error, words):
    path = file_of(tmp_path / "a.spm", as_stored(counts_of_a_ramp(), "two bytes"))
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(error, match=words) as caught:
        nanoscope.open_curves(path)
    assert str(path) in str(caught.value)


def test_stored_hold_data_is_refused(tmp_path):
    words = np.zeros(100, "<i2")
    path = file_of(tmp_path / "a.spm", words, extra="\\Hold Samples: 20")
    with pytest.raises(Unsupported, match="20 hold samples"):
        nanoscope.open_curves(path)


def test_truncation_anywhere_is_an_error_that_names_the_file(tmp_path):
    whole = file_of(tmp_path / "whole.spm", as_stored(counts_of_a_ramp(), "two bytes")).read_bytes()
    for size in range(20, len(whole), 97):
        path = tmp_path / "cut.spm"
        path.write_bytes(whole[:size])
        with pytest.raises(ReadError, match=r"cut\.spm"):
            open_dataset(path)


def test_matches_only_its_own_first_line():
    assert nanoscope.matches(b"\\*Force file list\r\n", "a.000")
    assert nanoscope.matches(b"\\*File list\r\n", "a.spm")
    assert not nanoscope.matches(b"\x05\x00 something", "a.spm")


def test_force_volume_reaches_its_trigger():
    """REFERENCES: median peak 1.216 V, 5 % 1.189, 95 % 1.239 at a relative trigger of 1.2 V."""
    curves = nanoscope.open_curves(shared_data(VOLUME))
    approaches = [curves.channels["deflection_voltage"](i)[0] for i in range(256)]
    peaks = [a.max() - np.median(a[:200]) for a in approaches]
    np.testing.assert_allclose(np.percentile(peaks, [5, 50, 95]), [1.189, 1.216, 1.239], atol=2e-3)
    assert curves.spring_constant == 0.1332
    assert curves.sensitivity == pytest.approx(27.39e-9)
    assert curves.counts.tolist() == [[1024, 1024]] * 256


def test_force_volume_is_int32_with_eight_fractional_bits():
    path = shared_data(VOLUME)
    stored = np.fromfile(path, "<i4", 256 * 2048, offset=80960).reshape(256, 2, 1024)
    load = nanoscope.open_curves(path).channels["deflection_voltage"]
    for curve in (0, 17, 255):
        approach, retract = load(curve)
        np.testing.assert_allclose(approach, stored[curve, 0, ::-1] / 256 * LSB, rtol=1e-15)
        np.testing.assert_allclose(retract, stored[curve, 1] / 256 * LSB, rtol=1e-15)


def test_single_ramp_is_int32_without_fractional_bits():
    path = shared_data(SINGLE)
    stored = np.fromfile(path, "<i4", 2048, offset=80960).reshape(2, 1024)
    data = to_dataset(nanoscope.open_curves(path), str(path))
    np.testing.assert_allclose(data.deflection_voltage.values[0, 0], stored[0, ::-1] * LSB, rtol=1e-15)
    approach = data.deflection_voltage.values[0, 0]
    assert approach.max() - np.median(approach[:200]) == pytest.approx(1.2, rel=0.05)
    np.testing.assert_allclose(data.height.values[0, 0, 0], 227.2211 * 13.203e-9 * 1023 / 1024)


def test_force_volume_physics_and_rows():
    """Flat baseline, force rising as height falls; the curve order is that of the height image beside."""
    path = shared_data(VOLUME)
    data = to_dataset(nanoscope.open_curves(path), str(path)).load()
    force, height = data.force.values, data.height.values
    assert np.all(np.diff(height[:, 0]) < 0)
    assert np.all(np.diff(height[:, 1]) > 0)
    assert np.abs(np.median(force[:, 0, :256], axis=1)).max() < 2e-10
    assert np.all(np.argmax(force[:, 0], axis=1) >= 1020)
    image = np.fromfile(path, "<i4", 256, offset=2178112).reshape(16, 16)
    adhesion = force[:, 1].min(axis=1).reshape(16, 16)
    maps = {"as is": adhesion, "flipped": adhesion[::-1], "mirrored": adhesion[:, ::-1]}
    likeness = {name: np.corrcoef(image.ravel(), a.ravel())[0, 1] for name, a in maps.items()}
    assert likeness["as is"] > 0.5
    assert max(likeness["flipped"], likeness["mirrored"]) < 0.4


def test_one_curve_of_the_volume_is_read_alone(monkeypatch):
    path = shared_data(VOLUME)
    curves = nanoscope.open_curves(path)
    read, fromfile = [], np.fromfile

    def counted(*args, **kwargs):
        words = fromfile(*args, **kwargs)
        read.append(words.nbytes)
        return words
    monkeypatch.setattr(np, "fromfile", counted)
    to_dataset(curves, str(path)).deflection_voltage[77].load()
    assert read == [8192]


@pytest.mark.parametrize("variant", ["two bytes", "four bytes", "fraction zero"])
@pytest.mark.parametrize("room", [True, False])
def test_an_aborted_ramp_keeps_its_short_half(tmp_path, variant, room):
    """``Samps/line: 40 25``: 25 samples from the sample outwards, then junk where there is room for 40, then 40."""
    counts = counts_of_a_ramp()
    words = as_stored(counts, variant)
    words[25:40] = 0x5A5A
    stored = words if room else np.delete(words, slice(25, 40))
    lists = image_list("DeflectionError", stored.nbytes).replace("Samps/line: 40 40", "Samps/line: 40 25")
    data = open_dataset(file_of(tmp_path / "a.spm", stored, lists=lists)).load()
    assert data.sample_count.values.tolist() == [[25, 40]]
    whole = open_dataset(file_of(tmp_path / "b.spm", as_stored(counts, variant))).load()
    for name in ("deflection_voltage", "height", "time"):
        np.testing.assert_array_equal(data[name].values[0, 0, :25], whole[name].values[0, 0, 15:40])
        np.testing.assert_array_equal(data[name].values[0, 1], whole[name].values[0, 1])
