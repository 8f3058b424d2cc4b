"""YAML files that people write."""

from pathlib import Path
from typing import Any

import yaml

from mnist_pipeline.utils.printable import one_line


def read_yaml(file: Path) -> Any:
    """The content of a YAML file; raises ValueError, with a message in one line, if it can't be
    read.
    """
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"it can't be read ({error.strerror})") from error
    except (
        ValueError,
        RecursionError,
        yaml.YAMLError,
    ) as error:  # Python refuses some dates and numbers
        raise ValueError(f"it is not valid YAML: {one_line(error)}") from error
