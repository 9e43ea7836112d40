"""The command: what it writes, prints and returns."""

import json

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


def test_a_lever_without_its_quality_is_told(tmp_path):
    code, _, error = run("dynamics", write(tmp_path / "a.csv"), "--spring-constant", "40N/m", "--out",
                         tmp_path / "d.nc")
    assert code == 2
    assert "quality" in error
