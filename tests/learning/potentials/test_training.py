"""A network finds what its data say, the same in every run, also after an interruption."""

import jax
import numpy as np
import pytest

from asperity.learning.potentials.configurations import checked, scales_of
from asperity.learning.potentials.judgement import judged
from asperity.learning.potentials.training import CURVE, TrainingPlan, begun, train
from asperity.messages import ArgumentError, DataError
from tests.learning.potentials.pair_network import CUTOFF, pair_network, silicon

PLAN = TrainingPlan(epochs=8, rate=0.05, atoms=48, late=0.25, memory=0.9)


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(0)
    return [silicon(rng, (1 + i % 2, 1, 1), stress=i % 3 > 0, group="ab"[i % 2]) for i in range(20)]


def same(one, other):
    pairs = zip(jax.tree.leaves(one[1:4]), jax.tree.leaves(other[1:4]), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_it_learns_what_is_there(known):
    """Forces of another pair potential, within the space of the network to some percent."""
    network = pair_network(radial=8)
    long = PLAN._replace(epochs=60, energy=1.0, late_energy=10.0)
    found = train(network, known, long, validation=known[:3])
    before, after = judged(network, known)[0], judged(found.average, known)[0]
    assert after.forces.mean < 0.1 * before.forces.mean
    assert after.stress.mean < 0.1 * before.stress.mean
    assert np.isfinite(found.curve).all()
    assert found.curve[-1, CURVE.index("validation_forces")] == judged(found.average, known[:3])[0].forces.mean


def test_a_seed_says_all(known):
    one, other = (train(pair_network(), known, PLAN) for _ in range(2))
    assert same(one, other)
    assert not same(one, train(pair_network(), known, PLAN._replace(seed=1)))


def test_an_interruption_changes_no_bit(known):
    """Through NumPy arrays, as a file would keep them."""
    kept, told = [], []
    whole = train(pair_network(), known, PLAN, keep=kept.append, progress=told.append)
    leaves = [np.array(leaf) for leaf in jax.tree.leaves(kept[2])]
    loaded = jax.tree.unflatten(jax.tree.structure(begun(pair_network(), PLAN)), leaves)
    later = train(pair_network(), known, PLAN, state=loaded)
    assert same(whole, later)
    assert [int(state.epoch) for state in kept] == list(range(1, 9))
    assert [one.epoch for one in told] == list(range(1, 9))
    assert told[-1].left == 0
    assert np.isnan(told[0].forces)


def test_one_program_for_a_training(known, monkeypatch):
    counted = []
    network = pair_network(radial=5)
    original = type(network).energies

    def counting(self, *arguments):
        counted.append(1)
        return original(self, *arguments)

    monkeypatch.setattr(type(network), "energies", counting)
    train(network, known, PLAN)
    assert len(counted) == 1


@pytest.mark.parametrize("change", [{"epochs": 0}, {"rate": 0.0}, {"late": 2.0}, {"memory": 1.0}, {"forces": -1.0}])
def test_a_plan_that_makes_no_sense(known, change):
    with pytest.raises(ArgumentError, match=next(iter(change))):
        train(pair_network(), known, PLAN._replace(**change))


def test_a_state_of_another_plan(known):
    with pytest.raises(ArgumentError, match="was begun with"):
        train(pair_network(), known, PLAN, state=begun(pair_network(), PLAN._replace(epochs=3)))


@pytest.mark.parametrize(("change", "says"), [
    ({"forces": np.zeros((3, 3))}, "forces have the shape"), ({"energy": np.nan}, "finite energy"),
    ({"stress": np.full(6, np.inf)}, "stress are not all finite"), ({"periodic": np.zeros(3, bool)}, "no volume"),
    ({"kinds": np.zeros(8, int)}, "atomic number")])
def test_damaged_configurations_are_named(known, change, says):
    damaged = known[2]._replace(**change)
    assert damaged.stress is None or len(damaged.positions) == 8
    with pytest.raises(DataError, match=f"configuration 1.*{says}"):
        checked([known[0], damaged])


def test_scales(known):
    """Energies of two species by composition, the rms force, the neighbors."""
    rng = np.random.default_rng(1)
    mixed = []
    for one in known:
        kinds = rng.choice([14, 32], len(one.kinds))
        mixed.append(one._replace(kinds=kinds, energy=float(-5.0 * (kinds == 14).sum() - 4.0 * (kinds == 32).sum())))
    found = scales_of(mixed, CUTOFF)
    assert found.species == (14, 32)
    np.testing.assert_allclose(found.shift, [-5.0, -4.0], rtol=1e-9)
    np.testing.assert_allclose(found.scale, np.sqrt(np.mean(np.concatenate([one.forces for one in known]) ** 2)))
    assert 10 < found.crowd < 20
