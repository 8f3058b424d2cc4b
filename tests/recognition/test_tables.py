"""The pictures of the inbox by day, and the limits beyond which they count as drift."""

import pandas as pd
import pytest

from mnist_pipeline.recognition import tables

CLASSES = ("3", "7")
DAY = 86_400.0


def picture(classes: str, unfamiliar: int = 0) -> pd.DataFrame:
    """The table of a picture: a digit per character, of which the last ones look like no digit."""
    familiar = [place < len(classes) - unfamiliar for place in range(len(classes))]
    return pd.DataFrame({"class": list(classes), "looks_like_digit": familiar})


def test_days_have_the_shares_of_all_their_digits() -> None:
    read = {"a": picture("37"), "b": picture("33", unfamiliar=1), "c": picture("")}
    days = tables.by_day(read, {"a": DAY, "b": DAY + 5, "c": 3 * DAY, "d": 9 * DAY}, CLASSES)
    assert days.to_dict("records") == [
        {"day": "1970-01-02", "pictures": 2, "digits": 4, "unfamiliar": 0.25, "share_of_3": 0.75, "share_of_7": 0.25},
        {"day": "1970-01-04", "pictures": 1, "digits": 0, "unfamiliar": 0.0, "share_of_3": 0.0, "share_of_7": 0.0},
    ]


def test_only_the_latest_days_count_each_with_its_digits() -> None:
    read = {str(day): picture("7", unfamiliar=1) if day == 0 else picture("3") for day in range(tables.NUM_LATEST + 1)}
    days = tables.by_day(read, {name: float(name) * DAY for name in read}, CLASSES)
    found = tables.latest(days, CLASSES)
    assert (found.digits, found.unfamiliar) == (tables.NUM_LATEST, 0)
    assert found.shares == {"3": 1, "7": 0}


@pytest.mark.parametrize(("number", "is_drift"), [(tables.MIN_DIGITS - 1, False), (tables.MIN_DIGITS, True)])
def test_a_few_strange_digits_are_no_drift_and_many_are(number: int, is_drift: bool) -> None:
    days = tables.by_day({"a": picture("3" * number, unfamiliar=number)}, {"a": DAY}, CLASSES)
    found = tables.latest(days, CLASSES)
    assert (found.least_unfamiliar > tables.MAX_UNFAMILIAR) == is_drift
    assert (found.least_of_largest > 0.8) == is_drift


def test_without_pictures_nothing_drifts() -> None:
    found = tables.latest(tables.by_day({}, {}, CLASSES), CLASSES)
    assert (found.digits, found.unfamiliar, found.least_unfamiliar, found.least_of_largest) == (0, 0, 0, 0)
