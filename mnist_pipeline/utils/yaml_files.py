"""YAML files that people write."""

from pathlib import Path
from typing import Any

import yaml

from mnist_pipeline.utils.printable import one_line


def read_yaml(file: Path) -> Any:
    """The content of a YAML file; a ValueError says in one line why it can't be read."""
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"it can't be read ({error.strerror})") from error
    # Python raises a ValueError for some dates and numbers.
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(f"it is not valid YAML: {one_line(error)}") from error
