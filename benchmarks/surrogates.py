"""Surrogates beside the solvers that they stand for: CPU time for each point, and what it takes to make one.

``python -m benchmarks.surrogates``
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.machine import load, one_core, seconds

_POINTS = 20_000
_SOLVED = 16


def _measured(name: str, make: Callable[[], Any], solver: Callable[[Any], Any], axes: Any, count: int) -> str:
    """One row: the surrogate made, the solver at ``count`` points, the surrogate at many."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from asperity.learning.discovery.surrogate import groups_at

    found: list[Any] = []
    made = seconds(lambda: found.append(make()))
    own, draw = found[0], np.random.default_rng(0)
    few, many = (groups_at(axes, 2 * draw.random((n, len(axes))) - 1) for n in (count, _POINTS))
    solver(few)
    solved, asked, times = seconds(lambda: solver(few)) / count, jnp.asarray(many), []
    for call in (jax.jit(jax.vmap(lambda groups: own.mean(groups))), jax.jit(lambda groups: own.told(groups))):
        jax.block_until_ready(call(asked))
        times.append(min(_timed(call, asked) for _ in range(3)) / _POINTS)
    return (f"| {name} | {made:.1f} s | {1e3 * solved:.2g} ms | {1e6 * times[0]:.2f} us | {1e6 * times[1]:.1f} us | "
            f"{solved / times[0]:.0f} | {solved / times[1]:.0f} |")


def _timed(call: Callable[[Any], Any], asked: Any) -> float:
    import jax

    return seconds(lambda: jax.block_until_ready(call(asked)))


def main() -> None:
    """Print the table."""
    one_core()
    import jax

    from asperity.learning.discovery import layer_surrogate as layer
    from asperity.learning.discovery import pull_off_surrogate as pull_off
    from asperity.learning.discovery import tapping_surrogate as tapping

    def tapped(groups: Any) -> Any:
        return tapping.solved_tapping(groups).amplitude.block_until_ready()

    print(f"load {load():.1f}\n\n| surrogate | made in | solver, a point | value | with its std | speed-up | with std |"
          "\n"
          "|---|---|---|---|---|---|---|")
    with jax.enable_x64(True):
        print(_measured("adhesive layer, what presses", lambda: layer.layer_surrogate(solves=256).pressing,
                        layer.solved_parts, layer.LAYER_AXES, _SOLVED), flush=True)
        for name, make in (("tapping amplitude", tapping.amplitude_surrogate),
                           ("tapping phase", tapping.phase_surrogate)):
            print(_measured(name, make, tapped, tapping.TAPPING_AXES, _SOLVED), flush=True)
        print(_measured("Lennard-Jones pull-off", pull_off.pull_off_surrogate, pull_off.solved_pull_off,
                        pull_off.PULL_OFF_AXES, 4), flush=True)


if __name__ == "__main__":
    main()
