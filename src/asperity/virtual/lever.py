r"""The lever of the virtual instrument: quasi-static equilibrium of a spring and a contact, with jumps.

With the base of the lever at height z, the tip at s = z + d and the undeformed surface at c, the
indentation is delta = c - s and the balance k d = F(delta) reads

$$u \equiv c - z = \delta + F(\delta)/k .$$

An equilibrium is stable where du/ddelta = 1 + F'/k > 0. While the base moves steadily, the tip
follows delta(u) until u(delta) turns back, and then jumps to the next stable equilibrium ahead:
the path followed is the monotone envelope of u(delta), a running maximum on approach and a
running minimum on retract. Snap-in and pull-off of a lever of any stiffness are thus one rule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from asperity.contact import AbstractContactModel
from asperity.messages import ArgumentError

__all__ = ["Equilibria", "equilibria", "evaluate", "follow", "solve"]

_NODES = 256  # of the tabulated u(delta); only brackets are taken from the table
_CHUNK = 4096  # indentations per compiled call: small maps are padded to one
_TOLERANCE = 1e-13  # of u, relative to its range along the curve

Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class Equilibria:
    """The equilibria of all curves: tabulated, stretches between jumps, and the marks on them.

    ``indentation``, ``force``, ``depth`` (curves, nodes): u(delta) of the contact, from the last
    stable indentation that any lever could hold upward; ``jump_in`` (curves,): the indentation at
    which the free tip first feels the sample; ``jump_off`` and ``jump_off_force``: where this lever
    loses contact; ``pull_off_force``: the largest attraction on the way there (a magnitude);
    ``trigger_depth``: u at which the force reaches the setpoint.
    """

    template: AbstractContactModel
    values: Values
    spring_constant: float
    indentation: np.ndarray
    force: np.ndarray
    depth: np.ndarray
    jump_in: np.ndarray
    jump_off: np.ndarray
    jump_off_force: np.ndarray
    pull_off_force: np.ndarray
    trigger_depth: np.ndarray


@eqx.filter_jit
def _force_and_slope(template: AbstractContactModel, values: dict[str, Float[Array, " n"]],
                     indentation: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    def one(own: dict[str, Array], delta: Array) -> tuple[Array, Array]:
        return jax.jvp(replace(template, **own).force, (delta,), (jnp.ones_like(delta),))

    return jax.vmap(one)(values, indentation)


def evaluate(template: AbstractContactModel, values: Values, curve: np.ndarray,
             indentation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Force (N) and its derivative (N/m) of many curves' models, each at one indentation (m).

    Args:
        template: the model; its fields named in ``values`` are replaced per curve.
        values: name -> (curves,).
        curve: (n,) which curve each indentation belongs to.
        indentation: (n,).
    """
    size = indentation.size
    index = np.minimum(np.arange(-(-size // _CHUNK) * _CHUNK), size - 1)  # padded: one shape, one compilation
    parts = []
    for block in index.reshape(-1, _CHUNK):
        own = {name: value[curve[block]] for name, value in values.items()}
        with jax.enable_x64(True):
            arguments = jax.tree.map(jnp.asarray, (own, indentation[block]))
            parts.append(np.asarray(_force_and_slope(template, *arguments)))
    if not parts:
        return np.zeros(0), np.zeros(0)
    force, slope = np.concatenate(parts, axis=1)[:, :size]
    return force, slope


def solve(template: AbstractContactModel, values: Values, curve: np.ndarray, target: np.ndarray,
          bracket: tuple[np.ndarray, np.ndarray], *, weight: float, compliance: float,
          scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The indentation in ``bracket`` at which weight * delta + compliance * F(delta) = target, and F there.

    Newton's method, kept inside a bracket that shrinks; only what has not converged goes on.
    All arrays are (n,); ``scale`` is what the tolerance of 1e-13 refers to.
    """
    low, high = (np.array(side) for side in bracket)
    delta = 0.5 * (low + high)
    force = np.zeros_like(delta)
    active = np.arange(delta.size)
    for _ in range(80):
        value, slope = evaluate(template, values, curve[active], delta[active])
        force[active] = value
        excess = weight * delta[active] + compliance * value - target[active]
        above = excess > 0
        high[active[above]], low[active[~above]] = delta[active[above]], delta[active[~above]]
        with np.errstate(divide="ignore", invalid="ignore"):
            step = delta[active] - excess / (weight + compliance * slope)
        inside = (step > low[active]) & (step < high[active])
        next_delta = np.where(inside, step, 0.5 * (low[active] + high[active]))
        going = (np.abs(excess) > _TOLERANCE * scale[active]) & (next_delta != delta[active])
        delta[active[going]] = next_delta[going]
        active = active[going]
        if not active.size:
            break
    return delta, force


def _turning_point(template: AbstractContactModel, values: Values, low: np.ndarray, high: np.ndarray, *,
                   weight: float, compliance: float) -> np.ndarray:
    """Per curve, where weight + compliance * F' turns positive in [low, high] (``low`` if it is so there)."""
    low, high = low.copy(), high.copy()
    curve = np.arange(low.size)
    for _ in range(60):
        middle = 0.5 * (low + high)
        rising = weight + compliance * evaluate(template, values, curve, middle)[1] > 0
        high[rising], low[~rising] = middle[rising], middle[~rising]
    return high


def _reach(template: AbstractContactModel, values: Values, count: int, force: float) -> np.ndarray:
    """Per curve an indentation at which the force is above ``force``, and below a few times that."""
    reach = np.full(count, 1e-12)
    for _ in range(80):
        short = evaluate(template, values, np.arange(count), reach)[0] < force
        if not short.any():
            return reach
        reach[short] *= 1.5
    raise ArgumentError(f"the model never reaches a force of {force:g} N: check its modulus and the setpoint")


def _table(template: AbstractContactModel, values: Values, first: np.ndarray,
           last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indentations from ``first`` to ``last``, dense near ``first``, and their forces: (curves, nodes)."""
    nodes = first[:, None] + (last - first)[:, None] * np.linspace(0, 1, _NODES) ** 2
    curve = np.repeat(np.arange(first.size), _NODES)
    return nodes, evaluate(template, values, curve, nodes.ravel())[0].reshape(nodes.shape)


def _mark(template: AbstractContactModel, values: Values, count: int, name: str) -> np.ndarray:
    """The model's own ``jump_in_indentation`` or ``jump_off_indentation`` per curve; 0 if it has none."""
    if not hasattr(template, name):
        return np.zeros(count)
    with jax.enable_x64(True):
        marks = _marks(template, jax.tree.map(jnp.asarray, values), name)
    return np.broadcast_to(np.asarray(marks), (count,)).copy()


@eqx.filter_jit
def _marks(template: AbstractContactModel, values: dict[str, Array], name: str) -> Array:
    return jax.vmap(lambda own: getattr(replace(template, **own), name)())(values)


def _lowest(template: AbstractContactModel, values: Values, nodes: np.ndarray, ordinate: np.ndarray,
            weights: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The minimum of weight * delta + compliance * F near the lowest node: its index and its indentation."""
    row, index = np.arange(len(nodes)), np.argmin(ordinate, axis=1)
    before, after = nodes[row, np.maximum(index - 1, 0)], nodes[row, np.minimum(index + 1, _NODES - 1)]
    return index, _turning_point(template, values, before, after, weight=weights[0], compliance=weights[1])


def equilibria(template: AbstractContactModel, values: Values, *, spring_constant: float,
               setpoint: float) -> Equilibria:
    """Tabulate the equilibria of one lever on many samples, up to twice the setpoint.

    Args:
        template: the contact model; ``values`` (name -> (curves,)) replaces its fields per curve. A model
            with attraction says where it begins by ``jump_in_indentation`` and where it ends by
            ``jump_off_indentation`` (each 0 if absent); its ``force`` is the branch from there on.
        spring_constant: N/m.
        setpoint: N, repulsive.

    Raises:
        ValueError: the model never reaches the setpoint.
    """
    count = len(next(iter(values.values())))
    row, compliance = np.arange(count), 1 / spring_constant
    off = _mark(template, values, count, "jump_off_indentation")
    first = off + 1e-9 * np.abs(off)  # surely in contact
    nodes, force = _table(template, values, first, _reach(template, values, count, 2 * setpoint))
    index, jump_off = _lowest(template, values, nodes, nodes + compliance * force, (1.0, compliance))
    nodes[row, index] = jump_off
    force[row, index] = evaluate(template, values, row, jump_off)[0]
    held = np.where(np.arange(_NODES) >= index[:, None], force, np.inf)
    deepest = _lowest(template, values, nodes, held, (0.0, 1.0))[1]
    deepest_force = evaluate(template, values, row, np.maximum(deepest, jump_off))[0]
    goal, repulsive = np.full(count, setpoint), (np.maximum(deepest, 0.0), nodes[:, -1])
    trigger, _ = solve(template, values, row, goal, repulsive, weight=0.0, compliance=1.0, scale=goal)
    return Equilibria(
        template=template, values=values, spring_constant=spring_constant, indentation=nodes, force=force,
        depth=nodes + compliance * force, jump_in=_mark(template, values, count, "jump_in_indentation"),
        jump_off=jump_off, jump_off_force=force[row, index], pull_off_force=np.maximum(-deepest_force, 0.0),
        trigger_depth=trigger + setpoint * compliance)


def _envelope(table: Equilibria, *, approach: bool) -> np.ndarray:
    """The depth up to which each node is passed on approach, or down to which it is held on retract."""
    if not approach:
        return np.minimum.accumulate(table.depth[:, ::-1], axis=1)[:, ::-1]
    start = table.jump_in[:, None]
    ahead = np.where(table.indentation >= start, np.maximum(table.depth, start), -np.inf)
    return np.maximum.accumulate(ahead, axis=1)


def follow(table: Equilibria, depth: np.ndarray, *, approach: bool) -> tuple[np.ndarray, np.ndarray]:
    """The indentation (m) and force (N) of a tip whose base moves steadily through ``depth``.

    Args:
        table: the equilibria.
        depth: (curves, samples) u = c - z in m, growing on approach, falling on retract from contact;
            NaN where there is no sample.
        approach: the direction.

    Raises:
        ValueError: a depth beyond the table (twice the setpoint).
    """
    if np.nanmax(depth - table.depth[:, -1:], initial=-np.inf) > 0:
        raise ArgumentError("the base moves deeper than twice the setpoint: use more samples or a shorter ramp")
    envelope = _envelope(table, approach=approach)
    interval = np.stack([np.searchsorted(e, u, side="right") - 1 for e, u in zip(envelope, depth)])
    free = depth < (table.jump_in[:, None] if approach else envelope[:, :1])
    curve, sample = np.nonzero(~free & ~np.isnan(depth))
    low = np.clip(interval[curve, sample], 0, _NODES - 2)
    bracket = table.indentation[curve, low], table.indentation[curve, low + 1]
    scale = np.ptp(table.depth, axis=1)[curve]
    delta, force = depth.copy(), np.where(np.isnan(depth), np.nan, 0.0)
    delta[curve, sample], force[curve, sample] = solve(
        table.template, table.values, curve, depth[curve, sample], bracket,
        weight=1.0, compliance=1 / table.spring_constant, scale=scale)
    return delta, force
