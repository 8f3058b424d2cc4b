"""The scripts of a page: ES modules in their files, joined into one plain script in the page.

Browsers load no module from a file:// address. So each file becomes a function, after the files
that it imports, and what it exports becomes a constant of the page. A name is exported by one file
only, and keeps its name where it is imported.
"""

import re
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mnist_pipeline.data.conversion import STROKE_WIDTHS
from mnist_pipeline.data.values import DataSet
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report.words import with_article

IMPORT = re.compile(r'^import \{[^}]*\} from "(.*)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export const (\w+)", re.MULTILINE)


def join(*entries: Path) -> Markup:
    """Some files and all that they import, each once, in the order in which a browser runs them."""
    joined: dict[Path, str] = {}

    def add(path: Path) -> None:
        if path in joined:
            return
        source = path.read_text(encoding="utf-8")
        for imported in IMPORT.findall(source):
            add((path.parent / imported).resolve())
        names = f"{{ {', '.join(EXPORT.findall(source))} }}"
        body = EXPORT.sub(r"const \1", IMPORT.sub("", source))
        joined[path] = f"const {names} = (() => {{\n{body}return {names};\n}})();\n"

    for entry in entries:
        add(entry.resolve())
    return Markup('"use strict";\n' + "".join(joined.values()))


def page_data(known: DataSet) -> dict[str, Any]:
    """The names of the data set and of the models, and how drawn digits are converted, which
    scripts read from the element with the id "page-data".
    """
    return {
        "titles": {name: model.title for name, model in MODELS.items()},
        "short": {name: model.short_title for name, model in MODELS.items()},
        "names": known.class_names,
        "noun": known.noun,
        "nouns": known.nouns,
        "a_noun": with_article(known.noun),
        "handwritten": known.handwritten,
        "color": known.color,
        "ground": known.ground,
        "thinnest_stroke": STROKE_WIDTHS[0],
        "doubted_labels": known.doubted_labels,
    }
