"""Fronts, certificates, chances and lists against what is known exactly."""

import jax
import numpy as np
import pytest
from scipy.stats import norm

from asperity.learning.discovery.chance import Chances, QuantileDemands, most_probable, proposal
from asperity.learning.discovery.design import Aim, Demands, InverseProblem, front
from asperity.learning.discovery.enumeration import best_of, enumerated, judged
from asperity.learning.discovery.infeasible import certificate
from asperity.learning.discovery.pareto import hypervolume, nondominated
from tests.learning.discovery import hertz_tip

CORNER = np.array([1.1, 1.1])


def test_the_front_of_a_tip_is_a_line_in_logarithms():
    """Within .5 % with at most 400 calls, and the hypervolume of so many evenly spread points."""
    demands = Demands(hertz_tip.problem(), hertz_tip.KNOWN)
    found = hertz_tip.normalized(front(demands, 12).demands)
    even = np.linspace(0, 1, 12)
    assert len(found) == 12
    assert abs(found.sum(axis=1) - 1).max() < 0.005
    assert demands.calls <= 400
    assert hypervolume(found, CORNER) >= 0.98 * hypervolume(np.stack([even, 1 - even], 1), CORNER)


def test_a_front_that_leaves_one_limit_for_another_has_its_kink():
    """A largest load of 100 uN: from where it, not the pressure, is the limit, compliance falls as R^(-1/3)."""
    largest = 1e-4
    found = front(Demands(hertz_tip.problem(loads=(1e-11, largest)), hertz_tip.KNOWN), 25)
    radius = np.exp(found.demands[:, 0]) / (1.5 * np.pi * hertz_tip.ADHESION)
    by_pressure = 0.75 * np.pi * hertz_tip.PRESSURE * radius / hertz_tip.MODULUS  # contact radius
    by_load = (0.75 * largest * radius / hertz_tip.MODULUS) ** (1 / 3)
    exact = -np.log(2 * hertz_tip.MODULUS * np.minimum(by_pressure, by_load))
    assert (by_load < by_pressure).any()
    np.testing.assert_allclose(found.demands[:, 1], exact, atol=1e-6)


def test_slopes_are_exact():
    demands = Demands(hertz_tip.problem(), hertz_tip.KNOWN)
    _, slopes = demands(np.array([0.3, 0.6]))
    radii, loads = (np.log(ends[1] / ends[0]) for ends in (hertz_tip.RADII, hertz_tip.LOADS))
    np.testing.assert_allclose(slopes, [[radii, 0], [-radii / 3, -loads / 3], [-2 / 3 * radii, loads / 3]], atol=1e-12)


@pytest.mark.parametrize("short", [0.1, 1.5])
def test_what_cannot_be_met_is_told_by_how_much(short):
    """The product of three bounds is w: each alone must give by what is missing, all together by its cube root."""
    pull_off = 3e-8
    compliance = hertz_tip.ADHESION / hertz_tip.PRESSURE / pull_off
    asked = hertz_tip.problem(pull_off, compliance * np.exp(-short))
    found = certificate(Demands(asked, hertz_tip.KNOWN), asked.levels)
    assert not found.feasible
    assert found.excess == pytest.approx(short / 3, abs=1e-6)
    np.testing.assert_allclose(found.alone, short, atol=1e-6)
    assert found.checked == 1024
    easy = hertz_tip.problem(pull_off, compliance * np.exp(short))
    assert certificate(Demands(easy, hertz_tip.KNOWN), easy.levels).feasible


def test_a_bound_that_no_other_can_save_is_named():
    """A pull-off force below that of the sharpest tip: only this bound helps."""
    asked = hertz_tip.problem(pull_off=1e-9, compliance=1.0)
    found = certificate(Demands(asked, hertz_tip.KNOWN), asked.levels)
    assert found.alone[0] == pytest.approx(np.log(1.5 * np.pi * hertz_tip.ADHESION * hertz_tip.RADII[0] / 1e-9))
    assert np.isinf(found.alone[1:]).all()


def one_bound(chosen, known):
    return {"cost": chosen["x"], "gain": chosen["x"] * known["factor"]}


@pytest.fixture(scope="module")
def gain():
    return InverseProblem(one_bound, {"x": (0.1, 100.0)}, (Aim("cost"), Aim("gain", False, 1.0)))


def draws(count, seed, spread=0.3):
    return {"factor": np.exp(spread * np.random.default_rng(seed).standard_normal(count))}


def test_back_off_is_the_quantile_of_a_known_law(gain):
    """ln x = 0.3 z(0.95); the sample quantile of 1000 draws is off by 0.02 of the spread."""
    found = proposal(gain, (draws(1000, 0), draws(4000, 1), draws(4000, 2)), 0.95)
    x = float(gain.chosen(found.place)["x"])
    assert found.reached
    assert np.log(x) == pytest.approx(0.3 * norm.ppf(0.95), abs=0.03)
    assert found.chance.low < norm.cdf(np.log(x) / 0.3) < found.chance.high


