"""A YAML file that can't be read, or that is too large to be written by a person, is one line."""

import os
import re
from pathlib import Path

import pytest

from mnist_pipeline.utils.yaml_files import read_yaml

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{previous}'] * 9)}]\n"
    for previous, name in zip("abcdefgh", "bcdefghi", strict=True)
)
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "two colons": ("a: b: c", "YAML"),
    "an object of Python": ("a: !!python/object/apply:os.system [ls]", "YAML"),
    "a date that does not exist": ("size: 2026-99-99", "YAML"),
    "a list for a key": ("[a]: b", "YAML"),
    "a key twice": ("a: 1\nb: 2\na: 3", "a .*twice"),
    "2,000 brackets": ("[" * 2_000, "YAML"),
    "a list that contains itself": ("a: &a [*a]", "10,000"),
    "lists of lists by aliases": (LAUGHS, "10,000"),
    "a long list of a long list": (f"a: &a [{'1,' * 9_000}]\nb: [{'*a,' * 9_000}]", "10,000"),
    "a long list": (f"[{'1,' * 10_000}]", "10,000"),
    "200 kB": ("#" * 200_000, "100,000"),
    "Latin-1": ("a: caf\xe9".encode("latin-1"), "UTF-8"),
    "a null byte": ("a: b\0", "YAML"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cant_be_read_is_refused_in_one_short_line(case, tmp_path):
    content, named = REFUSED[case]
    file = tmp_path / "a.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match="read") as refused:
        read_yaml(file)
    message = str(refused.value)
    assert re.search(named, message), message
    assert message.isprintable()
    assert len(message) < 200


def test_what_a_person_writes_is_read_with_aliases_and_merged_mappings(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("\ufeffa: &a {x: 1, y: [2, 3]}\nb: *a\nc: {<<: *a, x: 4}\n", encoding="utf-8")
    content = {"x": 1, "y": [2, 3]}
    assert read_yaml(file) == {"a": content, "b": content, "c": {**content, "x": 4}}
    file.write_text("")
    assert read_yaml(file) is None


def test_what_is_not_a_file_is_refused_without_waiting_for_its_content(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ValueError, match=r"read.*regular file"):
            read_yaml(path)
