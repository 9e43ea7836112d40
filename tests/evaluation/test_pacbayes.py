"""PAC-Bayes: divergences in closed form, bounds that hold, what a physics prior gains."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaln, ndtr, xlogy
from scipy.stats import binom, norm

from asperity.evaluation import pacbayes as pb

TEMPERATURES = np.geomspace(0.1, 10, 20)


def catoni(risk, divergence, units, **failure):
    return pb.catoni_bound(risk, divergence, units, 1.0, **failure)


def catoni_grid(risk, divergence, units, **failure):
    return pb.catoni_bound(risk, divergence, units, TEMPERATURES, **failure)


BOUNDS = {"maurer": pb.maurer_bound, "mcallester": pb.mcallester_bound, "thiemann": pb.thiemann_bound,
          "catoni": catoni, "catoni_grid": catoni_grid}


# --- divergences

def test_gaussian_divergence_in_one_dimension():
    """Against the integral of q ln(q/p)."""

    def integrand(x):
        return norm.pdf(x, 0.3, 0.7) * (norm.logpdf(x, 0.3, 0.7) - norm.logpdf(x, -0.5, 1.1))

    exact = quad(integrand, -12, 12, epsabs=1e-13)[0]
    assert pb.gaussian_divergence(0.3, 0.7**2, -0.5, 1.1**2) == pytest.approx(exact, rel=1e-11)


def test_gaussian_divergence_does_not_depend_on_coordinates():
    rng = np.random.default_rng(0)
    a, b, change = rng.normal(size=(3, 5, 5))
    s, s0 = a @ a.T + np.eye(5), b @ b.T + np.eye(5)
    m, m0 = rng.normal(size=(2, 5))
    direct = pb.gaussian_divergence(m, s, m0, s0)
    changed = pb.gaussian_divergence(change @ m, change @ s @ change.T, change @ m0, change @ s0 @ change.T)
    assert changed == pytest.approx(direct, rel=1e-10)
    assert pb.gaussian_divergence(m, s, m, s) == pytest.approx(0, abs=1e-12)


def test_gaussian_process_divergence_is_that_of_its_weights():
    """A linear kernel: the KL of the process is that of Bayesian regression's weights."""
    rng = np.random.default_rng(1)
    design, noise = rng.normal(size=(12, 3)), rng.uniform(0.05, 0.3, 12)
    y, prior = rng.normal(size=12), np.diag([2.0, 0.5, 1.0])
    covariance = np.linalg.inv(design.T @ (design / noise[:, None]) + np.linalg.inv(prior))
    weights = pb.gaussian_divergence(covariance @ design.T @ (y / noise), covariance, np.zeros(3), prior)
    process = pb.gaussian_process_divergence(design @ prior @ design.T, noise, y)
    assert process == pytest.approx(weights, rel=1e-10)


# --- the inverse of kl

def test_kl_inverse_satisfies_its_equation():
    """kl(q || p) = B up to its slope (p - q)/(p (1 - p)) times one rounding of p, and never below B."""
    q, budget = (a.ravel() for a in np.meshgrid(np.linspace(0, 0.99, 34), np.geomspace(1e-6, 5, 40)))
    p = pb.kl_inverse(q, budget)
    inner = p < 1 - 1e-6
    assert inner.mean() > 0.8
    slope = (p - q)[inner] / (p * (1 - p))[inner]
    error = np.abs(pb.bernoulli_divergence(q, p) - budget)[inner]
    assert np.all(error <= 1e-12 * slope + 1e-14)


def test_kl_inverse_at_its_ends():
    budget = np.array([1e-9, 0.1, 3.0])
    np.testing.assert_allclose(pb.kl_inverse(0.0, budget), -np.expm1(-budget), rtol=1e-7)
    assert pb.kl_inverse(1.0, 0.3) == 1
    assert pb.kl_inverse(0.3, 0.0) == pytest.approx(0.3, abs=1e-7)  # kl is flat there: sqrt(eps)


# --- the bounds

def test_constant_of_maurer():
    """E exp(n kl(r || R)) <= 2 sqrt(n) for binomial r, which the bound rests on: every n up to 2000."""
    for n in [*range(1, 30), 100, 500, 2000]:
        k = np.arange(n + 1)
        log_terms = (gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
                     + xlogy(k, k / n) + xlogy(n - k, 1 - k / n))
        assert np.exp(log_terms).sum() <= 2 * math.sqrt(n) * (1 + 1e-12)


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("units", [5, 20, 100, 500])
def test_bounds_hold_for_one_fixed_predictor(name, units):
    """The exact probability that the bound is wrong, by the binomial law, at any true risk."""
    errors, risk = np.arange(units + 1), np.linspace(0.001, 0.999, 999)
    bound = BOUNDS[name](errors / units, 0.0, units, failure=0.05)
    wrong = (bound[:, None] < risk) * binom.pmf(errors[:, None], units, risk)
    assert wrong.sum(axis=0).max() <= 0.05


