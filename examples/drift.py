# %% [markdown]
# # Drift: from frame to frame, and within a frame
#
# The scanner creeps and the stage warms up: the surface moves while it is scanned. We draw a rough surface,
# scan it up and down while it creeps, and find the drift from the frames alone, with its error. All of it is
# simulated, so the truth is known. Part two follows a surface over eight noisy frames.

# %%
import sys

import numpy as np

from asperity.instrument.drift import join_pairs, mean_velocity, register_pairs
from asperity.instrument.frame_drift import drift_within, line_times, resampled
from asperity.instrument.subpixel import scan
from asperity.virtual.surface import self_affine

PIXEL = 2e-9  # m
LINE_TIME = 0.5  # s
NOISE = 0.02  # of the root mean square height
FINER, AROUND = 4, 20  # samples of the virtual surface per pixel; pixels around the frame


def creep(times: np.ndarray, size: int) -> np.ndarray:
    """Logarithmic creep (..., 2) in pixels, along both axes."""
    return np.multiply.outer(np.log1p(times / (0.4 * size * LINE_TIME)), np.array([1.8, -2.6]))


# %% [markdown]
# ## Within a frame: four scans, up, down, up, down
#
# The early, fast creep bends the first frame only; the later frames show by how much.

# %%
def within_frames(size: int):
    surface = self_affine((FINER * (size + 2 * AROUND),) * 2, rms=5e-9, shortest=3 * FINER, seed=0)
    times = np.stack([line_times((size, size), LINE_TIME, start=k * size * LINE_TIME, backward=k % 2 == 1)
                      for k in range(4)])
    nominal = np.indices((size, size))
    places = [nominal - np.moveaxis(creep(t, size), -1, 0) for t in times]
    frames = np.stack([scan(surface, FINER * (p + AROUND)) for p in places])
    truth = scan(surface, FINER * (nominal.astype(float) + AROUND))
    noise = NOISE * truth.std()
    frames = frames + noise * np.random.default_rng(0).standard_normal(frames.shape)
    end = 4 * size * LINE_TIME
    knots = end * np.array([0.0, 0.03, 0.09, 0.22, 0.48, 1.0])
    found = drift_within(frames, times, knots)
    if found.flag:
        raise SystemExit(f"the drift was not found: {found.flag.meaning}")
    return frames, truth, found, resampled(frames, times, found), end, noise


def print_within(frames, truth, found, corrected, end, noise):
    size = frames.shape[1]
    when = np.linspace(0, end, 400)
    error = found.displacement(when) - creep(when, size)
    inner = (slice(AROUND, -AROUND),) * 2
    before = np.mean([(f - truth)[inner].std() for f in frames])
    after = np.mean([(f - truth)[inner].std() for f in corrected])
    print(f"creep of up to {np.abs(creep(when, size)).max() * PIXEL * 1e9:.1f} nm in {end:.0f} s; "
          f"pixels of {PIXEL * 1e9:.0f} nm")
    print(f"largest error of the drift found: {np.abs(error).max() * PIXEL * 1e9:.3f} nm, "
          f"stated standard deviation up to {found.deviation(when).max() * PIXEL * 1e9:.3f} nm")
    print(f"height error by drift, root mean square: before {before * 1e9:.3f} nm, after {after * 1e9:.3f} nm; "
          f"noise {noise * 1e9:.3f} nm")


# %% [markdown]
# ## From frame to frame: eight frames, all pairs up to three apart

# %%
def over_frames(size: int):
    velocity, interval = np.array([0.9, -0.6]), 60.0  # pixels per frame; s
    rng = np.random.default_rng(1)
    frames = [self_affine((size, size), seed=1, shift=tuple(velocity * k)) for k in range(8)]
    frames = [f + 0.1 * f.std() * rng.standard_normal(f.shape) + rng.standard_normal((size, 1)) for f in frames]
    path = join_pairs(register_pairs(frames), len(frames))
    speed = mean_velocity(path, interval * np.arange(8))
    return path, speed, velocity, interval


def print_over(path, speed, velocity, interval):
    scale = PIXEL * 1e12  # pm per pixel
    std = np.sqrt(speed.covariance.diagonal())
    print(f"eight frames, 10 % noise, line offsets: {path.used.sum()} of {len(path.used)} pairs used, cycles close "
          f"with chi-square {path.chi_square:.1f} for {path.degrees_of_freedom} degrees of freedom")
    for name, value, error, true in zip(("slow axis", "fast axis"), speed.velocity * scale, std * scale,
                                        velocity / interval * scale):
        print(f"drift velocity, {name}: {value:.2f} +- {error:.2f} pm/s; truth {true:.2f} pm/s")


# %% [markdown]
# ## The picture

# %%
def draw(frames, truth, found, corrected, end):
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    size = frames.shape[1]
    figure, axes = plt.subplots(2, 3, figsize=(10, 7.2), layout="constrained")
    side = size * PIXEL * 1e9
    heights = [(frames[0], "first frame, as scanned"), (corrected.mean(axis=0), "mean of corrected frames"),
               (truth, "truth")]
    for axis, (height, title) in zip(axes[0], heights):
        image = axis.imshow(1e9 * (height - truth.mean()), origin="lower", extent=(0, side, 0, side), cmap="viridis",
                            vmin=1e9 * (truth.min() - truth.mean()), vmax=1e9 * (truth.max() - truth.mean()))
        axis.set(title=title, xlabel="x (nm)", ylabel="y (nm)")
    figure.colorbar(image, ax=axes[0], label="height (nm)", location="bottom", shrink=0.5)
    limit = 1e9 * np.nanpercentile(np.abs(frames[0] - truth), 99)
    for axis, (height, title) in zip(axes[1, :2], ((frames[0], "first frame - truth"),
                                                   (corrected[0], "corrected - truth"))):
        image = axis.imshow(1e9 * (height - truth), origin="lower", extent=(0, side, 0, side), cmap="RdBu_r",
                            vmin=-limit, vmax=limit)
        axis.set(title=title, xlabel="x (nm)", ylabel="y (nm)")
    figure.colorbar(image, ax=axes[1, :2], label="height error (nm)", location="bottom", shrink=0.6)
    when = np.linspace(0, end, 400)
    curve, wide = found.displacement(when) * PIXEL * 1e9, 2 * found.deviation(when) * PIXEL * 1e9
    for column, (name, color) in enumerate((("slow axis", "C0"), ("fast axis", "C3"))):
        axes[1, 2].fill_between(when, curve[:, column] - wide[:, column], curve[:, column] + wide[:, column],
                                color=color, alpha=0.3, lw=0)
        axes[1, 2].plot(when, curve[:, column], color=color, label=f"found, {name}")
        axes[1, 2].plot(when, creep(when, size)[:, column] * PIXEL * 1e9, "k--", lw=1,
                        label=None if column else "truth")
    axes[1, 2].set(title="drift (band: 2 std)", xlabel="time (s)", ylabel="displacement (nm)")
    axes[1, 2].legend(frameon=False)
    figure.savefig("drift.png", dpi=150)
    plt.close(figure)
    print("figure: drift.png")


def main(quick: bool = False):
    size = 96 if quick else 192
    frames, truth, found, corrected, end, noise = within_frames(size)
    print_within(frames, truth, found, corrected, end, noise)
    print_over(*over_frames(size))
    draw(frames, truth, found, corrected, end)


# %%
if __name__ == "__main__":
    main("--quick" in sys.argv)
