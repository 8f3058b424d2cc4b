"""What is wrong when the graph is loaded is one line."""

from pathlib import Path

import pytest

from mnist_pipeline.runtime.graph.loading import load_package
from mnist_pipeline.runtime.settings import SettingsError

ASSET = """
import dagster as dg

@dg.asset
def counted():
    pass
"""


def test_a_name_that_dagster_takes_for_no_owner_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "graph_with_owners"
    package.mkdir()
    (package / "__init__.py").write_text(ASSET)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("MNIST_PIPELINE_OWNERS", "ann@example.com, bob")
    with pytest.raises(SettingsError, match=r"MNIST_PIPELINE_OWNERS: .*'bob'") as raised:
        load_package(package, package.name)
    assert "\n" not in str(raised.value)
