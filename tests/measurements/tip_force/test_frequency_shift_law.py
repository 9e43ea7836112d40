"""The force law behind a table of frequency shifts: over a known law, and what a table must say."""

import numpy as np
import pytest
from scipy.integrate import quad

import asperity
from asperity.data.readers._errors import ReadError
from asperity.measurements.tip_force.frequency_shift_law import force_law_of_frequency_shift
from tests.test_cli import run

AMPLITUDE, STIFFNESS, FREQUENCY = 0.3e-9, 1800.0, 3e4
HEAD = ["# amplitude = 0.3 nm", "# spring constant = 1800 N/m", "# resonance frequency = 30 kHz"]


def truth(z):
    return 8e-9 * np.exp(-z / 0.1e-9) - 1.7e-28 / z**2


def shift(z):
    """By the integral over one oscillation, in its phase."""
    path = quad(lambda phase: truth(z + AMPLITUDE * (1 + np.cos(phase))) * np.cos(phase), 0, np.pi, epsabs=0)[0]
    return -FREQUENCY * path / (np.pi * AMPLITUDE * STIFFNESS)


def written(path, seed):
    """A table of 40 shifts with noise of a hundredth of the largest."""
    z = np.linspace(0.3e-9, 3.7e-9, 40)
    exact = np.array([shift(one) for one in z])
    seen = exact + 0.01 * np.abs(exact).max() * np.random.default_rng(seed).standard_normal(40)
    rows = [f"{1e9 * a:.9g},{b:.9g}" for a, b in zip(z, seen)]
    path.write_text("\n".join([*HEAD, "z (nm),df (Hz)", *rows]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return written(tmp_path_factory.mktemp("shifts") / "shifts.csv", 4)


@pytest.fixture(scope="module")
def law(table):
    return force_law_of_frequency_shift(table, draws=64)


def test_the_force_lies_in_its_bands_and_nearer_than_that_of_the_inversion(law):
    z = law["bin_separation"].values[0]
    at = law["separation"].values[0]
    true, mean, low, high = truth(z), *(np.interp(z, at, law[f"force{end}"].values[0]) for end in ("", "_low", "_high"))
    assert ((low <= true) & (true <= high)).mean() > 0.8
    mine, inverted = (np.sqrt(np.mean((one - true) ** 2)) for one in (mean, law["bin_force"].values[0]))
    assert mine < 0.6 * inverted


def test_it_is_replayed(law):
    np.testing.assert_array_equal(asperity.replay(law)["force"], law["force"])


def test_what_is_given_wins_over_the_table(law, table):
    softer = force_law_of_frequency_shift(table, spring_constant=STIFFNESS / 2, draws=64)
    np.testing.assert_allclose(2 * softer["force"], law["force"], rtol=1e-3, atol=1e-14)


@pytest.mark.study
def test_the_command_takes_the_lever_as_options(table, tmp_path):
    bare = tmp_path / "bare.csv"
    bare.write_text("\n".join(table.read_text(encoding="utf-8").splitlines()[3:]), encoding="utf-8")
    code, _, err = run("force", bare, "--draws", 32, "--out", tmp_path / "law.nc")
    assert code == 2
    assert "amplitude, spring constant, resonance frequency" in err
    assert "--amplitude" in err
    lever = ("--amplitude", "0.3nm", "--spring-constant", "1800N/m", "--frequency", "30kHz")
    code, out, _ = run("force", bare, *lever, "--draws", 32, "--out", tmp_path / "law.nc")
    assert code == 0
    assert out.startswith("A force law of 40 frequency shifts")
    assert "Sader-Jarvis" in (tmp_path / "law.html").read_text(encoding="utf-8")


def test_what_is_no_table_of_shifts_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("z (nm),force (nN)\n" + "\n".join(f"{i},{-1 / i}" for i in range(1, 12)), encoding="utf-8")
    with pytest.raises(ReadError, match="not frequency shifts"):
        force_law_of_frequency_shift(path)
    path.write_text("\n".join([*HEAD, "z (nm),df (Hz)", *(f"{i},{i}" for i in range(12))]), encoding="utf-8")
    with pytest.raises(ReadError, match="must be positive"):
        force_law_of_frequency_shift(path)
