"""What is foretold of an experiment against experiments that are done: made up in NumPy, and on the virtual instrument.

The tables of docs/which_experiment.md: `python -m tests.verify.learning.discovery.test_experiment`.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kendalltau

import asperity
from asperity.contact import Hertz
from asperity.learning.discovery.experiment_budget import (
    Pressed,
    RelativeStd,
    SignalNoise,
    budget,
    closed_variance,
    contacted,
    factors,
    margins,
    total,
)
from asperity.learning.discovery.experiment_signal import curve_information
from asperity.learning.discovery.information import Outlook, expected_information, linear_information
from asperity.virtual.force_map import Instrument, Noise, Specimen, virtual_map
from tests.verify.learning.discovery.experiments import (
    Experiment,
    posterior_scatter,
    scatter,
    thermal_constant,
)
from tests.verify.verdict import Figure, judge

pytestmark = pytest.mark.study

STDS = (0.1, 0.03, 0.1)  # of ln k, ln s, ln R
KNOWN = RelativeStd(*STDS)
DESIGNS = 30
DRAWS = 200
SPREAD = 0.7  # of ln E beforehand


def designs(seed):
    """Levers, tips, loads and moduli that break no constraint."""
    rng = np.random.default_rng(seed)
    while True:
        modulus, radius = 10 ** rng.uniform(3, 7), 10 ** rng.uniform(-8, -5.3)
        constant, load = 10 ** rng.uniform(-2, 2), 10 ** rng.uniform(-11, -6)
        pressed = Pressed(modulus, 0.5, np.inf, np.inf, constant, radius, load)
        with jax.enable_x64(True):
            allowed = float(margins(pressed).max()) <= 0
        if allowed:
            yield pressed, Experiment(modulus / 0.75, radius, constant, load)


def test_information_is_exact_of_linear_data():
    """500 outer and 30 inner draws at three sizes, ten seeds each: the largest error."""
    rows, outlook = [], Outlook(jnp.zeros(2), jnp.ones(2), jnp.ones(3))
    for size in (1.0, 10.0, 100.0):
        with jax.enable_x64(True):
            slopes = jnp.array([[1.0, 0.3], [0.2, 1.0], [0.5, -0.5]]) * size
            exact = float(linear_information(slopes, outlook.std, outlook.noise))
            found = [float(expected_information(lambda place, a=slopes: a @ place, outlook, jax.random.key(seed)))
                     for seed in range(10)]
        rows.append(Figure(f"largest error at {exact:.2f} nats", float(np.abs(np.array(found) - exact).max()), 0, 0.02))
    judge("Information of linear Gaussian data, ten seeds", rows)


def test_designs_are_ranked_as_experiments_scatter():
    """Thirty designs of random levers, tips, loads and moduli; 200 whole experiments of each, in NumPy."""
    signal = SignalNoise(samples=400.0, curves=100.0, temperature=0.0)
    noise = (1e-11, 2e-11)  # of the mean of 100 curves
    told, nats, seen, learnt = [], [], [], []
    std = jax.jit(lambda pressed: total(budget(factors(pressed, signal), KNOWN, signal)))
    information = jax.jit(lambda pressed: curve_information(pressed, KNOWN, signal, SPREAD, jax.random.key(0)))
    for pressed, one in (one for one, _ in zip(designs(0), range(DESIGNS))):
        with jax.enable_x64(True):
            told.append(float(std(pressed)))
            nats.append(float(information(pressed)))
        seen.append(scatter(one, STDS, noise, np.random.default_rng(1), DRAWS))
        learnt.append(posterior_scatter(one, STDS, SPREAD, noise, np.random.default_rng(2), DRAWS))
    ratio, width = np.array(told) / seen, SPREAD * np.exp(-np.array(nats)) / learnt
    judge("Thirty designs, 200 experiments of each", [
        Figure("Kendall's tau of budget and scatter of fits", float(kendalltau(told, seen)[0]), 0.9),
        Figure("smallest foretold over found", float(ratio.min()), 0.85, 1.15),
        Figure("largest foretold over found", float(ratio.max()), 0.85, 1.15),
        Figure("smallest width by information over that of posteriors", float(width.min()), 0.85, 1.15),
        Figure("largest width by information over that of posteriors", float(width.max()), 0.85, 1.15),
        Figure("Kendall's tau of information and posteriors, most within 3 % of each other",
               float(kendalltau(nats, -np.array(learnt))[0]), 0.6)])


def measured(modulus, radius, constant, load, samples=600, seed=0, detector=1e-10):
    """200 curves of the virtual instrument, half of each in contact."""
    with jax.enable_x64(True):
        model = Hertz(radius=jnp.asarray(radius), modulus=jnp.asarray(modulus))
    one = Experiment(modulus / 0.75, radius, constant, load)
    instrument = Instrument(spring_constant=constant, setpoint=load, ramp=2 * (one.depth + load / constant))
    noise = Noise(detector=detector, drift=0.0, thermal=0.0, waviness=0.0, offset=0.0, tilt=0.0)
    return virtual_map(rows=10, columns=DRAWS // 10, samples=samples, model=model, instrument=instrument,
                       specimen=Specimen.uniform(), noise=noise, seed=seed).load()


def miscalibrated(curves, constants, sensitivities):
    """The curves as they read with these spring constants (N/m), and sensitivities over the true one."""
    deflection = curves["deflection"].copy(data=curves["deflection"].values * sensitivities[:, None, None])
    force = curves["force"].copy(data=deflection.values * constants[:, None, None])
    return curves.assign(deflection=deflection, force=force).assign_coords(
        spring_constant=curves["spring_constant"].copy(data=constants))


def moduli(curves, radius):
    return asperity.fit(curves, {"name": "hertz", "radius": radius})["modulus"].values


#: modulus (Pa), radius (m), spring constant (N/m), load (N): deflection over indentation from 0.05 to 1.2
VIRTUAL = ((1e4, 2.5e-6, 0.2, 1.5e-9), (2e6, 0.5e-6, 3.0, 15e-9), (2e6, 2.5e-6, 3.0, 6e-8), (1e5, 2.5e-6, 0.06, 5e-9))


def test_the_foretold_uncertainty_is_that_of_200_virtual_experiments():
    """The virtual instrument, `asperity.fit`, and calibrations drawn for each curve; one curve is one experiment."""
    rows, rng = [], np.random.default_rng(3)
    signal = SignalNoise(detector=1e-10, height=0.0, temperature=0.0, samples=600.0, curves=1.0)
    for modulus, radius, constant, load in VIRTUAL:
        k, s, r = (np.exp(std * rng.standard_normal(DRAWS)) for std in STDS)
        found = moduli(miscalibrated(measured(modulus, radius, constant, load), constant * k, s), radius)
        seen = float(np.std(np.log(found / np.sqrt(r) / modulus)))
        with jax.enable_x64(True):
            pressed = Pressed(modulus, 0.5, np.inf, np.inf, constant, radius, load)
            ratio = float(contacted(pressed).ratio)
            told = float(total(budget(factors(pressed, signal), KNOWN, signal)))
            closed = float(jnp.sqrt(sum(closed_variance(jnp.asarray(ratio), KNOWN))))
        rows.append(Figure(f"rho = {ratio:.2g}: foretold {100 * told:.1f} %, at the end of the curve "
                           f"{100 * closed:.1f} %, found {100 * seen:.1f} %; ratio", told / seen, 0.85, 1.15))
    judge("Foretold and found uncertainty of ln E, 200 virtual experiments each", rows)


def test_the_sensitivity_cancels_where_it_is_said():
    """The thermal calibration is simulated: volts of a free lever, their mean square, the wrong sensitivity."""
    modulus, radius, constant, rng = 1e5, 2.5e-6, 0.06, np.random.default_rng(4)
    whole, last, ratios, spreads = [], [], [], []
    for wanted in (0.2, 0.4, 0.5, 0.6, 0.7, 0.9, 1.2):
        depth = (wanted * constant * 0.75 / (4 / 3 * modulus * np.sqrt(radius))) ** 2  # rho = F/(k delta)
        load = wanted * constant * depth
        s = np.exp(0.03 * rng.standard_normal(DRAWS))
        k = thermal_constant(rng, constant, 50e-9, 50e-9 * s, DRAWS)
        curves = measured(modulus, radius, constant, load, detector=1e-11)
        found = np.log(moduli(miscalibrated(curves, k, s), radius) / modulus)
        d = load / constant
        alone = np.log(k * s * d / (4 / 3 * np.sqrt(radius) * (depth + d - s * d) ** 1.5) * 0.75 / modulus)
        ratios.append(wanted)
        spreads.append(float(np.std(found)))
        whole.append(float(np.polyfit(np.log(s), found, 1)[0]))
        last.append(float(np.polyfit(np.log(s), alone, 1)[0]))
    with jax.enable_x64(True):
        told = [float(factors(Pressed(modulus, 0.5, np.inf, np.inf, constant, radius, one * constant * (
            one * constant * 0.75 / (4 / 3 * modulus * np.sqrt(radius))) ** 2), SignalNoise()).sensitivity) - 2
                for one in ratios]
    zero = [float(np.interp(0.0, slopes, ratios)) for slopes in (last, whole, told)]
    print("\n| rho | slope at the end of the curve | of the fit | foretold | std of ln E |\n|---|---|---|---|---|")
    for row in zip(ratios, last, whole, told, spreads):
        print("| " + " | ".join(f"{one:.3g}" for one in row) + " |")
    judge("Where a thermal spring constant's error and the sensitivity's cancel", [
        Figure("at the end of a curve with a known contact point", zero[0], 0.64, 0.69),
        Figure("of the fit of whole curves", zero[1], zero[2] - 0.03, zero[2] + 0.03)])


if __name__ == "__main__":
    test_information_is_exact_of_linear_data()
    test_designs_are_ranked_as_experiments_scatter()
    test_the_foretold_uncertainty_is_that_of_200_virtual_experiments()
    test_the_sensitivity_cancels_where_it_is_said()
