"""AFM Workshop text and archives: against afmformats, and files made here."""

import warnings
import zipfile

import numpy as np
import pytest

from asperity.data.curves import to_dataset
from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.data.readers.force_curves import workshop
from tests.conftest import shared_data

SINGLES = ("force/other_afm/fmt-afm-workshop-fd_single_2018-08-01_13.06.09.csv",
           "force/other_afm/fmt-afm-workshop-fd_single_2021-01-15.csv")
MAP = "force/other_afm/fmt-afm-workshop-fd_mapping_16_2018-08-01_13.07.zip"
CALIBRATION = {"spring constant": 0.25, "sensitivity": 4.2e-8}


def workshop_text(point=1, x=1.0, y=2.0, *, signal="T-B(V)", extra="", rows=40):
    z = 1000.0 + 10.0 * np.arange(rows)
    u = np.maximum(z - 1200.0, 0) * 0.01 + 0.5
    lines = ["Force-Distance Curve", "File Format:\t3", "", "Date:\tWednesday, August 1, 2018",
             "Time:\t1:06:09 PM", "Mode:\tMapping", f"Point:\t{point}", f"X, um:\t{x}", f"Y, um:\t{y}",
             *extra.split("|"),
             "", f"Extend Z-Sense(nm),Extend {signal},Retract Z-Sense(nm),Retract {signal}"]
    lines += [f"{z[i]:.4f},{u[i]:.4f},{z[-1 - i]:.4f},{u[-1 - i]:.4f}" for i in range(rows)]
    return "\r\n".join(lines) + "\r\n"


def opened(path):
    return to_dataset(workshop.open_curves(path), str(path))


@pytest.mark.parametrize("name", [*SINGLES, MAP])
def test_agrees_with_afmformats_to_the_last_digit(name):
    afmformats = pytest.importorskip("afmformats")
    path = shared_data(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = afmformats.load_data(path, meta_override=CALIBRATION)
    ours = to_dataset(workshop.open_curves(path), str(path), spring_constant=0.25, sensitivity=4.2e-8)
    assert len(theirs) == ours.sizes["curve"]
    for i, reference in enumerate(theirs):
        curve = ours.isel(curve=i).load()
        count = int(curve.sample_count[0])
        force, height = (curve[name].values[:, :count].ravel() for name in ("force", "height"))
        np.testing.assert_allclose(height, reference["height (measured)"], rtol=1e-15)
        np.testing.assert_allclose(force, reference["force"], rtol=1e-14)
        assert float(curve.x) == pytest.approx(reference.metadata["position x"])
        if len(theirs) > 1:
            assert int(curve.column) == reference.metadata["grid index x"]
            assert int(curve.row) == reference.metadata["grid index y"]


@pytest.mark.parametrize("name", SINGLES)
def test_uncalibrated_file_gives_volts_and_no_force(name):
    data = opened(shared_data(name))
    assert "deflection_voltage" in data
    assert "force" not in data
    assert np.isnan(data.spring_constant).all()
    volts = data.deflection_voltage.isel(curve=0)
    rise = float(volts.sel(segment="approach").max() - volts.sel(segment="approach").isel(sample=0))
    assert rise > 0.05  # repulsion raises the signal while the height falls


def test_calibration_of_the_header_is_used_unless_it_is_the_default(tmp_path):
    path = tmp_path / "a.csv"
    calibration = "Light Lever Gain, mV/nm:\t{}|Force Constant, nN/nm:\t{}"
    path.write_text(workshop_text(extra=calibration.format(25.0, 0.4)), newline="")
    data = opened(path)
    assert float(data.sensitivity[0]) == pytest.approx(40e-9)
    assert float(data.spring_constant[0]) == 0.4
    np.testing.assert_allclose(data.force, data.deflection_voltage * 40e-9 * 0.4, rtol=1e-12)
    path.write_text(workshop_text(extra=calibration.format(1.0, 1.0)), newline="")
    assert np.isnan(opened(path).spring_constant).all()


@pytest.mark.parametrize(("signal", "name", "factor"), [
    ("Force(nN)", "force", 1e-9), ("T-B(mV)", "deflection_voltage", 1e-3)])
def test_the_titles_decide_channel_and_unit(tmp_path, signal, name, factor):
    path = tmp_path / "a.csv"
    path.write_text(workshop_text(signal=signal), newline="")
    data = opened(path)
    assert float(data[name].isel(curve=0, segment=0, sample=0)) == pytest.approx(0.5 * factor)
    heights = data.height.isel(curve=0).sel(segment="approach").values
    np.testing.assert_allclose(heights, -(1000 + 10 * np.arange(40)) * 1e-9, rtol=1e-14)


def make_map(path, texts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return path


def test_curves_are_in_the_order_of_their_points(tmp_path):
    texts = {f"{name}.csv": workshop_text(point, x=point % 2, y=point // 2)
             for point, name in enumerate("dcba")}
    data = opened(make_map(tmp_path / "m.zip", texts))
    assert data.row.values.tolist() == [0, 0, 1, 1]
    assert data.column.values.tolist() == [0, 1, 0, 1]


def test_mixed_signals_are_refused(tmp_path):
    path = make_map(tmp_path / "m.zip", {"a": workshop_text(1), "b": workshop_text(2, signal="Force(nN)")})
    with pytest.raises(Unsupported, match="different signals"):
        opened(path)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("1010.0000,", "10?0.0000,", r"line 14, column 1 \('Extend Z-Sense\(nm\)'\): '10\?0.0000' is not"),
    ("T-B(V)", "T-B(nm)", "not in the unit"),
    ("Retract T-B(V)", "Retract Sum(V)", "lacks its Extend or Retract"),
    ("X, um:\t1.0", "X, um:\tone", "line 8: 'X, um' is 'one', expected a number"),
    ("Extend Z-Sense(nm),Extend", "Extend", "column titles"),
])
def test_damage_names_line_and_cause(tmp_path, old, new, message):
    path = tmp_path / "a.csv"
    path.write_text(workshop_text().replace(old, new), newline="")
    with pytest.raises(CorruptFile, match=message):
        opened(path)


def test_damage_in_an_archive_names_the_member(tmp_path):
    path = make_map(tmp_path / "m.zip", {"a": workshop_text(1), "bad": workshop_text(2)[:600]})
    with pytest.raises(CorruptFile, match=r"m\.zip:bad: line"):
        opened(path)
