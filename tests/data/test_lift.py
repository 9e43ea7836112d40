"""The crossing to JAX: any batch size gives the same, padding does not leak, precision is local."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from asperity.data.lift import in_batches, lift


def moments(force, height):
    """Mean of one curve, and its centered product with the height."""
    return jnp.mean(force), (force - jnp.mean(force)) * height


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(1)
    return (xr.DataArray(random.normal(size=(5, 3, 8)), dims=["curve", "segment", "sample"],
                         coords={"curve": np.arange(5) * 10}),
            xr.DataArray(random.normal(size=(3, 8)), dims=["segment", "sample"]))


@pytest.mark.parametrize("batch", [1, 2, 4, 7, 15, 16, 1024])
def test_any_batch_size_gives_what_numpy_gives(data, batch):
    force, height = data
    lifted = lift(moments, [["sample"], ["sample"]], [[], ["sample"]], batch=batch)
    mean, product = lifted(force, height)
    np.testing.assert_allclose(mean, force.mean("sample"), rtol=1e-13, atol=1e-16)
    expected = (force - force.mean("sample")) * height
    np.testing.assert_allclose(product.transpose(*expected.dims), expected, rtol=1e-13, atol=1e-15)
    assert mean.dims == ("curve", "segment")
    np.testing.assert_array_equal(mean["curve"], force["curve"])


def test_arguments_are_broadcast_by_name(data):
    force, _ = data
    swapped = force.transpose("sample", "segment", "curve")
    lifted = lift(lambda f, k: jnp.sum(f) * k, [["sample"], []])
    stiffness = xr.DataArray([1.0, 2.0, 3.0, 4.0, 5.0], dims="curve", coords={"curve": force["curve"]})
    got = lifted(swapped, stiffness)
    xr.testing.assert_allclose(got.transpose("curve", "segment"), force.sum("sample") * stiffness, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(count=st.integers(0, 9), batch=st.integers(1, 5), bad=st.sampled_from([np.nan, np.inf, 1e300]))
def test_padding_and_bad_rows_never_leak(count, batch, bad):
    """A row's result does not depend on its neighbors: one bad row spoils itself alone."""
    rows = np.arange(count * 3.0).reshape(count, 3)
    good, = in_batches(_SUM_OF_SQUARES, [rows], batch)
    assert good.shape == (count,)
    np.testing.assert_array_equal(good, np.sum(rows**2, axis=1))
    if count:
        rows[0] = bad
        spoiled, = in_batches(_SUM_OF_SQUARES, [rows], batch)
        np.testing.assert_array_equal(spoiled[1:], good[1:])
        assert not np.isfinite(spoiled[0])


_SUM_OF_SQUARES = jax.jit(jax.vmap(lambda row: jnp.sum(row**2)))


def test_one_shape_is_compiled_once():
    traces = []

    def counted(row):
        traces.append(row.shape)
        return row + 1.0

    compiled = jax.jit(jax.vmap(counted))
    for count in (9, 12, 16):
        in_batches(compiled, [np.zeros((count, 2))], 4)
    assert traces == [(2,)]


def test_precision_is_double_inside_and_untouched_outside(data):
    before = jax.config.jax_enable_x64
    one = xr.DataArray(np.full(3, 1.0), dims="curve")
    result = lift(lambda x: (x + 2.0**-50) - x, [[]])(one)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, np.full(3, 2.0**-50))
    assert jax.config.jax_enable_x64 == before
    assert jnp.asarray(1.0).dtype == (jnp.float64 if before else jnp.float32)
