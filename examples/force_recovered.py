# %% [markdown]
# # The force at the tip, from the deflection of a tapping lever
#
# A lever taps on a sample; what is recorded is its deflection, with the noise of the detector and the thermal motion of
# the lever, and the drive. The force is the unknown term of a known oscillator: `asperity.series_model` (the command
# `asperity dynamics`) finds it, with a band, and the modulus that it shows. Here the force is known, and so both can be
# held against the truth.

# %%
import sys

import numpy as np

import asperity
from asperity.measurements.force_curves.fit import fit
from asperity.measurements.time_series.series_csv import as_curves

QUICK = "--quick" in sys.argv
PERIODS = 12 if QUICK else 60
SAMPLES, STEPS = 64, 2048  # of a period: recorded, and of the simulation
STIFFNESS, FREQUENCY, QUALITY = 40.0, 3e5, 400.0  # N/m, Hz
FREE, HEIGHT = 20e-9, 14e-9  # m
RADIUS, HAMAKER, CUTOFF, MODULUS = 10e-9, 6.4e-20, 0.165e-9, 1e9  # m, J, m, Pa
NOISE = 3e-12  # m, of the detector
THERMAL = 1.380649e-23 * 295  # J


# %% [markdown]
# ## The record
#
# A point mass, moved by leapfrog steps: the exact rotation of the free lever, with kicks of the force, the drive, the
# damping and its noise. It begins with the free motion.

# %%
def force(distance):
    """Derjaguin, Muller, Toporov, N."""
    depth = np.maximum(CUTOFF - distance, 0)
    return 4 / 3 * MODULUS * np.sqrt(RADIUS) * depth**1.5 - HAMAKER * RADIUS / 6 / np.maximum(distance, CUTOFF) ** 2


def write(path):
    random, h = np.random.default_rng(0), 2 * np.pi / STEPS
    cosine, sine, decay = np.cos(h / 2), np.sin(h / 2), np.exp(-h / QUALITY)
    kicks = np.sqrt(2 * THERMAL / STIFFNESS / QUALITY * h) * random.standard_normal(STEPS * PERIODS)
    x, v, seen = 0.0, FREE, []
    for step, kick in enumerate(kicks):
        if step % (STEPS // SAMPLES) == 0:
            seen.append(x)
        x, v = cosine * x + sine * v, cosine * v - sine * x
        drive = FREE / QUALITY * np.cos((step + 0.5) * h)
        v = decay * v + h * (drive + force(HEIGHT + x) / STIFFNESS) + kick
        x, v = cosine * x + sine * v, cosine * v - sine * x
    phase = 2 * np.pi / SAMPLES * np.arange(len(seen))
    deflection = np.array(seen) + NOISE * random.standard_normal(len(seen))
    drive = STIFFNESS * FREE / QUALITY * np.cos(phase)
    columns = [phase / (2 * np.pi * FREQUENCY) * 1e6, deflection * 1e9, drive * 1e9]
    np.savetxt(path, np.stack(columns, axis=1), delimiter=",", header="time (us),deflection (nm),drive (nN)",
               comments="", fmt="%.9g")


# %% [markdown]
# ## The force and the modulus
#
# What is stated of the lever's constants enters the band. The force also becomes force curves, drawn from its
# covariance, that every command for force curves reads: the spread of their moduli is what is not known.

# %%
def main():
    write("tapping.csv")
    lever = {"spring_constant": STIFFNESS, "spring_constant_std": 0.05, "resonance_frequency": FREQUENCY,
             "quality": QUALITY, "height": HEIGHT}
    tip = {"name": "hertz", "radius": RADIUS, "poisson_ratio": 0.0}
    made = asperity.series_model("tapping.csv", lever=lever, contact=tip)
    at, found, std = (made[name].values for name in ("distance", "tip_force", "tip_force_std"))
    inside = at < CUTOFF - 0.3e-9
    off = np.sqrt(np.mean((found - force(at))[inside] ** 2)) / force(at[0])
    print(f"force in contact: {100 * off:.2f} % of its peak off ({1e9 * force(at[0]):.1f} nN)")
    print(f"detector: {1e12 * float(made['detector_noise']):.2f} pm of noise, {1e12 * NOISE:.0f} were put in")
    for name, unit, true in (("modulus", 1e9, MODULUS), ("contact_point", 1e-9, CUTOFF),
                             ("contact_attraction", 1e-9, force(CUTOFF))):
        print(f"{name}: {float(made[name]) / unit:.3f} +- {float(made[f'{name}_std']) / unit:.3f}, "
              f"truth {true / unit:.3f} ({'GPa' if unit == 1e9 else 'nm' if 'point' in name else 'nN'})")
    curves = as_curves(made, STIFFNESS).isel(curve=slice(0, 8 if QUICK else 64))
    moduli = fit(curves, {"name": "dmt", "radius": RADIUS, "poisson_ratio": 0.0}, segment="approach")["modulus"].values
    print(f"by asperity.fit of draws of the force: {np.median(moduli) / 1e9:.3f} +- {moduli.std() / 1e9:.3f} GPa")
    draw(at, found, std)


# %% [markdown]
# ## The figure
#
# Left: the force with its band of 95 %, and the truth. Right: what it is off, in units of the standard uncertainty.

# %%
def draw(at, found, std):
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    near = at < 3e-9
    z, dense = 1e9 * at[near], np.linspace(at[0], 3e-9, 400)
    axes[0].plot(1e9 * dense, 1e9 * force(dense), color="0.3", lw=1, label="truth")
    axes[0].plot(z, 1e9 * found[near], color="C3", lw=1.4, label="recovered, 95 %")
    axes[0].fill_between(z, *(1e9 * (found + sign * 1.96 * std)[near] for sign in (-1, 1)), color="C3", alpha=0.2, lw=0)
    axes[0].set(xlabel="distance (nm)", ylabel="force (nN)", title="force at the tip")
    axes[0].legend(fontsize=8)
    axes[1].plot(z, (found - force(at))[near] / std[near], "o-", ms=3, lw=0.8)
    axes[1].axhspan(-1.96, 1.96, color="0.9")
    axes[1].set(xlabel="distance (nm)", ylabel="error / standard uncertainty", title="errors")
    figure.savefig("force_recovered.png", dpi=150)
    plt.close(figure)
    print("figure: force_recovered.png")


if __name__ == "__main__":
    main()
