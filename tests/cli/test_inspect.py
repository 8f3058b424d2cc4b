"""The command that shows what is in a data set."""

from pathlib import Path

import pytest
from PIL import Image
from support.graph_fixtures import invoke
from support.sources import write_folders

from mnist_pipeline.cli.inspect import MAX_KINDS
from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.report.figures import encoding

NAMES = ("cat", "dog", "owl")


@pytest.fixture
def animals(train, tmp_path) -> Path:
    few = train.labels < 3
    return write_folders(
        tmp_path / "animals", {"": DigitSet(train.images[few][:90], train.labels[few][:90])}, NAMES
    )


def test_classes_and_counts_are_shown(animals):
    lines = [line.split() for line in invoke("inspect", str(animals)).splitlines() if line.strip()]
    counts = {name: numbers for name, *numbers in lines}
    for name in NAMES:
        assert sum(map(int, counts[name])) == len(list((animals / name).iterdir()))


def test_the_groups_of_each_class_are_counted_if_there_are_some(animals):
    assert invoke("inspect", str(animals)).splitlines()[2].split()[-1] == "test"
    _, *others = sorted((animals / "cat").iterdir())
    (animals / "cat" / "one cat").mkdir()
    for path in others:
        path.rename(animals / "cat" / "one cat" / path.name)
    cats, dogs = [line.split() for line in invoke("inspect", str(animals)).splitlines()[3:5]]
    assert cats[-1] == "2"
    assert int(dogs[-1]) == sum(map(int, dogs[1:-1]))


def test_a_set_that_a_run_could_not_use_has_exit_code_1_and_the_reason(animals):
    output = invoke("inspect", str(animals))
    assert "can be used" in output
    assert "no test set" in output
    (animals / "dog" / "broken.png").write_bytes(b"<html>")
    assert "dog/broken.png" in invoke("inspect", str(animals), code=1)


@pytest.mark.parametrize("num_kinds", [MAX_KINDS, MAX_KINDS + 1])
def test_sizes_beyond_those_that_are_listed_are_mentioned_if_there_are_some(num_kinds, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for size in range(num_kinds):
            picture = Image.new("L", (40, 30 + size), 255)
            picture.paste(0, (5, 5, 9, 10 + size))
            picture.save(tmp_path / name / f"{size}.png")
    (kinds,) = [line for line in invoke("inspect", str(tmp_path)).splitlines() if "×" in line]
    assert kinds.count("×") == MAX_KINDS
    assert kinds.count(",") == num_kinds - 1


def test_a_long_class_name_leaves_the_table_readable(animals):
    (animals / "cat").rename(animals / ("c" * 200))
    lines = invoke("inspect", str(animals)).splitlines()
    assert max(len(line) for line in lines if "class" in line or "ccc" in line) < 200


def test_letters_that_no_font_has_are_named_once(animals, monkeypatch):
    (animals / "cat").rename(animals / "猫")
    (animals / "dog").rename(animals / "собака")
    monkeypatch.setattr(encoding, "findSystemFonts", list)
    encoding.fallback_fonts.cache_clear()
    lines = invoke("inspect", str(animals)).splitlines()
    (warning,) = [line for line in lines if "no font" in line]
    assert "猫" in warning
    assert "с" not in warning  # Matplotlib's own font has it
