"""Answer pictures by the code on PYTHONPATH and the run in a storage: `python -P answers.py STORAGE WORK.npz OUT.json`.

It uses only names that an earlier commit has too, so that the benchmark can compare both on the same pictures.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from mnist_pipeline import models
from mnist_pipeline.data.datasets import load_digits
from mnist_pipeline.models import MODELS
from mnist_pipeline.recognition.recognizer import Recognizer
from mnist_pipeline.runtime.storage.storage import Storage
from mnist_pipeline.utils.blocks import slices

BLOCK = 500


def main(storage: str, work: Path, out: Path) -> None:
    """Write the answers to the pictures and images in a file, and the accuracies of newly trained networks."""
    recognizer: Recognizer = Storage(storage).read("recognizer")
    with np.load(work) as given:
        images, seeds = given["images"], int(given["seeds"])
        pictures = [given[f"picture{number}"] for number in range(int(given["pictures"]))]
    recognizer.read([np.full((60, 60), 250, np.uint8)])  # compiles
    found, walls = [], []
    for picture in pictures:
        start = time.perf_counter()
        (readings,) = recognizer.read([picture])
        walls.append(time.perf_counter() - start)
        found.append([[_answer(reading.recognition), list(map(int, reading.box))] for reading in readings])
    of_images = [_answer(each) for rows in slices(len(images), BLOCK) for each in recognizer.recognize(images[rows])]
    train, test = (load_digits(Path.cwd() / "data", split) for split in ("train", "test"))
    settings = {"recipe": "default", "learning_rate": None}
    accuracies = [
        float((models.fit_reader(MODELS["cnn"], *train, settings, seed, 1.0)(test.images) == test.labels).mean())
        for seed in range(seeds)
    ]
    out.write_text(json.dumps({"pictures": found, "walls": walls, "images": of_images, "accuracies": accuracies}))


def _answer(answer: object) -> list[float]:
    """Digit, its probability, whether it looks like one, and the digit of the CNN."""
    fields = vars(answer)
    return [fields["digit"], fields["probability"], fields["looks_like_digit"], fields["digits"]["cnn"]]


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
