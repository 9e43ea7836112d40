"""Maps whose truth is known, made without anything of what is tested on them."""

import numpy as np

SIDE = 24  # pixels
NOISE = 0.1  # of ln(modulus)


def pixels(side=SIDE):
    """The places of a map in rows, (side^2, 2)."""
    return np.array([(float(x), float(y)) for y in range(side) for x in range(side)])


def inclusions(seed, side=SIDE, discs=2, factor=3.0):
    """ln(modulus) of a matrix of 1 with discs of ``factor``, radius 3 to 6.5 pixels, (side^2,)."""
    rng = np.random.default_rng([seed, 1])
    at, found = pixels(side), np.zeros(side**2)
    for _ in range(discs):
        center, radius = rng.uniform(3, side - 3, 2), rng.uniform(3, 6.5)
        found[((at - center) ** 2).sum(axis=1) < radius**2] = np.log(factor)
    return found


def smooth(seed, side=SIDE, length=5.0, std=0.5):
    """A sum of 200 plane waves with a Gaussian covariance of this length, of this standard deviation on the map."""
    rng = np.random.default_rng([seed, 2])
    waves, phase = rng.standard_normal((200, 2)) / length, rng.uniform(0, 2 * np.pi, 200)
    found = np.cos(pixels(side) @ waves.T + phase).sum(axis=1)
    return std * (found - found.mean()) / found.std()


def rough(seed, side=SIDE, length=6.0, std=0.5):
    """The same with the spectrum of a Matern field of order 3/2: Student's distribution of 3 degrees of freedom."""
    rng = np.random.default_rng([seed, 8])
    waves = rng.standard_normal((400, 2)) / length * np.sqrt(3 / rng.chisquare(3, (400, 1)))
    found = np.cos(pixels(side) @ waves.T + rng.uniform(0, 2 * np.pi, 400)).sum(axis=1)
    return std * (found - found.mean()) / found.std()


def grid(count, side=SIDE):
    """The indices of an even grid of count x count pixels."""
    at = [int((i + 0.5) * side / count) for i in range(count)]
    return [row * side + column for row in at for column in at]


def noisy(truth, seed, std=NOISE):
    return truth + std * np.random.default_rng([seed, 3]).standard_normal(truth.shape)
