"""The examples run as they are, in processes of their own, and the pull-off force shows what it claims."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.verify.verdict import Figure, judge

EXAMPLES = sorted(Path(__file__).resolve().parents[2].glob("examples/*.py"))
#: s of processor time: an example is read and run by a person who waits
PATIENCE = 120.0


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Runs an example once, in an empty folder; returns what it printed and the processor time it took (s)."""
    known: dict[str, tuple[str, float]] = {}

    def run(path: Path) -> tuple[str, float]:
        if path.stem not in known:
            folder = tmp_path_factory.mktemp(path.stem)
            environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            # a cache of compiled functions that another process has not finished writing is no fault of the example
            command = [sys.executable, "-W", "error", "-W", "ignore:Error reading persistent compilation cache",
                       str(path)]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            assert done.returncode == 0, done.stderr
            known[path.stem] = done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return known[path.stem]

    return run


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(printed, path):
    out, seconds = printed(path)
    print(out)
    judge(path.stem, [Figure("lines printed", len(out.splitlines()), 4),
                      Figure("numbers that are none", out.split().count("nan"), 0, 0),
                      Figure("processor time, s", seconds, 0.0, PATIENCE)])


def median_and_worst(cell):
    median, worst = cell.rstrip(")").split("(")
    return float(median), float(worst)


def scores_of(lines):
    """(model, radii) -> the scores of the table, each as median and worst; model -> its certified loss."""
    rows = {(row[0], row[1]): row[2:] for row in lines if len(row) == 9 and row[0] != "model"}
    bounds = {row[0]: median_and_worst(row[1].split(" from")[0]) for row in lines
              if len(row) == 2 and " from" in row[1]}
    assert len(rows) == 10
    assert len(bounds) == 5
    return {key: [median_and_worst(row[k]) for k in (0, 3, 4, 5, 6)] for key, row in rows.items()}, bounds


def test_pull_off_force_tells_the_models_apart(printed):
    """Alike on known radii, where certificates hold; on the large tips only the physics never fails."""
    out = printed(next(path for path in EXAMPLES if path.stem == "pull_off_force"))[0]
    lines = [[cell.strip() for cell in line.split("|")] for line in out.splitlines()]
    scores, bounds = scores_of(lines)
    others = min(median for name, (median, _) in bounds.items() if name != "physics")
    figures = [Figure("worst certificate of physics", bounds["physics"][1], 0.0, others - 1e-9)]
    for (name, radii), (accuracy, consistency, _, coverage, loss) in scores.items():
        if radii == "10-50 nm":  # 50 sessions: a standard error of the coverage of 0.022
            figures += [Figure(f"{name}, {radii}: worst R2", accuracy[1], 0.95 + 1e-9),
                        Figure(f"{name}, {radii}: worst coverage", coverage[1], 0.84, 0.96),
                        Figure(f"{name}, {radii}: worst loss", loss[1], 0.0, bounds[name][0])]
        elif name == "physics":
            figures += [Figure(f"{name}, {radii}: worst R2", accuracy[1], 0.98),
                        Figure(f"{name}, {radii}: worst consistency", consistency[1], 0.98),
                        Figure(f"{name}, {radii}: worst coverage", coverage[1], 0.84, 0.96)]
    failing = scores["black box, tanh", "0.1-5 um"]
    correlation = next(line[0] for line in lines if line[0].startswith("rank correlation"))
    figures += [Figure("black box, tanh, 0.1-5 um: median U", failing[2][0], highest=0.0),
                Figure("black box, tanh, 0.1-5 um: median loss", failing[4][0], bounds["black box, tanh"][1]),
                Figure("rank correlation of exponent and loss", float(correlation.split()[-1]), 0.8)]
    judge("Pull-off force against radius", figures)
