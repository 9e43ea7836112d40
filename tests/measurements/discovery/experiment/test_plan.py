"""Plans of experiments: the answer, the refusal, the table of levers, the command and its page."""

import json

import numpy as np
import pytest

import asperity
from asperity.data import store
from asperity.data.kinds import kind_of
from asperity.data.readers._errors import ReadError
from asperity.measurements.discovery.experiment.claims import answered, at_design
from asperity.measurements.discovery.experiment.judged import best
from asperity.measurements.discovery.experiment.levers import levers_of
from asperity.measurements.discovery.experiment.page import page
from asperity.measurements.discovery.experiment.plan import _levers
from asperity.messages import ArgumentError
from tests.test_cli import run

TABLE = """# mine
name;spring constant (mN/m);radius (um);lowest spring constant (mN/m);highest spring constant (mN/m);\
lowest radius (nm);highest radius (nm);source
soft;60;2,5;50;70;;;a label
stiff;3000;0.5;1000;7000;450;550;a label
sharp;40000;0.01;;;;;
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("levers") / "levers.csv"
    path.write_text(TABLE)
    return path


@pytest.fixture(scope="module")
def rubber(table):
    return asperity.plan_experiment(2e6, levers=table)


def test_a_table_of_levers_is_read_in_its_units(table):
    found = levers_of(table)
    assert found.names == ("soft", "stiff", "sharp")
    np.testing.assert_allclose(found.spring_constant[0], [0.05, 0.06, 0.07])
    np.testing.assert_allclose(found.radius[0], [1.25e-6, 2.5e-6, 5e-6])
    np.testing.assert_allclose(found.spring_constant[2], [12, 40, 40 / 0.3])
    assert len(levers_of().names) == 22
    assert all(source for source in levers_of().sources)


@pytest.mark.parametrize(("text", "why"), [
    ("name,radius (nm)\na,5\n", "no column 'spring constant'"),
    ("name,spring constant (N/m),radius (nm)\na,5,\n", "line 2: 'a' has no radius"),
    ("name,spring constant (nm),radius (nm)\na,5,5\n", "expected a unit of N/m"),
    ("name,spring constant (N/m),radius (m)\na,5,5\n", "not within"),
    ("name,spring constant (N/m),radius (nm)\na,x,5\n", "expected a number"),
    ("name,spring constant (N/m),radius (nm)\na,5,5\na,5,5\n", "two levers have the name 'a'"),
    ("name,spring constant (N/m),radius (nm)\n", "0 rows of levers")])
def test_a_wrong_table_is_named(text, why, tmp_path):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ReadError, match=why):
        levers_of(tmp_path / "t.csv")


def test_the_calibration_is_named_where_it_is_the_limit(rubber):
    """The floor of usual calibrations is 11.6 %: 5 % are refused, and a better spring constant is what helps most."""
    said = json.loads(rubber.attrs["findings"])
    assert not answered(rubber)
    assert said[0].startswith("No: 5 % is out of reach. These calibrations are the limit")
    assert any("No load does better than 11.6 %" in one for one in said)
    assert any(one.startswith("What would help most: spring constant known to 2 % instead of 10 %") for one in said)
    design = best(rubber, "_robust")
    assert rubber["lever"].values[design[0]] == "stiff"
    assert 0.115 < float(rubber["std"].values[design]) < 0.125
    np.testing.assert_allclose(rubber["variance"].sum("source") ** 0.5, rubber["std"], rtol=1e-9)
    assert any(one.startswith("On the boundary of what is allowed:") for one in said)
    assert (rubber["std_robust"] >= rubber["std"]).all()
    assert not (rubber["feasible_robust"] & ~rubber["feasible"]).any()
    assert np.isfinite(rubber["information"].values).tolist() == rubber["feasible"].any("load").values.tolist()


def test_better_calibrations_are_enough(table):
    plan = asperity.plan_experiment(2e6, levers=table, calibration={
        "spring_constant_std": 0.02, "sensitivity_std": 0.01, "radius_std": 0.03})
    assert answered(plan)
    assert json.loads(plan.attrs["findings"])[0].startswith("Yes: stiff at ")


def test_a_thin_hard_film_is_refused_with_the_reason():
    """2.5 GPa, 200 nm, flowing at 80 MPa: no lever of the table; what forbids it, by how much, what would be needed."""
    film = {"thickness": 2e-7, "yield_stress": 8e7}
    plan = asperity.plan_experiment(2.5e9, sample=film)
    said = json.loads(plan.attrs["findings"])
    assert not answered(plan)
    assert said[0] == "No: none of the 22 levers can measure a modulus of 2.50 GPa here, at any load."
    assert said[1].startswith("The nearest is sphere 1 um on 40 N/m at ")
    assert any("nanoindentation" in one.lower() for one in said)
    design = at_design(plan)
    assert 0 < float(plan["margin"].values[design].max()) < 0.5
    assert not plan["feasible"].values.any()
    assert plan.attrs["probe_std"] > 0.05  # nor would any other probe be good enough
    about = page(plan)
    assert [panel.heading for panel in about.panels][:2] == ["What stands in the way", "The budget"]
    assert len(about.panels[0].rows) == 22


@pytest.mark.parametrize(("given", "why"), [
    ({"sample": {"thicknes": 1e-6}}, "sample has no thicknes"),
    ({"lever": "mine"}, "lever = 'mine' is not in the table"),
    ({"calibration": {"thermal": True, "spring_constant_std": 0.05}}, "spring_constant_std in calibration = 0.05"),
    ({"lever": {"spring_constant": 0.1}}, "give a name of the table"), ({"want": 0.0}, "want = 0"),
    ({"signal": {"curves": 0}}, "curves in signal = 0")])
def test_wrong_inputs_are_named(given, why):
    with pytest.raises(ArgumentError, match=why):
        asperity.plan_experiment(1e4, **given)


def test_a_lever_that_is_calibrated_has_the_range_of_its_uncertainty(table):
    """Two standard uncertainties, 10 % each, of what is given; the rest is the table's."""
    found = _levers(table, {"name": "stiff", "spring_constant": 2.5}, None)
    np.testing.assert_allclose(found.spring_constant[0], 2.5 * np.exp([-0.2, 0, 0.2]))
    np.testing.assert_allclose(found.radius[0], [450e-9, 500e-9, 550e-9])
    assert found.names == ("stiff",)


def test_the_command_answers_with_a_page_and_a_table(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("design", "experiment", "--modulus", "1..3MPa", "--levers", str(table), "--want", "20%")
    assert code == 0
    assert out.startswith("Yes, with a lever near its nominal values: stiff at ")
    assert "between 1.00 MPa and 3.00 MPa" in out
    plan = store.load(tmp_path / "experiment.nc")
    assert kind_of(plan) == "experiment"
    assert "Levers, ranked" in (tmp_path / "experiment.html").read_text()
    rows = (tmp_path / "experiment.csv").read_text().splitlines()
    assert len(rows) == 1 + plan["std"].size
    code, _, err = run("design", "experiment", "--modulus", "20kPa..1kPa")
    assert code == 2
    assert "larger end first" in err
