"""Values that pydantic refuses, in words."""

from collections.abc import Mapping

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from mnist_pipeline.utils.printable import shortened

LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def first_problem(error: ValidationError, fields: Mapping[str, FieldInfo]) -> str:
    """The first value that is refused, in one line: its field, the value, and what is allowed."""
    problem = error.errors()[0]
    place = ".".join(map(str, problem["loc"]))
    allowed = problem["msg"].replace("Input should", "it must")
    # pydantic names only the limit that the value exceeds.
    limits = [
        f"{words} {getattr(limit, name):,}"
        for limit in (fields[place].metadata if place in fields else ())
        for name, words in LIMITS.items()
        if hasattr(limit, name)
    ]
    if limits and "ctx" in problem:
        allowed = f"it must be {' and '.join(limits)}"
    return f"{place} is {shortened(repr(problem['input']))}; {allowed}"
