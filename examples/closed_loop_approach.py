# %% [markdown]
# # A quick approach that keeps a force, planned with a Koopman model, and a PI loop
#
# A tapping lever is brought to a sample whose height nobody knows. Its amplitude answers slowly (Q 400), so that a loop
# on the amplitude alone must come slowly, or hits hard. A model of the lever, learned from random moves on samples
# of other stiffness, tells the height from amplitude and phase, expects forces, and plans: fast where the tip is away,
# as hard as is allowed where it is not. Both loops are closed on the simulator, through the noise of a lock-in.

# %%
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from asperity.contact import Hertz
from asperity.dynamics.cantilever import Cantilever
from asperity.dynamics.control import Belief, Goal, Limits, planned, updated
from asperity.dynamics.dictionaries import Polynomials
from asperity.dynamics.koopman import fit_inputs, input_sums_of, scalings_of, transitions
from asperity.dynamics.oscillation import Drive, free_motion, steady
from asperity.dynamics.tip_force import TipForce

QUICK = "--quick" in sys.argv
LANES, MOVES = (24, 100) if QUICK else (64, 150)  # of each sample of training
NM, NN = 1e-9, 1e-9
LEVER = Cantilever(40.0, 300e3, 400.0)  # N/m, Hz, Q
FREE, SET = 20 * NM, 16 * NM  # amplitudes
PERIODS = 16  # of one control step: 53 us
REACH = 1 * NM  # the height changes by no more in one step
NOISE = 0.01 * NM  # of either part of the signal
MOST = 25 * NN  # force that no controller may exceed
PLANNED = 15 * NN  # force that plans keep: the most that stayed below 25 nN on the samples of training
GAINS = (0.0, 0.04)  # proportional, integral: those of the fastest PI loop that stayed below 25 nN there
LEARNED, NEW = (0.75e9, 1.5e9, 3e9), 2e9  # Pa, samples of training, and the one to approach


# %% [markdown]
# ## The lever over a sample, one control step a call
#
# `steady(..., periods=0)` is one period of the simulator with the sums of a lock-in amplifier.

# %%
@jax.jit
@partial(jax.vmap, in_axes=(0, None, 0))
def stepped(motion, modulus, gap):
    sample = TipForce(Hertz(radius=10 * NM, modulus=modulus), radius=10 * NM, hamaker=6.4e-20, cutoff=0.165 * NM)

    def period(state, _):
        drive = Drive.at_resonance(LEVER, FREE)
        found = steady(LEVER, drive, sample, gap, state, steps=256, periods=0)
        return found.motion, (found.amplitude * jnp.exp(-1j * found.phase), found.peak_force)

    motion, (signal, force) = jax.lax.scan(period, motion, None, length=PERIODS)
    return motion, signal[PERIODS // 2 :].mean(), force.max()


def free(lanes):
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (lanes, *x.shape)), free_motion(LEVER))


def shown(signal, rng):
    noisy = signal + NOISE * (rng.normal(size=signal.shape) + 1j * rng.normal(size=signal.shape))
    return np.abs(noisy), -np.angle(noisy)


# %% [markdown]
# ## A model, from random moves
#
# The states are amplitude, phase, and height above that at which the set point is held; the input is the change of
# height; the output is F^(2/3), which is nearly linear in an indentation. The model is bilinear: a change of height
# does nothing before contact.

# %%
def held_at(modulus):
    gaps, motion = np.linspace(12, 16.5, 64) * NM, free(64)
    for _ in range(80):
        motion, signal, _ = stepped(motion, modulus, gaps)
    return np.interp(SET, np.abs(signal), gaps)


def moves(modulus, rng):
    motion, zero = free(LANES), held_at(modulus)
    gap, aim = (rng.uniform(low, 23.5, LANES) * NM for low in (15, 13))
    rows = []
    for _ in range(MOVES):
        aim = np.where(rng.random(LANES) < 0.05, rng.uniform(13, 23.5, LANES) * NM, aim)
        fastest = REACH * rng.uniform(0, 1, LANES)
        jitter = np.where(rng.random(LANES) < 0.3, 0.2 * NM * rng.normal(size=LANES), 0.0)
        change = np.clip(np.clip(aim - gap, -fastest, fastest) + jitter, -REACH, REACH)
        gap = gap + change
        motion, signal, force = stepped(motion, modulus, gap)
        rows.append((*shown(np.asarray(signal), rng), gap - zero, change, output(force)))
    return [(one[:, :3], one[1:, 3:4], one[1:, 4:]) for one in np.transpose(rows, (2, 0, 1))]


