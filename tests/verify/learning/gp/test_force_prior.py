"""What each prior of force laws extrapolates to, and whether its bands hold the truth.

``python -m tests.verify.learning.gp.test_force_prior`` prints the whole table of `docs/tip_force_gp.md`; a law and a
composition as arguments print one row. Lengths in nm, forces in nN.
"""

import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtr

from asperity.learning.gp import dense, state_space
from asperity.learning.gp.force_prior import FORCE_PRIORS
from asperity.learning.gp.hyperparameters import Draws, GaussianPrior, laplace, maximum
from asperity.learning.gp.observed import Observed
from asperity.learning.gp.tempering import tempered
from tests.verify.verdict import Figure, judge

SEEDS = 20
MANY = 60  # laws that are drawn
DRAWS = 256
NOISE = 0.02
NOISE_KNOWN = 0.1  # standard deviation of the logarithm of what is known of it
OFFSET_KNOWN = 0.3  # and of the first separation, where it is sampled
RANGE = 5  # times the range of the data, as far as is extrapolated
ASKED = 40  # points within the range, and beyond
HAMAKER = 1 / 6  # A R / 6, nN nm^2
LEVEL = 0.95


# --- force laws ------------------------------------------------------------------------------------------------


def dmt(z, contact=0.165, modulus=2.0, radius=10.0):
    """van der Waals between sphere and plane down to contact, and DMT's repulsion in it: a kink."""
    pressed = np.maximum(contact - z, 0.0)
    return -HAMAKER / np.maximum(z, contact) ** 2 + 4 / 3 * modulus * np.sqrt(radius) * pressed**1.5


def lennard_jones(z, size=0.34):
    """Integrated over sphere and half space."""
    return HAMAKER * (size**6 / (30 * z**8) - z**-2)


def hydration(z, strength=3.0, decay=0.12, retardation=10.0):
    """Exponential repulsion, and van der Waals that retardation weakens."""
    return strength * np.exp(-z / decay) - HAMAKER / (z**2 * (1 + z / retardation))


def charged(z, strength=0.02):
    """The same, and a force that falls as 1 / z: not what the prior expects."""
    return hydration(z) - strength / z


def drawn(seed):
    """A repulsion of 0.3 to 10 nN at 0.3 nm that decays over 0.08 to 0.5 nm, and an attraction of 0.1 to 3 nN there
    that falls as a power of 1 to 3."""
    low, high = np.log([0.3, 0.08, 0.1]), np.log([10.0, 0.5, 3.0])
    rng = np.random.default_rng([seed, 1])
    strength, decay, attraction = np.exp(rng.uniform(low, high))
    power = rng.uniform(1, 3)
    return lambda z: strength * np.exp((0.3 - z) / decay) - attraction * (z / 0.3) ** -power


#: name -> law, its nearest separation
LAWS = {"DMT": (dmt, 0.1), "Lennard-Jones": (lennard_jones, 0.17), "exponential": (hydration, 0.3),
        "electrostatic": (charged, 0.3)}
#: points -> the largest separation
SPANS = {15: 1.5, 60: 6.0}


# --- what is known of them --------------------------------------------------------------------------------------


class Known(NamedTuple):
    """Of each draw: mean and variance of the force where it is asked for, and the variance of the noise."""

    mean: np.ndarray
    variance: np.ndarray
    noise: np.ndarray


