"""Plans of one map each; what they are worth over many is a study (tests/verify/learning/discovery)."""

import numpy as np
import pytest

from asperity.learning.discovery.field import thinned
from asperity.learning.discovery.plan import Site, plan
from tests.learning.discovery.specimens import grid, inclusions, noisy, pixels, smooth

AT = pixels()


def planned(truth, start, goal, count=12, **more):
    values = noisy(truth, 0)[start]
    free = np.setdiff1d(np.arange(len(AT)), start)
    return AT[free], plan(AT[start], values, np.full(len(start), 0.01), Site(AT, AT[free], 1.0), count, goal=goal,
                          **more)


def test_a_boundary_is_sought_where_it_is():
    truth = inclusions(4)
    free, found = planned(truth, grid(8), "boundary")
    square = truth.reshape(24, 24)
    edge = np.zeros((24, 24), bool)
    edge[1:] |= square[1:] != square[:-1]
    edge[:, 1:] |= square[:, 1:] != square[:, :-1]
    at = AT[edge.ravel()]
    away = [np.hypot(*(at - place).T).min() for place in free[found.chosen]]
    assert found.related
    assert np.median(away) <= 2.0  # pixels; of all places it is more than twice that
    assert np.exp(found.claim.threshold) == pytest.approx(np.sqrt(3), rel=0.25)
    assert abs(found.claim.threshold - np.log(3) / 2) < 3 * found.claim.threshold_std


def test_the_same_curves_have_the_same_plan_and_a_given_threshold_is_kept():
    one, other = (planned(inclusions(4), grid(6), "boundary", threshold=0.3)[1] for _ in range(2))
    np.testing.assert_array_equal(one.chosen, other.chosen)
    assert one.claim.threshold == 0.3
    assert one.claim.threshold_std == 0.0


def test_unrelated_curves_have_an_even_grid():
    white = np.random.default_rng(11).standard_normal(576)
    free, found = planned(white, grid(8), "modulus", 20)
    assert not found.related
    assert not found.worth.any()
    near = [np.hypot(*(AT[grid(8)] - place).T).min() for place in free[found.chosen]]
    assert min(near) >= 1.4  # of the pitch of 3: between the curves, never beside one


def test_what_is_known_is_less_after_the_places_were_measured():
    truth = smooth(2)
    start = grid(5)
    free, found = planned(truth, start, "modulus", 12)
    index = [int(np.flatnonzero((AT == place).all(axis=1))[0]) for place in free[found.chosen]]
    _, after = planned(truth, [*start, *index], "modulus", 1)
    assert after.claim.left < found.claim.left


def test_what_is_thinned_is_even_and_the_same():
    assert thinned(5, 9).tolist() == [0, 1, 2, 3, 4]
    assert len(set(thinned(1000, 100).tolist())) == 100
    np.testing.assert_array_equal(thinned(1000, 100), thinned(1000, 100))
