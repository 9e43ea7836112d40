"""The command: what it writes, prints and returns."""

import json

import pytest
import xarray as xr

from tests.measurements.time_series.tapping_table import OPTIONS, write
from tests.test_cli import run


def test_a_record_becomes_a_page_tables_and_curves(tmp_path):
    table = write(tmp_path / "tapping.csv")
    code, out, _ = run("dynamics", table, *OPTIONS, "--radius", "10nm", "--poisson-ratio", "0", "--out",
                       tmp_path / "d.nc")
    assert code == 0
    assert "modulus: " in out
    assert "taken to be exact" in out
    assert {path.name for path in tmp_path.iterdir()} == {
        "tapping.csv", "d.nc", "d.html", "d.csv", "d_force.csv", "d_force_curves.nc"}
    assert "<script" in (tmp_path / "d.html").read_text(encoding="utf-8")
    assert (tmp_path / "d.csv").read_text(encoding="utf-8").startswith("frequency (Hz),")


def test_for_machines_and_what_is_not_written_over(tmp_path):
    table = write(tmp_path / "dynamics.csv", drive="")
    code, _, error = run("dynamics", table, "--out", tmp_path / "dynamics.nc")
    assert code == 2
    assert "would be written over" in error
    code, out, _ = run("dynamics", table, "--out", tmp_path / "model.nc", "--json")
    assert code == 0
    assert json.loads(out)


@pytest.mark.parametrize(("drive", "options", "said"), [
    ("nN", ["--spring-constant", "40N/m"], "for the force --frequency and --quality must be known"),
    ("nN", ["--radius", "10nm"], "--spring-constant, --frequency, --quality of the lever"),
    ("mV", OPTIONS, "give the --free-amplitude of the lever"), ("", OPTIONS, "give the --free-amplitude of the lever"),
    ("nN", [*OPTIONS, "--model", "jkr"], "--model jkr: must be a model without adhesion"),
    ("nN", [*OPTIONS, "--model", "cone", "--radius", "10nm"], "has no --radius"),
    ("nN", ["--quality", "400nm"], "where nothing belongs"), ("nN", ["--height=-1nm"], "outside of 0 to")])
def test_messages_name_options(tmp_path, drive, options, said):
    code, _, error = run("dynamics", write(tmp_path / "a.csv", drive=drive), *options, "--out", tmp_path / "d.nc")
    assert code == 2
    told = " ".join(error.replace("\u2502", " ").split())
    assert said in told
    assert "lever =" not in told
    assert "_" not in told.replace("a_csv", "")


@pytest.mark.study
def test_uncertainties_are_options(tmp_path):
    """They are in the page's words and in the history, and reach the bands."""
    table, stds = write(tmp_path / "a.csv"), []
    for size in ("1%", "20%"):
        code, out, _ = run("dynamics", table, *OPTIONS, "--quality-std", size, "--drive-std", size, "--frequency-std",
                           "0.2%", "--drive-phase-std", "0.1rad", "--height-std", "1nm", "--out", tmp_path / "d.nc")
        assert code == 0
        assert "quality " + size.replace("%", " %") in out
        assert "drive phase 0.1 rad, height 1.00 nm" in " ".join(out.split())
        with xr.open_dataset(tmp_path / "d.nc") as made:
            stds.append(float(made["tip_force_std"].max()))
            lever = json.loads(made.attrs["history"])[-1]["arguments"]["lever"]
    assert lever == {"spring_constant": 40.0, "resonance_frequency": 3e5, "quality": 400.0, "height": 14e-9,
                     "quality_std": 0.2, "drive_std": 0.2, "resonance_frequency_std": 0.002, "drive_phase_std": 0.1,
                     "height_std": 1e-9}
    assert stds[1] > stds[0]


def test_a_height_of_nothing_is_none(tmp_path):
    """With 0 distances are deflections, as without it, and that is said."""
    options = ["--spring-constant", "40N/m", "--frequency", "300kHz", "--quality", "400", "--height", "0nm"]
    code, out, _ = run("dynamics", write(tmp_path / "a.csv"), *options, "--out", tmp_path / "d.nc")
    assert code == 0
    assert "distances are its deflections" in out


def test_a_lever_without_its_quality_is_told(tmp_path):
    code, _, error = run("dynamics", write(tmp_path / "a.csv"), "--spring-constant", "40N/m", "--out",
                         tmp_path / "d.nc")
    assert code == 2
    assert "quality" in error
