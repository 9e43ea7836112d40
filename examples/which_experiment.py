# %% [markdown]
# # Which experiment? The planner on three samples
#
# Before anything is measured, the uncertainty of a modulus is known: it is made of what is known of the spring
# constant, the sensitivity and the radius, and of how far the lever bends for each nanometer of indentation. Three
# samples are asked for 5 %: a gel, a rubber, and a hard film that flows. With usual calibrations nobody reaches that on
# any of them; with the best ones two are reached, and the third is refused with the reason.

# %%
import json
import sys

import jax
import numpy as np
import xarray as xr

import asperity
from asperity.learning.discovery.experiment_budget import Pressed, SignalNoise, factors

SAMPLES = {"gel, 10 kPa, 20 um": (1e4, {"thickness": 20e-6}),
           "rubber, 2 MPa, 10 um": (2e6, {"thickness": 10e-6}),
           "film, 2.5 GPa, 200 nm": (2.5e9, {"thickness": 2e-7, "yield_stress": 8e7, "poisson_ratio": 0.35})}
BEST = {"spring_constant_std": 0.02, "sensitivity_std": 0.01, "radius_std": 0.03}
STDS = {"k": 0.1, "s": 0.03, "R": 0.1}


# %% [markdown]
# ## The plans

# %%
def plans(names: list[str]) -> dict[str, tuple[xr.Dataset, xr.Dataset]]:
    """With usual and with the best calibrations."""
    found = {}
    for name in names:
        modulus, sample = SAMPLES[name]
        found[name] = (asperity.plan_experiment(modulus, sample=sample),
                       asperity.plan_experiment(modulus, sample=sample, calibration=BEST))
    return found


# %% [markdown]
# ## The rule that nobody prints
#
# A spring constant by the thermal method has the error of the sensitivity twice, the other way round. The lever that
# bends by 0.57 of the indentation makes the two cancel.

# %%
def against_bending(points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Deflection over indentation; standard uncertainties of ln E with an independent and a thermal spring constant."""
    ratios = np.geomspace(0.02, 3, points)
    modulus, radius, depth = 1e4, 2.5e-6, 1e-7
    load = 16 / 9 * modulus * np.sqrt(radius) * depth**1.5
    with jax.enable_x64(True):
        one = jax.jit(lambda k: factors(Pressed(modulus, 0.5, np.inf, np.inf, k, radius, load), SignalNoise()))
        slopes = np.array([float(one(load / depth / ratio).sensitivity) for ratio in ratios])
    rest = STDS["R"] ** 2 / 4
    return (ratios, np.sqrt(STDS["k"] ** 2 + slopes**2 * STDS["s"] ** 2 + rest),
            np.sqrt(STDS["k"] ** 2 - 4 * STDS["s"] ** 2 + (slopes - 2) ** 2 * STDS["s"] ** 2 + rest))


# %%
def draw(found: dict[str, tuple[xr.Dataset, xr.Dataset]], bending: tuple[np.ndarray, ...]) -> None:
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for color, (name, (usual, best)) in enumerate(found.items()):
        for plan, style in ((usual, "-"), (best, "--")):
            std = np.where(plan["feasible"], plan["std"], np.inf).min(0)
            if np.isfinite(std).any():
                left.loglog(1e9 * plan["load"], 100 * std, f"C{color}{style}",
                            label=name + (", best calibration" if style == "--" else ""))
    left.axhline(5, color="0.6", lw=0.8)
    left.set(xlabel="load (nN)", ylabel="uncertainty of the modulus (%)", title="the best lever at each load")
    left.legend(frameon=False, fontsize=8)
    ratios, plain, thermal = bending
    right.semilogx(ratios, 100 * plain, label="k by another method")
    right.semilogx(ratios, 100 * thermal, label="k by the thermal method")
    right.set(xlabel="deflection / indentation", ylabel="uncertainty of the modulus (%)", title="k 10 %, s 3 %, R 10 %")
    right.legend(frameon=False)
    figure.savefig("which_experiment.png", dpi=150)
    plt.close(figure)
    print("figure: which_experiment.png")


def main(quick: bool = False) -> None:
    """Plan, say what the plans say, draw."""
    found = plans(list(SAMPLES)[1:2] if quick else list(SAMPLES))
    for name, (usual, best) in found.items():
        print(f"{name}\n  usual calibration. {json.loads(usual.attrs['findings'])[0]}"
              f"\n  best calibration.  {json.loads(best.attrs['findings'])[0]}")
    bending = against_bending(9 if quick else 41)
    least = int(bending[2].argmin())
    print(f"thermal spring constant: least uncertainty, {100 * bending[2][least]:.1f} %, where the lever bends by "
          f"{bending[0][least]:.2f} of the indentation")
    try:
        draw(found, bending)
    except ImportError:
        print("no plot: matplotlib is not installed")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
