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

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from asperity.dynamics.dictionaries import AbstractDictionary
from asperity.dynamics.koopman.sums import Scaling, Sums
from asperity.messages import ArgumentError, DataError

__all__ = ["FLOOR", "FLOOR_QR", "RIDGE", "Eigenpairs", "KoopmanModel", "eigenpairs", "fit", "fit_lagged", "rollout"]

RIDGE = 1e-13  # of the scaled Gram matrix: below the rounding of its sums
FLOOR = 2e-8  # residual that the sums can tell: the root of their rounding,
FLOOR_QR = 1e-14  # and the triangles


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


def fit(dictionary: AbstractDictionary, scaling: Scaling, sums: Sums) -> KoopmanModel:
    """The least-squares K of these sums, by their triangle where there is one.

    Raises:
        ArgumentError: fewer pairs than functions.
        DataError: a state that is not finite.
    """
    count = _checked(sums)
    if sums.triangle is not None:
        upper = sums.triangle[:count, :count]
        return KoopmanModel(dictionary, scaling, solve_triangular(upper, sums.triangle[:count, count:]), sums)
    size = 1 / np.sqrt(np.diag(sums.gram))
    factor = cho_factor(size[:, None] * sums.gram * size + RIDGE * np.eye(count))
    matrix = size[:, None] * cho_solve(factor, size[:, None] * sums.across)
    return KoopmanModel(dictionary, scaling, matrix, sums)


def fit_lagged(dictionary: AbstractDictionary, scaling: Scaling, one: Sums, two: Sums) -> KoopmanModel:
    r"""K of noisy states: $K = A_1^{-1} A_2$, from products of states ``one`` lag apart and ``two`` apart, a step more.

    Noise that is independent from sample to sample adds to G, but not to products across time. Least squares divide by
    G, and tell too much damping, however long the data; this K does not, where the noise is additive, the functions are
    polynomials and their span is invariant: noise then multiplies both A by the same matrices, and the eigenvalues are
    consistent. Its scatter is larger. `lagged` with (0, 1, 2) gives the states, the first with the second and with the
    third make the sums; of states with n delays, which share samples, (0, n + 1, n + 2). The residuals of its
    `eigenpairs` are those on the noisy states.

    Source: Wanner, Mezic, SIAM J. Appl. Dyn. Syst. 21, 1930 (2022).
    """
    if one.samples != two.samples:
        raise ArgumentError(f"{one.samples} pairs at one lag, {two.samples} at the next: take both from `lagged`")
    _checked(one)
    size = 1 / np.sqrt(np.diag(one.gram))
    try:
        solved = np.linalg.solve(size[:, None] * one.across * size, size[:, None] * two.across)
    except np.linalg.LinAlgError as error:
        raise DataError("states one lag apart do not tell all functions apart: a smaller dictionary") from error
    return KoopmanModel(dictionary, scaling, size[:, None] * solved, one)


def _checked(sums: Sums) -> int:
    """The number of functions, which pairs are enough for."""
    count = len(sums.gram)
    if sums.samples < count:
        raise ArgumentError(f"{sums.samples} pairs for {count} functions: give more pairs, or a smaller dictionary")
    if not np.isfinite(sums.across).all():
        raise DataError("a state is not finite: leave out the samples that were not measured")
    return count


def eigenpairs(model: KoopmanModel) -> Eigenpairs:
    """Eigenvalues and eigenfunctions with their residuals."""
    value, vector = np.linalg.eig(model.matrix)
    gram, across, after, triangle = model.sums.gram, model.sums.across, model.sums.after, model.sums.triangle
    if triangle is not None:
        count = len(gram)
        before, moved = triangle[:, :count] @ vector, triangle[:, count:] @ vector
        square, largest, whole = (np.linalg.norm(one, axis=0) ** 2 for one in (
            moved - value * before, moved, before))
    else:
        whole, crossed, largest = (np.einsum("ik,ik->k", vector.conj(), one @ vector) for one in (gram, across, after))
        square = np.real(largest - 2 * value.conj() * crossed + np.abs(value) ** 2 * whole)
        whole, largest = np.real(whole), np.real(largest)
    floor = (FLOOR if triangle is None else FLOOR_QR) * np.sqrt((largest / whole + np.abs(value) ** 2) / 2)
    residual = np.maximum(np.sqrt(np.maximum(square, 0.0) / whole), floor)
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
