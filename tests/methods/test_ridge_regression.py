"""Kernel regression: its coefficients solve the ridge equation, and it interpolates."""

import numpy as np
import pytest

from mnist_pipeline.methods import ridge_regression
from mnist_pipeline.methods.ridge_regression import RIDGE, STRENGTH


def test_the_coefficients_solve_the_ridge_equation_and_near_rows_share_a_label():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 10)
    rows = np.eye(3)[labels] + 0.1 * rng.random((30, 3))
    fitted = ridge_regression.fit(rows, labels, 3)
    residual = STRENGTH * (np.eye(3)[labels] - 1 / 3) - ridge_regression.scores(
        fitted, fitted.points
    )
    np.testing.assert_allclose(residual, RIDGE * fitted.coefficients, atol=1e-3)
    asked = np.eye(3) + 0.1 * rng.random((3, 3))
    np.testing.assert_array_equal(ridge_regression.scores(fitted, asked).argmax(axis=1), range(3))


def test_each_row_is_scored_by_a_regression_on_all_others(monkeypatch):
    monkeypatch.setattr(ridge_regression, "WIDTH", 1.0)
    monkeypatch.setattr(ridge_regression, "RIDGE", ridge_regression.RIDGE_OF_DOUBT)
    rng = np.random.default_rng(0)
    rows, labels = rng.random((20, 4)), rng.integers(0, 3, 20)
    found = ridge_regression.left_out_scores(rows, labels, 3)
    width = ridge_regression.fit(rows, labels, 3).width
    for row in range(20):
        others = np.delete(np.arange(20), row)
        # The width is that of all rows.
        own = ridge_regression.squared_distances(rows[others], rows[others]).mean()
        monkeypatch.setattr(ridge_regression, "WIDTH", width / own)
        fitted = ridge_regression.fit(rows[others], labels[others], 3)
        expected = ridge_regression.scores(fitted, rows[[row]])
        np.testing.assert_allclose(found[[row]], expected, atol=1e-3)


@pytest.mark.parametrize("count", [1, 3])
def test_rows_that_are_all_equal_have_the_label_of_the_rows(count):
    rows = np.full((count, 5), 0.25)
    fitted = ridge_regression.fit(rows, np.full(count, 2), 3)
    assert ridge_regression.scores(fitted, rows).argmax(axis=1).tolist() == [2] * count


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        (np.zeros((0, 3)), []),
        ([[0, np.nan]], [0]),
        ([[0, 3.0]], [0]),
        ([[0, 1.0]], [3]),
        ([[0, 1.0]], [-1]),
        ([[0, 1.0]], [0, 1]),
    ],
    ids=["no rows", "NaN", "too large", "no class", "negative label", "too many labels"],
)
def test_rows_and_labels_that_cannot_be_fitted_are_refused(rows, labels):
    with pytest.raises(ValueError, match=r"rows|labels"):
        ridge_regression.fit(np.array(rows), np.array(labels, int), 3)
    with pytest.raises(ValueError, match=r"rows|labels"):
        ridge_regression.left_out_scores(np.array(rows), np.array(labels, int), 3)
