"""Gaussian processes: the density of a curve and its gradient, in linear and in cubic cost, beside other programs.

The composition is the default of `asperity.learning.gp.force_prior` (Matern 5/2 with an exponential envelope, plus
Matern 5/2 in ln z with a power-law amplitude: six states, six hyperparameters and the noise) on 0.3 to 8 nm. The
programs that have no such thing in linear time do a squared exponential with the noise (three hyperparameters).
Everything in double precision.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, NamedTuple

import numpy as np

from benchmarks.machine import Timing, compare
from benchmarks.peers import installed
from benchmarks.table import Row, limit, note, ratio

__all__ = ["batch", "cubic_cost", "linear_cost", "scaling"]

#: logarithms of the hyperparameters: of the default composition, of one squared exponential; last that of the noise
FORCE = np.log([3.0, 0.4, 0.7, 0.17, 2.0, 1.0, 0.02])
SMOOTH = np.log([1.0, 0.5, 0.02])
NEAREST = 0.3

Density = Callable[[Any], Any]


class Candidate(NamedTuple):
    """A function of nothing that takes the value and the gradient, and what it gave at first."""

    work: Callable[[], object]
    value: float


def curve(number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Separations in nm and forces in nN."""
    rng = np.random.default_rng(seed)
    z = np.sort(rng.uniform(NEAREST, 8.0, number))
    return z, 3 * np.exp(-z / 0.4) - 0.17 / z**2 + rng.normal(0, 0.02, number)


def compiled(density: Density, at: np.ndarray) -> Candidate:
    """Value and gradient by jax, compiled."""
    import jax

    run, start = jax.jit(jax.value_and_grad(density)), jax.numpy.asarray(at)
    return Candidate(lambda: jax.block_until_ready(run(start)), float(run(start)[0]))


def observed(theta: Any, z: Any, y: Any) -> Any:
    """The curve with the noise that ``theta`` ends with."""
    import jax.numpy as jnp

    from asperity.learning.gp.observed import Observed

    return Observed(z, y, jnp.full(z.shape, jnp.exp(2 * theta[-1])), jnp.ones(z.shape, bool))


def force_density(solver: Any, z: np.ndarray, y: np.ndarray) -> Density:
    """Of the default composition, by one of our solvers."""
    from asperity.learning.gp.force_prior import FORCE_PRIORS

    prior = FORCE_PRIORS["decaying"]
    return lambda theta: solver.log_likelihood(prior.kernel(theta[:-1], NEAREST), observed(theta, z, y))


# --- other programs, in linear cost ------------------------------------------------------------------------------


def tinygp_density(z: np.ndarray, y: np.ndarray) -> Density:
    """The same composition of tinygp's quasiseparable kernels, with a warp and two envelopes of our own."""
    import jax.numpy as jnp
    from tinygp import GaussianProcess
    from tinygp.kernels import quasisep

    class Exponential(quasisep.Wrapper):
        decay: Any

        def observation_model(self, X: Any) -> Any:
            return jnp.exp((NEAREST - X) / self.decay) * self.kernel.observation_model(X)

    class Logarithmic(quasisep.Wrapper):  # warp and envelope in one: nested wrappers would warp twice
        exponent: Any

        def coord_to_sortable(self, X: Any) -> Any:
            return jnp.log(X)

        def observation_model(self, X: Any) -> Any:
            return X**-self.exponent * self.kernel.observation_model(X)

    def density(theta: Any) -> Any:
        short, decay, length, long, exponent, log_length, noise = jnp.exp(theta)
        kernel = (Exponential(quasisep.Matern52(length, short), decay)
                  + Logarithmic(quasisep.Matern52(log_length, long), exponent))
        return GaussianProcess(kernel, z, diag=noise**2, assume_sorted=True).log_probability(y)

    return density


# --- other programs, in cubic cost ------------------------------------------------------------------------------


def dense_density(z: np.ndarray, y: np.ndarray) -> Density:
    """Of the squared exponential, by our solver of cubic cost."""
    import jax.numpy as jnp

    from asperity.learning.gp import dense
    from asperity.learning.gp.kernels import Constant, SquaredExponential

    def density(theta: Any) -> Any:
        return dense.log_likelihood(Constant(jnp.exp(theta[0])) * SquaredExponential(jnp.exp(theta[1])),
                                    observed(theta, z, y))

    return density


def gpjax_density(z: np.ndarray, y: np.ndarray) -> Density:
    """Its conjugate marginal likelihood; it adds a jitter of its own."""
    import gpjax
    import jax.numpy as jnp

    data = gpjax.Dataset(X=jnp.asarray(z)[:, None], y=jnp.asarray(y)[:, None])

    def density(theta: Any) -> Any:
        std, length, noise = jnp.exp(theta)
        prior = gpjax.gps.Prior(mean_function=gpjax.mean_functions.Zero(),
                                kernel=gpjax.kernels.RBF(lengthscale=length, variance=std**2))
        return gpjax.objectives.conjugate_mll(prior * gpjax.likelihoods.Gaussian(obs_stddev=noise), data)

    return density


