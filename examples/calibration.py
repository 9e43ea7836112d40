# %% [markdown]
# # How stiff is the cantilever?
#
# A soft lever in water is calibrated from one second of its thermal motion. Spectrum, dimensions and
# sensitivity are simulated, so the truth is known. Electronic lines lie in the spectrum, and the fluid shapes
# the peak, which a harmonic oscillator does not know.

# %%
import sys

import jax
import numpy as np
from scipy.optimize import curve_fit

from asperity.instrument.calibration import Calibration, calibrate
from asperity.instrument.calibration_methods import Lever, Surroundings
from asperity.instrument.hydrodynamics import water
from asperity.instrument.spring_constant import Known, equipartition, sader
from asperity.instrument.thermal import ImmersedLever, spectral_density
from asperity.instrument.thermal_fit import fit_spectra

TEMPERATURE, SENSITIVITY = 298.15, 11e-9  # K, m/V
WIDTH, LENGTH = 4.5e-6, 54e-6  # m
RESONANCE, QUALITY = 24e3, 2.0  # Hz, 1
TRUTH = sader(RESONANCE, QUALITY, width=WIDTH, length=LENGTH, fluid=water(TEMPERATURE))  # N/m
AVERAGES, STEP = 12, 12.2  # periodograms, Hz between bins: a record of one second
BAND = (2e3, 8e4)  # Hz
LINES = {4.5e3: 300.0, 1.7e4: 40.0, 5.0e4: 2000.0}  # Hz: times the spectrum
LEVER = Lever(width=Known(WIDTH, 0.02 * WIDTH), length=Known(LENGTH, 0.02 * LENGTH), tilt=Known(0.0, 0.0))
SURROUNDINGS = Surroundings(Known(TEMPERATURE, 1.0), *water(TEMPERATURE))


# %% [markdown]
# ## The spectrum
#
# Each bin of an averaged periodogram is gamma distributed around the true spectrum.

# %%
def true_spectrum(frequency: np.ndarray) -> np.ndarray:
    """V^2/Hz: the lever in water, white and 1/f noise."""
    mean_square = equipartition(1.0, TEMPERATURE, SENSITIVITY) / TRUTH
    plateau = mean_square * 2 / (np.pi * RESONANCE * QUALITY)
    with jax.enable_x64(True):
        model = ImmersedLever.of(WIDTH, water(TEMPERATURE), 1e3, 1e5)
        parameters = (mean_square, RESONANCE, QUALITY, 0.05 * plateau, 0.02 * plateau * RESONANCE)
        return np.asarray(spectral_density(model, frequency, parameters))


def measured(seed: int) -> tuple[np.ndarray, np.ndarray]:
    frequency = np.arange(round(1e3 / STEP), round(1e5 / STEP)) * STEP
    scatter = np.random.default_rng(seed).gamma(AVERAGES, 1 / AVERAGES, len(frequency))
    power = true_spectrum(frequency) * scatter
    for place, factor in LINES.items():
        power[np.abs(frequency - place).argmin()] *= factor
    return frequency, power


def by_likelihood(frequency: np.ndarray, spectra: np.ndarray) -> np.ndarray:
    """N/m for every spectrum."""
    model = ImmersedLever.of(WIDTH, water(TEMPERATURE), *BAND)
    fits = fit_spectra(frequency, spectra, model=model, band=BAND)
    return equipartition(fits.parameters[:, 0], TEMPERATURE, SENSITIVITY)


# %% [markdown]
# ## What a plain least squares fit makes of it
#
# A harmonic oscillator and white noise, fitted to the spectrum as it is: lines pull, and the large values of
# the peak have the large errors.

# %%
def by_least_squares(frequency: np.ndarray, power: np.ndarray) -> float:
    inside = (frequency > BAND[0]) & (frequency < BAND[1])
    scale = np.median(power[inside])

    def model(f, amplitude, resonance, quality, white):
        ratio = f / (1e3 * resonance)
        return np.abs(amplitude) / ((1 - ratio**2) ** 2 + (ratio / quality) ** 2) + white

    best = curve_fit(model, frequency[inside], power[inside] / scale, [2.0, 24.0, 2.0, 0.1], maxfev=20000)[0]
    mean_square = np.pi / 2 * 1e3 * abs(best[0] * best[1] * best[2]) * scale
    return float(equipartition(mean_square, TEMPERATURE, SENSITIVITY))


