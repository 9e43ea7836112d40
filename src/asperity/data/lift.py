"""The only crossing from xarray to JAX: one compiled, vectorized function in batches of one size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import xarray as xr

__all__ = ["in_batches", "lift"]

Dims = Sequence[Sequence[str]]


def lift(function: Callable[..., Any], core_dims: Dims, output_dims: Dims = ((),), *,
         batch: int = 1024) -> Callable[..., Any]:
    """A function of one curve as a function of data arrays with any further dims.

    Args:
        function: JAX function of one array per entry of ``core_dims``; returns one array, or a tuple
            with one per entry of ``output_dims``. It sees 64-bit numbers.
        core_dims: the dims that each argument of ``function`` has, in order.
        output_dims: the dims of each of its results.
        batch: curves per call; the last batch is padded, so that nothing is compiled twice.

    Returns:
        a function of `xarray.DataArray`; dims beside the core dims are broadcast and vectorized over.
        The precision that the caller has chosen for JAX elsewhere is left alone.

    >>> work = lift(lambda force, height: jax.numpy.trapezoid(force, height), [["sample"], ["sample"]])
    >>> z = xr.DataArray([0.0, 1.0, 2.0], dims="sample")
    >>> work(xr.DataArray([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]], dims=["curve", "sample"]), z).values
    array([2., 2.])
    """
    outputs = len(output_dims)
    compiled = jax.jit(jax.vmap(function))
    ranks = [len(dims) for dims in core_dims]
    batched = partial(_broadcast, compiled, ranks, outputs, batch)

    def lifted(*arrays: xr.DataArray) -> Any:
        return xr.apply_ufunc(batched, *arrays, input_core_dims=core_dims, output_core_dims=output_dims)

    return lifted


def _broadcast(compiled: Callable[..., Any], ranks: Sequence[int], outputs: int, batch: int,
               *arrays: np.ndarray) -> Any:
    """Give all arguments the same leading shape, run them in batches, and give it back to the results."""
    leads = [array.shape[: array.ndim - rank] for array, rank in zip(arrays, ranks, strict=True)]
    lead = np.broadcast_shapes(*leads)
    flat = [np.broadcast_to(_aligned(array, rank, len(lead)), (*lead, *array.shape[array.ndim - rank:]))
            .reshape(-1, *array.shape[array.ndim - rank:]) for array, rank in zip(arrays, ranks, strict=True)]
    results = in_batches(compiled, flat, batch)
    shaped = tuple(result.reshape(*lead, *result.shape[1:]) for result in results)
    return shaped if outputs > 1 else shaped[0]


def _aligned(array: np.ndarray, rank: int, leading: int) -> np.ndarray:
    """New leading axes of length one, so that the axes before the core dims line up."""
    return array.reshape(*(1,) * (leading - array.ndim + rank), *array.shape)


def in_batches(compiled: Callable[..., Any], arrays: Sequence[np.ndarray],
               batch: int) -> tuple[np.ndarray, ...]:
    """Run a vectorized function over the first axis in batches of one size, in 64-bit arithmetic.

    Args:
        compiled: function of arrays (batch, ...), row by row independent; returns one array or a tuple.
        arrays: NumPy arrays with the same first length n (n = 0 is allowed).
        batch: rows per call. The last call is filled up with copies of its first row.

    Returns:
        a tuple of NumPy arrays (n, ...).
    """
    count = len(arrays[0])
    with jax.enable_x64(True):
        if count == 0:
            one = [jax.ShapeDtypeStruct((1, *array.shape[1:]), array.dtype) for array in arrays]
            empty = jax.eval_shape(compiled, *one)
            return tuple(np.zeros((0, *e.shape[1:]), e.dtype) for e in _as_tuple(empty))
        size = min(batch, _power_of_two(count))
        parts = [_as_tuple(compiled(*(_filled(array[start: start + size], size) for array in arrays)))
                 for start in range(0, count, size)]
    return tuple(np.concatenate([np.asarray(part) for part in column])[:count]
                 for column in zip(*parts, strict=True))


def _as_tuple(result: Any) -> tuple[Any, ...]:
    return tuple(result) if isinstance(result, tuple | list) else (result,)


def _filled(rows: np.ndarray, size: int) -> np.ndarray:
    missing = size - len(rows)
    return np.concatenate([rows, np.repeat(rows[:1], missing, axis=0)]) if missing else rows


def _power_of_two(count: int) -> int:
    return 1 << (count - 1).bit_length()
