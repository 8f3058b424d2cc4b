"""The command from its first moment on: an interruption never prints a traceback."""

import os
import signal


def main() -> None:
    """Run the command that the arguments name.

    Ctrl-C and SIGTERM end it with exit code 130.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Values are stored completely or not at all, so the process ends without waiting for threads.
    try:
        from mnist_pipeline.cli import main as cli

        cli.main()
    except KeyboardInterrupt:
        os._exit(130)  # as in a shell
    except BrokenPipeError:  # `mnist-pipeline history | head -1` reads no more
        os._exit(0)


if __name__ == "__main__":
    main()
