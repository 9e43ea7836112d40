r"""A network for the relaxation spectrum: causal and dissipative whatever its weights, without a penalty.

$$H(\ln\tau) = S(\tau)\,\mathrm{softplus}(f(\ln\tau)), \qquad
  E^* = E_e + i\omega\eta + \int H\,\frac{i\omega\tau}{1+i\omega\tau}\,d\ln\tau, \qquad E_e, \eta \ge 0$$

by ten nodes per decade from 1.5 decades below to 1.5 above the inverse frequencies of the data.
$S = \frac2\pi E''(1/\tau)$, of a power law through the data that is constant beyond the band, only makes f of order
one. The loss is that of the data alone.
For one spectrum `asperity.rheology.spectrum_estimate` is faster and needs no training; the network is for what that
cannot do: to be differentiated, and to be a part of larger networks.
"""

from __future__ import annotations

from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, nn
from jaxtyping import Float

from asperity.learning.kk_training import (
    Measured,
    Plan,
    Progress,
    descend,
    mean_square,
    measured,
    random_layers,
    single,
    unflattened,
)
from asperity.rheology.relaxation_spectrum import RelaxationSpectrum
from asperity.rheology.spectrum_estimate import Design, frequency_design, relaxation_nodes

__all__ = ["SpectrumNetwork", "TrainedSpectra", "train_spectrum_networks"]

_LEAST_LOSS = 0.01  # of |E*|, in the scale of H
_FREE = (0.0, -4.0)  # of spring and dashpot at the start: nearly no dashpot unless the data ask for it


@final
class SpectrumNetwork(eqx.Module):
    """H(ln tau) as a network with two hidden layers of 32 tanh, a spring and a dashpot.

    Leaves may have leading batch dimensions; `asperity.learning.kk_training.complex_moduli` evaluates those.
    """

    layers: eqx.nn.MLP
    free: Float[Array, "*batch 2"]  # spring and dashpot before softplus
    relaxation_time: Float[Array, "*batch node"]  # s, constant
    scale: Float[Array, "*batch node_and_2"]  # Pa of the branches and the spring, Pa s of the dashpot; constant

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The leading dimensions of all leaves."""
        return self.free.shape[:-1]

    def parameters(self) -> Float[Array, " node_and_2"]:
        """E_k in Pa, E_e in Pa, eta in Pa s, of one network: nonnegative."""
        tau = jax.lax.stop_gradient(jnp.asarray(self.relaxation_time))
        x = jnp.linspace(-1.0, 1.0, len(tau), dtype=tau.dtype)
        outputs = jax.vmap(self.layers)(x[:, None])[:, 0]
        return jax.lax.stop_gradient(self.scale) * nn.softplus(jnp.concatenate([outputs, self.free]))

    def spectrum(self) -> RelaxationSpectrum:
        """The material that one network stands for."""
        found = self.parameters()
        return RelaxationSpectrum(found[:-2], jnp.asarray(self.relaxation_time), found[-2], found[-1])

    def complex_modulus(self, angular_frequency: Any) -> Array:
        """E* in Pa at angular frequencies > 0 in rad/s, elementwise, of one network."""
        return self.spectrum().complex_modulus(angular_frequency)


class TrainedSpectra(NamedTuple):
    """Networks with the batch dimensions of the data."""

    networks: SpectrumNetwork
    misfit: np.ndarray  # mean squared residual in units of the noise
    finite: np.ndarray  # bool; False where the training diverged: use a smaller learning rate


class _Datum(NamedTuple):
    values: Any  # (2, m) in units of the mean size
    weight: Any  # (2, m)
    matrix: Any  # (2 m, n + 2) E* of parameters of 1 in their scales


def train_spectrum_networks(angular_frequency: Any, modulus: Any, noise: Any, *, plan: Plan | None = None,
                            progress: Progress | None = None) -> TrainedSpectra:
    """Train one network per spectrum, all at once.

    Args:
        angular_frequency: (m,) rad/s, ascending.
        modulus: (..., m) complex E* in Pa; points that are not finite are left out.
        noise: standard deviation in Pa, real (of E' and E'' alike) or complex; infinite: the point does not count.
        plan: steps, learning rate, seed; there are no penalties to ramp.
        progress: called with (steps done, steps in all).

    Raises:
        ValueError: shapes, frequencies or noise that are not positive, or a plan that makes no sense.
    """
    spectra, plan = measured(angular_frequency, modulus, noise), plan or Plan()
    omega = spectra.angular_frequency
    tau = relaxation_nodes(1 / omega[-1], 1 / omega[0])
    design = frequency_design(omega, tau)
    scale = _scale(spectra, tau)
    with jax.enable_x64(False):
        networks = _initial(plan, spectra.shape, tau)
        networks, losses = descend(_objective, networks, single(_data(spectra, design, scale)), None, plan, progress)
    times = np.broadcast_to(tau, (len(scale), len(tau)))
    networks = eqx.tree_at(lambda n: (n.relaxation_time, n.scale), networks, (times, scale))
    misfit = losses[0].reshape(spectra.shape)
    return TrainedSpectra(unflattened(networks, spectra.shape), misfit, np.isfinite(misfit))


def _scale(spectra: Measured, tau: np.ndarray) -> np.ndarray:
    """(batch, n + 2): what branches, spring and dashpot are like."""
    u, spacing = np.log(spectra.angular_frequency), np.log(tau[1] / tau[0])
    at = np.clip(-np.log(tau), u[0], u[-1])
    rows = []
    for size, loss in zip(spectra.size, spectra.values[:, 1]):
        counted = np.isfinite(size)
        typical = np.maximum(np.abs(loss), _LEAST_LOSS * size)[counted]
        law = np.polynomial.Polynomial.fit(u[counted], np.log(typical), 1)
        free = size[counted].min(), (typical / spectra.angular_frequency[counted]).min()
        rows.append(np.concatenate([2 / np.pi * np.exp(law(at)) * spacing, free]))
    return np.array(rows)


def _data(spectra: Measured, design: Design, scale: np.ndarray) -> _Datum:
    unit = np.nanmedian(spectra.size, axis=1)[:, None, None]
    return _Datum(spectra.values / unit, spectra.weight * unit, design.matrix * (scale[:, None, :] / unit))


def _initial(plan: Plan, shape: tuple[int, ...], tau: np.ndarray) -> SpectrumNetwork:
    """Random networks (batch,) in units of the scales."""
    layers, count = random_layers(plan.seed, shape, 1)
    times = jnp.broadcast_to(jnp.asarray(tau, jnp.float32), (count, len(tau)))
    return SpectrumNetwork(layers, jnp.tile(jnp.asarray(_FREE), (count, 1)), times, jnp.ones((count, len(tau) + 2)))


def _objective(network: SpectrumNetwork, datum: _Datum, common: None) -> tuple[Array, Array]:
    found = (datum.matrix @ network.parameters()).reshape(2, -1)
    return mean_square(found - datum.values, datum.weight), jnp.zeros(())
