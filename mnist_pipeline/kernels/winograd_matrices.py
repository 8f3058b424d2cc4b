"""Winograd's convolution: the three matrices by which a short convolution takes the fewest multiplications.

A kernel g of r taps slides over m + r - 1 values d; its m results are ``Aᵀ[(G g) ∘ (Bᵀ d)]``, with one multiplication
per value instead of m · r. Multiplying two polynomials by evaluating them at points, multiplying the values and
interpolating takes as few multiplications; a sliding product is the transpose of a product of polynomials, so the
matrices are the transposes of evaluation and interpolation. In two dimensions each matrix is applied to rows and to
columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

Matrix = list[list[Fraction]]

# The points of evaluation: small, far apart, exact in binary, and in pairs of opposite sign.
POINTS = tuple(Fraction(point) for point in ("0", "1", "-1", "2", "-2", "1/2", "-1/2"))


@dataclass(frozen=True)
class Winograd:
    """The matrices of a one-dimensional convolution, exactly.

    Attributes
    ----------
    output : list of list of Fraction
        Aᵀ, of shape (m, n), n = m + r - 1: from products to results.
    kernel : list of list of Fraction
        G, of shape (n, r): from the taps of a kernel to its factors.
    input : list of list of Fraction
        Bᵀ, of shape (n, n): from values to theirs.
    """

    output: Matrix
    kernel: Matrix
    input: Matrix


def winograd(num_results: int, num_taps: int, points: Sequence[Fraction] = POINTS) -> Winograd:
    """The matrices for m = `num_results` results of a kernel with r = `num_taps` taps [1]_, [2]_.

    `points` are m + r − 2 different numbers; the last point is infinity.

    References
    ----------
    .. [1] S. Winograd, "Arithmetic complexity of computations", SIAM, 1980.
    .. [2] A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.

    Examples
    --------
    >>> found = winograd(2, 3, POINTS[:3])
    >>> [int(factor) for factor in found.input[0]]
    [-1, 0, 1, 0]
    """
    if len(points) != num_results + num_taps - 2 or len(set(points)) != len(points):
        raise ValueError(
            f"points contains {len(set(points))} different points; "
            f"{num_results} results of {num_taps} taps need {num_results + num_taps - 2}, each once."
        )
    others = [[other for other in points if other != point] for point in points]
    scales = [prod((point - other for other in rest), start=Fraction(1)) for point, rest in zip(points, others)]
    output = [[point**i for point in points] + [_one_at(num_results - 1, i)] for i in range(num_results)]
    kernel = [[point**k / scale for k in range(num_taps)] for point, scale in zip(points, scales)]
    kernel.append([_one_at(num_taps - 1, k) for k in range(num_taps)])
    values = [[*_polynomial(rest), Fraction(0)] for rest in others]
    values.append(_polynomial(points))
    return Winograd(output, kernel, values)


def transposed(matrix: Matrix) -> Matrix:
    """The transpose of a matrix."""
    return [list(column) for column in zip(*matrix, strict=True)]


def _one_at(place: int, i: int) -> Fraction:
    return Fraction(int(i == place))


def _polynomial(roots: Sequence[Fraction]) -> list[Fraction]:
    """Coefficients, constant first, of the product of (x - root)."""
    coefficients = [Fraction(1)]
    for root in roots:
        times_x, times_root = [Fraction(0), *coefficients], [*coefficients, Fraction(0)]
        coefficients = [a - root * b for a, b in zip(times_x, times_root)]
    return coefficients
