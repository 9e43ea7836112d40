r"""What one pass over states keeps for a Koopman model: three products of matrices, which add over parts of the data.

With $\Psi$ the functions of the states before a step and $\Psi'$ of those after it, they are
$G = \Psi^\top \Psi$, $A = \Psi^\top \Psi'$ and $L = \Psi'^\top \Psi'$. States are scaled to [-1, 1] first.

States may be anything that slices to arrays: NumPy arrays, memory maps, zarr, dask. They are read along their chunks,
each chunk once, and memory does not grow with their number. A record of episodes in a row costs half of what
pairs do: each state is lifted once, and L is G without the first states of the episodes and with their last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from asperity.dynamics.dictionaries import AbstractDictionary
from asperity.messages import DataError

__all__ = ["BLOCK", "Method", "Scaling", "Sums", "block", "delayed", "lagged", "pairs", "scaling_of", "sums_of",
           "sums_of_record"]

BLOCK = 2500  # samples lifted at once: a MB, which products find in the cache; in powers of 2 rows meet there
_READ = 2**17  # samples read at once where chunks are smaller: some MB
_CONSTANT = 1e-12  # of a state's largest value: it does not change

Method = Literal["gram", "qr"]
#: (sample, state): an array, or what slices to one
States = Any


class Scaling(NamedTuple):
    """x = center + half * (a state in [-1, 1])."""

    center: Float[np.ndarray, " state"]
    half: Float[np.ndarray, " state"]

    def scaled(self, x: Float[np.ndarray, "sample state"]) -> Float[np.ndarray, "state sample"]:
        """States between -1 and 1, one column for each sample."""
        return ((x - self.center) / self.half).T

    def back(self, scaled: Float[np.ndarray, "state sample"]) -> Float[np.ndarray, "sample state"]:
        """The states themselves."""
        return scaled.T * self.half + self.center


class Sums(NamedTuple):
    """What one pass over pairs keeps; `merged` adds those of several sets."""

    samples: int
    gram: Float[np.ndarray, "function function"]  # G
    across: Float[np.ndarray, "function function"]  # A
    after: Float[np.ndarray, "function function"]  # L
    triangle: Float[np.ndarray, "both both"] | None  # R of [Psi, Psi'] where "qr" was asked for

    def merged(self, other: Sums) -> Sums:
        """The sums of both sets of pairs."""
        both = None if self.triangle is None or other.triangle is None else _triangle(
            np.concatenate([self.triangle, other.triangle]))
        return Sums(self.samples + other.samples, self.gram + other.gram, self.across + other.across,
                    self.after + other.after, both)


def scaling_of(x: States) -> Scaling:
    """The box of these states (sample, state).

    Raises:
        DataError: a state that is not finite, or that never changes (by its number).
    """
    ends = [(piece.min(axis=0), piece.max(axis=0)) for piece in _pieces(x)]
    low, high = np.min([one[0] for one in ends], axis=0), np.max([one[1] for one in ends], axis=0)
    if not (np.isfinite(low) & np.isfinite(high)).all():
        raise DataError("a state is not finite: leave out the samples that were not measured")
    half = (high - low) / 2
    still = np.flatnonzero(half <= _CONSTANT * np.maximum(np.abs(low), np.abs(high)))
    if len(still):
        raise DataError(f"state {still[0]} never changes: leave it out")
    return Scaling((high + low) / 2, half)


def lagged(episodes: Iterable[Float[np.ndarray, "sample state"]], lags: Sequence[int]) -> tuple[np.ndarray, ...]:
    """States so many steps after each state, for every lag, none across the end of an episode."""
    whole, last = [np.asarray(episode, float) for episode in episodes], max(lags)
    return tuple(np.concatenate([one[lag : max(len(one) - last + lag, 0)] for one in whole]) for lag in lags)


def pairs(episodes: Iterable[Float[np.ndarray, "sample state"]]) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of states one step apart, none across the end of an episode."""
    before, after = lagged(episodes, (0, 1))
    return before, after


def delayed(episodes: Iterable[Float[np.ndarray, "sample state"]], delays: int) -> list[np.ndarray]:
    """Episodes whose states are those of ``delays`` + 1 samples in a row, the newest first: where not all is measured.

    Raises:
        DataError: an episode is shorter than that.
    """
    made = []
    for episode in episodes:
        whole = np.asarray(episode, float)
        if len(whole) <= delays:
            raise DataError(f"an episode of {len(whole)} samples is too short for {delays} delays")
        made.append(np.concatenate([whole[delays - i : len(whole) - i] for i in range(delays + 1)], axis=1))
    return made


