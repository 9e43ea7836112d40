"""Extended dynamic mode decomposition as an estimator of scikit-learn (extra ``sklearn``), for pipelines and searches.

What it does is done by `asperity.dynamics.koopman`; eigenvalues with residuals, pseudospectra and intervals are to be
had from its ``model_``. scikit-learn is imported by this module only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from asperity.dynamics.dictionaries import AbstractDictionary, Polynomials
from asperity.dynamics.koopman.edmd import eigenpairs, fit, rollout
from asperity.dynamics.koopman.sums import Method, lagged, pairs, scaling_of, sums_of
from asperity.messages import ArgumentError

try:
    from sklearn.base import BaseEstimator, TransformerMixin  # pyright: ignore[reportMissingImports]
    from sklearn.utils.validation import check_is_fitted, validate_data  # pyright: ignore[reportMissingImports]
except ImportError:  # the module can be looked at without it, the estimator cannot be made
    BaseEstimator: Any = None
    TransformerMixin: Any = None
    check_is_fitted: Any = None
    validate_data: Any = None

__all__ = ["EDMD"]


class EDMD(*((TransformerMixin, BaseEstimator) if BaseEstimator else ())):
    """A linear model of the lifted state, from samples of a motion at equal steps of time.

    One step's R2 is not its `score`: that is near 1 for any model, also for those that are lost after ten cycles.

    Parameters
    ----------
    dictionary : of `asperity.dynamics.dictionaries`; None for products of Legendre polynomials up to ``degree``.
    degree : of them. 1 is plain dynamic mode decomposition with a constant.
    method : "gram" or "qr", which tells residuals down to 1e-14.
    horizon : steps over which `score` judges predictions.
    relift : whether predictions of several steps lift each predicted state anew.

    Attributes
    ----------
    model_ : `asperity.dynamics.koopman.KoopmanModel`.
    eigenvalues_ : of one step, from the smallest residual to the largest.
    residuals_ : of each eigenvalue.
    n_features_in_ : states.
    """

    def __init__(self, dictionary: AbstractDictionary | None = None, *, degree: int = 1, method: Method = "gram",
                 horizon: int = 10, relift: bool = False) -> None:
        if BaseEstimator is None:
            raise ArgumentError("EDMD: scikit-learn is not installed here. Install it with the extra: pip install "
                                "asperity[sklearn], or call fit, which needs nothing")
        self.dictionary = dictionary
        self.degree = degree
        self.method: Method = method
        self.horizon = horizon
        self.relift = relift

    def fit(self, X: Any, y: Any = None) -> EDMD:
        """Of one motion (sample, state), in the order of time; y is not used: `fit_pairs` takes states after a step."""
        x = _states(self, X, reset=True, ensure_min_samples=2)
        return self._fitted(*pairs([x]))

    def fit_episodes(self, episodes: Iterable[Any]) -> EDMD:
        """Of several motions (sample, state); no pair spans two of them."""
        return self._fitted(*pairs([_states(self, one, reset=i == 0) for i, one in enumerate(episodes)]))

    def fit_pairs(self, X: Any, Y: Any) -> EDMD:
        """Of states and what they are one step later, each (sample, state)."""
        x = _states(self, X, reset=True)
        return self._fitted(x, _states(self, Y, reset=False))

    def predict(self, X: Any) -> np.ndarray:
        """The states one step after each of these."""
        return self.forecast(X, 1)[0]

    def forecast(self, X: Any, steps: int) -> np.ndarray:
        """The states after 1 ... ``steps`` steps, (step, sample, state)."""
        check_is_fitted(self)
        return rollout(self.model_, _states(self, X, reset=False), steps, relift=self.relift)

    def transform(self, X: Any) -> np.ndarray:
        """The functions of the states, (sample, function)."""
        check_is_fitted(self)
        x = _states(self, X, reset=False)
        return self.model_.dictionary.lift(self.model_.scaling.scaled(x)).T

    def score(self, X: Any, y: Any = None) -> float:
        """1 - error^2 / variance of predictions ``horizon`` steps ahead along this motion, mean over states."""
        check_is_fitted(self)
        x = _states(self, X, reset=False)
        if len(x) <= self.horizon:
            raise ArgumentError(f"{len(x)} samples do not reach a horizon of {self.horizon} steps: give a longer "
                                "motion or a smaller horizon")
        start, end = lagged([x], (0, self.horizon))
        off = rollout(self.model_, start, self.horizon, relift=self.relift)[-1] - end
        return float(1 - np.mean(np.mean(off**2, axis=0) / np.maximum(np.var(end, axis=0), np.finfo(float).tiny)))

    def _fitted(self, x: np.ndarray, y: np.ndarray) -> EDMD:
        dictionary = self.dictionary or Polynomials(self.degree)
        scaling = scaling_of(x)
        sums = sums_of(dictionary, scaling, x, y, method=self.method)
        self.model_ = fit(dictionary, scaling, sums)
        found = eigenpairs(self.model_)
        self.eigenvalues_, self.residuals_ = found.value, found.residual
        return self

    @property
    def _n_features_out(self) -> int:
        return len(self.model_.matrix)


def _states(estimator: EDMD, x: Any, *, reset: bool, ensure_min_samples: int = 1) -> np.ndarray:
    return np.asarray(validate_data(estimator, x, reset=reset, dtype=np.float64,
                                    ensure_min_samples=ensure_min_samples), float)
