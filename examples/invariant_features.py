# %% [markdown]
# # How much data is a rotated frame worth?
#
# A tissue with one family of fibers is stretched and sheared at random, and mounted at random in the laboratory. A
# model learns its strain energy from samples of three strains and the fiber's direction: once from the components
# in the laboratory's frame, once from the invariants of strain and direction, once from components of which every
# sample is shown in several more frames (augmentation). The same kernel regression learns all three.
#
# All of it is simulated: the energy is known without noise, so that what is left is the number of samples.

# %%
import sys

import jax
import numpy as np

from asperity.atomistic.invariants import features, names

QUICK = "--quick" in sys.argv
SAMPLES = (16, 32, 64, 128) if QUICK else (16, 32, 64, 128, 256, 512, 1024)
FRAMES = 4  # in which augmentation shows each sample
TESTED = 500
REPLICATES = 2 if QUICK else 7
SHEAR, FIBER, STIFFENING = 1.0, 4.0, 1.5  # kPa, kPa, 1: matrix, fibers, how they stiffen


# %% [markdown]
# ## The tissue
#
# $W = \mu\, \mathrm{tr}\, E + \tfrac{k_1}{2 k_2} (e^{k_2 \langle a \cdot E a \rangle^2} - 1)$ with the Green strain E
# and fibers a that carry tension only (Holzapfel, Gasser, Ogden, J. Elast. 61, 1 (2000)).

# %%
def energy(strain: np.ndarray, fiber: np.ndarray) -> np.ndarray:
    """Per volume, kPa."""
    stretch = np.maximum(np.einsum("ni,nij,nj->n", fiber, strain, fiber), 0.0)
    matrix = SHEAR * np.trace(strain, axis1=1, axis2=2)
    return matrix + FIBER / (2 * STIFFENING) * (np.exp(STIFFENING * stretch**2) - 1)


