"""A code version covers the definitions that compute an asset's value, and nothing else.

The first tests edit definitions in a copy of the project; the others use small packages.
"""

import ast
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mnist_pipeline.runtime.graph.code_versions import Project
from mnist_pipeline.runtime.project import PROJECT

pytestmark = pytest.mark.slow

PACKAGES = ("assets", "mnist_pipeline")
REPORT = {"evaluation_report"}
PAGES = REPORT | {"model_card"}
MLP = {"mlp_model", "mlp_predictions"}
CNN = {"cnn_model", "cnn_predictions"}
RECOGNIZER = {"recognizer", "inbox_predictions"}  # it trains a small network of its own
NETWORKS = {"mlp_model", "cnn_model", "experiment_trials"} | RECOGNIZER
ALL_MODELS = {"robustness", "held_out_labels", "experiment_trials"}
SEARCHES = {"knn_index", "knn_predictions"} | RECOGNIZER
EDITED = {  # the definition in a file that is edited, and the assets that become stale
    ("mnist_pipeline/utils/printable.py", "printable"): set(),  # no value contains printed text
    ("mnist_pipeline/kernels/winograd.py", "convolve_and_pool"): CNN | ALL_MODELS | RECOGNIZER | REPORT,
    ("mnist_pipeline/report/figures/evaluation.py", "reliability"): REPORT,
    ("mnist_pipeline/training/calibration.py", "fit_temperature"): NETWORKS,
    ("mnist_pipeline/training/calibration.py", "fit_temperature.slope"): NETWORKS,
    ("mnist_pipeline/training/calibration.py", "TEMPERATURES"): NETWORKS,
    ("mnist_pipeline/harris.py", "KAPPA"): {"evaluation_report", "harris_corners"},
    ("mnist_pipeline/softmax.py", "sgd"): {"softmax_model", "experiment_trials"},
    ("mnist_pipeline/knn/classifier.py", "KNNClassifier.kneighbors"): SEARCHES | ALL_MODELS,
    ("mnist_pipeline/networks.py", "MLP.forward"): MLP | ALL_MODELS | RECOGNIZER | REPORT,
    ("mnist_pipeline/handwriting/contact_sheet.py", "draw"): set(),
    ("mnist_pipeline/report/page.py", "draw_charts"): REPORT,
    ("mnist_pipeline/report/templates/page.html.j2", ""): PAGES,
    ("mnist_pipeline/report/templates/script.js", ""): PAGES,
    ("mnist_pipeline/runtime/graph/results.py", "result"): set(),
    ("assets/knn.py", "NUM_KEPT"): {"knn_predictions"},
}
MEASURE = """
import json, sys
from pathlib import Path
from assets.definitions import assets, defs
from mnist_pipeline.runtime.graph.code_versions import Project, function_of

def versions():
    project = Project()
    return {asset.key.to_user_string(): project.version(function_of(asset)) for asset in assets}

before = versions()
graph = defs.resolve_asset_graph()
assert all(len(version) == 16 for version in before.values())
assert before == {key.to_user_string(): graph.get(key).code_version for key in graph.materializable_asset_keys}
stale = []
for edit in json.load(sys.stdin):
    original = {file: Path(file).read_text() for file in edit}
    for file, text in edit.items():
        Path(file).write_text(text)
    stale.append([key for key, version in versions().items() if version != before[key]])
    for file, text in original.items():
        Path(file).write_text(text)
print(json.dumps(stale))
"""


@pytest.fixture(scope="module")
def stale(tmp_path_factory: pytest.TempPathFactory) -> dict[object, set[str]]:
    """The assets that each edit makes stale, in a copy of the project."""
    copy = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    edits: dict[object, dict[str, str]] = {
        (file, name): {file: _edited((PROJECT / file).read_text(), name)} for file, name in EDITED
    }
    sources = [path for package in PACKAGES for path in (PROJECT / package).rglob("*.py")]
    edits["words"] = {str(path.relative_to(PROJECT)): _reworded(path.read_text()) for path in sources}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        input=json.dumps(list(edits.values())),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(edits, map(set, json.loads(done.stdout)), strict=True))


