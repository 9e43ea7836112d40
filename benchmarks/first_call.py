"""What the start costs: of the commands, and of a first fit beyond the second, in a fresh process.

``python -m benchmarks.first_call MODEL`` measures the latter for one model.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

from benchmarks.machine import in_new_process
from benchmarks.table import Row, limit

__all__ = ["compilation", "starting"]

GOAL = 3.0  # CPU s
AT_ONCE = 0.5  # CPU s: below it a command seems to answer at once


def starting(repeats: int) -> list[Row]:
    """CPU seconds of the help of commands: the least of some, for other processes share the machine."""
    rows = []
    for words in (["--help"], ["analyze", "--help"]):
        program = f"import sys; sys.argv = {['asperity', *words]}; from asperity.cli import main; main()"
        costs = []
        for _ in range(repeats):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        rows.append(limit(" ".join(["start", *words]), min(costs), AT_ONCE, f"the least of {repeats}"))
    return rows


def compilation(models: list[str]) -> list[Row]:
    """One row per model."""
    rows = []
    for name in models:
        cost = in_new_process("benchmarks.first_call", name)
        remark = f"{cost['wall']:.2g} s wall; with covariance {cost['covariance_cpu']:.2g} s CPU"
        rows.append(limit(f"compile {name}", cost["cpu"], GOAL, remark))
    return rows


def _cost(work) -> tuple[float, float]:
    """(CPU, wall) seconds of the first call beyond the second."""
    clocks = []
    for _ in range(2):
        start = time.process_time(), time.perf_counter()
        work()
        clocks.append((time.process_time() - start[0], time.perf_counter() - start[1]))
    return clocks[0][0] - clocks[1][0], clocks[0][1] - clocks[1][1]


def main() -> None:
    """Fit a few curves in the block that a map uses, then again."""
    from asperity.contact.named import contact_model, known_models
    from benchmarks.fits import fit, fit_with_covariance
    from benchmarks.generated import hertz_curves

    name = sys.argv[1]
    layer = {"thickness": 2e-6} if "thickness" in known_models()[name].fixed else {}
    model = contact_model({"name": name, **layer})
    curves = hertz_curves(40)._replace(model=model)
    adhesive = "work_of_adhesion" in model.fitted
    cpu, wall = _cost(lambda: fit(curves, adhesive=adhesive))
    more, _ = _cost(lambda: fit_with_covariance(curves, adhesive=adhesive))
    print(json.dumps({"cpu": cpu, "wall": wall, "covariance_cpu": cpu + more}))


if __name__ == "__main__":
    main()
