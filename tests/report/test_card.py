"""The numbers on a model card are those of the stored results, and its limits follow from them."""

import dataclasses
import hashlib
import html
import re
from typing import Any

import markdown_it
import numpy as np
import pytest

from mnist_pipeline.data.records import DataSet, RawData
from mnist_pipeline.evaluation.scores import Evaluation, evaluate, wilson_interval
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report import card
from mnist_pipeline.report.topics import Values
from mnist_pipeline.report.words import percent
from mnist_pipeline.utils.printable import printable

ORIGIN: dict[str, Any] = {
    "data_version": "ab" * 32,
    "code_version": "cd" * 8,
    "config": {"num_neighbors": 3, "share": 1 / 12, "epochs": None},
    "seed": 7,
    "recipe": None,
}


def card_of(values: Values, name: str, **changed: Any) -> str:
    """The card of a model if it were the champion."""
    labels, evaluation = values[f"{name}_predictions"].labels, values[f"{name}_evaluation"]
    described = {
        "champion": dataclasses.replace(
            values["champion"], model=name, labels=labels.tolist(), errors=evaluation.errors
        ),
        "origins": {f"{name}_model": ORIGIN, "champion": {"reason": "it is the best so far"}},
    }
    return card.render({**values, **described, **changed})


def evaluated(true: np.ndarray, predicted: np.ndarray) -> Evaluation:
    return evaluate(true, predicted, np.eye(10)[predicted])


def with_interval(correct: int, total: int) -> str:
    low, high = wilson_interval(correct, total)
    return f"{percent(correct / total)} ({percent(low)} – {percent(high)})"


def rows(text: str, header: str) -> list[list[str]]:
    """The cells of the table whose first header cell this is."""
    lines = text[text.index(f"| {header} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("name", MODELS)
def test_the_figures_of_the_model_are_there_with_their_intervals(name: str, values: Values) -> None:
    text, found = card_of(values, name), values[f"{name}_evaluation"]
    assert with_interval(found.total - found.errors, found.total) in text
    labels = values[f"{name}_predictions"].labels.astype(np.int64)
    assert hashlib.sha256(labels.tobytes()).hexdigest() in text
    assert "3 nearest images vote, share 0.08333, seed 7." in text
    by_class = [
        with_interval(row[label], sum(row)) for label, row in enumerate(found.confusion_matrix)
    ]
    assert [row[2] for row in rows(text, "digit")] == by_class
    errors = {
        MODELS[each].title: f"{score.errors:,}"
        for each, score in values["model_comparison"].models.items()
    }
    assert {row[0]: row[2] for row in rows(text, "model")} == errors
    lowest = values["robustness"][values["robustness"]["model"] == name]["accuracy"].min()
    assert rows(text, "disturbance")[0][2].startswith(percent(lowest))


def test_limits_name_the_class_and_the_disturbance_that_the_model_fails_on(values: Values) -> None:
    true = np.repeat(np.arange(10), 100)
    predicted = np.where((true == 4) & (np.arange(1000) % 4 == 0), 9, true)
    robust = values["robustness"].assign(accuracy=1.0)
    robust.loc[(robust["disturbance"] == "shift") & (robust["amount"] == 3), "accuracy"] = 0.5
    limits = card_of(
        values, "cnn", cnn_evaluation=evaluated(true, predicted), robustness=robust
    ).partition("## Caveats")[2]
    assert re.findall("It classifies (.) less well", limits) == ["4"]
    assert "9 (25)" in limits
    assert "shift 3 (pixels)." in limits
    fine = card_of(
        values, "cnn", cnn_evaluation=evaluated(true, true), robustness=robust.assign(accuracy=1.0)
    )
    assert not re.search("less well|under these disturbances", fine)


def test_another_data_set_is_described_by_its_own_words(values: Values) -> None:
    names = ("a|b", "_<b>c</b>_", "[d](e) & `f`", "\x1b[31m", *"hijklm")
    own = DataSet("own", "*Own* things", names, noun="<thing>", handwritten=False)
    one = evaluated(np.array([1, 2]), np.array([1, 3]))
    text = card_of(values, "mlp", raw_mnist=RawData((), own), mlp_evaluation=one)
    shown = markdown_it.MarkdownIt().enable("table").render(text)
    cells = [html.unescape(cell) for cell in re.findall("<t[dh]>(.*)</t[dh]>", shown)]
    assert set(map(printable, names)) < set(cells)
    row = cells.index("<thing>") + 4
    assert cells[row : row + 3] == ["a|b", "0", "0.00% (0.00% – 100.00%)"]
    assert "(*Own* things)" in shown
    assert "1 error |" in text
    assert not re.search("Handwriting|style of writing", text)


@pytest.mark.parametrize(
    ("data_set", "told", "untold"),
    [
        (DataSet(), "28×28 grey levels|bright on black", "inverted|whole picture|colour"),
        (DataSet(inverted=True), "bright on black|inverted", "whole picture|colour"),
        (
            DataSet(whole_pictures=True, color=True, ground="#ff8000"),
            "whole picture|28×28 pixels in colour|#ff8000",
            "bright on black|grey levels|ink",
        ),
    ],
)
def test_the_card_says_how_a_picture_is_converted(
    data_set: DataSet, told: str, untold: str, values: Values
) -> None:
    text = card_of(values, "mlp", raw_mnist=RawData((), data_set))
    assert text.startswith("# Model card")
    use = text.partition("## Intended use")[2].partition("##")[0]
    assert set(re.findall(told, use)) == set(told.split("|"))
    assert not re.search(untold, use)
