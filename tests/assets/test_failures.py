"""What goes wrong is told in a line, ends with a non-zero exit, and changes nothing that is stored."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from idx import encode_idx

from assets import cli, passwords
from assets.addresses import LOCALHOST

NOBODY = 65_534
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


def _replace(directory: Path, name: str, content: bytes) -> None:
    (directory / name).write_bytes(content)


def _empty(directory: Path) -> None:
    for file in directory.iterdir():
        file.unlink()


def _truncate(directory: Path) -> None:
    content = (directory / IMAGES).read_bytes()
    _replace(directory, IMAGES, content[: len(content) // 2])


def _wrong_magic(directory: Path) -> None:
    content = bytearray(gzip.decompress((directory / IMAGES).read_bytes()))
    content[3] = 9
    _replace(directory, IMAGES, gzip.compress(bytes(content), 1))


def _array(name: str, array: np.ndarray) -> Callable[[Path], None]:
    return lambda directory: _replace(directory, name, gzip.compress(encode_idx(array), 1))


DAMAGES: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "directory missing": (shutil.rmtree, ("does not exist", "MNIST_PIPELINE_DATA")),
    "directory empty": (_empty, ("neither train-images-idx3-ubyte nor", "copy the file there")),
    "one file missing": (lambda d: (d / LABELS).unlink(), ("neither train-labels-idx1-ubyte nor",)),
    "truncated gzip": (_truncate, (IMAGES, "truncated", "fetch the file again")),
    "wrong magic": (_wrong_magic, (IMAGES, "magic number 0x00000809 instead of 0x00000803")),
    "counts differ": (_array(LABELS, np.zeros(1_999)), ("2,000 images", "1,999 labels")),
    "label of 10": (_array(LABELS, np.full(2_000, 10)), (LABELS, "label 0 is 10", "0–9")),
    "images of 32×32": (_array(IMAGES, np.zeros((2_000, 32, 32))), (IMAGES, "32×32", "must be 28×28")),
    "HTML page": (lambda d: _replace(d, IMAGES, b"<!DOCTYPE html><html>"), (IMAGES, "not gzip data", "<!DOCTYPE")),
}


@pytest.fixture
def data(own_copy: tuple[Path, Path]) -> Path:
    """A copy of the slice, to be damaged."""
    return own_copy[0]


@pytest.fixture
def filled(own_copy: tuple[Path, Path]) -> Path:
    """A storage in which the whole graph of that data is materialized."""
    return own_copy[1]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_data_set_is_told_in_a_line_and_leaves_what_is_stored(damage: str, data: Path, filled: Path) -> None:
    spoil, told = DAMAGES[damage]
    spoil(data)
    before = _stored(filled)
    result = _run()
    assert result.exit_code == 1
    error, log = _error_lines(result)
    assert error.startswith("Error: raw_mnist failed: ")
    for words in (str(data), *told):
        assert words in error
    assert Path(log.removeprefix("Full log: ")).read_text()
    assert _stored(filled) == before


def test_a_file_without_permission_is_told_in_a_line(data: Path, filled: Path) -> None:
    (data / IMAGES).chmod(0)
    before = _stored(filled)
    shutil.rmtree(filled / "dagster")
    for path in (filled, *filled.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    with _unprivileged(data, filled):
        result = _run()
    assert result.exit_code == 1
    assert "raw_mnist failed" in result.output
    assert f"{data / IMAGES} can't be read: Permission denied; check its permissions" in result.output
    assert _stored(filled) == before


def test_a_storage_that_cannot_be_written_is_told_before_anything_runs(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(tmp_path / "file" / "storage"))
    result = _run()
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: storage {tmp_path / 'file' / 'storage'} can't be written")
    assert "MNIST_PIPELINE_STORAGE" in result.output
    assert len(result.output.splitlines()) == 1


def test_a_read_only_storage_is_told_before_anything_runs(data: Path, filled: Path) -> None:
    filled.chmod(0o555)
    (filled / "dagster").chmod(0o555)
    before = _stored(filled)
    with _unprivileged(data, filled):
        result = _run()
    assert result.exit_code == 1
    assert f"storage {filled} can't be written (Permission denied)" in result.output
    assert _stored(filled) == before


@pytest.mark.parametrize("selection", ["no_such_asset", "key:no_such_asset", "group:no_such_group", "a or (b"])
def test_a_selection_of_what_does_not_exist_is_told(selection: str, storage: Path) -> None:
    result = _run("--select", selection)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: --select {selection!r}")
    assert len(result.output.splitlines()) == 1
    assert _stored(storage) == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("ops: [", "expected the node content"),
        ("- a list", "must be a mapping"),
        ("ops: {no_such_asset: {}}", "no_such_asset"),
        ("ops: {softmax_model: {config: {epochs: many}}}", "epochs"),
        ("ops: {softmax_model: {config: {epoch: 3}}}", "epoch"),
        ("ops: {softmax_model: {config: {epochs: 0}}}", "ops.softmax_model.config.epochs is 0"),
        ("ops: {harris_corners: {config: {kappa: 0.3}}}", "ops.harris_corners.config.kappa is 0.3"),
        ("ops: {cnn_model: {config: {recipe: SLOW}}}", "recipe"),
        ("ops: {cnn_model: {config: {recipe: FAST, validation_share: 1}}}", "ops.cnn_model.config.validation_share is"),
        (
            "ops: {reconstructions: {config: {num_components: [2, 785]}}}",
            "ops.reconstructions.config.num_components is [2, 785]",
        ),
        ("resources: {seed: {config: {value: -1}}}", "resources.seed.config.value is -1"),
    ],
)
def test_a_bad_run_configuration_is_told_before_anything_runs(
    content: str, told: str, storage: Path, tmp_path: Path
) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(content)
    result = _run("--config", str(config))
    assert result.exit_code == 1
    assert f"Error: --config {config}: " in result.output
    assert told in result.output
    assert len(result.output.splitlines()) <= 2
    assert _stored(storage) == {}


def test_a_port_in_use_is_told(storage: Path) -> None:
    with socket.socket() as taken:
        taken.bind((LOCALHOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(cli.main, ["ui", "--port", str(port)])
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: port {port} can't be listened on")
    assert "--port" in result.output


def test_a_failure_in_the_middle_names_the_asset_and_keeps_what_came_before(data: Path, filled: Path) -> None:
    before = _stored(filled)
    (filled / "assets" / "train_digits.safetensors").write_bytes(b"not what was stored")
    result = _run("--select", "data_mean")
    assert result.exit_code == 1
    error, _ = _error_lines(result)
    assert error.startswith("Error: data_mean failed: train_digits is damaged: ")
    assert "--select train_digits" in error
    changed = {name for name, content in _stored(filled).items() if before.get(name) != content}
    assert changed == {"assets/train_digits.safetensors"}


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["run", *arguments])


def _error_lines(result: Result) -> tuple[str, str]:
    error, log = result.output.splitlines()[-2:]
    return error, log


def _stored(storage: Path) -> dict[str, bytes]:
    """Every stored value and figure by its path; the Dagster instance, which records the failure, apart."""
    return {
        str(path.relative_to(storage)): path.read_bytes()
        for path in storage.rglob("*")
        if path.is_file() and path.relative_to(storage).parts[0] != "dagster"
    }


@contextmanager
def _unprivileged(*directories: Path) -> Iterator[None]:
    """As a user for whom permissions count; root has them all, and gives them up for the while."""
    if os.geteuid() != 0:
        yield
        return
    closed = {
        ancestor
        for directory in directories
        for ancestor in (directory, *directory.parents)
        if not ancestor.stat().st_mode & 0o001
    }
    modes = {parent: parent.stat().st_mode for parent in closed}
    for parent, mode in modes.items():
        parent.chmod(mode | 0o055)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        for parent, mode in modes.items():
            parent.chmod(mode)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "2001:db8::7"])
def test_an_address_that_others_reach_is_refused_without_a_password(host: str, storage: Path) -> None:
    result = CliRunner().invoke(cli.main, ["ui", "--host", host])
    assert result.exit_code != 0
    for told in (f"--host {host}", "password", "MNIST_PIPELINE_PASSWORD_HASH", "mnist-pipeline hash-password"):
        assert told in result.output
    assert "Dagster UI:" not in result.output


def test_an_address_that_others_reach_is_served_with_a_password(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[list[str]] = []
    monkeypatch.setattr(cli, "_serve", lambda command: served.append(command) or 0)
    hashed = CliRunner().invoke(cli.main, ["hash-password"], input="three pixels and a half\n" * 2).stdout.strip()
    monkeypatch.setenv("MNIST_PIPELINE_PASSWORD_HASH", hashed)
    result = CliRunner().invoke(cli.main, ["ui", "--host", "0.0.0.0", "--allowed-host", "digits.example.org"])
    assert result.exit_code == 0, result.output
    assert '"host": "0.0.0.0"' in served[0][-1]
    assert hashed not in " ".join(served[0]), "others see a process's arguments"


def test_a_password_is_asked_for_twice_and_only_its_hash_is_printed_for_a_variable() -> None:
    result = CliRunner().invoke(cli.main, ["hash-password"], input="three pixels and a half\n" * 2)
    assert result.exit_code == 0
    assert passwords.verify("three pixels and a half", result.stdout.strip())
    assert "three pixels" not in result.output


def test_a_short_password_is_refused_with_how_long_it_must_be() -> None:
    result = CliRunner().invoke(cli.main, ["hash-password"], input="short\nshort\n")
    assert result.exit_code != 0
    assert "take 12 or more" in result.output


def test_a_damaged_password_hash_is_named_before_anything_is_served(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_PASSWORD_HASH", "three pixels and a half")
    result = CliRunner().invoke(cli.main, ["ui"])
    assert result.exit_code != 0
    assert "MNIST_PIPELINE_PASSWORD_HASH" in result.output
    assert "three pixels" not in result.output
