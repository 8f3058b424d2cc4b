"""The page "Add a topic", carried out in a copy of the project: the report has the topic, and the
tests of the report pass.
"""

import json
import shutil
import sys
from pathlib import Path

import pytest
from support.pages import files_of, insert, write
from support.servers import copy_project, lint, succeed, unset

from mnist_pipeline.runtime.project import PROJECT

pytestmark = pytest.mark.slow
TOPIC = "mnist_pipeline/report/topics/brightness"
TABLE = "docs/report.md"
# Of those that `make check` runs.
TESTS = (
    "tests/report/test_page.py",
    "tests/report/test_figures.py",
    "tests/assets/test_graph.py",
    "tests/test_docs.py::test_the_page_on_the_report_names_all_parts_of_its_document",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project in which the page was carried out."""
    copy = copy_project(tmp_path_factory.mktemp("project"))
    ignored = shutil.ignore_patterns("__pycache__", "_build")
    for name in ("docs", "tests"):
        shutil.copytree(PROJECT / name, copy / name, ignore=ignored)
    for path in PROJECT.iterdir():
        if not path.name.startswith(".") and not (copy / path.name).exists():
            (copy / path.name).symlink_to(path)
    for name, code in files_of("add-a-topic.md"):
        if name == TABLE:
            insert(copy / name, code, "| `pca`")
        else:
            write(copy, name, code)
    return copy


def test_the_page_adds_a_folder_and_edits_the_table_of_keys():
    names = [name for name, _ in files_of("add-a-topic.md")]
    assert names == [f"{TOPIC}/topic.py", f"{TOPIC}/appendix.html.j2", TABLE]


def test_what_the_page_adds_passes_lint(project):
    lint(project)


def test_the_tests_of_the_report_pass_and_it_has_the_topic(project):
    environ = unset() | {"PYTHONPATH": str(project)}
    succeed([sys.executable, "-m", "pytest", "-m", "not slow", *TESTS], project, environ)
    (report,) = project.glob(".pytest_cache/d/finished_run/*/storage/report")
    levels = json.loads((report / "report.json").read_text())["brightness"]["levels"]
    assert len(levels) == 10
    html = (report / "index.html").read_text()
    assert f"The class {levels.index(max(levels))} has the most ink." in html
    assert 'id="figure-brightness"' in html
