"""The page "Add a layout", carried out in a copy of the project: the tests of all layouts pass."""

import shutil
import sys
from pathlib import Path

import pytest
from support.pages import files_of, insert, replace_lines, write
from support.servers import copy_project, lint, succeed, unset

from mnist_pipeline.runtime.project import PROJECT

pytestmark = pytest.mark.slow
NEW = "mnist_pipeline/data/zip_archive.py"
LIST = "mnist_pipeline/data/datasets.py"
WRITERS = "tests/support/sources.py"
FUZZ_CASES = 600  # for all layouts


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project in which the page was carried out."""
    copy = copy_project(tmp_path_factory.mktemp("project"))
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "tests", copy / "tests", ignore=ignored)
    for name in ("data", "benchmarks"):
        (copy / name).symlink_to(PROJECT / name)
    (_, module), (_, entry), (_, writer), (_, named) = blocks()
    write(copy, NEW, module)
    replace_lines(copy / LIST, entry)
    insert(copy / WRITERS, writer, "# Write a further layout here", "\n\n")
    insert(copy / WRITERS, named, "    # Add a layout here")
    return copy


def blocks() -> list[tuple[str, str]]:
    return files_of("add-a-layout.md")


def test_the_page_adds_a_module_and_edits_the_lists_of_layouts():
    assert [name for name, _ in blocks()] == [NEW, LIST, WRITERS, WRITERS]


def test_the_tests_of_all_layouts_pass_for_the_new_one(project):
    tests = [sys.executable, "-m", "pytest", "-vv", "tests/data", "-k", "zip"]
    environ = unset() | {"PYTHONPATH": str(project)}
    printed = succeed([*tests, "--fuzz-cases", str(FUZZ_CASES)], project, environ)
    assert printed.count("[zip] PASSED") == 4


def test_what_the_page_adds_passes_lint(project):
    lint(project)
