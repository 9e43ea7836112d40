"""Intervals of members cover what they say they cover, where members are what they are taken for."""

import numpy as np
import pytest

from asperity.learning.potentials.ensembles import Ensemble, calibrated, interval, resampled, spread_factor
from asperity.messages import ArgumentError, DataError
from tests.learning.potentials.pair_network import pair_network, silicon


@pytest.mark.parametrize("members", [2, 4, 8])
def test_members_that_are_too_near_to_each_other(members):
    """Truths three times as far from the mean as members are spread: the factor says it, intervals then hold."""
    rng = np.random.default_rng(members)
    size, count = 10 ** rng.uniform(-2, 2, 4000), 4000
    truths = size * rng.normal(0, 3, count)  # about a mean of 0, which the members know without error
    values = size * rng.normal(0, 1, (members, count))
    values -= values.mean(axis=0)
    factor = spread_factor(values[:, :2000], truths[:2000])
    np.testing.assert_allclose(factor, 3, rtol=0.1)
    for level in (0.5, 0.9, 0.95):
        found = interval(values[:, 2000:], factor, level=level)
        inside = ((found.low <= truths[2000:]) & (truths[2000:] <= found.high)).mean()
        assert abs(inside - level) < 4 * np.sqrt(level * (1 - level) / 2000) + 0.01


def test_an_ensemble_of_networks():
    rng = np.random.default_rng(0)
    truth = pair_network(seed=9)
    own = [silicon(rng, (1, 1, 1)) for _ in range(4)]
    from asperity.learning.potentials.batches import predicted

    own = [one._replace(forces=np.asarray(said.forces, float), stress=np.asarray(said.stress, float))
           for one, said in zip(own, predicted(truth, own))]
    found = calibrated([pair_network(seed) for seed in range(4)], own)
    assert 0.3 < found.factor < 3  # all five are drawn alike; there is one law of pairs for all the forces
    said = found.said(lambda one: one.weights)
    assert said.value.shape == (6,)
    np.testing.assert_allclose(said.high - said.value, 3.182 * said.std, rtol=1e-3)


def test_what_cannot_be_judged():
    with pytest.raises(ArgumentError, match="at least 2"):
        interval(np.zeros((1, 3)))
    with pytest.raises(ArgumentError, match=r"level = 95"):
        interval(np.zeros((3, 3)), level=95)
    with pytest.raises(DataError, match="differ"):
        spread_factor(np.zeros((3, 5)), np.ones(5))
    bare = silicon(np.random.default_rng(0), (1, 1, 1), forces=False, stress=False)
    with pytest.raises(DataError, match="neither forces nor stresses"):
        calibrated([pair_network(0), pair_network(1)], [bare])
    assert Ensemble((pair_network(),), 1.0).factor == 1.0


def test_resampling_keeps_groups_whole():
    rng = np.random.default_rng(1)
    own = [silicon(rng, (1, 1, 1), group=name) for name in "aabbbc"]
    drawn = [one.group for one in resampled(own, 3)]
    assert {drawn.count(name) % "aabbbc".count(name) for name in "abc"} == {0}
    assert drawn == [one.group for one in resampled(own, 3)]
