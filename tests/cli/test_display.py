"""The progress of a run: what is printed elsewhere than on a terminal, and on one."""

import io
import signal
import sys
from types import SimpleNamespace

import dagster as dg
import pytest

from mnist_pipeline.cli.display import PROGRESS, Display, is_interruption, open_output
from mnist_pipeline.runtime.graph.results import HEADLINE


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@dg.asset(
    check_specs=[dg.AssetCheckSpec(name, asset="digits") for name in ("complete", "balanced")]
)
def digits(context: dg.AssetExecutionContext):
    context.log.info("epoch 1/2\x1b[2J")
    context.log.warning("few images")
    context.log.debug("hidden")
    yield dg.MaterializeResult(
        metadata={HEADLINE: "10 classes\nin all"},
        check_results=[
            dg.AssetCheckResult(check_name="complete", passed=True),
            dg.AssetCheckResult(
                check_name="balanced",
                passed=False,
                metadata={"measured": 0.1, "expected": "at least 0.5"},
                description="too few of a class",
            ),
        ],
    )


@dg.asset(deps=[digits])
def model():
    raise ValueError


@dg.asset_check(asset=digits)
def readable():
    return dg.AssetCheckResult(passed=True)


def displayed(stream: io.StringIO, **raised: BaseException) -> Display:
    """The display of a run of these assets."""
    display = Display(stream)
    definitions = dg.Definitions([digits, model], asset_checks=[readable])
    job = definitions.resolve_implicit_global_asset_job_def()
    with display.showing(["digits", "model"]):
        job.with_logger_defs({"progress": PROGRESS}).execute_in_process(
            run_config={"loggers": {"progress": {}}}, raise_on_error=False
        )
    return display


def test_elsewhere_than_on_a_terminal_messages_steps_and_failed_checks_are_lines():
    display = displayed(stream := io.StringIO())
    lines = [line.split() for line in stream.getvalue().splitlines()]
    told, warned, failed, finished, ended = lines
    assert told == ["digits", "epoch", r"1/2\x1b[2J"]
    assert warned == ["digits", "few", "images"]
    assert failed[:4] == ["check", "failed:", "digits:", "balanced"]
    assert finished[:1] + finished[2:] == ["digits", "s", "10", r"classes\nin", "all"]
    assert float(finished[1]) >= 0
    assert ended == ["model", "failed"]
    assert display.num_passed == 2
    (check,) = display.failed_checks
    assert check == ("digits: balanced (measured 0.1, expected at least 0.5): too few of a class")


def test_on_a_terminal_only_warnings_steps_and_failed_checks_stay(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    displayed(stream := Terminal())
    shown = stream.getvalue()
    assert "! digits: few images" in shown
    assert "✓ digits" in shown
    assert "✗ model" in shown
    assert "check failed" in shown
    assert "1 of 2 steps, model" in shown
    assert "\x1b[2J" not in shown


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    displayed(stream := Terminal())
    assert "\x1b" not in stream.getvalue()
    assert "✓" not in stream.getvalue()


def test_after_a_run_ctrl_c_is_delivered_and_the_display_hears_no_other_run():
    display = displayed(stream := io.StringIO())
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    length = len(stream.getvalue())
    displayed(io.StringIO())
    assert len(stream.getvalue()) == length
    assert display.num_passed == 2


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "ValueError"])
def test_a_step_that_a_signal_ended_is_told_from_a_failure(name):
    error = SimpleNamespace(cls_name="Failure", cause=SimpleNamespace(cls_name=name, cause=None))
    event = SimpleNamespace(is_step_failure=True, step_failure_data=SimpleNamespace(error=error))
    assert is_interruption(event) == (name == "KeyboardInterrupt")


def test_the_output_is_what_is_standard_output_now_also_if_steps_redirect_it(capfd, monkeypatch):
    with open_output() as stream:
        print("before", file=stream, flush=True)
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        print("7 → 1", file=stream)
    assert capfd.readouterr().out == "before\n7 → 1\n"
    with open_output() as stream:
        assert stream is sys.stdout
    monkeypatch.setattr(sys, "stdout", None)  # a closed output
    with open_output() as stream:
        stream.write("nobody reads it")
