"""The estimator keeps scikit-learn's contract, and gives what the functions give."""

import numpy as np
import pytest

from asperity.dynamics.dictionaries import Polynomials
from asperity.dynamics.koopman import eigenpairs, fit, pairs, scaling_of, sums_of
from asperity.messages import ArgumentError

pytest.importorskip("sklearn")

from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from asperity.dynamics.koopman.sklearn_estimator import EDMD


def motion(samples=600, noise=0.0, seed=0):
    """x' = v, v' = -x - x^3 / 2 - v / 50 by small steps, one sample in ten."""
    state, path = np.array([0.9, 0.0]), []
    for i in range(10 * samples):
        if i % 10 == 0:
            path.append(state)
        speed = state[1] + 0.005 * (-state[0] - state[0] ** 3 / 2 - state[1] / 50)
        x = state[0] + 0.01 * speed
        state = np.array([x, speed + 0.005 * (-x - x**3 / 2 - speed / 50)])
    return np.array(path) + noise * np.random.default_rng(seed).normal(size=(samples, 2))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("one", [EDMD(), EDMD(method="qr", relift=True)], ids=["default", "qr"])
def test_it_passes_the_checks_of_scikit_learn(one):
    check_estimator(one)


def test_it_is_the_model_of_the_functions():
    states = motion()
    one = EDMD(Polynomials(3)).fit(states)
    x, y = pairs([states])
    scaling = scaling_of(x)
    model = fit(Polynomials(3), scaling, sums_of(Polynomials(3), scaling, x, y))
    np.testing.assert_array_equal(one.model_.matrix, model.matrix)
    np.testing.assert_array_equal(one.eigenvalues_, eigenpairs(model).value)
    np.testing.assert_array_equal(EDMD(degree=3).fit_pairs(x, y).model_.matrix, model.matrix)
    np.testing.assert_array_equal(EDMD(degree=3).fit_episodes([states]).model_.matrix, model.matrix)
    assert one.transform(states).shape == (600, 10)
    assert one.forecast(states[:2], 5).shape == (5, 2, 2)
    np.testing.assert_array_equal(one.predict(states[:2]), one.forecast(states[:2], 5)[0])


def test_no_pair_spans_two_episodes():
    one, other = motion(300), -2 * motion(200)
    both = EDMD(degree=2).fit_episodes([one, other])
    assert both.model_.sums.samples == 299 + 199


def test_the_degree_is_found_by_predictions_over_the_horizon():
    """Of a hard spring, a linear model is lost over ten steps; blocks of time are held out."""
    search = GridSearchCV(EDMD(horizon=20, relift=True), {"degree": [1, 3, 5]}, cv=TimeSeriesSplit(3))
    search.fit(motion(1500))
    assert search.best_params_["degree"] > 1
    assert search.best_score_ > 0.999
    assert EDMD(horizon=20).fit(motion()).score(motion()) < search.best_score_


def test_units_do_not_matter_and_pipelines_go_through():
    states = motion()
    small = EDMD(degree=3).fit(states * [1e-8, 0.02])
    scaled = make_pipeline(StandardScaler(), EDMD(degree=3)).fit(states)
    np.testing.assert_allclose(np.sort_complex(small.eigenvalues_), np.sort_complex(scaled[-1].eigenvalues_), atol=1e-6)


def test_a_horizon_beyond_the_motion_is_refused():
    with pytest.raises(ArgumentError, match="do not reach a horizon"):
        EDMD(horizon=50).fit(motion(100)).score(motion(40))
