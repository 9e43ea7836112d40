"""What plans of places are worth: against grids and random places, where they decline, and whether their claims hold.

Truths, noise and grids are made by `tests.learning.discovery.specimens`; scores are of a field that is fitted to the
curves of each plan in the same way. ``python -m tests.verify.learning.discovery.test_next_places`` prints the tables.
"""

import time

import numpy as np
import pytest

from asperity.learning.discovery.acquisition import even_places
from asperity.learning.discovery.field import field_of, seen
from asperity.learning.discovery.plan import Site, plan
from asperity.learning.discovery.variogram import variogram
from asperity.measurements.force_curves.analyze import analyze
from tests.conftest import shared_data
from tests.learning.discovery.specimens import NOISE, grid, inclusions, noisy, pixels, rough, smooth
from tests.verify.verdict import Figure, judge

pytestmark = pytest.mark.study

AT = pixels()
SEEDS = range(1000, 1020)
BATCH = 8
RATIO = 0.5 * np.log(3)  # the true threshold


def mapped(index, observed, truth, at=AT):
    """Root mean square error and misclassified share of what the curves tell of all places."""
    noise = np.full(len(index), NOISE**2)
    field = field_of(at[index], observed[index], noise, 1.0)
    mean = seen(field, at[index], observed[index], noise, at).mean
    return float(np.sqrt(np.mean((mean - truth) ** 2))), float(np.mean((mean > RATIO) != (truth > RATIO)))


def looped(observed, goal, curves, start=4, batch=BATCH, until=None):
    """The curves of a loop that begins with an even grid, and its last plan; it stops where ``until`` is claimed."""
    index = grid(start)
    while True:
        free = np.setdiff1d(np.arange(len(AT)), index)
        made = plan(AT[index], observed[index], np.full(len(index), NOISE**2), Site(AT, AT[free], 1.0), batch,
                    goal=goal)
        if len(index) >= curves or (until and made.related and made.claim.left <= until):
            return index, made
        index = [*index, *free[made.chosen][:curves - len(index)]]


def against_grid(truth_of, goal):
    """Of each seed, (rmse, misclassified) of the loop, an even grid and random places of 64 curves."""
    found = []
    for seed in SEEDS:
        truth = truth_of(seed)
        observed = noisy(truth, seed)
        index, _ = looped(observed, goal, 64)
        drawn = np.random.default_rng([seed, 4]).permutation(len(AT))[:64]
        found.append([mapped(one, observed, truth) for one in (index, grid(8), drawn)])
    return np.array(found)


def test_a_boundary_is_found_better_than_by_a_grid():
    share = against_grid(inclusions, "boundary")[:, :, 1]
    plan_, even, drawn = share.mean(axis=0)
    judge("Misclassified pixels of 576, two inclusions, 64 curves, 20 seeds", [
        Figure("plan", plan_), Figure("grid", even), Figure("random", drawn),
        Figure("plan / grid", plan_ / even, 0.0, 0.75),
        Figure("plan, worst seed", share[:, 0].max(), 0.0, 0.06)])


def test_a_boundary_is_found_with_fewer_curves_than_a_grid():
    """The plan at 64 curves against the grid at 100: 36 % fewer."""
    few, many = [], []
    for seed in SEEDS:
        truth = inclusions(seed)
        observed = noisy(truth, seed)
        few.append(mapped(looped(observed, "boundary", 64)[0], observed, truth)[1])
        many.append(mapped(grid(10), observed, truth)[1])
    judge("Misclassified pixels, plan of 64 curves against grid of 100", [
        Figure("plan, 64 curves", np.mean(few)), Figure("grid, 100 curves", np.mean(many)),
        Figure("plan / grid", np.mean(few) / np.mean(many), 0.0, 1.0)])


def test_a_smooth_property_is_known_better_than_by_a_grid():
    error = against_grid(smooth, "modulus")[:, :, 0]
    plan_, even, drawn = error.mean(axis=0)
    judge("Error of ln(modulus) of a smooth map, 64 curves, 20 seeds", [
        Figure("plan", plan_), Figure("grid", even), Figure("random", drawn),
        Figure("plan / grid", plan_ / even, 0.0, 0.95)])


def test_white_maps_are_declined_and_smooth_ones_are_not():
    def declined(make, side):
        at = pixels(side)
        return sum(not variogram(at, make(seed, side), np.zeros(side**2)).related for seed in SEEDS)

    def white(seed, side):
        return np.random.default_rng([seed, 6]).standard_normal(side**2)

    figures = [Figure(f"white, {side} x {side}, of 20", declined(white, side), 19, 20) for side in (8, 10, 16)]
    figures += [Figure(f"smooth, {side} x {side}, of 20", declined(smooth, side), 0, 1) for side in (8, 10, 16)]
    judge("Maps that are declined", figures)


def stopped(goal, make, until):
    """Of each seed that claims ``until``: curves, the claim, and what is true of the pixels without a curve."""
    rows = []
    for seed in range(3000, 3030):
        truth = make(seed)
        observed = noisy(truth, seed)
        index, made = looped(observed, goal, 200, batch=12, until=until)
        free = np.setdiff1d(np.arange(len(AT)), index)
        if made.claim.left > until:
            continue
        held = np.random.default_rng([seed, 7]).permutation(free)[:29]  # 5 % of the pixels
        if goal == "boundary":
            wrong = (made.known.mean > made.claim.threshold) != (truth > RATIO)
            rows.append((len(index), made.claim.wrong[free].mean(), wrong[free].mean(), made.claim.wrong[held].sum(),
                         wrong[held].sum(), 0.0))
        else:
            off = (made.known.mean - truth) ** 2
            inside = off[free] <= 1.96**2 * made.known.variance[free]
            rows.append((len(index), np.sqrt(made.known.variance[free].mean()), np.sqrt(off[free].mean()), 0.0, 0.0,
                         inside.mean()))
    return np.array(rows)


