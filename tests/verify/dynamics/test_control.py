"""A regulator and plans with a Koopman model against tuned PI loops, closed on the simulator.

All controllers see the same noisy amplitude and phase and may change the height by the same most in one step. The model
is trained, and all settings are chosen, on scenarios of samples of 0.75, 1.5 and 3 GPa; the tables are of others:
1 and 2 GPa; a stiffer sample than any seen, 5 GPa; another quality factor; three times the noise.
"""

from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest

from asperity.dynamics.koopman import input_rollout
from tests.verify.dynamics.controllers import Engaging, Planning, Proportional, Regulated, trained
from tests.verify.dynamics.scanned_lever import (
    FREQUENCY,
    GPA,
    NM,
    NN,
    NOISE,
    PERIODS,
    QUALITY,
    SET,
    closed_loop,
    free,
    moved_at_random,
)
from tests.verify.verdict import Figure, judge

SEEN = (0.75 * GPA, 1.5 * GPA, 3 * GPA)
SETTLE = 40  # steps before the change
WATCHED = 60  # and after it
NEARBY = 0.25 * NM  # of the set point: settled
REACHED = 0.3 * NM  # of the set point: approached
MOST = 25 * NN  # force of an approach
LONGEST = 150  # steps of an approach
STEP = 1e6 * PERIODS / FREQUENCY  # us

PI_GAINS = list(product((0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2), (0.02, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7)))
PI_SLOW = list(product((0, 0.1, 0.25, 0.5, 1), (0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05, 0.07, 0.1)))
ENGAGING = list(product((0.1 * NM, 0.13 * NM, 0.16 * NM, 0.2 * NM, 0.3 * NM, 0.5 * NM, 1 * NM), (0, 0.25, 0.5, 1),
                        (0.03, 0.04, 0.05, 0.06, 0.07)))
DRIFTS = (0.2 * NM, 0.4 * NM)  # what a sample's height may change in one step, by the filter
EFFORTS = (0.25 * NM, 0.5 * NM)
INTEGRALS = (0.0, 0.005)
PLANNED_FORCES = tuple(force * NN for force in (11, 13, 15, 17))

pytestmark = pytest.mark.study


class Scenarios(NamedTuple):
    """One lane each."""

    modulus: np.ndarray
    quality: float
    noise: float
    gap: np.ndarray
    surface: np.ndarray
    wanted: np.ndarray
    seed: int

    def run(self, make):
        """These scenarios under the controller that ``make`` makes for so many lanes."""
        return closed_loop(make(len(self.gap)), free(self.modulus, self.quality), self.gap, self.surface, self.wanted,
                           seed=self.seed, noise=self.noise)


def changes(moduli, jumps, aims, seed, quality=QUALITY, noise=NOISE):
    """After a while the sample's height jumps (nm), or another amplitude is wanted (nm more)."""
    rows = [(modulus, jump, 0.0) for modulus in moduli for jump in jumps]
    rows += [(modulus, 0.0, aim) for modulus in moduli for aim in aims]
    modulus, jump, aim = np.array(rows).T
    later = (np.arange(SETTLE + WATCHED) >= SETTLE)[:, None]
    return Scenarios(modulus, quality, noise, np.full(len(rows), 18 * NM), later * jump * NM,
                     SET + later * aim * NM, seed)


def approaches(moduli, gaps, seed, quality=QUALITY, noise=NOISE):
    """From so far away (nm), which nobody knows."""
    modulus, gap = np.array(list(product(moduli, gaps))).T
    still = np.zeros((LONGEST, len(gap)))
    return Scenarios(modulus, quality, noise, gap * NM, still, still + SET, seed)


def missed(scenarios, run):
    """The mean distance of the amplitude from what is wanted after the change, nm, of each lane."""
    return np.abs(run.amplitude - scenarios.wanted)[SETTLE:].mean(axis=0) / NM


def settled(scenarios, run):
    """Steps until the amplitude stays near what is wanted, and the largest excursion beyond it (nm)."""
    error = (run.amplitude - scenarios.wanted)[SETTLE:]
    away = np.abs(error) > NEARBY
    steps = np.where(away.any(axis=0), WATCHED - np.argmax(away[::-1], axis=0), 0)
    side = np.sign(error[np.argmax(np.abs(error[:10]), axis=0), np.arange(error.shape[1])])
    beyond = np.maximum.accumulate(side * error < 0, axis=0) * -side * error
    return steps, np.maximum(beyond.max(axis=0), 0) / NM


