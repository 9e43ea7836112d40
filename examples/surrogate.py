# %% [markdown]
# # A surrogate and its guard
#
# The force of a sticky tip on a thin layer takes an integral equation and a root: 10 ms. A surrogate that has seen a
# few hundred solutions tells it in a microsecond, with an error bar. Three things make it trustworthy: it learns
# numbers without a unit, about the half-space (JKR) that a thick layer is; it says how wrong it is; outside its box it
# says nothing.

# %%
import sys

import jax
import jax.numpy as jnp
import numpy as np

from asperity.learning.discovery.layer_surrogate import layer_surrogate, solved_parts
from asperity.messages import ArgumentError

QUICK = "--quick" in sys.argv
SOLVES = 32 if QUICK else 256
SAMPLE = {"radius": 1e-6, "reduced_modulus": 2e4, "poisson_ratio": 0.45, "work_of_adhesion": 1e-4}  # m, Pa, 1, J/m^2
THICKNESSES = np.geomspace(0.1e-6, 8e-6, 9 if QUICK else 60)  # m
INDENTATION = 100e-9  # m


# %% [markdown]
# ## The same indentation on thinner and thinner layers
#
# Contact radii of 0.05 to 3 thicknesses are in the box. Where the layer is thicker or thinner, the value is NaN, and a
# call by name is refused with the reason.

# %%
def forces():
    """Thickness (m), reach, and what is told: force and its standard deviation (nN), beside the solver's."""
    made = layer_surrogate(solves=SOLVES)
    values = {**SAMPLE, "indentation": INDENTATION, "thickness": jnp.asarray(THICKNESSES)}
    groups = made.pressing.groups(values)
    told = made.reduced(groups)
    unit = 1e9 * SAMPLE["reduced_modulus"] * THICKNESSES**3 / SAMPLE["radius"]
    inside = np.asarray(told.inside)
    exact = np.full(len(unit), np.nan)
    pressing, pulling = solved_parts(np.asarray(groups)[inside])
    exact[inside] = pressing - pulling
    try:
        made.force(**{**values, "thickness": 0.05e-6})
    except ArgumentError as error:
        print(f"refused: {error}")
    return np.asarray(groups[:, 0]), unit * np.asarray(told.value), unit * np.asarray(told.std), unit * exact


def draw(reach, value, std, exact) -> None:
    import matplotlib.pyplot as plt

    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 6), sharex=True, layout="constrained")
    top.loglog(reach, exact, "k.", label="solver")
    top.loglog(reach, value, "C0-", label="surrogate")
    top.set(ylabel="force (nN)", title=f"an indentation of {INDENTATION * 1e9:g} nm")
    top.legend(frameon=False)
    bottom.fill_between(reach, -196 * std / exact, 196 * std / exact, color="C0", alpha=0.3, lw=0, label="95 %")
    bottom.plot(reach, 100 * (value / exact - 1), "C0-", label="error")
    bottom.set(xlabel="half-space contact radius / thickness", ylabel="error (%)")
    bottom.legend(frameon=False)
    for axes in (top, bottom):
        axes.axvspan(3.0, 6.0, color="0.9")
    top.annotate("refused", (3.1, np.nanmin(value)), fontsize=9)
    figure.savefig("surrogate.png", dpi=150)
    plt.close(figure)
    print("figure: surrogate.png")


def main() -> None:
    """Tell the forces, judge them, show them."""
    with jax.enable_x64(True):
        reach, value, std, exact = forces()
    off = np.abs(value / exact - 1)
    told = np.isfinite(value)
    print(f"{told.sum()} of {len(reach)} layers are told, {len(reach) - told.sum()} are outside the box")
    print(f"largest error {100 * np.nanmax(off):.3f} %; within the 95 % bar: "
          f"{100 * np.mean((np.abs(value - exact) < 1.96 * std)[told]):.0f} % of the layers")
    print(f"reach {reach[told].min():.2f} to {reach[told].max():.2f}: {np.nanmin(value):.3g} to {np.nanmax(value):.3g} "
          "nN")
    try:
        draw(reach, value, std, exact)
    except ImportError:
        print("no plot: matplotlib is not installed")


if __name__ == "__main__":
    main()
