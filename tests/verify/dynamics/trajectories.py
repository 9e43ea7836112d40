"""Motions of a tip in and over a sample, by a Runge-Kutta method: no code of `asperity` in it.

Lengths in nm, time in radians of the resonance (velocities in nm per radian), forces over the spring constant.
"""

import numpy as np

STIFFNESS = 40.0  # N/m
CYCLE = 2 * np.pi


def moved(slope, state, begin, step, substeps):
    """One sample later, by the classical method of order 4."""
    h = step / substeps
    for i in range(substeps):
        t = begin + i * h
        a = slope(t, state)
        b = slope(t + h / 2, state + h / 2 * a)
        c = slope(t + h / 2, state + h / 2 * b)
        d = slope(t + h, state + h * c)
        state = state + h / 6 * (a + 2 * b + 2 * c + d)
    return state


def followed(slope, start, samples, step, substeps, begin=0.0):
    """(sample, episode, 2) from the ``start`` (2, episode) on, which counts as the first."""
    state, path = start, [start]
    for i in range(samples - 1):
        state = moved(slope, state, begin + i * step, step, substeps)
        path.append(state)
    return np.array(path).transpose(0, 2, 1)


def hertz(depth, modulus, radius=10.0):
    """Force of a sphere over the spring constant, nm; modulus (the reduced one) in GPa, lengths in nm."""
    return 4 / 3 * modulus * np.sqrt(radius) * np.maximum(depth, 0.0) ** 1.5 / STIFFNESS


class Pressed:
    """A tip that never leaves the sample: x is its height over where it rests, 2 nm deep."""

    q, modulus, preload, step = 50.0, 1.0, 2.0, CYCLE / 40

    def slope(self, _, state):
        x, v = state
        spring = hertz(self.preload - x, self.modulus) - hertz(self.preload, self.modulus)
        return np.stack([v, -x - v / self.q + spring])

    @property
    def eigenvalue(self):
        """Of the motion close to rest, per radian; the Koopman operator has it at any amplitude."""
        contact = 2 * self.modulus * np.sqrt(10.0 * self.preload) / STIFFNESS
        return -1 / (2 * self.q) + 1j * np.sqrt(1 + contact - 1 / (4 * self.q**2))

    def episodes(self, count, samples, amplitude, seed):
        """From states spread over the disc of this amplitude (over the preload)."""
        rng = np.random.default_rng(seed)
        size, angle = amplitude * self.preload * np.sqrt(rng.uniform(size=count)), rng.uniform(0, CYCLE, count)
        return followed(self.slope, np.stack([size * np.cos(angle), size * np.sin(angle)]), samples, self.step, 20)


class Tapping:
    """A tip that taps, far from steady: (x, v, cos, sin of the drive), from any amplitude of 5 to 19 nm."""

    q, free, height, modulus, cutoff, attraction = 400.0, 20.0, 14.0, 1.0, 0.165, 6.4e-20
    step = CYCLE / 64

    def slope(self, t, state):
        x, v = state
        distance = self.height + x
        pull = self.attraction * 1e9 * 10.0 / (6 * np.maximum(distance, self.cutoff) ** 2) * 1e9 / STIFFNESS  # nm
        drive = self.free / self.q * np.cos(t)
        return np.stack([v, -x - v / self.q + drive - pull + hertz(self.cutoff - distance, self.modulus)])

    def episodes(self, count, cycles, seed, substeps=64):
        """(sample, episode, 4), 64 a cycle; each episode has its own phase of the drive."""
        rng = np.random.default_rng(seed)
        size, angle, phase = rng.uniform(5, 19, count), rng.uniform(0, CYCLE, count), rng.uniform(0, CYCLE, count)
        start = np.stack([size * np.cos(angle), size * np.sin(angle)])
        samples = cycles * 64 + 1
        path = followed(self.slope, start, samples, self.step, substeps, phase)
        turn = phase + self.step * np.arange(samples)[:, None]
        return np.concatenate([path, np.cos(turn)[..., None], np.sin(turn)[..., None]], axis=2)


def nrmse(told, true):
    """Root mean square of the error over that of the motion about its mean."""
    return float(np.sqrt(np.mean((told - true) ** 2) / np.var(true)))


def phase_error(told, true, step):
    """Root mean square, in degrees, of the phase by which the first harmonic over the samples is off."""
    turn = np.exp(-1j * step * np.arange(len(true)))
    ratio = (turn @ told) / (turn @ true)
    return float(np.degrees(np.sqrt(np.mean(np.angle(ratio) ** 2))))
