"""Values that pydantic refuses, in words."""

from pydantic import ValidationError

from mnist_pipeline.utils.printable import shortened


def first_problem(error: ValidationError) -> str:
    """The first value that is refused, in one line: its field, the value, and what is allowed."""
    problem = error.errors()[0]
    place = ".".join(map(str, problem["loc"]))
    if problem["type"] == "missing":
        return f"{place} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{place} is unknown; correct its name, or remove it"
    allowed = problem["msg"].replace("Input should", "it must")
    return f"{place} is {shortened(repr(problem['input']))}; {allowed}"
