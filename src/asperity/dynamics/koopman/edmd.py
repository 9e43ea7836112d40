r"""Linear models of a dynamical system in lifted space: extended dynamic mode decomposition, with its residuals.

From pairs of states $(x, x')$ one time step apart and a dictionary $\psi$, the matrix K minimizes
$\sum |\psi(x') - \psi(x) K|^2$. With $G = \Psi^\top \Psi$, $A = \Psi^\top \Psi'$ and $L = \Psi'^\top \Psi'$, summed
over blocks of samples in one pass, $K = G^{-1} A$; the sums of two sets of data add, so that data may come in any
order, from several machines, or one block at a time. States are scaled to [-1, 1] first: units do not matter. Columns
are scaled by $1/\sqrt{G_{mm}}$.

An eigenvalue $\lambda$ with the eigenfunction $\psi v$ has the residual

$$\mathrm{res}^2 = \frac{v^* (L - \lambda A^\top - \bar\lambda A + |\lambda|^2 G)\,v}{v^* G v}$$

which is that of the operator itself, not of its projection: the pair lies in the $\epsilon$-pseudospectrum of the
Koopman operator with $\epsilon = \mathrm{res}$, on the data. Eigenvalues that the projection makes up have large
residuals. By the sums residuals are told down to 2e-8; below it, "qr" works on triangles that add in the same way, down
to 1e-14, at some eight times the cost.

Source: Williams, Kevrekidis, Rowley, J. Nonlinear Sci. 25, 1307 (2015); Colbrook, Townsend, Commun. Pure Appl. Math.
77, 221 (2024) (residuals).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Complex, Float
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from asperity.dynamics.dictionaries import AbstractDictionary
from asperity.messages import ArgumentError, DataError

__all__ = ["Eigenpairs", "KoopmanModel", "Method", "Scaling", "Sums", "delayed", "eigenpairs", "fit", "pairs",
           "rollout", "scaling_of", "sums_of"]

_BLOCK = 8192  # samples lifted at once: some MB
_RIDGE = 1e-13  # of the scaled Gram matrix: below the rounding of its sums
_FLOOR = 2e-8  # residual that the sums can tell: the root of their rounding,
_FLOOR_QR = 1e-14  # and the triangles
_CONSTANT = 1e-12  # of a state's largest value: it does not change

Method = Literal["gram", "qr"]


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


class KoopmanModel(NamedTuple):
    """A linear model of the lifted state: a row vector z becomes z K in one time step."""

    dictionary: AbstractDictionary
    scaling: Scaling
    matrix: Float[np.ndarray, "function function"]  # K
    sums: Sums


class Eigenpairs(NamedTuple):
    """Eigenvalues, from the smallest residual to the largest."""

    value: Complex[np.ndarray, " function"]
    vector: Complex[np.ndarray, "function function"]  # columns: the eigenfunctions are psi times these
    residual: Float[np.ndarray, " function"]  # not below what the method can tell


def scaling_of(x: Float[np.ndarray, "sample state"]) -> Scaling:
    """The box of these states.

    Raises:
        DataError: a state that is not finite, or that never changes (by its number).
    """
    low, high = np.min(x, axis=0), np.max(x, axis=0)
    if not (np.isfinite(low) & np.isfinite(high)).all():
        raise DataError("a state is not finite: leave out the samples that were not measured")
    half = (high - low) / 2
    still = np.flatnonzero(half <= _CONSTANT * np.maximum(np.abs(low), np.abs(high)))
    if len(still):
        raise DataError(f"state {still[0]} never changes: leave it out")
    return Scaling((high + low) / 2, half)


def pairs(episodes: Iterable[Float[np.ndarray, "sample state"]]) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of states one step apart, none across the end of an episode."""
    whole = [np.asarray(episode, float) for episode in episodes]
    return np.concatenate([one[:-1] for one in whole]), np.concatenate([one[1:] for one in whole])


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


