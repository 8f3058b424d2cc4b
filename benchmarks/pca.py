"""PCA of 60,000 digits, from mean to eigenvectors: 11 rounds against scikit-learn and float64."""

from __future__ import annotations

import numpy as np

from benchmarks.bench import Bench, rows
from benchmarks.table import Table, seconds, times, with_range
from benchmarks.timing import take_turns
from mnist_pipeline.methods import pca

OURS = "this project"
SKLEARN = "scikit-learn, covariance_eigh"
NOTEBOOK = "the notebook's code, float64"


def our_steps(pixels: np.ndarray) -> tuple[np.ndarray, ...]:
    """The mean, the centred data, the covariance, the eigenvalues and the eigenvectors."""
    mean = pca.mean(pixels)
    centered = pca.center(pixels, mean)
    covariance = pca.covariance(centered)
    return mean, centered, covariance, *pca.eigendecomposition(covariance)


def notebook_steps(pixels: np.ndarray) -> tuple[np.ndarray, ...]:
    """The same steps in float64 throughout."""
    X = pixels.astype(np.float64)
    mean = X.mean(axis=0)
    centered = X - mean
    covariance = centered.T @ centered / (len(X) - 1)
    eigenvalues, eigenvectors = np.linalg.eigh(covariance)
    return mean, centered, covariance, eigenvalues[::-1], eigenvectors[:, ::-1]


def sklearn_eigenvalues(pixels: np.ndarray) -> np.ndarray:
    """scikit-learn's fused solver in float32, with the conversion from bytes.

    It keeps no centred data.
    """
    from sklearn.decomposition import PCA

    model = PCA(svd_solver="covariance_eigh").fit(pixels.astype(np.float32))
    return np.asarray(model.explained_variance_)


def measure(bench: Bench) -> Table:
    """Compare the times, and the eigenvalues with eigenvalues in float64."""
    pixels = rows(bench.train)
    contestants = {
        OURS: lambda: our_steps(pixels)[3],
        SKLEARN: lambda: sklearn_eigenvalues(pixels),
        NOTEBOOK: lambda: notebook_steps(pixels)[3],
    }
    for contestant in contestants.values():
        contestant()  # load libraries and compiled code
    rounds = take_turns(contestants, 11, bench.say)
    exact = rounds.results[NOTEBOOK]
    header = ("", "time", "this project is faster by", "error of the eigenvalues")
    table = Table("PCA", header)
    for name in contestants:
        faster = "" if name == OURS else with_range(rounds.ratios(name, OURS), times)
        error = np.abs(rounds.results[name] - exact).max() / exact[0]
        shown = "" if name == NOTEBOOK else f"{error:.0e} of the largest"
        table.rows.append((name, seconds(rounds.median(name)), faster, shown))
    return table
