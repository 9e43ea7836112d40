"""Splines of the position where the tip is near the sample or in it, alone and times the velocity."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.interpolate import BSpline

from asperity.dynamics.dictionaries._dictionary import AbstractDictionary

__all__ = ["ContactSplines", "contact_knots"]

_ORDER = 3  # cubic: continuous to the second derivative, as a force that begins like the 3/2th power nearly is
_SHARE = 0.7  # of the knots lie in the contact, the others before it


class ContactSplines(AbstractDictionary):
    r"""1, the states, $B_j(x_0)$ and $B_j(x_0)\,x_1$, with cubic splines $B_j$ of the first state, the position.

    The second state is the velocity. A lever is linear except for the force at its tip, a function of position and
    velocity that is zero far away: so are all $B_j$ beyond the last of the ``knots`` (in the scaled box, increasing,
    the sample on the side of the first), which leaves them independent of 1 and the states. Positions below the
    first knot count as at it. `contact_knots` places knots.

    Re-lifted predictions gain most: they carry the force over many periods. The span is not invariant, and linear
    predictions gain nothing beside polynomials.

    Source: de Boor, A Practical Guide to Splines (1978) (the basis).
    """

    knots: Float[np.ndarray, " knot"]

    def size(self, states: int) -> int:
        """Two for each knot but the last, beside 1 and the states."""
        return 1 + states + 2 * (len(self.knots) - 1)

    def lift(self, x: Float[np.ndarray, "state sample"]) -> Float[np.ndarray, "function sample"]:
        """1, the states, the splines, the splines times the velocity."""
        shape = self._splines(x[0], 0)
        return np.concatenate([np.ones((1, x.shape[1])), x, shape, shape * x[1]])

    def rate(self, x: Float[np.ndarray, "state sample"],
             velocity: Float[np.ndarray, "state sample"]) -> Float[np.ndarray, "function sample"]:
        r"""$B_j' \dot x_0$ and $B_j' \dot x_0 x_1 + B_j \dot x_1$."""
        shape, slope = self._splines(x[0], 0), self._splines(x[0], 1) * velocity[0]
        return np.concatenate([np.zeros((1, x.shape[1])), velocity, slope, slope * x[1] + shape * velocity[1]])

    def _splines(self, position: np.ndarray, derivative: int) -> np.ndarray:
        """All B_j or their derivatives, (spline, sample): the first knot is repeated, the last is not."""
        first, last, count = self.knots[0], self.knots[-1], len(self.knots) - 1
        whole = np.concatenate([np.full(_ORDER, first), self.knots, last + np.arange(1, _ORDER + 1)])
        made = np.zeros((count, len(position)))
        near = position < last
        if derivative == 0 and near.any():
            rows = BSpline.design_matrix(np.maximum(position[near], first), whole, _ORDER)
            made[:, near] = rows.toarray()[:, :count].T
        elif derivative:
            near &= position > first  # below it they stay as they are
            slope = BSpline(whole, np.eye(len(whole) - _ORDER - 1)[:, :count], _ORDER).derivative()
            made[:, near] = slope(position[near]).T
        return made


def contact_knots(deepest: float, contact: float, count: int, *, reach: float = 0.1) -> Float[np.ndarray, " knot"]:
    """Knots of splines for a contact that begins at ``contact`` and was seen down to ``deepest``, in the scaled box.

    Args:
        deepest: the lowest position.
        contact: position at which contact begins.
        count: of knots; seven tenths lie in the contact, closer together towards its beginning.
        reach: of the force before contact.
    """
    inside = max(2, round(_SHARE * count))
    depth = (contact - deepest) * np.linspace(1, 0, inside) ** 2
    before = reach * np.linspace(0, 1, count - inside + 1)[1:] ** 2
    return contact + np.concatenate([-depth, before])
