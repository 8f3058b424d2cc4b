"""The report, assembled from its topics: a folder per topic, which nothing else knows by name.

A folder in `topics` has the module `topic.py`, templates and scripts. The module offers some of:

- `READS`, the names of the assets that it reads;
- `STORY`, its part of the story, and `APPENDIX`, its parts of the appendix;
- `numbers(values)`, its entries of `report.json`;
- `charts(document, values)`, `pictures(document, values)` and `context(document, values)`: charts,
  pictures and other values for its templates, by name. The document is the content of
  `report.json`;
- `code()`, the functions whose source its templates show, by name;
- `sprites(document)`, the indices of the test images that its templates show;
- `arrays(values, images)` and `facts(values)`, the input of its script.

`values` has the values of the assets by their names, and also `run` (id, started in ISO 8601,
source, canonical), `origins`, the provenance of each asset, and the assets `ON_REQUEST`, None
unless they were computed for these images.
"""

import functools
import importlib
import operator
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report.content import Document, Named, Part

MODELS_PLACE = 65  # in the appendix, of the parts of models that no topic describes
ON_REQUEST = ("labels_to_check", "experiment_summary")  # assets that may not be stored
TOPICS = Path(__file__).with_name("topics")


@functools.cache
def all_topics() -> tuple[ModuleType, ...]:
    """The module of each folder."""
    names = sorted(file.parent.name for file in TOPICS.glob("*/topic.py"))
    return tuple(importlib.import_module(f"{__package__}.topics.{name}.topic") for name in names)


def reads() -> list[str]:
    """The assets that the report reads."""
    return sorted({name for topic in all_topics() for name in getattr(topic, "READS", ())})


def story(document: Document) -> list[Part]:
    """The parts of the story, in their order."""
    parts = sorted(topic.STORY for topic in all_topics() if hasattr(topic, "STORY"))
    return _shown(parts, document)


def appendix(document: Document) -> list[Part]:
    """The parts of the appendix, in their order; a model that no topic describes has its own."""
    parts = [part for topic in all_topics() for part in getattr(topic, "APPENDIX", ())]
    described = {model for part in parts for model in part.models}
    for name, model in MODELS.items():
        if name not in described:
            parts.append(Part(MODELS_PLACE, name, model.title, f"{name}/appendix.html.j2"))
    return _shown(sorted(parts), document)


def _shown(parts: list[Part], document: Document) -> list[Part]:
    return [part for part in parts if not part.needs or _entry(document, part.needs)]


def _entry(document: Document, path: str) -> Any:
    return functools.reduce(operator.getitem, path.split("."), document)


def scripts() -> list[Path]:
    """The scripts of all topics."""
    return sorted(TOPICS.glob("*/*.js"))


def sprites(document: Document) -> list[int]:
    """The test images that the templates show."""
    return [index for _, offered in _offered("sprites", document) for index in offered]


def merged(name: str, *arguments: Any) -> Named:
    """The results of the function with this name, of all topics that have it, in one dictionary.

    Raises a ValueError if two topics offer an entry with the same name.
    """
    return joined(
        (f"{name}() of {topic}", offered) for topic, offered in _offered(name, *arguments)
    )


def joined(
    offers: Iterable[tuple[str, Document]], taken: Mapping[str, str] = MappingProxyType({})
) -> Named:
    """The entries that several owners offer, in one dictionary; `taken` has the owners of names
    that no entry may have.

    Raises a ValueError if two owners use the same name.
    """
    entries: Named = {}
    owners = dict(taken)
    for owner, offered in offers:
        for key, value in offered.items():
            if key in owners:
                raise ValueError(
                    f"{owners[key]} and {owner} both have the entry {key!r}; rename one of them"
                )
            owners[key], entries[key] = owner, value
    return entries


def _offered(name: str, *arguments: Any) -> Iterator[tuple[str, Any]]:
    """The name of each topic that has this function, and its result."""
    for topic in all_topics():
        if offer := getattr(topic, name, None):
            yield topic.__name__, offer(*arguments)
