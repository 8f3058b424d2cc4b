"""The command that shows what is in a data set."""

import json
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image
from support.graph_fixtures import invoke
from support.sources import write_folders

from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.report import figures
from mnist_pipeline.report.figures import encoding

NAMES = ("cat", "dog", "owl")


@pytest.fixture
def animals(train: DigitSet, tmp_path: Path) -> Path:
    few = train.labels < 3
    return write_folders(
        tmp_path / "animals", {"": DigitSet(train.images[few][:90], train.labels[few][:90])}, NAMES
    )


def test_classes_counts_and_a_contact_sheet_are_shown(animals: Path, tmp_path: Path) -> None:
    output = invoke("inspect", str(animals), "--sheet", str(tmp_path / "sheet.png"))
    assert f"{animals}: folders of pictures, 90 images in 3 classes" in output
    counts = {line.split()[0]: line.split()[1:] for line in output.splitlines() if line.strip()}
    for name in NAMES:
        assert sum(map(int, counts[name])) == len(list((animals / name).iterdir()))
    assert Image.open(tmp_path / "sheet.png").width > 1_000


def test_the_sheet_shows_photos_as_they_are_and_names_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colors, rng = {"red": (250, 10, 30), "sky": (70, 170, 250)}, np.random.default_rng(0)
    for name, color in colors.items():
        (tmp_path / name).mkdir()
        for number in range(12):
            picture = np.clip(color + rng.normal(0, 20, (28, 28, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(
                tmp_path / name / f"a_long_name_of_a_photo{number:02}.png"
            )
    grid = Mock(wraps=figures.image_grid)
    monkeypatch.setattr(figures, "image_grid", grid)
    invoke("inspect", str(tmp_path), "--sheet", str(tmp_path.with_suffix(".png")))
    images, _, captions, *_ = grid.call_args.args
    named = [image for image, name in zip(images, captions) if name.endswith(".png")]
    means = [image.mean(axis=(0, 1)) for image in named]
    for color in colors.values():
        assert min(np.abs(mean - color).max() for mean in means) < 20


def test_a_set_that_a_run_could_not_use_has_exit_code_1_and_the_reason(animals: Path) -> None:
    assert json.loads(invoke("inspect", "--json", str(animals)))["usable"]
    (animals / "dog" / "broken.png").write_bytes(b"<html>")
    assert "dog/broken.png" in invoke("inspect", str(animals), code=1)
    document = json.loads(invoke("inspect", "--json", str(animals), code=1))
    assert not document["usable"]
    assert "dog/broken.png" in document["problems"][0]


def test_letters_that_no_font_has_are_named_once(
    animals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (animals / "cat").rename(animals / "猫")
    (animals / "dog").rename(animals / "собака")
    monkeypatch.setattr(encoding, "findSystemFonts", list)
    encoding.fallback_fonts.cache_clear()
    (warning,) = json.loads(invoke("inspect", "--json", str(animals)))["warnings"]
    assert "猫" in warning
    assert "с" not in warning  # Matplotlib's own font has it


def test_a_sheet_that_cant_be_written_is_named(animals: Path, tmp_path: Path) -> None:
    assert "nowhere/sheet.png" in invoke(
        "inspect", str(animals), "--sheet", str(tmp_path / "nowhere/sheet.png"), code=1
    )
