"""What is written is read back exactly, a failed write changes nothing, and nothing that is read can run code."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import safetensors.numpy
from support.values import (
    ARRAYS,
    EVERY_KIND,
    NAMED,
    PLAIN,
    REPORT,
    assert_same_arrays,
    assert_same_values,
    data_version,
)

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.knn import KNNClassifier
from mnist_pipeline.runtime.settings import PROJECT
from mnist_pipeline.runtime.storage import files, publication
from mnist_pipeline.runtime.storage.publication import Content, DamageError, Manifest
from mnist_pipeline.runtime.storage.storage import Storage, StorageError
from mnist_pipeline.utils import stored_types


@pytest.fixture
def stored(tmp_path: Path) -> Storage:
    return Storage(tmp_path)


def files_under(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def plant(stored: Storage, name: str, content: bytes) -> Path:
    """Publish a file with any content and a manifest that fits it."""
    key = Path(name).stem
    stored.published.publish(key, "0" * 64, {name: Content.of_bytes(content)})
    return Path(stored.published.store.path(name))


def test_every_registered_type_is_tested_here() -> None:
    registered = {name for name, kind in stored_types._types.items() if issubclass(kind, (tuple, dict))}
    assert registered == {*NAMED, "Report"} - {"a dict"}


@pytest.mark.parametrize("name", EVERY_KIND)
def test_a_value_comes_back_and_its_data_version_is_the_sha_256_of_its_file(
    name: str, stored: Storage, tmp_path: Path
) -> None:
    path = Path(stored.write("value", EVERY_KIND[name]))
    assert_same_values(stored.read("value"), EVERY_KIND[name])
    assert data_version(EVERY_KIND[name]) == hashlib.sha256(path.read_bytes()).hexdigest()
    before = files_under(tmp_path)
    stored.write("value", stored.read("value"))
    assert files_under(tmp_path) == before


def test_a_process_that_has_imported_nothing_else_reads_every_kind(stored: Storage, tmp_path: Path) -> None:
    values = {f"value_{number}": value for number, value in enumerate([*EVERY_KIND.values(), REPORT])}
    for key, value in values.items():
        stored.write(key, value)
    code = (
        f"import mnist_pipeline; print(*(type(mnist_pipeline.read(key)).__name__ for key in {list(values)}))\n"
        "import sys; assert not {'assets', 'dagster'} & set(sys.modules)"
    )
    environ = {"PATH": "", "PYTHONPATH": str(PROJECT), "MNIST_PIPELINE_STORAGE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    kinds = (type(value).__name__.replace("ndarray", "memmap") for value in values.values())
    assert done.stdout.split() == list(kinds)


def every_type_of_numbers() -> dict[str, np.ndarray]:
    types = ("?", "u1", "i1", "f2", "u2", "i2", "f4", "u4", "i4", "f8", "u8", "i8")
    return {f"of_{dtype}": (np.arange(35).reshape(5, 7) % 3).astype(dtype) for dtype in types}


def test_the_safetensors_library_reads_what_is_stored_and_the_other_way_round(stored: Storage) -> None:
    arrays = every_type_of_numbers() | {"empty": np.zeros((0, 3)), "scalar": np.array(5)}
    assert_same_arrays(safetensors.numpy.load_file(stored.write("cnn_kernels", arrays)), arrays)
    plant(stored, "assets/cnn_kernels.safetensors", safetensors.numpy.save(arrays))
    assert_same_arrays(stored.read("cnn_kernels"), arrays)


def test_arrays_are_memory_mapped_and_read_only(stored: Storage) -> None:
    named = every_type_of_numbers()
    stored.write("cnn_kernels", named)
    stored.write("centered_data", ARRAYS["float32"])
    found = stored.read("cnn_kernels") | {"alone": stored.read("centered_data")}
    for array in found.values():
        assert array.flags.aligned
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        assert isinstance(owner, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1
    stored.write("centered_data", np.zeros(784))
    np.testing.assert_array_equal(found["alone"], ARRAYS["float32"])  # the mapped file stays as it was


def test_a_report_is_a_page_and_a_json_document(stored: Storage, tmp_path: Path) -> None:
    path = Path(stored.write("evaluation_report", REPORT))
    assert path == tmp_path / "report" / "index.html"
    document = (tmp_path / "report" / "report.json").read_bytes()
    assert path.read_text(encoding="utf-8") == REPORT.html
    assert json.loads(document) == REPORT.document
    assert stored.read("evaluation_report") == REPORT
    assert data_version(REPORT) == hashlib.sha256(document + path.read_bytes()).hexdigest()
    assert data_version(REPORT._replace(document={"models": {}})) != data_version(REPORT)


def test_figures_are_stored_with_their_value_and_replaced_with_it(stored: Storage, tmp_path: Path) -> None:
    stored.write("cnn_kernels", ARRAYS["float32"], {"matrix": b"\x89PNG picture", "curve": b"\x89PNG"})
    assert Path(stored.figure_path("cnn_kernels", "matrix")).read_bytes() == b"\x89PNG picture"
    stored.write("cnn_kernels_of_another", ARRAYS["float32"])
    stored.write("cnn_kernels", NAMED["a dict"], {"matrix": b"\x89PNG"})
    assert {name for name in files_under(tmp_path) if not name.startswith("manifests/")} == {
        "assets/cnn_kernels.safetensors",
        "assets/cnn_kernels_of_another.npy",
        "figures/cnn_kernels/matrix.png",
    }
    assert_same_arrays(stored.read("cnn_kernels"), NAMED["a dict"])


@pytest.mark.parametrize("interruption", [OSError("disk full"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
@pytest.mark.parametrize("first", [False, True], ids=["replaced", "first"])
def test_an_interrupted_write_leaves_the_previous_file(
    first: bool, interruption: BaseException, stored: Storage, tmp_path: Path
) -> None:
    path = tmp_path / "assets" / "covariance.npy"
    if not first:
        stored.write("covariance", ARRAYS["float64"])
    before = files_under(tmp_path)

    def writer(file: BinaryIO) -> None:
        file.write(b"half of a value")
        file.flush()
        assert first or path.read_bytes() == before["assets/covariance.npy"]
        raise interruption

    with pytest.raises(type(interruption)):
        files.write(path, writer)
    assert files_under(tmp_path) == before


def test_a_reader_that_is_overtaken_by_two_writers_reads_again(stored: Storage) -> None:
    stored.write("covariance", ARRAYS["float64"])
    attempts = []

    def overtaken(manifest: Manifest) -> str:
        attempts.append(manifest)
        if len(attempts) == 2:
            stored.write("covariance", np.zeros(784))
        if len(attempts) < 3:
            raise DamageError("it was replaced")
        return manifest.data_version

    assert stored.published.read_consistently("covariance", overtaken) == data_version(np.zeros(784))


class _Touch:
    """Unpickled, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("form", ["array of objects", "bare pickle"])
