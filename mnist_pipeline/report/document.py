"""The report as it is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mnist_pipeline.utils.stored_types import stored_type

ADDRESS, PAGE = "report", "index.html"


def latest_page(storage: Path) -> Path:
    """The page of the latest report, in the directory of a storage."""
    return storage / ADDRESS / PAGE


@stored_type
class Report(NamedTuple):
    """The page, and the JSON document of every number on it."""

    html: str
    document: dict[str, Any]

    @property
    def address(self) -> str:
        """The directory of the storage in which people always find the latest report."""
        return ADDRESS

    def to_files(self) -> dict[str, bytes]:
        """The files of the page and of the document."""
        document = json.dumps(self.document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        return {"report.json": document.encode(), PAGE: self.html.encode()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Report:
        """The inverse of `to_files`."""
        return cls(files[PAGE].decode(), json.loads(files["report.json"]))
