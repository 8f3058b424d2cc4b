"""Own images from a folder or an archive to the report and to answers, with as many classes as they
have.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.graph_fixtures import invoke, networks_config, set_environment
from support.shapes import NAMES, write_shapes

from mnist_pipeline import read

pytestmark = pytest.mark.slow


def test_photographs_become_a_report_and_predict_names_the_class_of_a_whole_picture(
    tmp_path, monkeypatch
):
    pictures = write_shapes(tmp_path / "pictures")
    (pictures / "dataset.yaml").write_text("title: Three kinds\nnoun: shape\n")
    assert "300 images in 3 classes" in invoke("inspect", str(pictures))
    # More passes over a few images than MNIST needs.
    config = networks_config(tmp_path / "run.yaml", epochs=15, batch_size=32)
    set_environment(monkeypatch, pictures, tmp_path / "storage")
    invoke("run", "--config", config)

    report = read("evaluation_report")
    document = report.document
    assert document["data"]["class_names"] == list(NAMES)
    assert document["data"]["noun"] == "shape"
    assert document["run"]["source"] == "Three kinds"
    for evaluation in document["models"].values():
        assert np.shape(evaluation["confusion_matrix"]) == (3, 3)
    assert read("softmax_model").weights.shape == (3, 3 * 784)  # in colour
    assert len(report.html) < 4_000_000
    errors = [error for found in document["errors"].values() for error in found]
    assert all((pictures / error["file"]).is_file() for error in errors)

    files = [str(path) for name in NAMES for path in sorted((pictures / name).iterdir())[:5]]
    answers = json.loads(invoke("predict", "--json", *files))
    right = []
    for file, answer in zip(files, answers, strict=True):
        (reading,) = answer["digits"]
        assert tuple(reading["box"]) == (0, 0, *Image.open(file).size)
        assert NAMES[reading["digit"]] == reading["class"]
        right.append(reading["class"] == Path(file).parent.name)
    assert np.mean(right) > 0.6
