"""A change of code makes the assets that run it stale, and no others; the code is edited in a copy
of the project.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.project import PROJECT

pytestmark = pytest.mark.slow

MEASURE = """
import json
from mnist_pipeline.runtime import project
graph = project.graph().resolve_asset_graph()
keys = graph.materializable_asset_keys
print(json.dumps({key.to_user_string(): graph.get(key).code_version for key in keys}))
"""
NETWORKS = {f"{model}_{asset}" for model in ("mlp", "cnn") for asset in ("model", "predictions")}
Edit = Callable[[str], str]


class Copy:
    """A copy of the project, and the code versions of its assets."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("assets", "mnist_pipeline"):
            shutil.copytree(
                PROJECT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(PROJECT / "pyproject.toml", directory)
        self.before = self.versions()

    def versions(self) -> dict[str, str]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.directory),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, "-c", MEASURE]
        done = subprocess.run(
            command, cwd=self.directory, env=environment, capture_output=True, text=True, check=True
        )
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def stale(self, edits: Mapping[str, Edit]) -> set[str]:
        """The assets that edits of files make stale, together."""
        texts = {self.directory / name: (self.directory / name).read_text() for name in edits}
        for (file, text), edit in zip(texts.items(), edits.values(), strict=True):
            assert edit(text) != text
            file.write_text(edit(text))
        try:
            now = self.versions()
        finally:
            for file, text in texts.items():
                file.write_text(text)
        return {asset for asset in self.before if now[asset] != self.before[asset]}


def test_versions_are_remembered_until_a_file_changes(project: Copy) -> None:
    file = project.directory / "mnist_pipeline" / "__pycache__" / "code-versions.json"
    file.write_text(file.read_text().replace(project.before["covariance"], "remembered"))
    assert project.versions() == {**project.before, "covariance": "remembered"}
    (project.directory / "mnist_pipeline" / "pca.py").touch()
    assert project.versions() == project.before


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("project"))


def with_statement(text: str) -> str:
    return f"{text}\nANOTHER = 1\n"


def test_a_method_makes_the_assets_stale_that_use_it_and_no_others(project: Copy) -> None:
    methods = {
        "mnist_pipeline/harris.py": with_statement,
        "mnist_pipeline/training/calibration.py": with_statement,
    }
    others = {"softmax_model", "knn_index", "covariance", "raw_mnist"}
    stale = project.stale(methods)
    assert {"harris_corners", "evaluation_report", "mlp_model", "cnn_model"} <= stale
    assert not stale & others
    stale = project.stale({"mnist_pipeline/softmax.py": with_statement})
    assert stale & {"harris_corners", "mlp_model", "cnn_model", *others} == {"softmax_model"}


def test_what_people_see_makes_only_the_report_stale_and_commands_settings_and_comments_nothing(
    project: Copy,
) -> None:
    def commented(text: str) -> str:
        return text.replace('"""', '"""Differently: ', 1) + "\n# A comment.\n"

    def retitled(text: str) -> str:
        return re.sub(
            r'\b((?:title|phrase|short_title|color|marker|summary|section_title)=)"', r'\1"~', text
        )

    stale = project.stale(
        {
            "mnist_pipeline/report/figures/style.py": with_statement,
            "mnist_pipeline/models.py": retitled,
            "mnist_pipeline/cli/run.py": with_statement,
            "mnist_pipeline/utils/printable.py": with_statement,
            "mnist_pipeline/runtime/settings.py": with_statement,
            "mnist_pipeline/pca.py": commented,
            "assets/pca.py": commented,
        }
    )
    assert stale == {"evaluation_report"}


ANOTHER_METHOD = """
class Module:
    @staticmethod
    def fit(images, labels):
        return {}


def _other() -> Method:
    return Simple(Module)


_RECIPES ="""
ANOTHER_MODEL = """
    Model(
        name="other", title="", phrase="", short_title="", color="", marker="", method=_other
    ),
    # Add a model here"""


def test_another_model_makes_no_network_stale(project: Copy) -> None:
    def edit(text: str) -> str:
        return text.replace("\n_RECIPES =", ANOTHER_METHOD, 1).replace(
            "\n    # Add a model here", ANOTHER_MODEL, 1
        )

    stale = project.stale({"mnist_pipeline/models.py": edit})
    assert "champion" in stale
    assert not stale & (NETWORKS | {MODELS[name].model_asset for name in MODELS})
