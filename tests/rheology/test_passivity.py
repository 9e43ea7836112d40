"""Passivity: faults are found, sound data are not accused, and what cannot be seen is not claimed.

``python -m tests.rheology.test_passivity`` prints the detection rates over 200 draws of every fault.
"""

import numpy as np
import pytest

from asperity.rheology.lin_kk import lin_kk
from asperity.rheology.passivity import BLIND_SPOTS, broken_bounds, check_passivity, runs_score
from asperity.rheology.relaxation_spectrum import debye
from asperity.rheology.spectrum_estimate import noise_of
from tests.conftest import shared_data

OMEGA = 2 * np.pi * np.geomspace(0.3, 300, 16)
DECADES = np.log10(OMEGA / OMEGA[0])
#: a cell with structural damping (A549: 458 Pa, 0.22, 1.68 Pa s) and a gel with one relaxation time
MATERIALS = {"cell": 458 * (1 + 1j * np.tan(0.11 * np.pi)) * OMEGA**0.22 + 1.68j * OMEGA,
             "gel": 1000 + 4000j * OMEGA * 0.01 / (1 + 0.01j * OMEGA)}
DEGREE = np.pi / 180
FAULTS = {"phase +2 deg": np.exp(2j * DEGREE), "phase -2 deg": np.exp(-2j * DEGREE),
          "gain +0.5 dB/decade": 10 ** (DECADES / 40), "gain -0.5 dB/decade": 10 ** (-DECADES / 40)}


def measured(modulus, relative, seed):
    rng = np.random.default_rng([3, seed])
    return modulus + relative * np.abs(modulus) * (rng.normal(size=modulus.shape) + 1j * rng.normal(size=modulus.shape))


def alarms(modulus, *, relative=0.01, sets=10, draws=99):
    """Share of measurements that raise the alarm."""
    found = []
    for seed in range(sets):
        data = measured(modulus, relative, seed)
        found.append(check_passivity(OMEGA, data, noise_of(data, relative=relative), draws=draws, seed=seed).alarm)
    return float(np.mean(found))


@pytest.mark.parametrize("material", list(MATERIALS))
def test_faults_are_found_and_sound_data_are_not_accused(material):
    """One measurement of each; shares over many are in tests/verify."""
    for fault in FAULTS.values():
        assert alarms(MATERIALS[material] * fault, sets=1) == 1.0
    assert alarms(MATERIALS[material], sets=1, draws=59) == 0.0


def test_what_is_said_to_be_invisible_is():
    """Noise-free: a constant gain, a spring, drag left in; and a lag of 2 degrees at the highest frequency."""
    cell = MATERIALS["cell"]
    lag = np.exp(-2j * DEGREE * OMEGA / OMEGA[-1])
    for fault in (1.5 * cell, cell + 300, cell + 1.0j * OMEGA, cell / lag):
        report = check_passivity(OMEGA, fault, noise_of(fault, relative=0.01), draws=19)
        assert report.distance < 1e-3
        assert not report.alarm
    assert any("constant gain" in spot for spot in BLIND_SPOTS)
    assert any("drag left in" in spot for spot in BLIND_SPOTS)


def violating(omega):
    """A spectrum far from causal: the loss of a solid with the storage of its mirror image in frequency."""
    x = 1j * omega / np.sqrt(omega[0] * omega[-1])
    solid = 1 + 9 * x**0.5 / (1 + x**0.5)
    return solid.real[::-1] + 1j * solid.imag


@pytest.mark.study
def test_gross_violation_is_unmistakable():
    omega = np.logspace(-2, 2, 50)
    data = violating(omega)
    report = check_passivity(omega, data, noise_of(data, relative=0.02), draws=1199)
    assert report.distance > 0.2
    assert report.p_value < 1e-3
    assert min(report.runs) < -4
    assert report.lin_kk.distance > 0.05
    assert report.residual > 10 * report.residual_floor
    assert report.broken
    assert "no passive material" in str(report)


def below(level, p):
    """The share of p-values that are not above ``level``, and the most that chance makes of it."""
    return np.mean(p <= level), level + 3 * np.sqrt(level * (1 - level) / len(p))


def p_values(sets):
    return np.array([check_passivity(OMEGA, data, noise_of(data, relative=0.05), draws=39, seed=seed).p_value
                     for seed in range(sets) for data in [measured(MATERIALS["cell"], 0.05, seed)]])


@pytest.mark.study
def test_p_values_are_uniform_at_worst():
    """Over sound measurements p <= u happens with probability at most about u; 60 sets are judged in tests/verify."""
    p = p_values(15)
    for level in (0.1, 0.25, 0.5):
        share, most = below(level, p)
        assert share < most


def test_distance_of_discretization_alone_is_negligible():
    """A single relaxation time, between two nodes wherever it falls."""
    for shift in (1.0, 1.03, 1.06, 1.09):
        tau = 0.01 * shift
        data = 1 + 10j * OMEGA * tau / (1 + 1j * OMEGA * tau)
        assert check_passivity(OMEGA, data, noise_of(data, relative=0.01), draws=1).distance < 1e-3


def test_report_in_words():
    data = measured(MATERIALS["gel"], 0.01, 0)
    data[3] = np.nan
    report = check_passivity(OMEGA, data, noise_of(data, relative=0.01), draws=99)
    text = str(report)
    assert report.points == 15
    assert "15 points from 1.88 to 1.88e+03 rad/s" in text
    assert all(spot in text for spot in BLIND_SPOTS)
    assert 0 < report.distance < 3 * report.expected_distance


