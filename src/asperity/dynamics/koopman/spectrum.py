r"""What the spectrum of a Koopman model says: rates, modes, eigenfunctions, pseudospectra.

With the eigenvectors V of K and the eigenfunctions $\varphi = \psi V$, the states are
$x = \sum_k \varphi_k(x)\,m_k$ with the modes $m_k$, rows of $V^{-1}$ in the columns of the states: $m_k$ tells how much
of each state turns and decays with $\lambda_k$.

At a point z of the complex plane the smallest residual that any function of the span has,

$$\mathrm{res}(z) = \min_g \sqrt{g^* (L - z A^\top - \bar z A + |z|^2 G)\, g \,/\, g^* G g},$$

says whether z lies in the $\epsilon$-pseudospectrum of the operator: it does for every
$\epsilon > \mathrm{res}(z)$, on the data. This is a claim about the operator, not about the projection K.

Source: Colbrook, Townsend, Commun. Pure Appl. Math. 77, 221 (2024); Williams, Kevrekidis, Rowley, J. Nonlinear Sci. 25,
1307 (2015) (modes).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex, Float
from scipy.linalg import solve_triangular

from asperity.dynamics.koopman.edmd import FLOOR, FLOOR_QR, Eigenpairs, KoopmanModel
from asperity.dynamics.koopman.sums import Sums

__all__ = ["eigenfunctions", "modes", "pseudospectrum", "rates"]

_TOGETHER = 64  # points of the plane at once: some MB of matrices


def rates(value: Complex[np.ndarray, "*any"], step: float) -> Complex[np.ndarray, "*any"]:
    r"""$\ln \lambda / \Delta t$: minus the rate of decay (1/s), and i times the angular frequency (rad/s).

    Args:
        value: eigenvalues of one step.
        step: s. Frequencies above half a turn a step cannot be told from lower ones.
    """
    return np.log(np.asarray(value, complex)) / step


def eigenfunctions(model: KoopmanModel, found: Eigenpairs,
                   x: Float[np.ndarray, "sample state"]) -> Complex[np.ndarray, "sample function"]:
    """Their values at states, each with a root mean square of 1 on the data of the model."""
    return model.dictionary.lift(model.scaling.scaled(x)).T @ (found.vector / _sizes(model, found))


def modes(model: KoopmanModel, found: Eigenpairs) -> Complex[np.ndarray, "function state"]:
    """How much of each eigenfunction is in each state, in the state's unit; the center of the states left out.

    Eigenfunctions have a root mean square of 1 on the data: the size of a mode is what it contributes there.
    """
    states = len(model.scaling.half)
    whole = np.linalg.inv(found.vector)[:, 1 : states + 1]
    return whole * _sizes(model, found)[:, None] * model.scaling.half


def _sizes(model: KoopmanModel, found: Eigenpairs) -> np.ndarray:
    """Root mean square of each eigenfunction on the data."""
    square = np.einsum("ik,ik->k", found.vector.conj(), model.sums.gram @ found.vector).real
    return np.sqrt(square / model.sums.samples)


def pseudospectrum(model: KoopmanModel, points: Complex[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """The smallest residual at each point of the plane; not below what the sums (or their triangle) can tell."""
    z = np.asarray(points, complex).ravel()
    triangle = model.sums.triangle
    parts = [z[i : i + _TOGETHER, None, None] for i in range(0, len(z), _TOGETHER)]
    if triangle is None:
        across, after, floor = _whitened(model.sums)
        squared = [np.linalg.eigvalsh(after - part * across.T - part.conj() * across + np.abs(part) ** 2 *
                                      np.eye(len(after)))[:, 0] for part in parts]
        found = np.sqrt(np.maximum(np.concatenate(squared), 0.0))
    else:
        count, floor = len(model.sums.gram), FLOOR_QR
        moved = solve_triangular(triangle[:count, :count], triangle[:, count:].T, trans=1).T
        found = np.concatenate([np.linalg.svd(moved - part * np.eye(2 * count, count), compute_uv=False)[:, -1]
                                for part in parts])
    return np.maximum(found, floor * np.maximum(np.abs(z), 1.0)).reshape(np.shape(points))


def _whitened(sums: Sums) -> tuple[np.ndarray, np.ndarray, float]:
    """A and L in functions that are orthonormal on the data, and the residual that their rounding leaves."""
    size = 1 / np.sqrt(np.diag(sums.gram))
    gram, across, after = (size[:, None] * one * size for one in (sums.gram, sums.across, sums.after))
    length, direction = np.linalg.eigh(gram)
    kept = length > len(gram) * np.finfo(float).eps * length[-1]  # the others are rounding
    turn = direction[:, kept] / np.sqrt(length[kept])
    after = turn.T @ after @ turn
    floor = np.sqrt(np.finfo(float).eps * length[-1] / length[kept][0])
    return turn.T @ across @ turn, (after + after.T) / 2, max(FLOOR, float(floor))
