"""Data sets that people have and nobody expects: what `inspect` accepts, a run turns into a
report.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from support.graph_fixtures import environment, invoke, networks_config

from mnist_pipeline.data import findings
from mnist_pipeline.runtime.storage.storage import Storage

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
# For a browser, a shell, a spreadsheet, Matplotlib.
FOR_PROGRAMS = ("<b>&amp;", "$x_1$", "-rf", "*[0]?", "%s {0}", "#1;,", "日本")


def write(root: Path, names: Iterable[str], per_class: int, opacity: int) -> Path:
    """A folder per class of bars on a noisy ground, which may be transparent; the class is the
    position and the colour of a bar.
    """
    for label, name in enumerate(names):
        (root / name).mkdir()
        for number in range(per_class):
            image = Image.fromarray(RNG.integers(150, 256, (30, 40, 4), np.uint8))
            image.putalpha(opacity)
            left, colour = 8 * (label % 4), (60 * (label % 3), 40 * (label % 5), 90)
            ImageDraw.Draw(image).rectangle((left, 0, left + 8, 29), fill=colour)
            image.save(root / name / f"picture {number}.png")
    return root


def one_for_training(root: Path) -> Path:
    """A NumPy archive with one training image per class."""
    images = RNG.integers(0, 90, (20, 28, 28), np.uint8)
    images[::2, :14] += 150
    images[1::2, 14:] += 150
    labels = np.arange(20) % 2
    arrays = {"x_train": images[:2], "y_train": labels[:2], "x_test": images, "y_test": labels}
    np.savez(root / "set.npz", **arrays)
    return root / "set.npz"


KINDS: dict[str, Callable[[Path], Path]] = {
    "one training image per class": one_for_training,
    "two strokes on nothing per name for programs": lambda root: write(root, FOR_PROGRAMS, 2, 0),
    "100 classes": lambda root: write(root, (f"class {n}" for n in range(100)), 3, 255),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_set_that_inspect_accepts_becomes_a_report(kind, tmp_path):
    (directory := tmp_path / "set").mkdir()
    root, storage = KINDS[kind](directory), tmp_path / "storage"
    assert findings.inspect(root).problems == []
    config = networks_config(tmp_path / "run.yaml", epochs=1)
    invoke("run", "--config", config, env=environment(root, storage))
    assert Storage(str(storage)).read("evaluation_report").document["models"]
