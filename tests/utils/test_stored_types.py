"""What is common to the types of stored values."""

import pytest
from support.values import EVERY_KIND

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
