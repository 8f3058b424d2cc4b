"""The numbers on a model card are those of the stored results, and its limits follow from them."""

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from mnist_pipeline.data.catalogue import DataSet
from mnist_pipeline.evaluation import champion
from mnist_pipeline.evaluation.robustness import DISTURBANCES
from mnist_pipeline.evaluation.scores import evaluate, wilson_interval
from mnist_pipeline.models import MODELS
from mnist_pipeline.report import card
from mnist_pipeline.report.document import Values
from mnist_pipeline.report.words import percent

SECTIONS = [
    *("Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data"),
    *("Quantitative analyses", "Ethical considerations", "Caveats and recommendations"),
]  # of Mitchell et al., 2019
ORIGIN: dict[str, Any] = {
    "data_version": "ab" * 32, "code_version": "cd" * 8, "config": None, "seed": None, "recipe": None
}  # fmt: skip


def card_of(values: Values, name: str, **changed: Any) -> str:
    """The card of a model if it were the champion."""
    labels = values.predictions[name].labels
    champion = dataclasses.replace(
        values.champion, model=name, labels=labels.tolist(), errors=values.evaluations[name].errors
    )
    described = card.Values(
        champion=champion,
        reason="it is the best so far",
        evaluation=values.evaluations[name],
        files=values.raw_mnist,
        num_train=len(values.train_digits.labels),
        data_set=values.data_set,
        is_current=True,
        comparison=values.model_comparison,
        robustness=values.robustness,
        origins=[ORIGIN, {**ORIGIN, "config": {"num_neighbors": 3, "share": 1 / 12, "epochs": None}, "seed": 7}],
    )
    return card.render(described._replace(**changed))


def with_interval(correct: int, total: int) -> str:
    low, high = wilson_interval(correct, total)
    return f"{percent(correct / total)} ({percent(low)} – {percent(high)})"


def rows(text: str, header: str) -> list[list[str]]:
    """The cells of the table whose first header cell this is."""
    lines = text[text.index(f"| {header} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("name", MODELS)
def test_the_figures_of_the_model_are_there_with_their_intervals(name: str, values: Values) -> None:
    text, found = card_of(values, name), values.evaluations[name]
    assert re.findall("^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert with_interval(found.total - found.errors, found.total) in text
    assert champion.checksum(values.predictions[name].labels) in text
    per_class = rows(text, "digit")
    assert [row[2] for row in per_class] == [
        with_interval(row[label], sum(row)) for label, row in enumerate(found.confusion_matrix)
    ]
    assert {row[0]: row[2] for row in rows(text, "model")} == {
        MODELS[each].title: f"{score.errors:,}" for each, score in values.model_comparison.models.items()
    }
    assert sum("champion" in row for row in rows(text, "model")) == 1
    calibration = found.calibration
    assert rows(text, "measurement")[2][1] == (percent(calibration.expected_error) if calibration else "not measured")


def test_the_disturbances_come_with_their_worst_amount_the_worst_first(values: Values) -> None:
    measured = values.robustness[values.robustness["model"] == "softmax"]
    disturbed = measured[measured["amount"] != measured["disturbance"].map(lambda name: DISTURBANCES[name].neutral)]
    worst = disturbed.groupby("disturbance")["accuracy"].min().sort_values()
    table = rows(card_of(values, "softmax"), "disturbance")
    assert [row[2].split()[0] for row in table] == [percent(accuracy) for accuracy in worst]
    assert {row[0] for row in table} == {DISTURBANCES[str(name)].title for name in worst.index}


def test_settings_are_listed_and_those_without_a_value_left_out(values: Values) -> None:
    text = card_of(values, "knn")
    assert "num neighbors 3, share 0.08333, seed 7." in text
    assert "epochs" not in text


def test_limits_name_the_class_and_the_disturbance_that_it_fails_on(values: Values) -> None:
    true = np.repeat(np.arange(10), 100)
    predicted = np.where((true == 4) & (np.arange(1000) % 4 == 0), 9, true)
    robust = values.robustness.assign(accuracy=1.0)
    robust.loc[(robust["disturbance"] == "shift") & (robust["amount"] == 3), "accuracy"] = 0.5
    text = card_of(values, "cnn", evaluation=evaluate(true, predicted), robustness=robust)
    limits = text.partition("## Caveats")[2]
    assert re.findall("It reads (.) less well", limits) == ["4"]
    assert "9 (25)" in limits
    assert "shift 3 (pixels)." in limits
    fine = card_of(values, "cnn", evaluation=evaluate(true, true), robustness=robust.assign(accuracy=1.0))
    assert "less well" not in fine
    assert "under these disturbances" not in fine


def test_another_data_set_is_described_by_its_own_words(values: Values) -> None:
    own = DataSet("own", "Own things", ("a|b", *"bcdefghij"), noun="thing", handwritten=False)
    text = card_of(values, "mlp", data_set=own)
    assert rows(text.replace("\\|", "/"), "thing")[0][0] == "a/b"
    assert "Handwriting" not in text
    assert "style of writing" not in text
    assert "licence of their publisher" in text


def test_a_class_without_test_images_has_the_widest_interval(values: Values) -> None:
    found = evaluate(np.array([1, 2]), np.array([1, 2]))
    assert rows(card_of(values, "cnn", evaluation=found), "digit")[0][1:3] == ["0", "0.00% (0.00% – 100.00%)"]
