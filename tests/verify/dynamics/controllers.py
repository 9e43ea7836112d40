"""Controllers of many levers at once: a PI loop, and a regulator and plans that know a model."""

from typing import NamedTuple

import numpy as np

from asperity.dynamics.control import Belief, Goal, Limits, planned, regulated, regulator, updated
from asperity.dynamics.dictionaries import Polynomials
from asperity.dynamics.koopman import InputModel, fit_inputs, input_sums_of, scalings_of, transitions
from tests.verify.dynamics.scanned_lever import FREE, NM, NOISE, REACH, SET, moved_at_random, output

HORIZON = 12  # steps planned
TOLERANCE = 0.1 * NM  # of the amplitude
PHASE_NOISE = 5e-4  # rad, that of NOISE
PHASE_DRIFT = 0.05  # rad, by which phases of other samples differ from those of the model
NEAR = 6.5 * NM  # above the height held, where contact may begin at once: nothing more is known before


class Trained(NamedTuple):
    """A model, and its rms error of each state in one step."""

    model: InputModel
    error: np.ndarray


def trained(moduli, *, degree=3, bilinear=True, lanes=192, steps=150):
    """A model of levers on samples of these moduli, moved at random."""
    episodes = [episode for seed, modulus in enumerate(moduli)
                for episode in moved_at_random(modulus, lanes // len(moduli), steps, seed)]
    data = transitions(episodes)
    scalings, dictionary = scalings_of(data), Polynomials(degree)
    model = fit_inputs(dictionary, scalings, input_sums_of(dictionary, scalings, data, bilinear=bilinear))
    z, _ = model.after(model.lift(data.before), scalings.inputs.scaled(data.inputs).T)
    missed = data.after - scalings.states.back(z[:, 1:4].T)
    return Trained(model, np.sqrt((missed**2).mean(axis=0)))


class Proportional:
    """Changes of height kp (e - e before) + ki e, of the error e of the amplitude; at its limit it cannot wind up."""

    def __init__(self, kp, ki):
        self.kp, self.ki, self.before = kp, ki, None

    def __call__(self, amplitude, phase, wanted):
        error = wanted - amplitude
        change = self.ki * error + (0 if self.before is None else self.kp * (error - self.before))
        self.before = error
        return np.clip(change, -REACH, REACH)


class Engaging:
    """Comes at a constant speed until the amplitude has fallen by 0.1 nm, as instruments do, then a PI loop."""

    def __init__(self, speed, kp, ki):
        self.speed, self.loop, self.near = speed, Proportional(kp, ki), False

    def __call__(self, amplitude, phase, wanted):
        self.near = self.near | (amplitude < FREE - 0.1 * NM)
        return np.where(self.near, self.loop(amplitude, phase, wanted), -self.speed)


class _Informed:
    """Each lane's belief about amplitude, phase and height, of which the height is never measured."""

    def __init__(self, lanes, model, drift):
        self.model, self.drift = model.model, np.array([model.error[0], PHASE_DRIFT, drift])
        first = Belief(np.array([FREE, np.pi / 2, NEAR]), np.diag([0.05 * NM, 0.02, 1 * NM]) ** 2)
        self.beliefs, self.inputs = [first] * lanes, np.zeros((lanes, 1))

    def __call__(self, amplitude, phase, wanted):
        noise = np.array([NOISE, PHASE_NOISE, 1.0])
        for lane, seen in enumerate(zip(amplitude, phase, strict=True)):
            self.beliefs[lane] = updated(self.model, self.beliefs[lane], self.inputs[lane], np.array([*seen, np.nan]),
                                         noise=noise, drift=self.drift)
            self.inputs[lane] = self.decided(lane, self.beliefs[lane].state, wanted[lane])
        return self.inputs[:, 0].copy()


class Planning(_Informed):
    """Plans within the limits of inputs and of the force (N)."""

    def __init__(self, lanes, model, *, drift, effort, force=np.inf):
        super().__init__(lanes, model, drift)
        self.effort = np.array([effort])
        self.limits = Limits(*(np.array([one]) for one in (-REACH, REACH, np.inf, output(force))))
        self.plans = [np.zeros((HORIZON, 1))] * lanes

    def decided(self, lane, state, wanted):
        goal = Goal(np.array([wanted, 0.0, 0.0]), np.array([TOLERANCE, np.inf, np.inf]), self.effort)
        guess = np.concatenate([self.plans[lane][1:], np.zeros((1, 1))])
        self.plans[lane] = planned(self.model, goal, self.limits, state, guess, rounds=1).inputs
        return self.plans[lane][0]


class Regulated(_Informed):
    """The regulator about the wanted amplitude, with integral action."""

    def __init__(self, lanes, model, *, drift, effort, integral):
        super().__init__(lanes, model, drift)
        self.made = {}
        self.effort, self.integral, self.totals = np.array([effort]), integral, [np.zeros(3)] * lanes
        self.limits = Limits(*(np.array([one]) for one in (-REACH, REACH, np.inf, np.inf)))

    def decided(self, lane, state, wanted):
        if wanted not in self.made:
            guess = np.array([wanted, np.arcsin(wanted / FREE), wanted - SET])
            goal = Goal(guess, np.array([TOLERANCE, np.inf, np.inf]), self.effort)
            self.made[wanted] = regulator(self.model, goal, integral=self.integral, relift=True)
        change, self.totals[lane] = regulated(self.model, self.made[wanted], state, self.totals[lane], self.limits)
        return change
