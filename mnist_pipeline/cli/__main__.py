"""The command from its first moment on: an interruption never prints a traceback."""

import contextlib
import os
import signal
import sys
from typing import NoReturn


def main() -> None:
    """Run the command that the arguments name;

    Ctrl-C ends it with exit code 130, SIGTERM with 143.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Python writes the number of each signal into this pipe, whatever handlers Dagster installs.
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    try:
        from mnist_pipeline.cli import main as cli

        cli.run_command()
    except KeyboardInterrupt:
        with contextlib.suppress(BlockingIOError):
            _end(128 + os.read(reader, 1)[0])
        _end(128 + signal.SIGINT)
    except (
        BrokenPipeError
    ):  # nobody reads the output any more, as in `mnist-pipeline history | head -1`
        _end(0)


def _end(code: int) -> NoReturn:
    """End this process now.

    Values are stored completely or not at all, so nothing has to be finished.
    """
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
