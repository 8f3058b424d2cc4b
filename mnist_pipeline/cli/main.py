"""`mnist-pipeline`: the group of commands, and how it ends when interrupted."""

from __future__ import annotations

import atexit
import gc
import os
from typing import Any

import click

from mnist_pipeline.cli import interruption
from mnist_pipeline.cli.errors import fail_on
from mnist_pipeline.cli.predict import predict
from mnist_pipeline.cli.run import run
from mnist_pipeline.cli.ui import hash_password, ui
from mnist_pipeline.cli.upkeep import fetch, lineage, prune, verify
from mnist_pipeline.runtime.storage import contents


class Commands(click.Group):
    """Commands that end within seconds of Ctrl-C or SIGTERM."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command that the arguments name."""
        with interruption.bounded():
            return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. After an interruption, the process ends here and prints no other error."""
        try:
            with fail_on(contents.UnavailableError):
                return super().invoke(ctx)
        finally:
            interruption.end_if_interrupted()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def main(context: click.Context) -> None:
    """MNIST from raw files to an evaluation report, as Dagster assets."""
    if os.environ.get("NO_COLOR"):
        context.color = False
    if context.invoked_subcommand == ui.name:
        interruption.release()  # the servers need longer to end
    # At exit, Python would search for garbage for a second, and find only what the libraries keep until then.
    atexit.register(gc.freeze)


for command in (run, ui, predict, verify, lineage, prune, fetch, hash_password):
    main.add_command(command)


if __name__ == "__main__":
    main()
