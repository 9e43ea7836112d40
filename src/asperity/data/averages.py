"""Curves of very many samples, as means of neighboring samples.

A segment of more than `LONGEST` samples is replaced by the means of m neighboring ones, with the least m
that leaves at most `LONGEST`. Along a means' width a force curve is straight but for a part of about
(m / samples)^2, far below the noise; what is fitted to the means has the same expectation, and the noise
that is learnt from them is the noise of a mean. What is shorter than m samples is lost: the largest of a
noisy force lies lower, and a jump is as wide as a mean. Segments of at most `LONGEST` samples stay as they are.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from asperity.data.curves import SAMPLED

__all__ = ["LONGEST", "averaged", "widths"]

#: samples of a segment that are worked on; more are averaged (a power of two: it is a compiled shape itself)
LONGEST = 65_536


def widths(counts: np.ndarray, longest: int = LONGEST) -> np.ndarray:
    """How many samples one mean is taken over, for segments of ``counts`` samples: 1 where none is needed."""
    return np.maximum(-(-counts // longest), 1)


def averaged(dataset: xr.Dataset, longest: int = LONGEST) -> xr.Dataset:
    """The curves in memory, every segment as at most ``longest`` means of neighboring samples.

    Args:
        dataset: force curves (see `asperity.data.curves`), lazy or not. Memory holds one channel of one curve
            at a time beside the result.
        longest: samples of a segment that are left.

    A mean that holds a sample which is not finite is not finite itself; the last mean of a segment may be one
    over fewer samples.
    """
    counts = np.minimum(dataset["sample_count"].values, dataset.sizes["sample"])
    width = widths(counts, longest)
    if width.max(initial=1) == 1:
        return dataset.load()
    left = -(-counts // width)
    rest = dataset.drop_vars([name for name, variable in dataset.variables.items() if "sample" in variable.dims]).load()
    means = {name: (dataset[name].dims, _means(dataset[name], counts, width, left.max()), dataset[name].attrs)
             for name in SAMPLED if name in dataset}
    return rest.assign(means).assign_coords(sample_count=dataset["sample_count"].copy(data=left))


def _means(channel: xr.DataArray, counts: np.ndarray, width: np.ndarray, length: int) -> np.ndarray:
    """The means of every segment of a channel, (curve, segment, ``length``), NaN where there is none."""
    result = np.full((*counts.shape, length), np.nan)
    for curve in range(len(counts)):
        segments = channel[curve].values
        for segment, (count, wide) in enumerate(zip(counts[curve], width[curve], strict=True)):
            if count:
                edges = np.arange(0, count, wide)
                sums = np.add.reduceat(segments[segment, :count], edges)
                result[curve, segment, : len(edges)] = sums / np.minimum(wide, count - edges)
    return result
