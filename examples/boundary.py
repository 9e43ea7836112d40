# %% [markdown]
# # The boundary of two materials, in a loop with an instrument
#
# Two materials, one three times as stiff as the other, in a field of 20 um. A loop asks after every 12 curves where the
# next ones tell most; beside it stands a grid of 10 x 10 curves. The instrument is a virtual one: each curve is
# simulated at the place that was asked for and fitted like a measured one.
#
# The discs are 6 to 12 sites wide, so that the first 16 curves meet them: 64 curves of the loop tell as much as 100 of
# the grid, 36 % fewer (1.4 % of sites wrong against 3.1 % here; over the seeds 0 to 5 1.9 against 2.5 %). What is
# smaller than the first curves lie apart no plan can know of: with discs of one to four sites the grid tells more
# (2.8 % against 6.9 %), and the loop expects 19 % itself.

# %%
import sys

import numpy as np
import xarray as xr

import asperity
from asperity.contact import Hertz
from asperity.virtual.force_map import Instrument, Noise, Specimen, virtual_map

SIDE = 24  # sites along each side
SPECIMEN = Specimen(modulus_spread=0.05, discs=2, fibers=0, inclusion_modulus=3.0, roughness=0.0, slope=0.0,
                    disc_radius=(0.12, 0.25))
MODEL = {"name": "hertz", "radius": 5e-6}
SEED = 0

# %% [markdown]
# ## The instrument
#
# Curves of all sites are simulated and fitted once; to measure is to take those of the sites that are asked for.


# %%
def instrument(side: int, samples: int) -> xr.Dataset:
    template = Hertz(radius=5e-6, modulus=1e4)
    curves = virtual_map(rows=side, columns=side, samples=samples, model=template, instrument=Instrument(),
                         specimen=SPECIMEN, noise=Noise(), seed=SEED)
    found = asperity.fit(curves, MODEL)
    return found.assign(inclusion=("curve", curves["true_inclusion"].values))


def measure(all_sites: xr.Dataset, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The curves whose sites are nearest to the places that are asked for."""
    away = np.hypot(all_sites["x"].values - x[:, None], all_sites["y"].values - y[:, None])
    return away.argmin(axis=1)


# %% [markdown]
# ## The loop
#
# Its only state are the results: if it is interrupted, the same results give the same next places.


# %%
def loop(all_sites: xr.Dataset, start: list[int], curves: int, batch: int) -> tuple[list[int], xr.Dataset]:
    index = list(start)
    pitch = float(np.diff(np.unique(all_sites["x"].values)).min())
    while True:
        told = asperity.next_points(all_sites.isel(curve=index), "boundary", budget=batch, spacing=pitch,
                                    area=box(all_sites), repeat_every=0)
        if len(index) >= curves:
            return index, told
        asked = measure(all_sites, told["x"].values, told["y"].values)
        index += asked.tolist()[:curves - len(index)]


def box(all_sites: xr.Dataset) -> list[float]:
    x, y = all_sites["x"].values, all_sites["y"].values
    return [float(x.min()), float(y.min()), float(x.max()), float(y.max())]


def grid(side: int, count: int) -> list[int]:
    at = [int((i + 0.5) * side / count) for i in range(count)]
    return [row * side + column for row in at for column in at]


def wrong(all_sites: xr.Dataset, told: xr.Dataset) -> float:
    """The share of sites that are called the other material than they are of."""
    site = measure(all_sites, told["place_x"].values, told["place_y"].values)
    stiff = told["place_modulus"].values > float(told["threshold"])
    return float(np.mean(stiff != (all_sites["inclusion"].values[site] > 0)))


def draw(all_sites: xr.Dataset, found: dict[str, tuple[list[int], xr.Dataset]]) -> None:
    import matplotlib.pyplot as plt

    side = int(np.sqrt(all_sites.sizes["curve"]))
    figure, panels = plt.subplots(1, len(found), figsize=(5 * len(found), 4.6), layout="constrained")
    for axes, (name, (index, told)) in zip(panels, found.items(), strict=True):
        x, y = (np.unique(told[f"place_{axis}"].values) * 1e6 for axis in "xy")
        image = told["place_modulus"].values.reshape(len(y), len(x)) / 1e3
        shown = axes.pcolormesh(x, y, image, vmin=8, vmax=32)
        truth = all_sites["inclusion"].values.reshape(side, side)
        axes.contour(x, y, truth, [0.5], colors="w", linewidths=1)
        axes.plot(all_sites["x"].values[index] * 1e6, all_sites["y"].values[index] * 1e6, "r.", ms=4)
        axes.set(title=f"{name}: {100 * wrong(all_sites, told):.1f} % wrong", xlabel="x (um)", ylabel="y (um)",
                 aspect="equal")
        figure.colorbar(shown, ax=axes, label="modulus (kPa)")
    figure.savefig("boundary.png", dpi=150)
    plt.close(figure)
    print("figure: boundary.png")


# %%
def main(quick: bool = False) -> None:
    """Measure by a plan and by a grid, and compare what they tell of all sites."""
    side = 12 if quick else SIDE
    all_sites = instrument(side, 128 if quick else 256)
    few, many = (25, 36) if quick else (64, 100)
    start, even = grid(side, 4), grid(side, int(np.sqrt(many)))
    found = {f"plan, {few} curves": loop(all_sites, start, few, 9 if quick else 12),
             f"grid, {many} curves": loop(all_sites, even, many, 1)}
    print(f"{all_sites.sizes['curve']} sites, two materials; share of sites called the wrong one:")
    for name, (_, told) in found.items():
        print(f"{name}: {100 * wrong(all_sites, told):.1f} %, expected by itself {100 * float(told['left']):.1f} %")
    try:
        draw(all_sites, found)
    except ImportError:
        print("no plot: matplotlib is not installed")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
