"""Tables of settled motions: a modulus with its interval, or in words why there is none."""

import json

import numpy as np
import pytest

from asperity.learning.outcome import Outcome
from asperity.measurements.replay import differences, replay
from asperity.measurements.time_series.page import defended, page
from asperity.measurements.time_series.series import series_model
from asperity.messages import ArgumentError
from tests.dynamics.settled_lever import FREE, K, Q
from tests.dynamics.settled_lever import motion as settled_motion
from tests.measurements.time_series.tapping_table import CUTOFF, F0, LEVER, MODULUS, OPTIONS, RADIUS
from tests.test_cli import run

TIP = {"name": "hertz", "radius": RADIUS, "poisson_ratio": 0.0}


def table(path, drive="nN", noise=3e-12, free=FREE, **about):
    """60 periods of a settled motion; ``drive``: its unit, "" for none."""
    seen = settled_motion(noise=noise, free=free, **about)
    at = np.arange(len(seen)) / 64 / F0
    columns = [at * 1e6, seen * 1e9] + ([K * free / Q * np.cos(2 * np.pi * F0 * at) * 1e9] if drive else [])
    title = "time (us), deflection (nm)" + (f", drive ({drive})" if drive else "")
    np.savetxt(path, np.stack(columns, axis=1), delimiter=",", header=title, comments="", fmt="%.12g")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = table(tmp_path_factory.mktemp("settled") / "settled.csv")
    return series_model(path, lever={**LEVER, "spring_constant_std": 0.05}, contact=TIP)


def test_a_settled_motion_tells_a_modulus_with_its_interval(made):
    assert made["flag"] == Outcome.converged
    assert float(made["modulus_low"]) < MODULUS < float(made["modulus_high"])
    assert 0.05 < float(made["modulus_std"]) / MODULUS < 0.3
    assert abs(float(made["contact_point"]) - CUTOFF) < 3 * float(made["contact_point_std"])
    assert made.sizes["harmonic"] == 31
    left = (made["harmonic_real"] - made["harmonic_fitted_real"]) / made["harmonic_std"]
    assert float(np.sqrt((left**2).mean())) < 1.5
    assert defended(made)
    assert "they tell the modulus" in page(made).headline
    assert any("settled" in panel.heading for panel in page(made).panels)


@pytest.mark.study
def test_a_replay_gives_the_same(made):
    assert max(differences(made, replay(made)).values()) < 1e-9


@pytest.mark.study
def test_a_drive_in_volts_or_none_needs_the_free_amplitude(tmp_path):
    for drive in ("mV", ""):
        path = table(tmp_path / "a.csv", drive=drive)
        with pytest.raises(ArgumentError, match="free_amplitude"):
            series_model(path, lever=LEVER, contact=TIP)
    found = series_model(path, lever={**LEVER, "free_amplitude": FREE}, contact=TIP)
    assert float(found["modulus_low"]) < MODULUS < float(found["modulus_high"])
    assert "not recorded, taken at 300000" in found.attrs["findings"]


def test_a_lever_that_the_record_contradicts_gives_no_modulus(tmp_path):
    """Twice the force of the drive is no motion of this lever: the drive is found to be another one."""
    found = series_model(table(tmp_path / "a.csv"), lever={**LEVER, "spring_constant": 2 * K}, contact=TIP)
    assert found["flag"] == Outcome.misfit
    assert "modulus" not in found
    assert "contradicts what is said of the lever: " in found.attrs["findings"]
    assert float(found["drive_departure"]) > 4 * 0.05
    told = {"tip_force", "contact_point", "contact_attraction", "viscosity", "attraction_range"}
    assert not told & set(found)  # numbers of a law that is refused are none
    assert not {row.name for row in page(found).findings} & {"contact point", "contact attraction", "largest force"}
    assert "no law of this contact" in page(found).headline


def test_a_rate_of_decay_whose_interval_holds_0_is_none(made):
    """A motion that repeats itself neither decays nor grows: the page gives the interval alone."""
    rates = [row[2:4] for panel in page(made).panels if panel.heading == "frequencies" for row in panel.rows]
    held = made["damping_rate_low"].values * made["damping_rate_high"].values <= 0
    assert held.any()
    assert all((rate == "not told from 0") == holds for (rate, _), holds in zip(rates, held))
    assert all(" to " in ends for _, ends in rates)


def test_a_wrong_unit_of_time_is_asked_about(tmp_path):
    path = table(tmp_path / "ms.csv")
    path.write_text(path.read_text().replace("time (us)", "time (ms)"))
    found = series_model(path, lever=LEVER, contact=TIP)
    assert found["flag"] == Outcome.not_converged
    assert "The drive is at 300 Hz, 0.001 times the resonance of the lever" in found.attrs["findings"]


@pytest.mark.study  # some 10 s
def test_a_motion_that_touches_nothing(tmp_path):
    """Neither end of the modulus is told, and that is said; nothing is written of the force."""
    path = table(tmp_path / "far.csv", height=60e-9)
    code, out, _ = run("dynamics", path, *OPTIONS, "--radius", "10nm", "--out", tmp_path / "d.nc")
    assert code == 1
    assert "does not tell the modulus" in out
    assert not list(tmp_path.glob("d_force*"))


def test_a_settled_motion_becomes_a_page(tmp_path, made):
    code, out, _ = run("dynamics", table(tmp_path / "s.csv"), *OPTIONS, "--radius", "10nm", "--out", tmp_path / "d.nc")
    assert code == 0
    assert "GPa, 95 %)" in out
    assert "±" not in next(line for line in out.split("\n") if line.startswith("modulus: "))  # it is lopsided
    assert "harmonics of the settled motion" in (tmp_path / "d.html").read_text(encoding="utf-8")
    assert (tmp_path / "d_force.csv").exists()
    assert json.loads(made.attrs["citations"])


def test_a_record_of_few_periods_says_what_lacks(tmp_path):
    path = table(tmp_path / "short.csv")
    lines = path.read_text().split("\n")
    path.write_text("\n".join(lines[: 1 + 5 * 64]))
    found = series_model(path, lever=LEVER, contact=TIP)
    assert found["flag"] == Outcome.not_converged
    assert "the harmonics of a settled motion need 8 and 8 at least" in found.attrs["findings"]
    assert "tip_force" not in found


@pytest.mark.study  # some 10 s
def test_records_of_two_amplitudes_enter_one_fit(tmp_path, made):
    paths = [table(tmp_path / f"{nm}.csv", free=nm * 1e-9) for nm in (20, 30)]
    found = series_model(paths, lever={**LEVER, "spring_constant_std": 0.05}, contact=TIP)
    assert found.sizes["record"] == 2
    assert float(found["modulus_low"]) < MODULUS < float(found["modulus_high"])
    assert float(found["modulus_std"]) < float(made["modulus_std"])
