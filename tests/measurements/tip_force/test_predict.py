"""`asperity.predict` for laws of tables: their own separations, and a dense Gaussian process by other formulas."""

import numpy as np
import pytest

import asperity
from asperity.measurements.tip_force.frequency_shift_law import force_law_of_frequency_shift
from asperity.measurements.tip_force.table_law import force_law_of_table
from asperity.messages import ArgumentError
from tests.measurements.tip_force.test_frequency_shift_law import written as written_shifts
from tests.measurements.tip_force.test_table_law import truth, written

DRAWS = 32
ASKED = np.array([0.35, 0.41, 0.8, 1.55, 2.9, 6.0]) * 1e-9


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    z = np.linspace(0.4, 3.0, 40)
    noise = 0.02 * np.random.default_rng(3).standard_normal(40)
    return force_law_of_table(written(tmp_path_factory.mktemp("predict") / "t.csv", z, truth(z) + noise + 0.1),
                              draws=DRAWS)


@pytest.fixture(scope="module")
def shifts(tmp_path_factory):
    path = written_shifts(tmp_path_factory.mktemp("predict") / "shifts.csv", 5)
    return force_law_of_frequency_shift(path, draws=DRAWS)


def matern(x):
    """Order 5/2, of the distance over the length."""
    x = np.sqrt(5) * np.abs(x)
    return (1 + x + x**2 / 3) * np.exp(-x)


def dense(law):
    """Mean and standard deviation of both parts, and of the whole, at `ASKED`, as a mixture over the draws."""
    z, y = law["bin_separation"].values[0], law["bin_force"].values[0]
    names = law["parameter"].values.tolist()
    length, scale = np.sqrt(z[0] * z[-1]), np.sqrt(np.mean((y - np.median(y[-13:])) ** 2))
    means, variances = [], []
    for draw in law["hyperparameter"].values[0]:
        value = {name: np.exp(one) for name, one in zip(names, draw)}
        gap, noise = value["nearest_separation"], value["noise"]
        at, asked = (z - z[0]) / length + gap, (ASKED - z[0]) / length + gap

        def short(a, b, v=value, gap=gap):
            fall = np.exp(-(a[:, None] + b - 2 * gap) / v["decay"])
            return v["short_std"] ** 2 * fall * matern((a[:, None] - b) / v["length"])

        def far(a, b, v=value):
            return (v["long_std"] ** 2 * (a[:, None] * b) ** -v["exponent"]
                    * matern(np.log(a[:, None] / b) / v["log_length"]))

        along = np.linspace(-1, 1, len(z))
        apart = np.abs(np.subtract.outer(np.arange(len(z)), np.arange(len(z))))
        rest = noise**2 * (value["level"] ** 2 + value["tilt"] ** 2 * np.outer(along, along)
                           + value["drift"] ** 2 * matern(along[:, None] - along)
                           + np.eye(len(z)) + value["slow_noise"] ** 2 * np.exp(-apart / value["memory"]))
        inverse = np.linalg.inv(short(at, at) + far(at, at) + rest)
        cross = [part(asked, at) for part in (short, far)]
        rows = [*cross, sum(cross)]
        own = [part(asked, asked) for part in (short, far)]
        means.append([row @ inverse @ y / scale for row in rows])
        variances.append([np.diag(k - row @ inverse @ row.T) for k, row in zip([*own, sum(own)], rows)])
    means, variances = np.array(means), np.array(variances)
    return scale * means.mean(axis=0), scale * np.sqrt(means.var(axis=0) + variances.mean(axis=0))


def test_a_table_is_told_as_a_dense_process_tells_it(table):
    made = asperity.predict(table, ASKED).isel(curve=0)
    mean, std = dense(table)
    size = np.abs(mean[2]).max()
    np.testing.assert_allclose(made["part_force"].values.T, mean[:2], rtol=1e-7, atol=1e-8 * size)
    np.testing.assert_allclose(made["force"], mean[2], rtol=1e-7, atol=1e-8 * size)
    np.testing.assert_allclose(made["force_std_epistemic"], std[2], rtol=1e-5)
    parts = np.sqrt(np.diagonal(made["part_covariance"].values, axis1=1, axis2=2)).T
    np.testing.assert_allclose(parts, std[:2], rtol=1e-5)


