"""What would harm the models in a data set, found before anything is computed from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_pipeline.data import duplicates, problems
from mnist_pipeline.data.appearance import LEAST_CONTRAST, contrasts
from mnist_pipeline.data.datasets import reader_of
from mnist_pipeline.data.names import alike
from mnist_pipeline.data.reader import MAX_NAMES, OnRead, SplitContent
from mnist_pipeline.data.split import SPLITS, Split
from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.utils.measured import Measured, Number, at_least, at_most, warning
from mnist_pipeline.utils.printable import count

LEAST_OF_PICTURES = 8  # levels of contrast; thin lines lose most of theirs in 28×28 pixels
MIN_PER_SORTED_CLASS = 10  # images; fewer may be in the order of their classes by chance
NUM_NAMED = 5  # images that a warning names


@dataclass(frozen=True)
class Findings:
    """What is in a data set. `problems` are those with which a run would fail."""

    layout: str
    class_names: tuple[str, ...]
    counts: dict[Split, list[int]]  # images per class
    held_out: list[int]  # of the training images, per class: those that choose between the models
    groups: list[int]  # per class; a group is at least an image
    kinds: dict[str, int]  # images by their original size and colours, the most frequent first
    warnings: list[str]
    problems: list[str]
    notes: list[str]  # how the images are divided, where that is not plain


def inspect(root: Path, on_read: OnRead | None = None) -> Findings:
    """Read a data set, and judge its splits. For `on_read`, see `Reader`.

    Raises a DatasetError if it can't be read.
    """
    reader = reader_of(root, on_read=on_read)
    names = reader.class_names
    contents = dict(zip(SPLITS, reader.read(*SPLITS)))
    sets = {split: content.digits for split, content in contents.items()}
    warnings: list[str] = []
    if skipped := reader.source.skipped():
        shown = ", ".join(skipped[:MAX_NAMES])
        warnings.append(f"files and folders that are skipped: {len(skipped):,}, such as {shown}")
    warnings += [
        f"the classes {one!r} and {other!r} have nearly the same name; if they are the same, put "
        "their images together"
        for one, other in alike(names)
    ]
    found = problems.of_files(reader, contents)
    for split, content in contents.items():
        required = problems.of_split(content.digits, names).values()
        found += [f"{split}: {check.reason}" for check in required if not check.passed]
        measures = judge(content.digits, names, content.paths, not reader.shows_pictures).values()
        judged = [measure() for measure in measures]
        warnings += [f"{split}: {check.reason}" for check in judged if not check.passed]
    groups = {
        group
        for content in contents.values()
        for group in zip(content.labels.tolist(), content.keys, strict=True)
    }
    labels = sets["train"].labels
    return Findings(
        layout=reader.title,
        class_names=names,
        counts={
            split: np.bincount(digits.labels, minlength=len(names)).tolist()
            for split, digits in sets.items()
        },
        held_out=np.bincount(labels[sets["train"].divided()[1]], minlength=len(names)).tolist(),
        groups=[sum(label == number for label, _ in groups) for number in range(len(names))],
        kinds=dict((contents["train"].kinds + contents["test"].kinds).most_common()),
        warnings=warnings + _in_both(contents["train"], contents["test"]),
        problems=found,
        notes=reader.notes,
    )


def _in_both(train: SplitContent, test: SplitContent) -> list[str]:
    """Warnings about test images that equal training images, or nearly do."""
    warnings = []
    known = set(map(bytes, train.digits.images))
    if shared := sum(image in known for image in map(bytes, test.digits.images)):
        warnings.append(
            f"{count(shared, 'test image')} also among the training images; accuracy would be too "
            "optimistic"
        )
    images, others = test.digits.images[: duplicates.NUM_COMPARED], train.digits.images
    pairs = [
        f"test {test.name_of(i)} and train {train.name_of(j)}"
        for i, j in enumerate(duplicates.nearest(images, others).tolist())
        if duplicates.is_near(images[i], others[j])
    ]
    if pairs:
        warnings.append(
            f"{count(len(pairs), 'test image')} nearly equal to a training image, of the first "
            f"{len(images)} ({'; '.join(pairs[:NUM_NAMED])}); if they are photos of one object, "
            "accuracy would be too optimistic: put the photos of an object into a folder of their "
            "own within their class folder"
        )
    return warnings


def judge(
    digits: DigitSet,
    class_names: Sequence[str],
    paths: Sequence[str] = (),
    is_handwriting: bool = True,
) -> dict[str, Callable[[], Measured]]:
    """What would harm the models in a split, by name; each is measured when it is called.

    `paths` has the path of each image, if the images are files.
    """
    images, labels = digits
    counts = np.bincount(labels, minlength=len(class_names))
    least = LEAST_CONTRAST if is_handwriting else LEAST_OF_PICTURES
    advice = "; come closer, or use more light" if is_handwriting else ""

    def none_of(indices: Sequence[int], reason: str) -> Measured:
        named = [paths[index] for index in indices[:NUM_NAMED]] if paths else []
        more = ", …" * (len(indices) > len(named))
        files = f" ({', '.join(named)}{more})" if named else ""
        return _absent(len(indices), f"{count(len(indices), 'image')}{files} {reason}")

    return {
        "classes_balanced": lambda: at_least(
            counts.min() / counts.max(),
            0.5,
            f"the smallest class has {count(int(counts.min()), 'image')}, and the largest "
            f"{counts.max():,}",
        ),
        "no_duplicates": lambda: none_of(_repetitions(digits)[0], "equal to an earlier one"),
        "one_label_per_image": lambda: none_of(
            _repetitions(digits)[1], "equal to an image with another label"
        ),
        "not_empty": lambda: none_of(
            np.flatnonzero(contrasts(images) < least).tolist(),
            f"with little contrast{advice}",
        ),
        "classes_mixed": lambda: _absent(
            _is_sorted(labels),
            "the images are sorted by class; softmax regression learns poorly from sorted images, "
            "so shuffle them",
        ),
    }


def _is_sorted(labels: np.ndarray) -> bool:
    """Whether each class comes once, which is no chance."""
    num_runs = np.count_nonzero(np.diff(labels)) + 1  # of images of the same class
    num_present = len(np.unique(labels))
    is_long = len(labels) >= MIN_PER_SORTED_CLASS * num_present
    return bool(is_long and num_runs == num_present)


def _absent(number: Number, reason: str) -> Measured:
    """A check of a number that should be 0; another number is a warning."""
    return warning(at_most(number, 0, reason))


def _repetitions(digits: DigitSet) -> tuple[list[int], list[int]]:
    """The images that equal an earlier image, and the images among them with another label."""
    first: dict[bytes, int] = {}
    labels = digits.labels.tolist()
    firsts = [first.setdefault(bytes(image), index) for index, image in enumerate(digits.images)]
    repeated = [index for index, earlier in enumerate(firsts) if earlier != index]
    return repeated, [index for index in repeated if labels[index] != labels[firsts[index]]]
