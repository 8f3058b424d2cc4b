"""An error is reported in a line with a non-zero exit code, and changes nothing that is stored."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given

from mnist_pipeline.cli import configuration, execution, selection
from mnist_pipeline.cli import main as cli
from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.runtime.storage.directory import Directory

pytestmark = pytest.mark.slow

IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


def _replace(directory: Path, name: str, content: bytes) -> None:
    (directory / name).write_bytes(content)


# `tests/data/test_datasets.py` has many more.
DAMAGES: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "directory missing": (shutil.rmtree, ("MNIST_PIPELINE_DATA",)),
    "file missing": (lambda directory: (directory / LABELS).unlink(), ("train-labels-idx1-ubyte",)),
    "HTML page": (lambda directory: _replace(directory, IMAGES, b"<!DOCTYPE html><html>"), (IMAGES, "<!")),
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
def test_a_bad_data_set_is_reported_in_a_line_and_leaves_what_is_stored(damage: str, data: Path, filled: Path) -> None:
    spoil, named = DAMAGES[damage]
    spoil(data)
    before = _stored(filled)
    result = _run()
    assert result.exit_code == 1
    error, log = _error_lines(result)
    assert error.startswith("Error: raw_mnist failed: ")
    for words in (str(data), *named):
        assert words in error
    assert Path(log.removeprefix("Full log: ")).read_text()
    assert _stored(filled) == before


def test_a_read_only_storage_is_named_before_anything_runs(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Directory, "probe", refuse)  # root may write into a read-only directory
    before = _stored(filled)
    result = _run()
    assert result.exit_code == 1
    assert f"storage {filled} can't be written (Permission denied)" in result.output
    assert _stored(filled) == before


@pytest.mark.parametrize("selection", ["no_such_asset", "key:no_such_asset", "group:no_such_group", "a or (b"])
def test_a_selection_that_matches_nothing_is_quoted(selection: str, storage: Path) -> None:
    result = _run("--select", selection)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: --select {selection!r}")
    assert len(result.output.splitlines()) == 1
    assert _stored(storage) == {}


def test_a_bad_run_configuration_is_refused_before_anything_runs(storage: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("ops: {softmax_model: {config: {epochs: 0}}}")
    result = _run("--config", str(config))
    assert result.exit_code == 1
    assert f"Error: --config {config}: ops.softmax_model.config.epochs is 0" in result.output
    assert len(result.output.splitlines()) == 1
    assert _stored(storage) == {}


def _softmax(values: str) -> str:
    return f"ops: {{softmax_model: {{config: {{{values}}}}}}}"


def _reconstructions(values: str) -> str:
    return f"ops: {{reconstructions: {{config: {{num_components: {values}}}}}}}"


def _laughs(levels: int, entry: str, more: str) -> str:
    """Lines that each stand for ten times the previous line."""
    lines = [f"a0: &a0 {entry}", *(f"a{i}: &a{i} {more % ', '.join([f'*a{i - 1}'] * 10)}" for i in range(1, levels))]
    return "\n".join(lines)


# Contents of a file, and the places and values that the message must name.
BAD_CONFIGURATIONS: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "text": ("hello", ()),
    "set": ("!!set {ops}", ()),
    "unknown part": ("opps: {}", ("'opps'",)),
    "list of operations": ("ops: [a]", ("root:ops",)),
    "operation without content": ("ops: {softmax_model: }", ("root:ops:softmax_model",)),
    "values outside the configuration": ("ops: {softmax_model: {epochs: 3}}", ("'epochs'", "root:ops:softmax_model")),
    "unknown operation": ("ops: {softmax: {}}", ("'softmax'", "ops")),
    "unknown value": (_softmax("epoch: 3"), ("'epoch'",)),
    "value that nothing reads": ("ops: {data_mean: {config: {center: 1}}}", ("ops.data_mean.config",)),
    "configuration of the storage": ("resources: {io_manager: {config: {root: /}}}", ("resources.io_manager.config",)),
    "number as a key": ("ops: {1: {}}", ()),
    "list as a key": ("? [1]\n: 2", ()),
    "letters for a number": (_softmax("epochs: many"), ("softmax_model:config:epochs", '"many"')),
    "fraction": (_softmax("epochs: 1.5"), ('"1.5"',)),
    "boolean for an integer": (_softmax("epochs: true"), ('"True"',)),
    "list for a number": (_softmax("epochs: [1]"), ("config:epochs",)),
    "date": (_softmax("epochs: 2020-01-01"), ("2020-01-01",)),
    "variable that is not set": (_softmax("epochs: {env: NO_SUCH_VARIABLE}"), ("NO_SUCH_VARIABLE",)),
    "variable out of bounds": (_softmax("epochs: {env: NO_EPOCHS}"), ("softmax_model.config.epochs is 0",)),
    "not a number": (_softmax("learning_rate: .nan"), ("learning_rate",)),
    "minus infinite": (_softmax("learning_rate: -.inf"), ("learning_rate",)),
    "zero epochs": (_softmax("epochs: 0"), ("epochs",)),
    "kappa too large": ("ops: {harris_corners: {config: {kappa: 0.3}}}", ("ops.harris_corners.config.kappa is 0.3",)),
    "four hundred digits": (_softmax(f"learning_rate: {'9' * 400}"), ()),
    "ten thousand digits": (_softmax(f"epochs: {'9' * 10_000}"), ()),
    "no components": (_reconstructions("[]"), ("num_components",)),
    "too many components": (_reconstructions("[2, 785]"), ("ops.reconstructions.config.num_components.1 is 785",)),
    "letters for components": (_reconstructions("[5, a]"), ("num_components[1]", '"a"')),
    "unknown recipe": ("ops: {cnn_model: {config: {recipe: fast}}}", ("cnn_model:config:recipe", "fast", "NOTEBOOK")),
    "unknown algorithm": ("ops: {knn_predictions: {config: {algorithm: BALL}}}", ("BALL",)),
    "negative seed": ("resources: {seed: {config: {value: -1}}}", ("resources.seed.config.value",)),
    "seed of 33 bits": ("resources: {seed: {config: {value: 4294967296}}}", ("resources.seed.config.value",)),
    "unknown resource": ("resources: {sead: {}}", ("'sead'", "root:resources")),
    "unknown way to execute": ("execution: {config: {threads: 8}}", ("'threads'", "root:execution:config")),
    "tab": ("ops:\n\tsoftmax_model: {}", ("YAML",)),
    "bracket left open": ("ops: [", ("YAML",)),
    "unknown alias": ("ops: *a", ("YAML",)),
    "unknown tag": ("ops: !path {}", ("'!path'", "YAML")),
    "date that is none": (_softmax("epochs: 2020-99-99"), ()),
    "nothing tagged as float": (_softmax("epochs: !!float ''"), ()),
    "call of a function": ("!!python/object/apply:os.abort []", ("YAML",)),
    "billion laughs": (_laughs(10, "[x, x, x]", "[%s]"), ()),
    "billion merged laughs": (_laughs(10, "{k: 1}", "{<<: [%s]}"), ()),
    "mapping in itself": ("ops: &a {softmax_model: *a}", ()),
    "too deep to parse": ("[" * 600 + "]" * 600, ()),
    "too long": ("# " + "x" * 100_000, ()),
    "Latin-1": ("ops: {é: 1}".encode("latin-1"), ("YAML",)),
    "null byte": (b"ops: \0", ("#x0000", "YAML")),
    "colours of a terminal": (b'ops: {"\\e[31m": {}}', ("\\x1b[31m", "root:ops")),
}


@pytest.mark.parametrize("name", BAD_CONFIGURATIONS)
def test_a_bad_run_configuration_is_one_launch_error_that_names_the_place(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, named = BAD_CONFIGURATIONS[name]
    monkeypatch.setenv("NO_EPOCHS", "0")
    file = tmp_path / "run.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = time.process_time()
    with pytest.raises(CommandError) as caught:
        configuration.load_run_config(file, selection.select_assets("*"))
    assert time.process_time() - before < 10
    message = str(caught.value)
    assert message.startswith(f"--config {file}: ")
    for words in named:
        assert words in message
    assert message.isprintable()
    assert len(message) < 2_000


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", {}),
        ("ops: {}", {"ops": {}}),
        ("\ufeffops:\r\n  softmax_model: {}\r\n", {"ops": {"softmax_model": {}}}),
        (_softmax("learning_rate: 1.0e-3"), {"ops": {"softmax_model": {"config": {"learning_rate": 0.001}}}}),
        (
            _softmax("epochs: {env: SOME_EPOCHS}"),
            {"ops": {"softmax_model": {"config": {"epochs": {"env": "SOME_EPOCHS"}}}}},
        ),
        (
            "ops:\n  mlp_model: &fast {config: {recipe: FAST}}\n  cnn_model: *fast",
            {"ops": {name: {"config": {"recipe": "FAST"}} for name in ("mlp_model", "cnn_model")}},
        ),
    ],
)
def test_a_good_run_configuration_comes_back_as_it_was_written(
    content: str, expected: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_EPOCHS", "3")
    file = tmp_path / "run.yaml"
    file.write_bytes(content.encode())
    assert configuration.load_run_config(file, selection.select_assets("*")) == {"loggers": {"console": {}}, **expected}


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.symlink_to("n" * 300), "File name too long"),
        (lambda path: None, "not a file"),
        (Path.mkdir, "not a file"),
        (os.mkfifo, "not a file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a file"),
        (lambda path: path.symlink_to(path), "not a file"),
        (lambda path: path.symlink_to("/proc/self/mem"), "Input/output error"),
    ],
    ids=["name too long", "missing", "directory", "pipe", "device", "circle", "unreadable medium"],
)
def test_a_configuration_that_is_not_a_readable_file_is_named_at_once(
    make: Callable[[Path], None], reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "run.yaml"
    make(file)
    with pytest.raises(CommandError, match=f"--config {file}: .*{reason}"):
        configuration.load_run_config(file, selection.select_assets("*"))


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_names = st.sampled_from(["ops", "resources", "execution", "loggers", "config", "softmax_model", "cnn_model", "seed"])
_fields = st.sampled_from(["epochs", "learning_rate", "recipe", "value", "num_components", "kappa", "env", "console"])
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names | _fields | _scalars, inner, max_size=3),
    max_leaves=8,
)
_configured = st.tuples(
    st.sampled_from(["softmax_model", "cnn_model", "knn_predictions", "reconstructions", "harris_corners"]),
    st.dictionaries(_fields, _values, max_size=2),
).map(lambda drawn: {"ops": {drawn[0]: {"config": drawn[1]}}})
_documents = (_values | _configured).map(lambda value: yaml.safe_dump(value, allow_unicode=True).encode())


@given(
    _documents
    | st.tuples(_documents, st.integers(0, 60), st.binary(max_size=4)).map(lambda d: d[0][: d[1]] + d[2] + d[0][d[1] :])
    | st.tuples(
        st.sampled_from(
            ["int", "float", "bool", "null", "timestamp", "binary", "set", "omap", "pairs", "map", "merge"]
        ),
        st.text("0123456789-:.eExb_aT ~[]{},'", max_size=12),
    ).map(lambda d: f"ops: !!{d[0]} {d[1]}".encode())
    | st.text("ops: {}[]&a*<|>-?!%@`'\"#,\n\t0.", max_size=60).map(str.encode)
    | st.binary(max_size=40)
)
@hypothesis.settings(
    derandomize=True, deadline=None, database=None, max_examples=600, suppress_health_check=list(hypothesis.HealthCheck)
)
def test_any_run_configuration_is_accepted_or_one_launch_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "run.yaml"
    file.write_bytes(content)
    selected = selection.select_assets("*")
    try:
        config = configuration.load_run_config(file, selected)
    except CommandError as error:
        message = str(error)
        assert message.startswith(f"--config {file}: ")
        assert message.isprintable()
    else:
        execution.config_of(selected, config)


@pytest.mark.parametrize(
    "content", ["nonsense: 1", "- a list", "[", "telemetry: {enabled: maybe}", b"\xff\xfe\xfd", "run_queue: &a [*a]"]
)
def test_a_dagster_instance_that_is_configured_wrongly_is_named(content: str | bytes, storage: Path) -> None:
    file = storage / "dagster" / "dagster.yaml"
    file.parent.mkdir(parents=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = _run()
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {file} is not a configuration of Dagster: ")
    assert "delete it to get the default back" in result.output
    assert len(result.output.splitlines()) == 1


def test_the_configuration_of_the_dagster_instance_follows_the_settings_unless_it_was_edited(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = storage / "dagster" / "dagster.yaml"

    def configured(runs: str, text: str | None = None) -> str:
        if text is not None:
            file.write_text(text)
        monkeypatch.setenv("MNIST_PIPELINE_CONCURRENT_RUNS", runs)
        assert CliRunner().invoke(cli.main, ["verify"]).exit_code == 0
        return file.read_text()

    default = configured("1")
    start, _, rest = default.partition("# One run")
    of_first_release = start + rest[rest.index("nux:") : rest.index("python_logs:")]
    three = configured("3", of_first_release)
    assert "max_concurrent_runs: 3" in three
    assert configured("1") == default
    for edited in (default + "# mine", default.replace("purge_after_days: 90", "purge_after_days: 9")):
        assert configured("3", edited) == edited


@pytest.mark.parametrize("variable", ["MNIST_PIPELINE_STORAGE", "DAGSTER_HOME"])
def test_a_file_in_place_of_a_directory_is_reported_with_its_variable(
    variable: str, storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(variable, str(tmp_path / "file"))
    result = _run()
    assert result.exit_code == 1
    assert f"{tmp_path / 'file'} can't be written (File exists); point {variable} at a directory" in result.output


@pytest.mark.parametrize("name", ["a?b", "a%20b", "x" * 240 + "/" + "y" * 230])
def test_a_path_that_sqlite_can_not_open_is_refused_before_anything_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(tmp_path / name))
    result = _run()
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert "DAGSTER_HOME" in line
    assert name[:10] in line
    assert list(tmp_path.iterdir()) == []


def test_a_bad_setting_is_named_before_anything_is_written(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_EXECUTOR", "celery")
    result = _run()
    assert result.exit_code == 1
    assert result.output.startswith("Error: MNIST_PIPELINE_EXECUTOR is 'celery'")
    assert not storage.exists()


def test_a_port_in_use_is_named(storage: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(cli.main, ["ui", "--port", str(port)])
    assert result.exit_code == 1
    assert f"port {port}" in result.output
    assert "--port" in result.output


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["run", *arguments])


def _error_lines(result: Result) -> tuple[str, str]:
    error, log = result.output.splitlines()[-2:]
    return error, log


def _stored(storage: Path) -> dict[str, bytes]:
    """The content of each stored file by its path, without the Dagster instance, which records the failure."""
    return {
        str(path.relative_to(storage)): path.read_bytes()
        for path in storage.rglob("*")
        if path.is_file() and path.relative_to(storage).parts[0] != "dagster"
    }