@pytest.mark.parametrize("kind", ["table", "shifts"])
def test_at_its_own_separations_it_is_the_law(kind, request):
    law = request.getfixturevalue(kind)
    again = asperity.predict(law, law["separation"].values[0])
    assert {"force", "force_gradient", "part_covariance", "extrapolated"} <= set(again.data_vars)
    for name in again.data_vars:
        np.testing.assert_allclose(again[name], law[name], rtol=1e-9, atol=1e-12 * float(np.abs(law[name]).max()))


@pytest.mark.parametrize("kind", ["table", "shifts"])
def test_the_gradient_is_the_slope(kind, request):
    z = np.linspace(0.7e-9, 1.5e-9, 401)
    made = asperity.predict(request.getfixturevalue(kind), z).isel(curve=0)
    slope = np.gradient(made["force"].values, z)[1:-1]
    np.testing.assert_allclose(made["force_gradient"][1:-1], slope, rtol=2e-3, atol=1e-4 * np.abs(slope).max())


@pytest.mark.parametrize("kind", ["table", "shifts"])
def test_what_was_not_measured_is_marked(kind, request):
    law = request.getfixturevalue(kind)
    first, last = law["bin_separation"].values[0][[0, -1]]
    made = asperity.predict(law, [0.9 * first, first, (first + last) / 2, last, 1.1 * last, 100 * last])
    np.testing.assert_array_equal(made["extrapolated"][0], [1, 0, 0, 0, 1, 1])
    far = float(made["force_std_epistemic"][0, -1])
    assert far < 0.1 * float(made["force_std_epistemic"][0, 2])
    assert abs(float(made["force"][0, -1])) < 3 * far


@pytest.mark.parametrize("kind", ["table", "shifts"])
def test_nearer_the_band_widens_and_holds_the_mean_and_at_the_zero_nothing_is_told(kind, request):
    law = request.getfixturevalue(kind)
    first = float(law["bin_separation"].values[0, 0])
    made = asperity.predict(law, first * np.array([1.0, 0.95, 0.9, 0.7, 0.5, 0.2, 0.0, -10.0])).isel(curve=0)
    low, mean, high = (made[name].values for name in ("force_low", "force", "force_high"))
    told = np.isfinite(mean)
    assert told[:3].all()
    assert (np.diff((high - low)[:3]) > 0).all()
    assert not told[-2:].any()
    assert ((low <= mean) & (mean <= high))[told].all()
    for name in ("force_low", "force_gradient", "part_force", "part_covariance"):
        assert np.isnan(made[name].values[~told]).all()
        assert np.isfinite(made[name].values[told]).all()
    np.testing.assert_array_equal(made["extrapolated"], [0, 1, 1, 1, 1, 1, 1, 1])


def test_only_a_table_of_forces_has_a_noise_of_the_force(table, shifts):
    made = asperity.predict(table, ASKED)
    np.testing.assert_array_equal(made["force_std_noise"], float(table["noise_std"][0]))
    assert "force_std_noise" not in asperity.predict(shifts, ASKED)


def test_it_is_replayed(table):
    made = asperity.predict(table, ASKED)
    np.testing.assert_array_equal(asperity.replay(made)["force"], made["force"])


@pytest.mark.parametrize(("kind", "name"), [("table", "bin_force"), ("shifts", "bin_frequency_shift"),
                                            ("table", "hyperparameter")])
def test_a_law_without_its_data_is_refused(kind, name, request):
    with pytest.raises(ArgumentError, match="lacks the data"):
        asperity.predict(request.getfixturevalue(kind).drop_vars(name), ASKED)
