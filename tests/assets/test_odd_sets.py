"""What `inspect` accepts, a run can use: it ends with a report. `--odd-sets N` tries more kinds."""

from pathlib import Path

import numpy as np
import pytest
from support.graph_fixtures import environment, invoke, networks_config
from support.odd_sets import ODD_SETS

from mnist_pipeline.data import findings
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.runtime.storage.storage import Storage

pytestmark = pytest.mark.slow


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("kind", [*ODD_SETS][: metafunc.config.getoption("odd_sets")])


def test_a_set_that_inspect_accepts_becomes_a_report(kind: str, tmp_path: Path) -> None:
    directory = tmp_path / "set"
    directory.mkdir()
    root = ODD_SETS[kind](directory, np.random.default_rng(0))
    try:
        is_usable = not findings.inspect(root).problems
    except DatasetError:
        is_usable = False
    config = networks_config(tmp_path / "run.yaml", epochs=1)
    storage = tmp_path / "storage"
    invoke("run", "--config", config, code=int(not is_usable), env=environment(root, storage))
    if is_usable:
        assert Storage(str(storage)).read("evaluation_report").document["models"]
