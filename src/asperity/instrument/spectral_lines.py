r"""Electronic lines in a spectrum, and how many periodograms were averaged.

Without a line, the ratio of an averaged periodogram to the true spectrum is gamma distributed with shape n
and mean 1 in every bin. Fisher's g test asks whether the largest of N such ratios is larger than chance
allows.
Source: Fisher, Proc. R. Soc. A 125, 54 (1929), here with the gamma tail, for n averages.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.ndimage import binary_dilation, median_filter
from scipy.special import betaincinv, gammaincc, gammaincinv

__all__ = ["averages_from_scatter", "find_lines"]

_LAG = 4  # bins between which no window of a periodogram leaves a correlation
_NEIGHBORHOODS = (9, 101)  # bins, of the running medians: a line is narrower than half of the first


def averages_from_scatter(ratio: np.ndarray, counted: np.ndarray) -> np.ndarray:
    r"""The number n of averages that the scatter from bin to bin shows, robustly against lines.

    The median of $|\ln P_{j+4} - \ln P_j|$ over the bins is matched to that of two gamma variables of
    shape n: $\ln(B/(1-B))$ for the upper quartile B of the beta distribution (n, n). Its relative standard
    deviation is about $2.6/\sqrt{\text{bins}}$.

    Args:
        ratio: (m, k) spectrum over model; the model may be wrong smoothly.
        counted: (m, k) bool.

    Returns:
        (m,) between 0.3 and 1e7.
    """
    shapes, medians = _scatter_table()
    pairs = counted[:, _LAG:] & counted[:, :-_LAG]
    steps = np.abs(np.diff(np.log(np.where(counted, ratio, 1.0))[:, _lagged(ratio.shape[1])], axis=2)[..., 0])
    typical = np.array([np.median(row[chosen]) for row, chosen in zip(steps, pairs)])
    return np.exp(np.interp(np.log(typical), medians[::-1], shapes[::-1]))


def _lagged(bins: int) -> np.ndarray:
    return np.arange(bins - _LAG)[:, None] + np.array([0, _LAG])


@cache
def _scatter_table() -> tuple[np.ndarray, np.ndarray]:
    """ln n, and ln of the median distance of the logarithms of two gamma variables of shape n."""
    shapes = np.linspace(np.log(0.3), np.log(1e7), 400)
    upper = betaincinv(np.exp(shapes), np.exp(shapes), 0.75)
    return shapes, np.log(np.log(upper / (1 - upper)))


def find_lines(ratio: np.ndarray, counted: np.ndarray, averages: np.ndarray | float,
               false_alarm: float) -> np.ndarray:
    """The bins that stand out as electronic lines, each with its two neighbors.

    The level is the model or the running median over 9 or 101 bins, whichever is highest: where the model is
    too low over some bins, no line is seen in it, and the chance of a false alarm can only become smaller.

    Args:
        ratio: (m, k) spectrum over model.
        counted: (m, k) bool, the bins in question.
        averages: (m,) or one n.
        false_alarm: the chance that any bin of a spectrum without lines is named, between 0 and 1.

    Returns:
        (m, k) bool.
    """
    n = np.broadcast_to(np.asarray(averages, dtype=float), len(ratio))
    found = np.zeros(ratio.shape, bool)
    for row, (values, among, shape) in enumerate(zip(ratio, counted, n)):
        median = gammaincinv(shape, 0.5) / shape
        near = [median_filter(values, min(width, values.size), mode="nearest") for width in _NEIGHBORHOODS]
        chance = gammaincc(shape, shape * values / np.maximum(np.max(near, axis=0) / median, 1.0))
        least = -np.expm1(np.log1p(-false_alarm) / max(among.sum(), 1))
        found[row] = binary_dilation(among & (chance < least), np.ones(3, bool))
    return found & counted
