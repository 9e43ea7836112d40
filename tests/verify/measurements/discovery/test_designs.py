"""Designs judged: by truths drawn beside the program, by lists gone through in plain loops, by other solutions.

``python -m tests.verify.measurements.discovery.test_designs`` prints the coverage for more problems.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

import asperity
from asperity.contact.fredholm import Layer, layer_contact
from asperity.learning.discovery.chance import proposal
from asperity.learning.discovery.design import Demands
from asperity.learning.discovery.infeasible import certificate
from asperity.learning.discovery.pareto import hypervolume
from asperity.measurements.discovery.inverse import setpoint
from asperity.measurements.discovery.inverse.film import pressed_film
from tests.learning.discovery import hertz_tip
from tests.verify.verdict import Figure, judge

TRUTHS = 100_000  # of each proposal


def verdicts(count):
    """Of random targets of the tip of Hertz: whether the verdict is right, and the largest error of a factor."""
    rng, right, off = np.random.default_rng(0), {True: 0, False: 0}, 0.0
    for index in range(2 * count):
        feasible = index % 2 == 0
        pull_off, pressure = np.exp(rng.uniform(np.log([5e-9, 3e7]), np.log([1e-7, 3e8])))
        room = rng.uniform(0.02, 1.5) * (1 if feasible else -1)
        asked = hertz_tip.problem(pull_off, hertz_tip.ADHESION / pressure / pull_off * np.exp(room), pressure)
        found = certificate(Demands(asked, hertz_tip.KNOWN), asked.levels)
        if feasible or found.feasible:
            right[feasible] += found.feasible == feasible
            continue
        factors = np.append(3 * found.excess, found.alone)
        off = max(off, float(abs(factors + room).max()))
        right[False] += bool(abs(factors + room).max() < 1e-4)
    return right, off


def test_verdicts():
    right, off = verdicts(20)
    judge("certificates of the tip of Hertz", [
        Figure("infeasible targets with the right certificate, of 20", right[False], 20),
        Figure("feasible targets that are told so, of 20", right[True], 20),
        Figure("largest error of ln of a factor", off, highest=1e-4)])


def jkr_tip(radius, load, modulus, adhesion):
    """Pull-off force, stiffness and pressure in plain NumPy, from F = 4 E a^3 / 3 R - sqrt(8 pi w E a^3).

    The contact radius is bisected, the stiffness is a difference.
    """
    low, high = np.full_like(radius * load * modulus * adhesion, 1e-12), np.full_like(
        radius * load * modulus * adhesion, 1e-3)

    def force(a):
        return 4 * modulus * a**3 / (3 * radius) - np.sqrt(8 * np.pi * adhesion * modulus * a**3)

    low = low * 0 + (4.5 * np.pi * adhesion * radius**2 / (2 * modulus)) ** (1 / 3)  # at pull-off
    for _ in range(80):
        middle = np.sqrt(low * high)
        above = force(middle) > load
        low, high = np.where(above, low, middle), np.where(above, middle, high)

    def depth(a):
        return a**2 / radius - np.sqrt(2 * np.pi * adhesion * a / modulus)

    a, h = low, 1e-5
    stiffness = (force(a * (1 + h)) - force(a * (1 - h))) / (depth(a * (1 + h)) - depth(a * (1 - h)))
    return {"pull_off_force": 1.5 * np.pi * adhesion * radius, "stiffness": stiffness,
            "pressure": load / (np.pi * a**2), "contact_over_tip_radius": a / radius}


def lognormal(rng, value, std, count=TRUTHS):
    return value * np.exp(np.sqrt(np.log1p(std**2)) * rng.standard_normal(count))


def hertz_proposals(count, wanted=0.9):
    """(claimed, low, high, found) of the proposals that are said to reach what is wanted."""
    rng, rows = np.random.default_rng(7), []
    while len(rows) < count:
        spread = rng.uniform(0.03, 0.3, 2)
        pull_off = np.exp(rng.uniform(*np.log([1e-8, 1e-7])))
        room = rng.uniform(2, 4) * spread.sum()
        asked = hertz_tip.problem(pull_off, hertz_tip.ADHESION / hertz_tip.PRESSURE / pull_off * np.exp(room))
        made = proposal(asked, tuple(hertz_tip.truths(n, rng, spread) for n in (1000, 4000, 4000)), wanted,
                        int(rng.integers(2)))
        if not made.reached:
            continue
        truths = {name: value * np.exp(s * rng.standard_normal(TRUTHS)) for name, value, s in zip(
            ("modulus", "adhesion"), (hertz_tip.MODULUS, hertz_tip.ADHESION), spread)}
        with jax.enable_x64(True):
            chosen = {name: float(value) for name, value in asked.chosen(made.place).items()}
        seen = hertz_tip.physics(chosen, truths, np)
        met = np.all([seen[aim.name] <= aim.bound for aim in asked.aims], axis=0)
        rows.append((made.chance.all_met, made.chance.low, made.chance.high, met.mean()))
    return np.array(rows)


def tip_proposals(count):
    """The same of the verb, with JKR by other formulas."""
    rng, rows = np.random.default_rng(8), []
    for index in range(count):
        modulus, adhesion = np.exp(rng.uniform(*np.log([[1e8, 0.02], [5e9, 0.1]])))
        pressure = 0.04 * modulus
        stiffness = np.exp(rng.uniform(*np.log([20, 200])))
        targets = {"stiffness": stiffness, "pressure": pressure,
                   "pull_off_force": 3 * stiffness * adhesion / pressure}
        made = asperity.design_tip(sample={"modulus": modulus, "modulus_std": 0.15, "work_of_adhesion": adhesion},
                                   targets=targets, draws=500, seed=index)
        row = made.isel(design=-1)
        if not made.attrs["reached"]:
            continue
        seen = jkr_tip(float(row["radius"]) * lognormal(rng, 1, 0.1), float(row["load"]) * lognormal(rng, 1, 0.1),
                       lognormal(rng, modulus, 0.15) / (1 - 0.35**2), lognormal(rng, adhesion, 0.2))
        met = ((seen["pull_off_force"] <= targets["pull_off_force"]) & (seen["stiffness"] >= stiffness)
               & (seen["pressure"] <= pressure) & (seen["contact_over_tip_radius"] <= 0.3))
        rows.append((float(row["probability"]), float(row["probability_low"]), float(row["probability_high"]),
                     met.mean()))
    return np.array(rows)


def covered(rows, name):
    """Mean claim less what truths found, how many intervals hold it, and the least found."""
    claimed, low, high, found = rows.T
    return [Figure(f"{name}: proposals said to reach 90 %", len(rows), 1),
            Figure(f"{name}: share of truths that meet all targets", found.mean(), 0.9, 1.0),
            Figure(f"{name}: mean of the probabilities told less that share", claimed.mean() - found.mean(),
                   -0.005, 0.005),
            Figure(f"{name}: intervals of 95 % that hold it", np.mean((low <= found) & (found <= high)),
                   0.9),
            Figure(f"{name}: least share of one proposal", found.min(), 0.88)]


def test_coverage_of_proposals():
    judge("truths drawn beside the program", [*covered(hertz_proposals(40), "tip of Hertz"),
                                              *covered(tip_proposals(12), "design_tip")])


def test_no_design_of_a_grid_beats_the_front():
    """Tips and loads in 400 x 400 steps, JKR by other formulas: none within the limits lies beyond the front."""
    made = asperity.design_tip(draws=100)
    front = made.isel(design=np.flatnonzero(made["role"].values == "front"))
    radius, load = np.meshgrid(np.geomspace(5e-9, 50e-6, 400), np.geomspace(1e-11, 1e-3, 400), indexing="ij")
    seen = jkr_tip(radius, load, 2.5e9 / (1 - 0.35**2), 0.05)
    inside = (seen["pressure"] <= 88e6) & (seen["contact_over_tip_radius"] <= 0.3)
    inside &= (seen["pull_off_force"] <= 700e-9) & (seen["stiffness"] >= 5)  # ten times the targets
    better = [np.log(seen["stiffness"][inside & (seen["pull_off_force"] <= force)].max(initial=1e-30) / stiffness)
              for force, stiffness in zip(front["pull_off_force"].values * (1 + 1e-9), front["stiffness"].values)]
    points = np.log(np.stack([front["pull_off_force"].values, 1 / front["stiffness"].values], 1))
    low, high = points.min(0), points.max(0)
    own = hypervolume((points - low) / (high - low), np.full(2, 1.1))
    grid = np.log(np.stack([seen["pull_off_force"][inside], 1 / seen["stiffness"][inside]], 1))
    theirs = hypervolume((grid - low) / (high - low), np.full(2, 1.1))
    judge("design_tip against a grid of 160 000 designs", [
        Figure("ln of the stiffness by which a design of it beats a point of the front", max(better), highest=1e-6),
        Figure("hypervolume of 16 points over that of the grid", own / theirs, 0.94)])


def test_a_pressed_film_is_that_of_the_integral_equation():
    """Contact radius from the exact solution at the indentation found gives the load and the effect of the base."""
    known = {"modulus": 1e4, "poisson_ratio": 0.45, "radius": 2.5e-6, "load_ratio": 1.0, "thickness_ratio": 1.0}
    found = told(pressed_film, known, thickness=2e-6, load=5e-9)
    with jax.enable_x64(True):
        force = _on_layer(found["indentation"])
    modulus = 1e4 / (1 - 0.45**2)
    half = 4 / 3 * modulus * np.sqrt(2.5e-6) * found["indentation"] ** 1.5
    judge("design_film against the integral equation", [
        Figure("force over the load, less 1", force * modulus / 5e-9 - 1, -1e-5, 1e-5),
        Figure("effect of the base, difference", found["base_effect"] - (5e-9 / half - 1), -1e-5, 1e-5)])


def _on_layer(wanted):
    """The force per reduced modulus at an indentation, its contact radius bisected."""
    layer = Layer(thickness=jnp.asarray(2e-6), poisson_ratio=jnp.asarray(0.45))
    low, high = 1e-8, 5e-6
    for _ in range(60):
        middle = (low + high) / 2
        indentation, force = layer_contact(lambda t: t**2 / 2.5e-6, jnp.asarray(middle), layer)
        low, high = (middle, high) if indentation < wanted else (low, middle)
    return float(force)


def test_a_tapped_sample_is_that_of_the_simulation():
    """The balance of one harmonic against orbits of 512 steps, over amplitude, set point, attraction and quality."""
    usual = {"modulus": 1e9, "poisson_ratio": 0.3, "hamaker": 6.4e-20, "spring_constant": 40.0, "quality": 400.0,
             "radius": 1e-8, "frequency": 3e5}
    figures = []
    for free, ratio, more in ((1e-8, 0.8, {}), (3e-8, 0.6, {}), (5e-9, 0.9, {"quality": 100.0}),
                              (1e-8, 0.8, {"hamaker": 1e-30}), (2e-8, 0.9, {"modulus": 3e8, "spring_constant": 5.0}),
                              (1e-8, 0.8, {"quality": 20.0})):
        known = usual | more
        found = told(setpoint.tapped_sample, known, free_amplitude=free, set_point=ratio)["contact_force"]
        off = found / setpoint.simulated_force(free, free * ratio, known) - 1
        figures.append(Figure(f"{free:g} m at {ratio:g} {more}: force over simulated, less 1", off, -0.02, 0.02))
    judge("the balance of one harmonic", figures)


def told(physics, known, **chosen):
    with jax.enable_x64(True):
        found = physics({name: jnp.asarray(value) for name, value in chosen.items()}, known)
        return {name: float(value) for name, value in found.items()}


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    judge("truths drawn beside the program", [*covered(hertz_proposals(count), "tip of Hertz"),
                                              *covered(tip_proposals(count // 4), "design_tip")])