def output(force):
    return (np.maximum(force, 0) / NN) ** (2 / 3)


def learned(rng):
    data = transitions([episode for modulus in LEARNED for episode in moves(modulus, rng)])
    dictionary, scalings = Polynomials(3), scalings_of(data)
    return fit_inputs(dictionary, scalings, input_sums_of(dictionary, scalings, data, bilinear=True))


# %% [markdown]
# ## Two controllers

# %%
class Plans:
    """A belief about the height, which is never measured, and a plan of twelve steps, anew at each."""

    def __init__(self, model):
        self.model, self.change, self.plan = model, np.zeros(1), np.zeros((12, 1))
        start = np.array([FREE, np.pi / 2, 6.5 * NM])  # as if contact might begin at once
        self.belief = Belief(start, np.diag([0.05 * NM, 0.02, 1 * NM]) ** 2)
        self.goal = Goal(np.array([SET, 0, 0]), np.array([0.1 * NM, np.inf, np.inf]), np.array([0.5 * NM]))
        self.limits = Limits(*(np.array([one]) for one in (-REACH, REACH, np.inf, output(PLANNED))))

    def __call__(self, amplitude, phase):
        seen = np.array([amplitude, phase, np.nan])
        self.belief = updated(self.model, self.belief, self.change, seen, noise=np.array([NOISE, 5e-4, 1.0]),
                              drift=np.array([0.025 * NM, 0.05, 0.2 * NM]))
        guess = np.append(self.plan[1:], [[0.0]], axis=0)
        self.plan = planned(self.model, self.goal, self.limits, self.belief.state, guess, rounds=1).inputs
        self.change = self.plan[0]
        return self.change[0]


class ProportionalIntegral:
    def __init__(self, kp, ki):
        self.kp, self.ki, self.before = kp, ki, SET - FREE

    def __call__(self, amplitude, phase):
        error = SET - amplitude
        change = self.kp * (error - self.before) + self.ki * error
        self.before = error
        return np.clip(change, -REACH, REACH)


def approach(controller, gap, steps=150):
    """From a gap nobody knows: amplitude, force and gap of each step."""
    rng, motion, signal, rows = np.random.default_rng(1), free(1), np.array([-1j * FREE]), []
    for _ in range(steps):
        gap = gap + controller(*(float(one[0]) for one in shown(signal, rng)))
        motion, signal, force = stepped(motion, NEW, np.array([gap]))
        signal = np.asarray(signal)
        rows.append((np.abs(signal[0]), force[0], gap))
    return np.array(rows).T


# %%
def main():
    with jax.enable_x64(True):
        model = learned(np.random.default_rng(0))
        runs = {"plans": approach(Plans(model), 27 * NM), "PI loop": approach(ProportionalIntegral(*GAINS), 27 * NM)}
    time = np.arange(1, 151) * PERIODS / float(LEVER.frequency[0]) * 1e3
    for name, (amplitude, force, _) in runs.items():
        there = np.abs(amplitude - SET) < 0.3 * NM
        print(f"{name}: set point reached after {time[np.argmax(there)]:.2f} ms with at most {force.max() / NN:.1f} nN")
    print(f"the limit is {MOST / NN:.0f} nN; the model has seen samples of 0.75, 1.5 and 3 GPa, this one has 2 GPa")
    draw(time, runs)


# %% [markdown]
# ## The figure
#
# Amplitude, largest force of each control step, and the gap. The PI loop comes at a constant speed, since its error is
# the same until contact; plans come as fast as the force allows.

# %%
def draw(time, runs):
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
    for axis, row, label in zip(axes, range(3), ("amplitude (nm)", "largest force (nN)", "gap (nm)")):
        for (name, run), color in zip(runs.items(), ("C0", "C1")):
            axis.plot(time, run[row] / NM, color=color, lw=1.4, label=name)
        axis.set(xlabel="time (ms)", ylabel=label)
    axes[0].axhline(SET / NM, color="0.6", lw=0.8, zorder=0)
    axes[1].axhline(MOST / NN, color="0.6", lw=0.8, zorder=0)
    axes[0].legend(fontsize=8)
    figure.savefig("closed_loop_approach.png", dpi=150)
    plt.close(figure)
    print("figure: closed_loop_approach.png")


if __name__ == "__main__":
    main()
