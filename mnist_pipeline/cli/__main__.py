"""The command from its first moment on: an interruption never prints a traceback."""

import os
import signal
import sys
import threading

DELAY = 0.1  # seconds until a lost interruption comes again


def interrupt_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Send a signal again whose exception Python ignored, as it does in a callback of a weak
    reference; report other ignored exceptions as usual.
    """
    if isinstance(unraisable.exc_value, Exception):
        sys.__unraisablehook__(unraisable)
    else:
        threading.Timer(DELAY, os.kill, (os.getpid(), signal.SIGTERM)).start()


def main() -> None:
    """Run the command that the arguments name.

    Ctrl-C and SIGTERM end it with exit code 130.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.unraisablehook = interrupt_again
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