def test_claims_of_enough_hold_on_curves_that_were_held_out():
    figures = []
    for until in (0.03, 0.05):
        rows = stopped("boundary", inclusions, until)
        expected, found = rows[:, 3].sum(), rows[:, 4].sum()
        figures += [Figure(f"boundary, {until:.0%}: stopped, of 30", len(rows), 20),
                    Figure(f"boundary, {until:.0%}: mean curves", rows[:, 0].mean()),
                    Figure(f"boundary, {until:.0%}: claimed share", rows[:, 1].mean()),
                    Figure(f"boundary, {until:.0%}: true share", rows[:, 2].mean(), 0.0, until),
                    Figure(f"boundary, {until:.0%}: wrong of held-out, expected {expected:.1f}", found, 0.0,
                           expected + 2 * np.sqrt(expected))]
    kinds = (("smoother than the model", smooth, 0.1, 0.6), ("as the model", rough, 0.2, 0.85))
    for name, make, until, lowest in kinds:
        rows = stopped("modulus", make, until)
        figures += [Figure(f"modulus, {name}, {until:.0%}: stopped, of 30", len(rows), 20),
                    Figure(f"modulus, {name}: mean curves", rows[:, 0].mean()),
                    Figure(f"modulus, {name}: claimed std", rows[:, 1].mean()),
                    Figure(f"modulus, {name}: true error / claimed", (rows[:, 2] / rows[:, 1]).mean(), lowest, 1.15),
                    Figure(f"modulus, {name}: in the 95 % interval", rows[:, 5].mean(), 0.92, 1.0)]
    judge("Claims of enough", figures)


def replayed(values, at, count, rng):
    """Errors of unmeasured pixels: of plans, of an even grid, of random places, (3,)."""
    side = int(np.sqrt(len(at)))
    spots = at / np.ptp(at[:, 0]) * (side - 1)
    spots = np.rint(spots - spots.min(axis=0))
    noise = np.full(len(at), 1e-4)

    def error(index):
        rest = np.setdiff1d(np.arange(len(at)), index)
        field = field_of(spots[index], values[index], noise[index], 1.0)
        mean = seen(field, spots[index], values[index], noise[index], spots).mean
        return float(np.sqrt(np.mean((mean - values)[rest] ** 2)))

    of = {tuple(place): i for i, place in enumerate(spots)}

    def even(number):
        line = [float(int((i + 0.5) * side / number)) for i in range(number)]
        return [of[x, y] for x in line for y in line]

    index = [of[tuple(place)] for place in spots[even_places(spots, spots[rng.integers(0, len(spots), 1)], 16)]]
    while len(index) < count:
        free = np.setdiff1d(np.arange(len(at)), index)
        made = plan(spots[index], values[index], noise[index], Site(spots, spots[free], 1.0),
                    min(BATCH, count - len(index)), goal="modulus")
        index = [*index, *free[made.chosen]]
    return error(index), error(even(int(np.sqrt(count)))), error(list(rng.permutation(len(at))[:count]))


def of_file(name, model):
    found = analyze(shared_data(f"force/{name}"), model)
    return np.log(found["modulus"].values), np.stack([found["x"].values, found["y"].values], axis=-1)


def test_a_measured_gel_is_replayed_and_a_map_of_nuggets_declined():
    values, at = of_file("bruker/20200903_Egel2.0_00023.spm", {"name": "pyramid4", "half_angle": np.radians(15)})
    errors = np.array([replayed(values, at, 81, np.random.default_rng(seed)) for seed in range(10)])
    plan_, even, drawn = errors.mean(axis=0)
    gel = variogram(at, values, 0 * values)
    other, there = of_file("adhesion/spectroscopy.nid", {"name": "dmt", "radius": 1e-8})
    nuggets = variogram(there, other, 0 * other)
    judge("Measured maps", [
        Figure("gel, 81 of 256: plan", plan_), Figure("gel: grid", even), Figure("gel: random", drawn),
        Figure("gel: plan / best of grid and random", plan_ / min(even, drawn), 0.0, 1.05),
        Figure("gel: nugget", gel.nugget, 0.0, 0.8), Figure("gel: chance", gel.chance, 0.0, 0.05),
        Figure("nid: nugget", nuggets.nugget, 0.8), Figure("nid: related", nuggets.related, 0.0, 0.0)])


def test_a_place_is_chosen_in_little_time():
    at = pixels(32)
    truth = smooth(0, 32)
    index = grid(10, 32)
    free = np.setdiff1d(np.arange(1024), index)
    sites = Site(at, at[free], 1.0)
    begun = time.process_time()
    made = plan(at[index], truth[index], np.full(100, 1e-4), sites, 16, goal="boundary")
    taken = (time.process_time() - begun) / len(made.chosen)
    judge("Processor time at 1024 pixels, 100 curves", [Figure("ms for each of 16 places", 1e3 * taken, 0.0, 50.0)])


if __name__ == "__main__":
    for study in [value for name, value in list(globals().items()) if name.startswith("test_")]:
        study()
