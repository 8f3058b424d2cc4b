"""A YAML file that can't be read is one line."""

from pathlib import Path

import pytest

from mnist_pipeline.utils.yaml_files import read_yaml


@pytest.mark.parametrize(
    "text", ["a: b: c", "size: 2026-99-99", "size: " + "9" * 5_000, "[" * 2_000]
)
def test_what_cant_be_read_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (file := tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ValueError, match="YAML") as refused:
        read_yaml(file)
    assert len(str(refused.value).splitlines()) == 1


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="read"):
        read_yaml(tmp_path)
