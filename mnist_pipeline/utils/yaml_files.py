"""YAML files that people write."""

from pathlib import Path
from typing import Any

import yaml

from mnist_pipeline.utils.printable import one_line

MAX_BYTES = 100_000
MAX_ALIASES = 10


def read_yaml(file: Path) -> Any:
    """The content of a YAML file; raises ValueError, with a message in one line, if it can't be read.

    More than `MAX_ALIASES` aliases are refused: nested in a few lines, they can stand for billions of values.
    """
    if not file.is_file():  # a pipe could keep a reader waiting
        raise ValueError("it is not a file")
    if file.stat().st_size > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
    try:
        text = file.read_text(encoding="utf-8")
        if sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)) > MAX_ALIASES:
            raise yaml.YAMLError(f"it has more than {MAX_ALIASES} aliases (*name); write the values instead")
        return yaml.safe_load(text)
    except OSError as error:
        raise ValueError(f"it can't be read ({error.strerror})") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:  # a date or a number that Python refuses, brackets
        raise ValueError(f"it is not valid YAML: {one_line(error)}") from error
