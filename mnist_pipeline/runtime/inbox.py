"""The inbox as a resource of the graph."""

from pathlib import Path

import dagster as dg
from pydantic import Field

from mnist_pipeline.handwriting import inbox
from mnist_pipeline.runtime import settings


class InboxResource(dg.ConfigurableResource["InboxResource"]):
    """The pictures in the inbox."""

    directory: str | None = Field(
        default=None,
        description="Directory of the inbox; by default the one that MNIST_PIPELINE_INBOX names.",
    )

    def pictures(self) -> dict[str, Path]:
        """The files by key, oldest first. The directory is created if it is missing."""
        directory = Path(self.directory) if self.directory else settings.load().inbox
        directory.mkdir(parents=True, exist_ok=True)
        return inbox.list_pictures(directory)

    def picture(self, key: str) -> Path:
        """The file with this key."""
        if (path := self.pictures().get(key)) is None:
            raise dg.Failure(
                f"{key} is no longer in the inbox, or has changed; put the picture in again",
                allow_retries=False,
            )
        return path
