"""YAML files that people write."""

from pathlib import Path
from typing import Any

import yaml

from mnist_pipeline.utils.printable import one_line, shortened

MAX_BYTES = 100_000
MAX_VALUES = 10_000  # an alias counts as all the values that it stands for


def read_yaml(file: Path) -> Any:
    """The content of a YAML file; a ValueError says in one line why it can't be read."""
    try:
        if file.exists() and not file.is_file():
            raise ValueError("it is not a regular file")
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        loader = yaml.SafeLoader(content.decode())
        root = loader.get_single_node()
        if root is None:
            return None
        _check(root)
        return loader.construct_document(root)
    except OSError as error:
        raise ValueError(f"it can't be read ({error.strerror})") from error
    except Exception as error:  # PyYAML raises anything for a value that is not of its type
        reason = shortened(one_line(error))
        raise ValueError(f"it can't be read as YAML in UTF-8: {reason}") from error


def _check(root: yaml.Node) -> None:
    """Raise a ValueError for more values than a person writes, and for a key that occurs twice."""
    nodes = [root]
    for node in nodes:  # the loop appends to it
        children = node.value if isinstance(node, yaml.SequenceNode) else []
        if isinstance(node, yaml.MappingNode):
            children = [child for entry in node.value for child in entry]
        nodes += children
        if len(nodes) > MAX_VALUES:
            raise ValueError(f"it has more than {MAX_VALUES:,} values, with those of its aliases")
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key in children[::2] if isinstance(key, yaml.ScalarNode)]
            if repeated := [key for key in keys if keys.count(key) > 1]:
                raise ValueError(f"the key {repeated[0]} occurs twice; remove one of them")
