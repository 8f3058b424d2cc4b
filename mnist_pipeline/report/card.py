"""The model card of the champion, in Markdown: purpose, data, recipe, accuracy and limits.

References
----------
M. Mitchell, S. Wu, A. Zaldivar, P. Barnes, L. Vasserman, B. Hutchinson, E. Spitzer, I. D. Raji, T.
Gebru, "Model cards for model reporting", FAT* 2019. The sections are those of this paper.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_pipeline.evaluation import robustness
from mnist_pipeline.evaluation.scores import Evaluation, intervals
from mnist_pipeline.methods.table import MODELS, assets_of_models
from mnist_pipeline.report import words
from mnist_pipeline.report.topics import Values
from mnist_pipeline.utils.printable import printable

if TYPE_CHECKING:
    import pandas as pd

READS = (
    *("raw_mnist", "train_digits", "champion", "model_comparison", "robustness"),
    *assets_of_models("predictions", "evaluation"),
)
SYNTAX = re.compile(r"[\\`*_\[\]<>|~&$]")  # what Markdown and HTML interpret within a line
RELIABLE = 0.9  # the card warns of a disturbance if the interval of its accuracy lies below


def render(values: Values) -> str:
    """The card as Markdown; of `origins`, the champion and its model are needed."""
    champion, raw, robust = (values[name] for name in ("champion", "raw_mnist", "robustness"))
    model, evaluation = MODELS[champion.model], values[f"{champion.model}_evaluation"]
    origin = values["origins"][model.model_asset]
    classes = _classes(evaluation, raw.class_names)
    disturbed = _disturbed(robust, champion.model)
    return (
        words.environment(autoescape=False, escaped=_escaped)
        .get_template("card.md.j2")
        .render(  # autoescape is for HTML
            champion=champion,
            reason=values["origins"]["champion"]["reason"],
            evaluation=evaluation,
            raw=raw,
            num_train=len(values["train_digits"].labels),
            comparison=values["model_comparison"],
            origin=origin,
            model=model,
            settings=words.recipe_in_words(origin),
            models=MODELS,
            fingerprint=hashlib.sha256(np.array(champion.labels, np.int64).tobytes()).hexdigest(),
            classes=classes,
            hard_classes=[row for row in classes if row["high"] < evaluation.accuracy],
            disturbed=disturbed,
            under=robustness.summary(robustness.curves(robust), champion.model),
            worst={row["disturbance"].title: row for row in reversed(disturbed)},
            unreliable=[row for row in disturbed if row["high"] < RELIABLE],
            reliable=RELIABLE,
        )
    )


def _escaped(text: str) -> str:
    """A text from the data set, such as the name of a class, as Markdown that shows it."""
    return SYNTAX.sub(r"\\\g<0>", printable(text))


def _classes(evaluation: Evaluation, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Each class with its images, its accuracy, and the most frequent wrong answer."""
    counts = np.array(evaluation.confusion_matrix)
    totals = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    _, highs = intervals(np.array(evaluation.recall), totals)
    return [
        {
            "name": name,
            "total": total,
            "share": share,
            "high": high,
            "mistaken_for": f"{names[wrong.argmax()]} ({wrong.max()})" if wrong.any() else "–",
        }
        for name, total, share, high, wrong in zip(names, totals, evaluation.recall, highs, counts)
    ]


def _disturbed(measured: pd.DataFrame, model: str) -> list[dict[Any, Any]]:
    """The accuracy of a model under each disturbance, the lowest first."""
    rows = measured[measured["model"] == model].sort_values("accuracy", kind="stable")
    _, highs = intervals(rows["accuracy"].to_numpy(), rows["count"].to_numpy())
    disturbed = [
        {**row, "disturbance": robustness.DISTURBANCES[row["disturbance"]], "high": high}
        for row, high in zip(rows.to_dict("records"), highs)
    ]
    return [row for row in disturbed if row["amount"] != row["disturbance"].neutral]
