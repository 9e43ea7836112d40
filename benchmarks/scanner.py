"""``python -m benchmarks.scanner``: hysteresis and creep on 20,000 samples, CPU time, against plain loops.

No maintained Python library has these operators with an inverse; the peers are what a person would write: a
loop over samples in Python, the same with NumPy over the plays, `jax.lax.scan`, SciPy's `nnls` on it all.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable

from benchmarks.machine import compare, in_new_process, one_core, seconds

SAMPLES, PLAYS, REPEATS = 20_000, 20, 7
GOAL = 5e-3  # s for plays and creep along the samples


def example():
    """A scanner, and a drive that wanders with 60 reversals and minor loops."""
    import numpy as np

    from asperity.instrument.creep import Creep
    from asperity.instrument.hysteresis import PrandtlIshlinskii
    from asperity.instrument.scanner import Scanner

    rng = np.random.default_rng(0)
    time = np.cumsum(rng.uniform(0.5e-3, 1.5e-3, SAMPLES))
    drive = np.interp(time, np.linspace(0, time[-1], 60), rng.uniform(-1, 1, 60))
    plays = PrandtlIshlinskii(np.arange(PLAYS) / PLAYS, [0.6, *rng.uniform(0, 0.05, PLAYS - 1)])
    return Scanner(plays, Creep([0.02, 0.02, 0.02], [0.01, 0.1, 1.0])), time, drive


def python_loop(scanner, time, drive):
    """Sample after sample, play after play, without NumPy."""
    r, w = scanner.hysteresis.thresholds.tolist(), scanner.hysteresis.weights.tolist()
    c, tau = scanner.creep.strengths.tolist(), scanner.creep.decay_times.tolist()
    time, drive = time.tolist(), drive.tolist()
    plays, creep, found = [drive[0]] * len(r), [drive[0]] * len(c), []
    for k, u in enumerate(drive):
        if k:
            before, step = drive[k - 1], time[k] - time[k - 1]
            creep = [before + (x - before) * math.exp(-step / t) for x, t in zip(creep, tau)]
        plays = [max(u - a, min(u + a, z)) for a, z in zip(r, plays)]
        found.append(sum([a * z for a, z in zip(w, plays)]) + sum([a * x for a, x in zip(c, creep)]))
    return found


def numpy_loop(scanner, time, drive):
    """Sample after sample, the plays side by side."""
    import numpy as np

    r, w, c = scanner.hysteresis.thresholds, scanner.hysteresis.weights, scanner.creep.strengths
    lost = -np.expm1(-np.diff(time, append=time[-1])[:, None] / scanner.creep.decay_times)
    plays, creep, found = np.full(len(r), drive[0]), np.full(len(c), drive[0]), np.empty(len(drive))
    for k, u in enumerate(drive):
        plays = np.maximum(u - r, np.minimum(u + r, plays))
        found[k] = w @ plays + c @ creep
        creep = creep + lost[k] * (u - creep)
    return found


def scan_loop():
    """The same loop compiled by JAX."""
    import jax
    import jax.numpy as jnp

    @jax.jit
    def run(scanner, time, drive):
        r, w, c = scanner.hysteresis.thresholds, scanner.hysteresis.weights, scanner.creep.strengths
        lost = -jnp.expm1(-jnp.diff(time, append=time[-1:])[:, None] / scanner.creep.decay_times)

        def step(state, sample):
            (plays, creep), (u, lost) = state, sample
            plays = jnp.clip(plays, u - r, u + r)
            return (plays, creep + lost * (u - creep)), w @ plays + c @ creep

        start = jnp.full(r.shape, drive[0]), jnp.full(c.shape, drive[0])
        return jax.lax.scan(step, start, (drive, lost))[1]

    return run


def timed(candidates: dict[str, Callable[[], object]], repeats: int = REPEATS) -> dict[str, float]:
    """The least CPU time of each, s."""
    found = compare({name: (work, 1) for name, work in candidates.items()}, repeats)
    return {name: timing.best for name, timing in found.items()}


def row(what: str, spent: float, against: float | None = None, remark: str = "") -> None:
    ratio = "" if against is None else f"x {against / spent:.3g}"
    print(f"{what:48} {1e3 * spent:10.3g} ms  {ratio:>8}  {remark}")


def operators() -> None:
    """Forward and inverse, with what each is off by."""
    import jax
    import numpy as np

    from asperity.instrument.scanner import Asymmetry, Scanner

    scanner, time, drive = example()
    bent = Scanner(scanner.hysteresis, scanner.creep, Asymmetry(0.03, 0.02, 0.1, 1.0))
    plain = Scanner(scanner.hysteresis)
    scan = scan_loop()

    starts = {len(s.creep.strengths): s.relaxed(drive[0]) for s in (scanner, plain)}

    def forward(scanner=scanner):
        start = starts[len(scanner.creep.strengths)]
        return jax.block_until_ready(scanner.displacement(time, drive, start))[0]

    def inverse(scanner, height):
        return jax.block_until_ready(scanner.drive(time, height, starts[len(scanner.creep.strengths)]))[0]

    heights = {name: np.asarray(forward(s)) for name, s in (("", scanner), ("bent", bent), ("plain", plain))}
    off = {name: np.abs(np.asarray(inverse(s, heights[name])) - drive).max() / np.ptp(drive)
           for name, s in (("", scanner), ("bent", bent), ("plain", plain))}
    slow = timed({"python": lambda: python_loop(scanner, time, drive),
                  "numpy": lambda: numpy_loop(scanner, time, drive)}, 3)
    fast = timed({"scan": lambda: jax.block_until_ready(scan(scanner, time, drive)), "chunks": forward,
                  "plain": lambda: forward(plain), "inverse": lambda: inverse(scanner, heights[""]),
                  "inverse plain": lambda: inverse(plain, heights["plain"]),
                  "inverse bent": lambda: inverse(bent, heights["bent"])})
    agree = np.abs(heights[""] - np.array(python_loop(scanner, time, drive))).max() / np.ptp(heights[""])
    print(f"{SAMPLES} samples, {PLAYS} plays, 3 creep modes; ratio to the loop in Python")
    row("Python loop", slow["python"], slow["python"])
    row("loop with NumPy over the plays", slow["numpy"], slow["python"])
    row("jax.lax.scan", fast["scan"], slow["python"])
    verdict = "met" if fast["chunks"] <= GOAL else "MISSED"
    row("asperity, plays and creep", fast["chunks"], slow["python"],
        f"goal {1e3 * GOAL:g} ms: {verdict}; x {fast['scan'] / fast['chunks']:.2g} to lax.scan; off by "
        f"{agree:.0e} of the range")
    row("asperity, plays", fast["plain"], slow["python"])
    for what, name in (("exact inverse of plays", "plain"), ("exact inverse of plays and creep", ""),
                       ("the same with asymmetry (Newton)", "bent")):
        row(what, fast[f"inverse {name}".strip()], slow["python"], f"off by {off[name]:.0e} of the range")


def identification() -> None:
    """Weights by least squares: SciPy on all samples, and on the triangle that `identify` makes of them."""
    import jax
    import numpy as np
    from scipy.optimize import nnls

    from asperity.instrument import identification as ours
    from asperity.instrument.height_correction import Trace, joined

    scanner, time, drive = example()
    height = np.asarray(scanner.displacement(time, drive, scanner.relaxed(drive[0]))[0])
    record = joined([Trace(time, drive)])
    states = ours._states(record, 0.0, scanner.hysteresis.thresholds, np.zeros(0))
    target = height + 1e-3 * np.random.default_rng(1).normal(size=SAMPLES)

    def reduced():
        return ours._fit([ours._reduced(states, target)], np.arange(states.shape[1]), 0)

    centered = states - states.mean(axis=0), target - target.mean()
    spent = timed({"nnls": lambda: nnls(*centered), "triangle": reduced}, 3)
    off = np.abs(nnls(*centered)[0] - reduced()).max()
    print(f"\nweights of {states.shape[1]} columns from {SAMPLES} samples; ratio to SciPy's nnls on it all")
    row("scipy.optimize.nnls", spent["nnls"], spent["nnls"])
    row("asperity: triangle, then nnls", spent["triangle"], spent["nnls"],
        f"differ by {off:.0e}; the triangle serves all orders:")
    triangle = ours._reduced(states, target)
    again = timed({"again": lambda: ours._fit([triangle], np.arange(states.shape[1]), 0)}, 3)["again"]
    row("asperity: every further order", again, spent["nnls"])
    parts = np.array_split(np.arange(SAMPLES), 5)
    traces = [Trace(time[p], drive[p], height[p]) for p in parts]
    with jax.enable_x64(False):
        first, again = (seconds(lambda: ours.identify(traces, held_out=[4])) for _ in range(2))
    row("identify: 30 orders, 5 curves, first / again", again, None, f"first {1e3 * first:.3g} ms")


def first_call(what: str) -> None:
    """CPU seconds of the first call beyond the second, as JSON."""
    import jax

    scanner, time, drive = example()
    with jax.enable_x64(True):
        memory = scanner.relaxed(drive[0])
        work = (scanner.displacement if what == "forward" else scanner.drive)
        spent = [seconds(lambda: jax.block_until_ready(work(time, drive, memory))) for _ in range(2)]
    print(json.dumps({"cpu": spent[0] - spent[1]}))


def main() -> None:
    one_core()
    if len(sys.argv) > 1:
        first_call(sys.argv[1])
        return
    import jax

    with jax.enable_x64(True):
        operators()
        identification()
    print("\ncompiling, once per process and length of the record")
    for what in ("forward", "inverse"):
        row(f"first call, {what}", in_new_process("benchmarks.scanner", what)["cpu"])


if __name__ == "__main__":
    main()
