"""The JPK reader on measured files: against afmformats, against the headers, against hand decoding."""

import logging
import struct

import numpy as np
import pytest
import xarray as xr

from tests.conftest import shared_data
from tests.data.readers.force_curves.jpk_archives import joined, opened, read_members, record_reads

MEASURED = ("force/jpk/fmt-jpk-fd_2020.02.07-16.29.05.036.jpk-qi-data",
            "force/jpk/fmt-jpk-fd_flipsign_2015.05.22-15.31.49.352.jpk-force",
            "force/jpk/fmt-jpk-fd_map-data-reference-points.jpk-force-map",
            "force/jpk/fmt-jpk-fd_map0d_extracted.jpk-force-map",
            "force/jpk/fmt-jpk-fd_spot3-0192.jpk-force",
            "force/jpk/map-data-2022.10.29-12.27.34.564.jpk-force-map",
            "force/rheology/fmt-jpk-cc_pr14-brain-2021.06.30.jpk-force",
            "force/rheology/fmt-jpk-cc_pr14-polymergel-2021.06.30.jpk-force",
            "force/rheology/fmt-jpk-sr_cell1-0008.jpk-force",
            "force/adhesion/fmt-jpk-fd_qi-data-2021.04.13.jpk-qi-series")
MICRORHEOLOGY = "force/jpk/map-data-2021.11.05-17.37.44.432.jpk-force-map"
MAP_2022 = "force/jpk/map-data-2022.10.29-12.27.34.564.jpk-force-map"


def reference(path):
    """The file as afmformats reads it."""
    afmformats = pytest.importorskip("afmformats")
    logging.disable(logging.CRITICAL)
    try:
        return afmformats.load_data(path)
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", MEASURED)
def test_measured_values_agree_with_afmformats(name):
    path = shared_data(name)
    group, data = reference(path), opened(path).load()
    assert len(group) == data.sizes["curve"]
    for i, curve in enumerate(group):
        for theirs, ours in (("force", "force"), ("height (measured)", "height"),
                             ("height (piezo)", "height_drive"), ("time", "time")):
            want = curve[theirs]
            np.testing.assert_allclose(joined(data, ours, i), want, rtol=0, atol=3e-15 * np.abs(want).max())
        meta = curve.metadata
        for theirs, ours in (("spring constant", "spring_constant"), ("sensitivity", "sensitivity"),
                             ("position x", "x"), ("position y", "y")):
            assert float(data[ours][i]) == meta[theirs]
        if "grid index x" in meta:
            assert int(data["column"][i]) == meta["grid index x"]
            assert int(data["row"][i]) == meta["grid index y"]
    if "setpoint" in group[0].metadata:
        assert data.attrs["setpoint"] == pytest.approx(group[0].metadata["setpoint"], rel=1e-15)
    assert data.attrs["speed_approach"] == pytest.approx(group[0].metadata["speed approach"], rel=1e-15)


@pytest.mark.parametrize("name", MEASURED)
def test_measured_signs(name):
    """In the approach the height falls and the force ends above where it began; in the retract reversed."""
    data = opened(shared_data(name)).load()
    for kind, sign in (("approach", 1.0), ("retract", -1.0)):
        part = data.sel(segment=kind)
        for i in range(data.sizes["curve"]):
            n = int(part["sample_count"][i])
            assert sign * (part["height"].values[i, n - 1] - part["height"].values[i, 0]) < 0
            assert sign * (part["force"].values[i, n - 1] - part["force"].values[i, 0]) > 0


