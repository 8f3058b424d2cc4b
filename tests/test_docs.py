"""The links of the documentation lead somewhere, and its examples run."""

import importlib
import importlib.util
import json
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import dagster as dg
import pytest
import yaml
from support.servers import configure, copy_project, succeed, unset

import mnist_pipeline
from assets.definitions import defs
from mnist_pipeline.cli.main import main as commands
from mnist_pipeline.cli.selection import select_assets
from mnist_pipeline.runtime.instance import CONFIGURATION
from mnist_pipeline.runtime.settings import PREFIX, Settings

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
PAGES = sorted([*PROJECT.glob("*.md"), *DOCS.glob("*.md")])
LITERAL_GRAPH = "tests/assets/test_graph.py"
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(
    r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL
)  # blocks with a title are files, tested elsewhere
FILE = re.compile(r'^```python title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:[A-Z_]+=\S* )*mnist-pipeline (?!COMMAND)(.+)$", re.MULTILINE)
TESTED_ELSEWHERE = re.compile("mlflow|onnxruntime")


def anchors(page: Path) -> Iterator[str]:
    """The anchors of the headings of a page."""
    for heading in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")


def blocks(language: str) -> list[Any]:
    """The code in a language, with the page that it is on."""
    found = [
        (page, code)
        for page in PAGES
        for name, code in BLOCK.findall(page.read_text())
        if name == language
    ]
    return [
        pytest.param(code, id=f"{page.name}-{number}") for number, (page, code) in enumerate(found)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    dead = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link or link.startswith("mailto:"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


def test_every_page_and_picture_of_the_docs_is_linked():
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in LINK.findall(page.read_text(encoding="utf-8"))
    }
    files = {path for path in DOCS.iterdir() if path.suffix in (".md", ".png", ".svg")}
    assert files - linked == {DOCS / "package.md"}  # pyproject.toml names it


def test_the_list_of_pages_has_the_groups_of_the_contents_of_the_site():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    trees = re.findall(r"^```\{toctree\}\n:hidden:\n:caption: (\w+)\n(.*?)```", index, re.M | re.S)
    pages = index.partition("## All pages")[2].partition("\n## ")[0]
    listed = [part.partition("**") for part in pages.split("- **")[1:]]
    assert [(name, re.findall(r"\]\((\S+)\.md\)", links)) for name, _, links in listed] == [
        (name, pages.split()) for name, pages in trees
    ]


def test_every_extra_that_a_page_installs_exists():
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = re.findall(r"(?:\.|whl|mnist-dagster)\[([a-z,-]+)\]", pages)
    package = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert named
    assert {extra for names in named for extra in names.split(",")} <= set(
        package["optional-dependencies"]
    )


def test_every_setting_is_documented():
    page = (DOCS / "command-line.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE)
    assert documented == [
        field.validation_alias or f"{PREFIX}{name.upper()}"
        for name, field in Settings.model_fields.items()
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_github_shows_no_directive_of_the_site(page):
    shown = re.sub("<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert set(re.findall(r"^```\{(.*?)\}", shown, re.MULTILINE)) <= {"code-cell"}  # the tutorial


def test_the_page_of_the_package_has_no_link_that_an_index_cannot_follow():
    package = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    links = LINK.findall((PROJECT / package["readme"]).read_text(encoding="utf-8"))
    assert links
    assert all(link.startswith("https://") for link in links)


@pytest.mark.parametrize(
    "code", [each for each in blocks("python") if not TESTED_ELSEWHERE.search(each.values[0])]
)
def test_every_example_in_python_runs_in_any_directory(code, finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs", "exec"), {})


@pytest.mark.slow
def test_the_page_on_an_asset_passes_its_tests_and_the_test_of_the_graph(tmp_path):
    copy_project(tmp_path)
    shutil.copy(PROJECT / "workspace.yaml", tmp_path)
    graph = (PROJECT / LITERAL_GRAPH).read_text(encoding="utf-8")
    files = dict(FILE.findall((DOCS / "add-an-asset.md").read_text(encoding="utf-8")))
    (test,) = (name for name in files if name.startswith("tests/"))
    added = '"digits": {"brightness", "random_mean",'
    files[LITERAL_GRAPH] = graph.replace('"digits": {', added, 1)
    for name, code in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(code, encoding="utf-8")
    variables = unset() | {"PYTHONPATH": f"{tmp_path}:{PROJECT}/tests"}
    succeed([sys.executable, "-m", "pytest", "-q", test, LITERAL_GRAPH], tmp_path, variables)


@pytest.mark.parametrize(
    "code", [each for each in blocks("yaml") if each.values[0].startswith("ops:")]
)
def test_every_run_configuration_is_accepted(code):
    plain = code.replace("photos__", "")  # the prefix of an instance of the component
    assert dg.validate_run_config(defs.resolve_job_def("everything"), yaml.safe_load(plain))


def command_lines() -> list[list[str]]:
    """Every command line of the documentation, as its words."""
    found = {
        line
        for page in PAGES
        for _, code in BLOCK.findall(page.read_text())
        for line in COMMAND.findall(code)
    }
    return [shlex.split(line, comments=True) for line in sorted(found)]


def test_every_command_line_is_accepted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.yaml").touch()
    assert len(command_lines()) > 20
    for name, *arguments in command_lines():
        parameters = commands.commands[name].make_context(name, arguments).params
        if parameters.get("select"):
            assert select_assets(defs, parameters["select"])


def test_the_table_of_commands_has_all_commands_and_options():
    page = (DOCS / "command-line.md").read_text(encoding="utf-8")
    _, rows = page.split("| command | options | what it does |\n| --- | --- | --- |\n")
    listed = {}
    for name, arguments, options in re.findall(
        r"^\| `(\w+)(.*?)` \| (.*?) ?\|", rows, re.MULTILINE
    ):
        listed[name] = [*arguments.split(), *re.findall("--[a-z-]+", options)]
    for name, command in commands.commands.items():
        expected = [
            parameter.make_metavar(click.Context(command))
            if isinstance(parameter, click.Argument)
            else parameter.opts[0]
            for parameter in command.params
        ]
        assert listed.pop(name) == expected
    assert not listed


def test_the_table_of_modules_has_what_the_site_documents():
    page = (DOCS / "python.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \[`(\w+)`\]\(\S+\) \| (.*) \|$", page, re.MULTILINE))
    directive = r"^\.\. rubric:: (\w+)\n\.\. automodule:: (\S+)\n   :members:(.*)$"
    for name, path, members in re.findall(directive, page, re.MULTILINE):
        module = importlib.import_module(path)
        assert getattr(mnist_pipeline, name) is module
        own = [
            key
            for key, value in vars(module).items()
            if not key.startswith("_") and getattr(value, "__module__", "") == path
        ]
        names = members.split(", ") if members else own
        assert re.findall(r"`(\w+)`", rows.pop(name)) == [member.strip() for member in names]
    assert not rows


def test_the_page_on_the_report_names_all_parts_of_its_document(finished):
    _, rows = (DOCS / "report.md").read_text(encoding="utf-8").split("\n| --- |")
    named = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\|([^|]*)", rows, re.MULTILINE)))
    document = json.loads((finished / "report" / "report.json").read_text(encoding="utf-8"))
    assert sorted(named) == sorted(document)


def script(name: str) -> ModuleType:
    """A program in the directory of the pages."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_champion_is_overdue_after_as_many_days_as_the_page_on_the_graph_says():
    text = (DOCS / "graph.md").read_text(encoding="utf-8")
    days = re.search(r"`champion` as overdue.*? for (\d+) days, and warns after (\d+)", text)
    assert days
    fail, warn = (timedelta(days=int(number)) for number in days.groups())
    policy = (
        defs.resolve_asset_graph().get(dg.AssetKey("champion")).to_asset_spec().freshness_policy
    )
    assert policy == dg.FreshnessPolicy.time_window(fail_window=fail, warn_window=warn)


def test_the_picture_of_the_graph_shows_the_present_code():
    drawing = script("draw_graph")
    assert drawing.FILE.read_text() == drawing.draw(defs), "run python docs/draw_graph.py"


@pytest.mark.parametrize(
    ("name", "is_known"),
    [
        ("Cat", True),
        ("Dog", False),
        ("Cat.purr(loudly)", True),
        ("Cat.bark", False),
        ("cats.Cat", True),
        ("cats.Dog", False),
        ("animals.cats.Cat.purr", True),
        ("animals.dogs.Dog", False),
        ("animals/cats.py", True),
        ("dogs.py", False),
        ("tests/cats", False),
        ("NAME_cat", True),
        ("cat --purr", True),
        ("kitten", True),
    ],
)
def test_a_name_in_backticks_must_exist(name, is_known):
    code = "class Cat:\n    def purr(self, loudly):\n        pass\n"
    files = {
        "animals/cats.py": f'"""See `{name}`."""\n# See `{name}`.\n{code}',
        "page.md": f"See `{name}`.\n```\nkitten\n```\n",
        "play.js": f"// See `{name}`.",
    }
    lines = [line.split(":")[:2] for line in script("check_names").Names(files).unknown()]
    unknown = [
        ["animals/cats.py", "1"],
        ["animals/cats.py", "2"],
        ["page.md", "1"],
        ["play.js", "1"],
    ]
    assert lines == ([] if is_known else unknown)


def test_the_deployment_has_the_usual_settings_with_the_lines_of_the_page(tmp_path):
    file = Path(shutil.copy(CONFIGURATION, tmp_path))
    configure(file, "PostgreSQL")
    deployed = (PROJECT / "deploy" / "dagster.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(deployed) == yaml.safe_load(file.read_text(encoding="utf-8"))