def test_runs():
    assert runs_score(np.tile([1.0, -1.0], 13)) == pytest.approx(5.0)
    assert runs_score(np.ones(26)) == pytest.approx(-5.0)
    scores = [runs_score(np.random.default_rng(k).normal(size=101)) for k in range(400)]
    assert abs(np.mean(scores)) < 3 / 20
    assert np.std(scores) == pytest.approx(1, abs=0.12)


def test_bounds_are_those_of_every_passive_material():
    """Extreme materials reach the bounds and do not break them; crossing any one is noticed."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        strength = np.exp(rng.normal(scale=5, size=30)) * (rng.random(30) < 0.2)
        storage, loss = debye(OMEGA[:, None], np.logspace(-6, 3, 30))
        data = rng.exponential() + storage @ strength + 1j * (loss @ strength + rng.exponential() * OMEGA)
        assert broken_bounds(OMEGA, data, 1e-9 * np.abs(data)) == ()
    noise = np.full(16, 1e-3)
    for data, said in ((1 - 0.1j * OMEGA**0, "E'' >= 0"), (OMEGA**-0.1 + 0.1j, "does not fall"),
                       (OMEGA**2.2 + 1j, "rises at most as w^2"), (10 + 1j * OMEGA**1.2, "rises at most as w,"),
                       (10 + 10j * OMEGA**-1.2, "falls at most as 1/w")):
        found = broken_bounds(OMEGA, data, noise)
        assert any(said in line for line in found)


def test_signed_branches_allow_active_materials_and_find_acausal_ones():
    """A branch of negative modulus is causal but not passive: the signed test accepts, the passive one objects."""
    tau = np.geomspace(1 / OMEGA[-1], 1 / OMEGA[0], 5)
    storage, loss = debye(OMEGA[:, None], tau)
    strength = np.array([3.0, 1.0, -2.0, 1.0, 2.0])
    active = 4 + (storage + 1j * loss) @ strength
    signed = lin_kk(OMEGA, active)
    report = check_passivity(OMEGA, active, noise_of(active, relative=0.01), draws=99)
    assert signed.distance < 1e-6
    assert signed.share < 1
    assert report.alarm
    assert lin_kk(OMEGA, MATERIALS["gel"] * FAULTS["phase +2 deg"]).distance > 0.01


def test_bad_input_is_named():
    data = MATERIALS["cell"]
    with pytest.raises(ValueError, match="ascending"):
        check_passivity(OMEGA[::-1], data, 1.0)
    with pytest.raises(ValueError, match="finite"):
        check_passivity(OMEGA, np.where(np.arange(16) < 13, np.nan, data), 1.0)
    with pytest.raises(ValueError, match="noise"):
        check_passivity(OMEGA, data, -1.0)
    with pytest.raises(ValueError, match="four"):
        lin_kk(OMEGA[:3], data[:3])


# ---------------------------------------------------------------- measured data

def impedance():
    """The spectrum that impedance.py is tested with, as a modulus iw Z."""
    lines = shared_data("rheology/impedance_py/Circuit3_EIS_1.z").read_text(encoding="latin-1").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("End Comments")) + 1
    rows = np.array([line.split() for line in lines[first:] if line.strip()], float)
    omega = 2 * np.pi * rows[:, 0]
    return omega, 1j * omega * (rows[:, 4] + 1j * rows[:, 5])


def test_signed_branches_agree_with_another_program():
    """impedance.py's own test expects M = 10, mu = 0.6844 for the limit 0.69 (real parts, no series capacitor)."""
    omega, modulus = impedance()
    share = {count: lin_kk(omega, modulus, branches=count, inertia=True).share for count in range(3, 11)}
    assert next(count for count, mu in share.items() if mu <= 0.69) == 10
    assert share[10] == pytest.approx(0.6844, abs=0.01)


def test_cytoskeleton():
    """RHEOS's data (Deng 2006): 5.6 % from passive, which 5 % noise explains."""
    omega, storage, loss = np.loadtxt(shared_data("rheology/rheos/data_freq.csv"), delimiter=",").T
    data = storage + 1j * loss
    report = check_passivity(omega, data, noise_of(data, relative=0.05), draws=199)
    assert report.distance == pytest.approx(0.056, abs=0.002)
    assert not report.alarm
    assert report.lin_kk.distance == pytest.approx(report.distance, rel=0.3)


@pytest.mark.study
def test_master_curve_has_systematic_errors():
    """pyvisco's DMA master curve: 7.0 % from passive, with runs that noise does not make (stitching)."""
    frequency, storage, loss = np.loadtxt(shared_data("rheology/pyvisco/freq_user_master.csv"), delimiter=",",
                                          skiprows=2).T
    data = storage + 1j * loss
    report = check_passivity(2 * np.pi * frequency, data, noise_of(data, relative=0.05), draws=9)
    assert report.distance == pytest.approx(0.070, abs=0.001)
    assert report.lin_kk.distance == pytest.approx(report.distance, rel=0.25)
    assert max(report.runs) < -4
    assert "systematic" in str(report)


if __name__ == "__main__":
    for relative in (0.01, 0.02):
        for name, modulus in MATERIALS.items():
            for fault, factor in {"none": 1.0, **FAULTS}.items():
                rate = alarms(modulus * factor, relative=relative, sets=200, draws=99)
                print(f"{name}, {100 * relative:g} % noise, {fault}: {100 * rate:.1f} % alarms", flush=True)
