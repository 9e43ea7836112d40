"""What a random split of pixels promises, and what new sessions keep: the example, judged."""

import math
import runpy
from pathlib import Path

import numpy as np

from tests.verify.verdict import Figure, judge

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "leakage.py"


def excess(values: np.ndarray) -> float:
    """A mean in units of its standard error."""
    return float(values.mean() / (values.std(ddof=1) / math.sqrt(len(values))))


def test_a_random_split_of_pixels_promises_what_new_sessions_do_not_keep(monkeypatch, tmp_path):
    """The example, run as it is. Its four columns are R2 promised and kept, half-width, coverage kept,
    for ten repetitions; differences are taken in units of their standard error."""
    monkeypatch.chdir(tmp_path)
    example = runpy.run_path(str(EXAMPLE))
    result, leaks = example["RESULT"], example["LEAKS"]
    assert leaks == {"random pixels": "same session, neighbor", "blocks": "same session",
                     "sessions": "nothing"}
    promised, kept, _, coverage = result["random pixels"].T
    honest = result["sessions"]
    judge("Random pixels against whole sessions", [
        Figure("random pixels: R2 promised - kept", (promised - kept).mean(), 0.2),
        Figure("the same in standard errors", excess(promised - kept), 5),
        Figure("random pixels: 0.9 - coverage kept, in standard errors", excess(0.9 - coverage), 5),
        Figure("sessions: R2 promised - kept, in standard errors", excess(honest[:, 0] - honest[:, 1]), -3, 3),
        Figure("sessions: coverage kept - 0.9, in standard errors", excess(honest[:, 3] - 0.9), -3)])