def sums_of(dictionary: AbstractDictionary, scaling: Scaling, x: States, y: States, *,
            method: Method = "gram") -> Sums:
    """The sums of pairs (x, y), each (sample, state), block by block."""
    if x.shape != y.shape:
        raise DataError(f"pairs of different shapes: {x.shape} and {y.shape}")
    if not x.shape[0]:
        raise DataError("no pair: an episode needs two samples at least")
    bounds = _bounds(x)
    whole: Sums | None = None
    for before, after in zip(_pieces(x, bounds), _pieces(y, bounds)):
        for i in range(0, len(before), BLOCK):
            rows = slice(i, i + BLOCK)
            first, second = (dictionary.lift(scaling.scaled(one[rows])) for one in (before, after))
            one = block(first, second, method)
            whole = one if whole is None else whole.merged(one)
    assert whole is not None  # there is a pair
    return whole


def sums_of_record(dictionary: AbstractDictionary, scaling: Scaling, states: States, *, starts: Sequence[int] = (0,),
                   method: Method = "gram") -> Sums:
    """The sums of all pairs one step apart in a record (sample, state) of episodes in a row.

    Args:
        dictionary, scaling: of the model.
        states: the record, in the order of time.
        starts: samples at which an episode begins; each lasts to the next one's start, the last to the end.
        method: "qr" also keeps a triangle, as for pairs.
    """
    firsts = np.union1d(np.asarray(starts, int), [0])
    if states.shape[0] <= len(firsts):
        raise DataError("no pair: an episode needs two samples at least")
    last = np.zeros((dictionary.size(states.shape[1]), 1))  # the lifted state before the block; at first, none
    whole: Sums | None = None
    done = 0
    for piece in _pieces(states):
        for i in range(0, len(piece), BLOCK):
            lifted = dictionary.lift(scaling.scaled(piece[i : i + BLOCK]))
            count = lifted.shape[1]
            own = firsts[(firsts >= done) & (firsts < done + count)] - done
            one = _record_block(lifted, last, own, method)
            whole = one if whole is None else whole.merged(one)
            last, done = lifted[:, -1:], done + count
    assert whole is not None  # there is a pair
    return whole if method == "qr" else whole._replace(gram=whole.gram - last @ last.T)  # no state follows the last


def _record_block(lifted: np.ndarray, last: np.ndarray, firsts: np.ndarray, method: Method) -> Sums:
    """Pairs that end in this block; its G counts all of its states, less those before a beginning of an episode."""
    begins, ends = lifted[:, firsts], lifted[:, firsts - 1]
    if len(firsts) and firsts[0] == 0:
        ends[:, :1] = last
    if method == "qr":
        kept = np.setdiff1d(np.arange(lifted.shape[1]), firsts)
        return block(np.concatenate([last, lifted], axis=1)[:, kept], lifted[:, kept], method)
    square = lifted @ lifted.T
    across = lifted[:, :-1] @ lifted[:, 1:].T + last @ lifted[:, :1].T - ends @ begins.T
    return Sums(lifted.shape[1] - len(firsts), square - ends @ ends.T, across, square - begins @ begins.T, None)


def block(before: np.ndarray, after: np.ndarray, method: Method) -> Sums:
    """The sums of pairs of lifted states."""
    triangle = _triangle(np.concatenate([before, after]).T) if method == "qr" else None
    return Sums(before.shape[1], before @ before.T, before @ after.T, after @ after.T, triangle)


def _triangle(rows: np.ndarray) -> np.ndarray:
    """R of the rows' QR decomposition, square: padded with zeros where rows are few."""
    upper = np.asarray(np.linalg.qr(rows, mode="r"))
    return np.pad(upper, ((0, rows.shape[1] - len(upper)), (0, 0)))


def _bounds(x: States) -> list[int]:
    """Where to cut states to read them: at the ends of their chunks (of zarr or dask), several at once if small."""
    chunks = getattr(x, "chunks", None)
    if not chunks:
        return [*range(0, x.shape[0], _READ), x.shape[0]]
    ends = np.cumsum(chunks[0]) if isinstance(chunks[0], tuple) else np.append(
        np.arange(chunks[0], x.shape[0], chunks[0]), x.shape[0])
    made = [0]
    for end, following in pairwise([*ends.tolist(), x.shape[0] + _READ]):
        if following - made[-1] > _READ:
            made.append(end)
    return made


def _pieces(x: States, bounds: list[int] | None = None) -> Iterator[np.ndarray]:
    """The states, some at a time."""
    return (np.asarray(x[low:high], float) for low, high in pairwise(bounds or _bounds(x)))
