# %% [markdown]
# # The modulus that a scanner without sensor adds to a force curve
#
# A piezo that is only *told* where to go lags behind its drive: hysteresis and creep of several percent. A
# force curve against the drive is therefore bent, and approach and retraction give different moduli.
#
# Here a virtual scanner, unlike the model that we fit to it (other thresholds, logarithmic creep), first
# moves with a reference sensor: four curves. The first is only the past of the others; from the next two we
# identify plays and creep; the fourth tells what the result is worth. Then the sensor is taken away and an
# elastic sample measured: the heights come from the drive alone.

# %%
import sys

import jax
import numpy as np
from scipy.optimize import curve_fit

from asperity.instrument.creep import logarithmic_creep
from asperity.instrument.height_correction import Trace, correct, joined
from asperity.instrument.hysteresis import PrandtlIshlinskii
from asperity.instrument.identification import identify
from asperity.instrument.scanner import Asymmetry, Scanner

SAMPLES = 1000  # of each approach and each retraction
PAUSE = 0.2  # s between curves
SENSOR_NOISE = 0.5e-9  # m
RADIUS, MODULUS, POISSON = 2e-6, 20e3, 0.5  # m, Pa
SPRING_CONSTANT, FORCE_NOISE = 0.05, 5e-12  # N/m, N
SURFACE = -0.8e-6  # m, height at which the tip touches the sample


# %% [markdown]
# ## The instrument

# %%
def real_scanner() -> Scanner:
    """5 um of drive, 3 % hysteresis of many small plays, 1.2 % of creep per decade, a slight bend."""
    thresholds = np.concatenate([[0], np.geomspace(0.02e-6, 2.2e-6, 40)])
    plays = PrandtlIshlinskii(thresholds, [0.82, *np.full(40, 0.0035)])
    return Scanner(plays, logarithmic_creep(0.012, 1e-3, 1e2), Asymmetry(20e-9, 10e-9, 0.0, 2.5e-6))


def cycle(number: int) -> Trace:
    """Approach and retraction in 1 s each; every curve turns at another place."""
    turn = -2.3e-6 - 0.15e-6 * np.random.default_rng(number).uniform()
    drive = np.concatenate([np.linspace(2.4e-6, turn, SAMPLES), np.linspace(turn, 2.4e-6, SAMPLES)])
    return Trace(np.arange(2 * SAMPLES) / SAMPLES, drive)


def true_heights(curves: list[Trace]) -> list[np.ndarray]:
    """Where the scanner is, after a past of its own that no file tells."""
    record, scanner = joined(curves, PAUSE), real_scanner()
    with jax.enable_x64(True):
        _, past = scanner.displacement(np.arange(3.0), np.array([0.0, -2.2e-6, 2.4e-6]), scanner.relaxed(0.0))
        height, _ = scanner.displacement(record.time, record.drive, past)
    return np.split(np.asarray(height), record.bounds[1:-1])


# %% [markdown]
# ## An elastic sample: a sphere that follows Hertz, on a lever

# %%
def force_of(indentation: np.ndarray, modulus: float) -> np.ndarray:
    return 4 / 3 * modulus / (1 - POISSON**2) * np.sqrt(RADIUS) * np.maximum(indentation, 0.0) ** 1.5


def measured_force(height: np.ndarray, seed: int) -> np.ndarray:
    """The force at which lever and sample balance, by bisection; with noise."""
    low, high = np.zeros_like(height), np.maximum(SURFACE - height, 0.0)
    for _ in range(60):
        middle = (low + high) / 2
        soft = force_of(middle, MODULUS) < SPRING_CONSTANT * (SURFACE - height - middle)
        low, high = np.where(soft, middle, low), np.where(soft, high, middle)
    return force_of(low, MODULUS) + FORCE_NOISE * np.random.default_rng(seed).normal(size=len(height))


def fitted_modulus(height: np.ndarray, force: np.ndarray) -> float:
    """Modulus (Pa) with a free contact point, fitted up to the largest force."""
    depth = -(height + force / SPRING_CONSTANT)  # of the tip

    def model(depth, modulus, contact):
        return 1e9 * force_of(depth - 1e-6 * contact, 1e3 * modulus)

    start = (MODULUS / 1e3, 1e6 * depth[force > 0.1 * force.max()].min())
    return 1e3 * curve_fit(model, depth, 1e9 * force, start)[0][0]


# %% [markdown]
# ## With the sensor: identify; without it: correct