def turned(rng: np.random.Generator, strain: np.ndarray, fiber: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each sample in another frame."""
    frame = np.linalg.qr(rng.standard_normal((len(strain), 3, 3)))[0]
    return frame @ strain @ np.swapaxes(frame, 1, 2), np.einsum("nij,nj->ni", frame, fiber)


def samples(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Strains of some 15 % and unit directions, in any frame."""
    gradient = np.eye(3) + rng.normal(0, 0.15, (count, 3, 3))
    strain = (np.swapaxes(gradient, 1, 2) @ gradient - np.eye(3)) / 2
    return turned(rng, strain, np.tile([1.0, 0.0, 0.0], (count, 1)))


# %% [markdown]
# ## What the model is shown

# %%
def components(strain: np.ndarray, fiber: np.ndarray) -> np.ndarray:
    """Six of the strain, and the fiber with the sign that makes its largest component positive."""
    upper = np.triu_indices(3)
    sign = np.sign(np.take_along_axis(fiber, np.abs(fiber).argmax(axis=1)[:, None], 1))
    return np.column_stack([strain[:, upper[0], upper[1]], sign * fiber])


def invariants(strain: np.ndarray, fiber: np.ndarray) -> np.ndarray:
    """Those of the strain and the fiber; the fiber's own length is 1 and left out."""
    with jax.enable_x64(True):
        made = np.asarray(jax.vmap(features)(fiber[:, None], strain[:, None]))
    return made[:, [i for i, name in enumerate(names(["a"], ["E"])) if name != "a.a"]]


def regression(known: np.ndarray, value: np.ndarray, asked: np.ndarray, seed: int) -> np.ndarray:
    """Kernel ridge regression; length and ridge by the error on a fifth of what is known."""
    center, scale = known.mean(axis=0), known.std(axis=0)
    known, asked = (known - center) / scale, (asked - center) / scale
    order = np.random.default_rng(seed).permutation(len(known))
    held, kept = order[: len(known) // 5], order[len(known) // 5 :]

    def fit(rows: np.ndarray, points: np.ndarray, length: float, ridge: float) -> np.ndarray:
        def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            square = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
            return np.exp(-np.maximum(square, 0) / (2 * length**2))

        mean = value[rows].mean()
        gram = kernel(known[rows], known[rows]) + ridge * np.eye(len(rows))
        return mean + kernel(points, known[rows]) @ np.linalg.solve(gram, value[rows] - mean)

    tried = [(length, ridge) for length in (1.5, 3.0, 6.0) for ridge in (1e-7, 1e-4)]
    errors = [np.mean((fit(kept, known[held], *one) - value[held]) ** 2) for one in tried]
    return fit(order, asked, *tried[int(np.argmin(errors))])


# %% [markdown]
# ## Learning curves

# %%
def errors(count: int, replicate: int) -> dict[str, float]:
    """Root mean square error over the spread of the energy, on samples in new frames; more samples hold the fewer."""
    known, asked = (tuple(part[:most] for part in samples(np.random.default_rng([replicate, kind]), many))
                    for kind, many, most in ((0, max(SAMPLES), count), (1, TESTED, TESTED)))
    rng = np.random.default_rng([replicate, count, 2])
    more = [np.concatenate(parts) for parts in zip(known, *(turned(rng, *known) for _ in range(FRAMES - 1)))]
    truth, spread = energy(*asked), energy(*asked).std()
    value = energy(*known)
    told = {"components": regression(components(*known), value, components(*asked), replicate),
            "invariants": regression(invariants(*known), value, invariants(*asked), replicate)}
    if count * FRAMES <= max(SAMPLES):
        shown = regression(components(*more), energy(*more), components(*asked), replicate)
        told[f"components in {FRAMES} frames"] = shown
    return {name: float(np.sqrt(np.mean((one - truth) ** 2)) / spread) for name, one in told.items()}


found = {count: [errors(count, replicate) for replicate in range(REPLICATES)] for count in SAMPLES}
curves: dict[str, dict[int, float]] = {}
for count, several in found.items():
    for name in several[0]:
        curves.setdefault(name, {})[count] = float(np.median([one[name] for one in several]))
print("samples   " + "  ".join(f"{name:>24s}" for name in curves))
for count in SAMPLES:
    row = [f"{100 * own[count]:22.2f} %" if count in own else f"{'':>24s}" for own in curves.values()]
    print(f"{count:7d}   " + "  ".join(row))


# %% [markdown]
# ## Worth how many samples?

# %%
def needed(curve: dict[int, float], error: float) -> float:
    """Samples at which a learning curve reaches an error, between the powers of two; infinite if it does not."""
    counts, values = np.array(sorted(curve)), np.minimum.accumulate([curve[count] for count in sorted(curve)])
    if values[-1] > error:
        return np.inf
    return float(np.exp(np.interp(-np.log(error), -np.log(values), np.log(counts))))


print()
for error in (0.2, 0.1, 0.05):
    few, many = (needed(curves[name], error) for name in ("invariants", "components"))
    text = f"{many / few:.0f} times" if np.isfinite(many) else f"more than {max(SAMPLES) / few:.0f} times"
    print(f"For an error of {100 * error:.0f} % of the spread, components need {text} the samples of invariants "
          f"({few:.0f}).")

# %%
try:
    import matplotlib.pyplot as plt
except ImportError:
    pass
else:
    figure, axes = plt.subplots(figsize=(5.5, 4), layout="constrained")
    for name, own in curves.items():
        axes.loglog(list(own), [100 * value for value in own.values()], "o-", label=name)
    axes.set_xticks(SAMPLES, map(str, SAMPLES))
    axes.set_yticks([2, 5, 10, 20, 40], ["2", "5", "10", "20", "40"])
    axes.minorticks_off()
    axes.set(xlabel="samples", ylabel="error (% of the spread)", title="Strain energy of a fibrous tissue, any frame")
    axes.legend(frameon=False)
    figure.savefig("invariant_features.png", dpi=150)
    print("-> invariant_features.png")
