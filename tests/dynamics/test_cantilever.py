"""Modes of a beam, against the known roots and sums."""

import numpy as np
import pytest

from asperity.dynamics.cantilever import Cantilever, euler_bernoulli, mode_numbers


def test_the_roots_of_a_clamped_free_beam():
    np.testing.assert_allclose(mode_numbers(4), [1.8751040687, 4.6940911330, 7.8547574382, 10.9955407349], rtol=1e-10)


def test_frequencies_and_stiffnesses_of_a_uniform_beam():
    beam = euler_bernoulli(40.0, 3e5, np.array([400.0, 300.0, 200.0, 100.0]))
    np.testing.assert_allclose(beam.frequency / 3e5, [1, 6.2669, 17.5475, 34.3861], rtol=1e-4)
    np.testing.assert_allclose(beam.stiffness / 40, [1, 39.274, 307.91, 1182.4], rtol=1e-4)
    mass = np.asarray(beam.stiffness) / np.asarray(beam.frequency) ** 2
    np.testing.assert_allclose(mass, mass[0], rtol=1e-6)


def test_the_sum_of_the_compliances_is_that_of_the_static_beam():
    """1/k_static = sum of 1/k_j, with k_1/k_static = beta_1^4 / 12 (known: 1.03)."""
    numbers = mode_numbers(40)
    total = np.sum((numbers[0] / numbers) ** 4)
    assert total == pytest.approx(numbers[0] ** 4 / 12, rel=1e-6)


def test_one_number_makes_a_point_mass():
    assert Cantilever(40.0, 3e5, 400.0).stiffness.shape == (1,)
