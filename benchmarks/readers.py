"""Programs that read a picture: this project, and what a user would take instead.

tesseract reads a block of text (`--psm 6`) of digits only. Of RapidOCR's text, all that is not a
digit is ignored. Both are sure of an answer if their own confidence is at least 90%.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

from benchmarks.archive import Box
from mnist_pipeline import read
from mnist_pipeline.handwriting.finder import search
from mnist_pipeline.handwriting.reading import read_digits, warnings_of
from mnist_pipeline.handwriting.recognizer import Recognizer

OURS = "this project"
CONFIDENT = 0.9
TESSERACT = "tesseract stdin stdout --psm 6 -c tessedit_char_whitelist=0123456789 tsv"
MISSING = {
    "tesseract": "tesseract is missing; on Debian: apt-get install tesseract-ocr",
    "RapidOCR": "RapidOCR is missing; make bench installs it",
}


class Answer(NamedTuple):
    """A word or a digit that was read."""

    box: Box
    digits: str
    is_sure: bool


class Answers(NamedTuple):
    """What was read in a picture."""

    answers: list[Answer]
    is_warned: bool = False  # that something was not read
    sees_digit: bool = True  # whether anything looks like a digit


def prepare(storage: Path) -> None:
    """Let this process read with the recognizer of a storage, and with one thread."""
    os.environ["MNIST_PIPELINE_STORAGE"] = str(storage)
    threadpool_limits(1)


@cache
def recognizer() -> Recognizer:
    """The recognizer of the storage that `prepare` named."""
    return read("recognizer")


def read_with_ours(content: bytes) -> Answers:
    """All answers of the pipeline; none is sure if there is a warning."""
    page = search.read_page(content)
    readings = read_digits(page, recognizer())
    answers = [(own.box, own.recognition) for own in readings]
    warnings = warnings_of(page, readings, recognizer())
    return Answers(
        [
            Answer(box, str(answer.digit), not (answer.is_doubtful or warnings))
            for box, answer in answers
        ],
        bool(warnings),
        any(answer.looks_like_digit for _, answer in answers),
    )


def read_with_tesseract(content: bytes) -> Answers:
    """The words that tesseract finds."""
    output = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").save(output, "PNG", compress_level=1)
    done = subprocess.run(
        TESSERACT.split(),
        input=output.getvalue(),
        capture_output=True,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        check=True,
    )
    answers = []
    for line in done.stdout.decode().splitlines()[1:]:
        *_, left, top, width, height, confidence, text = line.split("\t")
        if text.strip():
            box = int(left), int(top), int(width), int(height)
            answers.append(Answer(box, text.strip(), float(confidence) >= 100 * CONFIDENT))
    return Answers(answers, sees_digit=bool(answers))


def read_with_rapidocr(content: bytes) -> Answers:
    """The lines that RapidOCR finds, as far as they are digits."""
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))[:, :, ::-1]
    answers = []
    for corners, text, confidence in _rapidocr()(picture)[0] or []:
        (left, top), (right, bottom) = np.min(corners, axis=0), np.max(corners, axis=0)
        digits = "".join(filter(str.isdecimal, text))
        if digits:
            box = int(left), int(top), int(right - left), int(bottom - top)
            answers.append(Answer(box, digits, float(confidence) >= CONFIDENT))
    return Answers(answers, sees_digit=bool(answers))


@cache
def _rapidocr() -> Callable[[np.ndarray], Any]:
    from rapidocr_onnxruntime import RapidOCR

    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)


READERS: dict[str, Callable[[bytes], Answers]] = {
    OURS: read_with_ours,
    "tesseract": read_with_tesseract,
    "RapidOCR": read_with_rapidocr,
}


def installed() -> list[str]:
    """The programs of the table that this machine has."""
    is_there = {
        OURS: True,
        "tesseract": shutil.which("tesseract") is not None,
        "RapidOCR": find_spec("rapidocr_onnxruntime") is not None,
    }
    return [name for name, there in is_there.items() if there]
