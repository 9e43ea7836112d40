r"""What an input does to a prediction where the data are: accumulated local effects.

$$A_i(x) = \int^x \mathrm{E}\big[\,\partial_i f(X)\;\big|\;X_i = x'\,\big]\, dx'$$

by the difference of f over the bin of each point, its other inputs as they are: f is never asked where correlated
inputs do not occur together. Averages over all points at each x (partial dependence) are, and show what a model
guesses there.

Source: Apley, Zhu, J. R. Stat. Soc. B 82, 1059 (2020).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from asperity.messages import DataError, whole

__all__ = ["LocalEffect", "accumulated_local_effect"]


class LocalEffect(NamedTuple):
    """The effect of one input, of mean zero over the data, at the ends of bins."""

    at: np.ndarray  # (bin + 1,)
    effect: np.ndarray  # (bin + 1,)
    points: np.ndarray  # (bin,) of the data in each

    @property
    def slope(self) -> float:
        """The mean slope over the data."""
        return float((self.points * np.diff(self.effect) / np.diff(self.at)).sum() / self.points.sum())


def accumulated_local_effect(function: Callable[[np.ndarray], Any], inputs: Any, which: int, *,
                             bins: int = 30) -> LocalEffect:
    """The effect of the input ``which`` on ``function`` over the data.

    Args:
        function: of (point, input), (point,).
        inputs: (point, input), as they occur together.
        which: the place of the input.
        bins: of as many points each.

    Raises:
        DataError: an input that never changes.
    """
    x = np.asarray(inputs, float)
    at = np.unique(np.quantile(x[:, which], np.linspace(0, 1, whole("bins", bins) + 1)))
    if len(at) < 2:
        raise DataError("an input that never changes has no effect: leave it out")
    place = np.clip(np.searchsorted(at, x[:, which], side="left") - 1, 0, len(at) - 2)
    low, high = x.copy(), x.copy()
    low[:, which], high[:, which] = at[place], at[place + 1]
    rise = np.asarray(function(high), float) - np.asarray(function(low), float)
    points = np.bincount(place, minlength=len(at) - 1)
    mean = np.bincount(place, rise, len(at) - 1) / np.maximum(points, 1)
    effect = np.concatenate([[0.0], np.cumsum(mean)])
    return LocalEffect(at, effect - (points * (effect[1:] + effect[:-1]) / 2).sum() / points.sum(), points)
