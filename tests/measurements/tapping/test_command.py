"""The command: files, page, table, JSON, exit codes, and ranges that make no sense."""

import json

import pytest
import xarray as xr

from asperity.measurements.tapping.page import page
from tests.measurements.tapping.test_curves import bistable
from tests.test_cli import run

QUICK = ("--quality", "60", "--amplitude", "5nm", "--points", "2")


def test_dataset_page_and_table(tmp_path):
    code, out, _ = run("tapping", *QUICK, "--out", tmp_path / "tapping.nc")
    assert code == 0
    assert out.splitlines()[0].startswith(("Bistable", "At each height one oscillation"))
    assert "ASSUMED, because nobody said it: spring constant 40 N/m" in out
    with xr.open_dataset(tmp_path / "tapping.nc") as made:
        assert made["amplitude"].attrs["units"] == "m"
        assert json.loads(made.attrs["history"])[0]["verb"] == "tapping"
    rows = (tmp_path / "tapping.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("sweep,height (m),amplitude (m),phase (rad)")
    assert len(rows) == 9
    assert {row.rsplit(",", 1)[1] for row in rows[1:]} <= {"settled", "grazing"}
    text = (tmp_path / "tapping.html").read_text(encoding="utf-8")
    assert "Amplitude and phase" in text
    assert "from free motion" in text or "one oscillation" in text


def test_over_the_frequency_for_machines(tmp_path):
    code, out, _ = run("tapping", *QUICK, "--height", "4nm", "--json", "--out", tmp_path / "t.nc")
    assert code == 0
    found = json.loads(out)
    assert any("from the free resonance" in one for one in found["findings"])
    assert len(found["outputs"]) == 3


def test_a_page_shows_both_branches_and_flags_what_has_not_settled():
    made = bistable().copy(deep=True)
    made["flag"][0, 0] = 2
    said = page(made)
    assert said.findings[0].name == "two branches"
    assert "repulsive" in said.headline
    assert len(said.panels[0].figures) == 2


@pytest.mark.parametrize(("options", "said"), [
    (("--from", "5nm", "--to", "12nm"), "give the larger one in --from"),
    (("--height", "5nm", "--from", "12nm"), "one of the two"),
    (("--lowest", "290kHz", "--highest", "300kHz"), "give --height"),
    (("--height", "5nm", "--lowest", "400kHz"), "must be below the highest"),
    (("--height", "5nm", "--lowest", "310kHz", "--highest", "290kHz"), "must be below"),
    (("--model", "jkr", "--hamaker", "64zJ"), "count that twice"),
    (("--model", "nonsense"), "there is no contact model"),
    (("--half-angle", "20deg"), "has no --half-angle"),
    (("--model", "jkr", "--work-of-adhesion", "0"), "--work-of-adhesion = 0 J/m^2"),
    (("--model", "hertz_bonded_layer"), "needs --thickness"),
    (("--quality", "400nm"), "where nothing belongs")])
def test_what_makes_no_sense_is_said(options, said, tmp_path):
    code, _, err = run("tapping", *options, "--out", tmp_path / "t.nc")
    assert code == 2
    assert said in " ".join(err.split())
    assert not list(tmp_path.iterdir())
