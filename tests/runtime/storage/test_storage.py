"""Storage: what is written is read back, nothing is lost on the way, and nothing that is read can run code."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from support.values import ARRAYS, EVALUATIONS, EVERY_KIND, NAMED, PLAIN, REPORT, TABLE, assert_same_arrays

from mnist_pipeline.runtime.storage import files
from mnist_pipeline.runtime.storage.publication import Content, DamageError, Manifest
from mnist_pipeline.runtime.storage.storage import Storage, StorageError, current, digest, read
from mnist_pipeline.utils import stored_types


@pytest.fixture
def stored(tmp_path: Path) -> Storage:
    return Storage(tmp_path)


def files_under(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def values_under(directory: Path) -> dict[str, bytes]:
    """The same without the manifests."""
    return {name: content for name, content in files_under(directory).items() if not name.startswith("manifests/")}


def plant(stored: Storage, name: str, content: bytes) -> Path:
    """Publish a file that no writer of ours has written, with a manifest to match."""
    key = Path(name).stem
    stored.published.publish(key, "0" * 64, {name: Content.of_bytes(content)})
    return Path(stored.published.store.path(name))


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_comes_back_with_its_type_its_shape_and_its_values(name: str, stored: Storage) -> None:
    stored.write("covariance", ARRAYS[name])
    assert_same_arrays(np.asarray(stored.read("covariance")), ARRAYS[name])


def test_an_array_is_mapped_into_memory_and_cannot_be_changed_by_its_reader(stored: Storage) -> None:
    stored.write("centered_data", ARRAYS["float32"])
    found = stored.read("centered_data")
    assert isinstance(found, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 1


def test_an_array_is_stored_as_numpy_itself_reads_it(stored: Storage) -> None:
    path = Path(stored.write("data_mean", ARRAYS["float64"]))
    np.testing.assert_array_equal(np.load(str(path), allow_pickle=False), ARRAYS["float64"])


def test_every_named_array_type_is_tried_here() -> None:
    registered = {name for name, kind in stored_types._types.items() if hasattr(kind, "_fields")}
    assert registered == {*NAMED, "Report"} - {"a dict"}


@pytest.mark.parametrize("name", NAMED)
def test_named_arrays_come_back_as_the_type_that_they_were(name: str, stored: Storage) -> None:
    stored.write("value", NAMED[name])
    found = stored.read("value")
    assert type(found) is type(NAMED[name])
    assert_same_arrays(found, NAMED[name])


def every_type_of_numbers() -> dict[str, np.ndarray]:
    types = ("?", "u1", "i1", "f2", "u2", "i2", "f4", "u4", "i4", "f8", "u8", "i8")
    return {f"of_{dtype}": (np.arange(35).reshape(5, 7) % 3).astype(dtype) for dtype in types}


def test_named_arrays_are_stored_as_the_library_of_the_format_reads_them(stored: Storage) -> None:
    arrays = every_type_of_numbers() | {"empty": np.zeros((0, 3)), "scalar": np.array(5)}
    found = safetensors.numpy.load_file(stored.write("cnn_kernels", arrays))
    assert_same_arrays(found, arrays)


def test_named_arrays_that_the_library_wrote_are_read(stored: Storage) -> None:
    plant(stored, "assets/cnn_kernels.safetensors", safetensors.numpy.save(every_type_of_numbers()))
    assert_same_arrays(stored.read("cnn_kernels"), every_type_of_numbers())


def test_named_arrays_are_mapped_into_memory_and_cannot_be_changed_by_their_reader(stored: Storage) -> None:
    stored.write("cnn_kernels", every_type_of_numbers())
    for array in stored.read("cnn_kernels").values():
        assert array.flags.aligned
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        assert isinstance(owner, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


def test_numbers_that_the_format_does_not_know_are_refused_by_name(stored: Storage) -> None:
    with pytest.raises(TypeError, match="spectrum is of type complex128"):
        stored.write("cnn_kernels", {"spectrum": np.zeros(3, complex)})


def test_a_table_comes_back_to_the_last_digit(stored: Storage) -> None:
    stored.write("cnn_errors", TABLE)
    pd.testing.assert_frame_equal(stored.read("cnn_errors"), TABLE, check_exact=True)


@pytest.mark.parametrize("name", PLAIN)
def test_a_dataclass_of_plain_values_comes_back_equal(name: str, stored: Storage) -> None:
    stored.write("value", PLAIN[name])
    found = stored.read("value")
    assert type(found) is type(PLAIN[name])
    assert found == PLAIN[name]


def test_the_calibration_of_an_evaluation_comes_back_where_there_is_one(stored: Storage) -> None:
    for evaluated in EVALUATIONS.values():
        stored.write("cnn_evaluation", evaluated)
        found = stored.read("cnn_evaluation").calibration
        assert type(found) is type(evaluated.calibration)
        assert found == evaluated.calibration
    assert sum(found.counts) == 40


def test_a_report_is_a_page_and_a_json_document(stored: Storage, tmp_path: Path) -> None:
    path = Path(stored.write("evaluation_report", REPORT))
    assert path == tmp_path / "report" / "index.html"
    document = (tmp_path / "report" / "report.json").read_bytes()
    checksum = hashlib.sha256(document).hexdigest()
    assert path.read_text(encoding="utf-8") == f"{REPORT.html}\n<!-- report.json: SHA-256 {checksum} -->\n"
    assert json.loads(document) == REPORT.document
    assert stored.read("evaluation_report") == REPORT


def test_a_figure_is_kept_beside_the_values(stored: Storage, tmp_path: Path) -> None:
    path = stored.write_figure("covariance", "matrix", b"\x89PNG picture")
    assert Path(path) == tmp_path / "figures" / "covariance" / "matrix.png"
    assert stored.read_figure("covariance", "matrix") == b"\x89PNG picture"


def test_a_figure_that_was_never_drawn_is_named_with_the_command_that_draws_it(stored: Storage) -> None:
    with pytest.raises(StorageError, match=r"figure kernels of cnn_kernels .* mnist-pipeline run --select cnn_kernels"):
        stored.read_figure("cnn_kernels", "kernels")


@pytest.mark.parametrize("name", EVERY_KIND)
def test_the_digest_is_the_sha_256_of_the_stored_file(name: str, stored: Storage) -> None:
    path = Path(stored.write("value", EVERY_KIND[name]))
    assert digest("value", EVERY_KIND[name]) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_digest_of_a_report_covers_its_document_and_its_page(stored: Storage, tmp_path: Path) -> None:
    page = Path(stored.write("evaluation_report", REPORT)).read_bytes()
    document = (tmp_path / "report" / "report.json").read_bytes()
    assert digest("evaluation_report", REPORT) == hashlib.sha256(document + page).hexdigest()
    changed = REPORT._replace(document={"models": {}})
    assert digest("evaluation_report", changed) != digest("evaluation_report", REPORT)


@pytest.mark.parametrize("name", EVERY_KIND)
def test_the_same_value_is_stored_as_the_same_bytes(name: str, stored: Storage, tmp_path: Path) -> None:
    stored.write("value", EVERY_KIND[name])
    before = files_under(tmp_path)
    stored.write("value", stored.read("value"))
    assert files_under(tmp_path) == before


def test_one_changed_value_changes_the_digest() -> None:
    changed = ARRAYS["float64"].copy()
    changed[100] = np.nextafter(changed[100], 1)
    assert digest("mean", changed) != digest("mean", ARRAYS["float64"])


def test_the_digest_writes_nothing(storage: Path) -> None:
    assert digest("covariance", ARRAYS["float64"]) == digest("other_name", ARRAYS["float64"])
    assert not storage.exists()


@pytest.mark.parametrize("interruption", [OSError("disk full"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_an_interrupted_write_leaves_the_previous_value_and_no_temporary_file(
    interruption: BaseException, stored: Storage, tmp_path: Path
) -> None:
    path = Path(stored.write("covariance", ARRAYS["float64"]))
    before = files_under(tmp_path)

    def writer(file: BinaryIO) -> None:
        file.write(b"half of a value")
        file.flush()
        raise interruption

    with pytest.raises(type(interruption)):
        files.write(path, writer)
    assert files_under(tmp_path) == before
    np.testing.assert_array_equal(stored.read("covariance"), ARRAYS["float64"])


def test_an_interrupted_first_write_leaves_nothing(stored: Storage, tmp_path: Path) -> None:
    def writer(file: BinaryIO) -> None:
        file.write(b"half of a value")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write(tmp_path / "assets" / "covariance.npy", writer)
    assert files_under(tmp_path) == {}


def test_the_previous_value_can_be_read_until_the_new_one_is_complete(stored: Storage) -> None:
    path = Path(stored.write("covariance", ARRAYS["float64"]))
    seen: list[bytes] = []
    before = path.read_bytes()

    def writer(file: BinaryIO) -> None:
        file.write(b"new")
        file.flush()
        seen.append(path.read_bytes())

    files.write(path, writer)
    assert seen == [before]
    assert path.read_bytes() == b"new"


def test_a_reader_of_the_previous_array_keeps_what_it_reads(stored: Storage) -> None:
    stored.write("covariance", ARRAYS["float64"])
    previous = stored.read("covariance")
    stored.write("covariance", np.zeros(784))
    np.testing.assert_array_equal(previous, ARRAYS["float64"])


def test_a_reader_whom_a_writer_overtakes_twice_reads_again(stored: Storage) -> None:
    stored.write("covariance", ARRAYS["float64"])
    attempts = []

    def overtaken(manifest: Manifest) -> str | None:
        attempts.append(manifest)
        if len(attempts) == 2:
            stored.write("covariance", np.zeros(784))
        if len(attempts) < 3:
            raise DamageError("it was replaced")
        return manifest.data_version

    assert stored.published.read_consistently("covariance", overtaken) == digest("covariance", np.zeros(784))


def test_an_array_of_objects_is_not_written(stored: Storage, tmp_path: Path) -> None:
    stored.write("knn_index", ARRAYS["float64"])
    before = files_under(tmp_path)
    with pytest.raises(TypeError):
        stored.write("knn_index", np.array([{}, []], dtype=object))
    assert files_under(tmp_path) == before


@pytest.mark.parametrize("form", ["array of objects", "bare pickle"])
def test_a_pickle_in_the_place_of_an_array_is_refused_unread(form: str, stored: Storage, tmp_path: Path) -> None:
    bomb, encoded = tmp_path / "bomb", io.BytesIO()
    np.save(encoded, np.array([_Touch(bomb)], dtype=object), allow_pickle=True)
    content = pickle.dumps(_Touch(bomb)) if form == "bare pickle" else encoded.getvalue()
    path = plant(stored, "assets/covariance.npy", content)
    with pytest.raises(StorageError, match=r"covariance is damaged: .*mnist-pipeline run --select covariance"):
        stored.read("covariance")
    assert not bomb.exists()
    np.load(path, allow_pickle=True)
    assert bomb.exists()  # what reading it as a pickle would have done


class _Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_an_unknown_type_of_named_arrays_is_refused(stored: Storage) -> None:
    content = safetensors.numpy.save({"weights": np.zeros(3)}, metadata={"type": "Evil"})
    plant(stored, "assets/cnn_model.safetensors", content)
    with pytest.raises(StorageError, match=r"cnn_model is damaged: .*'Evil'.*mnist-pipeline run --select cnn_model"):
        stored.read("cnn_model")


def test_named_arrays_that_lack_a_field_are_refused_with_the_fields(stored: Storage) -> None:
    content = safetensors.numpy.save({"images": np.zeros(3)}, metadata={"type": "DigitSet"})
    plant(stored, "assets/test_digits.safetensors", content)
    with pytest.raises(StorageError, match=r"test_digits is damaged: .*images instead of images, labels"):
        stored.read("test_digits")


@pytest.mark.parametrize(
    "document",
    [
        {"type": "Evil"},
        {},
        {"type": "Evaluation", "total": 3},
        {"type": "Evaluation", "calibration": {"counts": []}},
        {"type": "Comparison", "pairs": [{"first": "knn"}]},
        [],
    ],
    ids=[
        "unknown type",
        "no type",
        "too few fields",
        "too few fields in a calibration",
        "too few fields in a pair",
        "a list",
    ],
)
def test_json_of_another_form_is_refused(document: object, stored: Storage) -> None:
    plant(stored, "assets/knn_evaluation.json", json.dumps(document).encode())
    with pytest.raises(StorageError, match=r"knn_evaluation is damaged: .*mnist-pipeline run --select knn_evaluation"):
        stored.read("knn_evaluation")


@pytest.mark.parametrize("kept", [0, 20], ids=["empty", "cut short"])
@pytest.mark.parametrize("kind", ["float64", "DigitSet", "Evaluation"])
def test_a_file_that_was_cut_short_is_refused(kind: str, kept: int, stored: Storage) -> None:
    path = Path(stored.write("value", EVERY_KIND[kind]))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(StorageError, match=r"value is damaged: .*mnist-pipeline run --select value"):
        stored.read("value")


def test_a_missing_value_is_named_with_the_directory_and_the_command_that_makes_it(
    stored: Storage, tmp_path: Path
) -> None:
    with pytest.raises(StorageError) as caught:
        stored.read("covariance")
    for told in ("covariance", str(tmp_path), "mnist-pipeline run --select '+covariance'"):
        assert told in str(caught.value)


def test_a_value_of_another_kind_replaces_the_old_file(stored: Storage, tmp_path: Path) -> None:
    stored.write("cnn_kernels", ARRAYS["float32"])
    stored.write("cnn_kernels_of_another", ARRAYS["float32"])
    stored.write("cnn_kernels", NAMED["a dict"])
    assert set(values_under(tmp_path)) == {"assets/cnn_kernels.safetensors", "assets/cnn_kernels_of_another.npy"}
    assert_same_arrays(stored.read("cnn_kernels"), NAMED["a dict"])


@dataclass
class _Unlisted:
    """A dataclass that the storage doesn't know how to read back."""

    accuracy: float = 0.5


@pytest.mark.parametrize(
    "value", [3.5, "text", None, [1, 2], (1, 2), object(), _Unlisted], ids=lambda value: type(value).__name__
)
def test_a_value_without_a_format_is_refused_by_the_name_of_its_type(
    value: object, stored: Storage, tmp_path: Path
) -> None:
    with pytest.raises(TypeError, match=f"covariance.* {type(value).__name__} "):
        stored.write("covariance", value)
    assert files_under(tmp_path) == {}


def test_a_dataclass_that_could_not_be_read_back_is_not_written(stored: Storage, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"covariance.* _Unlisted "):
        stored.write("covariance", _Unlisted())
    assert files_under(tmp_path) == {}


def test_the_storage_is_the_one_that_the_environment_names(storage: Path) -> None:
    current().write("data_mean", ARRAYS["float64"])
    assert set(values_under(storage)) == {"assets/data_mean.npy"}
    np.testing.assert_array_equal(read("data_mean"), ARRAYS["float64"])
