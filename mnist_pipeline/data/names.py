"""What the images are called: dataset.yaml and classes.txt, and the class name of each label."""

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, ValidationError

from mnist_pipeline.data.conversion import Fit
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.data.source import MAX_LETTERS, damage_named, read_file
from mnist_pipeline.data.split import Names
from mnist_pipeline.data.values import MAX_CLASSES
from mnist_pipeline.utils.printable import one_line, shortened
from mnist_pipeline.utils.validation import first_problem
from mnist_pipeline.utils.yaml_files import read_yaml

DESCRIPTION, CLASSES = "dataset.yaml", "classes.txt"  # next to the images
MAX_LIST_BYTES = 1_000_000  # of classes.txt: as many names of the largest length in any alphabet


def _as_hex(color: str) -> str:
    return "#" + bytes(ImageColor.getrgb(color)[:3]).hex()


Text = Annotated[str, AfterValidator(one_line), Field(max_length=MAX_LETTERS)]


class Description(BaseModel):
    """What people may write about their own images in `dataset.yaml`."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    title: Text = ""
    noun: Text = "image"  # what an image shows, in the singular
    fit: Fit = "whole"
    color: StrictBool | None = None  # by default whether the colours carry information
    # Of transparent pictures, as #rrggbb; by default white or black.
    background: Annotated[str, AfterValidator(_as_hex)] = ""


def read_description(directory: Path, choices: Mapping[str, Any]) -> Description:
    """The content of dataset.yaml, or the defaults; a blank field has its default.

    `choices` has values for fields, and wins over the file.
    """
    path = directory / DESCRIPTION
    try:
        # Whatever has the name is read, so that a pipe or a broken link is an error.
        fields = {**(read_yaml(path) or {})} if os.path.lexists(path) else {}
        blank = [name for name, field in fields.items() if field is None or not str(field).strip()]
        for name in blank:
            del fields[name]
        description = Description.model_validate({**fields, **choices})
    except ValidationError as error:
        raise DatasetError(f"{path}: {first_problem(error)}") from error
    except (ValueError, TypeError) as error:
        raise DatasetError(
            f"{path}: {shortened(one_line(error))}; write lines such as 'fit: mnist', with the "
            f"fields {', '.join(Description.model_fields)}"
        ) from error
    if description.color and description.fit != "whole":
        raise DatasetError(f"{path}: color is true, which needs fit: whole; remove one of them")
    return description


def listed_names(directory: Path) -> Names:
    """The class names in classes.txt, by label; empty if there is no such file."""
    path = directory / CLASSES
    if not os.path.lexists(path):
        return ()
    with damage_named(path):
        text = read_file(path, MAX_LIST_BYTES).decode("utf-8-sig")
    lines = text.rstrip().splitlines()  # blank lines at the end name no class
    return check_names(map(str.strip, lines), path)


def names_of_labels(labels: Iterable[NDArray[Any]], where: Path) -> Names:
    """The sorted labels themselves as class names."""
    names = {str(label) for values in labels for label in np.unique(values)}
    return check_names(sorted(names, key=by_number), where)


def check_names(names: Iterable[str], where: Path) -> Names:
    """The names of classes; raises a DatasetError unless there are 2 to 256 different ones."""
    classes = tuple(names)
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise DatasetError(
            f"{where}: number of classes is {len(classes):,} ({_first(classes)}); it must be 2 to "
            f"{MAX_CLASSES}"
        )
    for name in classes:
        if len(name) > MAX_LETTERS:
            raise DatasetError(
                f"{where}: class name {shortened(name, 20)!r} has {len(name):,} characters; write "
                f"at most {MAX_LETTERS}"
            )
        if not name.strip() or classes.count(name) > 1:
            raise DatasetError(
                f"{where}: class name {shortened(name)!r} is blank or used twice; rename it"
            )
    return classes


def by_number(name: str) -> tuple[int, int, str]:
    """The key by which names are sorted: numbers by value, then other names."""
    return (0, int(name), name) if name.isascii() and name.isdecimal() else (1, 0, name)


def as_indices(
    labels: NDArray[Any], names: Sequence[str], are_listed: bool, where: Path
) -> NDArray[np.uint8]:
    """Labels as indices of the class names.

    An integer is the index itself if the names are listed, and do not come from the labels.
    """
    values, inverse = np.unique(labels, return_inverse=True)
    indices = values
    if values.dtype.kind == "U" or not are_listed:
        index_of = {name: index for index, name in enumerate(names)}
        indices = np.array([index_of.get(str(value), -1) for value in values])
    unknown = values[(indices < 0) | (indices >= len(names))]
    if len(unknown):
        raise DatasetError(
            f"{where} has the label {shortened(str(unknown[0]), 40)}; labels must be "
            f"0–{len(names) - 1} or {_first(names)}, or classes.txt must name further classes"
        )
    return indices.astype(np.uint8)[inverse]


def alike(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of names that people take for the same: they differ in case, space or composition.

    Single letters are not compared: `A` and `a` may be classes of letters.

    Examples
    --------
    >>> alike(["Cat", "dog", "cat", "D", "d"])
    [('Cat', 'cat')]
    """
    first: dict[str, str] = {}
    words = [name for name in names if len(name) > 1]
    keys = ["".join(unicodedata.normalize("NFKC", name).casefold().split()) for name in words]
    earlier = [first.setdefault(key, name) for key, name in zip(keys, words, strict=True)]
    return [(one, other) for one, other in zip(earlier, words, strict=True) if one != other]


def _first(names: Sequence[str]) -> str:
    """The first few names, for a message."""
    return ", ".join(shortened(name, 40) for name in names[:5]) + ", …" * (len(names) > 5)
