"""A model that was exported answers as the stored model does, without this package."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from support.graph_fixtures import invoke

from mnist_pipeline import read
from mnist_pipeline.data.records import CLASS_NAMES, DataSet, DigitSet
from mnist_pipeline.methods.networks import modules, prediction
from mnist_pipeline.methods.networks.onnx_file import onnx_file
from mnist_pipeline.methods.softmax import softmax
from mnist_pipeline.methods.table import MODELS


def run(path: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    names = ["labels", "probabilities", "scores"]
    results = onnxruntime.InferenceSession(path).run(names, {"images": images})
    return dict(zip(names, results, strict=True))


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_the_exported_model_gives_the_stored_labels_and_probabilities(
    name: str, finished: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    output = invoke("export", name, "--onnx", str(tmp_path / "model.onnx"))
    assert len(output.splitlines()) == 1
    assert not recwarn.list
    found = run(tmp_path / "model.onnx", read("test_digits").images)
    predictions, fitted = read(f"{name}_predictions"), read(f"{name}_model")
    np.testing.assert_array_equal(found["labels"], predictions.labels)
    for probabilities in (found["probabilities"], softmax(found["scores"] / fitted["temperature"])):
        np.testing.assert_allclose(probabilities, predictions.probabilities, atol=1e-4)


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


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_the_file_of_a_set_in_colour_takes_colours_and_names_its_ground(
    name: str, tmp_path: Path
) -> None:
    data_set = DataSet(color=True, ground="#ff8000")
    network = modules.construct(name, num_classes=2, shape=data_set.shape)
    fitted = {**prediction.weights(network), "temperature": np.array(2.0)}
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_file(name, fitted, data_set))
    facts = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    assert (facts["color"], facts["ground"]) == ("RGB", "#ff8000")
    images = np.random.default_rng(0).integers(0, 256, (4, *data_set.shape), np.uint8)
    expected = MODELS[name].method().answer(fitted, images).probabilities
    np.testing.assert_allclose(run(path, images)["probabilities"], expected, atol=1e-5)
    assert str(Path.cwd()).encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("nobody", "--onnx", "a.onnx"), "nobody"),
        (("cnn", "--onnx", "file/a.onnx"), "file/a.onnx"),
        (("knn", "--onnx", "a.onnx"), "knn_model"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line(
    arguments: tuple[str, ...],
    named: str,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(b"in the way")
    output = invoke("export", *arguments, code=1)
    assert len(output.splitlines()) == 1
    assert named in output
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_the_exporters_library_the_error_names_it(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)  # as if it were not installed
    assert "pip install onnxscript" in invoke("export", "mlp", "--onnx", "a.onnx", code=1)
