"""Records of motions and drives that are sound, of many kinds, with white noise of a known size."""

import numpy as np

__all__ = ["DRIVES", "MOTIONS", "sound"]

#: of a lever, the last three: shifted or another tone from some moment on, and recorded in coarse steps
MOTIONS = ("decay", "tapping", "tones", "thermal", "walk", "struck", "pushed", "sweep", "displaced", "switched",
           "steps")
DRIVES = ("sine", "square", "triangle", "burst", "beat")


def tapping(random, samples):
    """A lever of stiffness 1 that strikes a stiff, perhaps sticky sample, by leapfrog; from rest or free motion."""
    quality, per = 10 ** random.uniform(0.4, 2.7), int(random.choice([5, 8, 10, 16, 25, 32, 64, 100]))
    fine = max(1, -(-768 // per))
    h, height, cutoff = 2 * np.pi / (per * fine), random.uniform(0.3, 1.1), 0.01
    stiff, attraction = 10 ** random.uniform(0, 3.5), random.choice([0, 10 ** random.uniform(-3, -1)])
    sticky, drag = random.random() < 0.4, random.choice([0, random.uniform(0, 3)])
    rate, x, v, held = 1 + random.normal() * 0.5 / quality, 0.0, float(random.random() < 0.5), False
    seen = np.empty(samples)
    for i in range(samples * fine):
        x += v * h / 2
        depth = cutoff - height - x
        held = depth > 0 or (held and depth > -0.02)
        near = (held if sticky else (cutoff / max(height + x, cutoff)) ** 2) * attraction
        force = max(depth, 0.0) ** 1.5 * stiff - drag * max(depth, 0.0) ** 0.5 * v - near
        push = np.cos(rate * h * (i + 0.5)) / quality - x + force
        v = (v * (1 - h / quality / 2) + push * h) / (1 + h / quality / 2)
        x += v * h / 2
        if i % fine == fine - 1:
            seen[i // fine] = x
    return seen


def thermal(random, samples, rate):
    """A lever that only noise moves."""
    force, x = random.standard_normal(samples + 1000), np.zeros(samples + 1000)
    fall = np.exp(-rate / 2 / 10 ** random.uniform(0.3, 2.5))
    for i in range(2, len(x)):
        x[i] = 2 * fall * np.cos(rate) * x[i - 1] - fall**2 * x[i - 2] + force[i]
    return x[1000:] / x.std()


def sound(kind, random, noise):
    """(sample,) of one ``kind`` with an amplitude of about 1."""
    samples = int(random.choice([600, 1000, 2000, 4000]))
    at, rate = np.arange(samples), 2 * np.pi / random.choice([4.3, 6, 10.7, 20, 33, 64, 150])
    quality, begun = 10 ** random.uniform(0.5, 3), int(random.integers(samples // 8, samples // 2))
    later = np.maximum(at - begun, 0)
    fall, turn = np.exp(-rate * later / 2 / quality), rate * later
    clean = {
        "decay": lambda: np.exp(-rate * at / 2 / quality) * np.cos(rate * at + 1),
        "tapping": lambda: tapping(random, samples),
        "tones": lambda: sum(random.uniform(0.05, 1) * np.cos(2 * np.pi / random.uniform(2.5, 200) * at + phase)
                             for phase in random.uniform(0, 6, random.integers(1, 6))) + 3 * at / samples,
        "thermal": lambda: thermal(random, samples, rate),
        "walk": lambda: np.cumsum(random.standard_normal(samples)) / 20 + np.cos(rate * at),
        "struck": lambda: fall * np.sin(turn),
        "pushed": lambda: (at >= begun) * (1 - fall * np.cos(turn)),
        "displaced": lambda: np.cos(rate * at) + random.uniform(0.2, 3) * (at > begun),
        "switched": lambda: np.where(at < begun, np.cos(rate * at),
                                     random.uniform(0.1, 2) * np.cos(rate * random.uniform(0.8, 1.2) * at)),
        "steps": lambda: np.exp(-rate * at / 2 / quality) * np.cos(rate * at),
        "sweep": lambda: np.cos(rate * at * (1 + random.uniform(-0.5, 0.5) * at / samples)),
        "sine": lambda: np.cos(rate * at + 1),
        "square": lambda: np.sign(np.cos(rate * at + 0.3)),
        "triangle": lambda: np.abs((rate * at / 2 / np.pi) % 1 - 0.5) * 4 - 1,
        "burst": lambda: np.where((at > begun) & (at < begun + samples // 4), np.cos(rate * at), 0.0),
        "beat": lambda: np.cos(rate * at) * np.cos(0.03 * rate * at)}[kind]()
    seen = clean + noise * random.standard_normal(len(clean))
    if kind == "steps":
        step = 2.0 ** -random.integers(4, 14)
        return np.round(seen / step) * step
    return seen
