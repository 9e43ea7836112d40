"""A training that is killed again and again, and asked for again, ends with the weights of one that was not.

    python -m pytest -m study tests/verify/measurements/atoms/test_killed_training.py
"""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from asperity.measurements.atoms.weights import read_potential
from tests.measurements.atoms.silicon_file import extxyz, some
from tests.verify.verdict import Figure, judge

pytest.importorskip("optax")

EPOCHS = 60
KILLS = 4
#: a state is kept after each pass, so that kills fall between and into them
CHILD = ("import sys; from asperity.measurements.atoms import checkpoints; checkpoints._EVERY = 0.0; "
         "from asperity.cli import main; main()")


def command(folder, out):
    return [sys.executable, "-c", CHILD, "atoms", "train", str(folder / "data.xyz"), "--channels", "4", "--degree", "2",
            "--layers", "1", "--cutoff", "3.5A", "--epochs", str(EPOCHS), "--members", "2", "--out", str(out)]


def epochs_kept(work):
    """Whether any member has kept a state."""
    return sum(one.stat().st_mtime_ns for one in work.glob("member-*.npz")) if work.exists() else 0


def test_killed_trainings_end_with_the_same_weights(tmp_path):
    (tmp_path / "data.xyz").write_text(extxyz(some(40)))
    subprocess.run(command(tmp_path, tmp_path / "whole.npz"), check=True, capture_output=True)
    rng, killed = random.Random(0), 0
    work = tmp_path / "killed.npz.work"
    while killed < KILLS:
        child = subprocess.Popen(command(tmp_path, tmp_path / "killed.npz"), stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        before, until = epochs_kept(work), time.monotonic() + 240
        while epochs_kept(work) == before and child.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.5))
        if child.poll() is not None:
            break
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        killed += 1
    subprocess.run(command(tmp_path, tmp_path / "killed.npz"), check=True, capture_output=True)
    whole, again = (read_potential(tmp_path / name).about["sha256"] for name in ("whole.npz", "killed.npz"))
    judge("A training that is killed", [
        Figure("kills", killed, 2), Figure("same weights, bit for bit", whole == again, 1),
        Figure("left beside the weights", work.exists(), 0, 0)])
