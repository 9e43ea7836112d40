r"""A network for E*(omega) whose loss knows causality and dissipation.

$\ln\omega \to (\ln E', \ln E'')$, or the moduli themselves where noise makes some of them negative, minimizes

$$L = \frac1n\sum_i\frac{(E_i - y_i)^2}{\sigma_i^2} + \frac{1}{\sigma^2}\left\langle
  \lambda_\mathrm{KK}\frac{r'^2 + r''^2}{|E^*|^2} + \lambda_\mathrm{diss}\frac{\max(0, -E'')^2}{|E^*|^2}
  + \lambda_\mathrm{mono}\frac{\max(0, -dE'/d\ln\omega)^2}{|E^*|^2}\right\rangle$$

with r', r'' what E' and E'' have beyond the Kramers-Kronig relations (`asperity.rheology.kramers_kronig`), $\sigma$
the relative noise, and the mean over collocation points, 8 per decade, from one decade below the band to one above.
The relations are summed from three decades below to three above: summed over the band alone they lose most of their
worth (docs/kramers_kronig.md has the figures).
What the relations do not see, the plateau or the viscosity, takes its best value in every step.

A small residual of the *trained* network is no evidence for the data: use `asperity.rheology.passivity` on them.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, nn
from jaxtyping import Array, Float

from asperity.learning.kk_training import (
    Measured,
    Objective,
    Plan,
    Progress,
    descend,
    mean_square,
    measured,
    random_layers,
    single,
    unflattened,
)
from asperity.messages import ArgumentError, DataError
from asperity.rheology.kramers_kronig import Convention, Form, KKMatrices, kk_matrices, kk_residuals

__all__ = ["KKNetwork", "Output", "Penalties", "TrainedNetworks", "train_kk_networks"]

Output = Literal["log", "signed"]

_PER_DECADE = 8  # nodes of the quadrature
_COLLOCATION = 1.0  # decades beyond the band
_REACH = 2.0  # decades of quadrature beyond the collocation
_FLOOR = 1e-3  # of the least |E*| measured: where |E*| of the network is smaller, residuals are not relative to it


class Penalties(NamedTuple):
    """Weights of the physics, in units of the noise; each a number or one per spectrum."""

    form: Form = "lncoth"  # of the relations; "plateau" is for solids alone
    causality: Any = 1.0  # lambda_KK
    dissipation: Any = 10.0  # lambda_diss; of no effect with logarithmic outputs, which are positive
    monotone: Any = 0.0  # lambda_mono: relaxing materials only, E' never falls


@final
class KKNetwork(eqx.Module):
    r"""E* as a network of ln(omega): two hidden layers of 32 tanh.

    Log: $E' = s' e^{a}$, $E'' = s'' e^{b}$; signed: $E' = s' a$, $E'' = s'' b$, with (a, b) the outputs.
    Leaves may have leading batch dimensions; `asperity.learning.kk_training.complex_moduli` evaluates those.
    """

    layers: eqx.nn.MLP
    center: Float[Array, "*batch"]  # ln(rad/s), of the band
    half_width: Float[Array, "*batch"]  # of the band in ln(rad/s)
    scale: Float[Array, "*batch 2"]  # Pa, s' and s''
    output: Output = eqx.field(static=True)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The leading dimensions of all leaves."""
        return self.center.shape

    def parts(self, log_frequency: Float[Array, " k"]) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
        """E' and E'' in Pa at (k,) ln(omega / (rad/s))."""
        center, half_width, scale = lax.stop_gradient((self.center, self.half_width, self.scale))
        a, b = jax.vmap(self.layers)(((log_frequency - center) / half_width)[:, None]).T
        if self.output == "log":
            a, b = jnp.exp(a), jnp.exp(b)
        return scale[0] * a, scale[1] * b

    def complex_modulus(self, angular_frequency: Any) -> Array:
        """E* in Pa at angular frequencies > 0 in rad/s, elementwise."""
        omega = jnp.asarray(angular_frequency, jnp.result_type(float))
        storage, loss = self.parts(jnp.log(omega.ravel()))
        return lax.complex(storage, loss).reshape(omega.shape)


class TrainedNetworks(NamedTuple):
    """Networks and what is left of their losses, all with the batch dimensions of the data."""

    networks: KKNetwork
    misfit: np.ndarray  # mean squared residual in units of the noise: about 1 minus parameters used per datum
    physics: np.ndarray  # the weighted sum of the penalties; no evidence about the data
    finite: np.ndarray  # bool; False where the training diverged: use a smaller learning rate