def _edited(text: str, name: str) -> str:
    """A file in which a definition has one more statement: a function at its end, a constant after it."""
    if not name:
        return f"{text} "
    nodes: list[Any] = [ast.parse(text)]
    for part in name.split("."):
        nodes = [inner for node in nodes for inner in node.body if part in _names(inner)]
    (node,) = nodes
    is_function = isinstance(node, ast.FunctionDef)
    last = node.body[-1] if is_function else node
    lines = text.splitlines()
    lines.insert(last.end_lineno, " " * last.col_offset + ("assert True" if is_function else f"{name} = {name}"))
    return "\n".join(lines) + "\n"


def _names(node: Any) -> list[str]:
    targets = getattr(node, "targets", [])
    return [getattr(node, "name", ""), *(target.id for target in targets if isinstance(target, ast.Name))]


def _reworded(text: str) -> str:
    """A file without comments, in another layout, with other docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            node.body[0] = ast.Expr(ast.Constant("Reworded."))
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            node.body.insert(0, ast.Expr(ast.Constant("Added.")))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


@pytest.mark.parametrize(("file", "name"), EDITED, ids=lambda part: part or "text")
def test_editing_a_definition_makes_stale_what_is_computed_with_it(
    file: str, name: str, stale: dict[object, set[str]]
) -> None:
    assert stale[file, name] == EDITED[file, name]


def test_comments_docstrings_and_layout_make_nothing_stale(stale: dict[object, set[str]]) -> None:
    assert stale["words"] == set()


B = """
import dataclasses
from importlib import import_module

LIMIT = 3

def f(): return LIMIT
def g(): return 1

class Base:
    def method(self): return g()

class Child(Base):
    field: int = LIMIT

class Failed(Exception):
    def __init__(self): super().__init__(g())

@dataclasses.dataclass
class Entry:
    title: str
    module: str
    function: object = None

TABLE = (Entry("B", "small.b"),)

def run(entry): return import_module(entry.module).f()
"""
EVERYTHING = {f"b.{name}" for name in ("LIMIT", "f", "g", "Base", "Child", "Failed", "Entry", "TABLE", "run")}
TABLE = {"b.TABLE", "b.Entry"}
CHILD = {"b.Child", "b.Base", "b.LIMIT", "b.g"}
USED = {  # what a module `a` defines, what its function `compute` does, and the definitions that this uses
    "an imported name": ("from small.b import g", "return g()", {"b.g"}),
    "an attribute of a module": ("from small import b", "return b.f()", {"b.f", "b.LIMIT"}),
    "a dotted import": ("import small.b", "return small.b.g()", {"b.g"}),
    "a relative import": ("from . import b as c", "return c.g()", {"b.g"}),
    "a lazy import": ("", "from small.b import g; return g()", {"b.g"}),
    "a name that a package imports": ("from small import sub", "return sub.renamed()", {"b.f", "b.LIMIT"}),
    "a module as a value": ("from small import b", "return vars(b)", EVERYTHING),
    "an attribute that the source does not show": ("from small import b", "return b.unknown", EVERYTHING),
    "a class with bases, fields and methods": ("from small.b import Child", "return Child", CHILD),
    "a constant": ("from small.b import g\nX = [g()]", "return X", {"a.X", "b.g"}),
    "a constant that is changed": ("from small.b import g\nX = {}\nX[1] = g()", "return X", {"a.X", "b.g"}),
    "a conditional constant": ("from small.b import g\nif g(): X = 1", "return X", {"a.X", "b.g"}),
    "a decorator": ("from small.b import g\nd = lambda f: g() and f\n@d\ndef h(): pass", "h()", {"a.h", "a.d", "b.g"}),
    "a default": ("from small.b import LIMIT\ndef h(x=LIMIT): pass", "h()", {"a.h", "b.LIMIT"}),
    "a name in a nested function": ("from small.b import g", "return lambda: g()", {"b.g"}),
    "a name before a comprehension hides it": ("from small.b import g", "return [g for g in [g()]]", {"b.g"}),
    "a statement at import": ("from small.b import g\ng()", "pass", {"b.g"}),
    "a local name": ("from small.b import g", "g = 1; return g", set()),
    "an argument": ("from small.b import g", "return (lambda g: g)(1)", set()),
    "an attribute of an object": ("from small.b import g", "return 'text'.g", set()),
    "an error": ("from small.b import Failed", "raise Failed", set()),
    "an error that is caught": ("from small.b import Failed", "try: pass\n    except Failed: pass", set()),
    "a built-in name": ("", "return len(__name__)", set()),
    "an entry of a table": ("from small.b import TABLE", "return TABLE[0].title", TABLE),
    "a module that an entry names": ("from small import b", "b.run(b.TABLE[0])", {*TABLE, "b.run", "b.f", "b.LIMIT"}),
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with a module `b` and a package `sub`, which re-exports a function."""
    package = tmp_path / "small"
    (package / "sub").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "sub" / "__init__.py").write_text("from small.b import f as renamed")
    (package / "b.py").write_text(B)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two texts of a module may have the same time and size
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == "small"]:
        del sys.modules[name]


