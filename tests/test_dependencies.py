"""What the package imports is what it declares."""

import ast
import re
import sys
from importlib import metadata

from mnist_pipeline.runtime.project import PROJECT


def imported(code: str) -> set[str]:
    """The packages that a module imports by absolute names."""
    nodes = list(ast.walk(ast.parse(code)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    sources = [node for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    names += [str(node.module) for node in sources]
    return {name.partition(".")[0] for name in names}


def test_every_library_that_a_module_imports_is_a_dependency() -> None:
    text, _, _ = (PROJECT / "pyproject.toml").read_text().partition("[project.scripts]")
    declared = {name.replace("_", "-") for name in re.findall(r'"([\w-]+)[><]', text)}
    own = {"assets", "mnist_pipeline"}
    files = [path for package in own for path in PROJECT.glob(f"{package}/**/*.py")]
    libraries = set().union(*(imported(path.read_text()) for path in files))
    distributions = metadata.packages_distributions()
    for library in libraries - own - sys.stdlib_module_names:
        names = {name.lower().replace("_", "-") for name in distributions.get(library, [library])}
        assert names & declared, library