def answers(composition, count, sampler=tempered, offset=False):
    """A compiled function of (distances from the first point, forces, where asked, centers of priors, key)."""
    solver = state_space if composition.name == "decaying" else dense
    known = len(composition.parameters)

    def fields(theta, distance, nearest):
        first = jnp.exp(theta[known + 1]) if offset else nearest
        return composition.kernel(theta[:known], first), first + distance, jnp.exp(2 * theta[known])

    def likelihood(theta, distance, force, nearest):
        kernel, z, noise = fields(theta, distance, nearest)
        return solver.log_likelihood(kernel, Observed(z, force, jnp.full(count, noise), jnp.ones(count, bool)))

    def force_at(theta, distance, force, asked, nearest):
        """Data and points that are asked for in one ascending row; the latter were not observed."""
        kernel, z, noise = fields(theta, distance, nearest)
        parts, at = len(kernel.parts), z[0] + asked
        data = Observed(z, force, jnp.full(count, noise), jnp.ones(count, bool))
        if solver is dense:
            found = dense.condition(kernel, data, at)
            return found.mean[:, :parts].sum(1), found.covariance[:, :parts, :parts].sum((1, 2)), noise
        both = jnp.concatenate([z, at])
        order = jnp.argsort(both)
        value, there = (jnp.concatenate([one, jnp.zeros(len(at), one.dtype)])[order] for one in (force, data.there))
        found = state_space.condition(kernel, Observed(both[order], value, jnp.full(len(both), noise), there))
        back = jnp.argsort(order)[count:]
        return found.mean[back, :parts].sum(1), found.covariance[back, :parts, :parts].sum((1, 2)), noise

    def run(distance, force, asked, centers, key):
        """Centers: the noise's logarithm as it is known, and the first separation's."""
        own = composition.prior
        extra = jnp.array([NOISE_KNOWN, OFFSET_KNOWN])[: 1 + offset]
        prior = GaussianPrior(jnp.concatenate([own.mean, centers[: 1 + offset]]), jnp.concatenate([own.std, extra]))
        nearest = jnp.exp(centers[1])
        draws = sampler(lambda theta: likelihood(theta, distance, force, nearest), prior, key, DRAWS)
        return jax.vmap(lambda theta: force_at(theta, distance, force, asked, nearest))(draws.theta), draws.moved

    return jax.jit(run)


def alone(likelihood, prior, key, draws):
    """The most probable hyperparameters as if they were known: what most programs do."""
    best, _ = maximum(likelihood, prior, key)
    return Draws(prior.at(best)[None], jnp.asarray(jnp.nan), jnp.asarray(1.0))


#: sampler -> what the table calls it
SAMPLERS = {tempered: "", laplace: ", maximum and curvature", alone: ", maximum alone"}


# --- measures ----------------------------------------------------------------------------------------------------


def quantile(probability, mean, variance):
    """Of the mixture of normal distributions of all draws, at each point: by bisection of its distribution."""
    std = np.sqrt(variance)
    low, high = (mean - 9 * std).min(axis=0), (mean + 9 * std).max(axis=0)
    for _ in range(60):
        middle = (low + high) / 2
        below = ndtr((middle - mean) / std).mean(axis=0) < probability
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def holds(truth, mean, variance):
    """Which points the central interval of the mixture holds."""
    ends = [quantile((1 + sign * LEVEL) / 2, mean, variance) for sign in (-1, 1)]
    return (ends[0] <= truth) & (truth <= ends[1])


def measured(truth, y, known, where):
    """Root mean square error / pN, mean of -ln p(y) / nat, coverages of the force and of y."""
    mean, variance = known.mean[:, where], known.variance[:, where]
    total = variance + known.noise[:, None]
    density = (np.exp(-0.5 * (y[where] - mean) ** 2 / total) / np.sqrt(2 * np.pi * total)).mean(axis=0)
    return [1e3 * np.sqrt(np.mean((mean.mean(axis=0) - truth[where]) ** 2)), -np.log(density).mean(),
            holds(truth[where], mean, variance).mean(), holds(y[where], mean, total).mean()]


def table_row(law, name, count=15, sampler=tempered, offset=False):
    """Medians (of the error) and means over the seeds: four measures in range, four in extrapolation, moves."""
    run, rows = answers(FORCE_PRIORS[name], count, sampler, offset), []
    nearest, far = LAWS[law][1] if law in LAWS else 0.3, SPANS[count]
    z = np.linspace(nearest, far, count)
    at = np.concatenate([np.linspace(nearest, far, ASKED), np.linspace(far, RANGE * far, ASKED + 1)[1:]])
    for seed in range(SEEDS if law in LAWS else MANY):
        truth_of = LAWS[law][0] if law in LAWS else drawn(seed)
        rng = np.random.default_rng(seed)
        force, y = (truth_of(where) + rng.normal(0, NOISE, len(where)) for where in (z, at))
        off = rng.normal(0, [NOISE_KNOWN, OFFSET_KNOWN if offset else 0.0])
        centers = np.log([NOISE, nearest]) + off
        found, moved = run(*map(jnp.asarray, (z - nearest, force, at - nearest, centers)), jax.random.key(seed))
        known = Known(*map(np.asarray, found))
        rows.append([number for where in (slice(0, ASKED), slice(ASKED, None))
                     for number in measured(truth_of(at), y, known, where)] + [float(moved)])
    rows = np.array(rows)
    means = rows.mean(axis=0)
    means[[0, 4]] = np.median(rows[:, [0, 4]], axis=0)
    return means


