"""``python -m benchmarks.train_amortized``: train the network of `asperity.learning.discovery.amortized` anew.

Fresh curves in every step, so that nothing can be learnt by heart; some minutes on one processor. Writes
src/asperity/learning/discovery/amortized.npz.
"""

from __future__ import annotations

import argparse
import time
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from asperity.contact import jkr
from asperity.learning.discovery.amortized import (
    BINS,
    PRIOR,
    VERSION,
    DensityNetwork,
    Guard,
    Summaries,
    _evaluated,
    _strangeness,
    digest,
    log_density,
    random_network,
    summaries,
)

__all__ = ["Curves", "drawn"]

_TARGET = Path(__file__).resolve().parents[1] / "src" / "asperity" / "learning" / "discovery" / "amortized.npz"
_LENGTHS = (128, 256)
_NINETY = 1.645  # standard deviations to either side of 90 % of a normal distribution
_POOL = 40000  # curves drawn at a time


class Curves(NamedTuple):
    """Curves of known truth."""

    summaries: Summaries
    model: np.ndarray
    parameters: np.ndarray  # (curve, 3), as in `asperity.learning.discovery.amortized`
    indentation: np.ndarray
    force: np.ndarray


def drawn(count: int, seed: int, samples: int = 256) -> Curves:
    """Curves from the prior, in units of their own: indentation 0 to 1, force over pi w R or its largest."""
    rng = np.random.default_rng(seed)

    def within(name: str) -> np.ndarray:
        low, high = PRIOR[name]
        return low * (high / low) ** rng.uniform(size=(count, 1))

    model, load, depth = rng.integers(3, size=count), within("load"), within("depth")
    reach, noise, snap = 1 - depth, within("noise"), within("snap")
    jump = jkr.FOLD_DISPLACEMENT  # of delta_c
    deep = _displacement(load[:, 0])[:, None]
    scale = np.where(model[:, None] == 2, depth / deep, depth / (load + 2) ** (2 / 3))  # delta_c in spans
    end = np.where(model[:, None] == 2, reach + jump * scale, reach)
    gap = np.where(model[:, None] == 0, 0.0, np.minimum(snap * depth, 0.9 * np.maximum(end, 0.0)))
    usable = (end > 0.02)[:, 0]
    share = np.linspace(0, 1, samples)
    width = 1 - gap
    way = share * width
    x = np.where(way < end - gap, way, way + gap)
    force = np.where(x < end, 0.0, _forces(model[:, None], (x - reach) / scale, load))
    size = np.ptp(force, axis=1, keepdims=True)
    line = rng.uniform(-0.5, 0.5, (count, 1)) + rng.uniform(-0.05, 0.05, (count, 1)) * x
    measured = force / size + line + noise * rng.standard_normal(force.shape)
    found = summaries(x, measured, np.ones(x.shape, bool))
    pull = np.where(model == 0, 1.0, 1.0 / (size * found.force_range[:, None])[:, 0])
    stiff = np.where(model == 0, load[:, 0] / 1.0, scale[:, 0] ** -1.5 * depth[:, 0] ** 1.5)
    stiff = np.where(model == 0, 1.0 / found.force_range, stiff / (size[:, 0] * found.force_range))
    free = np.stack([np.log(reach / depth)[:, 0], np.log(stiff), np.log(pull)], 1)
    free[model == 0, 2] = rng.standard_normal((model == 0).sum())
    rows = usable & np.isfinite(free).all(axis=1)
    return Curves(Summaries(*(a[rows] for a in found)), model[rows], free[rows], x[rows], measured[rows])


def _displacement(load: np.ndarray) -> np.ndarray:
    """D of JKR under a load."""
    place, loads = _loads()
    return np.interp(load, loads, place)


@lru_cache(maxsize=1)
def _loads() -> tuple[np.ndarray, np.ndarray]:
    place = np.concatenate([np.linspace(jkr.FOLD_DISPLACEMENT + 1e-9, 4, 4000), np.geomspace(4.001, 100, 4000)])
    with jax.enable_x64(True):
        return place, np.asarray(jax.jit(jax.vmap(jkr.load))(jnp.asarray(place)))


def _forces(model: np.ndarray, depth: np.ndarray, load: np.ndarray) -> np.ndarray:
    """Of contacts in pi w R, or, without adhesion, over the largest."""
    power = np.maximum(depth, 0.0) ** 1.5
    sticky, rows = np.zeros_like(depth), np.flatnonzero(model[:, 0] == 2)
    with jax.enable_x64(True):
        for part in range(0, len(rows), 1024):  # of one compiled shape
            own = np.resize(rows[part:part + 1024], 1024)
            sticky[own] = np.asarray(_sticky(jnp.asarray(depth[own])))
    return np.where(model == 2, sticky, np.where(model == 1, power - 2, power / (load + 2)))


