"""Which form and weight of the physics predicts what a network was not shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from asperity.learning.kk_network import Output, Penalties, train_kk_networks
from asperity.learning.kk_training import Plan, Progress, complex_moduli, measured, with_noise
from asperity.messages import DataError

__all__ = ["FORMS", "PenaltyChoice", "choose_penalties"]

FORMS = (Penalties("plateau"), Penalties("lncoth"))
_FOLDS = 4  # contiguous blocks of frequencies: single points between others are easy to interpolate
_REPEATS = 2  # networks per fold, of different initial weights


class PenaltyChoice(NamedTuple):
    """The candidates and how well each predicts the blocks that are left out."""

    candidates: tuple[Penalties, ...]
    best: np.ndarray  # (...) int, index of the candidate with the largest held-out likelihood
    misfit: np.ndarray  # (..., candidate) mean squared residual of the held-out data in units of the noise
    by_block: np.ndarray  # (..., candidate, block) the same, of each block from low to high frequency


def choose_penalties(angular_frequency: Any, modulus: Any, noise: Any, *, candidates: Sequence[Penalties] = FORMS,
                     output: Output = "log", plan: Plan | None = None,
                     progress: Progress | None = None) -> PenaltyChoice:
    """Compare penalties by the Gaussian likelihood of blocks of frequencies that are left out in turn.

    Four contiguous blocks, since single points between others are easy to interpolate, with two networks each; the
    first and the last block ask for an extrapolation. With few points the choice is a hint: look at ``misfit``.

    Args:
        angular_frequency, modulus, noise, output: as `asperity.learning.kk_network.train_kk_networks`.
        candidates: penalties with plain numbers as weights.
        plan: the seeds of the networks count up from ``plan.seed``.
        progress: called with (candidates done, candidates in all).

    Raises:
        ValueError: as `train_kk_networks`; no candidate, or fewer than 8 frequencies.
    """
    spectra, plan = measured(angular_frequency, modulus, noise), plan or Plan()
    count = len(spectra.angular_frequency)
    if not candidates or count < 2 * _FOLDS:
        raise DataError(f"{len(candidates)} candidates and {count} frequencies: needs a candidate, and {2 * _FOLDS} "
                        "frequencies to leave blocks out")
    blocks = np.arange(count) * _FOLDS // count == np.arange(_FOLDS)[:, None]
    found = []
    for done, penalties in enumerate(candidates, 1):
        found.append(_held_out(angular_frequency, modulus, noise, blocks, penalties, output, plan))
        if progress is not None:
            progress(done, len(candidates))
    by_block = np.stack(found, axis=-2)
    misfit = by_block @ blocks.sum(axis=1) / count
    return PenaltyChoice(tuple(candidates), np.argmin(misfit, axis=-1), misfit, by_block)


def _held_out(angular_frequency: Any, modulus: Any, noise: Any, blocks: np.ndarray, penalties: Penalties,
              output: Output, plan: Plan) -> np.ndarray:
    """Mean squared residual (..., block) of the data in each block for networks that have not seen it."""
    modulus, noise = (a[..., None, None, :] for a in with_noise(modulus, noise))
    shown = np.where(blocks[:, None, :], complex(np.inf, np.inf), noise)
    modulus = np.broadcast_to(modulus, (*modulus.shape[:-3], len(blocks), _REPEATS, modulus.shape[-1]))
    shown = np.broadcast_to(shown, modulus.shape)
    seeds = np.asarray(plan.seed) + np.arange(_REPEATS)
    trained = train_kk_networks(angular_frequency, modulus, shown, penalties=penalties, output=output,
                                plan=plan._replace(seed=seeds))
    off = complex_moduli(trained.networks, angular_frequency) - modulus
    square = ((off.real / noise.real) ** 2 + (off.imag / noise.imag) ** 2) / 2
    counted = blocks[:, None, :] & np.isfinite(square)
    return np.mean(np.where(counted, square, 0.0).sum(axis=-1) / np.maximum(counted.sum(axis=-1), 1), axis=-1)