def test_a_pickle_in_place_of_an_array_is_refused_and_not_run(form: str, stored: Storage, tmp_path: Path) -> None:
    bomb, encoded = tmp_path / "bomb", io.BytesIO()
    np.save(encoded, np.array([_Touch(bomb)], dtype=object), allow_pickle=True)
    content = pickle.dumps(_Touch(bomb)) if form == "bare pickle" else encoded.getvalue()
    path = plant(stored, "assets/covariance.npy", content)
    with pytest.raises(StorageError, match=r"covariance is damaged: .*mnist-pipeline run --select covariance"):
        stored.read("covariance")
    assert not bomb.exists()
    np.load(path, allow_pickle=True)
    assert bomb.exists()  # reading it as a pickle would have done that


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (safetensors.numpy.save({"weights": np.zeros(3)}, metadata={"type": "Evil"}), "'Evil'"),
        (safetensors.numpy.save({"images": np.zeros(3)}, metadata={"type": "DigitSet"}), "images, labels"),
        (b'{"type": "Evil"}', "'Evil'"),
        (b"{}", "type"),
        (b"[]", "value"),
        (b'{"type": "Evaluation", "total": 3}', "Evaluation"),
        (b'{"type": "Evaluation", "calibration": {"counts": []}}', "Evaluation"),
        (b'{"type": "Comparison", "pairs": [{"first": "knn"}]}', "Comparison"),
    ],
)
def test_content_of_another_type_is_refused(content: bytes, named: str, stored: Storage) -> None:
    suffix = ".json" if content[:1] in b"{[" else ".safetensors"
    plant(stored, f"assets/value{suffix}", content)
    with pytest.raises(StorageError, match=rf"value is damaged: .*{named}.*mnist-pipeline run --select value"):
        stored.read("value")


