"""A command writes over its own files only."""

import io
from pathlib import Path

import pytest
from PIL import Image

from mnist_pipeline.utils.outputs import check_output, write_png
from mnist_pipeline.utils.reported import ReportedError


@pytest.fixture
def png() -> bytes:
    file = io.BytesIO()
    Image.new("L", (5, 4)).save(file, "PNG")
    return file.getvalue()


def test_a_sheet_names_this_program_and_is_written_again(png: bytes, tmp_path: Path) -> None:
    for _ in range(2):
        write_png(tmp_path / "sheet.png", png)
    with Image.open(tmp_path / "sheet.png") as image:
        image.load()
        assert (image.size, image.info["Software"]) == ((5, 4), "mnist-pipeline")


@pytest.mark.parametrize("content", [b"notes on mnist-pipeline", b"\x89PNG\r\n\x1a\n and so on"])
def test_a_file_of_another_program_stays(content: bytes, png: bytes, tmp_path: Path) -> None:
    (path := tmp_path / "sheet.png").write_bytes(content)
    with pytest.raises(ReportedError, match="did not write"):
        write_png(path, png)
    assert path.read_bytes() == content


def test_an_input_stays_even_if_this_program_wrote_it(png: bytes, tmp_path: Path) -> None:
    write_png(tmp_path / "sheet.png", png)
    (tmp_path / "link.png").symlink_to("sheet.png")
    with pytest.raises(ReportedError):
        check_output(tmp_path / "sheet.png", [tmp_path / "missing.png", tmp_path / "link.png"])