class _Grid(NamedTuple):
    """What all spectra of a batch share."""

    at: Any  # (m,) ln(omega) of the data, relative to the middle of the band like all here
    nodes: Any  # (n,) ln(omega) of the quadrature
    frequency: Any  # of the collocation nodes
    storage: Any  # the matrices of `KKMatrices`
    loss: Any


class _Datum(NamedTuple):
    """One spectrum on the scale of the outputs."""

    target: Any  # (2, m) ln(E/s) or E/s
    weight: Any  # (2, m) 1 / standard deviation of the target
    scale: Any  # (2,) of E' and E'', relative to the larger
    tolerance: Any  # relative noise
    floor: Any  # least |E*|^2 that residuals are relative to
    weights: Any  # (3,) of causality, dissipation, monotone


def train_kk_networks(angular_frequency: Any, modulus: Any, noise: Any, *, penalties: Penalties | None = None,
                      output: Output = "log", convention: Convention = "modulus", plan: Plan | None = None,
                      progress: Progress | None = None) -> TrainedNetworks:
    """Train one network per spectrum, all at once.

    Args:
        angular_frequency: (m,) rad/s, ascending.
        modulus: (..., m) complex E* in Pa; points that are not finite are left out.
        noise: standard deviation in Pa, real (of E' and E'' alike) or complex; infinite: the point does not count.
        penalties: form and weights of the physics, the latter broadcast to the batch dimensions; all 0: none.
        output: "signed" where the noise makes E' or E'' negative somewhere.
        convention: must be "modulus"; anything else raises.
        plan: steps, learning rate, warm-up, ramp, balance, seed.
        progress: called with (steps done, steps in all).

    Raises:
        ValueError: another convention, shapes, values that are not positive with logarithmic outputs, a negative
            weight, or a plan that makes no sense.
    """
    _check_convention(convention)
    penalties, plan = penalties or Penalties(), plan or Plan()
    spectra = measured(angular_frequency, modulus, noise)
    scale, data = _data(spectra, penalties, output)
    grid = _grid(spectra.angular_frequency, penalties.form)
    with jax.enable_x64(False):
        networks = _initial(plan, spectra.shape, grid.at[-1], output)
        networks, losses = descend(_objective(penalties.form), networks, single(data), single(grid), plan, progress)
    middle = np.log(spectra.angular_frequency[[0, -1]]).mean()
    networks = eqx.tree_at(lambda n: (n.center, n.scale), networks, (np.full(len(scale), middle), scale))
    misfit, physics = losses.reshape(2, *spectra.shape)
    return TrainedNetworks(unflattened(networks, spectra.shape), misfit, physics, np.isfinite(misfit + physics))


def _check_convention(convention: str) -> None:
    if convention != "modulus":
        raise ArgumentError(
            f"convention = {convention!r}: the network learns a modulus E* = E' + iE'' for strains e^(+i w t), whose "
            "storage rises where there is loss. The Kramers-Kronig relations of optics and of compliances have the "
            "opposite sign; with them the penalty asks for E'(0) >= E'(infinity) and E'' <= 0 and destroys the fit. "
            "Keep convention = 'modulus'; turn a compliance J* into E* = 1/J*, and E' - iE'' into its conjugate")


def _data(spectra: Measured, penalties: Penalties, output: str) -> tuple[np.ndarray, _Datum]:
    """The scales (batch, 2) of E' and E'', and the data in these units."""
    counted, values = spectra.weight > 0, spectra.values
    if output == "log":
        _check_positive(values, counted)
        safe = np.where(counted, values, 1.0)
        scale = np.exp(np.sum(np.log(safe), axis=2) / counted.sum(axis=2))
        target, weight = np.where(counted, np.log(safe / scale[..., None]), 0.0), spectra.weight * values
    elif output == "signed":
        scale = np.sqrt(np.sum(values**2, axis=2) / counted.sum(axis=2))
        target, weight = values / scale[..., None], spectra.weight * scale[..., None]
    else:
        raise ArgumentError(f"output = {output!r} is not known; it is 'log' or 'signed'")
    largest = scale.max(axis=1, keepdims=True)
    floor = (_FLOOR * np.nanmin(spectra.size / largest, axis=1)) ** 2
    return scale, _Datum(target, weight, scale / largest, spectra.tolerance, floor, _weights(penalties, spectra.shape))


