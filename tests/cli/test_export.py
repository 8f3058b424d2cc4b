"""A model that was exported answers as the stored model does, without this package."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from support.graph_fixtures import invoke

from mnist_pipeline import read
from mnist_pipeline.data.records import CLASS_NAMES, DataSet, DigitSet
from mnist_pipeline.methods.knn import KNNClassifier
from mnist_pipeline.methods.networks.method import NetworkMethod
from mnist_pipeline.methods.onnx import Graph
from mnist_pipeline.methods.table import MODELS


def run(path: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_the_exported_model_gives_the_stored_labels_and_probabilities(
    name: str, finished: Path, tmp_path: Path
) -> None:
    images, model = read("test_digits").images, MODELS[name]
    invoke("export", name, "--onnx", str(tmp_path / "model.onnx"))
    found = run(tmp_path / "model.onnx", images)
    predictions = read(model.predictions_asset)
    np.testing.assert_array_equal(found["labels"], predictions.labels)
    method = model.method()
    fitted = read(model.model_asset)
    np.testing.assert_allclose(
        found["probabilities"], method.answer(fitted, images).probabilities, atol=1e-5
    )
    if isinstance(method, NetworkMethod):
        logits = method.logits(fitted, images)
        np.testing.assert_allclose(found["scores"], logits, atol=1e-4)


def test_the_program_of_the_documentation_names_the_class_of_a_picture(
    finished: Path,
    small_train: DigitSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = Path(__file__).parents[2] / "docs" / "command-line.md"
    (program,) = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(255 - small_train.images[1]).save("picture.png")
    invoke("export", "cnn", "--onnx", "cnn.onnx")
    capsys.readouterr()
    exec(compile(program, "docs", "exec"), {})
    fitted = read("cnn_model")
    answer = MODELS["cnn"].method().answer(fitted, small_train.images[1:2])
    assert capsys.readouterr().out.split() == [CLASS_NAMES[answer.labels[0]]]


def test_a_file_says_how_to_prepare_a_picture_in_colour(tmp_path: Path) -> None:
    data_set = DataSet(class_names=("rust", "sand"), color=True, ground="#ff8000")
    images = np.random.default_rng(0).integers(0, 256, (4, *data_set.shape), np.uint8)
    weights = np.random.default_rng(1).normal(0, 1, (2, images[0].size))
    graph = Graph()
    nodes = MODELS["softmax"].method().to_onnx(graph, {"weights": weights, "bias": np.zeros(2)})
    (tmp_path / "model.onnx").write_bytes(graph.finished("softmax", data_set, *nodes))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    facts = session.get_modelmeta().custom_metadata_map
    assert session.get_inputs()[0].shape == ["n", *data_set.shape]
    assert json.loads(facts["class_names"]) == ["rust", "sand"]
    assert (facts["color"], facts["ground"]) == ("RGB", "#ff8000")
    expected = images.reshape(4, -1) @ weights.T
    np.testing.assert_array_equal(
        run(tmp_path / "model.onnx", images)["labels"], expected.argmax(axis=1)
    )


def test_tied_votes_and_equal_distances_are_decided_as_the_classifier_decides_them(
    tmp_path: Path,
) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 2, (300, 28, 28), np.uint8)
    images[150:] = images[:150]  # each image twice, with different labels
    state = {
        "images": images.reshape(300, -1),
        "labels": np.arange(300, dtype=np.uint8) % 10,
        "num_neighbors": np.array(4),
        "smoothing": np.array(0.5),
    }
    path = tmp_path / "model.onnx"
    graph = Graph()
    path.write_bytes(
        graph.finished("k-NN", DataSet(), *MODELS["knn"].method().to_onnx(graph, state))
    )
    found = run(path, images)
    expected = KNNClassifier(4).fit(images, state["labels"]).predict(images)
    np.testing.assert_array_equal(found["labels"], expected)


@pytest.mark.parametrize(
    "arguments", [("nobody", "--onnx", "a.onnx"), ("cnn", "--onnx", "file/a.onnx")]
)
def test_what_cannot_be_exported_is_refused_in_one_line(
    arguments: tuple[str, ...], finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(b"in the way")
    output = invoke("export", *arguments, code=1)
    assert len(output.splitlines()) == 1
    assert arguments[0] in output or arguments[-1] in output
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
