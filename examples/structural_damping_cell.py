# %% [markdown]
# # A living cell from oscillations: spectrum, network, and what causality says of the data
#
# A cell damps as $E^* = E_0(1 + i\tan\frac{\pi\alpha}{2})(\omega/\omega_0)^\alpha + i\omega\mu$. Sixteen frequencies on
# three decades are simulated with 3 % noise, so that the truth is known. Then
#
# - a nonnegative relaxation spectrum with bands of 90 %: causal and dissipative by construction;
# - two networks for E*, one of them with the Kramers-Kronig relations in its loss, both asked to extrapolate;
# - the report on causality, of the data as they are and with a phase that is off by 4 degrees.

# %%
import sys

import numpy as np

from asperity.learning.kk_choice import choose_penalties
from asperity.learning.kk_network import Penalties, train_kk_networks
from asperity.learning.kk_training import Plan
from asperity.learning.network_bands import bands, replicates
from asperity.rheology.passivity import check_passivity
from asperity.rheology.spectrum_estimate import noise_of
from asperity.rheology.spectrum_posterior import sample_spectrum
from asperity.rheology.structural_damping import StructuralDamping

CELL = StructuralDamping(modulus=458.0, order=0.22, viscosity=1.68)  # Pa, 1, Pa s: a lung epithelial cell (A549)
NOISE = 0.03  # of |E*|, in E' and E'' each
OMEGA = np.logspace(0, 3, 16)  # rad/s
BROAD = np.logspace(-1, 4, 101)  # one decade beyond the data on both sides


# %% [markdown]
# ## The measurement, and the truth

# %%
def truth(omega: np.ndarray) -> np.ndarray:
    return np.asarray(CELL.operational_modulus(1j * omega))


def measure(seed: int = 0) -> np.ndarray:
    z = np.random.default_rng(seed).standard_normal((2, len(OMEGA)))
    return truth(OMEGA) + NOISE * np.abs(truth(OMEGA)) * (z[0] + 1j * z[1])


def density(tau: np.ndarray) -> np.ndarray:
    """The exact H of the power law, Pa; the dashpot is not part of it."""
    prefactor = CELL.modulus / np.cos(np.pi * CELL.order / 2)
    return prefactor * np.sin(np.pi * CELL.order) / np.pi * tau**-CELL.order


# %% [markdown]
# ## Spectrum and networks

# %%
def spectrum_bands(data: np.ndarray, noise: np.ndarray, draws: int) -> dict[str, np.ndarray]:
    """Quantiles 5, 50, 95 % of E', E'' and H."""
    found = sample_spectrum(OMEGA, data, noise, draws=draws)
    tau = np.asarray(found.relaxation_time)[0]
    broad = np.asarray(found.complex_modulus(BROAD[:, None])).T
    levels = [0.05, 0.5, 0.95]
    return {"tau": tau, "H": np.quantile(found.density, levels, axis=0), "E'": np.quantile(broad.real, levels, axis=0),
            "E''": np.quantile(broad.imag, levels, axis=0)}


def network_bands(data: np.ndarray, noise: np.ndarray, penalties: Penalties, plan: Plan, members: int) -> dict:
    """Lower bound, estimate and upper bound of E' and E''."""
    drawn = replicates(data, noise, members=members)
    trained = train_kk_networks(OMEGA, *drawn, penalties=penalties, plan=plan._replace(seed=np.arange(members)))
    found = bands(trained.networks, BROAD)
    order = found.lower, found.estimate, found.upper
    return {"E'": np.array([a.real for a in order]), "E''": np.array([a.imag for a in order])}


def off(found: dict, where: np.ndarray) -> float:
    """rms error of E* in per cent."""
    right = truth(BROAD)[where]
    return 100 * np.sqrt(np.mean(np.abs((found["E'"][1] + 1j * found["E''"][1])[where] / right - 1) ** 2))


def held(found: dict, where: np.ndarray) -> float:
    """Share of true E' and E'' within the bands."""
    right = truth(BROAD)[where]
    parts = [(found[name][0, where] <= part) & (part <= found[name][2, where])
             for name, part in (("E'", right.real), ("E''", right.imag))]
    return float(np.mean(parts))


