"""The scripts of the pages fit together; `make lint` checks each of them."""

import re
from collections import Counter
from pathlib import Path

import mnist_pipeline
from mnist_pipeline.report import scripts

PATHS = list(Path(mnist_pipeline.__file__).parent.rglob("*.js"))
SOURCES = [path.read_text(encoding="utf-8") for path in PATHS]


def test_an_exported_name_is_unique_and_some_script_imports_it():
    exported = Counter(name for source in SOURCES for name in scripts.EXPORT.findall(source))
    imports = " ".join(match[0] for source in SOURCES for match in scripts.IMPORT.finditer(source))
    assert len(exported) > 50
    assert set(exported.values()) == {1}
    assert set(exported) <= set(re.findall(r"\w+", imports))


def test_a_joined_script_has_each_file_once_after_those_that_it_imports(tmp_path):
    files = {
        "first.js": 'import {\n  b,\n} from "./in/b.js";\nimport { c } from "./c.js";\nb(c);\n',
        "second.js": 'import { c } from "./c.js";\nc();\n',
        "c.js": "export const c = 1;\n",
        "in/b.js": 'import { c } from "../c.js";\nexport const b = c;\n',
    }
    (tmp_path / "in").mkdir()
    for name, source in files.items():
        (tmp_path / name).write_text(source)
    joined = scripts.join(tmp_path / "first.js", tmp_path / "second.js")
    positions = [joined.index(part) for part in ("const c = 1;", "const b = c;", "b(c);", "c();")]
    assert positions == sorted(positions)
    assert joined.count("const c = 1;") == 1
    assert not re.search("import|export", joined)
