"""Labels to check: every image is answered by a model that has not seen it, and wrong labels are
found.
"""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from mnist_pipeline.data import problems
from mnist_pipeline.data.catalogue import MNIST
from mnist_pipeline.data.reader import SplitContent
from mnist_pipeline.data.values import Answer, DigitSet, ImageKind, RawData
from mnist_pipeline.evaluation import labels_to_check as checking
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.storage import formats

SHARES = [0.5, 0.3, 0.0, 0.2]


def test_each_image_is_answered_by_models_that_have_not_seen_it(monkeypatch):
    labels = np.repeat([0, 1, 3], [40, 7, 2])  # no image of class 2
    images = np.arange(len(labels), dtype=np.uint8)[:, np.newaxis, np.newaxis]
    num_answers = np.zeros(len(labels), int)

    def fit(digits: DigitSet, *_: object, **__: Any) -> dict[str, np.ndarray]:
        # Both images of the smallest class are never asked at once.
        assert set(digits.labels) == {0, 1, 3}
        return {"seen": digits.images}

    def answer(fitted: dict[str, np.ndarray], images: np.ndarray) -> Answer:
        assert not np.isin(images, fitted["seen"]).any()
        num_answers[images.ravel()] += 1
        return Answer(np.zeros(len(images)), np.tile(SHARES, (len(images), 1)))

    method = SimpleNamespace(fit=fit, answer=answer)
    own = replace(MODELS[checking.MODEL], method=lambda: method)
    monkeypatch.setitem(checking.MODELS, checking.MODEL, own)
    probabilities = checking.unseen_probabilities(images, labels, 0, MNIST.kind)
    np.testing.assert_allclose(probabilities, np.tile(SHARES, (len(labels), 1)))
    assert set(num_answers) == {checking.ROUNDS}


def test_of_few_pictures_wrong_labels_are_found_without_networks(monkeypatch):
    monkeypatch.setattr(checking, "MODELS", {})
    rng = np.random.default_rng(0)
    true = np.repeat([0, 1], 20)
    images = rng.integers(0, 60, (40, 28, 28, 3), np.uint8)
    images[true == 1, :, 8:20] += 150
    labels = true.copy()
    labels[[3, 30]] = 1 - labels[[3, 30]]
    probabilities = checking.unseen_probabilities(images, labels, 0, ImageKind(False))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert set(checking.contradicted(probabilities, labels).index) == {3, 30}


def test_each_row_names_the_file_and_the_index_of_its_own_image(monkeypatch):
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.9, 0.1], [0.2, 0.8]])
    monkeypatch.setattr(checking, "unseen_probabilities", lambda *_, **__: probabilities)
    images = np.zeros((2, 28, 28), np.uint8)
    splits = {"train": DigitSet(images, [0, 0]), "test": DigitSet(images, [1, 1])}
    raw = RawData((), MNIST, {"train": ("a.png", "b.png"), "test": ("c.png", "d.png")})
    table = checking.find(raw, MNIST, splits, seed=0).table
    assert table[["file", "split", "index", "label", "suggestion"]].to_numpy().tolist() == [
        ["c.png", "test", 0, "1", "0"],
        ["b.png", "train", 1, "0", "1"],
    ]


def test_a_suggestion_is_as_confident_as_images_with_its_label_usually_are():
    """Of class 0 the mean is 0.9, of class 1 it is 0.4."""
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.95, 0.05], [0.25, 0.75]])
    found = checking.contradicted(probabilities, np.array([0, 0, 1, 1, 1]))
    assert found["confident"].to_dict() == {3: True, 2: False}


def test_the_only_image_of_a_class_is_not_judged():
    probabilities = np.array([[0.9, 0.1, 0], [0.8, 0.2, 0], [0.6, 0.4, 0], [0.7, 0.3, 0]])
    found = checking.contradicted(probabilities, np.array([0, 1, 1, 2]))
    assert found.index.tolist() == [1, 2]


@settings(derandomize=True, deadline=None)
@given(st.text(st.characters(exclude_categories=())) | st.text('\r\n\0\u2028 \t,"N', max_size=5))
def test_a_name_is_stored_and_read_back_or_it_is_refused(name):
    known = replace(MNIST, class_names=("a", name))
    digits = DigitSet(np.arange(2), np.arange(2))
    reader = SimpleNamespace(
        root=Path("a"), source=SimpleNamespace(files=()), class_names=known.class_names
    )
    if problems.of_files(reader, {"train": SplitContent(*digits, Counter(), (name, "a"))}):
        assert "\r" in name or any(0xD800 <= ord(letter) < 0xE000 for letter in name)
        return
    raw = RawData((), known, {"train": (name, "a"), "test": ()})
    (content,) = formats.encode(raw).values()
    assert json.loads(b"".join(content))["paths"]["train"] == [name, "a"]
    columns = {"file": [name, "a"], "split": "train", "label": [name, "a"], "suggestion": name}
    found = checking.LabelsToCheck(pd.DataFrame(columns))
    again = checking.LabelsToCheck.from_files(found.to_files())
    assert again.table.equals(found.table)


@pytest.mark.slow
def test_most_wrong_labels_are_found_with_their_files(small_train, monkeypatch):
    monkeypatch.setattr(checking, "ROUNDS", 1)
    generator = np.random.default_rng(0)
    images, labels = small_train.images[:600], small_train.labels[:600].copy()
    wrong = generator.choice(600, 30, replace=False)
    true = labels[wrong].copy()
    labels[wrong] = (true + generator.integers(1, 10, 30)) % 10
    splits = {
        "train": DigitSet(images[:480], labels[:480]),
        "test": DigitSet(images[480:], labels[480:]),
    }
    files = [f"{label}/{number}.png" for number, label in enumerate(labels)]
    paths = {"train": tuple(files[:480]), "test": tuple(files[480:])}
    known = replace(MNIST, class_names=tuple("abcdefghij"))
    found = checking.find(RawData((), known, paths), known, splits, seed=0)
    first = found.table[: 2 * len(wrong)].set_index("file")
    hits = [files[row] for row in wrong if files[row] in first.index]
    assert len(hits) >= 0.7 * len(wrong)
    right = {files[row]: known.class_names[label] for row, label in zip(wrong, true)}
    assert np.mean([first["suggestion"][file] == right[file] for file in hits]) > 0.8
    for row in found.table.to_dict("records"):
        image = splits[row["split"]].images[row["index"]]
        np.testing.assert_array_equal(image, images[files.index(row["file"])])
