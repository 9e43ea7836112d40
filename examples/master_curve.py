# %% [markdown]
# # A master curve, its relaxation spectrum, and what it says where nobody measured
#
# A polymer is measured at nine temperatures over two decades of frequency each, with 2 % noise. Shifted along the
# frequency axis the isotherms form one master curve of eight decades. A nonnegative relaxation spectrum with
# credible bands describes it; relaxation and creep in time follow from the same spectrum. All of it is simulated,
# so the truth is known.

# %%
import sys
from itertools import pairwise

import jax
import numpy as np

from asperity.rheology.passivity import check_passivity
from asperity.rheology.spectrum_estimate import fit_spectrum, noise_of
from asperity.rheology.spectrum_posterior import sample_spectrum

SWEEP = 2 * np.pi * np.geomspace(0.1, 10.0, 9)  # rad/s
TEMPERATURES = np.arange(-40.0, 41.0, 10.0)  # Celsius; the master curve belongs to the middle one
NOISE = 0.02
C1, C2 = 10.0, 150.0  # Williams, Landel and Ferry: ln(a_T) / ln(10) = -C1 T / (C2 + T)


def shift_true(celsius):
    """ln(a_T)."""
    return -np.log(10) * C1 * celsius / (C2 + celsius)


def truth(omega):
    """A transition of Havriliak-Negami's form, from 2 MPa (rubber) to 2 GPa (glass), in Pa."""
    return 2e9 - (2e9 - 2e6) / (1 + (1j * omega * 1e-2) ** 0.6) ** 0.5


def isotherms(seed):
    """(9, 9) complex moduli in Pa, one row per temperature."""
    rng = np.random.default_rng(seed)
    true = truth(SWEEP * np.exp(shift_true(TEMPERATURES))[:, None])
    return true + NOISE * np.abs(true) * (rng.normal(size=true.shape) + 1j * rng.normal(size=true.shape))


# %% [markdown]
# ## Shifting
#
# Each isotherm is moved until it lies best on its neighbor: the mean square distance of ln E' and ln E'' where
# both overlap.

# %%
def step_between(left, right):
    """The shift in ln(omega) that brings the right isotherm onto the left one."""
    u = np.log(SWEEP)
    values = [np.column_stack([np.log(m.real), np.log(np.maximum(m.imag, 1e-9))]) for m in (left, right)]
    curves = [[np.polynomial.Polynomial.fit(u, column, 3) for column in value.T] for value in values]

    def apart(shift):
        low, high = max(u[0], u[0] + shift), min(u[-1], u[-1] + shift)
        common = np.linspace(low, high, 30)
        return np.mean([(a(common) - b(common - shift)) ** 2 for a, b in zip(*curves)])

    tried = np.linspace(-4.0, 4.0, 1601)
    return tried[np.argmin([apart(shift) for shift in tried])]


