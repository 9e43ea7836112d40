"""The examples run as they are, without a screen and without a warning, and show what they claim."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SECONDS = 300  # on a machine that others use too; each takes well under 60 s of processor time

pytestmark = pytest.mark.slow


def way(name: str, folder: Path) -> list[str]:
    """The small variant where there is one; else the folder for the figure."""
    small = "--quick" in (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    return ["--quick"] if small else [str(folder)]


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Runs an example once, in an empty folder that it is also given, and returns what it printed."""
    known: dict[str, str] = {}

    def run(name: str) -> str:
        if name not in known:
            folder = tmp_path_factory.mktemp(name)
            command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), *way(name, folder)]
            environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True,
                                  timeout=SECONDS, check=False)
            assert done.returncode == 0, done.stderr
            known[name] = done.stdout
        return known[name]

    return run


JUDGED = {"pull_off_force"}  # has a test of its own below, which runs it


@pytest.mark.parametrize("name", sorted({path.stem for path in EXAMPLES.glob("*.py")} - JUDGED))
def test_example_runs(printed, name):
    out = printed(name)
    assert len(out.splitlines()) > 3
    assert "nan" not in out.split()


def median_and_worst(cell):
    median, worst = cell.rstrip(")").split("(")
    return float(median), float(worst)


def test_pull_off_force_tells_the_models_apart(printed):
    """Alike on known radii, where certificates hold; on the large tips only the physics never fails."""
    lines = [[cell.strip() for cell in line.split("|")] for line in printed("pull_off_force").splitlines()]
    rows = {(row[0], row[1]): row[2:] for row in lines if len(row) == 9 and row[0] != "model"}
    bounds = {row[0]: median_and_worst(row[1].split(" from")[0]) for row in lines
              if len(row) == 2 and " from" in row[1]}
    assert len(rows) == 10
    assert len(bounds) == 5
    assert bounds["physics"][1] < min(median for name, (median, _) in bounds.items() if name != "physics")
    scores = {key: [median_and_worst(row[k]) for k in (0, 3, 4, 5, 6)] for key, row in rows.items()}
    for (name, radii), (accuracy, consistency, _, coverage, loss) in scores.items():
        if radii == "10-50 nm":
            assert accuracy[1] > 0.95
            assert abs(coverage[1] - 0.9) < 0.06  # 50 sessions: a standard error of 0.022
            assert loss[1] < bounds[name][0]
        elif name == "physics":
            assert accuracy[1] > 0.98
            assert consistency[1] > 0.98
            assert abs(coverage[1] - 0.9) < 0.06
    assert scores["black box, tanh", "0.1-5 um"][2][0] < 0
    assert scores["black box, tanh", "0.1-5 um"][4][0] > bounds["black box, tanh"][1]
    correlation = next(line[0] for line in lines if line[0].startswith("rank correlation"))
    assert float(correlation.split()[-1]) > 0.8
