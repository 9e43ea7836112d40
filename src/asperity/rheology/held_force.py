"""What a unit of every part of a relaxing material presses with under a measured indentation, and what noise does.

The formulas are those of `asperity.rheology.step_response`.
"""

from __future__ import annotations

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from scipy.signal import lfilter

from asperity.contact import AbstractElasticContact
from asperity.rheology.held_record import StepRecord

__all__ = ["growth_of", "noise_felt", "unit_forces"]

_UNEVEN = 0.2  # of the usual step of a part, by which one may differ: times are written with few digits
_STEP = 1e-3  # of the depth, over which the growth's change with it is taken


def growth_of(contact: AbstractElasticContact, depth: np.ndarray) -> np.ndarray:
    """g / (1 - nu^2) at every depth in m^2."""
    with jax.enable_x64(True):
        shape = np.asarray(_shapes(contact, jnp.asarray(depth)))
    return shape / (1 - float(contact.poisson_ratio) ** 2)


@jax.jit
def _shapes(contact: AbstractElasticContact, depth: jax.Array) -> jax.Array:
    return jax.vmap(contact.shape)(depth)


def unit_forces(data: StepRecord, contact: AbstractElasticContact, point: float, nodes: np.ndarray) -> np.ndarray:
    """(n, k + 2) m^2, the force per Pa of every branch, per Pa s of the dashpot, and per Pa of the spring: the means of
    that of every sample, for g linear between samples."""
    growth, time = growth_of(contact, point - data.samples.tip_position), data.samples.time
    rises, gaps = np.diff(growth, prepend=growth[0]), np.diff(time, prepend=2 * time[0] - time[1])
    memory, rate = np.zeros((len(growth), len(nodes))), np.zeros(len(growth))
    for begin, end in pairwise([*data.samples.begins, len(growth)]):
        step = float(np.median(gaps[begin + 1 : end]))
        even = np.abs(gaps[begin + 1 : end] - step).max() < _UNEVEN * step
        rate[begin:end] = np.gradient(growth[begin:end], step if even else time[begin:end])
        alone = begin + 1 if even else end  # what lies between two parts is no step of either
        for i, (kept, gain) in enumerate(zip(*_remembered(gaps[begin:alone], nodes)), begin):
            memory[i] = kept * memory[i - 1] + gain * rises[i] if i else 0.0
        for k, (kept, gain) in enumerate(np.stack(_remembered(np.array([step]), nodes))[:, 0].T if even else ()):
            own = lfilter([gain], [1.0, -kept], rises[begin + 1 : end], zi=[kept * memory[begin, k]])
            memory[begin + 1 : end, k] = own[0]
    return data.samples.means(np.column_stack([memory, rate, growth]))


def _remembered(gaps: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(gap, k) how much is left of a memory after a gap, s, and how much of what rises evenly within it."""
    over = gaps[:, None] / nodes
    return np.exp(-over), -np.expm1(-over) / over


def noise_felt(data: StepRecord, contact: AbstractElasticContact, point: float, nodes: np.ndarray,
               found: np.ndarray) -> np.ndarray:
    """(n, n), what makes of the noise of the force that of the residual: the tip moves with it."""
    step = _STEP * (data.touch - float(data.tip_position.min()))
    ahead, behind = (growth_of(contact, point + sign * step - data.tip_position) for sign in (1, -1))
    slope = (ahead - behind) / (2 * step)
    branches = len(nodes)
    lag = np.maximum(data.time[:, None] - data.time, 0.0)
    held = sum(strength * tau * -np.expm1(-lag / tau) for strength, tau in zip(found[:branches], nodes) if strength)
    integral = held + found[branches + 1] * lag
    weight = np.tril((integral[:, :-1] - integral[:, 1:]) / np.diff(data.time), -1)
    history = np.pad(weight, ((0, 0), (1, 0))) - np.pad(weight, ((0, 0), (0, 1)))
    return np.eye(len(lag)) + history * (slope * data.compliance)