def master_curve(data):
    """ln(a_T) of every isotherm, and the points sorted by reduced frequency."""
    steps = [step_between(left, right) for left, right in pairwise(data)]
    shift = np.append(0.0, np.cumsum(steps))
    shift -= shift[len(shift) // 2]
    omega = (SWEEP * np.exp(shift)[:, None]).ravel()
    order = np.argsort(omega)
    return shift, omega[order], data.ravel()[order]


def band(values):
    """Median and 90 % band over the draws."""
    return np.quantile(values, [0.5, 0.05, 0.95], axis=0)


def draw(data, shift, omega, modulus, posterior):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 7.5), layout="constrained")
    (raw, master), (density, times) = axes
    colors = plt.get_cmap("coolwarm")(np.linspace(0, 1, len(data)))
    for row, celsius, color in zip(data, TEMPERATURES, colors):
        raw.loglog(SWEEP, row.real, "o-", ms=3, color=color, label=f"{celsius:g} C")
        raw.loglog(SWEEP, row.imag, "s:", ms=3, color=color)
    raw.set(xlabel="angular frequency (rad/s)", ylabel="modulus (Pa)", title="measured: E' (o) and E'' (squares)")
    raw.legend(fontsize=7, ncols=2)
    fine = np.geomspace(omega[0] / 30, omega[-1] * 30, 200)
    with jax.enable_x64(True):
        drawn = np.asarray(jax.vmap(lambda one: one.complex_modulus(fine))(posterior))
        time = np.geomspace(1 / fine[-1], 1 / fine[0], 150)
        creep = np.asarray(jax.vmap(lambda one: one.creep_compliance(time))(posterior))
        relaxed = np.asarray(jax.vmap(lambda one: one.relaxation_modulus(time))(posterior))
    for part, name, color in ((np.real, "E'", "C0"), (np.imag, "E''", "C3")):
        middle, low, high = band(part(drawn))
        master.fill_between(fine, low, high, color=color, alpha=0.3, lw=0)
        master.loglog(fine, middle, color=color, label=f"{name}: median and 90 % band")
        master.loglog(fine, part(truth(fine)), "k--", lw=0.9, label="truth" if name == "E'" else None)
        master.loglog(omega, part(modulus), ".", ms=3, color=color)
    master.set(xlabel="reduced angular frequency (rad/s)", ylabel="modulus (Pa)", title="master curve", ylim=(1e5, 5e9))
    master.legend(fontsize=8)
    middle, low, high = band(np.asarray(posterior.density))
    tau = posterior.relaxation_time[0]
    density.fill_between(tau, np.maximum(low, 1e3), high, color="C2", alpha=0.3, lw=0)
    density.loglog(tau, middle, color="C2", label="median and 90 % band")
    density.loglog(tau, spectrum_true(tau), "k--", lw=0.9, label="truth")
    density.set(xlabel="relaxation time (s)", ylabel="H(ln tau) (Pa)", ylim=(1e4, 1e9), title="relaxation spectrum")
    density.legend(fontsize=8)
    for values, name, color in ((relaxed, "E(t) (Pa)", "C0"), (1 / creep, "1 / J(t) (Pa)", "C1")):
        middle, low, high = band(values)
        times.fill_between(time, low, high, color=color, alpha=0.3, lw=0)
        times.loglog(time, middle, color=color, label=name)
    times.set(xlabel="time (s)", ylabel="modulus (Pa)", title="relaxation and creep from the same spectrum")
    times.legend(fontsize=8)
    figure.savefig("master_curve.png", dpi=150)
    plt.close(figure)
    print("figure: master_curve.png")


def spectrum_true(tau):
    """H(ln tau) = Im E*(s = e^(i pi) / tau) / pi, the jump across the negative axis."""
    x = (1e-2 / tau) ** 0.6 * np.exp(0.6j * np.pi)
    return np.imag(-(2e9 - 2e6) / (1 + x) ** 0.5) / np.pi


# %%
def main(quick: bool = False) -> None:
    data = isotherms(0)
    shift, omega, modulus = master_curve(data)
    wrong = (shift - shift_true(TEMPERATURES)) / np.log(10)
    print(f"shift factors: largest error {np.abs(wrong).max():.2f} of {np.ptp(shift) / np.log(10):.1f} decades")
    noise = noise_of(modulus, relative=NOISE)
    fit = fit_spectrum(omega, modulus, noise)
    with jax.enable_x64(True):
        found = np.asarray(fit.spectrum.complex_modulus(omega))
        outside = np.append(omega[0] / np.geomspace(10, 1.2, 8), omega[-1] * np.geomspace(1.2, 10, 8))
        beyond = np.asarray(fit.spectrum.complex_modulus(outside))
    for name, values, true in (("within", found, truth(omega)), ("one decade beyond", beyond, truth(outside))):
        print(f"{name} the {np.log10(omega[-1] / omega[0]):.1f} decades measured: "
              f"{100 * np.sqrt(np.mean(np.abs(values / true - 1) ** 2)):.1f} % rms from the truth")
    print(f"points off the fit: {100 * np.sqrt(np.mean(np.abs(modulus / found - 1) ** 2)):.1f} % rms, "
          f"chi-square {float(fit.chi_square):.0f} for {int(fit.data)} numbers")
    report = check_passivity(omega, modulus, noise, draws=19 if quick else 99)
    print(f"passive distance {100 * report.distance:.2f} % (expected {100 * report.expected_distance:.2f} %), "
          f"p = {report.p_value:.2g}, runs {report.runs[0]:+.1f} / {report.runs[1]:+.1f}")
    posterior = sample_spectrum(omega, modulus, noise, draws=40 if quick else 300)
    try:
        draw(data, shift, omega, modulus, posterior)
    except ImportError:
        print("no plot: matplotlib is not installed")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