def sums_of(dictionary: AbstractDictionary, scaling: Scaling, x: Float[np.ndarray, "sample state"],
            y: Float[np.ndarray, "sample state"], *, method: Method = "gram") -> Sums:
    """The sums of pairs (x, y), in blocks: memory does not grow with the number of pairs.

    x and y may be anything that slices to arrays (memory maps, zarr).
    """
    if x.shape != y.shape:
        raise DataError(f"pairs of different shapes: {x.shape} and {y.shape}")
    if not len(x):
        raise DataError("no pair: an episode needs two samples at least")
    blocks = (_block(dictionary, scaling, np.asarray(x[i : i + _BLOCK]), np.asarray(y[i : i + _BLOCK]), method)
              for i in range(0, len(x), _BLOCK))
    return reduce(Sums.merged, blocks)


def _block(dictionary: AbstractDictionary, scaling: Scaling, x: np.ndarray, y: np.ndarray, method: Method) -> Sums:
    before, after = dictionary.lift(scaling.scaled(x)), dictionary.lift(scaling.scaled(y))
    triangle = _triangle(np.concatenate([before, after]).T) if method == "qr" else None
    return Sums(len(x), before @ before.T, before @ after.T, after @ after.T, triangle)


def _triangle(rows: np.ndarray) -> np.ndarray:
    """R of the rows' QR decomposition, square: padded with zeros where rows are few."""
    upper = np.asarray(np.linalg.qr(rows, mode="r"))
    return np.pad(upper, ((0, rows.shape[1] - len(upper)), (0, 0)))


def fit(dictionary: AbstractDictionary, scaling: Scaling, sums: Sums) -> KoopmanModel:
    """The least-squares K of these sums, by their triangle where there is one.

    Raises:
        ArgumentError: fewer pairs than functions.
    """
    count = len(sums.gram)
    if sums.samples < count:
        raise ArgumentError(f"{sums.samples} pairs for {count} functions: give more pairs, or a smaller dictionary")
    if sums.triangle is not None:
        upper = sums.triangle[:count, :count]
        return KoopmanModel(dictionary, scaling, solve_triangular(upper, sums.triangle[:count, count:]), sums)
    size = 1 / np.sqrt(np.diag(sums.gram))
    factor = cho_factor(size[:, None] * sums.gram * size + _RIDGE * np.eye(count))
    matrix = size[:, None] * cho_solve(factor, size[:, None] * sums.across)
    return KoopmanModel(dictionary, scaling, matrix, sums)


def eigenpairs(model: KoopmanModel) -> Eigenpairs:
    """Eigenvalues and eigenfunctions with their residuals."""
    value, vector = np.linalg.eig(model.matrix)
    gram, across, after, triangle = model.sums.gram, model.sums.across, model.sums.after, model.sums.triangle
    if triangle is not None:
        count = len(gram)
        rest = triangle[:, count:] @ vector - value * (triangle[:, :count] @ vector)
        whole = np.linalg.norm(triangle[:, :count] @ vector, axis=0)
        residual = np.maximum(np.linalg.norm(rest, axis=0) / whole, _FLOOR_QR)
    else:
        whole, crossed, moved = (np.einsum("ik,ij,jk->k", vector.conj(), one, vector) for one in (gram, across, after))
        square = np.real(moved - 2 * value.conj() * crossed + np.abs(value) ** 2 * whole)
        residual = np.maximum(np.sqrt(np.maximum(square, 0.0) / np.real(whole)), _FLOOR)
    order = np.argsort(residual, kind="stable")
    return Eigenpairs(value[order], vector[:, order], residual[order])


def rollout(model: KoopmanModel, start: Float[np.ndarray, "episode state"], steps: int, *,
            relift: bool = False) -> Float[np.ndarray, "step episode state"]:
    """The states after 1 ... ``steps`` steps from each ``start``.

    Args:
        model: fitted.
        start: states.
        steps: of time.
        relift: lift the predicted state anew before each step; else the lifted state itself evolves linearly, which
            is what eigenvalues and linear control speak of.
    """
    states = len(model.scaling.half)
    lifted = model.dictionary.lift(model.scaling.scaled(np.atleast_2d(start)))
    found = np.empty((steps, lifted.shape[1], states))
    for step in range(steps):
        lifted = model.matrix.T @ lifted
        found[step] = model.scaling.back(lifted[1 : states + 1])
        if relift:
            lifted = model.dictionary.lift(lifted[1 : states + 1])
    return found