def test_quantiles_and_their_slopes_are_those_of_the_draws(gain):
    search = QuantileDemands(gain, draws(4000, 3), 0.9)
    found, slopes = search(np.array([0.5]))
    assert found[1] == pytest.approx(-np.log(np.sqrt(10)) + 0.3 * norm.ppf(0.9), abs=0.02)
    np.testing.assert_allclose(slopes[:, 0], [np.log(1000), -np.log(1000)])


def window(chosen, known):
    return {"low": chosen["x"] * known["factor"], "high": chosen["x"] * known["factor"]}


def test_the_likeliest_design_is_in_the_middle_of_a_window():
    asked = InverseProblem(window, {"x": (0.01, 100.0)}, (Aim("low", False, 1.0), Aim("high", True, 1.3)))
    found = most_probable(asked, draws(4000, 4), np.array([[0.3], [0.5]]))
    assert np.log(float(asked.chosen(found)["x"])) == pytest.approx(np.log(1.3) / 2, abs=0.03)
    best = proposal(asked, (draws(1000, 0), draws(4000, 1), draws(4000, 2)), 0.9)
    assert not best.reached
    assert best.chance.all_met == pytest.approx(2 * norm.cdf(np.log(1.3) / 2 / 0.3) - 1, abs=0.03)


def test_what_is_known_exactly_leaves_no_doubt(gain):
    found = proposal(gain, (draws(50, 0, 0.0), draws(50, 1, 0.0), draws(50, 2, 0.0)), 0.9)
    assert found.chance.all_met == 1
    assert float(gain.chosen(found.place)["x"]) == pytest.approx(1, abs=1e-5)


def test_a_list_is_brute_force():
    """16 tips at 49 loads in plain loops give the same front, the same designs that meet all, and the same best."""
    rng = np.random.default_rng(0)
    radius, load = (grid.ravel() for grid in np.meshgrid(np.exp(rng.uniform(*np.log(hertz_tip.RADII), 16)),
                                                         np.geomspace(1e-10, 1e-5, 49), indexing="ij"))
    asked = hertz_tip.problem(2e-7, 0.05)
    known = hertz_tip.truths(200, rng)
    found = enumerated(asked, {"radius": radius, "load": load}, hertz_tip.KNOWN, known)
    bounds = {"pull_off": 2e-7, "compliance": 0.05, "pressure": hertz_tip.PRESSURE}
    rows = [hertz_tip.physics({"radius": r, "load": f}, hertz_tip.KNOWN, np) for r, f in zip(radius, load)]
    met = [all(row[name] <= bound for name, bound in bounds.items()) for row in rows]
    inside = [row["pressure"] <= hertz_tip.PRESSURE for row in rows]
    best = [ok and not any(o and b["pull_off"] <= row["pull_off"] and b["compliance"] <= row["compliance"]
                           and (b["pull_off"] < row["pull_off"] or b["compliance"] < row["compliance"])
                           for o, b in zip(inside, rows)) for ok, row in zip(inside, rows)]
    share = [np.mean(np.all([hertz_tip.physics({"radius": r, "load": f}, known, np)[name] <= bound
                             for name, bound in bounds.items()], axis=0)) for r, f in zip(radius, load)]
    assert 0 < sum(met) < sum(inside) < len(rows)
    assert found.met.tolist() == met
    assert found.front.tolist() == best
    np.testing.assert_array_equal(found.share, share)
    enough = [i for i, one in enumerate(share) if one >= 0.8]
    assert best_of(found, 0.8) == min(enough, key=lambda i: rows[i]["pull_off"])
    assert best_of(found, 1.1) == int(np.argmax(share))
    again = judged(asked, {"radius": radius[7], "load": load[7]}, known)
    assert again.all_met == share[7]


def test_chances_are_shares(gain):
    found, = Chances(gain)({"factor": np.array([0.5, 1.0, 2.0, 4.0])}, np.array([[1 / 3]]))  # x = 1
    assert found.all_met == 0.75
    assert found.each.tolist() == [1.0, 0.75]
    assert found.low < 0.75 < found.high


def test_hypervolume_is_an_area():
    """That of random fronts, counted on a grid; dominated designs and those beyond the corner add nothing."""
    rng = np.random.default_rng(1)
    points = rng.random((30, 2)) * 1.3
    grid = (np.arange(1000) + 0.5) / 1000
    covered = np.zeros((1000, 1000), bool)
    for x, y in points:
        covered |= (grid[:, None] > x) & (grid > y)
    assert hypervolume(points, np.ones(2)) == pytest.approx(covered.mean(), abs=2e-3)
    best = points[nondominated(points)]
    assert hypervolume(best, np.ones(2)) == hypervolume(points, np.ones(2))
    assert hypervolume(np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]), CORNER) == pytest.approx(0.21 + 0.25)
    line = np.linspace(0, 1, 2001)
    assert hypervolume(np.stack([line, 1 - line], 1), CORNER) == pytest.approx(0.71, abs=3e-4)


def test_nothing_leaks_into_single_precision():
    Demands(hertz_tip.problem(), hertz_tip.KNOWN)(np.array([0.5, 0.5]))
    assert not jax.config.read("jax_enable_x64")
