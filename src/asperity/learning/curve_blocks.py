"""A fitted curve in means of neighboring samples: what the judgment of a contact model needs of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from asperity.contact import AbstractContactModel
from asperity.learning.batches import Scaled, compiled, in_blocks
from asperity.learning.least_squares import Fit, basis_columns
from asperity.learning.uncertainty import ParameterEstimates

__all__ = ["BLOCKS", "Blocks", "blocks_of"]

#: of a curve
BLOCKS = 128
_IN_CONTACT = 8  # blocks that must be
_BEFORE = 8  # and that must not
_STEP = 1e-4  # of a parameter, for differences
_SCALED = "modulus"  # what the elastic part of the force is proportional to


class Blocks(NamedTuple):
    """What one fitted curve shows of its model, in blocks of neighboring samples; forces over the curve's own scale."""

    indentation: np.ndarray  # (block,) over the largest one
    elastic: np.ndarray  # (block,) the part of the fitted force that the modulus is proportional to,
    slope: np.ndarray  # (block,) and its derivative along the indentation
    others: np.ndarray  # (block, column) derivatives of the force along all other parameters but the contact point
    effect: np.ndarray  # (column,) what these do to the logarithm of the modulus
    residual: np.ndarray  # (block,)
    gain: np.ndarray  # (block,) what noise of the deflection is multiplied with
    place: np.ndarray  # (block,) the number of the block
    share: np.ndarray  # (block,) samples that are counted, over those of a whole block
    bound: bool  # an adhesive contact: what is off stays off
    width: int  # samples of a whole block
    force_scale: float  # N
    lever: float  # m/N, 0 where the tip position does not depend on the deflection
    depth: float  # m


def blocks_of(model: AbstractContactModel, scaled: Scaled, fit: Fit, found: ParameterEstimates,
              spring_constant: np.ndarray) -> list[Blocks | None]:
    """Every curve of a fitted batch as `discrepancy` takes it; None where there is too little of it.

    Args:
        model, scaled, fit, found: as `asperity.learning.uncertainty.estimate` takes and gives them.
        spring_constant: (batch,) N/m, infinite where the tip position does not depend on the deflection.
    """
    depth = scaled.span * (1 - fit.nonlinear[:, 0])
    elastic, slope, rest, effect = _elastic(model, scaled, fit, found)
    line = [np.ones(scaled.x.shape), *([scaled.x] if fit.linear.shape[1] == model.amplitudes + 2 else [])]
    indentation = scaled.span[:, None] * (scaled.x - fit.nonlinear[:, :1]) / depth[:, None]
    fitted = found.baseline - scaled.force_zero[:, None] + found.model_force
    residual = scaled.y - fitted / scaled.force_scale[:, None]
    gain = 1 + found.slope / spring_constant[:, None]
    bent = residual / gain * scaled.force_scale[:, None] / spring_constant[:, None]  # m, by the noise: taken back, for
    indentation, elastic = indentation + bent / depth[:, None], elastic + slope * bent  # the model is of the true place
    means, share, width = _means(scaled.counted, [indentation, elastic, slope * depth[:, None], residual, gain,
                                                  found.model_force != 0, *line, *rest])
    adhesive = "work_of_adhesion" in model.fitted
    return [_curve(mean, part, np.concatenate([np.zeros(len(line)), own]), adhesive,
                   (width, float(size), 1 / float(k), float(deep)))
            for mean, part, own, size, k, deep in zip(means, share, effect, scaled.force_scale, spring_constant, depth)]


def _curve(means: np.ndarray, share: np.ndarray, effect: np.ndarray, adhesive: bool,
           sizes: tuple[int, float, float, float]) -> Blocks | None:
    """The blocks of one curve of which half is counted; in an adhesive contact, not those that a jump lies in."""
    touched = means[5]
    kept = (share >= 0.5) & np.isfinite(means).all(axis=0) & ((not adhesive) | (touched == 0) | (touched == 1))
    inside = kept & (means[1] != 0)
    if inside.sum() < _IN_CONTACT or (kept & ~inside).sum() < _BEFORE or not sizes[-1] > 0:
        return None
    indentation, elastic, slope, residual, gain, _, *others = means[:, kept]
    if not (gain > 0).all():
        return None
    return Blocks(indentation, elastic, slope, np.stack(others, 1), effect, residual, gain, np.flatnonzero(kept),
                  share[kept], adhesive, *sizes)


def _means(counted: np.ndarray, columns: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, int]:
    """Means over the counted samples of every block, (batch, column, block), their share, and a block's samples."""
    batch, samples = counted.shape
    width = -(-samples // BLOCKS)
    number = counted.reshape(batch, -1, width).sum(axis=2)
    sums = np.stack([np.where(counted, column, 0.0).reshape(batch, -1, width).sum(axis=2) for column in columns], 1)
    return sums / np.maximum(number, 1)[:, None, :], number / width, width


def _elastic(model: AbstractContactModel, scaled: Scaled, fit: Fit,
             found: ParameterEstimates) -> tuple[np.ndarray, np.ndarray, list[np.ndarray], np.ndarray]:
    """The part of the force that the modulus scales, its slope (1/m), derivatives along all other parameters of the
    contact, all over the force scale; and what these do to the logarithm of the modulus, (batch, parameter)."""
    size, count = scaled.force_scale[:, None], model.amplitudes
    shapes = fit.nonlinear.shape[1] - 1
    if count == 1 and not shapes:
        return found.model_force / size, found.slope / size, [], np.zeros((len(size), 0))
    columns = in_blocks(lambda piece, _, nonlinear: _basis(model, piece, nonlinear), np.arange(len(size)), scaled,
                        fit.nonlinear)
    c = fit.linear[:, -count:]
    along = [np.sum([c[:, j, None] * columns[count * (1 + k) + j] for j in range(count)], axis=0)
             for k in range(1, shapes + 1)]
    slope = -c[:, :1] * columns[count] / scaled.span[:, None]
    return c[:, :1] * columns[0], slope, [*columns[1:count], *along], _effects(model, scaled, fit)


@compiled
def _basis(model: AbstractContactModel, scaled: Scaled, nonlinear: Any) -> list[Any]:
    return basis_columns(model, scaled, nonlinear)


def _effects(model: AbstractContactModel, scaled: Scaled, fit: Fit) -> np.ndarray:
    """Central differences of ln modulus along the amplitudes but the first, and the shape parameters, (batch, ...)."""
    count = model.amplitudes
    start = [*(fit.linear[:, -count:] * scaled.force_scale[:, None]).T, *fit.nonlinear[:, 1:].T]
    unit = [*[scaled.force_scale] * count, *[1.0] * (len(start) - count)]

    def logarithm(k: int, step: float) -> np.ndarray:
        at = [value + step * unit[k] if i == k else value for i, value in enumerate(start)]
        found = model.with_amplitudes(tuple(at[:count]), tuple(at[count:]))
        return np.log(np.abs(np.asarray(getattr(found, _SCALED))))

    with np.errstate(divide="ignore"):
        return np.stack([(logarithm(k, _STEP) - logarithm(k, -_STEP)) / (2 * _STEP) for k in range(1, len(start))], 1)
