"""Two runs at once, and Ctrl-C at any time: every stored value stays complete."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import commands
from mnist_pipeline.runtime.settings import PROJECT
from mnist_pipeline.runtime.storage.directory import forget_verified
from mnist_pipeline.runtime.storage.storage import Storage

from .test_faults import KEYS, manifests

PARTIAL = ("--select", "group:digits or group:pca")
DIGITS_AND_PCA = {
    "raw_mnist",
    "train_digits",
    "test_digits",
    "digit_images",
    "data_mean",
    "centered_data",
    "covariance",
    "eigendecomposition",
    "projections",
    "reconstructions",
}
# The report contains run ids; the champion and its card depend on earlier runs.
UNCOMPARED = {"evaluation_report", "champion", "model_card"}
NUM_PAIRS = 10
NUM_INTERRUPTS = 6
QUICK_SECONDS = 3.0
CLOSING_SECONDS = 1.0  # between the last asset and the end of the process
PATIENCE_SECONDS = 60.0


@pytest.fixture
def storage(place: Path) -> Iterator[Path]:
    directory = place / "runs"
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.parametrize("pair", range(NUM_PAIRS))
def test_two_runs_started_together_both_succeed_and_every_value_is_that_of_one_of_them(
    pair: int, slices: tuple[Path, Path], undisturbed: tuple[Path, Path], storage: Path
) -> None:
    """A full run of the first slice and a partial run of the second, in an empty or a finished storage."""
    if pair % 2:
        shutil.copytree(undisturbed[1], storage)
    both = [(slices[0], "run"), (slices[1], "run", *PARTIAL)]
    runs = [commands.start(storage, *arguments) for arguments in (both if pair % 4 < 2 else reversed(both))]
    ended = [run.wait() for run in runs]
    outputs = "\n".join(run.output for run in ended)
    assert [run.code for run in ended] == [0, 0], outputs
    assert "database is locked" not in outputs
    assert len(re.findall("Another run .* is writing into", outputs)) == 1, outputs

    forget_verified()
    stored, found = Storage(storage), manifests(storage)
    assert sorted(found) == KEYS
    for manifest in found.values():
        stored.published.verify(manifest)
    first, second = (manifests(directory) for directory in undisturbed)
    partial_was_last = found["raw_mnist"] == second["raw_mnist"]
    for key in set(KEYS) - UNCOMPARED:
        expected = second if partial_was_last and key in DIGITS_AND_PCA else first
        assert found[key] == expected[key], key
    assert stored.published.unfinished_files() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_time_ends_a_run_within_seconds(
    number: signal.Signals, slices: tuple[Path, Path], undisturbed: tuple[Path, Path], storage: Path
) -> None:
    moments = random.Random(int(number))
    for _ in range(NUM_INTERRUPTS):
        shutil.rmtree(storage, ignore_errors=True)
        shutil.copytree(undisturbed[0], storage)
        run = commands.start(storage, slices[1], "run")
        ended = run.wait(moments.uniform(0, 8), number)
        if ended.lag is not None and ended.code == 0:  # the run was complete when the signal arrived
            assert ended.lag < CLOSING_SECONDS, ended.output
        elif ended.lag is not None:
            assert ended.code == 130, ended.output
            assert ended.lag < QUICK_SECONDS
            assert "\nInterrupted. " in ended.output
            commands.COUNTED["signals at random"] += 1
        _require_group_ended(run.process.pid or 0)
        first, second = (manifests(directory) for directory in undisturbed)
        forget_verified()
        for key, manifest in manifests(storage).items():
            Storage(storage).published.verify(manifest)
            assert manifest in (first[key], second[key]) or key in UNCOMPARED, key


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_step_processes_of_a_run_end_with_it(
    number: signal.Signals, slices: tuple[Path, Path], storage: Path
) -> None:
    variables = {"MNIST_PIPELINE_DATA": str(slices[0]), "MNIST_PIPELINE_STORAGE": str(storage)}
    variables |= {"MNIST_PIPELINE_EXECUTOR": "multiprocess", "DAGSTER_HOME": str(storage / "dagster")}
    process = subprocess.Popen(
        [sys.executable, "-m", "mnist_pipeline.cli", "run"],
        cwd=PROJECT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    while b"raw_mnist" not in process.stdout.readline():
        assert process.poll() is None
    sent = time.monotonic()
    process.send_signal(number)
    process.wait(PATIENCE_SECONDS)
    if number == signal.SIGINT:
        assert time.monotonic() - sent < QUICK_SECONDS
        assert process.returncode == 130
    process.stdout.close()
    _require_group_ended(process.pid)
    commands.COUNTED["signals to many processes"] += 1
    ended = commands.run(storage, slices[0], "--changed", "--select", "group:pca or group:digits")
    assert ended.code == 0, ended.output


def _require_group_ended(group: int) -> None:
    """All processes of a group have ended, or end within seconds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
    raise AssertionError(subprocess.run(["ps", "-o", "pid,args", "-g", str(group)], capture_output=True).stdout)
