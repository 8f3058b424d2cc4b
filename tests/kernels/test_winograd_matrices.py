"""Winograd's matrices: exactly the convolution, in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_pipeline.kernels.winograd_matrices import POINTS, Matrix, winograd

values = st.fractions(min_value=-9, max_value=9, max_denominator=16)


def product(matrix: Matrix, vector: list[Fraction]) -> list[Fraction]:
    return [sum((a * b for a, b in zip(row, vector, strict=True)), Fraction(0)) for row in matrix]


@pytest.mark.parametrize(("num_results", "num_taps"), [(4, 5), (2, 3), (1, 2), (3, 1), (6, 3), (1, 8)])
@given(data=st.data())
def test_the_matrices_compute_the_convolution_exactly(num_results: int, num_taps: int, data: st.DataObject) -> None:
    n = num_results + num_taps - 1
    x = data.draw(st.lists(values, min_size=n, max_size=n))
    taps = data.draw(st.lists(values, min_size=num_taps, max_size=num_taps))
    matrices = winograd(num_results, num_taps, POINTS[: n - 1])
    factors = [a * b for a, b in zip(product(matrices.kernel, taps), product(matrices.input, x), strict=True)]
    slid = [sum((x[i + k] * taps[k] for k in range(num_taps)), Fraction(0)) for i in range(num_results)]
    assert product(matrices.output, factors) == slid


def test_the_factors_of_images_are_exact_in_binary() -> None:
    matrices = winograd(4, 5)
    for row in matrices.input + matrices.output:
        assert all(Fraction(float(factor)) == factor for factor in row)


@pytest.mark.parametrize("points", [POINTS[:6], [*POINTS[:6], POINTS[0]]])
def test_too_few_points_are_refused(points: list[Fraction]) -> None:
    with pytest.raises(ValueError, match="points"):
        winograd(4, 5, points)
