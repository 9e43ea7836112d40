"""What users run is compiled with all optimizations, the tests of `make test` with few: the numbers are the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.conftest import FEW_OPTIMIZATIONS
from tests.verify.verdict import Figure, judge

PROGRAM = """
import json, sys
import asperity
made = asperity.fit(asperity.virtual_map(rows=2, columns=2, samples=256, seed=7), {"name": "jkr", "radius": 5e-6})
wanted = [name + end for name in ("modulus", "work_of_adhesion", "contact_point") for end in ("", "_std")]
json.dump({name: made[name].values.tolist() for name in wanted}, sys.stdout)
"""


def found(more):
    """The fit of one map, in a process whose compiler is told ``more``."""
    plain = {name: value for name, value in os.environ.items() if name not in FEW_OPTIMIZATIONS}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=plain | more, cwd=Path(__file__).parents[2],
                          stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


def test_few_optimizations_give_the_numbers_of_all():
    """Rounding differs, and where the steps of a fit end: by less than a thousandth of the uncertainty."""
    few, all_of_them = found(FEW_OPTIMIZATIONS), found({})
    figures = []
    for quantity in ("modulus", "work_of_adhesion", "contact_point"):
        std = np.array(all_of_them[f"{quantity}_std"])
        assert (std > 0).all()
        difference = np.abs(np.array(few[quantity]) - np.array(all_of_them[quantity]))
        figures.append(Figure(f"{quantity}: largest difference, stds", (difference / std).max(), 0.0, 1e-3))
    judge("few optimizations and all", figures)