def _other_version(stored: Storage, value: object, version: int) -> str:
    """Store a value as another version of its type would; return the path of its file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(stored_types._versions, type(value).__name__, version)
        return stored.write("value", value)


@pytest.mark.parametrize(
    "value", [NAMED["DigitSet"], NAMED["IndexArrays"], NAMED["a dict"], PLAIN["Champion"]], ids=type
)
def test_a_value_of_a_later_format_is_refused_with_both_versions_and_the_way_out(
    value: object, stored: Storage
) -> None:
    path, known = _other_version(stored, value, 7), stored_types.version_of(type(value))
    with pytest.raises(StorageError, match=rf"^value can't be used: {path} .*\b7\b.*\b{known}\b.*run --changed$"):
        stored.read("value")
    for thorough in (False, True):
        assert (stored.fault("value", None, thorough=thorough) or "").startswith("unusable: ")
    stored.write("value", value)
    assert_same_values(stored.read("value"), value)


def test_only_a_type_that_converts_the_fields_of_earlier_versions_is_read_from_them(stored: Storage) -> None:
    _other_version(stored, NAMED["Recognizer"], 1)
    assert_same_values(stored.read("value"), NAMED["Recognizer"])
    _other_version(stored, NAMED["DigitSet"], 0)
    with pytest.raises(StorageError, match="value can't be used"):
        stored.read("value")


def test_a_file_without_a_version_has_version_1(stored: Storage) -> None:
    images, labels = NAMED["DigitSet"]
    content = safetensors.numpy.save({"images": images, "labels": labels}, metadata={"type": "DigitSet"})
    plant(stored, "assets/value.safetensors", content)
    assert_same_values(stored.read("value"), NAMED["DigitSet"])
    assert stored.fault("value", "0" * 64) is None
    plant(
        stored,
        "assets/value.json",
        Path(stored.write("other", PLAIN["Champion"])).read_bytes().replace(b' "version": 1,\n', b""),
    )
    assert_same_values(stored.read("value"), PLAIN["Champion"])


@pytest.mark.parametrize("version", [None, 1, 2, "next"])
def test_a_manifest_names_its_format_and_a_later_one_is_refused(
    version: object, stored: Storage, tmp_path: Path
) -> None:
    stored.write("value", ARRAYS["float64"])
    path = tmp_path / "manifests" / "value.json"
    document = json.loads(path.read_text())
    assert document.pop("format") == publication.FORMAT == 1
    del document["sha256"]
    path.write_bytes(publication._with_checksum(document if version is None else {"format": version, **document}))
    if version in (None, 1):
        assert_same_values(stored.read("value"), ARRAYS["float64"])
        return
    with pytest.raises(StorageError, match=rf"^value can't be used: .*{path} .*{version}.*\b1\b.*run --changed$"):
        stored.read("value")
    assert (stored.fault("value", None) or "").startswith("unusable: ")
    stored.write("value", ARRAYS["float64"])
    assert_same_values(stored.read("value"), ARRAYS["float64"])


@pytest.mark.parametrize("missing", ["labels", "mean", "tiles"])
def test_an_index_of_another_layout_is_found(missing: str, stored: Storage, small_train: DigitSet) -> None:
    digits = DigitSet(np.tile(small_train.images, (2, 1, 1)), np.tile(small_train.labels, 2))  # enough for an index
    arrays = KNNClassifier().fit(*digits).to_arrays()
    version = data_version(arrays)
    stored.write("knn_index", arrays)
    assert stored.fault("knn_index", version, thorough=True) is None
    del arrays[missing]
    stored.write("knn_index", arrays)
    assert (stored.fault("knn_index", version, thorough=True) or "").startswith("unusable: ")


def test_a_missing_value_is_reported_with_its_directory_and_a_command(stored: Storage, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        stored.read("covariance")
    for named in ("covariance", str(tmp_path), "mnist-pipeline run --select '+covariance'"):
        assert named in str(caught.value)


@dataclass
class _Unregistered:
    """A dataclass that could not be read back."""

    accuracy: float = 0.5


@pytest.mark.parametrize(
    ("value", "named"),
    [
        *((value, type(value).__name__) for value in (3.5, b"text", None, [1, 2], (1, 2), object(), _Unregistered)),
        (_Unregistered(), "_Unregistered"),
        (np.array([{}, []], dtype=object), "type"),
        ({"spectrum": np.zeros(3, complex)}, "spectrum is of type complex128"),
    ],
)
def test_a_value_without_a_format_is_not_written(value: object, named: str, stored: Storage, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=named):
        stored.write("covariance", value)
    assert files_under(tmp_path) == {}
