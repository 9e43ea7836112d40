r"""The Kramers-Kronig relations between storage and loss, on a logarithmic frequency grid.

With the strain $\propto e^{+i\omega t}$ and $E^* = E' + iE''$ causality says, with $P$ the principal value,

$$\text{KK1:}\quad E' = E_\infty - \frac{2}{\pi} P\!\!\int_0^\infty \frac{\xi E''(\xi)}{\xi^2-\omega^2}\,d\xi, \qquad
  \text{KK2:}\quad E'' = \frac{2\omega}{\pi} P\!\!\int_0^\infty \frac{E'(\xi)-C}{\xi^2-\omega^2}\,d\xi, \qquad
  \text{KK3:}\quad E' = E_0 - \frac{2\omega^2}{\pi} P\!\!\int_0^\infty \frac{E''(\xi)/\xi}{\xi^2-\omega^2}\,d\xi$$

with any constant C. KK1 needs a finite plateau $E_\infty$; KK3 does not. A compliance $J^* = J' - iJ''$ and a
susceptibility $\chi' + i\chi''$ under $e^{-i\omega t}$ (optics) obey the same with the opposite sign of every
integral. Published moduli are often tested with the sign of optics: that states $E_0 \ge E_\infty$, which no
relaxing material obeys. Hence the ``convention`` of every function here.

On the grid $u_j = \ln\omega_j$ of spacing h the principal value is the sum over the nodes at odd distance,
of spacing 2h (midpoint rule around the pole); the error falls as $4 e^{-\pi^2/2h}$ for spectra of relaxation
times. Source: Ohta and Ishida, Applied Spectroscopy 42, 952 (1988), there on a linear grid.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from asperity.messages import ArgumentError, DataError
from asperity.rheology.finite_band import ln_coth_weights

__all__ = ["Convention", "Form", "KKMatrices", "check_convention", "kk_matrices", "kk_residuals",
           "loss_from_storage", "storage_from_equilibrium", "storage_from_plateau"]

Convention = Literal["modulus", "compliance", "optics"]
Form = Literal["plateau", "lncoth"]
Method = Literal["dense", "fft"]

_SIGN = {"modulus": 1.0, "compliance": -1.0, "optics": -1.0}


def storage_from_plateau(angular_frequency: Any, loss: Any, plateau: Any = 0.0, *,
                         convention: Convention = "modulus", method: Method = "dense") -> Array:
    """E' from E'' and the plateau E' at infinite frequency (KK1), same unit as the loss.

    Args:
        angular_frequency: (n,) rad/s, ascending with constant ratio; the grid should reach 3 or more decades
            beyond the frequencies at which the result is used, since the integral ends with it.
        loss: (..., n) E'' (J'' > 0 for a compliance).
        plateau: (...) E' at infinite frequency.
        convention: what kind of response this is.
        method: "fft" for many thousands of nodes; its rounding is relative to the largest value.

    Raises:
        ValueError: a grid that is not logarithmic, shapes, or an unknown convention or method.
    """
    integral = _principal_value(angular_frequency, loss, "plateau", method)
    return jnp.asarray(plateau)[..., None] - _sign(convention) * integral


def storage_from_equilibrium(angular_frequency: Any, loss: Any, equilibrium: Any = 0.0, *,
                             convention: Convention = "modulus", method: Method = "dense") -> Array:
    """E' from E'' and E' at frequency zero (KK3); arguments as in `storage_from_plateau`.

    Holds where the loss grows more slowly than the square of the frequency, with or without a plateau.
    """
    integral = _principal_value(angular_frequency, loss, "equilibrium", method)
    return jnp.asarray(equilibrium)[..., None] - _sign(convention) * integral


def loss_from_storage(angular_frequency: Any, storage: Any, *, convention: Convention = "modulus",
                      method: Method = "dense") -> Array:
    """E'' from E' (KK2); arguments as in `storage_from_plateau`.

    Beyond the grid the storage is taken to stay at its first and last value, so that no constant need be known.
    Holds for a storage that grows more slowly than the frequency; a viscosity adds i eta omega unseen.
    """
    storage = jnp.asarray(storage)
    below, above = _constant_tails(np.log(np.asarray(angular_frequency, np.float64)))
    integral = _principal_value(angular_frequency, storage, "loss", method)
    return _sign(convention) * (integral + storage[..., :1] * below + storage[..., -1:] * above)


def check_convention(storage: Any, loss: Any, convention: Convention) -> None:
    """Raise if the data contradict the sign of a convention.

    Where a modulus loses energy its storage rises with frequency; a compliance, and a susceptibility in the
    convention of optics, falls. The sign of the sum of loss x rise of the storage tells which it is.

    Args:
        storage: (n,) ascending in frequency.
        loss: (n,) of the same points.
        convention: the one that is going to be used.

    Raises:
        ValueError: the data change the other way (or the convention is unknown).
    """
    storage, loss = np.asarray(storage), np.asarray(loss)
    rise = float(np.sum(np.diff(storage) * (loss[1:] + loss[:-1])))
    if rise * _sign(convention) < 0:
        other = "that of a modulus" if rise > 0 else "that of a compliance or of optics"
        raise ArgumentError(
            f"convention = {convention!r} contradicts the data: where there is loss, the storage "
            f"{'rises' if rise > 0 else 'falls'} with frequency, so the sign of the Kramers-Kronig integrals is "
            f"{other}. With the wrong sign the relations would destroy a fit; pass the other convention, "
            "or check the sign of the phase and the order of the frequencies")


class KKMatrices(NamedTuple):
    """Constant matrices that predict storage and loss at m collocation nodes from all n nodes of a grid."""

    form: Form
    frequency: np.ndarray  # (m,) rad/s, of the collocation nodes
    storage: np.ndarray  # (m, n): E' (up to a constant) from E''
    loss: np.ndarray  # (m, n): E'' (up to eta omega) from E'
    collocation: np.ndarray  # (m,) int, indices of the nodes
    anchor: int  # index among the m of the node at which the ln coth form is anchored


def kk_matrices(log_frequency: Any, collocation: Any, form: Form = "plateau") -> KKMatrices:
    r"""The relations for a modulus as constants, for the loss of a network that is evaluated on the whole grid.

    - "plateau": KK1 and KK2 by the alternate-node rule; free parameter: the plateau. For solids.
    - "lncoth": $E'' = \frac1\pi\int E'_u \ln\coth\frac{|u-v|}{2}du + \eta\omega$ and the same for E' from
      E''/omega, anchored at the middle collocation node; free parameter: the viscosity. Also for power laws.

    Args:
        log_frequency: (n,) ln(omega / (rad/s)) with constant spacing; 8 per decade, reaching 2-3 decades beyond
            the collocation nodes.
        collocation: (m,) indices of the nodes at which the relations are to hold.
        form: which of the two.

    Raises:
        ValueError: a grid that is not uniform, or an unknown form.
    """
    u = np.asarray(log_frequency, np.float64)
    rows = np.asarray(collocation, int)
    anchor = len(rows) // 2
    if form == "plateau":
        distance = np.arange(len(u))[None, :] - rows[:, None]
        storage, loss = (_kernel(distance, _step(u), kind) * _ends(len(u)) for kind in ("plateau", "loss"))
        below, above = _constant_tails(u)
        loss[:, 0] += below[rows]
        loss[:, -1] += above[rows]
        return KKMatrices(form, np.exp(u[rows]), -storage, loss, rows, anchor)
    if form == "lncoth":
        _step(u)
        loss = ln_coth_weights(u, u[rows])
        storage = -loss * np.exp(u[rows, None] - u[None, :])
        return KKMatrices(form, np.exp(u[rows]), storage - storage[anchor], loss, rows, anchor)
    raise ArgumentError(f"form = {form!r} is not known; it is 'plateau' or 'lncoth'")


def kk_residuals(matrices: KKMatrices, storage: Any, loss: Any, free: Any) -> tuple[Array, Array]:
    """What storage and loss at the collocation nodes have beyond what the relations predict, (..., m) each.

    Args:
        matrices: from `kk_matrices`.
        storage, loss: (..., n) on the whole grid.
        free: (...) the plateau in Pa ("plateau") or the viscosity in Pa s ("lncoth").
    """
    storage, loss = jnp.asarray(storage), jnp.asarray(loss)
    here, constant = storage[..., matrices.collocation], jnp.asarray(free)[..., None]
    by_loss, by_storage = loss @ matrices.storage.T, storage @ matrices.loss.T
    if matrices.form == "plateau":
        return here - constant - by_loss, loss[..., matrices.collocation] - by_storage
    return (here - here[..., matrices.anchor, None] - by_loss,
            loss[..., matrices.collocation] - constant * matrices.frequency - by_storage)


def _sign(convention: str) -> float:
    if convention not in _SIGN:
        raise ArgumentError(f"convention = {convention!r} is not known; it is one of {', '.join(_SIGN)}")
    return _SIGN[convention]


def _step(log_frequency: np.ndarray) -> float:
    """The spacing of a uniform grid of ln(omega)."""
    steps = np.diff(log_frequency)
    if log_frequency.ndim != 1 or len(steps) < 2 or not (steps > 0).all() or np.ptp(steps) > 1e-6 * steps.mean():
        raise DataError("the relations are summed on a grid of three or more positive ascending frequencies with "
                        "constant ratio (numpy.geomspace); for measured points use asperity.rheology.finite_band")
    return float((log_frequency[-1] - log_frequency[0]) / len(steps))


def _kernel(distance: np.ndarray, step: float, kind: str) -> np.ndarray:
    """(2/pi) 2h times the kernel at odd distances in nodes, 0 at even ones.

    In x = u - ln(omega) the three kernels are 1 / (1 - e^(-2x)), 1 / (e^(2x) - 1) and 1 / (2 sinh x).
    """
    odd = distance % 2 == 1
    x = np.where(odd, np.clip(distance * step, -350, 350), 1.0)
    value = {"plateau": lambda: -1 / np.expm1(-2 * x), "equilibrium": lambda: 1 / np.expm1(2 * x),
             "loss": lambda: 0.5 / np.sinh(x)}[kind]()
    return np.where(odd, 4 * step / np.pi * value, 0.0)


def _ends(count: int) -> np.ndarray:
    """Weights that let the sums over odd and over even nodes end at the same frequencies: those of the grid."""
    weights = np.ones(count)
    weights[[0, -1]] = 0.5
    return weights


def _constant_tails(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2/pi) times the integrals of 1 / (2 sinh x) below and above the grid, (n,) each."""
    nearest = (u[1] - u[0]) / 2
    below, above = (np.log(np.tanh(np.maximum(np.abs(u - end), nearest) / 2)) / np.pi for end in (u[0], u[-1]))
    return below, -above


