"""Deviations as a person would compute them."""

import numpy as np

from asperity.learning.potentials.batches import predicted
from asperity.learning.potentials.judgement import judged
from tests.learning.potentials.pair_network import pair_network, silicon


def test_deviations_are_those_that_were_put_in():
    rng, network = np.random.default_rng(0), pair_network()
    own = [silicon(rng, (1, 1, 1), group="ab"[i // 2]) for i in range(3)]
    changed = []
    for one, said, shift in zip(own, predicted(network, own), (0.08, -0.16, 0.24)):
        forces, stress = np.array(said.forces), np.array(said.stress)
        forces[0, 1] += 24 * shift
        stress[2] -= 6 * shift
        changed.append(one._replace(energy=float(said.energy) + shift, forces=forces, stress=stress))
    whole, a, b = judged(network, changed)
    assert (whole.group, a.group, b.group) == ("", "a", "b")
    assert (whole.structures, whole.atoms, b.structures) == (3, 24, 1)
    np.testing.assert_allclose([a.energy.mean, b.energy.mean, whole.energy.mean], [0.015, 0.03, 0.02], rtol=1e-4)
    np.testing.assert_allclose([a.forces.mean, a.forces.rms], [0.12, np.sqrt((1.92**2 + 3.84**2) / 48)], rtol=1e-4)
    np.testing.assert_allclose(whole.stress.mean, 0.16 * 160.21766, rtol=1e-4)


def test_what_is_not_known_is_not_judged():
    one = silicon(np.random.default_rng(0), (1, 1, 1), forces=False, stress=False)
    found, = judged(pair_network(), [one])
    assert np.isnan(found.forces.mean)
    assert np.isnan(found.stress.rms)
    assert np.isfinite(found.energy.mean)
