# %% [markdown]
# # How good is a model that was tested on its own neighbors?
#
# Twelve sessions each map the modulus of another place of the same material. The modulus varies smoothly
# and jumps at inclusions; every session carries its own calibration error. A plain nearest-neighbor model
# predicts ln(modulus) from what is recorded with every curve: the place, the pull-off force and the lever.
#
# We judge it three times by cross-validation: on random pixels, on blocks of the maps with a buffer, on
# whole sessions. Then it meets forty new sessions. All of it is simulated, so the truth is known.

# %%
import sys

import numpy as np
from scipy.spatial import KDTree

from asperity.evaluation import conformal, splits
from asperity.evaluation.accuracy import r2
from asperity.virtual.specimen import Specimen, properties

SPECIMEN = Specimen(inclusion_adhesion=0.3)  # stiff inclusions that hardly stick
PIXELS = 24  # along each side of a map of 20 um
CALIBRATION_STD = 0.2  # of ln(modulus) and ln(pull-off force), common to a session
NOISE_STD = 0.08  # of the same, of every curve
NEIGHBORS = 5
BUFFER = SPECIMEN.correlation_length  # m, also the scale of distances for the nearest neighbors


# %% [markdown]
# ## The sessions

# %%
def one_session(session: int, replicate: int) -> dict[str, np.ndarray]:
    """What a session records: ln(modulus), the predictors and the place, one row per pixel."""
    rng = np.random.default_rng([replicate, session])
    pixel = (np.arange(PIXELS) + 0.5) * SPECIMEN.size / PIXELS
    x, y = (c.ravel() for c in np.meshgrid(pixel, pixel))
    local = properties(x, y, specimen=SPECIMEN, seed=1000 * replicate + session)
    stiff, sticky = CALIBRATION_STD * rng.normal(size=2)
    noise = NOISE_STD * rng.normal(size=(2, x.size))
    lever = np.full(x.size, rng.normal())  # its spring constant, in standard deviations of its kind
    pull_off = np.log(local["work_of_adhesion"]) + sticky + noise[1]
    inputs = np.column_stack([x / BUFFER, y / BUFFER, pull_off / CALIBRATION_STD, lever])
    return {"session": np.full(x.size, session), "place": np.column_stack([x, y]), "inputs": inputs,
            "target": np.log(local["modulus"]) + stiff + noise[0]}


def sessions(numbers: range, replicate: int) -> dict[str, np.ndarray]:
    parts = [one_session(number, replicate) for number in numbers]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def predict(known: dict[str, np.ndarray], train: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """The mean of the nearest neighbors in the space of the inputs."""
    nearest = KDTree(known["inputs"][train]).query(inputs, NEIGHBORS)[1]
    return known["target"][train][nearest].mean(axis=1)


# %% [markdown]
# ## Three ways to split, and what each of them lets through

# %%
def ways_to_split(data: dict[str, np.ndarray], seed: int) -> dict[str, tuple[splits.Split, ...]]:
    blocks = splits.by_block(data["place"], block=5e-6, buffer=BUFFER, maps=data["session"], seed=seed)
    return {"random pixels": splits.by_group(np.arange(len(data["target"])), seed=seed),
            "blocks": blocks,
            "sessions": splits.by_group(data["session"], folds=len(np.unique(data["session"])), seed=seed)}


def leaks(data: dict[str, np.ndarray], split: splits.Split) -> str:
    found = splits.find_leaks(split, groups={"session": data["session"]}, positions=data["place"],
                              buffer=BUFFER, maps=data["session"])
    return ", ".join(leak.kind for leak in found) or "nothing"


example = sessions(range(12), replicate=0)
LEAKS = {name: leaks(example, folds[0]) for name, folds in ways_to_split(example, seed=0).items()}


# %% [markdown]
# ## What each split promises, and what new sessions keep of it
#
# The 90 % interval is the conformal one of the cross-validated residuals; over sessions, the hierarchical
# one. By construction it holds 90 % of the curves (or more) as they were split.

# %%
def promise(data: dict[str, np.ndarray], name: str, folds: tuple[splits.Split, ...]) -> tuple[float, float]:
    """R2 and half-width of the 90 % interval by cross-validation."""
    predicted = np.empty_like(data["target"])
    for train, test in folds:
        predicted[test] = predict(data, train, data["inputs"][test])
    errors = np.abs(data["target"] - predicted)
    width = conformal.hierarchical(errors, data["session"]) if name == "sessions" else conformal.split(errors)
    return r2(data["target"], predicted), width


def judge(replicate: int) -> dict[str, tuple[float, float, float, float]]:
    """For each split: R2 promised and R2 on new sessions, half-width and its coverage on new sessions."""
    data, new = sessions(range(12), replicate), sessions(range(12, 52), replicate)
    predicted = predict(data, np.arange(len(data["target"])), new["inputs"])
    kept, errors, rows = r2(new["target"], predicted), np.abs(new["target"] - predicted), {}
    for name, folds in ways_to_split(data, seed=replicate).items():
        promised, width = promise(data, name, folds)
        rows[name] = (promised, kept, width, float((errors <= width).mean()))
    return rows


REPETITIONS = 2 if "--quick" in sys.argv else 10
REPLICATES = [judge(replicate) for replicate in range(REPETITIONS)]
RESULT = {name: np.array([rows[name] for rows in REPLICATES]) for name in LEAKS}

# %%
print(f"mean and standard deviation of {REPETITIONS} repetitions; intervals of 90 %")
print(f"{'split by':14} {'R2 promised':>14} {'R2 kept':>14} {'half-width':>14} {'coverage kept':>14}  leaks")
for name, rows in RESULT.items():
    cells = " ".join(f"{m:7.2f} +-{s:5.2f}" for m, s in zip(rows.mean(axis=0), rows.std(axis=0)))
    print(f"{name:14} {cells}  {LEAKS[name]}")

# %% [markdown]
# ## The picture

# %%
try:
    import matplotlib.pyplot as plt
except ImportError:
    print("no plot: matplotlib is not installed")
else:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for place, rows in enumerate(RESULT.values()):
        beside = np.full(len(rows), place + 0.1)
        axes[0].plot(beside - 0.2, rows[:, 0], "o", mfc="none", color="C0")
        axes[0].plot(beside, rows[:, 1], "x", color="C3")
        axes[1].plot(beside, rows[:, 3], "x", color="C3")
    axes[1].axhline(0.9, color="C0")
    for axis, title in zip(axes, ("$R^2$", "coverage of 90 % intervals")):
        axis.set_xticks(range(len(RESULT)), list(RESULT))
        axis.set_title(title)
    axes[0].legend(["promised by cross-validation", "kept on new sessions"])
    figure.savefig("leakage.png", dpi=150)
    plt.close(figure)
    print("figure: leakage.png")