def _principal_value(angular_frequency: Any, values: Any, kind: str, method: str) -> Array:
    """(2/pi) P integral of the kernel times ``values`` (..., n) at all nodes."""
    omega, values = np.asarray(angular_frequency, np.float64), jnp.asarray(values)
    if not (omega > 0).all() or values.shape[-1:] != omega.shape:
        raise ValueError(f"{omega.shape} frequencies, which must be positive, for values of shape {values.shape}")
    step, count = _step(np.log(omega)), len(omega)
    values = values * jnp.asarray(_ends(count))
    if method == "dense":
        nodes = np.arange(count)
        return values @ jnp.asarray(_kernel(nodes[None, :] - nodes[:, None], step, kind).T)
    if method == "fft":
        return _correlate(values, _kernel(np.arange(1 - count, count), step, kind))
    raise ArgumentError(f"method = {method!r} is not known; it is 'dense' or 'fft'")


def _correlate(values: Array, kernel: np.ndarray) -> Array:
    """Sum over j of kernel[j - i] values[j], with kernel (2n - 1,) from distance 1 - n on."""
    count = values.shape[-1]
    size = 1 << (3 * count - 3).bit_length()
    spectrum = jnp.fft.rfft(values, size) * jnp.asarray(np.fft.rfft(kernel[::-1], size))
    return jnp.fft.irfft(spectrum, size)[..., count - 1: 2 * count - 1]
