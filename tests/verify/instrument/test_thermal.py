"""Fits of thermal spectra: bias, precision against the Cramer-Rao bound, coverage, goodness of fit.

``python -m tests.instrument.test_thermal`` prints them for more conditions.
"""

import numpy as np
import pytest
from scipy.signal import welch
from scipy.stats import kstest

from asperity.instrument.thermal import ImmersedLever
from asperity.instrument.thermal_fit import fit_spectra
from tests.instrument.test_thermal import WATER, bound_of, drawn, grid_of, record, statistics, truth_of
from tests.verify.verdict import Figure, judge


@pytest.mark.parametrize(("quality", "averages"), [(2, 1), (20, 1000), (300, 10)])
def test_the_fit_is_unbiased_and_as_precise_as_theory_allows(quality, averages):
    """40 spectra: a standard deviation is known to 11 %, a mean to 0.16 sd, a coverage of 95 % to 3.4 %."""
    found = statistics(quality, averages, 40)
    judge(f"Thermal fits, quality {quality}, {averages} averages", [
        Figure("converged", np.mean(found["converged"]), 1.0),
        Figure("largest mean pull", np.abs(found["bias"]).max(), 0.0, 3 * 0.16),
        Figure("largest scatter over the bound", np.max(found["ratio"]), 0.0, 1.1 * (1 + 3 * 0.11)),
        Figure("least coverage of 95 %", np.min(found["coverage"]), 0.95 - 3 * 0.034),
        Figure("bound over its floor", found["bound"][0] / found["floor"], 0.95),
        Figure("p of uniform p-values", kstest(found["p"], "uniform").pvalue, 1e-3)])


def test_the_immersed_lever_is_fitted_as_well():
    frequency, truth = grid_of(2), truth_of(2)
    model = ImmersedLever.of(4.5e-6, WATER, frequency[0], frequency[-1])
    fit = fit_spectra(frequency, drawn(model, frequency, truth, 10, 40, 0), model=model)
    error = np.log(fit.parameters[:, :3] / truth[:3])
    pull = np.abs(error.mean(axis=0)) * np.sqrt(40) / fit.std[:, :3].mean(axis=0)
    judge("Immersed levers, 10 averages", [
        Figure("largest mean error over its standard error", pull.max(), 0.0, 3),
        Figure("largest scatter over the bound", (error.std(axis=0) / bound_of(model, frequency, truth, 10)).max(),
               0.0, 1.3)])


@pytest.mark.parametrize("window", ["boxcar", "hann"])
def test_records_in_time_have_the_stated_uncertainty(window):
    """Welch spectra with half overlapping windows: neither bins nor averages are independent: it shows."""
    records = np.stack([record(20, 2**17, 4.2e5, seed) for seed in range(40)])
    frequency, power = welch(records, 4.2e5, window, 6144)
    fit = fit_spectra(frequency, power, band=(2e3, 2e5))
    z = np.log(fit.parameters[:, 0] / truth_of(20)[0]) / fit.std[:, 0]
    mean, spread = 4 / np.sqrt(40), 3 / np.sqrt(2 * 39)
    judge(f"Records in time, {window} window", [
        Figure("mean pull", z.mean(), -mean, mean), Figure("spread of pulls", z.std(ddof=1), 1 - spread, 1 + spread)])
