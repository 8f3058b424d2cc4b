"""Values that pydantic refuses, in words."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from mnist_pipeline.utils.printable import shortened

NUM_SEEDS = 2**32  # seeds are integers from 0; NumPy and torch take these


def allowed(problem: Mapping[str, Any]) -> str:
    """What a value must be, from an entry of `ValidationError.errors`."""
    reason = problem.get("ctx", {}).get("error") or problem["msg"]
    return str(reason).replace("Input should", "it must")


def first_problem(error: ValidationError) -> str:
    """The first value that is refused, in one line: its field, the value, and what is allowed."""
    problem = error.errors()[0]
    field = ".".join(map(str, problem["loc"]))
    if problem["type"] == "missing":
        return f"{field} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{field} is unknown; correct its name, or remove it"
    return f"{field} is {shortened(repr(problem['input']))}; {allowed(problem)}"
