"""The command: numbers of silicon, page, table and JSON; intervals of an ensemble; what makes no sense."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy.stats import t as student

from asperity.atomistic.potentials import StillingerWeber
from asperity.measurements.atoms import ensemble, mechanics
from asperity.measurements.atoms.ensemble import Members
from asperity.measurements.atoms.mechanics import crystal_mechanics, miller
from asperity.measurements.replay import differences, replay
from asperity.messages import ArgumentError, AsperityError, DataError
from tests.test_cli import run

pytest.importorskip("ase")

POSCAR = """silicon
5.5
1 0 0
0 1 0
0 0 1
Si
8
Direct
""" + "\n".join(" ".join(map(str, row)) for row in np.array(
    [[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0], [1, 1, 1], [1, 3, 3], [3, 1, 3], [3, 3, 1]]) / 4) + "\n"


@pytest.mark.study
def test_silicon_from_a_file_that_is_not_at_rest(tmp_path):
    (tmp_path / "POSCAR").write_text(POSCAR)
    code, out, err = run("atoms", "mechanics", tmp_path / "POSCAR", "--potential", "stillinger-weber", "--reference",
                         "C11=166GPa", "--out", tmp_path / "atoms.nc")
    assert code == 0, err
    assert out.splitlines()[0] == "C11 = 151.4, C12 = 76.42, C44 = 56.45 GPa; bulk modulus 101.4 GPa."
    assert "No interval: stillinger-weber is one potential" in out
    with xr.open_dataset(tmp_path / "atoms.nc") as made:
        np.testing.assert_allclose(made["length"], 5.430949777, atol=1e-6)
        np.testing.assert_allclose(made["elastic_constant_clamped"].sel(row="yz", column="yz"), 109.76, atol=0.01)
        stiff = made["interfacial_stiffness"].sel(state="unrelaxed").values
        np.testing.assert_allclose(stiff, 0.09953 * 1602.1766 * np.eye(2), rtol=2e-4, atol=1e-4)
        assert made.attrs["plane"] == "1 1 1"
        rigid = made["slip_energy"].sel(relaxation="rigid")
        half = rigid.sel(slip=float(made["slip"][-1]) / 2, method="nearest")
        np.testing.assert_allclose(float(half), 0.0865 * 16.0218, rtol=1e-3)
        assert made["elastic_constant"].attrs["units"] == "GPa"
        assert np.isnan(made["elastic_constant_std"]).all()
        assert all(made[name].attrs["units"] for name in made.data_vars if name != "flag")
        assert json.loads(made.attrs["history"])[0]["inputs"][0]["file"].endswith("POSCAR")
    rows = (tmp_path / "atoms.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "quantity,where,value,std,low,high,unit"
    assert any(row.startswith("interfacial_stiffness,gap x x,159.4") for row in rows)
    text = (tmp_path / "atoms.html").read_text(encoding="utf-8")
    assert "C11, C22, C33" in text
    assert "166" in text


def of_two(epsilons=(2.0, 2.3), factor=1.7):
    made = tuple(StillingerWeber(epsilon=one) for one in epsilons)
    return Members(made, tuple(f"{one:g}.npz" for one in epsilons), (14,), factor, (), ())


def test_an_ensemble_has_intervals_by_its_spread(monkeypatch):
    """All constants of Stillinger and Weber's potential are in proportion to its energy."""
    monkeypatch.setattr(mechanics, "members_of", lambda *_: of_two())
    made = crystal_mechanics(crystal="Si", plane="none")
    each = 151.42 / 2.1683 * np.array([2.0, 2.3])
    found = [float(made[f"elastic_constant{end}"][0, 0]) for end in ("", "_std", "_low", "_high")]
    std = 1.7 * each.std(ddof=1)
    reach = student.ppf(0.975, 1) * std
    assert each.mean() < reach  # a stable crystal has no negative stiffness: its interval ends at 0, and that is said
    np.testing.assert_allclose(found, [each.mean(), std, 0.0, each.mean() + reach], rtol=1e-3)
    c = made["elastic_constant_low"].values
    assert np.diagonal(c).min() == 0
    assert (c[:3, 3:] <= 0).all()  # those that may have either sign keep their ends
    assert c[0, 1] < -10
    assert "Not told from 0: the bulk modulus, the shear modulus" in made.attrs["findings"]
    np.testing.assert_allclose(made["elastic_constant_member"][:, 0, 0], each, rtol=1e-4)
    assert float(made["length_std"].max()) < 1e-6
    assert "multiplied by 1.7 as calibrated" in made.attrs["findings"]
    assert "interfacial_stiffness" not in made


def test_a_narrow_interval_keeps_its_ends(monkeypatch):
    monkeypatch.setattr(mechanics, "members_of", lambda *_: of_two((2.1, 2.11)))
    made = crystal_mechanics(crystal="Si", plane="none")
    value, low, high = (float(made[f"bulk_modulus{end}"]) for end in ("", "_low", "_high"))
    assert 0 < low < value
    np.testing.assert_allclose(value - low, high - value, rtol=1e-9)
    assert "Not told from 0" not in made.attrs["findings"]


def test_it_is_replayed_with_the_same_numbers():
    made = crystal_mechanics(crystal="Si", potential="stillinger-weber", plane="none")
    assert set(differences(made, replay(made)).values()) == {0.0}


