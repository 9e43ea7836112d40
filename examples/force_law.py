# %% [markdown]
# # A force law from one measured curve, and what a plain Gaussian process would have said
#
# A silicon nitride tip comes down on a hard sample, is drawn in, and presses. The force against the separation is a sum
# of a contact and of an attraction. `asperity.force_law` tells both apart, with bands: where the tip jumps, nothing was
# measured, and the bands say so; far away, forces vanish, and so do the bands. A plain Gaussian process of the same
# data knows neither.

# %%
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import asperity
from asperity.learning.gp import dense
from asperity.learning.gp.force_prior import FORCE_PRIORS
from asperity.learning.gp.hyperparameters import GaussianPrior, maximum
from asperity.learning.gp.observed import Observed

QUICK = "--quick" in sys.argv
DRAWS = 32 if QUICK else 128
MEASURED = Path(__file__).resolve().parent / "measured" / "silicon_nitride.ibw"
RADIUS = 10e-9  # m, of the tip: nobody measured it
ASKED = np.array([3e-9, 10e-9, 100e-9, 600e-9])  # m; the data end at 0.2 um
SCALE = 1e-9  # nm and nN


# %% [markdown]
# ## A plain Gaussian process
#
# One squared exponential kernel, whose size and length are the most probable ones, with the noise of the data.

# %%
def plain(law, asked):
    """Mean and standard deviation (nN) at separations (nm), from the samples before contact."""
    outside = law["bin_separation"].values > 0
    order = np.argsort(law["bin_separation"].values[outside])
    z, y = (law[name].values[outside][order] / SCALE for name in ("bin_separation", "bin_force"))
    y = y - law["bin_baseline"].values[outside][order] / SCALE
    noise = float(law["noise_std"]) / SCALE
    with jax.enable_x64(True):
        kernel = FORCE_PRIORS["squared_exponential"]
        data = Observed(jnp.asarray(z), jnp.asarray(y), jnp.full(len(z), noise**2), jnp.ones(len(z), bool))
        prior = GaussianPrior(*(jnp.asarray(one) for one in ([-2.0, 2.0], [2.0, 2.0])))
        find = jax.jit(lambda key: maximum(lambda theta: dense.log_likelihood(kernel.kernel(theta, data.z[0]), data),
                                           prior, key))
        best = prior.at(find(jax.random.key(0))[0])
        found = dense.condition(kernel.kernel(best, data.z[0]), data, jnp.asarray(asked))
        return np.asarray(found.mean)[:, 0], np.sqrt(np.asarray(found.covariance)[:, 0, 0])


# %% [markdown]
# ## The force law

# %%
def main():
    curve = asperity.read(MEASURED)
    laws = asperity.force_law(curve, {"name": "hertz", "radius": RADIUS}, draws=DRAWS)
    law = laws.isel(curve=0)
    pull, low, high = (1e9 * float(law[f"contact_attraction{end}"]) for end in ("", "_low", "_high"))
    print(f"attraction at contact {pull:.2f} nN ({low:.2f} to {high:.2f}, 95 %)")
    print(f"seen before contact from {1e9 * float(law['attraction_from']):.1f} to "
          f"{1e9 * float(law['attraction_to']):.1f} nm; it falls with the power "
          f"{float(law['attraction_exponent']):.1f} +- {float(law['attraction_exponent_std']):.1f}")
    asked = asperity.predict(laws, ASKED).isel(curve=0)
    mean, std = plain(law, ASKED / SCALE)
    print("separation      force law            plain process")
    for i, z in enumerate(ASKED):
        force, doubt = (1e12 * float(asked[name][i]) for name in ("force", "force_std_epistemic"))
        print(f"{1e9 * z:6.0f} nm   {force:8.2f} +- {doubt:<8.2g} {1e3 * mean[i]:8.2f} +- {1e3 * std[i]:<8.2g} pN")
    draw(law)


# %% [markdown]
# ## The figure
#
# Left: data and law about contact, with the jump between. Middle: its parts. Right: before contact, with the plain
# process, and beyond the data.

# %%
def draw(law):
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    z, data_z = law["separation"].values / SCALE, law["bin_separation"].values / SCALE
    data = (law["bin_force"] - law["bin_baseline"]).values / SCALE
    axes[0].plot(data_z, data, "o", ms=2.5, mfc="none", color="C0", label="data")
    band(axes[0], z, [law[f"force{end}"].values / SCALE for end in ("", "_low", "_high")], "C3", "law, 95 %")
    for i, (part, color) in enumerate(zip(law["part"].values, ("C0", "C1", "C2"))):
        band(axes[1], z, [law[f"part_{kind}"].values[:, i] / SCALE for kind in ("force", "low", "high")], color, part)
    for axis in axes[:2]:
        axis.set(xlim=(z[0], 6), xlabel="separation (nm)", ylabel="force (nN)")
    out = z > 0
    axes[2].semilogx(data_z[data_z > 0], 1e3 * data[data_z > 0], "o", ms=2.5, mfc="none", color="C0", label="data")
    band(axes[2], z[out], [1e12 * law[f"force{end}"].values[out] for end in ("", "_low", "_high")], "C3", "law, 95 %")
    wide = np.geomspace(0.6, 600, 200)
    mean, std = plain(law, wide)
    band(axes[2], wide, [1e3 * mean, 1e3 * (mean - 1.96 * std), 1e3 * (mean + 1.96 * std)], "0.4", "plain process")
    axes[2].set(ylim=(-250, 150), xlabel="separation (nm)", ylabel="force (pN)", title="before contact")
    axes[0].set(title="law")
    axes[1].set(title="parts")
    for axis in axes:
        axis.legend(fontsize=8)
    figure.savefig("force_law.png", dpi=150)
    plt.close(figure)
    print("figure: force_law.png")


def band(axis, x, parts, color, label):
    axis.plot(x, parts[0], color=color, lw=1.4, label=label)
    axis.fill_between(x, parts[1], parts[2], color=color, alpha=0.2, lw=0)


if __name__ == "__main__":
    main()
