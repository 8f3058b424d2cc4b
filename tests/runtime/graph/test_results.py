"""What an asset returns, and what it reports if it fails."""

import logging

import dagster as dg
import pytest

from mnist_pipeline.cli.run import _failures
from mnist_pipeline.runtime.graph import results
from mnist_pipeline.runtime.graph.results import stopwatch
from mnist_pipeline.utils.memory import ShortageError


def fail_in_the_method():
    with stopwatch():
        raise RuntimeError(
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 83 GB"
        )


def fail_elsewhere():
    raise MemoryError("Unable to allocate 83 GB for an array")


@pytest.mark.parametrize("fail", [fail_in_the_method, fail_elsewhere])
def test_the_line_of_an_asset_that_lacks_memory_says_what_to_do(fail):
    @dg.asset
    def large() -> None:
        fail()

    outcome = dg.materialize([large], instance=dg.DagsterInstance.ephemeral(), raise_on_error=False)
    (line,) = _failures(outcome)
    assert line.startswith("large failed: ")
    for words in ("83 GB", "are available", "5 kB per image", "--select"):
        assert line.count(words) == 1


def test_a_run_that_fails_before_its_first_step_says_why(instance):
    @dg.resource
    def broken(_: dg.InitResourceContext) -> None:
        raise ValueError("no disk here")

    lazy = dg.asset(lambda: None, name="lazy", required_resource_keys={"broken"})
    outcome = dg.materialize(
        [lazy], instance=instance, resources={"broken": broken}, raise_on_error=False
    )
    (line,) = _failures(outcome)
    assert line.startswith("the run failed: ")
    assert "no disk here" in line


def test_another_error_of_a_method_stays_as_it_is():
    with pytest.raises(RuntimeError, match="mat1") as raised, stopwatch():
        raise RuntimeError("mat1 and mat2")
    assert not isinstance(raised.value, ShortageError)
    shortage = ShortageError("of a function below")
    with pytest.raises(ShortageError) as raised, stopwatch():
        raise shortage
    assert raised.value is shortage


@pytest.mark.parametrize("epochs", [1, results.MAX_MESSAGES + 2, 1_000])
def test_a_training_of_any_length_reports_a_few_epochs_and_the_last(epochs, monkeypatch):
    messages = list[str]()
    logger = logging.Logger("step")
    monkeypatch.setattr(logger, "info", messages.append)
    monkeypatch.setattr(results.dg, "get_dagster_logger", lambda: logger)
    for epoch in range(1, epochs + 1):
        results.progress(epoch, epochs, loss=1.0)
    assert messages[-1].startswith(f"epoch {epochs}/{epochs}")
    assert len(messages) <= results.MAX_MESSAGES
