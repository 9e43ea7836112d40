"""Files made after public reports of faults, beside the checkout (`../shared/cases`): what must come out."""

import json
from pathlib import Path

import numpy as np
import pytest

import asperity
from asperity.data import store
from asperity.learning.outcome import Outcome
from asperity.virtual.force_map import virtual_map

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"
MODEL = {"name": "hertz", "radius": 5e-6}

#: without a baseline to learn noise from: a dead channel, too few samples, no possible spring constant
DEAD = {"dead_zero.csv": Outcome.no_contact, "n06_short.csv": Outcome.too_few_samples,
        "k_zero.csv": Outcome.uncalibrated,
        "jpk_aborted_short.jpk-force": Outcome.unreadable, "qi_all_dead.jpk-qi-data": Outcome.no_contact}


#: attraction on the retraction alone, fitted on the approach: pull-off force and how far it may be off, N
PULL_OFF = {"adh_retract_2nN.csv": (2.0e-9, 0.06e-9),  # one sample of the last rise, and the noise
            "ruptures3.csv": (0.3e-9, 0.06e-9),
            "k1_spikes.csv": (0.0, 0.2e-9)}  # three samples of 6 nN in the approach are glitches


@pytest.mark.parametrize("name", PULL_OFF)
def test_the_pull_off_is_that_of_the_retraction(name):
    if not CASES.is_dir():
        pytest.skip("the cases are not beside this checkout (../shared/cases)")
    made = asperity.analyze(CASES / name, MODEL)
    force, near = PULL_OFF[name]
    assert abs(float(made["pull_off_force"][0]) - force) < near
    assert abs(float(made["pull_off_force"][0]) - force) < 3 * float(made["pull_off_force_std"][0])


def test_forces_in_steps_are_no_surer_than_a_step():
    """Steps of a 200th of the range, and no other noise: 5 kPa, with the error bar of rounding."""
    if not CASES.is_dir():
        pytest.skip("the cases are not beside this checkout (../shared/cases)")
    made = asperity.analyze(CASES / "a1_quantized.csv", MODEL)
    step = float(made["force_max"][0]) / 200
    assert float(made["noise_std"][0]) > 0.8 * step / np.sqrt(12)
    assert abs(float(made["modulus"][0]) - 5e3) < 3 * float(made["modulus_std"][0]) < 150
    assert 0.1 < float(made["reduced_chi_square"][0]) < 3
    assert float(made["pull_off_force"][0]) < 2 * float(made["pull_off_force_std"][0])


#: what must be said of each: the model does not describe the curve, or a column runs the wrong way; tip radius in um
SAID = {"sphere_R1um_h2.5.csv": (Outcome.misfit, 1), "layer_h0.8um_R1um.csv": (Outcome.misfit, 1),
        "k_in_mN_m_wrong_50N.csv": (Outcome.misfit, 5), "l1_brush_on_stiff.csv": (Outcome.misfit, 5),
        "h1_height_rises.csv": (Outcome.wrong_way, 5), "h2_force_flipped.csv": (Outcome.wrong_way, 5)}


@pytest.mark.parametrize("name", SAID)
def test_a_curve_that_is_not_of_the_model_says_so(name):
    """A sphere deeper than its radius, a thin layer, a wrong spring constant, a brush; height or force upside down."""
    if not CASES.is_dir():
        pytest.skip("the cases are not beside this checkout (../shared/cases)")
    flag, radius = SAID[name]
    made = asperity.analyze(CASES / name, {"name": "hertz", "radius": radius * 1e-6})
    assert Outcome(int(made["flag"][0])) == flag
    assert np.isnan(float(made["modulus"][0])) == (flag == Outcome.wrong_way)
    if name.startswith("sphere"):
        scores = asperity.score(made)
        assert float(scores["value"].sel(criterion="contact_radius")) > 1
        assert "the model sphere" in str(scores["statement"].sel(criterion="contact_radius").values)
        right = asperity.analyze(CASES / name, {"name": "sphere", "radius": 1e-6})
        assert Outcome(int(right["flag"][0])) == Outcome.converged
        assert float(right["modulus"][0]) == pytest.approx(5000, rel=0.01)


def test_a_spring_constant_behind_a_colon_is_read():
    """The case of this name was without one, for it says "spring constant: 0.05 N/m"."""
    if not CASES.is_dir():
        pytest.skip("the cases are not beside this checkout (../shared/cases)")
    made = asperity.analyze(CASES / "no_spring_constant.csv", MODEL)
    assert float(made["spring_constant"][0]) == 0.05
    assert float(made["modulus"][0]) == pytest.approx(5000, rel=0.02)


def test_files_without_a_baseline_are_flagged_and_the_rest_is_fitted(tmp_path):
    if not CASES.is_dir():
        pytest.skip("the cases are not beside this checkout (../shared/cases)")
    good = virtual_map(rows=1, columns=2, samples=256)
    store.save(good, tmp_path / "good.nc")
    made = asperity.analyze([tmp_path / "good.nc", *(CASES / name for name in DEAD)], MODEL)
    found = {Path(str(file)).name: set() for file in made["file"].values}
    for file, flag in zip(made["file"].values, made["flag"].values):
        found[Path(str(file)).name].add(Outcome(int(flag)))
    assert {name: found[name] for name in DEAD} == {name: {flag} for name, flag in DEAD.items()}
    alone = asperity.analyze(tmp_path / "good.nc", MODEL)
    own = [Path(str(file)).name not in DEAD for file in made["file"].values]
    np.testing.assert_array_equal(made["modulus"].values[own], alone["modulus"].values)
    assert json.loads(made.attrs["failed_files"]) == []
