"""A network that was exported answers as the stored network does, without this package."""

import re
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from support.graph_fixtures import invoke
from support.networks import add_kernel, fitted_network

from mnist_pipeline import read
from mnist_pipeline.data.values import CLASS_NAMES, DataSet
from mnist_pipeline.methods.networks import modules, prediction
from mnist_pipeline.methods.networks.onnx_file import onnx_file
from mnist_pipeline.methods.softmax.method import softmax
from mnist_pipeline.methods.table import MODELS


@pytest.mark.slow
def test_the_program_of_the_documentation_names_the_class_of_a_picture(
    finished, small_train, tmp_path, monkeypatch, capsys, recwarn
):
    page = Path(__file__).parents[2] / "docs" / "command-line.md"
    (program,) = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(255 - small_train.images[1]).save("picture.png")
    assert len(invoke("export", "cnn", "--onnx", "cnn.onnx").splitlines()) == 1
    assert not recwarn.list
    capsys.readouterr()
    exec(compile(program, "docs", "exec"), {})
    answer = MODELS["cnn"].method().answer(read("cnn_model"), small_train.images[1:2])
    assert capsys.readouterr().out.split() == [CLASS_NAMES[answer.labels[0]]]


@pytest.mark.parametrize(
    ("name", "sees_gradients", "whole_pictures", "polarity"),
    [("mlp", False, True, "as in the picture"), ("cnn", True, False, "light on dark")],
    ids=["mlp", "cnn"],
)
def test_the_file_of_a_set_in_colour_takes_colours_and_names_their_ground_and_polarity(
    name, sees_gradients, whole_pictures, polarity
):
    data_set = DataSet(color=True, ground="#ff8000", whole_pictures=whole_pictures)
    network = modules.construct(name, 2, data_set.shape, sees_gradients=sees_gradients)
    if sees_gradients:
        add_kernel(network, data_set.shape, 2)
    fitted = fitted_network(prediction.weights(network), temperature=2.0)
    file = onnx_file(name, fitted, data_set)
    session = onnxruntime.InferenceSession(file)
    facts = session.get_modelmeta().custom_metadata_map
    assert (facts["color"], facts["ground"]) == ("RGB", "#ff8000")
    assert facts["polarity"] == polarity
    images = np.random.default_rng(0).integers(0, 256, (4, *data_set.shape), np.uint8)
    expected = MODELS[name].method().answer(fitted, images)
    outputs = ["labels", "probabilities", "scores"]
    labels, probabilities, scores = session.run(outputs, {"images": images})
    np.testing.assert_array_equal(labels, expected.labels)
    np.testing.assert_allclose(probabilities, expected.probabilities, atol=1e-5)
    np.testing.assert_allclose(softmax(scores / 2), expected.probabilities, atol=1e-5)
    assert str(Path.cwd()).encode() not in file  # the exporter writes the lines of the source


def test_what_cannot_be_exported_is_refused_in_one_line(finished, tmp_path, monkeypatch):
    (photo := tmp_path / "photo.png").write_bytes(b"a picture")
    path = photo / "a.onnx"
    for name, file, named in (
        ("nobody", path, "nobody"),
        ("knn", path, "knn_model"),
        ("cnn", path, str(path)),
        ("cnn", photo, str(photo)),
    ):
        (line,) = invoke("export", name, "--onnx", str(file), code=1).splitlines()
        assert named in line
    assert photo.read_bytes() == b"a picture"
    monkeypatch.setitem(sys.modules, "onnxscript", None)  # as if it were not installed
    assert "onnxscript" in invoke("export", "mlp", "--onnx", str(path), code=1)
