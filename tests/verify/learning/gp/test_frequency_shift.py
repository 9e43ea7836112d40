"""Forces from frequency shifts: a Gaussian process against the inversion of Sader and Jarvis, on known force laws.

``python -m tests.verify.learning.gp.test_frequency_shift`` prints the tables of docs/frequency_shift.md. The truth is
made by adaptive integration over the phase of the oscillation and shares no code with what is judged.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import quad
from scipy.stats import norm

from asperity.learning.gp import dense, frequency_shift
from asperity.learning.gp.force_prior import FORCE_PRIORS
from asperity.learning.gp.observed import Observed
from asperity.learning.gp.tempering import tempered
from asperity.learning.sader_jarvis import ill_posed, inflections, sader_jarvis
from tests.verify.verdict import Figure, judge

STIFFNESS = 1800.0  # nN/nm, as of a qPlus sensor
NOISE = 0.01  # of the largest frequency shift
SEEDS = 20
DRAWS = 64
HAMAKER = 0.1667  # nN nm^2: Hamaker constant times radius over 6


def exponential(z, size=1.17, decay=0.1, hamaker=HAMAKER, power=2.0):
    """Repulsion (nN at 0.5 nm) that falls by e in 0.1 nm, and van der Waals attraction, nN."""
    return size * np.exp(-(z - 0.5) / decay) - hamaker / z**power


def morse(z, energy=0.364, place=0.2357, steepness=13.76, hamaker=HAMAKER, power=2.0):
    """A bond as of two silicon atoms (aJ, nm, 1 / nm), and van der Waals attraction, nN."""
    x = np.exp(-steepness * (z - place))
    return 2 * steepness * energy * (x**2 - x) - hamaker / z**power


def step(z, size=-0.25, place=1.2, width=0.06, hamaker=0.02, power=2.0):
    """Attraction that is switched on within a width, so that its slope changes faster than an inversion can follow."""
    return size * (1 - np.tanh((z - place) / width)) - hamaker / z**power


class Case(NamedTuple):
    """A force law, and how it is measured; lengths in nm."""

    force: object
    nearest: float
    amplitude: float
    step: float
    points: int = 60
    offset: float = 0.0  # of the separations that are believed from the true ones

    @property
    def name(self):
        """Law and amplitude."""
        wrong = f", z {self.offset:+g} nm" if self.offset else ""
        return f"{self.force.__name__}, a = {self.amplitude:g} nm, {self.points} points{wrong}"

    @property
    def asked(self):
        """The closest approaches at which forces are compared: the first 3.5 nm."""
        return self.z[self.z < self.nearest + 3.5]

    @property
    def z(self):
        """The closest approaches."""
        return self.nearest + self.step * np.arange(self.points)


LAWS = ((exponential, 0.5), (morse, 0.185))
SHORT = [Case(*law, a, step) for law in LAWS for a, step in ((0.05, 0.05), (0.3, 0.06), (1.0, 0.07))]
SHIFTED = [Case(*law, 0.3, 0.06, offset=offset) for law in LAWS for offset in (-0.1, 0.2)]
SWITCH = [Case(step, 0.4, a, 0.05) for a in (0.03, 0.2, 0.6)]
LONG = [Case(force, z, a, (20 - z) / 599, 600) for force, z in LAWS for a in (0.05, 0.3, 1.0)]


def shift(case, force=None):
    """The relative frequency shifts of the law of a case, or another, by adaptive integration over half a period."""
    a, force = case.amplitude, force or case.force

    def one(z):
        return quad(lambda phase: force(z + a * (1 + np.cos(phase))) * np.cos(phase), 0, np.pi, epsabs=1e-12,
                    epsrel=1e-10, limit=200)[0]

    return np.array([-one(z) / (np.pi * a * STIFFNESS) for z in case.z])


def floor(case, std):
    """The least error (pN) of an unbiased fit of the very law that made the data, all of its numbers unknown.

    By Cramer and Rao: no method that does not know the form of the law can promise less.
    """
    truth = np.array(case.force.__defaults__)

    def slopes(of):
        both = [[of(lambda z, p=truth * (1 + 1e-4 * sign * one): case.force(z, *p)) for sign in (1, -1)]
                for one in np.eye(len(truth))]
        return np.stack([(up - down) / 2e-4 for up, down in both], axis=1)  # by the logarithm of each number

    seen, force = slopes(lambda law: shift(case, law)) / std, slopes(lambda law: law(case.asked))
    return rms(np.sqrt(np.einsum("np,pq,nq->n", force, np.linalg.inv(seen.T @ seen), force)))


@partial(jax.jit, static_argnames="prior")
def _inferred(key, data, rows, at, prior):
    """Means and standard deviations of the force and its slope, each (draw, point)."""
    def kernel(theta):
        return prior.kernel(theta, data.z[0])

    drawn = tempered(lambda theta: dense.log_likelihood(kernel(theta), data, rows), prior.prior, key, DRAWS)
    told = jax.lax.map(lambda theta: dense.condition(kernel(theta), data, at, rows), drawn.theta)
    of = np.kron(np.eye(2), np.ones(len(prior.parts)))  # the sum of the parts, and of their slopes
    variance = jnp.einsum("qr,...rs,qs->q...", of, told.covariance, of)
    return jnp.einsum("qr,...r->q...", of, told.mean), jnp.sqrt(jnp.maximum(variance, 0.0))


def inferred(case, measured, std, seed):
    """Force (nN) and slope (N/m) by the Gaussian process; the unit of force is the largest that the inversion shows.

    The noise is known, and the unit of the frequency shifts; those closer than 3 % of the separation are averaged.
    """
    with jax.enable_x64(True):
        unit = np.abs(sader_jarvis(case.z, measured, case.amplitude, STIFFNESS)).max()
        z = case.z + case.offset
        average = frequency_shift.averaging(z)
        rows = frequency_shift.rows(z, case.amplitude, STIFFNESS / unit * std, average)
        data = Observed(jnp.asarray(average @ z), jnp.asarray(average @ measured / std),
                        jnp.asarray((average**2).sum(axis=1)), jnp.ones(len(average), bool))
        mean, spread = _inferred(jax.random.key(seed), data, rows, jnp.asarray(case.asked + case.offset),
                                 FORCE_PRIORS["decaying"])
        return unit * np.asarray(mean), unit * np.asarray(spread)


class Found(NamedTuple):
    """Root mean squares of the errors over points and seeds (pN), and shares of the truth within bands."""

    largest: float  # force, nN
    posed: bool  # whether the test of inflections lets the inversion pass
    exact: float  # of the inversion without noise,
    inverted: float  # and with it, by straight lines or a cubic spline: by what is better
    inferred: float  # of the mean of the Gaussian process
    least: float  # of an unbiased fit of the true law
    held: float  # in 95 % bands,
    near: float  # of the five nearest points,
    half: float  # in 50 % bands,
    slope: float  # and of the true slope within 95 % bands

    @property
    def ratio(self):
        """The error of the Gaussian process over that of the inversion."""
        return self.inferred / self.inverted


def found(case, seeds=SEEDS):
    """All figures of one case."""
    shifts, truth, asked = shift(case), case.force(case.asked), len(case.asked)
    std = NOISE * np.abs(shifts).max()
    noisy = [shifts + std * np.random.default_rng(seed).normal(size=len(shifts)) for seed in range(seeds)]

    def inversion(several):
        return min(rms([sader_jarvis(case.z, one, case.amplitude, STIFFNESS, order)[:asked] - truth
                        for one in several]) for order in (1, 3))

    told = [inferred(case, one, std, seed) for seed, one in enumerate(noisy)]
    slope = (case.force(case.asked + 1e-6) - case.force(case.asked - 1e-6)) / 2e-6
    away, away_slope = np.abs([norm.cdf((np.stack([truth, slope])[:, None] - mean) / spread).mean(axis=1) - 0.5
                               for mean, spread in told]).swapaxes(0, 1)
    close = np.linspace(case.nearest, case.nearest + 3.5, 2000)
    return Found(np.abs(truth).max(), not ill_posed(inflections(close, case.force(close)), case.amplitude),
                 inversion([shifts]), inversion(noisy), rms([mean[0].mean(axis=0) - truth for mean, _ in told]),
                 floor(case, std), (away < 0.475).mean(), (away < 0.475)[:, :5].mean(), (away < 0.25).mean(),
                 (away_slope < 0.475).mean())


def rms(errors):
    """Root mean square, of nN in pN."""
    return 1e3 * np.sqrt(np.mean(np.square(errors)))


def table(cases):
    """Print one row for each case."""
    print("\n| case | largest force, nN | amplitude passes the test | inversion, no noise, pN | inversion, pN "
          "| Gaussian process, pN | ratio | least of a fit, pN | 95 % hold | of the five nearest "
          "| 50 % hold | 95 % hold the slope |\n|---|---|---|---|---|---|---|---|---|---|---|---|")
    every = {}
    for case in cases:
        every[case.name] = one = found(case)
        print(f"| {case.name} | {one.largest:.3g} | {'yes' if one.posed else 'no'} | {one.exact:.3g} "
              f"| {one.inverted:.3g} | {one.inferred:.3g} | {one.ratio:.2f} | {one.least:.3g} | {one.held:.3f} "
              f"| {one.near:.2f} | {one.half:.2f} | {one.slope:.3f} |", flush=True)
    return every


def figures(every, most):
    """The ratio of the errors is at most this, or what the best fit of the true law reaches; bands may be too wide."""
    return [*(Figure(f"{name}: error over that of the inversion", one.ratio, 0.0, max(most, one.least / one.inverted))
              for name, one in every.items()),
            *(Figure(f"{name}: share in 95 % bands", one.held, 0.9, 1.0) for name, one in every.items())]


def test_sixty_points():
    judge(f"Forces from 60 frequency shifts, noise 1 % of the largest, {SEEDS} seeds", figures(table(SHORT), 0.6))


def test_separations_that_are_believed_wrongly():
    judge(f"Forces where the separation is wrong, {SEEDS} seeds", figures(table(SHIFTED), 0.6))


def test_where_the_inversion_is_ill_posed():
    every = table(SWITCH)
    assert [one.posed for one in every.values()] == [True, False, True]
    judge(f"Forces that are switched on, noise 1 % of the largest, {SEEDS} seeds", figures(every, 1.0))


def test_a_long_tail():
    judge(f"Forces from 600 frequency shifts to 20 nm, noise 1 %, {SEEDS} seeds", figures(table(LONG), 1.0))


if __name__ == "__main__":
    for each in (SHORT, SHIFTED, SWITCH, LONG):
        table(each)
