"""Tables of recognized digits: of a picture, and of all pictures by day, in which a drift of what people send shows."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import NamedTuple

import pandas as pd

from mnist_pipeline.evaluation.scores import wilson_interval
from mnist_pipeline.recognition.recognizer import NUM_NEIGHBORS_SHOWN, Reading

NUM_LATEST = 7  # days with digits that checks are about
MIN_DIGITS = 30  # fewer show no drift
MAX_UNFAMILIAR = 0.25  # share of the digits unlike any other
SHARE = "share_of_{}"  # the column of a class


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


def by_day(tables: Mapping[str, pd.DataFrame], times: Mapping[str, float], classes: Sequence[str]) -> pd.DataFrame:
    """One row per day (UTC) on which pictures were read, from the table of each picture and its time."""
    columns = ["day", "pictures", "digits", "unfamiliar", *map(SHARE.format, classes)]
    of_day: dict[str, list[pd.DataFrame]] = {}
    for name in sorted(tables, key=lambda name: times[name]):
        day = datetime.fromtimestamp(times[name], timezone.utc).date().isoformat()
        of_day.setdefault(day, []).append(tables[name])
    rows = []
    for day, found in of_day.items():
        digits = pd.concat([table[["class", "looks_like_digit"]] for table in found])
        total = len(digits)
        shares = [float((digits["class"].astype(str) == name).sum()) / max(total, 1) for name in classes]
        unfamiliar = float((~digits["looks_like_digit"].astype(bool)).sum()) / max(total, 1)
        rows.append((day, len(found), total, unfamiliar, *shares))
    return pd.DataFrame(rows, columns=columns)


class Latest(NamedTuple):
    """The digits of the latest days: how many, the share unlike any other, and of each class."""

    digits: int
    unfamiliar: float
    least_unfamiliar: float  # the low end of the 95% interval, so that a few odd digits are no drift
    shares: dict[str, float]
    least_of_largest: float  # that of the most frequent class


def latest(days: pd.DataFrame, classes: Sequence[str]) -> Latest:
    """The digits of the latest `NUM_LATEST` days with digits."""
    recent = days[days["digits"] > 0].tail(NUM_LATEST)
    weights = recent["digits"]
    total = int(weights.sum())

    def share(column: str) -> float:
        return float((recent[column] * weights).sum()) / max(total, 1)

    def least(value: float) -> float:
        return wilson_interval(round(value * total), total)[0] if total >= MIN_DIGITS else 0.0

    unfamiliar, shares = share("unfamiliar"), {name: share(SHARE.format(name)) for name in classes}
    return Latest(total, unfamiliar, least(unfamiliar), shares, least(max(shares.values(), default=0.0)))


def max_share(num_classes: int) -> float:
    """The largest share of a class that is no drift: half of the digits, and more if there are few classes."""
    return max(0.5, 1.8 / num_classes)