def _check_positive(values: np.ndarray, counted: np.ndarray) -> None:
    wrong = counted & (values <= 0)
    if wrong.any():
        raise DataError(f"{wrong.sum()} values of E' or E'' are not positive (first in spectrum "
                        f"{np.argwhere(wrong)[0, 0]}) and have no logarithm: pass output = 'signed'. Where all E'' "
                        "are so, the sign of the phase is wrong")


def _weights(penalties: Penalties, shape: tuple[int, ...]) -> np.ndarray:
    """(batch, 3) causality, dissipation, monotone."""
    weights = np.stack([np.broadcast_to(np.asarray(w, float), shape).ravel() for w in penalties[1:]], axis=1)
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ArgumentError(f"{penalties}: the weights must be finite and not negative")
    return weights


def _grid(angular_frequency: np.ndarray, form: Form) -> _Grid:
    """Nodes three decades beyond the band; frequencies in units of the middle of the band."""
    u = np.log(angular_frequency)
    at = u - (u[0] + u[-1]) / 2
    decades = 2 * (at[-1] / np.log(10) + _COLLOCATION + _REACH)
    nodes = np.linspace(-0.5, 0.5, int(np.ceil(_PER_DECADE * decades - 1e-6)) + 1) * decades * np.log(10)
    matrices = kk_matrices(nodes, _collocation(len(nodes)), form)
    return _Grid(at, nodes, matrices.frequency, matrices.storage, matrices.loss)


def _collocation(count: int) -> np.ndarray:
    margin = int(_REACH * _PER_DECADE)
    return np.arange(margin, count - margin)


def _initial(plan: Plan, shape: tuple[int, ...], half_width: float, output: Output) -> KKNetwork:
    """Random networks (batch,) of ln(omega) relative to the middle of the band, in units of the scales."""
    layers, count = random_layers(plan.seed, shape, 2)
    return KKNetwork(layers, jnp.zeros(count), jnp.full(count, half_width), jnp.ones((count, 2)), output)


@cache
def _objective(form: Form) -> Objective:
    """The loss of one network, the same object whenever it is asked for."""
    def objective(network: KKNetwork, datum: _Datum, grid: _Grid) -> tuple[Array, Array]:
        both = jnp.stack(network.parts(jnp.concatenate([grid.at, grid.nodes])))
        here, (storage, loss) = both[:, :len(grid.at)], both[:, len(grid.at):] * datum.scale[:, None]
        here = jnp.log(here) if network.output == "log" else here
        matrices = KKMatrices(form, grid.frequency, grid.storage, grid.loss, _collocation(len(grid.nodes)),
                              grid.frequency.shape[0] // 2)
        penalties = _penalties(matrices, storage, loss, datum.floor)
        return mean_square(here - datum.target, datum.weight), datum.weights @ penalties / datum.tolerance**2

    return objective


def _penalties(matrices: KKMatrices, storage: Array, loss: Array, floor: Array) -> Array:
    """(3,) mean squares over the collocation points, relative to |E*|: causality, dissipation, monotone."""
    rows = matrices.collocation
    square = storage[rows] ** 2 + loss[rows] ** 2 + floor
    by_storage, by_loss = _beyond_causality(matrices, storage, loss, square)
    fall = storage[rows - 1] - storage[rows + 1]
    slope = nn.relu(fall) * (_PER_DECADE / (2 * np.log(10)))
    return jnp.stack([jnp.mean(part / square) for part in
                      (by_storage**2 + by_loss**2, nn.relu(-loss[rows]) ** 2, slope**2)])


def _beyond_causality(matrices: KKMatrices, storage: Array, loss: Array, square: Array) -> tuple[Array, Array]:
    """The residuals with the plateau, or the viscosity, that makes them least."""
    of_storage, of_loss = kk_residuals(matrices, storage, loss, 0.0)
    if matrices.form == "plateau":
        plateau = jnp.sum(of_storage / square) / jnp.sum(1 / square)
        return kk_residuals(matrices, storage - plateau, loss, 0.0)
    unit = matrices.frequency
    viscosity = jnp.sum(of_loss * unit / square) / jnp.sum(unit**2 / square)
    return of_storage, of_loss - jnp.maximum(viscosity, 0.0) * unit