def test_microrheology_map_against_its_header():
    """The map that afmformats cannot open: points, frequencies, timing, force setpoint, raw numbers."""
    path = shared_data(MICRORHEOLOGY)
    data = opened(path).load()
    assert data.sizes == {"curve": 16, "segment": 9, "sample": 4000}
    assert list(data["segment"].values) == ["approach", "pause", "modulation", *(
        f"modulation_{i}" for i in range(2, 7)), "retract"]
    assert (data["sample_count"].values[:, 1:8] == [1024, 2000, 2000, 4000, 4000, 1000, 4000]).all()
    members = dict(read_members(path))
    declared = [[int(members[f"index/{i}/segments/{j}/segment-header.properties"].split(
        b"force-segment-header.num-points=")[1].split()[0]) for j in range(9)] for i in range(16)]
    assert data["sample_count"].values.tolist() == declared
    assert data.attrs["modulation_frequency"] == [300.0, 3.0, 100.0, 30.0, 1.0, 10.0]
    assert data.attrs["setpoint"] == pytest.approx(5e-10, rel=1e-12)
    assert data["row"].values.tolist() == [i // 4 for i in range(16)]
    assert data["column"].values[4:8].tolist() == [3, 2, 1, 0]
    for i in range(16):  # the approach ends at the first sample beyond the trigger above the baseline
        header = members[f"index/{i}/segments/0/segment-header.properties"]
        baseline = float(header.split(b"baseline.baseline=")[1].split()[0])
        last = float(data["deflection_voltage"].sel(segment="approach")[i, declared[i][0] - 1])
        assert 1.0 <= (last - baseline) / 1.3357704473718137 < 1.02
    raw = members["index/7/segments/4/channels/vDeflection.dat"]
    volts = struct.unpack(">i", raw[400:404])[0] * 5.514046319787798e-9 - 8.550214441476699e-4
    want = volts * 3.8481407868505814e-8 * 0.009727186009888375
    assert float(data["force"].sel(segment="modulation_3")[7, 100]) == pytest.approx(want, rel=1e-13)


def test_microrheology_modulations_have_the_header_frequency():
    """The height follows a sine of the set frequency on the decoded time axis (1 to 300 Hz)."""
    data = opened(shared_data(MICRORHEOLOGY)).isel(curve=0).load()
    names = [str(name) for name in data["segment"].values if str(name).startswith("modulation")]
    for name, frequency in zip(names, data.attrs["modulation_frequency"]):
        part = data.sel(segment=name)
        n = int(part["sample_count"])
        time, height = part["time"].values[:n], part["height"].values[:n]
        height = height - np.polyval(np.polyfit(time - time[0], height, 3), time - time[0])
        spectrum = np.abs(np.fft.rfft(height))
        found = np.fft.rfftfreq(n, time[1] - time[0])[1 + np.argmax(spectrum[1:])]
        assert found == pytest.approx(frequency, rel=1e-6)


def test_files_without_calibration():
    name = "fmt-jpk-cl_calibration_force-save-2015.02.04-11.25.21.294.jpk-force"
    volts = opened(shared_data(f"force/jpk/{name}"))
    assert "deflection_voltage" in volts
    assert not {"deflection", "force"} & set(volts.data_vars)
    meters = opened(shared_data("force/jpk/fmt-jpk-fd_single-modified_2023.jpk-force"))
    assert "deflection" in meters
    assert "force" not in meters
    assert float(meters["sensitivity"][0]) == 8.932268680909602e-08
    path = str(shared_data("force/jpk/fmt-jpk-fd_single-modified_2023.jpk-force"))
    given = xr.open_dataset(path, engine="asperity", spring_constant=0.5)
    np.testing.assert_allclose(given["force"].values, 0.5 * meters["deflection"].values, rtol=1e-15)


def test_same_day_and_lever_share_a_session():
    brain, gel = (opened(shared_data(f"force/rheology/fmt-jpk-cc_pr14-{name}-2021.06.30.jpk-force"))
                  for name in ("brain", "polymergel"))
    other = opened(shared_data(MAP_2022))
    assert str(brain["session"].values[0]) == str(gel["session"].values[0]) != str(other["session"].values[0])


def test_measured_map_is_read_lazily(monkeypatch):
    members_read = record_reads(monkeypatch)
    data = xr.open_dataset(shared_data(MAP_2022), engine="asperity")
    members_read.clear()
    data["force"].isel(curve=5).load()
    assert sorted(members_read) == sorted(
        f"index/5/segments/{i}/{name}" for i in range(2)
        for name in ("segment-header.properties", "channels/vDeflection.dat"))