def reached(run):
    """Steps until the amplitude is first that wanted; all of them where it never is."""
    there = np.abs(run.amplitude - SET) < REACHED
    return np.where(there.any(axis=0), np.argmax(there, axis=0) + 1, LONGEST)


def best_gains(scenarios, kind, gains, judged):
    """The gains of a kind of loop with the least of ``judged``, a mean over lanes; all of them in one run."""
    count = len(scenarios.gap)
    many = scenarios._replace(modulus=np.tile(scenarios.modulus, len(gains)), gap=np.tile(scenarios.gap, len(gains)),
                              surface=np.tile(scenarios.surface, (1, len(gains))),
                              wanted=np.tile(scenarios.wanted, (1, len(gains))))
    run = many.run(lambda _: kind(*(np.repeat(one, count) for one in np.transpose(gains))))
    cost = judged(many, run).reshape(len(gains), count).mean(axis=1)
    return gains[int(np.argmin(cost))], float(cost.min())


def best(scenarios, settings, judged):
    """The settings, each what makes a controller, with the least of ``judged``."""
    costs = [judged(scenarios, scenarios.run(make)).mean() for make in settings.values()]
    name = list(settings)[int(np.argmin(costs))]
    return settings[name], name, min(costs)


def held_out(make_seeds):
    """Rows of the tables: what differs from training, and its scenarios."""
    return {"1 and 2 GPa": make_seeds(moduli=(1 * GPA, 2 * GPA), seed=101),
            "5 GPa": make_seeds(moduli=(5 * GPA,), seed=102),
            "Q 300": make_seeds(moduli=(1.5 * GPA,), seed=103, quality=300.0),
            "noise 30 pm": make_seeds(moduli=(1.5 * GPA,), seed=104, noise=3 * NOISE)}


@pytest.fixture(scope="module")
def model():
    return trained(SEEN)


def planners(model):
    """What makes plans, by the names of the settings."""
    return {f"drift {drift / NM:.1f} nm, effort {effort / NM:.2f} nm": partial(
        Planning, model=model, drift=drift, effort=effort) for drift, effort in product(DRIFTS, EFFORTS)}


def regulators(model):
    """What makes regulators, by the names of the settings."""
    return {f"drift {drift / NM:.1f} nm, effort {effort / NM:.2f} nm, integral {integral}": partial(
        Regulated, model=model, drift=drift, effort=effort, integral=integral)
        for drift, effort, integral in product(DRIFTS, EFFORTS, INTEGRALS)}


def test_amplitude_is_held_over_steps_of_the_sample_and_of_the_set_point(model):
    training = changes(SEEN, (-1.5, 1.5), (-1.5, 1.5), seed=5)
    (kp, ki), cost = best_gains(training, Proportional, PI_GAINS, missed)
    print(f"\nPI: kp {kp}, ki {ki}, misses {cost:.3f} nm on training")
    made = {"PI": lambda lanes: Proportional(kp, ki)}
    for kind, settings in (("regulator", regulators(model)), ("plans", planners(model))):
        made[kind], name, cost = best(training, settings, missed)
        print(f"{kind}: {name}, misses {cost:.3f} nm on training")
    rng = np.random.default_rng(9)
    jumps = [*rng.uniform(-2, -0.5, 2), *rng.uniform(0.5, 2, 2)]
    aims = [*rng.uniform(-1.5, -0.5, 1), *rng.uniform(0.5, 1.5, 1)]
    print("\n| held out | controller | missed nm | settled after us | beyond nm | force nN (median, largest) |")
    print(f"{'|---' * 6}|")
    figures = []
    for row, scenarios in held_out(lambda **own: changes(jumps=jumps, aims=aims, **own)).items():
        runs = {kind: scenarios.run(make) for kind, make in made.items()}
        for kind, run in runs.items():
            steps, beyond = settled(scenarios, run)
            force = run.force[SETTLE:].max(axis=0) / NN
            print(f"| {row} | {kind} | {missed(scenarios, run).mean():.3f} | {STEP * np.median(steps):.0f} | "
                  f"{np.median(beyond):.2f} | {np.median(force):.0f}, {force.max():.0f} |")
        figures.append(Figure(f"{row}: what the regulator misses of what the PI loop misses", float(
            missed(scenarios, runs["regulator"]).mean() / missed(scenarios, runs["PI"]).mean()), 0, 0.75))
    judge("amplitude control against a tuned PI loop", figures)


