"""Experiments made up in NumPy alone: a lever that presses a paraboloid, its calibration, and the fit of its curve."""

from typing import NamedTuple

import numpy as np

BOLTZMANN = 1.380649e-23


class Experiment(NamedTuple):
    """What is true: modulus over 1 - nu^2 (Pa), radius (m), spring constant (N/m), load (N)."""

    reduced: float
    radius: float
    spring_constant: float
    load: float

    @property
    def depth(self):
        return (0.75 * self.load / self.reduced / np.sqrt(self.radius)) ** (2 / 3)

    @property
    def ratio(self):
        return self.load / self.spring_constant / self.depth


def curve(one: Experiment, samples: int):
    """Heights (m, of the base below where the tip touches) and true deflections; half of them before contact."""
    reach = one.depth + one.load / one.spring_constant
    height = np.linspace(-reach, reach, samples)
    low, high = np.zeros(samples), np.maximum(height, 0)
    for _ in range(60):  # bisection of delta + F(delta)/k = height
        middle = (low + high) / 2
        over = middle + 4 / 3 * one.reduced * np.sqrt(one.radius) * middle**1.5 / one.spring_constant > height
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return height, np.maximum(height, 0) - low


def fitted(position, force, depth, radius):
    """Reduced moduli by least squares of force (draw, sample) against position: contact point, level and tilt free."""
    place = np.zeros(len(force))
    x = position / depth
    for step in range(40):
        deep = np.maximum(x - place[:, None], 0)
        root = np.sqrt(deep)
        basis = np.stack([deep * root, np.ones_like(x), x], -1)
        linear = np.linalg.solve(np.swapaxes(basis, 1, 2) @ basis, np.swapaxes(basis, 1, 2) @ force[..., None])[..., 0]
        residual = force - (basis @ linear[..., None])[..., 0]
        slopes = np.concatenate([basis, (-1.5 * linear[:, :1] * root)[..., None]], -1)
        normal = np.swapaxes(slopes, 1, 2) @ slopes
        moved = np.linalg.solve(normal, np.swapaxes(slopes, 1, 2) @ residual[..., None])[:, 3, 0]
        place = place + np.clip(moved, -0.2, 0.2)
        if np.abs(moved).max() < 1e-10 and step > 3:
            break
    return 0.75 * linear[:, 0] / np.sqrt(radius) / depth**1.5


def thermal_constant(rng, constant, sensitivity, assumed, draws, temperature=298.15, samples=20_000):
    """Spring constants (draws,) from the mean square of a free lever's volts, with the assumed sensitivities (m/V)."""
    volts = rng.standard_normal((draws, samples)) * np.sqrt(BOLTZMANN * temperature / constant) / sensitivity
    return BOLTZMANN * temperature / (assumed**2 * (volts**2).mean(1))


def scatter(one: Experiment, stds, noise, rng, draws=200, samples=400):
    """The standard deviation of ln E over whole experiments, each with its own calibration and noise.

    ``stds`` of ln k, ln s, ln R; ``noise`` of deflection and height (m).
    """
    height, deflection = curve(one, samples)
    k, s, radius = (np.exp(std * rng.standard_normal(draws))[:, None] for std in stds)
    shown = s * (deflection + noise[0] * rng.standard_normal((draws, samples)))
    z = height + noise[1] * rng.standard_normal((draws, samples))
    moduli = fitted(z - shown, one.spring_constant * k * shown, one.depth, one.radius)
    return float(np.std(np.log(moduli / np.sqrt(radius[:, 0]) / one.reduced)))


def posterior_scatter(one: Experiment, stds, spread, noise, rng, draws=200, samples=400):
    """The standard deviation of ln E about its truth, where calibration and modulus are inferred together.

    Truths are drawn from what is known beforehand (``spread`` of ln E, ``stds`` of ln k, ln s, ln R); the estimate is
    the mode of the posterior, by Gauss and Newton on the heights at which deflections are shown.
    """
    errors = rng.standard_normal((draws, 4)) * np.array([spread, *stds])
    shown, heights, weights = [], [], []
    for modulus, k, s, radius in np.exp(errors):
        true = Experiment(one.reduced * modulus, one.radius * radius, one.spring_constant * k, one.load * k * s)
        height, deflection = curve(true, samples)
        inside = slice(samples // 2, samples)
        shown.append(deflection[inside] / s)
        force = one.spring_constant * np.maximum(shown[-1], 1e-3 * shown[-1].max())
        softer = 1 + one.spring_constant / _stiffness(one, force)
        weights.append(1 / np.hypot(noise[1], noise[0] * softer))
        heights.append(height[inside] + rng.standard_normal(samples // 2) / weights[-1])
    shown, heights, weights = np.array(shown), np.array(heights), np.array(weights)
    prior = 1 / np.array([spread, *stds, 1e-6]) ** 2
    place = np.zeros((draws, 5))
    for _ in range(30):
        d = np.exp(place[:, 2:3]) * shown
        force = one.spring_constant * np.exp(place[:, 1:2]) * d
        depth = (0.75 * force / one.reduced / np.sqrt(one.radius)) ** (2 / 3) * np.exp(
            -2 / 3 * place[:, :1] - place[:, 3:4] / 3)
        residual = (heights - d - depth - place[:, 4:]) * weights
        columns = np.stack([-2 / 3 * depth, 2 / 3 * depth, d + 2 / 3 * depth, -depth / 3, np.ones_like(d)], -1)
        columns = columns * weights[..., None]
        step = np.linalg.solve(np.swapaxes(columns, 1, 2) @ columns + np.diag(prior),
                               np.swapaxes(columns, 1, 2) @ residual[..., None] - (prior * place)[..., None])[..., 0]
        place = place + step
        if np.abs(step[:, :4]).max() < 1e-9:
            break
    return float(np.std(place[:, 0] - errors[:, 0]))


def _stiffness(one, force):
    return 2 * one.reduced * np.sqrt(one.radius) * (0.75 * force / one.reduced / np.sqrt(one.radius)) ** (1 / 3)
