"""Train a judge, and count what it accepts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mnist_pipeline.handwriting.finder.surroundings import OWN
from mnist_pipeline.handwriting.judge.candidates import Candidates
from mnist_pipeline.handwriting.judge.classes import CLASSES, OTHER
from mnist_pipeline.handwriting.judge.network import Judge
from mnist_pipeline.handwriting.judge.pages import KIND_NAMES
from mnist_pipeline.methods.networks.recipes import Recipe

HELD_OUT = 10  # one in so many candidates is held out, page by page
EPOCHS = 16
RECIPE: dict[str, Any] = {
    "batch_size": 256,
    "learning_rate": 5e-3,
    "betas": (0.9, 0.99),
    "schedule": "one-cycle",
    "label_smoothing": 0.02,
    "batch_norm": True,
}


def fit(
    candidates: Candidates,
    seed: int,
    epochs: int = EPOCHS,
    on_epoch: Callable[[Any], None] | None = None,
) -> tuple[Judge, float]:
    """Train a judge, and return it with its accuracy on the last tenth of the candidates, which it
    has not seen.
    """
    # With torch, which an answer does not need.
    from mnist_pipeline.methods.networks import training
    from mnist_pipeline.methods.networks.judge import JudgeNetwork

    count = len(candidates.labels)
    held_out = np.arange(count - count // HELD_OUT, count)
    network = training.build(JudgeNetwork, len(CLASSES), OWN, seed=seed)
    history = training.train(
        network,
        candidates.surroundings,
        candidates.labels,
        Recipe(epochs=epochs, **RECIPE),
        seed=seed,
        held_out=held_out,
        on_epoch=on_epoch,
    )
    return Judge.of(training.weights(network)), history.epochs[-1].validation_accuracy


def accepted(judge: Judge, candidates: Candidates, least: float) -> pd.DataFrame:
    """How many candidates the judge takes for digits, by kind of page.

    `least` is the least probability of a digit. Columns: kind, digits, accepted_digits, others and
    accepted_others.
    """
    is_digit = candidates.labels < OTHER
    is_accepted = judge.digit_probabilities(candidates.surroundings) >= least
    rows = []
    for number, kind in enumerate(KIND_NAMES):
        own = candidates.kinds == number
        rows.append(
            {
                "kind": kind.replace("_", " "),
                "digits": np.count_nonzero(own & is_digit),
                "accepted_digits": np.count_nonzero(own & is_digit & is_accepted),
                "others": np.count_nonzero(own & ~is_digit),
                "accepted_others": np.count_nonzero(own & ~is_digit & is_accepted),
            }
        )
    return pd.DataFrame(rows)


def accepted_shares(table: pd.DataFrame) -> tuple[float, float]:
    """The accepted shares of all digits and of all other ink, from the table of `accepted`."""
    total = table.sum(numeric_only=True)
    return (
        float(total["accepted_digits"] / max(total["digits"], 1)),
        float(total["accepted_others"] / max(total["others"], 1)),
    )