# %% [markdown]
# ## The picture

# %%
COLORS = {"spectrum": "C0", "network, data only": "C7", "network with KK": "C3"}


def draw(data: np.ndarray, noise: np.ndarray, found: dict, chosen: list[str], path: str) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    for axis, name, part in ((axes[0], "E'", np.real), (axes[1], "E''", np.imag)):
        axis.axvspan(OMEGA[0], OMEGA[-1], color="0.94", zorder=0)
        for what in chosen:
            low, middle, high = found[what][name]
            axis.plot(BROAD, middle, color=COLORS[what], label=what)
            axis.fill_between(BROAD, low, high, color=COLORS[what], alpha=0.2, lw=0)
        axis.plot(BROAD, part(truth(BROAD)), "k--", lw=1, label="truth")
        axis.errorbar(OMEGA, part(data), part(noise), fmt="ko", ms=3, lw=1, label="data")
        size = part(truth(BROAD))
        axis.set(xscale="log", yscale="log", xlabel="angular frequency in rad/s", ylabel=f"{name} in Pa",
                 ylim=(size.min() / 2.5, size.max() * 2.5))
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if size.max() < 30 * size.min() else (1.0,)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(NullFormatter())
    axes[0].legend(frameon=False, fontsize=8)
    axes[0].set_title("storage", fontsize=10)
    axes[1].set_title("loss (gray: frequencies measured)", fontsize=10)
    tau, (low, middle, high) = found["spectrum"]["tau"], found["spectrum"]["H"]
    axes[2].axvspan(1 / OMEGA[-1], 1 / OMEGA[0], color="0.94", zorder=0)
    axes[2].fill_between(tau, low, high, color="C0", alpha=0.2, lw=0, label="90 %")
    axes[2].plot(tau, middle, color="C0", label="median")
    axes[2].plot(tau, density(tau), "k--", lw=1, label="truth")
    axes[2].set(xscale="log", xlabel=r"relaxation time in s", ylabel=r"H in Pa", ylim=(0, 3 * density(tau).max()))
    axes[2].set_title("relaxation spectrum", fontsize=10)
    axes[2].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    print(f"figure: {path}")


# %%
def main(quick: bool = False) -> None:
    data = measure()
    noise = noise_of(data, relative=NOISE)
    plan, members = (Plan(steps=1000), 4) if quick else (Plan(), 16)
    choice = choose_penalties(OMEGA, data, noise, plan=plan)
    best = choice.candidates[int(choice.best)]
    print("held-out misfit, in variances of the noise: " + ", ".join(
        f"{candidate.form} {misfit:.2f}" for candidate, misfit in zip(choice.candidates, choice.misfit)))
    found = {"spectrum": spectrum_bands(data, noise, 100 if quick else 500),
             "network, data only": network_bands(data, noise, best._replace(causality=0.0), plan, members),
             "network with KK": network_bands(data, noise, best, plan, members)}
    inside = (BROAD >= OMEGA[0]) & (BROAD <= OMEGA[-1])
    print(f"\n{'':20} {'error in band':>14} {'beyond':>8} {'held by 90 % in band':>22} {'beyond':>8}")
    for name, one in found.items():
        print(f"{name:20} {off(one, inside):12.1f} % {off(one, ~inside):6.1f} % {held(one, inside):22.2f} "
              f"{held(one, ~inside):8.2f}")
    for name, angle in (("as measured", 0.0), ("with a phase error of 4 degrees", 4.0)):
        report = check_passivity(OMEGA, data * np.exp(1j * np.deg2rad(angle)), noise, draws=199 if quick else 999)
        print(f"\nThe data {name}:\n{report if not angle else str(report).splitlines()[0]}")
        if angle:
            print(f"passive distance {100 * report.distance:.3g} % rms, p = {report.p_value:.2g}")
    try:
        draw(data, noise, found, list(COLORS), "structural_damping_cell.png")
    except ImportError:
        print("no plot: matplotlib is not installed")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
