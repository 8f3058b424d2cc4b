"""The versions of each model, and what differs between two of them or between the states after two
runs.

A version is named by the SHA-256 of what its training stored. Wherever a version is named, the
first digits are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

import numpy as np

from mnist_pipeline.evaluation import scores
from mnist_pipeline.models import MODELS, STORED, Model

TEST_SET = "test_digits"
DIGITS = 12  # of a version, as people see it
ASPECTS = (
    "configuration",
    "code",
    "data",
    "libraries",
)  # attributes of a version that two versions can differ in


@dataclass(frozen=True)
class Record:
    """A value that an asset has or had, and what was recorded about it."""

    asset: str
    data_version: str
    time: float  # when it was computed, in seconds since 1970
    run: str
    code_version: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)  # data versions of the inputs, by asset
    metadata: Mapping[str, Any] = field(default_factory=dict)  # numbers, texts, and JSON
    present: bool = True  # whether it is the current version of the asset


@dataclass(frozen=True)
class ModelVersion:
    """A version of a model, with its result on the test images if it was evaluated."""

    version: str
    model: str
    time: str  # ISO 8601, UTC
    run: str
    seed: int | None
    configuration: Mapping[str, Any]  # by `asset.setting`
    code: Mapping[str, str | None]  # code versions by asset
    data: Mapping[
        str, str
    ]  # data versions of the assets that the model was fitted and evaluated on
    libraries: Mapping[str, str]
    seconds: float | None
    accuracy: float | None
    errors: int | None
    interval: tuple[float, float] | None
    present: bool  # whether it is the version that the assets of the model store now
    champion: bool  # whether it is, or was, the champion
    in_service: bool  # whether it is the champion now


class NotFoundError(LookupError):
    """No version or run has a name, or several have; the message says which there are."""


Records = Mapping[str, Sequence[Record]]  # of each asset, the oldest first


def of_models(records: Records) -> list[ModelVersion]:
    """All versions of all models, the latest first."""
    champions = {
        record.metadata.get("version"): record.present for record in records.get("champion", ())
    }
    found = []
    for model in MODELS.values():
        for version, chain in _chains(model, records).items():
            found.append(_model_version(model, version, chain, champions))
    return sorted(found, key=lambda each: each.time, reverse=True)


def predictions(version: ModelVersion, records: Records) -> Record | None:
    """The predictions of the test images by a version of a model."""
    model = MODELS[version.model]
    return _chains(model, records)[version.version].get(model.predictions_asset)


def _chains(model: Model, records: Records) -> dict[str, dict[str, Record]]:
    """The latest records of the fitted model, the predictions and the evaluation of each version,
    by asset.
    """
    fitted = {record.data_version: record for record in records.get(model.model_asset, ())}
    predicted = {record.data_version: record for record in records.get(model.predictions_asset, ())}
    evaluated = {
        record.inputs.get(model.predictions_asset): record
        for record in records.get(model.evaluation_asset, ())
    }
    chains: dict[str, dict[str, Record]] = {}
    if model.predictions_asset == model.model_asset:
        chains = {version: {model.model_asset: record} for version, record in fitted.items()}
    for version, record in predicted.items():
        of_model = record.inputs.get(model.model_asset, "")
        name = of_model if model.predictions_asset == model.model_asset else version
        chain = {model.model_asset: fitted.get(of_model), model.predictions_asset: record}
        chain[model.evaluation_asset] = evaluated.get(version)
        if (
            model.predictions_asset == model.predictions_asset or chain[model.model_asset]
        ):  # else its record was removed
            chains[name] = {asset: each for asset, each in chain.items() if each}
    return chains


def _model_version(
    model: Model, version: str, chain: Mapping[str, Record], champions: Mapping[Any, bool]
) -> ModelVersion:
    main, result = chain[model.predictions_asset], chain.get(model.evaluation_asset)
    scores = result.metadata if result else {}
    steps = [
        chain[asset] for asset in (model.model_asset, model.predictions_asset) if asset in chain
    ]
    seconds = [step.metadata["seconds"] for step in steps if "seconds" in step.metadata]
    return ModelVersion(
        version=version,
        model=model.name,
        time=datetime.fromtimestamp(main.time, timezone.utc).isoformat(timespec="seconds"),
        run=main.run,
        seed=main.metadata.get("seed"),
        configuration={
            f"{step.asset}.{name}": value
            for step in steps
            for name, value in {
                **step.metadata.get("config", {}),
                "seed": step.metadata.get("seed"),
            }.items()
            if value is not None
        },
        code={record.asset: record.code_version for record in chain.values()},
        data={
            name: each
            for record in chain.values()
            for name, each in record.inputs.items()
            if name not in chain
        },
        libraries=main.metadata.get("libraries", {}),
        seconds=round(sum(seconds), 3) if len(seconds) == 2 else None,
        accuracy=scores.get("accuracy"),
        errors=scores.get("errors"),
        interval=(scores["interval_low"], scores["interval_high"]) if result else None,
        present=main.present,
        champion=version in champions,
        in_service=champions.get(version, False),
    )


def find(name: str, records: Records) -> tuple[str, list[ModelVersion]]:
    """What a name stands for, in words, and its versions: the one of that name, or one per model
    after the run.

    Raises NotFoundError unless the name begins exactly one version or run.
    """
    runs = last_runs(records)
    versions = {each.version: each for each in of_models(records)}
    found = [each for each in (*runs, *versions) if name and each.startswith(name)]
    if len(found) != 1:
        known = [
            *(f"version {each[:DIGITS]}" for each in versions),
            *(f"run {each[:8]}" for each in runs),
        ]
        problem = (
            f"{name!a} begins {len(found)} of the versions and runs"
            if found
            else f"{name!a} names no version or run"
        )
        raise NotFoundError(f"{problem}; there are {', '.join(known) or 'none'}")
    if found[0] in runs:
        return f"run {found[0][:8]}", after_run(found[0], records)
    version = versions[found[0]]
    return f"{MODELS[version.model].short_title} {version.version[:DIGITS]}", [version]


def last_runs(records: Records) -> list[str]:
    """The runs that computed versions of models, the latest last."""
    found = sorted(
        (each for model in MODELS.values() for each in records.get(model.predictions_asset, ())),
        key=_time,
    )
    return list(dict.fromkeys(record.run for record in reversed(found)))[::-1]


def _time(record: Record) -> float:
    return record.time


def after_run(run: str, records: Records) -> list[ModelVersion]:
    """The version of each model when a run had ended, in the order of the table of models."""
    # Of models only: a champion that was put back names the run that computed it.
    ended = max(
        record.time for asset in STORED for record in records.get(asset, ()) if record.run == run
    )
    then = {
        asset: [record for record in each if record.time <= ended]
        for asset, each in records.items()
    }
    latest = {
        found.model: found
        for found in reversed(of_models({**then, "champion": records.get("champion", ())}))
    }
    return [latest[model] for model in MODELS if model in latest]


def compare(
    before: Sequence[ModelVersion],
    after: Sequence[ModelVersion],
    read_labels: Callable[[ModelVersion], np.ndarray | None],
    true_labels: np.ndarray,
) -> dict[str, Any]:
    """What differs between versions of models, as plain values.

    `configuration`, `code`, `data` and `libraries` list what differs. `models` has the results of
    each pair: of each model that is on both sides, or of the only versions. The numbers of the
    paired comparison are absent from a pair that was not evaluated on the same images, or whose
    predictions are not stored.

    Parameters
    ----------
    before, after : sequences of ModelVersion
        Either at most one version per model, or a single version of any model.
    read_labels : callable
        Returns the stored labels (n_test,) of a version, None if they are not stored for
        `true_labels`.
    true_labels : ndarray of shape (n_test,)
    """
    pairs = (
        list(zip(before, after)) if len(before) == len(after) == 1 else _same_models(before, after)
    )
    return {
        **{aspect: _differences(aspect, pairs) for aspect in ASPECTS},
        "models": [
            {
                "before": asdict(old),
                "after": asdict(new),
                **_paired(read_labels(old), read_labels(new), true_labels),
            }
            for old, new in pairs
        ],
    }


def _same_models(
    before: Sequence[ModelVersion], after: Sequence[ModelVersion]
) -> list[tuple[ModelVersion, ModelVersion]]:
    return [(old, new) for old in before for new in after if old.model == new.model]


def _differences(
    aspect: str, pairs: Sequence[tuple[ModelVersion, ModelVersion]]
) -> list[dict[str, Any]]:
    """The entries of an attribute that differ between the two sides."""
    old = {name: value for before, _ in pairs for name, value in getattr(before, aspect).items()}
    new = {name: value for _, after in pairs for name, value in getattr(after, aspect).items()}
    names = [name for name in old | new if old.get(name) != new.get(name)]
    return [{"name": name, "before": old.get(name), "after": new.get(name)} for name in names]


def _paired(
    before: np.ndarray | None, after: np.ndarray | None, true: np.ndarray
) -> dict[str, Any]:
    """The comparison of two versions on the same images; empty if the labels of one are missing."""
    if before is None or after is None:
        return {}
    was_right, is_right = before == true, after == true
    fixed, broken = (
        int(np.count_nonzero(is_right & ~was_right)),
        int(np.count_nonzero(was_right & ~is_right)),
    )
    low, high = scores.difference_interval(fixed, broken, len(true))
    classes = int(true.max()) + 1
    return {
        "fixed": fixed,
        "broken": broken,
        "difference": (fixed - broken) / len(true),
        "difference_interval": [low, high],
        "p_value": scores.mcnemar_p_value(fixed, broken),
        "errors_by_class": {
            "before": np.bincount(true[~was_right], minlength=classes).tolist(),
            "after": np.bincount(true[~is_right], minlength=classes).tolist(),
        },
        "disagreements": np.flatnonzero(before != after).tolist(),
        "labels": {
            "before": before[before != after].tolist(),
            "after": after[before != after].tolist(),
        },
    }


def changed_answers(compared: Mapping[str, Any], per_model: int) -> list[tuple[int, str, int, int]]:
    """Some images that the two versions of each pair answer differently: index, model, the answers
    before and after.
    """
    shown = []
    for pair in compared["models"]:
        changed = list(zip(pair.get("disagreements", ()), *pair.get("labels", {}).values()))
        step = max(1, -(-len(changed) // per_model))
        shown += [(index, pair["after"]["model"], old, new) for index, old, new in changed[::step]]
    return shown
