"""Heights that sensor and drive disagree about are said on screen and page; those that agree are not."""

import logging

import numpy as np
import pytest

import asperity
from asperity.data import store
from asperity.data.readers.force_curves import open_dataset
from asperity.measurements.force_curves.heights import contradictions
from asperity.virtual.calibration import stiff_curves
from asperity.virtual.force_map import Instrument
from asperity.virtual.scanner import driven, virtual_scanner
from tests.conftest import shared_data

LEVER = Instrument(spring_constant=0.2, sensitivity=60e-9)


def curves(scale, count=3):
    """Curves with drive and sensor, whose sensor reads so many times what it should."""
    made = driven(stiff_curves(LEVER, curves=count, samples=300), virtual_scanner(1.3e-6))
    made["height"] = made["height"].copy(data=scale * made["height"].values)
    return made


def test_a_wrong_scale_is_said_with_both_numbers_and_a_loop_is_not():
    """A loop open by a tenth is no wrong scale; 19 % are."""
    assert contradictions([curves(1.0)]) == []
    (said,) = contradictions([curves(1.0), curves(1.25)])
    sensed, driven_by = (float(np.ptp(curves(1.25)[name].values[1])) for name in ("height", "height_drive"))
    assert f"a stroke of {1e6 * sensed:.2f} µm by the sensor is {1e6 * driven_by:.2f} µm by the drive" in said
    assert contradictions([curves(1.0).drop_vars("height_drive")]) == []


def test_one_odd_curve_of_a_map_is_no_wrong_scale():
    made = curves(1.0, 5)
    made["height"][0] *= 1.6
    assert contradictions([made]) == []


def test_it_is_said_on_reading_and_analyzing_and_on_the_page(tmp_path, caplog):
    made = curves(1.25)
    store.save(made, tmp_path / "c.nc")
    with caplog.at_level(logging.WARNING, "asperity"):
        asperity.read(tmp_path / "c.nc")
    assert "Sensor and drive disagree about the heights" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, "asperity"):
        asperity.analyze(tmp_path / "c.nc", {"name": "hertz", "radius": 1e-6}, spring_constant=0.2, sensitivity=60e-9,
                         out=tmp_path / "out")
    assert caplog.text.count("Sensor and drive disagree about the heights") == 1
    assert "Sensor and drive disagree about the heights" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(("file", "percent"), [
    ("force/jpk/fmt-jpk-fd_single-modified_2023.jpk-force", "+19 %"),  # 49.9 and 42.0 um
    ("force/other_afm/fmt-tab-fd_version_0.13.3.tab", "+24 %"),
    ("force/adhesion/spectroscopy.nid", ""), ("force/adhesion/fmt-igor-fd_SiN_FD_plot.ibw", ""),
    ("force/jpk/fmt-jpk-fd_2020.02.07-16.29.05.036.jpk-qi-data", "")])
def test_measured_files(file, percent):
    said = contradictions([open_dataset(shared_data(file))])
    assert (percent in said[0]) if percent else said == []
