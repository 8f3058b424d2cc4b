"""The inbox as a resource of the graph."""

from pathlib import Path

import dagster as dg

from mnist_pipeline.handwriting import inbox
from mnist_pipeline.runtime import settings


class InboxResource:
    """The pictures in the inbox, the directory that MNIST_PIPELINE_INBOX names."""

    def pictures(self) -> dict[str, Path]:
        """The files by key, oldest first. The directory is created if it is missing."""
        directory = settings.load().inbox
        directory.mkdir(parents=True, exist_ok=True)
        return inbox.list_pictures(directory)

    def picture(self, key: str) -> Path:
        """The file with this key."""
        pictures = self.pictures()
        if key not in pictures:
            problem = f"{key} is no longer in the inbox, or has changed; put the picture in again"
            raise dg.Failure(problem, allow_retries=False)
        return pictures[key]