def test_a_cell_that_swells_is_told(tmp_path):
    (tmp_path / "POSCAR").write_text(POSCAR.replace("5.5\n", "5.1\n"))
    made = crystal_mechanics(tmp_path / "POSCAR", potential="stillinger-weber", plane="none")
    assert "the volume became 1.21 times that of" in made.attrs["findings"]


def test_a_kept_cell_is_under_pressure_and_says_so():
    made = crystal_mechanics(crystal="Si", potential="stillinger-weber", plane="none", keep_cell=True)
    assert int(made["flag"]) == 0  # 5.43 and 5.431 angstrom
    assert abs(float(made["pressure"]) - 0.0532) < 1e-3


@pytest.mark.parametrize(("text", "found"), [("111", (1, 1, 1)), ("1-10", (1, -1, 0)), ("1 -1 0", (1, -1, 0)),
                                             ("-1,1,2", (-1, 1, 2))])
def test_indices(text, found):
    assert miller("plane", text) == found


@pytest.mark.parametrize("text", ["", "11", "1111", "000", "abc", "1 1", "10 0 99"])
def test_no_indices(text):
    with pytest.raises(ArgumentError, match="must be three indices, for example 111"):
        miller("plane", text)


@pytest.mark.parametrize(("given", "said"), [
    ({"crystal": "Xx"}, "must be the symbol of an element"), ({"crystal": "He"}, "give a structure file"),
    ({"crystal": "Al"}, "it has Al, and the potential"), ({"potential": "eam"}, "neither a file of weights"),
    ({"plane": "110", "direction": "110"}, "does not lie in the plane"),
    ({"plane": "none", "direction": "110"}, "no plane to slide"),
    ({"reference": {"C99": 1.0}}, "reference has no C99")])
def test_what_makes_no_sense_is_said(given, said):
    with pytest.raises(AsperityError, match=said):
        crystal_mechanics(**{"potential": "stillinger-weber", **given})


FILES = {
    "empty.xyz": ("", "it is empty"), "none.xyz": ("0\n\n", "configuration 1"),
    "text.xyz": ("hello\n", "its first line is not the number of atoms"),
    "short.xyz": ("3\n\nSi 0 0 0\n", "configuration 1: not a readable extxyz file"),
    "molecule.xyz": ("2\n\nSi 0 0 0\nSi 0 0 2.3\n", "periodic in 0 of 3 directions"),
    "flat.xyz": ('2\npbc="T T T"\nSi 0 0 0\nSi 0 0 2.3\n', "periodic but its cell is missing"),
    "twice.xyz": ('2\nLattice="5 0 0 0 5 0 0 0 5" pbc="T T T"\nSi 1 1 1\nSi 1 1 1\n', "in one place"),
    "slab.xyz": ('1\nLattice="3 0 0 0 3 0 0 0 20" pbc="T T T"\nSi 1 1 1\n', "of vacuum along its vector 3"),
    "nan.xyz": ('1\nLattice="3 0 0 0 3 0 0 0 3" pbc="T T T"\nSi nan 1 1\n', "no number"),
    "bohr.xyz": ('1\nLattice="0.5 0 0 0 0.5 0 0 0 0.5" pbc="T T T"\nSi 0 0 0\n', "are its lengths in angstrom"),
    "dummy.xyz": ('1\nLattice="3 0 0 0 3 0 0 0 3" pbc="T T T"\nX 0 0 0\n', "is of no element"),
    "bad.cif": ("data_x\n_cell_length_a abc\n", "it holds no atoms"),
    "POSCAR": ("a\nb\nc\n", "not a readable POSCAR file")}


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_a_crystal_is_named_with_its_reason(name, tmp_path):
    (tmp_path / name).write_text(FILES[name][0])
    code, _, err = run("atoms", "mechanics", tmp_path / name, "--out", tmp_path / "o.nc")
    assert code == 2
    assert FILES[name][1].lower() in err.lower(), err
    assert name in err


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("asperity.measurements.atoms.extra.find_spec", lambda name: None)
    with pytest.raises(AsperityError, match=r"Install the extra: pip install 'asperity\[atomistic\]'"):
        crystal_mechanics()


def test_one_member_has_no_interval_and_more_have_students():
    def told(values):
        return ensemble.with_intervals("q", values, 1.0, dims=("place",), unit="1", meaning="a number")

    alone = told(np.array([[1.0, 2.0]]))
    assert np.isnan(alone["q_std"][1]).all()
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal((4, 20_000))
    several = told(drawn * 2.0)
    assert np.all(several["q_low"][1] < several["q"][1])


def test_a_potential_that_knows_no_rest_is_named(monkeypatch):
    from asperity.measurements.atoms import crystal_numbers

    def lost(*_, **__):
        raise DataError("no state of rest was found: forces of 3e+08 eV/A are left")

    monkeypatch.setattr(crystal_numbers, "rested", lost)
    monkeypatch.setattr(mechanics, "members_of", lambda *_: of_two())
    with pytest.raises(DataError, match=r"2\.npz: no state of rest was found.*does this potential know such a crystal"):
        crystal_mechanics(crystal="Si", plane="none")
