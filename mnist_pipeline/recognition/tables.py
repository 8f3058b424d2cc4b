"""The table of the digits that were recognized in a picture."""

from collections.abc import Sequence

import pandas as pd

from mnist_pipeline.recognition.recognizer import NUM_NEIGHBORS_SHOWN, Reading


def of_digits(readings: list[Reading], models: Sequence[str]) -> pd.DataFrame:
    """One row per digit, in reading order."""
    columns = ["number", "digit", "class", "probability", "x", "y", "width", "height", *models]
    columns += [f"nearest_{i}" for i in range(1, NUM_NEIGHBORS_SHOWN + 1)] + [
        "unusual",
        "looks_like_digit",
        "models_disagree",
    ]
    rows = [
        (
            number,
            answer.digit,
            answer.name,
            answer.probability,
            *box,
            *(answer.digits[model] for model in models),
            *(near.index for near in answer.neighbors),
            answer.unusual,
            answer.looks_like_digit,
            answer.models_disagree,
        )
        for number, (box, _, answer, *_) in enumerate(readings, 1)
    ]
    return pd.DataFrame(rows, columns=columns)
