"""The command from its first moment on: an interruption never prints a traceback."""

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def main() -> None:
    """Run the command that the arguments name; Ctrl-C ends it with exit code 130, SIGTERM with 143."""
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        received.append(number)
        raise KeyboardInterrupt

    for number in EXIT_CODES:
        signal.signal(number, interrupt)
    try:
        from mnist_pipeline.cli import main as cli

        cli.run_command()
    except KeyboardInterrupt:
        _end(EXIT_CODES[signal.Signals(received[0] if received else signal.SIGINT)])
    except BrokenPipeError:  # nobody reads the output any more, as in `mnist-pipeline history | head -1`
        _end(0)


def _end(code: int) -> NoReturn:
    """End this process now. Values are stored completely or not at all, so nothing has to be finished."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