def _used(package: Path, source: str) -> set[str]:
    """What the function `compute` of a module computes with, besides itself."""
    (package / "a.py").write_text(source)
    parts = Project().parts(importlib.import_module("small.a").compute)
    names = {name.partition(" ")[0].removeprefix("small.") for name in parts}
    return {name for name in names if "compute" not in name.split(".")}


@pytest.mark.parametrize(("definitions", "body", "used"), USED.values(), ids=USED)
def test_a_version_covers_the_definitions_that_are_used(
    definitions: str, body: str, used: set[str], package: Path
) -> None:
    assert _used(package, f"{definitions}\ndef compute():\n    {body}\n") == used


CLOSED_OVER = {  # a value that `compute` closes over, how it uses the value, and what counts
    "a function": ("b.g", "value()", {"b.g"}),
    "a class": ("b.Child", "value()", CHILD),
    "a module": ("b", "value.g()", EVERYTHING),
    "values in containers": ("{'x': [(b.g,)]}", "value['x']", {"b.g"}),
    "an entry": ("b.Entry('B', 'small.b', b.g)", "str(value)", {"b.Entry", "b.g"}),
    "an entry that names a module": ("b.Entry('B', 'small.b')", "b.run(value)", {"b.Entry", "b.run", "b.f", "b.LIMIT"}),
}


@pytest.mark.parametrize(("value", "body", "used"), CLOSED_OVER.values(), ids=CLOSED_OVER)
def test_a_version_covers_what_the_values_closed_over_refer_to(
    value: str, body: str, used: set[str], package: Path
) -> None:
    source = f"import functools\nfrom small import b\ndef make(value):\n  def compute(): {body}\n  return compute\n"
    assert _used(package, f"{source}compute = make({value})\n") == used


@pytest.mark.parametrize(("one", "other"), [("1", "2"), ("'a'", "'b'"), ("(1, 2)", "[1, 3]"), ("{1}", "{2}")])
def test_a_version_depends_on_the_values_closed_over(one: str, other: str, package: Path) -> None:
    def version(value: str) -> str:
        (package / "a.py").write_text(f"def make(value):\n  return lambda: value\ncompute = make({value})\n")
        sys.modules.pop("small.a", None)
        importlib.invalidate_caches()
        return Project().version(importlib.import_module("small.a").compute)

    assert version(one) == version(one) != version(other)


def test_a_value_closed_over_whose_text_has_an_address_is_refused(package: Path) -> None:
    with pytest.raises(TypeError, match=r"compute\.value is closed over"):
        _used(package, "def make(value):\n  def compute(): value()\n  return compute\ncompute = make(object())\n")
