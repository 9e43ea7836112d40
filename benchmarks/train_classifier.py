"""``python -m benchmarks.train_classifier``: train the network of `asperity.learning.classifier` anew.

Curves of tips of 10 to 100 nm under many conditions of noise, compliance and knowledge of the separation;
the true classes are the targets. Every session has conditions of its own; the last fifth of the sessions is
held out for the temperature. Writes src/asperity/learning/classifier_weights.py.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from asperity.learning.adequacy import labels
from asperity.learning.selection import fit_temperature
from benchmarks.selection_curves import Condition, measured

_TARGET = Path(__file__).resolve().parents[1] / "src" / "asperity" / "learning" / "classifier_weights.py"
_WIDTHS = (32, 32)
_DECAY = 1e-4


def _session(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Features and true classes of one session."""
    from asperity.learning.classifier import features

    rng = np.random.default_rng([seed, 1])
    between = lambda low, high: float(low * (high / low) ** rng.uniform())  # noqa: E731
    condition = Condition(bool(rng.integers(2)), between(0.002, 0.05), 0.0, between(0.003, 0.1), True,
                          between(0.1, 1.5), parameters=(0.01, 20.0), loads=(1.0, 100.0))
    curves, truth = measured(count, condition, seed)
    return features(curves), labels(truth.maugis_parameter, truth.load, truth.full)


def _layers(flat, sizes):
    parts, used = [], 0
    for rows, columns in pairwise(sizes):
        weight = flat[used:used + rows * columns].reshape(rows, columns)
        used += rows * columns
        parts.append((weight, flat[used:used + columns]))
        used += columns
    return parts


def _train(x: np.ndarray, y: np.ndarray, steps: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Layers that make the true classes most likely, with a small decay of the weights."""
    sizes = (x.shape[1], *_WIDTHS, 4)
    rng = np.random.default_rng(0)
    start = np.concatenate([np.concatenate([rng.standard_normal(a * b) / np.sqrt(a), np.zeros(b)])
                            for a, b in pairwise(sizes)])

    def loss(flat):
        hidden = x
        *inner, last = _layers(flat, sizes)
        for weight, bias in inner:
            hidden = jnp.tanh(hidden @ weight + bias)
        logs = jax.nn.log_softmax(hidden @ last[0] + last[1])
        return -jnp.mean(logs[jnp.arange(len(y)), y]) + _DECAY * jnp.sum(flat**2)

    with jax.enable_x64(True):
        gradient = jax.jit(jax.value_and_grad(loss))
        result = minimize(lambda p: tuple(map(np.asarray, gradient(p))), start, jac=True, method="L-BFGS-B",
                          options={"maxiter": steps, "maxfun": 2 * steps, "maxcor": 30})
    print(f"loss {result.fun:.4f} after {result.nit} steps")
    return [(np.asarray(w), np.asarray(b)) for w, b in _layers(result.x, sizes)]


def _folded(layers, mean: np.ndarray, spread: np.ndarray):
    """The first layer takes the features as they are."""
    (weight, bias), *rest = layers
    return [(weight / spread[:, None], bias - (mean / spread) @ weight), *rest]


def _numbers(name: str, values: np.ndarray) -> str:
    words, lines, line = [f"{v:.5g}" for v in np.ravel(values)], [], ""
    for word in words:
        if len(line) + len(word) > 105:
            lines.append(line)
            line = ""
        line += word + " "
    inside = "\n".join(a.rstrip() for a in [*lines, line])
    return f'{name} = _array("""\n{inside}\n""", {values.shape})\n'


def _write(layers, temperature: float, bounds: np.ndarray) -> None:
    text = ('"""Weights of `asperity.learning.classifier`, by ``python -m benchmarks.train_classifier``."""'
            "\n\nfrom __future__ import annotations\n\nimport numpy as np\n\n"
            '__all__ = ["BOUNDS", "LAYERS", "TEMPERATURE"]\n\n\n'
            "def _array(text: str, shape: tuple[int, ...]) -> np.ndarray:\n"
            "    return np.array(text.split(), float).reshape(shape)\n\n\n"
            f"#: fitted on held-out sessions\nTEMPERATURE = {temperature:.4f}\n"
            "#: least and largest value of every feature in the training\n" + _numbers("BOUNDS", bounds))
    for k, (weight, bias) in enumerate(layers):
        text += _numbers(f"_WEIGHT_{k}", weight) + _numbers(f"_BIAS_{k}", bias)
    pairs = ", ".join(f"(_WEIGHT_{k}, _BIAS_{k})" for k in range(len(layers)))
    _TARGET.write_text(f"{text}#: (weight, bias) of each layer\nLAYERS = ({pairs})\n", encoding="utf-8")


def main() -> None:
    """Generate, train, temper, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_classifier")
    parser.add_argument("--sessions", type=int, default=320)
    parser.add_argument("--curves", type=int, default=256, help="per session")
    parser.add_argument("--steps", type=int, default=800)
    options = parser.parse_args()
    data = [_session(1000 + seed, options.curves) for seed in range(options.sessions)]
    held = options.sessions // 5
    x, y = (np.concatenate(a) for a in zip(*data[:-held]))
    good = np.isfinite(x).all(axis=1)
    x, y = x[good], y[good]
    mean, spread = x.mean(axis=0), x.std(axis=0)
    layers = _folded(_train((x - mean) / spread, y, options.steps), mean, spread)
    from asperity.learning.classifier import class_probability

    x, y = (np.concatenate(a) for a in zip(*data[-held:]))
    good = np.isfinite(x).all(axis=1)
    probability = class_probability(x[good], layers, 1.0)
    temperature = fit_temperature(probability, y[good])
    accuracy = np.mean(probability.argmax(axis=1) == y[good])
    print(f"held out: accuracy {accuracy:.4f}, temperature {temperature:.3f}")
    every = np.concatenate([found for found, _ in data])
    low, high = np.nanmin(every, axis=0), np.nanmax(every, axis=0)
    _write(layers, temperature, np.stack([low - 0.01 * (high - low), high + 0.01 * (high - low)]))


if __name__ == "__main__":
    main()
