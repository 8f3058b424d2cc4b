"""The table of the digits that were recognized in a picture."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mnist_pipeline.handwriting.recognizer import NUM_NEIGHBORS_SHOWN, Reading


def of_digits(readings: Sequence[Reading], models: Sequence[str]) -> pd.DataFrame:
    """One row per digit, in reading order."""
    found = [reading.recognition for reading in readings]
    table = pd.DataFrame(
        {"number": range(1, len(found) + 1), "digit": [each.digit for each in found]}
    )
    table["class"] = [each.name for each in found]
    table["probability"] = [each.probability for each in found]
    table[["x", "y", "width", "height"]] = np.reshape(
        [reading.box for reading in readings], (-1, 4)
    ).astype(int)
    for model in models:
        table[model] = [each.digits[model] for each in found]
    for i in range(NUM_NEIGHBORS_SHOWN):
        table[f"nearest_{i + 1}"] = [each.neighbors[i].index for each in found]
    for name in ("looks_like_digit", "models_disagree"):
        table[name] = [getattr(each, name) for each in found]
    return table