def test_risk_of_drawn_predictors_holds_and_is_sharp():
    """The Monte-Carlo bound is wrong with a probability of up to 0.05, and not much less."""
    for draws in (20, 100, 500):
        errors, risk = np.arange(draws + 1), np.linspace(0.001, 0.999, 999)
        bound = pb.sampled_risk_bound(errors / draws, draws, failure=0.05)
        wrong = ((bound[:, None] < risk) * binom.pmf(errors[:, None], draws, risk)).sum(axis=0).max()
        assert 0.04 < wrong <= 0.05


def test_order_of_the_bounds():
    risk, divergence, units = np.meshgrid(np.linspace(0, 1, 21), [0, 1, 10, 100.0], [1, 10, 100, 10_000])
    maurer = pb.maurer_bound(risk, divergence, units)
    assert np.all(maurer >= risk)
    for other in ("mcallester", "thiemann"):
        assert np.all(maurer <= BOUNDS[other](risk, divergence, units) + 1e-12)


def test_a_grid_of_temperatures_pays_for_its_size():
    single = [pb.catoni_bound(0.2, 3.0, 60, one, failure=0.05 / len(TEMPERATURES)) for one in TEMPERATURES]
    assert pb.catoni_bound(0.2, 3.0, 60, TEMPERATURES, failure=0.05) == pytest.approx(min(single), rel=1e-14)


def test_best_value_of_the_trade_off():
    risk, budget = 0.13, (4.2 + math.log(2 * math.sqrt(80) / 0.05)) / 80
    grid = np.linspace(0.001, 1.999, 20001)
    least = np.min(risk / (1 - grid / 2) + budget / (grid * (1 - grid / 2)))
    assert pb.thiemann_bound(risk, 4.2, 80) == pytest.approx(least, rel=1e-6)


@pytest.mark.parametrize("wrong", [(1.2, 1, 10), (-0.1, 1, 10), (0.1, -1, 10), (0.1, 1, 0)])
@pytest.mark.parametrize("name", BOUNDS)
def test_what_is_refused(name, wrong):
    with pytest.raises(ValueError):
        BOUNDS[name](*wrong)


# --- a law of ten exponents: capped |ln error| of a log-linear model

THEORY = np.array([1, 0.5, 1.5, 2 / 3, -1 / 3, -0.5, 1, 0, 0, 0.0])
#: the truth departs from theory by 0.1 (standard deviation) in every exponent
TRUTH = THEORY + 0.1 * np.random.default_rng(0).normal(size=10)
NOISE = 0.15
PRIORS = {"none": (np.zeros(10), 1.0), "physics": (THEORY, 0.2)}


def capped(mean, std):
    """E min(|Z|, 1) for Z ~ N(mean, std^2)."""

    def above(m):
        return m * ndtr(m / std) + std * norm.pdf(m / std)

    return above(mean) + above(-mean) - above(mean - 1) - above(-mean - 1)


def certificate(rng, units, prior):
    """(Gibbs risk on the data, KL, true Gibbs risk over 4000 new x) of Bayesian regression."""
    mean0, std0 = PRIORS[prior]
    x, new = rng.normal(size=(units, 10)), rng.normal(size=(4000, 10))
    y = x @ TRUTH + NOISE * rng.normal(size=units)
    covariance = np.linalg.inv(x.T @ x / NOISE**2 + np.eye(10) / std0**2)
    mean = mean0 + covariance @ x.T @ (y - x @ mean0) / NOISE**2
    divergence = pb.gaussian_divergence(mean, covariance, mean0, std0**2 * np.eye(10))
    factor = np.linalg.cholesky(covariance)
    risk = capped(y - x @ mean, np.linalg.norm(x @ factor, axis=1)).mean()
    true = capped(new @ (TRUTH - mean), np.hypot(np.linalg.norm(new @ factor, axis=1), NOISE)).mean()
    return risk, divergence, true


def test_capped_loss():
    exact = quad(lambda z: min(abs(z), 1) * norm.pdf(z, 0.4, 0.8), -8, 8, points=[-1, 0, 1], limit=200)[0]
    assert capped(0.4, 0.8) == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize(("units", "gain"), [(50, 0.08), (200, 0.03), (1000, 0.005)])
def test_a_physics_prior_gives_a_tighter_certificate(units, gain):
    """On the same ten data sets each; the gain is largest where units are few."""
    found = {prior: np.transpose([certificate(np.random.default_rng(k), units, prior) for k in range(10)])
             for prior in PRIORS}
    bounds = {prior: pb.maurer_bound(risk, kl, units) for prior, (risk, kl, _) in found.items()}
    assert np.all(bounds["physics"] < bounds["none"])
    assert (bounds["none"] - bounds["physics"]).mean() > gain
    assert np.all(found["physics"][1] < found["none"][1])
