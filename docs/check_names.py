"""Find names in backticks that name nothing: `python docs/check_names.py`, which `make lint` runs.

Docstrings, comments and pages name files, modules, classes and functions. A file of code must
exist, a member must belong to its module or class, and any other name must occur in the code.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
SPAN = re.compile(r"(?<!`)(`+)([^`\n]+)\1(?!`)(?!\s+in commit)")  # a commit has files that are gone
NAME = re.compile(r"@?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:\(.*\))?")  # perhaps with its arguments
CODE_FILE = re.compile(r"[\w./-]+\.(?:py|js|css|j2)")
# Files of users and of runs, and assets of models, whose names the table of models makes.
DATA_FILE = re.compile(r"[\w./-]+\.(?:csv|html|json|md|npy|png|toml|txt|yaml|zip)")
OF_MODEL = re.compile(r"(\w+)_(?:model|predictions|evaluation)")
PLACEHOLDER = re.compile(r"(?<![A-Z])(?:NAME|KIND|FIELD)(?![A-Z])")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# Directories whose paths in backticks must exist.
TOP = {"assets", "benchmarks", "deploy", "docs", "mnist_pipeline", "tests", ".github"}
# Names of other programs and of the standard library, and of examples.
OTHERS = {
    *("BrokenProcessPool", "nohup", "production", "sha256sum", "since_last_handled"),
    *("stale_assets_only", "car", "data.class_names", "my_photos", "photos_softmax"),
}
NOTHING = re.compile(r"(?!)")
COMMENTS = {
    ".js": re.compile(r"/\*.*?\*/|(?<![:\w])//[^\n]*", re.DOTALL),
    ".j2": re.compile(r"\{#.*?#\}", re.DOTALL),
}
# The token before a string that is a statement, such as a docstring.
BEFORE_STATEMENT = {tokenize.ENCODING, tokenize.INDENT, tokenize.DEDENT, tokenize.NEWLINE}
Prose = list[tuple[int, str]]  # texts, each with the number of its first line


def split(name: str, text: str) -> tuple[Prose, set[str]]:
    """What people read in a file, and the words of its code."""
    suffix = Path(name).suffix
    if suffix == ".py":
        return _split_python(text)
    if suffix == ".md":
        prose = FENCE.sub(lambda fence: "\n" * fence.group().count("\n"), text)
        return [(1, prose)], set(re.findall(r"\w+", " ".join(FENCE.findall(text))))
    comments = COMMENTS.get(suffix, NOTHING)
    prose_of = [(text.count("\n", 0, c.start()) + 1, c.group()) for c in comments.finditer(text)]
    return prose_of, set(re.findall(r"\w+", comments.sub(" ", text)))


def _split_python(text: str) -> tuple[Prose, set[str]]:
    prose, code, previous = Prose(), list[str](), tokenize.ENCODING
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_docstring = token.type == tokenize.STRING and previous in BEFORE_STATEMENT
        if is_docstring or token.type == tokenize.COMMENT:
            prose.append((token.start[0], token.string))
        else:
            code.append(token.string)
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            previous = token.type
    return prose, set(re.findall(r"\w+", " ".join(code)))


def members(text: str) -> Iterator[tuple[str, set[str]]]:
    """The names in a module by "", and the names in each of its classes by the class."""
    tree = ast.parse(text)
    for owner in ast.walk(tree):
        if not isinstance(owner, ast.Module | ast.ClassDef):
            continue
        names = set[str]()
        for node in ast.walk(owner):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Name):
                names.add(node.id)
            elif isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.alias):
                names.add(node.asname or node.name)
            elif isinstance(node, ast.Constant) and str(node.value).isidentifier():
                names.add(str(node.value))  # a package imports some members by their names
        yield ("" if isinstance(owner, ast.Module) else owner.name), names


class Names:
    """What the names in backticks of some files can mean."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.prose: dict[str, Prose] = {}
        self.words = set[str]()
        self.paths = set[str]()
        self.owners = defaultdict[str, set[str]](set)  # the members of modules and classes
        for name, text in files.items():
            path = Path(name)
            self.paths |= {f"/{name}", *(f"/{parent}/" for parent in path.parents)}
            self.prose[name], words = split(name, text)
            self.words |= words | set(re.findall(r"\w+", name))
            if path.suffix == ".py":
                module = path.parent.name if path.stem == "__init__" else path.stem
                for owner, names in members(text):
                    self.owners[owner or module] |= names
        self.paths |= {f"/mnist_pipeline{path}" for path in self.paths if path[:8] == "/assets/"}
        for path in self.paths:  # modules are members of their package
            *_, package, module = ("/" + path.rstrip("/")).split("/")
            self.owners[package].add(module.partition(".")[0])
        for name, text in files.items():  # an object of a script may have the name of a module
            if name.endswith(".js"):
                code = COMMENTS[".js"].sub(" ", text)
                for owner, member in re.findall(r"\b(\w+)\.(\w+)", code):
                    if owner in self.owners:
                        self.owners[owner].add(member)

    def is_known(self, span: str) -> bool:
        """Whether what stands in backticks is no name, or names something."""
        if span in OTHERS or PLACEHOLDER.search(span):
            return True
        directory, slash, _ = span.partition("/")
        if CODE_FILE.fullmatch(span) or (slash and directory in TOP):
            return any(path.rstrip("/").endswith("/" + span.rstrip("/")) for path in self.paths)
        name = NAME.fullmatch(span)
        if name is None or DATA_FILE.fullmatch(span):
            return True
        first, *others = name.group(1).split(".")
        for owner, member in zip([first, *others], others, strict=False):
            if owner in self.owners and member not in self.owners[owner]:
                return False
        of_model = OF_MODEL.fullmatch(first)
        return first in self.words or (of_model is not None and of_model.group(1) in self.words)

    def unknown(self) -> Iterator[str]:
        """A line for each name that names nothing."""
        for file, texts in self.prose.items():
            for start, text in texts:
                for span in SPAN.finditer(text):
                    if not self.is_known(span.group(2)):
                        line = start + text.count("\n", 0, span.start())
                        yield f"{file}:{line}: `{span.group(2)}` names nothing"


def main() -> int:
    """Check all files of the project; return the exit status."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = {}
    for name in names.splitlines():
        try:
            files[name] = (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            files[name] = ""  # a picture, or a file that was deleted
    unknown = [*Names(files).unknown()]
    for line in unknown:
        print(line)
    return bool(unknown)


if __name__ == "__main__":
    sys.exit(main())
