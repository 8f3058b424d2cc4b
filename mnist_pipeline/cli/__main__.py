"""The command from its first moment on: an interruption never prints a traceback."""

import os
import signal
import sys
import threading


def interrupt_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Send a signal again if Python has ignored its exception.

    Python ignores all exceptions in callbacks of weak references. The exceptions of signals, such
    as KeyboardInterrupt, are not subclasses of Exception. Other exceptions are reported as usual.
    """
    if issubclass(unraisable.exc_type, Exception):
        sys.__unraisablehook__(unraisable)
    else:
        # In a tenth of a second, when the callback has ended.
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()


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
