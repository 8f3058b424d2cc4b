"""`mnist-pipeline predict` on picture files: the table, the JSON and the errors."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.drawing import on_paper

from mnist_pipeline.cli import main as cli
from mnist_pipeline.data.values import DataSet
from mnist_pipeline.handwriting.finder import search
from mnist_pipeline.handwriting.finder.search import Page
from mnist_pipeline.runtime.storage import storage


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["predict", *map(str, arguments)])


def write(path: Path, *lines: np.ndarray) -> Path:
    """Write lines of digits on white paper."""
    rows = [
        np.concatenate([np.pad(image, ((20, 20), (8, 8))) for image in line], 1) for line in lines
    ]
    on_paper(np.concatenate(rows)).save(path)
    return path


@pytest.fixture
def line(small_train, tmp_path) -> Path:
    """Three training digits side by side on paper, which k-NN recognizes with certainty."""
    return write(tmp_path / "line.png", small_train.images[[5, 7, 1]])


def test_the_digits_of_a_page_are_read_in_order_with_the_least_certain_of_each_line(
    finished, small_train, tmp_path
):
    page = write(
        tmp_path / "page.png", small_train.images[[5, 7, 1]], small_train.images[[2, 3, 4]]
    )
    result = invoke(page, "--json")
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)
    digits = found["digits"]
    assert found["file"] == str(page)
    assert all(digit["headline"] and len(digit["neighbors"]) == 3 for digit in digits)
    low, high = found["model"]["interval"]
    assert low < found["model"]["accuracy"] < high
    labels = small_train.labels[[5, 7, 1, 2, 3, 4]].tolist()
    assert [digit["models"]["knn"]["digit"] for digit in digits] == labels
    assert [digit["line"] for digit in digits] == [1, 1, 1, 2, 2, 2]
    text = "".join(str(digit["digit"]) for digit in digits)
    assert found["text"] == [text[:3], text[3:]]
    for line in (digits[:3], digits[3:]):
        assert sum(digit["least_certain"] for digit in line) == 1


def test_the_table_has_the_same_answers_as_the_json(finished, line):
    digits = json.loads(invoke(line, "--json").stdout)[0]["digits"]
    rows = [row for row in invoke(line).output.splitlines() if "×" in row]
    for row, digit in zip(rows, digits, strict=True):
        x, y, width, height = digit["box"]
        assert row[2:].split()[:2] == [str(digit["digit"]), f"{digit['probability']:.1%}"]
        assert row.startswith("*") == digit["least_certain"]
        assert f"{width}×{height} at {x},{y}" in row


def test_a_doubt_has_a_line_if_there_are_several_digits(own_copy, line, small_train):
    stored = storage.default_storage()
    stored.write("recognizer", stored.read("recognizer")._replace(largest_claim=0.5))
    alone = write(line.with_name("alone.png"), small_train.images[[5]])
    _, _, row, _ = invoke(alone).stdout.splitlines()
    assert "×" in row
    _, _, *lines, legend, _ = invoke(line).stdout.splitlines()
    assert ["×" in each for each in lines] == [True, False] * 3
    assert legend.startswith("*")


def test_each_bad_file_gets_a_line_or_an_object_and_the_other_files_are_read(finished, line):
    (text := line.parent / "a\nb.png").write_text("not a picture")
    bad = [text, line.parent / "absent.png", line.parent]
    result = invoke(*bad, line)
    assert result.exit_code == 1
    for path, error in zip(bad, result.stderr.splitlines(), strict=True):
        assert error.startswith("Error: ")
        assert path.name.replace("\n", r"\n") in error
    assert str(line) in result.stdout
    found = json.loads(invoke(*bad, line, "--json").stdout)
    assert [each["file"] for each in found] == [str(path) for path in (*bad, line)]
    assert ["error" in each for each in found] == [True] * 3 + [False]


def test_names_of_classes_have_their_own_letters_and_can_not_steer_the_terminal(own_copy, line):
    stored = storage.default_storage()
    names = tuple(f"{digit}猫\x1b[2J\nall is well" for digit in range(10))
    stored.write("recognizer", stored.read("recognizer").of(DataSet(class_names=names)))
    output = invoke(line).stdout
    assert "\x1b" not in output
    assert all("猫" in row for row in output.splitlines() if "×" in row)
    assert "all is well" not in {each.strip() for each in output.splitlines()}


def test_an_answer_is_printed_before_the_next_picture_is_read(finished, line, monkeypatch):
    def interrupted(path: Path) -> Page:
        if path.name == "next.png":
            raise RuntimeError  # stops the command
        return read_page(path)

    read_page = search.read_page
    monkeypatch.setattr(search, "read_page", interrupted)
    assert f"{line}" in invoke(line, "next.png").stdout
