r"""PAC-Bayes certificates: upper bounds of the risk on new units that hold with a stated probability.

A *posterior* Q over predictors is chosen with the data, a *prior* P without them. Each unit (session,
specimen) gives a loss in [0, 1]; $\hat r$ is the mean loss over the n units and over Q (draw a predictor,
then judge it: the Gibbs risk), R its expectation over new units of the same kind. With probability at least
1 - failure over the data, for all Q at once, R is below each of the bounds here.

What such a certificate does *not* cover: units of another kind (other radii, another instrument), the mean
predictor in the place of the drawn one (unless the loss is convex), and units that share an error. n counts
independent units, not pixels: from a dozen sessions without a single error nobody can conclude more
than R < 0.22 with probability 0.95 ($1 - 0.05^{1/12}$). A prior whose parameters or hyperparameters were
chosen with the same units is no prior.
Bounds take numbers or arrays and return float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import rel_entr

from asperity.messages import ArgumentError, DataError

__all__ = ["bernoulli_divergence", "catoni_bound", "gaussian_divergence", "gaussian_process_divergence",
           "kl_inverse", "maurer_bound", "mcallester_bound", "sampled_risk_bound", "thiemann_bound"]


def gaussian_divergence(mean: Any, covariance: Any, prior_mean: Any, prior_covariance: Any) -> float:
    r"""KL(N(m, S) || N(m0, S0)) in nats.

    $$\tfrac12\left[\mathrm{tr}(S_0^{-1}S) + (m-m_0)^T S_0^{-1}(m-m_0) - d + \ln\det S_0/\det S\right]$$

    Args:
        mean, prior_mean: (d,). covariance, prior_covariance: (d, d), positive definite.

    Raises:
        numpy.linalg.LinAlgError: a covariance is not positive definite.
    """
    shift = np.atleast_1d(np.asarray(mean, float) - np.asarray(prior_mean, float))
    matrices = (np.atleast_2d(np.asarray(a, float)) for a in (covariance, prior_covariance))
    factor, prior = (np.linalg.cholesky(matrix) for matrix in matrices)
    white = solve_triangular(prior, np.column_stack([factor, shift]), lower=True)
    volume = np.log(np.diag(prior)).sum() - np.log(np.diag(factor)).sum()
    return float(0.5 * ((white**2).sum() - len(shift)) + volume)


def gaussian_process_divergence(kernel: Any, noise_variance: Any, values: Any) -> float:
    r"""KL of the posterior of a Gaussian process from its prior, in nats.

    $$\tfrac12\left[\ln\det(I + K\Sigma^{-1}) - \mathrm{tr}\,K(K+\Sigma)^{-1} + a^TKa\right], \qquad
      a = (K+\Sigma)^{-1}y$$

    Holds for hyperparameters fixed beforehand: choosing them with the data costs a union bound over a finite
    grid (the logarithm of its size, added to the result).
    Source: Seeger, J. Mach. Learn. Res. 3, 233 (2002).

    Args:
        kernel: (n, n) prior covariance K at the inputs. noise_variance: a number or (n,), the diagonal of
            Sigma. values: (n,) y less the prior mean.

    Raises:
        numpy.linalg.LinAlgError: K + Sigma is not positive definite.
    """
    gram, y = np.asarray(kernel, float), np.asarray(values, float)
    noise = np.broadcast_to(np.asarray(noise_variance, float), y.shape)
    factor = cho_factor(gram + np.diag(noise), lower=True)
    weights = cho_solve(factor, y)
    volume = 2 * np.log(np.diag(factor[0])).sum() - np.log(noise).sum()
    return float(0.5 * (volume - np.trace(cho_solve(factor, gram)) + weights @ gram @ weights))


def bernoulli_divergence(risk: Any, other: Any) -> np.ndarray:
    r"""kl(q || p) = q ln(q/p) + (1 - q) ln((1-q)/(1-p)) in nats; q, p in [0, 1]."""
    q, p = np.asarray(risk, float), np.asarray(other, float)
    return rel_entr(q, p) + rel_entr(1 - q, 1 - p)


def kl_inverse(risk: Any, bound: Any) -> np.ndarray:
    """The largest p in [risk, 1] with kl(risk || p) <= bound, from above to 1e-16 (60 bisections).

    Raises:
        ValueError: a risk outside [0, 1] or a negative bound.
    """
    q, budget = np.broadcast_arrays(np.asarray(risk, float), np.asarray(bound, float))
    if not ((q >= 0).all() and (q <= 1).all() and (budget >= 0).all()):
        raise DataError("the risk must lie in [0, 1] (is the loss scaled to it?), the bound be >= 0")
    low, high = q, np.ones_like(q)
    for _ in range(60):
        middle = low + (high - low) / 2
        inside = bernoulli_divergence(q, middle) <= budget
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return high


def _complexity(divergence: Any, units: Any, failure: float) -> np.ndarray:
    """(KL + ln(2 sqrt(n) / failure)) / n."""
    if not 0 < failure < 1 or np.any(np.asarray(units) < 1) or np.any(np.asarray(divergence) < 0):
        raise ArgumentError("failure must lie in (0, 1), with one unit at least and a divergence of at least 0")
    n = np.asarray(units, float)
    return (np.asarray(divergence, float) + np.log(2 * np.sqrt(n) / failure)) / n


def maurer_bound(risk: Any, divergence: Any, units: Any, *, failure: float = 0.05) -> np.ndarray:
    r"""The bound of Maurer and Seeger, the tightest here without a free parameter.

    $$R \le \mathrm{kl}^{-1}\left(\hat r,\; \frac{KL(Q\|P) + \ln(2\sqrt n/\mathrm{failure})}{n}\right)$$

    Source: Maurer, arXiv:cs/0411099 (2004).

    Args:
        risk: the Gibbs risk on the n units, in [0, 1].
        divergence: KL(Q || P) in nats.
        units: n, independent.
        failure: the probability with which the bound may be wrong.

    Raises:
        ValueError: a risk outside [0, 1], no unit, a negative divergence, a failure outside (0, 1).
    """
    return kl_inverse(risk, _complexity(divergence, units, failure))


def mcallester_bound(risk: Any, divergence: Any, units: Any, *, failure: float = 0.05) -> np.ndarray:
    r"""McAllester's form, $R \le \hat r + \sqrt{B/2}$ with B = (KL + ln(2 sqrt(n)/failure))/n; at most 1.

    Arguments and errors as `maurer_bound`, which is never larger.
    Source: McAllester, Mach. Learn. 51, 5 (2003), with the constant of Maurer.
    """
    kl_inverse(risk, 0.0)  # refuses risks outside [0, 1]
    return np.minimum(1.0, np.asarray(risk, float) + np.sqrt(_complexity(divergence, units, failure) / 2))


def thiemann_bound(risk: Any, divergence: Any, units: Any, *, failure: float = 0.05) -> np.ndarray:
    r"""The form with a trade-off parameter, at its best value (the bound holds for all values at once).

    $$R \le \min_{0<\lambda<2} \frac{\hat r}{1-\lambda/2} + \frac{B}{\lambda(1-\lambda/2)}, \qquad
      \lambda_{best} = \frac{2}{\sqrt{2\hat r/B + 1} + 1}$$

    At most 1, B as in `mcallester_bound`. Not below `maurer_bound`, but convex in Q for given lambda.
    Arguments and errors as `maurer_bound`.
    Source: Thiemann, Igel, Wintenberger, Seldin, ALT 2017, PMLR 76, 466.
    """
    kl_inverse(risk, 0.0)
    r, budget = np.asarray(risk, float), _complexity(divergence, units, failure)
    best = 2 / (np.sqrt(2 * r / budget + 1) + 1)
    return np.minimum(1.0, (r + budget / best) / (1 - best / 2))


def catoni_bound(risk: Any, divergence: Any, units: Any, temperatures: Any, *,
                 failure: float = 0.05) -> np.ndarray:
    r"""Catoni's bound, the least over temperatures that are fixed before the data are seen.

    $$R \le \min_{\lambda}\frac{1 - \exp(-\lambda\hat r - (KL + \ln(M/\mathrm{failure}))/n)}{1-e^{-\lambda}}$$

    for M temperatures lambda > 0 (union bound); with one it is Catoni's bound for that lambda. At most 1.
    Other arguments and errors as `maurer_bound`.
    Source: Catoni, PAC-Bayesian supervised classification, IMS Lecture Notes 56 (2007), theorem 1.2.6.

    Raises:
        ValueError: also a temperature that is not above 0.
    """
    kl_inverse(risk, 0.0)
    grid = np.atleast_1d(np.asarray(temperatures, float))
    if not (grid.size and (grid > 0).all()):
        raise ArgumentError("temperatures must be above 0")
    _complexity(divergence, units, failure)
    n = np.asarray(units, float)
    cost = (np.asarray(divergence, float) + math.log(grid.size / failure)) / n
    exponent = np.multiply.outer(grid, np.asarray(risk, float)) + cost
    rows = grid.reshape(-1, *[1] * (exponent.ndim - 1))
    return np.minimum(1.0, (np.expm1(-exponent) / np.expm1(-rows)).min(axis=0))


def sampled_risk_bound(sampled_risk: Any, draws: Any, *, failure: float = 0.01) -> np.ndarray:
    r"""An upper bound of the Gibbs risk on the data from T predictors drawn from Q.

    $$\hat r \le \mathrm{kl}^{-1}(\hat r_T,\; \ln(1/\mathrm{failure})/T)$$

    with probability at least 1 - failure over the draws (Chernoff). Put it in the place of the risk, and add
    the two failures. Source: Langford, Caruana, NIPS 14 (2001), one-sided.

    Args:
        sampled_risk: mean over the T draws of their risk on the data, in [0, 1].
        draws: T, independent.
        failure: the share of the whole failure probability that is spent here.

    Raises:
        ValueError: a risk outside [0, 1], no draw, a failure outside (0, 1).
    """
    if not 0 < failure < 1 or np.any(np.asarray(draws) < 1):
        raise ArgumentError("failure must lie in (0, 1), with one draw at least")
    return kl_inverse(sampled_risk, -math.log(failure) / np.asarray(draws, float))
