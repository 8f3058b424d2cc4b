"""The progress of a run: what is printed elsewhere than on a terminal, and on one."""

import io
import logging
import signal
import sys
from types import SimpleNamespace

import dagster as dg
import pytest
from rich.status import Status

from mnist_pipeline.cli.display import PROGRESS, Display, is_interruption, open_output
from mnist_pipeline.data.catalogue import MNIST
from mnist_pipeline.methods.networks import training
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.graph import results
from mnist_pipeline.runtime.graph.results import HEADLINE

LONG = "x" * 200
SIXTY_NAMES = [f"asset_{number}" for number in range(60)]
DURING_STEPS = list[set[signal.Signals]]()  # the signals that were blocked


def blocked() -> set[signal.Signals]:
    return signal.pthread_sigmask(signal.SIG_BLOCK, [])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@dg.asset(
    check_specs=[dg.AssetCheckSpec(name, asset="digits") for name in ("complete", "balanced")]
)
def digits(context: dg.AssetExecutionContext):
    context.log.info(f"epoch 1/2\x1b[2J {LONG}")
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
def images():
    DURING_STEPS.append(blocked())


@dg.asset(deps=[images])
def model():
    raise ValueError


@dg.asset_check(asset=digits)
def readable():
    return dg.AssetCheckResult(passed=True)


def displayed(stream: io.StringIO) -> Display:
    """The display of a run of these assets."""
    display = Display(stream)
    definitions = dg.Definitions([digits, images, model], asset_checks=[readable])
    job = definitions.resolve_implicit_global_asset_job_def()
    with display.showing(["digits", "images", "model"]):
        job.with_logger_defs({"progress": PROGRESS}).execute_in_process(
            run_config={"loggers": {"progress": {}}}, raise_on_error=False
        )
    return display


def test_elsewhere_than_on_a_terminal_messages_steps_and_failed_checks_are_lines():
    display = displayed(stream := io.StringIO())
    lines = [line.split() for line in stream.getvalue().splitlines()]
    told, warned, failed, finished, plain, ended = lines
    assert told == ["digits", "epoch", r"1/2\x1b[2J", LONG]
    assert warned == ["digits", "few", "images"]
    assert failed[:4] == ["check", "failed:", "digits:", "balanced"]
    assert finished[:1] + finished[2:] == ["digits", "s", "10", r"classes\nin", "all"]
    assert float(finished[1]) >= 0
    assert (len(plain), plain[0], plain[2]) == (3, "images", "s")  # without a headline
    assert ended == ["model", "failed"]
    assert display.num_passed == 2
    (check,) = display.failed_checks
    assert check == ("digits: balanced (measured 0.1, expected at least 0.5): too few of a class")


def test_on_a_terminal_only_warnings_steps_and_failed_checks_stay(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    running = list[str]()  # the line below the others
    monkeypatch.setattr(Status, "update", lambda _, status: running.append(status.plain))
    displayed(stream := Terminal())
    shown = stream.getvalue()
    assert "! digits: few images" in shown
    assert "✓ digits" in shown
    assert "✗ model" in shown
    assert "check failed" in shown
    assert running[-1].startswith("2 of 3 steps, model")
    (long,) = (line for line in running if "epoch" in line)
    assert (len(long), long[-1]) == (77, "…")  # it does not wrap
    assert "! digits: epoch" not in shown
    assert "\x1b[2J" not in shown


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    displayed(stream := Terminal())
    assert "\x1b" not in stream.getvalue()
    assert "✓" not in stream.getvalue()


def test_after_a_run_ctrl_c_is_delivered_and_the_display_hears_no_other_run():
    display = displayed(stream := io.StringIO())
    assert signal.SIGINT not in DURING_STEPS[-1] | blocked()
    length = len(stream.getvalue())
    displayed(io.StringIO())
    assert len(stream.getvalue()) == length
    assert display.num_passed == 2
    with display.showing(["digits"]):  # no step begins
        assert signal.SIGINT in blocked()
    assert signal.SIGINT not in blocked()


@pytest.mark.parametrize("step", ["digits", "digits__checks"])  # the latter is no asset
@pytest.mark.parametrize("name", ["KeyboardInterrupt", "ValueError"])
def test_a_step_that_a_signal_ended_has_not_failed(name, step):
    error = SimpleNamespace(cls_name="Failure", cause=SimpleNamespace(cls_name=name, cause=None))
    event = SimpleNamespace(
        event_type=dg.DagsterEventType.STEP_FAILURE,
        is_step_failure=True,
        step_failure_data=SimpleNamespace(error=error),
    )
    record = logging.makeLogRecord({"dagster_meta": {"dagster_event": event, "step_key": step}})
    display = Display(stream := io.StringIO())
    with display.showing(["digits"]):
        display.emit(record)
    assert is_interruption(event) == (name == "KeyboardInterrupt")
    assert bool(stream.getvalue()) == (name == "ValueError")


def test_the_output_is_what_is_standard_output_now_also_if_steps_redirect_it(
    capfd, tmp_path, monkeypatch
):
    with open_output() as stream:
        print("before", file=stream, flush=True)
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        print("7 → 1", file=stream)
    assert capfd.readouterr().out == "before\n7 → 1\n"
    with open_output() as stream:
        assert stream is sys.stdout
    with (tmp_path / "output").open("w", encoding="ascii") as file:
        monkeypatch.setattr(sys, "stdout", file)
        with open_output() as stream:
            stream.write("7 → 1")
    assert (tmp_path / "output").read_text() == "7 ? 1"
    monkeypatch.setattr(sys, "stdout", None)  # a closed output
    with open_output() as stream:
        stream.write("nobody reads it")


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_a_terminal_of_80_columns_shows_the_held_out_accuracy_of_an_epoch(
    name, small_train, monkeypatch
):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    messages = []
    logger = logging.Logger("step")
    logger.info = messages.append
    monkeypatch.setattr(results.dg, "get_dagster_logger", lambda: logger)
    last = training.EpochRecord(1000, 1000, 0.01234, 0.99123, 0.98765, (0.01234,))

    def train(*_, on_epoch, **__) -> training.History:
        if on_epoch:  # None where the network is trained again on all images
            on_epoch(last)
        return training.History((last,), "float32", "cpu", 1.0)

    monkeypatch.setattr(training, "train", train)
    settings = {"recipe": "default"}
    kind, on_epoch = MNIST.kind, results.progress
    MODELS[name].method().fit(small_train, settings, seed=0, kind=kind, on_epoch=on_epoch)
    display = Display(Terminal())
    with display.showing(SIXTY_NAMES):
        for _ in range(59):
            display._finish("asset_1", "", "✓")
        record = logging.LogRecord("run", logging.INFO, "", 0, messages[0], (), None)
        record.dagster_meta = {"step_key": MODELS[name].model_asset, "orig_message": messages[0]}
        display.emit(record)
        shown = str(display._running.status)
    assert "0.9877" in shown
    assert len(shown) <= 77  # beside the spinner
