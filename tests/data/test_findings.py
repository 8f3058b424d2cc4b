"""What `inspect` finds in a data set: each finding on images that have it, and none on good
images.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from support.sources import NAMES, write_folders, write_npz

from mnist_pipeline.data import findings
from mnist_pipeline.data.findings import Findings
from mnist_pipeline.data.values import DigitSet


@pytest.fixture
def few(train, test) -> dict[str, DigitSet]:
    return {
        "train": DigitSet(train.images[:400], train.labels[:400]),
        "test": DigitSet(test.images[400:800], test.labels[400:800]),
    }


def found_in(directory: Path, sets: dict[str, DigitSet], **changed: DigitSet) -> Findings:
    return findings.inspect(write_npz(directory / "a.npz", {**sets, **changed}))


def test_good_images_have_counts_and_no_findings(few, tmp_path):
    found = found_in(tmp_path, few)
    assert found.counts == {
        split: np.bincount(digits.labels).tolist() for split, digits in few.items()
    }
    assert found.kinds == {"28×28 L": 800}
    assert found.warnings == found.problems == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            lambda images, labels: (images[[0, 0, *range(398)]], labels[[0, 0, *range(398)]]),
            r"train: 2 images\b",
        ),
        (
            lambda images, labels: (images[[0, 0, *range(398)]], labels[[0, 1, *range(398)]]),
            r"train: 1 image\b.*another label",
        ),
        (lambda images, labels: (images[labels > 0], labels[labels > 0]), "class 0"),
        (lambda images, labels: (images // 3, labels), "grey level 85"),
        (lambda images, labels: (images * 0, labels), "all training images are equal"),
    ],
)
def test_what_harms_the_models_is_found(change, named, few, tmp_path):
    images, labels = change(*few["train"])
    found = found_in(
        tmp_path, few, train=DigitSet(images.astype(np.uint8), labels.astype(np.uint8))
    )
    all_found = "\n".join(found.warnings + found.problems)
    assert re.search(named, all_found), all_found


def test_a_file_name_that_a_table_can_not_store_is_a_problem(few, tmp_path):
    (problem,) = findings.inspect(write_npz(tmp_path / "a\r.npz", few)).problems
    assert r"a\r.npz" in problem


def test_the_balance_of_classes_and_the_levels_of_images_are_judged(small_train):
    images, labels = small_train
    good = findings.judge(small_train, NAMES)
    lopsided = findings.judge(DigitSet(images, np.minimum(labels, 1)), "ab")
    assert good["classes_balanced"]().passed
    assert not lopsided["classes_balanced"]().passed
    for smaller, passed in ((49, False), (50, True)):  # at least half of the larger one
        pair = DigitSet(images[: 100 + smaller], np.repeat([0, 1], [100, smaller]))
        assert findings.judge(pair, "ab")["classes_balanced"]().passed is passed
    faint = DigitSet(np.minimum(images, 30), labels)
    assert not findings.judge(faint, NAMES)["not_empty"]().passed
    assert findings.judge(faint, NAMES, is_handwriting=False)["not_empty"]().passed


def test_a_few_images_may_be_sorted_by_chance(small_train):
    for per_class in (9, 10):
        digits = DigitSet(small_train.images[: 2 * per_class], np.repeat([0, 1], per_class))
        assert findings.judge(digits, "ab")["classes_mixed"]().passed == (per_class < 10)


def test_test_images_that_are_training_images_are_counted(few, tmp_path):
    mixed = DigitSet(
        np.concatenate([few["test"].images, few["train"].images[:3]]),
        np.concatenate([few["test"].labels, few["train"].labels[:3]]),
    )
    assert any(
        warning.startswith("3 test images")
        for warning in found_in(tmp_path, few, test=mixed).warnings
    )


def test_near_duplicates_in_train_and_test_are_named(few, tmp_path):
    (images, labels), test = few["train"], few["test"]
    darker = images[:2] - images[:2] // 10
    mixed = DigitSet(np.append(test.images, darker, 0), np.append(test.labels, labels[:2]))
    root = write_folders(tmp_path, {"train": few["train"], "test": mixed})
    (warning,) = findings.inspect(root).warnings
    for index, label in enumerate(labels[:2]):
        assert f"test/{label}/{400 + index:05}.png" in warning
        assert f"train/{label}/{index:05}.png" in warning
