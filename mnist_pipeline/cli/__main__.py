"""The command from its first moment on: an interruption never prints a traceback."""

import os
import signal


def main() -> None:
    """Run the command that the arguments name.

    Ctrl-C ends it with exit code 130, SIGTERM with 143.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # During a run, Dagster's handlers hide the number of a signal; Python also writes it here.
    numbers, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup)
    # Values are stored completely or not at all, so the process ends without waiting for threads.
    try:
        from mnist_pipeline.cli import main as cli

        cli.main()
    except KeyboardInterrupt:
        os.write(wakeup, bytes([signal.SIGINT]))  # in case that no signal came
        os._exit(128 + os.read(numbers, 1)[0])
    except BrokenPipeError:  # `mnist-pipeline history | head -1` reads no more
        os._exit(0)


if __name__ == "__main__":
    main()
