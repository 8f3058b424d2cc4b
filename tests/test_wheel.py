"""The package as it is installed from a wheel, used in a directory with an unrelated package called
`assets`.

`make wheel` installs it into an empty environment, and names its Python in INSTALLED_PYTHON.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from support.drawing import on_paper
from support.graph_fixtures import materialized
from support.served import run_raw_mnist, served_ui
from support.servers import succeed

from mnist_pipeline.runtime import project

pytestmark = pytest.mark.skipif("INSTALLED_PYTHON" not in os.environ, reason="make wheel runs it")
UNSET = dict.fromkeys(("DAGSTER_HOME", "MNIST_PIPELINE_STORAGE", "PYTHONPATH"), "")
CHECK = "dg check yaml src/shop/defs/photos; dg check defs"
READ = "from mnist_pipeline import read; print(read('data_mean').shape)"


PAGE = (project.PROJECT / "docs" / "own-project.md").read_text()


class Installed(NamedTuple):
    """The Python of an environment with the wheel, the directory in which a stranger works, and her
    variables.
    """

    python: Path
    cwd: Path
    variables: Mapping[str, str]

    @property
    def program(self) -> Path:
        return self.python.with_name("mnist-pipeline")

    def run(self, *command: str | Path) -> str:
        """Run a command in the directory of the stranger; return its output."""
        return succeed(command, self.cwd, os.environ | self.variables)


@pytest.fixture(scope="module")
def installed(slice_directory, tmp_path_factory) -> Installed:
    """The wheel is installed; nothing has been run."""
    base = tmp_path_factory.mktemp("installed")
    (base / "elsewhere" / "assets").mkdir(parents=True)
    (base / "elsewhere" / "assets" / "__init__.py").write_text(
        "raise ImportError('the unrelated package')"
    )
    variables = {
        **UNSET,
        "HOME": f"{base}/home",
        "XDG_DATA_HOME": f"{base}/home/data",
        "XDG_CACHE_HOME": f"{base}/home/cache",
        "MNIST_PIPELINE_DATA": str(slice_directory),
    }
    return Installed(Path(os.environ["INSTALLED_PYTHON"]).absolute(), base / "elsewhere", variables)


def test_the_graph_runs_reads_and_recognizes_in_the_directory_of_the_user(installed, small_train):
    output = installed.run(installed.program, "run")
    assert {"data_mean", "cnn_model", "evaluation_report"} <= materialized(output)
    data = Path(installed.variables["XDG_DATA_HOME"])
    assert (data / "mnist-pipeline" / "storage" / "report" / "index.html").is_file()
    assert [path.name for path in installed.cwd.iterdir()] == ["assets"]  # nothing was added
    assert installed.run(installed.python, "-c", READ) == "(784,)\n"
    picture = installed.cwd.parent / "digit.png"
    on_paper(small_train.images[5]).save(picture)
    (found,) = json.loads(installed.run(installed.program, "predict", picture, "--json"))
    assert len(found["digits"]) == 1


def test_the_package_has_the_licences_of_the_code_and_of_the_data(installed):
    code = (
        "from importlib import metadata; found = metadata.distribution('mnist-dagster'); "
        "print(found.metadata['License-Expression']); "
        "print(*(file for file in found.files if '/licenses/' in str(file)), sep='\\n')"
    )
    expression, *files = installed.run(installed.python, "-c", code).splitlines()
    assert expression == "MIT AND CC-BY-SA-3.0"
    assert {file.partition("/licenses/")[2] for file in files} == {"LICENSE", "data/LICENSE"}


def test_the_ui_runs_the_graph(installed, slice_directory, tmp_path):
    variables = {**installed.variables, "MNIST_PIPELINE_STORAGE": str(tmp_path)}
    program = (installed.python, installed.program)
    with served_ui(
        slice_directory, tmp_path, program=program, cwd=installed.cwd, **variables
    ) as address:
        run_raw_mnist(address)


@pytest.fixture
def created(tmp_path) -> Installed:
    """The project of the page, in an environment that create-dagster and uv made from nothing.

    uv takes torch and torchvision from a directory, into which pip downloads their wheels, and the
    versions of all packages from constraints.txt.
    """
    create, add = re.findall("^```\n(uv.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    wheels, shop = tmp_path / "wheels", tmp_path / "shop"
    download = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", wheels)
    subprocess.run([*download, "torch", "torchvision"], check=True)
    constraints = project.PROJECT / "constraints.txt"
    python = shop / ".venv" / "bin" / "python"
    path = f"{python.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {**UNSET, "PATH": path, "VIRTUAL_ENV": ".venv", "UV_CONSTRAINT": str(constraints)}
    Installed(python, tmp_path, variables).run(
        "bash", "-euc", create.replace("shop\n", "shop <<< y\n", 1)
    )
    version = "=={}.{}.*".format(*sys.version_info)
    file = shop / "pyproject.toml"
    text = re.sub("requires-python = .*", f'requires-python = "{version}"', file.read_text())
    pins = [line for line in constraints.read_text().splitlines() if line and line[0] != "#"]
    file.write_text(
        f"{text}\n[tool.uv]\nconstraint-dependencies = {json.dumps(pins)}\n"
        f'[tool.uv.sources]\ntorch = {{index = "wheels"}}\ntorchvision = {{index = "wheels"}}\n'
        f'[[tool.uv.index]]\nname = "wheels"\nurl = "{wheels}"\nformat = "flat"\n'
    )
    (wheel,) = (project.PROJECT / "dist").glob("*.whl")
    stranger = Installed(python, shop, variables)
    stranger.run("bash", "-euc", re.sub(r"/path/\S+", str(wheel), add))
    return stranger


def test_the_page_on_a_project_of_your_own_leads_to_a_report_word_for_word(created, small_train):
    *_, complete = re.findall("^```yaml\n(type:.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    *commands, another = re.findall("^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for label, name in enumerate(("circle", "line", "swan")):
        (created.cwd / "photos" / name).mkdir(parents=True)
        for index in np.flatnonzero(small_train.labels == label)[:100]:
            picture = on_paper(small_train.images[index], margin=4)
            picture.save(created.cwd / "photos" / name / f"{index}.png")
    picture.save(created.cwd / "new.jpg")
    created.run("bash", "-euc", "".join(commands))
    assert (created.cwd / "storage" / "photos" / "report" / "index.html").is_file()
    (created.cwd / "src" / "shop" / "defs" / "photos" / "defs.yaml").write_text(complete)
    created.run("bash", "-euc", CHECK)
    section = PAGE.partition("## Your own IO manager")[2].partition("\n## ")[0]
    for name, text in re.findall('^```\\w+ title="(.*?)"\n(.*?)^```', section, re.M | re.S):
        (created.cwd / name).write_text(text)
    created.run("bash", "-euc", CHECK)
    created.run("bash", "-euc", another)
