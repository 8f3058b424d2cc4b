"""An edit makes the assets stale that compute with the code, and no others; it is made in a copy of
the project.
"""

import functools
import json
import sys
from pathlib import Path

import pytest
from support.servers import copy_project, succeed

from assets.definitions import defs
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.graph import code_versions
from mnist_pipeline.runtime.project import PROJECT

MEASURE = """
import json, sys
from mnist_pipeline.runtime.graph.code_versions import PROJECT, code_versions
modules = {asset: PROJECT / file for asset, file in json.loads(sys.argv[1]).items()}
print(json.dumps(code_versions(modules)))
"""
GRAPH = defs.resolve_asset_graph()
ASSETS = {
    key.to_user_string(): GRAPH.get(key).to_asset_spec() for key in GRAPH.materializable_asset_keys
}
FILES = {  # of the modules that define the assets
    name: Path(asset.metadata["dagster/code_references"].code_references[-1].file_path)
    for name, asset in ASSETS.items()
}
REPORT = {name for name, file in FILES.items() if file.stem == "report"}
NETWORKS = {f"{model}_{asset}" for model in ("mlp", "cnn") for asset in ("model", "predictions")}
FITTED = {model.model_asset for model in MODELS.values()}
Edits = dict[str, tuple[str, str]]  # of files: a text, and what replaces it
COMMENT, DOCSTRING = ("# ", "# Differently: "), ('"""', '"""Differently: ')
STATEMENT = ("\n\n\n", "\n\n\nANOTHER = 1\n")
ANOTHER_MODEL = """\
    Model(name="other", title="", phrase="", short_title="", color="", marker="", method=_softmax),
    # Add a model here"""


class Copy:
    """A copy of the project below a directory called `assets`, and the versions of its assets."""

    def __init__(self, directory: Path) -> None:
        self.directory = copy_project(directory / "assets" / "project")
        self.before = self.versions()

    def versions(self) -> dict[str, str]:
        modules = {name: str(file.relative_to(PROJECT)) for name, file in FILES.items()}
        command = [sys.executable, "-B", "-c", MEASURE, json.dumps(modules)]
        return dict(json.loads(succeed(command, self.directory)))

    def stale(self, edits: Edits) -> set[str]:
        """The assets that edits of files make stale, together."""
        texts = {self.directory / name: (self.directory / name).read_text() for name in edits}
        for (file, text), edit in zip(texts.items(), edits.values(), strict=True):
            assert edit[0] in text
            file.write_text(text.replace(*edit, 1))
        now = self.versions()
        for file, text in texts.items():
            file.write_text(text)
        return {asset for asset in self.before if now[asset] != self.before[asset]}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Copy:
    return Copy(tmp_path_factory.mktemp("project"))


def test_each_file_that_the_page_is_made_of_counts_for_the_version_of_the_report(monkeypatch):
    files = [file for file in code_versions.REPORT.rglob("*.*") if "__pycache__" not in file.parts]
    suffixes = {file.suffix for file in files} - {".py"}
    (name,) = REPORT
    read, found = Path.read_bytes, [ASSETS[name].code_version]
    for edited in sorted(suffixes):
        monkeypatch.setattr(
            Path,
            "read_bytes",
            lambda file, edited=edited: read(file) + b" " * (file.suffix == edited),
        )
        uncached = functools.cache(code_versions._read.__wrapped__)
        monkeypatch.setattr(code_versions, "_read", uncached)
        found.append(code_versions.code_version(name, FILES[name]))
    assert len(suffixes) > 2
    assert len(set(found)) == len(found)


@pytest.mark.slow
def test_versions_do_not_depend_on_the_directory_of_the_project(project):
    assert project.before == {name: asset.code_version for name, asset in ASSETS.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edits", "stale", "fresh"),
    [
        pytest.param(
            {
                "assets/pca.py": DOCSTRING,
                "mnist_pipeline/methods/table.py": COMMENT,
                "mnist_pipeline/report/figures/style.py": DOCSTRING,
                "mnist_pipeline/cli/run.py": STATEMENT,
                "mnist_pipeline/runtime/settings.py": STATEMENT,
                "assets/checks/methods.py": ("1e-3", "1e-2"),
                "mnist_pipeline/data/findings.py": ("0.5,", "0.6,"),
            },
            set(),
            ASSETS.keys(),
            id="comments, commands, the runtime and the limits of checks",
        ),
        pytest.param(
            {
                "mnist_pipeline/methods/table.py": ('title="', 'title="~'),
                "mnist_pipeline/report/figures/style.py": STATEMENT,
            },
            REPORT,
            ASSETS.keys() - REPORT,
            id="titles, colours and figures",
        ),
        pytest.param(
            {"mnist_pipeline/methods/harris.py": STATEMENT},
            {"harris_corners", *REPORT},
            ASSETS.keys() - {"harris_corners", *REPORT},
            id="a method",
        ),
        pytest.param(
            {
                "mnist_pipeline/utils/bisection.py": ("1e-9", "1e-8"),
                "mnist_pipeline/utils/blocks.py": STATEMENT,
            },
            {"mlp_model", "cnn_model", "knn_predictions", "covariance"},
            {"raw_mnist", "harris_corners"},
            id="helpers that compute",
        ),
        pytest.param(
            {"mnist_pipeline/methods/table.py": ("Setting(3,", "Setting(5,")},
            {"knn_predictions", "experiment_trials"},
            NETWORKS | {"softmax_model", "covariance"},
            id="the default of a setting",
        ),
        pytest.param(
            {"mnist_pipeline/methods/table.py": ("    # Add a model here", ANOTHER_MODEL)},
            {"champion", *REPORT},
            NETWORKS | FITTED | {"covariance", "novelty", "shuffled_cnn"},
            id="another model",
        ),
    ],
)
def test_an_edit_makes_stale_what_depends_on_it_and_nothing_else(project, edits, stale, fresh):
    found = project.stale(edits)
    assert stale <= found
    assert not fresh & found


def test_versions_are_remembered_until_a_file_has_other_content(tmp_path, monkeypatch):
    module = tmp_path / "thing.py"
    for name in ("PROJECT", "PACKAGE", "GRAPH_DIRECTORY"):
        monkeypatch.setattr(code_versions, name, tmp_path)
    monkeypatch.setattr(code_versions, "code_cache", lambda: tmp_path / "cache")
    found = []
    for content in ("share = 0.9", "share = 0.8", "share = 0.9"):  # of the same size
        module.write_text(content)
        code_versions._read.cache_clear()  # as in another process
        found.append(code_versions.code_versions({"thing": module}))
    assert found[0] == found[2] != found[1]
    monkeypatch.delattr(code_versions, "code_version")  # the last ones are remembered
    assert code_versions.code_versions({"thing": module}) == found[2]
