"""Values that pydantic refuses, in words."""

from typing import Any

from pydantic import ValidationError

from mnist_pipeline.utils.printable import shortened

NUM_SEEDS = 2**32  # seeds are integers from 0; NumPy and torch take these


def first_problem(error: ValidationError) -> str:
    """The first value that is refused, in one line: its field, the value, and what is allowed."""
    return _problem(error.errors()[0])


def problems(error: ValidationError) -> dict[str, str]:
    """The line of `first_problem` for each field that has a value that is refused."""
    lines: dict[str, str] = {}
    for problem in error.errors():
        lines.setdefault(str(problem["loc"][0]), _problem(problem))
    return lines


def _problem(problem: Any) -> str:
    field = ".".join(map(str, problem["loc"]))
    if problem["type"] == "missing":
        return f"{field} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{field} is unknown; correct its name, or remove it"
    reason = problem.get("ctx", {}).get("error") or problem["msg"]
    allowed = str(reason).replace("Input should", "it must")
    return f"{field} is {shortened(repr(problem['input']))}; {allowed}"
