"""Worth against what a curve does to the posterior, places of a batch, thresholds, and ways."""

import itertools

import numpy as np
import pytest
from scipy.stats import norm

from asperity.learning.discovery.acquisition import (
    Cost,
    boundary_worth,
    even_places,
    picked,
    property_worth,
    two_means,
    variance_worth,
)
from asperity.learning.discovery.field import Field, seen
from asperity.learning.discovery.tour import length_of, tour
from tests.learning.discovery.specimens import grid, inclusions, pixels

FIELD = Field(0.3, 0.5, 0.6, 4.0, 0.005)
AT, TRUTH = pixels(), inclusions(0)
START = np.array(grid(4))
NOISE = np.full(16, 0.01)


def known(at):
    return seen(FIELD, AT[START], TRUTH[START], NOISE, at)


def test_a_batch_removes_the_variance_that_it_is_worth():
    """The posterior that has the picks loses exactly the sum of their worths; so does the expectation of a map."""
    free = np.delete(AT, START, axis=0)
    chosen, worth = picked(FIELD, (known(free), free), (known(AT), AT), 5, noise=0.01 + FIELD.nugget)
    places = np.vstack([AT[START], free[chosen]])
    after = seen(FIELD, places, np.zeros(21), np.full(21, 0.01), AT)
    assert known(AT).variance.sum() - after.variance.sum() == pytest.approx(worth.sum(), rel=1e-5)
    assert len(set(chosen.tolist())) == 5


@pytest.mark.parametrize("criterion", [property_worth, boundary_worth, variance_worth])
def test_the_first_place_is_that_of_largest_worth_by_brute_force(criterion):
    free = np.delete(AT, START, axis=0)[::7]
    area = AT[::5]
    chosen, _ = picked(FIELD, (known(free), free), (known(area), area), 1, criterion=criterion, noise=0.015,
                       threshold=0.5)
    here, there = known(free), known(area)
    full = FIELD.covariance(area, free) - there.half.T @ here.half
    worth = {property_worth: (full**2).sum(axis=0) / (here.variance + 0.015), variance_worth: here.variance,
             boundary_worth: (norm.pdf((there.mean - 0.5) / np.sqrt(there.variance))[:, None] * full**2
                              / there.variance[:, None]).sum(axis=0) / (here.variance + 0.015)}[criterion]
    assert chosen[0] == np.argmax(worth)


def test_places_that_are_far_are_worth_less_where_ways_cost():
    free = np.delete(AT, START, axis=0)
    start = np.array([0.0, 0.0])
    dear, _ = picked(FIELD, (known(free), free), (known(AT), AT), 8, noise=0.015, cost=Cost(1.0, 0.05, start))
    cheap, _ = picked(FIELD, (known(free), free), (known(AT), AT), 8, noise=0.015)
    ways = [length_of(free[one][tour(free[one], start)], start) for one in (dear, cheap)]
    assert ways[0] < 0.7 * ways[1]


def test_even_places_are_as_far_apart_as_they_can():
    chosen = even_places(pixels(5), np.array([[0.0, 0.0]]), 4)
    assert {tuple(one) for one in pixels(5)[chosen[:3]]} == {(4.0, 4.0), (0.0, 4.0), (4.0, 0.0)}
    assert tuple(pixels(5)[chosen[3]]) == (2.0, 2.0)


def test_two_means_is_midway_between_two_groups():
    values = np.concatenate([np.linspace(-0.1, 0.1, 90), np.linspace(0.9, 1.1, 10)])
    assert two_means(values) == pytest.approx(0.5)
    assert two_means(np.ones(4)) == 1.0


def test_a_tour_of_few_places_is_close_to_the_shortest():
    for seed in range(5):
        at, start = np.random.default_rng(seed).random((7, 2)), np.zeros(2)
        order = tour(at, start)
        assert sorted(order) == list(range(7))
        best = min(length_of(at[list(one)], start) for one in itertools.permutations(range(7)))
        assert length_of(at[order], start) <= 1.15 * best
    line = np.array([[3.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    assert tour(line, np.zeros(2)).tolist() == [1, 2, 0]
    assert tour(np.zeros((0, 2)), np.zeros(2)).size == 0
