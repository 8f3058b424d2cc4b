"""What is wrong when the graph is loaded is one line."""

from pathlib import Path

import pytest

import assets
from mnist_pipeline.runtime.graph.loading import load_package
from mnist_pipeline.runtime.settings import SettingsError


def test_a_name_that_dagster_takes_for_no_owner_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_OWNERS", "ann@example.com, bob")
    with pytest.raises(SettingsError, match=r"MNIST_PIPELINE_OWNERS: .*'bob'") as raised:
        load_package(Path(str(assets.__file__)).parent, "assets")
    assert "\n" not in str(raised.value)
