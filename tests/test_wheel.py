"""The package as it is installed: from a wheel, in a directory with an unrelated package called `assets`.

By default, the environment is new, but borrows the installed dependencies. `make wheel` installs the wheel with
its dependencies into an empty environment, and names its Python in INSTALLED_PYTHON.
"""

import json
import os
import subprocess
import sys
import sysconfig
import urllib.request
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
import pytest
from support.graph_fixtures import materialized
from support.served import query, served_ui

from mnist_pipeline.cli.selection import definitions
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.runtime.project import PROJECT

pytestmark = pytest.mark.slow

SCRIPTS = ("dagster", "dagster-daemon")
CODE_VERSIONS = """
import json
from mnist_pipeline.cli.selection import definitions

graph = definitions().resolve_asset_graph()
print(json.dumps({key.to_user_string(): graph.get(key).code_version for key in graph.materializable_asset_keys}))
"""


class Installed(NamedTuple):
    """The Python of an environment with the wheel, a directory in which a stranger works, and her variables."""

    python: Path
    cwd: Path
    variables: Mapping[str, str]

    @property
    def site_packages(self) -> Path:
        return Path(self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())

    @property
    def storage(self) -> Path:
        return Path(self.variables["XDG_DATA_HOME"]) / "mnist-pipeline" / "storage"

    def run(self, *arguments: str | Path) -> str:
        """Run Python in the directory of the stranger; return its output."""
        command = [self.python, *arguments]
        done = subprocess.run(
            command, cwd=self.cwd, env={**os.environ, **self.variables}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def files(self) -> dict[str, int]:
        """The files in the environment's packages, with the times of their last change, but Python's own cache."""
        found = (path for path in self.site_packages.rglob("*") if path.is_file() and path.suffix != ".pyc")
        return {str(path): path.stat().st_mtime_ns for path in found}


@pytest.fixture(scope="module")
def installed(slice_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel is installed; nothing has been run."""
    base = tmp_path_factory.mktemp("installed")
    (base / "elsewhere" / "assets").mkdir(parents=True)
    (base / "elsewhere" / "assets" / "__init__.py").write_text("raise ImportError('the unrelated package')")
    own = {"HOME": base / "home", "XDG_DATA_HOME": base / "home" / "data", "XDG_CACHE_HOME": base / "home" / "cache"}
    own |= {"MNIST_PIPELINE_DATA": slice_directory, "DAGSTER_HOME": "", "MNIST_PIPELINE_STORAGE": "", "PYTHONPATH": ""}
    variables = {name: str(value) for name, value in own.items()}
    if python := os.environ.get("INSTALLED_PYTHON"):
        return Installed(Path(python).absolute(), base / "elsewhere", variables)
    venv.create(base / "environment")
    found = Installed(base / "environment" / "bin" / "python", base / "elsewhere", variables)
    wheel = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", str(PROJECT), "--wheel-dir", str(base)]
    subprocess.run([sys.executable, "-m", "pip", *wheel], check=True)
    borrowed = sysconfig.get_path("purelib")  # Python ignores the .pth files in there, and so the editable checkout
    (found.site_packages / "dependencies.pth").write_text(borrowed)
    into = [f"--python={found.python}", "install", "--quiet", "--no-deps", *map(str, base.glob("*.whl"))]
    subprocess.run([sys.executable, "-m", "pip", *into], check=True)
    for name in SCRIPTS:
        lines = Path(sysconfig.get_path("scripts"), name).read_text(encoding="utf-8").splitlines(keepends=True)
        script = found.python.with_name(name)
        script.write_text(f"#!{found.python}\n{''.join(lines[1:])}", encoding="utf-8")
        script.chmod(0o755)
    return found


@pytest.fixture(scope="module")
def output(installed: Installed) -> str:
    """The output of a run of the whole graph, which leaves the installed package as it was."""
    before = installed.files()
    printed = subprocess.run(
        [installed.python.with_name("mnist-pipeline"), "run"],
        cwd=installed.cwd,
        env={**os.environ, **installed.variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert printed.returncode == 0, printed.stdout + printed.stderr
    assert installed.files() == before
    return printed.stdout


def test_only_the_package_and_its_metadata_are_installed(installed: Installed) -> None:
    assert {path.name for path in installed.site_packages.glob("assets*")} == set()
    assert (installed.site_packages / "mnist_pipeline" / "py.typed").is_file()


def test_the_graph_runs_and_stores_in_the_directory_of_the_user(installed: Installed, output: str) -> None:
    assert {"data_mean", "cnn_model", "evaluation_report"} <= materialized(output)
    assert (installed.storage / "report" / "index.html").is_file()
    assert sorted(path.name for path in installed.cwd.rglob("*") if path.suffix != ".pyc") == ["__init__.py", "assets"]


def test_code_versions_are_those_of_a_checkout(installed: Installed) -> None:
    if (
        installed.run("-c", "import sys; print(*sys.version_info[:2])")
        != f"{sys.version_info[0]} {sys.version_info[1]}\n"
    ):
        pytest.skip("the syntax trees of Python differ between its versions")
    graph = definitions().resolve_asset_graph()
    checkout = {key.to_user_string(): graph.get(key).code_version for key in graph.materializable_asset_keys}
    assert json.loads(installed.run("-c", CODE_VERSIONS)) == checkout


def test_results_are_read_and_pictures_recognized(installed: Installed, output: str, small_train: DigitSet) -> None:
    reading = "from mnist_pipeline import read; print(read('data_mean').shape)"
    assert installed.run("-c", reading).strip() == "(784,)"
    picture = installed.cwd.parent / "digit.png"
    PIL.Image.fromarray(255 - np.kron(np.pad(small_train.images[5], 20), np.ones((4, 4), np.uint8))).save(picture)
    (found,) = json.loads(installed.run("-m", "mnist_pipeline.cli", "predict", picture, "--json"))
    assert len(found["digits"]) == 1


def test_the_ui_is_served_with_the_graph(installed: Installed, output: str, slice_directory: Path) -> None:
    before = installed.files()
    of_location = "name locationOrLoadError { __typename }"
    question = f"{{ workspaceOrError {{ ... on Workspace {{ locationEntries {{ {of_location} }} }} }} }}"
    of_stranger = {name: value for name, value in installed.variables.items() if value}
    with served_ui(
        slice_directory, installed.storage, python=installed.python, cwd=installed.cwd, variables=of_stranger
    ) as address:
        urllib.request.urlopen(f"{address}/draw").close()
        (location,) = query(address, question)["workspaceOrError"]["locationEntries"]
    assert location == {"name": "mnist-pipeline", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
    assert installed.files() == before
