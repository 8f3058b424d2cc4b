"""The assets of the digits, called as functions."""

import base64
import dataclasses
import io
import re
from typing import Any

import dagster as dg
import numpy as np
import pytest
from PIL import Image
from support.idx import write_idx

from assets import digits, pca
from mnist_pipeline.data.catalogue import MNIST
from mnist_pipeline.data.datasets import DatasetError
from mnist_pipeline.data.values import DigitSet, ImageKind, RawData
from mnist_pipeline.runtime.graph.configs import ConfigError
from mnist_pipeline.runtime.graph.resources import DataSetResource, variable
from mnist_pipeline.runtime.graph.results import ROW_COUNT

DATA_SET = DataSetResource()
READERS = {"train": digits.train_digits, "test": digits.test_digits}


@pytest.fixture
def raw(storage) -> RawData:
    """The value of raw_mnist for the slice."""
    return digits.raw_mnist(mnist_data=DATA_SET).value


def test_the_embedded_files_are_recognized_as_mnist(storage, monkeypatch):
    monkeypatch.delenv("MNIST_PIPELINE_DATA")
    assert digits.raw_mnist(mnist_data=DATA_SET).value.data_set == MNIST


@pytest.mark.parametrize("split", READERS)
def test_digits_are_those_of_the_files_and_counted_by_class(split, raw, small_train, small_test):
    with pytest.raises(DatasetError, match="run --changed"):
        READERS[split](dataclasses.replace(raw, files=raw.files[1:]), mnist_data=DATA_SET)
    result = READERS[split](raw, mnist_data=DATA_SET)
    found = result.value
    expected = {"train": small_train, "test": small_test}[split]
    np.testing.assert_array_equal(found.images, expected.images, strict=True)
    np.testing.assert_array_equal(found.labels, expected.labels, strict=True)
    counts = [record.data["count"] for record in result.metadata["classes"].records]
    assert counts == np.bincount(found.labels, minlength=10).tolist()
    assert result.metadata[ROW_COUNT] == sum(counts)
    measured = {
        check.check_name: check.metadata["measured"].value for check in result.check_results
    }
    assert measured == {
        "full_range_of_pixels": 255,
        "every_class_present": 10,
    }


def test_a_class_without_images_is_counted_and_fails_a_check(storage, small_train, tmp_path):
    kept = small_train.labels != 9
    few = DigitSet(small_train.images[kept], small_train.labels[kept])
    resource = DataSetResource(data=str(write_idx(tmp_path / "few", few, small_train)))
    result = digits.train_digits(digits.raw_mnist(mnist_data=resource).value, mnist_data=resource)
    assert [record.data["count"] for record in result.metadata["classes"].records][9] == 0
    passed = {check.check_name: check.passed for check in result.check_results}
    assert passed == {"full_range_of_pixels": True, "every_class_present": False}


@pytest.mark.parametrize("data", ["~/photos", " ", "nowhere://photos"])
def test_a_resource_refuses_what_is_no_address_in_one_line(data):
    with pytest.raises(ConfigError, match=f"^data is '{data}'.*"):
        DataSetResource(data=data)


def test_a_resource_may_name_a_variable_which_a_run_replaces(
    slice_directory, tmp_path, monkeypatch
):
    assert variable("PHOTOS") is None
    monkeypatch.setenv("PHOTOS", str(tmp_path))
    named = DataSetResource(data=variable("PHOTOS"))
    monkeypatch.setenv("PHOTOS", str(slice_directory))
    assert named.process_config_and_initialize().path == slice_directory


def test_digit_images_are_the_first_of_each_class(raw, small_train):
    images = digits.digit_images(small_train, raw.data_set.kind).value
    assert (images.shape, images.dtype) == ((10, 28, 28), np.uint8)
    for label, image in enumerate(images):
        first = small_train.labels.tolist().index(label)
        np.testing.assert_array_equal(image, small_train.images[first])


def darkness(result: dg.MaterializeResult[Any], figure: str) -> float:
    """The share of dark pixels in the preview of a figure."""
    encoded = re.search(r"base64,(.*?)\)", result.metadata[figure].value)[1]
    levels = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("L"))
    return float(np.mean(levels < 128))


@pytest.mark.parametrize("handwritten", [True, False])
def test_figures_draw_ink_dark_on_paper_and_photos_as_they_are(handwritten, raw, small_train):
    kind = ImageKind(handwritten)
    known = dataclasses.replace(raw.data_set, name="own", handwritten=handwritten)
    of_kind = dataclasses.replace(raw, data_set=known)
    figures = {
        "sample": digits.train_digits(of_kind, mnist_data=DATA_SET),
        "digits": digits.digit_images(small_train, kind),
        "mean": pca.data_mean(small_train, kind),
    }
    # Most pixels of a digit, and of the mean, are below half of the range.
    for name, result in figures.items():
        assert (darkness(result, name) > 0.4) is not handwritten
