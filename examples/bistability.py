# %% [markdown]
# # One height, two amplitudes: which one a tapping tip shows
#
# A tip that taps on a stiff sample under van der Waals forces has two stable oscillations over a wide range of
# heights: one that is attracted all the time and lags by more than 90 degrees, one that is pushed back and lags by
# less. At the same settings an instrument shows either, and jumps between them show as steps in images.
#
# First amplitude and phase against the height: on the way down, on the way up, and from two other beginnings. Then, at
# one height, every beginning: where the tip is and how fast it goes at the moment when it meets the sample.

# %%
import sys

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

import asperity
from asperity.contact import Hertz
from asperity.dynamics.cantilever import Cantilever
from asperity.dynamics.oscillation import Drive, Motion, free_motion, steady
from asperity.dynamics.tip_force import TipForce

LEVER = {"spring_constant": 40.0, "frequency": 300e3, "quality": 400.0}  # N/m, Hz, 1
RADIUS, MODULUS, POISSON, HAMAKER, CUTOFF = 10e-9, 1.5e9, 0.3, 6.4e-20, 0.165e-9  # m, Pa, 1, J, m
SAMPLE = {"name": "hertz", "radius": RADIUS, "modulus": MODULUS, "poisson_ratio": POISSON, "hamaker": HAMAKER,
          "cutoff": CUTOFF}
FREE, HEIGHT = 10e-9, 8e-9  # m
NM = 1e-9


# %% [markdown]
# ## The branches
#
# `asperity.tapping` sweeps down and up; each point begins with the motion of the one before. Because a branch may be on
# neither way, each point is also begun from the free oscillation and from rest.

# %%
def branches(points: int) -> xr.Dataset:
    return asperity.tapping(SAMPLE, lever=LEVER, amplitude=FREE, heights=(2e-9, 11e-9), points=points)


# %% [markdown]
# ## The basins
#
# The state of the tip at the moment when the drive is at its largest: its deflection and velocity. All of them are
# simulated at once until they have settled; the phase says on which branch they ended.

# %%
def basins(side: int, reach: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Deflections and velocities over the free amplitude, (side,), and (velocity, deflection) phases in degrees."""
    at = np.linspace(-reach, reach, side)

    @jax.jit
    @jax.vmap
    def settled(place, pace):
        lever = Cantilever(*LEVER.values())
        force = TipForce(Hertz(radius=RADIUS, modulus=MODULUS, poisson_ratio=POISSON), radius=RADIUS, hamaker=HAMAKER,
                         cutoff=CUTOFF)
        start = Motion(jnp.stack([place, pace - FREE])[None], jnp.asarray(False), jnp.asarray(False))
        return steady(lever, Drive.at_resonance(lever, FREE), force, jnp.asarray(HEIGHT), start, steps=256).phase

    with jax.enable_x64(True):
        assert free_motion(Cantilever(*LEVER.values())).away.shape == (1, 2)  # less those of free motion: (0, FREE)
        pace, place = (grid.ravel() * FREE for grid in np.meshgrid(at, at, indexing="ij"))
        return at, np.degrees(np.asarray(settled(place, pace))).reshape(side, side)


# %% [markdown]
# ## The figures, and the picture

# %%
def draw(curves: xr.Dataset, at: np.ndarray, phases: np.ndarray) -> None:
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    styles = {"approach": "C0-", "retraction": "C1--", "free": "C2.", "rest": "C3x"}
    for axes, name, unit, scale in ((left, "amplitude", "nm", 1 / NM), (middle, "phase", "degrees", 180 / np.pi)):
        for way, style in styles.items():
            label = {"free": "from the free motion", "rest": "from rest"}.get(way, way)
            axes.plot(curves["height"] / NM, curves[name].sel(sweep=way) * scale, style, label=label, ms=4)
        axes.axvline(HEIGHT / NM, color="0.8", zorder=0)
        axes.set(xlabel="height (nm)", ylabel=f"{name} ({unit})", title=name)
    middle.axhline(90, color="k", lw=0.5)
    left.legend(frameon=False, fontsize=8)
    shown = right.pcolormesh(at, at, phases > 90, cmap="coolwarm_r", vmin=-0.3, vmax=1.3, shading="nearest")
    shown.set_edgecolor("face")
    right.plot([0, 0], [0, 1], "k+", ms=9)
    right.annotate("rest", (0, 0), (4, 4), textcoords="offset points")
    right.annotate("free motion", (0, 1), (4, 4), textcoords="offset points")
    right.set(xlabel="deflection / free amplitude", ylabel="velocity / that of the free motion", aspect="equal",
              title=f"{HEIGHT / NM:g} nm: blue attracts, red repels")
    figure.savefig("bistability.png", dpi=150)
    plt.close(figure)
    print("figure: bistability.png")


def main(quick: bool = False) -> None:
    """Follow the branches, and color all beginnings by where they end."""
    curves = branches(7 if quick else 37)
    at, phases = basins(9 if quick else 61)
    attractive = phases > 90
    said = curves.attrs["findings"]
    print(said[2:said.index('",')])
    print(f"At {HEIGHT / NM:g} nm {100 * attractive.mean():.0f} % of all beginnings within 1.5 free amplitudes end "
          "attractive:")
    for name, some in (("attractive", phases[attractive]), ("repulsive", phases[~attractive])):
        if some.size:
            print(f"{name}: phase {some.min():.2f} to {some.max():.2f} degrees, one oscillation for {some.size} "
                  "beginnings")
    try:
        draw(curves, at, phases)
    except ImportError:
        print("no plot: matplotlib is not installed")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
