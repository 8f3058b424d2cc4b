"""Winograd's matrices: exactly the convolution."""

from fractions import Fraction

import numpy as np

from mnist_pipeline.methods.networks.compiled.winograd import INPUT, KERNEL, OUTPUT

as_fractions = np.vectorize(Fraction, otypes=[object])


def test_the_matrices_compute_the_convolution_exactly() -> None:
    """Both sides are linear in the image and in the kernel, so equal coefficients make them
    equal.
    """
    kernel = np.vectorize(
        lambda factor: Fraction(factor).limit_denominator(1_000), otypes=[object]
    )(KERNEL)
    np.testing.assert_array_equal(
        kernel.astype(np.float64), KERNEL
    )  # each factor is its fraction, rounded
    coefficients = np.einsum("in,nk,nj->ikj", as_fractions(OUTPUT), kernel, as_fractions(INPUT))
    result, tap, pixel = np.indices(coefficients.shape)
    np.testing.assert_array_equal(coefficients, pixel == result + tap)
