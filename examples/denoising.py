# %% [markdown]
# # Denoising that keeps the physics
#
# A rough surface of 1 um with a Hurst exponent of 0.8 is scanned twice, each time with white noise. A filter
# makes the image smooth and destroys the law that made it: the slope of its spectrum. The posterior of a
# Gaussian process with the surface's own spectrum, fitted to the noisy data, does better in both respects.
#
# Then a force curve: no filter knows that it is a straight line, a jump and a convex rise. All is simulated,
# so that the truth is known.

# %%
import sys

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.signal import savgol_filter

from asperity.instrument.curve_smoothing import smooth_curve
from asperity.instrument.denoising import denoise
from asperity.instrument.denoising_guard import InvariantError, guard, power_in_band, spectral_slope, tiles
from asperity.instrument.roughness_spectrum import isotropic_spectrum
from asperity.instrument.spectrum_fit import fit_spectrum
from asperity.virtual.force_map import Noise, virtual_map
from asperity.virtual.surface import self_affine

NM = 1e-9
HURST, RMS, NOISE = 0.8, 5 * NM, 0.35 * NM


# %% [markdown]
# ## An image: before, after, truth

# %%
def scans(size: int) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Pitch in m, the surface, trace and retrace."""
    surface = self_affine((size, size), hurst=HURST, shortest=2, longest=size / 3, seed=0)
    surface = surface * RMS / surface.std()
    trace, retrace = surface + NOISE * np.random.default_rng(0).standard_normal((2, size, size))
    return 1e-6 / size, surface, trace, retrace


def judge(images: dict[str, np.ndarray], surface: np.ndarray, pitch: float) -> None:
    """Distance from the truth, and what the guard says of slope and power."""
    finest = 2 * np.pi / (4 * pitch)
    kept = [spectral_slope(pitch, (finest / 10, finest), tolerance=0.1),
            power_in_band(pitch, (finest / 10, finest / 4), tolerance=0.05)]
    print(f"{'image':26} {'rms error':>10} {'slope off by':>13}   guard")
    for name, image in images.items():
        error = np.sqrt(np.mean((image - surface) ** 2))
        try:
            found, verdict = guard(tiles(surface), tiles(image), kept), "kept"
        except InvariantError as failure:
            found = failure.changes
            verdict = "changed: " + " and ".join(c.name for c in found if c.verdict == "changed")
        print(f"{name:26} {error / NM:7.3f} nm {found[0].change:+8.2f} +- {found[0].std:.2f}   {verdict}")


# %% [markdown]
# ## A force curve: pull-off of a soft sphere

# %%
def pull_off() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Height in m, noisy force and true force in N of one retract curve."""
    quiet = {"drift": 0, "thermal": 0, "waviness": 0, "tilt": 0, "offset": 0, "resolution": 0}
    noisy, true = (virtual_map(rows=1, columns=1, noise=Noise(detector=d, **quiet), seed=0) for d in (1e-9, 0))
    samples = int(noisy.sample_count[0, 1])
    return (noisy.height.values[0, 1, :samples], noisy.force.values[0, 1, :samples],
            true.force.values[0, 1, :samples])


def draw(images: dict[str, np.ndarray], pitch: float, noise_floor: float, curve: dict[str, np.ndarray],
         height: np.ndarray) -> None:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    figure, axes = plt.subplots(2, 4, figsize=(13, 6.6), layout="constrained")
    part = next(iter(images.values())).shape[0] // 8
    shown = images["truth"][:part, :part]
    for axis, (name, image) in zip(axes[0], images.items()):
        drawn = axis.imshow(image[:part, :part] / NM, vmin=shown.min() / NM, vmax=shown.max() / NM, cmap="cividis",
                            extent=(0, part * pitch / NM, part * pitch / NM, 0))
        axis.set(title=name, xlabel="x (nm)")
    axes[0, 0].set_ylabel("y (nm)")
    figure.colorbar(drawn, ax=axes[0], label="height (nm)", shrink=0.8)
    grid = axes[1, 0].get_gridspec()
    for axis in axes[1]:
        axis.remove()
    left, right = figure.add_subplot(grid[1, :2]), figure.add_subplot(grid[1, 2:])
    styles = {"one scan": ("0.7", "-"), "Gaussian, sigma 1 px": ("C3", "-"), "restored": ("C0", "-"),
              "truth": ("k", "--")}
    for name, (color, line) in styles.items():
        spectrum = isotropic_spectrum(images[name], pitch)
        left.loglog(spectrum.wavenumber * NM, spectrum.power / NM**4, line, color=color, label=name)
    left.axhline(noise_floor / NM**4, color="C1", lw=1, label="fitted noise floor")
    left.set(xlabel="wavenumber (rad/nm)", ylabel="power spectrum (nm$^4$)", title="spectrum", ylim=(1e-1, None))
    left.legend(fontsize=8)
    right.plot(height * 1e6, curve["noisy"] * 1e9, ".", ms=3, color="0.7", label="noisy")
    right.plot(height * 1e6, curve["Savitzky-Golay"] * 1e9, color="C3", label="Savitzky-Golay, 21 samples")
    right.plot(height * 1e6, curve["smooth_curve"] * 1e9, color="C0", label="smooth_curve")
    right.plot(height * 1e6, curve["truth"] * 1e9, "k--", lw=1, label="truth")
    jump = height[curve["truth"].argmin()] * 1e6
    right.set(xlim=(jump - 0.5, jump + 0.25), xlabel="height of the base (um)", ylabel="force (nN)",
              title="pull-off of a force curve")
    right.legend(fontsize=8)
    figure.savefig("denoising.png", dpi=120)
    plt.close(figure)
    print("figure: denoising.png")


# %%
def main(quick: bool = False) -> None:
    pitch, surface, trace, retrace = scans(256 if quick else 512)
    one, two = denoise(trace, pitch), denoise(trace, pitch, second=retrace)
    judge({"one scan": trace, "Gaussian, sigma 1 px": gaussian_filter(trace, 1), "posterior mean": one.height,
           "restored": one.restored, "posterior mean, two scans": two.height, "restored, two scans": two.restored},
          surface, pitch)
    fit = fit_spectrum(trace, pitch, second=retrace)
    print(f"Hurst exponent from both scans: {fit.hurst:.3f} +- {fit.exponent_std / 2:.3f}, true {HURST}")
    print(f"noise of one scan: {np.sqrt(2 * fit.floor) / pitch / NM:.3f} nm, true {NOISE / NM:.3f} nm")
    height, force, true = pull_off()
    smooth, filtered = smooth_curve(-height, force, adhesive=True), savgol_filter(force, 21, 3)
    for name, values in {"noisy": force, "Savitzky-Golay": filtered, "smooth_curve": smooth.force}.items():
        print(f"force curve, {name:14}: rms error {1e12 * np.sqrt(np.mean((values - true) ** 2)):5.1f} pN, "
              f"lowest force {1e9 * values.min():.3f} nN (true {1e9 * true.min():.3f})")
    draw({"one scan": trace, "Gaussian, sigma 1 px": gaussian_filter(trace, 1), "restored": one.restored,
          "truth": surface}, pitch, one.spectrum.floor,
         {"noisy": force, "Savitzky-Golay": filtered, "smooth_curve": smooth.force, "truth": true}, height)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
