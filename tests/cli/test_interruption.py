"""Ctrl-C and SIGTERM end a command within seconds."""

import signal
import subprocess
import time
from pathlib import Path

import dagster as dg
import pytest
from support.processes import locked_elsewhere, python

pytestmark = pytest.mark.slow

STUBBORN = """
import time
from mnist_pipeline.cli.interruption import handle_signals
handle_signals()
while True:
    try:
        print("ready", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        pass
"""
QUICK_SECONDS = 3
PATIENCE_SECONDS = 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_process_that_ignores_the_exception_is_ended(number: signal.Signals) -> None:
    _require_quick_end(python("-c", STUBBORN), "ready", number)


def test_a_run_that_waits_for_another_ends_on_ctrl_c(storage: Path) -> None:
    storage.mkdir()
    with locked_elsewhere(storage / ".lock"):
        process = python("-m", "mnist_pipeline.cli", "run", "--select", "raw_mnist")
        _require_quick_end(process, "Another run (", signal.SIGINT)


def test_a_run_ends_on_sigterm_and_counts_as_canceled(storage: Path) -> None:
    process = python("-m", "mnist_pipeline.cli", "run")
    _require_quick_end(process, "raw_mnist", signal.SIGTERM)
    with dg.DagsterInstance.from_config(str(storage / "dagster")) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.CANCELED]


def _require_quick_end(process: subprocess.Popen[str], output: str, number: signal.Signals) -> None:
    """Wait for an output, send a signal, and require that the process ends with a message and exit code 130."""
    assert process.stdout is not None
    try:
        while output not in (line := process.stdout.readline()):
            assert line, process.communicate()
        sent = time.monotonic()
        process.send_signal(number)
        process.wait(PATIENCE_SECONDS)
        assert time.monotonic() - sent < QUICK_SECONDS
        assert process.returncode == 130
        assert "\nInterrupted. " in process.communicate()[1]
    finally:
        process.kill()
