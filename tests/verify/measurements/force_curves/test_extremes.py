"""Very long curves: bounded memory, and means of their samples give the numbers of all."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

import asperity
from asperity.data import store
from asperity.data.averages import LONGEST, averaged
from tests.measurements.force_curves.test_extremes import MODEL, curve
from tests.verify.verdict import Figure, judge

#: the whole way for one file in a fresh process, whose memory no other test has raised
CHILD = """
import json, sys
import asperity
from tests.memory import peak
results = asperity.analyze(sys.argv[1], {"name": "hertz", "radius": 5e-6}, out=sys.argv[2])
print(json.dumps({"memory": peak(), "flag": int(results["flag"][0]),
                  "averaged": results.attrs.get("averaged")}))
"""


def whole_way(samples, folder):
    """What a fresh process says of one curve, the curve, and its bytes."""
    one = curve(samples)
    store.save(one, folder / f"{samples}.nc")
    done = subprocess.run([sys.executable, "-c", CHILD, folder / f"{samples}.nc", folder / f"{samples}"], check=True,
                          cwd=Path(__file__).parents[4], stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1]), one, sum(one[name].nbytes for name in one.data_vars)


def test_a_long_curve_takes_little_more_memory_than_it_has_samples(tmp_path):
    """Beside one that is ten times shorter, and averaged too: Python, JAX and what it compiles are in both."""
    found, one, raw = whole_way(1_000_000, tmp_path)
    short = whole_way(100_000, tmp_path)[0]
    assert found["flag"] < 7
    inward = int(one["sample_count"].sel(segment="approach")[0])
    assert json.loads(found["averaged"]) == {"curves": 1, "samples": -(-inward // LONGEST)}
    judge("a curve of a million samples", [
        Figure("memory more than of 100,000 (bytes)", found["memory"] - short["memory"], -raw, raw),
        Figure("memory (bytes)", found["memory"], 0.0, 2e9)])


def test_means_give_the_numbers_of_the_whole_curve():
    """To a tenth of what the noise does to them: more samples beside the jump do not count."""
    whole = curve(20_000, columns=6)
    full, means = asperity.fit(whole, MODEL), asperity.fit(averaged(whole, longest=5_000), MODEL)
    figures = []
    for name in ("modulus", "work_of_adhesion", "contact_point"):
        wrong = np.sqrt(np.mean((full[name] - whole[f"true_{name}"].values) ** 2))
        moved = np.sqrt(np.mean((means[name] - full[name]) ** 2))
        figures.append(Figure(f"{name}: change over the true error", float(moved / wrong), 0.0, 0.1))
    judge("means for whole curves", figures)
