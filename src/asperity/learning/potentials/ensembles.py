r"""Several potentials that learnt the same from other beginnings, and the intervals that they make together.

Of a quantity q that each of M members gives, with the mean m and the standard deviation s of the members, is said

$$\frac{q - m}{c\,s} \sim t_{M-1},$$

Student's distribution: s of few members is itself uncertain. The factor c tells by how much members that are trained
alike agree better with each other than with the truth. It is the most likely one of forces and of stresses of
configurations that no member has seen, and the larger of the two counts, since stiffness is a difference of either.

Source: Lakshminarayanan, Pritzel, Blundell, arXiv 1612.01474 (2017) (members by seed).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar
from scipy.special import stdtrit

from asperity.atomistic.potentials import AbstractPotential
from asperity.learning.potentials.batches import graphs, predicted_graphs
from asperity.learning.potentials.configurations import Configuration
from asperity.messages import ArgumentError, DataError

__all__ = ["Ensemble", "MemberInterval", "calibrated", "interval", "resampled", "spread_factor"]

_RANGE = 1e3  # by which spreads may be wrong
_FEWEST = 2  # members, below which there is no spread


class MemberInterval(NamedTuple):
    """What members say of a quantity together; in its unit."""

    value: np.ndarray  # the mean
    std: np.ndarray  # the standard deviation of the members times the factor
    low: np.ndarray
    high: np.ndarray


class Ensemble(NamedTuple):
    """Potentials, and by how much their spread is too small."""

    members: tuple[AbstractPotential, ...]
    factor: float  # c, 1

    def said(self, quantity: Callable[[AbstractPotential], Any], *, level: float = 0.95) -> MemberInterval:
        """The interval of anything that can be computed of a potential: an elastic constant, a stiffness, a force."""
        return interval(np.stack([np.asarray(quantity(one)) for one in self.members]), self.factor, level=level)


def interval(values: Float[np.ndarray, "member ..."], factor: float = 1.0, *, level: float = 0.95) -> MemberInterval:
    """The interval that the members' values make.

    Args:
        values: of each member, on the first axis.
        factor: of `spread_factor`.
        level: the probability that the quantity lies inside.

    Raises:
        ArgumentError: fewer than two members, or a level outside (0, 1).
    """
    values = np.asarray(values, float)
    if len(values) < _FEWEST:
        raise ArgumentError(f"{len(values)} member: an interval needs the spread of at least {_FEWEST}; train more")
    if not 0 < level < 1:
        raise ArgumentError(f"level = {level}: must lie between 0 and 1, like 0.95")
    mean, std = values.mean(axis=0), factor * values.std(axis=0, ddof=1)
    reach = float(stdtrit(len(values) - 1, (1 + level) / 2)) * std
    return MemberInterval(mean, std, mean - reach, mean + reach)


def spread_factor(values: Float[np.ndarray, "member quantity"], truths: Float[np.ndarray, " quantity"]) -> float:
    """The factor c of the spread with which the truths are most likely.

    Raises:
        DataError: no quantities on which members differ.
    """
    values, truths = np.asarray(values, float), np.asarray(truths, float)
    std = values.std(axis=0, ddof=1)
    known = np.isfinite(truths) & (std > 0)
    if not known.any():
        raise DataError("there is nothing known on which the members differ: give configurations that none has seen, "
                        "with forces or stresses")
    squares = ((truths - values.mean(axis=0))[known] / std[known]) ** 2
    freedom = len(values) - 1

    def surprise(log: float) -> float:
        """Of Student's distribution, up to a constant, per quantity."""
        return log + (freedom + 1) / 2 * float(np.log1p(squares / (freedom * np.exp(2 * log))).mean())

    most = np.log(_RANGE)
    return float(np.exp(minimize_scalar(surprise, bounds=(-most, most), method="bounded").x))


def calibrated(members: Sequence[AbstractPotential], configurations: Sequence[Configuration]) -> Ensemble:
    """An ensemble with the factor that forces and stresses of these configurations ask for.

    Args:
        members: trained alike.
        configurations: that no member has seen, with forces, stresses or both.

    Raises:
        DataError: none of them has a force or a stress.
    """
    own = graphs(configurations, max(one.cutoff for one in members))
    told = [predicted_graphs(one, own) for one in members]
    factors = []
    for name in ("forces", "stress"):
        with_it = [i for i, one in enumerate(own) if getattr(one.configuration, name) is not None]
        if with_it:
            values = [np.concatenate([np.ravel(getattr(said[i], name)) for i in with_it]) for said in told]
            truths = np.concatenate([np.ravel(getattr(own[i].configuration, name)) for i in with_it])
            factors.append(spread_factor(np.stack(values), truths))
    if not factors:
        raise DataError("the configurations have neither forces nor stresses: the spread of members cannot be judged")
    return Ensemble(tuple(members), max(factors))


def resampled(configurations: Sequence[Configuration], seed: int) -> list[Configuration]:
    """As many groups (trajectories) as there are, drawn with replacement: other data for another member."""
    names = sorted({one.group for one in configurations})
    drawn = np.random.default_rng(seed).choice(len(names), len(names))
    return [one for k in drawn for one in configurations if one.group == names[k]]
