"""PCA, mean to eigenvectors with each result kept: 11 rounds against scikit-learn and the notebook's way (quick: 2)."""

from __future__ import annotations

import numpy as np

from benchmarks.bench import Bench
from benchmarks.table import Row, Section, at_least, at_most, seconds
from benchmarks.timing import Rounds, take_turns, timed
from mnist_pipeline import pca

OURS, SKLEARN, NOTEBOOK = "ours", "scikit-learn", "notebook's way"


def chain(pixels: np.ndarray) -> tuple[np.ndarray, ...]:
    """Our steps: the mean, the centred data, the covariance, the eigenvalues, the eigenvectors."""
    mean = pca.mean(pixels)
    centered = pca.center(pixels, mean)
    covariance = pca.covariance(centered)
    return mean, centered, covariance, *pca.eigendecomposition(covariance)


def notebook_chain(pixels: np.ndarray) -> tuple[np.ndarray, ...]:
    """The notebook's way: the same steps, float64 throughout."""
    X = pixels.astype(np.float64)
    mean = X.mean(axis=0)
    centered = X - mean
    covariance = centered.T @ centered / (len(X) - 1)
    eigenvalues, eigenvectors = np.linalg.eigh(covariance)
    return mean, centered, covariance, eigenvalues[::-1], eigenvectors[:, ::-1]


def sklearn_eigenvalues(pixels: np.ndarray) -> np.ndarray:
    """scikit-learn's fused solver on float32, with the cast from bytes."""
    from sklearn.decomposition import PCA

    model = PCA(svd_solver="covariance_eigh").fit(pixels.astype(np.float32))
    return np.asarray(model.explained_variance_)


def measure(bench: Bench) -> Section:
    pixels = bench.train.images.reshape(len(bench.train.images), -1)
    contestants = {
        OURS: lambda: chain(pixels)[3],
        SKLEARN: lambda: sklearn_eigenvalues(pixels),
        NOTEBOOK: lambda: notebook_chain(pixels)[3],
    }
    warm_up = {name: timed(contestant)[0] for name, contestant in contestants.items()}
    bench.say("  warm-up: " + ", ".join(f"{name} {seconds(value)}" for name, value in warm_up.items()))
    rounds = take_turns(contestants, bench.pick(11, 2), bench.say)
    bench.notebook["pca"] = rounds.median(NOTEBOOK)
    errors = _errors(rounds)
    details = {"seconds": rounds.seconds, "warm_up": warm_up, "eigenvalue_errors": errors}
    notes = ["scikit-learn's time holds its cast to float32; ours keeps the centred data and the covariance too"]
    return Section("Principal component analysis", _rows(rounds, errors), notes, details)


def _errors(rounds: Rounds) -> dict[str, float]:
    """Largest difference of an eigenvalue from the float64 ones, over the largest eigenvalue."""
    exact = rounds.results[NOTEBOOK]
    return {name: float(np.abs(rounds.results[name] - exact).max() / exact[0]) for name in (OURS, SKLEARN)}


def _rows(rounds: Rounds, errors: dict[str, float]) -> list[Row]:
    ours = seconds(rounds.median(OURS))
    fused, plain = rounds.ratio(OURS, SKLEARN), rounds.ratio(NOTEBOOK)
    agreement = "eigenvalues within {:.0e} of the largest"
    return [
        Row(
            "PCA vs scikit-learn covariance_eigh", fused.median, "× the time", at_most(1.0), fused.spread,
            fused.rounds, ours, seconds(rounds.median(SKLEARN)), f"theirs within {errors[SKLEARN]:.0e} of float64",
        ),
        Row(
            "PCA vs the notebook's float64", plain.median, "× faster", at_least(4), plain.spread,
            plain.rounds, ours, seconds(rounds.median(NOTEBOOK)), agreement.format(errors[OURS]),
        ),
        Row("PCA: eigenvalues off float64, over the largest", errors[OURS], "", at_most(1e-6)),
    ]  # fmt: skip