# %%
def main(quick: bool = False) -> None:
    curves = [cycle(number) for number in range(6 if quick else 12)]
    truth = true_heights(curves)
    rng = np.random.default_rng(0)
    learned = [trace._replace(height=height + SENSOR_NOISE * rng.normal(size=len(height)))
               for trace, height in zip(curves[:4], truth[:4])]
    found = identify(learned, held_out=[3], pauses=(PAUSE,))
    corrected, _ = correct(found.scanner, curves, tolerance=found.residual, pause=PAUSE)
    print(f"{found.order.plays} plays, {found.order.modes} creep modes, bend: {found.order.bent}")
    print(f"held-out curve: a line leaves {100 * found.linear:.2f} % of the range, the model "
          f"{100 * found.relative:.3f} % ({1e9 * found.residual:.2f} nm, of which the sensor's noise "
          f"{1e9 * SENSOR_NOISE:.2f} nm)")
    for number, curve in enumerate(corrected[:2]):
        print(f"curve {number}: past {curve.past.name}, certain from sample {curve.certain_from} of "
              f"{len(curve.height)}")

    gain = np.polyfit(np.concatenate([t.drive for t in curves[1:4]]), np.concatenate(truth[1:4]), 1)[0]
    ways = {"true height": truth, "drive, scaled": [gain * trace.drive for trace in curves],
            "drive, corrected": [curve.height for curve in corrected]}
    forces = [measured_force(height, seed) for seed, height in enumerate(truth)]
    halves = {"approach": slice(0, SAMPLES), "retraction": slice(SAMPLES, 2 * SAMPLES)}
    moduli = {(way, half): np.array([fitted_modulus(heights[k][part], forces[k][part])
                                     for k in range(4, len(curves))])
              for way, heights in ways.items() for half, part in halves.items()}
    print(f"modulus of {len(curves) - 4} curves in kPa, mean and deviation; true {MODULUS / 1e3:.1f}")
    for way in ways:
        values = {half: moduli[way, half] / 1e3 for half in halves}
        cells = "   ".join(f"{half} {v.mean():6.2f} +- {v.std():.2f}" for half, v in values.items())
        print(f"   {way:17} {cells}")
    draw(curves, truth, ways, forces, moduli)


# %% [markdown]
# ## The picture: before, after, truth

# %%
def draw(curves, truth, ways, forces, moduli) -> None:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    colors = {"true height": "black", "drive, scaled": "C3", "drive, corrected": "C0"}
    last, half = len(curves) - 1, slice(0, SAMPLES)
    for way in ("drive, scaled", "drive, corrected"):
        error = ways[way][last] - truth[last]
        axes[0].plot(1e6 * curves[last].drive, 1e9 * (error - error.mean()), color=colors[way], label=way)
    axes[0].axhline(0, color="black", linewidth=0.8)
    axes[0].set(title="error of the height", xlabel="drive (µm)", ylabel="error (nm)", ylim=(-75, 105))
    for way, heights in ways.items():
        for part in (half, slice(SAMPLES, 2 * SAMPLES)):
            force = forces[last][part]
            height = heights[last][part] - heights[last][0] + truth[last][0] - SURFACE
            depth = -(height + force / SPRING_CONSTANT)
            axes[1].plot(1e6 * depth, 1e9 * force, color=colors[way], zorder=3 if way == "true height" else 2,
                         linewidth=1 if way == "true height" else 2.2,
                         label=way if part is half else None)
    axes[1].set(title="force curve, approach and retraction", xlabel="indentation (µm)", ylabel="force (nN)",
                xlim=(-0.35, None))
    names = list(ways)
    for shift, half_name, marker in ((-0.12, "approach", "v"), (0.12, "retraction", "^")):
        for place, way in enumerate(names):
            values = moduli[way, half_name] / 1e3
            axes[2].plot(np.full(len(values), place + shift), values, marker, color=colors[way],
                         markerfacecolor="none", label=half_name if way == "true height" else None)
    axes[2].axhline(MODULUS / 1e3, color="black", linewidth=0.8)
    axes[2].set(title="fitted modulus, every curve", ylabel="modulus (kPa)", xlim=(-0.5, 2.5))
    axes[2].set_xticks(range(len(names)), [name.replace(", ", ",\n") for name in names])
    for axis in axes:
        axis.legend(fontsize=8)
    figure.savefig("scanner.png", dpi=150)
    plt.close(figure)
    print("figure: scanner.png")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
