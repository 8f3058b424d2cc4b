"""The process behind `mnist-pipeline ui`: the web server with the Dagster UI and the drawing page."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys

from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.ui import draw, server
from mnist_pipeline.runtime.ui.addresses import Address

RECOGNIZER = "recognizer"  # the asset that answers on the drawing page


def main(arguments: str) -> int:
    """Serve until a signal arrives. The arguments are the fields of `Address` and `read_only`, as JSON."""
    # A shell starts background processes with SIGINT ignored, and the daemon would inherit that.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    fields = json.loads(arguments)
    address = Address(fields["host"], fields["port"], tuple(fields["allowed_hosts"]))
    os.chdir(settings.PROJECT)
    # As in `dagster dev`: the code server prints errors of the definitions once, without Dagster's own frames.
    os.environ["DAGSTER_IS_DEV_CLI"] = "1"
    with contextlib.suppress(KeyboardInterrupt):
        return server.serve(address, fields["read_only"], draw.routes(RECOGNIZER, MODELS), harmless=[draw.READ])
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
