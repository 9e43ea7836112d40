"""The two defects of jax that would make asperity's numbers wrong (jax-ml/jax#39103, #39257)."""

import pytest

from asperity.diagnosis import matrix_vector_error, survives


@pytest.mark.parametrize(("rows", "columns"), [(16_385, 3), (40_000, 3), (16_385, 7), (33_000, 2)])
def test_matrix_vector_product_and_sum_is_right_when_compiled(rows, columns):
    assert matrix_vector_error(rows, columns) < 1e-14


def test_rank_eight_reduction_neither_crashes_nor_errs():
    alive, answer = survives("from asperity.diagnosis import rank_eight_error; print(rank_eight_error())")
    assert alive, answer
    assert float(answer) < 1e-5
