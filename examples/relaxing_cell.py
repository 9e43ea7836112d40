# %% [markdown]
# # A force curve on a material that relaxes
#
# Forty curves of a 5 um sphere on power-law materials, E(t) = E0 (t / 1 s)^-beta, with
# white noise. The loop between approach and retraction holds the relaxation: a fit of both directions, with the
# indentation history as it was, gives E0 and beta. All of it is simulated, so the truth is known.

# %%
import sys

import numpy as np
import xarray as xr
from scipy.special import gamma

from asperity.contact import Hertz
from asperity.measurements.rheometry.power_law import fit_viscoelastic
from asperity.rheology.hereditary import ting
from asperity.rheology.springpot import Springpot

TIP = Hertz(radius=5e-6)
STIFFNESS, RATE, SAMPLES = 0.05, 2000.0, 300  # N/m, 1/s, samples per direction
SPEED, NOISE = 5e-6, 1e-11  # m/s of the tip in contact, N of white noise


# %%
def curves(count, seed=0):
    """Triangular ramps of the tip; the height is what the base must do for that."""
    import jax

    rng = np.random.default_rng(seed)
    modulus, order = rng.uniform(300, 1500, count), rng.uniform(0.05, 0.35, count)
    time = np.arange(2 * SAMPLES) / RATE
    indentation = SPEED * (0.5 * time[SAMPLES] - np.abs(time - time[SAMPLES]))
    with jax.enable_x64(True):
        press = jax.jit(lambda c, beta: ting(TIP, Springpot(c, beta), time, indentation))
        force = np.array([press(e * gamma(1 - b), b) for e, b in zip(modulus, order)])
    height = -indentation - force / STIFFNESS
    recorded = force + NOISE * rng.standard_normal(force.shape)
    dims = ("curve", "segment", "sample")
    channels = {"time": np.tile(time, (count, 1)), "height": height, "force": recorded}
    return xr.Dataset({n: (dims, v.reshape(count, 2, SAMPLES)) for n, v in channels.items()},
                      {"segment": ["approach", "retract"], "spring_constant": ("curve", np.full(count, STIFFNESS)),
                       "sample_count": (dims[:2], np.full((count, 2), SAMPLES))}), modulus, order


def main(quick=False):
    data, modulus, order = curves(8 if quick else 40)
    found = fit_viscoelastic(data, TIP, samples=150)
    errors = {"E0": (found.modulus.values, found.modulus_std.values, modulus, "Pa"),
              "beta": (found.order.values, found.order_std.values, order, "1")}
    print(f"{len(modulus)} curves, {int((found.flag == 0).sum())} without a flag")
    for name, (value, std, truth, unit) in errors.items():
        inside = np.mean(np.abs(value - truth) < 1.96 * std)
        print(f"{name:5} rms error {np.sqrt(np.mean((value - truth) ** 2)):8.3g} {unit:3}"
              f" stated {np.median(std):8.3g}; inside 95 %: {inside:.2f}")
    draw(data, errors)


def draw(data, errors):
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    for part, color in (("approach", "C0"), ("retract", "C1")):
        one = data.isel(curve=0).sel(segment=part)
        depth = -(one.height + one.force / STIFFNESS)
        axes[0].plot(1e9 * depth, 1e9 * one.force, ".", ms=2, color=color, label=part)
    axes[0].set(xlabel="indentation (nm)", ylabel="force (nN)", title="one curve: the loop is the relaxation")
    axes[0].legend()
    for axis, (name, (value, std, truth, unit)) in zip(axes[1:], errors.items()):
        axis.errorbar(truth, value, 1.96 * std, fmt="o", ms=3, mfc="none", color="C2")
        axis.plot([truth.min(), truth.max()], [truth.min(), truth.max()], color="0.6", lw=1)
        suffix = f" ({unit})" if unit != "1" else ""
        axis.set(xlabel=f"true {name}{suffix}", ylabel=f"fitted {name}{suffix}", title=f"{name}, 95 % intervals")
    figure.savefig("relaxing_cell.png", dpi=150)
    plt.close(figure)
    print("figure: relaxing_cell.png")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
