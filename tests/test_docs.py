"""The links of the documentation lead somewhere, its examples run, and its tables are complete."""

import importlib.metadata
import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from PIL import Image
from support.drawing import on_paper
from support.graph_fixtures import invoke

from assets.definitions import defs
from mnist_pipeline.cli.main import main as commands
from mnist_pipeline.cli.selection import select_assets
from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.runtime.settings import PREFIX, Settings

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
PAGES = sorted([*PROJECT.glob("*.md"), *DOCS.glob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(
    r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL
)  # blocks with a title are files, tested elsewhere
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
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    dead = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link or link.startswith("mailto:"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


def test_every_page_and_picture_of_the_docs_is_linked() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in LINK.findall(page.read_text(encoding="utf-8"))
    }
    files = {path for path in DOCS.iterdir() if path.suffix in (".md", ".png", ".svg")}
    assert not files - linked


def test_the_contents_have_the_groups_and_pages_of_the_list_and_each_page_names_the_next() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    _, _, shown = index.partition("## All pages")
    trees = re.findall(r":caption: (\w+)\n(.*?)```", shown, re.DOTALL)
    groups = re.findall(r"^\*\*(\w+)\*\*\n\n(.*?)\n\n", shown, re.MULTILINE | re.DOTALL)
    listed = [(name, re.findall(r"^- .*?\((\S+)\.md\)", pages, re.M)) for name, pages in groups]
    assert listed == [(name, pages.split()) for name, pages in trees]
    for page in ["index", *(page for _, pages in listed for page in pages)]:
        text, _, _ = (DOCS / f"{page}.md").read_text(encoding="utf-8").partition("```{toctree}")
        assert text.rstrip().splitlines()[-1].startswith("Next: ["), page


def test_every_extra_that_a_page_installs_exists() -> None:
    named = re.findall(
        r"(?:\.|whl|mnist-dagster)\[([a-z,-]+)\]", "".join(page.read_text() for page in PAGES)
    )
    assert len(named) > 3
    extras = importlib.metadata.metadata("mnist-dagster").get_all("Provides-Extra") or []
    assert {extra for names in named for extra in names.split(",")} <= set(extras)


@pytest.mark.parametrize(
    "code", [each for each in blocks("python") if not TESTED_ELSEWHERE.search(each.values[0])]
)
def test_every_example_in_python_runs_in_any_directory(
    code: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs", "exec"), {})


@pytest.mark.parametrize(
    "code", [each for each in blocks("yaml") if each.values[0].startswith("ops:")]
)
def test_every_run_configuration_is_accepted(code: str) -> None:
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


# The others change the storage, need the network, or name runs and versions of one machine; they
# are tested by name.
READING = ("export", "history", "inspect", "predict", "verify")


@pytest.mark.parametrize(
    "words", [each for each in command_lines() if each[0] in READING], ids=" ".join
)
def test_every_command_that_only_reads_runs_as_written(
    words: list[str],
    finished: Path,
    small_train: DigitSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("photos", "shapes"):
        for number in range(60):
            directory = tmp_path / folder / f"class {number % 2}"
            directory.mkdir(parents=True, exist_ok=True)
            Image.fromarray(small_train.images[number]).save(directory / f"{number}.png")
    for name in ("photo.jpg", "page.png", "new.jpg"):
        on_paper(small_train.images[1]).save(name)
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage" / "photos").symlink_to(finished)
    invoke(
        *(
            path
            for word in words
            for path in ([*map(str, Path().glob(word))] if "*" in word else [word])
        )
    )


def test_every_command_line_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.yaml").touch()
    assert len(command_lines()) > 20
    for name, *arguments in command_lines():
        parameters = commands.commands[name].make_context(name, arguments).params
        if parameters.get("select"):
            assert select_assets(defs, parameters["select"])


def test_the_picture_of_the_graph_shows_the_present_code() -> None:
    spec = importlib.util.spec_from_file_location("draw_graph", DOCS / "draw_graph.py")
    assert spec
    assert spec.loader
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    assert drawing.FILE.read_text() == drawing.draw(defs), "run python docs/draw_graph.py"


def test_every_setting_is_documented() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", (DOCS / "command-line.md").read_text(), re.MULTILINE)
    fields = {
        name: field.validation_alias or f"{PREFIX}{name.upper()}"
        for name, field in Settings.model_fields.items()
    }
    assert set(fields.values()) <= set(documented)


def test_every_key_of_the_report_is_documented(finished: Path) -> None:
    document = json.loads((finished / "report" / "report.json").read_text())
    rows = re.findall(r"^\| (`.*?) \|", (DOCS / "report.md").read_text(), re.MULTILINE)
    documented = re.findall(r"`([a-zA-Z0-9_.]+)`", "".join(rows))
    assert {key.partition(".")[0] for key in documented} == set(document)
    for key in documented:
        values: list[Any] = [document]
        for part in key.split("."):
            values = [
                each
                for value in values
                for each in (value.values() if part.isupper() else [value[part]])
            ]
