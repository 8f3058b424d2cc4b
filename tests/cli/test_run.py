"""`mnist-pipeline run` on a slice of the digits: what it prints, what it runs again, and how it
ends.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import weakref
from typing import Any
from unittest.mock import Mock

import dagster as dg
import pytest
from support.graph_fixtures import environment, invoke, materialized, names
from support.idx import write_idx
from support.servers import COMMAND

from assets.definitions import defs
from mnist_pipeline.cli.__main__ import interrupt_again
from mnist_pipeline.cli.run import _runs
from mnist_pipeline.methods import pca
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.storage import storage as stored_values
from mnist_pipeline.runtime.storage.storage import Storage

FEW = "+key:projections"


def test_a_run_prints_each_asset_the_accuracies_and_the_address_of_the_report(finished_run):
    output, directory = finished_run
    assert {"raw_mnist", "eigendecomposition", "cnn_model", "evaluation_report"} <= materialized(
        output
    )
    shown = re.findall(r"^  (\w+) +\d+\.\d\d% ", output, re.MULTILINE)
    assert {*shown} == {*MODELS}
    assert f"{directory}/report/index.html" in output
    assert (directory / "report" / "index.html").read_text().startswith("<!")


def test_nothing_runs_again_until_something_changes(own_copy):
    assert materialized(invoke("run", "--changed")) == set()


@pytest.mark.slow
@pytest.mark.usefixtures("without_drawing")
def test_what_is_missing_or_damaged_runs_again_with_everything_below(own_copy):
    _, directory = own_copy
    stored = Storage(str(directory))
    stored.main_file("covariance").write_bytes(b"damaged")
    shutil.rmtree(directory / "harris_corners")
    (record,) = directory.glob("knn_evaluation/*/runs/*.json")
    record.write_text(record.read_text().replace('"accuracy": 0', '"accuracy": 1'))
    # These two are mended without computing anything.
    shutil.rmtree(directory / "report")
    (directory / "data_mean" / "current").write_text("none")
    computed = {"covariance", "harris_corners", "knn_evaluation"}
    below = dg.AssetSelection.assets(*computed).downstream().resolve(defs.resolve_asset_graph())
    again = materialized(invoke("run", "--changed"))
    assert again == names(below)
    record.unlink()
    invoke("verify")
    assert materialized(invoke("run", "--changed")) == set()


def test_the_data_of_another_data_set_are_neither_mixed_in_nor_replace_it_unasked(
    own_copy, tmp_path, small_test, monkeypatch
):
    _, directory = own_copy
    other = write_idx(tmp_path / "other", small_test, small_test)
    for files in (other, tmp_path / "misspelled"):
        monkeypatch.setenv("MNIST_PIPELINE_DATA", str(files))
        for arguments in (["--select", "key:evaluation_report"], ["--changed"]):
            *_, line = invoke("run", *arguments, code=1).strip().splitlines()
            assert str(files) in line
            assert str(directory) in line
    assert len(Storage(str(directory)).read("test_digits").labels) == len(small_test.labels)


def test_stored_values_are_enough_for_a_run_after_their_data_are_gone(own_copy):
    invoke("run", "--select", "key:raw_mnist")  # its record names the directory
    shutil.rmtree(own_copy[0])
    assert materialized(invoke("run", "--select", "key:cnn_kernels")) == {"cnn_kernels"}


def test_partitions_that_are_due_bring_nothing_that_was_not_selected(instance):
    partitions = dg.StaticPartitionsDefinition(["a", "b"])
    trials = dg.asset(lambda: None, name="trials", partitions_def=partitions)
    summary = dg.asset(lambda: None, name="summary", deps=[trials])
    definitions = dg.Definitions([trials, summary])
    runs = _runs(instance, definitions, {trials.key}, changed=True)
    assert list(runs) == [({trials.key}, "a"), ({trials.key}, "b")]


def test_a_configuration_reaches_its_asset_and_a_wrong_one_is_one_line(
    own_copy, tmp_path, monkeypatch
):
    file, stored = tmp_path / "run.yaml", Storage(str(own_copy[1]))
    monkeypatch.setattr(
        stored_values, "DAY_SECONDS", -1
    )  # every version is old enough to be deleted
    file.write_text("ops: {projections: {config: {num_components: 7}}}")
    command = ("run", "--select", "projections", "--config", str(file))
    assert materialized(invoke(*command)) == {"projections"}
    assert stored.read("projections").shape[1] == 7
    assert len(stored.records("projections")) == 1
    out_of_range = "ops: {projections: {config: {num_components: 1}}}"
    for wrong in ("ops: [[[[", "resources: 3", "- 1", out_of_range):
        file.write_text(wrong)
        (line,) = invoke(*command, code=1).splitlines()  # no asset has begun
        assert "--config" in line


def test_a_blocking_check_that_fails_is_named_in_the_last_line(
    storage, tmp_path, small_test, monkeypatch
):
    dark = small_test._replace(images=small_test.images // 4)
    monkeypatch.setenv("MNIST_PIPELINE_DATA", str(write_idx(tmp_path / "dark", dark, dark)))
    *_, line = invoke("run", "--select", "+key:train_digits", code=1).strip().splitlines()
    assert "train_digits: full_range_of_pixels" in line


def test_a_step_that_fails_is_told_by_what_it_raised_and_not_by_the_occasion(storage, monkeypatch):
    def center(*_: Any) -> Any:
        try:
            raise KeyError("the occasion")
        except KeyError as error:
            raise OSError("what it raised") from error

    monkeypatch.setattr(pca, "center", center)
    *_, line = invoke("run", "--select", "+key:centered_data", code=1).strip().splitlines()
    assert "what it raised" in line


def test_a_selection_drops_each_value_once_it_is_stored(storage, monkeypatch):
    centered = []
    center, mean, eigendecomposition = pca.center, pca.mean, pca.eigendecomposition

    def remembered(*arguments: Any) -> Any:
        value = center(*arguments)
        centered.append(weakref.ref(value))
        return value

    def of_check(images: Any) -> Any:
        assert not centered or centered[0]() is None
        return mean(images)

    def checked(covariance: Any) -> Any:
        assert centered[0]() is None
        return eigendecomposition(covariance)

    monkeypatch.setattr(pca, "center", remembered)
    monkeypatch.setattr(pca, "mean", of_check)
    monkeypatch.setattr(pca, "eigendecomposition", checked)
    assert "eigendecomposition" in materialized(
        invoke("run", "--select", "+key:eigendecomposition")
    )


def test_an_empty_storage_is_refused(storage):
    assert str(storage) in invoke("verify", code=1)
    assert not storage.exists()


def test_an_interruption_that_python_ignored_comes_again(monkeypatch):
    def wait():
        interrupt_again(Mock(exc_type=KeyboardInterrupt))
        threading.Event().wait(60)

    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        wait()
    signal.signal(signal.SIGTERM, former)
    monkeypatch.setattr(sys, "__unraisablehook__", report := Mock())
    interrupt_again(Mock(exc_type=ValueError))
    report.assert_called_once()


@pytest.mark.slow
def test_a_signal_ends_a_run_without_a_traceback_and_the_next_one_continues(
    storage, slice_directory
):
    command = [*COMMAND, "run", "--select", FEW]
    # In a process group of its own, as a shell starts it.
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True}
    options |= {"env": os.environ | environment(slice_directory, storage), "text": True}
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)):
        with subprocess.Popen(command, **options) as process:
            assert any("train_digits" in line for line in process.stdout)
            # Ctrl-C reaches the processes that Dagster has started, too.
            send = os.killpg if number == signal.SIGINT else os.kill
            send(process.pid, number)
            assert process.wait(60) == code
            # If it is killed, a process of Dagster may survive and keep the output open.
            if number != signal.SIGKILL:
                errors = process.stderr.read()
                assert "Traceback" not in errors
                assert "--changed" in errors
    invoke("verify")
    assert "projections" in materialized(invoke("run", "--select", FEW, "--changed"))
