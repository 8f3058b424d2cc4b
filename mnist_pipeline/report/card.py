"""The model card of the champion, in Markdown: purpose, data, recipe, accuracy and limits.

References
----------
M. Mitchell, S. Wu, A. Zaldivar, P. Barnes, L. Vasserman, B. Hutchinson, E. Spitzer, I. D. Raji, T.
Gebru, "Model cards for model reporting", FAT* 2019. The sections are those of this paper.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mnist_pipeline.data.records import RawData
from mnist_pipeline.evaluation import robustness
from mnist_pipeline.evaluation.champion import Champion, checksum
from mnist_pipeline.evaluation.scores import Comparison, Evaluation, wilson_interval
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report import words

if TYPE_CHECKING:
    import pandas as pd

RELIABLE = 0.9  # the card warns of a disturbance if the interval of its accuracy lies below


class Proportion(NamedTuple):
    """A share of images with its 95% Wilson interval."""

    share: float
    low: float
    high: float

    @classmethod
    def of(cls, correct: int, total: int) -> Proportion:
        """The share of correct answers; without images 0, with the interval from 0 to 1."""
        if not total:
            return cls(0.0, 0.0, 1.0)
        return cls(correct / total, *wilson_interval(correct, total))

    def __str__(self) -> str:
        share, low, high = map(words.percent, self)
        return f"{share} ({low} – {high})"


class Values(NamedTuple):
    """What the card describes."""

    champion: Champion
    reason: str | None  # why it was chosen
    evaluation: Evaluation  # of the champion's labels
    raw: RawData  # files with checksums, and what the images are called
    num_train: int
    comparison: Comparison
    robustness: pd.DataFrame
    origins: Sequence[Mapping[str, Any]]  # of the model and its predictions


def render(values: Values) -> str:
    """The card as Markdown."""
    champion, evaluation = values.champion, values.evaluation
    overall = Proportion.of(evaluation.total - evaluation.errors, evaluation.total)
    num_held_out = champion.num_held_out
    classes = list(_classes(evaluation, values.raw.class_names))
    disturbed = _disturbed(values.robustness, champion.model)
    measured: Any = values.robustness.to_dict("list")
    return (
        words.environment(autoescape=False)
        .get_template("card.md.j2")
        .render(  # autoescape is for HTML
            values._asdict(),
            model=MODELS[champion.model],
            settings=words.recipe_in_words(values.origins),
            models=MODELS,
            fingerprint=fingerprint(champion),
            overall=overall,
            held_out=Proportion.of(num_held_out - champion.held_out_errors, num_held_out),
            classes=classes,
            hard_classes=[row for row in classes if row["proportion"].high < overall.share],
            disturbed=disturbed,
            under=robustness.summary(robustness.curves(measured), champion.model),
            worst={row["disturbance"].title: row for row in reversed(disturbed)},
            unreliable=[row for row in disturbed if row["proportion"].high < RELIABLE],
            reliable=RELIABLE,
        )
    )


def fingerprint(champion: Champion) -> str:
    """The SHA-256 of the champion's labels of the test images; the card contains it."""
    return checksum(np.array(champion.labels))


def _classes(evaluation: Evaluation, names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Each class with its images, its accuracy, and the most frequent wrong answer."""
    for label, (name, row) in enumerate(zip(names, evaluation.confusion_matrix, strict=True)):
        wrong = [0 if other == label else count for other, count in enumerate(row)]
        most = max(range(len(wrong)), key=wrong.__getitem__)
        yield {
            "name": name,
            "total": sum(row),
            "proportion": Proportion.of(row[label], sum(row)),
            "mistaken_for": f"{names[most]} ({wrong[most]})" if wrong[most] else "–",
        }


def _disturbed(measured: pd.DataFrame, model: str) -> list[dict[str, Any]]:
    """The accuracy of a model under each disturbance, the lowest first."""
    rows = measured[measured["model"] == model].to_dict("records")
    disturbed = [
        {
            "disturbance": robustness.DISTURBANCES[row["disturbance"]],
            "amount": row["amount"],
            "total": row["count"],
            "proportion": Proportion.of(round(row["accuracy"] * row["count"]), row["count"]),
        }
        for row in rows
        if row["amount"] != robustness.DISTURBANCES[row["disturbance"]].neutral
    ]
    return sorted(disturbed, key=lambda row: row["proportion"].share)
