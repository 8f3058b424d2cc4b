"""The versions of each model, and what differs between two of them or between the states after two
runs.

A version of a model is named by its predictions of the test images: by the data version of
`NAME_predictions`. Wherever a version is named, the first digits are enough.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.evaluation import scores
from mnist_pipeline.methods.table import MODELS, STORED, Model
from mnist_pipeline.utils.reported import ReportedError

RAW, TEST_SET = "raw_mnist", "test_digits"
DIGITS = 12  # of a version, as people see it
# Attributes of a version that two versions can differ in.
ASPECTS = ("configuration", "code", "data", "libraries")
SERVING = ("champion", "recognizer")  # what answers people
RECORDED = (*STORED, *SERVING)  # the assets whose records are read


class Record(NamedTuple):
    """A run that computed a stored value of an asset, and what was recorded about it."""

    asset: str
    data_version: str
    time: float  # when it was computed, in seconds since 1970
    run: str
    code_version: str | None = None
    inputs: Mapping[str, str] = {}  # data versions of the inputs, by asset
    metadata: Mapping[str, Any] = {}  # numbers, texts, and JSON
    figures: Mapping[str, Any] = {}  # size and SHA-256, by name
    present: bool = True  # whether it is the current version of the asset


class ModelVersion(NamedTuple):
    """A version of a model, with its result on the test images if it was evaluated."""

    version: str
    model: str
    time: str  # ISO 8601, UTC
    run: str
    seed: int | None
    configuration: Mapping[str, Any]  # by `asset.setting`
    code: Mapping[str, str | None]  # code versions by asset
    data: Mapping[str, str]  # data versions of what the model was fitted and evaluated on, by asset
    libraries: Mapping[str, str]
    seconds: float | None
    accuracy: float | None
    errors: int | None
    interval: tuple[float, float] | None
    present: bool  # whether it is the version that the assets of the model store now
    champion: bool  # whether it is, or was, the champion
    in_service: bool  # whether it is the champion now


class Answers(NamedTuple):
    """What a version answered, and to which images."""

    labels: np.ndarray  # integers (n_test,)
    test_set: DigitSet
    class_names: Sequence[str]


class NotFoundError(ReportedError, LookupError):
    """The name matches no version or run, or several. The message lists them."""


Records = Mapping[str, Sequence[Record]]  # of each asset, the oldest first


def of_models(records: Records, until: float = math.inf) -> list[ModelVersion]:
    """All versions of all models that were computed until a time, the latest first."""
    # By version, so that the latest record of one replaces the earlier ones.
    computed = {
        record.data_version: (record.time, _model_version(model, record, records))
        for model in MODELS.values()
        for record in records[model.predictions_asset]
        if record.time <= until
    }
    return [version for _, version in sorted(computed.values(), key=itemgetter(0), reverse=True)]


def _model_version(model: Model, predictions: Record, records: Records) -> ModelVersion:
    version = predictions.data_version
    fits = {record.data_version: record for record in records[model.model_asset]}
    fit = fits.get(predictions.inputs.get(model.model_asset, ""))
    evaluations = {
        record.inputs.get(model.predictions_asset): record
        for record in records[model.evaluation_asset]
    }
    evaluation = evaluations.get(version)
    # Whether each champion of this version is in service.
    champions = [
        record.present
        for record in records["champion"]
        if record.metadata.get("version") == version
    ]
    chain = [record for record in (fit, predictions, evaluation) if record]
    fitted = fit.metadata if fit else {}
    scores = evaluation.metadata if evaluation else {}
    seconds: list[Any] = [step.get("seconds") for step in (fitted, predictions.metadata)]
    settings = {**fitted.get("config", {}), "seed": fitted.get("seed")}
    return ModelVersion(
        version=version,
        model=model.name,
        time=datetime.fromtimestamp(predictions.time, timezone.utc).isoformat(timespec="seconds"),
        run=predictions.run,
        seed=settings["seed"],
        configuration={
            f"{model.model_asset}.{name}": setting
            for name, setting in settings.items()
            if setting is not None
        },
        code={record.asset: record.code_version for record in chain},
        data={
            asset: data_version
            for record in chain
            for asset, data_version in record.inputs.items()
            if asset not in STORED
        },
        libraries=fitted.get("libraries", {}),
        seconds=None if None in seconds else round(sum(seconds), 3),
        accuracy=scores.get("accuracy"),
        errors=scores.get("errors"),
        interval=(scores["interval_low"], scores["interval_high"]) if scores else None,
        present=predictions.present,
        champion=bool(champions),
        in_service=any(champions),
    )


def find(name: str, records: Records) -> tuple[str, list[ModelVersion]]:
    """What a name stands for, in words, and its versions: the one of that name, or one per model
    after the run.

    Raises NotFoundError unless the name begins exactly one version or run.
    """
    runs = last_runs(records)
    versions = {version.version: version for version in of_models(records)}
    matches = [known for known in (*runs, *versions) if name and known.startswith(name)]
    if len(matches) != 1:
        of_versions = ", ".join(version[:DIGITS] for version in versions)
        of_runs = ", ".join(run[:8] for run in runs)
        raise NotFoundError(
            f"{name!a} matches {len(matches) or 'none'} of the versions ({of_versions or 'none'}) "
            f"and runs ({of_runs or 'none'})"
        )
    if matches[0] in runs:
        return f"run {matches[0][:8]}", after_run(matches[0], records)
    version = versions[matches[0]]
    return f"{MODELS[version.model].short_title} {version.version[:DIGITS]}", [version]


def last_runs(records: Records) -> list[str]:
    """The runs that computed predictions of models, the latest last."""
    runs = {record.run for model in MODELS.values() for record in records[model.predictions_asset]}
    return sorted(runs, key=lambda run: _end(run, records))


def _end(run: str, records: Records) -> float:
    """When a run computed its last value."""
    return max(
        record.time for of_asset in records.values() for record in of_asset if record.run == run
    )


def after_run(run: str, records: Records) -> list[ModelVersion]:
    """The version of each model when a run had ended, in the order of the table of models."""
    ended = _end(run, records)
    # The last record of a value counts: one until then, or one of a later run, which may have
    # evaluated these predictions.
    ordered = {
        asset: sorted(of_asset, key=lambda record: record.time <= ended)
        for asset, of_asset in records.items()
    }
    latest = {version.model: version for version in reversed(of_models(ordered, ended))}
    return [latest[model] for model in MODELS if model in latest]


def compare(
    before: Sequence[ModelVersion],
    after: Sequence[ModelVersion],
    read_answers: Callable[[ModelVersion], Answers | None],
) -> dict[str, Any]:
    """What differs between versions of models, as plain values.

    `configuration`, `code`, `data` and `libraries` list what differs. `models` has the results of
    each pair: of each model that is on both sides, or of the only versions. A pair is compared on
    the test images that both versions were evaluated on, and an image whose label changed is
    another image. A pair has no numbers if the versions have no such image in common, if the
    classes differ, or if predictions or test images are not stored.

    Parameters
    ----------
    before, after : sequences of ModelVersion
        Either at most one version per model, or a single version of any model.
    read_answers : callable
        Returns the answers of a version, None if they or their test images are not stored.
    """
    is_one_pair = len(before) == len(after) == 1
    pairs = [(old, new) for old in before for new in after if is_one_pair or old.model == new.model]
    return {
        **{aspect: _differences(aspect, pairs) for aspect in ASPECTS},
        "models": [
            {
                "before": old._asdict(),
                "after": new._asdict(),
                **_paired(read_answers(old), read_answers(new)),
            }
            for old, new in pairs
        ],
    }


def _differences(
    aspect: str, pairs: Sequence[tuple[ModelVersion, ModelVersion]]
) -> list[dict[str, Any]]:
    """The entries of an attribute that differ between the two sides."""
    old = {name: value for before, _ in pairs for name, value in getattr(before, aspect).items()}
    new = {name: value for _, after in pairs for name, value in getattr(after, aspect).items()}
    names = [name for name in old | new if old.get(name) != new.get(name)]
    return [{"name": name, "before": old.get(name), "after": new.get(name)} for name in names]


def _paired(old: Answers | None, new: Answers | None) -> dict[str, Any]:
    """The comparison of two versions on the images that both answered; empty without any."""
    if old is None or new is None or old.class_names != new.class_names:
        return {}
    of_old, of_new = _common(old.test_set, new.test_set)
    if not len(of_new):
        return {}
    before, after, true = old.labels[of_old], new.labels[of_new], new.test_set.labels[of_new]
    was_right, is_right = before == true, after == true
    changed = before != after
    fixed, broken = scores.only_one_correct(is_right, was_right)
    low, high = scores.difference_interval(fixed, broken, len(true))
    classes = int(true.max()) + 1
    return {
        "images": {"before": len(old.labels), "after": len(new.labels), "common": len(true)},
        "class_names": list(new.class_names),
        "fixed": fixed,
        "broken": broken,
        "difference": (fixed - broken) / len(true),
        "difference_interval": [low, high],
        "p_value": scores.mcnemar_p_value(fixed, broken),
        "errors_by_class": {
            "before": np.bincount(true[~was_right], minlength=classes).tolist(),
            "after": np.bincount(true[~is_right], minlength=classes).tolist(),
        },
        "disagreements": of_new[changed].tolist(),
        "labels": {"before": before[changed].tolist(), "after": after[changed].tolist()},
    }


def _common(old: DigitSet, new: DigitSet) -> np.ndarray:
    """The images that both sets have with the same label, (2, n_common): their indices in the old
    set, and in the new set.
    """
    places = defaultdict(list)
    for index, image in enumerate(old.contents):
        places[image].append(index)
    pairs = [(places[image].pop(0), i) for i, image in enumerate(new.contents) if places[image]]
    return np.array(pairs, int).reshape(-1, 2).T
