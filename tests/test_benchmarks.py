"""The benchmarks run, at sizes that cost little, and what they time gives the right numbers."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks import design, fits, gaussian_processes, generated, koopman, measured, one_by_one, peers, table
from benchmarks.machine import Timing, compare
from benchmarks.map_file import MAP, enlarge

from asperity.data.readers import force_curves as readers
from asperity.learning.attachment import find_jump
from asperity.learning.gp import dense, state_space
from tests.conftest import shared_data
from tests.data.readers.force_curves.jpk_archives import TOP, build_map

ROOT = Path(__file__).resolve().parents[1]


def numbers(rows):
    """What each row holds, by what it is about."""
    return {row.what.strip(): row.numbers for row in rows}


def test_hertz_candidates_reach_one_optimum():
    curves = generated.hertz_curves(24)
    fitted = fits.fit(curves)
    modulus, error, squares = one_by_one.scipy_hertz(curves.first(4))
    assert fits.moduli_of(curves, fitted)[:4] == pytest.approx(modulus, rel=1e-5)
    assert fits.squares_of(fitted)[:4] == pytest.approx(squares, rel=1e-8)
    assert np.abs(fits.moduli_of(curves, fitted) / curves.modulus - 1).max() < 0.03  # noise is 1 % of the force
    assert (np.abs(modulus - curves.modulus[:4]) < 4 * error).all()


def test_jkr_candidates_reach_one_optimum():
    curves = generated.jkr_curves(3)
    attached, counted = find_jump(curves.force, np.isfinite(curves.force))
    assert (attached > 0).any(axis=1).all()  # every curve shows its jump
    best, squares = one_by_one.scipy_jkr(curves, attached, counted)
    fitted = fits.fit(curves, adhesive=True)
    assert fits.moduli_of(curves, fitted) == pytest.approx(one_by_one.scipy_jkr_moduli(curves, best), rel=1e-4)
    assert fits.squares_of(fitted) == pytest.approx(squares, rel=1e-8)


@pytest.mark.skipif(not peers.installed("lmfit"), reason="lmfit is not installed")
def test_hertz_rows():
    found = numbers(fits.fit_hertz(24, 3, 2, 1))
    times = found["fit Hertz, 24 x 512, with covariance"]
    assert times["ratio"] == pytest.approx(times["curve_fit"]["middle"] / times["asperity"]["middle"])
    assert found["curve_fit against asperity"]["relative_difference"][1] < 1e-5
    assert found["lmfit against asperity"]["relative_difference"][1] < 1e-5


def test_enlarged_map_repeats_its_curves(tmp_path):
    small = tmp_path / "small.jpk-force-map"
    build_map(small, {0: (5, 2, 4), 1: (3, 2, 6), 2: (7, 2, 4)})
    large = enlarge(small, tmp_path, 8)
    assert measured.read_all(large) == 8
    one, many = readers.open_dataset(small)["force"].values, readers.open_dataset(large)["force"].values
    np.testing.assert_array_equal(many, one[np.arange(8) % 3])
    assert "grid.ilength=3" in TOP
    assert readers.open_dataset(large)["column"].values.max() < 2  # 8 curves in 4 rows


def test_measured_rows():
    path = shared_data(MAP)
    read = numbers(measured.reading(path, (16,), 1))
    assert read["read a JPK map of 16 curves, per curve"]["seconds"] > 0
    assert any("16 measured curves" in what for what in numbers(measured.fit_measured(path, 16, 1)))


def test_candidates_are_timed_in_turn():
    order = []
    times = compare({"a": (lambda: order.append("a"), 2), "b": (lambda: order.append("b"), 1)}, 3)
    assert order == ["a", "b"] * 3
    assert all(0 <= timing.best <= timing.middle for timing in times.values())


def test_both_solvers_of_gaussian_processes_are_timed_on_one_density(x64):
    curve = gaussian_processes.curve(30)
    linear, cubic = (gaussian_processes.compiled(gaussian_processes.force_density(solver, *curve),
                                                 gaussian_processes.FORCE).value for solver in (state_space, dense))
    assert linear == pytest.approx(cubic, rel=1e-10)
    found = numbers(gaussian_processes.batch(2, 16, 1))
    assert found["GP, 2 curves of 16 points, value and gradient of all"]["seconds"] > 0


@pytest.mark.skipif(not peers.installed("tinygp"), reason="tinygp is not installed")
def test_tinygp_gives_the_same_density():
    assert numbers(gaussian_processes.linear_cost((30,), 1))["both values"]["off"] < 1e-10


def test_koopman_models_of_pairs_and_of_a_record_are_one(tmp_path):
    one, other = (koopman.alone(name, 20_000) for name in ("asperity", "asperity, pairs"))
    assert one["trace"] == pytest.approx(other["trace"], rel=1e-9)
    assert 0 <= one["extra"] < 50e6
    koopman.write_record(tmp_path / "record.zarr", 20_000)
    assert koopman.large(tmp_path / "record.zarr")["pairs"] == 19_998


def test_fronts_of_a_tip_are_compared_with_the_exact_one():
    found = numbers(design.fronts((), 1))
    assert found["front of a tip, 12 points"]["off"] < 1e-6
    assert found["front of a tip, 33 points"]["hypervolume"] == pytest.approx((0.71 - 1 / 64) / 0.71)


@pytest.mark.parametrize(("theirs", "met"), [(0.9, False), (1.1, True)])
def test_a_goal_is_met_or_missed(theirs, met):
    row = table.ratio("work", Timing(0.01, 0.02), "other", Timing(theirs, theirs), 50)
    assert row.met is met
    assert row.numbers["ratio"] == pytest.approx(theirs / 0.02)


def test_the_command_writes_what_it_prints(tmp_path):
    written = tmp_path / "numbers.json"
    done = subprocess.run([sys.executable, "-m", "benchmarks", "--quick", "--only", "gpu", "--json", str(written)],
                          cwd=ROOT, capture_output=True, text=True, check=True)
    result = json.loads(written.read_text(encoding="utf-8"))
    assert result["versions"]["asperity"] != "not installed"
    assert "GPU" in result["rows"][0]["what"]
    assert result["rows"][0]["asperity"] in done.stdout
