# %% [markdown]
# # Leveling an image, and the roughness that it costs
#
# A rough surface with a terrace, tilted, with a random offset on every scan line and a few scars: what a
# microscope gives. We take away what is not the surface, leave the terrace out of every fit, mask the scars,
# and say what the roughness of the surface was before leveling took a part of it. All is simulated.

# %%
import sys

import numpy as np

from asperity.instrument.leveling import find_scars, level_lines, level_polynomial
from asperity.instrument.missing import fill_harmonic
from asperity.measurements.images.roughness import law_of_image

NM = 1e-9
SIZE, PITCH = 256, 4 * NM
RMS, LENGTH = 1 * NM, 8 * PITCH  # of the roughness: standard deviation, correlation length


# %% [markdown]
# ## The scan

# %%
def roughness(seed: int) -> np.ndarray:
    """A Gaussian surface with the autocorrelation exp(-(r/T)^2), in m."""
    axis = np.fft.fftfreq(2 * SIZE, 1 / (2 * SIZE)) * PITCH
    power = np.fft.fft2(np.exp(-((axis[:, None] ** 2 + axis**2) / LENGTH**2))).real
    white = np.fft.fft2(np.random.default_rng([seed, 0]).standard_normal(power.shape))
    return RMS * np.fft.ifft2(white * np.sqrt(np.maximum(power, 0))).real[:SIZE, :SIZE]


def scan(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is measured, the true surface with its terrace, and where the scars are."""
    rng = np.random.default_rng([seed, 1])
    y, x = np.indices((SIZE, SIZE)) / SIZE
    surface = roughness(seed) + 12 * NM * ((x - 0.45) ** 2 + (y - 0.55) ** 2 < 0.3**2)
    measured = surface + 40 * NM * x - 25 * NM * y + 3 * NM * rng.standard_normal((SIZE, 1))
    scars = np.zeros(surface.shape, bool)
    for row in rng.choice(np.arange(10, SIZE - 10, 9), 8, replace=False):
        start, length = rng.integers(0, SIZE - 90), rng.integers(30, 90)
        scars[row: row + rng.integers(1, 3), start: start + length] = True
    return measured + 15 * NM * scars, surface, scars


# %% [markdown]
# ## Step by step
#
# Lines first, by the median of the differences between neighboring lines, which the terrace hardly moves; then a
# plane from what does not stand out of it; then the scars; then the lines once more with terrace and scars masked.

# %%
def level(measured: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The leveled image, NaN on scars; the mask of scars; the mask of features."""
    rough = level_polynomial(level_lines(measured, statistic="difference").height, 1, threshold=4.0)
    scars = find_scars(rough.height)
    clean = np.where(scars, np.nan, rough.height)
    features = level_polynomial(clean, 1, threshold=4.0)
    terrace = ~features.used & ~scars
    return level_lines(features.height, statistic="mean", mask=terrace).height, scars, terrace


def draw(panels: dict[str, np.ndarray]) -> None:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    figure, axes = plt.subplots(1, len(panels), figsize=(15, 3.3), layout="constrained")
    cmap = plt.get_cmap("cividis").with_extremes(bad="C3")
    width = SIZE * PITCH / 1e-6
    for axis, (name, image) in zip(axes, panels.items()):
        low, high = np.nanpercentile(image, [0.5, 99.5]) / NM
        drawn = axis.imshow(image / NM, cmap=cmap, vmin=low, vmax=high, extent=(0, width, width, 0))
        figure.colorbar(drawn, ax=axis, label="height (nm)", fraction=0.046)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("x (um), fast axis")
    axes[0].set_ylabel("y (um)")
    figure.savefig("leveling.png", dpi=120)
    plt.close(figure)
    print("figure: leveling.png")


# %%
def main(quick: bool = False) -> None:
    measured, surface, scars = scan(0)
    leveled, found, _ = level(measured)
    least_squares = level_lines(level_polynomial(measured, 1).height, statistic="mean").height
    flat = leveled - np.nanmean(leveled - surface)
    for name, image in {"plane and means, no mask": least_squares - np.mean(least_squares - surface),
                        "features left out": flat}.items():
        print(f"{name:26}: rms error {np.sqrt(np.nanmean((image - surface) ** 2)) / NM:.2f} nm")
    print(f"scars found: {100 * (found & scars).sum() / scars.sum():.1f} % of their pixels, and "
          f"{(found & ~scars).sum()} of {found.size - scars.sum()} other pixels")
    draw({"measured": measured, "plane, line means, no mask": least_squares, "features left out, scars red": leveled,
          "scars filled": fill_harmonic(leveled), "truth": surface})
    rows = []
    for seed in range(4 if quick else 20):  # roughness alone, parabolas taken from its lines
        rough = roughness(seed)
        place = np.linspace(-1, 1, SIZE)
        basis = np.linalg.qr(np.vander(place, 3))[0]
        flattened = rough - rough @ basis @ basis.T
        rows.append((flattened.std(), law_of_image(flattened, (PITCH, PITCH), None, 2)[0]))
    before, after = [rms / NM for rms, _ in rows], [law.rms.value / NM for _, law in rows]
    one = rows[0][1]
    print(f"rms roughness, {len(rows)} surfaces of {RMS / NM:g} nm, parabola taken from each line: "
          f"{np.mean(before):.3f} nm as measured,")
    print(f"    {np.mean(after):.3f} nm corrected; one surface: {after[0]:.3f} +- {one.rms.std / NM:.3f} nm "
          f"(scatter {np.std(after):.3f} nm), correlation length {one.correlation_length.value / NM:.1f} nm, "
          f"true {LENGTH / NM:g} nm")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