def show(law, name, count=15, sampler=tempered, offset=False):
    """One row, printed."""
    found = table_row(law, name, count, sampler, offset)
    label = f"{name}{SAMPLERS[sampler]}{', offset unknown' if offset else ''}"
    cells = " | ".join(f"{found[i]:.3g} | {found[i + 1]:.2f} | {found[i + 2]:.2f} | {found[i + 3]:.3f}" for i in (0, 4))
    print(f"| {law} | {count} | {label} | {cells} |", flush=True)
    return found


HEAD = ("| law | points | prior | in range: error / pN | NLPD of y | holds F | holds y | beyond: error / pN "
        "| NLPD of y | holds F | holds y |\n|---|---|---|---|---|---|---|---|---|---|---|")


@pytest.fixture(autouse=True)
def _double(x64):
    """Double precision."""


@pytest.mark.parametrize("law", LAWS)
def test_the_decaying_prior_extrapolates(law):
    print(HEAD)
    found = {name: show(law, name) for name in FORCE_PRIORS}
    mine = found["decaying"]
    judge(f"{law}, 15 points, extrapolated to {RANGE} times their range", [
        Figure("RMSE / pN", mine[4], 0.0, 8.0),
        Figure("NLPD of y / nat", mine[5], highest=-2.45),
        Figure("95 % bands hold y beyond", mine[7], 0.92, 0.98),
        Figure("95 % bands hold y in range", mine[3], 0.92, 0.98),
        Figure("95 % bands hold F in range", mine[2], 0.93),
        *(Figure(f"NLPD less that of {name} / nat", mine[5] - found[name][5], highest=-0.6)
          for name in FORCE_PRIORS if name != "decaying")])


@pytest.mark.parametrize("law", LAWS)
def test_more_points_and_a_separation_that_is_known_less(law):
    """Bands of the force beyond 60 points are reported: a tail of another power than the prior's leaves them."""
    print(HEAD)
    many = show(law, "decaying", count=60)
    off = show(law, "decaying", offset=True)
    rough, rougher = (show(law, "decaying", sampler=sampler) for sampler in (laplace, alone))
    judge(f"{law}, other settings", [
        Figure("60 points: RMSE beyond / pN", many[4], 0.0, 1.0),
        Figure("60 points: 95 % bands hold F in range", many[2], 0.93),
        Figure("60 points: 95 % bands hold y beyond", many[7], 0.92, 0.98),
        Figure("60 points: 95 % bands hold F beyond", many[6]),
        Figure("offset unknown: RMSE beyond / pN", off[4], 0.0, 8.0),
        Figure("offset unknown: 95 % bands hold F in range", off[2]),
        Figure("offset unknown: 95 % bands hold y beyond", off[7], 0.92, 0.98),
        Figure("maximum and curvature: 95 % bands hold F beyond", rough[6]),
        Figure("maximum alone: 95 % bands hold F beyond", rougher[6])])


def test_laws_that_are_drawn():
    """Their sizes, lengths and powers were chosen before anything was seen of the answers, and not changed."""
    print(HEAD)
    few, many = (show("drawn", "decaying", count=count) for count in SPANS)
    judge(f"{MANY} laws of all powers from 1 to 3", [
        *(Figure(f"15 points: {name}", few[i], 0.92, 0.98) for i, name in (
            (3, "95 % bands hold y in range"), (7, "95 % bands hold y beyond"))),
        Figure("15 points: 95 % bands hold F in range", few[2], 0.93),
        Figure("15 points: 95 % bands hold F beyond", few[6]),
        Figure("60 points: 95 % bands hold F in range", many[2], 0.93),
        Figure("60 points: 95 % bands hold F beyond", many[6])])


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    print(HEAD)
    for one in sys.argv[1:2] or [*LAWS, "drawn"]:
        for prior in sys.argv[2:] or FORCE_PRIORS:
            show(one, prior)
        if len(sys.argv) < 3:
            show(one, "decaying", count=60)
            show(one, "decaying", offset=True)
            show(one, "decaying", sampler=laplace)
            show(one, "decaying", sampler=alone)