_sticky = jax.jit(jax.vmap(jax.vmap(jkr.load)))


def _pool(seed: int, count: int) -> tuple[jax.Array, ...]:
    """Features, models and parameters of curves of several lengths."""
    parts = [drawn(count // len(_LENGTHS), seed * len(_LENGTHS) + i, n) for i, n in enumerate(_LENGTHS)]
    return tuple(jnp.asarray(np.concatenate([get(one) for one in parts]), kind) for get, kind in (
        (lambda c: c.summaries.features, jnp.float32), (lambda c: c.model, jnp.int32),
        (lambda c: c.parameters, jnp.float32)))


def _loss(network: DensityNetwork, features, model, parameters):
    def one(x, m, p):
        found = network(x)
        return -found.log_probability[m] - log_density(found, m, p)

    return jax.vmap(one)(features, model, parameters).mean()


@eqx.filter_jit
def _epoch(network, moments, pool, chosen, rates, before):
    """Adam over rows ``chosen`` (step, batch) of a pool."""
    moving, fixed = eqx.partition(network, eqx.is_array)

    def step(state, given):
        weights, (first, second) = state
        rows, rate, number = given
        loss, slope = jax.value_and_grad(lambda w: _loss(eqx.combine(w, fixed), *(a[rows] for a in pool)))(weights)
        norm = jnp.sqrt(sum((g**2).sum() for g in jax.tree.leaves(slope)))
        slope = jax.tree.map(lambda g: g / jnp.maximum(norm / 5, 1.0), slope)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, second, slope)
        move = jax.tree.map(lambda m, v: rate * (m / (1 - 0.9**number)) / (jnp.sqrt(v / (1 - 0.999**number)) + 1e-8),
                            first, second)
        return (jax.tree.map(jnp.subtract, weights, move), (first, second)), loss

    numbers = before + 1 + jnp.arange(len(chosen))
    (moving, moments), losses = jax.lax.scan(step, (moving, moments), (chosen, rates, numbers))
    return eqx.combine(moving, fixed), moments, losses.mean()


def _guard(network: DensityNetwork, known: tuple[jax.Array, ...]) -> Guard:
    features, model, truth = (np.asarray(one, float) for one in known)
    center = features.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(features.T) + 1e-6 * np.eye(features.shape[1]))
    open_ = Guard(center.astype(np.float32), (vectors / np.sqrt(values)).astype(np.float32), 1.0, 1.0,
                  np.ones((3, 3), np.float32))
    _, mean, spread, curve = map(np.asarray, _evaluated(network, jnp.asarray(features, jnp.float32)))
    rows, own = np.arange(len(model)), model.astype(int)
    off = np.abs(truth - mean[rows, own]) / np.maximum(spread[rows, own], 1e-9)
    wide = np.stack([np.quantile(off[own == m], 0.9, axis=0) for m in range(3)]) / _NINETY
    limits = (float(np.quantile(one, 0.999)) for one in _strangeness(features, curve, open_))
    open_ = open_._replace(widening=np.maximum(wide, 1.0).astype(np.float32))
    return open_._replace(**dict(zip(("farthest", "roughest"), limits)))


def main() -> None:
    """Train and store."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_amortized")
    parser.add_argument("--seconds", type=float, default=200.0, help="of training (%(default)s)")
    allowed, rng, begin = parser.parse_args().seconds, np.random.default_rng(0), time.perf_counter()
    network = random_network(jax.random.key(0))
    zero = jax.tree.map(jnp.zeros_like, eqx.filter(network, eqx.is_array))
    moments, done, pool, epoch = (zero, zero), 0, _pool(1, _POOL), 0
    while (share := (time.perf_counter() - begin) / allowed) < 1:
        if epoch and epoch % 5 == 0:
            pool = _pool(1 + epoch, _POOL)
        rate = 2e-3 * min(1.0, (done + 100) / 500) * (0.5 * (1 + np.cos(np.pi * share)) + 2e-3)
        chosen = jnp.asarray(rng.integers(len(pool[1]), size=(200, 256)))
        network, moments, loss = _epoch(network, moments, pool, chosen, jnp.full(200, rate), done)
        done, epoch = done + 200, epoch + 1
        if epoch % 10 == 0:
            print(f"{done} steps, {time.perf_counter() - begin:.0f} s, loss {float(loss):.3f}", flush=True)
    leaves = jax.tree.leaves(eqx.filter(network, eqx.is_array))
    arrays = {f"weight_{i}": np.asarray(one, np.float32) for i, one in enumerate(leaves)}
    guard = _guard(network, _pool(10**6, 20000))
    arrays |= {name: np.asarray(one, np.float32) for name, one in guard._asdict().items()}
    np.savez_compressed(_TARGET, digest=digest(arrays), version=VERSION, **arrays)
    print(f"{done} steps, {BINS} bins, {_TARGET.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