def quick(scenarios, run):
    """Time to approach, or no end of it where a force is too large."""
    return reached(run) + np.where(run.force.max(axis=0) > MOST, 1e6, 0)


def test_an_approach_is_quick_and_its_forces_are_limited(model):
    training = approaches(SEEN, (22.3, 25.6, 28.8), seed=6)
    made = {}
    for name, kind, gains in (("PI", Proportional, PI_SLOW), ("constant speed, then PI", Engaging, ENGAGING)):
        chosen, cost = best_gains(training, kind, gains, quick)
        made[name] = lambda lanes, kind=kind, chosen=chosen: kind(*chosen)
        print(f"\n{name}: {chosen}, {cost:.1f} steps on training")
    settings = {f"planned for {force / NN:.0f} nN": partial(
        Planning, model=model, drift=0.2 * NM, effort=0.5 * NM, force=force) for force in PLANNED_FORCES}
    made["plans"], name, cost = best(training, settings, quick)
    print(f"plans: {name}, {cost:.1f} steps on training")
    gaps = np.random.default_rng(10).uniform(22, 30, 6)
    print(f"\n| held out | controller | reached after us | force nN (median, largest) | above {MOST / NN:.0f} nN |\n"
          f"{'|---' * 5}|")
    figures = []
    for row, scenarios in held_out(lambda **own: approaches(gaps=gaps, **own)).items():
        runs = {kind: scenarios.run(make) for kind, make in made.items()}
        for kind, run in runs.items():
            force = run.force.max(axis=0)
            print(f"| {row} | {kind} | {STEP * reached(run).mean():.0f} | {np.median(force) / NN:.1f}, "
                  f"{force.max() / NN:.1f} | {np.mean(force > MOST):.0%} |")
        took = {kind: float(reached(run).mean()) for kind, run in runs.items()}
        figures += [Figure(f"{row}: time of the plans against {kind}", took["plans"] / took[kind], 0, most)
                    for kind, most in (("PI", 0.5), ("constant speed, then PI", 1.0))]
        if row != "5 GPa":  # stiffer than any sample of training: forces of either controller are larger than limited
            figures += [Figure(f"{row}: {kind}, largest force of the limit", float(run.force.max() / MOST), 0, 1.1)
                        for kind, run in runs.items()]
    judge("quick approaches with limited forces against the fastest loops that keep them", figures)


def test_predictions_of_held_out_levers_hold_over_the_horizon(model):
    """Lifted once and lifted anew, bilinear and linear, against levers moved at random."""
    models = {"cubic, bilinear": model.model, "cubic, linear": trained(SEEN, bilinear=False).model,
              "degree 1, linear": trained(SEEN, degree=1, bilinear=False).model}
    episodes = moved_at_random(1 * GPA, 32, 100, seed=77)
    states, inputs = (np.stack([one[i] for one in episodes]) for i in (0, 1))
    print("\n| model | rollout | 1 step | 5 steps | 12 steps, rms nm of the amplitude |\n|---|---|---|---|---|")
    found = {}
    for name, one in models.items():
        for relift in (False, True):
            errors = [input_rollout(one, states[:, k], inputs[:, k : k + 12].swapaxes(0, 1), relift=relift)[0][..., 0]
                      - states[:, k + 1 : k + 13, 0].T for k in range(2, 85, 4)]
            rms = np.sqrt((np.array(errors) ** 2).mean(axis=(0, 2))) / NM
            found[name, relift] = rms
            way = "lifted anew" if relift else "lifted once"
            print(f"| {name} | {way} | {rms[0]:.3f} | {rms[4]:.3f} | {rms[11]:.3f} |")
    judge("predictions over a horizon of 12 steps", [
        Figure("bilinear, lifted anew, of degree 1", found["cubic, bilinear", True][11]
               / found["degree 1, linear", True][11], 0, 0.5)])


if __name__ == "__main__":
    fitted = trained(SEEN)
    test_predictions_of_held_out_levers_hold_over_the_horizon(fitted)
    test_an_approach_is_quick_and_its_forces_are_limited(fitted)
    test_amplitude_is_held_over_steps_of_the_sample_and_of_the_set_point(fitted)
