"""What the fits said when earlier_results.json was written they say now: a number that changes is noticed."""

import json

import numpy as np
import pytest

from tests.reference import make_earlier_results as made

#: relative; between XLA's levels of optimization, the last digits of a sum differ by up to 1e-8
RTOL = 1e-6
EARLIER = json.loads(made.FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def now():
    return made.found()


@pytest.mark.parametrize("case", EARLIER)
def test_no_number_has_changed(now, case):
    assert now[case].keys() == EARLIER[case].keys()
    for name, values in EARLIER[case].items():
        np.testing.assert_allclose(now[case][name], values, rtol=RTOL, atol=0, err_msg=f"{name}; if that is meant: "
                                   "python -m tests.reference.make_earlier_results, and a line in CHANGELOG.md")


def test_the_cases_are_those_that_are_stored():
    assert [", ".join(case) for case in made.CASES] == [*EARLIER]
    assert {0, 5, 7, 9, 10} <= {*EARLIER["spoiled, hertz"]["flag"]}
