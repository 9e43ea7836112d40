# %% [markdown]
# # A phase error of two degrees, caught by causality
#
# An oscillating tip measures E' and E'' of a cell at 16 frequencies, with 1 % noise. The phase of the drive is
# calibrated wrongly by 2 degrees. Nothing in the curves looks wrong, but no causal, dissipating material has
# such a spectrum: storage and loss no longer belong together. Of all phases the right one makes them fit again.
# Other faults stay invisible, and the report says so.

# %%
import sys

import numpy as np

from asperity.rheology.passivity import check_passivity
from asperity.rheology.spectrum_estimate import frequency_data, nearest_passive, noise_of

OMEGA = 2 * np.pi * np.geomspace(0.3, 300.0, 16)  # rad/s
STIFFNESS, ORDER, VISCOSITY = 458.0, 0.22, 1.68  # Pa, 1, Pa s: A549 cells (Alcaraz et al. 2003)
NOISE, PHASE = 0.01, 2.0  # of |E*|; degrees


def truth(omega):
    """Structural damping: E* = E_0 (1 + i tan(pi a / 2)) (omega s)^a + i omega mu."""
    return STIFFNESS * (1 + 1j * np.tan(np.pi * ORDER / 2)) * omega**ORDER + 1j * omega * VISCOSITY


def measure(modulus, seed):
    rng = np.random.default_rng(seed)
    return modulus + NOISE * np.abs(modulus) * (rng.normal(size=16) + 1j * rng.normal(size=16))


def turned(modulus, degrees):
    return modulus * np.exp(1j * np.deg2rad(degrees))


# %% [markdown]
# ## Which phase makes the data passive?
#
# Chi-square of the nearest passive spectrum against the phase that is taken out. Its minimum is the calibration,
# the width at which it has risen by 1 an uncertainty, somewhat smaller than the scatter of repetitions.

# %%
def misfit(data, degrees):
    """Chi-square of the nearest passive spectrum after turning the data back."""
    turned_back = turned(data, -degrees)
    return nearest_passive(*frequency_data(OMEGA, turned_back, noise_of(turned_back, relative=NOISE), per_decade=20))[1]


def phase_error(data):
    """The phases tried, chi-square, the best phase and its standard uncertainty (degrees)."""
    tried = np.linspace(-1.0, 5.0, 61)
    square = np.array([misfit(data, degrees) for degrees in tried])
    inside = tried[square <= square.min() + 1]
    return tried, square, inside.mean(), max(np.ptp(inside) / 2, tried[1] - tried[0])


def faults(cell):
    """Spectra as they would be measured with several faults."""
    decades = np.log10(OMEGA / OMEGA[0])
    return {"none": cell, f"phase {PHASE:+g} deg": turned(cell, PHASE), "phase -2 deg": turned(cell, -2.0),
            "gain +0.5 dB/decade": cell * 10 ** (decades / 40), "gain 1.5 everywhere": 1.5 * cell,
            "drag left in, 1 Pa s": cell + 1j * OMEGA}


def draw(data, report, tried, square, best):
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    fine = np.geomspace(OMEGA[0], OMEGA[-1], 200)
    mended, hertz = turned(data, -best), OMEGA / (2 * np.pi)
    near = report.nearest.complex_modulus(fine)
    for part, name, color in ((np.real, "E'", "C0"), (np.imag, "E''", "C3")):
        left.loglog(fine / (2 * np.pi), part(truth(fine)), color=color, label=f"{name} truth")
        left.loglog(fine / (2 * np.pi), part(near), "--", color=color, label=f"{name} nearest passive")
        left.loglog(hertz, part(data), "o", mfc="none", color=color, label=f"{name} measured")
        left.loglog(hertz, part(mended), "x", color=color, label=f"{name} phase taken out")
    left.set(xlabel="frequency (Hz)", ylabel="modulus (Pa)", title="what is measured")
    left.legend(fontsize=6.5, ncols=2, loc="upper left")
    residual = 100 * (data - np.asarray(report.nearest.complex_modulus(OMEGA))) / np.abs(data)
    middle.axhspan(-100 * NOISE, 100 * NOISE, color="0.9", label="stated noise")
    middle.semilogx(hertz, residual.real, "o-", color="C0", label="E'")
    middle.semilogx(hertz, residual.imag, "s-", color="C3", label="E''")
    middle.set(xlabel="frequency (Hz)", ylabel="measured - nearest passive (% of |E*|)",
               title=f"what no passive material explains\n(p = {report.p_value:.2g})")
    middle.legend(fontsize=8)
    right.plot(tried, square, color="C2")
    right.axvline(PHASE, color="k", lw=0.8, label="truth")
    right.axvline(best, color="C2", ls="--", label=f"found: {best:.2f} deg")
    right.set(xlabel="phase taken out (degrees)", ylabel="chi-square of the nearest passive spectrum",
              title="the phase that restores causality")
    right.legend(fontsize=8)
    figure.savefig("calibration_fault.png", dpi=150)
    plt.close(figure)
    print("figure: calibration_fault.png")


# %%
def main(quick: bool = False) -> None:
    cell, draws, sets = truth(OMEGA), 99 if quick else 199, 5 if quick else 10
    print(f"alarms at 5 % risk in {sets} measurements with {100 * NOISE:g} % noise, and the median distance")
    for name, modulus in faults(cell).items():
        data = [measure(modulus, seed) for seed in range(sets)]
        reports = [check_passivity(OMEGA, one, noise_of(one, relative=NOISE), draws=draws) for one in data]
        print(f"{name:22} {sum(r.alarm for r in reports):3} of {sets}   "
              f"{100 * np.median([r.distance for r in reports]):.2f} % of |E*|")
    data = measure(turned(cell, PHASE), 0)
    report = check_passivity(OMEGA, data, noise_of(data, relative=NOISE), draws=draws)
    print(f"\nthe report on the first measurement with {PHASE:+g} degrees:\n{report}")
    tried, square, best, uncertainty = phase_error(data)
    print(f"\nphase error found: {best:.2f} +- {uncertainty:.2f} degrees (truth {PHASE:g})")
    others = [phase_error(measure(turned(cell, PHASE), seed))[2] for seed in range(sets)]
    print(f"in {sets} measurements: {np.mean(others):.2f} on average, scatter {np.std(others, ddof=1):.2f} degrees")
    mended = turned(data, -best)
    after = check_passivity(OMEGA, mended, noise_of(mended, relative=NOISE), draws=draws)
    print(f"with it taken out: distance {100 * after.distance:.2f} %, p = {after.p_value:.2g}")
    try:
        draw(data, report, tried, square, best)
    except ImportError:
        print("no plot: matplotlib is not installed")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