# %% [markdown]
# ## The figures, and the picture

# %%
def draw(frequency: np.ndarray, power: np.ndarray, found: Calibration, plain: np.ndarray,
         ours: np.ndarray) -> None:
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained",
                                                 width_ratios=(1.5, 1, 1.1))
    used, lines, kilo = found.fit.used, found.fit.lines, frequency / 1e3
    left.loglog(kilo, power, color="0.8", lw=0.5, label=f"measured, {AVERAGES} averages")
    left.plot(kilo[lines], power[lines], "x", color="C3", label="left out as lines")
    with jax.enable_x64(True):
        model = ImmersedLever.of(WIDTH, water(TEMPERATURE), *frequency[used | lines][[0, -1]])
        fitted = spectral_density(model, frequency[used], found.fit.parameters)
    left.plot(kilo[used], fitted, "C0", lw=3, label="fit: immersed lever")
    left.plot(kilo, true_spectrum(frequency), "k--", lw=1, label="truth")
    left.set(xlabel="frequency (kHz)", ylabel="power spectral density (V$^2$/Hz)", title="before and after")
    left.legend(frameon=False, fontsize=8)
    bins = np.linspace(0.9, 1.08, 46) * 1e3 * TRUTH
    middle.hist(np.clip(1e3 * plain, bins[0], bins[-1]), bins, color="0.6", label="least squares")
    middle.hist(1e3 * ours, bins, color="C0", alpha=0.8, label="likelihood, lines out")
    middle.axvline(1e3 * TRUTH, color="k", ls="--", label="truth")
    middle.set(xlabel="spring constant by equipartition (mN/m)", ylabel="spectra", title="many spectra")
    middle.legend(frameon=False, fontsize=8, loc="upper left")
    for color, name in (("C1", "harmonic oscillator"), ("C0", "immersed lever")):
        rows = [band for band in found.bands if band.model == name]
        constants = 1e3 * np.array([band.spring_constants["equipartition"] for band in rows])
        place = np.arange(len(rows)) + (0.1 if name == "immersed lever" else -0.1)
        right.errorbar(place, *constants.T, fmt="o", color=color, capsize=3, label=name)
        right.set_xticks(range(len(rows)), [f"{b.least / 1e3:.0f}-{b.most / 1e3:.0f}" for b in rows])
    right.axhline(1e3 * TRUTH, color="k", ls="--")
    right.set(xlabel="band of the fit (kHz)", ylabel="spring constant (mN/m)", title="the band and the model")
    right.legend(frameon=False, fontsize=8)
    figure.savefig("calibration.png", dpi=150)
    plt.close(figure)
    print("figure: calibration.png")


def main(quick: bool = False) -> None:
    """Calibrate one spectrum in full, and compare two estimators on many."""
    frequency, power = measured(0)
    found = calibrate(frequency, power, LEVER, SURROUNDINGS, band=BAND,
                      sensitivity=Known(SENSITIVITY, 0.03 * SENSITIVITY))
    print("\n".join(found.findings))
    spectra = np.stack([measured(seed)[1] for seed in range(6 if quick else 60)])
    plain = np.array([by_least_squares(frequency, row) for row in spectra])
    ours = by_likelihood(frequency, spectra)
    print(f"truth {1e3 * TRUTH:.1f} mN/m; by equipartition on {len(ours)} spectra:")
    for name, values in (("least squares", plain), ("likelihood, lines left out", ours)):
        print(f"{name:27} mean {1e3 * values.mean():6.2f}, standard deviation {1e3 * values.std():5.2f} mN/m")
    try:
        draw(frequency, power, found, plain, ours)
    except ImportError:
        print("no plot: matplotlib is not installed")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