def scikit_learn(z: np.ndarray, y: np.ndarray) -> Candidate:
    """Its kernel holds the logarithms of the variance, the length and the variance of the noise."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    std, length, noise = np.exp(SMOOTH)
    process = GaussianProcessRegressor(ConstantKernel(std**2) * RBF(length) + WhiteKernel(noise**2), alpha=0.0,
                                       optimizer=None).fit(z[:2, None], y[:2])
    process.X_train_, process.y_train_ = z[:, None], y
    work = partial(process.log_marginal_likelihood, process.kernel_.theta, eval_gradient=True, clone_kernel=False)
    return Candidate(work, float(work()[0]))


def gpytorch(z: np.ndarray, y: np.ndarray) -> Candidate:
    """With Cholesky at every size: what it does by default above 800 points misses the value by tens of nats."""
    import gpytorch as program
    import torch

    std, length, noise = np.exp(SMOOTH)
    at, force = torch.as_tensor(z)[:, None], torch.as_tensor(y)
    kernel = program.kernels.ScaleKernel(program.kernels.RBFKernel()).double()
    kernel.outputscale, kernel.base_kernel.lengthscale = std**2, length
    likelihood = program.likelihoods.GaussianLikelihood().double()
    likelihood.noise = noise**2
    parameters = [*kernel.parameters(), *likelihood.parameters()]

    def work() -> float:
        with program.settings.fast_computations(log_prob=False, covar_root_decomposition=False, solves=False):
            prior = program.distributions.MultivariateNormal(torch.zeros_like(force), kernel(at))
            value = likelihood(prior).log_prob(force)
            torch.autograd.grad(value, parameters)
        return value.item()

    return Candidate(work, work())


# --- tables --------------------------------------------------------------------------------------------------------


def _times(candidates: dict[str, Candidate], repeats: int, calls: int = 1) -> dict[str, Timing]:
    """Short work is called several times in a row: the first call after a long one finds neither cache nor memory."""

    def in_a_row(work: Callable[[], object]) -> None:
        for _ in range(calls):
            work()

    return compare({name: (partial(in_a_row, one.work), calls) for name, one in candidates.items()}, repeats)


def _double(work: Callable[..., list[Row]]) -> Callable[..., list[Row]]:
    """Run in double precision."""

    @wraps(work)
    def inside(*arguments: Any) -> list[Row]:
        import jax

        with jax.enable_x64(True):
            return work(*arguments)

    return inside


@_double
def linear_cost(sizes: tuple[int, ...], repeats: int) -> list[Row]:
    """Value and gradient of one long curve."""
    from asperity.learning.gp import state_space

    rows = []
    for number in sizes:
        z, y = curve(number)
        calls = max(1, 100_000 // number)
        what, found = f"GP, value and gradient, {number} points", {
            "asperity": compiled(force_density(state_space, z, y), FORCE)}
        if not installed("tinygp"):
            rows.append(limit(what, _times(found, repeats, calls)["asperity"].middle, remark="tinygp is not installed"))
            continue
        found["tinygp"] = compiled(tinygp_density(z, y), FORCE)
        times = _times(found, repeats, calls)
        rows.append(ratio(what, times["asperity"], "tinygp", times["tinygp"], 1.0))
        off = abs(found["tinygp"].value / found["asperity"].value - 1)
        rows.append(note("  both values", f"{found['asperity'].value:.6f}", f"relative difference {off:.1e}", off=off))
    return rows


@_double
def cubic_cost(number: int, repeats: int) -> list[Row]:
    """The squared exponential by programs of cubic cost, and what linear cost is worth at this size."""
    from asperity.learning.gp import dense, state_space

    z, y = curve(number)
    ours = {"linear": compiled(force_density(state_space, z, y), FORCE),
            "dense": compiled(force_density(dense, z, y), FORCE)}
    times = _times({"linear": ours["linear"]}, repeats, 50) | _times({"dense": ours["dense"]}, repeats)
    rows = [ratio(f"GP, linear against cubic cost, {number} points", times["linear"], "asperity, dense", times["dense"],
                  50)]
    found = {"asperity": compiled(dense_density(z, y), SMOOTH)}
    others = {"gpjax": lambda: compiled(gpjax_density(z, y), SMOOTH), "sklearn": lambda: scikit_learn(z, y),
              "gpytorch": lambda: gpytorch(z, y)}
    found |= {name: make() for name, make in others.items() if installed(name)}
    times = _times(found, repeats)
    for name in others:
        what = f"GP, squared exponential, {number} points"
        if name not in found:
            rows.append(note(what, "", f"{name} is not installed"))
            continue
        rows.append(ratio(what, times["asperity"], name, times[name]))
        off = found[name].value - found["asperity"].value
        rows.append(note("  both values", f"{found['asperity'].value:.6f}", f"difference {off:.1e}", off=off))
    return rows


@_double
def scaling(least: int, most: int, repeats: int) -> list[Row]:
    """The exponent of the time of value and gradient, between two sizes."""
    from asperity.learning.gp import state_space

    times = [_times({"asperity": compiled(force_density(state_space, *curve(n)), FORCE)}, repeats, most // n)
             for n in (least, most)]
    exponent = float(np.log(times[1]["asperity"].best / times[0]["asperity"].best) / np.log(most / least))
    return [Row(f"GP, time ~ points^p, {least} to {most}", f"p = {exponent:.3f}", "", "", "0.9 to 1.15",
                0.9 <= exponent <= 1.15, {"exponent": exponent})]


@_double
def batch(curves: int, number: int, repeats: int, goal: float | None = None) -> list[Row]:
    """One gradient of many curves at once, each with hyperparameters of its own."""
    import jax
    import jax.numpy as jnp

    from asperity.learning.gp import state_space

    z, y = (jnp.asarray(np.array(column)) for column in zip(*(curve(number, seed) for seed in range(curves))))
    run = jax.jit(jax.vmap(jax.value_and_grad(lambda theta, z, y: force_density(state_space, z, y)(theta))))
    theta = jnp.tile(FORCE, (curves, 1))
    jax.block_until_ready(run(theta, z, y))
    times = compare({"asperity": (lambda: jax.block_until_ready(run(theta, z, y)), 1)}, repeats)["asperity"]
    return [limit(f"GP, {curves} curves of {number} points, value and gradient of all", times.middle, goal)]
