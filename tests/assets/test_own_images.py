"""Own images from a folder or an archive to the report and to answers, with as many classes as they
have.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.graph_fixtures import environment, invoke, made_once, networks_config
from support.shapes import write_shapes

from mnist_pipeline.runtime.storage.storage import Storage

pytestmark = pytest.mark.slow

RENAMED = {"square": "long $name$ of a class", "star": "b_$"}
NAMES = ("b_$", "circle", "long $name$ of a class")


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Storage]:
    """A folder of 300 photographs in three classes, and the storage of a run on it."""

    def make(directory: Path) -> None:
        pictures = write_shapes(directory / "pictures")
        for old, new in RENAMED.items():
            (pictures / old).rename(pictures / new)
        (pictures / "dataset.yaml").write_text("title: Three kinds\nnoun: shape\n")
        assert "300 images in 3 classes" in invoke("inspect", str(pictures))
        # More passes over a few images than MNIST needs.
        config = networks_config(directory / "run.yaml", epochs=15, batch_size=32)
        invoke("run", "--config", config, env=environment(pictures, directory / "storage"))

    directory, _ = made_once(tmp_path_factory, "three", make)
    return directory / "pictures", Storage(str(directory / "storage"))


def test_the_report_and_the_models_have_the_classes_of_the_folders(three):
    pictures, storage = three
    report = storage.read("evaluation_report")
    document = report.document
    assert document["data"]["class_names"] == list(NAMES)
    assert document["data"]["noun"] == "shape"
    assert document["run"]["source"] == "Three kinds"
    for evaluation in document["models"].values():
        assert np.shape(evaluation["confusion_matrix"]) == (3, 3)
    assert storage.read("softmax_model")["weights"].shape == (3, 3 * 784)  # in colour
    assert len(storage.read("cnn_model")["linear.bias"]) == 3
    assert storage.read("cnn_predictions").probabilities.shape[1] == 3
    assert len(report.html) < 4_000_000
    errors = [error for found in document["errors"].values() for error in found]
    assert all((pictures / error["file"]).is_file() for error in errors)


def test_predict_recognizes_a_whole_picture_by_the_name_of_its_class(three, monkeypatch):
    pictures, storage = three
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(storage.root))
    files = [str(path) for name in NAMES for path in sorted((pictures / name).iterdir())[:5]]
    answers = json.loads(invoke("predict", "--json", *files))
    right = []
    for file, answer in zip(files, answers, strict=True):
        (reading,) = answer["digits"]
        assert tuple(reading["box"]) == (0, 0, *Image.open(file).size)
        assert NAMES[reading["digit"]] == reading["class"]
        right.append(reading["class"] == Path(file).parent.name)
    assert np.mean(right) > 0.6
