"""A YAML file that can't be read is one line, whatever is in it."""

import os
from pathlib import Path

import pytest

from mnist_pipeline.utils.yaml_files import MAX_ALIASES, MAX_BYTES, read_yaml

UNREADABLE = {
    "no YAML": "a: b: c",
    "a date that does not exist": "size: 2026-99-99",
    "a number of 5,000 digits": "size: " + "9" * 5_000,
    "2,000 brackets": "[" * 2_000,
    "nested aliases": "- &a0 [1, 1]\n" + "".join(f"- &a{n + 1} [*a{n}, *a{n}]\n" for n in range(MAX_ALIASES)),
    "too much": "#" * (MAX_BYTES + 1),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cant_be_read_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    (file := tmp_path / "a.yaml").write_text(UNREADABLE[name])
    with pytest.raises(ValueError, match="it") as refused:
        read_yaml(file)
    assert len(str(refused.value).splitlines()) == 1


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="file"):
        read_yaml(tmp_path / "pipe")
