"""The inbox lists each file once under a key of its name and content, and leaves it where it is."""

import os
import re
import time
from pathlib import Path

import pytest

from mnist_pipeline.handwriting.inbox import list_pictures, make_key


def put(path: Path, content: bytes = b"content", age: float = 60) -> Path:
    path.write_bytes(content)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_the_key_follows_from_the_name_and_the_content(tmp_path: Path) -> None:
    first = make_key(put(tmp_path / "a.png", age=60))
    assert make_key(put(tmp_path / "a.png", age=30)) == first
    assert make_key(put(tmp_path / "a.png", b"changed")) != first
    assert make_key(put(tmp_path / "b.png")) != first


@pytest.mark.parametrize(
    "name", ["é \n 7.png", "../..", "漢字.jpg", "x" * 200, "--.png", "a,b[c].png"]
)
def test_a_key_has_letters_digits_and_hyphens_whatever_the_name(name: str, tmp_path: Path) -> None:
    key = make_key(put(tmp_path / name.replace("/", "\\")))
    assert re.fullmatch(r"[A-Za-z0-9-]+-[0-9a-f]{16}", key)
    assert len(key) < 60


def test_a_file_that_somebody_may_still_be_writing_is_left_for_later(tmp_path: Path) -> None:
    put(tmp_path / "copied.png", age=0)
    assert list_pictures(tmp_path) == {}
    for name in (".hidden.png", "loading.png.part"):
        put(tmp_path / name)
    (tmp_path / "directory").mkdir()
    assert list_pictures(tmp_path) == {}
    ahead = put(tmp_path / "copied.png", age=-3_600)  # the clock of the sender is ahead
    assert list(list_pictures(tmp_path).values()) == [ahead]
