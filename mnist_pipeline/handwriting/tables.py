"""The table of the digits that were recognized in a picture."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mnist_pipeline.handwriting.recognizer import Reading
from mnist_pipeline.methods.knn.method import NUM_NEIGHBORS_SHOWN


def of_digits(readings: Sequence[Reading], models: Sequence[str]) -> pd.DataFrame:
    """One row per digit, in reading order."""
    answers = [reading.recognition for reading in readings]
    columns: dict[str, Sequence[object]] = {
        "number": range(1, len(answers) + 1),
        "digit": [answer.digit for answer in answers],
        "class": [answer.name for answer in answers],
        "probability": [answer.probability for answer in answers],
    }
    table = pd.DataFrame(columns)
    boxes = np.reshape([reading.box for reading in readings], (-1, 4))
    table[["x", "y", "width", "height"]] = boxes.astype(int)
    for model in models:
        table[model] = [answer.digits[model] for answer in answers]
    for i in range(NUM_NEIGHBORS_SHOWN):
        table[f"nearest_{i + 1}"] = [answer.neighbors[i].index for answer in answers]
    table["looks_like_digit"] = [answer.looks_like_digit for answer in answers]
    table["models_disagree"] = [answer.models_disagree for answer in answers]
    return table
