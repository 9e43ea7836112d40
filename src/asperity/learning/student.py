"""Student's distribution, as intervals are stated with it."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

__all__ = ["NORMAL", "standard", "wide"]

#: degrees of freedom from which Student's distribution is the normal one
NORMAL = 1e6
_STANDARD = 0.8413447460685429  # the probability below the upper end of a standard interval of 68.27 %,
_UPPER = 0.975  # and of one of 95 %


def standard(freedom: np.ndarray | float) -> np.ndarray:
    """Half the width of the interval that holds 68.27 %, of a variable with these degrees of freedom."""
    return stdtrit(np.fmin(freedom, NORMAL), _STANDARD)


def wide(freedom: np.ndarray | float) -> np.ndarray:
    """Half the width of the interval that holds 95 % over that which holds 68.27 %: 1.96 of a normal error."""
    return stdtrit(np.fmin(freedom, NORMAL), _UPPER) / standard(freedom)
