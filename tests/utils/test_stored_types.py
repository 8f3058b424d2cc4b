"""What is common to the types of stored values."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.values import EVERY_KIND

import mnist_pipeline
from mnist_pipeline.utils import stored_types

VALUES = {
    name: value for name, value in EVERY_KIND.items() if stored_types.is_registered(type(value))
}


@pytest.mark.parametrize("name", [*VALUES])
def test_a_stored_value_is_shown_in_one_line(name):
    shown = repr(VALUES[name])
    assert shown.startswith(f"{type(VALUES[name]).__name__}(")
    assert "\n" not in shown
    assert len(shown) < 600


UNKNOWN_TYPES = """
import sys
import mnist_pipeline
from mnist_pipeline.utils.stored_types import find
print([name for name in sys.argv[1:] if find(name) is None])
"""


def test_a_new_process_reads_each_type_that_the_package_stores():
    sources = Path(mnist_pipeline.__file__).parent.rglob("*.py")
    defined = r"^@stored_type\n(?:@.*\n)*class (\w+)"
    names = [
        name
        for source in sources
        for name in re.findall(defined, source.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert len(names) > 15
    command = [sys.executable, "-c", UNKNOWN_TYPES, *names]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
