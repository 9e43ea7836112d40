"""The commands of designs: files, page, table, JSON, exit codes."""

import json

import pytest
import xarray as xr

from tests.test_cli import run

QUICK = ("--draws", "200")


def test_dataset_page_and_table(tmp_path):
    code, out, _ = run("design", "lattice", *QUICK, "--lattice-modulus", "50MPa", "--out", tmp_path / "lattice.nc")
    assert code == 0
    assert out.startswith("Proposed: stretched, relative density")
    assert "ASSUMED, because nobody said it: modulus 3.00 GPa, modulus ± 10 %" in out
    with xr.open_dataset(tmp_path / "lattice.nc") as made:
        assert made["lattice_modulus"].attrs["units"] == "Pa"
        assert json.loads(made.attrs["history"])[0]["verb"] == "design_lattice"
    rows = (tmp_path / "lattice.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("role,alternative,relative_density (1),built_density (1)")
    assert rows[-1].startswith("proposal,stretched,")
    text = (tmp_path / "lattice.html").read_text(encoding="utf-8")
    assert "The compromise" in text
    assert "the certificate" in text


def test_a_list_of_levers_for_machines(tmp_path):
    table = tmp_path / "levers.csv"
    table.write_text("name,spring constant (N/m),radius (nm)\nsharp,40,8\nblunt,40,150\n", encoding="utf-8")
    code, out, _ = run("design", "tip", *QUICK, "--levers", table, "--json", "--out", tmp_path / "tip.nc")
    found = json.loads(out)
    assert code == 0
    assert found["findings"][0].startswith("Proposed: blunt, radius 150 nm, load")
    assert any("of 98 that were all worked out" in one for one in found["findings"])


def test_what_cannot_be_met_ends_with_one(tmp_path):
    code, out, _ = run("design", "lattice", *QUICK, "--lattice-modulus", "2GPa", "--out", tmp_path / "lattice.nc")
    assert code == 1
    assert "Certificate, by the best estimate: all bounds together must give by a factor of" in out


@pytest.mark.parametrize(("options", "said"), [
    (("tip", "--prefer", "price"), "--prefer = 'price' is not known"),
    (("tip", "--catalogue", "--spring-constant", "1N/m"), "--spring-constant is given"),
    (("film", "gone.nc"), "gone.nc")])
def test_what_makes_no_sense_is_said_in_options(options, said, tmp_path):
    code, _, stderr = run("design", *options, "--out", tmp_path / "o.nc")
    assert code == 2
    assert said in stderr
