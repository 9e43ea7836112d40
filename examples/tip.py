# %% [markdown]
# # How blunt is the tip, and which pixels did it touch?
#
# Particles on a flat surface are imaged by a blunt, noisy tip: every particle is broadened by the shape of
# the tip. The tip is found from the images alone, in two steps: an outer bound that bounded noise cannot
# break, and a refinement inside it. A sphere-cone fitted to it gives the radius, with an uncertainty. Then
# the surface is reconstructed. Which pixels the tip touched for certain can be told while the noise is
# small against the drop of the tip over a pixel; here it is not, and the answer is: none. All of it is simulated, so
# the truth is known.
#
# The refined tip keeps a bias of about the noise, which its standard deviation over frames cannot show.

# %%
import sys

import jax
import numpy as np

from asperity.instrument.blind_tip import bound_tip, noise_bound
from asperity.instrument.certainty import reconstruct
from asperity.instrument.morphology import dilate
from asperity.instrument.tip_refinement import refine_tip
from asperity.instrument.tip_shape import SphereCone, fit_shape, on_grid

NM = 1e-9
PIXEL = (1 * NM, 1 * NM)
TIP = SphereCone(4 * NM, 0.35)
SIZE = (13, 13)  # pixels of the tip
NOISE_STD = 0.3 * NM
FRAMES, ROWS = 10, 48


# %% [markdown]
# ## Images of particles, each scanned twice

# %%
def particles(seed: int) -> np.ndarray:
    """Balls of 2 to 5 nm radius on a plane, heights in m."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:ROWS, :ROWS] * NM
    surface = np.zeros((ROWS, ROWS))
    for _ in range(7):
        radius = rng.uniform(2, 5) * NM
        square = radius**2 - (x - rng.uniform(0, ROWS) * NM)**2 - (y - rng.uniform(0, ROWS) * NM)**2
        surface = np.maximum(surface, np.where(square > 0, radius + np.sqrt(np.maximum(square, 0)), 0))
    return surface


def images(surfaces: np.ndarray, tip: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(jax.vmap(dilate, (0, None))(surfaces, tip))


def main(quick: bool = False) -> None:
    surfaces = np.array([particles(seed) for seed in range(6 if quick else FRAMES)])
    tip = on_grid(TIP, SIZE, PIXEL)
    clean = images(surfaces, tip)
    scans = clean + NOISE_STD * np.random.default_rng(0).normal(size=(2, *clean.shape))

    # %% [markdown]
    # ## The noise from the two scans, the bound, the refinement, the radius
    # %%
    noise = noise_bound(*scans)
    mean, std = scans.mean(axis=0), noise.std / np.sqrt(2)
    bound = bound_tip(mean, SIZE, noise_bound=noise.bound / np.sqrt(2))
    steps, replicates = (200, 4) if quick else (300, 8)
    refined = refine_tip(mean, bound.heights, noise_std=std, steps=steps, replicates=replicates)
    unseen = refined.contacts < 10
    error = np.sqrt(refined.std**2 + std**2)  # the apex is 0 by rule, not by measurement
    fit = fit_shape(SphereCone, refined.heights, pixel=PIXEL, std=error, bound_only=unseen)
    found = reconstruct(mean[0], on_grid(fit.shape, SIZE, PIXEL), noise_bound=noise.bound / np.sqrt(2))
    ideal = reconstruct(clean[0], tip)
    wrong = int((np.abs(ideal.surface - surfaces[0])[ideal.certain] > ideal.noise_bound).sum())

    seen = ~unseen
    lines = {"noise of a scan": f"{noise.std / NM:.3f} nm (true {NOISE_STD / NM:.3f})",
             "bound above the tip": f"{rms((bound.heights - tip)[seen]):.2f} nm rms; below it by at most "
                                    f"{max((tip - bound.heights).max(), 0) / NM:.2g} nm",
             "refined tip": f"{rms((refined.heights - tip)[seen]):.2f} nm rms over {seen.sum()} of {seen.size} pixels",
             "radius": f"{fit.shape.radius / NM:.2f} +- {fit.std['radius'] / NM:.2f} nm (true "
                       f"{TIP.radius / NM:.2f}), misfit {fit.misfit:.1f}",
             "half angle": f"{fit.shape.half_angle:.3f} +- {fit.std['half_angle']:.3f} rad (true "
                           f"{TIP.half_angle:.3f})",
             "image off the surface": f"{rms(mean[0] - surfaces[0]):.2f} nm rms",
             "reconstruction": f"{rms(found.surface - surfaces[0]):.2f} nm rms",
             "certain pixels": f"{found.certain.mean():.0%}; with the true tip and no noise "
                               f"{ideal.certain.mean():.0%}, of which wrong: {wrong}"}
    for name, text in lines.items():
        print(f"{name:22} {text}")
    shown = np.where(unseen, np.nan, refined.heights)
    draw(surfaces[0], mean[0], found.surface, ideal.certain, tip, bound.heights, shown, error)


def rms(error: np.ndarray) -> float:
    return float(np.sqrt(np.mean(error**2))) / NM


# %% [markdown]
# ## The picture

# %%
def draw(surface, image, found, certain, tip, bound, refined, error) -> None:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    figure, axes = plt.subplots(2, 3, figsize=(11, 7), layout="constrained")
    high = surface.max() / NM
    shown = {"truth": surface, "image: broadened by the tip": image, "reconstructed surface": found}
    for axis, (title, heights) in zip(axes.flat, shown.items()):
        colored = axis.imshow(heights / NM, vmin=0, vmax=high, cmap="viridis")
        axis.set(title=title, xlabel="x in nm", ylabel="y in nm")
    figure.colorbar(colored, ax=list(axes[0]), label="height in nm", shrink=0.9)
    axis = axes[1, 0]
    axis.imshow(np.where(certain, 1.0, np.nan), cmap="Greens", vmin=0, vmax=1.5)
    axis.set(title="certain, if there were no noise", xlabel="x in nm", ylabel="y in nm")
    row = int(np.unravel_index(surface.argmax(), surface.shape)[0])
    axis = axes[1, 1]
    axis.plot(surface[row] / NM, "k", label="truth")
    axis.plot(image[row] / NM, "C3", label="image")
    axis.plot(found[row] / NM, "C0", label="reconstructed")
    axis.set(title=f"line y = {row} nm", xlabel="x in nm", ylabel="height in nm")
    axis.legend(fontsize=8)
    axis, middle = axes[1, 2], SIZE[0] // 2
    u = (np.arange(SIZE[1]) - SIZE[1] // 2) * PIXEL[1] / NM
    axis.plot(u, tip[middle] / NM, "k", label="truth")
    axis.plot(u, bound[middle] / NM, "C1--", label="outer bound")
    axis.errorbar(u, refined[middle] / NM, error[middle] / NM, fmt="C0o", ms=4, label="refined, where seen")
    axis.set(title="the tip through its apex", xlabel="distance from the apex in nm", ylabel="height in nm")
    axis.set_ylim(1.2 * np.nanmin(refined[middle]) / NM - 2, 1)
    axis.legend(fontsize=8)
    figure.savefig("tip.png", dpi=150)
    plt.close(figure)
    print("figure: tip.png")


if __name__ == "__main__":
    main("--quick" in sys.argv)
